//! What the short mails say, and what they never do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use super::*;
use crate::triage::Keeping;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;
use crate::triage::token::DeskKey;

const NOW: Timestamp = Timestamp(1_780_000_000);

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn office() -> Office {
    Office {
        mailbox: "support".to_owned(),
        address: address("support@desk.example"),
        queues: Vec::new(),
        surroundings: Surroundings::default(),
        key: DeskKey::new(&[1; 32]),
        keeping: Keeping::default(),
        relay: crate::triage::relay::RelayRules::default(),
        roster: Arc::default(),
    }
}

fn ticket(number: u64, subject: &str) -> Ticket {
    let agent = address("ana@agents.example");
    Ticket {
        number: TicketNumber(number),
        version: 1,
        state: TicketState::WithAgent { agent, since: NOW },
        mailbox: "support".to_owned(),
        subject: subject.to_owned(),
        participants: vec![address("maria@home.example")],
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: NOW,
        updated: NOW,
    }
}

fn written(calls: &[(Call, u64)], subject: &str) -> Letter {
    let agent = address("ana@agents.example");
    let tickets: Vec<Ticket> = calls.iter().map(|(_, n)| ticket(*n, subject)).collect();
    let items: Vec<Item<'_>> = calls
        .iter()
        .zip(&tickets)
        .map(|((call, _), ticket)| Item {
            call: *call,
            ticket,
            agent: &agent,
            since: NOW.plus_s(-3 * 86_400),
        })
        .collect();
    letter(&address("lea@agents.example"), &items, &office(), NOW).unwrap()
}

#[test]
fn a_reminder_names_number_subject_and_age_and_is_answered_into_its_ticket() {
    let letter = written(&[(Call::Remind, 42)], "Two accounts");
    assert!(
        letter.subject.starts_with("Reminder: Two accounts [#42 "),
        "{}",
        letter.subject
    );
    assert!(
        letter.text.starts_with(&format!(
            "{MARKER}\nTicket #42 has been with you for 3 days and has no answer yet.\n"
        )),
        "{}",
        letter.text
    );
    let office = office();
    let to = letter.reply_to.first().unwrap();
    let lea = address("lea@agents.example");
    assert_eq!(
        office.key.own_reply_address(to, &office.address, &lea),
        Some(TicketNumber(42))
    );
    assert_eq!(
        office.key.own_subject_tag(&letter.subject, &lea),
        Some(TicketNumber(42))
    );
    assert_eq!(
        letter.reply_to.len(),
        1,
        "never the person: a reminder is no answer"
    );
}

#[test]
fn the_lead_hears_who_has_the_ticket_and_a_woken_one_says_so() {
    let letter = written(&[(Call::Escalate, 42)], "Two accounts");
    assert!(
        letter.text.contains("with ana@agents.example for 3 days"),
        "{}",
        letter.text
    );
    let letter = written(&[(Call::Woken, 42)], "Two accounts");
    assert!(
        letter.text.contains("was to rest until now"),
        "{}",
        letter.text
    );
}

/// What an agent answers goes to the person: the mail says so, and what it says itself stands below the line.
#[test]
fn a_mail_that_can_be_answered_says_where_the_answer_goes_and_the_others_that_it_comes_back() {
    for call in [Call::Remind, Call::Woken] {
        let letter = written(&[(call, 42)], "Two accounts");
        assert!(letter.text.starts_with(MARKER), "{}", letter.text);
        assert!(
            letter
                .text
                .contains("your words go to the writer\n(maria@home.example)"),
            "{}",
            letter.text
        );
        assert!(letter.text.lines().all(|l| l.len() < 70), "{}", letter.text);
    }
    for calls in [
        &[(Call::Escalate, 42)][..],
        &[(Call::Remind, 1), (Call::Remind, 2)],
    ] {
        let letter = written(calls, "Two accounts");
        assert_eq!(letter.reply_to, [], "no token");
        assert!(
            letter.text.contains("reaches nobody, and comes back"),
            "{}",
            letter.text
        );
    }
}

#[test]
fn what_falls_due_together_is_one_mail_that_names_the_first_of_them() {
    let calls: Vec<(Call, u64)> = (1..=60).map(|n| (Call::Remind, n)).collect();
    let letter = written(&calls, "Two accounts");
    assert_eq!(letter.subject, "60 tickets wait for an answer");
    assert!(
        letter.text.contains("#1 ") && letter.text.contains("#50 "),
        "{}",
        letter.text
    );
    assert!(
        !letter.text.contains("#51 ") && letter.text.contains("and 10 more"),
        "{}",
        letter.text
    );
    assert!(super::letter(&address("a@b.example"), &[], &office(), NOW).is_none());
}

#[test]
fn a_subject_is_cut_and_stays_on_its_line() {
    let long = format!("Two\r\nBcc: x@y.example {}", "ä".repeat(500));
    let letter = written(&[(Call::Remind, 1)], &long);
    assert!(
        letter.text.lines().all(|line| line.chars().count() < 120),
        "{}",
        letter.text
    );
    assert!(!letter.text.contains("\nBcc"), "{}", letter.text);
    assert!(!letter.subject.contains('\n'));
}

#[test]
fn an_age_is_said_in_the_largest_unit_of_which_there_are_two() {
    for (s, said) in [
        (-5, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ] {
        assert_eq!(age(NOW.plus_s(-s), NOW), said);
    }
}

#[test]
fn who_is_given_a_ticket_answers_the_desk_alone_and_reads_where_the_mail_is() {
    let office = office();
    let agent = address("ben@agents.example");
    let ticket = ticket(42, "Two accounts");
    let letter = handed(&ticket, &office, &agent, "root", false);
    let [desk] = letter.reply_to.as_slice() else {
        panic!("never the person beside the desk: {:?}", letter.reply_to)
    };
    assert_eq!(
        office.key.own_reply_address(desk, &office.address, &agent),
        Some(TicketNumber(42))
    );
    assert_eq!(letter.text.lines().next(), Some(MARKER), "{}", letter.text);
    assert!(
        letter.text.contains("lies in the desk's mailbox"),
        "{}",
        letter.text
    );
    assert!(
        letter.text.contains("root gave it to you"),
        "{}",
        letter.text
    );
    let letter = handed(&ticket, &office, &agent, "root", true);
    assert!(
        letter.text.contains("goes with this") && letter.attach_original,
        "{}",
        letter.text
    );
}
