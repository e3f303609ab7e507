//! The line (or the two, three, four) that says who wrote what is quoted below.

use std::sync::LazyLock;

use regex::Regex;
use regex_filtered::Builder;
use regex_filtered::Regexes;

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
const VERBS: [&str; 3] = [
    concat!(
        r"(?i)\b(wrote|writes|schrieb|geschrieben|escribió|escribio|escrigué|escreveu|scrisse|schreef|geschreven|",
        r"napisał|napisała|pisze|pisał|pisała|yazdı|yazmış|menulis|skrev|skriver|kirjoitti|napsal|napsala|napísal|",
        r"napísala|írta|rašė|rakstīja|napisao|napisala|пишет|писал|писала|написал|написала|написав|написала|написа|έγραψε)\b",
    ),
    r"(?i)\b(a écrit|a ecrit|ha escrito|ha scritto|a scris|va escriure|đã viết|je napisal)",
    r"كتب|כתב|写道|寫道|写到|のメール|さん[はが]書|書きました|書いた|작성|썼|님이|लिखा|เขียน",
];
static VERB: LazyLock<Regexes> = LazyLock::new(|| {
    let all = Builder::new().push_all(VERBS);
    all.expect("patterns that a test compiles")
        .build()
        .expect("few enough patterns")
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{1,2}\s?[:.h]\s?\d{2}|\d\s?[時点點시]"));
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(19|20)\d\d\b|(19|20)\d\d\s?[年년]|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|٢٠\d\d|\b\d{1,2}\.? \p{L}{3,12}\b|\b\p{L}{3,12}\.? \d{1,2}\b",
    )
});
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<[^<>\s]{0,100}@[^<>\s]{0,200}>|\[mailto:[^\]\s]{1,200}\]"));
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^[\W_]{0,6}((on|am|le|el|em|il|op|w dniu|dnia|den|pada|в|på|dne|на|στις|בתאריך|vào|ngày) ",
        r"|في |(mon|tue|wed|thu|fri|sat|sun)[a-z]*,|(19|20)\d\d|\d{1,2}[./ -])",
    ))
});

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
        let opening = lines
            .get(start)
            .is_some_and(|line| OPENING.is_match(line.text.trim()));
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
        && !OPENING.is_match(line)
        && ends_with_verb(line)
}

fn bare(line: &str) -> &str {
    line.trim().trim_matches(['-', '_', '*', ' ', '|'])
}

fn ends_with_verb(line: &str) -> bool {
    VERB.matching(line)
        .filter_map(|(_, verb)| verb.find_iter(line).last())
        .any(|found| line.len() - found.end() <= 12)
}

fn is_whole(joined: &str, colon: bool) -> bool {
    let verb = VERB.is_match(joined);
    let date = DATE.is_match(joined);
    let time = TIME.is_match(joined);
    let address = ADDRESS.is_match(joined);
    let opening = OPENING.is_match(joined);
    if colon {
        (verb && (address || opening || (date && time))) || (address && date && time)
    } else {
        verb && date && time && (address || opening)
    }
}

/// The words before the name may have been wrapped away: `On Tue, Mar 5,` stands alone above, or two lines of it.
fn first_line(lines: &[Line], at: usize) -> usize {
    let text = |at: usize| lines.get(at).map_or("", |line| line.text.trim());
    if OPENING.is_match(text(at)) {
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
        if (dated && OPENING.is_match(line)) || (date && time) {
            return above;
        }
    }
    at
}
