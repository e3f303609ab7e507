//! What the demo prints.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Sent;
use crate::desk::Handled;
use crate::mails::Sample;
use crate::support::imap::Stored;
use crate::support::servers::Servers;

/// Reasons shown for one mail.
const REASONS: usize = 4;
/// Characters of one reason.
const REASON_CHARS: usize = 150;
/// Columns of a rule across the page.
const WIDTH: usize = 100;

/// A sample and what became of it.
type Pair<'a> = (&'a Sample, &'a Handled);

/// A heading.
pub(crate) fn title(words: &str) {
    let rest = WIDTH.saturating_sub(words.chars().count() + 4);
    println!("\n══ {words} {}", "═".repeat(rest));
}

/// One mail, and what became of it.
pub(crate) fn one(uid: u32, sample: &Sample, handled: &Handled) {
    println!(
        "\n{uid:>3}  {}   \"{}\"",
        plain(&handled_sender(sample, handled)),
        plain(&sample.subject)
    );
    println!("     [{}]", sample.what);
    let ticket = match (handled.ticket, handled.linked) {
        (Some(number), Some(other)) => format!("ticket #{number}, linked to #{other}"),
        (Some(number), None) => format!("ticket #{number}"),
        _ => "no ticket".to_owned(),
    };
    let queue = if handled.queue.is_empty() {
        String::new()
    } else {
        format!(", queue {}", handled.queue)
    };
    println!(
        "     is    {}, {}: {} -> {}; {ticket}{queue}",
        handled.screening,
        language(&handled.language),
        handled.intents.join(" + "),
        handled.disposition.to_uppercase(),
    );
    for (index, reason) in handled.because.iter().take(REASONS).enumerate() {
        let word = if index == 0 { "why" } else { "" };
        println!("     {word:<5} {}", plain(&cut(reason)));
    }
    if handled.because.len() > REASONS {
        println!(
            "           and {} more reasons",
            handled.because.len() - REASONS
        );
    }
    if handled.outgoing.is_empty() {
        println!("     sent  nothing");
    }
    for letter in &handled.outgoing {
        let (purpose, to, state) = (&letter.purpose, &letter.to, &letter.state);
        println!(
            "     sent  {purpose} to {to}, in {}: {state}",
            language(&letter.language)
        );
    }
    if let Some(difference) = difference(sample, handled) {
        println!("     BUT   {difference}");
    }
}

/// A mail in full: its headers as they are, its text decoded, its attached mails by their size.
pub(crate) fn mail(mail: &Stored) {
    let raw = String::from_utf8_lossy(&mail.raw);
    for line in raw.lines().take_while(|line| !line.is_empty()) {
        println!("  | {}", plain(line));
    }
    println!("  |");
    for line in mail.text().lines() {
        println!("  | {}", plain(line));
    }
    if let Some(html) = mail.html() {
        println!(
            "  | [the same as HTML, {} characters]",
            html.chars().count()
        );
    }
    for attached in mail.attached_mails() {
        println!(
            "  | [attached as message/rfc822: the original, {} bytes]",
            attached.len()
        );
    }
}

/// From whom, the subject, and the first lines that have words.
pub(crate) fn brief(mail: &Stored, lines: usize) {
    let from = mail.header("From").unwrap_or_default();
    println!("  | From: {}", plain(&from));
    println!("  | Subject: {}", plain(&mail.subject()));
    let text = mail.text();
    for line in text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(lines)
    {
        println!("  |   {}", plain(line));
    }
}

/// The counts and the promises; returns how many promises were broken.
pub(crate) fn summary(
    servers: &Servers,
    sent: &Sent,
    handled: &BTreeMap<u32, Handled>,
    status: &Value,
) -> usize {
    let mut by_disposition: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_purpose: BTreeMap<&str, usize> = BTreeMap::new();
    for one in handled.values() {
        *by_disposition.entry(&one.disposition).or_default() += 1;
        for letter in &one.outgoing {
            *by_purpose.entry(&letter.purpose).or_default() += 1;
        }
    }
    println!(
        "mails     {} in, {} handled: {}",
        sent.len(),
        handled.len(),
        counts(&by_disposition)
    );
    println!(
        "letters   {}; {} waiting, {} parked",
        counts(&by_purpose),
        status["outbox_waiting"],
        status["outbox_parked"]
    );
    println!("tickets   {}", status["tickets"]);

    let pairs: Vec<Pair> = sent
        .iter()
        .filter_map(|(uid, sample)| Some((sample, handled.get(uid)?)))
        .collect();
    let same = pairs
        .iter()
        .filter(|(sample, handled)| difference(sample, handled).is_none())
        .count();
    println!("as meant  {same} of {}", sent.len());
    for (sample, handled) in &pairs {
        if let Some(difference) = difference(sample, handled) {
            println!("          {}: {difference}", sample.name);
        }
    }
    println!("promises");
    let promises = promises(servers, &pairs, sent.len() - handled.len(), status);
    for (promise, faults) in promises {
        if faults == 0 {
            println!("          kept: {promise}");
        } else {
            println!("          BROKEN ({faults}): {promise}");
        }
    }
    println!();
    promises.iter().filter(|(_, faults)| *faults > 0).count()
}

/// What the desk promises, with the number of faults against each.
fn promises(
    servers: &Servers,
    pairs: &[Pair],
    unhandled: usize,
    status: &Value,
) -> [(&'static str, usize); 6] {
    let harmed = pairs
        .iter()
        .filter(|(sample, handled)| is_harm(sample, handled))
        .count();
    let quiet = pairs
        .iter()
        .filter(|(sample, _)| sample.disposition == "ignore");
    let disturbed = quiet
        .filter(|(_, handled)| !handled.outgoing.is_empty())
        .count();
    let no_person = ["automatic", "spam"];
    let machines = pairs.iter().filter(|(sample, _)| {
        sample
            .intents
            .iter()
            .any(|intent| no_person.contains(&intent.as_str()))
    });
    let answered = machines
        .filter(|(sample, _)| !servers.mails(&sample.writer, "INBOX").is_empty())
        .count();
    let unmoved = servers.mails(crate::desk::ADDRESS, "INBOX").len();
    let stuck =
        usize::from(status["outbox_waiting"] != 0) + usize::from(status["outbox_parked"] != 0);
    [
        ("every mail was handled", unhandled),
        ("nobody who needs a person got only a machine", harmed),
        ("automatic mail, spam and thanks got no letter", disturbed),
        ("the mailboxes of machines and spammers are empty", answered),
        ("every handled mail was filed away from the INBOX", unmoved),
        ("every letter was accepted by the mail server", stuck),
    ]
}

/// How what became of a mail differs from what was meant; none where it does not.
fn difference(sample: &Sample, handled: &Handled) -> Option<String> {
    let mut found: Vec<&str> = handled.intents.iter().map(String::as_str).collect();
    let mut meant: Vec<&str> = sample.intents.iter().map(String::as_str).collect();
    found.sort_unstable();
    meant.sort_unstable();
    // A mail that no person wrote is not read for intents.
    let unread = found.is_empty() && meant == ["automatic"];
    if handled.disposition == sample.disposition && (found == meant || unread) {
        return None;
    }
    Some(format!(
        "meant was {} -> {}",
        sample.intents.join(" + "),
        sample.disposition.to_uppercase()
    ))
}

/// A mail that needs a person and did not get to one.
fn is_harm(sample: &Sample, handled: &Handled) -> bool {
    sample.disposition == "forward"
        && !handled
            .outgoing
            .iter()
            .any(|letter| letter.purpose == "forward")
}

fn handled_sender(sample: &Sample, handled: &Handled) -> String {
    if handled.sender.is_empty() {
        sample.writer.clone()
    } else {
        handled.sender.clone()
    }
}

fn counts(of: &BTreeMap<&str, usize>) -> String {
    let words: Vec<String> = of
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    words.join(", ")
}

fn language(code: &str) -> &str {
    match code {
        "" => "no language",
        "de" => "German",
        "en" => "English",
        "es" => "Spanish",
        "fr" => "French",
        "it" => "Italian",
        "ja" => "Japanese",
        "nl" => "Dutch",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "zh" => "Chinese",
        other => other,
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= REASON_CHARS {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(REASON_CHARS).collect();
    short.push('…');
    short
}

/// On one line and without control characters: a mail must not move the cursor of whoever looks at it.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
