//! What makes two mails alike, whoever sends them: the fingerprint of subject and text.
//!
//! # Decisions
//! - Only words count: digits, addresses, links, punctuation, capitals and space are left out, and so are words of the
//!   sender's own name and address, as those who forge senders forge these along.
//! - Words put in at random make another text. Such a flood is held by its writer, its domain, or the total.

use std::collections::BTreeSet;

use ring::digest::Context;
use ring::digest::SHA256;

use crate::message::Message;
use crate::message::address::NamedAddress;

/// Words of a text that are looked at.
const WORDS_MAX: usize = 2_000;
/// Shorter words of a name are words of the language as well.
const NAME_CHARS_MIN: usize = 3;

/// A fingerprint: equal for mails that say the same.
pub type Print = [u8; 16];

/// Returns the fingerprint of a mail. Total.
pub fn print(message: &Message, writer: Option<&NamedAddress>) -> Print {
    let names = names(message, writer);
    let text = message
        .form
        .as_ref()
        .map_or(message.body.new.as_str(), |form| form.text.as_str());
    let mut sum = Context::new(&SHA256);
    let (mut kept, mut left) = (String::new(), WORDS_MAX);
    for text in subject(&message.subject).chain(text.split_whitespace()) {
        if left == 0 {
            break;
        }
        if word(text, &mut kept) && !names.contains(&kept) {
            kept.push(' ');
            sum.update(kept.as_bytes());
            left -= 1;
        }
    }
    let whole = sum.finish();
    let mut print = Print::default();
    for (octet, from) in print.iter_mut().zip(whole.as_ref()) {
        *octet = *from;
    }
    print
}

/// The words of a subject without what answers and forwards put before it.
fn subject(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .skip_while(|w| w.ends_with([':', '：']) && w.chars().count() <= 5)
}

/// Puts what counts of a word in the place of `kept`; false when nothing does.
fn word(text: &str, kept: &mut String) -> bool {
    kept.clear();
    let place = text.contains('@') || text.contains("://") || text.starts_with("www.");
    let ascii = text.is_ascii();
    if place || ascii && text.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    let letters = text.chars().filter(|c| c.is_alphabetic());
    if ascii {
        kept.extend(letters.map(|c| c.to_ascii_lowercase()));
    } else {
        kept.extend(letters.flat_map(char::to_lowercase));
    }
    !kept.is_empty()
}

/// Words of the sender's name and address.
fn names(message: &Message, writer: Option<&NamedAddress>) -> BTreeSet<String> {
    let known = message.from.iter().take(3).chain(writer);
    let parts = known.flat_map(|n| {
        let of_name = n.name.split_whitespace();
        let of_address = n.address.local().split(|c: char| !c.is_alphabetic());
        of_name.chain(of_address)
    });
    let counts = |part: &str| {
        let mut kept = String::new();
        (word(part, &mut kept) && kept.chars().count() >= NAME_CHARS_MIN).then_some(kept)
    };
    parts.filter_map(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse::parse;

    fn of(from: &str, subject: &str, text: &str) -> Print {
        let raw = format!(
            "From: {from}\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        print(&parse(raw.as_bytes()), None)
    }

    #[test]
    fn a_flood_with_other_numbers_names_links_and_capitals_is_one_text() {
        let one = of(
            "Ann Smith <ann.smith@a.example>",
            "Your badge 17",
            "Dear desk,\r\n\r\nwhere is my badge 1234? See https://a.example/1 or write to ann@a.example.\r\n\r\nAnn",
        );
        let other = of(
            "Bob Jones <bjones7@b.example>",
            "RE: your  BADGE 99881",
            "Dear desk, where is my badge? See https://b.example/other or write to bob@b.example Bob",
        );
        assert_eq!(one, other);
        let japanese = |n: u32| {
            of(
                "x@a.example",
                "バッジ",
                &format!("私のバッジ{n}はどこですか。"),
            )
        };
        assert_eq!(japanese(1), japanese(20));
    }

    #[test]
    fn other_words_are_another_text() {
        let text = "Where is my badge?";
        let one = of("x@a.example", "Badge", text);
        assert_ne!(one, of("x@a.example", "Account", text));
        assert_ne!(one, of("x@a.example", "Badge", "Where is my account?"));
        assert_ne!(one, of("x@a.example", "", ""));
        assert_ne!(
            of("x@a.example", "", "ab c"),
            of("x@a.example", "", "a bc"),
            "words are kept apart"
        );
    }
}
