//! Records as earlier layouts wrote them, and how they are read now. Nothing here ever changes.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::layout::head::HeadRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;

/// Reads a payload to its last octet.
pub(super) fn whole<T: DeserializeOwned>(payload: &[u8]) -> Option<T> {
    let (row, rest) = postcard::take_from_bytes::<T>(payload).ok()?;
    rest.is_empty().then_some(row)
}

/// The head of layout 1.
#[derive(Deserialize)]
pub(super) struct HeadRow1 {
    generation: u64,
    next_ticket: u64,
    next_outbox: u64,
    next_spool: u64,
    next_arrival: u64,
    ledger: u64,
    states: [u64; 3],
    stages: [u64; 5],
}

impl HeadRow1 {
    /// Reads it as of today: nothing was erased, nothing can be found.
    pub(super) fn now(self) -> HeadRow {
        HeadRow {
            generation: self.generation,
            next_ticket: self.next_ticket,
            next_outbox: self.next_outbox,
            next_spool: self.next_spool,
            next_arrival: self.next_arrival,
            ledger: self.ledger,
            states: self.states,
            stages: self.stages,
            finds: 0,
            gone_tickets: 0,
            gone_mails: 0,
        }
    }
}

/// A mail's end in layout 1.
#[derive(Deserialize)]
pub(super) struct LedgerRow1 {
    at: i64,
    end: LedgerEnd1,
    why: String,
}

#[derive(Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way from the disk"
)]
enum LedgerEnd1 {
    Skipped,
    Handled {
        disposition: u8,
        screening: String,
        ticket: Option<u64>,
        digest: [u8; 32],
        sender: Option<Address>,
        received: i64,
        filing: u8,
        letters: u32,
        message_id: Option<MessageId>,
        intents: Vec<String>,
        language: String,
        because: Vec<(String, String, String)>,
    },
}

impl LedgerRow1 {
    /// Reads it as of today: not yet to be found.
    pub(super) fn now(self) -> LedgerRow {
        let end = match self.end {
            LedgerEnd1::Skipped => LedgerEnd::Skipped { received: None },
            LedgerEnd1::Handled {
                disposition,
                screening,
                ticket,
                digest,
                sender,
                received,
                filing,
                letters,
                message_id,
                intents,
                language,
                because,
            } => LedgerEnd::Handled {
                disposition,
                screening,
                ticket,
                digest,
                sender,
                received,
                filing,
                letters,
                first_letter: None,
                message_id,
                intents,
                language,
                because,
            },
        };
        LedgerRow {
            at: self.at,
            seq: None,
            end,
            why: self.why,
        }
    }
}
