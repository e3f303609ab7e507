//! One pass over a folded text for the words of all concepts, cut into clauses and sentences.

use std::collections::BTreeSet;

use crate::triage::classify::fold::CLAUSE;
use crate::triage::classify::fold::Folded;
use crate::triage::classify::fold::SENTENCE;
use crate::triage::rules::find::Role;
use crate::triage::rules::find::Words;

/// At most this many concepts (named ones and words written in rules).
pub(crate) const CONCEPTS_MAX: usize = 768;
/// At most this many clauses of a mail are looked at.
const CLAUSES_MAX: usize = 2_000;
/// At most this many words found are kept.
const HITS_MAX: usize = 20_000;

/// A set of concepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bits([u64; CONCEPTS_MAX / 64]);

impl Bits {
    /// Adds a concept; numbers beyond the limit are refused when rules are compiled.
    pub(crate) fn insert(&mut self, concept: usize) {
        if let Some(word) = self.0.get_mut(concept / 64) {
            *word |= 1 << (concept % 64);
        }
    }

    /// Adds all of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a |= b;
        }
    }

    /// Takes all of `other` away.
    pub(crate) fn remove(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a &= !b;
        }
    }

    /// Tells whether a concept of `other` is in here.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// Returns the concepts in it, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros())
                    .ok()
                    .filter(|_| left != 0)?;
                left &= left - 1;
                Some(word * 64 + bit)
            })
        })
    }

    /// Tells whether a concept is in here.
    pub(crate) fn has(&self, concept: usize) -> bool {
        self.0
            .get(concept / 64)
            .is_some_and(|w| w & (1 << (concept % 64)) != 0)
    }
}

/// A concept's word found in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// The concept's number.
    pub(crate) concept: usize,
    /// Where the word begins, in octets of the folded text.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// Words that stand close together: a clause, a sentence, a pair of sentences.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unit {
    /// Where it begins, in octets of the folded text.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// Concepts in clauses that are not denied.
    pub(crate) alive: Bits,
    /// All concepts.
    pub(crate) all: Bits,
}

/// A scanned text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scanned {
    /// The folded text.
    pub(crate) folded: Folded,
    /// The words found, by place.
    pub(crate) hits: Vec<Hit>,
    /// The clauses in order.
    pub(crate) clauses: Vec<Unit>,
    /// The sentences in order.
    pub(crate) sentences: Vec<Unit>,
    /// Each sentence with the one that follows.
    pub(crate) pairs: Vec<Unit>,
    /// The whole text.
    pub(crate) whole: Unit,
    /// Concepts that are named only in denied clauses ("my login is fine").
    pub(crate) denied: Bits,
    /// Number of words, for rules about short mails.
    pub(crate) words: usize,
}

/// Scans a folded text.
pub(crate) fn scan(folded: Folded, words: &Words) -> Scanned {
    let mut hits = words.find(&folded);
    hits.truncate(HITS_MAX);
    hits.sort_by_key(|h| (h.start, h.end));
    let clauses = clauses(&folded.text, &hits, words);
    let mut out = Scanned {
        hits,
        ..Scanned::default()
    };
    let mut dead = Bits::default();
    let mut open: Option<Unit> = None;
    for clause in &clauses {
        out.whole.alive.add(&clause.alive);
        out.whole.all.add(&clause.all);
        if clause.alive != clause.all {
            dead.add(&clause.all);
        }
        let unit = open.get_or_insert(Unit {
            start: clause.start,
            ..Unit::default()
        });
        unit.end = clause.end;
        unit.alive.add(&clause.alive);
        unit.all.add(&clause.all);
        if folded
            .text
            .get(clause.end..)
            .is_none_or(|t| t.is_empty() || t.starts_with(SENTENCE))
        {
            out.sentences.extend(open.take());
        }
    }
    out.sentences.extend(open);
    out.whole.end = folded.text.len();
    out.pairs = pairs(&out.sentences);
    dead.remove(&out.whole.alive);
    out.denied = dead;
    out.words = folded
        .text
        .split([' ', CLAUSE, SENTENCE])
        .filter(|w| !w.is_empty())
        .count();
    out.clauses = clauses;
    out.folded = folded;
    out
}

fn pairs(sentences: &[Unit]) -> Vec<Unit> {
    let mut out: Vec<Unit> = sentences
        .windows(2)
        .filter_map(|w| match w {
            [a, b] => {
                let mut pair = Unit {
                    start: a.start,
                    end: b.end,
                    ..*a
                };
                pair.alive.add(&b.alive);
                pair.all.add(&b.all);
                Some(pair)
            }
            _ => None,
        })
        .collect();
    if let ([only], true) = (sentences, out.is_empty()) {
        out.push(*only);
    }
    out
}

/// Cuts at the marks and at the words that begin a clause ("but", "and"), and gives each hit to its clause.
fn clauses(text: &str, hits: &[Hit], words: &Words) -> Vec<Unit> {
    let mut cuts: Vec<usize> = text
        .match_indices([CLAUSE, SENTENCE])
        .map(|(at, _)| at)
        .collect();
    cuts.extend(
        hits.iter()
            .filter(|h| words.role(h.concept) == Some(Role::Breaks))
            .map(|h| h.start),
    );
    cuts.push(text.len());
    cuts.sort_unstable();
    cuts.dedup();
    cuts.truncate(CLAUSES_MAX);
    let mut out = Vec::with_capacity(cuts.len());
    let mut hits = hits.iter().peekable();
    let mut start = 0;
    for end in cuts {
        let mut unit = Unit {
            start,
            end,
            ..Unit::default()
        };
        let (mut denies, mut affirms) = (false, false);
        while let Some(hit) = hits.next_if(|h| h.start < end) {
            unit.all.insert(hit.concept);
            match words.role(hit.concept) {
                Some(Role::Denies) => {
                    denies = true;
                    unit.alive.insert(hit.concept);
                }
                Some(Role::Affirms) => affirms = true,
                Some(Role::Breaks) | None => {}
            }
        }
        if !denies || affirms {
            unit.alive = unit.all;
        }
        out.push(unit);
        start = end;
    }
    out
}

impl Scanned {
    /// Counts the different words of these concepts.
    pub(crate) fn count(&self, wanted: &Bits) -> usize {
        let found = self.hits.iter().filter(|h| wanted.has(h.concept));
        found.map(|h| h.start).collect::<BTreeSet<usize>>().len()
    }

    /// Returns the words between the first and last hit of these concepts in a unit, with a little around them.
    pub(crate) fn quote(&self, unit: &Unit, wanted: &Bits) -> String {
        let mut inside = self
            .hits
            .iter()
            .filter(|h| h.start >= unit.start && h.start < unit.end && wanted.has(h.concept));
        let Some(first) = inside.next() else {
            return String::new();
        };
        let end = inside
            .map(|h| h.end)
            .fold(first.end, usize::max)
            .min(unit.end.max(first.end));
        let text = self.folded.text.get(first.start..end).unwrap_or_default();
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(120)
            .collect()
    }
}
