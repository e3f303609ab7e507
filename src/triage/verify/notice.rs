//! The short mail to an agent: somebody answered the question whether they read an address.

use crate::message::address::Address;
use crate::triage::delivery::Purpose;
use crate::triage::forward;
use crate::triage::forward::MARKER;
use crate::triage::forward::Matter;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::ticket::Ticket;
use crate::triage::verify::laid;

/// Writes it. `what` says of the address what the agent must know, such as "is now verified".
pub fn notice(
    matter: &Matter<'_>,
    plan: &Plan,
    ticket: &Ticket,
    agent: &Address,
    (address, what): (&Address, &str),
) -> Letter {
    let office = matter.office;
    let number = ticket.number;
    let requester = ticket.participants.first();
    // The desk alone, as with every forward.
    let reply_to = vec![office.key.reply_address(&office.address, number, agent)];
    let mut lines = vec![
        MARKER.to_owned(),
        format!("Ticket #{}: {address} {what}.", number.0),
        String::new(),
    ];
    for standing in laid(&matter.standings, &plan.beside.standings) {
        lines.push(format!("{:<11}{}", "Address", standing.line()));
    }
    lines.push(format!("{:<11}{}", "Domain", forward::domain(matter)));
    lines.push(format!("{:<11}{}", "Subject", ticket.subject));
    lines.push(String::new());
    lines.push("What was written from there".to_owned());
    lines.push(forward::words(matter));
    lines.push("--".to_owned());
    lines.push(forward::footer(requester));
    let subject = forward::cut(&ticket.subject, forward::SUBJECT_CHARS_MAX);
    Letter {
        purpose: Purpose::Forward,
        to: agent.clone(),
        reply_to,
        subject: format!(
            "{address} {what}: {subject} {}",
            office.key.subject_tag(number, agent)
        ),
        language: "en".to_owned(),
        text: lines.join("\n") + "\n",
        html: None,
        attach_original: true,
        templates: Vec::new(),
    }
}
