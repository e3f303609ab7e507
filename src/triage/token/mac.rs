//! One secret key and the tags that it signs, each for one use.
//!
//! Tags are compared by `hmac::verify` on a MAC of the expected tag: constant time without a cut-tag comparison of our
//! own.

use data_encoding::BASE32_NOPAD;
use ring::hmac;

use crate::message::address::Address;

/// Octets of a tag: 80 bits.
const TAG_OCTETS: usize = 10;
/// Characters of a tag in base32.
pub(super) const TAG_CHARS: usize = 16;

const _: () = assert!(
    TAG_OCTETS * 8 == TAG_CHARS * 5,
    "a tag fills its characters exactly"
);

/// One key.
#[derive(Clone)]
pub(super) struct Mac(hmac::Key);

impl Mac {
    pub(super) fn new(octets: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, octets))
    }

    /// Says that we made an id.
    pub(super) fn seal(&self, letter: &str, number: &str, nonce: &str) -> String {
        self.tag(
            "id",
            &[letter.as_bytes(), number.as_bytes(), nonce.as_bytes()],
        )
    }

    /// Says for whom we made it.
    pub(super) fn bond(&self, letter: &str, number: &str, nonce: &str, who: &str) -> String {
        self.tag(
            "id-to",
            &[
                letter.as_bytes(),
                number.as_bytes(),
                nonce.as_bytes(),
                who.as_bytes(),
            ],
        )
    }

    /// The tag of a reply address.
    pub(super) fn address_tag(&self, number: u64, to: &Address) -> String {
        self.tag(
            "reply-address",
            &[number.to_string().as_bytes(), to.identity().as_bytes()],
        )
    }

    /// The tag of a subject.
    pub(super) fn subject_mac(&self, number: u64, to: &Address) -> String {
        self.tag(
            "subject",
            &[number.to_string().as_bytes(), to.identity().as_bytes()],
        )
    }

    /// Signs the parts for one use. Lengths go in before the parts, so that no two lists of parts read the same.
    pub(super) fn tag(&self, used_for: &str, parts: &[&[u8]]) -> String {
        let mut signed = hmac::Context::with_key(&self.0);
        for part in [b"mailclerk/1".as_slice(), used_for.as_bytes()]
            .iter()
            .chain(parts)
        {
            signed.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            signed.update(part);
        }
        let whole = signed.sign();
        let cut = whole.as_ref().get(..TAG_OCTETS).unwrap_or_default();
        BASE32_NOPAD.encode(cut).to_ascii_lowercase()
    }

    /// Compares two tags in constant time: MACs of both are compared, so that where they differ tells nothing.
    pub(super) fn same(&self, expected: &str, given: &str) -> bool {
        let of_expected = hmac::sign(&self.0, expected.as_bytes());
        hmac::verify(&self.0, given.as_bytes(), of_expected.as_ref()).is_ok()
    }
}
