//! Samples as sparse rows over the features that are worth a weight.

use std::collections::HashMap;

use crate::learn::samples::Sample;
use crate::learn::solve::Row;
use crate::triage::classify;
use crate::triage::classify::score::Verdict;
use crate::triage::model::features;
use crate::triage::model::features::BLOCKS;
use crate::triage::model::features::Block;
use crate::triage::model::features::Feature;
use crate::triage::model::features::Name;
use crate::triage::model::weights::FEATURES_MAX;
use crate::triage::rules::IntentRules;

/// How much each block weighs against the others: words, pieces, pairs of concepts, concepts, rules. Found on examples
/// of writers whose others were not learned: pairs of concepts, the same in all languages, tell most. Rare features count no more than others:
/// with that they fitted the samples, not the next mail.
pub const SCALES: [f64; BLOCKS] = [1.5, 1.5, 2.0, 0.25, 0.25];

/// A sample, scanned once.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// What the rules said.
    pub(crate) verdict: Verdict,
    /// Hash and group of each feature.
    pub(crate) features: Vec<(u32, Block)>,
    /// The same of each sentence.
    pub(crate) sentences: Vec<Vec<(u32, Block)>>,
}

fn bare(features: &[Feature<'_>]) -> Vec<(u32, Block)> {
    features.iter().map(|f| (f.hash, f.block)).collect()
}

fn unnamed(features: &[(u32, Block)]) -> Vec<Feature<'static>> {
    features
        .iter()
        .map(|(hash, block)| Feature {
            hash: *hash,
            block: *block,
            name: Name::Piece,
        })
        .collect()
}

impl Scanned {
    /// The features without their names.
    pub(crate) fn features(&self) -> Vec<Feature<'static>> {
        unnamed(&self.features)
    }

    /// The same of each sentence.
    pub(crate) fn sentences(&self) -> Vec<Vec<Feature<'static>>> {
        self.sentences.iter().map(|s| unnamed(s)).collect()
    }
}

/// Scans a sample as the classifier would.
pub fn scan(sample: &Sample, rules: &IntentRules) -> Scanned {
    let (evidence, verdict) = classify::look(&sample.reading, rules);
    let features = bare(&features::of(&evidence, &verdict, rules));
    let sentences = features::of_sentences(&evidence, rules)
        .iter()
        .map(|s| bare(s))
        .collect();
    Scanned {
        verdict,
        features,
        sentences,
    }
}

/// The features with a weight, sorted by hash.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// Sorted.
    pub hashes: Vec<u32>,
    columns: HashMap<u32, usize>,
}

impl Dictionary {
    /// Keeps the features that stand in several of the samples.
    pub fn of(samples: &[&Scanned]) -> Self {
        let mut counts: HashMap<u32, (usize, Block)> = HashMap::new();
        for (hash, block) in samples.iter().flat_map(|s| &s.features) {
            counts.entry(*hash).or_insert((0, *block)).0 += 1;
        }
        let mut kept: Vec<(u32, usize, Block)> = counts
            .into_iter()
            .filter(|(_, (count, block))| *count >= least(*block))
            .map(|(hash, (count, block))| (hash, count, block))
            .collect();
        kept.sort_unstable_by_key(|(hash, count, _)| (std::cmp::Reverse(*count), *hash));
        kept.truncate(FEATURES_MAX);
        kept.sort_unstable_by_key(|(hash, ..)| *hash);
        Self {
            columns: kept
                .iter()
                .enumerate()
                .map(|(column, (hash, ..))| (*hash, column))
                .collect(),
            hashes: kept.iter().map(|(hash, ..)| *hash).collect(),
        }
    }

    /// Number of columns, the constant one at the end included.
    pub fn columns(&self) -> usize {
        self.hashes.len() + 1
    }

    /// Makes a row of features; the last column is always 1.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "columns are few, values are rough"
    )]
    pub(crate) fn row(&self, features: &[(u32, Block)]) -> Row {
        let known: Vec<(usize, Block)> = features
            .iter()
            .filter_map(|(hash, block)| Some((*self.columns.get(hash)?, *block)))
            .collect();
        let values = features::values(known.iter().map(|(_, block)| *block), &SCALES);
        let mut row: Row = known
            .iter()
            .zip(values)
            .map(|((column, _), value)| (*column as u32, value as f32))
            .collect();
        row.push((self.hashes.len() as u32, 1.0));
        row
    }
}

/// In so many samples a feature must stand.
fn least(block: Block) -> usize {
    match block {
        Block::Pieces => 4,
        Block::Pairs => 3,
        Block::Words | Block::Concepts | Block::Rules => 2,
    }
}
