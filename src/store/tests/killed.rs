//! Backup, restore, repair, accept and shrinking, ended by a death at each of their moments.

use std::fs;

use super::wear::*;
use super::*;
use crate::store::layout;
use crate::store::layout::Tree;

/// A folder in which a house stands, with its backup beside it.
struct Site {
    root: TempDir,
}

impl Site {
    fn new() -> Self {
        let house = lived_in();
        let root = tempfile::tempdir().unwrap();
        copy(house.path(), &root.path().join("state"));
        Self { root }
    }

    fn state(&self) -> std::path::PathBuf {
        self.root.path().join("state")
    }
}

/// Opens what is left of a state folder. Returns whether it went on in doubt, and its records.
fn left(dir: &Path) -> (bool, Dump) {
    let store = Store::open(dir, options()).unwrap();
    (store.accepted().is_some(), dump(&store))
}

/// Does something to a site, and opens what a death at each moment of it leaves: what was, or what became of it.
fn either_way(site: &Site, what: &str, work: impl FnOnce()) {
    let before = left(&site.state()).1;
    let moments = at_each_moment(site.root.path(), work);
    let after = left(&site.state()).1;
    let (mut old, mut new) = (0, 0);
    for (name, here) in &moments {
        let found = left(&here.path().join("state")).1;
        if found == after {
            new += 1;
        } else {
            assert!(found == before, "{what}: half of it after {name}");
            old += 1;
        }
        let rest: Vec<_> = fs::read_dir(here.path().join("state")).unwrap().collect();
        for entry in rest {
            let name = entry.unwrap().file_name();
            let name = name.to_string_lossy();
            assert!(
                !["incoming", "outgoing", "look", "swap"].contains(&&*name),
                "{what}: {name} is left over"
            );
        }
    }
    let both = old > 3 && new > 3;
    assert!(both || before == after, "{what}: {old} {new}");
}

/// Faults: F1; holds I1 I3 I9.
#[test]
fn a_death_at_any_moment_of_a_shrinking_leaves_the_same_records() {
    let site = Site::new();
    let state = site.state();
    either_way(&site, "shrink", || {
        Store::shrink(&state, &options()).unwrap();
    });
}

/// Faults: F1 F12; holds I1 I3 I9.
#[test]
fn a_death_at_any_moment_of_an_acceptance_leaves_the_store_before_it_or_after_it() {
    let site = Site::new();
    let state = site.state();
    either_way(&site, "accept", || {
        Store::accept(&state, &options(), NOW).unwrap();
    });
}

/// Faults: F1 F12; holds I1 I3 I9.
#[test]
fn a_death_at_any_moment_of_a_restore_leaves_the_store_before_it_or_after_it() {
    let site = Site::new();
    let (state, backup) = (site.state(), site.root.path().join("backup"));
    let store = Store::open(&state, options()).unwrap();
    store.backup(&backup, NOW).unwrap();
    let mut group = store.group();
    group.add(sending(40, 21, &[Purpose::Reply]), NOW).unwrap();
    group.commit().unwrap();
    drop(store);
    either_way(&site, "restore", || {
        Store::restore(&state, &backup, true, &options(), NOW).unwrap();
    });
}

/// Faults: F1 F10; holds I1 I3 I9.
#[test]
fn a_death_at_any_moment_of_a_repair_leaves_the_damage_or_its_repair() {
    let site = Site::new();
    let state = site.state();
    let engine = crate::store::engine::Engine::open(&state.join("store"), 1 << 20).unwrap();
    let key = (Tree::Tickets, layout::ticket_key(TicketNumber(5)).to_vec());
    engine.apply(&[(key, None)].into()).unwrap();
    engine.make_durable().unwrap();
    drop(engine);
    let moments = at_each_moment(site.root.path(), || {
        Store::repair(&state, false, &options(), NOW).unwrap();
    });
    let after = left(&state).1;
    let (mut damaged, mut mended) = (0, 0);
    for (name, here) in &moments {
        let here = here.path().join("state");
        match Store::open(&here, options()) {
            Ok(store) => {
                assert!(dump(&store) == after, "{name}");
                mended += 1;
            }
            Err(OpenError::Damaged(_)) => {
                // Tried again, it ends well.
                damaged += 1;
                if damaged % 5 == 0 {
                    Store::repair(&here, false, &options(), NOW).unwrap();
                    assert!(Store::verify(&here, &options()).unwrap().sound());
                }
            }
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert!(damaged > 3 && mended > 3, "{damaged} {mended}");
}

/// Faults: F1 F12; holds I1 I9.
#[test]
fn a_death_at_any_moment_of_a_backup_leaves_the_one_before_or_the_new_one() {
    let site = Site::new();
    let (state, backup) = (site.state(), site.root.path().join("backup"));
    let store = Store::open(&state, options()).unwrap();
    let first = store.backup(&backup, NOW).unwrap();
    let mut group = store.group();
    group.add(sending(40, 21, &[Purpose::Reply]), NOW).unwrap();
    group.commit().unwrap();
    let moments = at_each_moment(site.root.path(), || {
        store.backup(&backup, NOW).unwrap();
    });
    let second = store.counts().generation;
    let (mut old, mut new) = (0, 0);
    for (name, here) in &moments {
        let fresh = tempfile::tempdir().unwrap();
        let backup = here.path().join("backup");
        let restored = Store::restore(fresh.path(), &backup, false, &options(), NOW);
        let restored = restored.unwrap_or_else(|e| panic!("{name}: {e}"));
        if restored.generation == first.generation {
            old += 1;
        } else {
            assert_eq!(restored.generation, second, "{name}");
            new += 1;
        }
        let found = Store::verify(fresh.path(), &options()).unwrap();
        assert!(found.sound(), "{name}: {found:?}");
    }
    assert!(old > 3 && new > 1, "{old} {new}");
}

/// Faults: F1; holds I9.
#[test]
fn half_a_first_backup_is_known_as_such_and_nothing_is_restored_from_it() {
    let site = Site::new();
    let (state, backup) = (site.state(), site.root.path().join("backup"));
    let store = Store::open(&state, options()).unwrap();
    let moments = at_each_moment(site.root.path(), || {
        store.backup(&backup, NOW).unwrap();
    });
    let mut refused = 0;
    for (_, here) in &moments {
        let fresh = tempfile::tempdir().unwrap();
        let backup = here.path().join("backup");
        let restored = Store::restore(fresh.path(), &backup, false, &options(), NOW);
        let there = backup.join("manifest").exists();
        assert_eq!(restored.is_ok(), there);
        if restored.is_err() {
            assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0);
            refused += 1;
        }
    }
    assert!(refused > 5, "{refused}");
}
