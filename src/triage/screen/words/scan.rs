//! Many phrases looked for at once.
//!
//! # Decisions
//! - A phrase is one or several slots, each with alternatives: `je suis|je serai .. absent*|en congé*`. The slots must
//!   be found in order, in one sentence, at most `GAP_CHARS_MAX` characters apart: people and templates put adverbs and
//!   dates between the words that matter, and no list of whole phrases names them all.
//! - `*` at an end of a word lets it go on there: languages bend and compound their words.
//! - All words of all phrases stand in one automaton, so that a thousand phrases cost what one does.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use aho_corasick::MatchKind;
use regex::Regex;

use crate::triage::screen::words::Hit;
use crate::triage::screen::words::text::has_spaces;
use crate::triage::screen::words::text::is_border;
use crate::triage::screen::words::text::normal;
use crate::triage::screen::words::text::one_sentence;

/// Characters between two slots of a phrase.
const GAP_CHARS_MAX: usize = 45;
/// Slots a phrase may have.
const SLOTS_MAX: usize = 4;
/// Places where a phrase's slot was found that are remembered.
const REACHED_MAX: usize = 8;

/// All phrases and patterns of one place.
#[derive(Debug, Clone)]
pub(in crate::triage::screen) struct Scan {
    literals: AhoCorasick,
    /// For each literal, where it belongs.
    uses: Vec<Vec<Use>>,
    /// For each phrase, its group and how many slots it has.
    phrases: Vec<(usize, usize)>,
    /// Patterns with their group.
    pub(super) patterns: Vec<(Regex, usize)>,
}

/// A word of a slot of a phrase.
#[derive(Debug, Clone, Copy)]
struct Use {
    phrase: usize,
    slot: usize,
    /// It may be the end of a longer word.
    open_before: bool,
    /// It may be the start of a longer word.
    open_after: bool,
}

/// A scan as it is put together.
#[derive(Default)]
pub(in crate::triage::screen) struct Phrases {
    literals: Vec<String>,
    known: HashMap<String, usize>,
    uses: Vec<Vec<Use>>,
    taken: Vec<(usize, usize)>,
    patterns: Vec<(Regex, usize)>,
}

impl Phrases {
    /// Takes a phrase of a group.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(in crate::triage::screen) fn add(
        &mut self,
        group: usize,
        written: &str,
        octets_max: usize,
    ) -> Result<(), String> {
        if written.len() > octets_max {
            return Err(format!("A phrase has at most {octets_max} octets."));
        }
        let slots: Vec<&str> = written.split(" .. ").collect();
        if slots.len() > SLOTS_MAX {
            return Err(format!("A phrase has at most {SLOTS_MAX} slots."));
        }
        let phrase = self.taken.len();
        for (slot, alternatives) in slots.iter().enumerate() {
            for word in alternatives.split('|') {
                let literal = normal(word.trim().trim_matches('*'), octets_max);
                // One letter may stand in a slot (`i`, `я`), but is no phrase, unless it is a word of its script.
                let mut chars = literal.chars();
                let first = chars.next();
                let alone = chars.next().is_none() && first.is_none_or(has_spaces);
                if first.is_none() || alone && slots.len() == 1 {
                    return Err("A phrase has at least 2 characters, and no empty choice.".into());
                }
                let next = self.literals.len();
                let at = *self.known.entry(literal.clone()).or_insert(next);
                if at == next {
                    self.literals.push(literal);
                    self.uses.push(Vec::new());
                }
                if let Some(uses) = self.uses.get_mut(at) {
                    uses.push(Use {
                        phrase,
                        slot,
                        open_before: word.trim().starts_with('*'),
                        open_after: word.trim().ends_with('*'),
                    });
                }
            }
        }
        self.taken.push((group, slots.len()));
        Ok(())
    }

    /// Takes a pattern of a group.
    pub(in crate::triage::screen) fn add_pattern(&mut self, group: usize, pattern: Regex) {
        self.patterns.push((pattern, group));
    }

    /// # Errors
    /// That there are more phrases than an automaton holds.
    pub(in crate::triage::screen) fn scan(self) -> Result<Scan, String> {
        let literals = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&self.literals)
            .map_err(|error| format!("The phrases are too many: {error}."))?;
        Ok(Scan {
            literals,
            uses: self.uses,
            phrases: self.taken,
            patterns: self.patterns,
        })
    }
}

impl Default for Scan {
    fn default() -> Self {
        let none: [&str; 0] = [];
        let literals = AhoCorasick::new(none).expect("an automaton of nothing is small");
        Self {
            literals,
            uses: Vec::new(),
            phrases: Vec::new(),
            patterns: Vec::new(),
        }
    }
}

impl Scan {
    /// Returns everything that is found.
    pub(super) fn hits(&self, text: &str) -> Vec<Hit> {
        let mut hits = self.phrase_hits(text);
        hits.extend(self.patterns.iter().filter_map(|(pattern, group)| {
            let found = pattern.find(text)?;
            Some(Hit {
                group: *group,
                start: found.start(),
                end: found.end(),
            })
        }));
        hits
    }

    /// Returns the phrases that are found, each with where its first slot starts and its last one ends.
    pub(super) fn phrase_hits(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        // For a phrase's slot: where the phrase began and where the slot's word ends.
        let mut reached: HashMap<(usize, usize), Vec<(usize, usize)>> = HashMap::new();
        for found in self.literals.find_overlapping_iter(text) {
            let (start, end) = (found.start(), found.end());
            let uses = self.uses.get(found.pattern().as_usize());
            let borders = (is_border(text, start), is_border(text, end));
            for word in uses.into_iter().flatten() {
                if !(word.open_before || borders.0) || !(word.open_after || borders.1) {
                    continue;
                }
                let Some((group, slots)) = self.phrases.get(word.phrase).copied() else {
                    continue;
                };
                let began = if word.slot == 0 {
                    Some(start)
                } else {
                    let before = reached.get(&(word.phrase, word.slot - 1));
                    before.and_then(|before| near(text, before, start))
                };
                let Some(began) = began else { continue };
                if word.slot + 1 == slots {
                    hits.push(Hit {
                        group,
                        start: began,
                        end,
                    });
                    continue;
                }
                let places = reached.entry((word.phrase, word.slot)).or_default();
                if places.len() >= REACHED_MAX {
                    places.remove(0);
                }
                places.push((began, end));
            }
        }
        hits
    }
}

/// Returns where the phrase began whose last word so far stands shortly before `start`.
fn near(text: &str, before: &[(usize, usize)], start: usize) -> Option<usize> {
    let fits = |end: usize| {
        let gap = text.get(end..start);
        gap.is_some_and(|gap| gap.chars().count() <= GAP_CHARS_MAX && one_sentence(gap))
    };
    let found = before.iter().rev().find(|(_, end)| fits(*end));
    found.map(|(began, _)| *began)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn found(phrase: &str, text: &str) -> bool {
        let mut phrases = Phrases::default();
        phrases.add(0, phrase, 200).unwrap();
        let scan = phrases.scan().unwrap();
        !scan.phrase_hits(&normal(text, 500)).is_empty()
    }

    #[test]
    fn slots_are_found_in_order_in_one_sentence_and_not_far_apart() {
        let phrase = "i am|we are .. on leave|away";
        assert!(found(phrase, "We are, as every year, on leave"));
        assert!(found(phrase, "I am (Tel. 12) from the 3. of May on leave"));
        assert!(!found(phrase, "On leave I am"));
        assert!(!found(phrase, "I am happy. The others are on leave"));
        let far = format!("I am {} away", "so ".repeat(20));
        assert!(!found(phrase, &far));
    }

    #[test]
    fn only_a_star_lets_a_word_go_on() {
        assert!(!found("urlaub", "im Jahresurlaub"));
        assert!(found("*urlaub", "im Jahresurlaub"));
        assert!(!found("*urlaub", "Urlaubszeit"));
        assert!(found("*urlaub*", "Jahresurlaubszeit"));
        assert!(found("休暇", "夏季休暇中"), "no borders in this script");
    }

    #[test]
    fn a_phrase_without_words_is_refused() {
        let add = |phrase: &str| Phrases::default().add(0, phrase, 200).is_ok();
        assert!(add("i .. am away") && add("吗"));
        for wrong in ["", "*", "a", "away||back", "a .. b .. c .. d .. e"] {
            assert!(!add(wrong), "{wrong}");
        }
        assert!(!add(&"long ".repeat(50)));
    }
}
