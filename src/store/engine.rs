//! The door to sled: everything that touches it, each call caught, and the one function that makes writes durable.
//!
//! # Decisions
//! - sled's `flush` reaches the disk's cache and no further, so [`Engine::make_durable`] syncs the `db` file on a
//!   handle of its own. Its own flusher is off: it would only sync at moments that nobody waits for.
//! - sled panics on some damage. Every call is caught; after a failed write nothing is believed any more until the
//!   process starts again (`StoreError::Broken`).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use sled::transaction::ConflictableTransactionError;
use sled::transaction::TransactionError;
use sled::transaction::Transactional;

use crate::steps;
use crate::steps::Step;
use crate::store::OpenError;
use crate::store::StoreError;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::after_prefix;
use crate::store::sync::Syncs;

/// Writes not yet made: a value, or none for a removal.
pub(super) type Moves = BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>;

/// Records by where they lie.
pub(super) type Keys = BTreeSet<(Tree, Vec<u8>)>;

/// sled, opened.
pub(super) struct Engine {
    db: sled::Db,
    trees: Vec<sled::Tree>,
    file: File,
    path: PathBuf,
    blobs: PathBuf,
    /// Counts and makes the syncs of the whole store.
    pub(super) syncs: Syncs,
    broken: Mutex<Option<String>>,
    /// What was written since a backup began; none while none is made.
    touched: Mutex<Option<Keys>>,
}

/// Which keys of a tree, in which direction.
pub(super) struct Range {
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    backwards: bool,
}

impl Range {
    /// All keys that begin with `prefix`.
    pub(super) fn under(prefix: &[u8]) -> Self {
        let to = after_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self {
            from: Bound::Included(prefix.to_vec()),
            to,
            backwards: false,
        }
    }

    /// Only keys before that one.
    pub(super) fn before(mut self, key: Vec<u8>) -> Self {
        self.to = Bound::Excluded(key);
        self
    }

    /// Only keys after that one.
    pub(super) fn past(mut self, key: Vec<u8>) -> Self {
        self.from = Bound::Excluded(key);
        self
    }

    /// Only keys from that one on.
    pub(super) fn since(mut self, key: Vec<u8>) -> Self {
        self.from = Bound::Included(key);
        self
    }

    /// Greatest key first.
    pub(super) fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// sled panics on a range that ends before it begins.
    fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Included(a) | Bound::Excluded(a), Bound::Excluded(b)) => a >= b,
            _ => false,
        }
    }
}

/// Syncs the files of the store and their names: sled itself leaves `conf` and the folders to chance.
fn sync_all_of(dir: &Path, syncs: &Syncs) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            syncs.all(&File::open(entry.path())?, &entry.path())?;
        }
    }
    let blobs = dir.join("blobs");
    if blobs.exists() {
        syncs.dir(&blobs)?;
    }
    syncs.dir(dir)?;
    dir.parent().map_or(Ok(()), |parent| syncs.dir(parent))
}

impl Engine {
    /// Opens sled in `dir`, durable as it then is.
    ///
    /// What a killed process left in the cache is made durable first: opening writes, and syncs, a snapshot that speaks of
    /// it, and after a power cut a snapshot of what is not there would be damage.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let failed = |e: std::io::Error| OpenError::Disk {
            path: dir.to_owned(),
            why: e.to_string(),
        };
        sync_all_of(dir, &Syncs::default()).map_err(failed)?;
        steps::pass(Step::EngineOpening);
        let engine = Self::peek(dir, cache_bytes)?;
        steps::pass(Step::EngineOpened);
        sync_all_of(dir, &engine.syncs).map_err(failed)?;
        Ok(engine)
    }

    /// Opens sled in `dir`, with every option said, and syncs nothing: for a copy that is only looked at.
    pub(super) fn peek(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            // No flusher: `make_durable` is the only moment at which anything is promised.
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .use_compression(false)
            .create_new(false)
            .temporary(false)
            .print_profile_on_drop(false);
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let db = config.open()?;
            let trees = TREES
                .iter()
                .map(|t| db.open_tree(t.name()))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, sled::Error>((db, trees))
        }));
        let (db, trees) = opened
            .map_err(|_| OpenError::Damaged("the engine gave up on it".to_owned()))?
            .map_err(open_error)?;
        let path = dir.join("db");
        let file = File::open(&path).map_err(|e| OpenError::Disk {
            path: dir.to_owned(),
            why: e.to_string(),
        })?;
        Ok(Self {
            db,
            trees,
            file,
            path,
            blobs: dir.join("blobs"),
            syncs: Syncs::default(),
            broken: Mutex::new(None),
            touched: Mutex::new(None),
        })
    }

    /// Refuses everything from now on.
    pub(super) fn break_with(&self, why: &str) -> StoreError {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        StoreError::Broken(broken.get_or_insert_with(|| why.to_owned()).clone())
    }

    /// Returns why the store refuses to go on, if it does.
    pub(super) fn sound(&self) -> Result<(), StoreError> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken
            .as_ref()
            .map_or(Ok(()), |why| Err(StoreError::Broken(why.clone())))
    }

    fn tree(&self, tree: Tree) -> Result<&sled::Tree, StoreError> {
        self.sound()?;
        self.trees
            .get(tree as usize)
            .ok_or_else(|| self.break_with("a tree is missing"))
    }

    fn caught<T>(&self, what: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(what)) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(e)) => Err(self.break_with(&e.to_string())),
            Err(_) => Err(self.break_with("the engine panicked")),
        }
    }

    /// Reads one value.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        let tree = self.tree(tree)?;
        self.caught(|| tree.get(key))
    }

    /// Reads the values of a range in order, until `take` says false.
    pub(super) fn scan(
        &self,
        tree: Tree,
        range: Range,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let tree = self.tree(tree)?;
        let mut found = tree.range((range.from, range.to));
        loop {
            let next = self.caught(|| {
                if range.backwards {
                    found.next_back()
                } else {
                    found.next()
                }
                .transpose()
            })?;
            let Some((key, value)) = next else {
                return Ok(());
            };
            if !take(&key, &value)? {
                return Ok(());
            }
        }
    }

    /// Makes all moves in one transaction, visible at once but not yet durable. The closure only moves values:
    /// sled may run it again.
    pub(super) fn apply(&self, moves: &Moves) -> Result<(), StoreError> {
        self.sound()?;
        steps::pass(Step::Applying);
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.trees.as_slice().transaction(|views| {
                for ((tree, key), value) in moves {
                    let Some(view) = views.get(*tree as usize) else {
                        return Err(ConflictableTransactionError::Abort("a tree is missing"));
                    };
                    match value {
                        Some(value) => view.insert(key.as_slice(), value.as_slice())?,
                        None => view.remove(key.as_slice())?,
                    };
                }
                Ok(())
            })
        }));
        steps::pass(Step::Applied);
        match done {
            Ok(Ok(())) => {
                let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(touched) = touched.as_mut() {
                    touched.extend(moves.keys().cloned());
                }
                Ok(())
            }
            Ok(Err(TransactionError::Storage(e))) => Err(self.break_with(&e.to_string())),
            Ok(Err(TransactionError::Abort(why))) => Err(self.break_with(why)),
            Err(_) => Err(self.break_with("the engine panicked")),
        }
    }

    /// Begins to remember what is written, for a backup; false when one is being made already. The writer calls it.
    pub(super) fn remember(&self) -> bool {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let free = touched.is_none();
        touched.get_or_insert_default();
        free
    }

    /// Hands out what was written since the last time, and goes on remembering.
    pub(super) fn touched(&self) -> Keys {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns how many records were written since the last time.
    pub(super) fn touched_len(&self) -> usize {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.as_ref().map_or(0, BTreeSet::len)
    }

    /// Remembers no longer.
    pub(super) fn forget_touched(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reads what can be read of a tree, from both ends towards what cannot. Returns whether that was all.
    pub(super) fn salvage(&self, tree: Tree, mut take: impl FnMut(&[u8], &[u8])) -> bool {
        let Some(tree) = self.trees.get(tree as usize) else {
            return false;
        };
        let mut last: Option<sled::IVec> = None;
        let mut found = tree.iter();
        loop {
            match catch_unwind(AssertUnwindSafe(|| found.next())) {
                Ok(Some(Ok((key, value)))) => {
                    take(&key, &value);
                    last = Some(key);
                }
                Ok(None) => return true,
                Ok(Some(Err(_))) | Err(_) => break,
            }
        }
        // From behind, down to where the way from the front ended.
        let mut found = match last {
            Some(key) => tree.range::<sled::IVec, _>((Bound::Excluded(key), Bound::Unbounded)),
            None => tree.iter(),
        };
        while let Ok(Some(Ok((key, value)))) = catch_unwind(AssertUnwindSafe(|| found.next_back()))
        {
            take(&key, &value);
        }
        false
    }

    /// Makes everything applied so far survive a power cut. The only such place.
    pub(super) fn make_durable(&self) -> Result<(), StoreError> {
        self.sound()?;
        self.caught(|| self.db.flush())?;
        let synced = self
            .syncs
            .data(&self.file, &self.path)
            .and_then(|()| self.sync_blobs());
        synced.map_err(|e| self.break_with(&format!("syncing the store failed: {e}")))
    }

    /// Values are kept too small for blobs; should sled ever write one, it is synced with its folder.
    fn sync_blobs(&self) -> std::io::Result<()> {
        let mut any = false;
        for entry in fs::read_dir(&self.blobs)? {
            any = true;
            let path = entry?.path();
            match File::open(&path) {
                Ok(file) => self.syncs.all(&file, &path)?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        if any {
            self.syncs.dir(&self.blobs)
        } else {
            Ok(())
        }
    }
}

fn open_error(e: sled::Error) -> OpenError {
    match e {
        // The only way to know it (seen in 0.34.7): kind `Other` and this text.
        sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => OpenError::InUse,
        sled::Error::Io(e) => OpenError::Disk {
            path: PathBuf::from("the store"),
            why: e.to_string(),
        },
        sled::Error::Corruption { .. } => {
            OpenError::Damaged("the engine finds its log or a page corrupt".to_owned())
        }
        other => OpenError::Damaged(other.to_string()),
    }
}
