//! Which lines of an agent's mail are the agent's own, where it quotes one of ours.
//!
//! # Decisions
//! - Nothing below our marker line goes on, marked as a quote or not: programs fold the lines that they quote, and what they fold
//!   off, or all but a paragraph's first line, stands there like words of the agent's.
//! - Words between quoted lines below it come back, since half an answer is none. What stands below all of the quote is left out: as
//!   a rule a house's mail system set it there.
//! - Where the marker line was cut off, a line that may be folded off a quoted one is in doubt, and the mail comes back.

use std::collections::HashSet;

use crate::message::Body;
use crate::message::unquote::is_prefixed;
use crate::triage::forward::MARKER;

/// What mail programs call the fields that they set above a quote.
const FIELDS: [&str; 22] = [
    "from", "to", "cc", "sent", "date", "subject", "reply-to", "von", "an", "gesendet", "datum",
    "betreff", "de", "para", "à", "envoyé", "objet", "enviado", "asunto", "assunto", "da",
    "oggetto",
];
/// Lines right above a quote that may name whose it is.
const ATTRIBUTION_LINES_MAX: usize = 8;
/// No program folds a quoted line that is shorter, in characters.
const FOLD_CHARS_MIN: usize = 50;

const BETWEEN: &str = "Words stand between or below lines of our mail. Only what stands above the line at the top of it goes to the person: write all of your words there.";
const FOLDED: &str = "Lines stand right below quoted ones, and it is not sure whether they are your words or the ends of those. Leave an empty line between, or take the quote out.";

/// One line of the mail.
struct Row<'a> {
    text: &'a str,
    /// It is among the chosen lines.
    chosen: bool,
    /// It is taken for older text.
    quoted: bool,
}

/// A mail's lines, some of them chosen.
pub(super) struct Rows<'a> {
    rows: Vec<Row<'a>>,
    marker: Option<usize>,
}

impl<'a> Rows<'a> {
    /// Finds lines in the mail that they were taken from, in order.
    pub(super) fn of(body: &'a Body, chosen: &str) -> Self {
        let quoted: HashSet<&str> = body.quoted.lines().map(str::trim).collect();
        let mut wanted = chosen.lines().map(str::trim).filter(|l| !l.is_empty());
        let mut next = wanted.next();
        let rows = body.full.lines().map(|text| {
            let bare = text.trim();
            let chosen = next == Some(bare);
            if chosen {
                next = wanted.next();
            }
            let quoted = !chosen && !bare.is_empty() && quoted.contains(bare);
            Row {
                text,
                chosen,
                quoted,
            }
        });
        Self {
            rows: rows.collect(),
            marker: marker(&body.full),
        }
    }

    /// The chosen lines that stand above our own line, and above what names whose words follow.
    pub(super) fn above(&self) -> String {
        let all = self.rows.as_slice();
        let above = all
            .get(..self.marker.unwrap_or(all.len()))
            .unwrap_or_default();
        // `From: ...`, `On ... wrote:`, a rule: what stands between the words and the quote, up to an empty line.
        let block = above.iter().rev().take(ATTRIBUTION_LINES_MAX);
        let named = block
            .take_while(|row| self.marker.is_some() && is_attribution(row.text))
            .count();
        let mut out = String::new();
        let mut gap = false;
        for row in above.get(..above.len() - named).unwrap_or_default() {
            if !row.chosen {
                gap = !out.is_empty();
                continue;
            }
            if !out.is_empty() {
                out.push_str(if gap { "\n\n" } else { "\n" });
            }
            out.push_str(row.text);
            gap = false;
        }
        out
    }

    /// Why it is not sure that all of the agent's words stand above our line, and that nothing else does.
    pub(super) fn astray(&self) -> Option<&'static str> {
        let Some(at) = self.marker else {
            return self.starts(0).any(|s| s == Start::Fold).then_some(FOLDED);
        };
        // A quote without marks is one with what stands below it.
        let marked = self.rows.get(at).is_some_and(|row| !row.chosen);
        let last = self.rows.iter().rposition(|row| row.quoted).unwrap_or(0);
        let between = |s: Start| matches!(s, Start::Words(row) if row < last);
        (marked && self.starts(at).any(between)).then_some(BETWEEN)
    }

    /// Where runs of chosen lines start below a line.
    fn starts(&self, from: usize) -> impl Iterator<Item = Start> {
        let pairs = self.rows.iter().zip(self.rows.iter().skip(1)).enumerate();
        pairs.skip(from).filter_map(|(at, (above, row))| {
            let starts = row.chosen && !above.chosen;
            starts.then(|| {
                if above.quoted && is_fold(above.text, row.text) {
                    Start::Fold
                } else {
                    Start::Words(at + 1)
                }
            })
        })
    }
}

/// What a run of chosen lines starts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The end of a quoted line, perhaps.
    Fold,
    /// Words, in that row.
    Words(usize),
}

/// Whether a line may be the end of the quoted one above it.
fn is_fold(above: &str, line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    is_prefixed(above) && above.chars().count() + word.chars().count() >= FOLD_CHARS_MIN
}

/// Returns the line of a text in which our own line stands, or begins, whatever a program did to it.
pub(super) fn marker(text: &str) -> Option<usize> {
    let wanted = letters(MARKER);
    let mut all = String::new();
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(all.len());
        all.push_str(&letters(line));
    }
    let at = all.find(&wanted)?;
    starts.partition_point(|start| *start <= at).checked_sub(1)
}

fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_attribution(line: &str) -> bool {
    let line = line.trim();
    let field = line
        .split_once(':')
        .is_some_and(|(name, _)| FIELDS.contains(&name.trim_matches('*').to_lowercase().as_str()));
    let rule = line.chars().all(|c| !c.is_alphanumeric());
    let dashes = line.starts_with("--") || line.starts_with("__");
    !line.is_empty() && (field || rule || dashes || line.ends_with(':') || line.contains('@'))
}
