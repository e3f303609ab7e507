//! The screen on mails of many languages, and on real ones where they are at hand: no machine is answered, no person
//! dropped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
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

/// One mail of `languages.txt`.
struct Written {
    language: &'static str,
    kind: &'static str,
    raw: String,
}

impl Written {
    fn by_machine(&self) -> bool {
        ["absence", "receipt", "bounce"].contains(&self.kind)
    }
}

/// Mails without any marker: language, kind, subject and text, parted by bars.
fn written() -> Vec<Written> {
    let lines = include_str!("screen/languages.txt").lines();
    let told = lines.filter(|l| !l.is_empty() && !l.starts_with('#'));
    told.map(|line| {
        let parts: Vec<&str> = line.splitn(4, " | ").collect();
        let [language, kind, subject, text] = parts[..] else {
            panic!("{line}")
        };
        let raw = format!(
            "Return-Path: <maria@people.example>\r\nFrom: Maria Stone <maria@people.example>\r\nTo: support@desk.example\r\nSubject: {subject}\r\nMessage-ID: <1@people.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
        );
        Written {
            language,
            kind,
            raw,
        }
    })
    .collect()
}

#[test]
fn machines_without_markers_are_silenced_and_people_on_holiday_are_not_in_every_language() {
    let rules = rules();
    let mut absences = BTreeSet::new();
    let mut wrong = Vec::new();
    for mail in written() {
        let message = parse(mail.raw.as_bytes());
        let (screening, signs) = screen(&message, &rules, &Surroundings::default());
        if (verdict(&screening) == "person") == mail.by_machine() {
            wrong.push(format!(
                "{} {}: {} because of {}",
                mail.language,
                mail.kind,
                verdict(&screening),
                told(&signs)
            ));
        }
        if mail.kind == "absence" {
            absences.insert(mail.language);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(absences.len() >= 28, "{absences:?}");
}

#[test]
fn evaluate_tells_what_was_caught_missed_and_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, header: &str, text: &str| {
        let raw = format!(
            "From: maria@people.example\r\nTo: d@desk.example\r\n{header}\r\n\r\n{text}\r\n"
        );
        fs::write(folder.path().join(name), raw).unwrap();
    };
    put(
        "caught.eml",
        "Auto-Submitted: auto-replied\r\nSubject: Hello",
        "I am away.",
    );
    put(
        "missed.eml",
        "Subject: Hello",
        "The parcel stands at the door.",
    );
    put(
        "refused.eml",
        "Precedence: bulk\r\nSubject: Badge",
        "Where is my badge?",
    );
    put("person.eml", "Subject: Badge", "Where is my badge?");
    let index = "file\tkind\tautomatic\tmarker\ncaught.eml\tabsence\tyes\texplicit:auto-submitted\nmissed.eml\tnotice\tyes\tnone\nrefused.eml\thuman\tno\tnone\nperson.eml\thuman\tno\tnone\n";
    fs::write(folder.path().join("INDEX.tsv"), index).unwrap();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let said = |flags: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_mailclerk"))
            .args(["evaluate", "--rules", rules, "--screen"])
            .args(flags)
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let text = said(&[]);
    for told in [
        "answered machines: 0 of 1 that say what they are, 1 of 1 that do not",
        "people: 1 of 2 taken for machines but read by people, 0 read by nobody",
        "  missed.eml (notice) `Hello`\n    no sign of a machine",
        "  refused.eml (human) `Badge`\n    R8: ",
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    let report: serde_json::Value = serde_json::from_str(&said(&["--json"])).unwrap();
    assert_eq!(report["unmarked_answered"][0]["file"], "missed.eml");
    assert_eq!(report["people_refused"][0]["file"], "refused.eml");
    let bare: serde_json::Value = serde_json::from_str(&said(&["--json", "--unmarked"])).unwrap();
    assert_eq!(bare["people_refused"].as_array().unwrap().len(), 0);
}
