//! A ticket is to be forgotten: done, or why not and what to do.

use serde_json::Value;
use serde_json::json;

use crate::store::Erasure;
use crate::store::Stage;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::ticket::TicketNumber;

/// Mails that are named when they are in the way.
const NAMED_MAX: usize = 5;

pub(super) fn answer(store: &Store, number: TicketNumber) -> Result<Value, StoreError> {
    Ok(match store.erase(number)? {
        Erasure::Done(erased) => {
            tracing::info!(
                ticket = number.0,
                mails = erased.mails,
                letters = erased.letters,
                "a ticket was erased by an operator"
            );
            json!({
                "erased": number.0,
                "mails": erased.mails,
                "letters": erased.letters,
                "events": erased.events,
                "left": "the mails themselves, in the mailbox and with the agents who got them; backups of the state folder",
            })
        }
        Erasure::Unknown => json!({ "error": format!("there is no ticket #{}", number.0) }),
        Erasure::Unsettled(mails) => {
            let named: Vec<String> = mails
                .iter()
                .take(NAMED_MAX)
                .map(|(id, stage)| format!("mail {} {}", id.0, word(*stage)))
                .collect();
            let more = match mails.len().saturating_sub(named.len()) {
                0 => String::new(),
                n => format!(", and {n} more"),
            };
            let first = mails.first().map_or(0, |(id, _)| id.0);
            json!({ "error": format!(
                "ticket #{} is not erased, nothing was changed: {}{more}; wait until they are gone, or give them up \
                 (`mailclerk outbox drop {first}`), then erase it again",
                number.0,
                named.join(", ")
            ) })
        }
    })
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waits to be sent",
        Stage::Leased => "is being sent",
        Stage::Parked => "is parked",
        Stage::Sent => "was sent",
        Stage::Dropped => "was given up",
    }
}
