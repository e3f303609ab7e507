//! Damage of every file of the state folder: refused untouched, or nothing of it missing.

use std::fs;
use std::path::PathBuf;

use super::wear::*;
use super::*;
use crate::triage::delivery::Delivery;

/// A house that was lived in for long: the engine's file has several segments.
fn old_house() -> House {
    let mut house = house();
    for group in 0..6_u32 {
        house.take((1..=25).map(|n| {
            let n = group * 25 + n;
            let mut entry = sending(n, u64::from(n), &[Purpose::Reply, Purpose::Forward]);
            entry.events[0].note = "came in, with a long story. ".repeat(15);
            entry
        }));
    }
    house.close();
    house
}

/// Damages a file in one of the ways in which files are damaged.
fn spoil(path: &Path, way: usize, dice: &mut Dice) -> &'static str {
    let mut octets = fs::read(path).unwrap();
    let used = octets.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
    let at = dice.below(used);
    let end = (at + 4096).min(octets.len());
    let done = match way % 5 {
        0 if !octets.is_empty() => {
            octets[at] ^= 1 << dice.below(8);
            "flipped"
        }
        1 => {
            octets.truncate(at);
            "cut"
        }
        2 => {
            octets[at..end].fill(0);
            "zeroed"
        }
        3 => {
            let tail = [1, 100, 4096, 600_000][dice.below(4)];
            octets.extend((0..tail).map(|n: u32| n.wrapping_mul(97).to_le_bytes()[0] | 1));
            "with a tail"
        }
        _ => {
            for octet in &mut octets[at..end] {
                *octet = dice.below(256).to_le_bytes()[0];
            }
            "overwritten"
        }
    };
    fs::write(path, octets).unwrap();
    done
}

/// Opens damaged copies of a house. Returns how many opened, and how many were refused.
fn harmed(house: &House, times: usize, seed: u64, victim: impl Fn(usize) -> PathBuf) -> (u32, u32) {
    let mut pristine = tempfile::tempdir().unwrap();
    copy(house.path(), pristine.path());
    let truth = dump(&Store::open(pristine.path(), options()).unwrap());
    let mut dice = Dice(seed);
    let (mut whole, mut refused) = (0, 0);
    for round in 0..times {
        pristine = tempfile::tempdir().unwrap();
        copy(house.path(), pristine.path());
        let here = pristine.path();
        let path = here.join(victim(round));
        let done = spoil(&path, round, &mut dice);
        let what = format!("round {round}: {} {done}", victim(round).display());
        let before = files(here);
        match Store::open(here, options()) {
            Ok(store) => {
                assert!(dump(&store) == truth, "{what}: silently other");
                whole += 1;
            }
            Err(e) => {
                assert!(e.wants_a_decision(), "{what}: {e}");
                assert!(files(here) == before, "{what}: altered by looking");
                let found = Store::verify(here, &options()).unwrap();
                assert!(!found.sound(), "{what}: refused, and verified as sound");
                assert!(files(here) == before, "{what}: altered by verifying");
                refused += 1;
            }
        }
    }
    (whole, refused)
}

/// Faults: F10; holds I6 I9.
#[test]
fn a_damaged_data_file_is_refused_untouched_or_nothing_of_it_is_missing() {
    let (whole, refused) = harmed(&old_house(), 60, 1, |_| "store/db".into());
    assert!(whole > 2 && refused > 25, "{whole} {refused}");
}

/// Faults: F10; holds I6 I9.
#[test]
fn a_damaged_data_file_of_a_young_store_is_refused_untouched_or_nothing_is_missing() {
    let (whole, refused) = harmed(&lived_in(), 150, 2, |_| "store/db".into());
    assert!(whole > 5 && refused > 50, "{whole} {refused}");
}

/// Faults: F10; holds I6 I9.
#[test]
fn any_damage_of_the_small_files_is_refused_untouched() {
    let small = ["store/conf", "generation", "desk.key"];
    let (whole, refused) = harmed(&lived_in(), 130, 3, |n| small[n % 3].into());
    // A tail behind the engine's own settings means nothing to it, and zeros for zeros change nothing.
    assert!(refused >= 100, "{whole} {refused}");
}

/// Faults: F10; holds I1 I3 I6.
#[test]
fn a_mail_whose_file_is_damaged_is_parked_and_never_sent_spoiled() {
    let house = old_house();
    let mut dice = Dice(4);
    for round in 0..60 {
        let here = tempfile::tempdir().unwrap();
        copy(house.path(), here.path());
        let spool = fs::read_dir(here.path().join("spool")).unwrap();
        let mut names: Vec<PathBuf> = spool.map(|e| e.unwrap().path()).collect();
        names.sort();
        spoil(&names[dice.below(names.len())], round, &mut dice);
        let verified = Store::verify(here.path(), &options()).unwrap();
        let store = Store::open(here.path(), options()).unwrap();
        let taken = store.lease(NOW, "support", 1000).unwrap();
        assert_eq!(taken.mails.len() + taken.parked.len(), 300);
        assert_eq!(verified.sound(), taken.parked.is_empty(), "round {round}");
        for mail in &taken.mails {
            let text = String::from_utf8(mail.bytes.clone()).unwrap();
            assert!(text.ends_with(&format!("\r\n\r\nTicket {}\r\n", mail.ticket.0)));
        }
        for parked in &taken.parked {
            assert!(matches!(parked.state, Delivery::Parked { .. }));
        }
    }
}

/// Faults: F11; holds I9.
#[test]
fn a_missing_or_empty_store_is_refused_as_long_as_anything_tells_of_it() {
    let house = lived_in();
    for (lost, kept) in [
        (&["store"][..], "generation"),
        (&["store", "generation"], "desk.key"),
        (&["store", "desk.key"], "generation"),
        (&["store/db"], "generation"),
        (&["generation"], "store/db"),
        (&["desk.key"], "store/db"),
    ] {
        for empty in [false, true] {
            let here = tempfile::tempdir().unwrap();
            copy(house.path(), here.path());
            for name in lost {
                let path = here.path().join(name);
                let dir = path.is_dir();
                if dir {
                    fs::remove_dir_all(&path).unwrap();
                } else {
                    fs::remove_file(&path).unwrap();
                }
                if empty && dir {
                    fs::create_dir(&path).unwrap();
                } else if empty {
                    fs::write(&path, "").unwrap();
                }
            }
            let before = files(here.path());
            for _ in 0..2 {
                let refused = Store::open(here.path(), options()).unwrap_err();
                assert!(refused.wants_a_decision(), "{lost:?} {kept}: {refused}");
                assert!(refused.to_string().contains("mailclerk store accept"));
                assert!(files(here.path()) == before, "{lost:?} {empty}");
            }
            assert!(!Store::verify(here.path(), &options()).unwrap().sound());
        }
    }
}

/// A commit that a crash tore, then a mending that a crash tore, twice: the third start opens, and what was acknowledged
/// is there.
///
/// Faults: F3; holds I1 I9.
#[test]
fn a_death_within_the_engines_own_mending_twice_over_loses_nothing() {
    let mut house = lived_in();
    let db = |dir: &Path| dir.join("store/db");
    house.reopen().unwrap();
    let mut acknowledged = fs::read(db(house.path())).unwrap();
    let before = dump(house.store());
    let moments = at_each_moment(house.path(), || {
        house.take([sending(40, 21, &[Purpose::Forward])]);
    });
    let after = dump(house.store());
    let (_, begun) = moments
        .iter()
        .find(|(name, _)| name.starts_with("flushed"))
        .unwrap();
    // What was written behind the old end may be missing as well.
    acknowledged.resize(fs::read(db(begun.path())).unwrap().len(), 0);
    let mut dice = Dice(5);
    let (mut with, mut without) = (0, 0);
    for round in 0..20 {
        let here = tempfile::tempdir().unwrap();
        copy(begun.path(), here.path());
        // Of some rounds nearly all was written, so that both ends are seen.
        let one_in = if round % 2 == 0 { 2 } else { 200 };
        mix(&db(here.path()), &acknowledged, one_in, &mut dice);
        for _ in 0..2 {
            let mended = tempfile::tempdir().unwrap();
            copy(here.path(), mended.path());
            let _ = crate::store::engine::Engine::peek(&mended.path().join("store"), 1 << 20);
            mix(
                &db(here.path()),
                &fs::read(db(mended.path())).unwrap(),
                2,
                &mut dice,
            );
        }
        let store = Store::open(here.path(), options());
        let found = dump(&store.unwrap_or_else(|e| panic!("round {round}: {e}")));
        if found == after {
            with += 1;
        } else {
            assert!(found == before, "round {round}: half a commit");
            without += 1;
        }
    }
    assert!(with > 0 && without > 0, "{with} {without}");
}

/// Puts one in so many blocks of other content into a file, as a disk does that died within the write.
fn mix(path: &Path, other: &[u8], one_in: usize, dice: &mut Dice) {
    let mut octets = fs::read(path).unwrap();
    octets.resize(octets.len().max(other.len()), 0);
    for at in (0..other.len()).step_by(512) {
        let end = (at + 512).min(other.len());
        if dice.below(one_in) == 0 {
            octets[at..end].copy_from_slice(&other[at..end]);
        }
    }
    fs::write(path, octets).unwrap();
}
