//! Who is held, and who is not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::sync::OnceLock;

use super::*;
use crate::message::address::Address;
use crate::message::parse::parse;
use crate::triage::desk::Rules;
use crate::triage::source::RuleFiles;

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"));
        let mut files = RuleFiles::new();
        gather(folder, folder, &mut files);
        Rules::compile(&files).unwrap()
    })
}

fn gather(root: &Path, folder: &Path, files: &mut RuleFiles) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, text);
        }
    }
}

fn desk(spam_headers: &[&str]) -> Surroundings {
    Surroundings {
        own: vec![Address::parse("support@credly.example").unwrap()],
        authserv_id: Some("mx.credly.example".to_owned()),
        spam_headers: spam_headers
            .iter()
            .map(|text| SpamHeader::try_from((*text).to_owned()).unwrap())
            .collect(),
        ..Surroundings::default()
    }
}

/// The rules by which a mail is held.
fn held(raw: &str, desk: &Surroundings) -> Vec<String> {
    let found = judge(&parse(raw.as_bytes()), &rules().quarantine, desk, 0);
    let mut names: Vec<String> = found.into_iter().map(|b| b.rule).collect();
    names.dedup();
    names
}

fn html(from: &str, subject: &str, body: &str) -> String {
    format!(
        "From: {from}\r\nTo: support@credly.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>\r\n"
    )
}

#[test]
fn a_filters_word_counts_only_where_the_config_names_the_field() {
    let mail = "From: a@x.example\r\nX-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=9\r\n\r\nHelp me, please.\r\n";
    assert_eq!(held(mail, &desk(&[])), Vec::<String>::new());
    assert_eq!(held(mail, &desk(&["X-Spam-Flag: yes"])), ["spam-filter"]);
    assert_eq!(held(mail, &desk(&["x-spam-status: Yes"])), ["spam-filter"]);
    for other in [
        "X-Spam-Flag: Y",
        "X-Spam-Flag: NO",
        "X-Rspamd: YES",
        "X-Spam-Status: Yes, score=99",
    ] {
        assert_eq!(held(mail, &desk(&[other])), Vec::<String>::new(), "{other}");
    }
    for bad in ["X-Spam-Flag", "X-Spam-Flag:", ": YES", "X Spam: YES"] {
        assert!(SpamHeader::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn what_no_honest_mail_exceeds_is_held_and_what_people_send_is_not() {
    let to = |n: usize| {
        let all: Vec<String> = (0..n).map(|n| format!("p{n}@x.example")).collect();
        format!(
            "From: a@x.example\r\nTo: {}\r\nSubject: Help\r\n\r\nHelp me.\r\n",
            all.join(",\r\n ")
        )
    };
    let references = |n: usize| {
        let all: Vec<String> = (0..n).map(|n| format!("<{n}@x.example>")).collect();
        format!(
            "From: a@x.example\r\nReferences: {}\r\nSubject: Help\r\n\r\nHelp me.\r\n",
            all.join("\r\n ")
        )
    };
    let header = |octets: usize| {
        format!(
            "From: a@x.example\r\nX-Long: {}\r\n\r\nHelp me.\r\n",
            "y".repeat(octets)
        )
    };
    for (mail, over) in [
        (to(150), false),
        (to(160), true),
        (references(300), false),
        (references(1_200), true),
        (header(60_000), false),
        (header(300_000), true),
    ] {
        assert_eq!(
            held(&mail, &desk(&[])) == ["limits"],
            over,
            "{}",
            mail.len()
        );
    }
}

#[test]
fn a_mail_of_which_nothing_can_be_made_is_held_and_a_person_without_a_header_is_not() {
    let rubbish: Vec<u8> = (0..4_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    let of = |raw: &[u8]| judge(&parse(raw), &rules().quarantine, &desk(&[]), 0).len();
    assert_eq!(of(&rubbish), 1);
    assert_eq!(of(b"X-Mailer: none\r\n\r\n"), 1);
    assert_eq!(
        of(b"Hello, my account is locked. Please write to ann at museum.example.\r\n"),
        0
    );
    assert_eq!(
        of("私のアカウントがロックされました。助けてください。\r\n".as_bytes()),
        0
    );
    assert_eq!(
        of(b"From: a@x.example\r\n\r\n"),
        0,
        "an empty mail of somebody"
    );
    assert_eq!(
        of(b"Subject: Account locked\r\n\r\n"),
        0,
        "the subject says it"
    );
    // What was not read, because reading it failed, is for a person.
    assert_eq!(of(b""), 0);
}

#[test]
fn a_swindlers_mail_is_held_and_each_sign_is_told() {
    let mail = html(
        "\"support@credly.example\" <x91@evil.example>",
        "Final warning",
        "Your mailbox will be closed. <a href='http://192.0.2.9/login'>https://www.credly.example/login</a> to verify your mailbox.",
    );
    let found = judge(&parse(mail.as_bytes()), &rules().quarantine, &desk(&[]), 0);
    assert!(found.len() >= 4, "{found:?}");
    assert!(
        found
            .iter()
            .all(|b| b.rule == PHISHING && !b.says.is_empty() && b.matched.ends_with("points"))
    );
    let program = "From: a@x.example\r\nSubject: Invoice\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the invoice.\r\n--b\r\nContent-Type: application/pdf; name=\"invoice.pdf.exe\"\r\nContent-Disposition: attachment; filename=\"invoice.pdf.exe\"\r\n\r\nMZ\r\n--b--\r\n";
    assert_eq!(held(program, &desk(&[])), [PHISHING]);
}

#[test]
fn people_with_one_such_sign_and_people_who_ask_about_a_swindle_are_not_held() {
    let swindle = "Your account will be closed. <a href='http://192.0.2.9/login'>https://www.credly.example/login</a> Click here to verify your mailbox.";
    for mail in [
        // A signature whose link goes through a counter.
        html(
            "Ann <ann@museum.example>",
            "Cannot log in",
            "My account is locked. <a href='https://count.example/x'>https://museum.example/</a>",
        ),
        // Asks whether it is genuine.
        html(
            "Ann <ann@museum.example>",
            "Fwd: Final warning",
            &format!("Is this from you?<blockquote type=cite>{swindle}</blockquote>"),
        ),
        html(
            "Ann <ann@museum.example>",
            "Is this from you?",
            &format!(
                "Is this real? <div class=gmail_quote>---------- Forwarded message ---------<br>From: x &lt;x@evil.example&gt;<br>Date: Mon, 1 Jan 2024<br>Subject: Warning<br>To: me<br><br>{swindle}</div>"
            ),
        ),
        // Writes of the very words.
        html(
            "Ann <ann@museum.example>",
            "Suspended",
            "I got \"your account will be suspended\" and then \"unusual activity on your\" account. What now?",
        ),
        // Two addresses of one person.
        html(
            "\"ann@home.example\" <ann@museum.example>",
            "Merge",
            "Please merge my accounts.",
        ),
    ] {
        assert_eq!(held(&mail, &desk(&[])), Vec::<String>::new(), "{mail}");
    }
}

#[test]
fn a_flood_is_held_from_the_number_on_that_the_rules_say() {
    let message = parse(b"From: a@x.example\r\nSubject: Help\r\n\r\nHelp me.\r\n");
    let of = |flood| judge(&message, &rules().quarantine, &desk(&[]), flood).len();
    assert_eq!((of(0), of(249), of(250)), (0, 0, 1));
}

#[test]
fn a_rule_that_would_hold_people_stops_the_start() {
    let wrong = |text: &str| {
        let files = RuleFiles::from([("quarantine.toml".to_owned(), text.to_owned())]);
        QuarantineRules::compile(&files).unwrap_err()[0]
            .what
            .clone()
    };
    assert!(wrong("[phishing]\nhold = 100\nlink_elsewhere = 100\n").contains("alone"));
    assert!(
        wrong("[phishing.threat]\npoints = 5\nphrases = [\"Final Warning\"]\n")
            .contains("lower case")
    );
    assert!(wrong("[phishing.lure]\nphrases = [\"abc\"]\n").contains("octets"));
    assert!(wrong("holt = 3\n").contains("unknown field"));
    let none = QuarantineRules::compile(&RuleFiles::new()).unwrap();
    assert_eq!(
        (none.flood_mails, none.limits.recipients, none.phishing.hold),
        (250, 150, 0)
    );
}
