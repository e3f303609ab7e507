//! A look at the store before it is touched: the engine truncates and rewrites what it finds damaged, so a copy is
//! opened first, and the files themselves only when the copy has nothing wrong with it.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::thread::sleep;

use crate::store::OpenError;
use crate::store::StoreOptions;
use crate::store::engine::Engine;
use crate::store::identity;
use crate::store::keys::KeyRing;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::KeyRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::witness::Witness;
use crate::store::open::LOCK_STEP;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::open::steps;
use crate::store::place;
use crate::store::place::SNAPSHOT;
use crate::store::survey::Survey;
use crate::store::survey::survey;
use crate::store::swap;
use crate::store::swap::LOOK;
use crate::store::sync::Syncs;
use crate::store::sync::copy_folder;

/// What lies around the store, and says what it held.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// What the witness says; none: no such file.
    pub(super) witness: Option<Testimony>,
    /// What `desk.key` is like.
    pub(super) key: Key,
    /// Whether the engine's data file is there and not empty.
    pub(super) data: bool,
}

/// A witness, or that it cannot be read.
pub(super) type Testimony = Result<Witness, Unreadable>;

/// The witness is there and says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The state of `desk.key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Missing,
    Spoiled,
    /// There, with the digests of its keys.
    There(Vec<[u8; 32]>),
}

impl Evidence {
    /// Reads what lies around the store.
    pub(super) fn gather(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("generation");
        let witness = match fs::read_to_string(&path) {
            Ok(text) => Some(Witness::read(&text).ok_or(Unreadable)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Some(Err(Unreadable)),
            Err(e) => return Err(disk(&path, &e)),
        };
        let path = dir.join("desk.key");
        let key = match fs::read(&path) {
            Ok(octets) => KeyRing::read(&octets)
                .map_or(Key::Spoiled, |ring| Key::There(ring.digests().collect())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Key::Missing,
            Err(e) => return Err(disk(&path, &e)),
        };
        let path = dir.join("store").join("db");
        let data = match fs::metadata(&path) {
            Ok(found) => found.len() > 0,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(disk(&path, &e)),
        };
        Ok(Self { witness, key, data })
    }

    /// The witness, as far as it can be read.
    pub(super) fn known(&self) -> Witness {
        self.witness.and_then(Result::ok).unwrap_or_default()
    }

    /// Refuses a store that holds less than it did. Without a head it holds nothing.
    pub(super) fn compare(&self, head: Option<&HeadRow>) -> Result<(), OpenError> {
        let behind = |what: String| Err(OpenError::Behind(what));
        let Some(head) = head else {
            // The key comes last of all: only a first start has neither witness nor key.
            return match (self.witness, &self.key) {
                (Some(_), _) => behind("it is empty".to_owned()),
                (None, Key::Missing) => Ok(()),
                (None, _) => behind("it is empty, and `desk.key` is from before".to_owned()),
            };
        };
        let witness = match self.witness {
            Some(Ok(witness)) => witness,
            // The first commit is made before the first witness of it.
            None if head.generation <= 1 => return Ok(()),
            None => {
                return behind(
                    "the file `generation`, which says how far it had come, is missing".to_owned(),
                );
            }
            Some(Err(Unreadable)) => {
                return behind(
                    "the file `generation`, which says how far it had come, cannot be read"
                        .to_owned(),
                );
            }
        };
        let has = Witness::of(head);
        let pairs = [
            ("generation", has.generation, witness.generation),
            ("tickets", has.tickets, witness.tickets),
            ("mails on record", has.ledger, witness.ledger),
        ];
        match pairs.into_iter().find(|(_, now, then)| now < then) {
            Some((what, now, then)) => behind(format!("{what}: {now}, and there were {then}")),
            None => Ok(()),
        }
    }

    /// Refuses when there is nothing that could be opened.
    pub(super) fn compare_data(&self) -> Result<(), OpenError> {
        if self.data {
            return Ok(());
        }
        self.compare(None)?;
        Err(OpenError::Behind("there is none".to_owned()))
    }

    /// Refuses a key that is not there though it was.
    pub(super) fn compare_key(
        &self,
        dir: &Path,
        key: Option<KeyRow>,
        head: Option<&HeadRow>,
    ) -> Result<(), OpenError> {
        let why = match &self.key {
            Key::There(digests) if key.is_none_or(|row| digests.contains(&row.0)) => {
                return Ok(());
            }
            Key::There(_) => "it is not the key of this store",
            // After the first commit the key may be missing, as a first start may end there.
            Key::Missing if head.is_none_or(|h| h.generation <= 1) => return Ok(()),
            Key::Missing => "it is missing",
            Key::Spoiled => identity::SPOILED,
        };
        Err(OpenError::Key {
            path: dir.join("desk.key"),
            why,
        })
    }
}

/// A copy of the store, open. To be thrown away.
pub(super) struct Looked {
    pub(super) engine: Engine,
    pub(super) version: Option<u32>,
    pub(super) head: Option<HeadRow>,
    /// What the key must be like; none in a store that does not know yet.
    pub(super) key: Option<KeyRow>,
    /// Octets of the engine's files.
    pub(super) octets: u64,
    /// It opened only without the engine's snapshots: what it holds is to be counted.
    pub(super) without_snapshots: bool,
    dir: PathBuf,
}

impl Looked {
    /// Copies the store of the state folder `dir` to a folder `within` another, and opens the copy.
    pub(super) fn at(
        within: &Path,
        dir: &Path,
        options: &StoreOptions,
        syncs: &Syncs,
    ) -> Result<Self, OpenError> {
        let copy = within.join(LOOK);
        let looked = open_copy(dir, &copy, options, syncs)
            .and_then(|opened| Self::of(opened, &dir.join("store"), &copy));
        if looked.is_err() {
            let _ = syncs.discard(&copy);
        }
        looked
    }

    fn of(
        (engine, without_snapshots): (Engine, bool),
        store: &Path,
        copy: &Path,
    ) -> Result<Self, OpenError> {
        // Of the store itself: the engine makes the copy longer when it opens it.
        let octets = octets_in(store).map_err(|e| disk(store, &e))?;
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
        let key = engine.read::<KeyRow>(layout::KEY_KEY).map_err(spoiled)?;
        Ok(Self {
            engine,
            key,
            version,
            head: head.filter(|_| version.is_some()),
            octets,
            without_snapshots,
            dir: copy.to_owned(),
        })
    }

    /// Reads every record of it, and compares what is there with what was counted.
    pub(super) fn survey(&self) -> Result<Survey, OpenError> {
        let found = survey(&self.engine).map_err(spoiled)?;
        found.compare(&self.head.unwrap_or_default())?;
        Ok(found)
    }

    /// Puts the copy in the store's place, durable at every moment: what the engine opens there is not the only copy until it is
    /// whole and on the disk.
    pub(super) fn bring_in(
        self,
        state: &Path,
        options: &StoreOptions,
        syncs: &Syncs,
    ) -> Result<(), OpenError> {
        let Self { engine, dir, .. } = self;
        let closed = place::close(engine, &dir, options, syncs)?;
        if closed.head.filter(|_| self.version.is_some()) != self.head {
            let why = "opened again, the copy of it does not hold the same";
            return Err(OpenError::Damaged(why.to_owned()));
        }
        let placed = || {
            let incoming = swap::begin(state, syncs)?;
            syncs.rename(&dir, &incoming.join("store"))
        };
        placed().map_err(|e| disk(&dir, &e))?;
        swap::commit(state, &["store"], None, syncs)
    }

    /// Throws the copy away.
    pub(super) fn discard(self, syncs: &Syncs) -> Result<(), OpenError> {
        let Self { engine, dir, .. } = self;
        drop(engine);
        syncs.discard(&dir).map_err(|e| disk(&dir, &e))
    }
}

/// Opens a copy of the store; says whether it had to leave the engine's snapshots out, where one of them is damaged. Mostly
/// the log says the same; where it does not, what is missing is found by those who count.
pub(super) fn open_copy(
    dir: &Path,
    copy: &Path,
    options: &StoreOptions,
    syncs: &Syncs,
) -> Result<(Engine, bool), OpenError> {
    copy_at(dir, copy, options, syncs)?;
    let failed = match Engine::peek(copy, options.cache_bytes) {
        Err(failed @ OpenError::Damaged(_)) => failed,
        opened => return opened.map(|engine| (engine, false)),
    };
    // Anew, as opening it may have changed it.
    copy_at(dir, copy, options, syncs)?;
    if !forget_snapshots(copy, syncs).map_err(|e| disk(copy, &e))? {
        return Err(failed);
    }
    let opened = Engine::peek(copy, options.cache_bytes);
    opened.map(|engine| (engine, true)).map_err(|_| failed)
}

/// Removes the engine's snapshots from its folder; returns whether there were any.
fn forget_snapshots(folder: &Path, syncs: &Syncs) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT) {
            syncs.remove(&entry.path())?;
            any = true;
        }
    }
    if any {
        syncs.dir(folder)?;
    }
    Ok(any)
}

/// Copies the store's files to `copy`, while nobody has them open.
pub(super) fn copy_at(
    dir: &Path,
    copy: &Path,
    options: &StoreOptions,
    syncs: &Syncs,
) -> Result<(), OpenError> {
    let store = dir.join("store");
    let data = store.join("db");
    let file = match File::open(&data) {
        Ok(file) => Some(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(disk(&data, &e)),
    };
    if let Some(file) = &file {
        let_go(file, &data, options.lock_wait_s.max(2))?;
    }
    let copied = syncs.discard(copy).and_then(|()| copy_folder(&store, copy));
    copied.map_err(|e| OpenError::Disk {
        path: copy.to_owned(),
        why: format!(
            "the store is looked at in a copy before it is opened, and the copy cannot be made: {e}"
        ),
    })
}

/// Waits until nobody holds the engine's own lock: the handle of a process (or of ours) that just let go may linger.
/// It is held by `file` from then on.
pub(super) fn let_go(file: &File, path: &Path, wait_s: u64) -> Result<(), OpenError> {
    let mut rest = steps(wait_s);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if rest > 0 => {
                rest -= 1;
                sleep(LOCK_STEP);
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
            Err(TryLockError::Error(e)) => return Err(disk(path, &e)),
        }
    }
}

fn octets_in(dir: &Path) -> io::Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(dir)? {
        let found = entry?.metadata()?;
        if found.is_file() {
            octets += found.len();
        }
    }
    Ok(octets)
}
