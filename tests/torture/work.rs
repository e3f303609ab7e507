//! Work on a store: groups of mails, leases, settlings, new openings; and what each of them has acknowledged.

use std::collections::BTreeSet;
use std::path::Path;

use mailclerk::clock::Timestamp;
use mailclerk::mailbox::Filing;
use mailclerk::mailbox::resume::Cursor;
use mailclerk::message::address::Address;
use mailclerk::message::id::MessageId;
use mailclerk::store::Entry;
use mailclerk::store::MailRef;
use mailclerk::store::OpenError;
use mailclerk::store::Outgoing;
use mailclerk::store::Store;
use mailclerk::store::StoreOptions;
use mailclerk::triage::Because;
use mailclerk::triage::Disposition;
use mailclerk::triage::delivery::Outcome;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketEvent;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;

use crate::dice::Dice;

pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000);
pub(crate) const MAILBOX: &str = "support";

/// Something that was begun, and what it acknowledged when it returned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ack {
    /// How long the disk's log was before it.
    pub(crate) begun: usize,
    /// And when it had returned.
    pub(crate) at: usize,
    /// Mails that have their final state by it.
    pub(crate) uids: Vec<u32>,
    /// Letters, by Message-ID, with where they stand by it.
    pub(crate) letters: Vec<(String, &'static str)>,
}

pub(crate) fn open(dir: &Path) -> Result<Store, OpenError> {
    let options = StoreOptions {
        cache_bytes: 1 << 20,
        lock_wait_s: 1,
        ..StoreOptions::default()
    };
    Store::open(dir, options)
}

/// Where all letters of a store stand: Message-ID and word.
pub(crate) fn letters(store: &Store) -> Vec<(String, &'static str)> {
    let all = store.outbox(None, usize::MAX, mailclerk::store::Order::Oldest);
    let all = all.unwrap().into_iter();
    all.map(|m| (m.message_id.as_str().to_owned(), m.delivery.word()))
        .collect()
}

/// The mails of a store's ledger.
pub(crate) fn uids(store: &Store) -> BTreeSet<u32> {
    let rows = store.ledger_newest(1_000_000).unwrap();
    rows.iter().map(|(mail, _)| mail.uid).collect()
}

/// The octets of the letter with that Message-ID.
pub(crate) fn octets(id: &str) -> Vec<u8> {
    let length = 200 + id.len() * 37 % 3000;
    let mut text = format!("Message-ID: <{id}>\r\n\r\n");
    while text.len() < length {
        text.push_str("Thank you for your mail.\r\n");
    }
    text.into_bytes()
}

fn address(text: String) -> Address {
    Address::try_from(text).unwrap()
}

fn message_id(text: String) -> MessageId {
    MessageId::try_from(text).unwrap()
}

/// Somebody who works on a store.
pub(crate) struct Worker {
    pub(crate) dice: Dice,
    next: u32,
    /// Letters that were leased and not settled.
    in_hand: Vec<(mailclerk::store::OutboxId, String)>,
}

impl Worker {
    /// Begins on a store that is open; what was leased there is leased by nobody.
    pub(crate) fn new(dice: Dice, store: &Store) -> Self {
        store.recover(NOW).unwrap();
        Self {
            dice,
            next: uids(store).last().map_or(1, |last| last + 1),
            in_hand: Vec::new(),
        }
    }

    /// Does one piece of work; returns what it acknowledged.
    pub(crate) fn work(&mut self, store: &Store) -> Ack {
        match self.dice.below(8) {
            0..=3 => self.take_in(store),
            4 | 5 => self.lease(store),
            6 => self.settle(store),
            _ => {
                let due = store.filings(MAILBOX, 7, 3).unwrap();
                let due: Vec<u32> = due.iter().map(|(uid, _)| *uid).collect();
                store.filed(MAILBOX, 7, &due).unwrap();
                Ack::default()
            }
        }
    }

    fn take_in(&mut self, store: &Store) -> Ack {
        let mut ack = Ack::default();
        let mut group = store.group();
        for _ in 0..=self.dice.below(4) {
            let (uid, number) = (self.next, u64::from(self.next));
            self.next += 1;
            let all = [Purpose::Reply, Purpose::Forward, Purpose::Relay];
            let count = self.dice.index(4);
            let entry = entry(uid, number, &all[..count]);
            let ids = entry.outgoing.iter().map(|o| o.message_id.as_str());
            let letters: Vec<_> = ids.map(|id| (id.to_owned(), "waiting")).collect();
            group.add(entry, NOW).unwrap();
            ack.uids.push(uid);
            ack.letters.extend(letters);
        }
        let cursor = Cursor {
            uid_validity: 7,
            uid: self.next - 1,
        };
        group.cursor(MAILBOX, cursor).unwrap();
        group.commit().unwrap();
        ack
    }

    fn lease(&mut self, store: &Store) -> Ack {
        let limit = 1 + self.dice.index(3);
        let taken = store.lease(NOW, MAILBOX, limit).unwrap();
        assert!(taken.parked.is_empty(), "{:?}", taken.parked);
        let mut ack = Ack::default();
        for mail in taken.mails {
            let id = mail.message_id.as_str().to_owned();
            assert_eq!(mail.bytes, octets(&id));
            ack.letters.push((id.clone(), "sending"));
            self.in_hand.push((mail.id, id));
        }
        ack
    }

    fn settle(&mut self, store: &Store) -> Ack {
        let count = self.dice.index(self.in_hand.len() + 1);
        let mut ack = Ack::default();
        let mut ends = Vec::new();
        for (id, message_id) in self.in_hand.drain(..count) {
            ack.letters.push((message_id, "sent"));
            ends.push((id, Outcome::Accepted("250 ok".to_owned())));
        }
        store.settle(&ends, NOW).unwrap();
        ack
    }
}

/// A mail that opens the ticket with its own number, with letters of these purposes.
fn entry(uid: u32, number: u64, purposes: &[Purpose]) -> Entry {
    let writer = address(format!("writer{uid}@home{uid}.example"));
    let because = Because {
        stage: "decide",
        rule: "D4".to_owned(),
        says: "an account case goes to a person".to_owned(),
        matched: String::new(),
    };
    let plan = Plan {
        screening: "person",
        disposition: Disposition::Forward,
        intents: vec!["account-access".to_owned()],
        audience: None,
        language: "en".to_owned(),
        queue: Some("accounts".to_owned()),
        step: Step::Open(ticket(number, &writer)),
        letters: Vec::new(),
        because: vec![because],
        writer: None,
        deeds: mailclerk::triage::relay::Deeds::default(),
        beside: mailclerk::triage::plan::Beside::default(),
    };
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&uid.to_be_bytes());
    Entry {
        mail: mail(uid),
        digest,
        message_id: Some(message_id(format!("m{uid}@home.example"))),
        sender: Some(writer.clone()),
        received: NOW,
        filing: Filing::Forwarded,
        plan,
        outgoing: purposes
            .iter()
            .map(|purpose| outgoing(*purpose, number, &writer))
            .collect(),
        events: vec![TicketEvent {
            at: NOW,
            kind: "mail".to_owned(),
            note: "came in".to_owned(),
        }],
    }
}

pub(crate) fn mail(uid: u32) -> MailRef {
    MailRef {
        mailbox: MAILBOX.to_owned(),
        uid_validity: 7,
        uid,
    }
}

fn ticket(number: u64, writer: &Address) -> Ticket {
    Ticket {
        number: TicketNumber(number),
        version: 0,
        state: TicketState::Answered { at: NOW },
        mailbox: MAILBOX.to_owned(),
        subject: "Cannot get in".to_owned(),
        participants: vec![writer.clone()],
        intents: vec!["account-access".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: NOW,
        updated: NOW,
    }
}

fn outgoing(purpose: Purpose, number: u64, to: &Address) -> Outgoing {
    let id = format!("out.{number}.{purpose:?}@desk.example");
    Outgoing {
        language: "en".to_owned(),
        purpose,
        ticket: TicketNumber(number),
        bytes: octets(&id),
        message_id: message_id(id),
        envelope_from: None,
        to: to.clone(),
        mailbox: MAILBOX.to_owned(),
        templates: Vec::new(),
    }
}
