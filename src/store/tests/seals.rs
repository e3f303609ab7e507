//! A store that was closed in order opens without a look at every record; whatever touched it since is looked at.

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::store::Checking;
use crate::store::look::Evidence;
use crate::store::open::Folder;
use crate::store::seal::Seal;

/// A house with some tickets, closed in order.
fn sealed() -> House {
    let mut house = house();
    house.take((1..=20).map(|n| opened(n, u64::from(n), answered())));
    close(&mut house);
    house
}

fn close(house: &mut House) {
    house.store.take().unwrap().close().unwrap();
    assert!(house.path().join("sealed").exists());
}

fn data(house: &House) -> std::path::PathBuf {
    house.path().join("store/db")
}

/// Opens it and says whether its records were left unread.
fn unread(house: &mut House) -> bool {
    house.reopen().unwrap();
    house.store().unread()
}

#[test]
fn a_store_that_was_closed_in_order_and_not_touched_opens_without_reading_every_record() {
    let mut house = sealed();
    assert!(unread(&mut house));
    assert_eq!(house.store().counts().tickets, 20);
    assert!(
        !house.path().join("sealed").exists(),
        "a seal is broken before anything is written"
    );
    // And again, and with what was added meanwhile.
    house.take([opened(21, 21, answered())]);
    close(&mut house);
    assert!(unread(&mut house));
    assert_eq!(house.store().counts().tickets, 21);
}

#[test]
fn a_store_that_was_not_closed_in_order_is_read_whole() {
    let mut house = sealed();
    house.reopen().unwrap();
    assert!(!unread(&mut house), "only a drop, as in a crash");
}

#[test]
fn a_seal_that_somebody_keeps_from_earlier_opens_nothing() {
    let mut house = sealed();
    let kept = fs::read(house.path().join("sealed")).unwrap();
    house.reopen().unwrap();
    house.take([opened(21, 21, answered())]);
    house.close();
    fs::write(house.path().join("sealed"), kept).unwrap();
    assert!(!unread(&mut house));
}

#[test]
fn one_changed_octet_ends_the_seal_though_length_and_time_are_put_back() {
    let mut house = sealed();
    let path = data(&house);
    let before = fs::metadata(&path).unwrap();
    let mut file = File::options().read(true).write(true).open(&path).unwrap();
    let mut octet = [0];
    file.seek(SeekFrom::Start(before.len() / 2)).unwrap();
    file.read_exact(&mut octet).unwrap();
    file.seek(SeekFrom::Start(before.len() / 2)).unwrap();
    file.write_all(&octet).unwrap();
    file.set_modified(before.modified().unwrap_or(SystemTime::UNIX_EPOCH))
        .unwrap();
    drop(file);
    assert!(!unread(&mut house), "it may hold anything now");
}

#[test]
fn an_older_copy_in_the_place_of_a_sealed_store_is_refused() {
    let mut house = sealed();
    let older = tempfile::tempdir().unwrap();
    wear::copy(&house.path().join("store"), &older.path().join("store"));
    house.reopen().unwrap();
    house.take((21..=30).map(|n| opened(n, u64::from(n), answered())));
    close(&mut house);
    fs::remove_dir_all(house.path().join("store")).unwrap();
    wear::copy(&older.path().join("store"), &house.path().join("store"));
    assert!(matches!(house.reopen(), Err(OpenError::Behind(_))));
}

#[test]
fn an_emptied_or_missing_sealed_store_is_refused() {
    let harms: [fn(&Path); 3] = [
        |state| fs::remove_dir_all(state.join("store")).unwrap(),
        |state| fs::remove_file(state.join("store/db")).unwrap(),
        |state| fs::write(state.join("store/db"), "").unwrap(),
    ];
    for harm in harms {
        let mut house = sealed();
        harm(house.path());
        assert!(house.reopen().is_err());
    }
}

#[test]
fn a_missing_key_or_witness_of_a_sealed_store_is_refused() {
    for name in ["desk.key", "generation"] {
        let mut house = sealed();
        fs::remove_file(house.path().join(name)).unwrap();
        assert!(house.reopen().is_err(), "{name}");
    }
}

#[test]
fn rubbish_in_the_place_of_a_seal_is_no_seal_and_no_trouble() {
    for text in [
        "",
        "sealed",
        "sealed 3 1 1\n",
        "\u{fffd}",
        &"x".repeat(100_000),
    ] {
        let mut house = sealed();
        fs::write(house.path().join("sealed"), text).unwrap();
        assert!(!unread(&mut house));
        assert_eq!(house.store().counts().tickets, 20);
    }
}

#[test]
fn a_store_somebody_still_works_with_is_not_sealed() {
    let mut house = house();
    let other = house.store().clone();
    assert!(house.store.take().unwrap().close().is_err());
    assert!(!house.path().join("sealed").exists());
    drop(other);
}

#[test]
fn records_that_were_taken_on_trust_are_read_while_the_store_is_used() {
    let mut house = sealed();
    assert!(unread(&mut house));
    let mut checking = Checking::default();
    let mut pieces = 0;
    while house.store().check(&mut checking, 7).unwrap() {
        pieces += 1;
    }
    assert!(
        pieces > 22,
        "all trees, and more than one piece of some: {pieces}"
    );
    let spoiled = house.store().inner.engine.apply(
        &[(
            (
                crate::store::layout::Tree::Tickets,
                5_u64.to_be_bytes().to_vec(),
            ),
            Some(b"no record at all".to_vec()),
        )]
        .into(),
    );
    spoiled.unwrap();
    let mut checking = Checking::default();
    let found = loop {
        match house.store().check(&mut checking, 7) {
            Ok(true) => {}
            other => break other,
        }
    };
    assert!(
        found.is_err(),
        "damage is found though nobody asked for that record"
    );
}

/// Faults: F17; holds I9 I10.
#[test]
fn a_seal_is_worth_nothing_where_the_disk_lost_what_the_engine_reads_first() {
    let mut house = sealed();
    assert!(unread(&mut house));
    close(&mut house);
    let folder = Folder::take(house.path(), &options()).unwrap();
    let evidence = Evidence::gather(house.path()).unwrap();
    let seal = Seal::take(house.path(), &options(), &folder.syncs).unwrap();
    // Only now: decay does not show in a file's times.
    let store = fs::read_dir(house.path().join("store")).unwrap();
    let snapshot = store
        .map(|entry| entry.unwrap().path())
        .find(|path| path.display().to_string().contains("snap."))
        .unwrap();
    let mut octets = fs::read(&snapshot).unwrap();
    octets[3] ^= 1;
    fs::write(&snapshot, octets).unwrap();
    let enough = folder.copy_sealed(seal.unwrap(), &evidence, &options());
    assert!(!enough.unwrap(), "every record is to be read");
}
