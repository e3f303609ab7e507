//! "Was this mail handled?": what became of it, what was sent because of it, and when; or why nobody can say.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::ROWS_MAX;
use crate::daemon::answer::acts::ticket;
use crate::daemon::answer::ledger;
use crate::daemon::answer::limits::dead;
use crate::daemon::answer::outbox;
use crate::daemon::answer::time;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::Handled;
use crate::store::LedgerState;
use crate::store::LedgerView;
use crate::store::MailRef;
use crate::store::OutboxId;
use crate::store::OutboxView;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Wanted;

/// Pages that one answer looks through, for criteria that leave nearly everything out.
const PAGES_MAX: usize = 50;
/// Letters of one mail that are told of.
const LETTERS_MAX: u32 = 50;

/// What an operator knows of a mail; all of it must be so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// Who wrote it.
    pub sender: Option<Address>,
    /// Received at this moment or later, in seconds since 1970.
    pub since: Option<i64>,
    /// Received before this moment.
    pub until: Option<i64>,
    /// The mailbox's name in the config.
    pub mailbox: Option<String>,
    /// At most so many.
    pub limit: usize,
}

pub(super) fn answer(store: &Store, sought: &Sought) -> Result<Value, StoreError> {
    let wanted = Wanted {
        message_id: sought.message_id.clone(),
        sender: sought.sender.clone(),
        since: sought.since.map(Timestamp),
        until: sought.until.map(Timestamp),
        mailbox: sought.mailbox.clone(),
        ticket: None,
    };
    let limit = sought.limit.clamp(1, ROWS_MAX);
    let mut rows = Vec::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let rest = limit.saturating_sub(rows.len());
        let page = store.find(&wanted, after, rest)?;
        for (mail, view) in &page.mails {
            rows.push(row(store, mail, view)?);
        }
        after = page.next;
        if after.is_none() || rows.len() >= limit {
            break;
        }
    }
    if rows.is_empty() {
        let cut_off = after.map(|place| place.received);
        return Ok(json!({ "error": nothing(store, &wanted, cut_off)? }));
    }
    Ok(Value::Array(rows))
}

/// One mail, with its ticket as it stands now and its letters.
fn row(store: &Store, mail: &MailRef, view: &LedgerView) -> Result<Value, StoreError> {
    let mut row = ledger(mail, view);
    if let (LedgerState::Handled(handled), Value::Object(fields)) = (&view.state, &mut row) {
        let known = match handled.ticket {
            Some(number) => store.ticket(number)?,
            None => None,
        };
        if let Some((found, ..)) = &known {
            let told = ticket(found);
            for name in ["state", "agent"] {
                let value = told.get(name).cloned().unwrap_or_default();
                fields.insert(format!("ticket_{name}"), value);
            }
        }
        let letters = letters(
            store,
            handled,
            view.at,
            known.as_ref().map(|(_, _, l)| l.as_slice()),
        )?;
        let mut sent: Vec<Value> = letters.iter().map(letter).collect();
        let missing = (handled.letters as usize).saturating_sub(sent.len());
        if let Some((_, events, _)) = known.filter(|_| missing > 0) {
            // Their records are forgotten after some months; the ticket's events still tell of them.
            let told = events
                .iter()
                .filter(|e| e.at >= view.at && ["sent", "dropped"].contains(&e.kind.as_str()));
            sent.extend(
                told.take(missing)
                    .map(|e| json!({ "state": e.kind, "at": time(e.at), "said": e.note })),
            );
        }
        if let Some(sender) = &handled.sender
            && let Some(known) = store.dead_address(sender)?
        {
            fields.insert("sender_dead".to_owned(), dead(&known));
        }
        fields.insert("letters".to_owned(), json!(handled.letters));
        fields.insert("sent".to_owned(), Value::Array(sent));
    }
    Ok(row)
}

/// Returns what was put into the outbox because of a mail.
fn letters(
    store: &Store,
    handled: &Handled,
    at: Timestamp,
    of_ticket: Option<&[OutboxView]>,
) -> Result<Vec<OutboxView>, StoreError> {
    if let Some(first) = handled.first_letter {
        let ids: Vec<OutboxId> = (0..handled.letters.min(LETTERS_MAX))
            .map(|n| OutboxId(first.0.saturating_add(n.into())))
            .collect();
        return store.outgoing(&ids);
    }
    // A mail of layout 1 does not name its letters: they are those of its ticket that were made in the same moment.
    let of_ticket = of_ticket.unwrap_or_default().iter();
    Ok(of_ticket
        .filter(|letter| letter.created == at)
        .take(handled.letters as usize)
        .cloned()
        .collect())
}

/// A letter with the moment that belongs to its state.
fn letter(mail: &OutboxView) -> Value {
    let mut value = outbox(mail);
    if let Value::Object(fields) = &mut value {
        fields.insert("at".to_owned(), json!(time(mail.since())));
    }
    value
}

/// Says what was looked for and not found, and what that proves.
fn nothing(
    store: &Store,
    wanted: &Wanted,
    cut_off: Option<Timestamp>,
) -> Result<String, StoreError> {
    let mut said = vec![looked_for(wanted)];
    let known = store.mailboxes()?;
    said.push(match &wanted.mailbox {
        Some(name) if !known.contains(name) => format!(
            " has been seen in `{name}`: the ledger knows no such mailbox (it knows {})",
            or_none(&known)
        ),
        Some(name) => format!(" has been seen in `{name}`"),
        None => format!(" has been seen in any mailbox ({})", or_none(&known)),
    });
    if let Some(place) = cut_off {
        said.push(format!(
            "; only mails received since {} were looked at, the others are too many: say --until, or --mailbox",
            time(place)
        ));
    }
    if let Some(id) = &wanted.message_id
        && let Some(thread) = store.find_thread(id)?
    {
        let number = thread.ticket.0;
        said.push(match thread.ours {
            Some((_, to)) => {
                format!("; it is a mail of the desk itself, to {to}, on ticket #{number}")
            }
            None => format!("; it belongs to ticket #{number}"),
        });
    }
    if let Some(horizon) = store.horizon()? {
        said.push(format!(
            "; mails received before {} were erased for their age",
            time(horizon)
        ));
    }
    if wanted.message_id.is_some() || wanted.sender.is_some() {
        said.push(
            "; mails that were too old at the first start, and those of erased tickets, are found by --since and --until alone"
                .to_owned(),
        );
    }
    Ok(said.concat())
}

fn looked_for(wanted: &Wanted) -> String {
    let id = wanted.message_id.as_ref();
    let parts = [
        id.map(|id| format!(" with the Message-ID <{}>", id.as_str())),
        wanted.sender.as_ref().map(|who| format!(" from {who}")),
        wanted
            .since
            .map(|at| format!(" received since {}", time(at))),
        wanted
            .until
            .map(|at| format!(" received before {}", time(at))),
    ];
    let words: Vec<String> = parts.into_iter().flatten().collect();
    format!("no mail{}", words.concat())
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() {
        "none yet".to_owned()
    } else {
        names.join(", ")
    }
}
