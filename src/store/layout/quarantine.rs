//! The records of mails that are held for an operator.

use serde::Deserialize;
use serde::Serialize;

use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::letters::PlaceRow;

/// A mail that is, or was, held.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct QuarantineRow {
    /// Its key in `ledger`.
    pub(in crate::store) mail: Vec<u8>,
    pub(in crate::store) at: i64,
    pub(in crate::store) received: i64,
    pub(in crate::store) digest: [u8; 32],
    pub(in crate::store) sender: Option<Address>,
    pub(in crate::store) message_id: Option<MessageId>,
    pub(in crate::store) subject: String,
    /// Rule, sentence, matched words of each reason, cut.
    pub(in crate::store) because: Vec<(String, String, String)>,
    /// Octets of the mail as it was fetched.
    pub(in crate::store) size: u64,
    /// Only its beginning is kept.
    pub(in crate::store) truncated: bool,
    /// Where its octets lie; none once it is decided.
    pub(in crate::store) place: Option<PlaceRow>,
    pub(in crate::store) state: HeldRow,
}

/// How far it has come; who decided, and when.
#[derive(Serialize, Deserialize)]
pub(in crate::store) enum HeldRow {
    Waiting,
    /// An operator released it, and it is still to be handled.
    Released {
        by: String,
        at: i64,
    },
    /// It was released and handled; its ticket.
    Done {
        by: String,
        at: i64,
        ticket: Option<u64>,
    },
    Dropped {
        by: String,
        at: i64,
    },
}

impl Row for QuarantineRow {
    const TREE: Tree = Tree::Quarantine;
}
