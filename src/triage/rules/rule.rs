//! A rule, compiled: conditions on sets of concepts.

use regex::Regex;

use crate::triage::classify::Audience;
use crate::triage::classify::scan::Bits;
pub(crate) use crate::triage::rules::written::Within;

/// Each set must be met: `["@a|@b", "@c"]` is (a or b) and c.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs(pub(crate) Vec<Bits>);

impl Needs {
    /// Tells whether every set has a concept in `bits`.
    pub(crate) fn met(&self, bits: &Bits) -> bool {
        self.0.iter().all(|set| bits.meets(set))
    }

    /// Returns all concepts of all sets.
    pub(crate) fn union(&self) -> Bits {
        let mut all = Bits::default();
        self.0.iter().for_each(|set| all.add(set));
        all
    }
}

/// What a rule asks of a mail.
#[derive(Debug, Clone)]
pub(crate) struct When {
    pub(crate) within: Within,
    pub(crate) all: Needs,
    pub(crate) not: Bits,
    pub(crate) also: Needs,
    pub(crate) without: Bits,
    pub(crate) quoted: Needs,
    pub(crate) regex: Option<Regex>,
    pub(crate) sender_domain: Vec<String>,
    pub(crate) answer: Option<bool>,
    pub(crate) max_words: Option<usize>,
    pub(crate) at_least: Option<usize>,
    pub(crate) even_denied: bool,
}

/// A rule of an intent.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) because: String,
    pub(crate) weight: i32,
    pub(crate) person: bool,
    pub(crate) when: When,
}

/// A rule of the audience; the first that holds decides.
#[derive(Debug, Clone)]
pub(crate) struct AudienceRule {
    pub(crate) name: String,
    pub(crate) because: String,
    pub(crate) audience: Audience,
    pub(crate) when: When,
}
