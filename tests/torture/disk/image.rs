//! What lies on a disk after a power cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::dice::Dice;
use crate::disk::Disk;
use crate::disk::Node;
use crate::disk::Op;
use crate::disk::ROOT;
use crate::disk::put;

/// What becomes of everything that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All of it is lost.
    Lost,
    /// All of it is there.
    Kept,
    /// Each thing is there or not; of a write each sector of so many octets.
    Torn(usize),
    /// Each thing is there or not; a write is there as a whole or not.
    Some,
}

/// What is durable, on the way through a log.
#[derive(Debug, Clone)]
pub(crate) struct Durable {
    nodes: BTreeMap<u64, Node>,
    pending: Vec<Op>,
}

impl Durable {
    pub(crate) fn new(disk: &Disk) -> Self {
        Self {
            nodes: disk.start.clone(),
            pending: Vec::new(),
        }
    }

    /// Goes on by one step of the log.
    pub(crate) fn step(&mut self, op: &Op) {
        let Op::Sync { ino } = op else {
            self.pending.push(op.clone());
            return;
        };
        let (done, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|op| concerns(op, *ino));
        self.pending = rest;
        let done: Vec<Op> = done;
        for op in &done {
            apply(&mut self.nodes, op);
        }
    }

    /// What lies there when the power goes now.
    pub(crate) fn cut(&self, fate: Fate, dice: &mut Dice) -> BTreeMap<u64, Node> {
        let mut nodes = self.nodes.clone();
        for op in &self.pending {
            let kept = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Torn(_) | Fate::Some => dice.one_in(2),
            };
            match (op, fate) {
                (Op::Write { ino, offset, data }, Fate::Torn(sector)) => {
                    torn(&mut nodes, *ino, *offset, data, sector, dice);
                }
                _ if kept => apply(&mut nodes, op),
                _ => {}
            }
        }
        nodes
    }
}

/// Whether a sync of `ino` makes it durable.
fn concerns(op: &Op, ino: u64) -> bool {
    match op {
        Op::Name { folder, .. } | Op::Unname { folder, .. } => *folder == ino,
        Op::Rename { from, to, .. } => from.0 == ino || to.0 == ino,
        Op::Write { ino: of, .. } | Op::Size { ino: of, .. } => *of == ino,
        Op::Sync { .. } => false,
    }
}

fn file(nodes: &mut BTreeMap<u64, Node>, ino: u64) -> &mut Vec<u8> {
    match nodes.entry(ino).or_insert_with(|| Node::File(Vec::new())) {
        Node::File(file) => file,
        Node::Folder(_) => panic!("{ino} is a folder"),
    }
}

fn names(nodes: &mut BTreeMap<u64, Node>, ino: u64) -> &mut BTreeMap<String, u64> {
    match nodes
        .entry(ino)
        .or_insert_with(|| Node::Folder(BTreeMap::new()))
    {
        Node::Folder(names) => names,
        Node::File(_) => panic!("{ino} is a file"),
    }
}

fn apply(nodes: &mut BTreeMap<u64, Node>, op: &Op) {
    match op {
        Op::Name { folder, name, ino } => {
            names(nodes, *folder).insert(name.clone(), *ino);
        }
        Op::Unname { folder, name, ino } => unname(nodes, *folder, name, *ino),
        Op::Rename { ino, from, to } => {
            unname(nodes, from.0, &from.1, *ino);
            names(nodes, to.0).insert(to.1.clone(), *ino);
        }
        Op::Write { ino, offset, data } => put(file(nodes, *ino), *offset, data),
        Op::Size { ino, size } => file(nodes, *ino).resize(*size, 0),
        Op::Sync { .. } => {}
    }
}

fn unname(nodes: &mut BTreeMap<u64, Node>, folder: u64, name: &str, ino: u64) {
    let names = names(nodes, folder);
    if names.get(name) == Some(&ino) {
        names.remove(name);
    }
}

/// Keeps some sectors of a write.
fn torn(
    nodes: &mut BTreeMap<u64, Node>,
    ino: u64,
    offset: usize,
    data: &[u8],
    sector: usize,
    dice: &mut Dice,
) {
    let mut from = 0;
    while from < data.len() {
        let end = ((offset + from) / sector + 1) * sector - offset;
        let end = end.min(data.len());
        if dice.one_in(2) {
            put(file(nodes, ino), offset + from, &data[from..end]);
        }
        from = end;
    }
}

/// Writes an image into a real folder.
pub(crate) fn write(nodes: &BTreeMap<u64, Node>, disk: &Disk, to: &Path) {
    write_folder(nodes, disk, ROOT, to);
}

fn write_folder(nodes: &BTreeMap<u64, Node>, disk: &Disk, ino: u64, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Some(Node::Folder(names)) = nodes.get(&ino) else {
        return;
    };
    for (name, child) in names {
        let path = to.join(name);
        match (nodes.get(child), disk.folder(*child)) {
            (_, Some(_)) => write_folder(nodes, disk, *child, &path),
            (Some(Node::File(bytes)), None) => fs::write(path, bytes).unwrap(),
            // Its name is there, and nothing that was ever written into it.
            (_, None) => fs::write(path, b"").unwrap(),
        }
    }
}

/// Reads a real folder as a disk on which everything is durable.
pub(crate) fn read(from: &Path) -> Disk {
    let mut nodes = BTreeMap::from([(ROOT, Node::Folder(BTreeMap::new()))]);
    let mut waiting = vec![(ROOT, from.to_owned())];
    let mut last = ROOT;
    while let Some((ino, path)) = waiting.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            last += 1;
            let name = entry.file_name().to_string_lossy().into_owned();
            names(&mut nodes, ino).insert(name, last);
            if entry.file_type().unwrap().is_dir() {
                nodes.insert(last, Node::Folder(BTreeMap::new()));
                waiting.push((last, entry.path()));
            } else {
                nodes.insert(last, Node::File(fs::read(entry.path()).unwrap()));
            }
        }
    }
    Disk::new(nodes)
}
