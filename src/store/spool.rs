//! The bytes of mails waiting to go, as files, durable before the record that names them.
//!
//! One file holds all mails of one commit and is never changed. It goes when none of its mails may be sent any more.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::store::layout::letters::PlaceRow;
use crate::store::sync::Syncs;

/// The folder of the spool.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    /// Files that nobody needs any more but a backup that is being made; none while none is made.
    held: Mutex<Option<Vec<u64>>>,
}

/// Why a pile could not be written.
#[derive(Debug)]
pub(super) enum SpoolError {
    /// It could not be written down (no space, no such folder): nothing is left of it.
    Write(io::Error),
    /// The disk failed to keep what was written: nobody knows what it holds now.
    Sync(io::Error),
}

/// Returns the name of a file of the spool.
pub(super) fn file_name(file: u64) -> String {
    format!("{file:016x}")
}

/// The mails of one commit, before they are written.
#[derive(Debug, Default)]
pub(super) struct Pile {
    mails: Vec<Vec<u8>>,
    bytes: u64,
}

impl Pile {
    /// Lays a mail on the pile; returns where it will lie in the file of that number.
    pub(super) fn add(&mut self, file: u64, mail: Vec<u8>) -> PlaceRow {
        let length = mail.len() as u64;
        let place = PlaceRow {
            file,
            offset: self.bytes,
            length,
            crc: crc32fast::hash(&mail),
        };
        self.bytes += length;
        self.mails.push(mail);
        place
    }

    /// Returns how many mails lie on it.
    pub(super) fn len(&self) -> usize {
        self.mails.len()
    }

    /// Returns how many octets they have together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the uppermost mails off again.
    pub(super) fn cut_back(&mut self, len: usize) {
        for mail in self.mails.drain(len.min(self.mails.len())..) {
            self.bytes -= mail.len() as u64;
        }
    }
}

impl Spool {
    /// Names the folder.
    pub(super) fn new(dir: PathBuf) -> Self {
        let held = Mutex::new(None);
        Self { dir, held }
    }

    /// Returns where a file lies.
    pub(super) fn path(&self, file: u64) -> PathBuf {
        self.dir.join(file_name(file))
    }

    /// Writes a pile, durable when this returns. On failure nothing is left.
    pub(super) fn write(&self, file: u64, pile: &Pile, syncs: &Syncs) -> Result<(), SpoolError> {
        let path = self.path(file);
        let written = Self::write_to(&path, pile)
            .map_err(SpoolError::Write)
            .and_then(|file| syncs.all(&file, &path).map_err(SpoolError::Sync))
            .and_then(|()| syncs.dir(&self.dir).map_err(SpoolError::Sync));
        if written.is_err() {
            // Best effort: without a record that names it the file is removed at the next start.
            let _ = syncs.remove(&path);
        }
        written
    }

    fn write_to(path: &Path, pile: &Pile) -> io::Result<File> {
        // Mails are private: nobody else reads them, whatever the umask.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut out = BufWriter::with_capacity(128 * 1024, file);
        for mail in &pile.mails {
            out.write_all(mail)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    /// Reads one mail and checks it. The error is a sentence.
    pub(super) fn read(&self, place: &PlaceRow) -> Result<Vec<u8>, String> {
        let path = self.path(place.file);
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let mut file = File::open(&path).map_err(|e| named(&e))?;
        file.seek(SeekFrom::Start(place.offset))
            .map_err(|e| named(&e))?;
        let mut mail = Vec::new();
        let read = file
            .take(place.length)
            .read_to_end(&mut mail)
            .map_err(|e| named(&e))?;
        if read as u64 == place.length && crc32fast::hash(&mail) == place.crc {
            Ok(mail)
        } else {
            Err(named(&"the file is damaged"))
        }
    }

    /// Removes a file of which no mail may be sent any more. What fails is done at the next start.
    pub(super) fn remove(&self, file: u64, syncs: &Syncs) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.push(file),
            None => drop(syncs.remove(&self.path(file))),
        }
    }

    /// Keeps every file until [`Spool::release`]: a backup reads them.
    pub(super) fn hold(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_default();
    }

    /// Removes what was to be removed meanwhile.
    pub(super) fn release(&self, syncs: &Syncs) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for file in held.take().unwrap_or_default() {
            let _ = syncs.remove(&self.path(file));
        }
    }

    /// Removes files that no record names.
    pub(super) fn clean(&self, live: &BTreeMap<u64, u64>, syncs: &Syncs) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            // Only what is ours by its name: a folder mounted in the wrong place loses nothing.
            let number = name
                .to_str()
                .filter(|n| n.len() == 16)
                .and_then(|n| u64::from_str_radix(n, 16).ok());
            if number.is_some_and(|n| !live.contains_key(&n)) {
                syncs.remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
