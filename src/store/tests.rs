//! The real store in temp folders.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod acts;
mod agenda;
mod erasing;
mod failing;
mod finding;
mod harm;
mod intake;
mod keeping;
mod kept;
mod keyring;
mod killed;
mod limits;
mod lists;
mod mounts;
mod opening;
mod person;
mod quarantine;
mod seals;
mod sending;
mod wear;

use std::path::Path;

use tempfile::TempDir;

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::Entry;
use crate::store::Leased;
use crate::store::MailRef;
use crate::store::OpenError;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Case;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::thread::Clues;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

const NOW: Timestamp = Timestamp(1_750_000_000);

/// A state folder with its store; the store can be closed and opened again.
struct House {
    dir: TempDir,
    store: Option<Store>,
}

fn options() -> StoreOptions {
    StoreOptions {
        lock_wait_s: 1,
        cache_bytes: 1 << 20,
        piece: 7,
        ..StoreOptions::default()
    }
}

fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let store = Some(Store::open(dir.path(), options()).unwrap());
    House { dir, store }
}

/// A temp folder in memory, where there is such a place: for what is done hundreds of times and asks for order alone.
fn quick() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl House {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn close(&mut self) {
        self.store = None;
    }

    fn reopen(&mut self) -> Result<(), OpenError> {
        self.close();
        self.store = Some(Store::open(self.path(), options())?);
        Ok(())
    }

    /// Adds entries in one group.
    fn take(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut group = self.store().group();
        for entry in entries {
            group.add(entry, NOW).unwrap();
        }
        group.commit().unwrap();
    }

    fn recall(&self, uid: u32, clues: &Clues, sender: &str, now: Timestamp) -> Case {
        self.store()
            .group()
            .recall(&digest(uid), clues, Some(&address(sender)), now)
            .unwrap()
    }

    fn lease(&self, now: Timestamp, limit: usize) -> Vec<Leased> {
        self.store().lease(now, "support", limit).unwrap().mails
    }

    fn spool_files(&self) -> usize {
        std::fs::read_dir(self.path().join("spool"))
            .unwrap()
            .count()
    }
}

fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

fn id(text: &str) -> MessageId {
    MessageId::try_from(text.to_owned()).unwrap()
}

fn mail(uid: u32) -> MailRef {
    MailRef {
        mailbox: "support".to_owned(),
        uid_validity: 7,
        uid,
    }
}

/// A digest by number: the same number is the same mail.
fn digest(number: u32) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    digest
}

fn ticket(number: u64, state: TicketState) -> Ticket {
    Ticket {
        number: TicketNumber(number),
        version: 0,
        state,
        mailbox: "support".to_owned(),
        subject: "Cannot get in".to_owned(),
        participants: vec![address("ann@museum.example")],
        intents: vec!["account-access".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: NOW,
        updated: NOW,
    }
}

fn answered() -> TicketState {
    TicketState::Answered { at: NOW }
}

fn with_agent() -> TicketState {
    TicketState::WithAgent {
        agent: address("ana@agents.example"),
        since: NOW,
    }
}

fn entry(uid: u32, step: Step) -> Entry {
    let because = Because {
        stage: "decide",
        rule: "D4".to_owned(),
        says: "an account case goes to a person".to_owned(),
        matched: String::new(),
    };
    Entry {
        mail: mail(uid),
        digest: digest(uid),
        message_id: Some(id(&format!("m{uid}@museum.example"))),
        sender: Some(address("ann@museum.example")),
        received: NOW,
        filing: Filing::Forwarded,
        plan: Plan {
            screening: "person",
            disposition: Disposition::Forward,
            intents: vec!["account-access".to_owned()],
            audience: None,
            language: "en".to_owned(),
            queue: Some("accounts".to_owned()),
            step,
            letters: Vec::new(),
            because: vec![because],
            writer: None,
            deeds: crate::triage::relay::Deeds::default(),
            beside: crate::triage::plan::Beside::default(),
        },
        outgoing: Vec::new(),
        events: vec![TicketEvent {
            at: NOW,
            kind: "mail".to_owned(),
            note: "came in".to_owned(),
        }],
    }
}

fn opened(uid: u32, number: u64, state: TicketState) -> Entry {
    entry(uid, Step::Open(ticket(number, state)))
}

fn outgoing(purpose: Purpose, number: u64, to: &str) -> Outgoing {
    Outgoing {
        language: "en".to_owned(),
        purpose,
        ticket: TicketNumber(number),
        message_id: id(&format!("{purpose:?}.{number}.{to}")),
        envelope_from: None,
        to: address(to),
        mailbox: "support".to_owned(),
        templates: vec!["how-to".to_owned()],
        bytes: format!("To: {to}\r\n\r\nTicket {number}\r\n").into_bytes(),
    }
}

/// An entry that opens a ticket and sends letters of these purposes to Ann.
fn sending(uid: u32, number: u64, purposes: &[Purpose]) -> Entry {
    let mut entry = opened(uid, number, answered());
    entry.outgoing = purposes
        .iter()
        .map(|p| outgoing(*p, number, "ann@museum.example"))
        .collect();
    entry
}
