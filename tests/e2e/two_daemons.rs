//! Two daemons with two stores on one real mailbox: each mail is handled by one of them, whoever of them dies.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";
/// The first daemon's config, in which the second's differs by its state folder and its socket.
const WAIT: &str = "poll = \"2s\"\nclaim_wait = \"WAIT\"";

/// The second daemon of a house.
struct Second {
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Second {
    fn new(house: &House) -> Self {
        let text = fs::read_to_string(house.path("mailclerk.toml")).unwrap();
        let text = text.replace("state = \"state\"", "state = \"second\"");
        let text = text.replace("control.sock", "second.sock");
        let config = house.path("second.toml");
        fs::write(&config, text).unwrap();
        Self {
            config,
            log: house.path("second.log"),
            child: None,
        }
    }

    fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
            .args(["run", "--config"])
            .arg(&self.config)
            .env_remove("JOURNAL_STREAM")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailclerk"));
        command
            .args(arguments)
            .arg("--json")
            .arg("--config")
            .arg(&self.config);
        serde_json::from_slice(&command.output().unwrap().stdout).ok()
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pair(claim_wait: &str) -> (House, Second) {
    let mut house = House::closed("");
    house.change_config("poll = \"2s\"", &WAIT.replace("WAIT", claim_wait));
    let mut second = Second::new(&house);
    // Both know the mailbox from when it was empty: neither is younger than it.
    house.start();
    second.start();
    house.wait("the second daemon to open the mailbox", |_| {
        second.said().contains(" open ").then_some(())
    });
    (house, second)
}

fn writer(n: usize) -> String {
    format!("writer{n}@home{n}.example")
}

fn write(house: &mut House, n: usize) {
    let from = writer(n);
    let id = format!("two{n}@home.example");
    house.deliver(&mail(&from, "Two accounts", &id, "", MERGE), &from);
}

/// How often each writer was answered, and each writer's case forwarded, by what lies in their mailboxes.
fn answers_and_cases(
    house: &House,
    writers: usize,
) -> (BTreeMap<usize, usize>, BTreeMap<usize, usize>) {
    let answers = (0..writers)
        .map(|n| (n, house.servers.mails(&writer(n), "INBOX").len()))
        .collect();
    let mut cases: BTreeMap<usize, usize> = (0..writers).map(|n| (n, 0)).collect();
    for agent in ["ana", "ben", "cleo", "lead"] {
        for forward in house
            .servers
            .mails(&format!("{agent}@agents.example"), "INBOX")
        {
            let text = String::from_utf8_lossy(&forward.raw).into_owned();
            for n in 0..writers {
                if text.contains(&format!("<two{n}@home.example>")) {
                    *cases.get_mut(&n).unwrap() += 1;
                }
            }
        }
    }
    (answers, cases)
}

fn both_are_done(house: &House, second: &Second, writers: usize) {
    house.wait("every case to be with an agent", |h| {
        let inbox = h.servers.mails(DESK, "INBOX").is_empty();
        let idle = |status: Option<Value>| status.is_some_and(|s| s["outbox_waiting"] == 0);
        let quiet = idle(h.ask(&["status"])) && idle(second.ask(&["status"]));
        let (_, cases) = answers_and_cases(h, writers);
        (inbox && quiet && cases.values().all(|n| *n > 0)).then_some(())
    });
}

/// Faults: F15; holds I1 I2 I3 I10.
#[test]
fn of_two_daemons_one_handles_each_mail_of_a_stream() {
    let (mut house, second) = pair("1h");
    // Fewer than a domain gets replies in an hour: one of both may win them all.
    let writers = 18;
    for n in 0..writers {
        write(&mut house, n);
    }
    both_are_done(&house, &second, writers);
    let (answers, cases) = answers_and_cases(&house, writers);
    assert!(
        answers.values().all(|n| *n == 1),
        "{answers:?}\n{}",
        second.said()
    );
    assert!(
        cases.values().all(|n| *n == 1),
        "{cases:?}\n{}",
        second.said()
    );
    let opened = |status: Option<Value>| status.unwrap()["tickets"].as_u64().unwrap();
    let (one, two) = (
        opened(house.ask(&["status"])),
        opened(second.ask(&["status"])),
    );
    assert_eq!(one + two, writers as u64);
}

/// Faults: F1 F15; holds I1 I2 I3 I10.
#[test]
fn when_one_of_two_daemons_is_killed_the_other_loses_nothing_and_answers_nobody_twice() {
    let (mut house, mut second) = pair("4s");
    let writers = 18;
    for n in 0..writers {
        write(&mut house, n);
        if n % 6 == 3 {
            second.kill();
        }
        if n % 6 == 5 && n + 1 < writers {
            second.start();
        }
    }
    // It died after the last mails came, and does not come back.
    second.kill();
    house.wait("every case to be with an agent", |h| {
        let inbox = h.servers.mails(DESK, "INBOX").is_empty();
        let quiet = h.ask(&["status"]).is_some_and(|s| s["outbox_waiting"] == 0);
        (inbox && quiet).then_some(())
    });
    // What the dead one had made durable and not sent leaves at its next start.
    second.start();
    both_are_done(&house, &second, writers);
    let (answers, cases) = answers_and_cases(&house, writers);
    assert!(
        answers.values().all(|n| *n <= 1),
        "{answers:?}\n{}",
        second.said()
    );
    assert!(
        cases.values().all(|n| (1..=2).contains(n)),
        "{cases:?}\n{}",
        second.said()
    );
}

/// The moment of the crash is chosen: claimed, and not committed.
///
/// Faults: F1 F15; holds I1 I3 I10.
#[test]
fn what_a_daemon_that_died_had_claimed_goes_to_a_person_unanswered() {
    let (mut house, mut second) = pair("6s");
    house.end("TERM");
    second.kill();
    write(&mut house, 0);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
        .args(["run", "--config"])
        .arg(&second.config)
        .env_remove("JOURNAL_STREAM")
        .env("MAILCLERK_DIE_AT", "fetched:1")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(!child.wait().unwrap().success(), "it was to be killed");
    let inbox = house.servers.mails(DESK, "INBOX");
    assert!(
        inbox[0].flags.iter().any(|f| f.starts_with("mailclerk-")),
        "{inbox:?}"
    );
    house.start();
    house.wait("the claim to be respected", |h| {
        let left = h.log().iter().any(|l| l.contains("left to it"));
        left.then_some(())
    });
    house.wait("the case to be with an agent", |h| {
        (answers_and_cases(h, 1).1[&0] == 1).then_some(())
    });
    assert_eq!(answers_and_cases(&house, 1).0[&0], 0);
    let ledger = house.ask(&["ledger", "list", "--limit", "1"]).unwrap();
    assert_eq!(ledger[0]["because"][0]["rule"], "claimed", "{ledger}");
    assert_eq!(house.filed("Forwarded", 1).len(), 1);
}

/// Faults: F11; holds I3 I9.
#[test]
fn a_daemon_whose_store_is_new_leaves_a_mailbox_alone_that_another_has_handled() {
    let mut house = House::open();
    house.write("maria@home.example", "Two accounts", MERGE);
    house.end("TERM");
    write(&mut house, 0);
    let mut second = Second::new(&house);
    second.start();
    house.wait("the refusal", |_| {
        second
            .said()
            .contains("mailclerk store accept")
            .then_some(())
    });
    let said = second.said();
    assert!(
        said.contains("1 mails lie in Mailclerk/") && said.contains("nothing is sent or moved"),
        "{said}"
    );
    let inbox = house.servers.mails(DESK, "INBOX");
    assert_eq!(
        (
            inbox.len(),
            inbox[0].flags.iter().any(|f| f.starts_with("mailclerk-"))
        ),
        (1, false)
    );
    assert_eq!(second.ask(&["status"]).unwrap()["mails"], 0);
    assert_eq!(answers_and_cases(&house, 1).0[&0], 0);
}
