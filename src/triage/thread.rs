//! Which ticket a mail belongs to, and whether the sender belongs to it.
//!
//! # Decisions
//! - Only what we made proves anything (RFC 5322, 3.6.4): our signed ids in In-Reply-To, then in References from the
//!   right, then the reply address, then the subject tag; all of them bound to the sender.
//! - Ids that the store knows (a person's own earlier mail, say) count when the sender takes part in that ticket.
//! - A number without proof, or a proof that somebody else was given, only links, whoever shows it. The same subject
//!   means nothing at all.

use std::collections::HashSet;

use crate::message::Message;
use crate::message::address::Address;
use crate::message::compose::LOOP_HEADER;
use crate::message::id::MessageId;
use crate::triage::Because;
use crate::triage::Office;
use crate::triage::delivery::Purpose;
use crate::triage::returned;
use crate::triage::returned::Fate;
use crate::triage::returned::Returned;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::token;
use crate::triage::token::DeskKey;
use crate::triage::token::OwnId;

/// What in a mail points to tickets; the store is asked with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clues {
    /// Tickets proved by a token that was given to this very sender, strongest first.
    pub proved: Vec<(TicketNumber, Because)>,
    /// Tickets named without proof for this sender: by number, or by a token given to somebody else.
    pub claimed: Vec<(TicketNumber, Because)>,
    /// Ids of In-Reply-To and References (newest first): the store knows which belong to tickets. For a report on a
    /// forward, before them, the ids of the forwards that would have gone out because an earlier one had failed.
    pub ids: Vec<MessageId>,
}

/// Where a mail belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    /// To no ticket yet.
    New,
    /// Into this ticket: the sender belongs to it.
    Joins(TicketNumber, Because),
    /// Into a new ticket, linked to this one, which it only names.
    Linked(TicketNumber, Because),
}

/// Fields in which a mail system leaves the address that a mail was sent to.
const DELIVERY_FIELDS: [&str; 5] = [
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
];
/// So many recipient addresses are looked at for a token.
const RECIPIENTS_MAX: usize = 100;
/// So many loop headers are looked at.
const LOOP_HEADERS_MAX: usize = 8;
/// So many words of a bounce's text are tried as ids of ours.
const BOUNCE_IDS_MAX: usize = 200;

impl Clues {
    /// Adds what a machine's mail about one of ours points to: its ticket, and whom a forward that failed went to next.
    pub(crate) fn returned(&mut self, returned: &Returned, office: &Office) {
        let ticket = returned.own.ticket;
        let what = ("returned", "A machine reports on a mail of ours", "");
        note(&mut self.proved, &mut self.claimed, ticket, false, what);
        if returned.own.purpose == Purpose::Forward && returned.fate == Fate::Failed {
            self.ids
                .splice(0..0, returned::rerouted_ids(office, ticket));
        }
    }
}

/// Collects what points to tickets. `sender` is who writes, where one certain address is known.
pub fn clues(
    message: &Message,
    sender: Option<&Address>,
    key: &DeskKey,
    desk: &Surroundings,
) -> Clues {
    let mut clues = Clues {
        ids: newest_first(message),
        ..Clues::default()
    };
    for id in &clues.ids {
        let Some(own) = key.own_id(id, &[]) else {
            continue;
        };
        let for_sender = sender.is_some_and(|s| key.own_id(id, &[s]).is_some());
        note(
            &mut clues.proved,
            &mut clues.claimed,
            own.ticket,
            for_sender,
            ("id", "It answers a mail of ours", id.as_str()),
        );
    }
    for address in recipients(message) {
        for own in &desk.own {
            let Some(ticket) = token::claimed_by_address(&address, own) else {
                continue;
            };
            let proof = sender.and_then(|s| key.own_reply_address(&address, own, s));
            note(
                &mut clues.proved,
                &mut clues.claimed,
                ticket,
                proof == Some(ticket),
                (
                    "reply-address",
                    "It was sent to a reply address of ours",
                    address.as_str(),
                ),
            );
        }
    }
    if let Some(ticket) = sender.and_then(|s| key.own_subject_tag(&message.subject, s)) {
        let what = (
            "subject-tag",
            "Its subject carries a tag of ours",
            message.subject.as_str(),
        );
        note(&mut clues.proved, &mut clues.claimed, ticket, true, what);
    }
    if let Some(ticket) = token::claimed(&message.subject, &clues.ids) {
        let what = ("number", "It names a ticket", message.subject.as_str());
        note(&mut clues.proved, &mut clues.claimed, ticket, false, what);
    }
    clues
}

/// Decides where the mail belongs. `known` are the tickets that the store found for the clues, in their order:
/// proved, by ids, claimed.
pub fn thread(
    clues: &Clues,
    sender: Option<&Address>,
    known: &[Ticket],
    by_id: &[(MessageId, TicketNumber)],
) -> Thread {
    let ticket = |number: TicketNumber| known.iter().find(|t| t.number == number);
    if sender.is_some() {
        for (number, because) in &clues.proved {
            if ticket(*number).is_some() {
                return Thread::Joins(*number, because.clone());
            }
        }
    }
    let named = clues.ids.iter().filter_map(|id| {
        let (_, number) = by_id.iter().find(|(of, _)| of == id)?;
        Some((id, ticket(*number)?))
    });
    let mut link = None;
    for (id, found) in named {
        if sender.is_some_and(|s| belongs(s, found)) {
            let says = "It answers a mail of a ticket that the sender takes part in";
            return Thread::Joins(found.number, because("known-id", says, id.as_str()));
        }
        if link.is_none() {
            let says = "It answers a mail of a ticket that the sender takes no part in";
            link = Some((found.number, because("stranger", says, id.as_str())));
        }
    }
    let claims = clues.proved.iter().chain(&clues.claimed);
    let claim = claims
        .filter(|(number, _)| ticket(*number).is_some())
        .map(Clone::clone)
        .next();
    match link.or(claim) {
        Some((number, because)) => Thread::Linked(number, because),
        None => Thread::New,
    }
}

/// Returns why a mail is one of ours that came back: its Message-ID or its loop header was made by this desk, be it with
/// an earlier key.
pub fn is_own(message: &Message, key: &DeskKey) -> Option<Because> {
    let own = |rule: &str, says: &str, matched: &str| Because {
        stage: "thread",
        rule: rule.to_owned(),
        says: says.to_owned(),
        matched: matched.to_owned(),
    };
    let id = message.message_id.as_ref();
    if let Some(id) = id.filter(|id| key.own_id(id, &[]).is_some()) {
        let says = "its Message-ID is one that this desk made: our own mail came back";
        return Some(own("own-message-id", says, id.as_str()));
    }
    let name = LOOP_HEADER.to_ascii_lowercase();
    let mut loops = message.header(&name).take(LOOP_HEADERS_MAX);
    let value = loops.find(|value| key.own_loop_token(value))?;
    let says = "it carries our own loop header: our own mail came back";
    Some(own("own-loop-header", says, value))
}

/// Finds the mail of ours that a report (a bounce, a receipt) is about: the first of our signed ids in the returned
/// mail, in In-Reply-To and References, or in the text. Returns what it was and its id. Reports are easily forged
/// (RFC 3464, 4), so nothing else in them is believed.
pub fn bounced(message: &Message, key: &DeskKey) -> Option<(OwnId, MessageId)> {
    let own = |id: MessageId| key.own_id(&id, &[]).map(|own| (own, id));
    let mut named = message
        .structure
        .returned_ids
        .iter()
        .cloned()
        .chain(newest_first(message))
        .chain(message.structure.marks.ids.iter().cloned());
    named.find_map(own).or_else(|| {
        let words = message.body.full.split(|c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | ',' | ';')
        });
        words
            .filter(|w| w.contains('@') && w.len() <= 400)
            .take(BOUNCE_IDS_MAX)
            .filter_map(|w| MessageId::try_from(w.to_owned()).ok())
            .find_map(own)
    })
}

/// Returns whether the sender takes part in the ticket, however their address is spelt.
pub fn belongs(sender: &Address, ticket: &Ticket) -> bool {
    ticket.participants.iter().any(|p| p.same_person(sender))
}

/// Ids of In-Reply-To in order, then of References from the right: the nearer, the newer. Each once.
fn newest_first(message: &Message) -> Vec<MessageId> {
    let mut seen = HashSet::new();
    let ids = message
        .in_reply_to
        .iter()
        .chain(message.references.iter().rev());
    ids.filter(|id| seen.insert(*id)).cloned().collect()
}

/// Every address that the mail went to: its own recipients and what mail systems noted on the way.
pub(crate) fn recipients(message: &Message) -> Vec<Address> {
    let mut seen = HashSet::new();
    let written = message
        .to
        .iter()
        .chain(&message.cc)
        .map(|n| n.address.clone());
    let noted = DELIVERY_FIELDS.into_iter().flat_map(|field| {
        message.header(field).flat_map(|value| {
            let words = value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ','));
            let addresses = words.filter(|w| w.contains('@') && w.len() <= 320);
            addresses.filter_map(|w| Address::try_from(w.to_owned()).ok())
        })
    });
    written
        .chain(noted)
        .filter(|a| seen.insert(a.clone()))
        .take(RECIPIENTS_MAX)
        .collect()
}

/// Adds a ticket to the proved or to the claimed ones, once; what is proved needs no claim.
fn note(
    proved: &mut Vec<(TicketNumber, Because)>,
    claimed: &mut Vec<(TicketNumber, Because)>,
    ticket: TicketNumber,
    for_sender: bool,
    (rule, says, matched): (&str, &str, &str),
) {
    let is_in = |list: &[(TicketNumber, Because)]| list.iter().any(|(t, _)| *t == ticket);
    if for_sender {
        if !is_in(proved) {
            let says = format!("{says}, with a proof that this sender was given");
            proved.push((ticket, because(rule, &says, matched)));
        }
    } else if !is_in(proved) && !is_in(claimed) {
        let says = format!("{says}, without a proof that this sender was given");
        claimed.push((ticket, because(rule, &says, matched)));
    }
}

fn because(rule: &str, says: &str, matched: &str) -> Because {
    Because {
        stage: "thread",
        rule: rule.to_owned(),
        says: says.to_owned(),
        matched: matched
            .chars()
            .filter(|c| !c.is_control())
            .take(120)
            .collect(),
    }
}

#[cfg(test)]
mod tests;
