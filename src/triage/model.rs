//! The learned second opinion: linear questions over words, pieces of words, concepts and the rules that held, and a judge
//! of their answers.
//!
//! `features` turns a scanned mail into numbers, `weights` holds what was learned, `combine` lets rules and model
//! decide together. `mailclerk learn` writes the file; without it the rules decide alone.
//!
//! # Decisions
//! - The model sees the rules: concepts and rules are the same in every language, so what is learned from English
//!   mails helps Polish ones.
//! - The writer's language is no feature: it says which texts were collected, not what a mail wants.
//! - Features are hashed, but only those seen in learning have a weight: what is unknown says nothing.

pub(crate) mod combine;
pub(crate) mod features;
pub(crate) mod hash;
pub(crate) mod judge;
pub(crate) mod tell;
pub(crate) mod weights;

use crate::triage::model::combine::Stance;
use crate::triage::model::combine::Thresholds;
use crate::triage::model::features::Feature;
use crate::triage::model::features::Name;
use crate::triage::model::judge::Said;
use crate::triage::model::weights::Weights;
use crate::triage::rules::IntentRules;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// Where `learn` writes it, below the rules folder.
pub const MODEL_FILE: &str = "model.json";
/// The head that tells whether a person must read the mail.
pub const PERSON: &str = "+person";
/// The heads that tell who asks.
pub const AUDIENCES: [&str; 2] = ["+employee", "+external"];
/// The form of the file; features of another version are not comparable.
pub(crate) const VERSION: u32 = 1;
/// So many features are named as reasons.
const REASONS: usize = 4;

/// The file as written.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The form of the file.
    pub version: u32,
    /// What it was measured to do on mails it had not learned from.
    pub metrics: serde_json::Value,
    /// How each sample fared in its held-out fold, for the next model to be compared with (only `learn` reads it).
    #[serde(default)]
    pub seen: String,
    /// From when on what is believed.
    pub thresholds: Thresholds,
    /// How much each block of features weighs.
    pub scales: Vec<f64>,
    /// What it can tell.
    pub heads: Vec<HeadFile>,
    /// The weights that make of all answers whether a person is needed.
    pub judge: Vec<f64>,
    /// Number of features.
    pub features: usize,
    /// The features' hashes and weights, in base64.
    pub data: String,
}

/// A question that the model answers by yes or no.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadFile {
    /// An intent's name, or one that begins with `+`.
    pub name: String,
    /// What one step of a quantised weight is.
    pub step: f64,
    /// The weight that is always there.
    pub bias: f64,
    /// Slope and offset that make a probability of the sum.
    pub calibration: (f64, f64),
}

/// A model, ready to be asked.
#[derive(Debug, Clone)]
pub struct Model {
    weights: Weights,
    heads: Vec<HeadFile>,
    scales: Vec<f64>,
    /// The head of each intent, in the order of the intents.
    of_intent: Vec<Option<usize>>,
    person: usize,
    audiences: [Option<usize>; 2],
    judge: Vec<f64>,
    /// From when on what is believed.
    pub(crate) thresholds: Thresholds,
}

/// What the model thinks of a mail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinion {
    /// The probability of each intent, in the order of the intents; none of those it never learned.
    pub(crate) intents: Vec<Option<f64>>,
    /// The probability that a person must read it.
    pub(crate) person: f64,
    /// The probabilities that an employee or somebody outside asks.
    pub(crate) audience: [Option<f64>; 2],
    /// How many of the mail's features are known.
    pub(crate) known: usize,
}

impl Model {
    /// Reads `model.json` where there is one.
    pub(crate) fn read(
        files: &RuleFiles,
        names: &[String],
        faults: &mut Vec<Complaint>,
    ) -> Option<Self> {
        let text = files.get(MODEL_FILE)?;
        let model = serde_json::from_str::<ModelFile>(text)
            .map_err(|e| e.to_string())
            .and_then(|file| Self::new(&file, names));
        model
            .map_err(|what| {
                let what = format!("{what}; write it again with `mailclerk learn`, or remove it");
                faults.push(Complaint::at(MODEL_FILE, "", 0, what));
            })
            .ok()
    }

    /// Makes a model of its file, for intents in that order.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub(crate) fn new(file: &ModelFile, names: &[String]) -> Result<Self, String> {
        if file.version != VERSION {
            return Err(format!(
                "the model is of version {}, not {VERSION}",
                file.version
            ));
        }
        let finite = |h: &HeadFile| {
            [h.step, h.bias, h.calibration.0, h.calibration.1]
                .iter()
                .all(|n| n.is_finite())
        };
        if !file.heads.iter().all(finite) || !file.scales.iter().all(|s| s.is_finite()) {
            return Err("a number in it is none".to_owned());
        }
        let head = |name: &str| file.heads.iter().position(|h| h.name == name);
        Ok(Self {
            weights: Weights::read(&file.data, file.features, file.heads.len())?,
            of_intent: names.iter().map(|name| head(name)).collect(),
            person: head(PERSON).ok_or("it does not tell whether a person is needed")?,
            audiences: AUDIENCES.map(head),
            judge: file.judge.clone(),
            heads: file.heads.clone(),
            scales: file.scales.clone(),
            thresholds: file.thresholds.clone(),
        })
    }

    /// Tells what the model thinks of a mail with these features, and these of its sentences.
    pub(crate) fn opinion(
        &self,
        whole: &[Feature<'_>],
        sentences: &[Vec<Feature<'_>>],
        stance: Stance,
    ) -> Opinion {
        let (sums, known) = self.sums(whole);
        let sentences: Vec<Vec<f64>> = sentences.iter().map(|s| self.sums(s).0).collect();
        let places = Places {
            of_intent: &self.of_intent,
            person: self.person,
            audiences: self.audiences,
        };
        let calibrations: Vec<(f64, f64)> = self.heads.iter().map(|h| h.calibration).collect();
        let said = said(&sums, &sentences, &calibrations, &places);
        opinion(
            &said,
            &sums,
            &calibrations,
            &places,
            &self.judge,
            stance,
            known,
        )
    }

    /// The sum of each question, and how many features are known. All features of a block count the same, so the small
    /// numbers of their rows are added up before they are weighed.
    fn sums(&self, found: &[Feature<'_>]) -> (Vec<f64>, usize) {
        let heads = self.heads.len();
        let mut of_blocks = vec![0_i32; heads * features::BLOCKS];
        let mut counts = [0_usize; features::BLOCKS];
        for feature in found {
            let Some(row) = self.weights.row(feature.hash) else {
                continue;
            };
            let block = feature.block as usize;
            if let Some(count) = counts.get_mut(block) {
                *count += 1;
            }
            let sums = of_blocks.iter_mut().skip(block * heads);
            for (sum, weight) in sums.zip(self.weights.of(row)) {
                *sum += i32::from(*weight);
            }
        }
        let mut sums = vec![0.0_f64; heads];
        let values = features::values_of_blocks(&counts, &self.scales);
        for (of_block, value) in of_blocks.chunks(heads.max(1)).zip(values) {
            for (sum, all) in sums.iter_mut().zip(of_block) {
                *sum += f64::from(*all) * value;
            }
        }
        for (sum, head) in sums.iter_mut().zip(&self.heads) {
            *sum = *sum * head.step + head.bias;
        }
        (sums, counts.iter().sum())
    }

    /// Returns the words, concepts and rules that speak most for an intent, or for a person where none is named.
    pub(crate) fn reasons(
        &self,
        intent: Option<usize>,
        found: &[Feature<'_>],
        rules: &IntentRules,
    ) -> String {
        let head = match intent {
            Some(intent) => self.of_intent.get(intent).copied().flatten(),
            None => Some(self.person),
        };
        let Some(head) = head else {
            return String::new();
        };
        // A piece of a word is no reason that a person can read.
        let rows: Vec<(usize, &Feature<'_>)> = found
            .iter()
            .filter(|f| !matches!(f.name, Name::Piece))
            .filter_map(|f| Some((self.weights.row(f.hash)?, f)))
            .collect();
        let values = features::values(rows.iter().map(|(_, f)| f.block), &self.scales);
        let mut told: Vec<(f64, &Feature<'_>)> = rows
            .iter()
            .zip(&values)
            .filter_map(|((row, f), value)| {
                Some((f64::from(*self.weights.of(*row).get(head)?) * value, *f))
            })
            .filter(|(weight, _)| *weight > 0.0)
            .collect();
        told.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut words: Vec<String> = Vec::new();
        for (_, feature) in told {
            let word = feature.name.told(rules);
            if !words.contains(&word) {
                words.push(word);
            }
            if words.len() == REASONS {
                break;
            }
        }
        words.join(", ")
    }
}

/// Which question is which.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    /// The head of each intent, in the order of the intents.
    pub(crate) of_intent: &'a [Option<usize>],
    pub(crate) person: usize,
    pub(crate) audiences: [Option<usize>; 2],
}

/// Gathers what the questions said of a mail and its sentences.
pub(crate) fn said(
    sums: &[f64],
    sentences: &[Vec<f64>],
    calibrations: &[(f64, f64)],
    places: &Places<'_>,
) -> Said {
    let odds = |sums: &[f64], head: usize| {
        let (slope, offset) = calibrations.get(head)?;
        Some(slope * sums.get(head)? + offset)
    };
    let strongest = |head: usize| {
        sentences
            .iter()
            .filter_map(|sums| odds(sums, head))
            .max_by(f64::total_cmp)
            .or_else(|| odds(sums, head))
    };
    Said {
        person: odds(sums, places.person).unwrap_or(0.0),
        whole: places
            .of_intent
            .iter()
            .map(|head| head.and_then(|h| odds(sums, h)))
            .collect(),
        sentence: places
            .of_intent
            .iter()
            .map(|head| head.and_then(strongest))
            .collect(),
        sentence_person: strongest(places.person).unwrap_or(0.0),
    }
}

/// Makes an opinion of what the questions said.
pub(crate) fn opinion(
    said: &Said,
    sums: &[f64],
    calibrations: &[(f64, f64)],
    places: &Places<'_>,
    judge: &[f64],
    stance: Stance,
    known: usize,
) -> Opinion {
    let at = |head: usize| Some(probability(*sums.get(head)?, *calibrations.get(head)?));
    let person = if judge.is_empty() {
        said.person
    } else {
        judge::odds(judge, &judge::inputs(said, stance))
    };
    Opinion {
        intents: places
            .of_intent
            .iter()
            .map(|head| head.and_then(at))
            .collect(),
        person: probability(person, (1.0, 0.0)),
        audience: places.audiences.map(|head| head.and_then(at)),
        known,
    }
}

/// Makes a probability of a sum.
pub(crate) fn probability(sum: f64, (slope, offset): (f64, f64)) -> f64 {
    1.0 / (1.0 + (-(slope * sum + offset)).exp())
}

#[cfg(test)]
mod tests;
