//! A backup put back: looked through first, built beside the present store, and exchanged for it in one piece.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::store::backup_folder::MANIFEST;
use crate::store::backup_folder::key_of;
use crate::store::correct;
use crate::store::correct::CORRECTIONS;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::TREES;
use crate::store::look::Evidence;
use crate::store::open::Folder;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::rebuild::Fresh;
use crate::store::records;
use crate::store::records::Manifest;
use crate::store::records::Sum;
use crate::store::records::Summed;
use crate::store::renew::Renewal;
use crate::store::renew::Renewed;
use crate::store::spool::file_name;
use crate::store::swap;
use crate::store::swap::PARTS;
use crate::store::sync::folder;

/// A manifest is never larger (octets): a line for each file of the spool.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A backup that was put back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// The commit that it shows.
    pub generation: u64,
    /// When it was begun.
    pub taken: Timestamp,
    /// Files of the spool that came with it.
    pub spool_files: u64,
    /// How the store goes on.
    pub renewed: Renewed,
}

/// Why a backup was not put back; the state folder is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not whole.
    #[error("{path}: {why}; nothing was changed; take another backup", path = path.display())]
    Backup {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is a store already.
    #[error(
        "{path} holds a store, or what is left of one; nothing was changed; with --aside it is kept in a folder `replaced-TIME` there", path = path.display()
    )]
    Occupied {
        /// The state folder.
        path: PathBuf,
    },
    /// The state folder.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Store {
    /// Puts a backup back into the state folder `dir`, which must hold no store, or, with `aside`, one that is then kept
    /// beside it. Nobody may have it open.
    pub fn restore(
        dir: &Path,
        backup: &Path,
        aside: bool,
        options: &StoreOptions,
        now: Timestamp,
    ) -> Result<Restored, RestoreError> {
        let manifest = checked(backup)?;
        let ours = Folder::take(dir, options)?;
        let evidence = Evidence::gather(dir)?;
        if !aside && PARTS.iter().any(|part| is_in_the_way(&dir.join(part))) {
            return Err(RestoreError::Occupied {
                path: dir.to_owned(),
            });
        }
        // Those that are there are newer than the backup's.
        if !dir.join(CORRECTIONS).try_exists().unwrap_or(true) {
            correct::carry(&ours.syncs, backup, dir).map_err(|e| disk(dir, &e))?;
        }
        let restored = bring_in(&ours, &manifest, backup, &evidence, options, now);
        ours.cleared(restored)
    }
}

/// An empty folder is in nobody's way.
fn is_in_the_way(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    }
}

fn spoilt(path: &Path, why: &dyn std::fmt::Display) -> RestoreError {
    RestoreError::Backup {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

/// Reads a backup's manifest, and every file that it names.
fn checked(backup: &Path) -> Result<Manifest, RestoreError> {
    let path = backup.join(MANIFEST);
    let long = fs::metadata(&path).is_ok_and(|found| found.len() > MANIFEST_BYTES_MAX);
    let text = match fs::read_to_string(&path) {
        Ok(text) if !long => text,
        Ok(_) => return Err(spoilt(&path, &"it is too long")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(spoilt(
                &path,
                &"it is not there: this is no backup, or one that was not finished",
            ));
        }
        Err(e) => return Err(spoilt(&path, &e)),
    };
    let manifest = Manifest::read(&text).ok_or_else(|| spoilt(&path, &"it is damaged"))?;
    if manifest.layout > LAYOUT_VERSION {
        return Err(spoilt(
            &path,
            &format!(
                "it has layout {}, and this mailclerk knows up to {LAYOUT_VERSION}: use the newer one",
                manifest.layout
            ),
        ));
    }
    for (path, sum) in files(backup, &manifest) {
        let found = File::open(&path)
            .and_then(Sum::of)
            .map_err(|e| spoilt(&path, &e))?;
        if found != *sum {
            return Err(spoilt(&path, &"it is damaged"));
        }
    }
    Ok(manifest)
}

fn records_of(backup: &Path, manifest: &Manifest) -> PathBuf {
    backup.join(Manifest::records_name(
        manifest.generation,
        &manifest.records,
    ))
}

fn spool_of(backup: &Path, file: u64, sum: &Sum) -> PathBuf {
    backup.join("spool").join(Manifest::spool_name(file, sum))
}

fn files<'a>(backup: &'a Path, manifest: &'a Manifest) -> impl Iterator<Item = (PathBuf, &'a Sum)> {
    let spool = manifest.spool.iter();
    [
        (records_of(backup, manifest), &manifest.records),
        (key_of(backup, &manifest.key), &manifest.key),
    ]
    .into_iter()
    .chain(spool.map(move |(file, sum)| (spool_of(backup, *file, sum), sum)))
}

fn bring_in(
    ours: &Folder,
    manifest: &Manifest,
    backup: &Path,
    evidence: &Evidence,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<Restored, RestoreError> {
    let syncs = &ours.syncs;
    let incoming = swap::begin(&ours.dir, syncs).map_err(|e| disk(&ours.dir, &e))?;
    let mut fresh = Fresh::begin(&incoming, options)?;
    read_records(&mut fresh, &records_of(backup, manifest), &manifest.records)?;
    let spool = incoming.join("spool");
    let copied = || {
        folder(&spool)?;
        for (file, sum) in &manifest.spool {
            syncs.copy(&spool_of(backup, *file, sum), &spool.join(file_name(*file)))?;
        }
        syncs.dir(&spool)?;
        syncs.copy(&key_of(backup, &manifest.key), &incoming.join("desk.key"))
    };
    copied().map_err(|e| disk(&incoming, &e))?;
    let renewal = Renewal {
        known: evidence.known(),
        why: "the store was restored from a backup, and it may have left since",
        now,
    };
    let aside = swap::aside_name(&ours.dir, "replaced", now);
    let renewed = renewal.go_on(ours, options, &incoming, fresh, &PARTS, Some(&aside))?;
    Ok(Restored {
        generation: manifest.generation,
        taken: Timestamp(manifest.taken),
        spool_files: manifest.spool.len() as u64,
        renewed,
    })
}

fn read_records(fresh: &mut Fresh, path: &Path, sum: &Sum) -> Result<(), RestoreError> {
    let file = File::open(path).map_err(|e| spoilt(path, &e))?;
    let mut from = Summed::new(BufReader::with_capacity(256 * 1024, file));
    while let Some(frame) = records::read_frame(&mut from).map_err(|e| spoilt(path, &e))? {
        let tree = TREES
            .into_iter()
            .find(|tree| tree.name() == frame.tree)
            .ok_or_else(|| spoilt(path, &"it has records of a kind that is not known here"))?;
        fresh
            .put(tree, frame.key, frame.value)
            .map_err(spoiled)
            .map_err(RestoreError::Open)?;
    }
    // Read a second time, it must be what was checked.
    if from.finish().1 == *sum {
        Ok(())
    } else {
        Err(spoilt(path, &"it changed while it was read"))
    }
}
