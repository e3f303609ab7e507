//! The forms that an order comes in, after phones, editors and HTML had their way with it.

use jiff::civil::Date;

/// A longer word is no order.
const WORD_CHARS_MAX: usize = 30;
/// More of a line is not looked at.
const LINE_CHARS_MAX: usize = 400;
/// Nothing rests for longer: a year.
const SECONDS_MAX: u64 = 366 * 86_400;
/// What editors set around words, or before them in lists.
const DECORATION: [char; 17] = [
    '*', '_', '`', '"', '\'', '“', '”', '„', '‘', '’', '«', '»', '•', '·', '-', '●', '◦',
];
/// What people put behind an order.
const PUNCTUATION: [char; 9] = ['.', ',', ';', ':', '!', '…', '。', '，', '、'];

/// A line with plain spaces, dashes and letters, and nothing that is not seen.
pub(super) fn plain(line: &str) -> String {
    let seen = line.chars().take(LINE_CHARS_MAX).filter_map(|c| match c {
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fe0e}'
        | '\u{fe0f}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{fe5f}' => Some('#'),
        // The full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    });
    seen.collect()
}

/// Takes an order apart: its word in lower case, and what stands behind it. None: the line is none.
pub(super) fn order(plain: &str) -> Option<(String, String)> {
    let line = undecorated(plain);
    // A list with numbers, too.
    let line = match line.split_once(['.', ')']) {
        Some((number, rest)) if !number.is_empty() && number.len() <= 2 && digits(number) => {
            undecorated(rest)
        }
        _ => line,
    };
    let rest = line.strip_prefix('#')?.trim_start();
    let word: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
    if word.is_empty() || word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let behind = rest.get(word.len()..).unwrap_or_default();
    // `#close-to-home` and `#c0de` are no orders with something behind them, but words of their own.
    let behind = behind.trim_start_matches(':');
    let behind = behind.trim_matches(|c: char| c == ' ' || PUNCTUATION.contains(&c) || is_mark(c));
    Some((word.to_lowercase(), behind.to_owned()))
}

fn is_mark(c: char) -> bool {
    DECORATION.contains(&c)
}

fn undecorated(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == ' ' || is_mark(c))
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads `3d`, `3 days`, `4h`, `2 weeks`, `90 min`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.strip_prefix("for ").unwrap_or(text).trim();
    let number: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text.get(number.len()..)?.trim().to_lowercase();
    let unit_s = match unit.as_str() {
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    };
    let all = number.parse::<u64>().ok()?.checked_mul(unit_s)?;
    (1..=SECONDS_MAX).contains(&all).then_some(all)
}

/// Reads `until 2026-12-01`, or the day alone.
pub(super) fn day(text: &str) -> Option<Date> {
    let lower = text.to_lowercase();
    let mut rest = lower.as_str();
    for word in ["until", "till", "til"] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let rest = rest.trim();
    // Other forms of a day mean different days in different countries.
    let shaped = rest.len() == 10 && rest.bytes().filter(|b| *b == b'-').count() == 2;
    if shaped { rest.parse().ok() } else { None }
}

/// How many letters must change to make one word of the other (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(WORD_CHARS_MAX).enumerate() {
        let mut last = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            let here = (last + usize::from(from != *to))
                .min(left + 1)
                .min(above + 1);
            last = *above;
            left = here;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
