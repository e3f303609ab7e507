//! Opening the store: lock, unfinished exchanges, a look at a copy, engine, key, spool; refused rather than guessed.

use std::collections::BTreeMap;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::Inner;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::Writer;
use crate::store::batch::Batch;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::identity;
use crate::store::keys::KeyRing;
#[cfg(test)]
use crate::store::keys::key_digest;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::Tree;
use crate::store::layout::head::AcceptedRow;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::InstanceRow;
use crate::store::layout::head::KeyRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::store::layout::rows::TurnRow;
use crate::store::look::Evidence;
use crate::store::look::Looked;
use crate::store::seal;
use crate::store::seal::Seal;
use crate::store::shrink;
use crate::store::shrink::Shrunk;
use crate::store::spool::Spool;
use crate::store::swap;
use crate::store::sync::Syncs;
use crate::store::sync::folder;
use crate::store::views::Stage;

/// Steps in which a lock is waited for.
pub(super) const LOCK_STEP: Duration = Duration::from_millis(50);

/// The state folder, for as long as it is ours alone.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) syncs: Syncs,
    lock: File,
}

/// Octets of a sealed store that is copied before it is opened.
const COPIED_OCTETS_MAX: u64 = 64 * 1024 * 1024;

impl Folder {
    /// Takes the state folder, and ends what an earlier process had decided to exchange in it.
    pub(super) fn take(dir: &Path, options: &StoreOptions) -> Result<Self, OpenError> {
        folder(dir).map_err(|e| disk(dir, &e))?;
        let folder = Self {
            dir: dir.to_owned(),
            syncs: Syncs::default(),
            lock: lock(&dir.join("lock"), options.lock_wait_s)?,
        };
        swap::finish(dir, &folder.syncs)?;
        Ok(folder)
    }

    /// Looks at a copy of the store, and goes on with the copy where nothing is wrong with it; it is shrunk when it is much larger
    /// than what it holds. None at a first start.
    fn look(
        &self,
        evidence: &Evidence,
        options: &StoreOptions,
    ) -> Result<Option<Shrunk>, OpenError> {
        if !evidence.data {
            return evidence.compare(None).map(|()| None);
        }
        let looked = Looked::at(&self.dir, &self.dir, options, &self.syncs)?;
        let done = match self.judge(&looked, evidence, options) {
            Ok(None) if self.may_exchange()? => looked
                .bring_in(&self.dir, options, &self.syncs)
                .map(|()| None),
            judged => looked.discard(&self.syncs).and(judged),
        };
        self.cleared(done)
    }

    /// Goes on with a copy of a sealed store, too, where that is made in a moment and can take its place. Returns whether the seal
    /// says enough: not where the engine's snapshots had to be left out.
    pub(super) fn copy_sealed(
        &self,
        seal: Seal,
        evidence: &Evidence,
        options: &StoreOptions,
    ) -> Result<bool, OpenError> {
        if seal::octets(&self.dir.join("store")) > COPIED_OCTETS_MAX || !self.may_exchange()? {
            return Ok(true);
        }
        let looked = match Looked::at(&self.dir, &self.dir, options, &self.syncs) {
            // No room for a copy.
            Err(OpenError::Disk { .. }) => return Ok(true),
            looked => looked?,
        };
        if looked.without_snapshots {
            return looked.discard(&self.syncs).map(|()| false);
        }
        let head = looked.head.as_ref();
        let judged = (evidence.compare(head))
            .and_then(|()| seal.compare(head))
            .and_then(|()| evidence.compare_key(&self.dir, looked.key, head));
        let done = match judged {
            Ok(()) => looked.bring_in(&self.dir, options, &self.syncs),
            judged => looked.discard(&self.syncs).and(judged),
        };
        self.cleared(done.map(|()| true))
    }

    /// Trusts the seal, if there is one and it says enough, or looks at everything.
    fn look_or_trust(
        &self,
        evidence: &Evidence,
        options: &StoreOptions,
    ) -> Result<(Option<Seal>, Option<Shrunk>), OpenError> {
        let seal = Seal::take(&self.dir, options, &self.syncs)?;
        if let Some(seal) = seal.filter(|_| evidence.data)
            && self.copy_sealed(seal, evidence, options)?
        {
            return Ok((Some(seal), None));
        }
        Ok((None, self.look(evidence, options)?))
    }

    /// Whether another folder can take the store's place.
    fn may_exchange(&self) -> Result<bool, OpenError> {
        swap::is_ours_to_move(&self.dir, "store").map_err(|e| disk(&self.dir.join("store"), &e))
    }

    /// Clears away what was begun and not decided, if it failed.
    pub(super) fn cleared<T, E>(&self, done: Result<T, E>) -> Result<T, E> {
        if done.is_err() && matches!(swap::is_pending(&self.dir), Ok(false)) {
            let _ = swap::finish(&self.dir, &self.syncs);
        }
        done
    }

    fn judge(
        &self,
        looked: &Looked,
        evidence: &Evidence,
        options: &StoreOptions,
    ) -> Result<Option<Shrunk>, OpenError> {
        evidence.compare(looked.head.as_ref())?;
        evidence.compare_key(&self.dir, looked.key, looked.head.as_ref())?;
        if !options.verify {
            return Ok(None);
        }
        let found = looked.survey()?;
        if shrink::is_due(looked.octets, found.octets_of_all(), options) {
            return shrink::shrink_if_possible(self, looked, options);
        }
        Ok(None)
    }
}

impl Store {
    /// Opens the store in `dir` (the state folder), or makes it. When it is refused nothing of it is changed: it is
    /// looked at in a copy first.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let ours = Folder::take(dir, &options)?;
        let evidence = Evidence::gather(dir)?;
        let (seal, shrunk) = ours.look_or_trust(&evidence, &options)?;
        let read_octets = seal.map_or_else(|| seal::octets(&dir.join("store")), |s| s.read_octets);
        for sub in ["store", "spool"] {
            folder(&dir.join(sub)).map_err(|e| disk(&dir.join(sub), &e))?;
        }
        let engine = open_engine(&dir.join("store"), &options)?;
        let version = engine
            .read::<VersionRow>(layout::VERSION_KEY)
            .map_err(spoiled)?
            .map(|row| row.0);
        let head = engine.read::<HeadRow>(layout::HEAD_KEY).map_err(spoiled)?;
        // The same look once more: what is open now must be what was looked at.
        evidence.compare(head.as_ref().filter(|_| version.is_some()))?;
        if let Some(seal) = seal {
            seal.compare(head.as_ref())?;
            let key = engine.read::<KeyRow>(layout::KEY_KEY).map_err(spoiled)?;
            evidence.compare_key(dir, key, head.as_ref())?;
        }
        let head = head.unwrap_or_default();
        let accepted = engine.read::<AcceptedRow>(layout::ACCEPTED_KEY);
        let writer = Writer {
            head,
            turns: turns(&engine).map_err(spoiled)?,
            live: live(&engine).map_err(spoiled)?,
            ..Writer::default()
        };
        let spool = Spool::new(dir.join("spool"));
        spool
            .clean(&writer.live, &engine.syncs)
            .map_err(|e| disk(&dir.join("spool"), &e))?;
        let mut inner = Inner {
            engine,
            spool,
            dir: dir.to_owned(),
            witness: dir.join("generation"),
            options,
            ring: Mutex::new(KeyRing::new([0; 32])),
            instance: String::new(),
            accepted: accepted.map_err(spoiled)?.map(|row| Timestamp(row.0)),
            head: Mutex::new(head),
            writer: Mutex::new(writer),
            replies_held: AtomicBool::new(false),
            roster: Mutex::default(),
            shrunk,
            unread: seal.is_some(),
            read_octets,
            backup: Mutex::default(),
            _lock: ours.lock,
        };
        inner.migrate(version).map_err(spoiled)?;
        let version = version.map(|_| LAYOUT_VERSION);
        inner.instance = inner.begin(version).map_err(spoiled)?;
        let ring = identity::desk_key(&inner.engine.syncs, &dir.join("desk.key"))?;
        inner.attest_key(&ring).map_err(spoiled)?;
        inner.ring = Mutex::new(ring);
        inner.engine.syncs.dir(dir).map_err(|e| disk(dir, &e))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Whether a store is in `dir`: also one that an exchange that was cut off had taken out for its successor.
    ///
    /// # Errors
    /// The folder cannot be looked into.
    pub fn is_in(dir: &Path) -> io::Result<bool> {
        Ok(dir.join("store").try_exists()? || dir.join(swap::RECORD).try_exists()?)
    }

    /// Gives the store a key that a simulation knows.
    #[cfg(test)]
    pub(crate) fn rekey(&self, key: [u8; 32]) -> Result<(), StoreError> {
        let inner = &self.inner;
        let mut writer = inner.writer();
        let mut batch = Batch::new(&inner.engine, writer.head);
        batch.put(layout::KEY_KEY, &KeyRow(key_digest(&key)))?;
        batch.keep();
        inner.commit(&mut writer, batch)?;
        let path = inner.dir.join("desk.key");
        let written = inner.engine.syncs.replace(&path, 0o600, &key);
        written.map_err(|e| StoreError::Broken(e.to_string()))
    }

    /// What shrinking did, if the store was shrunk when it was opened.
    pub fn shrunk(&self) -> Option<Shrunk> {
        self.inner.shrunk
    }

    /// Since when the store may not know all that was done before: when an operator last restored, repaired or accepted
    /// it. None: it knows all.
    pub fn accepted(&self) -> Option<Timestamp> {
        self.inner.accepted
    }
}

impl Inner {
    /// Writes version and instance into a new store, and a witness that says what is there. Returns the instance.
    fn begin(&self, version: Option<u32>) -> Result<String, StoreError> {
        let mut writer = self.writer();
        let instance = self.engine.read::<InstanceRow>(layout::INSTANCE_KEY)?;
        let as_it_was = version == Some(LAYOUT_VERSION);
        if let Some(InstanceRow(instance)) = instance.filter(|_| as_it_was) {
            self.testify(&writer.head)?;
            return Ok(instance);
        }
        let instance = identity::new_instance()?;
        let mut batch = Batch::new(&self.engine, writer.head);
        batch.put(layout::VERSION_KEY, &VersionRow(LAYOUT_VERSION))?;
        batch.put(layout::INSTANCE_KEY, &InstanceRow(instance.clone()))?;
        batch.keep();
        self.commit(&mut writer, batch)?;
        Ok(instance)
    }
}

pub(super) fn disk(path: &Path, e: &io::Error) -> OpenError {
    OpenError::Disk {
        path: path.to_owned(),
        why: e.to_string(),
    }
}

pub(super) fn spoiled(e: StoreError) -> OpenError {
    match e {
        StoreError::Spool(why) => OpenError::Disk {
            path: PathBuf::from("spool"),
            why,
        },
        other => OpenError::Damaged(other.to_string()),
    }
}

/// Takes the state folder's lock: it covers key, spool and witness too, and is freed by the system when we die.
fn lock(path: &Path, wait_s: u64) -> Result<File, OpenError> {
    let options = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = options.map_err(|e| disk(path, &e))?;
    let mut steps = steps(wait_s);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if steps > 0 => {
                steps -= 1;
                sleep(LOCK_STEP);
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
            Err(TryLockError::Error(e)) => return Err(disk(path, &e)),
        }
    }
}

pub(super) fn steps(wait_s: u64) -> u64 {
    wait_s.saturating_mul(1000) / 50
}

/// Opens the engine. The state folder is ours, so that its own lock can only linger a while after a handle was let go.
pub(super) fn open_engine(dir: &Path, options: &StoreOptions) -> Result<Engine, OpenError> {
    let mut steps = steps(options.lock_wait_s.max(2));
    loop {
        match Engine::open(dir, options.cache_bytes) {
            Err(OpenError::InUse) if steps > 0 => {
                steps -= 1;
                sleep(LOCK_STEP);
            }
            opened => return opened,
        }
    }
}

fn turns(engine: &Engine) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut turns = BTreeMap::new();
    engine.scan(Tree::Turns, Range::under(&[]), |key, value| {
        let queue = std::str::from_utf8(key).map_err(|_| layout::damaged(Tree::Turns, key))?;
        turns.insert(queue.to_owned(), layout::unseal::<TurnRow>(key, value)?.0);
        Ok(true)
    })?;
    Ok(turns)
}

/// Returns the spool files whose mails may still be sent, or are held.
fn live(engine: &Engine) -> Result<BTreeMap<u64, u64>, StoreError> {
    let mut live = BTreeMap::new();
    for stage in [Stage::Waiting, Stage::Leased, Stage::Parked] {
        engine.scan(Tree::Stages, Range::under(&[stage.code()]), |key, value| {
            *live
                .entry(layout::unseal::<StageRow>(key, value)?.0)
                .or_insert(0) += 1;
            Ok(true)
        })?;
    }
    engine.scan(Tree::Quarantine, Range::under(&[]), |key, value| {
        if let Some(place) = layout::unseal::<QuarantineRow>(key, value)?.place {
            *live.entry(place.file).or_insert(0) += 1;
        }
        Ok(true)
    })?;
    Ok(live)
}
