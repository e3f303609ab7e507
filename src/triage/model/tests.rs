//! What rules and model may and may not do together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::combine::Thresholds;
use super::combine::decide;
use super::*;
use crate::triage::classify::look;
use crate::triage::classify::reading::Reading;

const WORDS: &str = r#"
[ibm]
words.any = "ibm"
[badge]
words.any = "badge*"
[login]
words.any = "log in, login"
[lost]
words.any = "lost, dead"
"#;
const REDIRECT: &str = r#"
disposition = "redirect"
reply = "ibm"
rank = 40
[[rule]]
id = "badge"
because = "An IBM badge."
all = ["@ibm", "@badge"]
matches = ["my ibm badge"]
"#;
const FORWARD: &str = r#"
disposition = "forward"
queue = "accounts"
rank = 10
[[rule]]
id = "lost"
because = "The login is lost."
all = ["@login", "@lost"]
matches = ["my login is lost"]
"#;
const FALLBACK: &str = r#"
disposition = "forward"
rank = 20
fallback = true
"#;

fn files() -> RuleFiles {
    [
        ("words/w.toml", WORDS),
        ("intents/ibm-badge.toml", REDIRECT),
        ("intents/account.toml", FORWARD),
        ("intents/other.toml", FALLBACK),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

fn rules() -> IntentRules {
    IntentRules::compile(&files()).unwrap()
}

fn reading(text: &str) -> Reading {
    Reading {
        text: text.to_owned(),
        ..Reading::default()
    }
}

/// What comes of a text when the model gives these probabilities.
fn told(text: &str, person: f64, account: f64, ibm: f64) -> (Vec<String>, bool) {
    let rules = rules();
    let (_, verdict) = look(&reading(text), &rules);
    let p = |name: &str| match name {
        "account" => Some(account),
        "ibm-badge" => Some(ibm),
        _ => Some(0.01),
    };
    let opinion = Opinion {
        intents: rules.intents().iter().map(|i| p(&i.name)).collect(),
        person,
        audience: [None, None],
        known: 50,
    };
    let decision = decide(&verdict, &opinion, &Thresholds::default(), &rules).unwrap();
    let names = decision
        .intents
        .iter()
        .map(|i| rules.intents()[*i].name.clone());
    (names.collect(), decision.person)
}

#[test]
fn what_both_are_sure_of_is_answered() {
    let (intents, person) = told("where is my ibm badge", 0.02, 0.02, 0.95);
    assert_eq!((intents, person), (vec!["ibm-badge".to_owned()], false));
}

#[test]
fn a_model_that_doubts_what_the_rules_answer_sends_a_person() {
    let (intents, person) = told("where is my ibm badge", 0.45, 0.1, 0.9);
    assert_eq!((intents, person), (vec!["ibm-badge".to_owned()], true));
}

#[test]
fn two_requests_are_both_kept_and_the_account_comes_first() {
    let (intents, person) = told("my ibm badge", 0.9, 0.7, 0.9);
    assert_eq!(
        (intents, person),
        (vec!["account".to_owned(), "ibm-badge".to_owned()], false)
    );
}

#[test]
fn what_the_rules_forward_is_not_answered_for_a_little_doubt() {
    let (intents, _) = told("my login is lost", 0.1, 0.4, 0.9);
    assert_eq!(intents.first().map(String::as_str), Some("account"));
}

#[test]
fn where_the_rules_find_nothing_the_model_must_be_all_but_certain() {
    assert!(told("bonjour tout le monde", 0.2, 0.0, 0.9).1);
    assert!(!told("bonjour tout le monde", 0.01, 0.0, 0.9).1);
}

#[test]
fn an_unsure_intent_is_no_answer_however_little_a_person_seems_needed() {
    let (_, person) = told("where is my ibm badge", 0.01, 0.1, 0.3);
    assert!(person);
}

#[test]
fn a_text_the_model_does_not_know_is_left_to_the_rules() {
    let rules = rules();
    let (_, verdict) = look(&reading("my ibm badge"), &rules);
    let opinion = Opinion::default();
    assert_eq!(
        decide(&verdict, &opinion, &Thresholds::default(), &rules),
        None
    );
}

#[test]
fn a_damaged_model_is_a_complaint_and_not_a_silent_desk() {
    for text in ["{", "{}", "null", "[1]"] {
        let mut files = files();
        files.insert(MODEL_FILE.to_owned(), text.to_owned());
        let faults = IntentRules::compile(&files).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].file, MODEL_FILE);
        assert!(faults[0].what.contains("mailclerk learn"));
    }
}

#[test]
fn features_are_the_same_for_the_same_mail_and_each_stands_once() {
    let rules = rules();
    let long = "My IBM badge is lost. ".repeat(2_000);
    for text in [
        "my IBM badge, my ibm badge",
        "徽章在哪里",
        "",
        "😀 ' , ?",
        &long,
    ] {
        let (evidence, verdict) = look(&reading(text), &rules);
        let once = features::of(&evidence, &verdict, &rules);
        let mut hashes: Vec<u32> = once.iter().map(|f| f.hash).collect();
        let all = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
        let sentences = features::of_sentences(&evidence, &rules);
        assert!(sentences.len() <= 60);
    }
}
