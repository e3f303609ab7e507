//! Reminders and digests in the simulated world: each comes once, whatever the process, the clock and the machine do.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::daemon::tests::sim::episode::Episode;
use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::people::Role;
use crate::daemon::tests::sim::post::Taken;
use crate::daemon::tests::sim::scenarios::MARIA;
use crate::daemon::tests::sim::scenarios::looked;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Doom;
use crate::daemon::tests::sim::world::EPOCH;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::Faults;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::message::address::Address;
use crate::steps::Step;
use crate::store::Order;
use crate::store::Store;
use crate::triage::hours::TimeOfDay;
use crate::triage::roster::DigestRule;
use crate::triage::roster::Duty;
use crate::triage::roster::Roster;
use crate::triage::ticket::TicketState;

const LEAD: &str = "lead@agents.example";
const AGENTS: [&str; 7] = [
    "accounts@agents.example",
    "accounts2@agents.example",
    "badges@agents.example",
    "badges2@agents.example",
    "triage@agents.example",
    "triage2@agents.example",
    LEAD,
];

/// Every queue reminds after six hours, tells its lead after twelve, and sends a digest at eight.
fn watched(state: &mut State) {
    let duty = Duty {
        remind_s: Some(6 * HOUR),
        escalate_s: Some(12 * HOUR),
        lead: Some(Address::parse(LEAD).unwrap()),
        ..Duty::default()
    };
    let queues = ["accounts", "badges", "triage"];
    state.roster = Arc::new(Roster {
        duties: queues.map(|q| (q.to_owned(), duty.clone())).into(),
        digest: Some(DigestRule {
            at: TimeOfDay(8 * 60),
            subjects: true,
        }),
        ..Roster::default()
    });
    for agent in AGENTS {
        state.people.add(agent, Role::Silent);
    }
}

/// One case, and nobody answers it.
fn one_case(state: &mut State) {
    watched(state);
    let letter = state.letter(Kind::Account, MARIA);
    state.plan(100, Event::Mail(letter));
}

fn with_subject<'a>(past: &'a Past, begins: &str) -> Vec<&'a Taken> {
    let taken = past.post.taken.iter();
    taken.filter(|t| t.subject.starts_with(begins)).collect()
}

/// Each of the two once, not before its time, and within an hour of it.
fn once_each(past: &Past, late_s: i64, what: &str) {
    for (begins, hours) in [("Reminder: ", 6), ("Still unanswered: ", 12)] {
        let taken = with_subject(past, begins);
        assert_eq!(taken.len(), 1, "{what}: {begins}");
        let due = 100 + hours * HOUR;
        let at = taken[0].at;
        assert!(
            (due - 60..due + HOUR + late_s).contains(&at),
            "{what}: {begins} at {at}"
        );
    }
}

/// Faults: F1 F5; holds I1 I2 I10.
#[test]
fn a_process_that_dies_at_any_firing_reminds_once_and_tells_the_lead_once() {
    for step in [Step::AgendaFiring, Step::AgendaFired] {
        for (nth, doom) in (0..4).flat_map(|n| [(n, Doom::Kill), (n, Doom::Power)]) {
            let what = format!("{step:?} {nth} {doom:?}");
            let mut episode = Episode::fair(1);
            // A disk that can lose its power is another one.
            episode.faults.power = u32::from(doom == Doom::Power);
            let past = episode.play(
                |state| {
                    one_case(state);
                    state.faults.power = 0;
                    state.doom_at = Some((step, nth, doom));
                },
                |_, _| {},
            );
            past.must_be_well(&what);
            once_each(&past, 0, &what);
        }
    }
}

/// Faults: F19; holds I1 I10.
#[test]
fn a_wall_clock_that_jumps_reminds_nobody_early_or_twice() {
    for jump in [8 * DAY, -8 * DAY, 5 * HOUR, -5 * HOUR] {
        let past = looked(
            2,
            |state| {
                one_case(state);
                state.plan(3 * HOUR, Event::Jump(jump));
            },
            |_, _| {},
        );
        once_each(&past, 0, &format!("a jump of {jump} s"));
    }
}

/// Faults: F20; holds I5 I10.
#[test]
fn a_machine_that_slept_over_everything_that_was_due_does_each_once() {
    let past = looked(
        6,
        |state| {
            one_case(state);
            state.plan(3 * HOUR, Event::Suspend(4 * DAY));
        },
        |_, _| {},
    );
    once_each(&past, 5 * DAY, "asleep");
    // Of the four mornings that it slept through one is told of, as it woke.
    let digests = with_subject(&past, "Queue accounts:");
    let slept = digests.iter().filter(|d| d.at < 4 * DAY + 4 * HOUR);
    assert_eq!(slept.count(), 1);
    let mut days = BTreeMap::new();
    for digest in digests {
        *days.entry((EPOCH + digest.at) / DAY).or_insert(0) += 1;
    }
    assert!(days.values().all(|n| *n == 1), "{days:?}");
}

/// What each ticket that waits was told of.
fn told_of(state: &mut State, store: &Store) {
    let now = state.now();
    for ticket in store.tickets(None, 1_000, None, Order::Oldest).unwrap() {
        let (_, events, _) = store.ticket(ticket.number).unwrap().unwrap();
        let count = |kind: &str| events.iter().filter(|e| e.kind == kind).count();
        let moved = count("bounced-forward");
        for (kind, hours) in [("reminded", 6), ("escalated", 12)] {
            let times = count(kind);
            let waits = matches!(ticket.state, TicketState::WithAgent { .. });
            let old = now - (ticket.opened.0 - EPOCH) > (hours + 8) * HOUR;
            if times > 1 + moved || (waits && old && moved == 0 && times == 0) {
                state.wrong(&format!("ticket {}: {kind} {times} times", ticket.number.0));
            }
        }
    }
}

/// Faults: F1 F5; holds I1 I2 I10.
#[test]
fn days_of_crashes_and_bad_lines_remind_of_each_ticket_once_and_send_one_digest_a_day() {
    for seed in 1..=4 {
        let episode = Episode {
            seed,
            faults: Faults {
                kill: 300,
                power: 200,
                smtp_later: 100,
                smtp_after: 30,
                ..Faults::default()
            },
            ..Episode::fair(3)
        };
        let past = episode.play(
            |state| {
                state.busy(3, 12);
                watched(state);
                for n in 1..30 {
                    state.plan(n * 3 * HOUR, Event::Restart);
                }
            },
            told_of,
        );
        past.must_be_well(&format!("seed {seed}"));
        let mut days: BTreeMap<(i64, &str), u32> = BTreeMap::new();
        for taken in with_subject(&past, "Queue ") {
            let queue = taken.subject.split(':').next().unwrap();
            *days.entry(((taken.date + 300) / DAY, queue)).or_default() += 1;
        }
        assert!(days.values().all(|n| *n == 1), "seed {seed}: {days:?}");
        assert!(days.len() >= 6, "seed {seed}: {days:?}");
    }
}
