//! Which mail of ours a report is about: proved by what we signed, and by nothing else.

use crate::message::Message;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::Office;
use crate::triage::delivery::Purpose;
use crate::triage::returned::report::Report;
use crate::triage::thread;
use crate::triage::token::OwnId;

/// Addresses that are tried as the one that a proof is bound to, agents besides.
const CANDIDATES_MAX: usize = 60;
/// Reply addresses of ours that are tried.
const ADDRESSES_MAX: usize = 20;
/// Lines of a report that are looked at for a subject of ours.
const LINES_MAX: usize = 200;

/// The mail of ours that a report is about.
pub(super) struct Tied {
    pub(super) own: OwnId,
    pub(super) id: Option<MessageId>,
    pub(super) to: Option<Address>,
}

pub(super) fn tie(message: &Message, report: Option<&Report>, office: &Office) -> Option<Tied> {
    let mut candidates = candidates(message, report, office);
    if let Some((own, id)) = thread::bounced(message, &office.key) {
        let bound = |to: &&Address| office.key.own_id(&id, &[to]).is_some();
        let to = candidates.iter().find(bound).cloned();
        return Some(Tied {
            own,
            id: Some(id),
            to,
        });
    }
    if report.is_none() {
        // No mail system writes of others here: an agent's own machine has the agent's proof, or it proves nothing.
        candidates.retain(|a| {
            office.surroundings.is_agent(a) && message.from.iter().any(|f| f.address == *a)
        });
    }
    let (to, ticket) = by_address(message, &candidates, office)
        .or_else(|| by_subject(message, &candidates, office))?;
    // These say nothing of why the mail was sent; agents get forwards, and nobody else does.
    let purpose = if office.surroundings.is_agent(&to) {
        Purpose::Forward
    } else {
        Purpose::Reply
    };
    Some(Tied {
        own: OwnId { purpose, ticket },
        id: None,
        to: Some(to),
    })
}

/// Who the mail may have gone to: whoever the report names, whoever writes, and the agents.
fn candidates(message: &Message, report: Option<&Report>, office: &Office) -> Vec<Address> {
    let named = report.iter().flat_map(|report| &report.told);
    let named = named.flat_map(|told| [&told.original, &told.recipient]);
    let returned = message.structure.returned_to.iter();
    let writers = message.from.iter().map(|f| &f.address);
    let mut all: Vec<Address> = Vec::new();
    let found = named.flatten().chain(returned).chain(writers);
    for address in found.filter(|a| !office.surroundings.is_own(a)) {
        if all.len() < CANDIDATES_MAX && !all.contains(address) {
            all.push(address.clone());
        }
    }
    all.extend(office.surroundings.agents.iter().cloned());
    all
}

/// By a reply address of ours, to which the report was sent, or which stands in it. Absence notes go to the envelope's sender
/// and need not name what they answer (RFC 3834, 4).
fn by_address(
    message: &Message,
    candidates: &[Address],
    office: &Office,
) -> Option<(Address, crate::triage::ticket::TicketNumber)> {
    let sent_to = thread::recipients(message);
    let named = sent_to.iter().chain(&message.structure.marks.addresses);
    let ours = named.filter(|address| {
        let claims = |desk| crate::triage::token::claimed_by_address(address, desk).is_some();
        office.surroundings.own.iter().any(claims)
    });
    for address in ours.take(ADDRESSES_MAX) {
        for to in candidates {
            let mut own = office.surroundings.own.iter();
            let ticket = own.find_map(|desk| office.key.own_reply_address(address, desk, to));
            if let Some(ticket) = ticket {
                return Some((to.clone(), ticket));
            }
        }
    }
    None
}

/// By a tag of ours in the subject, or in a line of a report that returns nothing else (old Exchange).
fn by_subject(
    message: &Message,
    candidates: &[Address],
    office: &Office,
) -> Option<(Address, crate::triage::ticket::TicketNumber)> {
    let lines = message.body.full.lines().take(LINES_MAX);
    let tagged = std::iter::once(message.subject.as_str())
        .chain(lines)
        .filter(|line| line.contains("[#"));
    for line in tagged.take(ADDRESSES_MAX) {
        for to in candidates {
            if let Some(ticket) = office.key.own_subject_tag(line, to) {
                return Some((to.clone(), ticket));
            }
        }
    }
    None
}
