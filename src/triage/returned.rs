//! What became of a mail of ours, as the machine says that it reached, or did not reach.
//!
//! # Decisions
//! - That it is about a mail of ours, only our seal proves. Of what the report says, just one thing is believed: that
//!   the mail failed for good, and only where it costs nothing if it is a lie (RFC 3464, 4).
//! - A report in the form of RFC 3464 says it in fields. Other mail systems say it in words; then a status of the fifth
//!   class, or plain words, must be there before anything is done.

use crate::message::Message;
use crate::message::address::MessageId;
use crate::triage::Office;
use crate::triage::delivery::Purpose;
use crate::triage::thread;
use crate::triage::ticket::TicketNumber;
use crate::triage::token::OwnId;

/// A mail by a machine about a mail of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Why our mail was sent, and on which ticket.
    pub own: OwnId,
    /// Our mail's id; none when only the address that it came back to tells.
    pub id: Option<MessageId>,
    /// What became of it.
    pub fate: Fate,
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
}

/// In place of a mail's digest, the id of a forward that had come back is made of this: so it is the same for a
/// ticket and an agent, whatever is sent, and the store knows whom such a forward went to already.
pub const REROUTED: [u8; 32] = *b"a forward that could not reach..";

/// So many lines of a report in words are read; what follows is our own mail as a rule.
const LINES_MAX: usize = 60;
/// Words in which mail systems give up.
const GIVEN_UP: [&str; 8] = [
    "permanent error",
    "permanent failure",
    "permanent fatal error",
    "failed permanently",
    "permanently failed",
    "permanently rejected",
    "i've given up",
    "giving up",
];
/// Words in which they do not, yet.
const UNDERWAY: [&str; 6] = [
    "(delay)",
    "delayed",
    "will be retried",
    "will retry",
    "will keep trying",
    "still being retried",
];

/// Returns what a mail by a machine says of a mail of ours, if it is about one.
pub(crate) fn returned(message: &Message, office: &Office) -> Option<Returned> {
    let fate = fate(message, office);
    if let Some((own, id)) = thread::bounced(message, &office.key) {
        return Some(Returned {
            own,
            id: Some(id),
            fate,
        });
    }
    // Absence notes go to the envelope's sender and need not name what they answer (RFC 3834, 4).
    let from = message.from.first().map(|f| &f.address)?;
    if !office.surroundings.is_agent(from) {
        return None;
    }
    let ticket = thread::recipients(message).iter().find_map(|address| {
        office
            .surroundings
            .own
            .iter()
            .find_map(|desk| office.key.own_reply_address(address, desk, from))
    })?;
    Some(Returned {
        own: OwnId {
            purpose: Purpose::Forward,
            ticket,
        },
        id: None,
        fate,
    })
}

/// Returns the ids that a ticket's forwards would have which had come back from elsewhere, one for each agent.
pub(crate) fn rerouted_ids(office: &Office, ticket: TicketNumber) -> Vec<MessageId> {
    let domain = office.address.domain();
    let agents = office.surroundings.agents.iter();
    agents
        .map(|a| {
            office
                .key
                .message_id(Purpose::Forward, ticket, &REROUTED, a, domain)
        })
        .collect()
}

fn fate(message: &Message, office: &Office) -> Fate {
    let shape = &message.structure;
    if shape.delivery_failed {
        return Fate::Failed;
    }
    if shape.delivery_status {
        return Fate::Underway;
    }
    let from = message.from.first().map(|f| &f.address);
    let by_agent = from.is_some_and(|f| office.surroundings.is_agent(f));
    let by_postmaster = from.is_some_and(|f| {
        ["mailer-daemon", "postmaster"].contains(&f.local().to_ascii_lowercase().as_str())
    });
    let failed_header = message.header("x-failed-recipients").next().is_some();
    let delivery_report = shape.report.as_deref() == Some("delivery-status");
    if shape.disposition || by_agent || !(by_postmaster || failed_header || delivery_report) {
        Fate::Arrived
    } else if gives_up(message) {
        Fate::Failed
    } else {
        Fate::Underway
    }
}

/// Returns whether a report in words gives our mail up.
fn gives_up(message: &Message) -> bool {
    let lines = message
        .body
        .full
        .lines()
        .take_while(|l| !l.starts_with("---"))
        .take(LINES_MAX);
    let mut text = message.subject.to_lowercase();
    for line in lines {
        text.push('\n');
        text.push_str(&line.to_lowercase());
    }
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if says(&UNDERWAY) {
        return false;
    }
    let mut words = text.split(|c: char| c.is_whitespace() || "()[]<>,;:#'\"".contains(c));
    says(&GIVEN_UP) || words.any(is_permanent_status)
}

/// `5.1.1` (RFC 3463) or `550` (RFC 5321, 4.2.1), perhaps as `550-5.1.1`.
fn is_permanent_status(word: &str) -> bool {
    let numbers = |text: &str, separator: char| -> Option<Vec<u16>> {
        text.split(separator).map(|n| n.parse().ok()).collect()
    };
    let enhanced = |text: &str| matches!(numbers(text, '.').as_deref(), Some([5, _, _]));
    let basic = |text: &str| text.len() == 3 && matches!(text.parse::<u16>(), Ok(550..=559));
    match word.trim_end_matches('.').split_once('-') {
        Some((first, second)) => basic(first) && (second.is_empty() || enhanced(second)),
        None => enhanced(word.trim_end_matches('.')) || basic(word),
    }
}
