//! Words that stand near each other in a line or a paragraph, looked for at once.
//!
//! # Decisions
//! - What may stand between two words is counted beside the patterns, not in them (`.{0,200}`): there, each count is as many
//!   copies of all that a character may be, and these copies were a fifth of the program's memory.
//! - One pass with all patterns, their word borders left out, tells which of them to look at: borders of words in any
//!   script run on no fast engine.

use regex::Regex;
use regex::RegexSet;

/// As much as there is.
pub(super) const ANY: usize = usize::MAX;

/// Words, and words behind them, with at most so many characters before, between and after.
pub(super) struct Phrase {
    /// Before the first; those that begin a line have `^`.
    before: usize,
    first: &'static str,
    between: usize,
    second: &'static str,
    /// None: nothing but marks.
    after: Option<usize>,
}

/// Words that begin a line.
pub(super) const fn begins(first: &'static str, after: usize) -> Phrase {
    two(0, first, 0, "", Some(after))
}

/// Words, and words behind them.
pub(super) const fn two(
    before: usize,
    first: &'static str,
    between: usize,
    second: &'static str,
    after: Option<usize>,
) -> Phrase {
    Phrase {
        before,
        first,
        between,
        second,
        after,
    }
}

/// A noun of small print, and a verb within so many characters.
pub(super) const fn print(first: &'static str, between: usize, second: &'static str) -> Phrase {
    two(ANY, first, between, second, Some(ANY))
}

/// Phrases as they are looked for.
pub(super) struct Phrases {
    /// Which of them may be there.
    first: RegexSet,
    all: Vec<(Phrase, Regex, Regex)>,
}

impl Phrases {
    /// Makes them ready.
    pub(super) fn new<const N: usize>(all: [Phrase; N]) -> Self {
        let without_borders = all.iter().map(|p| pattern(&p.first.replace(r"\b", "")));
        Self {
            first: RegexSet::new(without_borders).expect("patterns that a test compiles"),
            all: all
                .into_iter()
                .map(|p| {
                    let (first, second) = (one(p.first), one(p.second));
                    (p, first, second)
                })
                .collect(),
        }
    }

    /// Tells whether one of them is in a text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let found = self.first.matches(text).into_iter();
        found.filter_map(|at| self.all.get(at)).any(|phrase| {
            let (Phrase { before, .. }, first, _) = phrase;
            first.find_iter(text).any(|at| {
                let (ahead, rest) = around(text, at);
                within(ahead, *before) && goes_on(phrase, rest)
            })
        })
    }
}

/// Tells whether what stands behind a phrase's first words is the rest of it. Looks no further than it may stand.
fn goes_on((phrase, _, second): &(Phrase, Regex, Regex), rest: &str) -> bool {
    let near = second.find_iter(rest).map(|at| around(rest, at));
    let mut near = near.take_while(|(between, _)| within(between, phrase.between));
    near.any(|(_, after)| match phrase.after {
        Some(most) => within(after, most),
        None => !after.contains(is_letter),
    })
}

/// Without the marks that it begins with.
pub(super) fn behind_marks(text: &str) -> &str {
    text.trim_start_matches(|c| !is_letter(c))
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What stands before and behind a place.
fn around<'a>(text: &'a str, at: regex::Match<'_>) -> (&'a str, &'a str) {
    let before = text.get(..at.start()).unwrap_or_default();
    (before, text.get(at.end()..).unwrap_or_default())
}

/// Tells whether a text has at most so many characters.
pub(super) fn within(text: &str, most: usize) -> bool {
    text.len() <= most || text.chars().nth(most).is_none()
}

fn pattern(text: &str) -> String {
    format!("(?is){text}")
}

/// A pattern for letters of any case.
pub(super) fn one(text: &str) -> Regex {
    Regex::new(&pattern(text)).expect("a pattern that a test compiles")
}
