//! Whether a person is needed: weighed from what all questions said of the whole mail and of its sentences.
//!
//! # Decisions
//! - A mail that asks two things is ruled by the one it says more about; the sentence that holds the other one is
//!   judged by itself as well, and the strongest sentence counts.

use crate::triage::Disposition;
use crate::triage::model::combine::Stance;
use crate::triage::rules::IntentRules;

/// Log-odds beyond this are all the same.
const ODDS_MAX: f64 = 8.0;

/// What the questions said, as log-odds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// Whether a person is needed.
    pub(crate) person: f64,
    /// Each intent, in the order of the intents.
    pub(crate) whole: Vec<Option<f64>>,
    /// The strongest sentence for each intent.
    pub(crate) sentence: Vec<Option<f64>>,
    /// The strongest sentence for a person.
    pub(crate) sentence_person: f64,
}

/// Makes numbers of what was said, in the order of the weights; the last is always 1.
pub(crate) fn inputs(said: &Said, stance: Stance, rules: &IntentRules) -> Vec<f64> {
    let odds = |o: f64| o.clamp(-ODDS_MAX, ODDS_MAX) / 4.0;
    let mut out = vec![odds(said.person), odds(said.sentence_person)];
    for list in [&said.whole, &said.sentence] {
        let mut best = [-ODDS_MAX; 2];
        for (intent, o) in rules.intents().iter().zip(list) {
            let o = o.unwrap_or(-ODDS_MAX);
            let side = usize::from(intent.disposition == Disposition::Forward);
            if let Some(best) = best.get_mut(side) {
                *best = best.max(o);
            }
            out.push(odds(o) / 4.0);
        }
        out.extend(best.map(odds));
    }
    for one in [Stance::Agree, Stance::Silent, Stance::Against] {
        out.push(if stance == one { 1.0 } else { 0.0 });
        out.push(if stance == one {
            odds(said.person)
        } else {
            0.0
        });
    }
    out.push(1.0);
    out
}

/// The log-odds that a person is needed.
pub(crate) fn odds(weights: &[f64], inputs: &[f64]) -> f64 {
    weights.iter().zip(inputs).map(|(w, i)| w * i).sum()
}
