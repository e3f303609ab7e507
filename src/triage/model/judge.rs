//! Whether a person is needed: weighed from what all questions said of the whole mail and of its sentences.
//!
//! # Decisions
//! - A mail that asks two things is ruled by the one it says more about; the sentence that holds the other one is
//!   judged by itself as well, and the strongest sentence counts.
//! - Two answers together say more than each: that a badge is missing and that an address is lost is a case, though
//!   either alone may be answered. So each two are multiplied, and the products weighed, too. On mails of writers whose
//!   others were not learned the loss fell by a fifth; boosted trees over the same answers did no better.

use crate::triage::model::combine::Stance;

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

/// Makes numbers of what was said, in the order of the weights: each answer, and each two of them together; the last is
/// always 1.
pub(crate) fn inputs(said: &Said, stance: Stance) -> Vec<f64> {
    let odds = |o: f64| o.clamp(-ODDS_MAX, ODDS_MAX) / 4.0;
    let mut out = vec![odds(said.person), odds(said.sentence_person)];
    for list in [&said.whole, &said.sentence] {
        out.extend(list.iter().filter_map(|o| o.map(odds)));
    }
    for one in [Stance::Agree, Stance::Silent, Stance::Against] {
        let holds = if stance == one { 1.0 } else { 0.0 };
        out.extend([holds, holds * odds(said.person)]);
    }
    let products = |(at, a): (usize, &f64)| out.iter().skip(at).map(|b| a * b).collect::<Vec<_>>();
    let together: Vec<f64> = out.iter().enumerate().flat_map(products).collect();
    out.extend(together);
    out.push(1.0);
    out
}

/// The log-odds that a person is needed.
pub(crate) fn odds(weights: &[f64], inputs: &[f64]) -> f64 {
    weights.iter().zip(inputs).map(|(w, i)| w * i).sum()
}
