//! Opening the store: lock, engine, version, witness, check of every record, key, spool; refused rather than guessed.

use std::collections::BTreeMap;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::Duration;

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
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::Tree;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::InstanceRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::rows::TurnRow;
use crate::store::layout::witness::Witness;
use crate::store::spool::Spool;
use crate::store::survey::survey;
use crate::store::views::Stage;

/// Steps in which a lock is waited for.
const LOCK_STEP: Duration = Duration::from_millis(50);

impl Store {
    /// Opens the store in `dir` (the state folder), or makes it. Nothing is changed when it is refused.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        folder(dir)?;
        let lock = lock(&dir.join("lock"), options.lock_wait_s)?;
        let witness_path = dir.join("generation");
        let key_path = dir.join("desk.key");
        let witness = read_witness(&witness_path)?;
        let keyed = key_path.exists();
        for sub in ["store", "spool"] {
            folder(&dir.join(sub))?;
        }
        let engine = open_engine(&dir.join("store"), &options)?;
        let version = engine
            .read::<VersionRow>(layout::VERSION_KEY)
            .map_err(spoiled)?
            .map(|row| row.0);
        if let Some(found) = version.filter(|v| *v > LAYOUT_VERSION) {
            return Err(OpenError::Newer {
                found,
                known: LAYOUT_VERSION,
            });
        }
        let head = engine.read::<HeadRow>(layout::HEAD_KEY).map_err(spoiled)?;
        if !options.accept_behind {
            compare(version.is_some(), head.as_ref(), witness, keyed)?;
        }
        let mut head = head.unwrap_or_default();
        if options.verify || options.accept_behind {
            let found = survey(&engine).map_err(spoiled)?;
            if options.accept_behind {
                head = found.rebuild(head, witness.unwrap_or_default());
            } else {
                found.compare(&head)?;
            }
        }
        let writer = Writer {
            head,
            turns: turns(&engine).map_err(spoiled)?,
            live: live(&engine).map_err(spoiled)?,
        };
        let spool = Spool::new(dir.join("spool"));
        spool
            .clean(&writer.live, &engine.syncs)
            .map_err(|e| disk(&dir.join("spool"), &e))?;
        let mut inner = Inner {
            engine,
            spool,
            witness: witness_path,
            options,
            key: [0; 32],
            instance: String::new(),
            head: Mutex::new(head),
            writer: Mutex::new(writer),
            replies_held: AtomicBool::new(false),
            _lock: lock,
        };
        inner.instance = inner.begin(version).map_err(spoiled)?;
        // The first commit is that of `begin`: after it the key may be missing, as a first start may end there.
        let keyless = head.generation <= 1 || inner.options.accept_behind;
        inner.key = identity::desk_key(&inner.engine, &key_path, keyless)?;
        inner.engine.syncs.dir(dir).map_err(|e| disk(dir, &e))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl Inner {
    /// Writes version and instance into a new store, and a witness that says what is there. Returns the instance.
    fn begin(&self, version: Option<u32>) -> Result<String, StoreError> {
        let mut writer = self.writer();
        let instance = self.engine.read::<InstanceRow>(layout::INSTANCE_KEY)?;
        let as_it_was = version == Some(LAYOUT_VERSION) && !self.options.accept_behind;
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

fn spoiled(e: StoreError) -> OpenError {
    match e {
        StoreError::Spool(why) => OpenError::Disk {
            path: PathBuf::from("spool"),
            why,
        },
        other => OpenError::Damaged(other.to_string()),
    }
}

/// Makes a folder that nobody else reads, if it is not there.
fn folder(path: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| disk(path, &e))
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

fn steps(wait_s: u64) -> u64 {
    wait_s.saturating_mul(1000) / 50
}

/// Opens the engine; its own lock may linger some milliseconds after another process let go.
fn open_engine(dir: &Path, options: &StoreOptions) -> Result<Engine, OpenError> {
    let mut steps = steps(options.lock_wait_s);
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

fn read_witness(path: &Path) -> Result<Option<Witness>, OpenError> {
    match fs::read_to_string(path) {
        // A spoiled witness proves nothing against the store; whether it is whole the check of all records says.
        Ok(text) => Ok(Some(Witness::read(&text).unwrap_or_default())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(Some(Witness::default())),
        Err(e) => Err(disk(path, &e)),
    }
}

/// Refuses a store that holds less than it did.
fn compare(
    versioned: bool,
    head: Option<&HeadRow>,
    witness: Option<Witness>,
    keyed: bool,
) -> Result<(), OpenError> {
    let Some(head) = head.filter(|_| versioned) else {
        // The key comes last of all: only a first start has neither witness nor key.
        return match witness {
            Some(_) => Err(OpenError::Behind("it is empty".to_owned())),
            None if keyed => Err(OpenError::Behind(
                "it is empty, and `desk.key` is from before".to_owned(),
            )),
            None => Ok(()),
        };
    };
    let Some(witness) = witness else {
        return Ok(());
    };
    let has = Witness::of(head);
    let pairs = [
        ("generation", has.generation, witness.generation),
        ("tickets", has.tickets, witness.tickets),
        ("mails on record", has.ledger, witness.ledger),
    ];
    for (what, has, had) in pairs {
        if has < had {
            return Err(OpenError::Behind(format!(
                "{what}: {has}, and there were {had}"
            )));
        }
    }
    Ok(())
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

/// Returns the spool files whose mails may still be sent.
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
    Ok(live)
}
