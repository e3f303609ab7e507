//! Stopping an agent's answer that waits to leave.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::acts::into_storage;
use crate::store::acts::row;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::layout;
use crate::store::layout::codes;
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
        let agent = acts.relays.into_iter().find(|(seq, _)| *seq == id.0);
        let deeds = Deeds {
            cancel: vec![id.0],
            ..Deeds::default()
        };
        let done = group.kept(|group| {
            group.enact(number, &deeds, &[], now)?;
            if let Some((_, agent)) = &agent {
                group.give_back(number, agent, now)?;
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
    /// Lays a case into an agent's hands again whose answer was stopped.
    fn give_back(
        &mut self,
        number: TicketNumber,
        agent: &Address,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let key = layout::ticket_key(number);
        let Some(row) = self.batch.get::<TicketRow>(&key)? else {
            return Ok(());
        };
        let mut ticket = row.ticket(number);
        if !matches!(&ticket.state, TicketState::AgentAnswered { agent: a, .. } if a == agent) {
            return Ok(());
        }
        ticket.state = ticket::step(Some(ticket.state), TicketMove::HandTo(agent.clone()), now);
        ticket.updated = now;
        self.take_step(Step::Update(ticket)).map(drop)
    }
}
