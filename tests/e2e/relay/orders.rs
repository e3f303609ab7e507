//! Answers that wait, are stopped, cut off by a kill or bounce; and agents' orders.

use std::time::Duration;

use serde_json::Value;

use crate::house::DESK;
use crate::house::House;
use crate::relay::ANA;
use crate::relay::AT_ONCE;
use crate::relay::Case;
use crate::relay::MARIA;
use crate::relay::MERGE;
use crate::relay::UNDO;
use crate::relay::quote;
use crate::relay::raw;

/// Ana sees her mistake at once; then she answers again, and this time it is too late.
#[test]
fn an_answer_is_stopped_while_it_waits_and_not_after() {
    let mut case = Case::begin(UNDO);
    case.answers("Dear Mario, it is merged.");
    assert_eq!(case.relays()[0]["state"], "waiting");
    case.answers("#cancel");
    assert!(case.told(ANA, 2).text().contains("your answer was stopped"));
    assert_eq!(case.relays()[0]["state"], "dropped");
    assert_eq!(case.house.ticket(case.ticket)["state"], "with-agent");
    case.nobody_was_sent();
    case.answers("Dear Maria, it is merged.");
    assert!(case.marias(1)[0].text().starts_with("Dear Maria"));
    case.answers("# Cancel.");
    assert!(case.told(ANA, 3).text().contains("too late"));
    // And an operator stops the next one.
    case.answers("One more thing.");
    let waiting = case
        .relays()
        .into_iter()
        .find(|m| m["state"] == "waiting")
        .unwrap();
    let id = waiting["id"].to_string();
    let said = case.house.ask(&["outbox", "cancel", &id]).unwrap();
    assert_eq!(said["state"], "dropped");
    assert!(case.told(ANA, 4).text().contains("An operator stopped it"));
}

impl Case {
    fn nobody_was_sent(&self) {
        assert_eq!(
            self.house.mails(MARIA, 1).len(),
            1,
            "the acknowledgement alone"
        );
    }
}

/// Maria writes while Ana's answer waits: the answer still goes, and Ana gets what Maria wrote.
#[test]
fn a_person_who_writes_in_the_undo_window_gets_the_answer_and_the_agent_the_mail() {
    let mut case = Case::begin(UNDO);
    case.answers("It is merged.");
    let ack = case.house.mails(MARIA, 1).remove(0);
    let more = format!(
        "In-Reply-To: {0}\nReferences: {0}\n",
        ack.header("Message-ID").unwrap()
    );
    let to = ack.header("Reply-To").unwrap();
    let mail = raw(
        MARIA,
        &to,
        "Re: Two accounts",
        &more,
        "I forgot: the old one is maria@work.example.",
    );
    let handled = case.handled(&mail, MARIA);
    assert_eq!(handled.ticket(), case.ticket);
    assert!(
        case.house.mails(ANA, 2)[1]
            .text()
            .contains("maria@work.example")
    );
    assert!(case.marias(1)[0].text().starts_with("It is merged."));
}

/// The daemon is killed at every moment of the way of one answer, and started again: it goes once.
#[test]
fn a_kill_at_any_step_of_an_answer_neither_loses_nor_doubles_it() {
    let mut case = Case::begin(AT_ONCE);
    let mut sent = 0;
    for (moment, after) in [
        ("fetched:1", "it is merged"),
        ("applied:1", "it is merged, really"),
        ("data-synced:1", "the old one is gone"),
        ("committed:1", "you may log in"),
        ("filed:1", "with either address"),
        ("leased:1", "and the old password"),
    ] {
        case.house.end("TERM");
        let words = format!("Dear Maria, {after}.");
        let mail = case.mail(ANA, &case.threaded(), &words);
        case.house.deliver(&mail, ANA);
        let mut command = case.house.cli(&["run"]);
        command.env("MAILCLERK_DIE_AT", moment);
        case.house.launch(command);
        let start = std::time::Instant::now();
        while case.house.ended().is_none() {
            assert!(
                start.elapsed() < Duration::from_mins(3),
                "not killed at {moment}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        case.house.start();
        sent += 1;
        let answers = case.marias(sent);
        assert!(answers[sent - 1].text().contains(after), "{moment}");
    }
    assert_eq!(case.relays().len(), sent);
}

/// Orders that are none, or cannot be carried out: nothing is done, the words come back, and the corrected mail goes.
#[test]
fn a_wrong_order_comes_back_with_the_nearest_one_and_the_words() {
    let mut case = Case::begin(AT_ONCE);
    for (orders, nearest) in [
        ("#clsoe", "#close"),
        ("#close\n#merge 99", "no ticket of that number"),
    ] {
        case.answers(&format!("{orders}\nDear Maria, it is merged."));
        case.nobody_is_relayed();
        assert_eq!(case.house.ticket(case.ticket)["closed"], Value::Null);
        let n = if orders == "#clsoe" { 2 } else { 3 };
        let told = case.told(ANA, n);
        assert!(told.text().contains(nearest), "{}", told.text());
        assert!(
            told.text().contains("> Dear Maria, it is merged."),
            "{}",
            told.text()
        );
        assert_eq!(
            told.header("Auto-Submitted").as_deref(),
            Some("auto-generated")
        );
    }
    // She corrects it in an answer to that very mail.
    let told = case.told(ANA, 3);
    let mail = raw(
        ANA,
        &told.header("Reply-To").unwrap(),
        &format!("Re: {}", told.subject()),
        "",
        &format!(
            "＃ Close!\nDear Maria, it is merged.\n\n{}",
            quote(&told.text())
        ),
    );
    case.handled(&mail, ANA);
    let answer = case.marias(1).remove(0);
    assert_eq!(
        answer.text().trim_end(),
        "Dear Maria, it is merged.\n\n-- \nAna, Badge Desk"
    );
    assert_eq!(case.house.ticket(case.ticket)["state"], "closed");
    let id = case.ticket.to_string();
    case.house.ask(&["tickets", "reopen", &id]).unwrap();
    assert_eq!(case.house.ticket(case.ticket)["state"], "agent-answered");
    case.house.ask(&["tickets", "close", &id]).unwrap();
    assert_eq!(case.house.ticket(case.ticket)["state"], "closed");
}

/// Maria's address is gone when Ana's answer comes: the ticket says so, and Ana is told.
#[test]
fn an_answer_that_bounces_makes_the_ticket_not_reached_and_tells_the_agent() {
    let mut case = Case::begin(AT_ONCE);
    case.answers("It is merged.");
    let answer = case.marias(1).remove(0);
    let id = answer.header("Message-ID").unwrap();
    let bounce = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@home.example\nTo: {DESK}\nSubject: Undelivered Mail Returned to Sender\nDate: Mon, 23 Nov 2026 11:00:00 +0000\nMessage-ID: <b1@home.example>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nNo such user.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; home.example\n\nFinal-Recipient: rfc822; {MARIA}\nAction: failed\nStatus: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {id}\nTo: {MARIA}\n\n--b--\n"
    );
    case.handled(&bounce, "");
    assert_eq!(case.house.ticket(case.ticket)["state"], "not-reached");
    let told = case.told(ANA, 2);
    assert!(
        told.text().contains("the person was not reached"),
        "{}",
        told.text()
    );
}

/// The mail server refuses the person's address at once: no bounce will ever tell, so the desk does.
#[test]
fn an_answer_that_the_mail_server_does_not_take_comes_to_the_agents_knowledge() {
    const LOST: &str = "lost@refused.example";
    let mut house = House::closed("");
    house.change_config("[control]", AT_ONCE);
    house.start();
    let ticket = house.write(LOST, "Two accounts", MERGE).ticket();
    let forward = house.only_mail(ANA);
    let mut case = Case {
        house,
        forward,
        ticket,
    };
    case.answers("Dear friend,\n\nboth accounts are one now.");
    let told = case.told(ANA, 2);
    assert!(
        told.subject().contains("your answer did not leave"),
        "{}",
        told.subject()
    );
    assert!(
        told.text().contains("No such person here"),
        "{}",
        told.text()
    );
    let shown = case.house.ticket(case.ticket);
    assert_eq!(shown["state"], "not-reached", "{shown}");
    assert_eq!(shown["agent"], ANA);
}
