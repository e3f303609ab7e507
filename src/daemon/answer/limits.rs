//! The breaker and dead addresses, asked for and changed by hand.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::daemon::answer::Question;
use crate::daemon::answer::ROWS_MAX;
use crate::daemon::answer::time;
use crate::store::Dead;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::breaker::Breaker;

/// What a person does to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// Opens it.
    Open,
    /// Closes it.
    Close,
}

/// Answers questions about what limits the desk; null to every other.
pub(super) fn answer(
    store: &Store,
    question: &Question,
    clock: &dyn Clock,
) -> Result<Value, StoreError> {
    let now = clock.now();
    Ok(match question {
        Question::Breaker { turn } => breaker(&match turn {
            None => store.breaker(now)?,
            Some(Turn::Open) => store.open_breaker(now)?,
            Some(Turn::Close) => store.close_breaker(now)?,
        }),
        Question::Dead { limit } => {
            let dead = store.dead((*limit).min(ROWS_MAX))?;
            dead.iter().map(self::dead).collect()
        }
        Question::Revive { address } => {
            if store.revive(address)? {
                json!({ "address": address.as_str(), "state": "cleared" })
            } else {
                json!({ "error": format!("{address} is not on record as dead") })
            }
        }
        _ => Value::Null,
    })
}

/// How the breaker stands.
pub(super) fn breaker(breaker: &Breaker) -> Value {
    let since = (breaker.since != Timestamp::default()).then(|| time(breaker.since));
    json!({
        "breaker": breaker.stand.word(),
        "breaker_since": since,
        "breaker_until": breaker.until().map(time),
        "breaker_withheld": breaker.withheld,
        "breaker_trips": breaker.trips,
    })
}

/// A dead address.
pub(super) fn dead(dead: &Dead) -> Value {
    json!({
        "address": dead.address.as_str(),
        "since": time(dead.since),
        "status": dead.status,
        "ticket": dead.ticket.0,
    })
}
