//! The line (or the two, three, four) that says who wrote what is quoted below.

use std::sync::LazyLock;

use regex::Regex;

use crate::message::html::Line;
use crate::message::unquote::is_prefixed;

/// Lines that an attribution may be wrapped over.
const LINES_MAX: usize = 4;
/// Octets of an attribution.
const OCTETS_MAX: usize = 400;

/// An attribution that ends at the line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribution {
    /// Its first line.
    pub(super) start: usize,
    /// It names an address, or begins as attributions do and has a time of day: what follows is a quote even
    /// without prefix.
    pub(super) strong: bool,
}

/// Words for "wrote" in the clients of the world.
static VERB: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(wrote|writes|schrieb|geschrieben|escribió|escribio|escrigué|escreveu|scrisse|schreef|geschreven|",
        r"napisał|napisała|pisze|pisał|pisała|yazdı|yazmış|menulis|skrev|skriver|kirjoitti|napsal|napsala|napísal|",
        r"napísala|írta|rašė|rakstīja|napisao|napisala|пишет|писал|писала|написал|написала|написав|написала|написа|έγραψε)\b",
        r"|\b(a écrit|a ecrit|ha escrito|ha scritto|a scris|va escriure|đã viết|je napisal)",
        r"|كتب|כתב|写道|寫道|写到|のメール|さん[はが]書|書きました|書いた|작성|썼|님이|लिखा|เขียน",
    ))
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{1,2}\s?[:.h]\s?\d{2}|\d\s?[時点點시]"));
// Three letters of a month are enough: counts of letters up to twelve are as many copies of the alphabets of the world.
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(19|20)\d\d\b|(19|20)\d\d\s?[年년]|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|٢٠\d\d|\b\d{1,2}\.? \p{L}{3}|\p{L}{3}\.? \d{1,2}\b",
    )
});
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<[^<>\s]*@[^<>\s]*>|\[mailto:[^\]\s]+\]"));
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^((on|am|le|el|em|il|op|w dniu|dnia|den|pada|в|på|dne|на|στις|בתאריך|vào|ngày) ",
        r"|في |(mon|tue|wed|thu|fri|sat|sun)[a-z]*,|(19|20)\d\d|\d{1,2}[./ -])",
    ))
});
/// Marks that may stand before an attribution.
const MARKS_MAX: usize = 6;
/// A verb stands so near to the end of its line, in octets …
const AFTER_VERB_MAX: usize = 12;
/// … and begins no more than so many octets before it.
const VERB_REACH: usize = 64;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that a test compiles")
}

/// Finds the attribution whose last line is `end`.
pub(super) fn ending_at(lines: &[Line], end: usize) -> Option<Attribution> {
    let last = bare(&lines.get(end)?.text);
    let colon = last.ends_with([':', '：']);
    if last.is_empty() || last.len() > OCTETS_MAX || (!colon && !ends_with_verb(last)) {
        return None;
    }
    let mut joined = String::new();
    for count in 0..LINES_MAX {
        let at = end.checked_sub(count)?;
        let line = &lines.get(at)?.text;
        if line.trim().is_empty() || is_prefixed(line) {
            return None;
        }
        joined = if joined.is_empty() {
            bare(line).to_owned()
        } else {
            format!("{} {joined}", line.trim())
        };
        if joined.len() > OCTETS_MAX {
            return None;
        }
        if !is_whole(&joined, colon) {
            continue;
        }
        let start = first_line(lines, at);
        let address = ADDRESS.is_match(&joined);
        let opening = lines.get(start).is_some_and(|line| opens(&line.text));
        return Some(Attribution {
            start,
            strong: address || (opening && TIME.is_match(&joined)),
        });
    }
    None
}

/// `Ana Berg wrote:` and nothing else: an attribution only right above quoted lines.
pub(super) fn is_short(line: &str) -> bool {
    let line = line.trim();
    let words = line.split_whitespace().count();
    line.ends_with([':', '：'])
        && (2..=6).contains(&words)
        && line.len() <= 80
        && !line.starts_with(char::is_lowercase)
        && !opens(line)
        && ends_with_verb(line)
}

fn bare(line: &str) -> &str {
    line.trim().trim_matches(['-', '_', '*', ' ', '|'])
}

/// Tells whether a line begins as attributions do, behind a few marks.
fn opens(line: &str) -> bool {
    let mut rest = line.trim();
    for _ in 0..MARKS_MAX {
        rest = rest
            .strip_prefix(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest);
    }
    OPENING.is_match(rest)
}

fn ends_with_verb(line: &str) -> bool {
    let from = line.ceil_char_boundary(line.len().saturating_sub(VERB_REACH));
    let end = line.get(from..).unwrap_or_default();
    let last = VERB.find_iter(end).last();
    last.is_some_and(|found| end.len() - found.end() <= AFTER_VERB_MAX)
}

fn is_whole(joined: &str, colon: bool) -> bool {
    let verb = VERB.is_match(joined);
    let date = DATE.is_match(joined);
    let time = TIME.is_match(joined);
    let address = ADDRESS.is_match(joined);
    let opening = opens(joined);
    if colon {
        (verb && (address || opening || (date && time))) || (address && date && time)
    } else {
        verb && date && time && (address || opening)
    }
}

/// The words before the name may have been wrapped away: `On Tue, Mar 5,` stands alone above, or two lines of it.
fn first_line(lines: &[Line], at: usize) -> usize {
    let text = |at: usize| lines.get(at).map_or("", |line| line.text.trim());
    if opens(text(at)) {
        return at;
    }
    let mut dated = false;
    for above in (at.saturating_sub(2)..at).rev() {
        let line = text(above);
        let (date, time) = (DATE.is_match(line), TIME.is_match(line));
        dated |= date || time;
        if line.is_empty() || line.len() > 100 || line.ends_with(['.', '!', '?', ':']) {
            return at;
        }
        if (dated && opens(line)) || (date && time) {
            return above;
        }
    }
    at
}
