//! A person gives a ticket to another agent, or to a queue: its mail is fetched once more and goes along.
//!
//! # Decisions
//! - The store keeps no mail's octets. The newest mail of the ticket that wanted something is looked for on the server;
//!   where it is gone, or the server is, the new agent is told where it should lie. The ticket moves in any case.
//! - The mail to the new agent and the ticket's move are one commit.

use std::sync::Arc;
use std::time::Duration;

use ring::digest::Context;
use ring::digest::SHA256;
use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::Shared;
use crate::daemon::agenda::mails;
use crate::daemon::blocking;
use crate::daemon::relabel::Seekers;
use crate::daemon::relabel::matter;
use crate::message::compose::compose;
use crate::steps;
use crate::steps::Step;
use crate::store::CommitError;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::Office;
use crate::triage::desk::Rules;
use crate::triage::remind;
use crate::triage::roster::heir::Giving;
use crate::triage::roster::heir::Heir;
use crate::triage::roster::heir::NoHeir;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// How long the server may take for the mail.
const PATIENCE: Duration = Duration::from_mins(2);

impl Seekers {
    /// Gives a ticket to `to`, an agent's address or a queue's name; a sentence says why not, and then nothing was changed.
    pub(super) async fn assign(
        &self,
        shared: &Shared,
        number: TicketNumber,
        to: &str,
        by: &str,
    ) -> Result<Value, String> {
        let store = shared.store.clone();
        let told = |e: crate::daemon::DaemonError| e.to_string();
        let found = blocking(move || store.ticket(number)).await.map_err(told)?;
        let (found, ..) = found.ok_or_else(|| format!("there is no ticket #{}", number.0))?;
        let seeker = self.of(&found.mailbox)?;
        let mut seeker = seeker.lock().await;
        let (rules, office) = (Arc::clone(&seeker.rules), Arc::clone(&seeker.office));
        let (store, now, date) = (
            shared.store.clone(),
            shared.clock.now(),
            shared.clock.date(),
        );
        let asked = to.to_owned();
        let (its_office, its_rules, known) =
            (Arc::clone(&office), Arc::clone(&rules), found.clone());
        let resolve = move || heir(&store, &known, &asked, &its_office, &its_rules, now);
        let heir = blocking(resolve).await.map_err(told)??;
        let store = shared.store.clone();
        let matter = blocking(move || matter(&store, number))
            .await
            .map_err(told)?;
        let mut original = None;
        if let Ok(matter) = matter {
            let sought = tokio::time::timeout(PATIENCE, seeker.mailbox.seek(&matter.id)).await;
            let whole = |raw: &Vec<u8>| raw.len() as u64 <= office.keeping.attachment_bytes_max;
            original = match sought {
                Ok(Ok(Some(mail))) if !mail.truncated => Some(mail.raw).filter(whole),
                _ => None,
            };
        }
        drop(seeker);
        let hand = Hand {
            seat: (rules, office),
            ticket: found,
            heir: heir.clone(),
            by: by.to_owned(),
            original,
        };
        let (store, attached) = (shared.store.clone(), hand.original.is_some());
        blocking(move || hand.over(&store, now, date))
            .await
            .map_err(told)??;
        shared.outbox_news.notify_one();
        tracing::info!(
            ticket = number.0,
            queue = heir.queue,
            attached,
            "a ticket was given to another agent by an operator"
        );
        Ok(json!({
            "ticket": number.0,
            "agent": heir.agent.as_str(),
            "queue": heir.queue,
            "attached": attached,
        }))
    }
}

/// Finds who is meant: an agent, or the next of a queue.
pub(super) fn heir(
    store: &Store,
    ticket: &Ticket,
    to: &str,
    office: &Office,
    rules: &Rules,
    now: Timestamp,
) -> Result<Result<Heir, String>, StoreError> {
    let group = store.group();
    let known = group.recall_time(&office.surroundings.agents, None)?;
    let turns: Vec<(String, u64)> = office
        .queues
        .iter()
        .map(|q| (q.name.clone(), group.turn_of(&q.name)))
        .collect();
    let giving = Giving {
        office,
        default_queue: &rules.desk.default_queue,
        known: &known,
        turns: &turns,
        now,
    };
    let heir = match giving.heir(ticket, to) {
        Ok(heir) => heir,
        Err(NoHeir::Unknown) => {
            let names: Vec<&str> = office.queues.iter().map(|q| q.name.as_str()).collect();
            return Ok(Err(format!(
                "`{to}` is neither an agent nor a queue; queues are {}, agents tells `mailclerk agents list`",
                names.join(", ")
            )));
        }
        Err(why) => return Ok(Err(format!("`{to}`: {why}"))),
    };
    let has = matches!(&ticket.state, TicketState::WithAgent { agent, .. } if *agent == heir.agent);
    if has && ticket.queue.as_deref() == Some(&heir.queue) {
        return Ok(Err(format!(
            "ticket #{} lies with {} already",
            ticket.number.0, heir.agent
        )));
    }
    Ok(Ok(heir))
}

/// A ticket about to be given away.
pub(super) struct Hand {
    pub(super) seat: (Arc<Rules>, Arc<Office>),
    pub(super) ticket: Ticket,
    pub(super) heir: Heir,
    pub(super) by: String,
    /// The case's mail.
    pub(super) original: Option<Vec<u8>>,
}

impl Hand {
    /// Gives it, with the mail to its new agent, in one commit.
    pub(super) fn over(
        self,
        store: &Store,
        now: Timestamp,
        date: Timestamp,
    ) -> Result<Result<(), String>, StoreError> {
        let Self {
            seat,
            mut ticket,
            heir,
            by,
            original,
        } = self;
        let (number, version) = (ticket.number, ticket.version);
        let to = TicketMove::HandTo(heir.agent.clone());
        ticket.state = ticket::step(Some(ticket.state), to, now);
        ticket.queue = Some(heir.queue);
        ticket.updated = now;
        let letter = remind::handed(&ticket, &seat.1, &heir.agent, &by, original.is_some());
        let mut seed = Context::new(&SHA256);
        seed.update(b"hand");
        seed.update(&number.0.to_be_bytes());
        seed.update(&version.to_be_bytes());
        let mails::Frame {
            mut draft,
            outgoing,
        } = mails::frame(&seat, &letter, number, &mails::digest(seed), date);
        draft.original = original;
        let outgoing = Outgoing {
            bytes: compose(&draft),
            ..outgoing
        };
        let event = TicketEvent {
            at: now,
            kind: "assigned".to_owned(),
            note: format!("to {} by {by}", heir.agent),
        };
        steps::pass(Step::Handing);
        let done = store.hand(ticket, outgoing, event, now);
        steps::pass(Step::Handed);
        match done {
            Ok(()) => Ok(Ok(())),
            Err(CommitError::Storage(error)) => Err(error),
            Err(_) => Ok(Err(format!(
                "ticket #{} changed at this moment; nothing was done, ask again",
                number.0
            ))),
        }
    }
}
