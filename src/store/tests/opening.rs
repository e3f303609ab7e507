//! Opening: locks, versions, damage, an emptied store; and what is durable when.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use super::*;
use crate::steps;
use crate::store::Order;
use crate::store::StoreError;
use crate::store::engine::Engine;
use crate::store::engine::Moves;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::head::VersionRow;

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A closed house with a few mails of every sort.
fn lived_in() -> House {
    let mut house = house();
    house.take((1..=20).map(|n| sending(n, u64::from(n), &[Purpose::Reply, Purpose::Forward])));
    house.take([entry(30, Step::Update(ticket(3, with_agent())))]);
    house.close();
    house
}

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
    let key = *house.store().key_octets();
    assert_ne!(key, [0; 32]);
    house.reopen().unwrap();
    assert_eq!(*house.store().key_octets(), key);
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

#[test]
fn a_first_start_that_died_at_any_file_is_simply_repeated() {
    for lost in [&["desk.key"][..], &["desk.key", "generation", "store"]] {
        let mut house = house();
        house.close();
        for name in lost {
            let path = house.path().join(name);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        house.reopen().unwrap();
    }
}

#[test]
fn an_emptied_store_is_refused_until_the_operator_says_so() {
    for witness_too in [false, true] {
        let mut house = lived_in();
        fs::remove_dir_all(house.path().join("store")).unwrap();
        if witness_too {
            fs::remove_file(house.path().join("generation")).unwrap();
        }
        assert!(matches!(house.reopen(), Err(OpenError::Behind(_))));
        assert_eq!(
            house.spool_files(),
            1,
            "refused, so nothing is cleaned away"
        );
        assert!(
            matches!(house.reopen(), Err(OpenError::Behind(_))),
            "refused again"
        );
        let accepted = StoreOptions {
            accept_behind: true,
            ..options()
        };
        house.store = Some(Store::open(house.path(), accepted).unwrap());
        let fresh = house.recall(1, &Clues::default(), "a@b.example", NOW).fresh;
        assert_eq!(
            fresh,
            if witness_too { 1 } else { 21 },
            "no number is given twice"
        );
        house.reopen().unwrap();
    }
}

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
    assert!(matches!(
        house.reopen(),
        Err(OpenError::Newer { found: 3, known: 2 })
    ));
}

/// The engine of a house that was left: it lets go of its lock a moment after it was dropped.
pub(super) fn let_go(house: &House) -> Engine {
    loop {
        match Engine::open(&house.path().join("store"), 1 << 20) {
            Err(OpenError::InUse) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

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

/// Everything that can be read of a lived-in house.
fn told(store: &Store) -> Result<String, StoreError> {
    let mut told = vec![format!("{:?}", store.counts())];
    for number in 1..=20 {
        told.push(format!("{:?}", store.ticket(TicketNumber(number.into()))?));
        told.push(format!("{:?}", store.ledger(&mail(number))?));
    }
    told.push(format!("{:?}", store.outbox(None, 100, Order::Oldest)?));
    told.push(format!("{:?}", store.filings("support", 7, 100)?));
    Ok(told.join("\n"))
}

#[test]
fn damage_of_the_data_file_is_never_taken_for_the_truth() {
    let mut house = lived_in();
    house.reopen().unwrap();
    let truth = told(house.store()).unwrap();
    house.close();
    let db = fs::read(house.path().join("store/db")).unwrap();
    // A simple generator: the same damage at every run.
    let mut random = 12345_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let used = db.iter().rposition(|b| *b != 0).unwrap();
    let (mut whole, mut refused) = (0, 0);
    for round in 0..40 {
        let spoiled = tempfile::tempdir().unwrap();
        copy(house.path(), spoiled.path());
        let mut bytes = db.clone();
        match round % 5 {
            0 | 1 => bytes[next(used)] ^= 1 << next(8),
            2 => bytes.truncate(next(used)),
            3 => {
                let at = next(used);
                let end = (at + 4096).min(bytes.len());
                bytes[at..end].fill(0);
            }
            _ => {}
        }
        if round % 2 == 0 {
            // As after a crash: without a snapshot the engine is quieter about damage.
            for entry in fs::read_dir(spoiled.path().join("store")).unwrap() {
                let path = entry.unwrap().path();
                if path
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("snap.")
                {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        fs::write(spoiled.path().join("store/db"), bytes).unwrap();
        if let Ok(Ok(found)) = Store::open(spoiled.path(), options()).map(|store| told(&store)) {
            assert_eq!(found, truth, "round {round}");
            whole += 1;
        } else {
            assert_ne!(round % 5, 4, "what is whole is not refused");
            refused += 1;
        }
    }
    assert!(
        refused > 0 && whole >= 8,
        "{whole} whole, {refused} refused"
    );
}
