//! Backup, restore, accept, repair, verify, shrink: what they keep and what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::wear::*;
use super::*;
use crate::store::BackupError;
use crate::store::BackupState;
use crate::store::CORRECTIONS;
use crate::store::Order;
use crate::store::OutboxId;
use crate::store::RestoreError;
use crate::store::Stage;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Outcome;

/// What a store holds, but for what going on in doubt changes.
fn lasting(store: &Store) -> Dump {
    let mut dump = dump(store);
    dump.retain(|(tree, key), _| {
        // Counts of a day go on with what a restored store does.
        let of_a_day = match tree {
            Tree::Duties => key.first() == Some(&b'n'),
            Tree::Agenda => key.get(8) == Some(&b'n'),
            _ => false,
        };
        !of_a_day
            && !matches!(
                tree,
                Tree::Head | Tree::Outbox | Tree::Stages | Tree::Due | Tree::Events | Tree::Tickets
            )
    });
    dump
}

fn later(days: i64) -> Timestamp {
    NOW.plus_s(days * 86_400)
}

fn delivery(store: &Store, id: u64) -> Delivery {
    let mails = store.outbox(None, 1000, Order::Oldest).unwrap();
    let mail = mails.into_iter().find(|m| m.id == OutboxId(id)).unwrap();
    mail.delivery
}

/// Faults: F12; holds I1 I2 I3 I9.
#[test]
fn a_store_that_is_a_day_old_sends_no_reply_twice_and_every_forward() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let leased = house.lease(NOW, 4);
    assert_eq!(leased.len(), 4, "replies 0 and 2, forwards 1 and 3");
    let refused = [(OutboxId(0), Outcome::Refused("550 no".to_owned()))];
    house.store().settle(&refused, NOW).unwrap();
    let backup = tempfile::tempdir().unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    let instance = house.store().instance().to_owned();
    let known = lasting(house.store());
    // A day of work that the backup does not know.
    house.take([sending(50, 21, &[Purpose::Reply])]);
    house.lease(NOW, 100);
    house.close();
    fs::remove_dir_all(house.path().join("store")).unwrap();
    assert!(house.reopen().is_err(), "lost");
    let refused = Store::restore(house.path(), backup.path(), false, &options(), later(1));
    assert!(matches!(refused, Err(RestoreError::Occupied { .. })));
    let restored = Store::restore(house.path(), backup.path(), true, &options(), later(1)).unwrap();
    house.reopen().unwrap();
    let store = house.store();
    let (kept, changed): (Dump, Dump) = lasting(store)
        .into_iter()
        .partition(|(key, value)| known.get(key) == Some(value));
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(kept.len(), known.len(), "record by record");
    assert_eq!(store.accepted(), Some(later(1)));
    assert_ne!(store.instance(), instance);
    let (parked, again) = (restored.renewed.parked, restored.renewed.again);
    assert_eq!((parked, again), (20, 20));
    for id in 0..40 {
        match delivery(store, id) {
            Delivery::Parked { why, .. } => {
                assert_eq!(id % 2, 0, "a forward goes");
                assert!(why.contains("restored from a backup"), "{why}");
                assert_eq!(why.contains("550 no"), id == 0, "{why}");
            }
            Delivery::Waiting { .. } => assert_eq!(id % 2, 1, "a reply does not"),
            other => panic!("{id}: {other:?}"),
        }
    }
    let sent = house.lease(later(1), 100);
    assert!(sent.iter().all(|m| m.purpose == Purpose::Forward) && sent.len() == 20);
    let fresh = house
        .recall(60, &Clues::default(), "a@b.example", NOW)
        .fresh;
    assert!(fresh > 21 + 9_999, "{fresh}");
    let mut group = house.store().group();
    let new = Step::Open(ticket(fresh, answered()));
    let mut entry = entry(60, new);
    entry.outgoing = vec![outgoing(Purpose::Forward, fresh, "c@d.example")];
    group.add(entry, NOW).unwrap();
    group.commit().unwrap();
    let newest = house.store().outbox(None, 1, Order::Newest).unwrap();
    assert!(newest[0].id.0 > 41 + 9_999, "{newest:?}");
    assert!(restored.renewed.aside.is_some(), "the old files are kept");
    assert!(Store::verify(house.path(), &options()).is_err(), "in use");
    house.close();
    let found = Store::verify(house.path(), &options()).unwrap();
    assert!(found.sound(), "{found:?}");
}

/// Faults: F11 F12; holds I3 I9.
#[test]
fn an_emptied_store_goes_on_when_accepted_and_gives_no_number_twice() {
    for witness_too in [false, true] {
        let mut house = lived_in();
        fs::remove_dir_all(house.path().join("store")).unwrap();
        if witness_too {
            fs::remove_file(house.path().join("generation")).unwrap();
        }
        assert!(matches!(house.reopen(), Err(OpenError::Behind(_))));
        assert_eq!(house.spool_files(), 1, "nothing is cleaned away");
        let key = fs::read(house.path().join("desk.key")).unwrap();
        let renewed = Store::accept(house.path(), &options(), NOW).unwrap();
        assert_eq!(renewed.mails, 0);
        house.reopen().unwrap();
        let now = fs::read(house.path().join("desk.key")).unwrap();
        assert_eq!(now, key, "the key stays");
        assert_eq!(house.store().accepted(), Some(NOW));
        let fresh = house.recall(1, &Clues::default(), "a@b.example", NOW).fresh;
        assert!(fresh > if witness_too { 10_000 } else { 10_020 }, "{fresh}");
        house.take([opened(1, fresh, answered())]);
        house.reopen().unwrap();
    }
}

#[test]
fn a_lost_key_is_replaced_only_when_accepted() {
    for spoil in [None, Some(vec![7; 32]), Some(vec![1, 2, 3])] {
        let mut house = lived_in();
        let path = house.path().join("desk.key");
        match &spoil {
            None => fs::remove_file(&path).unwrap(),
            Some(octets) => fs::write(&path, octets).unwrap(),
        }
        let before = files(house.path());
        assert!(matches!(house.reopen(), Err(OpenError::Key { .. })));
        assert!(files(house.path()) == before);
        Store::accept(house.path(), &options(), NOW).unwrap();
        house.reopen().unwrap();
        assert_ne!(fs::read(&path).ok(), spoil);
        house.reopen().unwrap();
    }
}

/// Tells a thread to end, when dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_made_while_others_write_is_that_of_one_commit() {
    let house = lived_in();
    let store = Store::open(house.path(), options()).unwrap();
    let stop = AtomicBool::new(false);
    let backup = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 20_u32;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let mut group = store.group();
                let purposes = [Purpose::Reply, Purpose::Forward];
                group
                    .add(sending(n + 100, u64::from(n), &purposes), NOW)
                    .unwrap();
                group.commit().unwrap();
                let taken = store.lease(NOW, "support", 2).unwrap().mails;
                let said = || Outcome::Accepted("250".to_owned());
                let ends: Vec<_> = taken.iter().map(|m| (m.id, said())).collect();
                store.settle(&ends, NOW).unwrap();
            }
        });
        // A failure ends the writer too.
        let _stop = Stop(&stop);
        for _ in 0..6 {
            let done = store.backup(backup.path(), NOW).unwrap();
            assert_eq!(done.spool_missing, 0);
            let fresh = tempfile::tempdir().unwrap();
            let put = Store::restore(fresh.path(), backup.path(), false, &options(), NOW).unwrap();
            assert_eq!(put.generation, done.generation);
            let found = Store::verify(fresh.path(), &options()).unwrap();
            assert!(found.sound(), "{found:?}");
        }
    });
    let names = fs::read_dir(house.path().join("spool")).unwrap().count();
    let counts = store.counts();
    assert!(names as u64 <= counts.waiting + counts.leased + counts.parked);
}

#[test]
fn a_second_backup_copies_only_what_is_new_and_removes_what_is_old() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let backup = tempfile::tempdir().unwrap();
    let dir = backup.path().join("new/folder");
    let first = house.store().backup(&dir, NOW).unwrap();
    assert_eq!((first.spool_files, first.spool_copied), (1, 1));
    house.take([sending(50, 21, &[Purpose::Reply])]);
    let second = house.store().backup(&dir, NOW).unwrap();
    assert_eq!((second.spool_files, second.spool_copied), (2, 1));
    for mail in house.lease(NOW, 100) {
        let said = Outcome::Accepted("250".to_owned());
        house.store().settle(&[(mail.id, said)], NOW).unwrap();
    }
    let third = house.store().backup(&dir, NOW).unwrap();
    assert_eq!((third.spool_files, third.spool_copied), (0, 0));
    assert_eq!(fs::read_dir(dir.join("spool")).unwrap().count(), 0);
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        5,
        "mark, manifest, records, spool, key"
    );
    for (path, _) in files(&dir) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }
    assert!(matches!(house.store().backup_state(), BackupState::Done(_)));
}

#[test]
fn corrections_go_into_the_backup_and_come_back_where_there_are_none() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let backup = tempfile::tempdir().unwrap();
    let theirs = house.path().join(CORRECTIONS);
    fs::write(&theirs, "{\"one\":1}\n").unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    Store::restore(fresh.path(), backup.path(), false, &options(), NOW).unwrap();
    let back = fresh.path().join(CORRECTIONS);
    assert_eq!(fs::read_to_string(&back).unwrap(), "{\"one\":1}\n");
    // What was corrected since the backup stays.
    fs::write(&back, "{\"two\":2}\n").unwrap();
    Store::restore(fresh.path(), backup.path(), true, &options(), NOW).unwrap();
    assert_eq!(fs::read_to_string(&back).unwrap(), "{\"two\":2}\n");
}

#[test]
fn a_folder_with_other_things_or_another_desks_backup_is_not_written_to() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let taken = tempfile::tempdir().unwrap();
    fs::write(taken.path().join("letter"), "mine").unwrap();
    let refused = |dir: &Path| {
        let made = house.store().backup(dir, NOW);
        assert!(matches!(made, Err(BackupError::Folder { .. })), "{made:?}");
    };
    refused(taken.path());
    refused(house.path());
    refused(&house.path().join("spool"));
    refused(&house.path().join("store/blobs/deep"));
    refused(Path::new("relative"));
    let other = crate::store::tests::house();
    let theirs = tempfile::tempdir().unwrap();
    other.store().backup(theirs.path(), NOW).unwrap();
    refused(theirs.path());
    assert_eq!(house.spool_files(), 1);
    house
        .store()
        .backup(&house.path().join("backup"), NOW)
        .unwrap();
}

#[test]
fn a_backup_with_anything_spoiled_is_refused_whole() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let backup = tempfile::tempdir().unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    let mut dice = Dice(9);
    for (path, octets) in files(backup.path()) {
        if path.file_name().unwrap() == "mailclerk-backup" {
            continue;
        }
        for _ in 0..5 {
            let mut spoiled = octets.clone();
            let at = dice.below(spoiled.len());
            spoiled[at] ^= 1 << dice.below(8);
            fs::write(&path, spoiled).unwrap();
            let fresh = tempfile::tempdir().unwrap();
            let put = Store::restore(fresh.path(), backup.path(), false, &options(), NOW);
            assert!(matches!(put, Err(RestoreError::Backup { .. })), "{path:?}");
            assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0);
        }
        fs::write(&path, octets).unwrap();
    }
    let fresh = tempfile::tempdir().unwrap();
    Store::restore(fresh.path(), backup.path(), false, &options(), NOW).unwrap();
}

/// Puts damage into single records, as a disk does that lies.
fn hurt(house: &House, victims: &[(Tree, Vec<u8>)]) {
    let engine = let_go(house);
    for (tree, key) in victims {
        let mut value = engine.get(*tree, key).unwrap().unwrap().to_vec();
        *value.last_mut().unwrap() ^= 1;
        engine
            .apply(&[((*tree, key.clone()), Some(value))].into())
            .unwrap();
    }
    engine.make_durable().unwrap();
}

/// Faults: F10; holds I1 I2 I3 I9.
#[test]
fn a_repair_saves_what_is_whole_names_what_is_lost_and_keeps_the_damaged_files() {
    let mut house = lived_in();
    let seven = 7_u64.to_be_bytes().to_vec();
    hurt(
        &house,
        &[
            (Tree::Ledger, layout::mail_key(&mail(5))),
            (Tree::Tickets, layout::ticket_key(TicketNumber(9)).to_vec()),
            (Tree::Outbox, seven),
            (Tree::States, layout::state_key(0, TicketNumber(11))),
        ],
    );
    assert!(matches!(house.reopen(), Err(OpenError::Damaged(_))));
    let before = files(&house.path().join("store"));
    let found = Store::verify(house.path(), &options()).unwrap();
    let told = format!("{found:?}");
    assert!(!found.sound() && told.contains("support/7/5"), "{told}");
    let refused = Store::accept(house.path(), &options(), NOW);
    assert!(matches!(refused, Err(OpenError::Damaged(_))));
    let repaired = Store::repair(house.path(), false, &options(), later(1)).unwrap();
    let lost = repaired.lost.join("\n");
    for wanted in [
        "ledger support/7/5: damaged",
        "tickets 9: damaged",
        "outbox 7: damaged",
        "mails on record: 20 of 21",
    ] {
        assert!(lost.contains(wanted), "{wanted} in {lost}");
    }
    let found = Store::verify(house.path(), &options()).unwrap();
    assert!(found.sound(), "{found:?}");
    let aside = house.path().join(repaired.renewed.aside.unwrap());
    let kept = files(&aside.join("store"));
    assert!(kept.values().eq(before.values()), "untouched");
    house.reopen().unwrap();
    assert_eq!(house.store().accepted(), Some(later(1)));
    assert_eq!(house.store().counts().ledger, 20);
    assert_eq!(house.store().counts().tickets, 19);
    let parked = house
        .store()
        .outbox(Some(Stage::Parked), 100, Order::Oldest)
        .unwrap();
    assert!(parked.iter().all(|m| m.purpose == Purpose::Reply) && parked.len() == 20);
    assert_eq!(
        house.lease(later(1), 100).len(),
        19,
        "forwards, but for the lost one"
    );
    assert!(house.store().ledger_newest(100).unwrap().len() == 20);
}

/// Faults: F10; holds I1 I2 I3 I9.
#[test]
fn every_kind_of_record_may_be_lost_and_a_repair_makes_a_sound_store() {
    let house = lived_in();
    let everything = {
        let here = tempfile::tempdir().unwrap();
        copy(house.path(), here.path());
        dump(&Store::open(here.path(), options()).unwrap())
    };
    let mut dice = Dice(11);
    let mut last = None;
    for (tree, key) in everything.keys() {
        // One of each kind, and now and then one more.
        if last == Some(*tree) && dice.below(25) != 0 {
            continue;
        }
        last = Some(*tree);
        let here = House {
            dir: tempfile::tempdir().unwrap(),
            store: None,
        };
        copy(house.path(), here.path());
        hurt(&here, &[(*tree, key.clone())]);
        let what = format!("{tree:?} {key:?}");
        assert!(Store::open(here.path(), options()).is_err(), "{what}");
        let repaired = Store::repair(here.path(), false, &options(), NOW);
        let repaired = repaired.unwrap_or_else(|e| panic!("{what}: {e}"));
        let found = Store::verify(here.path(), &options()).unwrap();
        assert!(found.sound(), "{what}: {found:?}");
        let store = Store::open(here.path(), options()).unwrap();
        assert!(store.counts().ledger >= 20, "{what}");
        // Loads are counted anew.
        let load = *tree == Tree::Duties && matches!(key.first(), Some(b'l' | b'q'));
        let derived = load || crate::store::derived::DERIVED.contains(tree);
        assert_eq!(repaired.lost.is_empty(), derived, "{what}: {repaired:?}");
    }
}

#[test]
fn a_store_of_which_nothing_can_be_read_is_emptied_only_when_asked_to() {
    let house = lived_in();
    fs::write(house.path().join("store/db"), vec![0xff; 700_000]).unwrap();
    let before = files(house.path());
    let refused = Store::repair(house.path(), false, &options(), NOW).unwrap_err();
    assert!(refused.to_string().contains("--empty"), "{refused}");
    assert!(files(house.path()) == before);
    let repaired = Store::repair(house.path(), true, &options(), NOW).unwrap();
    assert!(repaired.renewed.next_ticket > 10_020);
    assert!(Store::open(house.path(), options()).is_ok());
}

#[test]
fn verifying_tells_of_a_record_that_should_follow_from_another_and_changes_nothing() {
    let house = lived_in();
    let sound = Store::verify(house.path(), &options()).unwrap();
    assert!(sound.sound(), "{sound:?}");
    let engine = let_go(&house);
    let (here, there) = (
        layout::state_key(0, TicketNumber(4)),
        layout::state_key(1, TicketNumber(4)),
    );
    let value = engine.get(Tree::States, &here).unwrap().unwrap().to_vec();
    drop(value);
    let moved = layout::seal(&there, &crate::store::layout::rows::StateIndexRow).unwrap();
    engine
        .apply(
            &[
                ((Tree::States, here), None),
                ((Tree::States, there), Some(moved)),
            ]
            .into(),
        )
        .unwrap();
    engine.make_durable().unwrap();
    drop(engine);
    let before = files(house.path());
    let found = Store::verify(house.path(), &options()).unwrap();
    assert!(!found.sound());
    assert!(format!("{found:?}").contains("states"), "{found:?}");
    assert!(files(house.path()) == before);
}

#[test]
fn a_store_that_held_much_and_holds_little_shrinks_at_its_next_start() {
    let mut house = house();
    let budget = |n: u64| (Tree::Poison, [&[0, 7][..], &n.to_be_bytes()].concat());
    let long = |key: &[u8]| {
        let mut value = layout::seal(key, &layout::rows::PoisonRow(1)).unwrap();
        value.resize(3000, 7);
        value
    };
    let engine = &house.store().inner.engine;
    for group in 0..30 {
        let keys = (0..200).map(|n| budget(group * 200 + n));
        let moves = keys.map(|k| (k.clone(), Some(long(&k.1)))).collect();
        engine.apply(&moves).unwrap();
        engine.make_durable().unwrap();
    }
    for group in 0..30 {
        let moves = (0..200).map(|n| (budget(group * 200 + n), None)).collect();
        engine.apply(&moves).unwrap();
        engine.make_durable().unwrap();
    }
    let db = house.path().join("store/db");
    let before = fs::metadata(&db).unwrap().len();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    let truth = dump(house.store());
    house.close();
    let small = StoreOptions {
        shrink_bytes_min: 4 * 1024 * 1024,
        ..options()
    };
    house.store = Some(Store::open(house.path(), small.clone()).unwrap());
    let shrunk = house.store().shrunk().unwrap();
    let after = fs::metadata(&db).unwrap().len();
    assert!(before > 8 * 1024 * 1024, "{before}");
    assert!(after < before / 8, "{before} {after} {shrunk:?}");
    assert_eq!(dump(house.store()), truth);
    house.close();
    house.store = Some(Store::open(house.path(), small).unwrap());
    assert_eq!(house.store().shrunk(), None, "not at every start");
}
