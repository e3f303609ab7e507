//! Tickets that rest: closed, or parts of others. They weigh on nobody, and nobody is reminded of them.
//!
//! # Decisions
//! - Whether a ticket rests is said by its records in `acts` and `merges`, by nothing else; weights and what is waited for
//!   follow in the commit that changes either.

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::commit::Group;
use crate::store::engine::Engine;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::acts::ActRow;
use crate::store::layout::acts::ticket_acts;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::person::MergeRow;
use crate::store::layout::rows::TicketRow;
use crate::triage::agenda;
use crate::triage::ticket::TicketNumber;

impl Batch<'_> {
    /// Whether a ticket rests, as it will be.
    pub(super) fn rests(&self, number: TicketNumber) -> Result<bool, StoreError> {
        let acts = self.get::<ActRow>(&ticket_acts(number))?;
        Ok(is_closed(acts) || self.get::<MergeRow>(&layout::ticket_key(number))?.is_some())
    }
}

/// Whether a ticket rests.
pub(super) fn rests(engine: &Engine, number: TicketNumber) -> Result<bool, StoreError> {
    let acts = engine.read::<ActRow>(&ticket_acts(number))?;
    let key = layout::ticket_key(number);
    Ok(is_closed(acts) || engine.get(Tree::Merges, &key)?.is_some())
}

fn is_closed(acts: Option<ActRow>) -> bool {
    matches!(acts, Some(ActRow::Ticket(acts)) if acts.closed.is_some())
}

impl Group<'_> {
    /// Does something after which a ticket may rest, or wake: its weight goes and comes with that, and what is waited for.
    pub(super) fn resting<T, E: From<StoreError>>(
        &mut self,
        number: TicketNumber,
        now: Timestamp,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.batch.rests(number)?;
        let done = change(self)?;
        let after = self.batch.rests(number)?;
        if before != after
            && let Some(row) = self.batch.get::<TicketRow>(&layout::ticket_key(number))?
        {
            let mut ticket = row.ticket(number);
            let key = duties::watch_key(number);
            if after {
                self.batch.reweigh(Some(&ticket), None)?;
                self.batch.drop_duty(&key)?;
            } else {
                self.batch.reweigh(None, Some(&ticket))?;
                ticket.updated = now;
                let queue = ticket.queue.as_deref().unwrap_or_default();
                let watched = self.roster.watches(queue);
                if let Some(watch) = agenda::changed(None, &ticket, watched) {
                    self.batch.put_duty(&key, &DutyRow::of_watch(&watch))?;
                }
            }
        }
        Ok(done)
    }
}
