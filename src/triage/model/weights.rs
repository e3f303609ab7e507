//! The learned weights: one row of small numbers for each known feature.

use data_encoding::BASE64;

/// At most this many features.
pub(crate) const FEATURES_MAX: usize = 400_000;
/// At most this many questions.
const HEADS_MAX: usize = 128;
/// Hashes are found by their upper bits, so many that a bucket holds two or three, then one after the other.
const BUCKET_BITS: u32 = 17;

/// Rows of weights by the features' hashes.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// Sorted.
    hashes: Vec<u32>,
    /// Where the hashes of each bucket begin; one more at the end.
    buckets: Vec<u32>,
    /// Row after row.
    rows: Vec<i8>,
    heads: usize,
}

impl Weights {
    /// Reads what `write` wrote.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(crate) fn read(data: &str, features: usize, heads: usize) -> Result<Self, String> {
        if heads == 0 || heads > HEADS_MAX || features > FEATURES_MAX {
            return Err("its size cannot be".to_owned());
        }
        let bytes = BASE64
            .decode(data.as_bytes())
            .map_err(|e| format!("its data is damaged: {e}"))?;
        if bytes.len() != features * (4 + heads) {
            return Err(format!(
                "its data has {} octets, not {}",
                bytes.len(),
                features * (4 + heads)
            ));
        }
        let (hashes, weights) = bytes.split_at_checked(features * 4).unwrap_or_default();
        let (hashes, _) = hashes.as_chunks::<4>();
        let hashes: Vec<u32> = hashes.iter().map(|h| u32::from_le_bytes(*h)).collect();
        if !hashes.is_sorted() {
            return Err("its features are out of order".to_owned());
        }
        let mut buckets = vec![0_u32; (1 << BUCKET_BITS) + 1];
        for hash in &hashes {
            if let Some(next) = buckets.get_mut(bucket(*hash) + 1) {
                *next += 1;
            }
        }
        let mut begin = 0;
        for count in &mut buckets {
            begin += *count;
            *count = begin;
        }
        let weights = weights.iter().map(|b| i8::from_le_bytes([*b])).collect();
        Ok(Self {
            hashes,
            buckets,
            rows: weights,
            heads,
        })
    }

    /// Writes hashes and rows; `rows` holds `heads` numbers for each hash, sorted by hash.
    pub(crate) fn write(hashes: &[u32], rows: &[i8]) -> String {
        let mut bytes: Vec<u8> = hashes.iter().flat_map(|h| h.to_le_bytes()).collect();
        bytes.extend(rows.iter().flat_map(|w| w.to_le_bytes()));
        BASE64.encode(&bytes)
    }

    /// Returns the number of a feature's row.
    pub(crate) fn row(&self, hash: u32) -> Option<usize> {
        let bucket = bucket(hash);
        let (from, to) = (*self.buckets.get(bucket)?, *self.buckets.get(bucket + 1)?);
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        let place = self.hashes.get(from..to)?.iter().position(|h| *h == hash)?;
        Some(from + place)
    }

    /// Returns a row: one number for each question.
    pub(crate) fn of(&self, row: usize) -> &[i8] {
        self.rows
            .get(row * self.heads..(row + 1) * self.heads)
            .unwrap_or_default()
    }
}

fn bucket(hash: u32) -> usize {
    usize::try_from(hash >> (32 - BUCKET_BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn what_is_written_is_read_and_unknown_features_have_no_row() {
        let data = Weights::write(&[3, 70_000, u32::MAX], &[1, -2, 3, -4, 127, -127]);
        let weights = Weights::read(&data, 3, 2).unwrap();
        assert_eq!(weights.of(weights.row(70_000).unwrap()), [3, -4]);
        assert_eq!(weights.of(weights.row(u32::MAX).unwrap()), [127, -127]);
        assert_eq!(weights.row(4), None);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let data = Weights::write(&[3, 70_000], &[1, 2]);
        assert!(Weights::read(&data, 3, 1).is_err());
        assert!(Weights::read(&data, 2, 0).is_err());
        assert!(Weights::read("%", 2, 1).is_err());
        assert!(Weights::read(&Weights::write(&[9, 3], &[1, 2]), 2, 1).is_err());
    }
}
