//! What people and loops are told of the store: values without bytes and without engine.

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::outbox::OutboxId;
use crate::triage::Disposition;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Purpose;
use crate::triage::ticket::TicketNumber;

/// The stage of an outgoing mail: its state without the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To be sent.
    Waiting,
    /// Being sent.
    Leased,
    /// Wants a person.
    Parked,
    /// Gone out.
    Sent,
    /// Given up.
    Dropped,
}

impl Stage {
    /// Its number on disk and in counts.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Leased => 1,
            Self::Parked => 2,
            Self::Sent => 3,
            Self::Dropped => 4,
        }
    }

    /// Returns a state's stage and the moment that belongs to it: when due, or since when.
    pub(super) fn of(state: &Delivery) -> (Self, Timestamp) {
        match state {
            Delivery::Waiting { not_before, .. } => (Self::Waiting, *not_before),
            Delivery::Leased { since, .. } => (Self::Leased, *since),
            Delivery::Parked { at, .. } => (Self::Parked, *at),
            Delivery::Sent { at, .. } => (Self::Sent, *at),
            Delivery::Dropped { at, .. } => (Self::Dropped, *at),
        }
    }
}

/// The kind of a ticket's state, to list tickets by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketKind {
    /// Answered automatically.
    Answered,
    /// Lies with an agent.
    WithAgent,
    /// The agent answered.
    AgentAnswered,
}

/// In which order things are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

/// An outgoing mail, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxView {
    /// Its number.
    pub id: OutboxId,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// Why it leaves.
    pub purpose: Purpose,
    /// The one recipient.
    pub to: Address,
    /// The mailbox through whose SMTP server it goes.
    pub mailbox: String,
    /// Its Message-ID.
    pub message_id: MessageId,
    /// ISO 639-1 code of its text.
    pub language: String,
    /// What the server said when it could not go last time; empty when it never was deferred.
    pub deferred: String,
    /// Octets.
    pub bytes: u64,
    /// When it was decided.
    pub created: Timestamp,
    /// Where it stands.
    pub delivery: Delivery,
}

impl OutboxView {
    /// Returns the moment that belongs to its state: when it was sent, parked or given up, since when it is being sent,
    /// or when it is due.
    pub fn since(&self) -> Timestamp {
        Stage::of(&self.delivery).1
    }
}

/// A mail's final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerView {
    /// When it was reached.
    pub at: Timestamp,
    /// When the server got the mail, where that is known.
    pub received: Option<Timestamp>,
    /// What it is.
    pub state: LedgerState,
    /// Why, in one line.
    pub why: String,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerState {
    /// Not looked at: too old, vanished, too large.
    Skipped,
    /// Thought about and decided.
    Handled(Box<Handled>),
    /// Handled or skipped; what it was is erased.
    Erased,
}

/// A mail that was thought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// What had to happen.
    pub disposition: Disposition,
    /// `person`, `unsure` or `automatic`.
    pub screening: String,
    /// Its ticket.
    pub ticket: Option<TicketNumber>,
    /// Its digest.
    pub digest: [u8; 32],
    /// Who wrote it, where known.
    pub sender: Option<Address>,
    /// When the server got it.
    pub received: Timestamp,
    /// Where it was to be filed.
    pub filing: Filing,
    /// How many mails left because of it.
    pub letters: u32,
    /// The number of the first of them, the others follow; none where it is not known (layout 1).
    pub first_letter: Option<OutboxId>,
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// Its intents, primary first.
    pub intents: Vec<String>,
    /// ISO 639-1 code of its language.
    pub language: String,
    /// Rule, sentence and matched words of each reason.
    pub because: Vec<(String, String, String)>,
}

/// What a Message-ID belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadView {
    /// The ticket.
    pub ticket: TicketNumber,
    /// For a mail of ours: why it left and to whom.
    pub ours: Option<(Purpose, Address)>,
}

/// Counts kept by the store; nothing is scanned for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Tickets.
    pub tickets: u64,
    /// Tickets answered automatically.
    pub answered: u64,
    /// Tickets that lie with agents.
    pub with_agent: u64,
    /// Tickets that agents answered.
    pub agent_answered: u64,
    /// Mails with a final state.
    pub ledger: u64,
    /// Mails to be sent.
    pub waiting: u64,
    /// Mails being sent.
    pub leased: u64,
    /// Mails that want a person.
    pub parked: u64,
    /// Mails gone out, since ever.
    pub sent: u64,
    /// Mails given up, since ever.
    pub dropped: u64,
    /// Commits, since ever.
    pub generation: u64,
}
