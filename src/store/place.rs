//! A store about to take its place: closed so that the engine replaces nothing of it when it is opened there.
//!
//! Where the engine has to read its log at an opening, it writes a new snapshot of it, removes the old one and blanks pieces
//! of the log, in an order that a power cut need not respect. So it does that to a copy.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::store::OpenError;
use crate::store::StoreOptions;
use crate::store::engine::Engine;
use crate::store::layout;
use crate::store::layout::head::HeadRow;
use crate::store::look::let_go;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::sync::Syncs;

/// What the names of the engine's snapshots begin with.
pub(super) const SNAPSHOT: &str = "snap.";
/// Octets of a piece of the engine's log.
const PIECE_OCTETS: u64 = 512 * 1024;
/// Openings after which there is nothing more to replace.
const OPENINGS_MAX: u32 = 3;

/// What a closed store was like when it was last open.
pub(super) struct Closed {
    pub(super) head: Option<HeadRow>,
    /// Octets of its files.
    pub(super) octets: u64,
}

/// Closes the engine of the store in `dir`, so that its next opening changes nothing, and syncs it with all that is in it.
pub(super) fn close(
    engine: Engine,
    dir: &Path,
    options: &StoreOptions,
    syncs: &Syncs,
) -> Result<Closed, OpenError> {
    let mut head = leave(engine, dir, options)?;
    // Reading moves pages, so that there is more of the log now; and an opening at a piece's end begins the next.
    for _ in 0..OPENINGS_MAX {
        head = leave(Engine::peek(dir, options.cache_bytes)?, dir, options)?;
        if !begins_a_piece(dir).map_err(|e| disk(dir, &e))? {
            break;
        }
    }
    let octets = sync_folder(dir, syncs).map_err(|e| disk(dir, &e))?;
    Ok(Closed { head, octets })
}

fn leave(engine: Engine, dir: &Path, options: &StoreOptions) -> Result<Option<HeadRow>, OpenError> {
    let head = engine.read::<HeadRow>(layout::HEAD_KEY).map_err(spoiled)?;
    // A dropped engine does not tell what it could not write; and who opens the file later is not told what failed before.
    engine.make_durable().map_err(|e| OpenError::Disk {
        path: dir.to_owned(),
        why: e.to_string(),
    })?;
    drop(engine);
    let data = dir.join("db");
    let file = File::open(&data).map_err(|e| disk(&data, &e))?;
    let_go(&file, &data, options.lock_wait_s.max(2))?;
    Ok(head)
}

/// Whether the newest snapshot, named by how far it reads the log, ends where a piece of the log ends.
fn begins_a_piece(dir: &Path) -> io::Result<bool> {
    let mut newest = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let end = (name.to_str())
            .and_then(|name| name.strip_prefix(SNAPSHOT))
            .and_then(|end| u64::from_str_radix(end, 16).ok());
        newest = newest.max(end);
    }
    Ok(newest.is_some_and(|end| end % PIECE_OCTETS == 0))
}

/// Syncs a folder with all that is in it. Returns the octets of its own files.
fn sync_folder(dir: &Path, syncs: &Syncs) -> io::Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folder(&entry.path(), syncs)?;
        } else {
            let file = File::open(entry.path())?;
            syncs.all(&file, &entry.path())?;
            octets += file.metadata()?.len();
        }
    }
    syncs.dir(dir)?;
    Ok(octets)
}
