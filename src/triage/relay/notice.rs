//! What an agent is told of an answer: short, with what to do, and with the words, so that none is lost.

use crate::message::address::Address;
use crate::triage::Office;
use crate::triage::command::USAGE;
use crate::triage::delivery::Purpose;
use crate::triage::forward::MARKER;
use crate::triage::plan::Letter;
use crate::triage::ticket::TicketNumber;

/// Words that are given back, in characters; the mail itself lies in the desk's mailbox.
const WORDS_CHARS_MAX: usize = 20_000;

/// What is told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What happened, as the first line.
    pub what: String,
    /// Why, and what to do, a paragraph each.
    pub more: Vec<String>,
    /// The agent's words, given back; empty: none are.
    pub words: String,
    /// The list of orders is added.
    pub usage: bool,
}

/// Writes the mail to an agent. `on` is the ticket, where it is sure which it is: then an answer to this mail is one on it.
pub fn letter(office: &Office, agent: &Address, on: Option<TicketNumber>, told: &Told) -> Letter {
    let key = &office.key;
    let mut lines = Vec::new();
    if on.is_some() {
        lines.extend([MARKER.to_owned(), String::new()]);
    }
    lines.push(match on {
        Some(number) => format!("Ticket #{}: {}.", number.0, told.what),
        None => format!("Your mail to the desk: {}.", told.what),
    });
    for paragraph in &told.more {
        lines.extend([String::new(), paragraph.clone()]);
    }
    if told.usage {
        lines.extend([String::new(), usage()]);
    }
    if !told.words.trim().is_empty() {
        lines.extend([String::new(), "Your words were:".to_owned()]);
        let words: String = told.words.chars().take(WORDS_CHARS_MAX).collect();
        lines.extend(words.lines().map(|line| format!("> {line}")));
    }
    let subject = match on {
        Some(number) => format!(
            "Ticket #{}: {} {}",
            number.0,
            told.what,
            key.subject_tag(number, agent)
        ),
        None => format!("Re: your mail to the desk: {}", told.what),
    };
    let reply_to = on.map(|number| key.reply_address(&office.address, number, agent));
    Letter {
        purpose: Purpose::Notice,
        to: agent.clone(),
        reply_to: reply_to.into_iter().collect(),
        subject,
        language: "en".to_owned(),
        text: lines.join("\n") + "\n",
        html: None,
        attach_original: false,
        templates: Vec::new(),
    }
}

/// The orders, one a line.
fn usage() -> String {
    let rows = USAGE
        .iter()
        .map(|(_, usage, says)| format!("{usage:<24}{says}"));
    let head = "Orders stand on the first lines of your answer, one a line:".to_owned();
    std::iter::once(head)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}
