//! Strangers' words for a terminal: no character of them moves the cursor, turns the line around, or hides.

use crate::message::address::is_invisible;

/// A line has at most so many columns.
const COLUMNS_MAX: usize = 100;
/// A text has at most so many lines.
const LINES_MAX: usize = 300;
/// Marks on one letter; more make towers that cover other lines.
const MARKS_MAX: usize = 3;

/// Makes a text fit for a terminal, line by line, folded to `COLUMNS_MAX` columns; what is left out is said.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for line in text.lines() {
        let mut rest = clean(line).into_iter().peekable();
        loop {
            if shown.len() == LINES_MAX {
                shown.push("[the rest is not shown]".to_owned());
                return shown;
            }
            let (mut piece, mut columns) = (String::new(), 0);
            while let Some(c) = rest.next_if(|c| columns + width(*c) <= COLUMNS_MAX) {
                columns += width(c);
                piece.push(c);
            }
            shown.push(piece.trim_end().to_owned());
            if rest.peek().is_none() {
                break;
            }
        }
    }
    shown
}

/// Makes a text fit for one line of a terminal, of at most `chars_max` characters.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let clean = clean(text);
    let cut = clean.len() > chars_max;
    let mut shown: String = clean.into_iter().take(chars_max).collect();
    if cut {
        shown.push('…');
    }
    shown
}

/// What would be obeyed instead of shown becomes a mark; tabs and line ends become spaces.
fn clean(text: &str) -> Vec<char> {
    let mut marks = 0;
    let keep = |c: char| {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS_MAX {
            return None;
        }
        Some(match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || is_invisible(c) || is_odd(c) => '\u{fffd}',
            c => c,
        })
    };
    text.chars().filter_map(keep).collect()
}

/// Besides what `is_invisible` knows: the Arabic letter mark, fillers, tags, variation selectors beyond the first, and
/// what has no meaning of its own.
fn is_odd(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0e}' | '\u{ffa0}' | '\u{e000}'..='\u{f8ff}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}'
    )
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Columns that a terminal gives a character; at least as many.
fn width(c: char) -> usize {
    let wide = matches!(
        c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f000}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    );
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn nothing_of_a_mail_moves_the_cursor_turns_the_line_or_hides() {
        let hostile = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{8}\u{7f}\u{202e}evil\u{2066}\u{61c}\u{200b}\u{e0041}\u{0}\rx\u{85}";
        for shown in lines(hostile).into_iter().chain([line(hostile, 1_000)]) {
            for c in shown.chars() {
                let bad = c.is_control() || is_invisible(c) || is_odd(c);
                assert!(!bad, "{c:?} in {shown:?}");
            }
        }
        assert!(line(hostile, 1_000).contains("evil"));
    }

    #[test]
    fn lines_are_folded_to_the_width_of_a_terminal_and_their_number_is_bounded() {
        let long = format!("{}\n{}", "x".repeat(250), "漢".repeat(120));
        let shown = lines(&long);
        assert_eq!(shown.len(), 6);
        for line in &shown {
            assert!(line.chars().map(width).sum::<usize>() <= COLUMNS_MAX);
        }
        let many = lines(&"y\n".repeat(100_000));
        assert_eq!(many.len(), LINES_MAX + 1);
        assert!(many.last().unwrap().contains("not shown"));
        assert_eq!(lines(&"z".repeat(5_000_000)).len(), LINES_MAX + 1);
    }

    #[test]
    fn a_tower_of_marks_is_cut_and_words_of_every_script_stay() {
        let tower = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(
            line(&tower, 100),
            format!("a{}b", "\u{301}".repeat(MARKS_MAX))
        );
        for honest in [
            "Größe",
            "नमस्ते",
            "مرحبا",
            "שלום",
            "こんにちは",
            "Tiếng Việt",
            "ё",
            "👍",
        ] {
            assert_eq!(line(honest, 100), honest);
        }
        assert_eq!(line("0123456789", 4), "0123…");
    }
}
