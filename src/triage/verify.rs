//! Which address is whose: addresses that a person names, and what is known of each on a ticket.
//!
//! ```text
//!  Named, Unreadable --ask--> Asked --answered from there--> Verified
//!         |                     |  \--"that is not me"-----> Refused
//!         |                     \-----came back for good---> Bounced
//!         +------- an agent records it by hand ------------> Verified
//! ```
//!
//! # Decisions
//! - What proves that somebody reads an address is a token that only a mail to that address held: in the id, the reply
//!   address or the subject of the answer, bound to ticket and address, and the answer must come from there. Where our
//!   border has checked the domain and it failed (DMARC), nothing is verified.
//! - Nobody is asked because of a stranger's word: the requester must have proved their own address first, by an
//!   answer to us or by their domain. So a forged From makes us write to nobody.
//! - The question is the desk's words alone: no name, no subject, no word of the requester; nothing on accounts.
//! - Somebody who says no, or whose address does not exist, is asked once in their life. When it is in doubt whether an
//!   address can be read, it is not asked: an agent can still do it by hand.

pub mod named;
pub mod notice;
pub mod rules;
pub mod said;

use crate::clock::Timestamp;
use crate::message::Message;
use crate::message::address::Address;
use crate::triage::Office;
use crate::triage::merge;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;
use crate::triage::thread;
use crate::triage::thread::Clues;
use crate::triage::ticket::TicketNumber;

/// Addresses of a ticket that are kept; what is beyond stays in the mails.
pub const STANDINGS_MAX: usize = 10;

/// How an address stands on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stand {
    /// It was named; nothing speaks against it.
    Named,
    /// It was named, and it cannot be read, or it is in doubt whether it can.
    Unreadable,
    /// A mail asks there for an answer.
    Asked,
    /// It was proved.
    Verified,
    /// Whoever reads it says that it is not theirs, or wants no more mail.
    Refused,
    /// The mail came back.
    Bounced,
}

impl Stand {
    /// Returns what an agent reads.
    pub fn says(self) -> &'static str {
        match self {
            Self::Named => "named, not verified",
            Self::Unreadable => "named, cannot be read by the writer's own word, or in doubt",
            Self::Asked => "asked, no answer yet",
            Self::Verified => "VERIFIED",
            Self::Refused => "REFUSED: who reads it says no",
            Self::Bounced => "our mail came back",
        }
    }
}

/// An address on a ticket, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The address.
    pub address: Address,
    /// How it stands.
    pub stand: Stand,
    /// Since when.
    pub at: Timestamp,
    /// By what proof, or why; empty where there is nothing to say.
    pub how: String,
    /// When a mail of ours asked there.
    pub asked: Option<Timestamp>,
}

impl Standing {
    /// Returns the same address, standing otherwise.
    #[must_use]
    pub fn to(&self, stand: Stand, how: &str, at: Timestamp) -> Self {
        Self {
            stand,
            at,
            how: how.to_owned(),
            ..self.clone()
        }
    }

    /// Returns it as one line for an agent.
    pub fn line(&self) -> String {
        let day = jiff::Timestamp::from_second(self.at.0).map_or_else(
            |_| String::new(),
            |t| t.strftime(" %Y-%m-%d %H:%M UTC").to_string(),
        );
        let how = if self.how.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.how)
        };
        let day = if self.stand == Stand::Named || self.stand == Stand::Unreadable {
            String::new()
        } else {
            day
        };
        format!("{}: {}{day}{how}", self.address, self.stand.says())
    }
}

/// What the store knows of asking an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The address.
    pub address: Address,
    /// It was asked within a day, on whatever ticket.
    pub today: bool,
    /// It refused once, on whatever ticket.
    pub refused: bool,
    /// A mail of ours came back from it for good.
    pub dead: bool,
    /// Questions to its domain in the last hour; 0 for domains that have no budget.
    pub domain_hour: u32,
}

/// Lays one word of another ticket of the same case beside what is known: of one address the newest counts, and that it was
/// asked is never forgotten.
pub fn lay(all: &mut Vec<Standing>, other: Standing) {
    let same = |s: &&mut Standing| s.address.same_person(&other.address);
    match all.iter_mut().find(same) {
        Some(known) => {
            let asked = known.asked.max(other.asked);
            if other.at > known.at {
                *known = other;
            }
            known.asked = asked;
        }
        None => all.push(other),
    }
}

/// Lays changes over what is known: one entry for each address, the newest word.
pub fn laid(known: &[Standing], changes: &[Standing]) -> Vec<Standing> {
    let mut all = known.to_vec();
    for change in changes {
        match all
            .iter_mut()
            .find(|s| s.address.same_person(&change.address))
        {
            Some(old) => *old = change.clone(),
            None => all.push(change.clone()),
        }
    }
    all.truncate(STANDINGS_MAX);
    all
}

/// Records an address as verified by hand.
pub fn by_hand(known: &[Standing], address: &Address, by: &str, now: Timestamp) -> Standing {
    let how = format!("recorded by {by}");
    known
        .iter()
        .find(|s| s.address.same_person(address))
        .map_or_else(
            || Standing {
                address: address.clone(),
                stand: Stand::Verified,
                at: now,
                how: how.clone(),
                asked: None,
            },
            |s| s.to(Stand::Verified, &how, now),
        )
}

/// Returns by which proof the sender reads their address, as far as the ticket's tokens tell; none where nothing
/// proves it, or the sender's domain disowns the mail, or must vouch for it and does not.
pub fn proved(
    message: &Message,
    clues: &Clues,
    ticket: TicketNumber,
    office: &Office,
    must_be_vouched: bool,
) -> Option<String> {
    let (_, because) = clues.proved.iter().find(|(number, _)| *number == ticket)?;
    let by = match because.rule.as_str() {
        "id" => "answered our mail there",
        "reply-address" => "wrote to the reply address given there",
        "subject-tag" => "answered with the subject tag given there",
        _ => return None,
    };
    match proof(message, &office.surroundings) {
        Proof::Passed => Some(format!("{by}; dmarc=pass")),
        Proof::None if !must_be_vouched => {
            Some(format!("{by}; our border says nothing of the domain"))
        }
        Proof::None | Proof::Failed => None,
    }
}

/// Returns the address that was asked, when the mail answers that question from elsewhere.
pub fn elsewhere<'a>(
    message: &Message,
    sender: Option<&Address>,
    ticket: TicketNumber,
    standings: &'a [Standing],
    merged: &[(TicketNumber, TicketNumber)],
    office: &Office,
) -> Option<&'a Address> {
    let key = &office.key;
    let ids: Vec<_> = message
        .in_reply_to
        .iter()
        .chain(&message.references)
        .collect();
    let to = thread::recipients(message);
    standings
        .iter()
        .filter(|s| s.asked.is_some() && s.stand == Stand::Asked)
        .map(|s| &s.address)
        .filter(|asked| sender.is_none_or(|from| !from.same_person(asked)))
        .find(|asked| {
            let by_id = ids.iter().any(|id| {
                let own = key.own_id(id, &[asked]);
                own.is_some_and(|own| merge::end(merged, own.ticket) == ticket)
            });
            let by_address = || {
                to.iter().any(|to| {
                    let own = &office.surroundings.own;
                    own.iter().any(|own| {
                        let named = key.own_reply_address(to, own, asked);
                        named.is_some_and(|named| merge::end(merged, named) == ticket)
                    })
                })
            };
            by_id || by_address()
        })
}

#[cfg(test)]
mod tests;
