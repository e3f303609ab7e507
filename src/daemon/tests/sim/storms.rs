//! Very many mails at once: nothing is lost, and the desk says no more than it may.
//!
//! With `MAILCLERK_TORTURE_MINUTES` in the environment storms are of full size, otherwise of a fiftieth.

use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::letters::BORDER;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::scenarios::play;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::HOUR;

/// Whether there is time for storms of full size.
pub(super) fn long() -> bool {
    std::env::var_os("MAILCLERK_TORTURE_MINUTES").is_some()
}

/// Lets so many mails come in an hour, each from whom `from` says; a person's case among them.
fn storm(kind: Kind, from: impl Fn(u64) -> String, more: &str) -> (Past, u64) {
    let mails = if long() { 10_000 } else { 200 };
    let past = play(1, |state| {
        for n in 0..mails {
            let mut letter = state.letter(kind, &from(n));
            letter.subject = format!("{} ({n})", letter.subject);
            letter.more = more.to_owned();
            let at = 100 + state.rng.between(0, HOUR - 200);
            state.plan(at, Event::Mail(letter));
        }
        let person = state.letter(Kind::Account, "somebody@home.example");
        state.plan(HOUR / 2, Event::Mail(person));
    });
    assert_eq!(
        past.counts.ledger, past.figures.delivered,
        "each has its final state"
    );
    assert!(
        past.post
            .taken
            .iter()
            .any(|t| !t.reply && !t.marks.is_empty())
    );
    (past, mails)
}

/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_mails_of_one_sender_in_an_hour_get_one_reply_and_are_all_filed() {
    let (past, _) = storm(Kind::Redirect, |_| "one@storm.example".to_owned(), "");
    let replies = past.post.taken_for("one@storm.example", true).len();
    assert!((1..=3).contains(&replies), "{replies} replies");
}

/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_senders_of_one_domain_in_an_hour_get_the_replies_of_a_domain() {
    let (past, mails) = storm(Kind::Redirect, |n| format!("s{n}@storm.example"), "");
    let replies = past
        .post
        .taken
        .iter()
        .filter(|t| t.reply && t.to.ends_with("@storm.example"));
    assert!(replies.count() <= 20 * 2);
    let filed = past.post.taken.iter().filter(|t| !t.reply).count() as u64;
    assert!(
        filed + 40 >= mails,
        "who is not answered goes to a person: {filed}"
    );
}

/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_forged_senders_in_an_hour_get_no_more_than_the_desk_may_say_in_all() {
    let (past, _) = storm(Kind::Redirect, |n| format!("x@d{n}.storm.example"), "");
    let replies = past.post.taken_for("", true).len();
    assert!((20..=60 * 2).contains(&replies), "{replies} replies");
}

/// Faults: F100; holds I1 I4 I5 I6.
#[test]
fn mails_whose_sender_the_border_disproves_get_no_reply_however_many_they_are() {
    let more =
        format!("Authentication-Results: {BORDER}; dmarc=fail header.from=victim.example\r\n");
    let (past, _) = storm(
        Kind::Redirect,
        |n| format!("v{}@victim.example", n % 100),
        &more,
    );
    assert_eq!(past.post.taken_for("somebody@home.example", true).len(), 1);
    assert_eq!(
        past.post.taken_for("", true).len(),
        1,
        "nobody else was answered"
    );
}

/// Faults: F101; holds I3 I5.
#[test]
fn one_person_in_a_hundred_spellings_with_a_hundred_subjects_has_one_budget() {
    let spellings = [
        "maria.rossi@gmail.com",
        "mariarossi@gmail.com",
        "Maria.Rossi@GMail.com",
        "m.a.r.i.a.rossi@googlemail.com",
        "mariarossi+badge@gmail.com",
        "\"mariarossi\"@gmail.com",
    ];
    let idn = [
        "jo@b\u{fc}cher.example",
        "jo@xn--bcher-kva.example",
        "JO@B\u{dc}CHER.example",
        "jo+2@b\u{fc}cher.example",
    ];
    let past = play(6, |state| {
        for n in 0..100_usize {
            for who in [spellings[n % spellings.len()], idn[n % idn.len()]] {
                let mut letter = state.letter(Kind::Redirect, who);
                letter.subject = format!("{} ({n})", letter.subject);
                "I completed a course on Coursera but I did not get my badge.\r\n"
                    .clone_into(&mut letter.body);
                let at = state.rng.between(100, 6 * DAY);
                state.plan(at, Event::Mail(letter));
            }
        }
    });
    let replies = past.post.taken_for("", true);
    assert!(
        replies.len() <= 2,
        "two people: {:?}",
        replies.iter().map(|r| &r.to).collect::<Vec<_>>()
    );
}
