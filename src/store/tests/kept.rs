//! A store of layout 1, kept as it was written, and its way to the present layout: whole, whenever it is cut off.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::rc::Rc;

use super::*;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::steps;
use crate::store::OutboxId;
use crate::store::engine::Engine;
use crate::store::engine::Moves;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::head::MigrationRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::swap;
use crate::store::sync::Syncs;
use crate::triage::delivery::Outcome;

/// What was done to the kept store, by the program that wrote it; done to a new one, both tell the same.
fn fill(store: &Store) {
    take_cases(store);
    take_oddities(store);
    give_a_uid_twice(store);
    send_some(store);
}

/// Tickets in each state, with their letters.
fn take_cases(store: &Store) {
    let mut group = store.group();
    let gate = Gate {
        uid_validity: 7,
        uid_next: 10,
        since: NOW.plus_s(-172_800),
    };
    group
        .begin(
            "support",
            Cursor {
                uid_validity: 7,
                uid: 0,
            },
            gate,
        )
        .unwrap();
    group.commit().unwrap();
    let mut group = store.group();
    group.add(sending(1, 1, &[Purpose::Reply]), NOW).unwrap();
    let mut two = sending(2, 2, &[Purpose::Forward]);
    two.plan.step = Step::Open(ticket(2, with_agent()));
    group.add(two, NOW).unwrap();
    group.add(opened(3, 3, with_agent()), NOW).unwrap();
    let answered_by_agent = TicketState::AgentAnswered {
        agent: address("ana@agents.example"),
        at: NOW.plus_s(60),
    };
    let mut four = entry(4, Step::Update(ticket(3, answered_by_agent)));
    four.sender = Some(address("ana@agents.example"));
    four.filing = Filing::Quiet;
    four.outgoing = vec![outgoing(Purpose::Relay, 3, "ann@museum.example")];
    group.add(four, NOW.plus_s(60)).unwrap();
    group
        .add(
            sending(5, 4, &[Purpose::Reply, Purpose::Forward]),
            NOW.plus_s(70),
        )
        .unwrap();
    group
        .add(sending(6, 5, &[Purpose::Forward]), NOW.plus_s(80))
        .unwrap();
    group
        .add(sending(7, 6, &[Purpose::Reply]), NOW.plus_s(90))
        .unwrap();
    group
        .add(sending(8, 7, &[Purpose::Verify]), NOW.plus_s(100))
        .unwrap();
    group
        .cursor(
            "support",
            Cursor {
                uid_validity: 7,
                uid: 8,
            },
        )
        .unwrap();
    group.commit().unwrap();
}

/// A copy, an automatic mail, one that is not looked at, another mailbox, a notice.
fn take_oddities(store: &Store) {
    let mut group = store.group();
    let mut copy = entry(9, Step::Record(Some(TicketNumber(1))));
    copy.digest = digest(1);
    copy.message_id = Some(id("m1@museum.example"));
    group.add(copy, NOW.plus_s(110)).unwrap();
    let mut automatic = entry(10, Step::Record(None));
    automatic.sender = None;
    automatic.message_id = None;
    automatic.filing = Filing::Quiet;
    group.add(automatic, NOW.plus_s(120)).unwrap();
    group
        .skip(
            &mail(11),
            "was there before the first start, and is older than first_start_age_max",
            NOW.plus_s(130),
        )
        .unwrap();
    group
        .add(opened(12, 8, answered()), NOW.plus_s(140))
        .unwrap();
    let mut bob = opened(20, 9, answered());
    bob.mail = MailRef {
        mailbox: "sales".to_owned(),
        uid_validity: 3,
        uid: 20,
    };
    bob.sender = Some(address("Bob+shop@museum.example"));
    bob.received = NOW.plus_s(-86_400);
    group.add(bob, NOW.plus_s(150)).unwrap();
    group
        .post(
            outgoing(Purpose::Notice, 0, "lead@agents.example"),
            NOW.plus_s(155),
        )
        .unwrap();
    group
        .cursor(
            "support",
            Cursor {
                uid_validity: 7,
                uid: 12,
            },
        )
        .unwrap();
    group
        .cursor(
            "sales",
            Cursor {
                uid_validity: 3,
                uid: 20,
            },
        )
        .unwrap();
    group.commit().unwrap();
}

/// A UID that the server gives to another mail; tries, filings.
fn give_a_uid_twice(store: &Store) {
    // The server gave UID 12 to another mail.
    let mut group = store.group();
    group.forget(&mail(12)).unwrap();
    let mut other = entry(12, Step::Record(Some(TicketNumber(8))));
    other.digest = digest(112);
    other.message_id = Some(id("m112@museum.example"));
    group.add(other, NOW.plus_s(160)).unwrap();
    group.commit().unwrap();
    store.poisoned(&mail(30)).unwrap();
    store.filed("support", 7, &[1, 2, 3]).unwrap();
}

/// A letter in each state.
fn send_some(store: &Store) {
    // 0 reply of 1, 1 forward of 2, 2 relay of 3, 3 reply and 4 forward of 4, 5 forward of 5, 6 reply of 6,
    // 7 verify of 7, 8 notice.
    let now = NOW.plus_s(200);
    let leased = store.lease(now, "support", 100).unwrap().mails;
    assert_eq!(leased.len(), 9);
    let sent = || Outcome::Accepted("250 2.0.0 ok".to_owned());
    let ends = [
        (OutboxId(0), sent()),
        (OutboxId(1), sent()),
        (OutboxId(2), sent()),
        (OutboxId(4), Outcome::Deferred("451 later".to_owned())),
        (OutboxId(6), Outcome::Refused("550 no such user".to_owned())),
        (OutboxId(7), Outcome::Refused("550 no such user".to_owned())),
        (OutboxId(8), sent()),
    ];
    store.settle(&ends, now).unwrap();
    store.release(&[OutboxId(3)], "", now).unwrap();
    store.give_up(OutboxId(7), now).unwrap();
}

/// A house with a copy of the kept store, closed.
fn kept() -> House {
    let dir = quick();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/layout-1");
    wear::copy(&from, dir.path());
    House { dir, store: None }
}

/// Every record but those of the store as a whole, and of what a day brought, which nobody counted then. Entries of the
/// ledger do not name their letters: those of layout 1 cannot.
fn records(engine: &Engine) -> BTreeMap<(Tree, Vec<u8>), Vec<u8>> {
    let mut records = BTreeMap::new();
    for tree in TREES.into_iter().filter(|tree| *tree != Tree::Head) {
        let seen = engine.scan(tree, Range::under(&[]), |key, value| {
            // Layout 1 did not count questions to addresses apart.
            let budget = if tree == Tree::Expiry {
                key.get(8..)
            } else {
                Some(key)
            };
            let counts = budget.and_then(|key| key.first());
            if matches!(tree, Tree::Budgets | Tree::Expiry) && matches!(counts, Some(b'a' | b'q')) {
                return Ok(true);
            }
            let mut value = value.to_vec();
            let of_a_day = match tree {
                Tree::Duties => key.first(),
                Tree::Agenda => key.get(8),
                _ => None,
            };
            if of_a_day == Some(&b'n') {
                return Ok(true);
            }
            if tree == Tree::Ledger {
                let mut row: LedgerRow = layout::unseal(key, &value)?;
                if let LedgerEnd::Handled { first_letter, .. } = &mut row.end {
                    *first_letter = None;
                }
                value = layout::seal(key, &row)?;
            }
            records.insert((tree, key.to_vec()), value);
            Ok(true)
        });
        seen.unwrap();
    }
    records
}

/// What a new store holds in which the same was done.
fn wanted() -> BTreeMap<(Tree, Vec<u8>), Vec<u8>> {
    let house = house();
    fill(house.store());
    records(&house.store().inner.engine)
}

fn assert_moved(house: &House, wanted: &BTreeMap<(Tree, Vec<u8>), Vec<u8>>, when: &str) {
    let engine = &house.store().inner.engine;
    let found = records(engine);
    for (place, value) in wanted {
        assert_eq!(found.get(place), Some(value), "{when}: {place:?}");
    }
    assert_eq!(
        found.len(),
        wanted.len(),
        "{when}: more than there should be"
    );
    let under_way = engine.read::<MigrationRow>(layout::MIGRATION_KEY).unwrap();
    let version = engine.read::<VersionRow>(layout::VERSION_KEY).unwrap();
    assert!(under_way.is_none() && version.is_some_and(|v| v.0 == layout::LAYOUT_VERSION));
}

/// Faults: F13; holds I9.
#[test]
fn a_store_of_layout_1_holds_after_the_move_what_a_new_one_would_hold() {
    let mut house = kept();
    let key = fs::read(house.path().join("desk.key")).unwrap();
    house.reopen().unwrap();
    assert_moved(&house, &wanted(), "moved");
    house.reopen().unwrap();
    assert_moved(&house, &wanted(), "verified at the next start");
    let store = house.store();
    assert_eq!(store.instance(), "rgjf52kk", "it is the same store");
    assert_eq!(fs::read(house.path().join("desk.key")).unwrap(), key);
    let counts = store.counts();
    assert_eq!((counts.tickets, counts.ledger), (9, 13));
    assert_eq!((counts.waiting, counts.leased, counts.parked), (2, 1, 1));
    assert_eq!((counts.sent, counts.dropped), (4, 1));
    // What was on its way goes on, with its bytes.
    assert_eq!(store.recover(NOW.plus_s(300)).unwrap().again, 1);
    let mails = house.lease(NOW.plus_s(900), 10);
    let mut sent: Vec<u64> = mails.iter().map(|mail| mail.id.0).collect();
    sent.sort_unstable();
    assert_eq!(sent, [3, 4, 5]);
    assert!(mails.iter().all(|mail| mail.bytes.starts_with(b"To: ann@")));
}

/// A store's way, cut off at every so many moments: what the disk holds then.
fn cut_off(house: &mut House, every: usize) -> Vec<(String, tempfile::TempDir)> {
    let cuts = Rc::new(RefCell::new(Vec::new()));
    let (seen, from) = (Rc::clone(&cuts), house.path().to_owned());
    let passed = Cell::new(0);
    let watch = steps::watched(move |step, _| {
        let number: usize = passed.replace(passed.get() + 1);
        if number.is_multiple_of(every) {
            let copy = quick();
            wear::copy(&from, copy.path());
            let when = format!("{number} {}", step.name());
            seen.borrow_mut().push((when, copy));
        }
        Ok(())
    });
    house.reopen().unwrap();
    drop(watch);
    house.close();
    Rc::into_inner(cuts).unwrap().into_inner()
}

/// Whatever of layout 2 is in a store, the store says so: a program of layout 1 leaves it alone.
fn assert_never_half(state: &Path, when: &str) {
    swap::finish(state, &Syncs::default()).unwrap();
    let engine = Engine::open(&state.join("store"), 1 << 20).unwrap();
    let version = engine.read::<VersionRow>(layout::VERSION_KEY).unwrap();
    let new = [Tree::Ledger, Tree::Head, Tree::Finds]
        .into_iter()
        .any(|tree| {
            let mut new = false;
            let seen = engine.scan(tree, Range::under(&[]), |_, value| {
                new |= tree == Tree::Finds || value.first() == Some(&2);
                Ok(true)
            });
            seen.unwrap();
            new
        });
    assert_eq!(
        version.unwrap().0,
        if new { layout::LAYOUT_VERSION } else { 1 },
        "{when}"
    );
}

/// Faults: F3 F13; holds I1 I3 I9 I10.
#[test]
fn the_move_to_layout_2_cut_off_at_any_moment_and_again_at_the_next_start_is_whole_in_the_end() {
    let wanted = wanted();
    let mut house = kept();
    let cuts = cut_off(&mut house, 1);
    assert!(cuts.len() > 100, "only {} moments", cuts.len());
    for (number, (when, dir)) in cuts.into_iter().enumerate() {
        assert_never_half(dir.path(), &when);
        let mut first = House { dir, store: None };
        // Some are cut off a second time, at moments all over what is left of the way.
        if number % 25 == 0 {
            for (again, dir) in cut_off(&mut first, 29) {
                let mut second = House { dir, store: None };
                whole_in_the_end(&mut second, &wanted, &format!("{when}, then {again}"));
            }
        }
        whole_in_the_end(&mut first, &wanted, &when);
    }
}

fn whole_in_the_end(house: &mut House, wanted: &BTreeMap<(Tree, Vec<u8>), Vec<u8>>, when: &str) {
    house.reopen().unwrap_or_else(|e| panic!("{when}: {e}"));
    assert_moved(house, wanted, when);
}

/// Faults: F6 F13; holds I1 I9 I10.
#[test]
fn a_disk_that_fails_at_any_moment_of_the_move_leaves_a_store_that_opens_when_it_is_mended() {
    let wanted = wanted();
    for fails_at in (0..150).step_by(4) {
        let mut house = kept();
        let passed = Rc::new(RefCell::new(0));
        let count = Rc::clone(&passed);
        let watch = steps::watched(move |_, _| {
            *count.borrow_mut() += 1;
            if *count.borrow() > fails_at {
                return Err(io::Error::other("injected"));
            }
            Ok(())
        });
        let opened = house.reopen();
        drop(watch);
        let all = *passed.borrow();
        assert!(opened.is_err() || all <= fails_at, "{fails_at} of {all}");
        house.reopen().unwrap();
        assert_moved(&house, &wanted, &format!("failed at {fails_at}"));
    }
}

/// Faults: F13; holds I9.
#[test]
fn a_store_that_an_operator_goes_on_with_is_searched_as_if_nothing_had_been_lost_beside_it() {
    let mut house = kept();
    house.reopen().unwrap();
    house.close();
    // Lost: what mails are found by, and half of the order that they came in.
    let engine = wear::let_go(&house);
    let mut lost = Moves::new();
    for (tree, nth) in [(Tree::Finds, 1), (Tree::Arrivals, 2)] {
        let mut number = 0;
        let seen = engine.scan(tree, Range::under(&[]), |key, _| {
            number += 1;
            if number % nth == 0 {
                lost.insert((tree, key.to_vec()), None);
            }
            Ok(true)
        });
        seen.unwrap();
    }
    engine.apply(&lost).unwrap();
    engine.make_durable().unwrap();
    drop(engine);
    assert!(matches!(house.reopen(), Err(OpenError::Damaged(_))));
    Store::repair(house.path(), false, &options(), NOW).unwrap();
    house.reopen().unwrap();
    let wanted = crate::store::Wanted {
        since: Some(Timestamp(0)),
        ..Default::default()
    };
    let found = house.store().find(&wanted, None, 100).unwrap().mails;
    assert_eq!(found.len(), 13, "each mail once");
    assert_eq!(house.store().ledger_newest(100).unwrap().len(), 13);
}
