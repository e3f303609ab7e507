//! What the writer wants, who is asking, and in which language; each with its reason.
//!
//! `reading` takes what counts from a message, `fold` and `scan` find the words of all concepts in one pass, `score`
//! weighs the rules, `language` votes.
//!
//! # Decisions
//! - Harm first: what tells nothing is the fallback intent, which is forwarded; an answer to one of our automatic
//!   mails that is not plain thanks needs a person, whatever it says.
//! - What the writer denies ("my login is fine") is struck out clause by clause before rules look; a subject line
//!   ("Account problem") loses what the body denies.

pub(crate) mod fold;
pub(crate) mod language;
pub(crate) mod reading;
pub(crate) mod scan;
pub(crate) mod score;

use crate::message::Message;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::classify::reading::Reading;
use crate::triage::classify::score::Evidence;
use crate::triage::classify::score::Verdict;
use crate::triage::model::Model;
use crate::triage::model::combine;
use crate::triage::model::combine::Stance;
use crate::triage::model::features;
use crate::triage::model::tell;
use crate::triage::rules::IntentRules;

/// What a mail was understood to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// The intents found, primary first; never empty (a mail that tells nothing is `other`).
    pub intents: Vec<String>,
    /// Something in the mail needs a person though its intents could be answered (a how-to that was followed and failed).
    pub person_needed: bool,
    /// Who asks, when a redirect depends on it.
    pub audience: Option<Audience>,
    /// The language of the new words.
    pub language: Language,
    /// Why.
    pub because: Vec<Because>,
}

/// Who asks for an IBM badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Works there.
    Employee,
    /// Does not.
    External,
    /// The mail does not tell.
    Unknown,
}

/// A language with how sure we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// ISO 639-1 code of the likeliest language.
    pub code: String,
    /// Sure enough to answer in it alone.
    pub sure: bool,
}

/// Classifies the writer's new words and the subject. Total.
pub fn classify(message: &Message, rules: &IntentRules) -> Classification {
    classify_reading(&Reading::of(message), rules)
}

/// Tells the language of a mail without asking what it wants.
pub fn language(message: &Message, rules: &IntentRules) -> Language {
    rules.tongues.tell(&Reading::of(message))
}

/// Returns what must happen to a mail of that classification: forwarded when any intent is or a person is needed
/// (the account comes first), else what the primary intent leads to.
pub fn disposition(classification: &Classification, rules: &IntentRules) -> Disposition {
    let mut all = classification
        .intents
        .iter()
        .filter_map(|name| rules.intent(name))
        .map(|i| i.disposition);
    let Some(primary) = all.next() else {
        return Disposition::Forward;
    };
    if classification.person_needed
        || primary == Disposition::Forward
        || all.any(|d| d == Disposition::Forward)
    {
        return Disposition::Forward;
    }
    primary
}

/// Scans what counts, and lets the rules find what is wanted.
pub(crate) fn look(reading: &Reading, rules: &IntentRules) -> (Evidence, Verdict) {
    let evidence = Evidence::gather(reading, rules);
    let mut verdict = score::verdict(&evidence, rules);
    if verdict.fell_back && (!reading.context.is_empty() || reading.subject_is_older()) {
        // The new words tell nothing of the matter: what they stand above does.
        let context = Evidence::gather(&reading.context_as_text(), rules);
        let wider = score::verdict(&context, rules);
        if !wider.fell_back && !wider.only_ignored(rules) {
            verdict.follow(wider, rules);
        }
    }
    (evidence, verdict)
}

fn classify_reading(reading: &Reading, rules: &IntentRules) -> Classification {
    let (evidence, mut verdict) = look(reading, rules);
    let audience_before = rules
        .model
        .as_ref()
        .and_then(|model| second_opinion(model, &evidence, &mut verdict, rules));
    let mut because = Vec::new();
    let (mut audience, why) = score::audience(&evidence, &verdict, rules);
    if let (Some(Audience::Unknown), Some(told)) = (audience, audience_before) {
        audience = Some(told);
    }
    for found in &verdict.found {
        because.extend(found.because.iter().cloned());
    }
    because.extend(why);
    let name = |f: &score::Found| rules.intents().get(f.intent).map(|i| i.name.clone());
    Classification {
        intents: verdict.found.iter().filter_map(name).collect(),
        person_needed: verdict.person_needed,
        audience,
        language: rules.tongues.tell(reading),
        because,
    }
}

/// Lets the learned model decide with the rules; tells who asks, where the model is sure of that.
fn second_opinion(
    model: &Model,
    evidence: &Evidence,
    verdict: &mut Verdict,
    rules: &IntentRules,
) -> Option<Audience> {
    let features = features::of(evidence, verdict, rules);
    let sentences = features::of_sentences(evidence, rules);
    let opinion = model.opinion(&features, &sentences, Stance::of(verdict, rules));
    let decision = combine::decide(verdict, &opinion, &model.thresholds, rules)?;
    let says = |intent: Option<usize>| model.reasons(intent, &features, rules);
    tell::apply(verdict, &decision, &opinion, &says, rules);
    combine::audience(&opinion)
}

#[cfg(test)]
mod tests;
