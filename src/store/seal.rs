//! The seal: left by an orderly end, so that the next start need not look at every record of a store that nobody touched.
//!
//! # Decisions
//! - It names each file of the engine with inode, length and time of change (ctime). That time is the kernel's: no program
//!   sets it, and whatever writes to, replaces or restores a file renews it. So a store that is as it was sealed holds what
//!   we wrote, but for the disk's own decay, and that is looked for while the daemon works ([`Store::check`]).
//! - Whatever does not match, whatever cannot be read, and a seal of another layout is no seal: the store is looked at in a
//!   copy, record by record, as after a crash.
//! - It is broken before the engine opens. Times of change are coarse: it is made only when the newest is some time ago, or
//!   what is written at the same moment would not show.

use std::fmt::Write as _;
use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::Duration;

use crate::store::Inner;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::TREES;
use crate::store::layout::head::HeadRow;
use crate::store::look::let_go;
use crate::store::open::disk;
use crate::store::sync::Syncs;

/// The seal's name in the state folder.
const NAME: &str = "sealed";
/// Octets of it that are read at most.
const BYTES_MAX: u64 = 64 * 1024;
/// Longer than the kernel's clock for files takes from one tick to the next.
const TICK: Duration = Duration::from_millis(30);
/// A store that has grown by this since every record of it was read is read again at its start.
const GROWTH_MAX: u64 = 2;

/// What a seal says that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    /// The generation at the end.
    generation: u64,
    /// Octets of the store when every record of it was last read at a start.
    pub(super) read_octets: u64,
}

impl Seal {
    /// Breaks the seal of the store in the state folder `dir`; none when it has none that holds, or when it is time to read
    /// every record again.
    pub(super) fn take(
        dir: &Path,
        options: &StoreOptions,
        syncs: &Syncs,
    ) -> Result<Option<Self>, OpenError> {
        let path = dir.join(NAME);
        let text = match fs::metadata(&path) {
            Ok(found) if found.len() <= BYTES_MAX => fs::read_to_string(&path).unwrap_or_default(),
            Ok(_) => String::new(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(disk(&path, &e)),
        };
        let broken = syncs.remove(&path).and_then(|()| syncs.dir(dir));
        broken.map_err(|e| disk(&path, &e))?;
        let Some(seal) = Self::read(&text) else {
            return Ok(None);
        };
        let Ok((told, octets)) = files(&dir.join("store")) else {
            return Ok(None);
        };
        let grown = octets > options.shrink_bytes_min
            && octets > seal.read_octets.saturating_mul(GROWTH_MAX);
        Ok(Some(seal).filter(|seal| seal.text(&told) == text && !grown))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split(' ').skip(2);
        Some(Self {
            generation: words.next()?.parse().ok()?,
            read_octets: words.next()?.parse().ok()?,
        })
    }

    /// Checks what was opened against it.
    pub(super) fn compare(self, head: Option<&HeadRow>) -> Result<(), OpenError> {
        let now = head.map_or(0, |head| head.generation);
        if now == self.generation {
            return Ok(());
        }
        Err(OpenError::Damaged(format!(
            "generation: {now} found, {} expected",
            self.generation
        )))
    }

    fn text(self, files: &str) -> String {
        let Self {
            generation,
            read_octets,
        } = self;
        let body = format!("sealed {LAYOUT_VERSION} {generation} {read_octets}\n{files}");
        format!("{body}{:08x}\n", crc32fast::hash(body.as_bytes()))
    }

    /// Makes the seal, when the engine has let go of its files.
    fn make(self, dir: &Path, syncs: &Syncs) -> io::Result<()> {
        let store = dir.join("store");
        let data = store.join("db");
        let file = File::open(&data)?;
        let_go(&file, &data, 2).map_err(|e| io::Error::other(e.to_string()))?;
        for entry in fs::read_dir(&store)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                syncs.all(&File::open(entry.path())?, &entry.path())?;
            }
        }
        syncs.dir(&store)?;
        let (before, _) = files(&store)?;
        sleep(TICK);
        let (told, _) = files(&store)?;
        if told != before {
            return Err(io::Error::other("its files still change"));
        }
        syncs.replace(&dir.join(NAME), 0o600, self.text(&told).as_bytes())?;
        syncs.dir(dir)
    }
}

/// Tells the engine's files, in order, and how many octets they have together.
fn files(store: &Path) -> io::Result<(String, u64)> {
    let mut lines = Vec::new();
    let mut octets = 0_u64;
    for folder in [store.to_owned(), store.join("blobs")] {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound && folder != store => continue,
            Err(e) => return Err(e),
        };
        for entry in entries {
            let entry = entry?;
            let found = entry.metadata()?;
            if !found.is_file() {
                continue;
            }
            octets = octets.saturating_add(found.len());
            lines.push(format!(
                "{} {} {} {}.{:09}",
                entry
                    .path()
                    .strip_prefix(store)
                    .unwrap_or(&folder)
                    .display(),
                found.ino(),
                found.len(),
                found.ctime(),
                found.ctime_nsec(),
            ));
        }
    }
    lines.sort();
    let mut told = String::new();
    for line in lines {
        let _ = writeln!(told, "{line}");
    }
    Ok((told, octets))
}

/// Octets of the engine's files, as far as they can be told.
pub(super) fn octets(store: &Path) -> u64 {
    files(store).map_or(0, |(_, octets)| octets)
}

/// How far a check of all records has come.
#[derive(Debug, Clone, Default)]
pub struct Checking {
    tree: usize,
    after: Option<Vec<u8>>,
}

impl Store {
    /// Closes the store at an orderly end and seals it, if nobody else works with it. The error is a sentence: the store is
    /// closed all the same, and the next start reads every record.
    ///
    /// # Errors
    /// As said, and nothing is lost by it.
    pub fn close(self) -> Result<(), String> {
        let inner = Arc::try_unwrap(self.inner);
        let inner = inner.map_err(|_| "somebody still works with it".to_owned())?;
        let Inner {
            engine,
            dir,
            writer,
            read_octets,
            _lock,
            ..
        } = inner;
        engine.sound().map_err(|e| e.to_string())?;
        let head = writer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .head;
        drop(engine);
        let seal = Seal {
            generation: head.generation,
            read_octets,
        };
        seal.make(&dir, &Syncs::default())
            .map_err(|e| e.to_string())
    }

    /// Whether the store was opened by its seal, so that its records are still to be checked.
    pub fn unread(&self) -> bool {
        self.inner.unread
    }

    /// Checks some records, beside all other work; returns whether there are more. To be called until there are none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]: a record is not what was written; a new start says what to do.
    pub fn check(&self, checking: &mut Checking, records: usize) -> Result<bool, StoreError> {
        let Some(tree) = TREES.get(checking.tree).copied() else {
            return Ok(false);
        };
        let range = match checking.after.take() {
            None => Range::under(&[]),
            Some(after) => Range::under(&[]).past(after),
        };
        let mut left = records;
        let mut last = None;
        self.inner.engine.scan(tree, range, |key, value| {
            layout::checked(tree, key, value)?;
            left = left.saturating_sub(1);
            last = (left == 0).then(|| key.to_vec());
            Ok(left > 0)
        })?;
        if last.is_none() {
            checking.tree += 1;
        }
        checking.after = last;
        Ok(true)
    }
}
