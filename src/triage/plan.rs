//! What is known when a mail is decided, and the plan that comes of it: plain values.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::breaker::Stand;
use crate::triage::classify::Audience;
use crate::triage::delivery::Purpose;
use crate::triage::relay::Acts;
use crate::triage::relay::Deeds;
use crate::triage::roster::Known;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::twin::Earlier;
use crate::triage::verify::Asking;
use crate::triage::verify::Standing;

/// What the store knows that matters for one mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// A mail with the same digest was handled already.
    pub copy_of: Option<Copy>,
    /// Tickets that the mail points to (proved, by ids, claimed).
    pub tickets: Vec<Ticket>,
    /// Which of the mail's reference ids belong to which ticket.
    pub by_id: Vec<(MessageId, TicketNumber)>,
    /// The number that a new ticket would get.
    pub fresh: u64,
    /// How often each queue has been given a new ticket: the round robin's position.
    pub turns: Vec<(String, u64)>,
    /// What has been answered lately.
    pub spent: Spent,
    /// How many cases came lately that are like this one.
    pub flood: Waves,
    /// Where the total breaker stands.
    pub breaker: Stand,
    /// What was said when a mail of ours to the sender came back for good, and when.
    pub dead: Option<(String, Timestamp)>,
    /// Who released the mail from quarantine; none: it comes from the mailbox.
    pub released: Option<String>,
    /// Agents' time.
    pub time: Known,
    /// What agents did on the tickets, beyond their states.
    pub acts: Vec<Acts>,
    /// The sender was silenced: an agent said that a mail of theirs was spam.
    pub muted: bool,
    /// What is known beside the tickets themselves.
    pub beside: KnownBeside,
}

/// What the store knows beside the tickets: of their addresses, of merging, and of the mail before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownBeside {
    /// The addresses of each of the case's tickets.
    pub standings: Vec<(TicketNumber, Standing)>,
    /// What is known of asking each address that the mail or the proved tickets name.
    pub asking: Vec<Asking>,
    /// Questions because of the sender, in the last 24 hours.
    pub asked_day: u32,
    /// Questions of the whole desk in the last hour.
    pub asked_hour: u32,
    /// Tickets that are merged: which into which.
    pub merged: Vec<(TicketNumber, TicketNumber)>,
    /// The mails that the sender wrote last, newest first; their tickets are among the case's.
    pub before: Vec<Earlier>,
}

/// Cases that came lately and are like a mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waves {
    /// From the same writer, in 24 hours.
    pub sender: Wave,
    /// From the same registrable domain, in an hour; empty where that has no budget.
    pub domain: Wave,
    /// With the same words, in an hour.
    pub text: Wave,
}

/// Cases that have one thing in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wave {
    /// How many came, gathered ones included.
    pub cases: u32,
    /// How many of these were gathered in a row.
    pub gathered: u32,
    /// The ticket that they are gathered on.
    pub ticket: Option<Ticket>,
}

/// A mail handled before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Its ticket, if it had one.
    pub ticket: Option<TicketNumber>,
}

/// Automatic replies already decided, counted from the store's budget records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// For the sender's identity: each reply template with the time it was last used.
    pub templates: Vec<(String, Timestamp)>,
    /// Replies to that identity in the last 24 hours.
    pub address_day: u32,
    /// Replies on each of the case's tickets in the last 24 hours, for those that had any.
    pub ticket_day: Vec<(TicketNumber, u32)>,
    /// Replies to mails of the same words in the last hour.
    pub text_hour: u32,
    /// Replies to that domain in the last hour; 0 for domains that have no budget.
    pub domain_hour: u32,
    /// Replies of the whole desk in the last hour.
    pub total_hour: u32,
}

/// What becomes of a mail. Plain data; nothing is done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `person`, `unsure` or `automatic`.
    pub screening: &'static str,
    /// What must happen.
    pub disposition: Disposition,
    /// Intents, primary first; empty when the mail is automatic and was not read further.
    pub intents: Vec<String>,
    /// Who asks for an IBM badge.
    pub audience: Option<Audience>,
    /// ISO 639-1 code.
    pub language: String,
    /// The queue it goes to.
    pub queue: Option<String>,
    /// What the ticket store does.
    pub step: Step,
    /// The mails that leave.
    pub letters: Vec<Letter>,
    /// Every reason, in order of the stages.
    pub because: Vec<Because>,
    /// The writer, where one certain address is known.
    pub writer: Option<Address>,
    /// What is done besides.
    pub deeds: Deeds,
    /// What changes beside the ticket itself.
    pub beside: Beside,
}

/// What a plan changes beside its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// Addresses of the plan's ticket that stand otherwise now.
    pub standings: Vec<Standing>,
    /// Addresses that are never to be asked again.
    pub refused: Vec<Address>,
    /// The plan's ticket becomes a part of this one.
    pub merge_into: Option<TicketNumber>,
    /// Who has it merged.
    pub by: String,
    /// The merged ticket by way of which the mail came.
    pub via: Option<TicketNumber>,
    /// What a later mail of the same writer is held against.
    pub earlier: Option<Earlier>,
}

/// What the ticket store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Opens this ticket (its version is 0), perhaps linked.
    Open(Ticket),
    /// Changes this ticket: the new state, `version` still the one that was read.
    Update(Ticket),
    /// Records the mail, perhaps on a ticket that does not change.
    Record(Option<TicketNumber>),
    /// Holds the mail for an operator; why stands among the reasons, under the stage `quarantine`.
    Hold,
}

/// A mail to be composed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Why it leaves.
    pub purpose: Purpose,
    /// The one recipient.
    pub to: Address,
    /// Where answers go besides the desk's reply address.
    pub reply_to: Vec<Address>,
    /// The subject, tag included.
    pub subject: String,
    /// ISO 639-1 code of its text.
    pub language: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML, escaped.
    pub html: Option<String>,
    /// The original goes along as message/rfc822.
    pub attach_original: bool,
    /// The paragraph names that count against the budget (replies only).
    pub templates: Vec<String>,
}
