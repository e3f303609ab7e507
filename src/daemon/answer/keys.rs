//! The desk's keys: which there are, a new one, one dropped.

use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::Question;
use crate::daemon::answer::time;
use crate::store::KeyView;
use crate::store::Store;

/// Answers questions about keys.
pub(super) fn answer(store: &Store, question: &Question, now: Timestamp) -> Value {
    let done = match question {
        Question::Rotate => store.rotate_key(now),
        Question::Forget { key } => store.drop_key(key),
        _ => Ok(store.keys()),
    };
    done.map_or_else(|e| json!({ "error": e.to_string() }), |found| keys(&found))
}

fn keys(found: &[KeyView]) -> Value {
    let row = |key: &KeyView| {
        let state = if key.until.is_none() {
            "signs"
        } else {
            "verifies"
        };
        json!({ "name": key.name, "state": state, "until": key.until.map(time) })
    };
    found.iter().map(row).collect()
}
