//! The screen on real mails, where they are at hand: no machine is answered, no person dropped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::triage::Because;
use mailclerk::triage::screen::ScreenRules;
use mailclerk::triage::screen::Screening;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::screen::screen;

fn rules() -> ScreenRules {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/screen.toml");
    let text = fs::read_to_string(path).unwrap();
    ScreenRules::compile(&BTreeMap::from([("screen.toml".to_owned(), text)])).unwrap()
}

/// The folder with real mails, if there is one here.
fn real(folder: &str) -> Option<PathBuf> {
    let given = std::env::var_os("MAILCLERK_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    Some(given.unwrap_or(beside).join(folder)).filter(|path| path.is_dir())
}

fn verdict(screening: &Screening) -> &'static str {
    match screening {
        Screening::Person(_) => "person",
        Screening::Unsure(..) => "unsure",
        Screening::Automatic(_) => "automatic",
    }
}

fn told(signs: &[Because]) -> String {
    signs
        .iter()
        .map(|s| format!("{} ({})", s.rule, s.matched))
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn of_the_fixtures_no_marked_machine_is_answered_and_no_person_dropped() {
    let Some(folder) = real("fixtures") else {
        return;
    };
    let (rules, desk) = (rules(), Surroundings::default());
    let mut count: BTreeMap<(String, String, &str), usize> = BTreeMap::new();
    let mut wrong: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(folder.join("INDEX.tsv"))
        .unwrap()
        .lines()
        .skip(1)
    {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, _, kind, _, _, automatic, marker] = columns[..] else {
            panic!("{line}")
        };
        let message = parse(&fs::read(folder.join(file)).unwrap());
        let (screening, signs) = screen(&message, &rules, &desk);
        let got = verdict(&screening);
        let sort = marker.split(':').next().unwrap();
        *count
            .entry((automatic.to_owned(), sort.to_owned(), got))
            .or_default() += 1;
        let row = format!(
            "{file} [{kind}, {marker}] `{}`: {}",
            message.subject,
            told(&signs)
        );
        match (automatic, sort, got) {
            ("yes", "explicit", "person") => {
                wrong.entry("explicit answered").or_default().push(row);
            }
            ("yes", _, "person") => wrong.entry("unmarked answered").or_default().push(row),
            ("no", _, "automatic") => wrong.entry("person dropped").or_default().push(row),
            ("no", _, "unsure") => wrong.entry("person not answered").or_default().push(row),
            ("yes", _, "unsure") => wrong.entry("machine forwarded").or_default().push(row),
            _ => {}
        }
    }
    println!("{count:#?}\n{wrong:#?}");
    let many = |name: &str| wrong.get(name).map_or(0, Vec::len);
    assert_eq!(many("explicit answered"), 0);
    assert!(many("unmarked answered") <= 5);
    assert!(many("person dropped") <= 3);
}

#[test]
fn of_the_corpus_exactly_the_automatic_mails_are_automatic() {
    let Some(folder) = real("corpus/dev") else {
        return;
    };
    let rules = rules();
    let known = Surroundings {
        own: vec![Address::try_from("support@credly.example".to_owned()).unwrap()],
        authserv_id: Some("mx1.credly.example".to_owned()),
        ..Surroundings::default()
    };
    for desk in [Surroundings::default(), known] {
        let (mut wrong, mut unsure) = (Vec::new(), Vec::new());
        for line in fs::read_to_string(folder.join("labels.jsonl"))
            .unwrap()
            .lines()
        {
            let label: serde_json::Value = serde_json::from_str(line).unwrap();
            let file = label["file"].as_str().unwrap();
            let intents = label["intents"].as_array().unwrap();
            let message = parse(&fs::read(folder.join(file)).unwrap());
            let (screening, signs) = screen(&message, &rules, &desk);
            let got = verdict(&screening);
            let row = format!("{file} {intents:?} {got}: {}", told(&signs));
            if intents.iter().any(|i| i == "automatic") != (got == "automatic") {
                wrong.push(row);
            } else if got == "unsure" {
                unsure.push(row);
            }
        }
        println!("wrong {wrong:#?}\nunsure {unsure:#?}");
        assert!(wrong.is_empty());
    }
}
