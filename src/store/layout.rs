//! Keys and versioned records: the only bytes on disk, and the only serde of them.
//!
//! ```text
//! tree       key (big endian)                              value                    why
//! ---------  --------------------------------------------  -----------------------  ------------------------------
//! head       "version"                                     number of this layout    a newer one is refused
//! head       "instance"                                    InstanceRow              which store this is
//! head       "head"                                        HeadRow                  numbers to give, counts
//! head       "time"                                        TimeRow                  the desk's time, for the next start
//! head       "key"                                         KeyRow                   digest of the key that signs
//! head       "accepted"                                    AcceptedRow              since when it may not know all
//! head       "migration"                                   MigrationRow             how far a move to this layout is
//! head       "breaker"                                 BreakerRow               the total breaker
//! head       "horizon"                                     HorizonRow               older mails may be erased
//! ledger     name-length u16, mailbox, validity u32, uid   LedgerRow                what became of each mail
//! arrivals   seq u64                                       ArrivalRow               the ledger in order of time
//! digests    SHA-256 of what the writer wrote              DigestRow                a copy is known as such
//! tickets    number u64                                    TicketRow
//! states     state u8, ticket u64                          ()                       tickets by state
//! events     ticket u64, seq u64                           EventRow
//! threads    SHA-256 of the Message-ID                     ThreadRow                foreign ids seen, own ids sent
//! outbox     seq u64                                       OutboxRow                the bytes are in the spool
//! stages     stage u8, time i64, seq u64                   StageRow                 due, leased, parked, settled
//! due        name-length u16, mailbox, time i64, seq u64   ()                       what waits, by its way out
//! letters    ticket u64, seq u64                           ()                       outbox records by ticket
//! budgets    kind u8, writer, ticket, domain or words      BudgetRow                automatic replies counted
//! budgets    'w', kind u8, proof u8, writer, ...           FloodRow                 cases counted, and gathered
//! budgets    'y', writer                                   EarlierRow               what a writer's next mail is held against
//! expiry     time i64, key in budgets                      ()                       budgets to forget
//! cursors    mailbox                                       CursorRow
//! filings    as ledger                                     FilingRow                mails still to be filed away
//! turns      queue                                         u64                      round robin
//! poison     as ledger                                     u32                      tries that ended badly
//! poison     ff ff, mailbox                                PerilRow                 starts that came to no calm
//! finds      see `finds`                                   ()                       mails by id, writer, time, ticket
//! waiting    as ledger                                     WaitingRow               mails that another has claimed
//! dead       identity of an address                        DeadRow                  no reply goes there
//! quarantine number in arrivals when it was held, u64      QuarantineRow            mails held for an operator; the bytes are in the spool
//! duties     see `duties`                                  DutyRow                  agents' time: what is waited for, absences, loads
//! agenda     time i64, key in duties                       ()                       what falls due, by time
//! acts       't' or 'r', ticket; or 'w', identity          ActRow                   see `acts`
//! addresses  ticket u64, digest of the identity            StandingRow              whether each is verified
//! refusals   SHA-256 of the writer                         RefusalRow               never asked again
//! merges     number of the merged ticket u64               MergeRow                 which ticket goes on for it
//!
//! value = version u8 | crc32 u32 (of tree, key, version, payload) | payload (postcard)
//! times in keys: i64 with the sign bit turned, so that they sort
//! spool/<16 hex digits>   the mails of one commit, one after the other; outbox records say where
//! generation              one line of text, see `witness`; outside the store, so that an emptied store is noticed
//! ```
//!
//! The checksum covers tree and key: a whole record in the wrong place is damage too. A record's struct never
//! changes once released: a new version gets a new struct, and `Row::old` reads the old one.

pub(super) mod acts;
pub(super) mod codes;
pub(super) mod duties;
pub(super) mod finds;
pub(super) mod head;
pub(super) mod letters;
pub(super) mod limits;
pub(super) mod old;
pub(super) mod peril;
pub(super) mod person;
pub(super) mod quarantine;
pub(super) mod rows;
pub(super) mod waiting;
pub(super) mod witness;

use ring::digest::SHA256;
use ring::digest::digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::message::id::MessageId;
use crate::store::MailRef;
use crate::store::StoreError;
use crate::triage::ticket::TicketNumber;

/// The version of the whole layout; a store with a greater one is not touched.
pub(super) const LAYOUT_VERSION: u32 = 4;
/// No value is longer (octets): sled keeps small values well and leaks large ones.
pub(super) const VALUE_BYTES_MAX: usize = 4096;
/// Octets before the payload: version and checksum.
const SEAL_BYTES: usize = 5;

/// A tree of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tree {
    Head,
    Ledger,
    Arrivals,
    Digests,
    Tickets,
    States,
    Events,
    Threads,
    Outbox,
    Stages,
    Due,
    Letters,
    Budgets,
    Expiry,
    Cursors,
    Filings,
    Turns,
    Poison,
    Finds,
    Waiting,
    Dead,
    Quarantine,
    Duties,
    Agenda,
    Acts,
    Addresses,
    Refusals,
    Merges,
}

/// All trees, in the order of their numbers.
pub(super) const TREES: [Tree; 28] = [
    Tree::Head,
    Tree::Ledger,
    Tree::Arrivals,
    Tree::Digests,
    Tree::Tickets,
    Tree::States,
    Tree::Events,
    Tree::Threads,
    Tree::Outbox,
    Tree::Stages,
    Tree::Due,
    Tree::Letters,
    Tree::Budgets,
    Tree::Expiry,
    Tree::Cursors,
    Tree::Filings,
    Tree::Turns,
    Tree::Poison,
    Tree::Finds,
    Tree::Waiting,
    Tree::Dead,
    Tree::Quarantine,
    Tree::Duties,
    Tree::Agenda,
    Tree::Acts,
    Tree::Addresses,
    Tree::Refusals,
    Tree::Merges,
];

impl Tree {
    /// Returns its name on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Ledger => "ledger",
            Self::Arrivals => "arrivals",
            Self::Digests => "digests",
            Self::Tickets => "tickets",
            Self::States => "states",
            Self::Events => "events",
            Self::Threads => "threads",
            Self::Outbox => "outbox",
            Self::Stages => "stages",
            Self::Due => "due",
            Self::Letters => "letters",
            Self::Budgets => "budgets",
            Self::Expiry => "expiry",
            Self::Cursors => "cursors",
            Self::Filings => "filings",
            Self::Turns => "turns",
            Self::Poison => "poison",
            Self::Finds => "finds",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Quarantine => "quarantine",
            Self::Duties => "duties",
            Self::Agenda => "agenda",
            Self::Acts => "acts",
            Self::Addresses => "addresses",
            Self::Refusals => "refusals",
            Self::Merges => "merges",
        }
    }
}

/// A record: what one tree holds.
pub(super) trait Row: Serialize + DeserializeOwned {
    /// The tree it lies in.
    const TREE: Tree;
    /// The version that is written.
    const VERSION: u8 = 1;

    /// Reads a version before [`Self::VERSION`]; none if there never was such a one.
    fn old(_version: u8, _payload: &[u8]) -> Option<Self> {
        None
    }
}

/// Seals a record for the disk.
pub(super) fn seal<R: Row>(key: &[u8], row: &R) -> Result<Vec<u8>, StoreError> {
    let payload = postcard::to_allocvec(row).map_err(|_| damaged(R::TREE, key))?;
    let mut value = Vec::with_capacity(SEAL_BYTES + payload.len());
    value.push(R::VERSION);
    value.extend_from_slice(&checksum(R::TREE, key, R::VERSION, &payload).to_be_bytes());
    value.extend_from_slice(&payload);
    if value.len() > VALUE_BYTES_MAX {
        return Err(StoreError::TooLarge {
            tree: R::TREE.name(),
            bytes: value.len(),
        });
    }
    Ok(value)
}

/// Reads a record from the disk.
pub(super) fn unseal<R: Row>(key: &[u8], value: &[u8]) -> Result<R, StoreError> {
    let (version, payload) = checked(R::TREE, key, value)?;
    let row = if version == R::VERSION {
        postcard::take_from_bytes::<R>(payload)
            .ok()
            .filter(|(_, rest)| rest.is_empty())
            .map(|(row, _)| row)
    } else {
        R::old(version, payload)
    };
    row.ok_or_else(|| damaged(R::TREE, key))
}

/// Checks a record's checksum; returns its version and payload.
pub(super) fn checked<'a>(
    tree: Tree,
    key: &[u8],
    value: &'a [u8],
) -> Result<(u8, &'a [u8]), StoreError> {
    let (seal, payload) = value
        .split_first_chunk::<SEAL_BYTES>()
        .ok_or_else(|| damaged(tree, key))?;
    let [version, crc @ ..] = *seal;
    if u32::from_be_bytes(crc) == checksum(tree, key, version, payload) {
        Ok((version, payload))
    } else {
        Err(damaged(tree, key))
    }
}

fn checksum(tree: Tree, key: &[u8], version: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(tree.name().as_bytes());
    hasher.update(&[0]);
    hasher.update(key);
    hasher.update(&[version]);
    hasher.update(payload);
    hasher.finalize()
}

/// Names a damaged record.
pub(super) fn damaged(tree: Tree, key: &[u8]) -> StoreError {
    let shown = key.get(..key.len().min(48)).unwrap_or_default();
    StoreError::Damaged {
        tree: tree.name(),
        key: data_encoding::HEXLOWER.encode(shown),
    }
}

/// The layout's version record.
pub(super) const VERSION_KEY: &[u8] = b"version";
/// The record of which store this is.
pub(super) const INSTANCE_KEY: &[u8] = b"instance";
/// The record of when an operator last let the store go on.
pub(super) const ACCEPTED_KEY: &[u8] = b"accepted";
/// The record of what the desk's key is like.
pub(super) const KEY_KEY: &[u8] = b"key";
/// What one process leaves of the time for the next.
pub(super) const TIME_KEY: &[u8] = b"time";
/// The head record.
pub(super) const HEAD_KEY: &[u8] = b"head";
/// The record of an unfinished move to this layout.
pub(super) const MIGRATION_KEY: &[u8] = b"migration";
/// The record of the total breaker.
pub(super) const BREAKER_KEY: &[u8] = b"breaker";
/// The record of what was erased for its age.
pub(super) const HORIZON_KEY: &[u8] = b"horizon";

/// Key of a mail in `ledger`, `filings` and `poison`.
pub(super) fn mail_key(mail: &MailRef) -> Vec<u8> {
    let mut key = validity_key(&mail.mailbox, mail.uid_validity);
    key.extend_from_slice(&mail.uid.to_be_bytes());
    key
}

/// What the keys of all mails of one mailbox begin with.
pub(super) fn mailbox_key(mailbox: &str) -> Vec<u8> {
    // The length goes first, so that no name is another's beginning. Configs hold no name this long.
    let length = u16::try_from(mailbox.len()).unwrap_or(u16::MAX);
    let mut key = Vec::with_capacity(mailbox.len() + 10);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(mailbox.as_bytes());
    key
}

/// What the keys of all mails of one mailbox and UIDVALIDITY begin with.
pub(super) fn validity_key(mailbox: &str, uid_validity: u32) -> Vec<u8> {
    let mut key = mailbox_key(mailbox);
    key.extend_from_slice(&uid_validity.to_be_bytes());
    key
}

/// Returns the UID at the end of a mail's key.
pub(super) fn uid_of(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|uid| u32::from_be_bytes(*uid))
}

/// Returns the mail of a key in `ledger`.
pub(super) fn mail_of(key: &[u8]) -> Option<MailRef> {
    let (length, rest) = key.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (validity, rest) = rest.split_first_chunk::<4>()?;
    let uid: [u8; 4] = rest.try_into().ok()?;
    Some(MailRef {
        mailbox: String::from_utf8(name.to_vec()).ok()?,
        uid_validity: u32::from_be_bytes(*validity),
        uid: u32::from_be_bytes(uid),
    })
}

/// Key of a ticket, and what keys in `events` and `letters` begin with.
pub(super) fn ticket_key(number: TicketNumber) -> [u8; 8] {
    number.0.to_be_bytes()
}

/// Key in `events` and `letters`.
pub(super) fn under_ticket(number: TicketNumber, seq: u64) -> Vec<u8> {
    [ticket_key(number), seq.to_be_bytes()].concat()
}

/// Key in `states`.
pub(super) fn state_key(state: u8, number: TicketNumber) -> Vec<u8> {
    [&[state][..], &ticket_key(number)].concat()
}

/// Key in `stages`.
pub(super) fn stage_key(stage: u8, at: Timestamp, seq: u64) -> Vec<u8> {
    [&[stage][..], &time_key(at), &seq.to_be_bytes()].concat()
}

/// Key in `due`.
pub(super) fn due_key(mailbox: &str, at: Timestamp, seq: u64) -> Vec<u8> {
    [&mailbox_key(mailbox)[..], &time_key(at), &seq.to_be_bytes()].concat()
}

/// Returns the mailbox and the time of a key in `due`.
pub(super) fn due_of(key: &[u8]) -> Option<(&str, Timestamp)> {
    let (length, rest) = key.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (time, _) = rest.split_first_chunk::<8>()?;
    Some((std::str::from_utf8(name).ok()?, time_of(*time)))
}

/// Returns the number at the end of a key.
pub(super) fn seq_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|seq| u64::from_be_bytes(*seq))
}

/// Key in `threads`: ids are long and strangers choose them.
pub(super) fn id_key(id: &MessageId) -> Vec<u8> {
    digest(&SHA256, String::from(id.clone()).as_bytes())
        .as_ref()
        .to_vec()
}

/// Key in `expiry`.
pub(super) fn expiry_key(at: Timestamp, budget: &[u8]) -> Vec<u8> {
    [&time_key(at)[..], budget].concat()
}

/// A moment as octets that sort as moments do.
pub(super) fn time_key(at: Timestamp) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// Returns the moment of such octets.
pub(super) fn time_of(key: [u8; 8]) -> Timestamp {
    Timestamp((u64::from_be_bytes(key) ^ (1 << 63)).cast_signed())
}

/// Returns the first key that does not begin with `prefix`; none if there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests;
