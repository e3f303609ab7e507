//! What became of a mail of ours, as the machine says that it reached, or did not reach.
//!
//! # Decisions
//! - That it is about a mail of ours, only what we signed proves: a Message-ID's seal, wherever in the report it hides; else a
//!   reply address or a subject tag together with the address that it was given to. Of what the report says, little is
//!   believed, and only where it costs nothing if it is a lie (RFC 3464, 4).
//! - Whom our mail went to is the address that the proof is bound to, whatever the report says: a forged one names no other.
//! - A report in the form of RFC 3464 says in fields what became of the mail. Other mail systems say it in words; then a
//!   status of the fifth class, or plain words, must be there before anything is done.

pub mod report;
mod tie;
mod vocabulary;
mod words;

use crate::message::Message;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::Office;
use crate::triage::delivery::Purpose;
use crate::triage::returned::report::Action;
use crate::triage::returned::report::Kind;
use crate::triage::returned::report::Lasting;
use crate::triage::returned::report::Report;
use crate::triage::returned::report::Status;
use crate::triage::returned::report::Told;
use crate::triage::returned::report::report;
use crate::triage::ticket::TicketNumber;
use crate::triage::token::OwnId;

/// A mail by a machine about a mail of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Why our mail was sent, and on which ticket.
    pub own: OwnId,
    /// Our mail's id, by which the outbox knows it; none when only an address or a subject of ours tells.
    pub id: Option<MessageId>,
    /// Whom our mail went to: the address that the proof is bound to. None: the report names none that it is.
    pub to: Option<Address>,
    /// What became of it.
    pub fate: Fate,
    /// Why, as a status (RFC 3463); from a code of SMTP only its class.
    pub status: Option<Status>,
    /// What the mail system said, on one line, cut; a stranger's words.
    pub said: String,
}

impl Returned {
    /// Whether trying later may help.
    pub fn lasting(&self) -> Lasting {
        self.status.map_or(Lasting::Unknown, Status::lasting)
    }
}

/// What became of a mail of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It did not arrive and is not tried any more.
    Failed,
    /// It is late, or was handed on; nothing is lost yet.
    Underway,
    /// It arrived, and somebody's machine answered it: an absence note, a receipt.
    Arrived,
    /// It arrived, and its reader, or the reader's provider, complains of it: no automatic mail may go there again.
    Complained,
}

/// In place of a mail's digest, the id of a forward that had come back is made of this: so it is the same for a
/// ticket and an agent, whatever is sent, and the store knows whom such a forward went to already.
pub const REROUTED: [u8; 32] = *b"a forward that could not reach..";

/// Returns what a mail by a machine says of a mail of ours, if it is about one.
pub(crate) fn returned(message: &Message, office: &Office) -> Option<Returned> {
    let report = report(message);
    let tied = tie::tie(message, report.as_ref(), office)?;
    let told = report
        .as_ref()
        .map(|report| concerning(report, tied.to.as_ref()))
        .unwrap_or_default();
    let weightiest = told
        .iter()
        .find(|t| t.action == Action::Failed)
        .or(told.first());
    Some(Returned {
        fate: fate(message, office, report.as_ref(), &told),
        status: weightiest.and_then(|t| t.status),
        said: weightiest.map(|t| t.said.clone()).unwrap_or_default(),
        own: tied.own,
        id: tied.id,
        to: tied.to,
    })
}

/// Whether a mail by a machine tells what became of some mail, be it one of ours or not.
pub(crate) fn is_report(message: &Message) -> bool {
    message.structure.report.is_some() || report(message).is_some()
}

/// What a report says of the one that our mail went to; all that it says where it does not name them.
fn concerning<'a>(report: &'a Report, to: Option<&Address>) -> Vec<&'a Told> {
    let names = |told: &&Told| {
        let named = [&told.original, &told.recipient].into_iter().flatten();
        to.is_some_and(|to| named.into_iter().any(|a| a.same_person(to)))
    };
    let theirs: Vec<&Told> = report.told.iter().filter(names).collect();
    if theirs.is_empty() {
        report.told.iter().collect()
    } else {
        theirs
    }
}

/// Returns the ids that a ticket's forwards would have which had come back from elsewhere, one for each agent.
pub(crate) fn rerouted_ids(office: &Office, ticket: TicketNumber) -> Vec<MessageId> {
    let domain = office.address.domain();
    let agents = office.surroundings.agents.iter();
    agents
        .flat_map(|a| {
            office
                .key
                .message_ids(Purpose::Forward, ticket, &REROUTED, a, domain)
        })
        .collect()
}

fn fate(message: &Message, office: &Office, report: Option<&Report>, told: &[&Told]) -> Fate {
    let is = |action: Action| told.iter().any(|t| t.action == action);
    let by_agent = message
        .from
        .first()
        .is_some_and(|f| office.surroundings.is_agent(&f.address));
    match report.map(|r| r.kind) {
        Some(Kind::Complaint) => Fate::Complained,
        Some(Kind::Delivery) if is(Action::Failed) && !is(Action::Passed) => Fate::Failed,
        Some(Kind::Words) if by_agent => Fate::Arrived,
        Some(Kind::Words) if is(Action::Failed) => Fate::Failed,
        Some(Kind::Delivery | Kind::Words) => Fate::Underway,
        Some(Kind::Receipt) | None => Fate::Arrived,
    }
}

#[cfg(test)]
mod tests;
