//! The files of a backup: all records in one, and the manifest that says what belongs to it.
//!
//! ```text
//! mailclerk-backup       marks the folder as one that backups may be written to
//! manifest               written last: without it, or spoiled, there is no backup
//! records-G-D            frames; G: the store's generation, D: beginning of their digest
//! spool/S-D              a file of the spool; S: its name there, D: beginning of its digest
//! desk.key               the desk's keys; desk.key-D, too, while a backup with other keys replaces one
//!
//! frame = name-length u8, tree, kind u8 (1 put, 0 removed), key-length u32, value-length u32, key, value
//! later frames overrule earlier ones; a name-length of 0 ends the file
//! ```

use std::fmt::Write as _;
use std::io;
use std::io::Read;
use std::io::Write;

use ring::digest::Context;
use ring::digest::SHA256;

use crate::store::layout::Tree;

/// No key or value of ours is longer (octets).
const PART_BYTES_MAX: u32 = 64 * 1024;

/// Writes and reads through, and sums up what went by.
pub(super) struct Summed<T> {
    inner: T,
    sum: Context,
    octets: u64,
}

impl<T> Summed<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            sum: Context::new(&SHA256),
            octets: 0,
        }
    }

    /// Returns what is inside, the octets that went by, and their digest in hex.
    pub(super) fn finish(self) -> (T, Sum) {
        let sha = data_encoding::HEXLOWER.encode(self.sum.finish().as_ref());
        let octets = self.octets;
        (self.inner, Sum { octets, sha })
    }

    fn passed(&mut self, octets: &[u8]) {
        self.sum.update(octets);
        self.octets += octets.len() as u64;
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(octets)?;
        self.passed(octets.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(octets)?;
        self.passed(octets.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// How long a file is, and its SHA-256 in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) octets: u64,
    pub(super) sha: String,
}

impl Sum {
    /// Sums up what can be read.
    pub(super) fn of(from: impl Read) -> io::Result<Self> {
        let mut summed = Summed::new(from);
        io::copy(&mut summed, &mut io::sink())?;
        Ok(summed.finish().1)
    }

    /// The beginning of the digest, for names of files.
    pub(super) fn short(&self) -> &str {
        self.sha.get(..16).unwrap_or_default()
    }

    fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let octets = words.next()?.parse().ok()?;
        let sha = words.next()?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (sha.len() == 64 && sha.bytes().all(hex)).then(|| Self {
            octets,
            sha: sha.to_owned(),
        })
    }
}

/// Writes a frame.
pub(super) fn write_frame(
    out: &mut impl Write,
    tree: Tree,
    key: &[u8],
    value: Option<&[u8]>,
) -> io::Result<()> {
    let long = || io::Error::new(io::ErrorKind::InvalidData, "a record is too long");
    let length = |part: &[u8]| u32::try_from(part.len()).map_err(|_| long());
    let name = tree.name().as_bytes();
    out.write_all(&[u8::try_from(name.len()).map_err(|_| long())?])?;
    out.write_all(name)?;
    out.write_all(&[u8::from(value.is_some())])?;
    let value = value.unwrap_or_default();
    out.write_all(&length(key)?.to_be_bytes())?;
    out.write_all(&length(value)?.to_be_bytes())?;
    out.write_all(key)?;
    out.write_all(value)
}

/// Writes what stands behind the last frame.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0])
}

/// A frame, read.
pub(super) struct Frame {
    pub(super) tree: String,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// Reads the next frame; none at the end.
pub(super) fn read_frame(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let bad = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut one = [0; 1];
    from.read_exact(&mut one)?;
    let [name_length] = one;
    if name_length == 0 {
        return Ok(None);
    }
    let tree = String::from_utf8(part(from, u32::from(name_length))?)
        .map_err(|_| bad("a tree without a name"))?;
    from.read_exact(&mut one)?;
    let mut lengths = [[0; 4]; 2];
    for length in &mut lengths {
        from.read_exact(length)?;
    }
    let [key, value] = lengths.map(u32::from_be_bytes);
    let (key, value) = (part(from, key)?, part(from, value)?);
    let value = match one {
        [0] if value.is_empty() => None,
        [1] => Some(value),
        _ => return Err(bad("a record of an unknown kind")),
    };
    Ok(Some(Frame { tree, key, value }))
}

fn part(from: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    if length > PART_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a record is too long",
        ));
    }
    let mut part = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut part)?;
    if part.len() as u64 == u64::from(length) {
        Ok(part)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What belongs to a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The store's layout.
    pub(super) layout: u32,
    pub(super) instance: String,
    pub(super) generation: u64,
    pub(super) tickets: u64,
    pub(super) ledger: u64,
    /// When it was begun, in seconds since 1970.
    pub(super) taken: i64,
    pub(super) records: Sum,
    pub(super) key: Sum,
    /// Files of the spool by number.
    pub(super) spool: Vec<(u64, Sum)>,
}

impl Manifest {
    /// The name of the file of records.
    pub(super) fn records_name(generation: u64, sum: &Sum) -> String {
        format!("records-{generation}-{}", sum.short())
    }

    /// The name of a file of the spool.
    pub(super) fn spool_name(file: u64, sum: &Sum) -> String {
        format!("{}-{}", crate::store::spool::file_name(file), sum.short())
    }

    /// The name of a key file that lies beside another.
    pub(super) fn key_name(sum: &Sum) -> String {
        format!("desk.key-{}", sum.short())
    }

    /// Writes it as lines of text.
    pub(super) fn text(&self) -> String {
        let mut said = format!(
            "mailclerk-backup 1\nlayout {}\ninstance {}\ngeneration {}\ntickets {}\nledger {}\ntaken {}\n",
            self.layout, self.instance, self.generation, self.tickets, self.ledger, self.taken
        );
        let mut line = |what: &str, sum: &Sum| {
            // Writing to a text cannot fail.
            let _ = writeln!(said, "{what} {} {}", sum.octets, sum.sha);
        };
        line("records", &self.records);
        line("key", &self.key);
        for (file, sum) in &self.spool {
            line(&format!("spool {file}"), sum);
        }
        format!("{said}end {:08x}\n", crc32fast::hash(said.as_bytes()))
    }

    /// Reads it; none if it is not whole.
    pub(super) fn read(text: &str) -> Option<Self> {
        let at = text.strip_suffix('\n')?.rfind('\n')? + 1;
        let (said, end) = text.split_at_checked(at)?;
        let crc = u32::from_str_radix(end.strip_prefix("end ")?.trim_end(), 16).ok()?;
        if crc != crc32fast::hash(said.as_bytes()) {
            return None;
        }
        let mut lines = said.lines();
        (lines.next()? == "mailclerk-backup 1").then_some(())?;
        let mut word = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let layout = word("layout")?.parse().ok()?;
        let instance = word("instance")?.to_owned();
        let generation = word("generation")?.parse().ok()?;
        let tickets = word("tickets")?.parse().ok()?;
        let ledger = word("ledger")?.parse().ok()?;
        let taken = word("taken")?.parse().ok()?;
        let records = Sum::read(&mut word("records")?.split(' '))?;
        let key = Sum::read(&mut word("key")?.split(' '))?;
        let spool = lines
            .map(|line| {
                let mut words = line.strip_prefix("spool ")?.split(' ');
                Some((words.next()?.parse().ok()?, Sum::read(&mut words)?))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            layout,
            instance,
            generation,
            tickets,
            ledger,
            taken,
            records,
            key,
            spool,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_manifest_that_was_cut_or_changed_anywhere_is_none() {
        let sum = Sum::of(&b"records"[..]).unwrap();
        let manifest = Manifest {
            layout: 1,
            instance: "abc".to_owned(),
            generation: 9,
            tickets: 2,
            ledger: 3,
            taken: 1_750_000_000,
            records: sum.clone(),
            key: sum.clone(),
            spool: vec![(4, sum.clone()), (5, sum)],
        };
        let text = manifest.text();
        assert_eq!(Manifest::read(&text), Some(manifest));
        for at in 0..text.len() {
            assert_eq!(Manifest::read(text.get(..at).unwrap()), None, "{at}");
            let mut changed = text.clone().into_bytes();
            *changed.get_mut(at).unwrap() ^= 1;
            if let Ok(changed) = String::from_utf8(changed) {
                assert_eq!(Manifest::read(&changed), None, "{at}");
            }
        }
    }

    #[test]
    fn frames_come_back_as_they_were_and_a_cut_one_is_an_error() {
        let mut out = Vec::new();
        write_frame(&mut out, Tree::Ledger, b"key", Some(b"value")).unwrap();
        write_frame(&mut out, Tree::Due, b"gone", None).unwrap();
        let whole = out.len();
        write_end(&mut out).unwrap();
        let mut from = out.as_slice();
        let frame = read_frame(&mut from).unwrap().unwrap();
        assert_eq!(
            (frame.tree.as_str(), frame.key.as_slice(), frame.value),
            ("ledger", &b"key"[..], Some(b"value".to_vec()))
        );
        assert_eq!(read_frame(&mut from).unwrap().unwrap().value, None);
        assert!(read_frame(&mut from).unwrap().is_none());
        for at in 0..=whole {
            let mut from = out.get(..at).unwrap();
            let ended = (0..3).find_map(|_| read_frame(&mut from).map(|_| ()).err());
            assert!(ended.is_some(), "{at}");
        }
        let mut giant = out.clone();
        giant.get_mut(8..12).unwrap().fill(0xff);
        assert!(read_frame(&mut giant.as_slice()).is_err());
    }
}
