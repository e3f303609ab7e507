//! The ledger, tickets, threads, outbox, budgets and cursors: sled behind one door.
//!
//! ```text
//!  group() --recall, add, skip, cursor--> commit:  spool file, synced
//!  lease, settle, recover ----------------+        one transaction over all trees
//!                                         |        make_durable: flush, fdatasync
//!                                         +------> generation record beside the store
//! ```
//!
//! # Decisions
//! - One writer at a time (a mutex), reads from anywhere. What is read while a commit is on its way may be visible
//!   before it is durable; nothing acts on the world by such a read: `lease` is a commit itself.
//! - A group is laid over the store in memory and written in one transaction of values already computed.
//! - After an error in writing the store refuses everything (`StoreError::Broken`): what a disk holds after a failed
//!   sync nobody knows. A new start reads what is really there.
//! - The generation record outside sled says how far the store had come. An older or emptied store is refused
//!   (`OpenError::Behind`): a daemon with an empty memory answers a whole mailbox again.
//! - sled rewrites what it finds damaged, and in no safe order what it finds sound. So a copy is looked at (`look`; after an
//!   orderly end it is trusted, `seal`) and takes the store's place (`place`, `swap`), as what is mended or restored does.

pub mod agenda;
pub mod commit;
pub mod due;
pub mod erase;
pub mod find;
pub mod layout;
pub mod ledger;
pub mod outbox;
pub mod quarantine;
pub mod read;
pub mod recall;
pub mod spool;
pub mod views;

mod acts;
mod assign;
mod away;
mod backup;
mod backup_folder;
mod batch;
mod breaker;
mod budget;
mod correct;
mod dead;
mod derived;
mod duties;
mod engine;
mod flood;
mod identity;
mod index;
mod keys;
mod look;
mod merge;
mod migrate;
mod open;
mod peril;
mod person;
mod place;
mod post;
mod rebuild;
mod records;
mod renew;
mod repair;
mod rest;
mod restore;
mod salvage;
mod seal;
mod shrink;
mod stop;
mod survey;
mod swap;
mod sync;
mod time;
mod verify;
mod waiting;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::engine::Engine;
use crate::store::erase::Sweep;
use crate::store::keys::KeyRing;
use crate::store::layout::head::HeadRow;
use crate::store::spool::Spool;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Plan;
use crate::triage::roster::Roster;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;

pub use crate::store::acts::Marks;
pub use crate::store::agenda::Fallen;
pub use crate::store::away::Away;
pub use crate::store::backup::BackupDone;
pub use crate::store::backup::BackupError;
pub use crate::store::backup::BackupState;
pub use crate::store::breaker::ALARM_S;
pub use crate::store::commit::CommitError;
pub use crate::store::commit::Group;
pub use crate::store::correct::CORRECTIONS;
pub use crate::store::dead::Dead;
pub use crate::store::due::Taken;
pub use crate::store::duties::Counted;
pub use crate::store::erase::Erased;
pub use crate::store::erase::Erasure;
pub use crate::store::find::Page;
pub use crate::store::find::Place;
pub use crate::store::find::Wanted;
pub use crate::store::flood::Common;
pub use crate::store::flood::Like;
pub use crate::store::flood::Tally;
pub use crate::store::identity::KeyError;
pub use crate::store::keys::KeyView;
pub use crate::store::outbox::Leased;
pub use crate::store::outbox::OutboxId;
pub use crate::store::outbox::Recovered;
pub use crate::store::person::Named;
pub use crate::store::quarantine::HeldCounts;
pub use crate::store::quarantine::HeldState;
pub use crate::store::quarantine::HeldView;
pub use crate::store::quarantine::Holding;
pub use crate::store::quarantine::Word;
pub use crate::store::renew::Renewed;
pub use crate::store::repair::Repaired;
pub use crate::store::restore::RestoreError;
pub use crate::store::restore::Restored;
pub use crate::store::seal::Checking;
pub use crate::store::shrink::SHRINK_FACTOR;
pub use crate::store::shrink::Shrunk;
pub use crate::store::stop::Stopped;
pub use crate::store::stop::Unsent;
pub use crate::store::sync::SyncCounts;
pub use crate::store::verify::Found;
pub use crate::store::verify::Verified;
pub use crate::store::views::Counts;
pub use crate::store::views::Handled;
pub use crate::store::views::LedgerState;
pub use crate::store::views::LedgerView;
pub use crate::store::views::Order;
pub use crate::store::views::OutboxView;
pub use crate::store::views::Stage;
pub use crate::store::views::ThreadView;
pub use crate::store::views::TicketKind;
pub use crate::store::waiting::State;

/// The store. Cheap to clone; all clones are the same store. Every function blocks (disk).
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    spool: Spool,
    dir: PathBuf,
    witness: PathBuf,
    options: StoreOptions,
    /// The desk's keys.
    ring: Mutex<KeyRing>,
    instance: String,
    /// When an operator last let the store go on though it may not know all.
    accepted: Option<Timestamp>,
    /// What shrinking at the start did.
    shrunk: Option<Shrunk>,
    /// It was opened by its seal: its records were not read at this start.
    unread: bool,
    /// Octets of the engine's files when every record was last read at a start.
    read_octets: u64,
    /// The backup that is being made, or the last one.
    backup: Mutex<BackupState>,
    writer: Mutex<Writer>,
    /// No automatic reply may be leased.
    replies_held: AtomicBool,
    /// Agents' time as the config has it.
    roster: Mutex<Arc<Roster>>,
    /// The writer's head as last committed, for those who only count.
    head: Mutex<HeadRow>,
    /// Holds the lock of the state folder as long as the store is open. Last: freed when all else is closed.
    _lock: File,
}

/// What the one writer knows without asking the engine.
#[derive(Debug, Default)]
struct Writer {
    head: HeadRow,
    turns: BTreeMap<String, u64>,
    /// Spool files with how many of their mails may still be sent.
    live: BTreeMap<u64, u64>,
    /// Where a look for what is old goes on.
    sweep: Sweep,
}

/// How the store is opened, and its limits.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Octets of the engine's page cache; no hard bound of the process's memory.
    pub cache_bytes: u64,
    /// Octets of mails leased at a time (at least one mail is, however large).
    pub lease_bytes_max: u64,
    /// Seconds that settled outgoing mails (sent, dropped) stay on record.
    pub settled_keep_s: i64,
    /// Seconds that a parked mail's bytes are kept; then it counts as dropped.
    pub parked_keep_s: i64,
    /// Octets of all mails that are held for an operator together; of those beyond it only the beginning is kept.
    pub held_bytes_max: u64,
    /// Seconds to wait for another process that is just letting go.
    pub lock_wait_s: u64,
    /// Records that one commit of an erasure, or of a move to a new layout, looks at.
    pub piece: usize,
    /// Reads every record at the start and checks it (about a second for a million).
    pub verify: bool,
    /// Octets of the data file from which on the store is rewritten at its start, if it is also
    /// [`SHRINK_FACTOR`] times as large as what it holds.
    pub shrink_bytes_min: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * 1024 * 1024,
            lease_bytes_max: 16 * 1024 * 1024,
            settled_keep_s: 90 * 24 * 3600,
            parked_keep_s: 90 * 24 * 3600,
            held_bytes_max: 1024 * 1024 * 1024,
            lock_wait_s: 2,
            piece: 1_000,
            verify: true,
            shrink_bytes_min: 64 * 1024 * 1024,
        }
    }
}

/// Why the store does not open, by what the operator does about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the store is in use by another mailclerk; stop that one first, or ask it over its control socket"
    )]
    InUse,
    /// A newer mailclerk wrote it.
    #[error(
        "the store has layout {found}, this mailclerk knows up to {known}; start the newer one again, or restore a backup"
    )]
    Newer {
        /// The layout's version on disk.
        found: u32,
        /// The greatest version known here.
        known: u32,
    },
    /// Records are missing or spoiled.
    #[error(
        "the store is damaged: {0}; nothing was changed or sent; `mailclerk store verify` tells more; restore the newest backup (`mailclerk store restore DIR`), or, when there is none, save what can be saved with `mailclerk store repair`"
    )]
    Damaged(String),
    /// The store is older or emptier than it was.
    #[error(
        "the store holds less than it did ({0}); nothing was changed or sent, because answered mails would be answered again; restore the newest backup (`mailclerk store restore DIR`), or, when there is none, have it go on as it is with `mailclerk store accept`"
    )]
    Behind(String),
    /// The key is missing or spoiled.
    #[error("{path}: {why}; nothing was changed or sent; put back the one from the newest backup (`desk.key`): without it no answer to an earlier mail proves where it belongs; when it is lost for good, `mailclerk store accept` makes a new one", path = path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The disk or its permissions.
    #[error("{path}: {why}", path = path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl OpenError {
    /// Whether trying again is of no use: a person must decide.
    pub fn wants_a_decision(&self) -> bool {
        match self {
            Self::Newer { .. } | Self::Damaged(_) | Self::Behind(_) | Self::Key { .. } => true,
            Self::InUse | Self::Disk { .. } => false,
        }
    }
}

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A write failed earlier; nothing more is believed until a new start.
    #[error("the store goes no further after an error: {0}; start again when the cause is mended")]
    Broken(String),
    /// A record is not what was written.
    #[error("the store is damaged in `{tree}`, record {key}; start again: what to do is said then")]
    Damaged {
        /// The tree.
        tree: &'static str,
        /// The record's key in hex, cut.
        key: String,
    },
    /// A record would be longer than records may be.
    #[error("a record of {bytes} octets is too long for `{tree}`")]
    TooLarge {
        /// The tree.
        tree: &'static str,
        /// Its octets.
        bytes: usize,
    },
    /// The spool could not be written; nothing was recorded, it can be tried again.
    #[error("the spool cannot be written: {0}")]
    Spool(String),
    /// A file beside the records could not be read or written; nothing was recorded, it can be tried again.
    #[error("{0}; nothing was recorded")]
    File(String),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Becomes the writer. A panic of an earlier one (in thinking, between `group` and `commit`) changed nothing here.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a mail lies: which mailbox (its name in the config), and its UID there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailRef {
    /// The mailbox's name in the config.
    pub mailbox: String,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UID.
    pub uid: u32,
}

/// A mail's whole outcome, to be made durable in one piece.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the mail lies.
    pub mail: MailRef,
    /// Its digest.
    pub digest: [u8; 32],
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// Who wrote it, where one certain address is known; its budget is charged too.
    pub sender: Option<Address>,
    /// When the server got it.
    pub received: Timestamp,
    /// Where it is to be filed away.
    pub filing: Filing,
    /// What was decided.
    pub plan: Plan,
    /// The mails that leave, composed; one for each letter of the plan.
    pub outgoing: Vec<Outgoing>,
    /// What to note on the ticket (or the ledger).
    pub events: Vec<TicketEvent>,
}

/// A composed mail for the outbox.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Why it leaves.
    pub purpose: Purpose,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// Its id.
    pub message_id: MessageId,
    /// Envelope sender; none: null.
    pub envelope_from: Option<Address>,
    /// The one recipient.
    pub to: Address,
    /// The mailbox through whose SMTP server it goes.
    pub mailbox: String,
    /// ISO 639-1 code of its text.
    pub language: String,
    /// Templates that count against the recipient's budget.
    pub templates: Vec<String>,
    /// The bytes; they go to the spool.
    pub bytes: Vec<u8>,
}

#[cfg(test)]
mod tests;
