//! Two mails of one writer that are one case: the same request again, minutes later, or to another of our addresses.
//!
//! # Decisions
//! - They are one case when they say the same (`alike`), or when they want the same in much the same words. Different
//!   requests of one person stay apart.
//! - The second says something new when it has a word, an address, a number, a link or an attachment that the first had
//!   not, or when only the second is vouched for by its domain: then the agent gets it, too. In doubt it is new.
//! - A mail that answers another one is no twin: it has its ticket by what it answers.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::message::Message;
use crate::triage::alike::Print;
use crate::triage::ticket::TicketNumber;

/// Words of a mail that are remembered, the ones with the smallest sums: a fair sample of all.
pub const WORDS_MAX: usize = 96;
/// Of a hundred words so many must be common to two mails that want the same.
const SAME_OF_100: usize = 60;
/// When two mails of one writer are one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwinRule {
    /// Minutes after a mail in which a like one of its writer is taken for the same case; 0: never.
    pub minutes: u32,
}

impl Default for TwinRule {
    fn default() -> Self {
        Self { minutes: 30 }
    }
}

/// What a mail says, cut down to sums of its words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// The fingerprint of subject and text.
    pub print: Print,
    /// Sums of its words without numbers, addresses and links, in order; at most [`WORDS_MAX`].
    pub words: Vec<u32>,
    /// The sum of all of it, in the order in which it says it.
    pub exact: u32,
}

/// A mail that was handled, as far as a later one is held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// What it says.
    pub words: Words,
    /// Its intents, primary first.
    pub intents: Vec<String>,
    /// Its sender's domain vouched for it.
    pub vouched: bool,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// When it was handled.
    pub at: Timestamp,
}

/// Sums up what a mail with that fingerprint says. Total.
pub fn words(message: &Message, print: Print) -> Words {
    let text = message
        .form
        .as_ref()
        .map_or(message.body.new.as_str(), |form| form.text.as_str());
    let mut words = BTreeSet::new();
    let mut exact = crc32fast::Hasher::new();
    for word in message
        .subject
        .split_whitespace()
        .chain(text.split_whitespace())
    {
        let plain: String = word
            .trim_matches(|c: char| !c.is_alphanumeric())
            .chars()
            .flat_map(char::to_lowercase)
            .collect();
        if plain.is_empty() {
            continue;
        }
        let detail = plain.contains(['@', '＠', '/']) || plain.chars().any(char::is_numeric);
        let sum = crc32fast::hash(plain.as_bytes());
        exact.update(&sum.to_be_bytes());
        if !detail {
            words.insert(sum);
        }
    }
    for attached in &message.attachments {
        let named = format!("{}\n{}\n{}", attached.name, attached.mime, attached.size);
        exact.update(&crc32fast::hash(named.as_bytes()).to_be_bytes());
    }
    Words {
        print,
        words: words.into_iter().take(WORDS_MAX).collect(),
        exact: exact.finalize(),
    }
}

/// Whether a mail is the same case as one before it.
pub fn is_twin(
    earlier: &Earlier,
    words: &Words,
    intents: &[String],
    rule: TwinRule,
    now: Timestamp,
) -> bool {
    let window_s = i64::from(rule.minutes) * 60;
    if rule.minutes == 0 || now.since_s(earlier.at).saturating_abs() > window_s {
        return false;
    }
    let same_words = earlier.words.print == words.print && !words.words.is_empty();
    same_words
        || (!intents.is_empty() && earlier.intents == intents && much_the_same(earlier, words))
}

/// Whether it says anything else than the one before it. The same words in another order are something else: "keep this one,
/// close that one" may be the correction of a mistake.
pub fn says_more(earlier: &Earlier, words: &Words, vouched: bool) -> bool {
    (vouched && !earlier.vouched) || earlier.words.exact != words.exact
}

/// Of all words of both, how many are in both.
fn much_the_same(earlier: &Earlier, words: &Words) -> bool {
    let known = &earlier.words.words;
    let common = words
        .words
        .iter()
        .filter(|sum| known.binary_search(sum).is_ok())
        .count();
    let all = known.len() + words.words.len() - common;
    all > 0 && common * 100 >= all * SAME_OF_100
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse::parse;
    use crate::triage::alike;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn of(text: &str) -> Words {
        let raw = format!("From: Ann <ann@home.example>\r\nSubject: My accounts\r\n\r\n{text}\r\n");
        let message = parse(raw.as_bytes());
        words(&message, alike::print(&message, None))
    }

    fn earlier(text: &str) -> Earlier {
        Earlier {
            words: of(text),
            intents: vec!["merge-accounts".to_owned()],
            vouched: false,
            ticket: TicketNumber(7),
            at: NOW,
        }
    }

    fn twins(one: &str, other: &str, intents: &[&str], after_s: i64) -> bool {
        let intents: Vec<String> = intents.iter().map(|i| (*i).to_owned()).collect();
        let rule = TwinRule::default();
        is_twin(
            &earlier(one),
            &of(other),
            &intents,
            rule,
            NOW.plus_s(after_s),
        )
    }

    const ASKED: &str = "Dear desk, I have two accounts with you and want them made one. Ann";

    #[test]
    fn the_same_request_minutes_later_is_one_case_and_another_is_not() {
        let again = "Dear desk, I have two accounts with you and I want them made one, please. Ann";
        let other = "Where is the badge that I earned in the course on soldering?";
        for (text, intents, after_s, meant) in [
            (ASKED, &["merge-accounts"][..], 60, true),
            (ASKED, &["other"], 60, true),
            (again, &["merge-accounts"], 1800, true),
            (again, &["merge-accounts"], 1801, false),
            (again, &["other"], 60, false),
            (other, &["merge-accounts"], 60, false),
        ] {
            assert_eq!(
                twins(ASKED, text, intents, after_s),
                meant,
                "{text} {intents:?}"
            );
        }
    }

    #[test]
    fn a_word_a_number_an_address_or_an_attachment_more_is_something_new() {
        let first = earlier(ASKED);
        assert!(!says_more(&first, &of(ASKED), false));
        assert!(!says_more(&first, &of(&ASKED.to_uppercase()), false));
        let (keep, swap) = (
            "keep a@x.example, close b@x.example",
            "keep b@x.example, close a@x.example",
        );
        assert!(says_more(&earlier(keep), &of(swap), false), "a correction");
        let less = ASKED.replace("made one", "one");
        assert!(says_more(&first, &of(&less), false), "a word less");
        for more in ["ann@work.example", "4711", "https://a.example/x", "urgent"] {
            assert!(
                says_more(&first, &of(&format!("{ASKED} {more}")), false),
                "{more}"
            );
        }
        assert!(
            says_more(&first, &of(ASKED), true),
            "only this one is vouched for"
        );
        let long: String = (1..=200)
            .flat_map(|n| ["x".repeat(n), " ".to_owned()])
            .collect();
        assert!(!says_more(&earlier(&long), &of(&long), false));
        assert!(
            says_more(&earlier(&long), &of(&format!("{long} y")), false),
            "beyond what is kept"
        );
    }

    #[test]
    fn a_mail_without_a_word_is_nobodys_twin() {
        assert!(!is_twin(
            &Earlier {
                words: Words::default(),
                ..earlier("")
            },
            &Words::default(),
            &[],
            TwinRule::default(),
            NOW
        ));
    }
}
