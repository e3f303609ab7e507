//! Each pair of what is waited for and what happened.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::triage::hours::Hours;
use crate::triage::hours::Week;
use crate::triage::ticket::TicketNumber;

const SINCE: Timestamp = Timestamp(1_780_000_000);
const DAY_S: i64 = 86_400;

fn ana() -> Address {
    Address::parse("ana@agents.example").unwrap()
}

fn ben() -> Address {
    Address::parse("ben@agents.example").unwrap()
}

fn lea() -> Address {
    Address::parse("lea@agents.example").unwrap()
}

fn with(agent: Address) -> TicketState {
    TicketState::WithAgent {
        agent,
        since: SINCE,
    }
}

fn ticket(state: TicketState, updated: Timestamp) -> Ticket {
    Ticket {
        number: TicketNumber(7),
        version: 1,
        state,
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: Vec::new(),
        intents: Vec::new(),
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: SINCE,
        updated,
    }
}

fn duty() -> Duty {
    Duty {
        remind_s: Some(DAY_S),
        escalate_s: Some(2 * DAY_S),
        lead: Some(lea()),
        ..Duty::default()
    }
}

fn watch(stage: Stage, due_s: i64) -> Watch {
    Watch {
        stage,
        due: Some(SINCE.plus_s(due_s)),
        agent: ana(),
        since: SINCE,
    }
}

fn fired(watch: &Watch, duty: &Duty, away: bool, at_s: i64) -> Fired {
    let ticket = ticket(with(ana()), SINCE);
    fire(watch, &ticket, Some(duty), away, SINCE.plus_s(at_s))
}

/// Fires until nothing more is due; returns the mails and what is left.
fn run(first: Watch, duty: &Duty, away: bool, at_s: i64) -> (Vec<Call>, Option<Watch>) {
    let (mut calls, mut left) = (Vec::new(), Some(first));
    for _ in 0..10 {
        let Some(now) = left
            .clone()
            .filter(|w| w.due.is_some_and(|due| due <= SINCE.plus_s(at_s)))
        else {
            break;
        };
        let fired = fired(&now, duty, away, at_s);
        calls.extend(fired.mail.map(|(call, _)| call));
        left = fired.next;
    }
    (calls, left)
}

#[test]
fn the_agent_is_reminded_and_then_the_lead_told_each_once_and_at_its_time() {
    let first = watch(Stage::Fresh, 0);
    assert_eq!(
        run(first.clone(), &duty(), false, 0),
        (vec![], Some(watch(Stage::Remind, DAY_S)))
    );
    let (calls, left) = run(first.clone(), &duty(), false, DAY_S);
    assert_eq!(
        (calls, left),
        (vec![Call::Remind], Some(watch(Stage::Escalate, 2 * DAY_S)))
    );
    // The daemon was down for a month: each fires once.
    let (calls, left) = run(first, &duty(), false, 30 * DAY_S);
    assert_eq!(calls, [Call::Remind, Call::Escalate]);
    assert_eq!(left.map(|w| (w.stage, w.due)), Some((Stage::Done, None)));
}

#[test]
fn without_a_reminder_only_the_lead_is_told_and_without_a_lead_only_the_agent() {
    let no_reminder = Duty {
        remind_s: None,
        ..duty()
    };
    assert_eq!(
        run(watch(Stage::Fresh, 0), &no_reminder, false, 9 * DAY_S).0,
        [Call::Escalate]
    );
    let no_lead = Duty {
        lead: None,
        ..duty()
    };
    assert_eq!(
        run(watch(Stage::Fresh, 0), &no_lead, false, 9 * DAY_S).0,
        [Call::Remind]
    );
    assert_eq!(
        run(watch(Stage::Fresh, 0), &Duty::default(), false, 9 * DAY_S),
        (vec![], None)
    );
}

#[test]
fn of_an_agent_who_is_away_the_lead_hears_at_once_and_once() {
    assert_eq!(
        run(watch(Stage::Fresh, 0), &duty(), true, 9 * DAY_S).0,
        [Call::Escalate]
    );
    let no_lead = Duty {
        lead: None,
        ..duty()
    };
    assert_eq!(
        run(watch(Stage::Fresh, 0), &no_lead, true, 9 * DAY_S).0,
        [Call::Remind],
        "rather than nobody"
    );
}

#[test]
fn reminders_count_working_time() {
    let office = Duty {
        hours: Hours {
            // SINCE is a Thursday in May 2026, 20:26 in UTC.
            week: Week::try_from("Mon-Fri 09:00-17:00".to_owned()).unwrap(),
            ..Hours::default()
        },
        remind_s: Some(3_600),
        ..duty()
    };
    let next = fired(&watch(Stage::Fresh, 0), &office, false, 0)
        .next
        .unwrap();
    assert_eq!(next.due, office.hours.after(SINCE, 3_600));
    assert!(next.due.unwrap() > SINCE.plus_s(12 * 3_600));
}

#[test]
fn a_reminder_that_the_config_has_put_off_since_is_put_off() {
    let later = Duty {
        remind_s: Some(DAY_S + 60),
        ..duty()
    };
    let put_off = fired(&watch(Stage::Remind, DAY_S), &later, false, DAY_S);
    assert_eq!(
        put_off,
        Fired {
            next: Some(watch(Stage::Remind, DAY_S + 60)),
            mail: None
        }
    );
    let no_more = Duty::default();
    assert_eq!(
        fired(&watch(Stage::Remind, DAY_S), &no_more, false, DAY_S),
        Fired::default()
    );
    assert_eq!(
        run(watch(Stage::Escalate, DAY_S), &no_more, false, DAY_S).0,
        []
    );
}

#[test]
fn nothing_fires_about_a_ticket_that_waits_for_nobody_or_for_somebody_else() {
    let answered = TicketState::AgentAnswered {
        agent: ana(),
        at: SINCE,
    };
    for state in [answered, with(ben()), TicketState::Answered { at: SINCE }] {
        for stage in [Stage::Fresh, Stage::Remind, Stage::Escalate] {
            let fired = fire(
                &watch(stage, 0),
                &ticket(state.clone(), SINCE),
                Some(&duty()),
                false,
                SINCE.plus_s(9 * DAY_S),
            );
            assert_eq!(fired, Fired::default(), "{stage:?} {state:?}");
        }
    }
}

#[test]
fn a_snooze_ends_with_one_mail_and_reminders_count_from_then() {
    let now = SINCE.plus_s(3 * DAY_S);
    let fired = fired(&watch(Stage::Snoozed, 3 * DAY_S), &duty(), false, 3 * DAY_S);
    assert_eq!(fired.mail, Some((Call::Woken, ana())));
    assert_eq!(fired.next, Some(Watch::fresh(&ana(), now, now)));
    // The agent had answered: nothing is waited for any more.
    let answered = TicketState::AgentAnswered {
        agent: ana(),
        at: SINCE,
    };
    let fired = fire(
        &watch(Stage::Snoozed, 0),
        &ticket(answered, SINCE),
        Some(&duty()),
        false,
        now,
    );
    assert_eq!((fired.mail, fired.next), (Some((Call::Woken, ana())), None));
}

/// What is on record after a mail brought the ticket into that state; the queue reminds.
fn after(before: Option<Watch>, state: TicketState) -> Option<Watch> {
    changed(before, &ticket(state, SINCE.plus_s(100)), true)
}

fn answered() -> TicketState {
    TicketState::AgentAnswered {
        agent: ana(),
        at: SINCE,
    }
}

#[test]
fn a_case_is_watched_from_when_it_comes_to_an_agent_until_the_agent_answers() {
    let now = SINCE.plus_s(100);
    let fresh = |agent: Address| Some(Watch::fresh(&agent, SINCE, now));
    assert_eq!(after(None, with(ana())), fresh(ana()));
    assert_eq!(
        changed(None, &ticket(with(ana()), now), false),
        None,
        "it reminds nobody"
    );
    let before = Some(watch(Stage::Remind, 9));
    assert_eq!(
        after(before.clone(), with(ana())),
        before,
        "the person wrote again"
    );
    let told = Some(watch(Stage::Done, 9));
    assert_eq!(
        after(told.clone(), with(ana())),
        told,
        "the agent was reminded already"
    );
    assert_eq!(
        after(told, with(ben())),
        fresh(ben()),
        "another agent has it"
    );
    assert_eq!(after(before.clone(), answered()), None);
    assert_eq!(after(before, TicketState::Answered { at: now }), None);
}

#[test]
fn a_persons_mail_ends_a_snooze_and_the_agents_own_does_not() {
    let now = SINCE.plus_s(100);
    let rests = Some(watch(Stage::Snoozed, 9_000));
    assert_eq!(
        after(rests.clone(), with(ana())),
        Some(Watch::fresh(&ana(), now, now))
    );
    assert_eq!(after(rests.clone(), answered()), rests);
}
