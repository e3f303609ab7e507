//! The records of outgoing mails.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::rows::NOTE_BYTES_MAX;
use crate::store::layout::rows::cut;
use crate::triage::delivery::Delivery;

/// An outgoing mail.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct OutboxRow {
    pub(in crate::store) ticket: u64,
    pub(in crate::store) purpose: u8,
    pub(in crate::store) message_id: MessageId,
    pub(in crate::store) envelope_from: Option<Address>,
    pub(in crate::store) to: Address,
    pub(in crate::store) mailbox: String,
    pub(in crate::store) language: String,
    /// What the server said when it was deferred last.
    pub(in crate::store) deferred: String,
    pub(in crate::store) created: i64,
    /// Lateness counts from here: `created`, or when an operator last sent it again.
    pub(in crate::store) counted_from: i64,
    pub(in crate::store) place: PlaceRow,
    pub(in crate::store) state: DeliveryRow,
}

/// Where the bytes of a mail lie in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct PlaceRow {
    pub(in crate::store) file: u64,
    pub(in crate::store) offset: u64,
    pub(in crate::store) length: u64,
    pub(in crate::store) crc: u32,
}

/// `Delivery` on disk.
#[derive(Serialize, Deserialize)]
pub(in crate::store) enum DeliveryRow {
    Waiting(u32, i64),
    Leased(u32, i64),
    Sent(i64, String),
    Parked(i64, u32, String),
    Dropped(i64, u32),
}

impl Row for OutboxRow {
    const TREE: Tree = Tree::Outbox;
}

impl DeliveryRow {
    /// Takes a state over, cut.
    pub(in crate::store) fn of(state: &Delivery) -> Self {
        match state {
            Delivery::Waiting {
                attempts,
                not_before,
            } => Self::Waiting(*attempts, not_before.0),
            Delivery::Leased { attempts, since } => Self::Leased(*attempts, since.0),
            Delivery::Sent { at, said } => Self::Sent(at.0, cut(said, NOTE_BYTES_MAX)),
            Delivery::Parked { at, attempts, why } => {
                Self::Parked(at.0, *attempts, cut(why, NOTE_BYTES_MAX))
            }
            Delivery::Dropped { at, attempts } => Self::Dropped(at.0, *attempts),
        }
    }

    /// Returns the state.
    pub(in crate::store) fn delivery(&self) -> Delivery {
        match self {
            Self::Waiting(attempts, at) => Delivery::Waiting {
                attempts: *attempts,
                not_before: Timestamp(*at),
            },
            Self::Leased(attempts, at) => Delivery::Leased {
                attempts: *attempts,
                since: Timestamp(*at),
            },
            Self::Sent(at, said) => Delivery::Sent {
                at: Timestamp(*at),
                said: said.clone(),
            },
            Self::Parked(at, attempts, why) => Delivery::Parked {
                at: Timestamp(*at),
                attempts: *attempts,
                why: why.clone(),
            },
            Self::Dropped(at, attempts) => Delivery::Dropped {
                at: Timestamp(*at),
                attempts: *attempts,
            },
        }
    }
}

/// An entry of `stages`; holds the spool file, so that files in use are known without reading the outbox.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct StageRow(pub(in crate::store) u64);

impl Row for StageRow {
    const TREE: Tree = Tree::Stages;
}
