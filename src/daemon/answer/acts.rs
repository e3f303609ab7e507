//! Tickets that are closed or not reached; closing them, and stopping agents' answers.

use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::time;
use crate::message::address::Address;
use crate::store::OutboxId;
use crate::store::Outgoing;
use crate::store::Stopped;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// A ticket with how it stands beyond its state: `merged`, `closed` and `not-reached` are told in the place of that.
pub(super) fn marked(store: &Store, found: &Ticket) -> Result<Value, StoreError> {
    let marks = store.marks(found.number)?;
    let merged = store.merged_into(found.number)?;
    let mut value = ticket(found);
    if let Value::Object(fields) = &mut value {
        let state = match (merged, marks.closed, marks.unreached) {
            (Some(_), _, _) => Some("merged"),
            (None, Some(_), _) => Some("closed"),
            (None, None, Some(_)) => Some("not-reached"),
            (None, None, None) => None,
        };
        if let Some(state) = state {
            fields.insert("state".to_owned(), json!(state));
        }
        fields.insert("closed".to_owned(), json!(marks.closed.map(time)));
        fields.insert("reopened".to_owned(), json!(marks.reopened));
        fields.insert("merged_into".to_owned(), json!(merged.map(|n| n.0)));
        fields.insert("not_reached".to_owned(), json!(marks.unreached.map(time)));
        fields.insert("spam".to_owned(), json!(marks.spam));
    }
    Ok(value)
}

pub(super) fn close(
    store: &Store,
    number: TicketNumber,
    close: bool,
    by: &str,
    now: Timestamp,
) -> Result<Value, StoreError> {
    let word = if close { "closed" } else { "open" };
    Ok(match store.close_ticket(number, close, by, now)? {
        None => json!({ "error": format!("there is no ticket #{}", number.0) }),
        Some(false) => {
            json!({ "error": format!("ticket #{} is {word} already; nothing was changed", number.0) })
        }
        Some(true) => {
            tracing::info!(
                ticket = number.0,
                state = word,
                "an operator changed a ticket"
            );
            json!({ "ticket": number.0, "state": word })
        }
    })
}

/// Stops an agent's answer; `tell` writes the mail that says so to the agent.
pub(in crate::daemon) fn cancel(
    store: &Store,
    id: u64,
    now: Timestamp,
    tell: impl FnOnce(&str, TicketNumber, &Address) -> Option<Outgoing>,
) -> Result<Value, StoreError> {
    Ok(match store.stop_answer(OutboxId(id), now, tell)? {
        Stopped::Done => json!({ "id": id, "state": "dropped" }),
        Stopped::Unknown => json!({ "error": format!("there is no mail {id} in the outbox") }),
        Stopped::NoAnswer => json!({ "error": format!(
            "mail {id} is no agent's answer; to give any other mail up: `mailclerk outbox drop {id}`"
        ) }),
        Stopped::TooLate(state) => json!({ "error": format!(
            "too late: mail {id} is {} already; nothing was changed",
            state.word()
        ) }),
    })
}

pub(super) fn ticket(ticket: &Ticket) -> Value {
    let (state, agent) = match &ticket.state {
        TicketState::Answered { .. } => ("answered", None),
        TicketState::WithAgent { agent, .. } => ("with-agent", Some(agent.as_str())),
        TicketState::AgentAnswered { agent, .. } => ("agent-answered", Some(agent.as_str())),
    };
    json!({
        "number": ticket.number.0,
        "state": state,
        "agent": agent,
        "mailbox": ticket.mailbox,
        "subject": ticket.subject,
        "participants": ticket.participants.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "intents": ticket.intents,
        "queue": ticket.queue,
        "language": ticket.language,
        "linked": ticket.linked.map(|t| t.0),
        "opened": time(ticket.opened),
        "updated": time(ticket.updated),
    })
}
