//! The folder of a backup: whether it is one, and how a backup in it becomes whole.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::store::Inner;
use crate::store::backup::BackupError;
use crate::store::backup::failed;
use crate::store::keys::KeyRing;
use crate::store::records::Manifest;
use crate::store::records::Sum;
use crate::store::sync::folder;

/// The file that makes a folder one of ours.
pub(super) const MARK: &str = "mailclerk-backup";
/// The file that makes a backup whole.
pub(super) const MANIFEST: &str = "manifest";
/// The file with the desk's keys.
const KEY: &str = "desk.key";

/// Where a backup's keys lie: while one replaces another, beside the plain name.
pub(super) fn key_of(dir: &Path, sum: &Sum) -> PathBuf {
    let plain = dir.join(KEY);
    let beside = dir.join(Manifest::key_name(sum));
    let is_it = |path: &Path| {
        File::open(path)
            .and_then(Sum::of)
            .is_ok_and(|is| is == *sum)
    };
    if !is_it(&plain) && is_it(&beside) {
        beside
    } else {
        plain
    }
}

impl Inner {
    /// Makes sure that the folder is one for backups of this desk.
    pub(super) fn prepare_backup(&self, dir: &Path, ring: &KeyRing) -> Result<(), BackupError> {
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
        if let Some(before) = Manifest::read(&before) {
            // Keys are exchanged, but never all at once.
            let theirs = fs::read(key_of(dir, &before.key)).unwrap_or_default();
            let kin = KeyRing::read(&theirs).is_some_and(|theirs| theirs.is_kin(ring));
            let same = Sum::of(&ring.octets()[..]).is_ok_and(|sum| sum == before.key);
            if !kin && !same {
                return Err(refused("it holds the backup of another desk"));
            }
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
    pub(super) fn conclude_backup(
        &self,
        dir: &Path,
        manifest: &Manifest,
        key: &[u8],
    ) -> io::Result<()> {
        let syncs = &self.engine.syncs;
        let holds = |path: &Path| fs::read(path).is_ok_and(|octets| octets == key);
        let (plain, beside) = (dir.join(KEY), dir.join(Manifest::key_name(&manifest.key)));
        if !holds(&plain) {
            // The backup before needs the other one until the manifest is exchanged.
            let free = !plain.try_exists()?;
            syncs.replace(if free { &plain } else { &beside }, 0o600, key)?;
        }
        syncs.dir(&dir.join("spool"))?;
        syncs.dir(dir)?;
        syncs.replace(&dir.join(MANIFEST), 0o600, manifest.text().as_bytes())?;
        syncs.dir(dir)?;
        if !holds(&plain) {
            syncs.replace(&plain, 0o600, key)?;
            syncs.dir(dir)?;
        }
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
            let key = name
                .strip_prefix(KEY)
                .is_some_and(|rest| rest.starts_with('-'));
            if key || name.starts_with("records") && name != records.as_str() {
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
