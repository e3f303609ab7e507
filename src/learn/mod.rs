//! Learns the second opinion from labelled examples and mails.
//!
//! `samples` reads what people labelled, `matrix` makes numbers of it, `solve` learns, `calibrate` makes
//! probabilities, `folds` measures on what was not learned from, `choose` finds the thresholds.
//!
//! # Decisions
//! - The solver is ours. The data are a few thousand rows of some hundred out of fifty thousand columns: `linfa-logistic`
//!   and `smartcore` ask for a dense matrix (1.6 GB here), and the bindings of `liblinear` were last released in 2019,
//!   for another edition, upon the abandoned `failure`. `argmin` is well kept, but brings the step, not the loss nor
//!   the sparse gradient. (By their documentation; none of them was tried on these data.) What is left is liblinear's own dual coordinate descent,
//!   sixty lines, tested against the gradient of what it minimises.
//! - The same input gives the same file, to the octet: no clock, no random seed, and threads share nothing.
//! - Whatever is measured or chosen is so on samples that the weights were not learned from.

pub mod calibrate;
pub mod choose;
pub mod compare;
pub mod correction;
pub mod folds;
pub mod matrix;
pub mod samples;
pub mod solve;
pub mod train;

use crate::learn::choose::Chosen;
use crate::learn::folds::HeldOut;
use crate::learn::matrix::Scanned;
use crate::learn::samples::Sample;
use crate::learn::train::Head;
use crate::triage::model::Model;
use crate::triage::model::ModelFile;
use crate::triage::model::combine::Stance;
use crate::triage::rules::IntentRules;

/// Samples, each scanned once with the rules.
#[derive(Debug)]
pub struct School<'a> {
    /// The rules that the model sees.
    pub rules: &'a IntentRules,
    /// What people labelled.
    pub samples: &'a [Sample],
    scanned: Vec<Scanned>,
}

/// A model with what it was measured to do.
#[derive(Debug)]
pub struct Graduate {
    /// The model, to be written.
    pub file: ModelFile,
    /// Each sample, judged by a model that had not learned from it.
    pub held_out: Vec<HeldOut>,
    /// The limits, and what they cost.
    pub chosen: Chosen,
}

impl<'a> School<'a> {
    /// Scans the samples.
    pub fn open(rules: &'a IntentRules, samples: &'a [Sample]) -> Self {
        let scanned = samples.iter().map(|s| matrix::scan(s, rules)).collect();
        Self {
            rules,
            samples,
            scanned,
        }
    }

    /// Learns from the samples for which `of` holds; measures on `folds` folds of the same.
    pub fn learn(&self, folds: usize, of: impl Fn(&Sample) -> bool) -> Graduate {
        let taken: Vec<(&Sample, &Scanned)> = self
            .samples
            .iter()
            .zip(&self.scanned)
            .filter(|(s, _)| of(s))
            .collect();
        let truths: Vec<_> = taken.iter().map(|(s, _)| &s.truth).collect();
        let heads = Head::all(&truths);
        let sums = folds::sums(&taken, &heads, folds);
        let calibrations = folds::calibrations(&heads, &truths, &sums);
        let (held_out, judge) = folds::opinions(
            &taken,
            &heads,
            &calibrations,
            &sums,
            folds.max(2),
            self.rules,
        );
        let chosen = choose::choose(&held_out, self.rules);
        let pairs: Vec<_> = taken
            .iter()
            .map(|(s, scanned)| (*scanned, &s.truth))
            .collect();
        let metrics = choose::metrics(&held_out, &chosen.limits, self.rules);
        let file = train::train(&pairs, &heads).file(
            &calibrations,
            &chosen.limits,
            metrics,
            compare::record(&held_out, &chosen.limits, self.rules),
            judge,
        );
        Graduate {
            file,
            held_out,
            chosen,
        }
    }

    /// Judges the samples for which `of` holds by a model made elsewhere.
    pub fn judge(&self, model: &Model, of: impl Fn(&Sample) -> bool) -> Vec<HeldOut> {
        let taken = self
            .samples
            .iter()
            .zip(&self.scanned)
            .filter(|(s, _)| of(s));
        taken
            .map(|(sample, scanned)| HeldOut {
                name: sample.name.clone(),
                digest: sample.digest(),
                truth: sample.truth.clone(),
                trap: sample.trap,
                verdict: scanned.verdict.clone(),
                opinion: model.opinion(
                    &scanned.features(),
                    &scanned.sentences(),
                    Stance::of(&scanned.verdict, self.rules),
                ),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
