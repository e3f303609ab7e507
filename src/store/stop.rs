//! Agents' answers that do not leave: stopped by somebody, or not taken by the server.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::acts::into_storage;
use crate::store::acts::row;
use crate::store::batch::Batch;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::duties::Counted;
use crate::store::layout;
use crate::store::layout::codes;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::rows::TicketRow;
use crate::store::outbox::OutboxId;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Step;
use crate::triage::relay::Deeds;
use crate::triage::ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// How stopping an agent's answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It does not leave.
    Done,
    /// There is no such mail.
    Unknown,
    /// It is no agent's answer.
    NoAnswer,
    /// It is on its way, or settled: nothing was changed.
    TooLate(Delivery),
}

/// An agent's answer that the mail server did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The answer.
    pub id: OutboxId,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// Whose answer it is.
    pub agent: Address,
    /// Whom it was for.
    pub to: Address,
    /// Through which mailbox.
    pub mailbox: String,
    /// What the server said, or why it was given up.
    pub why: String,
    /// Since when it lies.
    pub since: Timestamp,
}

/// What else comes of a mail's being parked.
pub(super) fn parked(
    batch: &mut Batch<'_>,
    id: OutboxId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), StoreError> {
    if purpose == Purpose::Relay {
        // In the same commit: an agent who believes that the answer went must hear that it did not.
        let row = DutyRow::Unsent { since: now.0 };
        batch.put_duty(&duties::unsent_key(id.0), &row)?;
    }
    batch.tally_one(Counted::Parked, now)
}

impl Store {
    /// Stops an agent's answer that waits to leave: the case lies with the agent again. `tell` writes the mail that says so
    /// to the agent, if it can, through the mailbox that it is given.
    pub fn stop_answer(
        &self,
        id: OutboxId,
        now: Timestamp,
        tell: impl FnOnce(&str, TicketNumber, &Address) -> Option<Outgoing>,
    ) -> Result<Stopped, StoreError> {
        let mut group = self.group();
        let Some(letter) = group.batch.get::<OutboxRow>(&id.0.to_be_bytes())? else {
            return Ok(Stopped::Unknown);
        };
        if codes::purpose_of(letter.purpose) != Some(Purpose::Relay) {
            return Ok(Stopped::NoAnswer);
        }
        let state = letter.state.delivery();
        if !matches!(state, Delivery::Waiting { .. }) {
            return Ok(Stopped::TooLate(state));
        }
        let number = TicketNumber(letter.ticket);
        let acts = row(&group.batch, number)?;
        let agent = acts.relays.into_iter().find(|(seq, ..)| *seq == id.0);
        let deeds = Deeds {
            cancel: vec![id.0],
            ..Deeds::default()
        };
        let done = group.kept(|group| {
            group.enact(number, &deeds, &[], "", now)?;
            if let Some((_, agent, waited)) = &agent {
                if *waited {
                    group.give_back(number, now)?;
                }
                if let Some(outgoing) = tell(&letter.mailbox, number, agent) {
                    group.enqueue(outgoing, 0, now)?;
                }
            }
            Ok::<(), CommitError>(())
        });
        done.map_err(into_storage)?;
        group.commit()?;
        Ok(Stopped::Done)
    }
}

impl Group<'_> {
    /// Returns what is to be told of an answer that was parked; none when it is sent again meanwhile, or gone.
    pub fn unsent(&self, id: OutboxId) -> Result<Option<Unsent>, StoreError> {
        let Some(letter) = self.batch.get::<OutboxRow>(&id.0.to_be_bytes())? else {
            return Ok(None);
        };
        let Delivery::Parked { why, at, .. } = letter.state.delivery() else {
            return Ok(None);
        };
        let ticket = TicketNumber(letter.ticket);
        let acts = row(&self.batch, ticket)?;
        let agent = acts.relays.into_iter().find(|(seq, ..)| *seq == id.0);
        Ok(agent.map(|(_, agent, _)| Unsent {
            id,
            ticket,
            agent,
            to: letter.to,
            mailbox: letter.mailbox,
            why,
            since: at,
        }))
    }

    /// Says that an answer that was parked is told of, or needs not to be: the person is not reached, the case lies with its
    /// agent again, and `tell` goes there.
    pub fn unsent_told(
        &mut self,
        id: OutboxId,
        told: Option<(&Unsent, Outgoing)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let done = self.kept(|group| {
            group.batch.drop_duty(&duties::unsent_key(id.0))?;
            let Some((unsent, tell)) = told else {
                return Ok(());
            };
            let deeds = Deeds {
                unreached: Some(true),
                notes: vec![(
                    "unreached",
                    format!("the answer of {} did not leave", unsent.agent),
                )],
                ..Deeds::default()
            };
            group.enact(unsent.ticket, &deeds, &[], "", now)?;
            group.give_back(unsent.ticket, now)?;
            group.enqueue(tell, 0, now)?;
            Ok::<(), CommitError>(())
        });
        done.map_err(into_storage)
    }

    /// Lays a case into the hands of the agent who has it again: what answered it does not leave.
    fn give_back(&mut self, number: TicketNumber, now: Timestamp) -> Result<(), CommitError> {
        let key = layout::ticket_key(number);
        let Some(row) = self.batch.get::<TicketRow>(&key)? else {
            return Ok(());
        };
        let mut ticket = row.ticket(number);
        let TicketState::AgentAnswered { agent, .. } = &ticket.state else {
            return Ok(());
        };
        let moved = TicketMove::HandTo(agent.clone());
        ticket.state = ticket::step(Some(ticket.state), moved, now);
        ticket.updated = now;
        self.take_step(Step::Update(ticket)).map(drop)
    }
}
