//! Verification under attack: machines that answer, lists of addresses, forged requesters, kills in the middle.

use std::time::Duration;

use crate::house::House;
use crate::house::mail;
use crate::person::LOST;
use crate::person::MARIA;
use crate::person::MERGE;
use crate::person::OTHER;
use crate::person::asked;
use crate::person::last_forward;
use crate::person::stand;
use crate::support::imap::Stored;

/// A machine's answer to a mail of ours, as mailboxes send them by themselves.
fn by_itself(question: &Stored, n: u32, headers: &str, subject: &str, text: &str) -> String {
    let id = question.header("Message-ID").unwrap();
    let to = question.header("Reply-To").unwrap();
    let headers = format!("In-Reply-To: {id}\nReferences: {id}\n{headers}");
    let id = format!("auto{n}@new.example");
    mail(OTHER, subject, &id, &headers, text)
        .replace("To: support@credly.example", &format!("To: {to}"))
}

/// The mailbox that was asked answers by itself, with the proper header, with an old one, and by its words alone.
#[test]
fn a_machine_that_answers_at_the_named_address_verifies_nothing_and_gets_nothing() {
    let mut house = House::open();
    let (_, question) = asked(&mut house);
    let (sent, subject) = (house.sent(), question.subject());
    let away = "Thank you for your message. I am out of the office until Monday, 30 November, and have no access to my mail. In urgent cases please write to office@new.example.";
    for (n, (headers, subject)) in [
        (
            "Auto-Submitted: auto-replied\n",
            format!("Automatic reply: {subject}"),
        ),
        (
            "X-Autoreply: yes\nPrecedence: auto_reply\n",
            format!("Re: {subject}"),
        ),
        (
            "X-Auto-Response-Suppress: All\n",
            format!("Out of office: {subject}"),
        ),
        ("", format!("Automatic reply: {subject}")),
    ]
    .into_iter()
    .enumerate()
    {
        let n = u32::try_from(n).unwrap();
        let raw = by_itself(&question, n, headers, &subject, away);
        house.receive(&raw, OTHER);
        assert_eq!(stand(&house, 1, OTHER), "asked", "{headers}{subject}");
        assert_eq!(
            house.sent_to(OTHER),
            1,
            "{headers}{subject}: the question alone"
        );
    }
    assert_eq!(house.sent(), sent, "and the agent is left alone");
    // The person comes back and answers.
    house.answer(OTHER, &question, "Yes, this is me.");
    assert_eq!(stand(&house, 1, OTHER), "verified");
}

/// Maria's mail names fifty addresses; then four; then others, one at a time.
#[test]
fn whoever_names_many_addresses_has_at_most_two_of_them_asked() {
    let mut house = House::open();
    house.write(MARIA, "Two accounts", MERGE);
    let ack = house.only_mail(MARIA);
    let sent = house.sent();
    let many: Vec<String> = (0..50)
        .map(|n| format!("victim{n}@list{n}.example"))
        .collect();
    house.answer(
        MARIA,
        &ack,
        &format!("All these are mine: {}", many.join(", ")),
    );
    assert_eq!(house.sent(), sent + 1, "the forward, and no question");
    let four = [
        "a@one.example",
        "b@two.example",
        "c@three.example",
        "d@four.example",
    ];
    house.answer(MARIA, &ack, &format!("I read {}.", four.join(" and ")));
    let questions = |house: &House| {
        let all = house.ask(&["outbox", "list", "--all", "--limit", "1000"]);
        let all = all.unwrap();
        let all = all.as_array().unwrap().iter();
        all.filter(|m| m["purpose"] == "verify").count()
    };
    assert_eq!(questions(&house), 2);
    house.end("KILL");
    house.start();
    for address in ["e@five.example", "f@six.example"] {
        house.answer(MARIA, &ack, &format!("I can read {address} now."));
    }
    assert_eq!(questions(&house), 2, "two on a ticket, ever");
}

/// Somebody writes in Maria's name and names a victim: as long as she has answered nothing, the desk asks nobody.
#[test]
fn a_forged_requester_makes_the_desk_write_to_nobody_they_name() {
    let mut house = House::open();
    let text = format!("{MERGE} The other one is {OTHER}, I can read it now.");
    house.write(MARIA, "Two accounts", &text);
    assert_eq!(stand(&house, 1, OTHER), "named");
    assert_eq!(house.sent_to(OTHER), 0);
    // Again in her name, on the same ticket's number, without a token.
    let raw = mail(
        MARIA,
        "Re: Two accounts [#1]",
        "again@home.example",
        "",
        &format!("Please hurry. The other one is {OTHER}, I can read it now, merge them."),
    );
    house.receive(&raw, MARIA);
    assert_eq!(house.sent_to(OTHER), 0);
    // Her own border refutes it.
    let ack = house.only_mail(MARIA);
    let id = ack.header("Message-ID").unwrap();
    let headers = format!(
        "Authentication-Results: mx.credly.example; dmarc=fail header.from=home.example\nIn-Reply-To: {id}\n"
    );
    let raw = mail(
        MARIA,
        "Re: Two accounts",
        "third@home.example",
        &headers,
        &text,
    );
    house.receive(&raw, MARIA);
    assert_eq!(house.sent_to(OTHER), 0, "{:?}", house.log());
    assert_ne!(stand(&house, 1, MARIA), "verified");
}

/// No word that leaves tells whether there is an account: to Maria, to the address that she names, known or not.
#[test]
fn nothing_that_leaves_says_whether_an_account_exists() {
    let mut house = House::open();
    let (_, question) = asked(&mut house);
    house.answer(OTHER, &question, "Yes.");
    house.write("joe@else.example", "Locked out", LOST);
    let mut all = house.mails(OTHER, 1);
    all.extend(house.mails(MARIA, 1));
    all.extend(house.mails("joe@else.example", 1));
    for mail in &all {
        let text = format!("{} {}", mail.subject(), mail.text()).to_lowercase();
        for told in [
            "account exists",
            "no account",
            "account was found",
            "found your account",
            "account is registered to you",
            "not registered",
            "belongs to",
        ] {
            assert!(!text.contains(told), "`{told}`: {text}");
        }
    }
    let asked: Vec<_> = all
        .iter()
        .filter(|m| m.subject() == question.subject())
        .collect();
    assert_eq!(asked.len(), 1);
}

/// The daemon is killed at every moment of both halves: the question leaves once, the answer counts once.
#[test]
fn a_kill_at_any_step_of_verification_neither_asks_twice_nor_loses_the_proof() {
    for moment in ["fetched:1", "committed:1", "leased:1"] {
        let mut house = House::open();
        house.write(MARIA, "Two accounts", MERGE);
        let ack = house.only_mail(MARIA);
        let named = format!("The other one is {OTHER}, please merge both.");
        cut_off(&mut house, moment, |house| {
            house.answer_later(MARIA, &ack, &named);
        });
        house.handled();
        assert_eq!(stand(&house, 1, OTHER), "asked", "{moment}");
        assert_eq!(house.sent_to(OTHER), 1, "{moment}");
        // Whether it left may be unknown, and nobody is asked twice: an operator decides.
        let all = house.ask(&["outbox", "list", "--all"]).unwrap();
        let mut all = all.as_array().unwrap().iter();
        let question = all.find(|m| m["purpose"] == "verify").unwrap();
        if question["state"] == "parked" {
            let id = question["id"].to_string();
            house.ask(&["outbox", "resend", &id]).unwrap();
        }
        let question = house.mails(OTHER, 1).remove(0);
        cut_off(&mut house, moment, |house| {
            house.answer_later(OTHER, &question, "Yes, it is me.");
        });
        house.handled();
        assert_eq!(stand(&house, 1, OTHER), "verified", "{moment}");
        let ticket = house.ticket(1);
        let events = ticket["events"].as_array().unwrap();
        let proofs = events.iter().filter(|e| {
            let note = e["note"].as_str().unwrap_or_default();
            e["kind"] == "address" && note.starts_with(&format!("{OTHER}: VERIFIED"))
        });
        assert_eq!(proofs.count(), 1, "{moment}: {ticket}");
        let agent = ticket["agent"].as_str().unwrap().to_owned();
        let told = last_forward(&house, &agent, 3);
        assert!(
            told.subject().contains("is now verified"),
            "{moment}: {}",
            told.subject()
        );
    }
}

/// Has a mail arrive while the daemon is down, ends its next run at that moment, and starts it once more.
fn cut_off(house: &mut House, moment: &str, mail: impl FnOnce(&mut House)) {
    house.end("TERM");
    mail(house);
    let mut command = house.cli(&["run"]);
    command.env("MAILCLERK_DIE_AT", moment);
    house.launch(command);
    let start = std::time::Instant::now();
    while house.ended().is_none() {
        assert!(
            start.elapsed() < Duration::from_mins(3),
            "not killed at {moment}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    house.start();
}
