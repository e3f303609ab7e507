//! A case that goes on to another agent without a new mail of the writer's.

use crate::message::address::Address;
use crate::triage::Office;
use crate::triage::delivery::Purpose;
use crate::triage::forward::MARKER;
use crate::triage::forward::footer;
use crate::triage::forward::title;
use crate::triage::plan::Letter;
use crate::triage::ticket::Ticket;

/// Writes the mail to the next agent, when the one before could not be reached. What is attached to it is the report of
/// the mail system.
pub fn rerouted(ticket: &Ticket, office: &Office, failed: &Address, agent: &Address) -> Letter {
    let number = ticket.number.0;
    let why = format!(
        "Ticket #{number} comes to you, because a mail about it to {failed} could not be delivered."
    );
    let enclosed = "What the mail system reports goes with this; as a rule the lost mail, with the case in it, is inside.";
    handed(ticket, office, agent, &why, enclosed)
}

/// Writes the mail to an agent whom another one gave the case. What is attached to it is that agent's mail.
pub fn assigned(ticket: &Ticket, office: &Office, from: &Address, agent: &Address) -> Letter {
    let number = ticket.number.0;
    let why = format!("Ticket #{number} comes to you: {from} gave it to you.");
    let enclosed =
        "Their mail to the desk goes with this; as a rule the case itself is quoted in it.";
    handed(ticket, office, agent, &why, enclosed)
}

/// A case that goes on to another agent without a new mail of the writer's.
fn handed(ticket: &Ticket, office: &Office, agent: &Address, why: &str, enclosed: &str) -> Letter {
    let writer = ticket.participants.first();
    let reply_to = vec![
        office
            .key
            .reply_address(&office.address, ticket.number, agent),
    ];
    let mut lines = vec![MARKER.to_owned(), why.to_owned(), String::new()];
    let mut row = |name: &str, value: &str| lines.push(format!("{name:<11}{value}"));
    row(
        "Writer",
        writer.map_or("not certain; see the mail itself", Address::as_str),
    );
    row("Wants", &ticket.intents.join(", "));
    row("Queue", ticket.queue.as_deref().unwrap_or_default());
    row("Subject", &ticket.subject);
    let folder = office.keeping.forwarded.as_str();
    if folder.is_empty() {
        row("The mail", "lies in the desk's mailbox");
    } else {
        row(
            "The mail",
            &format!("lies in the folder {folder} of the desk's mailbox"),
        );
    }
    lines.push(String::new());
    lines.push(enclosed.to_owned());
    lines.push("--".to_owned());
    lines.push(footer(writer));
    let intent = ticket.intents.first().map_or("", String::as_str);
    let subject = title(&ticket.subject);
    Letter {
        purpose: Purpose::Forward,
        to: agent.clone(),
        reply_to,
        subject: format!(
            "{intent}: {subject} {}",
            office.key.subject_tag(ticket.number, agent)
        ),
        language: "en".to_owned(),
        text: lines.join("\n") + "\n",
        html: None,
        attach_original: true,
        templates: Vec::new(),
    }
}
