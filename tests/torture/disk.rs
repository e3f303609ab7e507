//! A disk that knows what is durable: a log of all that was done to it, and what a power cut at any moment may leave.
//!
//! What POSIX promises and no more: octets and the length of a file last after its own `fsync`; names in a folder last
//! after the folder's. Everything else may be there or not, in any order, and a write may be torn between sectors.

pub(crate) mod image;

use std::collections::BTreeMap;
use std::sync::Arc;

/// The root folder's number, as FUSE wants it.
pub(crate) const ROOT: u64 = 1;

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A name was put into a folder, for a new file or folder.
    Name {
        folder: u64,
        name: String,
        ino: u64,
    },
    /// A name was taken out.
    Unname {
        folder: u64,
        name: String,
        ino: u64,
    },
    /// Something got another name; what had it before is gone.
    Rename {
        ino: u64,
        from: (u64, String),
        to: (u64, String),
    },
    Write {
        ino: u64,
        offset: usize,
        data: Arc<[u8]>,
    },
    Size {
        ino: u64,
        size: usize,
    },
    /// `fsync` of a file or folder returns.
    Sync {
        ino: u64,
    },
}

/// A file or a folder, as those see it who have power.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    File(Vec<u8>),
    Folder(BTreeMap<String, u64>),
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) nodes: BTreeMap<u64, Node>,
    /// What was durable when the log began.
    pub(crate) start: BTreeMap<u64, Node>,
    pub(crate) log: Vec<Op>,
    next: u64,
}

impl Disk {
    /// A disk on which these nodes are durable.
    pub(crate) fn new(start: BTreeMap<u64, Node>) -> Self {
        let next = start.keys().next_back().map_or(ROOT, |last| *last) + 1;
        Self {
            nodes: start.clone(),
            start,
            log: Vec::new(),
            next,
        }
    }

    /// A disk with nothing on it but a folder for the state, as whoever installs the program makes it.
    pub(crate) fn empty() -> Self {
        let state = ROOT + 1;
        Self::new(BTreeMap::from([
            (
                ROOT,
                Node::Folder(BTreeMap::from([("state".to_owned(), state)])),
            ),
            (state, Node::Folder(BTreeMap::new())),
        ]))
    }

    pub(crate) fn folder(&self, ino: u64) -> Option<&BTreeMap<String, u64>> {
        match self.nodes.get(&ino)? {
            Node::Folder(names) => Some(names),
            Node::File(_) => None,
        }
    }

    pub(crate) fn child(&self, folder: u64, name: &str) -> Option<u64> {
        self.folder(folder)?.get(name).copied()
    }

    fn names(&mut self, ino: u64) -> Option<&mut BTreeMap<String, u64>> {
        match self.nodes.get_mut(&ino)? {
            Node::Folder(names) => Some(names),
            Node::File(_) => None,
        }
    }

    /// Makes a file or folder; its number.
    pub(crate) fn make(&mut self, folder: u64, name: &str, node: Node) -> Option<u64> {
        let ino = self.next;
        self.names(folder)?.insert(name.to_owned(), ino);
        self.next += 1;
        self.nodes.insert(ino, node);
        self.log.push(Op::Name {
            folder,
            name: name.to_owned(),
            ino,
        });
        Some(ino)
    }

    /// Takes a name away; what it named is kept, as somebody may have it open.
    pub(crate) fn remove(&mut self, folder: u64, name: &str) -> Option<()> {
        let ino = self.names(folder)?.remove(name)?;
        self.log.push(Op::Unname {
            folder,
            name: name.to_owned(),
            ino,
        });
        Some(())
    }

    pub(crate) fn rename(&mut self, from: (u64, String), to: (u64, String)) -> Option<()> {
        let ino = self.names(from.0)?.remove(&from.1)?;
        self.names(to.0)?.insert(to.1.clone(), ino);
        self.log.push(Op::Rename { ino, from, to });
        Some(())
    }

    pub(crate) fn write(&mut self, ino: u64, offset: usize, data: &[u8]) -> Option<()> {
        let Node::File(file) = self.nodes.get_mut(&ino)? else {
            return None;
        };
        put(file, offset, data);
        self.log.push(Op::Write {
            ino,
            offset,
            data: data.into(),
        });
        Some(())
    }

    pub(crate) fn resize(&mut self, ino: u64, size: usize) -> Option<()> {
        let Node::File(file) = self.nodes.get_mut(&ino)? else {
            return None;
        };
        file.resize(size, 0);
        self.log.push(Op::Size { ino, size });
        Some(())
    }

    pub(crate) fn sync(&mut self, ino: u64) {
        self.log.push(Op::Sync { ino });
    }
}

/// Writes into a file; what lies between its end and the place is zero.
fn put(file: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(data);
}
