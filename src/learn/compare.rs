//! Whether a new model may take the present one's place.

use std::collections::BTreeMap;

use data_encoding::BASE64;

use crate::learn::choose::outcome;
use crate::learn::folds::HeldOut;
use crate::triage::Disposition;
use crate::triage::model::combine::Thresholds;
use crate::triage::rules::IntentRules;

const RIGHT: u8 = 1;
const HARM: u8 = 2;

/// Writes how each sample fared: five octets each, its digest and what came of it.
pub fn record(samples: &[HeldOut], limits: &Thresholds, rules: &IntentRules) -> String {
    let mut all: Vec<[u8; 5]> = samples
        .iter()
        .map(|sample| {
            let (_, said) = outcome(sample, limits, rules);
            let wanted = sample.truth.disposition;
            let right = if said == wanted { RIGHT } else { 0 };
            let harm = if wanted == Disposition::Forward && said != wanted {
                HARM
            } else {
                0
            };
            let [a, b, c, d] = sample.digest.to_le_bytes();
            [a, b, c, d, right | harm]
        })
        .collect();
    all.sort_unstable();
    BASE64.encode(all.as_flattened())
}

/// What two models did to the samples that both were measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Samples that both know.
    pub shared: usize,
    /// Right before, wrong now.
    pub lost: usize,
    /// Wrong before, right now.
    pub gained: usize,
    /// Harm before.
    pub harm_before: usize,
    /// Harm now.
    pub harm_now: usize,
}

/// Compares two records on the samples that both hold.
pub fn compare(before: &str, now: &str) -> Comparison {
    let (before, now) = (read(before), read(now));
    let mut out = Comparison::default();
    for (digest, new) in now {
        let Some(old) = before.get(&digest) else {
            continue;
        };
        out.shared += 1;
        out.lost += usize::from(old & RIGHT > new & RIGHT);
        out.gained += usize::from(old & RIGHT < new & RIGHT);
        out.harm_before += usize::from(old & HARM != 0);
        out.harm_now += usize::from(new & HARM != 0);
    }
    out
}

fn read(record: &str) -> BTreeMap<u32, u8> {
    let bytes = BASE64.decode(record.as_bytes()).unwrap_or_default();
    let (rows, _) = bytes.as_chunks::<5>();
    rows.iter()
        .map(|[a, b, c, d, fared]| (u32::from_le_bytes([*a, *b, *c, *d]), *fared))
        .collect()
}

impl Comparison {
    /// Says why the new model must not take the place: it harms more, or is worse by more than chance.
    ///
    /// # Errors
    /// The sentence.
    pub fn verdict(&self) -> Result<(), String> {
        let Self {
            shared,
            lost,
            gained,
            harm_before,
            harm_now,
        } = *self;
        if harm_now > harm_before {
            return Err(format!(
                "of {shared} samples that both models know it harms {harm_now}, the present one {harm_before}"
            ));
        }
        // Two standard deviations of the sign test.
        if lost > gained && (lost - gained).pow(2) > 4 * (lost + gained) {
            return Err(format!(
                "of {shared} samples that both models know it loses {lost} and gains {gained} dispositions"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(rows: &[(u32, u8)]) -> String {
        let bytes: Vec<u8> = rows
            .iter()
            .flat_map(|(d, f)| [&d.to_le_bytes()[..], &[*f]].concat())
            .collect();
        BASE64.encode(&bytes)
    }

    #[test]
    fn one_harm_more_is_refused_whatever_is_gained() {
        let before = record(&[(1, RIGHT), (2, 0), (3, 0), (4, RIGHT)]);
        let now = record(&[(1, HARM), (2, RIGHT), (3, RIGHT), (4, RIGHT), (5, HARM)]);
        let found = compare(&before, &now);
        assert_eq!(
            (found.shared, found.lost, found.gained, found.harm_now),
            (4, 1, 2, 1)
        );
        assert!(found.verdict().is_err());
    }

    #[test]
    fn worse_by_chance_is_no_reason_and_worse_by_much_is() {
        let few = Comparison {
            shared: 100,
            lost: 4,
            gained: 2,
            ..Comparison::default()
        };
        assert!(few.verdict().is_ok());
        let many = Comparison {
            shared: 100,
            lost: 20,
            gained: 2,
            ..Comparison::default()
        };
        assert!(many.verdict().is_err());
    }

    #[test]
    fn a_damaged_record_knows_no_samples() {
        assert_eq!(
            compare("%%%", &record(&[(1, RIGHT)])),
            Comparison::default()
        );
    }
}
