//! Proofs that a mail answers one of ours: keyed MACs in Message-IDs, reply addresses and subjects.
//!
//! # Decisions
//! - A proof is an HMAC-SHA256 cut to 80 bits, written in base32 without look-alikes (16 lower-case characters). What
//!   it is for (an id, a reply address, a subject, the loop header) is part of what is signed, so that one kind never
//!   passes for another.
//! - Reply addresses and subject tags are bound to ticket and correspondent: whoever gets such a mail forwarded cannot
//!   use it. The correspondent is the address's identity, so that a plus-part or capitals do no harm.
//! - A Message-ID reads `LETTER.TICKET.NONCE.SEAL.BOND@domain`. The seal says that we made it; the bond besides, for
//!   whom. Two of them, because a bounce names our mail but comes from a mail system: it shows the seal alone, while
//!   everybody who writes needs the bond as well. 80 bits each.
//! - The domain of an id is not signed: gateways rewrite it. The nonce (60 bits, derived from mail, purpose and
//!   recipient) makes the id the same when the same mail is made again, and no other mail's.
//! - One key signs. Keys that signed before it still prove what they signed, until they are dropped; nothing is proved by
//!   one part of one key and another of another.

mod mac;

use std::fmt;

use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::delivery::Purpose;
use crate::triage::ticket::TicketNumber;
use crate::triage::token::mac::Mac;
use crate::triage::token::mac::TAG_CHARS;

/// The desk's secret key, 32 octets, made at first start and kept in the state folder; and those that signed before it.
#[derive(Clone)]
pub struct DeskKey {
    mac: Mac,
    old: Vec<Mac>,
}

impl fmt::Debug for DeskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeskKey(secret)")
    }
}

/// One of our own Message-IDs, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnId {
    /// Why that mail was sent.
    pub purpose: Purpose,
    /// The ticket it belongs to.
    pub ticket: TicketNumber,
}

/// Characters of a nonce: 60 bits.
const NONCE_CHARS: usize = 12;
/// A local part is no longer (RFC 5321, 4.5.3.1.1).
const LOCAL_OCTETS_MAX: usize = 64;
/// So many brackets of a subject are looked at.
const SUBJECT_BRACKETS_MAX: usize = 64;
/// A bracketed tag is no longer, mangled spaces included.
const SUBJECT_TAG_OCTETS_MAX: usize = 80;

impl DeskKey {
    /// Makes a key of its octets.
    pub fn new(octets: &[u8; 32]) -> Self {
        Self::with_old(octets, &[])
    }

    /// Makes a key that signs by its octets, and verifies by those of earlier keys, too.
    pub fn with_old(octets: &[u8; 32], old: &[[u8; 32]]) -> Self {
        Self {
            mac: Mac::new(octets),
            old: old.iter().map(Mac::new).collect(),
        }
    }

    /// All keys that prove something, the signing one first.
    fn macs(&self) -> impl Iterator<Item = &Mac> {
        std::iter::once(&self.mac).chain(&self.old)
    }

    /// Makes the Message-ID of a mail of ours: the same for the same mail, purpose and recipient, so that a repeated
    /// send is recognisably the same. `digest` is that of the mail it answers.
    ///
    /// `domain` is the desk's; what of it cannot stand in an id is left out (RFC 5322, 3.6.4).
    ///
    /// # Panics
    /// Never: what is put together here is an id.
    pub fn message_id(
        &self,
        purpose: Purpose,
        ticket: TicketNumber,
        digest: &[u8; 32],
        to: &Address,
        domain: &str,
    ) -> MessageId {
        message_id_by(&self.mac, purpose, ticket, digest, to, domain)
    }

    /// Returns that Message-ID as each of the keys makes it: under which a mail may have left already.
    pub(crate) fn message_ids(
        &self,
        purpose: Purpose,
        ticket: TicketNumber,
        digest: &[u8; 32],
        to: &Address,
        domain: &str,
    ) -> Vec<MessageId> {
        self.macs()
            .map(|mac| message_id_by(mac, purpose, ticket, digest, to, domain))
            .collect()
    }

    /// Returns what a Message-ID is, if we made it and sent it to one of `recipients`; with no recipients, if we made
    /// it for anybody (a bounce names its mail, not its sender).
    pub fn own_id(&self, id: &MessageId, recipients: &[&Address]) -> Option<OwnId> {
        let parts = IdParts::of(id.as_str())?;
        let mac = self.macs().find(|mac| {
            let seal = mac.seal(parts.letter, parts.number, &parts.nonce);
            mac.same(&seal, &parts.seal)
        })?;
        let bound = recipients.is_empty()
            || recipients.iter().any(|to| {
                let bond = mac.bond(parts.letter, parts.number, &parts.nonce, &to.identity());
                mac.same(&bond, &parts.bond)
            });
        bound.then_some(OwnId {
            purpose: parts.purpose,
            ticket: parts.ticket,
        })
    }

    /// Makes the reply address `local+TOKEN@domain` of `desk` for that ticket and correspondent. The token is
    /// `TICKET-TAG`. Where the local part would grow beyond 64 octets, the desk's plain address is returned.
    pub fn reply_address(&self, desk: &Address, ticket: TicketNumber, to: &Address) -> Address {
        let tag = self.mac.address_tag(ticket.0, to);
        let local = format!("{}+{}-{tag}", desk.local(), ticket.0);
        if local.len() > LOCAL_OCTETS_MAX {
            return desk.clone();
        }
        Address::try_from(format!("{local}@{}", desk.domain())).unwrap_or_else(|_| desk.clone())
    }

    /// Returns the ticket that a reply address of ours belongs to, if `sender` is who it was given to.
    pub fn own_reply_address(
        &self,
        address: &Address,
        desk: &Address,
        sender: &Address,
    ) -> Option<TicketNumber> {
        let (number, tag) = reply_token(address, desk)?;
        self.macs()
            .any(|mac| mac.same(&mac.address_tag(number, sender), &tag))
            .then_some(TicketNumber(number))
    }

    /// Makes the subject tag, such as `[#1042 k7q2m9xtpa4wzd3e]`.
    pub fn subject_tag(&self, ticket: TicketNumber, to: &Address) -> String {
        format!("[#{} {}]", ticket.0, self.mac.subject_mac(ticket.0, to))
    }

    /// Finds a subject tag that was given to `sender`. Spaces anywhere, capitals and words before and after do no
    /// harm; the brackets must be there.
    pub fn own_subject_tag(&self, subject: &str, sender: &Address) -> Option<TicketNumber> {
        bracketed(subject).find_map(|inside| {
            let (number, tag) = number_and_tag(&inside)?;
            self.macs()
                .any(|mac| mac.same(&mac.subject_mac(number, sender), &tag))
                .then_some(TicketNumber(number))
        })
    }

    /// Makes the value of the loop header, by which we recognise our own mails.
    pub fn loop_token(&self) -> String {
        self.mac.tag("loop", &[])
    }

    /// Returns whether a loop header's value is one that we write, or wrote.
    pub fn own_loop_token(&self, value: &str) -> bool {
        self.macs()
            .any(|mac| mac.same(&mac.tag("loop", &[]), value))
    }
}

/// Makes a Message-ID by one key.
fn message_id_by(
    mac: &Mac,
    purpose: Purpose,
    ticket: TicketNumber,
    digest: &[u8; 32],
    to: &Address,
    domain: &str,
) -> MessageId {
    let letter = letter(purpose);
    let who = to.identity();
    let number = ticket.0.to_string();
    let mut nonce = mac.tag("nonce", &[letter.as_bytes(), digest, who.as_bytes()]);
    nonce.truncate(NONCE_CHARS);
    let seal = mac.seal(letter, &number, &nonce);
    let bond = mac.bond(letter, &number, &nonce, &who);
    let domain: String = domain
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        .take(253)
        .collect();
    let domain = if domain.is_empty() {
        "localhost"
    } else {
        domain.as_str()
    };
    MessageId::try_from(format!("{letter}.{number}.{nonce}.{seal}.{bond}@{domain}"))
        .expect("letters, digits, dots and one @ are an id")
}

/// Returns the ticket number that a text claims (`[#1042 ...]` or an id of our form), proved or not: only good for a link.
pub fn claimed(subject: &str, ids: &[MessageId]) -> Option<TicketNumber> {
    let in_subject = bracketed(subject).find_map(|inside| {
        let digits: String = inside.chars().take_while(char::is_ascii_digit).collect();
        let tagged = number_and_tag(&inside.replace(char::is_whitespace, "")).map(|(n, _)| n);
        tagged.or_else(|| number(&digits)).map(TicketNumber)
    });
    in_subject.or_else(|| {
        ids.iter()
            .find_map(|id| Some(IdParts::of(id.as_str())?.ticket))
    })
}

/// Returns the ticket number in a reply address of our form, proved or not: only good for a link.
pub(crate) fn claimed_by_address(address: &Address, desk: &Address) -> Option<TicketNumber> {
    reply_token(address, desk).map(|(number, _)| TicketNumber(number))
}

/// Our id's form, taken apart; nothing proved yet.
struct IdParts<'a> {
    purpose: Purpose,
    letter: &'static str,
    ticket: TicketNumber,
    number: &'a str,
    nonce: String,
    seal: String,
    bond: String,
}

impl<'a> IdParts<'a> {
    fn of(id: &'a str) -> Option<Self> {
        let (left, _) = id.split_once('@')?;
        let mut fields = left.split('.');
        let purpose = purpose(fields.next()?)?;
        let written = fields.next()?;
        let ticket = TicketNumber(number(written)?);
        let nonce = base32(fields.next()?, NONCE_CHARS)?;
        let seal = base32(fields.next()?, TAG_CHARS)?;
        let bond = base32(fields.next()?, TAG_CHARS)?;
        if fields.next().is_some() {
            return None;
        }
        Some(Self {
            purpose,
            letter: letter(purpose),
            ticket,
            number: written,
            nonce,
            seal,
            bond,
        })
    }
}

fn letter(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reply => "r",
        Purpose::Forward => "f",
        Purpose::Relay => "a",
        Purpose::Verify => "v",
        Purpose::Notice => "n",
    }
}

fn purpose(letter: &str) -> Option<Purpose> {
    match letter {
        "r" | "R" => Some(Purpose::Reply),
        "f" | "F" => Some(Purpose::Forward),
        "a" | "A" => Some(Purpose::Relay),
        "v" | "V" => Some(Purpose::Verify),
        "n" | "N" => Some(Purpose::Notice),
        _ => None,
    }
}

/// Reads a number as we write it: no sign, no leading zero, so that each has one spelling.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() <= 20
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// Returns the text in lower case if it has exactly that many characters of our base32.
fn base32(text: &str, chars: usize) -> Option<String> {
    let fits = text.len() == chars
        && text
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b));
    fits.then(|| text.to_ascii_lowercase())
}

/// Splits `1042k7q2m9xtpa4wzd3e`, with any spaces in between, at the tag's fixed length: base32 has digits too.
fn number_and_tag(inside: &str) -> Option<(u64, String)> {
    let dense: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    let (digits, tag) = dense.split_at_checked(dense.len().checked_sub(TAG_CHARS)?)?;
    Some((number(digits)?, base32(tag, TAG_CHARS)?))
}

/// Returns what stands inside each `[#...]` of a subject, spaces trimmed.
fn bracketed(subject: &str) -> impl Iterator<Item = String> + '_ {
    subject
        .split('[')
        .skip(1)
        .take(SUBJECT_BRACKETS_MAX)
        .filter_map(|after| {
            let (inside, _) = after.split_once(']')?;
            if inside.len() > SUBJECT_TAG_OCTETS_MAX {
                return None;
            }
            Some(inside.trim_start().strip_prefix('#')?.trim().to_owned())
        })
}

/// Takes a reply address of that desk apart: `local+TICKET-TAG@domain`. Mail systems change the case of local parts.
fn reply_token(address: &Address, desk: &Address) -> Option<(u64, String)> {
    if !address.domain().eq_ignore_ascii_case(desk.domain()) {
        return None;
    }
    let (local, token) = address.local().rsplit_once('+')?;
    if !local.eq_ignore_ascii_case(desk.local()) {
        return None;
    }
    let (digits, tag) = token.split_once('-')?;
    Some((number(digits)?, base32(tag, TAG_CHARS)?))
}

#[cfg(test)]
mod tests;
