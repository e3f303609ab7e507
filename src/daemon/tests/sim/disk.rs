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

/// A name in a folder, and the number of what has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    file: u64,
    folder: bool,
}

/// What the power left, when it was cut.
struct Left {
    /// All files and folders that had a name.
    present: BTreeMap<u64, PathBuf>,
    /// Whether folders have the names that they were given since the last sync: all of them or none, as no file system of a
    /// journal takes a folder from its old name and leaves it without the new one, or moves a later one first.
    folders_moved: bool,
}

/// What stands in a folder.
type Names = BTreeMap<OsString, Named>;

/// The disk.
pub(super) struct Disk {
    root: TempDir,
    images: u32,
    /// What was synced of each file.
    synced: BTreeMap<u64, Vec<u8>>,
    /// What stood in each folder when it was synced last: by its number, as folders are given other names, too.
    names: BTreeMap<u64, Names>,
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
        if !self.watched || !path.starts_with(self.dir()) {
            return;
        }
        let Some(number) = number(path) else { return };
        self.folders_came_and_went(number, &names(path));
        self.names.insert(number, names(path));
        // What has no name any more is gone for good.
        let named: BTreeSet<u64> = (self.names.values().flat_map(BTreeMap::values))
            .map(|named| named.file)
            .chain(present(&self.dir()).into_keys())
            .collect();
        self.synced.retain(|file, _| named.contains(file));
        self.names.retain(|folder, _| named.contains(folder));
    }

    /// A folder's other name is one change with its old one: what is synced at one place is at the other.
    fn folders_came_and_went(&mut self, place: u64, now: &Names) {
        let folders = |names: &Names| -> BTreeSet<u64> {
            let folders = names.values().filter(|named| named.folder);
            folders.map(|named| named.file).collect()
        };
        let then = self.names.get(&place).map(&folders).unwrap_or_default();
        let now = folders(now);
        for (other, names) in &mut self.names {
            if *other != place {
                names.retain(|_, named| {
                    !named.folder || then.contains(&named.file) || !now.contains(&named.file)
                });
            }
        }
        let left: BTreeSet<u64> = then.difference(&now).copied().collect();
        if left.is_empty() {
            return;
        }
        let present = present(&self.dir()).into_iter();
        for (other, path) in present.filter(|(_, path)| path.is_dir()) {
            let there = names(&path).into_iter();
            for (name, named) in there.filter(|(_, named)| left.contains(&named.file)) {
                self.names.entry(other).or_default().insert(name, named);
            }
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
        // The copies have numbers of their own; what was synced of the originals is synced of them. What is not there any
        // more has a number that nothing has.
        let mut renumbered: BTreeMap<u64, u64> = BTreeMap::new();
        for (was, path) in present(&old) {
            let copy = self.dir().join(path.strip_prefix(&old).unwrap());
            renumbered.insert(was, number(&copy).unwrap());
        }
        let nameless = &mut self.nameless;
        let mut now = |was: u64| {
            *renumbered.entry(was).or_insert_with(|| {
                *nameless -= 1;
                *nameless
            })
        };
        let listed = std::mem::take(&mut self.names).into_iter();
        self.names = listed
            .map(|(folder, mut listed)| {
                for named in listed.values_mut() {
                    named.file = now(named.file);
                }
                (now(folder), listed)
            })
            .collect();
        let synced = std::mem::take(&mut self.synced).into_iter();
        self.synced = synced.map(|(file, content)| (now(file), content)).collect();
        drop(fs::remove_dir_all(old));
    }

    /// The power is cut at this moment.
    pub(super) fn power_cut(&mut self, rng: &mut Rng) {
        let old = self.dir();
        self.images += 1;
        let new = self.dir();
        let root = number(&old).unwrap();
        let left = Left {
            present: present(&old),
            folders_moved: rng.chance(500),
        };
        self.rebuild(root, &left, &new, rng);
        self.all_is_synced();
        drop(fs::remove_dir_all(old));
    }

    /// Makes what is on the disk of a folder.
    fn rebuild(&self, folder: u64, left: &Left, new: &Path, rng: &mut Rng) {
        fs::create_dir(new).unwrap();
        let now = (left.present.get(&folder)).map_or_else(Names::new, |path| names(path));
        let then = self.names.get(&folder).cloned().unwrap_or_default();
        let all: BTreeSet<&OsString> = now.keys().chain(then.keys()).collect();
        // Most often all names, or none, of those that changed are on the disk.
        let newer = rng.pick(&[0, 500, 1_000]);
        for name in all {
            let (now, then) = (now.get(name), then.get(name));
            let is_newer = if now.or(then).is_some_and(|named| named.folder) {
                left.folders_moved
            } else {
                now == then || rng.chance(newer)
            };
            let Some(named) = (if is_newer { now } else { then }) else {
                continue;
            };
            let path = new.join(name);
            if named.folder {
                self.rebuild(named.file, left, &path, rng);
                continue;
            }
            let synced = self.synced.get(&named.file).map_or(&[][..], Vec::as_slice);
            let own_syncs = name.to_string_lossy().starts_with(ENGINES_SNAPSHOT);
            let content = match left
                .present
                .get(&named.file)
                .map(|path| fs::read(path).unwrap())
            {
                Some(written) if own_syncs => written,
                Some(written) => torn(synced, &written, rng),
                None => synced.to_vec(),
            };
            fs::write(path, content).unwrap();
        }
    }

    fn all_is_synced(&mut self) {
        self.synced.clear();
        self.names.clear();
        if !self.watched {
            return;
        }
        for (number, path) in present(&self.dir()) {
            if path.is_dir() {
                self.names.insert(number, names(&path));
            } else {
                self.synced.insert(number, fs::read(path).unwrap());
            }
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

fn names(folder: &Path) -> Names {
    // The engine's own thread may take a file away meanwhile, and what looks at a copy that copy's folder.
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == ErrorKind::NotFound => return BTreeMap::new(),
        Err(e) => panic!("{} cannot be listed: {e}", folder.display()),
    };
    let named = listed.filter_map(|entry| {
        let entry = entry.unwrap();
        let about = entry.metadata().ok()?;
        let named = Named {
            file: about.ino(),
            folder: about.is_dir(),
        };
        Some((entry.file_name(), named))
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

/// The number of a file or folder; none where there is none.
fn number(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|about| about.ino())
}

/// All files and folders that there are, the folder itself too, by their numbers.
fn present(dir: &Path) -> BTreeMap<u64, PathBuf> {
    let mut found = BTreeMap::new();
    for below in folders(dir) {
        let folder = dir.join(&below);
        found.extend(number(&folder).map(|number| (number, folder.clone())));
        for (name, named) in names(&folder) {
            if !named.folder {
                found.insert(named.file, folder.join(name));
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
    for path in present(from).into_values().filter(|path| path.is_file()) {
        let below = path.strip_prefix(from).unwrap();
        fs::copy(&path, to.join(below)).unwrap();
    }
}
