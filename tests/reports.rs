//! What reports on real mails tell, where such are at hand: how many name a recipient and a reason.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use mailclerk::message::parse::parse;
use mailclerk::triage::returned::report::Action;
use mailclerk::triage::returned::report::report;

/// The folder with real mails, if there is one here.
fn real(folder: &str) -> Option<PathBuf> {
    let given = std::env::var_os("MAILCLERK_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    Some(given.unwrap_or(beside).join(folder)).filter(|path| path.is_dir())
}

#[test]
fn of_the_fixtures_most_bounces_tell_whom_they_did_not_reach_and_why() {
    let Some(folder) = real("fixtures") else {
        return;
    };
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanting = Vec::new();
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, kind, automatic) = (columns[0], columns[2], columns[5]);
        let message = parse(&fs::read(folder.join(file)).unwrap());
        let found = report(&message);
        if kind != "bounce" {
            if automatic == "no" && found.is_some() {
                *count.entry("persons' mails taken for reports").or_default() += 1;
                wanting.push(format!("person: {file} `{}`", message.subject));
            }
            continue;
        }
        *count.entry("bounces").or_default() += 1;
        let told = found.map(|r| r.told).unwrap_or_default();
        let recipient = told
            .iter()
            .any(|t| t.recipient.is_some() || t.original.is_some());
        let status = told.iter().any(|t| t.status.is_some());
        let action = told.iter().any(|t| t.action != Action::Unsaid);
        for (name, has) in [
            ("recipient", recipient),
            ("status", status),
            ("action", action),
            ("recipient and status", recipient && status),
        ] {
            *count.entry(name).or_default() += usize::from(has);
        }
        if !(recipient && status) {
            wanting.push(format!(
                "{file} `{}` recipient {recipient}, status {status}",
                message.subject
            ));
        }
    }
    println!("{count:#?}\n{}", wanting.join("\n"));
    let of = |name: &str| count.get(name).copied().unwrap_or_default() * 100 / count["bounces"];
    assert!(of("recipient") >= 95, "{count:?}");
    assert!(of("recipient and status") >= 85, "{count:?}");
}
