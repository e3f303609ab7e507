//! From rows to a model: one question an intent, one whether a person is needed, two who asks.

use std::thread;

use crate::learn::matrix::Dictionary;
use crate::learn::matrix::SCALES;
use crate::learn::matrix::Scanned;
use crate::learn::samples::Truth;
use crate::learn::solve::Row;
use crate::learn::solve::dot;
use crate::learn::solve::solve;
use crate::triage::Disposition;
use crate::triage::classify::Audience;
use crate::triage::model::AUDIENCES;
use crate::triage::model::HeadFile;
use crate::triage::model::ModelFile;
use crate::triage::model::PERSON;
use crate::triage::model::combine::Thresholds;
use crate::triage::model::features::Block;
use crate::triage::model::weights::Weights;

/// What a mistake on one sample costs against large weights.
pub const COST: f64 = 15.0;
/// An intent with fewer samples is not learned.
const SAMPLES_MIN: usize = 5;
/// Largest quantised weight.
const STEPS: f64 = 127.0;

/// A question: its name, and who has the answer yes; samples without an answer are left out.
#[derive(Debug, Clone)]
pub struct Head {
    /// An intent, or a name that begins with `+`.
    pub name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Intent,
    Person,
    Audience(Audience),
}

impl Head {
    /// The questions worth asking of these samples.
    pub fn all(truths: &[&Truth]) -> Vec<Self> {
        let mut names: Vec<&str> = truths
            .iter()
            .flat_map(|t| t.intents.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        let many = |name: &&str| {
            truths
                .iter()
                .filter(|t| t.intents.iter().any(|i| i == name))
                .count()
                >= SAMPLES_MIN
        };
        let mut heads: Vec<Self> = names
            .into_iter()
            .filter(many)
            .map(|name| Self {
                name: name.to_owned(),
                kind: Kind::Intent,
            })
            .collect();
        heads.push(Self {
            name: PERSON.to_owned(),
            kind: Kind::Person,
        });
        for (name, audience) in AUDIENCES
            .into_iter()
            .zip([Audience::Employee, Audience::External])
        {
            heads.push(Self {
                name: name.to_owned(),
                kind: Kind::Audience(audience),
            });
        }
        heads
    }

    /// The right answer for a sample.
    pub fn answer(&self, truth: &Truth) -> Option<bool> {
        match self.kind {
            Kind::Intent => Some(truth.intents.contains(&self.name)),
            Kind::Person => Some(truth.disposition == Disposition::Forward),
            Kind::Audience(audience) => truth.audience.map(|a| a == audience),
        }
    }
}

/// What the questions come to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// For the whole mail.
    pub whole: Vec<f64>,
    /// For each sentence.
    pub sentences: Vec<Vec<f64>>,
}

/// Weights by question, not yet rounded.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The features.
    pub dictionary: Dictionary,
    /// The questions.
    pub heads: Vec<Head>,
    /// For each question a weight for each column.
    pub weights: Vec<Vec<f64>>,
}

/// Learns from samples; on as many threads as there are cores, with the same result on any number.
pub fn train(samples: &[(&Scanned, &Truth)], heads: &[Head]) -> Learned {
    let scanned: Vec<&Scanned> = samples.iter().map(|(s, _)| *s).collect();
    let dictionary = Dictionary::of(&scanned);
    let rows: Vec<Row> = scanned
        .iter()
        .map(|s| dictionary.row(&s.features))
        .collect();
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    let columns = dictionary.columns();
    let mut weights = vec![Vec::new(); heads.len()];
    thread::scope(|scope| {
        for (part, (heads, weights)) in heads
            .chunks(heads.len().div_ceil(threads))
            .zip(weights.chunks_mut(heads.len().div_ceil(threads)))
            .enumerate()
        {
            let rows = &rows;
            let work = move || {
                for (head, weights) in heads.iter().zip(weights) {
                    *weights = one(head, samples, rows, columns);
                }
            };
            // Named for a person who looks at the process; the number says nothing else.
            let _ = thread::Builder::new()
                .name(format!("learn-{part}"))
                .spawn_scoped(scope, work);
        }
    });
    Learned {
        dictionary,
        heads: heads.to_vec(),
        weights,
    }
}

fn one(head: &Head, samples: &[(&Scanned, &Truth)], rows: &[Row], columns: usize) -> Vec<f64> {
    let asked = samples
        .iter()
        .zip(rows)
        .filter_map(|((_, truth), row)| Some((row, head.answer(truth)?)));
    let (rows, marks): (Vec<&Row>, Vec<bool>) = asked.unzip();
    let costs = vec![COST; rows.len()];
    solve(&rows, &marks, &costs, columns).weights
}

impl Learned {
    /// The sum of each question for a sample, and for each of its sentences.
    pub fn sums(&self, sample: &Scanned) -> Sums {
        let of = |features: &[(u32, Block)]| {
            let row = self.dictionary.row(features);
            self.weights
                .iter()
                .map(|weights| dot(weights, &row))
                .collect()
        };
        Sums {
            whole: of(&sample.features),
            sentences: sample.sentences.iter().map(|s| of(s)).collect(),
        }
    }

    /// Rounds the weights and writes the file.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to a small number on purpose"
    )]
    pub fn file(
        &self,
        calibrations: &[(f64, f64)],
        thresholds: &Thresholds,
        metrics: serde_json::Value,
        seen: String,
        judge: Vec<f64>,
    ) -> ModelFile {
        let features = self.dictionary.hashes.len();
        let mut rows = vec![0_i8; features * self.heads.len()];
        let mut heads = Vec::new();
        for (number, (head, weights)) in self.heads.iter().zip(&self.weights).enumerate() {
            let (bias, weights) = weights.split_last().unwrap_or((&0.0, &[]));
            let largest = weights.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let step = if largest > 0.0 { largest / STEPS } else { 1.0 };
            for (column, weight) in weights.iter().enumerate() {
                if let Some(place) = rows.get_mut(column * self.heads.len() + number) {
                    *place = (weight / step).round() as i8;
                }
            }
            heads.push(HeadFile {
                name: head.name.clone(),
                step,
                bias: *bias,
                calibration: calibrations.get(number).copied().unwrap_or((1.0, 0.0)),
            });
        }
        ModelFile {
            version: crate::triage::model::VERSION,
            metrics,
            seen,
            judge,
            thresholds: thresholds.clone(),
            scales: SCALES.to_vec(),
            heads,
            features,
            data: Weights::write(&self.dictionary.hashes, &rows),
        }
    }
}
