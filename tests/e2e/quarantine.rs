//! Mails that are held: in the mailbox, on the command line, through crashes, and released.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::house::House;
use crate::house::mail;
use crate::process::MERGE;
use crate::process::deliver;

const TRUSTED: &str = "spam_headers = [\"X-Spam-Flag: YES\"]";
const SPAM: &str = "X-Spam-Flag: YES\n";

fn held(house: &House) -> Vec<Value> {
    house
        .ask(&["quarantine", "list"])
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

fn number(row: &Value) -> String {
    row["number"].as_u64().unwrap().to_string()
}

fn say(house: &House, arguments: &[&str]) -> Output {
    house.cli(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Puts a mail with a filter's word into the mailbox and waits until it is held.
fn spam(house: &mut House, from: &str) {
    let raw = mail(from, "Two accounts", &format!("spam@{from}"), SPAM, MERGE);
    house.receive(&raw, from);
}

/// Faults: F4 F82; holds I1 I6.
#[test]
fn a_held_mail_is_listed_shown_and_released_and_its_case_reaches_the_agent_once() {
    let mut house = House::open_with(TRUSTED);
    spam(&mut house, "maria@home.example");
    spam(&mut house, "joe@home.example");
    assert_eq!(house.filed("Quarantine", 2).len(), 2);
    assert_eq!(house.sent(), 0);
    let status = house.ask(&["status"]).unwrap();
    assert_eq!(status["quarantined"], 2, "{status}");
    assert!(status["quarantine_oldest"].is_string() && status["quarantine_oldest_age_s"].is_u64());
    let rows = held(&house);
    let (joe, maria) = (number(&rows[0]), number(&rows[1]));
    let shown = say(&house, &["quarantine", "show", &maria]);
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("spam-filter")
            && shown.contains("merge them")
            && shown.contains("maria@home.example"),
        "{shown}"
    );

    let released = say(&house, &["quarantine", "release", &maria]);
    assert!(released.status.success(), "{}", text(&released.stderr));
    house.wait("the case to reach the agent and the writer", |h| {
        (h.sent() == 2).then_some(())
    });
    house.only_mail("maria@home.example");
    let again = say(&house, &["quarantine", "release", &maria, &joe]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("decided before"),
        "{}",
        text(&again.stderr)
    );
    house.wait("the other case", |h| (h.sent() == 4).then_some(()));
    let ledger = house
        .ask(&["ledger", "find", "--sender", "maria@home.example"])
        .unwrap();
    assert_eq!(ledger.as_array().map_or(0, Vec::len), 1, "{ledger}");
    assert_eq!(
        house.filed("Quarantine", 2).len(),
        2,
        "the copies on the server stay where they are"
    );
    assert_eq!(house.ask(&["reconcile"]).unwrap()[0]["gaps"], 0);
    assert_eq!(
        house
            .ask(&["tickets", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_dropped_mail_reaches_nobody_and_who_dropped_it_is_on_record() {
    let mut house = House::open_with(TRUSTED);
    spam(&mut house, "maria@home.example");
    let maria = number(&held(&house)[0]);
    assert!(
        say(&house, &["quarantine", "drop", &maria])
            .status
            .success()
    );
    assert!(held(&house).is_empty());
    let all = house.ask(&["quarantine", "list", "--all"]).unwrap();
    assert!(
        all[0]["told"]
            .as_str()
            .unwrap()
            .contains("dropped from quarantine by"),
        "{all}"
    );
    let refused = say(&house, &["quarantine", "release", &maria]);
    assert!(
        text(&refused.stderr).contains("dropped"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!((house.sent(), house.filed("Quarantine", 1).len()), (0, 1));
    assert_eq!(
        say(&house, &["quarantine", "show", "4711"]).status.code(),
        Some(1)
    );
}

/// Faults: F1; holds I1 I2 I3.
#[test]
fn a_release_interrupted_at_every_moment_is_done_once() {
    for moment in ["release-taken", "release-settling", "release-settled"] {
        let mut house = House::closed(TRUSTED);
        house.start_with(&[("MAILCLERK_DIE_AT", &format!("{moment}:1"))]);
        spam(&mut house, "maria@home.example");
        let maria = number(&held(&house)[0]);
        // The answer may be lost with the daemon.
        say(&house, &["quarantine", "release", &maria]);
        house.wait("the daemon to die", |_| Some(()));
        let started = std::time::Instant::now();
        while house.ended().is_none() {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "{moment}: nobody died"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        house.start();
        house.wait("the case to reach the agent", |h| {
            (h.sent() == 2).then_some(())
        });
        house.handled();
        let refused = say(&house, &["quarantine", "release", &maria]);
        assert_eq!(refused.status.code(), Some(1), "{moment}");
        assert_eq!(house.sent(), 2, "{moment}");
        house.only_mail("maria@home.example");
        assert_eq!(
            house
                .ask(&["tickets", "list"])
                .unwrap()
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}

#[test]
fn released_without_a_daemon_a_mail_is_handled_by_the_next_one_and_the_operator_is_reminded() {
    let mut house = House::open_with(TRUSTED);
    spam(&mut house, "maria@home.example");
    spam(&mut house, "joe@home.example");
    let maria = number(&held(&house)[1]);
    assert_eq!(house.end("TERM"), Some(0));
    assert!(
        say(&house, &["quarantine", "release", &maria])
            .status
            .success()
    );
    assert_eq!(house.sent(), 0);
    house.start();
    house.wait("the case to reach the agent", |h| {
        (h.sent() == 2).then_some(())
    });
    house.wait("the operator to be reminded", |h| {
        h.log()
            .iter()
            .any(|l| l.contains("WARN") && l.contains("quarantine list"))
            .then_some(())
    });
}

/// Faults: F4 F92; holds I1 I6 I10.
#[test]
fn a_mail_over_which_reading_takes_too_long_goes_to_a_person_and_the_next_one_flows() {
    let mut house = House::closed("");
    let sign = house.path("in-hand");
    let sign = sign.display().to_string();
    house.start_with(&[
        ("MAILCLERK_FAULTS", &sign),
        ("MAILCLERK_THINKING_MS", "1500"),
    ]);
    let pid = house.pid();
    deliver(
        &mut house,
        "bad@two.example",
        "X-Mailclerk-Fault: read stall\n",
    );
    let handled = house.handled();
    assert_eq!(handled.disposition(), "forward");
    assert_eq!(house.sent_to("bad@two.example"), 0);
    let after = house.write("maria@home.example", "Two accounts", MERGE);
    assert_eq!(after.disposition(), "forward");
    assert_eq!(house.pid(), pid);
    assert!(
        house
            .log()
            .iter()
            .any(|l| l.contains("ERROR") && l.contains("took too long"))
    );
}
