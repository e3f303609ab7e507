//! Mails coming in: groups, copies, tickets, budgets, filings.

use super::*;
use crate::store::CommitError;
use crate::store::LedgerState;

#[test]
fn a_mail_taken_in_is_still_known_after_a_restart() {
    let mut house = house();
    house.take([opened(1, 1, with_agent())]);
    house.reopen().unwrap();
    let known = house.store().ledger(&mail(1)).unwrap().unwrap();
    assert!(known.why.contains("an account case goes to a person"));
    let LedgerState::Handled(handled) = known.state else {
        panic!("it was handled")
    };
    assert_eq!(handled.ticket, Some(TicketNumber(1)));
    let (newest, _) = house.store().ledger_newest(1).unwrap().remove(0);
    assert_eq!(newest, mail(1));
    let (found, events, mails) = house.store().ticket(TicketNumber(1)).unwrap().unwrap();
    assert_eq!(found, ticket(1, with_agent()));
    assert_eq!((events.len(), mails.len()), (1, 0));
    let thread = house
        .store()
        .find_thread(&id("m1@museum.example"))
        .unwrap()
        .unwrap();
    assert_eq!((thread.ticket, thread.ours), (TicketNumber(1), None));
    assert_eq!(house.store().counts().ledger, 1);
}

/// One mail must not stop the desk because it has much to say.
#[test]
fn a_mail_with_everything_at_its_longest_is_taken_with_fewer_reasons() {
    let long = |n: usize| "x".repeat(n);
    let far = |n: usize| {
        address(&format!(
            "{n:03}{}@{}.example",
            long(60),
            [long(60), long(60), long(50)].join(".")
        ))
    };
    let big = Ticket {
        subject: long(1000),
        participants: (0..60).map(far).collect(),
        intents: vec![long(200); 20],
        queue: Some(long(200)),
        mailbox: long(40),
        state: TicketState::WithAgent {
            agent: far(99),
            since: NOW,
        },
        ..ticket(1, answered())
    };
    let mut entry = entry(1, Step::Open(big));
    let because = Because {
        stage: "decide",
        rule: long(200),
        says: long(2000),
        matched: long(2000),
    };
    entry.plan.because = vec![because; 40];
    entry.plan.intents = vec![long(200); 20];
    entry.sender = Some(far(1));
    entry.message_id = Some(id(&format!("{}@x", long(490))));
    let mut house = house();
    house.take([entry]);
    house.reopen().unwrap();
    let LedgerState::Handled(handled) = house.store().ledger(&mail(1)).unwrap().unwrap().state
    else {
        panic!("it was handled")
    };
    assert!(
        !handled.because.is_empty(),
        "not more is left out than must be"
    );
    assert_eq!(handled.ticket, Some(TicketNumber(1)));
}

#[test]
fn the_same_mail_twice_changes_nothing() {
    let house = house();
    house.take([opened(1, 1, answered())]);
    let before = house.store().counts();
    let mut group = house.store().group();
    assert_eq!(
        group.add(opened(1, 2, answered()), NOW),
        Err(CommitError::AlreadyDone)
    );
    group.commit().unwrap();
    assert_eq!(house.store().counts(), before);
}

#[test]
fn the_same_mail_twice_in_one_group_changes_nothing() {
    let house = house();
    let mut group = house.store().group();
    group.add(opened(1, 1, answered()), NOW).unwrap();
    assert_eq!(
        group.add(sending(1, 2, &[Purpose::Reply]), NOW),
        Err(CommitError::AlreadyDone)
    );
    group.commit().unwrap();
    assert_eq!(
        (
            house.store().counts().tickets,
            house.store().counts().waiting
        ),
        (1, 0)
    );
    assert_eq!(house.spool_files(), 0);
}

#[test]
fn what_was_thought_about_an_older_ticket_is_refused() {
    let house = house();
    house.take([opened(1, 1, answered())]);
    let mut group = house.store().group();
    group
        .add(entry(2, Step::Update(ticket(1, with_agent()))), NOW)
        .unwrap();
    let stale = group.add(entry(3, Step::Update(ticket(1, with_agent()))), NOW);
    assert_eq!(stale, Err(CommitError::Stale));
    let newer = Ticket {
        version: 1,
        ..ticket(1, with_agent())
    };
    group.add(entry(3, Step::Update(newer)), NOW).unwrap();
    assert_eq!(
        group.add(entry(4, Step::Record(Some(TicketNumber(9)))), NOW),
        Err(CommitError::Stale)
    );
    assert_eq!(
        group.add(opened(4, 1, answered()), NOW),
        Err(CommitError::Stale)
    );
    assert_eq!(
        group.add(opened(4, 3, answered()), NOW),
        Err(CommitError::Stale)
    );
    group.commit().unwrap();
    assert_eq!(
        house
            .store()
            .ticket(TicketNumber(1))
            .unwrap()
            .unwrap()
            .0
            .version,
        2
    );
    assert_eq!(house.store().counts().ledger, 3);
}

#[test]
fn a_refused_mail_leaves_no_trace_in_the_group() {
    let house = house();
    let mut group = house.store().group();
    let mut stale = sending(1, 5, &[Purpose::Reply]);
    stale.plan.step = Step::Record(Some(TicketNumber(5)));
    assert_eq!(group.add(stale, NOW), Err(CommitError::Stale));
    assert_eq!(group.bytes(), 0);
    group.commit().unwrap();
    assert_eq!((house.spool_files(), house.store().counts().ledger), (0, 0));
}

#[test]
fn a_mail_that_fails_halfway_is_undone_and_the_rest_of_the_group_is_not() {
    let mut house = house();
    let mut bad = opened(2, 2, with_agent());
    bad.outgoing = vec![
        outgoing(Purpose::Reply, 2, "bob@museum.example"),
        outgoing(Purpose::Forward, 2, "ana@agents.example"),
    ];
    bad.outgoing[1].mailbox = "too long ".repeat(1000);
    let mut group = house.store().group();
    group.add(sending(1, 1, &[Purpose::Forward]), NOW).unwrap();
    let bytes = group.bytes();
    let failed = group.add(bad, NOW);
    assert!(matches!(failed, Err(CommitError::Storage(_))), "{failed:?}");
    assert_eq!(group.bytes(), bytes);
    let bob = address("bob@museum.example");
    let case = group
        .recall(&digest(2), &Clues::default(), Some(&bob), NOW)
        .unwrap();
    assert_eq!(
        case,
        Case {
            fresh: 2,
            ..Case::default()
        }
    );
    group.add(sending(3, 2, &[Purpose::Forward]), NOW).unwrap();
    group.commit().unwrap();
    house.reopen().unwrap();
    assert!(house.store().ledger(&mail(2)).unwrap().is_none());
    let leased = house.lease(NOW, 10);
    let texts: Vec<_> = leased
        .iter()
        .map(|l| String::from_utf8_lossy(&l.bytes))
        .collect();
    assert!(
        texts.len() == 2 && texts[1].contains("Ticket 2"),
        "{texts:?}"
    );
}

#[test]
fn a_later_mail_of_a_group_sees_what_an_earlier_one_did() {
    let house = house();
    let mut group = house.store().group();
    let ann = address("ann@museum.example");
    let empty = group
        .recall(&digest(1), &Clues::default(), Some(&ann), NOW)
        .unwrap();
    assert_eq!(
        empty,
        Case {
            fresh: 1,
            ..Case::default()
        }
    );
    let mut first = opened(1, 1, with_agent());
    first.outgoing = vec![outgoing(Purpose::Reply, 1, "ann@museum.example")];
    group.add(first, NOW).unwrap();

    let clues = Clues {
        ids: vec![id("unknown"), id("m1@museum.example")],
        ..Clues::default()
    };
    let case = group.recall(&digest(1), &clues, Some(&ann), NOW).unwrap();
    assert_eq!(case.copy_of.unwrap().ticket, Some(TicketNumber(1)));
    assert_eq!(case.tickets, [ticket(1, with_agent())]);
    assert_eq!(case.by_id, [(id("m1@museum.example"), TicketNumber(1))]);
    assert_eq!(case.fresh, 2);
    assert_eq!(case.turns, [("accounts".to_owned(), 1)]);
    assert_eq!(
        (
            case.spent.address_day,
            case.spent.domain_hour,
            case.spent.total_hour
        ),
        (1, 1, 1)
    );
    assert_eq!(case.spent.templates, [("how-to".to_owned(), NOW)]);
}

#[test]
fn tickets_come_in_the_order_proved_by_ids_claimed_and_once_each() {
    let house = house();
    house.take((1..=4).map(|n| opened(n, u64::from(n), answered())));
    let because = || Because {
        stage: "thread",
        rule: String::new(),
        says: String::new(),
        matched: String::new(),
    };
    let clues = Clues {
        proved: vec![(TicketNumber(3), because()), (TicketNumber(99), because())],
        claimed: vec![(TicketNumber(1), because()), (TicketNumber(3), because())],
        ids: vec![id("m4@museum.example"), id("m3@museum.example")],
    };
    let case = house.recall(9, &clues, "x@y.example", NOW);
    let numbers: Vec<u64> = case.tickets.iter().map(|t| t.number.0).collect();
    assert_eq!(numbers, [3, 4, 1]);
}

#[test]
fn a_group_that_is_dropped_leaves_nothing() {
    let mut house = house();
    let mut group = house.store().group();
    group.add(sending(1, 1, &[Purpose::Forward]), NOW).unwrap();
    drop(group);
    assert_eq!(house.spool_files(), 0);
    house.reopen().unwrap();
    assert_eq!(house.store().counts().ledger, 0);
    assert_eq!(
        house
            .recall(1, &Clues::default(), "ann@museum.example", NOW)
            .fresh,
        1
    );
}

#[test]
fn a_panic_while_thinking_in_a_group_does_not_stop_the_next_one() {
    let house = house();
    let store = house.store().clone();
    let panicked = std::thread::spawn(move || {
        let mut group = store.group();
        group.add(sending(1, 1, &[Purpose::Forward]), NOW).unwrap();
        panic!("as a rule might");
    });
    assert!(panicked.join().is_err());
    house.take([opened(1, 1, answered())]);
    assert_eq!(house.store().counts().waiting, 0);
}

/// Faults: F46; holds I3.
#[test]
fn a_reply_to_a_copy_is_refused_and_a_copy_on_record_keeps_the_first() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    let mut copy = sending(2, 2, &[Purpose::Reply]);
    copy.digest = digest(1);
    let mut group = house.store().group();
    assert_eq!(group.add(copy.clone(), NOW), Err(CommitError::Stale));
    copy.plan.step = Step::Record(Some(TicketNumber(1)));
    copy.outgoing = Vec::new();
    group.add(copy, NOW).unwrap();
    group.commit().unwrap();
    let case = house.recall(1, &Clues::default(), "ann@museum.example", NOW);
    assert_eq!(case.copy_of.unwrap().ticket, Some(TicketNumber(1)));
    assert_eq!(house.store().counts().waiting, 1);
}

#[test]
fn a_stranger_who_repeats_a_message_id_takes_no_thread_over() {
    let house = house();
    let mut forged = opened(2, 2, answered());
    forged.message_id = Some(id("m1@museum.example"));
    house.take([opened(1, 1, answered()), forged]);
    let thread = house
        .store()
        .find_thread(&id("m1@museum.example"))
        .unwrap()
        .unwrap();
    assert_eq!(thread.ticket, TicketNumber(1));
}

#[test]
fn budgets_hold_for_their_windows_and_not_for_forwards() {
    let house = house();
    house.take([
        sending(1, 1, &[Purpose::Reply, Purpose::Forward]),
        sending(2, 2, &[Purpose::Reply]),
    ]);
    let spent = |sender: &str, s| {
        house
            .recall(9, &Clues::default(), sender, NOW.plus_s(s))
            .spent
    };
    let counts = |sender: &str, s| {
        let spent = spent(sender, s);
        (spent.address_day, spent.domain_hour, spent.total_hour)
    };
    assert_eq!(counts("ann+again@museum.example", 0), (2, 2, 2));
    assert_eq!(counts("bob@museum.example", 0), (0, 2, 2));
    assert_eq!(counts("bob@other.example", 0), (0, 0, 2));
    assert_eq!(counts("ann@museum.example", 2 * 3600), (2, 0, 0));
    assert_eq!(counts("ann@museum.example", 26 * 3600), (0, 0, 0));
    assert_eq!(spent("ann@museum.example", 26 * 3600).templates.len(), 1);
}

#[test]
fn old_budgets_are_forgotten_and_young_ones_are_not() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    house.store().tidy(NOW.plus_s(80 * 86400)).unwrap();
    let later = |s| {
        house
            .recall(9, &Clues::default(), "ann@museum.example", NOW.plus_s(s))
            .spent
            .templates
            .len()
    };
    assert_eq!(later(80 * 86400), 1);
    house.store().tidy(NOW.plus_s(95 * 86400)).unwrap();
    assert_eq!(later(80 * 86400), 0);
}

#[test]
fn a_turn_is_taken_when_a_case_first_reaches_an_agent_and_survives_a_restart() {
    let mut house = house();
    house.take([opened(1, 1, answered()), opened(2, 2, with_agent())]);
    house.take([entry(3, Step::Update(ticket(1, with_agent())))]);
    let again = Ticket {
        version: 1,
        ..ticket(1, with_agent())
    };
    house.take([entry(4, Step::Update(again))]);
    let elsewhere = Ticket {
        version: 2,
        queue: Some("badges".to_owned()),
        ..ticket(1, with_agent())
    };
    house.take([entry(5, Step::Update(elsewhere))]);
    house.reopen().unwrap();
    let case = house.recall(9, &Clues::default(), "ann@museum.example", NOW);
    let turns = [("accounts".to_owned(), 2), ("badges".to_owned(), 1)];
    assert_eq!(
        case.turns, turns,
        "a case from another queue takes one, too"
    );
}

#[test]
fn replies_on_a_ticket_are_counted_whoever_they_went_to() {
    let house = house();
    let mut again = entry(2, Step::Record(Some(TicketNumber(1))));
    again.sender = Some(address("bob@other.example"));
    again.outgoing = vec![
        outgoing(Purpose::Reply, 1, "bob@other.example"),
        outgoing(Purpose::Forward, 1, "ana@agents.example"),
    ];
    house.take([
        sending(1, 1, &[Purpose::Reply, Purpose::Forward]),
        again,
        opened(3, 2, answered()),
    ]);
    let clues = Clues {
        ids: vec![id("m1@museum.example"), id("m3@museum.example")],
        ..Clues::default()
    };
    let spent = |s| {
        house
            .recall(9, &clues, "eve@third.example", NOW.plus_s(s))
            .spent
    };
    assert_eq!(spent(0).ticket_day, [(TicketNumber(1), 2)]);
    assert_eq!(spent(0).address_day, 0);
    assert_eq!(spent(2 * 86_400).ticket_day, []);
}
