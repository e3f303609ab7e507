//! The mails about what fell due: to an agent who did not answer, to the lead, to who had a ticket rest; and the one to an
//! agent whom an operator gives a ticket.
//!
//! # Decisions
//! - They are short, in plain English, and hold no word of the case but its subject, cut: the case itself is in the
//!   forward, which they are threaded to.
//! - What falls due for somebody at the same time is one mail, however much it is.

use std::fmt::Write as _;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::triage::Office;
use crate::triage::agenda::Call;
use crate::triage::delivery::Purpose;
use crate::triage::forward::MARKER;
use crate::triage::forward::footer;
use crate::triage::plan::Letter;
use crate::triage::ticket::Ticket;

/// A subject is cut here, in characters.
const SUBJECT_CHARS_MAX: usize = 80;
/// So many tickets are named in one mail.
const NAMED_MAX: usize = 50;

/// One thing that fell due.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// What.
    pub call: Call,
    /// The ticket.
    pub ticket: &'a Ticket,
    /// Who is to answer.
    pub agent: &'a Address,
    /// Since when its person waits.
    pub since: Timestamp,
}

/// Writes the mail about what fell due for one recipient. `items` are in the order in which they are named; none of them:
/// no mail.
pub fn letter(to: &Address, items: &[Item<'_>], office: &Office, now: Timestamp) -> Option<Letter> {
    let (subject, text, reply_to) = match items {
        [] => return None,
        [only] => {
            let number = only.ticket.number;
            let key = &office.key;
            let about = cut(&only.ticket.subject);
            let subject = format!(
                "{}: {about} {}",
                short(only.call),
                key.subject_tag(number, to)
            );
            // Who hears of another agent's case has no say in it: an answer carries no token, and comes back.
            let desk = (only.call != Call::Escalate)
                .then(|| key.reply_address(&office.address, number, to));
            (subject, one(only, now), desk.into_iter().collect())
        }
        _ => {
            let subject = format!("{} tickets wait for an answer", items.len());
            (subject, many(items, now), Vec::new())
        }
    };
    Some(Letter {
        purpose: Purpose::Notice,
        to: to.clone(),
        reply_to,
        subject,
        language: "en".to_owned(),
        text,
        html: None,
        attach_original: false,
        templates: Vec::new(),
    })
}

fn short(call: Call) -> &'static str {
    match call {
        Call::Remind => "Reminder",
        Call::Escalate => "Still unanswered",
        Call::Woken => "Back from snooze",
    }
}

fn one(item: &Item<'_>, now: Timestamp) -> String {
    let number = item.ticket.number.0;
    let age = age(item.since, now);
    let first = match item.call {
        Call::Remind => {
            format!("Ticket #{number} has been with you for {age} and has no answer yet.")
        }
        Call::Escalate => format!(
            "Ticket #{number} has been with {} for {age} and has no answer yet.",
            item.agent
        ),
        Call::Woken => format!("Ticket #{number} was to rest until now."),
    };
    let rows = rows(item.ticket, item.agent, item.call == Call::Escalate);
    if item.call == Call::Escalate {
        return format!(
            "{first}\n\n{rows}\nThe case is in the agent's mailbox and in the desk's.\nAn answer to this mail reaches nobody, and comes back.\nTo give the case to somebody else, ask the operator:\nmailclerk tickets assign NUMBER AGENT\n"
        );
    }
    let writer = item.ticket.participants.first();
    format!(
        "{MARKER}\n{first}\n\n{rows}\nThe case is in the mail that you got of it;\nthis one belongs to the same conversation.\n--\n{}\n",
        footer(writer)
    )
}

fn rows(ticket: &Ticket, agent: &Address, names_agent: bool) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<11}{value}");
    };
    row("Subject", &cut(&ticket.subject));
    row("Wants", &ticket.intents.join(", "));
    row("Queue", ticket.queue.as_deref().unwrap_or_default());
    if names_agent {
        row("Agent", agent.as_str());
    }
    text
}

fn many(items: &[Item<'_>], now: Timestamp) -> String {
    let mut text = String::from("These tickets have no answer yet, or were to rest until now.\n\n");
    for item in items.iter().take(NAMED_MAX) {
        let told = match item.call {
            Call::Remind => "with you".to_owned(),
            Call::Escalate => format!("with {}", item.agent),
            Call::Woken => "rested".to_owned(),
        };
        let _ = writeln!(
            text,
            "#{:<8}{:<11}{told:<30} {}",
            item.ticket.number.0,
            age(item.since, now),
            cut(&item.ticket.subject)
        );
    }
    let more = items.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        let _ = writeln!(text, "and {more} more; `mailclerk tickets list` names them");
    }
    text.push_str("\nEach case is in the mail that its agent got of it: answer that one.\nAn answer to this mail reaches nobody, and comes back.\n");
    text
}

/// A time as people say it, in the largest unit that fits twice, or once.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let s = now.since_s(since).max(0);
    let (count, unit) = match s {
        172_800.. => (s / 86_400, "day"),
        7_200.. => (s / 3_600, "hour"),
        120.. => (s / 60, "minute"),
        _ => (s, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A subject on one line, cut.
pub fn cut(subject: &str) -> String {
    let mut chars = subject
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(SUBJECT_CHARS_MAX).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Writes the mail to an agent whom somebody gives a ticket. `attached`: the case's mail goes along.
pub fn handed(
    ticket: &Ticket,
    office: &Office,
    agent: &Address,
    by: &str,
    attached: bool,
) -> Letter {
    let key = &office.key;
    let writer = ticket.participants.first();
    let number = ticket.number.0;
    let mut text = format!("{MARKER}\nTicket #{number} comes to you: {by} gave it to you.\n\n");
    let _ = writeln!(
        text,
        "{:<11}{}",
        "Writer",
        writer.map_or("not certain; see the mail itself", Address::as_str)
    );
    text.push_str(&rows(ticket, agent, false));
    let folder = office.keeping.forwarded.as_str();
    let place = match (attached, folder) {
        (true, _) => "goes with this".to_owned(),
        (false, "") => "lies in the desk's mailbox".to_owned(),
        (false, folder) => format!("lies in the folder {folder} of the desk's mailbox"),
    };
    let _ = writeln!(text, "{:<11}{place}\n--", "The mail");
    text.push_str(&footer(writer));
    text.push('\n');
    // The desk alone, as of every mail that an agent answers: the writer's address beside it would get the agent's.
    let reply_to = vec![key.reply_address(&office.address, ticket.number, agent)];
    let intent = ticket.intents.first().map_or("", String::as_str);
    Letter {
        purpose: Purpose::Forward,
        to: agent.clone(),
        reply_to,
        subject: format!(
            "{intent}: {} {}",
            cut(&ticket.subject),
            key.subject_tag(ticket.number, agent)
        ),
        language: "en".to_owned(),
        text,
        html: None,
        attach_original: attached,
        templates: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
