//! What the store says when an operator asks: the same answer through the socket and without a daemon.

mod acts;
mod agents;
mod erase;
mod find;
mod keys;
mod limits;
mod person;
mod quarantine;

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::learn::correction::Label;
use crate::mailbox::Filing;
use crate::message::address::Address;
use crate::store::Handled;
use crate::store::LedgerState;
use crate::store::LedgerView;
use crate::store::MailRef;
use crate::store::Order;
use crate::store::OutboxId;
use crate::store::OutboxView;
use crate::store::Stage;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::delivery::Delivery;
use crate::triage::quarantine::RELEASED;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;

pub(in crate::daemon) use crate::daemon::answer::acts::cancel;
pub use crate::daemon::answer::agents::Asked;
pub use crate::daemon::answer::find::Sought;
pub use crate::daemon::answer::limits::Turn;
pub use crate::daemon::answer::person::Act;
pub use crate::daemon::answer::person::Deed;

/// More rows than this are not answered at once.
pub const ROWS_MAX: usize = 10_000;

/// What is said where only a daemon could do it.
const NO_DAEMON: &str = "no daemon runs; only a running one is connected to the mailboxes";

/// What an operator may ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "ask", deny_unknown_fields)]
pub enum Question {
    /// How are you?
    Status,
    /// The newest tickets.
    Tickets {
        /// At most so many.
        limit: usize,
    },
    /// One ticket with all that happened on it.
    Ticket {
        /// Its number.
        number: u64,
    },
    /// The newest mails in the outbox.
    Outbox {
        /// At most so many.
        limit: usize,
        /// Sent ones as well.
        all: bool,
    },
    /// Send a parked or waiting mail again, now.
    Resend {
        /// Its number in the outbox.
        id: u64,
    },
    /// Give a parked or waiting mail up.
    Drop {
        /// Its number in the outbox.
        id: u64,
    },
    /// Begin a backup.
    Backup {
        /// The folder, from `/` on.
        dir: PathBuf,
    },
    /// How far has the backup come?
    Backed,
    /// The mails handled last.
    Ledger {
        /// At most so many.
        limit: usize,
    },
    /// Was this mail handled, what became of it, what was sent because of it?
    Find(Sought),
    /// Erase a ticket and what its mails said.
    Erase {
        /// Its number.
        number: u64,
    },
    /// A ticket's mail wants something else; only a daemon can find it.
    Relabel {
        /// The ticket's number.
        number: u64,
        /// What it wants.
        label: Label,
    },
    /// How does the breaker stand? With a turn: open or close it.
    Breaker {
        /// What to do to it; none: nothing.
        turn: Option<Turn>,
    },
    /// Which addresses are dead?
    Dead {
        /// At most so many.
        limit: usize,
    },
    /// Forget that an address is dead.
    Revive {
        /// The address.
        address: Address,
    },
    /// The mails that are held for an operator, the newest first.
    Quarantine {
        /// At most so many.
        limit: usize,
        /// Those that were decided as well.
        all: bool,
    },
    /// One held mail, in plain words.
    Held {
        /// Its number in quarantine.
        number: u64,
    },
    /// Release held mails.
    Release {
        /// Their numbers in quarantine.
        numbers: Vec<u64>,
        /// Who says so.
        by: String,
    },
    /// Drop held mails.
    Discard {
        /// Their numbers in quarantine.
        numbers: Vec<u64>,
        /// Who says so.
        by: String,
    },
    /// About agents' time.
    Time(Asked),
    /// Do this to a ticket.
    Person(Act),
    /// Which keys are there?
    Keys,
    /// Sign with a new key from now on.
    Rotate,
    /// Drop an earlier key.
    Forget {
        /// Its name.
        key: String,
    },
    /// Close a ticket, or open it again.
    Close {
        /// Its number.
        number: u64,
        /// Close it; else open it.
        close: bool,
        /// Who says so.
        by: String,
    },
    /// Stop an agent's answer that waits to leave.
    Cancel {
        /// Its number in the outbox.
        id: u64,
    },
    /// Compare every mail with the ledger, now; only a daemon can.
    Reconcile {
        /// One mailbox by its name; none: all.
        mailbox: Option<String>,
    },
}

/// Answers; a failure is an object with `error`. `stuck` are the loops without progress, when a daemon runs.
pub fn answer(
    store: &Store,
    question: &Question,
    clock: &dyn Clock,
    stuck: Option<&[String]>,
) -> Value {
    answered(store, question, clock, stuck).unwrap_or_else(|e| json!({ "error": e.to_string() }))
}

fn answered(
    store: &Store,
    question: &Question,
    clock: &dyn Clock,
    stuck: Option<&[String]>,
) -> Result<Value, StoreError> {
    Ok(match question {
        Question::Status => status(store, clock, stuck)?,
        Question::Tickets { limit } => {
            let tickets = store.tickets(None, (*limit).min(ROWS_MAX), None, Order::Newest)?;
            let rows = tickets.iter().map(|t| acts::marked(store, t));
            Value::Array(rows.collect::<Result<_, _>>()?)
        }
        Question::Ticket { number } => match store.ticket(TicketNumber(*number))? {
            Some((found, events, outgoing)) => {
                let mut value = acts::marked(store, &found)?;
                let beside = person::beside(store, found.number)?;
                if let (Value::Object(fields), Value::Object(more)) = (&mut value, beside) {
                    fields.extend(more);
                    fields.insert("events".to_owned(), events.iter().map(event).collect());
                    fields.insert("outgoing".to_owned(), outgoing.iter().map(outbox).collect());
                }
                value
            }
            None => json!({ "error": format!("there is no ticket #{number}") }),
        },
        Question::Outbox { limit, all } => outboxes(store, *limit, *all)?,
        Question::Resend { id } => {
            let state = store.resend(OutboxId(*id), clock.now())?;
            moved(*id, state.as_ref(), |s| {
                matches!(s, Delivery::Waiting { .. })
            })
        }
        Question::Drop { id } => {
            let state = store.give_up(OutboxId(*id), clock.now())?;
            moved(*id, state.as_ref(), |s| {
                matches!(s, Delivery::Dropped { .. })
            })
        }
        Question::Backup { dir } => match store.begin_backup(dir, clock.now()) {
            Ok(()) => json!({ "backup": "running" }),
            Err(e) => json!({ "error": e.to_string() }),
        },
        Question::Backed => json!(store.backup_state()),
        Question::Reconcile { .. } | Question::Relabel { .. } => json!({ "error": NO_DAEMON }),
        Question::Ledger { limit } => {
            let mails = store.ledger_newest((*limit).min(ROWS_MAX))?;
            mails.iter().map(|(at, view)| ledger(at, view)).collect()
        }
        Question::Find(sought) => find::answer(store, sought)?,
        Question::Keys | Question::Rotate | Question::Forget { .. } => {
            keys::answer(store, question, clock.now())
        }
        Question::Close { number, close, by } => {
            acts::close(store, TicketNumber(*number), *close, by, clock.now())?
        }
        // Without a daemon nobody writes the mail that tells the agent.
        Question::Cancel { id } => acts::cancel(store, *id, clock.now(), |_, _, _| None)?,
        Question::Person(act) => person::answer(store, act, clock.now())?,
        Question::Erase { number } => erase::answer(store, TicketNumber(*number))?,
        Question::Quarantine { .. }
        | Question::Held { .. }
        | Question::Release { .. }
        | Question::Discard { .. } => quarantine::answer(store, question, clock.now())?,
        Question::Time(asked) => agents::answer(store, asked, clock.now())?,
        _ => limits::answer(store, question, clock)?,
    })
}

fn outboxes(store: &Store, limit: usize, all: bool) -> Result<Value, StoreError> {
    let limit = limit.min(ROWS_MAX);
    let mut mails = Vec::new();
    if all {
        mails = store.outbox(None, limit, Order::Newest)?;
    } else {
        for stage in [Stage::Waiting, Stage::Leased, Stage::Parked] {
            let rest = limit.saturating_sub(mails.len());
            mails.extend(store.outbox(Some(stage), rest, Order::Newest)?);
        }
    }
    Ok(Value::Array(mails.iter().map(outbox).collect()))
}

/// Tells where a mail stands after an operator's word, or why the word changed nothing.
fn moved(id: u64, state: Option<&Delivery>, done: impl Fn(&Delivery) -> bool) -> Value {
    match state {
        None => json!({ "error": format!("there is no mail {id} in the outbox") }),
        Some(state) if done(state) => json!({ "id": id, "state": state.word() }),
        Some(Delivery::Leased { .. }) => {
            json!({ "error": format!("mail {id} is being sent at this moment; nothing was changed, ask again in a minute") })
        }
        Some(state) => {
            json!({ "error": format!("mail {id} was {} already; nothing was changed", state.word()) })
        }
    }
}

fn status(store: &Store, clock: &dyn Clock, stuck: Option<&[String]>) -> Result<Value, StoreError> {
    let counts = store.counts();
    let held = store.held_counts()?;
    let age_s = held.oldest.map(|at| clock.now().since_s(at).max(0));
    let mut said = json!({
        "running": stuck.is_some(),
        "stuck": stuck.unwrap_or_default(),
        "version": env!("CARGO_PKG_VERSION"),
        "tickets": counts.tickets,
        "mails": counts.ledger,
        "tickets_with_agents": counts.with_agent,
        "outbox_waiting": counts.waiting + counts.leased,
        "outbox_parked": counts.parked,
        "quarantined": held.waiting,
        "quarantine_oldest": held.oldest.map(time),
        "quarantine_oldest_age_s": age_s,
        "replies_held": clock.doubt(),
        "dead_addresses": store.dead(ROWS_MAX)?.len(),
    });
    let breaker = limits::breaker(&store.breaker(clock.now())?);
    if let (Value::Object(fields), Value::Object(more)) = (&mut said, breaker) {
        fields.extend(more);
    }
    Ok(said)
}

fn ledger(mail: &MailRef, view: &LedgerView) -> Value {
    let mut row = json!({
        "mail": { "mailbox": mail.mailbox, "uid_validity": mail.uid_validity, "uid": mail.uid },
        "at": time(view.at),
        "received": view.received.map(time),
        "why": view.why,
    });
    let told = match &view.state {
        LedgerState::Skipped => json!({ "screening": "skipped", "intents": [], "because": [] }),
        LedgerState::Erased => json!({ "screening": "erased", "intents": [], "because": [] }),
        LedgerState::Handled(handled) => json!({
            "sender": handled.sender.as_ref().map(ToString::to_string),
            "message_id": handled.message_id.as_ref().map(|i| i.as_str().to_owned()),
            "screening": handled.screening,
            "disposition": handled.disposition,
            "intents": handled.intents,
            "language": handled.language,
            "ticket": handled.ticket.map(|t| t.0),
            "quarantine": quarantine_word(view, handled),
            "because": handled
                .because
                .iter()
                .map(|(rule, says, matched)| json!({ "rule": rule, "says": says, "matched": matched }))
                .collect::<Vec<_>>(),
        }),
    };
    if let (Value::Object(fields), Value::Object(more)) = (&mut row, told) {
        fields.extend(more);
    }
    row
}

/// How a mail stands that is or was held: the last sentence of its entry says it.
fn quarantine_word(view: &LedgerView, handled: &Handled) -> Option<&'static str> {
    let released = |(rule, _, _): &(String, String, String)| rule == RELEASED;
    match handled.filing {
        Filing::Quarantine if handled.because.first().is_some_and(released) => Some("released"),
        Filing::Quarantine if view.why.starts_with("dropped from quarantine") => Some("dropped"),
        Filing::Quarantine => Some("quarantined"),
        _ => None,
    }
}

fn event(event: &TicketEvent) -> Value {
    json!({ "at": time(event.at), "kind": event.kind, "note": event.note })
}

fn outbox(mail: &OutboxView) -> Value {
    json!({
        "id": mail.id.0,
        "ticket": mail.ticket.0,
        "purpose": mail.purpose,
        "to": mail.to.as_str(),
        "mailbox": mail.mailbox,
        "language": mail.language,
        "message_id": mail.message_id.as_str(),
        "created": time(mail.created),
        "state": mail.delivery.word(),
        "said": if mail.delivery.said().is_empty() { &mail.deferred } else { mail.delivery.said() },
    })
}

/// RFC 3339, in UTC.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}
