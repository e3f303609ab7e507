//! How the clerk does on mails that its rules were not written for (`tests/unseen/README.md`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and this one tells figures"
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Office;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::token::DeskKey;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What has been reached on these sets; only ever raised, and harm only ever lowered, unless a set is added. In percent.
const DISPOSITION_LEAST: f64 = 96.5;
const HARM_MOST: f64 = 0.2;

fn raw(mail: &Value) -> String {
    let text = |key: &str| mail[key].as_str().unwrap_or_default().to_owned();
    let from = text("from");
    let address = from
        .rsplit('<')
        .next()
        .unwrap()
        .trim_end_matches('>')
        .to_owned();
    let mut fields = vec![
        ("Return-Path".to_owned(), format!("<{address}>")),
        ("From".to_owned(), from),
        ("To".to_owned(), "support@credly.example".to_owned()),
        ("Subject".to_owned(), text("subject")),
        (
            "Date".to_owned(),
            "Mon, 16 Nov 2026 10:00:00 +0000".to_owned(),
        ),
        (
            "Message-ID".to_owned(),
            format!("<{}@mail.example>", text("id")),
        ),
        ("MIME-Version".to_owned(), "1.0".to_owned()),
        (
            "Content-Type".to_owned(),
            "text/plain; charset=utf-8".to_owned(),
        ),
    ];
    if let Some(reply_to) = mail["reply_to"].as_str() {
        fields.push(("Reply-To".to_owned(), reply_to.to_owned()));
    }
    for (name, value) in mail["headers"].as_object().into_iter().flatten() {
        fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        fields.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
    }
    let mut raw = String::new();
    for (name, value) in fields {
        write!(raw, "{name}: {value}\r\n").unwrap();
    }
    raw + "\r\n" + &text("text").replace('\n', "\r\n") + "\r\n"
}

fn plan(rules: &Rules, raw: &str) -> Plan {
    let office = Office {
        mailbox: "support".to_owned(),
        address: Address::parse("desk@desk.invalid").unwrap(),
        queues: Vec::new(),
        surroundings: Surroundings::default(),
        key: DeskKey::new(&[0; 32]),
        keeping: triage::Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: mailclerk::triage::relay::RelayRules::default(),
    };
    let case = Case {
        fresh: 1,
        ..Case::default()
    };
    triage::triage(
        parse(raw.as_bytes()),
        &case,
        rules,
        &office,
        Timestamp(1_800_000_000),
    )
}

/// What the clerk did to a set of mails.
#[derive(Default)]
struct Tally {
    all: i32,
    right: i32,
    primary: i32,
    people: i32,
    harm: i32,
    easy: i32,
    answered: i32,
}

fn share(hits: i32, of: i32) -> f64 {
    100.0 * f64::from(hits) / f64::from(of.max(1))
}

impl Tally {
    fn count(&mut self, mail: &Value, plan: &Plan) {
        let wanted = mail["disposition"].as_str().unwrap();
        let said = format!("{:?}", plan.disposition).to_lowercase();
        let answers = ["advise", "redirect"];
        // Advice and redirect together: either is right.
        let either = answers.contains(&wanted)
            && answers.contains(&said.as_str())
            && mail["intents"].as_array().is_some_and(|i| i.len() > 1);
        self.all += 1;
        self.right += i32::from(wanted == said || either);
        self.primary +=
            i32::from(plan.intents.first().map(String::as_str) == mail["primary"].as_str());
        if wanted == "forward" {
            self.people += 1;
            self.harm += i32::from(said != "forward");
        }
        if answers.contains(&wanted) {
            self.easy += 1;
            self.answered += i32::from(answers.contains(&said.as_str()));
        }
    }

    fn tell(&self, name: &str) {
        println!(
            "{name}: {} mails: disposition {:.1} %, primary {:.1} %, harm {:.1} % of {}, answered without a person {:.1} % of {}",
            self.all,
            share(self.right, self.all),
            share(self.primary, self.all),
            share(self.harm, self.people),
            self.people,
            share(self.answered, self.easy),
            self.easy
        );
    }
}

#[test]
fn mails_never_seen_are_sorted_as_well_as_before() {
    let rules = folder::load(&Path::new(ROOT).join("rules")).unwrap();
    let mut all = Tally::default();
    for set in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut one = Tally::default();
        let lines = fs::read_to_string(format!("{ROOT}/tests/unseen/{set}.jsonl")).unwrap();
        for line in lines.lines() {
            let mail: Value = serde_json::from_str(line).unwrap();
            let plan = plan(&rules, &raw(&mail));
            one.count(&mail, &plan);
            all.count(&mail, &plan);
        }
        one.tell(set);
    }
    all.tell("all");
    assert!(share(all.right, all.all) >= DISPOSITION_LEAST);
    assert!(share(all.harm, all.people) <= HARM_MOST);
}
