//! The words of IMAP commands, as far as this world needs them.

/// The first word and the rest.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Where the text goes on behind a word.
pub(super) fn after(text: &str, word: &str) -> Option<usize> {
    text.to_ascii_uppercase()
        .find(word)
        .map(|at| at + word.len())
}

pub(super) fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = &text[after(text, word)?..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The names in a command, quoted or not.
pub(super) fn strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => split(rest),
        };
        found.push(word.to_owned());
        rest = behind.trim_start();
    }
    found
}

/// The flags in the first parentheses, or without any.
pub(super) fn flags_of(text: &str) -> Vec<String> {
    let inside = text
        .split_once('(')
        .map_or(text, |(_, rest)| rest.split(')').next().unwrap_or_default());
    inside.split_whitespace().map(str::to_owned).collect()
}

pub(super) fn set_of(uids: &[u32]) -> String {
    let all: Vec<String> = uids.iter().map(ToString::to_string).collect();
    all.join(",")
}

/// The parts of a message that are asked for, under the names that they have in the answer.
pub(super) fn sections(items: &str, raw: &[u8]) -> Vec<(String, Vec<u8>)> {
    let end = raw
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(raw.len(), |at| at + 4);
    let mut found = Vec::new();
    let mut rest = items;
    while let Some(at) = rest.find("BODY.PEEK[") {
        rest = &rest[at + "BODY.PEEK[".len()..];
        let (section, behind) = rest.split_once(']').unwrap_or((rest, ""));
        let bytes = match section {
            "" => raw,
            "TEXT" => &raw[end..],
            _ => &raw[..end],
        };
        let (name, bytes) = match behind.strip_prefix("<0.").and_then(|b| b.split_once('>')) {
            Some((most, _)) => {
                let most = most.parse().unwrap_or(0);
                (
                    format!("BODY[{section}]<0>"),
                    &bytes[..bytes.len().min(most)],
                )
            }
            None => (format!("BODY[{section}]"), bytes),
        };
        found.push((name, bytes.to_vec()));
        rest = behind;
    }
    found
}
