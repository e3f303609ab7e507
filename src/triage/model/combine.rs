//! Rules and model decide together: what both are sure of is done, the rest goes to a person.
//!
//! # Decisions
//! - Only a mail that surely needs no person is answered or ignored. How sure depends on the rules: they say so too,
//!   they found nothing, or they found what is forwarded.
//! - The limits stand in the model's file, chosen by cross-validation: harm first, deflection second.

use crate::triage::Disposition;
use crate::triage::classify::Audience;
use crate::triage::classify::score::Found;
use crate::triage::classify::score::Verdict;
use crate::triage::model::Opinion;
use crate::triage::rules::IntentRules;

/// From when on what is believed. All are probabilities.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Answered if a person is needed with less than this, where the rules answer too …
    pub agree: f64,
    /// … where the rules found nothing …
    pub silent: f64,
    /// … where the rules forward.
    pub against: f64,
    /// An intent that the rules did not find is there from this on.
    pub found: f64,
    /// One that they found, from this on.
    pub kept: f64,
    /// Nothing is answered or ignored unless an intent that allows it is at least so sure.
    pub sure: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            agree: 0.3,
            silent: 0.05,
            against: 0.02,
            found: 0.5,
            kept: 0.3,
            sure: 0.5,
        }
    }
}

/// What the rules say of a mail, as far as the limits care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stance {
    /// It needs no person.
    Agree,
    /// Nothing.
    Silent,
    /// A person must read it.
    Against,
}

/// A model that knows fewer features of a mail has no opinion.
const KNOWN_MIN: usize = 8;
/// Who asks is believed from this on; below, the reply speaks to both.
const AUDIENCE_SURE: f64 = 0.7;

impl Stance {
    /// Tells what the rules say.
    pub(crate) fn of(verdict: &Verdict, rules: &IntentRules) -> Self {
        let intent = |f: &Found| rules.intents().get(f.intent);
        if !verdict.found.iter().any(|f| f.score > 0) {
            return if verdict.person_needed {
                Self::Against
            } else {
                Self::Silent
            };
        }
        let forward = |f: &Found| {
            f.score > 0 && intent(f).is_some_and(|i| i.disposition == Disposition::Forward)
        };
        if verdict.person_needed || verdict.found.iter().any(forward) {
            Self::Against
        } else {
            Self::Agree
        }
    }
}

impl Thresholds {
    /// The limit for the probability that a person is needed.
    pub(crate) fn limit(&self, stance: Stance) -> f64 {
        match stance {
            Stance::Agree => self.agree,
            Stance::Silent => self.silent,
            Stance::Against => self.against,
        }
    }
}

/// What comes of rules and model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    /// The intents' numbers, primary first.
    pub(crate) intents: Vec<usize>,
    /// A person must read it though the intents could be answered.
    pub(crate) person: bool,
    /// It is not certain, so a person gets it.
    pub(crate) unsure: bool,
}

/// Decides; none where the model has nothing to say.
pub(crate) fn decide(
    verdict: &Verdict,
    opinion: &Opinion,
    limits: &Thresholds,
    rules: &IntentRules,
) -> Option<Decision> {
    if opinion.known < KNOWN_MIN {
        return None;
    }
    let known = opinion.intents.iter().enumerate();
    let mut ranked: Vec<(usize, f64)> = known
        .filter_map(|(intent, p)| Some((intent, (*p)?)))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let scales = Scales {
        verdict,
        ranked,
        limits,
        rules,
    };
    let calm = opinion.person < limits.limit(Stance::of(verdict, rules));
    let answer = if calm { scales.answer() } else { None };
    Some(answer.unwrap_or_else(|| scales.forward(opinion.person >= 0.5)))
}

/// What is weighed.
struct Scales<'a> {
    verdict: &'a Verdict,
    /// Intents with their probabilities, the likeliest first.
    ranked: Vec<(usize, f64)>,
    limits: &'a Thresholds,
    rules: &'a IntentRules,
}

impl Scales<'_> {
    fn disposition(&self, intent: usize) -> Option<Disposition> {
        self.rules.intents().get(intent).map(|i| i.disposition)
    }

    fn forwarded(&self, intent: usize) -> bool {
        self.disposition(intent) == Some(Disposition::Forward)
    }

    fn ignored(&self, intent: usize) -> bool {
        self.disposition(intent) == Some(Disposition::Ignore)
    }

    fn is_there(&self, (intent, p): (usize, f64)) -> bool {
        let by_rules = self
            .verdict
            .found
            .iter()
            .any(|f| f.intent == intent && f.score > 0);
        p >= if by_rules {
            self.limits.kept
        } else {
            self.limits.found
        }
    }

    /// Answers or ignores, where an intent that allows it is sure.
    fn answer(&self) -> Option<Decision> {
        let (first, sure) = *self
            .ranked
            .iter()
            .find(|(intent, _)| !self.forwarded(*intent))?;
        if sure < self.limits.sure {
            return None;
        }
        let alike = |intent: usize| {
            intent != first
                && !self.forwarded(intent)
                && self.ignored(intent) == self.ignored(first)
        };
        let more = self
            .ranked
            .iter()
            .filter(|r| alike(r.0) && self.is_there(**r))
            .map(|r| r.0);
        let intents = std::iter::once(first).chain(more).collect();
        Some(Decision {
            intents,
            person: false,
            unsure: false,
        })
    }

    /// Gives it to a person, with the intents in the desk's order. `certain`: it is more likely than not that it needs one.
    fn forward(&self, certain: bool) -> Decision {
        let wanted = |r: &&(usize, f64)| !self.ignored(r.0);
        let there = self
            .ranked
            .iter()
            .filter(wanted)
            .filter(|r| self.is_there(**r));
        let mut intents: Vec<(usize, f64)> = there.copied().collect();
        if certain && !intents.iter().any(|(intent, _)| self.forwarded(*intent)) {
            // The likeliest of what is forwarded, unless an answerable intent fits far better (a how-to that failed).
            let best = self
                .ranked
                .iter()
                .find(|(intent, _)| self.forwarded(*intent));
            let better = intents.first().map_or(0.0, |i| i.1);
            intents.extend(best.filter(|b| b.1 > better.min(0.5) * 0.5));
        }
        if intents.is_empty() {
            intents.extend(self.ranked.first().filter(wanted).copied());
        }
        if intents.is_empty() {
            let fallback = self.rules.scoring.iter().position(|s| s.fallback);
            intents.extend(fallback.map(|intent| (intent, 0.0)));
        }
        let tier = |intent: usize| {
            let rank = self
                .rules
                .intents()
                .get(intent)
                .map_or(u32::MAX, |i| i.rank);
            (
                !self.forwarded(intent),
                if self.forwarded(intent) { rank } else { 0 },
            )
        };
        intents.sort_by(|a, b| tier(a.0).cmp(&tier(b.0)).then(b.1.total_cmp(&a.1)));
        let intents: Vec<usize> = intents.into_iter().map(|(intent, _)| intent).collect();
        let person = !intents.iter().any(|i| self.forwarded(*i));
        Decision {
            intents,
            person,
            unsure: !certain,
        }
    }
}

/// Tells who asks, where that is sure.
pub(crate) fn audience(opinion: &Opinion) -> Option<Audience> {
    let sure = |p: Option<f64>| p.is_some_and(|p| p >= AUDIENCE_SURE);
    match opinion.audience {
        [employee, external] if sure(employee) && !sure(external) => Some(Audience::Employee),
        [employee, external] if sure(external) && !sure(employee) => Some(Audience::External),
        _ => None,
    }
}
