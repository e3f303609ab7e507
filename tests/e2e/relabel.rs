//! An operator says what a mail really wanted, and the next `learn` hears it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

#[test]
fn a_correction_is_kept_without_what_is_private_and_learned_from() {
    let mut house = House::open();
    let raw = mail(
        "Maria Quintero <maria@home.example>",
        "Two accounts",
        "one@home.example",
        "",
        "I am Maria Quintero, 0171 555 0199. I have two accounts, please merge them into one.",
    );
    let handled = house.receive(&raw, "maria@home.example");
    let (number, sent) = (handled.ticket(), house.sent());
    let said = house
        .ask(&[
            "tickets",
            "relabel",
            &number.to_string(),
            "account-access",
            "secondary-email",
        ])
        .unwrap();
    assert_eq!(said["before"][0], "merge-accounts", "{said}");
    let ticket = house.ticket(number);
    assert_eq!(ticket["intents"][0], "account-access", "{ticket}");
    let events = ticket["events"].as_array().unwrap();
    assert!(events.iter().any(|e| e["kind"] == "relabelled"), "{ticket}");

    let kept = fs::read_to_string(house.path("state/corrections.jsonl")).unwrap();
    let line: Value = serde_json::from_str(kept.trim()).unwrap();
    assert_eq!(
        line["text"],
        "I am Name Name, 00000. I have two accounts, please merge them into one."
    );
    assert_eq!(line["intents"][1], "secondary-email");
    assert!(!kept.contains("maria@"), "{kept}");

    let again = [
        "tickets",
        "relabel",
        &number.to_string(),
        "other",
        "--person",
    ];
    house.ask(&again).unwrap();
    let kept = fs::read_to_string(house.path("state/corrections.jsonl")).unwrap();
    assert_eq!(
        kept.lines().count(),
        1,
        "the second takes the place of the first: {kept}"
    );
    assert_eq!(house.sent(), sent, "nobody is told anything");
    refused_by_file_and_line(&house, &kept);
}

#[test]
fn a_correction_that_cannot_be_says_why_and_changes_nothing() {
    let mut house = House::open();
    let number = house
        .write(
            "maria@home.example",
            "Two accounts",
            "I have two accounts, please merge them into one.",
        )
        .ticket();
    let refused = |arguments: &[&str]| {
        let out = house.cli(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(1), "{out:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let ticket = number.to_string();
    let said = refused(&["tickets", "relabel", &ticket, "merge"]);
    assert!(
        said.contains("no intent `merge`; there are: escalation, account-access"),
        "{said}"
    );
    assert!(refused(&["tickets", "relabel", "999", "other"]).contains("no ticket #999"));
    let mut other = house.servers.imap(DESK);
    other.select("Mailclerk.Forwarded").unwrap();
    other.expunge(1).unwrap();
    let said = refused(&["tickets", "relabel", &ticket, "other"]);
    assert!(
        said.contains("lies in no folder of the mailbox `support` any more"),
        "{said}"
    );
    assert!(!house.path("state/corrections.jsonl").exists());
    assert_eq!(house.ticket(number)["intents"][0], "merge-accounts");
}

/// A line that is none of ours is told by file and line, so the file is read where `learn` is told of it.
fn refused_by_file_and_line(house: &House, kept: &str) {
    let file = house.path("state/corrections.jsonl");
    fs::write(
        &file,
        format!("{kept}{{\"text\": \"x\", \"intents\": [\"merge\"]}}\n"),
    )
    .unwrap();
    let learned = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
        .args(["learn", "--dry-run", "--rules"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))
        .arg("--corrections")
        .arg(&file)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&learned.stderr).into_owned();
    assert!(
        words.contains("corrections.jsonl:2: there is no intent `merge`"),
        "{words}"
    );
}
