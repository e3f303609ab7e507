//! Logistic regression with an L2 penalty, by coordinate descent on the dual.
//!
//! H.-F. Yu, F.-L. Huang, C.-J. Lin: Dual coordinate descent methods for logistic regression and maximum entropy
//! models, Machine Learning 85 (2011): minimises `|w|²/2 + Σ cᵢ·ln(1 + exp(-yᵢ w·xᵢ))`.

/// A sparse row: column and value.
pub type Row = Vec<(u32, f32)>;

/// More passes over the rows than this are not made.
const PASSES_MAX: usize = 60;
/// Done when no row's step was larger than this share of its cost.
const STEP_MIN: f64 = 1e-3;
/// Newton steps for one row.
const NEWTON_MAX: usize = 20;

/// One learned question.
#[derive(Debug, Clone)]
pub struct Solution {
    /// A weight for each column.
    pub weights: Vec<f64>,
    /// Passes that were made.
    pub passes: usize,
}

/// Learns to tell the rows marked `true` from the others. `costs` says how much each row counts.
pub fn solve(rows: &[&Row], marks: &[bool], costs: &[f64], columns: usize) -> Solution {
    let mut weights = vec![0.0_f64; columns];
    let norms: Vec<f64> = rows
        .iter()
        .map(|r| r.iter().map(|(_, v)| f64::from(*v).powi(2)).sum())
        .collect();
    let mut alphas: Vec<f64> = costs.iter().map(|c| c * 1e-3).collect();
    for ((row, mark), alpha) in rows.iter().zip(marks).zip(&alphas) {
        add(&mut weights, row, signed(*mark) * alpha);
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut passes = 0;
    while passes < PASSES_MAX {
        passes += 1;
        dice.shuffle(&mut order);
        let mut largest = 0.0_f64;
        for at in &order {
            let (Some(row), Some(mark), Some(cost), Some(norm), Some(alpha)) = (
                rows.get(*at),
                marks.get(*at),
                costs.get(*at),
                norms.get(*at),
                alphas.get_mut(*at),
            ) else {
                continue;
            };
            let sign = signed(*mark);
            let new = best(*alpha, *cost, *norm, sign * dot(&weights, row));
            let step = new - *alpha;
            if step.abs() > cost * 1e-9 {
                add(&mut weights, row, sign * step);
                *alpha = new;
                largest = largest.max(step.abs() / cost);
            }
        }
        if largest < STEP_MIN {
            break;
        }
    }
    Solution { weights, passes }
}

/// The value in (0, cost) where `norm·(x - alpha) + margin + ln(x / (cost - x))` is nought; it grows with x.
fn best(alpha: f64, cost: f64, norm: f64, margin: f64) -> f64 {
    let (mut low, mut high) = (0.0, cost);
    let mut x = alpha;
    for _ in 0..NEWTON_MAX {
        let slope = norm * (x - alpha) + margin + (x / (cost - x)).ln();
        if slope.abs() < 1e-6 {
            break;
        }
        if slope > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let next = x - slope / (norm + cost / (x * (cost - x)));
        x = if next > low && next < high {
            next
        } else {
            f64::midpoint(low, high)
        };
    }
    x.clamp(cost * 1e-12, cost * (1.0 - 1e-12))
}

fn signed(mark: bool) -> f64 {
    if mark { 1.0 } else { -1.0 }
}

/// The product of a row with the weights.
pub fn dot(weights: &[f64], row: &Row) -> f64 {
    row.iter()
        .map(|(column, value)| {
            weights
                .get(*column as usize)
                .map_or(0.0, |w| w * f64::from(*value))
        })
        .sum()
}

fn add(weights: &mut [f64], row: &Row, times: f64) {
    for (column, value) in row {
        if let Some(weight) = weights.get_mut(*column as usize) {
            *weight += times * f64::from(*value);
        }
    }
}

/// The same throws every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for end in (1..order.len()).rev() {
            let other = usize::try_from(self.throw() % (end as u64 + 1)).unwrap_or(0);
            order.swap(end, other);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may panic")]

    use super::*;

    #[test]
    fn at_the_end_no_weight_wants_to_move() {
        let mut dice = Dice(7);
        let mut value = || f32::from(u16::try_from(dice.throw() % 1000).unwrap_or(0)) / 500.0 - 1.0;
        let rows: Vec<Row> = (0..60)
            .map(|_| (0..8).map(|column| (column, value())).collect())
            .collect();
        let marks: Vec<bool> = rows
            .iter()
            .map(|r| r[0].1 + r[3].1 * 0.5 + r[5].1 * 0.8 > 0.1)
            .collect();
        let costs: Vec<f64> = (0..60)
            .map(|n| if n % 3 == 0 { 2.0 } else { 0.5 })
            .collect();
        let found = solve(&rows.iter().collect::<Vec<_>>(), &marks, &costs, 8);
        for column in 0..8_u32 {
            let mut gradient = found.weights[column as usize];
            for ((row, mark), cost) in rows.iter().zip(&marks).zip(&costs) {
                let margin = signed(*mark) * dot(&found.weights, row);
                let pull = cost * signed(*mark) / (1.0 + margin.exp());
                gradient -= pull * f64::from(row[column as usize].1);
            }
            assert!(gradient.abs() < 0.02, "column {column}: {gradient}");
        }
    }

    #[test]
    fn the_same_rows_give_the_same_weights() {
        let rows: Vec<Row> = vec![vec![(0, 1.0)], vec![(1, 1.0)], vec![(0, 0.5), (1, 0.5)]];
        let rows: Vec<&Row> = rows.iter().collect();
        let once = solve(&rows, &[true, false, true], &[1.0; 3], 2);
        let twice = solve(&rows, &[true, false, true], &[1.0; 3], 2);
        assert_eq!(once.weights, twice.weights);
        assert!(once.weights[0] > 0.0 && once.weights[1] < 0.0);
    }
}
