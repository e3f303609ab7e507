//! Addresses in a person's own words, however they are written.
//!
//! # Decisions
//! - Only new words count: what is quoted, and every signature, is somebody else's or an ornament.
//! - Found and sure are two things. `look at gmail dot com` may be an address; it is shown to the agent, and not
//!   written to.

use crate::message::Message;
use crate::message::address::Address;
use crate::triage::screen::Surroundings;
use crate::triage::verify::rules::VerifyRules;

/// Addresses of one mail that are looked at.
pub const NAMED_MAX: usize = 10;
/// Octets of text that are looked at.
const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Characters between which an address stands.
const ROUND: &str = "<>()[]{},;:\"|/\\「」『』【】（）〈〉《》，、。；：“”„«»*`";

/// An address as a mail names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub address: Address,
    /// Certainly an address, and meant as one.
    pub sure: bool,
    /// Where it begins in the text, in octets.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// The text in which a person names addresses: subject and new words, or the fields of a form.
pub fn text_of(message: &Message) -> String {
    let words = message.form.as_ref().map_or_else(
        || message.body.new.clone(),
        |form| {
            let fields = form
                .fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}"));
            fields.collect::<Vec<_>>().join("\n")
        },
    );
    let mut text = format!("{}\n{words}", message.subject);
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Finds addresses in a text, each the first time it stands there. Total.
pub fn find(text: &str) -> Vec<Found> {
    let words = words(text);
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let rest = words.get(at..).unwrap_or_default();
        let (one, taken) = match plain(word) {
            Some(address) => (Some((address, true)), 1),
            None => spelt(rest).map_or((None, 1), |(address, sure, taken)| {
                (Some((address, sure)), taken)
            }),
        };
        if let Some((address, sure)) = one {
            let end = rest.get(taken - 1).unwrap_or(word).bare_end();
            if !found.iter().any(|f| f.address.same_person(&address)) {
                found.push(Found {
                    address,
                    sure,
                    start: word.start,
                    end,
                });
            }
        }
        at += taken.max(1);
        if found.len() == NAMED_MAX {
            break;
        }
    }
    found
}

/// Tells whether an address may be somebody's here: not ours, not an agent's, no machine's, not the platform's.
pub fn is_persons(address: &Address, desk: &Surroundings, rules: &VerifyRules) -> bool {
    !desk.is_own(address)
        && !desk.is_agent(address)
        && !rules.is_machine(address)
        && !rules.is_platform(address)
}

/// A word of the text, with its place.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

impl Word<'_> {
    /// Where it ends, the full stop and the like behind it left out: these end what is said of it.
    fn bare_end(&self) -> usize {
        let bare = self.text.trim_end_matches(|c: char| !c.is_alphanumeric());
        self.start + bare.len()
    }
}

/// Splits at white space and at the signs around addresses. Brackets around `at` and `dot` stay as words of their own.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut from = None;
    let mut push = |start: usize, end: usize| {
        if let Some(piece) = text.get(start..end).filter(|p| !p.is_empty()) {
            words.push(Word { text: piece, start });
        }
    };
    for (at, c) in text.char_indices() {
        let parts = c.is_whitespace() || ROUND.contains(c);
        match (parts, from) {
            (true, Some(start)) => {
                push(start, at);
                from = None;
            }
            (false, None) => from = Some(at),
            _ => {}
        }
        // Where the sign itself tells something: `(at)`, `[dot]`.
        if matches!(c, '(' | '[' | '{' | '<') {
            push(at, at + c.len_utf8());
        }
    }
    if let Some(start) = from {
        push(start, text.len());
    }
    words
}

/// A word that is an address as it stands, once its ornaments are off.
fn plain(word: &Word<'_>) -> Option<Address> {
    if !word.text.contains(['@', '＠']) {
        return None;
    }
    address(word.text)
}

/// Reads an address and takes off what stands around it. Its domain must have a dot.
fn address(text: &str) -> Option<Address> {
    let clean: String = text
        .chars()
        .filter(|c| {
            !matches!(
                c,
                '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
            )
        })
        .map(|c| match c {
            '＠' => '@',
            '．' | '｡' => '.',
            other => other,
        })
        .collect();
    // Scripts without spaces: what stands before the address, and a particle behind it.
    let clean = match clean.split_once('@') {
        Some((name, domain)) if clean.contains(is_unspaced) => {
            let name = name.rsplit(is_unspaced).next().unwrap_or_default();
            let domain = domain.split(is_unspaced).next().unwrap_or_default();
            format!("{name}@{domain}")
        }
        _ => clean,
    };
    // What a link says besides: `ann@work.example?subject=x`.
    let clean = match clean.split_once('@') {
        Some((_, after)) => {
            let asks = after.find('?').map_or(0, |at| after.len() - at);
            clean.get(..clean.len() - asks).unwrap_or_default()
        }
        None => clean.as_str(),
    };
    let clean = clean
        .trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '+')
        .trim_end_matches(|c: char| !c.is_alphanumeric());
    if clean.matches('@').count() != 1 {
        return None;
    }
    let found = Address::parse(clean).ok()?;
    let domain = found.domain();
    let last = domain.rsplit('.').next().unwrap_or_default();
    let top = last.len() >= 2
        && (last.chars().all(|c| c.is_ascii_alphabetic()) || last.starts_with("xn--"));
    (domain.contains('.') && top).then_some(found)
}

/// Whether a sign is of a script that writes words without spaces, or hangs particles onto them.
fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{e7f}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7af}'
            | '\u{ff66}'..='\u{ff9f}'
    )
}

/// Words for `@`.
const AT: [&str; 9] = [
    "@",
    "at",
    "arroba",
    "chiocciola",
    "arobase",
    "ät",
    "małpa",
    "собака",
    "собачка",
];
/// Words for the dot.
const DOT: [&str; 8] = [
    ".",
    "dot",
    "punto",
    "ponto",
    "point",
    "punkt",
    "kropka",
    "точка",
];
/// At most so many words make a spelt address.
const SPELT_WORDS_MAX: usize = 16;

/// Reads an address that begins here and is spelt in words: `name at gmail dot com`, `name (at) gmail [dot] com`,
/// `name @ gmail.com`. Returns it, whether it is sure, and how many words it takes.
fn spelt(words: &[Word<'_>]) -> Option<(Address, bool, usize)> {
    let mut text = String::new();
    let (mut signs, mut plain_words) = (0, 0);
    let (mut at_seen, mut wants_name) = (false, true);
    let mut bracket = false;
    let mut best = None;
    for (n, word) in words.iter().take(SPELT_WORDS_MAX).enumerate() {
        if matches!(word.text, "(" | "[" | "{" | "<") {
            bracket = true;
            continue;
        }
        // Before a name nothing is asked of a word but that it may be one.
        let lower = if wants_name {
            String::new()
        } else {
            word.text.to_lowercase()
        };
        let is_at = AT.contains(&lower.as_str()) || lower == "＠";
        let is_dot = DOT.contains(&lower.as_str());
        if !wants_name && is_at && !at_seen {
            text.push('@');
            at_seen = true;
        } else if !wants_name && is_dot {
            text.push('.');
        } else if wants_name && is_part(word.text) {
            text.push_str(word.text);
            wants_name = false;
            bracket = false;
            if at_seen && let Some(found) = address(&text) {
                // Bare words are how people talk, too: then the name itself must look like one.
                let name = found.local().contains(['.', '_', '-'])
                    || found.local().chars().any(|c| c.is_ascii_digit());
                let sure = plain_words == 0 || signs > 0 || name;
                best = Some((found, sure, n + 1));
            }
            continue;
        } else {
            break;
        }
        wants_name = true;
        if bracket || matches!(lower.as_str(), "@" | "＠" | ".") {
            signs += 1;
        } else {
            plain_words += 1;
        }
        bracket = false;
    }
    best
}

/// Whether a word may be a part of an address.
fn is_part(text: &str) -> bool {
    let text = text.trim_end_matches(['.', '!', '?']);
    !text.is_empty()
        && text.len() <= 100
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
}
