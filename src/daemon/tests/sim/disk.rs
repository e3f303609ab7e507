//! The disk: what a SIGKILL leaves of the state folder, and what a power cut leaves: of each file what was synced, some
//! of what was not, sector by sector; of each name the one at the last sync of its folder, or a later one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::daemon::tests::sim::rng::Rng;

/// The engine syncs its snapshot by itself before it gets its name, where nobody here can see it.
const ENGINES_SNAPSHOT: &str = "snap.";
/// A disk writes no less at once.
const SECTOR: usize = 512;

/// A name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    file: u64,
    folder: bool,
}

/// The disk.
pub(super) struct Disk {
    root: TempDir,
    images: u32,
    /// What was synced of each file.
    synced: BTreeMap<u64, Vec<u8>>,
    /// What stood in each folder (by its path below the state folder) when it was synced last.
    names: BTreeMap<PathBuf, BTreeMap<OsString, Named>>,
    /// Numbers for files that have no name any more.
    nameless: u64,
    /// Power cuts are to come: what is synced must be known.
    watched: bool,
}

/// A folder in memory where there is one: what is tested are the syncs, not their cost.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl Disk {
    pub(super) fn new(watched: bool) -> Self {
        let disk = Self {
            root: folder(),
            images: 0,
            synced: BTreeMap::new(),
            names: BTreeMap::new(),
            nameless: u64::MAX,
            watched,
        };
        fs::create_dir(disk.dir()).unwrap();
        disk
    }

    /// Begins with a folder's content, synced.
    pub(super) fn begin_with(&mut self, from: &Path) {
        copy(from, &self.dir());
        self.all_is_synced();
    }

    /// The state folder.
    pub(super) fn dir(&self) -> PathBuf {
        self.root.path().join(self.images.to_string())
    }

    pub(super) fn synced_file(&mut self, path: &Path) {
        let opened = if self.watched {
            File::open(path).ok()
        } else {
            None
        };
        if let Some(file) = opened {
            let about = file.metadata().unwrap();
            // The same room again: the engine's log is of megabytes, and synced a hundred times a day.
            let content = self.synced.entry(about.ino()).or_default();
            content.resize(usize::try_from(about.len()).unwrap(), 0);
            let mut read = 0;
            while let Ok(more @ 1..) = file.read_at(&mut content[read..], read as u64) {
                read += more;
            }
            content.truncate(read);
        }
    }

    pub(super) fn synced_folder(&mut self, path: &Path) {
        if let (true, Ok(below)) = (self.watched, path.strip_prefix(self.dir())) {
            self.names.insert(below.to_owned(), names(path));
            // Files without a name are gone for good.
            let named: BTreeSet<u64> = (self.names.values().flat_map(BTreeMap::values))
                .map(|named| named.file)
                .chain(files(&self.dir()).into_values())
                .collect();
            self.synced.retain(|file, _| named.contains(file));
        }
    }

    /// The process ends at this moment: what it wrote is there, synced or not.
    pub(super) fn kill(&mut self) {
        let old = self.dir();
        self.images += 1;
        copy(&old, &self.dir());
        if !self.watched {
            return drop(fs::remove_dir_all(old));
        }
        // The copies have numbers of their own; what was synced of the originals is synced of them.
        let mut renumbered: BTreeMap<u64, u64> = BTreeMap::new();
        let copies = files(&self.dir());
        for (path, file) in files(&old) {
            renumbered.insert(file, copies[&path]);
        }
        for listed in self.names.values_mut() {
            for named in listed.values_mut().filter(|n| !n.folder) {
                let nameless = &mut self.nameless;
                named.file = *renumbered.entry(named.file).or_insert_with(|| {
                    *nameless -= 1;
                    *nameless
                });
            }
        }
        self.synced = std::mem::take(&mut self.synced)
            .into_iter()
            .filter_map(|(file, content)| Some((*renumbered.get(&file)?, content)))
            .collect();
        drop(fs::remove_dir_all(old));
    }

    /// The power is cut at this moment.
    pub(super) fn power_cut(&mut self, rng: &mut Rng) {
        let old = self.dir();
        self.images += 1;
        let new = self.dir();
        self.rebuild(Path::new(""), &old, &new, rng);
        self.all_is_synced();
        drop(fs::remove_dir_all(old));
    }

    fn rebuild(&self, below: &Path, old: &Path, new: &Path, rng: &mut Rng) {
        fs::create_dir(new.join(below)).unwrap();
        let now = names(&old.join(below));
        let then = self.names.get(below).cloned().unwrap_or_default();
        let all: BTreeSet<&OsString> = now.keys().chain(then.keys()).collect();
        // Most often all names, or none, of those that changed are on the disk.
        let newer = rng.pick(&[0, 500, 1_000]);
        for name in all {
            let (now, then) = (now.get(name), then.get(name));
            let kept = if now == then || rng.chance(newer) {
                now
            } else {
                then
            };
            let path = below.join(name);
            match kept {
                None => {}
                Some(named) if named.folder => self.rebuild(&path, old, new, rng),
                Some(named) => {
                    let synced = self.synced.get(&named.file).map_or(&[][..], Vec::as_slice);
                    let own_syncs = name.to_string_lossy().starts_with(ENGINES_SNAPSHOT);
                    let content = if now == kept && own_syncs {
                        fs::read(old.join(&path)).unwrap()
                    } else if now == kept {
                        torn(synced, &fs::read(old.join(&path)).unwrap(), rng)
                    } else {
                        synced.to_vec()
                    };
                    fs::write(new.join(&path), content).unwrap();
                }
            }
        }
    }

    fn all_is_synced(&mut self) {
        self.synced.clear();
        self.names.clear();
        if !self.watched {
            return;
        }
        let dir = self.dir();
        for (path, file) in files(&dir) {
            self.synced.insert(file, fs::read(dir.join(path)).unwrap());
        }
        for below in folders(&dir) {
            self.names.insert(below.clone(), names(&dir.join(&below)));
        }
    }
}

/// What is on the disk of a file that was changed and not synced: any of its sectors.
fn torn(synced: &[u8], written: &[u8], rng: &mut Rng) -> Vec<u8> {
    if synced == written {
        return written.to_vec();
    }
    let (short, long) = (
        synced.len().min(written.len()),
        synced.len().max(written.len()),
    );
    let length = match rng.below(4) {
        0 => synced.len(),
        1 => short + usize::try_from(rng.below((long - short) as u64 + 1)).unwrap(),
        _ => written.len(),
    };
    let newer = rng.pick(&[0, 200, 500, 800, 1_000]);
    let mut content = vec![0; length];
    for at in (0..length).step_by(SECTOR) {
        let from = if at < synced.len() || !rng.chance(newer) {
            synced
        } else {
            written
        };
        let differs =
            at < written.len() && written.get(at..at + SECTOR) != synced.get(at..at + SECTOR);
        let from = if differs && at < synced.len() && rng.chance(newer) {
            written
        } else {
            from
        };
        let end = length.min(at + SECTOR).min(from.len());
        if at < end {
            content[at..end].copy_from_slice(&from[at..end]);
        }
    }
    content
}

fn names(folder: &Path) -> BTreeMap<OsString, Named> {
    // The engine's own thread may take a file away meanwhile, and what looks at a copy that copy's folder.
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == ErrorKind::NotFound => return BTreeMap::new(),
        Err(e) => panic!("{} cannot be listed: {e}", folder.display()),
    };
    let named = listed.filter_map(|entry| {
        let entry = entry.unwrap();
        let about = entry.metadata().ok()?;
        let folder = about.is_dir();
        // Folders are made once and stay.
        let file = if folder { 0 } else { about.ino() };
        Some((entry.file_name(), Named { file, folder }))
    });
    named.collect()
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut at = 0;
    while at < found.len() {
        let below = found[at].clone();
        let inside = names(&dir.join(&below));
        found.extend(
            inside
                .iter()
                .filter(|(_, n)| n.folder)
                .map(|(name, _)| below.join(name)),
        );
        at += 1;
    }
    found
}

fn files(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for below in folders(dir) {
        for (name, named) in names(&dir.join(&below)) {
            if !named.folder {
                found.insert(below.join(name), named.file);
            }
        }
    }
    found
}

/// Copies a folder's content into another one.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for below in folders(from) {
        fs::create_dir_all(to.join(below)).unwrap();
    }
    for path in files(from).into_keys() {
        fs::copy(from.join(&path), to.join(&path)).unwrap();
    }
}
