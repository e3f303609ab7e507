//! Single faults of servers, connections, process, clock and machine, each in a small world of its own.

use crate::daemon::tests::sim::episode::Episode;
use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::people::Role;
use crate::daemon::tests::sim::post::Turn;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Doom;
use crate::daemon::tests::sim::world::EPOCH;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::Faults;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::steps::Step;
use crate::store::Order;
use crate::store::Stage;
use crate::store::Store;

pub(super) const MARIA: &str = "maria@museum.example";
const ACCOUNTS: &str = "accounts@agents.example";

/// Plays days in which only what is planned goes wrong; everything must be well at their end.
pub(super) fn play(days: i64, setup: impl FnOnce(&mut State)) -> Past {
    looked(days, setup, |_, _| {})
}

pub(super) fn looked(
    days: i64,
    setup: impl FnOnce(&mut State),
    look: impl FnOnce(&mut State, &Store),
) -> Past {
    let past = Episode::fair(days).play(setup, look);
    past.must_be_well("it was not well");
    past
}

/// Maria asks for her two accounts to be merged, at that time: one forward, one reply.
fn merge(state: &mut State, at: i64) {
    let mut letter = state.letter(Kind::Account, MARIA);
    letter.subject = "Two accounts".to_owned();
    let mark = letter.mark.clone().unwrap_or_default();
    letter.body =
        format!("Hello,\r\n\r\nI have two accounts, please merge them into one. ({mark})\r\n");
    silent_agents(state);
    state.plan(at, Event::Mail(letter));
}

fn silent_agents(state: &mut State) {
    state.people.add(ACCOUNTS, Role::Silent);
    state.people.add("accounts2@agents.example", Role::Silent);
}

fn some_people(state: &mut State, days: i64) {
    state.busy(days, 20);
}

/// Faults: F19; holds I1 I2 I3 I5 I6 I10.
#[test]
fn a_wall_clock_that_is_wrong_for_hours_repeats_no_reply_and_stops_no_mail() {
    for jump in [3 * HOUR, -3 * HOUR, -4 * DAY, -EPOCH, 61] {
        let past = Episode {
            faults: Faults {
                smtp_later: 200,
                ..Faults::default()
            },
            ..Episode::fair(3)
        }
        .play(
            |state| {
                some_people(state, 3);
                state.plan(DAY, Event::Jump(jump));
                state.plan(DAY + 9 * HOUR, Event::Right);
            },
            |_, _| {},
        );
        past.must_be_well(&format!("a jump of {jump} s"));
    }
}

/// Faults: F20; holds I1 I3 I5 I6 I10.
#[test]
fn a_machine_that_slept_for_three_days_looks_once_and_answers_no_faster_than_it_may() {
    let past = play(6, |state| {
        some_people(state, 6);
        state.plan(DAY, Event::Suspend(3 * DAY));
    });
    let opened = past.log.iter().filter(|l| l.contains(" open ")).count();
    assert_eq!(opened, 2, "at the start, and once after the sleep");
}

/// Faults: F36 F37; holds I1 I3 I6.
#[test]
fn a_mail_that_somebody_removes_while_its_reply_is_sent_is_answered_once() {
    let past = looked(
        1,
        |state| {
            merge(state, 100);
            // Nothing can be filed away: the mail still lies there as its reply goes.
            state.faults.imap_quota = 1_000;
            state.faults.dot_ms = 60_000;
            state.plan(930, Event::Vanish);
        },
        |state, _| assert!(state.mails[0].gone),
    );
    assert_eq!(past.post.taken_for(MARIA, true).len(), 1);
    let taken: Vec<i64> = past.post.taken.iter().map(|t| t.at).collect();
    assert_eq!(taken, [900, 900], "both were under way as it went");
    assert_eq!(past.counts.ledger, 1);
}

/// Faults: F46; holds I1 I3.
#[test]
fn the_same_mail_delivered_twice_is_one_ticket_and_one_reply() {
    let past = play(2, |state| {
        merge(state, 100);
        state.plan(120, Event::Again(0));
        state.plan(DAY, Event::Again(0));
    });
    assert_eq!((past.counts.tickets, past.counts.ledger), (1, 3));
    assert_eq!(past.post.taken_for(MARIA, true).len(), 1);
    assert_eq!(past.post.taken_for(ACCOUNTS, false).len(), 1);
}

/// Faults: F47; holds I1 I3.
#[test]
fn two_mails_with_one_message_id_and_different_words_are_two_tickets_and_both_reach_an_agent() {
    let past = play(2, |state| {
        silent_agents(state);
        let mut letter = state.letter(Kind::Account, MARIA);
        state.plan(100, Event::Mail(letter.clone()));
        letter.marked_again();
        // So much later that it is no second try of the same request.
        state.plan(4_000, Event::Mail(letter));
    });
    assert_eq!((past.counts.tickets, past.counts.ledger), (2, 2));
    assert_eq!(past.post.taken_for("", false).len(), 2);
}

/// Faults: F48 F63; holds I1 I3 I4.
#[test]
fn old_mail_of_a_full_mailbox_is_not_answered_though_its_keywords_are_lost_and_its_uids_change() {
    let old = if crate::daemon::tests::sim::storms::long() {
        100_000
    } else {
        3_000
    };
    let past = play(2, |state| {
        for n in 0..old {
            let mut letter = state.letter(Kind::Redirect, &format!("old{n}@museum.example"));
            letter.age_s = 30 * DAY + n;
            state.deliver(letter);
        }
        let young = state.letter(Kind::Redirect, MARIA);
        state.deliver(young);
        state.plan(6 * HOUR, Event::Unflag);
        state.plan(6 * HOUR, Event::ImapDown(600));
        state.plan(12 * HOUR, Event::Unflag);
        state.plan(12 * HOUR, Event::Renumber);
    });
    assert_eq!(past.post.taken.len(), 1);
    assert_eq!(past.post.taken_for(MARIA, true).len(), 1);
    assert_eq!(past.counts.tickets, 1);
}

/// Faults: F64; holds I1 I6 I10.
#[test]
fn a_mailbox_that_somebody_empties_is_no_reason_for_alarm_and_goes_on() {
    let past = play(4, |state| {
        for n in 0..50 {
            let mut letter = state.letter(Kind::Redirect, &format!("old{n}@museum.example"));
            letter.age_s = 30 * DAY;
            state.deliver(letter);
        }
        state.plan(DAY, Event::Empty);
        merge(state, 2 * DAY);
    });
    assert_eq!(past.post.taken_for(MARIA, true).len(), 1);
    let opened = past.log.iter().filter(|l| l.contains(" open ")).count();
    assert_eq!(opened, 1, "the connection does not mind");
    assert_eq!(past.counts.ledger, 51);
}

/// Faults: F34 F35; holds I1 I2 I3.
#[test]
fn uids_that_all_become_new_again_and_again_repeat_nothing() {
    let past = play(3, |state| {
        some_people(state, 3);
        state.faults.imap_half = 500;
        (1..30).for_each(|n| state.plan(n * 2 * HOUR, Event::Renumber));
    });
    assert_eq!(past.figures.extra_forwards, 0);
}

/// Faults: F65; holds I1 I3.
#[test]
fn an_older_copy_of_the_mailbox_gives_old_uids_to_new_mails_and_these_are_handled() {
    let past = play(2, |state| {
        merge(state, 100);
        state.plan(HOUR, Event::Snapshot);
        let lost = state.letter(Kind::Redirect, "lost@museum.example");
        state.plan(HOUR + 10, Event::Mail(lost));
        state.plan(2 * HOUR, Event::Failover);
        let new = state.letter(Kind::Account, "new@museum.example");
        state.plan(4 * HOUR, Event::Mail(new));
    });
    let told = |who| past.post.taken_for(who, true).len();
    assert_eq!(
        (
            told(MARIA),
            told("lost@museum.example"),
            told("new@museum.example")
        ),
        (1, 1, 1)
    );
    assert_eq!(past.counts.ledger, 2, "one final state for each UID");
}

/// Faults: F69; holds I1 I2 I3.
#[test]
fn after_a_cut_between_dot_and_answer_the_reply_never_goes_again_and_the_forward_once_more() {
    for taken in [true, false] {
        let past = play(2, |state| {
            merge(state, 100);
            state.post.will(MARIA, &[Turn::LostAfter(taken)]);
            state.post.will(ACCOUNTS, &[Turn::LostAfter(taken)]);
        });
        let once = usize::from(taken);
        assert_eq!(past.post.taken_for(MARIA, true).len(), once);
        let forwards = past.post.taken_for(ACCOUNTS, false);
        assert_eq!(forwards.len(), 1 + once);
        assert!(
            forwards.iter().all(|f| f.id == forwards[0].id),
            "the same Message-ID"
        );
        assert_eq!((past.counts.parked, past.counts.sent), (1, 1));
    }
}

/// A process that is killed at a moment of sending; returns how often reply and forward were taken over.
fn killed_at(step: Step, nth: u64) -> (usize, usize) {
    let past = looked(
        2,
        |state| {
            merge(state, 100);
            state.doom_at = Some((step, nth, Doom::Kill));
        },
        |_, store| {
            let parked = store.outbox(Some(Stage::Parked), 9, Order::Oldest).unwrap();
            assert!(
                parked
                    .iter()
                    .all(|p| p.delivery.said().starts_with("in doubt"))
            );
        },
    );
    assert_eq!(past.figures.kills, 1);
    (
        past.post.taken_for(MARIA, true).len(),
        past.post.taken_for(ACCOUNTS, false).len(),
    )
}

/// Faults: F70; holds I1 I2 I3.
#[test]
fn a_process_killed_between_the_servers_250_and_its_record_repeats_the_forward_alone() {
    for step in [Step::DotSent, Step::Answered] {
        for nth in [0, 1] {
            let (replies, forwards) = killed_at(step, nth);
            assert!(replies <= 1, "{step:?} {nth}: {replies} replies");
            assert!(
                (1..=2).contains(&forwards),
                "{step:?} {nth}: {forwards} forwards"
            );
        }
    }
    assert_eq!(
        killed_at(Step::Settled, 0).1,
        1,
        "what is on record does not go again"
    );
}

/// Faults: F71; holds I1 I2 I3.
#[test]
fn a_process_killed_before_it_used_a_connection_sends_the_forward_and_gives_the_reply_up() {
    for step in [Step::Leased, Step::Sending] {
        assert_eq!(killed_at(step, 0), (0, 1), "{step:?}");
    }
}

/// Faults: F74; holds I1 I2 I3 I10.
#[test]
fn a_server_that_wants_to_be_asked_again_is_asked_again_without_hurry() {
    for wait_s in [300, 4 * HOUR] {
        let past = play(2, |state| {
            merge(state, 100);
            state.post.greylist_s = wait_s;
        });
        assert_eq!(past.post.taken.len(), 2);
        assert!(
            past.post.attempts <= 2 * 10,
            "{} attempts",
            past.post.attempts
        );
    }
}

/// Faults: F78; holds I1 I2 I3 I10.
#[test]
fn a_mail_system_that_is_gone_for_six_days_loses_no_forward_and_makes_no_reply_late() {
    let past = play(9, |state| {
        some_people(state, 9);
        state.plan(DAY, Event::SmtpDown(6 * DAY));
    });
    for reply in past.post.taken_for("", true) {
        let late = EPOCH + reply.at - reply.date;
        assert!(late <= DAY + 600, "{reply:?} is {late} s late");
    }
    let tries = past.post.attempts;
    assert!(tries < 6_000, "{tries} attempts");
}

/// Faults: F7 F8 F9; holds I1 I2 I3 I9 I10.
#[test]
fn a_disk_that_is_full_for_an_hour_ends_the_daemon_or_holds_it_up_and_loses_nothing() {
    for (step, nth) in [
        (Step::FileWritten, 3),
        (Step::FolderChanged, 6),
        (Step::Flushed, 1),
        (Step::Renaming, 2),
    ] {
        let past = play(2, |state| {
            (0..5).for_each(|n| merge(state, 100 + n * 2_000));
            state.doom_at = Some((step, nth, Doom::Full));
        });
        assert_eq!(past.figures.disk_errors, 1, "{step:?}");
        assert_eq!(past.post.taken_for("", false).len(), 5, "{step:?}");
    }
}
