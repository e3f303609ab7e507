//! Texts made comparable, and what their signs tell: borders of words and sentences, questions.

/// A citation that is longer is none.
const CITED_CHARS_MAX: usize = 300;
/// A question of fewer words is a headline (`Urgent?`).
const QUESTION_WORDS_MIN: usize = 4;
/// The same in letters of scripts that write without spaces.
const QUESTION_SOLID_MIN: usize = 6;

/// Makes a text comparable: lower case, plain quotes and dashes, full-width forms narrow, white space single. At most
/// `chars_max` characters of it.
pub(in crate::triage::screen) fn normal(text: &str, chars_max: usize) -> String {
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

/// Returns whether a word starts or ends at that place. Scripts that write without spaces have no borders to respect.
pub(super) fn is_border(text: &str, at: usize) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && has_spaces(c));
    let before = text.get(..at).and_then(|t| t.chars().next_back());
    let after = text.get(at..).and_then(|t| t.chars().next());
    !(letter(before) && letter(after))
}

/// Returns whether no sentence ends within that piece of a normal text: a full stop behind a number (`3. bis 21.`) or
/// a short word (`Tel.`) ends none.
pub(super) fn one_sentence(piece: &str) -> bool {
    let mut letters = 0;
    let mut chars = piece.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '!' | '?' | '\u{3002}' | '\u{61f}' | '\u{964}' => return false,
            '.' if letters > 3 && chars.peek() == Some(&' ') => return false,
            c if c.is_alphabetic() => letters += 1,
            _ => letters = 0,
        }
    }
    true
}

/// Scripts of East and South-East Asia, which write words without spaces; Hangul glues particles to them.
pub(super) fn has_spaces(c: char) -> bool {
    !matches!(c, '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Returns whether the phrase stands in quotation marks: then somebody cites a machine.
pub(super) fn is_quoted(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let opened = before.chars().next_back();
    if matches!(
        opened,
        Some('"' | '\'' | '\u{ab}' | '\u{300c}' | '\u{300e}')
    ) {
        return true;
    }
    // Somewhere between two marks that belong together, the second one not far away.
    let after = text.get(end..).unwrap_or_default();
    let soon = |c: char| after.chars().take(CITED_CHARS_MAX).any(|a| a == c);
    let open = |opens: char, closes: char| match (before.rfind(opens), before.rfind(closes)) {
        (Some(at), Some(closed)) => at > closed && soon(closes),
        (Some(_), None) => soon(closes),
        (None, _) => false,
    };
    let odd = before.matches('"').count() % 2 == 1;
    odd && soon('"') || open('\u{ab}', '\u{bb}') || open('\u{300c}', '\u{300d}')
}

/// How many questions a text asks: in words enough to want something, and in fewer (`Urgent?`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Questions {
    pub(super) long: usize,
    pub(super) short: usize,
}

/// Counts the questions of a normal text.
pub(super) fn questions(text: &str) -> Questions {
    let mut found = Questions::default();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let ends = match c {
            '?' | '\u{61f}' | '\u{37e}' => true,
            // The Greek question mark looks like a semicolon and is mostly typed as one.
            ';' => is_greek(text.get(..at)),
            '.' | '!' | '\u{3002}' | '\u{964}' | ':' => {
                start = at;
                false
            }
            _ => false,
        };
        if !ends {
            continue;
        }
        let sentence = text.get(start..at).unwrap_or_default();
        start = at;
        let solid = sentence.chars().filter(|c| !has_spaces(*c)).count();
        if sentence.split_whitespace().count() >= QUESTION_WORDS_MIN || solid >= QUESTION_SOLID_MIN
        {
            found.long += 1;
        } else {
            found.short += 1;
        }
    }
    found
}

fn is_greek(before: Option<&str>) -> bool {
    let last = before.and_then(|b| b.chars().next_back());
    last.is_some_and(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}'))
}

pub(super) fn cut(text: &str, start: usize, end: usize) -> String {
    text.get(start..end).unwrap_or_default().to_owned()
}
