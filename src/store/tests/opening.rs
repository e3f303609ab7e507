//! Opening: locks, versions, damage, an emptied store; and what is durable when.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::rc::Rc;

use super::wear::*;
use super::*;
use crate::steps;
use crate::steps::Step;
use crate::store::StoreError;
use crate::store::engine::Moves;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::head::VersionRow;

#[test]
fn a_commit_is_one_sync_of_the_store_one_of_the_spool_and_one_of_the_witness() {
    let house = house();
    let before = house.store().syncs();
    house.take((1..=50).map(|n| sending(n, u64::from(n), &[Purpose::Forward])));
    let after = house.store().syncs();
    assert_eq!(
        (
            after.store - before.store,
            after.files - before.files,
            after.folders - before.folders
        ),
        (1, 2, 1)
    );
    let before = after;
    house.take([]);
    house.store().settle(&[], NOW).unwrap();
    assert_eq!(house.store().syncs(), before, "an empty group is free");
    house.lease(NOW, 50);
    assert_eq!(
        house.store().syncs().store - before.store,
        1,
        "a lease is durable before it is handed out"
    );
}

/// The moments of a commit, in their order: what names a thing comes after the thing, and the witness last.
#[test]
fn a_record_is_durable_after_the_mail_it_names_and_before_the_witness_of_it() {
    let house = house();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&seen);
    let watch = steps::watched(move |step, path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = if name.len() == 16 {
            "mails".into()
        } else {
            name
        };
        notes.borrow_mut().push(format!("{} {name}", step.name()));
        Ok(())
    });
    house.take([sending(1, 1, &[Purpose::Forward])]);
    drop(watch);
    assert_eq!(
        seen.borrow().iter().map(|s| s.trim()).collect::<Vec<_>>(),
        [
            "file-written mails",
            "file-synced mails",
            "folder-changed spool",
            "folder-synced spool",
            "applying",
            "applied",
            "flushed db",
            "data-synced db",
            "file-written generation.new",
            "file-synced generation.new",
            "renaming generation",
            "renamed generation",
        ]
    );
}

/// Faults: F6; holds I1 I9.
#[test]
fn after_a_failed_sync_nothing_is_believed_until_a_new_start() {
    let mut house = house();
    house.take([opened(1, 1, answered())]);
    let mut group = house.store().group();
    group.add(opened(2, 2, answered()), NOW).unwrap();
    house.store().inner.engine.syncs.fail(true);
    assert!(matches!(group.commit(), Err(StoreError::Broken(_))));
    house.store().inner.engine.syncs.fail(false);
    assert!(matches!(
        house.store().ledger(&mail(1)),
        Err(StoreError::Broken(_))
    ));
    assert!(matches!(
        house.store().lease(NOW, "support", 1),
        Err(StoreError::Broken(_))
    ));
    let mut group = house.store().group();
    assert!(group.add(opened(3, 2, answered()), NOW).is_err());
    drop(group);
    house.reopen().unwrap();
    assert!(house.store().ledger(&mail(1)).unwrap().is_some());
}

#[test]
fn a_spool_that_cannot_be_written_costs_nothing_but_the_group() {
    let house = house();
    let spool = house.path().join("spool");
    fs::remove_dir(&spool).unwrap();
    let mut group = house.store().group();
    group.add(sending(1, 1, &[Purpose::Forward]), NOW).unwrap();
    assert!(matches!(group.commit(), Err(StoreError::Spool(_))));
    fs::create_dir(&spool).unwrap();
    house.take([sending(1, 1, &[Purpose::Forward])]);
    assert_eq!(house.lease(NOW, 9).len(), 1);
}

/// Faults: F14; holds I9.
#[test]
fn a_second_opener_is_told_that_the_store_is_in_use() {
    let mut house = house();
    assert!(matches!(
        Store::open(house.path(), options()),
        Err(OpenError::InUse)
    ));
    house.reopen().unwrap();
}

#[test]
fn the_key_is_made_once_and_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut house = house();
    let key = fs::read(house.path().join("desk.key")).unwrap();
    assert_ne!(key, [0; 32]);
    let told = house.store().keys();
    house.reopen().unwrap();
    assert_eq!(fs::read(house.path().join("desk.key")).unwrap(), key);
    assert_eq!(house.store().keys(), told);
    let mode = fs::metadata(house.path().join("desk.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_lost_or_cut_key_is_never_replaced_in_silence() {
    let mut house = lived_in();
    fs::write(house.path().join("desk.key"), "short").unwrap();
    assert!(matches!(house.reopen(), Err(OpenError::Key { .. })));
    fs::remove_file(house.path().join("desk.key")).unwrap();
    assert!(matches!(house.reopen(), Err(OpenError::Key { .. })));
}

/// What died before its first witness is begun anew; each moment of a first start is tried in `failing`.
#[test]
fn a_first_start_that_left_nothing_but_a_folder_is_simply_repeated() {
    let mut house = house();
    house.close();
    for name in ["desk.key", "generation"] {
        fs::remove_file(house.path().join(name)).unwrap();
    }
    fs::remove_dir_all(house.path().join("store")).unwrap();
    house.reopen().unwrap();
}

/// Faults: F12; holds I9.
#[test]
fn a_store_from_a_backup_is_refused_and_a_lagging_witness_is_not() {
    let mut house = lived_in();
    let backup = tempfile::tempdir().unwrap();
    copy(house.path(), backup.path());
    house.reopen().unwrap();
    house.take([opened(40, 21, answered())]);
    house.close();
    let newest = fs::read(house.path().join("generation")).unwrap();
    fs::copy(
        backup.path().join("generation"),
        house.path().join("generation"),
    )
    .unwrap();
    house.reopen().unwrap();
    house.close();
    assert_eq!(fs::read(house.path().join("generation")).unwrap(), newest);
    fs::remove_dir_all(house.path().join("store")).unwrap();
    copy(&backup.path().join("store"), &house.path().join("store"));
    assert!(matches!(house.reopen(), Err(OpenError::Behind(_))));
}

/// Faults: F13; holds I9.
#[test]
fn a_store_of_a_newer_layout_is_left_alone() {
    let mut house = lived_in();
    let engine = let_go(&house);
    let value = layout::seal(layout::VERSION_KEY, &VersionRow(layout::LAYOUT_VERSION + 1)).unwrap();
    engine
        .apply(&Moves::from([(
            (Tree::Head, layout::VERSION_KEY.to_vec()),
            Some(value),
        )]))
        .unwrap();
    engine.make_durable().unwrap();
    drop(engine);
    let newer = layout::LAYOUT_VERSION + 1;
    assert!(matches!(
        house.reopen(),
        Err(OpenError::Newer { found, known: layout::LAYOUT_VERSION }) if found == newer
    ));
}

/// Faults: F10; holds I9.
#[test]
fn records_that_vanished_behind_our_back_are_noticed() {
    let victims = [
        (Tree::Ledger, layout::mail_key(&mail(5))),
        (Tree::Tickets, layout::ticket_key(TicketNumber(5)).to_vec()),
        (Tree::Outbox, 5_u64.to_be_bytes().to_vec()),
        (Tree::Head, layout::HEAD_KEY.to_vec()),
        (Tree::Head, layout::VERSION_KEY.to_vec()),
    ];
    for (tree, key) in victims {
        let mut house = lived_in();
        let engine = let_go(&house);
        engine.apply(&Moves::from([((tree, key), None)])).unwrap();
        engine.make_durable().unwrap();
        drop(engine);
        let opened = house.reopen();
        assert!(
            matches!(opened, Err(OpenError::Damaged(_) | OpenError::Behind(_))),
            "{tree:?} {opened:?}"
        );
    }
}

/// The files of the engine, with what is in them.
fn files(store: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(store).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// At an opening the engine takes its old snapshot away, and what its log says besides, in an order of its own: a power cut
/// among that left nothing that it could read.
///
/// Faults: F3; holds I1 I10.
#[test]
fn the_engine_replaces_nothing_of_the_only_copy_of_the_store_when_it_opens() {
    let mut house = house();
    let mut grown = 0;
    for round in 0..40_u32 {
        let first = round * 50 + 1;
        house.take((first..first + 50).map(|n| sending(n, u64::from(n), &[Purpose::Forward])));
        // As after a crash, and as after an orderly end.
        if round % 2 == 0 {
            house.close();
        } else {
            house.store.take().unwrap().close().unwrap();
        }
        let store = house.path().join("store");
        let before = RefCell::new(BTreeMap::new());
        let opened = Rc::new(Cell::new(0));
        let count = Rc::clone(&opened);
        let watch = steps::watched(move |step, _| {
            match step {
                Step::EngineOpening => *before.borrow_mut() = files(&store),
                Step::EngineOpened => {
                    let after = files(&store);
                    let names = |files: &BTreeMap<OsString, Vec<u8>>| {
                        files.keys().cloned().collect::<Vec<_>>()
                    };
                    assert_eq!(names(&before.borrow()), names(&after), "round {round}");
                    for (name, was) in &*before.borrow() {
                        let is = &after[name];
                        // The engine may cut blank pieces off, or write them again.
                        let alike = if name == "db" {
                            was.iter().zip(is).all(|(was, is)| was == is)
                        } else {
                            was == is
                        };
                        assert!(alike, "round {round}: {name:?} changed");
                    }
                    count.set(count.get() + 1);
                }
                _ => {}
            }
            Ok(())
        });
        house.reopen().unwrap();
        drop(watch);
        assert_eq!(opened.get(), 1);
        grown = fs::metadata(house.path().join("store/db")).unwrap().len();
    }
    assert!(grown > 3 * 512 * 1024, "{grown}: several pieces of the log");
}

#[test]
fn a_question_at_any_moment_of_a_start_that_died_finds_that_there_is_a_store() {
    let mut house = house();
    house.take([opened(1, 1, answered())]);
    house.close();
    let (dir, moments) = (house.path().to_owned(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&moments);
    let watch = steps::watched(move |step, path| {
        assert!(Store::is_in(&dir).unwrap(), "{} {path:?}", step.name());
        count.set(count.get() + 1);
        Ok(())
    });
    house.reopen().unwrap();
    drop(watch);
    assert!(moments.get() > 30);
}
