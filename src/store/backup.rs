//! A backup while the store is in use: all records as of one commit, the files of the spool they name, and the key.
//!
//! Records are copied while others write; what is written meanwhile is copied again, the last of it while the writer
//! waits. Of the spool, whose files never change, only those are copied that the folder does not have. The manifest comes
//! last; until then the folder holds the backup before.

use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::PoisonError;

use crate::clock::Timestamp;
use crate::store::Inner;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::correct;
use crate::store::engine::Keys;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::TREES;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::VersionRow;
use crate::store::records;
use crate::store::records::Manifest;
use crate::store::records::Sum;
use crate::store::records::Summed;
use crate::store::sync::Syncs;

/// Copied again while others still write, until so few are left that the writer may wait for them.
const REST: usize = 500;
/// Touched records are copied at least so often, so that not all of them are remembered.
const TOUCHED_MAX: usize = 20_000;

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BackupDone {
    /// The commit that it shows.
    pub generation: u64,
    /// Records copied, some of them more than once.
    pub records: u64,
    /// Octets of the file of records.
    pub octets: u64,
    /// Files of the spool in it.
    pub spool_files: u64,
    /// Those of them that were not there from an earlier backup.
    pub spool_copied: u64,
    /// Files of the spool that a record names, and that could not be read.
    pub spool_missing: u64,
}

/// How far a backup has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "backup")]
pub enum BackupState {
    /// None was asked for since the start.
    #[default]
    None,
    /// One is being made.
    Running,
    /// The last one is whole.
    Done(BackupDone),
    /// The last one failed.
    Failed {
        /// Why.
        why: String,
    },
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One is being made already.
    #[error("a backup is being made already; wait for its end")]
    Busy,
    /// The folder is not for backups.
    #[error("{path}: {why}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The disk or its permissions.
    #[error("{path}: {why}; an earlier backup in that folder is as it was", path = path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The store itself.
    #[error("{0}; an earlier backup in that folder is as it was")]
    Store(#[from] StoreError),
}

impl Store {
    /// Writes a backup into `dir`, which is made, is empty, or holds an earlier one. Takes its time; others go on
    /// meanwhile.
    pub fn backup(&self, dir: &Path, now: Timestamp) -> Result<BackupDone, BackupError> {
        self.inner.claim_backup()?;
        let made = self.inner.backup(dir, now);
        self.inner.tell_backup(match &made {
            Ok(done) => BackupState::Done(done.clone()),
            Err(why) => BackupState::Failed {
                why: why.to_string(),
            },
        });
        made
    }

    /// Begins a backup and does not wait for it; [`Store::backup_state`] tells of it.
    pub fn begin_backup(&self, dir: &Path, now: Timestamp) -> Result<(), BackupError> {
        self.inner.claim_backup()?;
        let (store, dir) = (self.clone(), dir.to_owned());
        let made = move || {
            let state = match store.inner.backup(&dir, now) {
                Ok(done) => BackupState::Done(done),
                Err(why) => BackupState::Failed {
                    why: why.to_string(),
                },
            };
            store.inner.tell_backup(state);
        };
        let thread = std::thread::Builder::new().name("backup".to_owned());
        thread.spawn(made).map(drop).map_err(|e| {
            let why = format!("no thread for it: {e}");
            self.inner
                .tell_backup(BackupState::Failed { why: why.clone() });
            BackupError::Store(StoreError::Spool(why))
        })
    }

    /// Returns how far the last backup has come.
    pub fn backup_state(&self) -> BackupState {
        let state = self.inner.backup.lock();
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends what a backup holds up, however it ends.
struct Held<'a>(&'a Inner);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.engine.forget_touched();
        self.0.spool.release(&self.0.engine.syncs);
    }
}

/// What the last look at the store, with the writer waiting, found.
struct Instant {
    head: HeadRow,
    spool: Vec<u64>,
}

/// The file of records while it is written.
struct Copying {
    out: Summed<BufWriter<File>>,
    path: PathBuf,
    records: u64,
}

impl Inner {
    fn claim_backup(&self) -> Result<(), BackupError> {
        let mut state = self.backup.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == BackupState::Running {
            return Err(BackupError::Busy);
        }
        *state = BackupState::Running;
        Ok(())
    }

    fn tell_backup(&self, state: BackupState) {
        *self.backup.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn backup(&self, dir: &Path, now: Timestamp) -> Result<BackupDone, BackupError> {
        // As one is being made, the keys stay what they are (`change_keys`).
        let ring = self.ring().clone();
        let key = ring.octets();
        self.prepare_backup(dir, &ring)?;
        let held = Held(self);
        {
            let _writer = self.writer();
            if !self.engine.remember() {
                return Err(BackupError::Busy);
            }
            self.spool.hold();
        }
        let mut copying = Copying::begin(dir.join("records.new"))?;
        let instant = self.copy_records(&mut copying)?;
        let (records, sum) = copying.end(&self.engine.syncs)?;
        let syncs = &self.engine.syncs;
        let name = Manifest::records_name(instant.head.generation, &sum);
        syncs
            .rename(&dir.join("records.new"), &dir.join(&name))
            .map_err(|e| failed(dir, &e))?;
        let mut done = BackupDone {
            generation: instant.head.generation,
            records,
            octets: sum.octets,
            spool_files: 0,
            spool_copied: 0,
            spool_missing: 0,
        };
        let spool = self.copy_spool(dir, &instant.spool, &mut done)?;
        drop(held);
        let version = self.engine.read::<VersionRow>(layout::VERSION_KEY)?;
        let manifest = Manifest {
            layout: version.map_or(0, |row| row.0),
            instance: self.instance.clone(),
            generation: instant.head.generation,
            tickets: instant.head.states.iter().sum(),
            ledger: instant.head.ledger,
            taken: now.0,
            records: sum,
            key: Sum::of(&key[..]).map_err(|e| failed(dir, &e))?,
            spool,
        };
        correct::carry(syncs, &self.dir, dir).map_err(|e| failed(dir, &e))?;
        self.conclude_backup(dir, &manifest, &key)
            .map_err(|e| failed(dir, &e))?;
        Ok(done)
    }

    fn copy_records(&self, copying: &mut Copying) -> Result<Instant, BackupError> {
        for tree in TREES {
            let mut error = None;
            self.engine.scan(tree, Range::under(&[]), |key, value| {
                if self.engine.touched_len() > TOUCHED_MAX {
                    let touched = self.engine.touched();
                    error = copying.again(self, &touched).err();
                }
                if error.is_none() {
                    error = copying.frame((tree, key), Some(value)).err();
                }
                Ok(error.is_none())
            })?;
            if let Some(error) = error {
                return Err(error);
            }
        }
        for _ in 0..20 {
            if self.engine.touched_len() <= REST {
                break;
            }
            copying.again(self, &self.engine.touched())?;
        }
        let writer = self.writer();
        self.engine.sound()?;
        copying.again(self, &self.engine.touched())?;
        Ok(Instant {
            head: writer.head,
            spool: writer.live.keys().copied().collect(),
        })
    }

    fn copy_spool(
        &self,
        dir: &Path,
        files: &[u64],
        done: &mut BackupDone,
    ) -> Result<Vec<(u64, Sum)>, BackupError> {
        let syncs = &self.engine.syncs;
        let mut spool = Vec::with_capacity(files.len());
        for file in files {
            let path = self.spool.path(*file);
            // Damage of one mail must not keep all others from being saved; sending it will park it.
            let Ok(sum) = File::open(&path).and_then(Sum::of) else {
                done.spool_missing += 1;
                continue;
            };
            let name = Manifest::spool_name(*file, &sum);
            let target = dir.join("spool").join(name);
            let there = File::open(&target).and_then(Sum::of);
            if there.ok().as_ref() != Some(&sum) {
                let new = target.with_extension("new");
                syncs
                    .copy(&path, &new)
                    .and_then(|()| syncs.rename(&new, &target))
                    .map_err(|e| failed(&target, &e))?;
                done.spool_copied += 1;
            }
            done.spool_files += 1;
            spool.push((*file, sum));
        }
        Ok(spool)
    }
}

impl Copying {
    fn begin(path: PathBuf) -> Result<Self, BackupError> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(|e| failed(&path, &e))?;
        Ok(Self {
            out: Summed::new(BufWriter::with_capacity(256 * 1024, file)),
            path,
            records: 0,
        })
    }

    fn frame(
        &mut self,
        (tree, key): (layout::Tree, &[u8]),
        value: Option<&[u8]>,
    ) -> Result<(), BackupError> {
        self.records += 1;
        records::write_frame(&mut self.out, tree, key, value).map_err(|e| failed(&self.path, &e))
    }

    /// Copies records as they now are.
    fn again(&mut self, inner: &Inner, touched: &Keys) -> Result<(), BackupError> {
        for (tree, key) in touched {
            let value = inner.engine.get(*tree, key)?;
            self.frame((*tree, key), value.as_deref())?;
        }
        Ok(())
    }

    /// Makes the file durable. Returns the number of records, and its sum.
    fn end(mut self, syncs: &Syncs) -> Result<(u64, Sum), BackupError> {
        let path = self.path;
        let ended = records::write_end(&mut self.out);
        ended.map_err(|e| failed(&path, &e))?;
        let (out, sum) = self.out.finish();
        let synced = out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| syncs.all(&file, &path));
        synced.map_err(|e| failed(&path, &e))?;
        Ok((self.records, sum))
    }
}

pub(super) fn failed(path: &Path, e: &io::Error) -> BackupError {
    BackupError::Disk {
        path: path.to_owned(),
        why: e.to_string(),
    }
}
