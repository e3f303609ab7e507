//! A subject's own words: behind decorations, and never behind `Re:`.

use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::words::Hit;
use crate::triage::screen::words::Place;
use crate::triage::screen::words::TEXT_CHARS_MAX;
use crate::triage::screen::words::text::normal;

/// So many decorations (`[Ticket 1]`, `***`) before the subject's words are skipped.
const DECORATIONS_MAX: usize = 4;
/// `Re:` and the like are no longer, counter and scripts of three octets a letter included.
const PREFIX_OCTETS_MAX: usize = 48;

/// A subject, made comparable.
pub(super) struct Subject {
    pub(super) text: String,
    /// Where the words start, each decoration skipped once more.
    starts: Vec<usize>,
    /// It begins with `Re:`, `Fwd:` or the like.
    pub(super) answers: bool,
}

impl Subject {
    pub(super) fn of(subject: &str, rules: &ScreenRules) -> Self {
        let text = normal(subject, TEXT_CHARS_MAX);
        let mut starts = Vec::new();
        let mut at = 0;
        let mut answers = false;
        for _ in 0..DECORATIONS_MAX {
            let rest = text.get(at..).unwrap_or_default();
            let signs = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
            at += signs;
            let words = text.get(at..).unwrap_or_default();
            if answer_prefix(words, rules) {
                answers = true;
                break;
            }
            starts.push(at);
            // Inside a bracket: the words may also begin behind it.
            let skipped = rest.get(..signs).unwrap_or_default();
            let Some(closes) = skipped.chars().rev().find_map(closing) else {
                break;
            };
            match words.find(closes) {
                Some(end) => at += end + closes.len_utf8(),
                None => break,
            }
        }
        Self {
            text,
            starts,
            answers,
        }
    }

    /// Returns what is found where its group wants it.
    pub(super) fn hits(&self, rules: &ScreenRules) -> Vec<Hit> {
        let scan = &rules.subject_scan;
        let at_start = |group: usize| {
            let group = rules.groups.get(group);
            group.is_some_and(|g| g.place == Place::SubjectStart)
        };
        let wanted = |hit: &Hit| {
            if at_start(hit.group) {
                self.starts.contains(&hit.start) && ends_well(&self.text, hit.end, rules)
            } else {
                !self.answers
            }
        };
        let mut hits = scan.phrase_hits(&self.text);
        hits.retain(wanted);
        for (pattern, group) in &scan.patterns {
            let starts: &[usize] = if at_start(*group) { &self.starts } else { &[0] };
            if !at_start(*group) && self.answers {
                continue;
            }
            for start in starts {
                let text = self.text.get(*start..).unwrap_or_default();
                if let Some(found) = pattern.find(text)
                    && (found.start() == 0 || !at_start(*group))
                {
                    hits.push(Hit {
                        group: *group,
                        start: start + found.start(),
                        end: start + found.end(),
                    });
                }
            }
        }
        hits
    }
}

/// Returns the bracket that closes what this one opens.
fn closing(opening: char) -> Option<char> {
    match opening {
        '[' => Some(']'),
        '\u{3010}' => Some('\u{3011}'),
        '(' => Some(')'),
        '<' => Some('>'),
        '{' => Some('}'),
        _ => None,
    }
}

/// Returns whether the text starts with `re:` or the like, with or without a counter (`re[2]:`, `re (3):`).
fn answer_prefix(text: &str, rules: &ScreenRules) -> bool {
    let Some(colon) = text.find(':').filter(|at| *at <= PREFIX_OCTETS_MAX) else {
        return false;
    };
    let word = text.get(..colon).unwrap_or_default();
    let word = word.split(['[', '(']).next().unwrap_or_default();
    let word = word.trim().trim_end_matches(|c: char| c.is_ascii_digit());
    rules.answer_prefixes.contains(word)
}

/// A subject's marker stands alone: it ends there, or a colon, dash, bracket or `Re:` follows.
fn ends_well(text: &str, end: usize, rules: &ScreenRules) -> bool {
    let rest = text.get(end..).unwrap_or_default().trim_start();
    let marks = [
        ':', '-', ']', ')', '\u{3011}', '|', '/', '>', ',', '.', '(', '[', '!', '*', '"', '\'',
    ];
    rest.is_empty() || rest.starts_with(marks) || answer_prefix(rest, rules)
}
