//! What waits in quarantine, one mail shown safely, and an operator's word on it.

mod plain;

use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::Question;
use crate::daemon::answer::ROWS_MAX;
use crate::daemon::answer::quarantine::plain::line;
use crate::daemon::answer::quarantine::plain::lines;
use crate::daemon::answer::time;
use crate::message::AttachmentNote;
use crate::message::Message;
use crate::message::parse::parse;
use crate::steps;
use crate::store::HeldView;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Word;

/// Characters of a header field that are shown.
const FIELD_CHARS_MAX: usize = 300;
/// Header fields that are shown.
const FIELDS_MAX: usize = 100;
/// Attachments that are shown.
const ATTACHMENTS_MAX: usize = 50;
/// Mails that may be named in one question.
const NUMBERS_MAX: usize = 1_000;

/// Answers what is asked about held mails.
pub(super) fn answer(
    store: &Store,
    question: &Question,
    now: Timestamp,
) -> Result<Value, StoreError> {
    match question {
        Question::Quarantine { limit, all } => list(store, *all, *limit),
        Question::Held { number } => show(store, *number),
        Question::Release { numbers, by } => release(store, numbers, by, now),
        Question::Discard { numbers, by } => discard(store, numbers, by, now),
        _ => Ok(json!({ "error": "that is no question about held mails" })),
    }
}

/// Lists what is held.
fn list(store: &Store, all: bool, limit: usize) -> Result<Value, StoreError> {
    let held = store.held(all, limit.min(ROWS_MAX))?;
    Ok(Value::Array(held.iter().map(row).collect()))
}

/// Shows one mail: its fields and its text as plain words; of attachments name, type and size.
fn show(store: &Store, number: u64) -> Result<Value, StoreError> {
    let Some((held, raw)) = store.held_mail(number)? else {
        return Ok(unknown(number));
    };
    let mut shown = row(&held);
    let Value::Object(fields) = &mut shown else {
        return Ok(shown);
    };
    let because: Vec<Value> = held
        .because
        .iter()
        .map(|(rule, says, matched)| json!({ "rule": rule, "says": says, "matched": line(matched, FIELD_CHARS_MAX) }))
        .collect();
    fields.insert("because".to_owned(), because.into());
    match raw {
        Some(Ok(octets)) => mail(fields, &parse(&octets)),
        Some(Err(why)) => {
            drop(fields.insert("unreadable".to_owned(), line(&why, FIELD_CHARS_MAX).into()));
        }
        None => {
            let gone = "it was decided, and nothing of it is kept here any more but this";
            fields.insert("unreadable".to_owned(), gone.into());
        }
    }
    Ok(shown)
}

fn mail(fields: &mut serde_json::Map<String, Value>, message: &Message) {
    let header: Vec<Value> = message
        .headers
        .iter()
        .take(FIELDS_MAX)
        .map(|h| line(&format!("{}: {}", h.name, h.value), FIELD_CHARS_MAX).into())
        .collect();
    let kind = |note| match note {
        AttachmentNote::Plain => "",
        AttachmentNote::Mail => "a mail",
        AttachmentNote::Tnef => "Outlook's own format",
        AttachmentNote::Dangerous => "DANGEROUS TYPE",
    };
    let attachments: Vec<Value> = message
        .attachments
        .iter()
        .take(ATTACHMENTS_MAX)
        .map(|a| {
            json!({ "name": line(&a.name, 100), "type": line(&a.mime, 100), "octets": a.size, "note": kind(a.note) })
        })
        .collect();
    fields.insert("header".to_owned(), header.into());
    fields.insert("attachments".to_owned(), attachments.into());
    fields.insert("text".to_owned(), lines(&message.body.full).into());
}

fn row(held: &HeldView) -> Value {
    let why: Vec<&str> = held
        .because
        .iter()
        .map(|(rule, _, _)| rule.as_str())
        .collect();
    let mut why: Vec<&str> = why;
    why.dedup();
    json!({
        "number": held.number,
        "state": held.state.word(),
        "told": held.state.told(),
        "why": why,
        "sender": held.sender.as_ref().map(|s| line(s.as_str(), FIELD_CHARS_MAX)),
        "subject": line(&held.subject, FIELD_CHARS_MAX),
        "octets": held.size,
        "truncated": held.truncated,
        "at": time(held.at),
        "received": time(held.received),
        "message_id": held.message_id.as_ref().map(|i| line(i.as_str(), FIELD_CHARS_MAX)),
        "mail": { "mailbox": held.mail.mailbox, "uid_validity": held.mail.uid_validity, "uid": held.mail.uid },
    })
}

/// Releases mails; each row says what became of one.
fn release(store: &Store, numbers: &[u64], by: &str, now: Timestamp) -> Result<Value, StoreError> {
    each(numbers, "releasing", |number| {
        let word = store.release_held(number, &line(by, 60), now)?;
        steps::pass(steps::Step::ReleaseTaken);
        Ok(word)
    })
}

/// Drops mails; each row says what became of one.
fn discard(store: &Store, numbers: &[u64], by: &str, now: Timestamp) -> Result<Value, StoreError> {
    each(numbers, "dropped", |number| {
        store.drop_held(number, &line(by, 60), now)
    })
}

fn each(
    numbers: &[u64],
    done: &str,
    mut decide: impl FnMut(u64) -> Result<Word, StoreError>,
) -> Result<Value, StoreError> {
    let mut rows = Vec::new();
    for number in numbers.iter().take(NUMBERS_MAX) {
        rows.push(match decide(*number)? {
            Word::Taken => json!({ "number": number, "state": done }),
            Word::Before(state) => {
                let told = state.told();
                json!({ "number": number, "state": state.word(), "refused": format!("mail {number} was decided before ({told}); nothing was changed") })
            }
            Word::Unknown => json!({ "number": number, "refused": format!("there is no mail {number} in quarantine") }),
        });
    }
    Ok(Value::Array(rows))
}

fn unknown(number: u64) -> Value {
    json!({ "error": format!("there is no mail {number} in quarantine") })
}
