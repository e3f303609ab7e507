//! The subject that is answered, made safe to repeat: it is the one thing of a stranger's mail that a reply carries.

/// Characters of the old subject that a reply's subject repeats.
pub(crate) const SUBJECT_CHARS_MAX: usize = 80;

/// Characters of the old subject that are looked at; longer ones are cut first, so that work is bounded.
const READ_CHARS_MAX: usize = 2_000;

/// What mail programs put before the subject of an answer or a forwarded mail, in lower case, without the colon.
const MARKS: [&str; 35] = [
    "re", "aw", "antw", "antwort", "sv", "vs", "rv", "r", "res", "ré", "rép", "rif", "odp", "ynt",
    "atb", "bls", "回复", "回覆", "答复", "返信", "답장", "fw", "fwd", "wg", "wtr", "tr", "enc",
    "i", "vl", "doorst", "pd", "ilt", "转发", "轉寄", "転送",
];

/// Returns the subject as one line of at most 80 characters: without the marks of answers and forwards, without our own
/// beginnings (`own`, in lower case) and tags, without anything that a mail program would make a link, without control
/// and invisible characters. Empty when nothing worth repeating is left.
pub(crate) fn clean(subject: &str, own: &[String]) -> String {
    let visible: String = subject.chars().take(READ_CHARS_MAX).map(seen).collect();
    let visible = without_tags(&visible);
    // A mark may stand behind a link, and a link behind a mark: the links go first.
    let words: Vec<&str> = visible
        .split_whitespace()
        .filter(|word| !links(word))
        .collect();
    let line = words.join(" ");
    let line = without_marks(&line, own);
    if line.chars().any(char::is_alphanumeric) {
        cut(line)
    } else {
        String::new()
    }
}

/// Turns control characters, and what changes the direction of writing or takes no room, into spaces.
fn seen(c: char) -> char {
    let hidden = c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'
                ..='\u{202e}'
        )
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffd}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}');
    if hidden { ' ' } else { c }
}

/// Leaves out `[#1042 ...]`, whoever wrote it: the reply gets its own.
pub(crate) fn without_tags(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len());
    let mut rest = subject;
    while let Some((before, tag)) = rest.split_once("[#") {
        out.push_str(before);
        match tag.split_once(']') {
            Some((inside, after)) if is_tag(inside) => {
                out.push(' ');
                rest = after;
            }
            _ => {
                out.push_str("[#");
                rest = tag;
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_tag(inside: &str) -> bool {
    // A bound, because a subject of thousands of `[#` must not be read to its end for each.
    inside.len() <= 80
        && inside.starts_with(|c: char| c.is_ascii_digit())
        && inside
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == ' ')
}

fn without_marks<'a>(subject: &'a str, own: &[String]) -> &'a str {
    let mut rest = subject.trim();
    loop {
        let after = own
            .iter()
            .find_map(|begin| strip_folded(rest, begin))
            .or_else(|| strip_mark(rest));
        let Some(after) = after else { return rest };
        rest = after.trim_start();
    }
}

/// Strips `Re:`, `AW[2]:`, `Fwd (3) :` and the like.
fn strip_mark(subject: &str) -> Option<&str> {
    // The longest mark has 7 characters, a count 4, and a space or two.
    let (end, colon) = subject
        .char_indices()
        .take(16)
        .find(|(_, c)| matches!(c, ':' | '：'))?;
    let mark = subject.get(..end)?.trim_end();
    let word = mark.trim_end_matches(|c: char| {
        c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')' | '^' | '*' | ' ')
    });
    let known = MARKS.contains(&word.to_lowercase().as_str());
    if known {
        subject.get(end + colon.len_utf8()..)
    } else {
        None
    }
}

/// Strips a beginning that is in lower case, whatever the case of the subject.
fn strip_folded<'a>(subject: &'a str, begin: &str) -> Option<&'a str> {
    let mut rest = subject.chars();
    let mut wanted = begin.chars().filter(|c| !c.is_whitespace()).peekable();
    wanted.peek()?;
    while wanted.peek().is_some() {
        let c = rest.next()?;
        if c.is_whitespace() {
            continue;
        }
        for lower in c.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
    }
    Some(rest.as_str())
}

/// Returns whether a mail program would make a link of a word, or of a part of it: an address of a page with or without
/// its scheme, a mail address, a numeric host.
fn links(word: &str) -> bool {
    // Joiners take no room; they stay where they shape a script, but may not hide a link.
    let word: String = word
        .chars()
        .filter(|c| !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'))
        .flat_map(char::to_lowercase)
        .map(|c| if matches!(c, '．' | '｡') { '.' } else { c })
        .collect();
    let opaque =
        word.contains("://") || word.contains("www.") || word.contains('@') || word.contains('＠');
    let scheme = [
        "mailto:",
        "tel:",
        "sms:",
        "http:",
        "https:",
        "javascript:",
        "data:",
    ]
    .iter()
    .any(|s| word.contains(s));
    opaque
        || scheme
        || word
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '.')
            .any(is_host)
}

/// Returns whether this reads as a host: labels with dots, the last a plausible top-level domain, or four numbers.
fn is_host(text: &str) -> bool {
    let mut labels = text.trim_matches('.').rsplit('.');
    let last = labels.next().unwrap_or_default();
    let before: Vec<&str> = labels.take(5).collect();
    if before.is_empty() || before.iter().any(|label| label.is_empty()) {
        return false;
    }
    let numeric = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_digit());
    if numeric(last) {
        return before.len() == 3 && before.iter().all(|label| numeric(label));
    }
    let letters = last.chars().count();
    last.starts_with("xn--")
        || ((2..=24).contains(&letters) && last.chars().all(char::is_alphabetic))
}

/// Cuts to 80 characters, at a space where one is near.
fn cut(line: &str) -> String {
    let line = line.trim();
    if line.chars().count() <= SUBJECT_CHARS_MAX {
        return line.to_owned();
    }
    let kept: String = line.chars().take(SUBJECT_CHARS_MAX - 1).collect();
    let next = line.chars().nth(SUBJECT_CHARS_MAX - 1);
    let kept = match kept.rsplit_once(' ') {
        Some((words, last)) if next != Some(' ') && last.chars().count() < 20 => words,
        _ => kept.as_str(),
    };
    // Never half a character: what joins to the next one goes. And a cut may have made a link of a long word.
    let kept = kept.trim_end_matches(['\u{200d}', ' ', ',', ';', ':', '-']);
    let kept = match kept.rsplit_once(' ') {
        Some((words, last)) if links(last) => words,
        None if links(kept) => return String::new(),
        _ => kept,
    };
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test may panic")]

    use super::*;

    fn cleaned(subject: &str) -> String {
        clean(
            subject,
            &[
                "automatic reply:".to_owned(),
                "réponse automatique :".to_owned(),
            ],
        )
    }

    #[test]
    fn marks_of_answers_and_forwards_are_left_out_in_many_languages() {
        for subject in [
            "Re: Badge",
            "RE: re: Fwd: Badge",
            "AW[2]: WG: Badge",
            "SV: Badge",
            "回复：Badge",
            "Re (3) : Badge",
            "Automatic reply: Badge",
            "Re: AUTOMATIC REPLY: Re: Badge",
            "Réponse automatique : Badge",
            "Re: Réponse automatique\u{a0}: [#1042 k7q2m9xtpa4wzd3e] Badge",
            "  Badge [#7] ",
            "RV : Badge",
        ] {
            assert_eq!(cleaned(subject), "Badge", "{subject}");
        }
    }

    #[test]
    fn words_that_only_look_like_marks_stay() {
        for subject in [
            "Reset: not possible",
            "Badge: wrong name",
            "re-issue",
            "[#help] me",
            "e.g. this v1.2",
            "Order 12:30",
        ] {
            assert_eq!(cleaned(subject), subject);
        }
    }

    #[test]
    fn nothing_that_becomes_a_link_is_repeated() {
        for link in [
            "https://evil.example/x?y",
            "hTTp://evil.example",
            "www.evil.example",
            "evil.com",
            "(evil.com/path)",
            "evil.com.",
            "jo@evil.example",
            "mailto:jo",
            "10.0.0.1/x",
            "see,evil.com",
            "e\u{200d}vil.c\u{200c}om",
            "xn--a.xn--p1ai",
            "пример.рф",
            "evil．com",
            "tel:123456",
            "http:/evil",
            "javascript:alert(1)",
            "a.b.c.d.e.f.g.com",
        ] {
            assert_eq!(cleaned(&format!("Win {link} now")), "Win now", "{link}");
        }
        assert_eq!(cleaned("https://evil.example"), "");
    }

    #[test]
    fn a_mark_behind_a_link_is_seen_and_a_link_behind_a_mark() {
        assert_eq!(
            cleaned("https://x.example Re: https://y.example Badge"),
            "Badge"
        );
    }

    #[test]
    fn control_direction_and_invisible_characters_go() {
        assert_eq!(
            cleaned("a\r\nBcc: x\0y\u{202e}z\u{200b}w\u{e001}v\t u"),
            "a Bcc: x y z w v u"
        );
        for empty in ["", "   ", "\r\n", "Re:", "Re: Fwd: ", "...", "\u{202e}"] {
            assert_eq!(cleaned(empty), "", "{empty:?}");
        }
    }

    #[test]
    fn a_long_subject_is_cut_at_a_word() {
        let out = cleaned(&"badge ".repeat(40));
        assert!(
            out.ends_with("badge…") && out.chars().count() <= SUBJECT_CHARS_MAX,
            "{out}"
        );
        assert_eq!(cleaned(&"ß".repeat(300)).chars().count(), SUBJECT_CHARS_MAX);
        assert_eq!(cleaned(&"b".repeat(80)), "b".repeat(80));
    }

    #[test]
    fn template_signs_and_tags_of_html_stay_words() {
        assert_eq!(
            cleaned("{{7*7}} ${x} %s <script>"),
            "{{7*7}} ${x} %s <script>"
        );
    }

    #[test]
    fn a_hostile_subject_costs_little() {
        for part in [
            "[#",
            "[#1 ",
            "re:",
            "a.",
            "re [",
            ": ",
            "\u{200d}",
            "automatic reply:",
        ] {
            assert!(cleaned(&part.repeat(200_000)).chars().count() <= SUBJECT_CHARS_MAX);
        }
    }

    #[test]
    fn a_cut_does_not_make_a_link_of_a_longer_word() {
        let host = format!("{}.com", "a".repeat(75));
        assert_eq!(cleaned(&format!("{host}9999999")), "");
        assert_eq!(cleaned(&format!("Hi {}9999", &host[3..])), "Hi…");
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_subject_the_result_is_one_short_line_without_links(
            subject in "(re:|\\[#1 a\\]|https?://|[a-z]{1,4}\\.|com|@|\\PC|\\p{C}|[ \r\n\t]|[a-z]{1,30}){0,40}"
        ) {
            let out = cleaned(&subject);
            proptest::prop_assert!(out.chars().count() <= SUBJECT_CHARS_MAX);
            proptest::prop_assert!(!out.chars().any(|c| c.is_control() || c != seen(c)));
            proptest::prop_assert!(!out.split(' ').any(links), "{out}");
            proptest::prop_assert_eq!(out.trim(), &out);
        }
    }
}
