//! What makes this store this one: the desk's key, and the name of the instance.

use std::fs;
use std::io;
use std::path::Path;

use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::store::OpenError;
use crate::store::StoreError;
use crate::store::engine::Engine;
use crate::store::open::disk;

/// Reads the desk's key, or makes it at the first start.
pub(super) fn desk_key(
    engine: &Engine,
    path: &Path,
    may_miss: bool,
) -> Result<[u8; 32], OpenError> {
    let bad = |why| OpenError::Key {
        path: path.to_owned(),
        why,
    };
    match fs::read(path) {
        Ok(octets) => octets
            .try_into()
            .map_err(|_| bad("it is not 32 octets long")),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !may_miss => Err(bad("it is missing")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut octets = [0_u8; 32];
            SystemRandom::new()
                .fill(&mut octets)
                .map_err(|_| bad("the system gives no random octets"))?;
            let written = engine.syncs.replace(path, 0o600, &octets);
            let folder = path.parent().unwrap_or(path);
            written
                .and_then(|()| engine.syncs.dir(folder))
                .map_err(|e| disk(path, &e))?;
            Ok(octets)
        }
        Err(e) => Err(disk(path, &e)),
    }
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
