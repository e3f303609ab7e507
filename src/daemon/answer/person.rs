//! What an operator does to a ticket by hand on the person's side: verify an address, merge; and what is shown of it.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::time;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::ticket::TicketNumber;
use crate::triage::verify::Standing;

/// Something done to a ticket by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Act {
    /// The ticket's number.
    pub number: u64,
    /// What is done.
    pub deed: Deed,
    /// Who says so.
    pub by: String,
}

/// What is done to a ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// An address of it is verified.
    Verify(Address),
    /// It becomes a part of that one.
    Merge(u64),
    /// It is a ticket of its own again.
    Unmerge,
}

/// Does it, and says what came of it.
pub(super) fn answer(store: &Store, act: &Act, now: Timestamp) -> Result<Value, StoreError> {
    let number = TicketNumber(act.number);
    let unknown = || json!({ "error": format!("there is no ticket #{}", act.number) });
    let said = match &act.deed {
        Deed::Verify(address) => match store.verify_address(number, address, &act.by, now)? {
            Some(found) => json!({ "ticket": act.number, "address": standing(&found) }),
            None => unknown(),
        },
        Deed::Merge(into) => match store.merge(number, TicketNumber(*into), &act.by, now)? {
            Ok(()) => {
                let end = store.merged_into(number)?.map(|n| n.0);
                json!({ "ticket": act.number, "merged_into": end })
            }
            Err(why) => json!({ "error": format!("{why}; nothing was changed") }),
        },
        Deed::Unmerge => match store.unmerge(number, &act.by, now)? {
            Ok(from) => json!({ "ticket": act.number, "unmerged_from": from.0 }),
            Err(why) => json!({ "error": format!("{why}; nothing was changed") }),
        },
    };
    if said.get("error").is_none() {
        tracing::info!(
            ticket = act.number,
            by = act.by,
            deed = word(&act.deed),
            "a ticket was changed by hand"
        );
    }
    Ok(said)
}

fn word(deed: &Deed) -> &'static str {
    match deed {
        Deed::Verify(_) => "verify",
        Deed::Merge(_) => "merge",
        Deed::Unmerge => "unmerge",
    }
}

/// What `tickets show` tells besides the ticket itself.
pub(super) fn beside(store: &Store, number: TicketNumber) -> Result<Value, StoreError> {
    let standings = store.standings(number)?;
    let parts = store.parts(number)?;
    Ok(json!({
        "addresses": standings.iter().map(standing).collect::<Vec<_>>(),
        "merged_here": parts.iter().map(|n| n.0).collect::<Vec<_>>(),
    }))
}

fn standing(standing: &Standing) -> Value {
    json!({
        "address": standing.address.as_str(),
        "stand": standing.stand,
        "at": time(standing.at),
        "how": standing.how,
        "asked": standing.asked.map(time),
    })
}
