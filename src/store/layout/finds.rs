//! Keys of `finds`: how a mail is found by what people know of it, and what belongs to a ticket.
//!
//! ```text
//! kind  then                                          points to
//! 0     hash of the Message-ID, time, arrival         a mail, by its number in `arrivals`
//! 1     hash of the writer's identity, time, arrival  a mail
//! 2     name-length u16, mailbox, time, arrival       a mail
//! 3     ticket u64, time, arrival                     a mail
//! 4     ticket u64, key in `threads`                  an id that leads to the ticket
//! 5     time of the last change, ticket u64           a ticket
//! ```
//! Hashes are the first 16 octets of SHA-256: what strangers choose has one length, and the record itself is asked
//! whether it is the one. Times are those of receipt.

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::layout::mailbox_key;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::seq_of;
use crate::store::layout::ticket_key;
use crate::store::layout::time_key;
use crate::store::layout::time_of;
use crate::triage::ticket::TicketNumber;

const BY_ID: u8 = 0;
const BY_SENDER: u8 = 1;
const BY_TIME: u8 = 2;
const OF_TICKET: u8 = 3;
const THREAD_OF: u8 = 4;
const UPDATED: u8 = 5;

fn hashed(kind: u8, text: &str) -> Vec<u8> {
    let hash = digest(&SHA256, text.as_bytes());
    let mut key = vec![kind];
    key.extend(hash.as_ref().iter().take(16));
    key
}

/// What the keys of all mails with a Message-ID begin with.
pub(in crate::store) fn by_id(id: &MessageId) -> Vec<u8> {
    hashed(BY_ID, id.as_str())
}

/// What the keys of all mails of a writer begin with, however the address is spelt.
pub(in crate::store) fn by_sender(sender: &Address) -> Vec<u8> {
    hashed(BY_SENDER, &sender.identity())
}

/// What the keys of all mails of a mailbox begin with.
pub(in crate::store) fn by_time(mailbox: &str) -> Vec<u8> {
    [&[BY_TIME][..], &mailbox_key(mailbox)].concat()
}

/// What the keys of all mailboxes begin with.
pub(in crate::store) fn by_times() -> Vec<u8> {
    vec![BY_TIME]
}

/// Returns the mailbox of a key of that kind.
pub(in crate::store) fn mailbox_of(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.get(1..)?.split_first_chunk::<2>()?;
    let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    std::str::from_utf8(name).ok()
}

/// What the keys of all mails on a ticket begin with.
pub(in crate::store) fn of_ticket(number: TicketNumber) -> Vec<u8> {
    [&[OF_TICKET][..], &ticket_key(number)].concat()
}

/// What the keys of all ids that lead to a ticket begin with.
pub(in crate::store) fn threads_of(number: TicketNumber) -> Vec<u8> {
    [&[THREAD_OF][..], &ticket_key(number)].concat()
}

/// Key of one such id, by its key in `threads`.
pub(in crate::store) fn thread_of(number: TicketNumber, thread: &[u8]) -> Vec<u8> {
    [&threads_of(number), thread].concat()
}

/// Returns the key in `threads` of such a key.
pub(in crate::store) fn thread_key_of(key: &[u8]) -> Option<&[u8]> {
    key.get(9..)
}

/// Key of a ticket by its last change.
pub(in crate::store) fn updated(at: Timestamp, number: TicketNumber) -> Vec<u8> {
    [&[UPDATED][..], &time_key(at), &ticket_key(number)].concat()
}

/// What the keys of all tickets by their last change begin with.
pub(in crate::store) fn updates() -> Vec<u8> {
    vec![UPDATED]
}

/// The end of a mail's keys; in this order mails are listed.
pub(in crate::store) fn place(received: Timestamp, seq: u64) -> [u8; 16] {
    let mut place = [0; 16];
    let (time, number) = place.split_at_mut(8);
    time.copy_from_slice(&time_key(received));
    number.copy_from_slice(&seq.to_be_bytes());
    place
}

/// Returns time and number at the end of a mail's key.
pub(in crate::store) fn place_of(key: &[u8]) -> Option<(Timestamp, u64)> {
    let (rest, _) = key.split_last_chunk::<8>()?;
    Some((time_of(*rest.last_chunk::<8>()?), seq_of(key)?))
}

/// Returns when a mail was received; for one that was never looked at and has no such time, when that was decided.
pub(in crate::store) fn received(row: &LedgerRow) -> Timestamp {
    Timestamp(match &row.end {
        LedgerEnd::Handled { received, .. } => *received,
        LedgerEnd::Skipped { received } | LedgerEnd::Erased { received, .. } => {
            received.unwrap_or(row.at)
        }
    })
}

/// Returns all keys of a mail; none when it has no number yet.
pub(in crate::store) fn keys(mailbox: &str, row: &LedgerRow) -> Vec<Vec<u8>> {
    let Some(seq) = row.seq else {
        return Vec::new();
    };
    let mut starts = vec![by_time(mailbox)];
    if let LedgerEnd::Handled {
        ticket,
        sender,
        message_id,
        ..
    } = &row.end
    {
        starts.extend(message_id.as_ref().map(by_id));
        starts.extend(sender.as_ref().map(by_sender));
        starts.extend(ticket.map(|number| of_ticket(TicketNumber(number))));
    }
    let place = place(received(row), seq);
    for start in &mut starts {
        start.extend_from_slice(&place);
    }
    starts
}
