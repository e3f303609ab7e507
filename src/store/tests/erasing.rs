//! What is erased is gone, and its mail is still not handled a second time.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::steps;
use crate::store::Erased;
use crate::store::Erasure;
use crate::store::LedgerState;
use crate::store::OutboxId;
use crate::store::Stage;
use crate::store::Wanted;
use crate::store::engine::Range;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::triage::delivery::Outcome;

const DAY_S: i64 = 86_400;
/// Tickets that are opened and erased; a build without optimisation takes a minute for more.
const MANY: u32 = if cfg!(debug_assertions) {
    2_000
} else {
    20_000
};

fn accepted() -> Outcome {
    Outcome::Accepted("250 2.0.0 ok".to_owned())
}

/// Sends everything that waits.
fn send_all(house: &House, now: Timestamp) {
    loop {
        let leased = house.lease(now, 1_000);
        if leased.is_empty() {
            return;
        }
        let ends: Vec<_> = leased.iter().map(|mail| (mail.id, accepted())).collect();
        house.store().settle(&ends, now).unwrap();
    }
}

fn records(house: &House, tree: Tree) -> u64 {
    let mut records = 0;
    let engine = &house.store().inner.engine;
    let seen = engine.scan(tree, Range::under(&[]), |_, _| {
        records += 1;
        Ok(true)
    });
    seen.unwrap();
    records
}

/// All records' keys and values, one after the other.
fn octets(house: &House) -> Vec<u8> {
    let mut octets = Vec::new();
    for tree in TREES
        .into_iter()
        .filter(|t| !matches!(t, Tree::Budgets | Tree::Expiry))
    {
        let engine = &house.store().inner.engine;
        let seen = engine.scan(tree, Range::under(&[]), |key, value| {
            octets.extend_from_slice(key);
            octets.extend_from_slice(value);
            Ok(true)
        });
        seen.unwrap();
    }
    octets
}

fn holds(octets: &[u8], word: &str) -> bool {
    octets.windows(word.len()).any(|w| w == word.as_bytes())
}

/// Two tickets, each of three mails with a reply and a forward sent; the first is of Zoe alone.
fn two_cases() -> House {
    let house = house();
    for (number, who) in [(1_u64, "zoe@elsewhere.example"), (2, "ann@museum.example")] {
        let first = u32::try_from(number).unwrap() * 10;
        let mut ticket = ticket(number, with_agent());
        ticket.participants = vec![address(who)];
        ticket.subject = format!("The words of {who}");
        let mut entries = vec![
            entry(first, Step::Open(ticket)),
            entry(first + 1, Step::Record(Some(TicketNumber(number)))),
            entry(first + 2, Step::Record(Some(TicketNumber(number)))),
        ];
        for entry in &mut entries {
            entry.sender = Some(address(who));
            let uid = entry.mail.uid;
            entry.message_id = Some(id(&format!("m{uid}.{who}")));
            entry.events[0].note = format!("came in from {who}");
            entry.plan.because[0].matched = format!("words of {who}");
        }
        entries[0].outgoing = vec![
            outgoing(Purpose::Reply, number, who),
            outgoing(Purpose::Forward, number, &format!("agent.of.{who}")),
        ];
        house.take(entries);
    }
    house
}

#[test]
fn an_erased_ticket_leaves_no_word_and_no_address_and_takes_nothing_of_others() {
    let mut house = two_cases();
    send_all(&house, NOW);
    assert!(holds(&octets(&house), "zoe@elsewhere"));
    let erased = Erased {
        tickets: 1,
        mails: 3,
        letters: 2,
        events: 5,
    };
    let done = house.store().erase(TicketNumber(1)).unwrap();
    assert_eq!(done, Erasure::Done(erased));
    house.reopen().unwrap();
    let left = octets(&house);
    assert!(!holds(&left, "zoe"), "something of Zoe is left");
    assert!(holds(&left, "ann@museum.example"));
    let store = house.store();
    assert!(store.ticket(TicketNumber(1)).unwrap().is_none());
    let (_, events, mails) = store.ticket(TicketNumber(2)).unwrap().unwrap();
    assert_eq!((events.len(), mails.len()), (5, 2));
    assert_eq!((store.counts().tickets, store.counts().with_agent), (1, 1));
    assert_eq!(store.counts().sent, 4, "what was sent stays in the counts");
    assert_eq!(store.erase(TicketNumber(1)).unwrap(), Erasure::Unknown);
    // Its mails keep their places, so that nobody takes them for gaps.
    let view = store.ledger(&mail(10)).unwrap().unwrap();
    assert_eq!(
        (view.state, view.received),
        (LedgerState::Erased, Some(NOW))
    );
    let fresh = house
        .recall(90, &Clues::default(), "a@b.example", NOW)
        .fresh;
    assert_eq!(fresh, 3, "a number is not given twice");
}

/// A mail of an erased ticket that comes again under a new UID (a new UIDVALIDITY, a mail moved back) is a copy, on no
/// ticket; answering it would be a second reply.
#[test]
fn a_mail_of_an_erased_ticket_is_still_known_as_a_copy() {
    let house = two_cases();
    send_all(&house, NOW);
    house.store().erase(TicketNumber(1)).unwrap();
    let case = house.recall(10, &Clues::default(), "zoe@elsewhere.example", NOW);
    assert_eq!(case.copy_of.map(|copy| copy.ticket), Some(None));
    let group = house.store().group();
    assert!(group.knows(&mail(10)).unwrap());
    assert_eq!(group.digest_of(&mail(10)).unwrap(), Some(digest(10)));
}

/// The record of the first mail is gone with its UID, and so the ticket's erasure cannot reach its digest.
#[test]
fn a_copy_of_a_mail_whose_uid_was_given_away_is_on_no_ticket_that_is_gone() {
    let house = house();
    house.take([opened(1, 1, answered())]);
    let mut group = house.store().group();
    group.forget(&mail(1)).unwrap();
    group.commit().unwrap();
    house.store().erase(TicketNumber(1)).unwrap();
    let case = house.recall(1, &Clues::default(), "a@b.example", NOW);
    assert_eq!(case.copy_of.map(|copy| copy.ticket), Some(None));
}

#[test]
fn a_ticket_with_mails_that_may_still_leave_is_not_erased_and_says_which() {
    let house = two_cases();
    let before = octets(&house);
    let waiting = [(OutboxId(0), Stage::Waiting), (OutboxId(1), Stage::Waiting)];
    let refused = |house: &House| house.store().erase(TicketNumber(1)).unwrap();
    assert_eq!(refused(&house), Erasure::Unsettled(waiting.to_vec()));
    assert_eq!(octets(&house), before);
    let leased = house.lease(NOW, 1);
    house
        .store()
        .settle(
            &[(leased[0].id, Outcome::Refused("550 no".to_owned()))],
            NOW,
        )
        .unwrap();
    house.lease(NOW, 1);
    let stuck = [(OutboxId(0), Stage::Parked), (OutboxId(1), Stage::Leased)];
    assert_eq!(refused(&house), Erasure::Unsettled(stuck.to_vec()));
    house
        .store()
        .settle(&[(OutboxId(1), accepted())], NOW)
        .unwrap();
    house.store().give_up(OutboxId(0), NOW).unwrap();
    assert!(matches!(refused(&house), Erasure::Done(_)));
}

/// Faults: F1; holds I1 I3.
#[test]
fn an_erasure_cut_off_at_any_moment_is_done_by_asking_once_more() {
    let house = two_cases();
    send_all(&house, NOW);
    // More than one piece.
    for uid in 100..150 {
        house.take([entry(uid, Step::Record(Some(TicketNumber(1))))]);
    }
    let cuts = Rc::new(RefCell::new(Vec::new()));
    let (seen, from) = (Rc::clone(&cuts), house.path().to_owned());
    let watch = steps::watched(move |step, _| {
        let copy = quick();
        wear::copy(&from, copy.path());
        seen.borrow_mut().push((step.name(), copy));
        Ok(())
    });
    assert!(matches!(
        house.store().erase(TicketNumber(1)).unwrap(),
        Erasure::Done(_)
    ));
    drop(watch);
    let wanted = octets_but_head(&house);
    let cuts = Rc::into_inner(cuts).unwrap().into_inner();
    assert!(cuts.len() > 30, "{}", cuts.len());
    for (when, dir) in cuts {
        let mut cut = House { dir, store: None };
        cut.reopen().unwrap_or_else(|e| panic!("{when}: {e}"));
        let again = cut.store().erase(TicketNumber(1)).unwrap();
        assert!(matches!(again, Erasure::Done(_) | Erasure::Unknown));
        cut.reopen().unwrap();
        assert_eq!(octets_but_head(&cut), wanted, "{when}");
    }
}

fn octets_but_head(house: &House) -> Vec<u8> {
    let mut octets = Vec::new();
    for tree in TREES.into_iter().filter(|t| *t != Tree::Head) {
        let engine = &house.store().inner.engine;
        let seen = engine.scan(tree, Range::under(&[]), |key, value| {
            octets.extend_from_slice(key);
            octets.extend_from_slice(value);
            Ok(true)
        });
        seen.unwrap();
    }
    octets
}

/// Erases by age until there is no more.
fn retain(house: &House, keep_s: i64, now: Timestamp) -> Erased {
    let mut all = Erased::default();
    for _ in 0..100_000 {
        let (erased, more) = house.store().retain(keep_s, now).unwrap();
        all.tickets += erased.tickets;
        all.mails += erased.mails;
        if !more {
            return all;
        }
    }
    panic!("it never ends")
}

#[test]
fn what_is_older_than_is_kept_goes_whole_and_what_is_younger_stays() {
    let mut house = two_cases();
    send_all(&house, NOW);
    let mut old = entry(40, Step::Record(None));
    old.received = NOW;
    house.take([old]);
    let later = NOW.plus_s(400 * DAY_S);
    let mut young = opened(50, 3, answered());
    young.received = later;
    if let Step::Open(ticket) = &mut young.plan.step {
        ticket.updated = later;
    }
    let mut group = house.store().group();
    group.add(young, later).unwrap();
    group.commit().unwrap();
    assert_eq!(house.store().horizon().unwrap(), None);
    let erased = retain(&house, 365 * DAY_S, later);
    assert_eq!((erased.tickets, erased.mails), (2, 7));
    house.reopen().unwrap();
    assert_eq!(house.store().horizon().unwrap(), Some(NOW.plus_s(1)));
    assert_eq!(house.store().counts().ledger, 1);
    assert!(house.store().ledger(&mail(50)).unwrap().is_some());
    for (tree, left) in [
        (Tree::Ledger, 1),
        (Tree::Arrivals, 1),
        (Tree::Digests, 1),
        (Tree::Tickets, 1),
        (Tree::Threads, 1),
        (Tree::Outbox, 0),
    ] {
        assert_eq!(records(&house, tree), left, "{tree:?}");
    }
    let found = house.store().find(&Wanted::default(), None, 9).unwrap();
    assert_eq!(found.mails.len(), 1);
    assert_eq!(retain(&house, 365 * DAY_S, later), Erased::default());
}

/// A mail whose copy came later stays known by that copy, or a look at everything would answer the copy.
#[test]
fn a_digest_lives_as_long_as_the_newest_mail_that_has_it() {
    let house = house();
    house.take([entry(1, Step::Record(None))]);
    let later = NOW.plus_s(300 * DAY_S);
    let mut copy = entry(2, Step::Record(None));
    (copy.digest, copy.received) = (digest(1), later);
    let mut group = house.store().group();
    group.add(copy, later).unwrap();
    group.commit().unwrap();
    retain(&house, 365 * DAY_S, NOW.plus_s(400 * DAY_S));
    assert_eq!(house.store().counts().ledger, 1);
    let case = house.recall(1, &Clues::default(), "a@b.example", NOW);
    assert!(case.copy_of.is_some());
    retain(&house, 365 * DAY_S, NOW.plus_s(700 * DAY_S));
    assert_eq!(records(&house, Tree::Digests), 0);
}

/// A server whose clock ran ahead: the horizon must not hold back the mail of the years to come.
#[test]
fn a_mail_received_in_the_future_keeps_its_digest_and_moves_no_horizon() {
    let house = house();
    let mut odd = entry(1, Step::Record(None));
    odd.received = NOW.plus_s(80 * 365 * DAY_S);
    house.take([odd]);
    let later = NOW.plus_s(400 * DAY_S);
    retain(&house, 365 * DAY_S, later);
    assert_eq!(house.store().horizon().unwrap(), None);
    let view = house.store().ledger(&mail(1)).unwrap().unwrap();
    assert_eq!(view.state, LedgerState::Erased);
    let case = house.recall(1, &Clues::default(), "a@b.example", later);
    assert!(case.copy_of.is_some());
}

#[test]
fn an_old_ticket_with_a_parked_mail_waits_and_keeps_no_other_waiting() {
    let house = house();
    house.take((1..=60).map(|n| sending(n, u64::from(n), &[Purpose::Reply])));
    for mail in house.lease(NOW, 100) {
        let refused = Outcome::Refused("550 no".to_owned());
        let end = if mail.ticket.0 <= 30 {
            refused
        } else {
            accepted()
        };
        house.store().settle(&[(mail.id, end)], NOW).unwrap();
    }
    let erased = retain(&house, 30 * DAY_S, NOW.plus_s(40 * DAY_S));
    assert_eq!(erased.tickets, 30);
    assert_eq!(house.store().counts().parked, 30);
}

/// Faults: F1; holds I1 I9.
#[test]
fn a_witness_from_before_an_erasure_is_no_reason_to_refuse_the_store() {
    let mut house = two_cases();
    send_all(&house, NOW);
    let path = house.path().join("generation");
    let before = std::fs::read(&path).unwrap();
    house.store().erase(TicketNumber(1)).unwrap();
    retain(&house, 0, NOW.plus_s(DAY_S));
    house.close();
    std::fs::write(&path, before).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.store().counts().tickets, 0);
}

/// What grows with the years falls back to nothing.
#[test]
fn thousands_of_tickets_opened_and_erased_leave_nearly_nothing() {
    let dir = quick();
    let store = Some(Store::open(dir.path(), StoreOptions::default()).unwrap());
    let mut house = House { dir, store };
    let many = MANY;
    let opened = Cell::new(0);
    while opened.get() < many {
        let from = opened.get() + 1;
        house.take((from..from + 1_000).map(|n| {
            let mut entry = sending(n, u64::from(n), &[Purpose::Forward]);
            entry.sender = Some(address(&format!("p{n}@museum.example")));
            entry
        }));
        opened.set(opened.get() + 1_000);
    }
    send_all(&house, NOW);
    let later = NOW.plus_s(40 * DAY_S);
    let erased = retain(&house, 30 * DAY_S, later);
    assert_eq!((erased.tickets, erased.mails), (many.into(), many.into()));
    house.reopen().unwrap();
    let counts = house.store().counts();
    assert_eq!(
        (counts.tickets, counts.ledger, counts.sent),
        (0, 0, many.into())
    );
    assert_eq!(house.spool_files(), 0);
    house
        .store()
        .filed("support", 7, &(1..=many).collect::<Vec<_>>())
        .unwrap();
    let all: u64 = TREES.into_iter().map(|tree| records(&house, tree)).sum();
    assert!(all < 10, "{all} records are left");
}
