//! Machines that answer machines: no mail goes round.

use std::collections::BTreeMap;

use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::letters::DESK;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::people::Role;
use crate::daemon::tests::sim::scenarios::MARIA;
use crate::daemon::tests::sim::scenarios::looked;
use crate::daemon::tests::sim::scenarios::play;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::store::Order;
use crate::store::Store;

const MIRROR: &str = "help@mirror.example";

/// Agents who answer nothing, so that all mails are the two desks'.
fn silent_agents(state: &mut State) {
    for queue in ["accounts", "badges", "triage"] {
        for agent in [queue.to_owned(), format!("{queue}2")] {
            state
                .people
                .add(&format!("{agent}@agents.example"), Role::Silent);
        }
    }
}

/// A desk that answers everything at once and says nowhere that it is a machine; it began with a mail of that kind.
fn mirror_days(kind: Kind, role: Role) -> Past {
    play(2, |state| {
        silent_agents(state);
        state.people.add(MIRROR, role);
        let letter = state.letter(kind, MIRROR);
        state.plan(100, Event::Mail(letter));
    })
}

/// The answer to an automatic answer goes to a person, and nothing is said of that: not within an hour to that address,
/// not within a day on that ticket, and not while the case lies with an agent.
///
/// Faults: F95; holds I3 I4 I5.
#[test]
fn two_desks_that_answer_each_other_without_any_marker_exchange_one_reply_however_they_answer() {
    for (kind, role) in [
        (Kind::Disguised, Role::Mirror),
        (Kind::Account, Role::Mirror),
        (Kind::Redirect, Role::Mirror),
        (Kind::Redirect, Role::Bare),
        (Kind::Redirect, Role::Echo),
        (Kind::Redirect, Role::Absent),
    ] {
        let past = mirror_days(kind, role);
        let replies = past.post.taken_for(MIRROR, true).len();
        assert_eq!(replies, 1, "{kind:?}, {role:?}");
        // What began it, and what came back; our own words are known as a machine's.
        let forwards = past.post.taken_for("", false).len();
        assert!(forwards <= 2, "{kind:?}, {role:?}: {forwards}");
    }
}

/// A machine that writes the same every few hours and never answers in a thread; how often each reply left.
fn flood(jump: i64) -> Vec<usize> {
    let past = play(7, |state| {
        for n in 0..40 {
            let mut letter = state.letter(Kind::Redirect, MIRROR);
            letter.subject = format!("Your request {n}: badge missing");
            state.plan(100 + n * 14_000, Event::Mail(letter));
        }
        state.plan(2 * DAY, Event::Jump(jump));
    });
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for reply in past.post.taken_for(MIRROR, true) {
        *times.entry(reply.words.as_str()).or_default() += 1;
    }
    times.values().copied().collect()
}

/// Faults: F95; holds I3 I4 I5.
#[test]
fn a_desk_that_opens_a_new_thread_with_each_answer_gets_each_reply_once_in_a_week() {
    let times = flood(0);
    assert!(!times.is_empty() && times.len() <= 2, "{times:?}");
    assert!(times.iter().all(|n| *n == 1), "{times:?}");
}

/// Faults: F19 F95; holds I3 I5.
#[test]
fn a_jump_of_the_wall_clock_opens_that_loop_once_more_at_most() {
    for jump in [8 * DAY, -8 * DAY] {
        let times = flood(jump);
        assert!(
            times.iter().all(|n| *n <= 2),
            "a jump of {jump} s: {times:?}"
        );
    }
}

/// Faults: F96; holds I3 I4 I5.
#[test]
fn what_the_desk_wrote_itself_and_what_a_list_sends_round_is_answered_by_nobody() {
    let past = play(3, |state| {
        // A rule of hers sends our answer back.
        state.people.add(MARIA, Role::Redirecting);
        let letter = state.letter(Kind::Redirect, MARIA);
        state.plan(100, Event::Mail(letter));
        // Somebody writes in our name; a list sends a mail to us.
        let own = state.letter(Kind::Redirect, DESK);
        state.plan(3_000, Event::Mail(own));
        let mut list = state.letter(Kind::Machine, "talk@list.example");
        list.more = "List-Id: <talk.list.example>\r\nPrecedence: list\r\n".to_owned();
        state.plan(4_000, Event::Mail(list));
    });
    assert_eq!(past.post.taken_for("", true).len(), 1, "hers alone");
    assert!(past.counts.tickets <= 2, "{} tickets", past.counts.tickets);
}

/// Faults: F80 F97; holds I1 I2 I4 I5.
#[test]
fn mails_that_are_returned_are_answered_by_nobody_and_a_returned_case_goes_to_another_agent() {
    let past = play(3, |state| {
        state.people.add(MARIA, Role::Bouncing);
        state.people.add("accounts@agents.example", Role::Bouncing);
        for n in 0..4 {
            let letter = state.letter(Kind::Account, MARIA);
            state.plan(100 + n * 5 * HOUR, Event::Mail(letter));
        }
        // A report on a report, and one that is none.
        let mut bad = state.letter(Kind::Machine, "mailer-daemon@relay.example");
        bad.more = "Content-Type: multipart/report; boundary=x\r\n".to_owned();
        bad.body = "--x\r\n\r\n--y\r\nundelivered\r\n".to_owned();
        state.plan(DAY, Event::Mail(bad));
    });
    assert_eq!(
        past.post
            .taken_for("mailer-daemon@relay.example", true)
            .len(),
        0
    );
    assert!(
        past.post.taken_for("", true).len() <= 4,
        "hers, before they were returned"
    );
    let others = past.post.taken_for("accounts2@agents.example", false).len();
    assert!(others >= 2, "{others} cases went on to somebody else");
    let forwards = past.post.taken_for("", false);
    let forwards = forwards.iter().filter(|t| t.id.starts_with("f."));
    assert!(forwards.count() <= 4 * 3);
}

fn absences(_: &mut State, store: &Store) {
    let tickets = store.tickets(None, 100, None, Order::Oldest).unwrap();
    let noted = tickets.iter().filter(|t| {
        let (_, events, _) = store.ticket(t.number).unwrap().unwrap();
        events.iter().any(|e| e.kind == "absent")
    });
    assert!(noted.count() >= 3, "absences are noted on their tickets");
}

/// Faults: F98; holds I1 I4 I5.
#[test]
fn an_agents_absence_and_an_agents_rule_that_sends_cases_back_are_answered_by_nobody() {
    let past = looked(
        3,
        |state| {
            state.people.add("accounts@agents.example", Role::Away);
            state
                .people
                .add("accounts2@agents.example", Role::Redirecting);
            for n in 0..20 {
                let letter = state.letter(Kind::Account, &format!("p{n}@museum.example"));
                state.plan(100 + n * HOUR, Event::Mail(letter));
            }
        },
        absences,
    );
    for agent in ["accounts@agents.example", "accounts2@agents.example"] {
        assert_eq!(past.post.taken_for(agent, true).len(), 0);
    }
    assert_eq!(
        past.post.taken_for("", false).len(),
        20,
        "one forward for each case"
    );
}
