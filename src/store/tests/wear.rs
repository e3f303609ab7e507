//! What tests of damage and decay share: lived-in houses, their copies, and everything in them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use super::*;
use crate::steps;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout::TREES;
use crate::store::layout::Tree;

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
pub(super) fn lived_in() -> House {
    let mut house = house();
    house.take((1..=20).map(|n| sending(n, u64::from(n), &[Purpose::Reply, Purpose::Forward])));
    house.take([entry(30, Step::Update(ticket(3, with_agent())))]);
    house.close();
    house
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

/// Every record of a store.
pub(super) type Dump = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

pub(super) fn dump(store: &Store) -> Dump {
    let mut dump = Dump::new();
    for tree in TREES {
        let engine = &store.inner.engine;
        let read = engine.scan(tree, Range::under(&[]), |key, value| {
            dump.insert((tree, key.to_vec()), value.to_vec());
            Ok(true)
        });
        read.unwrap();
    }
    dump
}

/// Every file below a folder, but the lock, which tells nothing.
pub(super) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().unwrap() != "lock" {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// What a folder looked like at each moment that a crash may fall on, with the moment's name.
pub(super) fn at_each_moment(dir: &Path, work: impl FnOnce()) -> Vec<(String, TempDir)> {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let (keep, from) = (Rc::clone(&kept), dir.to_owned());
    let watch = steps::watched(move |step, path| {
        let here = tempfile::tempdir().unwrap();
        copy(&from, here.path());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        keep.borrow_mut()
            .push((format!("{} {name}", step.name()), here));
        Ok(())
    });
    work();
    drop(watch);
    kept.take()
}

/// A simple generator: the same at every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}
