//! `mailclerk learn` and `evaluate` at the terminal: the same examples make the same file, a worse model is refused, and
//! what was not learned from is the measure.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const ENDS: [&str; 6] = [
    "please",
    "today",
    "since monday",
    "again",
    "thank you",
    "for weeks",
];

/// A desk of three intents without a rule: all it knows it has learned.
fn desk() -> TempDir {
    let folder = TempDir::new().unwrap();
    let forward = "disposition = \"forward\"\nqueue = \"accounts\"\nrank = 10\n";
    let redirect = "disposition = \"redirect\"\nreply = \"x\"\nrank = 40\n";
    let fallback = "disposition = \"forward\"\nrank = 20\nfallback = true\n";
    for (path, text) in [
        ("words/w.toml", "[badge]\nwords.any = \"badge*\"\n"),
        ("intents/account.toml", forward),
        ("intents/ibm-badge.toml", redirect),
        ("intents/other.toml", fallback),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(folder.path().join("examples")).unwrap();
    folder
}

/// Writes ninety examples of two kinds; of those whose number `mixed` names, the label is the other kind's.
fn examples(folder: &Path, mixed: impl Fn(usize) -> bool) {
    let mut out = String::new();
    for (number, end) in ENDS.iter().cycle().take(90).enumerate() {
        let account = (number / 3) % 2 == 0;
        let text = if account {
            "the old mailbox of my former employer is closed and I am locked out"
        } else {
            "where does the company keep the criteria of its quantum badge"
        };
        let intent = if account == mixed(number) {
            "ibm-badge"
        } else {
            "account"
        };
        let (a, b) = (number % 7, number % 11);
        let line = serde_json::json!({
            "subject": "",
            "text": format!("{text} number {a} or {b} {end}"),
            "intents": [intent],
        });
        writeln!(out, "{line}").unwrap();
    }
    fs::write(folder.join("examples/en.jsonl"), out).unwrap();
}

fn learn(folder: &Path, more: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
        .args(["learn", "--rules"])
        .arg(folder)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn model(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model.json")).unwrap()
}

#[test]
fn the_same_examples_make_the_same_file_to_the_octet() {
    let desk = desk();
    examples(desk.path(), |_| false);
    let (code, out, err) = learn(desk.path(), &[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let first = model(desk.path());
    fs::remove_file(desk.path().join("model.json")).unwrap();
    assert_eq!(learn(desk.path(), &[]).0, 0);
    assert!(first == model(desk.path()), "another model the second time");
}

#[test]
fn a_model_that_harms_more_is_refused_and_the_present_one_stays() {
    let desk = desk();
    examples(desk.path(), |_| false);
    assert_eq!(learn(desk.path(), &[]).0, 0);
    let present = model(desk.path());
    // Half the labels say nothing any more: whatever is learned of them is worse.
    examples(desk.path(), |number| (number / 8) % 2 == 0);
    let (code, out, err) = learn(desk.path(), &[]);
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("refused") && err.contains("--anyway"), "{err}");
    assert!(present == model(desk.path()), "the file was touched");
    assert_eq!(learn(desk.path(), &["--anyway"]).0, 0);
    assert!(present != model(desk.path()));
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let desk = desk();
    examples(desk.path(), |_| false);
    let (code, out, _) = learn(desk.path(), &["--dry-run"]);
    assert_eq!(code, 0);
    assert!(out.contains("harm") && out.contains("deflected"), "{out}");
    assert!(!desk.path().join("model.json").exists());
}

#[test]
fn an_example_that_cannot_be_read_is_named_with_its_line() {
    let desk = desk();
    examples(desk.path(), |_| false);
    let path = desk.path().join("examples/en.jsonl");
    let text =
        fs::read_to_string(&path).unwrap() + "{\"text\": \"x\", \"intents\": [\"nonsense\"]}\n";
    fs::write(&path, text).unwrap();
    let (code, _, err) = learn(desk.path(), &[]);
    assert_eq!(code, 1);
    assert!(
        err.contains("en.jsonl:91: ") && err.contains("nonsense"),
        "{err}"
    );
}

#[test]
fn a_desk_without_examples_says_where_they_belong() {
    let desk = desk();
    let (code, _, err) = learn(desk.path(), &[]);
    assert_eq!(code, 1);
    assert!(err.contains("examples"), "{err}");
}

/// The shipped rules without what they learned, and ninety examples of two kinds.
fn shipped() -> TempDir {
    let folder = TempDir::new().unwrap();
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    for entry in walk(Path::new(from)) {
        let name = entry.strip_prefix(from).unwrap();
        if name.starts_with("examples") || name.ends_with("model.json") {
            continue;
        }
        let to = folder.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&entry, to).unwrap();
    }
    fs::create_dir(folder.path().join("examples")).unwrap();
    examples(folder.path(), |_| false);
    let path = folder.path().join("examples/en.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("\"account\"", "\"account-access\"")).unwrap();
    folder
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Ten mails of each kind; the last one of the first kind is labelled as one of the other.
fn mails() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut labels = String::new();
    for number in 0..20 {
        let account = number < 10;
        let text = if account {
            "The old mailbox of my former employer is closed and I am locked out."
        } else {
            "Where does the company keep the criteria of its IBM quantum badge?"
        };
        let (intent, disposition) = if account && number != 9 {
            ("account-access", "forward")
        } else {
            ("ibm-badge", "redirect")
        };
        let file = format!("{number:02}.eml");
        let from = format!("From: Ann <ann{number}@museum.example>\r\nTo: support@credly.example");
        let mail = format!(
            "{from}\r\nSubject: a question {number}\r\nMessage-ID: <{number}@museum.example>\r\n\r\n{text} {}\r\n",
            ENDS[number % ENDS.len()]
        );
        fs::write(folder.path().join(&file), mail).unwrap();
        let label = serde_json::json!({
            "file": file, "intents": [intent], "primary": intent, "disposition": disposition,
            "audience": null, "language": "en",
        });
        writeln!(labels, "{label}").unwrap();
    }
    fs::write(folder.path().join("labels.jsonl"), labels).unwrap();
    folder
}

fn evaluate(rules: &Path, mails: &Path, more: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
        .args(["evaluate", "--rules"])
        .arg(rules)
        .args(more)
        .arg(mails)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn in_folds_each_mail_is_judged_once_and_the_trade_off_is_told_and_no_file_is_written() {
    let (rules, mails) = (shipped(), mails());
    let (code, out, err) = evaluate(rules.path(), mails.path(), &["--folds", "2", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["all"]["disposition"]["of"], 20);
    assert_eq!(report["all"]["harm"]["of"], 9);
    assert_eq!(report["all"]["harm"]["hits"], 0, "{report:#}");
    // What is labelled wrongly was not learned from, and so does not come out as labelled.
    let wrong: Vec<&str> = report["wrong"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["file"].as_str().unwrap())
        .collect();
    assert!(wrong.contains(&"09.eml"), "{report:#}");
    let limits = report["trade_off"].as_array().unwrap();
    assert!(limits.len() > 30, "{limits:?}");
    assert!(limits.iter().all(|l| l["effect"]["harm"].is_u64()));
    assert!(!rules.path().join("model.json").exists());
    let (code, out, _) = evaluate(rules.path(), mails.path(), &["--folds", "2"]);
    assert_eq!(code, 0);
    assert!(out.contains("what each limit"), "{out}");
}

#[test]
fn the_picture_of_the_confusion_table_names_what_was_labelled_and_what_was_said() {
    let (rules, mails) = (shipped(), mails());
    let picture = rules.path().join("picture.svg");
    let (code, out, err) = evaluate(
        rules.path(),
        mails.path(),
        &["--svg", picture.to_str().unwrap()],
    );
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let picture = fs::read_to_string(picture).unwrap();
    assert!(picture.trim_start().starts_with("<svg"), "{picture}");
    assert!(picture.trim_end().ends_with("</svg>"));
    for name in ["account-access", "ibm-badge"] {
        assert!(picture.contains(name), "{name} is missing in\n{picture}");
    }
    let nowhere = rules.path().join("no/such/folder.svg");
    let (code, _, err) = evaluate(
        rules.path(),
        mails.path(),
        &["--svg", nowhere.to_str().unwrap()],
    );
    assert_eq!(code, 1);
    assert!(err.contains("folder.svg"), "{err}");
}
