//! Samples judged by models that did not learn from them.

use crate::learn::calibrate::fit;
use crate::learn::matrix::Scanned;
use crate::learn::samples::Sample;
use crate::learn::samples::Truth;
use crate::learn::solve::Row;
use crate::learn::solve::solve;
use crate::learn::train::Head;
use crate::learn::train::Sums;
use crate::learn::train::train;
use crate::triage::Disposition;
use crate::triage::classify::score::Verdict;
use crate::triage::model;
use crate::triage::model::AUDIENCES;
use crate::triage::model::Opinion;
use crate::triage::model::PERSON;
use crate::triage::model::Places;
use crate::triage::model::combine::Stance;
use crate::triage::model::judge;
use crate::triage::model::judge::Said;
use crate::triage::rules::IntentRules;

/// What a mistake costs the judge, whose numbers are few, large and alike.
const JUDGE_COST: f64 = 0.02;

/// A sample, judged by a model that had not learned from it.
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// Its name.
    pub name: String,
    /// What the sample is known by.
    pub digest: u32,
    /// What is right.
    pub truth: Truth,
    /// Written to mislead.
    pub trap: bool,
    pub(crate) verdict: Verdict,
    pub(crate) opinion: Opinion,
}

impl HeldOut {
    /// The probability that a person is needed.
    pub fn person(&self) -> f64 {
        self.opinion.person
    }
}

/// The sum of each question for each sample, from the fold that had not learned from it.
pub fn sums(samples: &[(&Sample, &Scanned)], heads: &[Head], folds: usize) -> Vec<Sums> {
    let folds = folds.max(2);
    let mut sums = vec![Sums::default(); samples.len()];
    for fold in 0..folds {
        let rest: Vec<(&Scanned, &Truth)> = samples
            .iter()
            .filter(|(s, _)| s.group % folds != fold)
            .map(|(sample, scanned)| (*scanned, &sample.truth))
            .collect();
        let learned = train(&rest, heads);
        for ((sample, scanned), sums) in samples.iter().zip(&mut sums) {
            if sample.group % folds == fold {
                *sums = learned.sums(scanned);
            }
        }
    }
    sums
}

/// Slope and offset of each question.
pub fn calibrations(heads: &[Head], truths: &[&Truth], sums: &[Sums]) -> Vec<(f64, f64)> {
    let of = |(number, head): (usize, &Head)| {
        let asked = truths
            .iter()
            .zip(sums)
            .filter_map(|(t, s)| Some((*s.whole.get(number)?, head.answer(t)?)));
        let (sums, answers): (Vec<f64>, Vec<bool>) = asked.unzip();
        fit(&sums, &answers)
    };
    heads.iter().enumerate().map(of).collect()
}

/// What a judge has to weigh for each sample.
pub(crate) fn inputs(
    said: &[Said],
    samples: &[(&Sample, &Scanned)],
    rules: &IntentRules,
) -> Vec<Vec<f64>> {
    said.iter()
        .zip(samples)
        .map(|(said, (_, scanned))| judge::inputs(said, Stance::of(&scanned.verdict, rules)))
        .collect()
}

/// Learns to weigh all answers to whether a person is needed.
pub(crate) fn judge(inputs: &[&Vec<f64>], truths: &[&Truth]) -> Vec<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "few columns, rough values")]
    let rows: Vec<Row> = inputs
        .iter()
        .map(|list| {
            list.iter()
                .enumerate()
                .map(|(column, value)| (column as u32, *value as f32))
                .collect()
        })
        .collect();
    let marks: Vec<bool> = truths
        .iter()
        .map(|t| t.disposition == Disposition::Forward)
        .collect();
    let columns = inputs.first().map_or(0, |i| i.len());
    solve(
        &rows.iter().collect::<Vec<_>>(),
        &marks,
        &vec![JUDGE_COST; rows.len()],
        columns,
    )
    .weights
}

/// Turns sums into opinions, each by a judge that had not learned from the sample; and returns the judge of them all.
pub fn opinions(
    samples: &[(&Sample, &Scanned)],
    heads: &[Head],
    calibrations: &[(f64, f64)],
    sums: &[Sums],
    folds: usize,
    rules: &IntentRules,
) -> (Vec<HeldOut>, Vec<f64>) {
    let place = |name: &str| heads.iter().position(|h| h.name == name);
    let of_intent: Vec<Option<usize>> = rules.intents().iter().map(|i| place(&i.name)).collect();
    let person = place(PERSON).unwrap_or(usize::MAX);
    let places = Places {
        of_intent: &of_intent,
        person,
        audiences: AUDIENCES.map(place),
    };
    let said: Vec<Said> = sums
        .iter()
        .map(|s| model::said(&s.whole, &s.sentences, calibrations, &places))
        .collect();
    let inputs = inputs(&said, samples, rules);
    let learn_from = |wanted: &dyn Fn(&Sample) -> bool| {
        let taken = inputs.iter().zip(samples).filter(|(_, (s, _))| wanted(s));
        let (inputs, truths): (Vec<&Vec<f64>>, Vec<&Truth>) =
            taken.map(|(i, (s, _))| (i, &s.truth)).unzip();
        judge(&inputs, &truths)
    };
    let judges: Vec<Vec<f64>> = (0..folds)
        .map(|fold| learn_from(&|s: &Sample| s.group % folds != fold))
        .collect();
    let mut held_out = Vec::new();
    for ((said, sums), (sample, scanned)) in said.iter().zip(sums).zip(samples) {
        let judge = judges
            .get(sample.group % folds)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let stance = Stance::of(&scanned.verdict, rules);
        let known = scanned.features.len();
        let opinion = model::opinion(
            said,
            &sums.whole,
            calibrations,
            &places,
            judge,
            stance,
            known,
        );
        held_out.push(HeldOut {
            name: sample.name.clone(),
            digest: sample.digest(),
            truth: sample.truth.clone(),
            trap: sample.trap,
            verdict: scanned.verdict.clone(),
            opinion,
        });
    }
    (held_out, learn_from(&|_| true))
}
