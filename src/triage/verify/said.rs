//! What a person says of each address they name: whether they can read it.
//!
//! # Decisions
//! - What is said in the clause of an address counts for that address; what is said in a clause without one speaks
//!   against the nearest ones on both sides: better one question too few.
//! - That somebody cannot read an address is told by the words that rules speak of (`dead`, `unread`, `left`, `old`, in
//!   `words/`) or `old` in `verify.toml`; that they can by `reads` there.

use crate::triage::rules::IntentRules;
use crate::triage::verify::named::Found;
use crate::triage::verify::rules::VerifyRules;

/// Concepts that speak against an address.
const AGAINST: [&str; 5] = ["dead", "unread", "left", "old", "typo-address"];

/// What a mail says of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// That it can be read.
    Reads,
    /// That it cannot, or that is in doubt.
    Not,
    /// Nothing.
    Nothing,
}

/// A clause of the text.
#[derive(Debug, Default)]
struct Clause {
    words: String,
    /// Numbers of the addresses in it.
    holds: Vec<usize>,
}

/// Tells for each address what the text says of it, in their order. Total.
pub fn said(text: &str, found: &[Found], rules: &VerifyRules, intents: &IntentRules) -> Vec<Word> {
    if found.is_empty() {
        return Vec::new();
    }
    let clauses = clauses(text, found);
    let against: Vec<bool> = clauses
        .iter()
        .map(|c| intents.speaks(&c.words, &AGAINST))
        .collect();
    let mut words = vec![Word::Nothing; found.len()];
    for (at, clause) in clauses.iter().enumerate() {
        if clause.holds.is_empty() {
            continue;
        }
        // The sentence before may end in a colon: "the address that I read is:".
        let before = at.checked_sub(1).and_then(|n| clauses.get(n));
        let before = before.filter(|c| c.holds.is_empty());
        let reads = rules.reads.in_text(&clause.words)
            || before.is_some_and(|c| rules.reads.in_text(&c.words));
        // A word such as `old` speaks of the address beside it, and of none elsewhere.
        let not = against.get(at).copied().unwrap_or_default() || rules.old.in_text(&clause.words);
        for number in &clause.holds {
            if let Some(word) = words.get_mut(*number) {
                *word = match (not, reads) {
                    (true, _) => Word::Not,
                    (false, true) => Word::Reads,
                    (false, false) => Word::Nothing,
                };
            }
        }
    }
    for (at, clause) in clauses.iter().enumerate() {
        if clause.holds.is_empty() && against.get(at) == Some(&true) {
            let (before, after) = clauses.split_at_checked(at).unwrap_or_default();
            let nearest = before.iter().rev().find_map(|c| c.holds.last());
            let next = after.iter().find_map(|c| c.holds.first());
            for number in nearest.into_iter().chain(next) {
                if let Some(word) = words.get_mut(*number).filter(|w| **w == Word::Nothing) {
                    *word = Word::Not;
                }
            }
        }
    }
    words
}

/// Cuts a text into clauses, addresses left out of their words.
fn clauses(text: &str, found: &[Found]) -> Vec<Clause> {
    let mut clauses = vec![Clause::default()];
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if let Some(number) = found.iter().position(|f| f.start == at)
            && let Some(clause) = clauses.last_mut()
        {
            clause.holds.push(number);
            skip_to = found.get(number).map_or(at, |f| f.end);
        }
        if at < skip_to {
            continue;
        }
        let next = text
            .get(at + c.len_utf8()..)
            .and_then(|rest| rest.chars().next());
        let parted = next.is_none_or(|n| n.is_whitespace() || !n.is_alphanumeric());
        let ends = match c {
            '\n' | ';' | '(' | ')' | '。' | '！' | '？' | '；' | '，' | '、' | '؛' | '،' | '।' => {
                true
            }
            '.' | '!' | '?' | ',' => parted,
            _ => false,
        };
        if ends {
            clauses.push(Clause::default());
        } else if let Some(clause) = clauses.last_mut() {
            clause.words.push(c);
        }
    }
    clauses.retain(|c| !c.holds.is_empty() || c.words.chars().any(char::is_alphanumeric));
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::verify::named;

    fn cut(text: &str) -> Vec<(String, usize)> {
        clauses(text, &named::find(text))
            .into_iter()
            .map(|c| (c.words.trim().to_owned(), c.holds.len()))
            .collect()
    }

    #[test]
    fn a_clause_ends_where_its_sign_does_and_not_within_an_address() {
        assert_eq!(
            cut("I left in 3.5 days, sadly. Old: a.b@x.example, new: c@y.example."),
            [
                ("I left in 3.5 days".to_owned(), 0),
                ("sadly".to_owned(), 0),
                ("Old:".to_owned(), 1),
                ("new:".to_owned(), 1),
            ]
        );
    }
}
