//! Disks that fail once, and processes that die within an opening.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::wear::*;
use super::*;
use crate::steps;
use crate::store::StoreError;

/// Has the `nth` moment of this thread's work fail that can fail. Returns the work's outcome, and whether it came to it.
fn failing_at<T>(nth: usize, work: impl FnOnce() -> T) -> (T, Option<&'static str>) {
    let (passed, failed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    let (passing, failing) = (Rc::clone(&passed), Rc::clone(&failed));
    let watch = steps::watched(move |step, path| {
        if path.as_os_str().is_empty() || step.name() == "removing" || step.name() == "removed" {
            return Ok(());
        }
        passing.set(passing.get() + 1);
        if passing.get() == nth {
            failing.set(Some(step.name()));
            return Err(io::Error::other("injected"));
        }
        Ok(())
    });
    let done = work();
    drop(watch);
    (done, failed.get())
}

/// Faults: F6; holds I1 I2 I3 I9.
#[test]
fn a_disk_that_fails_once_at_any_moment_of_a_commit_ends_all_belief_in_the_store() {
    let house = lived_in();
    let mut moments = Vec::new();
    for nth in 1.. {
        let mut here = House {
            dir: tempfile::tempdir().unwrap(),
            store: None,
        };
        copy(house.path(), here.path());
        here.reopen().unwrap();
        here.take([sending(40, 21, &[Purpose::Reply])]);
        let before = dump(here.store());
        let mut group = here.store().group();
        group.add(sending(41, 22, &[Purpose::Reply]), NOW).unwrap();
        let (done, failed) = failing_at(nth, || group.commit());
        let Some(failed) = failed else {
            done.unwrap();
            break;
        };
        moments.push(failed);
        assert!(
            matches!(done, Err(StoreError::Broken(_))),
            "{failed}: {done:?}"
        );
        assert!(here.store().lease(NOW, "support", 9).is_err(), "{failed}");
        assert!(here.store().group().knows(&mail(40)).is_err(), "{failed}");
        here.reopen().unwrap();
        let after = dump(here.store());
        let knows = here.store().ledger(&mail(41)).unwrap().is_some();
        assert_eq!(after == before, !knows, "{failed}: half a commit");
        let waiting = here.store().counts().waiting;
        let leased = here.lease(NOW, 100).len() as u64;
        assert_eq!(waiting, leased, "{failed}: a mail without its text");
    }
    assert_eq!(
        moments,
        [
            "file-written",
            "file-synced",
            "folder-changed",
            "folder-synced",
            "flushed",
            "data-synced",
            "file-written",
            "file-synced",
            "renaming",
            "renamed"
        ]
    );
}

/// Faults: F6; holds I9 I10.
#[test]
fn a_disk_that_fails_once_at_any_moment_of_an_opening_refuses_it_and_the_next_one_opens() {
    let house = lived_in();
    let mut moments = 0;
    for nth in 1.. {
        let mut here = House {
            dir: tempfile::tempdir().unwrap(),
            store: None,
        };
        copy(house.path(), here.path());
        let (opened, failed) = failing_at(nth, || Store::open(here.path(), options()));
        if failed.is_none() {
            opened.unwrap();
            break;
        }
        moments += 1;
        assert!(opened.is_err());
        drop(opened);
        here.reopen().unwrap();
        assert_eq!(here.store().counts().ledger, 21);
    }
    assert!(moments >= 8, "{moments}");
}

/// Faults: F3; holds I1 I10.
#[test]
fn a_death_at_any_moment_of_an_opening_twice_over_opens_at_the_third_start() {
    for first in [true, false] {
        let house = if first {
            House {
                dir: tempfile::tempdir().unwrap(),
                store: None,
            }
        } else {
            lived_in()
        };
        let open = |dir: &Path| Store::open(dir, options());
        let mut opened = 0;
        let once = at_each_moment(house.path(), || drop(open(house.path()).unwrap()));
        for (nth, (name, here)) in once.iter().enumerate() {
            let twice = at_each_moment(here.path(), || drop(open(here.path()).unwrap()));
            for (again, there) in twice.iter().skip(nth % 9).step_by(9) {
                let store = open(there.path());
                let store = store.unwrap_or_else(|e| panic!("{first} {name}, {again}: {e}"));
                assert_eq!(store.counts().ledger, if first { 0 } else { 21 });
                opened += 1;
            }
        }
        assert!(opened > 30, "{opened}");
    }
}
