//! The intents as written in `rules/intents/`, compiled to one scan.
//!
//! `rules/README.md` shows the grammar by example. `words` are the concepts that rules speak of, `written` is the
//! file as a person writes it, `find` the automaton, `compile` makes conditions of it, `examples` runs the examples beside the rules.
//!
//! # Decisions
//! - Rules speak of concepts (word lists in all languages), and of how near they stand to each other. A regex may
//!   refine a rule, but never stands alone: the concepts found in one pass are its prefilter.
//! - Examples that fail are complaints like any other: a desk whose rules do not do what they say does not start.

mod compile;
mod examples;
pub(crate) mod find;
pub(crate) mod rule;
pub(crate) mod words;
mod written;

use crate::triage::Disposition;
use crate::triage::classify::fold::fold;
use crate::triage::classify::language::Tongues;
use crate::triage::model::Model;
use crate::triage::model::ModelFile;
use crate::triage::rules::find::Words;
use crate::triage::rules::rule::AudienceRule;
use crate::triage::rules::rule::Rule;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;
use crate::triage::verify::rules::Wish;

/// An intent of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its name, such as `account-access`.
    pub name: String,
    /// What must happen to a mail with it.
    pub disposition: Disposition,
    /// The queue it is forwarded to, also where a person is needed for what is mostly answered. None: the queue of the
    /// first other intent, else the desk's default.
    pub queue: Option<String>,
    /// The reply's paragraph; none: no reply.
    pub reply: Option<String>,
    /// The smaller, the more it presses when several are found.
    pub rank: u32,
    /// Whether the addresses that a person names are verified by mail.
    pub verify: Wish,
}

/// An intent's part in scoring, beside `Intent`.
#[derive(Debug, Clone)]
pub(crate) struct Scoring {
    /// From this score on a mail has the intent.
    pub(crate) threshold: i32,
    /// Dropped when the other intent is found too and the score here is below the number.
    pub(crate) yields_to: Vec<(usize, i32)>,
    /// Taken when nothing else is found.
    pub(crate) fallback: bool,
    /// Its rules.
    pub(crate) rules: Vec<Rule>,
}

/// All intents with their rules, compiled.
#[derive(Debug, Clone)]
pub struct IntentRules {
    intents: Vec<Intent>,
    /// In the order of `intents`.
    pub(crate) scoring: Vec<Scoring>,
    pub(crate) words: Words,
    /// Numbers of the intents that ask for an audience.
    pub(crate) audience_for: Vec<usize>,
    pub(crate) audience: Vec<AudienceRule>,
    pub(crate) tongues: Tongues,
    /// The learned second opinion; none: rules alone.
    pub(crate) model: Option<Model>,
}

impl IntentRules {
    /// Compiles `intents/*.toml` and the shared word lists, and runs the examples beside the rules.
    pub fn compile(files: &RuleFiles) -> Result<Self, Vec<Complaint>> {
        let mut faults = Vec::new();
        let (rules, examples) = compile::compile(files, &mut faults);
        if let (Some(rules), true) = (&rules, faults.is_empty()) {
            faults.extend(examples::run(rules, &examples, files));
        }
        match rules {
            Some(rules) if faults.is_empty() => Ok(rules),
            _ => Err(faults),
        }
    }

    /// Makes a model for these intents of its file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn model_of(&self, file: &ModelFile) -> Result<Model, String> {
        let names: Vec<String> = self.intents.iter().map(|i| i.name.clone()).collect();
        Model::new(file, &names)
    }

    /// Takes another model.
    pub fn take(&mut self, model: Model) {
        self.model = Some(model);
    }

    /// Returns the intents in order of rank.
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// Returns the intent of that name.
    pub fn intent(&self, name: &str) -> Option<&Intent> {
        self.intents.iter().find(|i| i.name == name)
    }

    /// Returns whether a rule or word list speaks of `domain`, or of one that it is below.
    pub fn speaks_of(&self, domain: &str) -> bool {
        let conditions = self
            .scoring
            .iter()
            .flat_map(|s| s.rules.iter().map(|r| &r.when))
            .chain(self.audience.iter().map(|r| &r.when));
        let mut wanted = conditions
            .flat_map(|when| &when.sender_domain)
            .chain(self.words.domains());
        wanted.any(|wanted| find::is_domain(domain, wanted))
    }

    /// Returns whether a text speaks of one of these concepts.
    pub(crate) fn speaks(&self, text: &str, concepts: &[&str]) -> bool {
        let hits = self.words.find(&fold(text));
        hits.iter()
            .any(|hit| concepts.contains(&self.words.name(hit.concept)))
    }

    /// Returns whether that intent only stands for a mail that tells nothing.
    pub fn is_fallback(&self, name: &str) -> bool {
        self.intents
            .iter()
            .zip(&self.scoring)
            .any(|(i, s)| i.name == name && s.fallback)
    }
}

#[cfg(test)]
mod tests;
