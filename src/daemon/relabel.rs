//! A person says what a ticket's mail really wants: kept as an example for the next `learn`, and on the ticket.
//!
//! # Decisions
//! - The store keeps no mail's words. The mail is looked for on the server, by its Message-ID, wherever it was filed, on a
//!   connection made for that.
//! - Nothing is sent and nobody is answered anew: what happened to the mail has happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::sync::Mutex;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::learn::correction;
use crate::learn::correction::Label;
use crate::learn::correction::Private;
use crate::mailbox::imap::ImapMailbox;
use crate::message::id::MessageId;
use crate::message::parse::parse;
use crate::store::CORRECTIONS;
use crate::store::LedgerState;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Wanted;
use crate::triage::Disposition;
use crate::triage::Office;
use crate::triage::desk::Rules;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// How long the server may take, the login included.
const PATIENCE: Duration = Duration::from_mins(5);
/// Mails of a ticket that are looked at for one that had a matter.
const MAILS_MAX: usize = 200;

/// Corrections that are looked for at a time.
const DUE_MAX: usize = 20;
/// How often.
const LOOK: Duration = Duration::from_mins(1);
/// The loop is never silent for longer.
const SILENCE: Duration = Duration::from_mins(15);
/// How a reason begins that may be none later.
const LATER: &str = "the mail could not be looked for";

/// What looks for mails of one mailbox.
pub(super) struct Seeker {
    pub(super) mailbox: ImapMailbox,
    pub(super) rules: Arc<Rules>,
    pub(super) office: Arc<Office>,
}

/// What looks for mails, by mailbox, and what is private in them.
#[derive(Clone, Default)]
pub(super) struct Seekers {
    by_mailbox: Arc<BTreeMap<String, Mutex<Seeker>>>,
    private: Arc<[Private]>,
}

/// The mail that a ticket is about.
pub(super) struct Matter {
    mailbox: String,
    pub(super) id: MessageId,
    intents: Vec<String>,
}

impl Seekers {
    pub(super) fn new(seekers: Vec<(String, Seeker)>, private: &[Private]) -> Self {
        let seekers = seekers.into_iter();
        Self {
            by_mailbox: Arc::new(seekers.map(|(name, s)| (name, Mutex::new(s))).collect()),
            private: private.into(),
        }
    }

    /// Returns what looks for the mails of a mailbox.
    pub(super) fn of(&self, mailbox: &str) -> Result<&Mutex<Seeker>, String> {
        self.by_mailbox.get(mailbox).ok_or_else(|| {
            format!("the mail came to the mailbox `{mailbox}`, which the config has no more")
        })
    }

    /// Relabels a ticket; a sentence says why not, and then nothing was changed.
    pub(super) async fn relabel(
        &self,
        shared: &Shared,
        number: TicketNumber,
        label: Label,
    ) -> Result<Value, String> {
        let store = shared.store.clone();
        let found = blocking(move || matter(&store, number)).await;
        let matter = found.map_err(|e| e.to_string())??;
        let mut seeker = self.of(&matter.mailbox)?.lock().await;
        label.check(&seeker.rules.intents)?;
        let sought = tokio::time::timeout(PATIENCE, seeker.mailbox.seek(&matter.id)).await;
        let mail = sought
            .map_err(|_| format!("{LATER}: the IMAP server took too long; try again"))?
            .map_err(|e| format!("{LATER}: {e}"))?
            .ok_or_else(|| {
                format!(
                    "the mail <{}> lies in no folder of the mailbox `{}` any more: nothing can be learned from it",
                    matter.id.as_str(),
                    matter.mailbox
                )
            })?;
        let (store, private, now) = (
            shared.store.clone(),
            Arc::clone(&self.private),
            shared.clock.now(),
        );
        let (rules, intents) = (Arc::clone(&seeker.rules), label.intents.clone());
        let kept = move || keep(&store, number, &mail.raw, &label, &rules, &private, now);
        if !blocking(kept).await.map_err(|e| e.to_string())? {
            return Err(format!("there is no ticket #{}", number.0));
        }
        tracing::info!(
            ticket = number.0,
            from = matter.intents.join(","),
            to = intents.join(","),
            "a ticket was relabelled by an operator"
        );
        Ok(json!({
            "ticket": number.0,
            "intents": intents,
            "before": matter.intents,
            "kept": CORRECTIONS,
        }))
    }
}

/// Has what agents corrected kept as examples, until told to stop. What an agent says is on the ticket at once; the mail is
/// looked for here, and again later when its server is away.
pub(super) async fn run(seekers: Seekers, shared: Shared) -> Result<(), DaemonError> {
    let pulse = shared.pulses.add("relabel", SILENCE);
    let mut after = None;
    loop {
        let store = shared.store.clone();
        let due = blocking(move || store.relabels_due(after, DUE_MAX)).await?;
        // Those that must wait for a server that is away do not keep the ones behind them waiting.
        after = due
            .last()
            .map(|(number, _)| *number)
            .filter(|_| due.len() == DUE_MAX);
        let more = after.is_some();
        for (number, intents) in due {
            let label = Label {
                intents,
                audience: None,
                person: false,
            };
            pulse.beat();
            let done = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Ok(()),
                done = seekers.relabel(&shared, number, label) => done,
            };
            let why = match done {
                Ok(_) => String::new(),
                Err(why) if why.starts_with(LATER) => continue,
                Err(why) => {
                    tracing::warn!(
                        ticket = number.0,
                        why,
                        "an agent's correction is kept on the ticket alone"
                    );
                    why
                }
            };
            let (store, now) = (shared.store.clone(), shared.clock.now());
            blocking(move || store.relabel_settled(number, &why, now)).await?;
        }
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(if more { Duration::ZERO } else { LOOK }) => {}
        }
        pulse.beat();
    }
}

/// Finds the newest mail of a ticket that wanted something.
pub(super) fn matter(
    store: &Store,
    number: TicketNumber,
) -> Result<Result<Matter, String>, StoreError> {
    if store.ticket(number)?.is_none() {
        return Ok(Err(format!("there is no ticket #{}", number.0)));
    }
    let wanted = Wanted {
        ticket: Some(number),
        ..Wanted::default()
    };
    for (mail, view) in store.find(&wanted, None, MAILS_MAX)?.mails {
        if let LedgerState::Handled(handled) = view.state
            && let (Some(id), false) = (handled.message_id, handled.intents.is_empty())
        {
            return Ok(Ok(Matter {
                mailbox: mail.mailbox,
                id,
                intents: handled.intents,
            }));
        }
    }
    Ok(Err(format!(
        "no mail of ticket #{} that wanted something has a Message-ID: it cannot be found on the server",
        number.0
    )))
}

fn keep(
    store: &Store,
    number: TicketNumber,
    raw: &[u8],
    label: &Label,
    rules: &Rules,
    private: &[Private],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let example = correction::example(&parse(raw), label, &rules.intents, private);
    let corrections = correction::put(&store.corrections()?, &example)
        .map_err(|e| StoreError::File(format!("{CORRECTIONS}: {e}")))?;
    let answered = store
        .ticket(number)?
        .is_some_and(|(ticket, ..)| matches!(ticket.state, TicketState::Answered { .. }));
    let needs_a_person = label.person
        || label.intents.iter().any(|name| {
            let intent = rules.intents.intent(name);
            intent.is_some_and(|i| i.disposition == Disposition::Forward)
        });
    let harm = answered && needs_a_person;
    store.correct(number, &label.intents, &corrections, harm, now)
}
