//! What is listed: filings, tries, tickets by state and page.

use super::*;
use crate::clock::desk::Mark;
use crate::mailbox::resume::Cursor;
use crate::store::Order;
use crate::store::TicketKind;

#[test]
fn an_old_mail_is_skipped_for_good_and_stays_where_it_is() {
    let house = house();
    let mut group = house.store().group();
    group.skip(&mail(1), "older than a week", NOW).unwrap();
    group.skip(&mail(1), "again", NOW).unwrap();
    assert!(group.knows(&mail(1)).unwrap());
    group
        .cursor(
            "support",
            Cursor {
                uid_validity: 7,
                uid: 1,
            },
        )
        .unwrap();
    group.commit().unwrap();
    assert_eq!(
        house.store().ledger(&mail(1)).unwrap().unwrap().why,
        "older than a week"
    );
    assert_eq!(
        house.store().filings("support", 7, 10).unwrap(),
        [(1, Filing::Keep)]
    );
    assert_eq!(
        house.store().cursor("support").unwrap(),
        Some(Cursor {
            uid_validity: 7,
            uid: 1
        })
    );
    assert_eq!(house.store().cursor("other").unwrap(), None);
    assert_eq!(house.store().counts().ledger, 1);
}

#[test]
fn a_handled_mail_is_to_be_filed_until_it_is_filed() {
    let mut house = house();
    let mut other = opened(5, 3, answered());
    other.mail.uid_validity = 8;
    other.filing = Filing::Quiet;
    house.take([opened(2, 1, answered()), opened(10, 2, answered()), other]);
    house.reopen().unwrap();
    let forwarded =
        |uids: &[u32]| -> Vec<_> { uids.iter().map(|u| (*u, Filing::Forwarded)).collect() };
    assert_eq!(
        house.store().filings("support", 7, 10).unwrap(),
        forwarded(&[2, 10])
    );
    assert_eq!(
        house.store().filings("support", 7, 1).unwrap(),
        forwarded(&[2])
    );
    house.store().filed("support", 7, &[2, 3]).unwrap();
    assert_eq!(
        house.store().filings("support", 7, 10).unwrap(),
        forwarded(&[10])
    );
    assert_eq!(
        house.store().filings("support", 8, 10).unwrap(),
        [(5, Filing::Quiet)]
    );
    assert_eq!(house.store().filings("suppor", 7, 10).unwrap(), []);
}

#[test]
fn tries_at_a_poison_mail_are_counted_through_restarts_until_it_is_done() {
    let mut house = house();
    assert_eq!(house.store().poisoned(&mail(1)).unwrap(), 1);
    assert_eq!(
        house.store().poisoned_all(&[mail(1), mail(2)]).unwrap(),
        [2, 1]
    );
    house.reopen().unwrap();
    assert_eq!(house.store().poison(&mail(1)).unwrap(), 2);
    house.take([opened(1, 1, answered())]);
    assert_eq!(house.store().poison(&mail(1)).unwrap(), 0);
    assert_eq!(house.store().poison(&mail(2)).unwrap(), 1);
}

#[test]
fn tickets_are_listed_by_state_in_both_orders_and_page_by_page() {
    let house = house();
    let states = [
        answered(),
        with_agent(),
        answered(),
        with_agent(),
        answered(),
    ];
    house.take(
        (1..)
            .zip(states)
            .map(|(n, state)| opened(n, u64::from(n), state)),
    );
    house.take([entry(9, Step::Update(ticket(1, with_agent())))]);
    let list = |after: Option<u64>, limit, kind, order| -> Vec<u64> {
        let found = house
            .store()
            .tickets(after.map(TicketNumber), limit, kind, order)
            .unwrap();
        found.iter().map(|t| t.number.0).collect()
    };
    assert_eq!(list(None, 2, None, Order::Newest), [5, 4]);
    assert_eq!(list(Some(4), 2, None, Order::Newest), [3, 2]);
    assert_eq!(list(Some(4), 9, None, Order::Oldest), [5]);
    assert_eq!(
        list(None, 9, Some(TicketKind::WithAgent), Order::Newest),
        [4, 2, 1]
    );
    assert_eq!(
        list(Some(2), 9, Some(TicketKind::WithAgent), Order::Newest),
        [1]
    );
    assert_eq!(
        list(Some(1), 9, Some(TicketKind::Answered), Order::Oldest),
        [3, 5]
    );
    assert!(list(Some(0), 9, None, Order::Newest).is_empty());
    let counts = house.store().counts();
    assert_eq!(
        (counts.tickets, counts.answered, counts.with_agent),
        (5, 2, 3)
    );
}

#[test]
fn a_ticket_with_everything_too_long_is_kept_within_its_limits() {
    let house = house();
    let mut huge = ticket(1, answered());
    huge.subject = "ü".repeat(5000);
    huge.participants = (0..200)
        .map(|n| address(&format!("{n}{}@museum.example", "x".repeat(60))))
        .collect();
    huge.intents = vec!["i".repeat(500); 50];
    huge.queue = Some("q".repeat(500));
    let mut first = entry(1, Step::Open(huge.clone()));
    first.events[0].note = "n\n".repeat(5000);
    first.plan.because[0].says = "s".repeat(9000);
    house.take([first]);
    let (kept, events, _) = house.store().ticket(TicketNumber(1)).unwrap().unwrap();
    assert_eq!(kept.participants.first(), huge.participants.first());
    assert!(kept.participants.len() > 10 && !events[0].note.contains('\n'));
    assert!(house.store().ledger(&mail(1)).unwrap().unwrap().why.len() <= 500);
}

/// Faults: F4 F16; holds I6 I10.
#[test]
fn what_a_process_left_in_peril_is_known_to_the_next_until_all_is_calm() {
    let mut house = house();
    let begins = |house: &House, name| house.store().peril_begins(name).unwrap();
    assert_eq!(
        (begins(&house, "support"), begins(&house, "support")),
        (0, 1)
    );
    house.store().peril_ends("support").unwrap();
    assert_eq!(begins(&house, "support"), 1, "an orderly end");
    assert_eq!(begins(&house, "other"), 0);
    house.reopen().unwrap();
    let suspect = |uid| house.store().peril_suspect(&mail(uid)).unwrap();
    assert_eq!((suspect(1), suspect(1)), (0, 1));
    house.store().peril_excused("support").unwrap();
    assert_eq!(suspect(1), 0, "was not to blame");
    assert_eq!((suspect(2), suspect(1)), (0, 0), "another was in between");
    assert_eq!(begins(&house, "support"), 2);
    house.store().peril_over("support").unwrap();
    assert_eq!(begins(&house, "support"), 0);
    assert_eq!(
        house.store().poison(&mail(1)).unwrap(),
        0,
        "fetching is counted apart"
    );
}

/// Faults: F19; holds I9 I10.
#[test]
fn while_replies_are_held_they_are_neither_due_nor_leased_and_forwards_are() {
    let house = house();
    let mut group = house.store().group();
    let reply = outgoing(Purpose::Reply, 1, "maria@home.example");
    group.post(reply, NOW.plus_s(-50)).unwrap();
    group
        .post(
            outgoing(Purpose::Forward, 1, "ana@agents.example"),
            NOW.plus_s(-5),
        )
        .unwrap();
    group.commit().unwrap();
    house.store().hold_replies(true);
    assert_eq!(
        house.store().next_due("support").unwrap(),
        Some(NOW.plus_s(-5))
    );
    let taken = house.lease(NOW, 10);
    assert_eq!(
        taken.iter().map(|l| l.purpose).collect::<Vec<_>>(),
        [Purpose::Forward]
    );
    assert_eq!(house.store().next_due("support").unwrap(), None);
    house.store().hold_replies(false);
    assert_eq!(house.lease(NOW, 10).len(), 1);
}

#[test]
fn the_time_is_on_record_for_the_next_process() {
    let mut house = house();
    assert_eq!(house.store().time().unwrap(), None);
    let mark = Mark {
        at: NOW,
        boot: "boot".to_owned(),
        up_ms: 7,
        trusted_ms: Some(9),
    };
    house.store().keep_time(mark.clone()).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.store().time().unwrap(), Some(mark));
}
