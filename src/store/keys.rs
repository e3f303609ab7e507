//! The desk's keys as `desk.key` holds them: the one that signs, and those that signed before it and still verify.
//!
//! ```text
//! never rotated     32 octets
//! rotated           mailclerk keys 1
//!                   signs BASE32
//!                   signed BASE32 until SECONDS     once for each earlier key, the newest first
//!                   crc 0123abcd
//! ```
//!
//! The file is replaced in one piece; the store's record of it (`KeyRow`) follows. Between the two the store knows an
//! earlier key of the file, which is enough to know that the file is its own.

use std::fmt::Write as _;

use data_encoding::BASE32_NOPAD;
use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::triage::token::DeskKey;

/// Earlier keys that a file may hold.
pub(super) const OLD_KEYS_MAX: usize = 15;
/// First line of a file with more than one key.
const FIRST_LINE: &str = "mailclerk keys 1";
/// Characters of a key's name.
const NAME_CHARS: usize = 8;

/// A key that signs no more.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OldKey {
    octets: [u8; 32],
    /// When it stopped to sign.
    until: Timestamp,
}

/// All keys of a desk.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KeyRing {
    signs: [u8; 32],
    old: Vec<OldKey>,
}

/// What is told of a key: nothing that helps to guess it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyView {
    /// The beginning of its digest.
    pub name: String,
    /// When it stopped to sign; none: it signs.
    pub until: Option<Timestamp>,
}

impl KeyRing {
    pub(super) fn new(signs: [u8; 32]) -> Self {
        Self {
            signs,
            old: Vec::new(),
        }
    }

    /// Reads a key file. None: it is no such file, or not what was written.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        if let Ok(signs) = <[u8; 32]>::try_from(octets) {
            return Some(Self::new(signs));
        }
        let text = std::str::from_utf8(octets).ok()?;
        let (said, crc) = text.strip_suffix('\n')?.rsplit_once("crc ")?;
        if crc.len() != 8 || u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(said.as_bytes())
        {
            return None;
        }
        let mut lines = said.strip_suffix('\n')?.split('\n');
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut ring = Self::new(key(lines.next()?.strip_prefix("signs ")?)?);
        for line in lines {
            let (octets, until) = line.strip_prefix("signed ")?.split_once(" until ")?;
            ring.old.push(OldKey {
                octets: key(octets)?,
                until: Timestamp(until.parse().ok()?),
            });
        }
        (ring.old.len() <= OLD_KEYS_MAX).then_some(ring)
    }

    /// The file's content.
    pub(super) fn octets(&self) -> Vec<u8> {
        if self.old.is_empty() {
            return self.signs.to_vec();
        }
        let mut text = format!("{FIRST_LINE}\nsigns {}\n", BASE32_NOPAD.encode(&self.signs));
        for old in &self.old {
            let octets = BASE32_NOPAD.encode(&old.octets);
            let _ = writeln!(text, "signed {octets} until {}", old.until.0);
        }
        let crc = crc32fast::hash(text.as_bytes());
        let _ = writeln!(text, "crc {crc:08x}");
        text.into_bytes()
    }

    /// The key that signs.
    pub(super) fn signs(&self) -> &[u8; 32] {
        &self.signs
    }

    /// Digests of all keys, which tell nothing about them; the signing one's first.
    pub(super) fn digests(&self) -> impl Iterator<Item = [u8; 32]> {
        self.all().map(key_digest)
    }

    /// Whether another ring holds one of these keys: rings of the same desk do.
    pub(super) fn is_kin(&self, other: &Self) -> bool {
        self.all()
            .any(|ours| other.all().any(|theirs| ours == theirs))
    }

    pub(super) fn desk_key(&self) -> DeskKey {
        let old: Vec<[u8; 32]> = self.old.iter().map(|old| old.octets).collect();
        DeskKey::with_old(&self.signs, &old)
    }

    pub(super) fn views(&self) -> Vec<KeyView> {
        let signs = KeyView {
            name: name(&self.signs),
            until: None,
        };
        let old = self.old.iter().map(|old| KeyView {
            name: name(&old.octets),
            until: Some(old.until),
        });
        std::iter::once(signs).chain(old).collect()
    }

    /// The ring with a new key that signs from now on. None: it holds as many as it may.
    pub(super) fn rotated(&self, signs: [u8; 32], now: Timestamp) -> Option<Self> {
        if self.old.len() >= OLD_KEYS_MAX {
            return None;
        }
        let mut old = vec![OldKey {
            octets: self.signs,
            until: now,
        }];
        old.extend(self.old.iter().cloned());
        Some(Self { signs, old })
    }

    /// The ring without the earlier keys of which `goes` says so. None: it says so of none.
    pub(super) fn without(&self, goes: impl Fn(&KeyView) -> bool) -> Option<Self> {
        let views = self.views();
        let old: Vec<OldKey> = self
            .old
            .iter()
            .zip(views.iter().skip(1))
            .filter(|(_, view)| !goes(view))
            .map(|(old, _)| old.clone())
            .collect();
        (old.len() < self.old.len()).then_some(Self {
            signs: self.signs,
            old,
        })
    }

    fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.signs).chain(self.old.iter().map(|old| &old.octets))
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

fn key(base32: &str) -> Option<[u8; 32]> {
    let octets = BASE32_NOPAD.decode(base32.as_bytes()).ok()?;
    octets.try_into().ok()
}

fn name(octets: &[u8; 32]) -> String {
    let mut name = BASE32_NOPAD
        .encode(&key_digest(octets))
        .to_ascii_lowercase();
    name.truncate(NAME_CHARS);
    name
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]

    use super::*;

    fn ring() -> KeyRing {
        let first = KeyRing::new([1; 32]);
        let second = first.rotated([2; 32], Timestamp(100)).unwrap();
        second.rotated([3; 32], Timestamp(200)).unwrap()
    }

    #[test]
    fn a_key_file_reads_as_it_was_written_and_one_that_was_changed_does_not() {
        for ring in [KeyRing::new([1; 32]), ring()] {
            assert!(KeyRing::read(&ring.octets()) == Some(ring));
        }
        let octets = ring().octets();
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut spoiled = octets.clone();
                spoiled[at] ^= 1 << bit;
                // A crc in capitals is the same crc.
                let read = KeyRing::read(&spoiled);
                assert!(read.is_none() || read == Some(ring()), "{at} {bit}");
            }
            let cut = KeyRing::read(&octets[..at]);
            // The one length that is a key by itself is refused by the store, which knows what its key is like.
            assert_eq!(cut.is_some(), at == 32, "{at}");
        }
    }

    #[test]
    fn a_file_from_before_any_rotation_is_the_bare_key() {
        assert_eq!(KeyRing::new([7; 32]).octets(), [7; 32]);
        assert!(ring().without(|_| true).unwrap().octets() == [3; 32]);
    }

    #[test]
    fn the_signing_key_is_never_dropped_and_the_ring_has_an_end() {
        let ring = ring();
        assert_eq!(ring.views().len(), 3);
        let left = ring.without(|key| key.until <= Some(Timestamp(100)));
        let names: Vec<String> = left.unwrap().views().into_iter().map(|k| k.name).collect();
        assert_eq!(names, [name(&[3; 32]), name(&[2; 32])]);
        assert!(ring.without(|key| key.name == name(&[3; 32])).is_none());
        let mut full = ring;
        for n in 0..13 {
            full = full.rotated([n + 10; 32], Timestamp(300)).unwrap();
        }
        assert!(full.rotated([99; 32], Timestamp(300)).is_none());
        assert!(KeyRing::read(&full.octets()) == Some(full));
    }
}
