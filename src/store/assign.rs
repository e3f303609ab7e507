//! Agents' time as it matters for one mail, and a ticket that an operator gives to somebody else.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::rows::TurnRow;
use crate::triage::hours::Day;
use crate::triage::plan::Step;
use crate::triage::roster::Known;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;

/// Agents that are looked up for one mail.
const AGENTS_MAX: usize = 500;

impl Group<'_> {
    /// Counts one more case that a queue is dealt.
    pub(super) fn turn(&mut self, queue: &str) -> Result<(), StoreError> {
        let turns = self
            .batch
            .get::<TurnRow>(queue.as_bytes())?
            .map_or(0, |row| row.0)
            + 1;
        self.turned = Some((queue.to_owned(), turns));
        self.batch.put(queue.as_bytes(), &TurnRow(turns))
    }

    /// Returns how many cases a queue was dealt.
    pub fn turn_of(&self, queue: &str) -> u64 {
        self.turns.get(queue).copied().unwrap_or_default()
    }

    /// Returns what is known of these agents' time, and of the writer's last agent.
    pub fn recall_time(
        &self,
        agents: &[Address],
        sender: Option<&Address>,
    ) -> Result<Known, StoreError> {
        let mut known = Known::default();
        for agent in agents.iter().take(AGENTS_MAX) {
            let identity = agent.identity();
            if let Some(DutyRow::Load(load)) = self.batch.duty(&duties::load_key(agent))? {
                known.loads.push((identity.clone(), load));
            }
            if let Some(DutyRow::Away { back, .. }) = self.batch.duty(&duties::away_key(agent))? {
                known
                    .away
                    .extend(Day::of_number(back).map(|back| (identity, back)));
            }
        }
        let last = sender.map(|s| self.batch.duty(&duties::last_key(s)));
        if let Some(DutyRow::Last { agent, at, .. }) = last.transpose()?.flatten() {
            known.last = Some((agent, Timestamp(at)));
        }
        Ok(known)
    }
}

impl Store {
    /// Gives a ticket to somebody else and lays the mail to them into the outbox, in one commit. `ticket` is as it is to
    /// be, its version still the one that was read.
    ///
    /// # Errors
    /// [`CommitError::Stale`]: it changed meanwhile; nothing was done.
    pub fn hand(
        &self,
        ticket: Ticket,
        outgoing: Outgoing,
        event: TicketEvent,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let mut group = self.group();
        group.kept(|group| {
            let number = ticket.number;
            group.take_step(Step::Update(ticket))?;
            group.batch.note(number, &[event])?;
            group.enqueue(outgoing, 0, now)?;
            Ok::<(), CommitError>(())
        })?;
        group.commit()?;
        Ok(())
    }
}
