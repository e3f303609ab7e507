//! The refresh token that a server renewed, durable in the state folder.

use std::fmt;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use ring::digest::SHA256;
use serde::Deserialize;
use serde::Serialize;

/// Bytes that the file may have.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A refresh token, and the one it descends from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The digest of the configured refresh token.
    pub(super) origin: String,
    /// The newest one.
    pub(super) refresh_token: String,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}

/// Returns a digest of a configured token, to know it again without keeping it.
pub(super) fn digest(token: &str) -> String {
    HEXLOWER.encode(ring::digest::digest(&SHA256, token.as_bytes()).as_ref())
}

/// Reads what was kept; none when there is no file yet.
pub(super) fn load(file: &Path) -> io::Result<Option<Kept>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut text = String::new();
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    // A file that does not parse is not ours; the configured token is the way back.
    Ok(serde_json::from_str(&text).ok())
}

/// Writes it so that after a crash either the old or the new one is there, whole.
pub(super) fn save(file: &Path, kept: &Kept) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    let mut written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    written.write_all(&serde_json::to_vec(kept)?)?;
    written.sync_all()?;
    std::fs::rename(&draft, file)?;
    File::open(folder)?.sync_all()
}
