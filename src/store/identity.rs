//! What makes this store this one: the desk's key, and the name of the instance.

use std::fs;
use std::io;
use std::path::Path;

use ring::digest::SHA256;
use ring::digest::digest;
use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::store::OpenError;
use crate::store::StoreError;
use crate::store::open::disk;
use crate::store::sync::Syncs;

/// Reads the desk's key, or makes it at the first start (whether it may be missing was looked at before).
pub(super) fn desk_key(syncs: &Syncs, path: &Path) -> Result<[u8; 32], OpenError> {
    match fs::read(path) {
        Ok(octets) => octets.try_into().map_err(|_| OpenError::Key {
            path: path.to_owned(),
            why: "it is not 32 octets long",
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let octets = random_key(path)?;
            let written = syncs.replace(path, 0o600, &octets);
            let folder = path.parent().unwrap_or(path);
            written
                .and_then(|()| syncs.dir(folder))
                .map_err(|e| disk(path, &e))?;
            Ok(octets)
        }
        Err(e) => Err(disk(path, &e)),
    }
}

/// Returns a digest of a key, which tells nothing about it and changes with it.
pub(super) fn key_digest(octets: &[u8; 32]) -> [u8; 32] {
    let sum = digest(
        &SHA256,
        &[b"mailclerk desk key ", octets.as_slice()].concat(),
    );
    sum.as_ref().try_into().unwrap_or_default()
}

/// Makes a key that nobody can guess.
fn random_key(path: &Path) -> Result<[u8; 32], OpenError> {
    let mut octets = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| OpenError::Key {
            path: path.to_owned(),
            why: "the system gives no random octets",
        })?;
    Ok(octets)
}

/// Makes a name for a store that no other has.
pub(super) fn new_instance() -> Result<String, StoreError> {
    let mut octets = [0_u8; 5];
    SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| StoreError::Broken("the system gives no random octets".to_owned()))?;
    Ok(data_encoding::BASE32_NOPAD
        .encode(&octets)
        .to_ascii_lowercase())
}
