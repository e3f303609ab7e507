//! How well the shipped rules read a labelled corpus, where one lies beside the project; without one this passes.
//!
//! The numbers are printed with `--nocapture`; floors keep a change of the rules from making them worse unseen.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic and prints what it measured"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use mailclerk::message::parse::parse;
use mailclerk::triage::Disposition;
use mailclerk::triage::classify::Classification;
use mailclerk::triage::classify::classify;
use mailclerk::triage::classify::disposition;
use mailclerk::triage::rules::IntentRules;
use mailclerk::triage::source::RuleFiles;

fn rule_files() -> RuleFiles {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files = RuleFiles::new();
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_some_and(|e| e == "toml") {
                let name = entry
                    .path()
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    files
}

fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("MAILCLERK_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let dev = shared.join("corpus/dev");
    dev.join("labels.jsonl").exists().then_some(dev)
}

/// What people said of a mail.
#[derive(serde::Deserialize)]
struct Label {
    file: String,
    intents: Vec<String>,
    primary: String,
    disposition: Disposition,
    audience: Option<String>,
    language: String,
    why: String,
}

#[derive(Default)]
struct Tally {
    mails: usize,
    disposition: usize,
    harm: usize,
    primary: usize,
    language: usize,
    audience: (usize, usize),
}

impl Tally {
    fn share(&self, n: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred mails")]
        let share = n as f64 * 100.0 / self.mails.max(1) as f64;
        share
    }

    /// Counts a mail; prints it when it is wrong and `show` is set.
    fn count(&mut self, label: &Label, found: &Classification, said: Disposition, show: bool) {
        let answered = |d| matches!(d, Disposition::Advise | Disposition::Redirect);
        let either = answered(said) && answered(label.disposition) && label.intents.len() > 1;
        let right = said == label.disposition || either;
        let harm = label.disposition == Disposition::Forward && said != Disposition::Forward;
        let primary = found.intents.first() == Some(&label.primary);
        let language = found.language.code == label.language;
        let heard = found.audience.map(|a| format!("{a:?}").to_lowercase());
        let audience = label.audience.is_none() || heard.is_none() || heard == label.audience;
        self.mails += 1;
        self.disposition += usize::from(right);
        self.harm += usize::from(harm);
        self.primary += usize::from(primary);
        self.language += usize::from(language);
        self.audience.1 += usize::from(label.audience.is_some());
        self.audience.0 += usize::from(label.audience.is_some() && heard == label.audience);
        if show && !(right && primary && language && audience) {
            let word = if harm {
                "HARM "
            } else if right {
                ""
            } else {
                "DISP "
            };
            let person = if found.person_needed { " person" } else { "" };
            println!(
                "{word}{} {:?} [{:?} {:?} {}] but {:?} [{said:?}{person} {heard:?} {}] {}",
                label.file,
                label.intents,
                label.disposition,
                label.audience,
                label.language,
                found.intents,
                found.language.code,
                label.why
            );
            for b in &found.because {
                println!("      {} <- {:?}", b.rule, b.matched);
            }
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: {} mails, disposition {:.1} %, harm {:.1} % ({}), primary {:.1} %, language {:.1} %, audience {}/{}",
            self.mails,
            self.share(self.disposition),
            self.share(self.harm),
            self.harm,
            self.share(self.primary),
            self.share(self.language),
            self.audience.0,
            self.audience.1,
        );
    }
}

#[test]
fn the_shipped_rules_read_the_corpus_as_people_did() {
    let rules = IntentRules::compile(&rule_files()).unwrap_or_else(|faults| {
        for fault in &faults {
            println!("{fault}");
        }
        panic!("{} complaints about the shipped rules", faults.len());
    });
    let Some(dir) = corpus() else { return };
    let half_shown = std::env::var("HALF").ok();
    let mut halves: BTreeMap<&str, Tally> = BTreeMap::new();
    for line in std::fs::read_to_string(dir.join("labels.jsonl"))
        .unwrap()
        .lines()
    {
        let label: Label = serde_json::from_str(line).unwrap();
        if label.primary == "automatic" {
            continue;
        }
        let even = label
            .file
            .get(..3)
            .and_then(|n| n.parse::<u32>().ok())
            .is_some_and(|n| n % 2 == 0);
        let half = if even { "even" } else { "odd" };
        let message = parse(&std::fs::read(dir.join(&label.file)).unwrap());
        let found = classify(&message, &rules);
        let said = disposition(&found, &rules);
        let show = half_shown.as_deref().is_none_or(|h| h == half);
        halves
            .entry(half)
            .or_default()
            .count(&label, &found, said, show);
    }
    for (name, tally) in &halves {
        tally.print(name);
    }
    for tally in halves.values() {
        assert!(
            tally.share(tally.disposition) >= 95.0,
            "fewer dispositions right than before"
        );
        assert!(tally.share(tally.harm) <= 1.0, "more harm than before");
    }
}
