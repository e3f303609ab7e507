//! What the subject and the writer's words say: phrases of absence, acknowledgement and bounce, weighed.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use regex::Regex;

use crate::message::Message;
use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;

/// A machine says what it has to say at once: no more characters of the text are looked at.
pub(super) const TEXT_CHARS_MAX: usize = 4000;
/// So many decorations (`[Ticket 1]`, `***`) before the subject's words are skipped.
const DECORATIONS_MAX: usize = 4;

/// `Re:` and the like are no longer, counter and scripts of three octets a letter included.
const PREFIX_OCTETS_MAX: usize = 48;

/// Where a group of words is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// At the subject's start, after decorations, never after `Re:`; a phrase is followed by the end, a colon or the
    /// like.
    SubjectStart,
    /// Anywhere in the subject, unless it is an answer or a forward.
    Subject,
    /// Anywhere in the new words.
    Body,
}

/// Words that mean the same, and what they weigh.
#[derive(Debug, Clone)]
pub(super) struct WordGroup {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) place: Place,
    pub(super) points: i32,
}

/// All literals of one place in one automaton, and the place's patterns.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    pub(super) literals: AhoCorasick,
    /// Group of each literal.
    pub(super) of_literal: Vec<usize>,
    /// Patterns with their group.
    pub(super) patterns: Vec<(Regex, usize)>,
}

/// A subject, made comparable.
struct Subject {
    text: String,
    /// Where the words start, each decoration skipped once more.
    starts: Vec<usize>,
    /// It begins with `Re:`, `Fwd:` or the like.
    answers: bool,
}

/// Weighs subject and new words. Each group counts once; phrases that only people write take points away, but never
/// more than there are.
pub(super) fn signs(message: &Message, rules: &ScreenRules, signs: &mut Vec<Sign>) {
    let subject = Subject::of(&message.subject, rules);
    let text = if message.body.new.trim().is_empty() {
        &message.body.full
    } else {
        &message.body.new
    };
    let body = normal(text, TEXT_CHARS_MAX);
    let mut hits: BTreeMap<usize, String> = BTreeMap::new();
    for (group, start, end) in subject.hits(rules) {
        hits.entry(group)
            .or_insert_with(|| cut(&subject.text, start, end));
    }
    for (group, start, end) in rules.body_scan.hits(&body) {
        if !is_quoted(&body, start) {
            hits.entry(group).or_insert_with(|| cut(&body, start, end));
        }
    }
    let mut found = Vec::new();
    for (group, matched) in hits {
        if let Some(group) = rules.groups.get(group) {
            found.push((
                group.points,
                format!("words/{}", group.name),
                group.says.clone(),
                matched,
            ));
        }
    }
    let asks = body.contains('?') || body.contains('\u{61f}') || body.contains('\u{37e}');
    if asks {
        let says = "It asks something, as people do.".to_owned();
        found.push((
            rules.question_points,
            "words/question".to_owned(),
            says,
            "?".to_owned(),
        ));
    }
    if text.chars().nth(rules.long_chars).is_some() {
        let says = "It is longer than a machine's answer.".to_owned();
        found.push((
            rules.long_points,
            "words/long".to_owned(),
            says,
            String::new(),
        ));
    }
    let sum: i32 = found.iter().map(|(points, ..)| *points).sum();
    if found.iter().all(|(points, ..)| *points <= 0) {
        return;
    }
    // Words for a person outweigh words for a machine at most to nothing: headers are not argued away.
    let surplus = if sum < 0 { -sum } else { 0 };
    found.sort_by_key(|(points, ..)| std::cmp::Reverse(*points));
    for (at, (points, name, says, matched)) in found.into_iter().enumerate() {
        let points = if at == 0 {
            points.saturating_add(surplus)
        } else {
            points
        };
        signs.push(Sign::new(Force::Points(points), &name, &says, &matched));
    }
}

impl Default for Scan {
    fn default() -> Self {
        let none: [&str; 0] = [];
        let literals = AhoCorasick::new(none).expect("an automaton of nothing is small");
        Self {
            literals,
            of_literal: Vec::new(),
            patterns: Vec::new(),
        }
    }
}

impl Scan {
    /// Returns group, start and end of everything that is found; literals only on word borders.
    fn hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let patterns = self.patterns.iter().filter_map(|(pattern, group)| {
            let found = pattern.find(text)?;
            Some((*group, found.start(), found.end()))
        });
        self.literal_hits(text).chain(patterns)
    }

    fn literal_hits<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        self.literals.find_overlapping_iter(text).filter_map(|m| {
            let group = *self.of_literal.get(m.pattern().as_usize())?;
            on_borders(text, m.start(), m.end()).then_some((group, m.start(), m.end()))
        })
    }
}

impl Subject {
    fn of(subject: &str, rules: &ScreenRules) -> Self {
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

    /// Returns group, start and end of what is found where the group wants it.
    fn hits(&self, rules: &ScreenRules) -> Vec<(usize, usize, usize)> {
        let scan = &rules.subject_scan;
        let at_start = |group: usize| {
            rules
                .groups
                .get(group)
                .is_some_and(|g| g.place == Place::SubjectStart)
        };
        let literals = scan.literal_hits(&self.text).filter(|(group, start, end)| {
            if at_start(*group) {
                self.starts.contains(start) && ends_well(&self.text, *end, rules)
            } else {
                !self.answers
            }
        });
        let mut hits: Vec<_> = literals.collect();
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
                    hits.push((*group, start + found.start(), start + found.end()));
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

/// Returns whether the phrase stands in quotation marks: then somebody cites a machine.
fn is_quoted(text: &str, start: usize) -> bool {
    let before = text.get(..start).and_then(|b| b.chars().next_back());
    matches!(
        before,
        Some('"' | '\'' | '\u{ab}' | '\u{300c}' | '\u{300e}')
    )
}

/// Returns whether no word is cut in two. Scripts that write without spaces have no borders to respect.
fn on_borders(text: &str, start: usize, end: usize) -> bool {
    let outside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && has_spaces(c));
    let inside = outside;
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let after = text.get(end..).and_then(|t| t.chars().next());
    let found = text.get(start..end).unwrap_or_default();
    let (first, last) = (found.chars().next(), found.chars().next_back());
    !(outside(before) && inside(first) || outside(after) && inside(last))
}

/// Scripts of East and South-East Asia, which write words without spaces; Hangul glues particles to them.
fn has_spaces(c: char) -> bool {
    !matches!(c, '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

fn cut(text: &str, start: usize, end: usize) -> String {
    text.get(start..end).unwrap_or_default().to_owned()
}

/// Makes a text comparable: lower case, plain quotes and dashes, full-width forms narrow, white space single. At most
/// `chars_max` characters of it.
pub(super) fn normal(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars_max * 4));
    let mut space = true;
    for c in text.chars().take(chars_max) {
        let c = match c {
            '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{b4}' | '`' => '\'',
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' => '"',
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(c),
            c => c,
        };
        // Invisible: soft hyphen, zero-width, direction marks; and the dot that lower-casing a Turkish I leaves.
        if matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            if !space {
                out.push(' ');
            }
            space = true;
        } else {
            out.extend(c.to_lowercase().filter(|c| *c != '\u{307}'));
            space = false;
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}
