//! All syncs of files and folders go through here: counted, and made to fail in tests.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::steps;
use crate::steps::Step;

/// Counts of syncs made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncCounts {
    /// `fdatasync` of the store's data file: one a commit.
    pub store: u64,
    /// `fsync` of other files.
    pub files: u64,
    /// `fsync` of folders.
    pub folders: u64,
}

/// Makes and counts syncs.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    store: AtomicU64,
    files: AtomicU64,
    folders: AtomicU64,
    fail: AtomicBool,
}

impl Syncs {
    /// Returns the counts so far.
    pub(super) fn counts(&self) -> SyncCounts {
        SyncCounts {
            store: self.store.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
            folders: self.folders.load(Ordering::Relaxed),
        }
    }

    /// Makes every sync from now on fail, as a dying disk does, or no longer.
    #[cfg(test)]
    pub(super) fn fail(&self, fail: bool) {
        self.fail.store(fail, Ordering::Relaxed);
    }

    fn count(&self, counter: &AtomicU64) -> io::Result<()> {
        if self.fail.load(Ordering::Relaxed) {
            return Err(io::Error::other("injected"));
        }
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs the store's data file, which lies at `path`.
    pub(super) fn data(&self, file: &File, path: &Path) -> io::Result<()> {
        self.count(&self.store)?;
        steps::at(Step::Flushed, path)?;
        file.sync_data()?;
        steps::at(Step::DataSynced, path)
    }

    /// Syncs another file, which lies at `path`.
    pub(super) fn all(&self, file: &File, path: &Path) -> io::Result<()> {
        self.count(&self.files)?;
        steps::at(Step::FileWritten, path)?;
        file.sync_all()?;
        steps::at(Step::FileSynced, path)
    }

    /// Syncs a folder: what was created, renamed or removed in it.
    pub(super) fn dir(&self, path: &Path) -> io::Result<()> {
        self.count(&self.folders)?;
        // A path of one name has an empty parent, which is the present folder.
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        steps::at(Step::FolderChanged, path)?;
        File::open(path)?.sync_all()?;
        steps::at(Step::FolderSynced, path)
    }

    /// Removes a file. The folder is not synced: after a power cut it may be back.
    #[expect(
        clippy::unused_self,
        reason = "all that changes files goes through here"
    )]
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        steps::at(Step::Removing, path)?;
        std::fs::remove_file(path)?;
        steps::at(Step::Removed, path)
    }

    /// Writes a whole small file so that it is there as before or as wanted, whatever happens. The folder is not
    /// synced: after a power cut the older content may be back.
    pub(super) fn replace(&self, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let new = path.with_extension("new");
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(content)?;
        self.all(&file, &new)?;
        steps::at(Step::Renaming, path)?;
        std::fs::rename(&new, path)?;
        steps::at(Step::Renamed, path)
    }

    /// Gives a file or folder another name on the same disk. Neither folder is synced.
    #[expect(
        clippy::unused_self,
        reason = "all that changes files goes through here"
    )]
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        steps::at(Step::Renaming, to)?;
        fs::rename(from, to)?;
        steps::at(Step::Renamed, to)
    }

    /// Removes a folder with all that is in it, or a file; nothing if it is not there. Only for what nobody needs: a
    /// crash may leave half of it.
    #[expect(
        clippy::unused_self,
        reason = "all that changes files goes through here"
    )]
    pub(super) fn discard(&self, path: &Path) -> io::Result<()> {
        let kind = match fs::symlink_metadata(path) {
            Ok(found) => found.file_type(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        steps::at(Step::Removing, path)?;
        if kind.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
        steps::at(Step::Removed, path)
    }

    /// Copies a file, for its owner's eyes alone, durable when this returns; the folder is not synced.
    pub(super) fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        copy_private(from, to)?;
        self.all(&File::open(to)?, to)
    }
}

/// Makes a folder that nobody else reads, with those above it, if it is not there.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Copies the files of a folder and of the folders in it, for a look: nothing is synced.
pub(super) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_private(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut from = File::open(from)?;
    let mut to = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)?;
    io::copy(&mut from, &mut to).map(drop)
}
