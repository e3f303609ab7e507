//! `ledger find` and `tickets erase`, as an operator types them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::process::Command;

use mailclerk::clock::Timestamp;
use mailclerk::mailbox::Filing;
use mailclerk::message::address::Address;
use mailclerk::message::id::MessageId;
use mailclerk::store::Entry;
use mailclerk::store::MailRef;
use mailclerk::store::Outgoing;
use mailclerk::store::Store;
use mailclerk::store::StoreOptions;
use mailclerk::triage::Disposition;
use mailclerk::triage::delivery::Outcome;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;
use serde_json::Value;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_772_352_000);

struct Desk {
    folder: TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    /// A desk that has answered one mail of Ann's; the answer waits.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "state = \"state\"\n[control]\nsocket = \"socket\"\n";
        fs::write(folder.path().join("mailclerk.toml"), config).unwrap();
        let desk = Self { folder };
        let store = desk.store();
        let mut group = store.group();
        group.add(anns_mail(), NOW).unwrap();
        group.commit().unwrap();
        desk
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("state"), StoreOptions::default()).unwrap()
    }

    fn ask(&self, words: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
            .args(words)
            .arg("--config")
            .arg(self.folder.path().join("mailclerk.toml"))
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, words: &[&str]) -> Value {
        let said = self.ask(&[words, &["--json"]].concat());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    fn send_all(&self) {
        let store = self.store();
        let mails = store.lease(NOW, "support", 10).unwrap().mails;
        let sent = || Outcome::Accepted("250 ok".to_owned());
        let ends: Vec<_> = mails.iter().map(|mail| (mail.id, sent())).collect();
        store.settle(&ends, NOW).unwrap();
    }
}

fn anns_mail() -> Entry {
    let ann = Address::parse("ann@museum.example").unwrap();
    let ticket = Ticket {
        number: TicketNumber(1),
        version: 0,
        state: TicketState::Answered { at: NOW },
        mailbox: "support".to_owned(),
        subject: "How?".to_owned(),
        participants: vec![ann.clone()],
        intents: vec!["how-to".to_owned()],
        queue: None,
        language: "en".to_owned(),
        linked: None,
        opened: NOW,
        updated: NOW,
    };
    let reply = Outgoing {
        purpose: Purpose::Reply,
        ticket: TicketNumber(1),
        message_id: MessageId::try_from("ours@desk.example".to_owned()).unwrap(),
        envelope_from: None,
        to: ann.clone(),
        mailbox: "support".to_owned(),
        language: "en".to_owned(),
        templates: vec!["how-to".to_owned()],
        bytes: b"To: ann\r\n\r\nSo.\r\n".to_vec(),
    };
    Entry {
        mail: MailRef {
            mailbox: "support".to_owned(),
            uid_validity: 7,
            uid: 3,
        },
        digest: [3; 32],
        message_id: Some(MessageId::try_from("q@museum.example".to_owned()).unwrap()),
        sender: Some(ann),
        received: NOW,
        filing: Filing::Answered,
        plan: Plan {
            screening: "person",
            disposition: Disposition::Advise,
            intents: vec!["how-to".to_owned()],
            audience: None,
            language: "en".to_owned(),
            queue: None,
            step: Step::Open(ticket),
            letters: Vec::new(),
            because: Vec::new(),
            writer: None,
            deeds: mailclerk::triage::relay::Deeds::default(),
            beside: mailclerk::triage::plan::Beside::default(),
        },
        outgoing: vec![reply],
        events: Vec::new(),
    }
}

#[test]
fn what_became_of_a_mail_and_what_was_sent_because_of_it_is_told_by_whatever_is_known_of_it() {
    let desk = Desk::new();
    desk.send_all();
    for known in [
        &["--message-id", "<q@museum.example>"][..],
        &["--sender", "Ann+x@museum.example"],
        &["--since", "2026-03-01", "--until", "2026-03-01"],
        &["--mailbox", "support", "--since", "2026-03-01T08:00:00Z"],
    ] {
        let words = [&["ledger", "find"], known].concat();
        let found = desk.json(&words);
        let row = &found[0];
        assert_eq!(row["mail"]["uid"], 3, "{known:?}");
        assert_eq!(row["disposition"], "advise");
        assert_eq!(row["received"], "2026-03-01T08:00:00Z");
        assert_eq!(
            (&row["ticket"], &row["ticket_state"]),
            (&1.into(), &"answered".into())
        );
        let sent = &row["sent"][0];
        assert_eq!(
            (&sent["purpose"], &sent["state"]),
            (&"reply".into(), &"sent".into())
        );
        assert_eq!(
            (&sent["at"], &sent["to"]),
            (&"2026-03-01T08:00:00Z".into(), &"ann@museum.example".into())
        );
        let shown = desk.ask(&words);
        assert!(
            shown.out.contains("reply sent 2026-03-01 08:00"),
            "{}",
            shown.out
        );
    }
}

#[test]
fn a_mail_that_is_not_on_record_is_told_with_what_that_proves() {
    let desk = Desk::new();
    for (known, says) in [
        (
            &["--message-id", "x@y"][..],
            "no mail with the Message-ID <x@y> has been seen in any mailbox (support)",
        ),
        (
            &["--message-id", "ours@desk.example"],
            "a mail of the desk itself, to ann@museum.example, on ticket #1",
        ),
        (
            &["--sender", "bob@museum.example"],
            "no mail from bob@museum.example",
        ),
        (
            &["--mailbox", "suport"],
            "knows no such mailbox (it knows support)",
        ),
        (
            &["--until", "2026-02-28"],
            "received before 2026-03-01T00:00:00Z",
        ),
    ] {
        let said = desk.ask(&[&["ledger", "find"], known].concat());
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{known:?}");
        assert!(said.err.contains(says), "{}", said.err);
    }
    for wrong in [&["--sender", "nobody"][..], &["--since", "soon"], &[]] {
        assert_eq!(
            desk.ask(&[&["ledger", "find"], wrong].concat()).code,
            2,
            "{wrong:?}"
        );
    }
}

#[test]
fn a_person_is_forgotten_on_request_but_not_while_a_mail_to_them_waits() {
    let desk = Desk::new();
    let said = desk.ask(&["tickets", "erase", "1"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(
        said.err.contains("mail 0 waits to be sent")
            && said.err.contains("mailclerk outbox drop 0"),
        "{}",
        said.err
    );
    desk.send_all();
    assert_eq!(desk.json(&["tickets", "erase", "1"])["erased"], 1);
    let said = desk.ask(&["tickets", "show", "1"]);
    assert!(said.err.contains("there is no ticket #1"), "{}", said.err);
    assert_eq!(
        desk.ask(&["ledger", "find", "--sender", "ann@museum.example"])
            .code,
        1
    );
    let row = &desk.json(&["ledger", "find", "--since", "2026-03-01"])[0];
    assert_eq!(row["screening"], "erased");
    assert_eq!(row["sender"], Value::Null);
    assert_eq!(desk.json(&["tickets", "list"]), Value::Array(Vec::new()));
}
