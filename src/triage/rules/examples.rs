//! The examples beside the rules, run when the rules are loaded.

use crate::triage::classify::reading::Reading;
use crate::triage::classify::score;
use crate::triage::classify::score::Evidence;
use crate::triage::rules::IntentRules;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// What an example is about, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A whole intent: the mail has it, or has it not.
    Intent(usize),
    /// A rule (intent, rule): it holds by itself.
    Rule(usize, usize),
    /// A rule of the audience.
    Audience(usize),
}

/// An example with its place.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) file: String,
    pub(super) offset: usize,
    pub(super) text: String,
    pub(super) subject: Subject,
    pub(super) holds: bool,
}

/// Runs the examples; each that fails is a complaint at its place.
pub(super) fn run(rules: &IntentRules, examples: &[Example], files: &RuleFiles) -> Vec<Complaint> {
    examples
        .iter()
        .filter_map(|example| fault(rules, example, files))
        .collect()
}

fn fault(rules: &IntentRules, example: &Example, files: &RuleFiles) -> Option<Complaint> {
    let reading = mail_of(&example.text);
    let evidence = Evidence::gather(&reading, rules);
    let (name, holds, found) = match example.subject {
        Subject::Intent(number) => {
            let verdict = score::verdict(&evidence, rules);
            let holds = verdict.found.iter().any(|f| f.intent == number);
            let found: Vec<&str> = verdict
                .found
                .iter()
                .filter_map(|f| rules.intents.get(f.intent))
                .map(|i| i.name.as_str())
                .collect();
            let name = rules
                .intents
                .get(number)
                .map(|i| i.name.clone())
                .unwrap_or_default();
            (name, holds, format!(" (found: {})", found.join(", ")))
        }
        Subject::Rule(intent, rule) => {
            let rule = rules.scoring.get(intent).and_then(|s| s.rules.get(rule))?;
            (
                rule.name.clone(),
                evidence.holds(&rule.when).is_some(),
                String::new(),
            )
        }
        Subject::Audience(rule) => {
            let rule = rules.audience.get(rule)?;
            (
                rule.name.clone(),
                evidence.holds(&rule.when).is_some(),
                String::new(),
            )
        }
    };
    if holds == example.holds {
        return None;
    }
    let verb = if example.holds {
        "does not match its example"
    } else {
        "matches what it must miss"
    };
    let shown: String = example.text.chars().take(80).collect();
    let text = files
        .get(&example.file)
        .map(String::as_str)
        .unwrap_or_default();
    Some(Complaint::at(
        &example.file,
        text,
        example.offset,
        format!("`{name}` {verb}: {shown:?}{found}"),
    ))
}

/// An example is the new words of a mail. Lines `From:` (an address), `Subject:` and `Quoted:` may stand before them.
fn mail_of(text: &str) -> Reading {
    let mut reading = Reading::default();
    let mut rest = text.trim_start();
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if let Some(from) = line.strip_prefix("From:") {
            reading.sender_domain = from
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
        } else if let Some(subject) = line.strip_prefix("Subject:") {
            reading.set_subject(subject);
        } else if let Some(quoted) = line.strip_prefix("Quoted:") {
            quoted.trim().clone_into(&mut reading.context);
        } else {
            break;
        }
        rest = after.trim_start();
    }
    rest.clone_into(&mut reading.text);
    reading
}
