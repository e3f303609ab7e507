//! Tickets that are closed or not reached; closing them, and stopping agents' answers.

use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::ticket;
use crate::daemon::answer::time;
use crate::message::address::Address;
use crate::store::OutboxId;
use crate::store::Outgoing;
use crate::store::Stopped;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;

/// A ticket with how it stands beyond its state: `closed` and `not-reached` are told in the place of that.
pub(super) fn marked(store: &Store, found: &Ticket) -> Result<Value, StoreError> {
    let marks = store.marks(found.number)?;
    let mut value = ticket(found);
    if let Value::Object(fields) = &mut value {
        let state = match (marks.closed, marks.unreached) {
            (Some(_), _) => Some("closed"),
            (None, Some(_)) => Some("not-reached"),
            (None, None) => None,
        };
        if let Some(state) = state {
            fields.insert("state".to_owned(), json!(state));
        }
        fields.insert("closed".to_owned(), json!(marks.closed.map(time)));
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
