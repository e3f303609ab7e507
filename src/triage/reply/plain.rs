//! A reply as plain text: lines of at most 76 columns where words allow.

use crate::triage::reply::block::Block;
use crate::triage::reply::block::Values;

/// Columns of a line; what RFC 5322, 2.1.1 recommends, with room for two levels of quoting.
pub(super) const COLUMNS_MAX: usize = 76;

/// The line between two languages. Not of dashes or underscores: mail programs take those for a quote's beginning.
pub(super) const SEPARATOR: &str = "* * * * * * * * * * * *";

/// Writes blocks, an empty line between two.
pub(super) fn write(blocks: &[&Block], values: &Values, out: &mut String) {
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        match block {
            Block::Heading(line) => {
                let title = line.plain(values);
                let columns = title
                    .chars()
                    .map(columns_of)
                    .sum::<usize>()
                    .min(COLUMNS_MAX);
                wrap(&title, "", "", out);
                out.push_str(&"=".repeat(columns));
                out.push('\n');
            }
            Block::Paragraph(line) => wrap(&line.plain(values), "", "", out),
            Block::Steps(items) => {
                for (number, item) in (1..).zip(items) {
                    let mark = format!("{number}. ");
                    wrap(&item.plain(values), &mark, &" ".repeat(mark.len()), out);
                }
            }
            Block::Points(items) => {
                for item in items {
                    wrap(&item.plain(values), "- ", "  ", out);
                }
            }
            Block::Body => {}
        }
    }
}

/// Writes running text as lines; `first` stands before the first, `next` before the others. Words are never broken,
/// except between two wide (East Asian) characters, where such text may break.
fn wrap(text: &str, first: &str, next: &str, out: &mut String) {
    let mut at = first.chars().count();
    let mut begun = false;
    out.push_str(first);
    for (apart, word) in words(text) {
        let columns = columns(word);
        let gap = usize::from(begun && apart);
        if begun && at + gap + columns > COLUMNS_MAX {
            out.push('\n');
            out.push_str(next);
            at = next.chars().count();
        } else if gap == 1 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += columns;
        begun = true;
    }
    out.push('\n');
}

/// Splits running text into what may stand on different lines, each with whether a space stands before it.
fn words(text: &str) -> Vec<(bool, &str)> {
    let mut words = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if word.is_ascii() {
            words.push((true, word));
            continue;
        }
        let (mut apart, mut rest) = (true, word);
        while let Some((part, after)) =
            breaking_place(rest).and_then(|at| rest.split_at_checked(at))
        {
            words.push((apart, part));
            (apart, rest) = (false, after);
        }
        words.push((apart, rest));
    }
    words
}

/// Returns where a word may first be broken, in octets.
fn breaking_place(word: &str) -> Option<usize> {
    let mut pairs = word.chars().zip(word.char_indices().skip(1));
    let breaks = |b: char, c: char| is_wide(b) && is_wide(c) && !opens(b) && !closes(c);
    pairs.find_map(|(b, (at, c))| breaks(b, c).then_some(at))
}

fn columns(word: &str) -> usize {
    if word.is_ascii() {
        word.len()
    } else {
        word.chars().map(columns_of).sum()
    }
}

fn columns_of(c: char) -> usize {
    if is_wide(c) { 2 } else { 1 }
}

/// Returns whether a character takes two columns: kana, ideographs, Hangul, full-width forms (UAX 11, roughly).
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
}

/// Returns whether a line may not begin with this mark.
fn closes(c: char) -> bool {
    "、。，．：；？！）」』】〉》〕ーっゃゅょッャュョ々".contains(c)
}

/// Returns whether a line may not end with this mark.
fn opens(c: char) -> bool {
    "（「『【〈《〔".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str) -> String {
        let mut out = String::new();
        wrap(text, "1. ", "   ", &mut out);
        out
    }

    #[test]
    fn a_long_word_stands_alone_and_unbroken() {
        let link = format!("https://example.org/{}", "x".repeat(90));
        assert_eq!(
            wrapped(&format!("See {link} for more")),
            format!("1. See\n   {link}\n   for more\n")
        );
    }

    #[test]
    fn a_line_is_filled_to_the_last_column_and_no_further() {
        let fits = format!("{} {}", "a".repeat(36), "b".repeat(36));
        assert_eq!(wrapped(&fits), format!("1. {fits}\n"));
        assert!(wrapped(&format!("{fits}b")).contains("a\n   b"));
    }

    #[test]
    fn east_asian_text_breaks_between_characters_but_not_before_a_full_stop() {
        let text = "あ".repeat(36);
        let out = wrapped(&format!("{text}。{text}"));
        assert!(
            out.lines()
                .all(|l| l.chars().map(columns_of).sum::<usize>() <= COLUMNS_MAX)
        );
        assert!(!out.lines().any(|l| l.trim_start().starts_with('。')));
        assert!(!out.contains("あ あ"));
    }
}
