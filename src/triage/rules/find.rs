//! Finds the words of all concepts in a folded text, in one pass.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;

use crate::triage::classify::fold::CLAUSE;
use crate::triage::classify::fold::Folded;
use crate::triage::classify::fold::SENTENCE;
use crate::triage::classify::fold::is_unspaced;
use crate::triage::classify::fold::is_word;
use crate::triage::classify::scan::Hit;

/// Between the two sides of a `~` stand at most this many words …
const GAP_WORDS: usize = 3;
/// … and, where words are not parted, this many octets.
const GAP_BYTES: usize = 32;

/// What a concept does to the clause it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// The clause says that something is *not* the matter ("no problem with", "works fine"): rules do not see its words.
    Denies,
    /// Undoes a denial in its clause ("works" in "nothing works").
    Affirms,
    /// A clause begins here ("but", "and").
    Breaks,
}

/// What a phrase found means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Whole,
    /// The left side of a `~`, with its number.
    Left(usize),
    /// The right side.
    Right(usize),
}

/// A phrase of a concept, or one side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Phrase {
    pub(super) concept: usize,
    pub(super) part: Part,
    /// May begin in the middle of a word.
    pub(super) loose_left: bool,
    /// May end in the middle of a word.
    pub(super) loose_right: bool,
}

/// All concepts, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(super) automaton: AhoCorasick,
    pub(super) phrases: Vec<Phrase>,
    /// The concepts' names; one written in a rule itself begins with `'`.
    pub(super) names: Vec<String>,
    pub(super) roles: Vec<Option<Role>>,
    pub(super) domains: Vec<(String, usize)>,
    /// (silencing, silenced)
    pub(super) silences: Vec<(usize, usize)>,
}

impl Words {
    /// Returns what the concept does to its clause.
    pub(crate) fn role(&self, concept: usize) -> Option<Role> {
        self.roles.get(concept).copied().flatten()
    }

    /// Returns the domains that are concepts.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &String> {
        self.domains.iter().map(|(domain, _)| domain)
    }

    /// Returns the concept's name.
    pub(crate) fn name(&self, concept: usize) -> &str {
        self.names.get(concept).map_or("", String::as_str)
    }

    /// Finds all words of all concepts, at word boundaries.
    pub(crate) fn find(&self, folded: &Folded) -> Vec<Hit> {
        let text = folded.text.as_str();
        let mut hits: Vec<Hit> = Vec::new();
        let mut lefts: Vec<(usize, Hit)> = Vec::new();
        let mut rights: HashMap<usize, Vec<Hit>> = HashMap::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let Some(phrase) = self.phrases.get(found.pattern().as_usize()) else {
                continue;
            };
            let (before, rest) = text.split_at_checked(found.start()).unwrap_or_default();
            let (word, after) = rest.split_at_checked(found.len()).unwrap_or_default();
            let left = phrase.loose_left || parted(before.chars().next_back(), word.chars().next());
            let right =
                phrase.loose_right || parted(word.chars().next_back(), after.chars().next());
            if !left || !right {
                continue;
            }
            let hit = Hit {
                concept: phrase.concept,
                start: found.start(),
                end: found.end(),
            };
            match phrase.part {
                Part::Whole => hits.push(hit),
                Part::Left(pair) => lefts.push((pair, hit)),
                Part::Right(pair) => rights.entry(pair).or_default().push(hit),
            }
        }
        hits.extend(joined(text, &lefts, rights));
        for (start, domain) in &folded.named {
            for (wanted, concept) in &self.domains {
                if is_domain(domain, wanted) {
                    hits.push(Hit {
                        concept: *concept,
                        start: *start,
                        end: *start + 1,
                    });
                }
            }
        }
        for (by, silenced) in &self.silences {
            if hits.iter().any(|h| h.concept == *by) {
                hits.retain(|h| h.concept != *silenced);
            }
        }
        hits
    }
}

/// Joins the sides of a `~` that stand near enough to each other in one clause.
fn joined(text: &str, lefts: &[(usize, Hit)], mut rights: HashMap<usize, Vec<Hit>>) -> Vec<Hit> {
    for side in rights.values_mut() {
        side.sort_by_key(|h| h.start);
    }
    let mut out = Vec::new();
    for (pair, left) in lefts {
        let Some(rights) = rights.get(pair) else {
            continue;
        };
        let first = rights.partition_point(|r| r.start < left.end);
        let near = rights
            .iter()
            .skip(first)
            .take_while(|r| r.start <= left.end + GAP_BYTES * 2);
        for right in near {
            let gap = text.get(left.end..right.start).unwrap_or_default();
            let unbroken =
                !gap.contains([CLAUSE, SENTENCE]) && gap.split_whitespace().count() <= GAP_WORDS;
            if unbroken && (gap.len() <= GAP_BYTES || gap.is_ascii()) {
                out.push(Hit {
                    concept: left.concept,
                    start: left.start,
                    end: right.end,
                });
                break;
            }
        }
    }
    out
}

/// Tells whether a word can end between these characters.
fn parted(left: Option<char>, right: Option<char>) -> bool {
    match (left, right) {
        (Some(l), Some(r)) => !is_word(l) || !is_word(r) || is_unspaced(l) != is_unspaced(r),
        _ => true,
    }
}

/// Tells whether `domain` is `wanted` or below it; a look-alike that only ends in the same letters is not.
pub(crate) fn is_domain(domain: &str, wanted: &str) -> bool {
    domain
        .strip_suffix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
