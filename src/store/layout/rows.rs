//! The records themselves, and how they become values of `triage` and back.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::old;
use crate::triage::Because;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// More participants than this are not kept: values stay small, and the requester is the first.
pub(in crate::store) const PARTICIPANTS_MAX: usize = 50;
/// Octets of all participants of a ticket together.
const PARTICIPANTS_BYTES_MAX: usize = 1800;
/// Octets of a ticket's subject.
const SUBJECT_BYTES_MAX: usize = 400;
/// Octets of a note or a reason.
pub(in crate::store) const NOTE_BYTES_MAX: usize = 500;
/// Octets of a short word: kind, queue, language, mailbox, intent.
const WORD_BYTES_MAX: usize = 100;
/// Intents of a ticket.
const INTENTS_MAX: usize = 10;

/// Cuts a text at a character's border, to at most `max` octets, on one line.
pub(in crate::store) fn cut(text: &str, max: usize) -> String {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end)
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What became of a mail.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct LedgerRow {
    pub(in crate::store) at: i64,
    /// Its number in `arrivals`; none in a row of layout 1 that has no entries in `finds` yet.
    pub(in crate::store) seq: Option<u64>,
    pub(in crate::store) end: LedgerEnd,
    pub(in crate::store) why: String,
}

/// How a mail ended.
#[derive(Serialize, Deserialize)]
pub(in crate::store) enum LedgerEnd {
    Skipped {
        received: Option<i64>,
    },
    Handled {
        disposition: u8,
        screening: String,
        ticket: Option<u64>,
        digest: [u8; 32],
        sender: Option<Address>,
        received: i64,
        filing: u8,
        letters: u32,
        /// The number of the first of them; the others follow. Not known of mails of layout 1.
        first_letter: Option<u64>,
        message_id: Option<MessageId>,
        intents: Vec<String>,
        language: String,
        /// Rule, sentence, matched words of each reason, cut.
        because: Vec<(String, String, String)>,
    },
    /// Nothing is left of it but what keeps it from being handled again.
    Erased {
        received: Option<i64>,
        digest: Option<[u8; 32]>,
    },
}

/// Reasons of one mail that are kept.
const REASONS_MAX: usize = 12;
/// Octets of a reason's sentence, and of the words that told.
const REASON_BYTES_MAX: usize = 100;

/// Cuts intents to what a record may hold.
pub(in crate::store) fn cut_intents(intents: &[String]) -> Vec<String> {
    intents
        .iter()
        .take(INTENTS_MAX)
        .map(|i| cut(i, REASON_BYTES_MAX))
        .collect()
}

/// Cuts reasons to what a record may hold.
pub(in crate::store) fn cut_reasons(because: &[Because]) -> Vec<(String, String, String)> {
    let short = |text: &str| cut(text, REASON_BYTES_MAX);
    because
        .iter()
        .take(REASONS_MAX)
        .map(|b| (cut(&b.rule, 60), short(&b.says), cut(&b.matched, 60)))
        .collect()
}

/// A mail in the order of the ledger: its key there.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ArrivalRow(pub(in crate::store) Vec<u8>);

impl Row for ArrivalRow {
    const TREE: Tree = Tree::Arrivals;
}

impl Row for LedgerRow {
    const TREE: Tree = Tree::Ledger;
    const VERSION: u8 = 2;

    fn old(version: u8, payload: &[u8]) -> Option<Self> {
        let payload = (version == 1).then_some(payload)?;
        old::whole::<old::LedgerRow1>(payload).map(old::LedgerRow1::now)
    }
}

/// The newest mail with a digest, and the ticket of the first.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DigestRow {
    pub(in crate::store) mailbox: String,
    pub(in crate::store) uid_validity: u32,
    pub(in crate::store) uid: u32,
    pub(in crate::store) ticket: Option<u64>,
}

impl Row for DigestRow {
    const TREE: Tree = Tree::Digests;
}

/// A ticket.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct TicketRow {
    version: u64,
    state: StateRow,
    mailbox: String,
    subject: String,
    participants: Vec<Address>,
    intents: Vec<String>,
    queue: Option<String>,
    language: String,
    linked: Option<u64>,
    opened: i64,
    pub(in crate::store) updated: i64,
    /// The number its next event gets.
    pub(in crate::store) next_event: u64,
}

#[derive(Serialize, Deserialize)]
enum StateRow {
    Answered(i64),
    WithAgent(Address, i64),
    AgentAnswered(Address, i64),
}

impl Row for TicketRow {
    const TREE: Tree = Tree::Tickets;
}

impl TicketRow {
    /// Takes a ticket over, cut to its limits.
    pub(in crate::store) fn of(ticket: &Ticket, next_event: u64) -> Self {
        let mut room = PARTICIPANTS_BYTES_MAX;
        let fits = |a: &&Address| {
            let rest = room.checked_sub(String::from((*a).clone()).len());
            room = rest.unwrap_or(room);
            rest.is_some()
        };
        let state = match &ticket.state {
            TicketState::Answered { at } => StateRow::Answered(at.0),
            TicketState::WithAgent { agent, since } => StateRow::WithAgent(agent.clone(), since.0),
            TicketState::AgentAnswered { agent, at } => {
                StateRow::AgentAnswered(agent.clone(), at.0)
            }
        };
        Self {
            version: ticket.version,
            state,
            mailbox: cut(&ticket.mailbox, WORD_BYTES_MAX),
            subject: cut(&ticket.subject, SUBJECT_BYTES_MAX),
            participants: ticket
                .participants
                .iter()
                .take(PARTICIPANTS_MAX)
                .filter(fits)
                .cloned()
                .collect(),
            intents: ticket
                .intents
                .iter()
                .take(INTENTS_MAX)
                .map(|i| cut(i, WORD_BYTES_MAX))
                .collect(),
            queue: ticket.queue.as_ref().map(|q| cut(q, WORD_BYTES_MAX)),
            language: cut(&ticket.language, WORD_BYTES_MAX),
            linked: ticket.linked.map(|n| n.0),
            opened: ticket.opened.0,
            updated: ticket.updated.0,
            next_event,
        }
    }

    /// Returns the ticket.
    pub(in crate::store) fn ticket(self, number: TicketNumber) -> Ticket {
        let state = match self.state {
            StateRow::Answered(at) => TicketState::Answered { at: Timestamp(at) },
            StateRow::WithAgent(agent, since) => TicketState::WithAgent {
                agent,
                since: Timestamp(since),
            },
            StateRow::AgentAnswered(agent, at) => TicketState::AgentAnswered {
                agent,
                at: Timestamp(at),
            },
        };
        Ticket {
            number,
            version: self.version,
            state,
            mailbox: self.mailbox,
            subject: self.subject,
            participants: self.participants,
            intents: self.intents,
            queue: self.queue,
            language: self.language,
            linked: self.linked.map(TicketNumber),
            opened: Timestamp(self.opened),
            updated: Timestamp(self.updated),
        }
    }
}

/// The number of a ticket's state, in keys and counts.
pub(in crate::store) fn state_code(state: &TicketState) -> u8 {
    match state {
        TicketState::Answered { .. } => 0,
        TicketState::WithAgent { .. } => 1,
        TicketState::AgentAnswered { .. } => 2,
    }
}

/// What happened on a ticket.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct EventRow {
    at: i64,
    kind: String,
    note: String,
}

impl Row for EventRow {
    const TREE: Tree = Tree::Events;
}

impl EventRow {
    /// Takes an event over, cut.
    pub(in crate::store) fn of(event: &TicketEvent) -> Self {
        let kind = cut(&event.kind, WORD_BYTES_MAX);
        Self {
            at: event.at.0,
            kind,
            note: cut(&event.note, NOTE_BYTES_MAX),
        }
    }

    /// Returns the event.
    pub(in crate::store) fn event(self) -> TicketEvent {
        TicketEvent {
            at: Timestamp(self.at),
            kind: self.kind,
            note: self.note,
        }
    }
}

/// The ticket that a Message-ID belongs to; for our own mails why and to whom.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ThreadRow {
    pub(in crate::store) ticket: u64,
    pub(in crate::store) ours: Option<(u8, Address)>,
}

impl Row for ThreadRow {
    const TREE: Tree = Tree::Threads;
}

/// Automatic replies to an identity, to a domain, or to all.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::store) struct BudgetRow {
    /// Templates with the last time of each, newest last.
    pub(in crate::store) templates: Vec<(String, i64)>,
    /// Replies by bucket of time, oldest first.
    pub(in crate::store) marks: Vec<(i64, u32)>,
    /// The time it stands under in `expiry`.
    pub(in crate::store) expires: i64,
}

impl Row for BudgetRow {
    const TREE: Tree = Tree::Budgets;
}

/// How far a mailbox has been read.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct CursorRow {
    validity: u32,
    uid: u32,
    /// The age gate: UIDVALIDITY, UIDNEXT, and the moment before which mail is old.
    gate: Option<(u32, u32, i64)>,
}

impl Row for CursorRow {
    const TREE: Tree = Tree::Cursors;
}

impl CursorRow {
    /// Takes a cursor over.
    pub(in crate::store) fn of(cursor: Cursor, gate: Option<Gate>) -> Self {
        Self {
            validity: cursor.uid_validity,
            uid: cursor.uid,
            gate: gate.map(|g| (g.uid_validity, g.uid_next, g.since.0)),
        }
    }

    /// Returns the age gate.
    pub(in crate::store) fn gate(&self) -> Option<Gate> {
        self.gate.map(|(uid_validity, uid_next, since)| Gate {
            uid_validity,
            uid_next,
            since: Timestamp(since),
        })
    }

    /// Returns the cursor.
    pub(in crate::store) fn cursor(&self) -> Cursor {
        Cursor {
            uid_validity: self.validity,
            uid: self.uid,
        }
    }
}

/// Where a handled mail still has to go.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct FilingRow(pub(in crate::store) u8);

impl Row for FilingRow {
    const TREE: Tree = Tree::Filings;
}

/// A queue's turns.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct TurnRow(pub(in crate::store) u64);

impl Row for TurnRow {
    const TREE: Tree = Tree::Turns;
}

/// Tries at a mail that ended badly.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct PoisonRow(pub(in crate::store) u32);

impl Row for PoisonRow {
    const TREE: Tree = Tree::Poison;
}

/// Nothing: the key says it all.
macro_rules! index_rows {
    ($($name:ident $tree:ident),*) => { $(
        #[derive(Serialize, Deserialize)]
        pub(in crate::store) struct $name;
        impl Row for $name {
            const TREE: Tree = Tree::$tree;
        }
    )* };
}
index_rows!(StateIndexRow States, LetterIndexRow Letters, DueRow Due, ExpiryRow Expiry, FindRow Finds, AgendaRow Agenda);
