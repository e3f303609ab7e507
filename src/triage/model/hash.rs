//! What features are known by.

use std::hash::Hasher;

/// FNV-1a, folded to 32 bits: the same on every machine, for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Begins with the feature's kind.
    pub(crate) fn of(kind: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).add(kind)
    }

    /// Adds text.
    pub(crate) fn add(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    #[expect(clippy::cast_possible_truncation, reason = "folded on purpose")]
    /// What the feature is known by.
    pub(crate) fn end(self) -> u32 {
        (self.0 ^ (self.0 >> 32)) as u32
    }
}

/// Hashes of features are hashed already.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, hash: u32) {
        // The table looks at the upper bits as well.
        self.0 = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
