//! What agents did on a ticket beyond its state, and whom that silenced.
//!
//! ```text
//! key in `acts`                 row      why
//! ----------------------------  -------  -------------------------------------
//! t, ticket u64                 Ticket   what agents did on it
//! r, ticket u64                 Relabel  its mail is to be kept as an example
//! w, identity of an address     Muted    no automatic reply goes there
//! ```

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::person::BY_BYTES_MAX;
use crate::store::layout::rows::cut;
use crate::triage::closing::Closing;
use crate::triage::ticket::TicketNumber;

/// A record of `acts`.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) enum ActRow {
    /// Of a ticket.
    Ticket(TicketActs),
    /// Of an address that gets no automatic reply, because of that ticket.
    Muted { ticket: u64, since: i64 },
    /// Of a ticket whose mail is to be kept as an example.
    Relabel,
}

/// What was done on a ticket.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::store) struct TicketActs {
    /// Since when it is closed.
    pub(in crate::store) closed: Option<i64>,
    /// Who closed it last.
    pub(in crate::store) closed_by: String,
    /// How often an answer opened it again.
    pub(in crate::store) reopened: u32,
    /// Whom it silenced as spam: the key of that record.
    pub(in crate::store) spam: Option<Vec<u8>>,
    /// Since when the person is not reached.
    pub(in crate::store) unreached: Option<i64>,
    /// Agents' answers, by their numbers in the outbox, and whether the ticket waited before; the newest last.
    pub(in crate::store) relays: Vec<(u64, Address, bool)>,
    /// What an agent says that the mail wanted, until it is kept as an example.
    pub(in crate::store) relabel: Option<Vec<String>>,
}

impl TicketActs {
    pub(in crate::store) fn closing(&self) -> Closing {
        Closing {
            closed: self.closed.map(Timestamp),
            by: self.closed_by.clone(),
            reopened: self.reopened,
        }
    }

    pub(in crate::store) fn close(&mut self, closing: &Closing) {
        self.closed = closing.closed.map(|at| at.0);
        self.closed_by = cut(&closing.by, BY_BYTES_MAX);
        self.reopened = closing.reopened;
    }
}

impl Row for ActRow {
    const TREE: Tree = Tree::Acts;
}

/// The key of a ticket's record.
pub(in crate::store) fn ticket_acts(number: TicketNumber) -> Vec<u8> {
    [&b"t"[..], &number.0.to_be_bytes()].concat()
}

/// The key of a ticket among those whose mail is to be kept as an example.
pub(in crate::store) fn relabel_key(number: TicketNumber) -> Vec<u8> {
    [&b"r"[..], &number.0.to_be_bytes()].concat()
}

/// The key of an address's record.
pub(in crate::store) fn muted(address: &Address) -> Vec<u8> {
    [b"w", address.identity().as_bytes()].concat()
}
