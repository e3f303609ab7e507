//! Files of the state folder exchanged for new ones: all of them or none, whenever the process dies.
//!
//! ```text
//!  incoming/ is built and synced -> `swap` is written, synced -> each file: old one aside, new one in -> `swap` removed
//!  a death before that: the old        a death after that: `finish`, at the next opening, does the rest
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::clock::Timestamp;
use crate::store::OpenError;
use crate::store::open::disk;
use crate::store::sync::Syncs;
use crate::store::sync::folder;

/// Where new files are built.
const INCOMING: &str = "incoming";
/// Where old ones go that nobody needs any more.
const OUTGOING: &str = "outgoing";
/// The record of an exchange that was decided.
pub(super) const RECORD: &str = "swap";
/// Where a copy of the store is looked at.
pub(super) const LOOK: &str = "look";
/// All that may be exchanged.
pub(super) const PARTS: [&str; 4] = ["spool", "store", "generation", "desk.key"];

/// What an exchange exchanges, and where the old goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Swap {
    aside: String,
    parts: Vec<String>,
}

/// Makes an empty folder for what is to come in.
pub(super) fn begin(dir: &Path, syncs: &Syncs) -> io::Result<PathBuf> {
    let incoming = dir.join(INCOMING);
    syncs.discard(&incoming)?;
    folder(&incoming)?;
    Ok(incoming)
}

/// Exchanges `parts` for what lies in `incoming`, which must be durable but for the folder itself. The old ones are kept
/// in the folder `aside` of the state folder; without one they are removed.
pub(super) fn commit(
    dir: &Path,
    parts: &[&str],
    aside: Option<&str>,
    syncs: &Syncs,
) -> Result<(), OpenError> {
    let swap = Swap {
        aside: aside.unwrap_or(OUTGOING).to_owned(),
        parts: parts.iter().map(|p| (*p).to_owned()).collect(),
    };
    for part in parts {
        let path = dir.join(part);
        if !is_ours_to_move(dir, part).map_err(|e| disk(&path, &e))? {
            return Err(OpenError::Disk {
                path,
                why: "it is a link, or another disk, and cannot be exchanged for a new one: move what is in it into the state folder".to_owned(),
            });
        }
    }
    let record = dir.join(RECORD);
    let decided = || {
        // What has room only before the decision would have to be carried out at every start after it.
        folder(&dir.join(&swap.aside))?;
        syncs.dir(&dir.join(INCOMING))?;
        syncs.dir(dir)?;
        syncs.replace(&record, 0o600, swap.text().as_bytes())?;
        syncs.dir(dir)
    };
    decided().map_err(|e| disk(&record, &e))?;
    finish(dir, syncs)
}

/// Whether a part, or none, lies in the state folder itself: a link, or where another disk is mounted, keeps its name.
pub(super) fn is_ours_to_move(dir: &Path, part: &str) -> io::Result<bool> {
    match fs::symlink_metadata(dir.join(part)) {
        Ok(found) => Ok(!found.is_symlink() && found.dev() == fs::metadata(dir)?.dev()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}

/// Ends an exchange that was decided, and clears away what one that was not has left.
pub(super) fn finish(dir: &Path, syncs: &Syncs) -> Result<(), OpenError> {
    let failed = |e: io::Error| disk(dir, &e);
    if let Some(swap) = pending(dir)? {
        swap.carry_out(dir, syncs).map_err(failed)?;
        syncs.remove(&dir.join(RECORD)).map_err(failed)?;
        syncs.dir(dir).map_err(failed)?;
    }
    for rest in [INCOMING, OUTGOING, LOOK] {
        syncs.discard(&dir.join(rest)).map_err(failed)?;
    }
    Ok(())
}

/// Whether an exchange was decided and is not done.
pub(super) fn is_pending(dir: &Path) -> Result<bool, OpenError> {
    Ok(pending(dir)?.is_some())
}

fn pending(dir: &Path) -> Result<Option<Swap>, OpenError> {
    let path = dir.join(RECORD);
    match fs::read(&path) {
        Ok(octets) => Swap::read(&octets).map(Some).ok_or_else(|| {
            OpenError::Damaged(format!(
                "{} was left by a start, restore, repair or shrinking that did not end, and cannot be read",
                path.display()
            ))
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(disk(&path, &e)),
    }
}

/// Returns the name of a folder for old files, one that is not there yet.
pub(super) fn aside_name(dir: &Path, why: &str, now: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(now.0).map_or_else(
        |_| now.0.to_string(),
        |t| t.strftime("%Y%m%dT%H%M%SZ").to_string(),
    );
    let plain = format!("{why}-{time}");
    let others = (2..1000).map(|n| format!("{plain}-{n}"));
    std::iter::once(plain.clone())
        .chain(others)
        .find(|name| !dir.join(name).exists())
        .unwrap_or(plain)
}

impl Swap {
    fn text(&self) -> String {
        let parts = self.parts.join(" ");
        let said = format!("swap 1 aside {} parts {parts}", self.aside);
        format!("{said} crc {:08x}\n", crc32fast::hash(said.as_bytes()))
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let (said, crc) = text.strip_suffix('\n')?.rsplit_once(" crc ")?;
        if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(said.as_bytes()) {
            return None;
        }
        let (aside, parts) = said.strip_prefix("swap 1 aside ")?.split_once(" parts ")?;
        let parts: Vec<String> = parts.split(' ').map(str::to_owned).collect();
        let known = parts.iter().all(|p| PARTS.contains(&p.as_str()));
        // Never out of the state folder, whatever the record says.
        let plain = !aside.is_empty() && !aside.contains(['/', '\0']) && !aside.starts_with('.');
        (known && plain).then(|| Self {
            aside: aside.to_owned(),
            parts,
        })
    }

    /// Each rename is durable before the next: what lies in `incoming` is still to be done.
    fn carry_out(&self, dir: &Path, syncs: &Syncs) -> io::Result<()> {
        let incoming = dir.join(INCOMING);
        let aside = dir.join(&self.aside);
        folder(&aside)?;
        syncs.dir(dir)?;
        for part in &self.parts {
            let (new, old) = (incoming.join(part), dir.join(part));
            if !new.try_exists()? {
                continue;
            }
            if old.try_exists()? {
                syncs.rename(&old, &aside.join(part))?;
                syncs.dir(&aside)?;
                syncs.dir(dir)?;
            }
            syncs.rename(&new, &old)?;
            syncs.dir(dir)?;
            syncs.dir(&incoming)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_spoiled_or_foreign_record_moves_nothing() {
        let swap = Swap {
            aside: "replaced-1".to_owned(),
            parts: vec!["store".to_owned(), "generation".to_owned()],
        };
        let text = swap.text();
        assert_eq!(Swap::read(text.as_bytes()), Some(swap));
        for at in 0..text.len() {
            let mut spoiled = text.clone().into_bytes();
            *spoiled.get_mut(at).unwrap() ^= 1;
            assert_eq!(Swap::read(&spoiled), None, "{at}");
            assert_eq!(Swap::read(text.get(..at).unwrap().as_bytes()), None);
        }
        for (aside, part) in [
            ("..", "store"),
            ("a/b", "store"),
            ("a", "lock"),
            ("", "store"),
        ] {
            let swap = Swap {
                aside: aside.to_owned(),
                parts: vec![part.to_owned()],
            };
            assert_eq!(Swap::read(swap.text().as_bytes()), None, "{aside} {part}");
        }
    }
}
