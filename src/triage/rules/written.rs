//! Intent and audience files as a person writes them.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::triage::Disposition;
use crate::triage::classify::Audience;
use crate::triage::verify::rules::Wish;

/// A file of `intents/`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct IntentFile {
    /// What a person should know of it.
    #[serde(default, rename = "says")]
    _says: String,
    pub(super) disposition: Disposition,
    pub(super) queue: Option<Spanned<String>>,
    pub(super) reply: Option<String>,
    #[serde(default)]
    pub(super) verify: Wish,
    pub(super) rank: u32,
    #[serde(default = "ten")]
    pub(super) threshold: i32,
    #[serde(default)]
    pub(super) fallback: bool,
    #[serde(default)]
    pub(super) yields_to: BTreeMap<Spanned<String>, i32>,
    #[serde(default)]
    pub(super) matches: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) misses: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) rule: Vec<RuleWritten>,
}

/// Where a rule's words must stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Within {
    /// One clause.
    Clause,
    /// One sentence.
    #[default]
    Sentence,
    /// Two sentences that follow each other.
    Near,
    /// One sentence of the subject line.
    Subject,
    /// Anywhere.
    Mail,
}

/// A `[[rule]]`, of an intent or of the audience.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RuleWritten {
    pub(super) id: Spanned<String>,
    pub(super) because: Spanned<String>,
    /// Intents only.
    pub(super) weight: Option<Spanned<i32>>,
    /// Intents only.
    pub(super) person: Option<Spanned<bool>>,
    /// `audience.toml` only.
    pub(super) audience: Option<Spanned<Audience>>,
    #[serde(default)]
    pub(super) within: Within,
    #[serde(default)]
    pub(super) all: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) not: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) also: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) without: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) quoted: Vec<Spanned<String>>,
    pub(super) regex: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) sender_domain: Vec<String>,
    pub(super) answer: Option<bool>,
    pub(super) max_words: Option<usize>,
    pub(super) at_least: Option<usize>,
    #[serde(default)]
    pub(super) even_denied: bool,
    #[serde(default)]
    pub(super) matches: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) misses: Vec<Spanned<String>>,
}

/// `audience.toml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AudienceFile {
    #[serde(rename = "for")]
    pub(super) intents: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) rule: Vec<RuleWritten>,
}

fn ten() -> i32 {
    10
}
