//! The daemon's own life: start, stop, crash, reload, servers that go away.

use std::fs;

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

#[test]
fn told_to_stop_it_ends_in_order_and_the_next_start_goes_on() {
    let mut house = House::open();
    house.write("maria@home.example", "One", MERGE);
    assert_eq!(house.end("TERM"), Some(0));
    let raw = mail("joe@home.example", "Two", "two@home.example", "", MERGE);
    house.deliver(&raw, "joe@home.example");
    // Without a daemon the same commands read the store themselves.
    assert_eq!(
        house
            .ask(&["tickets", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(house.ask(&["status"]).unwrap()["running"], false);
    house.start();
    house.wait("the second mail", |h| {
        (h.ask(&["tickets", "list"])?.as_array()?.len() == 2).then_some(())
    });
    house.only_mail("joe@home.example");
    assert_eq!(house.sent_to("maria@home.example"), 1);
}

/// Faults: F1; holds I1 I3 I10.
#[test]
fn killed_at_any_moment_it_loses_nothing_and_answers_nobody_twice() {
    let mut house = House::open();
    let writers = 12;
    for n in 0..writers {
        let from = format!("writer{n}@home{n}.example");
        let raw = mail(
            &from,
            "Two accounts",
            &format!("k{n}@home.example"),
            "",
            MERGE,
        );
        house.deliver(&raw, &from);
        if n % 3 == 2 {
            house.end("KILL");
            house.start();
        }
    }
    house.wait("all tickets", |h| {
        (h.ask(&["tickets", "list"])?.as_array()?.len() == writers).then_some(())
    });
    house.wait("the outbox to be empty", |h| {
        (h.ask(&["status"])?["outbox_waiting"] == 0).then_some(())
    });
    for n in 0..writers {
        let who = format!("writer{n}@home{n}.example");
        let got = house.servers.mails(&who, "INBOX").len();
        assert!(got <= 1, "{who} got {got} replies");
    }
    let filed = house.filed("Forwarded", writers);
    assert_eq!(filed.len(), writers);
    assert_eq!(house.servers.mails(DESK, "INBOX").len(), 0);
}

/// Faults: F63; holds I3.
#[test]
fn mail_from_before_the_first_start_is_not_answered_when_it_is_old() {
    let mut house = House::closed("first_start_age_max = \"1s\"");
    let raw = mail("maria@home.example", "Old", "old@home.example", "", MERGE);
    house.deliver(&raw, "maria@home.example");
    std::thread::sleep(std::time::Duration::from_secs(3));
    house.start();
    house.write("joe@home.example", "New", MERGE);
    assert_eq!(house.sent_to("maria@home.example"), 0);
    assert_eq!(house.sent_to("joe@home.example"), 1);
    assert_eq!(
        house.servers.mails(DESK, "INBOX").len(),
        1,
        "the old mail stays where it was"
    );
}

/// Faults: F34; holds I3.
#[test]
fn new_uids_for_old_mails_answer_nobody_again() {
    let mut house = House::open_with("[mailbox.support.filing]\nmode = \"flag\"");
    house.write("maria@home.example", "Two accounts", MERGE);
    assert_eq!(
        house.servers.mails(DESK, "INBOX").len(),
        1,
        "mails stay where they are, as configured"
    );
    house.end("TERM");
    house.servers.bump_uidvalidity(DESK);
    house.start();
    house.wait("the mail to be looked at again", |h| {
        (h.ask(&["ledger", "list"])?.as_array()?.len() == 2).then_some(())
    });
    assert_eq!(
        house.sent(),
        2,
        "one reply and one forward, from the first time"
    );
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_found_again() {
    let mut house = House::open();
    house.write("maria@home.example", "One", MERGE);
    house.servers.restart_dovecot();
    house.write("joe@home.example", "Two", MERGE);
    house.only_mail("joe@home.example");
}

#[test]
fn what_cannot_be_sent_now_waits_in_the_outbox() {
    let mut house = House::open();
    house.servers.stop_postfix();
    let raw = mail("maria@home.example", "One", "one@home.example", "", MERGE);
    house.deliver(&raw, "maria@home.example");
    house.wait("the mails to be tried", |h| {
        let outbox = h.ask(&["outbox", "list"])?;
        let rows = outbox.as_array()?;
        (rows.len() == 2
            && rows.iter().all(|r| {
                r["state"] == "waiting" && !r["said"].as_str().unwrap_or_default().is_empty()
            }))
        .then_some(())
    });
}

/// Faults: F22; holds I1 I10.
#[test]
fn a_reload_with_a_mistake_is_refused_and_the_old_rules_stay() {
    let mut house = House::open();
    let good = fs::read_to_string(house.path("mailclerk.toml")).unwrap();
    fs::write(
        house.path("mailclerk.toml"),
        format!("{good}\n[log]\nlevle = \"info\"\n"),
    )
    .unwrap();
    house.signal("HUP");
    house.wait("the refusal", |h| {
        h.log()
            .iter()
            .any(|l| l.contains("reload refused"))
            .then_some(())
    });
    house.write("maria@home.example", "One", MERGE);
    fs::write(
        house.path("mailclerk.toml"),
        good.replace(
            "ana@agents.example\", \"ben",
            "dora@agents.example\", \"dora2",
        ),
    )
    .unwrap();
    house.signal("HUP");
    house.wait("the reload", |h| {
        h.log()
            .iter()
            .any(|l| l.contains("read again"))
            .then_some(())
    });
    house.wait("the mailbox to be open again", |h| {
        (h.log().iter().filter(|l| l.contains(" open ")).count() == 2).then_some(())
    });
    house.write("joe@home.example", "Two", MERGE);
    let agent = house.ticket(2)["agent"].as_str().unwrap().to_owned();
    assert!(agent.starts_with("dora"), "{agent}");
}

#[test]
fn a_config_with_a_mistake_stops_the_start_and_says_where() {
    let house = House::closed("adress = \"typo@credly.example\"");
    let done = house.cli(&["run"]).output().unwrap();
    assert_eq!(done.status.code(), Some(78));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(
        said.contains("mailclerk.toml:7:1") && said.contains("adress"),
        "{said}"
    );
}

#[test]
fn check_with_connect_tries_both_servers_and_changes_nothing() {
    let house = House::closed("");
    let done = house.cli(&["check", "--connect"]).output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    house.servers.stop_postfix();
    let done = house.cli(&["check", "--connect"]).output().unwrap();
    assert_eq!(done.status.code(), Some(69));
}

#[test]
fn the_log_tells_decisions_and_neither_words_nor_names_nor_secrets() {
    let mut house = House::open();
    let raw = mail(
        "Maria Marker <maria.marker@home.example>",
        "Subjectmarker",
        "x@home.example",
        "",
        &format!("Bodymarker. {MERGE}"),
    );
    house.receive(&raw, "maria.marker@home.example");
    house.wait("both to be told", |h| {
        (h.log().iter().filter(|l| l.contains(" sent ")).count() == 2).then_some(())
    });
    let log = house.log().join("\n");
    assert!(
        log.contains("disposition=Forward") && log.contains("home.example"),
        "{log}"
    );
    for secret in [
        "Marker",
        "marker",
        "Subjectmarker",
        "Bodymarker",
        "secret",
        "two accounts",
    ] {
        assert!(!log.contains(secret), "the log says `{secret}`:\n{log}");
    }
}

#[test]
fn a_parked_mail_is_sent_again_or_dropped_by_an_operator() {
    let mut house = House::open();
    house.write("maria@refused.example", "One", MERGE);
    let parked = |h: &House| {
        let outbox = h.ask(&["outbox", "list"])?;
        let rows = outbox.as_array()?;
        rows.iter()
            .find(|r| r["state"] == "parked")
            .map(|r| r["id"].to_string())
    };
    let events = |h: &House| {
        let ticket = h.ticket(1);
        ticket["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["kind"] == "parked")
            .count()
    };
    let id = house.wait("the reply to be parked", parked);
    assert_eq!(
        house.ask(&["outbox", "resend", &id]).unwrap()["state"],
        "waiting"
    );
    // The server refuses it again: that it was tried at all is on the ticket's record.
    house.wait("the second try", |h| (events(h) == 2).then_some(()));
    let log = house.log().join("\n");
    assert!(
        log.contains("550 5.1.1 after RCPT") && !log.contains("No such person"),
        "{log}"
    );
    assert_eq!(
        house.ask(&["outbox", "drop", &id]).unwrap()["state"],
        "dropped"
    );
    assert_eq!(parked(&house), None);
    let again = house.cli(&["outbox", "resend", &id]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("dropped already"));
    // Without a daemon the same words work on the store itself.
    house.end("TERM");
    let none = house.cli(&["outbox", "drop", "999"]).output().unwrap();
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no mail 999"));
}
