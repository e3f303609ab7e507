//! The limits from when on something is believed: harm first, deflection second.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::learn::folds::HeldOut;
use crate::triage::Disposition;
use crate::triage::model::combine;
use crate::triage::model::combine::Stance;
use crate::triage::model::combine::Thresholds;
use crate::triage::rules::IntentRules;

/// The limits that are tried for the probability that a person is needed.
pub const LIMITS: [f64; 16] = [
    0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.09, 0.11, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4,
];
/// At most so many of a thousand mails that need a person may get none, in held-out folds. The samples are far harder than
/// what comes every day: limits that harm 10 of 1000 of them harmed 2 of 748 mails by writers who had been asked for an
/// ordinary day's post.
const HARM_PER_MILLE: usize = 10;

/// What a set of limits does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Effect {
    /// Need a person.
    pub forward: usize,
    /// … and get none.
    pub harm: usize,
    /// Could be answered.
    pub answerable: usize,
    /// … and are.
    pub deflected: usize,
    /// All.
    pub mails: usize,
    /// … with the right disposition.
    pub right: usize,
    /// … with the right primary intent.
    pub primary: usize,
}

/// A line of the trade-off: what one limit does to the mails of one stance of the rules.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Line {
    /// What the rules say: `answer`, `nothing` or `forward`.
    pub stance: &'static str,
    /// The limit.
    pub limit: f64,
    /// What it does.
    pub effect: Effect,
}

/// Limits chosen, and what was to choose from.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The limits.
    pub limits: Thresholds,
    /// What they do to what comes every day.
    pub effect: Effect,
    /// What they do to what was written to mislead.
    pub traps: Effect,
    /// All that were tried.
    pub table: Vec<Line>,
}

impl Effect {
    fn add(&mut self, other: Self) {
        self.forward += other.forward;
        self.harm += other.harm;
        self.answerable += other.answerable;
        self.deflected += other.deflected;
        self.mails += other.mails;
        self.right += other.right;
        self.primary += other.primary;
    }
}

/// What the limits make of a sample: its primary intent and its disposition.
pub fn outcome(
    sample: &HeldOut,
    limits: &Thresholds,
    rules: &IntentRules,
) -> (String, Disposition) {
    let name = |intent: usize| {
        rules
            .intents()
            .get(intent)
            .map(|i| i.name.clone())
            .unwrap_or_default()
    };
    let of = |intent: usize| {
        rules
            .intents()
            .get(intent)
            .map_or(Disposition::Forward, |i| i.disposition)
    };
    let (intents, person): (Vec<usize>, bool) =
        match combine::decide(&sample.verdict, &sample.opinion, limits, rules) {
            Some(decision) => (decision.intents, decision.person),
            None => (
                sample.verdict.found.iter().map(|f| f.intent).collect(),
                sample.verdict.person_needed,
            ),
        };
    let forward = person || intents.iter().any(|i| of(*i) == Disposition::Forward);
    let primary = intents.first().copied().unwrap_or(usize::MAX);
    (
        name(primary),
        if forward {
            Disposition::Forward
        } else {
            of(primary)
        },
    )
}

fn effect(sample: &HeldOut, limits: &Thresholds, rules: &IntentRules) -> Effect {
    let (primary, said) = outcome(sample, limits, rules);
    let wanted = sample.truth.disposition;
    let answer = |d: Disposition| matches!(d, Disposition::Advise | Disposition::Redirect);
    let forward = wanted == Disposition::Forward;
    // Advice and redirect together: either is right.
    let either = sample.truth.intents.len() > 1 && answer(wanted) && answer(said);
    Effect {
        forward: usize::from(forward),
        harm: usize::from(forward && said != Disposition::Forward),
        answerable: usize::from(answer(wanted)),
        deflected: usize::from(answer(wanted) && answer(said)),
        mails: 1,
        right: usize::from(wanted == said || either),
        primary: usize::from(sample.truth.intents.first() == Some(&primary)),
    }
}

/// What limits do to samples.
pub fn measure<'a>(
    samples: impl IntoIterator<Item = &'a HeldOut>,
    limits: &Thresholds,
    rules: &IntentRules,
) -> Effect {
    let mut sum = Effect::default();
    samples
        .into_iter()
        .for_each(|sample| sum.add(effect(sample, limits, rules)));
    sum
}

/// The figures that the model's file carries.
pub fn metrics(samples: &[HeldOut], limits: &Thresholds, rules: &IntentRules) -> serde_json::Value {
    let mut languages: BTreeMap<&str, Vec<&HeldOut>> = BTreeMap::new();
    for sample in samples {
        languages
            .entry(&sample.truth.language)
            .or_default()
            .push(sample);
    }
    let by_language: BTreeMap<&str, Effect> = languages
        .into_iter()
        .map(|(l, s)| (l, measure(s, limits, rules)))
        .collect();
    let traps = measure(samples.iter().filter(|s| s.trap), limits, rules);
    serde_json::json!({ "all": measure(samples, limits, rules), "traps": traps, "by_language": by_language })
}

/// The samples that are like what comes every day; where there are no others, all.
fn everyday(samples: &[HeldOut]) -> Vec<&HeldOut> {
    let everyday: Vec<&HeldOut> = samples.iter().filter(|s| !s.trap).collect();
    if everyday.is_empty() {
        samples.iter().collect()
    } else {
        everyday
    }
}

/// Tries all limits for each stance, on what comes every day.
pub fn table(samples: &[HeldOut], rules: &IntentRules) -> Vec<Line> {
    let samples = everyday(samples);
    let stances = [
        ("answer", Stance::Agree),
        ("nothing", Stance::Silent),
        ("forward", Stance::Against),
    ];
    let mut table = Vec::new();
    for (name, stance) in stances {
        let of: Vec<&HeldOut> = samples
            .iter()
            .copied()
            .filter(|s| Stance::of(&s.verdict, rules) == stance)
            .collect();
        for limit in LIMITS {
            let limits = Thresholds {
                agree: limit,
                silent: limit,
                against: limit,
                ..Thresholds::default()
            };
            table.push(Line {
                stance: name,
                limit,
                effect: measure(of.iter().copied(), &limits, rules),
            });
        }
    }
    table
}

/// Takes the limits that bring most right dispositions within the harm that is borne; of equals those that harm least.
pub fn choose(all: &[HeldOut], rules: &IntentRules) -> Chosen {
    let table = table(all, rules);
    let samples = everyday(all);
    let forward = samples
        .iter()
        .filter(|s| s.truth.disposition == Disposition::Forward)
        .count();
    let borne = forward * HARM_PER_MILLE / 1000;
    let (agree, rest) = table.split_at_checked(LIMITS.len()).unwrap_or_default();
    let (silent, against) = rest.split_at_checked(LIMITS.len()).unwrap_or_default();
    let mut best = (0, Reverse(usize::MAX));
    let mut limits = Thresholds {
        agree: 0.0,
        silent: 0.0,
        against: 0.0,
        ..Thresholds::default()
    };
    for a in agree {
        for s in silent {
            for g in against {
                let mut sum = a.effect;
                sum.add(s.effect);
                sum.add(g.effect);
                if sum.harm <= borne && (sum.right, Reverse(sum.harm)) > best {
                    best = (sum.right, Reverse(sum.harm));
                    limits = Thresholds {
                        agree: a.limit,
                        silent: s.limit,
                        against: g.limit,
                        ..limits
                    };
                }
            }
        }
    }
    let traps = measure(all.iter().filter(|s| s.trap), &limits, rules);
    Chosen {
        effect: measure(samples, &limits, rules),
        traps,
        limits,
        table,
    }
}
