//! What holds replies back, with the real program and real servers: the breaker, and addresses that do not exist.

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;
use serde_json::Value;

/// A mail that is forwarded and acknowledged.
const MERGE: &str = "I have two accounts, please merge them into one.";
const OPERATOR: &str = "operator@home.example";

/// The desk with so many replies an hour, and an operator who is told.
fn house(total_hour: u32) -> House {
    let mut house = House::closed("");
    house.change_rules(|text| {
        text.replace("total_hour = 60", &format!("total_hour = {total_hour}"))
    });
    house.change_config(
        "[control]",
        &format!("[alarm]\nmail = \"{OPERATOR}\"\n[control]"),
    );
    house.start();
    house
}

/// Whether the writer of that number, each in a domain of his own, was answered.
fn answered(house: &mut House, n: u32) -> bool {
    let who = format!("maria@home{n}.example");
    let handled = house.write(&who, "Two accounts", MERGE);
    assert_eq!(
        handled.disposition(),
        "forward",
        "every case goes to a person"
    );
    house.sent_to(&who) == 1
}

fn breaker(house: &House, word: &str) -> Value {
    house.ask(&["breaker", word]).unwrap()
}

#[test]
fn the_breaker_trips_tells_the_operator_once_outlives_a_restart_and_is_closed_by_hand() {
    let mut house = house(2);
    assert!(answered(&mut house, 1) && answered(&mut house, 2));
    assert_eq!(house.ask(&["status"]).unwrap()["breaker"], "closed");
    assert!(!answered(&mut house, 3));
    let status = house.ask(&["status"]).unwrap();
    assert_eq!(status["breaker"], "open", "{status}");
    assert_eq!(
        (&status["breaker_trips"], &status["breaker_withheld"]),
        (&1.into(), &1.into())
    );
    let alarm = house.only_mail(OPERATOR);
    assert_eq!(alarm.header("Return-Path").unwrap(), "<>");
    assert_eq!(alarm.header("Auto-Submitted").unwrap(), "auto-generated");
    assert!(alarm.header("Subject").unwrap().contains("breaker"));
    let errors = || {
        let log = house.log();
        log.iter()
            .filter(|line| line.contains("the breaker tripped"))
            .count()
    };
    assert_eq!(errors(), 1);
    house.end("TERM");
    house.start();
    assert!(!answered(&mut house, 4));
    assert_eq!(house.sent_to(OPERATOR), 1, "one mail for a trip");
    assert_eq!(breaker(&house, "close")["breaker"], "closed");
    assert!(answered(&mut house, 5) && answered(&mut house, 6));
    assert!(!answered(&mut house, 7));
    house.wait("the second trip", |h| {
        (h.ask(&["breaker"])?["breaker_trips"] == 2).then_some(())
    });
    assert_eq!(house.sent_to(OPERATOR), 1, "one mail in an hour");
}

#[test]
fn a_breaker_that_a_person_opens_lets_nothing_out_until_a_person_closes_it() {
    let mut house = house(60);
    assert_eq!(breaker(&house, "open")["breaker"], "open-by-hand");
    assert!(!answered(&mut house, 1));
    house.end("TERM");
    // Asked and told without a daemon as well.
    assert_eq!(breaker(&house, "status")["breaker"], "open-by-hand");
    house.start();
    assert!(!answered(&mut house, 2));
    breaker(&house, "close");
    assert!(answered(&mut house, 3));
    assert_eq!(house.sent_to(OPERATOR), 0, "who opened it knows");
}

/// What a mail system that ignores the null sender reports on a mail of ours.
fn report(status: &str, about: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\nTo: {DESK}\nSubject: Undelivered Mail\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <{status}@mx.example>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; somebody.else@x.example\nAction: failed\nStatus: {status}\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {about}\nSubject: x\n--b--\n"
    )
}

fn dead(house: &House) -> Vec<String> {
    let said = house.ask(&["dead", "list"]).unwrap();
    let rows = said.as_array().unwrap().iter();
    rows.map(|row| row["address"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_address_that_a_report_says_is_gone_gets_no_reply_until_it_is_vouched_for_or_cleared() {
    let maria = "maria@home.example";
    let mut house = House::open();
    house.write(maria, "Two accounts", MERGE);
    let id = house.only_mail(maria).header("Message-ID").unwrap();
    house.receive(&report("5.2.2", &id), "");
    assert_eq!(dead(&house), [""; 0], "a full mailbox is a mailbox");
    house.receive(&report("5.1.1", &id), "");
    assert_eq!(
        dead(&house),
        [maria],
        "whom our mail went to, not whom the report names"
    );
    assert_eq!(house.ask(&["status"]).unwrap()["dead_addresses"], 1);
    let second = house.write(
        maria,
        "A badge",
        "I completed a course on Coursera but I did not get my badge.",
    );
    assert_eq!(second.disposition(), "forward");
    assert_eq!(house.sent_to(maria), 1);
    let found = &house
        .ask(&["ledger", "find", "--sender", maria, "--limit", "1"])
        .unwrap()[0];
    assert_eq!(found["sender_dead"]["status"], "5.1.1", "{found}");
    let because = found["because"].as_array().unwrap();
    assert!(because.iter().any(|b| b["rule"] == "dead"), "{found}");
    let vouched =
        "Authentication-Results: mx.credly.example; dmarc=pass header.from=home.example\n";
    let raw = mail(maria, "Accounts again", "again", vouched, MERGE);
    house.receive(&raw, maria);
    assert_eq!(dead(&house), [""; 0], "its domain vouches for it");
    house.receive(&report("5.1.10", &id), "");
    assert_eq!(dead(&house), [maria]);
    assert!(
        house
            .cli(&["dead", "clear", "Maria+x@home.example"])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(dead(&house), [""; 0]);
    assert!(
        !house
            .cli(&["dead", "clear", maria])
            .status()
            .unwrap()
            .success()
    );
}
