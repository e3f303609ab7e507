//! The folder of a backup: whether it is one, and how a backup in it becomes whole.

use std::fs;
use std::io;
use std::path::Path;

use crate::store::Inner;
use crate::store::backup::BackupError;
use crate::store::backup::failed;
use crate::store::records::Manifest;
use crate::store::records::Sum;
use crate::store::sync::folder;

/// The file that makes a folder one of ours.
pub(super) const MARK: &str = "mailclerk-backup";
/// The file that makes a backup whole.
pub(super) const MANIFEST: &str = "manifest";
impl Inner {
    /// Makes sure that the folder is one for backups of this desk.
    pub(super) fn prepare_backup(&self, dir: &Path, key: &Sum) -> Result<(), BackupError> {
        let refused = |why| BackupError::Folder {
            path: dir.to_owned(),
            why,
        };
        if !dir.is_absolute() {
            return Err(refused("the folder must be named from `/` on"));
        }
        folder(dir).map_err(|e| failed(dir, &e))?;
        let real = dir.canonicalize().map_err(|e| failed(dir, &e))?;
        let state = self.dir.canonicalize().map_err(|e| failed(&self.dir, &e))?;
        let within = |part: &str| real.starts_with(state.join(part));
        if real == state
            || ["store", "spool", "incoming", "look", "outgoing"]
                .iter()
                .any(|p| within(p))
        {
            return Err(refused("the store itself lies there"));
        }
        let mark = dir.join(MARK);
        let marked = mark.try_exists().map_err(|e| failed(&mark, &e))?;
        let mut others = fs::read_dir(dir).map_err(|e| failed(dir, &e))?;
        if !marked && others.next().is_some() {
            return Err(refused(
                "it holds other things; name an empty folder, or one with an earlier backup",
            ));
        }
        let before = fs::read_to_string(dir.join(MANIFEST)).unwrap_or_default();
        if Manifest::read(&before).is_some_and(|before| before.key != *key) {
            return Err(refused("it holds the backup of another desk"));
        }
        let syncs = &self.engine.syncs;
        let made = || {
            if !marked {
                syncs.replace(&mark, 0o600, b"Backups of a mailclerk; see `manifest`.\n")?;
            }
            folder(&dir.join("spool"))?;
            syncs.dir(dir)
        };
        made().map_err(|e| failed(dir, &e))
    }

    /// Makes it whole, and removes what only the one before needed.
    pub(super) fn conclude_backup(&self, dir: &Path, manifest: &Manifest) -> io::Result<()> {
        let syncs = &self.engine.syncs;
        let key = dir.join("desk.key");
        if fs::read(&key).ok().as_deref() != Some(&self.key[..]) {
            syncs.replace(&key, 0o600, &self.key)?;
        }
        syncs.dir(&dir.join("spool"))?;
        syncs.dir(dir)?;
        syncs.replace(&dir.join(MANIFEST), 0o600, manifest.text().as_bytes())?;
        syncs.dir(dir)?;
        let records = Manifest::records_name(manifest.generation, &manifest.records);
        let spool: Vec<String> = manifest
            .spool
            .iter()
            .map(|(file, sum)| Manifest::spool_name(*file, sum))
            .collect();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("records") && name != records.as_str() {
                syncs.remove(&entry.path())?;
            }
        }
        for entry in fs::read_dir(dir.join("spool"))? {
            let entry = entry?;
            let name = entry.file_name();
            if !spool.iter().any(|s| *s == name.to_string_lossy()) {
                syncs.remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
