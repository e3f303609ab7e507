//! A small desk learns, and the same desk learns the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt::Write as _;

use super::samples;
use super::*;
use crate::triage::Disposition;
use crate::triage::source::RuleFiles;

fn rules() -> IntentRules {
    let forward = "disposition = \"forward\"\nqueue = \"accounts\"\nrank = 10\n";
    let redirect = "disposition = \"redirect\"\nreply = \"x\"\nrank = 40\n";
    let fallback = "disposition = \"forward\"\nrank = 20\nfallback = true\n";
    let words = "[badge]\nwords.any = \"badge*\"\n";
    let files: RuleFiles = [
        ("words/w.toml", words),
        ("intents/account.toml", forward),
        ("intents/ibm-badge.toml", redirect),
        ("intents/other.toml", fallback),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    IntentRules::compile(&files).unwrap()
}

/// Texts of two kinds, in many wordings.
fn examples() -> String {
    let mut out = String::new();
    let ends = [
        "please",
        "today",
        "since monday",
        "again",
        "thank you",
        "for weeks",
    ];
    for (number, end) in ends.iter().cycle().take(90).enumerate() {
        let (text, intent) = if (number / 3) % 2 == 0 {
            (
                "the old mailbox of my former employer is closed and I am locked out",
                "account",
            )
        } else {
            (
                "where does the company keep the criteria of its quantum badge",
                "ibm-badge",
            )
        };
        let (a, b) = (number % 7, number % 11);
        let text = format!("{text} number {a} or {b} {end}");
        let line = serde_json::json!({"subject": "", "text": text, "intents": [intent], "audience": null, "person": false});
        let _ = writeln!(out, "{line}");
    }
    out
}

#[test]
fn a_desk_without_rules_learns_from_its_examples() {
    let rules = rules();
    let samples = samples::read("en.jsonl", &examples(), &rules).unwrap();
    let done = School::open(&rules, &samples).learn(5, |_| true);
    let effect = done.chosen.effect;
    assert_eq!((effect.mails, effect.harm), (90, 0));
    assert!(effect.right >= 85, "{effect:?}");
    let model = rules.model_of(&done.file).unwrap();
    let judged = School::open(&rules, &samples)
        .judge(&model, |s| s.truth.disposition == Disposition::Forward);
    assert!(judged.iter().all(|j| j.person() > 0.5));
}

#[test]
fn learning_twice_gives_the_same_octets() {
    let rules = rules();
    let samples = samples::read("en.jsonl", &examples(), &rules).unwrap();
    let once = School::open(&rules, &samples).learn(3, |_| true);
    let twice = School::open(&rules, &samples).learn(3, |_| true);
    let text = |done: &Graduate| serde_json::to_string(&done.file).unwrap();
    assert_eq!(text(&once), text(&twice));
}

#[test]
fn a_wrong_line_is_named_with_its_place() {
    let text = "{\"text\": \"a\", \"intents\": [\"account\"]}\n{\"text\": \"b\", \"intents\": [\"nonsense\"]}\n\n{}\n";
    let faults = samples::read("en.jsonl", text, &rules()).unwrap_err();
    assert_eq!(faults.len(), 2);
    assert!(faults[0].starts_with("en.jsonl:2: ") && faults[0].contains("nonsense"));
    assert!(faults[1].starts_with("en.jsonl:4: "));
}

#[test]
fn an_example_that_wants_a_person_is_forwarded_whatever_its_intent() {
    let line =
        r#"{"text": "I did the steps, it failed", "intents": ["ibm-badge"], "person": true}"#;
    let samples = samples::read("x", line, &rules()).unwrap();
    assert_eq!(samples[0].truth.disposition, Disposition::Forward);
}
