//! What makes this store this one: the desk's keys, and the name of the instance.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::clock::Timestamp;
use crate::store::BackupState;
use crate::store::Inner;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::keys::KeyRing;
use crate::store::keys::KeyView;
use crate::store::keys::OLD_KEYS_MAX;
use crate::store::keys::key_digest;
use crate::store::layout;
use crate::store::layout::head::KeyRow;
use crate::store::open::disk;
use crate::store::sync::Syncs;
use crate::triage::token::DeskKey;

/// What is said of a key file that cannot be read.
pub(super) const SPOILED: &str = "it is not what was written";

/// Why the keys are as they were.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A backup is being made.
    #[error("a backup is being made, and takes the keys along; ask again when it is done")]
    Busy,
    /// There are too many.
    #[error(
        "there are {OLD_KEYS_MAX} earlier keys already, and no more are kept; drop one first: mailclerk key drop NAME"
    )]
    Full,
    /// No earlier key is called so.
    #[error(
        "no earlier key is called `{0}`; `mailclerk key list` names them; the one that signs is replaced with `mailclerk key rotate`"
    )]
    Unknown(String),
    /// The disk, or the system.
    #[error("desk.key: {0}; nothing was changed")]
    Disk(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Returns the desk's key as it signs and verifies now; made at the first start.
    pub fn desk_key(&self) -> DeskKey {
        self.inner.ring().desk_key()
    }

    /// Returns what may be told of the keys, the signing one first.
    pub fn keys(&self) -> Vec<KeyView> {
        self.inner.ring().views()
    }

    /// Makes a new key, which signs from now on; the others verify until they are dropped.
    ///
    /// # Errors
    /// Then the keys are as they were, at the latest after a new start.
    pub fn rotate_key(&self, now: Timestamp) -> Result<Vec<KeyView>, KeyError> {
        let octets = random_key().ok_or_else(|| KeyError::Disk("no random octets".to_owned()))?;
        self.inner
            .change_keys(|ring| ring.rotated(octets, now).ok_or(KeyError::Full))
    }

    /// Drops the earlier key of that name: what it signed proves nothing any more.
    ///
    /// # Errors
    /// As [`Store::rotate_key`].
    pub fn drop_key(&self, name: &str) -> Result<Vec<KeyView>, KeyError> {
        let unknown = || KeyError::Unknown(name.to_owned());
        self.inner
            .change_keys(|ring| ring.without(|key| key.name == name).ok_or_else(unknown))
    }

    /// Drops the keys that stopped to sign at that moment or before. Returns how many.
    ///
    /// # Errors
    /// As [`Store::rotate_key`].
    pub fn drop_keys_until(&self, until: Timestamp) -> Result<usize, KeyError> {
        let is_over = |key: &KeyView| key.until.is_some_and(|at| at <= until);
        let over = self.keys().into_iter().filter(|key| is_over(key)).count();
        if over > 0 {
            let none = || KeyError::Unknown(String::new());
            self.inner
                .change_keys(|ring| ring.without(is_over).ok_or_else(none))?;
        }
        Ok(over)
    }
}

impl Inner {
    pub(super) fn ring(&self) -> MutexGuard<'_, KeyRing> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exchanges the key file, then the store's record of it. A death between the two leaves a file that holds the key
    /// on record as an earlier one, and the next opening writes the record.
    fn change_keys(
        &self,
        change: impl FnOnce(&KeyRing) -> Result<KeyRing, KeyError>,
    ) -> Result<Vec<KeyView>, KeyError> {
        // A backup that begins meanwhile waits: its records and its keys must be of one moment.
        let backup = self.backup.lock().unwrap_or_else(PoisonError::into_inner);
        if *backup == BackupState::Running {
            return Err(KeyError::Busy);
        }
        self.engine.sound()?;
        let mut ring = self.ring();
        let changed = change(&ring)?;
        keep(&self.engine.syncs, &self.dir.join("desk.key"), &changed)
            .map_err(|e| KeyError::Disk(e.to_string()))?;
        *ring = changed;
        self.attest_key(&ring)?;
        Ok(ring.views())
    }

    /// Writes down what the signing key is like, where that is not on record.
    pub(super) fn attest_key(&self, ring: &KeyRing) -> Result<(), StoreError> {
        let row = KeyRow(key_digest(ring.signs()));
        if self.engine.read::<KeyRow>(layout::KEY_KEY)? == Some(row) {
            return Ok(());
        }
        let mut writer = self.writer();
        let mut batch = Batch::new(&self.engine, writer.head);
        batch.put(layout::KEY_KEY, &row)?;
        batch.keep();
        self.commit(&mut writer, batch)
    }
}

/// Reads the desk's keys, or makes one at the first start (whether they may be missing was looked at before).
pub(super) fn desk_key(syncs: &Syncs, path: &Path) -> Result<KeyRing, OpenError> {
    match fs::read(path) {
        Ok(octets) => KeyRing::read(&octets).ok_or_else(|| OpenError::Key {
            path: path.to_owned(),
            why: SPOILED,
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let octets = random_key().ok_or_else(|| OpenError::Key {
                path: path.to_owned(),
                why: "the system gives no random octets",
            })?;
            let ring = KeyRing::new(octets);
            keep(syncs, path, &ring).map_err(|e| disk(path, &e))?;
            Ok(ring)
        }
        Err(e) => Err(disk(path, &e)),
    }
}

/// Writes a key file, in one piece.
fn keep(syncs: &Syncs, path: &Path, ring: &KeyRing) -> io::Result<()> {
    syncs.replace(path, 0o600, &ring.octets())?;
    syncs.dir(path.parent().unwrap_or(path))
}

/// Makes a key that nobody can guess.
fn random_key() -> Option<[u8; 32]> {
    let mut octets = [0_u8; 32];
    SystemRandom::new().fill(&mut octets).ok()?;
    Some(octets)
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
