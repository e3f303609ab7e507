//! Rules that are wrong are refused with their place.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

const WORDS: &str =
    "[badge.words]\nen = \"badge*\"\n[missing.words]\nen = \"never came, missing\"\n";
const OTHER: &str = "disposition = \"forward\"\nrank = 9\nfallback = true\n";

fn faults(intent: &str) -> Vec<String> {
    let files: RuleFiles = [
        ("words/w.toml", WORDS),
        ("intents/other.toml", OTHER),
        ("intents/x.toml", intent),
    ]
    .into_iter()
    .map(|(f, t)| (f.to_owned(), t.to_owned()))
    .collect();
    IntentRules::compile(&files)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

const HEAD: &str =
    "disposition = \"forward\"\nrank = 1\n[[rule]]\nid = \"r\"\nbecause = \"It is so.\"\n";

#[test]
fn a_good_rule_is_taken() {
    let good = format!(
        "{HEAD}all = [\"@badge\", \"@missing\"]\nmatches = [\"My badge never came.\"]\nmisses = [\"My badge.\"]\n"
    );
    assert_eq!(faults(&good), Vec::<String>::new());
}

#[test]
fn a_rule_that_fails_its_example_stops_the_load_at_the_example() {
    let bad = format!("{HEAD}all = [\"@badge\", \"@missing\"]\nmatches = [\"Where am I?\"]\n");
    assert_eq!(
        faults(&bad),
        ["intents/x.toml:7:12: `x/r` does not match its example: \"Where am I?\""]
    );
    let bad = format!("{HEAD}all = [\"@badge\"]\nmatches = [\"badge\"]\nmisses = [\"A badge.\"]\n");
    assert_eq!(
        faults(&bad),
        ["intents/x.toml:8:11: `x/r` matches what it must miss: \"A badge.\""]
    );
}

#[test]
fn an_unknown_key_concept_intent_or_a_bad_regex_is_named_with_its_place() {
    let cases = [
        (
            "all = [\"@nothing\"]\nmatches = [\"x\"]\n",
            "intents/x.toml:6:8: there is no concept `nothing`",
        ),
        (
            "al = [\"@badge\"]\n",
            "intents/x.toml:6:1: unknown field `al`",
        ),
        (
            "all = [\"@badge\"]\nregex = \"(\"\nmatches = [\"badge\"]\n",
            "intents/x.toml:7:9: the regex is wrong",
        ),
        (
            "all = [\"@badge\"]\n",
            "intents/x.toml:4:6: a rule needs an example",
        ),
        (
            "matches = [\"badge\"]\n",
            "intents/x.toml:4:6: a rule needs `all`",
        ),
    ];
    for (rest, wanted) in cases {
        let found = faults(&format!("{HEAD}{rest}"));
        assert!(
            found.iter().any(|f| f.starts_with(wanted)),
            "{wanted:?} not in {found:?}"
        );
    }
    let found = faults("disposition = \"forward\"\nrank = 1\nyields-to = { nobody = 3 }\n");
    assert_eq!(found, ["intents/x.toml:3:15: there is no intent `nobody`"]);
}

#[test]
fn a_queue_is_not_for_what_is_ignored() {
    let found = faults("disposition = \"ignore\"\nrank = 1\nqueue = \"accounts\"\n");
    assert!(
        found
            .first()
            .is_some_and(|f| f.starts_with("intents/x.toml:3:9: `queue`")),
        "{found:?}"
    );
}
