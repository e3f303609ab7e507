//! Signatures, phone and advert lines, disclaimers: what stands below the writer's words.

mod near;
mod phrases;

use std::sync::LazyLock;

use regex::Regex;

use crate::message::html::Hint;
use crate::message::html::Line;
use crate::message::unquote::Kind;
use crate::message::unquote::signature::phrases::CLOSING;
use crate::message::unquote::signature::phrases::Formulas;
use crate::message::unquote::signature::phrases::THANK;
use crate::message::unquote::signature::phrases::is_boiler;
use crate::message::unquote::signature::phrases::is_small_print;

/// Lines that may stand below `-- `.
const DELIMITED_LINES_MAX: usize = 30;
/// Lines that may stand below a closing formula or the writer's name.
const CLOSED_LINES_MAX: usize = 12;
/// Lines from the end in which a closing formula is looked for.
const CLOSING_REACH: usize = 18;
/// Characters of a firm's slogan or notice below a signature.
const SLOGAN_CHARS: usize = 400;
/// Characters of a line in a signature.
const SIGNATURE_LINE_CHARS: usize = 75;

static POSTSCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    one(
        r"(?i)^\W*(p\.? ?s\.?|p\.? ?d\.?|n\.?b\.?|pps|ps2|追伸|추신|附[:：]|edit|note)\s*[:.\-–—)： ]",
    )
});
/// The writer speaks.
static FIRST_PERSON: LazyLock<Regex> = LazyLock::new(|| {
    one(concat!(
        r"(?i)\b(i|i['’](m|ve|d|ll)|my|me|mine|myself|ich|mein\w*|mir|mich|je|j['’]\w+|mon|mes|moi|yo|mi|mis|eu|meu\w*|minha\w*|io|mio|mia|miei|ik|mijn|mnie|mój|moje|moja|",
        r"я|мой|моя|мои|мне|меня|ben|benim|bana|saya|aku|main|mera|mere|mujhe)\b|私|わたし|我|제가|저는|나는|मेरा|मैं|मुझे|أنا",
    ))
});
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| one(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"));
static LIST_FOOTER: LazyLock<Regex> = LazyLock::new(|| {
    one(
        r"(?i)(mailing list|listinfo|unsubscribe|to opt out|contact form on|abmelden|desuscri|désinscri|cancelar (a |la )?(sub|ins)scri)",
    )
});

fn one(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that a test compiles")
}

/// Marks what is no word of the writer's in the new text between quotes.
pub(super) fn find(lines: &[Line], kinds: &mut [Kind], name: &str) {
    let mut work = Search {
        lines,
        kinds,
        name: &name_words(name),
    };
    let mut last = None;
    let mut at = 0;
    while at < lines.len() {
        if work.kind(at) != Some(Kind::New) {
            at += 1;
            continue;
        }
        let start = at;
        while work.kind(at) == Some(Kind::New) {
            at += 1;
        }
        work.single_lines(start, at);
        work.hinted(start, at);
        work.delimited(start, at);
        work.disclaimers(start, at);
        if work.filled(start, at).next().is_some() {
            last = Some((start, at));
        }
    }
    if let Some((start, end)) = last {
        work.closed(start, end);
    }
}

struct Search<'a> {
    lines: &'a [Line],
    kinds: &'a mut [Kind],
    name: &'a [String],
}

impl Search<'_> {
    fn kind(&self, at: usize) -> Option<Kind> {
        self.kinds.get(at).copied()
    }

    fn text(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", |line| line.text.trim())
    }

    fn mark(&mut self, from: usize, to: usize, kind: Kind) {
        for slot in self.kinds.get_mut(from..to).unwrap_or_default() {
            if *slot == Kind::New {
                *slot = kind;
            }
        }
    }

    /// The new lines of a range that have text.
    fn filled(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (from..to).filter(|&at| self.kind(at) == Some(Kind::New) && !self.text(at).is_empty())
    }

    fn single_lines(&mut self, start: usize, end: usize) {
        let mut armour = false;
        for at in start..end {
            let line = self.text(at);
            armour |= line == "-----BEGIN PGP SIGNATURE-----";
            let boiler = armour || is_boiler(line);
            armour &= line != "-----END PGP SIGNATURE-----";
            if boiler {
                self.mark(at, at + 1, Kind::Boiler);
            }
        }
    }

    fn hinted(&mut self, start: usize, end: usize) {
        for at in start..end {
            if self
                .lines
                .get(at)
                .is_some_and(|line| line.hint == Hint::Signature)
            {
                self.mark(at, at + 1, Kind::Signature);
            }
        }
    }

    fn delimited(&mut self, start: usize, end: usize) {
        let found = (start..end).find(|&at| {
            matches!(
                self.lines.get(at).map(|line| line.text.trim_end()),
                Some("--" | "- --" | "—" | "––")
            )
        });
        if let Some(at) = found
            && self.filled(at + 1, end).count() <= DELIMITED_LINES_MAX
        {
            self.mark(at, end, Kind::Signature);
            return;
        }
        // A list's footer below a row of underscores.
        let rule = (start..end).rev().take(12).find(|&at| {
            let line = self.text(at);
            line.len() >= 2 && line.chars().all(|c| c == '_' || c == '-' || c == '=')
        });
        if let Some(at) = rule
            && (at..end).any(|i| LIST_FOOTER.is_match(self.text(i)))
        {
            self.mark(at, end, Kind::Boiler);
        }
    }

    fn disclaimers(&mut self, start: usize, end: usize) {
        let mut at = start;
        let mut first = true;
        while at < end {
            if self.text(at).is_empty() {
                at += 1;
                continue;
            }
            let begin = at;
            while at < end && !self.text(at).is_empty() {
                at += 1;
            }
            let paragraph = (begin..at)
                .map(|i| self.text(i))
                .collect::<Vec<_>>()
                .join(" ");
            // The writer's words come first; and the small print is never short.
            let may_be = !first && paragraph.len() >= 60 && !paragraph.contains('?');
            if may_be && is_small_print(&paragraph) {
                self.mark(begin, at, Kind::Boiler);
            }
            first = false;
        }
    }

    /// A closing formula, or the writer's own name, and what stands below it.
    fn closed(&mut self, start: usize, end: usize) {
        let mut rows: Vec<usize> = self.filled(start, end).rev().take(CLOSING_REACH).collect();
        rows.reverse();
        let mut found = None;
        for at in (0..rows.len()).rev() {
            let line = rows.get(at).map_or("", |&row| self.text(row));
            // A postscript is the writer's word again.
            let below = rows.get(at + 1..).unwrap_or_default();
            let until = below
                .iter()
                .position(|&row| POSTSCRIPT.is_match(self.text(row)))
                .unwrap_or(below.len());
            let below: Vec<&str> = below
                .iter()
                .take(until)
                .map(|&row| self.text(row))
                .collect();
            if is_formula(line, &CLOSING, 60) && self.is_block(&below, 0) {
                found = Some((at, at + 1 + until));
                break;
            }
            if is_formula(line, &THANK, 40) && self.is_thanked(&below) {
                found = Some((at + 1, at + 1 + until));
                break;
            }
            let bare = !below.iter().any(|text| ADDRESS.is_match(text));
            if self.is_own_name(line) && bare && self.is_block(&below, 1) {
                found = Some((at, at + 1 + until));
            }
        }
        // A mail does not begin with its signature.
        let (Some((from, to)), Some(first)) = (found, self.filled(start, end).next()) else {
            return;
        };
        let rows = rows.get(from..to).unwrap_or_default();
        if let (Some(&top), Some(&bottom)) = (rows.first(), rows.last())
            && top != first
        {
            self.mark(top, bottom + 1, Kind::Signature);
        }
    }

    /// Below thanks, only a name is surely no word of the writer's.
    fn is_thanked(&self, below: &[&str]) -> bool {
        match below {
            [] => false,
            [name]
                if name.split_whitespace().count() <= 2
                    && !name.ends_with(['.', '!', '?', '。']) =>
            {
                true
            }
            [name, rest @ ..] => self.is_own_name(name) && self.is_block(rest, 1),
        }
    }

    /// Tells whether lines are the block below a closing: names, titles, addresses; below two such lines (or a rule)
    /// also a firm's slogans. Whatever says "I" is the writer speaking.
    fn is_block(&self, below: &[&str], shorts: usize) -> bool {
        let mut addresses: Vec<&str> = below
            .iter()
            .flat_map(|line| ADDRESS.find_iter(line))
            .map(|found| found.as_str())
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        // Several addresses are what the desk asks for.
        if below.len() > CLOSED_LINES_MAX || addresses.len() > 1 {
            return false;
        }
        let (mut shorts, mut ruled) = (shorts, false);
        for line in below {
            if line
                .chars()
                .all(|c| matches!(c, '-' | '_' | '=' | '*' | '—' | '–' | '─'))
            {
                ruled = true;
            } else if self.is_own_name(line) || is_label(line) {
                shorts += 1;
            } else if !(ruled || shorts >= 2)
                || line.chars().count() > SLOGAN_CHARS
                || FIRST_PERSON.is_match(line)
            {
                return false;
            }
        }
        true
    }

    fn is_own_name(&self, line: &str) -> bool {
        let line = line.trim_start_matches(['-', '—', '–', '~', '*', '/', ' ']);
        if self.name.is_empty() || line.chars().count() > 45 || line.ends_with(['?', '!', ':']) {
            return false;
        }
        let words = name_words(line.split([',', '(', '|']).next().unwrap_or(line));
        if words.is_empty() || words.len() > 5 {
            return false;
        }
        let known = words
            .iter()
            .filter(|word| {
                self.name.iter().any(|own| {
                    own == *word
                        || (word.chars().count() >= 3 && own.starts_with(word.as_str()))
                        || (word.chars().count() == 1 && own.starts_with(word.as_str()))
                })
            })
            .count();
        let full = words.iter().any(|word| {
            self.name.iter().any(|own| own.starts_with(word.as_str()))
                && (word.chars().count() >= 2)
        });
        full && known * 2 > words.len()
    }
}

fn name_words(name: &str) -> Vec<String> {
    name.split(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | '"' | '-' | '\u{3000}'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Tells whether a line of a signature names something and tells nothing: no question, no sentence.
fn is_label(line: &str) -> bool {
    let chars = line.chars().count();
    if line.contains('|') && chars <= 160 {
        return true;
    }
    if chars > SIGNATURE_LINE_CHARS
        || line.contains(['?', '？', '。'])
        || FIRST_PERSON.is_match(line)
    {
        return false;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let lower = words
        .iter()
        .filter(|word| word.starts_with(char::is_lowercase))
        .count();
    let spoken = (words.len() >= 5 && lower * 2 > words.len())
        || (words.len() >= 4 && line.ends_with(['.', '!']));
    // Scripts without spaces and cases: by length.
    let long = words.len() <= 2 && !line.is_ascii() && chars > 25;
    !spoken && !long
}

fn is_formula(line: &str, formulas: &Formulas, chars_max: usize) -> bool {
    if line.chars().count() > chars_max {
        return false;
    }
    let lower = line.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric() && !c.is_alphabetic());
    let bare = bare.trim();
    formulas.contains(bare)
        || bare.char_indices().any(|(at, c)| {
            // `Best regards from Vienna`, `Thanks, Ana`; not `Best would be …`, nor `Yours is the only …`.
            let glued = c.is_alphanumeric();
            let (formula, rest) = bare.split_at_checked(at).unwrap_or_default();
            !glued && formulas.contains(formula) && goes_on(formula, rest)
        })
}

/// Tells whether a formula may be followed by that, and still closes a mail.
fn goes_on(formula: &str, rest: &str) -> bool {
    let words = rest.split_whitespace().count();
    let comma = rest.starts_with([',', '!', '.', '/', '-', '–', ';'])
        || rest.starts_with(" /")
        || rest.starts_with(" und")
        || rest.starts_with(" aus")
        || rest.starts_with(" from")
        || rest.starts_with(" in advance");
    (comma && words <= 5) || (formula.contains(' ') && words <= 3)
}
