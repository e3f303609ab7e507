//! Sums to probabilities, after Platt: a slope and an offset that fit what was seen on held-out samples.

/// Newton steps.
const STEPS_MAX: usize = 100;

/// Fits the slope and the offset to sums and what was true of them. Targets are drawn in a little (Platt, 1999), so
/// that a question without mistakes is not believed without bounds. The slope is never negative.
#[expect(clippy::cast_precision_loss, reason = "counts of samples fit a float")]
pub fn fit(sums: &[f64], truths: &[bool]) -> (f64, f64) {
    let positive = truths.iter().filter(|t| **t).count() as f64;
    let negative = truths.len() as f64 - positive;
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    let (mut slope, mut offset) = (1.0, ((positive + 1.0) / (negative + 1.0)).ln() * 0.5);
    let mut error = loss(sums, truths, (high, low), (slope, offset));
    for _ in 0..STEPS_MAX {
        // Gradient and Hessian of the cross entropy, with a small ridge.
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (sum, truth) in sums.iter().zip(truths) {
            let p = 1.0 / (1.0 + (-(slope * sum + offset)).exp());
            let d = p - if *truth { high } else { low };
            let h = (p * (1.0 - p)).max(1e-12);
            ga += d * sum;
            gb += d;
            haa += h * sum * sum;
            hab += h * sum;
            hbb += h;
        }
        let determinant = haa * hbb - hab * hab;
        if ga.abs() + gb.abs() < 1e-6 || determinant <= 0.0 {
            break;
        }
        let (da, db) = (
            (hbb * ga - hab * gb) / determinant,
            (haa * gb - hab * ga) / determinant,
        );
        let mut length = 1.0;
        let better = loop {
            let next = (slope - length * da, offset - length * db);
            let there = loss(sums, truths, (high, low), next);
            if there < error {
                break Some((next, there));
            }
            length /= 2.0;
            if length < 1e-8 {
                break None;
            }
        };
        let Some((next, there)) = better else { break };
        (slope, offset) = next;
        error = there;
    }
    if slope > 0.0 {
        (slope, offset)
    } else {
        (0.0, ((positive + 1.0) / (negative + 1.0)).ln())
    }
}

fn loss(
    sums: &[f64],
    truths: &[bool],
    (high, low): (f64, f64),
    (slope, offset): (f64, f64),
) -> f64 {
    sums.iter()
        .zip(truths)
        .map(|(sum, truth)| {
            let z = slope * sum + offset;
            let target = if *truth { high } else { low };
            // ln(1 + e^z) - target·z, without overflow.
            z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::model::probability;

    #[test]
    fn what_is_true_three_times_in_four_gets_three_quarters() {
        let sums: Vec<f64> = (0..800)
            .map(|n| if n % 2 == 0 { 2.0 } else { -2.0 })
            .collect();
        let truths: Vec<bool> = (0..800)
            .map(|n| if n % 2 == 0 { n % 8 != 0 } else { n % 8 == 1 })
            .collect();
        let fitted = fit(&sums, &truths);
        assert!((probability(2.0, fitted) - 0.75).abs() < 0.01);
        assert!((probability(-2.0, fitted) - 0.25).abs() < 0.01);
    }

    #[test]
    fn no_mistake_at_all_is_not_certainty() {
        let fitted = fit(&[3.0, 4.0, -3.0, -4.0], &[true, true, false, false]);
        let p = probability(4.0, fitted);
        assert!(p > 0.5 && p < 0.99, "{p}");
    }

    #[test]
    fn a_question_that_is_answered_the_wrong_way_round_tells_nothing() {
        let fitted = fit(&[1.0, -1.0, 1.0, -1.0], &[false, true, false, true]);
        assert!((probability(5.0, fitted) - probability(-5.0, fitted)).abs() < 1e-9);
    }
}
