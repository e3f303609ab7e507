//! The house's invariants (first page of `src/lib.rs`), and which test holds each of them.
//!
//! | invariant | held by |
//! | --- | --- |
//! | 1 thinking does no I/O | `tidy thinking_rooms_touch_nothing` |
//! | 2 any bytes parse, a flaw sends to a person | `message::parse` properties; `any_bytes_become_a_plan_and_no_flawed_mail_is_dropped` here |
//! | 3 nothing leaves before it is durable | `daemon::tests::nothing_leaves_that_is_not_durably_on_its_way_before_the_connection_is_used` |
//! | 4 filed away only after the commit | `daemon::tests::a_mail_is_filed_away_only_after_its_plan_is_durable` |
//! | 5 the same mail twice changes nothing, stale is refused | `store::tests::intake` |
//! | 6 no reply without a person, budgets | `a_person_is_made_by_the_screen_alone` here; `e2e loops` |
//! | 7 no channel carries state | `loops_share_the_store_and_no_channel` here |
//! | 8 only the layout is serialised to disk | `only_the_layout_is_serialised_to_disk` here; `store::layout` |
//! | 9 everything has a limit | `a_mail_of_any_size_becomes_a_plan_of_bounded_size` here; the rooms' own tests |
//! | 10 no stranger enters a ticket | `e2e conversations`; `triage::thread` |
//! | 11 nothing a mail says is executed or becomes a header | `e2e headers`; `message::compose` properties |
//! | 12 a person's account comes first | `a_mail_with_any_forwarded_intent_is_forwarded` here |

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Disposition;
use mailclerk::triage::Keeping;
use mailclerk::triage::Office;
use mailclerk::triage::Queue;
use mailclerk::triage::classify::Classification;
use mailclerk::triage::classify::Language;
use mailclerk::triage::classify::disposition;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::token::DeskKey;
use proptest::prelude::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| folder::load(&Path::new(ROOT).join("rules")).unwrap())
}

fn plan(raw: &[u8]) -> Plan {
    let agent = Address::parse("agent@agents.example").unwrap();
    let queues = rules()
        .queues()
        .iter()
        .map(|name| Queue {
            name: (*name).to_owned(),
            agents: vec![agent.clone()],
        })
        .collect();
    let office = Office {
        mailbox: "support".to_owned(),
        address: Address::parse("support@credly.example").unwrap(),
        queues,
        surroundings: Surroundings::default(),
        key: DeskKey::new(&[7; 32]),
        keeping: Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: mailclerk::triage::relay::RelayRules::default(),
    };
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    triage::triage(
        parse(raw),
        &case,
        rules(),
        &office,
        Timestamp(1_800_000_000),
    )
}

/// All source files below a folder, tests left out, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(ROOT).join(folder)];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path, code));
            }
        }
    }
    found
}

/// No line of code (comments left out) in those sources holds one of the words.
fn none_says(folder: &str, words: &[&str], but: &[&str]) {
    for (path, text) in sources(folder) {
        if but.iter().any(|b| path.to_string_lossy().contains(b)) {
            continue;
        }
        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for word in words {
                assert!(
                    !line.contains(word),
                    "{}: `{word}` in `{}`",
                    path.display(),
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn loops_share_the_store_and_no_channel() {
    none_says(
        "src/daemon",
        &["mpsc", "broadcast", "oneshot", "sync::watch", "unbounded"],
        &[],
    );
}

#[test]
fn only_the_layout_is_serialised_to_disk() {
    none_says("src", &["postcard::"], &["store/layout"]);
    // What people are told may be made JSON; what is read back is the layout's alone.
    none_says(
        "src/store",
        &["Deserialize", "serde_json", "impl Row for"],
        &["store/layout"],
    );
}

#[test]
fn a_person_is_made_by_the_screen_alone() {
    for (path, text) in sources("src") {
        if path.to_string_lossy().contains("triage/screen") {
            continue;
        }
        assert!(
            !text.contains("Person {"),
            "{} makes a person",
            path.display()
        );
    }
}

#[test]
fn a_mail_with_any_forwarded_intent_is_forwarded() {
    let intents = rules().intents.intents();
    let forwarded: Vec<&str> = intents
        .iter()
        .filter(|i| i.disposition == Disposition::Forward)
        .map(|i| i.name.as_str())
        .collect();
    assert!(forwarded.len() >= 7, "{forwarded:?}");
    for one in &forwarded {
        for other in intents {
            for names in [
                vec![one, other.name.as_str()],
                vec![other.name.as_str(), one],
            ] {
                let found = Classification {
                    intents: names.iter().map(|n| (*n).to_owned()).collect(),
                    person_needed: false,
                    audience: None,
                    language: Language {
                        code: "en".to_owned(),
                        sure: true,
                    },
                    because: Vec::new(),
                };
                assert_eq!(
                    disposition(&found, &rules().intents),
                    Disposition::Forward,
                    "{names:?}"
                );
            }
        }
    }
}

#[test]
fn a_mail_of_any_size_becomes_a_plan_of_bounded_size() {
    let head = "From: maria@home.example\r\nTo: support@credly.example\r\n";
    let mails = [
        format!(
            "{head}Subject: {}\r\n\r\nhello\r\n",
            "long ".repeat(200_000)
        ),
        format!(
            "{head}Subject: a\r\n\r\n{}",
            "I have two accounts, please merge them. a@b.example\r\n".repeat(100_000)
        ),
        format!(
            "{head}{}\r\nhello\r\n",
            "X-Many: header\r\n".repeat(100_000)
        ),
        format!(
            "{head}References: {}\r\n\r\nhello\r\n",
            "<a@b.example> ".repeat(100_000)
        ),
        format!(
            "{head}Content-Type: text/html\r\n\r\n{}",
            "<div>".repeat(200_000)
        ),
        format!(
            "{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
            "--b\r\nContent-Type: application/x-a\r\n\r\na\r\n".repeat(20_000)
        ),
    ];
    for mail in &mails {
        let plan = plan(mail.as_bytes());
        let text: usize = plan
            .letters
            .iter()
            .map(|l| l.text.len() + l.subject.len())
            .sum();
        assert!(text < 200_000, "{} octets out of {}", text, mail.len());
        let reasons: usize = plan
            .because
            .iter()
            .map(|b| b.says.len() + b.matched.len())
            .sum();
        assert!(reasons < 20_000, "{reasons} octets of reasons");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_become_a_plan_and_no_flawed_mail_is_dropped(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        let plan = plan(&raw);
        let held = plan.step == Step::Hold;
        prop_assert!(held || plan.disposition != Disposition::Ignore, "random bytes were dropped: {:?}", plan.because);
        prop_assert!(held != plan.letters.iter().any(|l| l.purpose == Purpose::Forward));
        prop_assert!(plan.letters.iter().all(|l| l.purpose != Purpose::Reply), "nobody was there to be answered");
    }
}
