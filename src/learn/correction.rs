//! A person's correction of what a mail wants, made a labelled example without what is private in it.
//!
//! # Decisions
//! - What is private goes where the example is made, not where it is learned from: nothing private is ever written.
//! - A domain that the rules speak of stays (it decides who may have an IBM badge); any other tells who somebody is.
//! - What is taken out leaves a word of its kind in its place, so that a sentence stays one.

use std::sync::LazyLock;

use regex::Captures;
use regex::Regex;
use serde::Deserialize;
use serde::Serialize;

use crate::learn::samples::Example;
use crate::message::Message;
use crate::message::address::NamedAddress;
use crate::triage::classify;
use crate::triage::classify::Audience;
use crate::triage::classify::reading::Reading;
use crate::triage::rules::IntentRules;

/// Octets of an example's text; the matter stands before that.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Letters that a part of a name must have to be looked for: shorter ones are words of some language.
const NAME_LETTERS_LEAST: usize = 3;

/// Something private that is taken out of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Private {
    /// Mail addresses, but for domains that the rules speak of.
    Addresses,
    /// Web addresses.
    Links,
    /// Numbers of five digits and more: telephone, order, date of birth.
    Numbers,
    /// The writer's name.
    Names,
}

impl Private {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Addresses, Self::Links, Self::Numbers, Self::Names];
}

/// What a person says that a mail wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Intents, primary first.
    pub intents: Vec<String>,
    /// Who asks, where an intent depends on it.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// A person is needed though the intents could be answered.
    #[serde(default)]
    pub person: bool,
}

impl Label {
    /// Checks it against the desk's intents.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and names what there is.
    pub fn check(&self, rules: &IntentRules) -> Result<(), String> {
        let known = || {
            let names: Vec<&str> = rules.intents().iter().map(|i| i.name.as_str()).collect();
            names.join(", ")
        };
        if self.intents.is_empty() {
            return Err(format!("which intents? There are: {}", known()));
        }
        match self.intents.iter().find(|n| rules.intent(n).is_none()) {
            Some(name) => Err(format!(
                "there is no intent `{name}`; there are: {}",
                known()
            )),
            None => Ok(()),
        }
    }
}

/// Makes an example of a mail, as people label it, without what is `private`.
pub fn example(
    message: &Message,
    label: &Label,
    rules: &IntentRules,
    private: &[Private],
) -> Example {
    let reading = Reading::of(message);
    let text = if reading.text.trim().is_empty() {
        reading.context
    } else {
        reading.text
    };
    let writer = match &message.form {
        Some(form) => Some(&form.requester),
        None => message.from.first(),
    };
    let names = writer.map(parts_of_the_name).unwrap_or_default();
    let strip = |text: &str| stripped(text, &names, rules, private);
    Example {
        subject: strip(&reading.subject),
        text: strip(cut(text.trim())),
        intents: label.intents.clone(),
        audience: label.audience,
        person: label.person,
        language: Some(classify::language(message, rules).code),
        from: writer.map(|w| strip(&String::from(w.address.clone()))),
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Tells whether a word is of a script that writes without spaces.
fn is_wide(word: &str) -> bool {
    word.chars().any(|c| c >= '\u{2E80}')
}

/// The words of a display name and of the address before the `@`, lower-case.
fn parts_of_the_name(writer: &NamedAddress) -> Vec<String> {
    let address = String::from(writer.address.clone());
    let local = address.split('@').next().unwrap_or_default();
    let parts = writer.name.split(|c: char| !c.is_alphabetic());
    let mut names: Vec<String> = parts
        .chain(local.split(|c: char| !c.is_alphabetic()))
        .filter(|part| part.chars().count() >= if is_wide(part) { 2 } else { NAME_LETTERS_LEAST })
        .map(str::to_lowercase)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[^\s<>()"':;,\[\]]+@([^\s<>()"':;,\[\]@]+)"#)
        .expect("a pattern that a test compiles")
});
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>"']+"#)
        .expect("a pattern that a test compiles")
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\+?\d(?:[ \-./()]{0,2}\d){4,}").expect("a pattern that a test compiles")
});
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\p{L}+").expect("a pattern that a test compiles"));

fn stripped(text: &str, names: &[String], rules: &IntentRules, private: &[Private]) -> String {
    let mut text = text.to_owned();
    for what in private {
        text = match what {
            Private::Addresses => ADDRESS.replace_all(&text, |found: &Captures<'_>| {
                let domain = found.get(1).map_or("", |d| d.as_str());
                let domain = domain.trim_end_matches('.').to_lowercase();
                if rules.speaks_of(&domain) {
                    format!("someone@{domain}")
                } else {
                    "someone@mail.example".to_owned()
                }
            }),
            Private::Links => LINK.replace_all(&text, "https://link.example/"),
            Private::Numbers => NUMBER.replace_all(&text, "00000"),
            Private::Names => nameless(&text, names).into(),
        }
        .into_owned();
    }
    text
}

fn nameless(text: &str, names: &[String]) -> String {
    let (wide, spaced): (Vec<&String>, Vec<&String>) = names.iter().partition(|n| is_wide(n));
    // Where words have no spaces between them, a name ends anywhere.
    let text = wide.iter().fold(text.to_owned(), |text, name| {
        text.replace(name.as_str(), "Name")
    });
    let replaced = WORD.replace_all(&text, |found: &Captures<'_>| {
        let word = found.get(0).map_or("", |w| w.as_str());
        // Who is called Grace does not lose every "grace"; scripts without capitals have no such mercy.
        let lower = word.starts_with(char::is_lowercase);
        if !lower && spaced.contains(&&word.to_lowercase()) {
            "Name".to_owned()
        } else {
            word.to_owned()
        }
    });
    replaced.into_owned()
}

/// Puts an example into a file of them, in the place of one with the same words.
pub fn put(file: &str, example: &Example) -> Result<String, serde_json::Error> {
    let same = |line: &str| {
        serde_json::from_str::<Example>(line)
            .is_ok_and(|e| e.subject == example.subject && e.text == example.text)
    };
    let kept = file
        .lines()
        .filter(|line| !line.trim().is_empty() && !same(line));
    let mut lines: Vec<String> = kept.map(str::to_owned).collect();
    lines.push(serde_json::to_string(example)?);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]

    use std::path::Path;

    use super::*;
    use crate::config::folder;
    use crate::message::parse::parse;

    fn rules() -> IntentRules {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        IntentRules::compile(&folder::read(&folder).unwrap()).unwrap()
    }

    fn label(intents: &[&str]) -> Label {
        Label {
            intents: intents.iter().map(ToString::to_string).collect(),
            audience: None,
            person: false,
        }
    }

    fn mail(from: &str, subject: &str, text: &str) -> Message {
        let raw = format!(
            "From: {from}\r\nTo: support@desk.example\r\nSubject: {subject}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        parse(raw.as_bytes())
    }

    #[test]
    fn nothing_private_is_left_of_a_mail_and_the_matter_stays() {
        let rules = rules();
        let mail = mail(
            "Grace Okonkwo <g.okonkwo81@gmail.com>",
            "Re: two accounts of Grace Okonkwo",
            "Hello, this is GRACE OKONKWO, by your grace. My accounts g.okonkwo81@gmail.com and gokonkwo@us.ibm.com, \
             phone +234 803-555 0199, born 12.03.1981, profile https://www.credly.example/users/grace-okonkwo.81, \
             should be one. I have 2 of 14 badges.",
        );
        let found = example(&mail, &label(&["merge-accounts"]), &rules, &Private::ALL);
        assert_eq!(found.subject, "two accounts of Name Name");
        assert_eq!(
            found.text,
            "Hello, this is Name Name, by your grace. My accounts someone@mail.example and someone@us.ibm.com, \
             phone 00000, born 00000, profile https://link.example/ should be one. I have 2 of 14 badges."
        );
        assert_eq!(found.from.as_deref(), Some("someone@mail.example"));
        assert_eq!(found.language.as_deref(), Some("en"));
        assert_eq!(found.intents, ["merge-accounts"]);
    }

    #[test]
    fn what_the_operator_does_not_call_private_stays() {
        let rules = rules();
        let mail = mail(
            "Ana <ana@home.example>",
            "x",
            "Ana, 123456, ana@home.example",
        );
        let found = example(&mail, &label(&["other"]), &rules, &[Private::Numbers]);
        assert_eq!(found.text, "Ana, 00000, ana@home.example");
        assert_eq!(found.from.as_deref(), Some("ana@home.example"));
    }

    #[test]
    fn names_in_scripts_without_capitals_go_too() {
        let rules = rules();
        let mail = mail(
            "=?utf-8?q?=E7=94=B0=E4=B8=AD_=E8=8A=B1=E5=AD=90?= <a@home.example>",
            "x",
            "田中 花子です。",
        );
        let found = example(&mail, &label(&["other"]), &rules, &Private::ALL);
        assert_eq!(found.text, "Name Nameです。");
    }

    #[test]
    fn a_second_correction_of_a_mail_takes_the_place_of_the_first() {
        let rules = rules();
        let mail = |text: &str| mail("a@home.example", "x", text);
        let first = example(&mail("One."), &label(&["other"]), &rules, &[]);
        let other = example(&mail("Two."), &label(&["other"]), &rules, &[]);
        let second = example(&mail("One."), &label(&["thanks"]), &rules, &[]);
        let mut file = String::new();
        for example in [&first, &other, &second] {
            file = put(&file, example).unwrap();
        }
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines.len(), 2, "{file}");
        assert!(
            lines[0].contains("Two.") && lines[1].contains("thanks"),
            "{file}"
        );
    }

    #[test]
    fn a_label_that_the_desk_does_not_know_is_refused_with_those_it_knows() {
        let rules = rules();
        let said = label(&["merge"]).check(&rules).unwrap_err();
        assert!(
            said.contains("no intent `merge`") && said.contains("merge-accounts"),
            "{said}"
        );
        assert!(
            label(&[])
                .check(&rules)
                .unwrap_err()
                .contains("which intents?")
        );
        label(&["merge-accounts", "thanks"]).check(&rules).unwrap();
    }
}
