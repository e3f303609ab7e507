//! Very many mails at once: nothing is lost, and the desk says no more than it may, to nobody.
//!
//! With `MAILCLERK_TORTURE_MINUTES` in the environment storms are of full size, otherwise of a tenth. How many mails the
//! desk sends follows from `rules/desk.toml` and the size alone, so it is asserted exactly.

use crate::daemon::tests::sim::episode::OPERATOR;
use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::letters::BORDER;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::letters::Letter;
use crate::daemon::tests::sim::people::Role;
use crate::daemon::tests::sim::scenarios::looked;
use crate::daemon::tests::sim::scenarios::play;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::store::Store;
use crate::triage::breaker::Stand;

/// The limits of `rules/desk.toml`.
const DOMAIN_HOUR: usize = 20;
const TEXT_HOUR: usize = 20;
const TOTAL_HOUR: usize = 60;
const SENDER_CASES: usize = 30;
const TEXT_CASES: usize = 30;
const DOMAIN_CASES: usize = 100;
const FORWARDS_HOUR: usize = 200;

/// Somebody who has a case while it storms.
const SOMEBODY: &str = "somebody@home.example";

/// Whether there is time for storms of full size.
pub(super) fn long() -> bool {
    std::env::var_os("MAILCLERK_TORTURE_MINUTES").is_some()
}

/// So many mails make a storm.
fn size() -> usize {
    if long() { 10_000 } else { 1_000 }
}

/// So often is an agent told of a flood that gathers so many: of its 1st, 10th, 100th, ... mail.
fn told(gathered: usize) -> usize {
    let mut told = 0;
    while 10_usize.pow(told) <= gathered {
        told += 1;
    }
    usize::try_from(told).unwrap()
}

/// A mail that can be answered by a machine, always in the same words.
fn same_words(state: &mut State, from: &str, n: usize) -> Letter {
    let mut letter = state.letter(Kind::Redirect, from);
    letter.subject = format!("Coursera badge ({n})");
    "I completed a course on Coursera but I did not get my badge.\r\n".clone_into(&mut letter.body);
    letter
}

/// The same with a word of its own.
fn other_words(state: &mut State, from: &str, n: usize) -> Letter {
    let mut letter = same_words(state, from, n);
    let word: String = format!("{n:05}")
        .bytes()
        .map(|digit| char::from(b'k' + (digit - b'0')))
        .collect();
    letter.body = format!(
        "{} The course is called {word}.\r\n",
        letter.body.trim_end()
    );
    letter
}

fn silent_agents(state: &mut State) {
    for queue in ["accounts", "badges", "triage"] {
        for agent in [queue.to_owned(), format!("{queue}2")] {
            state
                .people
                .add(&format!("{agent}@agents.example"), Role::Silent);
        }
    }
}

/// Lets so many mails come within an hour, and somebody's case among them; plays until all is quiet again.
fn storm(
    mails: usize,
    within_s: i64,
    letter: impl Fn(&mut State, usize) -> Letter,
    look: impl FnOnce(&mut State, &Store),
) -> Past {
    let days = if long() { 4 } else { 1 };
    let past = looked(
        days,
        |state| {
            silent_agents(state);
            for n in 0..mails {
                let letter = letter(state, n);
                let at = 100 + state.rng.between(0, within_s - 200);
                state.plan(at, Event::Mail(letter));
            }
            let person = state.letter(Kind::Account, SOMEBODY);
            state.plan(HOUR / 2, Event::Mail(person));
        },
        look,
    );
    assert_eq!(
        past.counts.ledger, past.figures.delivered,
        "each has its final state"
    );
    assert!(
        past.post
            .taken
            .iter()
            .any(|t| !t.reply && !t.marks.is_empty()),
        "somebody's case reached an agent"
    );
    past
}

/// Replies to all but somebody, forwards to agents but somebody's, mails to the operator.
fn sent(past: &Past) -> (usize, usize, usize) {
    let taken = &past.post.taken;
    let replies = taken.iter().filter(|t| t.reply && t.to != SOMEBODY).count();
    let agents = taken.iter().filter(|t| t.to.ends_with("@agents.example"));
    let forwards = agents.filter(|t| t.marks.is_empty()).count();
    let alarms = taken.iter().filter(|t| t.to == OPERATOR).count();
    (replies, forwards, alarms)
}

/// One reply; the others within the gap of an hour, and in the same words. Thirty cases, then the flood is told of.
///
/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_mails_of_one_sender_in_an_hour_get_one_reply_and_thirty_forwards_and_are_all_filed()
{
    let sender = |state: &mut State, n| other_words(state, "one@storm.example", n);
    let past = storm(size(), HOUR, sender, |_, _| {});
    let gathered = size() - 1 - SENDER_CASES;
    assert_eq!(sent(&past), (1, SENDER_CASES + told(gathered), 0));
}

/// Twenty replies of the domain; thirty cases of the same words, then the flood is told of.
///
/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_senders_of_one_domain_with_the_same_words_get_the_replies_of_a_domain() {
    let domain = |state: &mut State, n| same_words(state, &format!("s{n}@d{n}.storm.example"), n);
    let past = storm(size(), HOUR, domain, |_, _| {});
    let gathered = size() - DOMAIN_HOUR - TEXT_CASES;
    assert_eq!(sent(&past), (DOMAIN_HOUR, TEXT_CASES + told(gathered), 0));
}

/// Twenty replies of the domain; its hundred cases, then the flood is told of.
///
/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_senders_of_one_domain_with_words_of_their_own_are_gathered_by_their_domain() {
    let domain = |state: &mut State, n| other_words(state, &format!("s{n}@storm.example"), n);
    let past = storm(size(), HOUR, domain, |_, _| {});
    let gathered = size() - DOMAIN_HOUR - DOMAIN_CASES;
    assert_eq!(sent(&past), (DOMAIN_HOUR, DOMAIN_CASES + told(gathered), 0));
}

/// Twenty replies to the same words; thirty cases of them, then the flood is told of.
///
/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_forged_senders_with_the_same_words_get_the_replies_of_one_text() {
    let forged = |state: &mut State, n| same_words(state, &format!("x@d{n}.example"), n);
    let past = storm(size(), HOUR, forged, |_, _| {});
    let gathered = size() - TEXT_HOUR - TEXT_CASES;
    assert_eq!(sent(&past), (TEXT_HOUR, TEXT_CASES + told(gathered), 0));
}

/// Nothing tells these from people who all write at once: the total and its breaker hold the replies, the pace the
/// forwards. Nobody's case is lost: each is forwarded in its turn.
///
/// Faults: F99; holds I1 I3 I5 I6 I10.
#[test]
fn ten_thousand_forged_senders_with_words_of_their_own_trip_the_breaker_and_are_forwarded_at_a_pace()
 {
    let mails = size() + 150;
    let forged = |state: &mut State, n| other_words(state, &format!("x@d{n}.example"), n);
    let past = storm(mails, 1_000, forged, |state, store| {
        let now = crate::clock::Timestamp(state.wall());
        let breaker = store.breaker(now).unwrap();
        assert_eq!((breaker.stand, breaker.trips), (Stand::Closed, 1));
        // All but the sixty, and somebody: they went to people.
        assert_eq!(breaker.withheld, (mails - TOTAL_HOUR + 1) as u64);
    });
    assert_eq!(sent(&past), (TOTAL_HOUR, mails - TOTAL_HOUR, 1));
    let forwards = past
        .post
        .taken
        .iter()
        .filter(|t| t.to.ends_with("@agents.example"));
    let mut times: Vec<i64> = forwards.map(|t| t.at).collect();
    times.sort_unstable();
    let paced = i64::try_from(times.len() - FORWARDS_HOUR - 1).unwrap();
    let took = times.last().unwrap() - times[FORWARDS_HOUR];
    assert!(took >= (paced - 3) * 18, "{paced} in {took} s");
}

/// Faults: F99 F19; holds I5 I10.
#[test]
fn a_jump_of_the_wall_clock_neither_closes_the_breaker_early_nor_holds_it_for_ever() {
    for jump in [30 * DAY, -30 * DAY] {
        let past = play(2, |state| {
            silent_agents(state);
            for n in 0..90 {
                let letter = other_words(state, &format!("x@d{n}.example"), n);
                state.plan(100 + i64::try_from(n).unwrap(), Event::Mail(letter));
            }
            state.plan(600, Event::Jump(jump));
            state.plan(1_200, Event::Right);
            state.plan(1_300, Event::Restart);
            // One while it is open, one after it has closed.
            for (at, who) in [(2_000, "early@a.example"), (4 * HOUR, "late@b.example")] {
                let letter = same_words(state, who, 0);
                state.plan(at, Event::Mail(letter));
            }
        });
        let replies = |who: &str| past.post.taken_for(who, true).len();
        assert_eq!(
            (replies("early@a.example"), replies("late@b.example")),
            (0, 1),
            "{jump}"
        );
        assert_eq!(sent(&past).2, 1, "one alarm: {jump}");
    }
}

/// Faults: F99; holds I5 I10.
#[test]
fn a_storm_of_a_day_gets_sixty_replies_and_five_for_each_trial() {
    let past = play(1, |state| {
        silent_agents(state);
        // Ninety at once, then one in five minutes for half a day.
        for n in 0..90 + 144 {
            let letter = other_words(state, &format!("x@d{n}.example"), n);
            let nth = i64::try_from(n).unwrap();
            let at = if n < 90 { nth * 10 } else { (nth - 87) * 300 };
            state.plan(100 + at, Event::Mail(letter));
        }
    });
    // Open for one hour, two, four, eight: the trials begin after about 1.2, 3.7 and 8.2 hours.
    let (replies, _, alarms) = sent(&past);
    assert_eq!((replies, alarms), (TOTAL_HOUR + 3 * 5, 1));
}

/// Faults: F100; holds I1 I4 I5 I6.
#[test]
fn mails_whose_sender_the_border_disproves_get_no_reply_however_many_they_are() {
    let more =
        format!("Authentication-Results: {BORDER}; dmarc=fail header.from=victim.example\r\n");
    let forged = |state: &mut State, n: usize| {
        let mut letter = same_words(state, &format!("v{}@victim.example", n % 100), n);
        letter.more.clone_from(&more);
        letter
    };
    let past = storm(size(), HOUR, forged, |_, _| {});
    let gathered = size() - TEXT_CASES;
    assert_eq!(sent(&past), (0, TEXT_CASES + told(gathered), 0));
    assert_eq!(past.post.taken_for(SOMEBODY, true).len(), 1);
}

/// Who forges an address has its owner's cases neither gathered nor put off.
///
/// Faults: F100; holds I1 I5.
#[test]
fn the_owner_of_a_forged_address_reaches_an_agent_in_the_midst_of_the_flood() {
    let owner = "owner@victim.example";
    let vouched =
        format!("Authentication-Results: {BORDER}; dmarc=pass header.from=victim.example\r\n");
    let past = storm(
        size(),
        HOUR,
        |state, n| {
            if n == 100 {
                let mut letter = state.letter(Kind::Account, owner);
                letter.more.clone_from(&vouched);
                return letter;
            }
            other_words(state, owner, n)
        },
        |_, _| {},
    );
    // `reached` has seen that the marked case is with an agent.
    assert_eq!(
        past.post
            .taken
            .iter()
            .filter(|t| !t.marks.is_empty())
            .count(),
        2
    );
}

/// Faults: F97; holds I3 I5.
#[test]
fn an_address_that_does_not_exist_gets_one_try_and_its_cases_still_reach_an_agent() {
    let nobody = "gone@museum.example";
    let past = play(12, |state| {
        silent_agents(state);
        state.people.add(nobody, Role::Nobody);
        for n in 0..6 {
            let letter = same_words(state, nobody, n);
            state.plan(
                100 + i64::try_from(n).unwrap() * 2 * DAY,
                Event::Mail(letter),
            );
        }
    });
    let tries = past
        .log
        .iter()
        .filter(|line| line.contains("smtp r."))
        .count();
    assert_eq!(tries, 1, "{:#?}", past.log);
    // The first was answered; the others say why they were not.
    assert_eq!(sent(&past).1, 5);
}

/// Faults: F95 F98; holds I4 I5.
#[test]
fn ten_thousand_answers_of_an_autoresponder_get_nothing_but_the_first_reply() {
    let past = play(7, |state| {
        silent_agents(state);
        for (who, role) in [
            ("bot@m.example", Role::Machine),
            ("away@h.example", Role::Absent),
        ] {
            state.people.add(who, role);
            let letter = same_words(state, who, 0);
            state.plan(100, Event::Mail(letter));
        }
        // A machine that does not wait for us, and says the same for ever.
        for n in 0..size() {
            let mut letter = state.letter(Kind::Disguised, "loop@l.example");
            letter.body = "We have received your request and will be in touch.\r\n".to_owned();
            let at = 200 + i64::try_from(n).unwrap() * (6 * DAY / i64::try_from(size()).unwrap());
            state.plan(at, Event::Mail(letter));
        }
    });
    for who in ["bot@m.example", "away@h.example"] {
        assert_eq!(past.post.taken_for(who, true).len(), 1, "{who}");
    }
    let looped = past.post.taken_for("loop@l.example", true).len();
    assert!(looped <= 1, "{looped} replies to a loop");
    let (_, forwards, _) = sent(&past);
    // Thirty a day of one sender, and what tells of the rest.
    assert!(forwards <= 7 * (SENDER_CASES + 5), "{forwards} forwards");
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
