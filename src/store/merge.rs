//! Merging tickets and taking it back.
//!
//! # Decisions
//! - A ticket that is merged keeps its records; one record says which ticket goes on for it. Ids of its mails lead to it, and
//!   from there to the other: a mail that comes by way of it leaves its id there.
//! - Who took part only in the merged ticket takes part in the other from then on, until it is taken back.
//! - Chains are followed to their end, so far as tickets are there. No ring is made, and one that damage made is not
//!   followed for ever.

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::acts;
use crate::store::batch;
use crate::store::batch::Batch;
use crate::store::commit::Group;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::duties;
use crate::store::layout::person::BY_BYTES_MAX;
use crate::store::layout::person::MergeRow;
use crate::store::layout::rows::TicketRow;
use crate::store::layout::rows::cut;
use crate::triage::merge;
use crate::triage::merge::CannotMerge;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;

/// A longer chain is none that was made by merging.
const CHAIN_MAX: usize = 64;

impl Store {
    /// Makes a ticket a part of another one; the error inside says why not, and then nothing was changed.
    pub fn merge(
        &self,
        from: TicketNumber,
        into: TicketNumber,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), CannotMerge>, StoreError> {
        let mut group = self.group();
        let mut done = Ok(());
        group.kept(|group| {
            done = group.merge(from, into, by, now)?;
            Ok::<(), StoreError>(())
        })?;
        group.commit()?;
        Ok(done)
    }

    /// Takes a merging back; returns the ticket that it was a part of.
    pub fn unmerge(
        &self,
        from: TicketNumber,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<TicketNumber, CannotMerge>, StoreError> {
        let mut group = self.group();
        let mut done = Err(CannotMerge::NotMerged(from.0));
        group.kept(|group| {
            done = group.unmerge(from, by, now)?;
            Ok::<(), StoreError>(())
        })?;
        group.commit()?;
        Ok(done)
    }

    /// Returns the ticket that goes on for a merged one.
    pub fn merged_into(&self, number: TicketNumber) -> Result<Option<TicketNumber>, StoreError> {
        let row = self
            .inner
            .engine
            .read::<MergeRow>(&layout::ticket_key(number))?;
        Ok(row.map(|row| TicketNumber(row.into)))
    }

    /// Returns the tickets that are parts of one, directly or by way of others, each after those that are parts of it.
    pub(super) fn parts_of_all(
        &self,
        number: TicketNumber,
    ) -> Result<Vec<TicketNumber>, StoreError> {
        let mut all = vec![number];
        let mut at = 0;
        while let Some(next) = all.get(at).copied() {
            let parts = self.parts(next)?;
            all.extend(
                parts
                    .into_iter()
                    .filter(|p| !all.contains(p))
                    .collect::<Vec<_>>(),
            );
            at += 1;
        }
        all.reverse();
        all.pop();
        Ok(all)
    }

    /// Returns the tickets that are parts of one, directly.
    pub fn parts(&self, number: TicketNumber) -> Result<Vec<TicketNumber>, StoreError> {
        parts(&self.inner.engine, number)
    }
}

/// Returns the tickets that are parts of one, directly.
pub(super) fn parts(
    engine: &Engine,
    number: TicketNumber,
) -> Result<Vec<TicketNumber>, StoreError> {
    let mut parts = Vec::new();
    engine.scan(Tree::Merges, Range::under(&[]), |key, value| {
        if layout::unseal::<MergeRow>(key, value)?.into == number.0 {
            parts.extend(layout::seq_of(key).map(TicketNumber));
        }
        Ok(true)
    })?;
    Ok(parts)
}

/// A ticket that goes is a part of none, and what was a part of it is one of its own again.
pub(super) fn forget(
    engine: &Engine,
    batch: &mut Batch<'_>,
    number: TicketNumber,
) -> Result<(), StoreError> {
    for part in parts(engine, number)? {
        let key = layout::ticket_key(part);
        batch.remove(Tree::Merges, &key);
        if !batch.rests(part)?
            && let Some(row) = batch.get::<TicketRow>(&key)?
        {
            batch.reweigh(None, Some(&row.ticket(part)))?;
        }
    }
    let key = layout::ticket_key(number);
    if batch.get::<MergeRow>(&key)?.is_some() {
        batch.remove(Tree::Merges, &key);
    }
    Ok(())
}

/// Returns the merged tickets of which the one that goes on for them is not there.
pub(super) fn dangling(engine: &Engine) -> Result<Vec<TicketNumber>, StoreError> {
    let mut dangling = Vec::new();
    engine.scan(Tree::Merges, Range::under(&[]), |key, value| {
        let into = layout::unseal::<MergeRow>(key, value)?.into;
        if engine.get(Tree::Tickets, &into.to_be_bytes())?.is_none() {
            dangling.extend(layout::seq_of(key).map(TicketNumber));
        }
        Ok(true)
    })?;
    Ok(dangling)
}

impl Group<'_> {
    /// As [`Store::merge`], with what else this group does.
    pub fn merge(
        &mut self,
        from: TicketNumber,
        into: TicketNumber,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), CannotMerge>, StoreError> {
        let end = self.end_of(into)?;
        if end == from || into == from {
            return Ok(Err(CannotMerge::Same(from.0)));
        }
        let key = layout::ticket_key(from);
        if let Some(row) = self.batch.get::<MergeRow>(&key)? {
            return Ok(Err(CannotMerge::Already(from.0, row.into)));
        }
        let Some((part, _)) = self.ticket_row(from)? else {
            return Ok(Err(CannotMerge::Unknown(from.0)));
        };
        let Some((survivor, next_event)) = self.ticket_row(end)? else {
            return Ok(Err(CannotMerge::Unknown(into.0)));
        };
        let closed = |number| acts::row(&self.batch, number).map(|acts| acts.closed.is_some());
        if closed(end)? && !closed(from)? {
            return Ok(Err(CannotMerge::Closed(end.0, from.0)));
        }
        let gained = merge::gained(&part, &survivor);
        let mut changed = survivor.clone();
        changed.participants.extend(gained.iter().cloned());
        self.change(&survivor, changed, next_event, now)?;
        let row = MergeRow {
            into: end.0,
            at: now.0,
            by: cut(by, BY_BYTES_MAX),
            gained,
        };
        self.resting(from, now, |group| group.batch.put(&key, &row))?;
        let note = |what: String| [batch::event(now, "merged", what)];
        self.batch
            .note(from, &note(format!("into #{} by {by}", end.0)))?;
        self.batch.note(
            end,
            &note(format!("#{} is a part of this, by {by}", from.0)),
        )?;
        Ok(Ok(()))
    }

    /// As [`Store::unmerge`], with what else this group does.
    pub fn unmerge(
        &mut self,
        from: TicketNumber,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<TicketNumber, CannotMerge>, StoreError> {
        let key = layout::ticket_key(from);
        if self.ticket_row(from)?.is_none() {
            return Ok(Err(CannotMerge::Unknown(from.0)));
        }
        let Some(row) = self.batch.get::<MergeRow>(&key)? else {
            return Ok(Err(CannotMerge::NotMerged(from.0)));
        };
        let into = TicketNumber(row.into);
        if let Some((survivor, next_event)) = self.ticket_row(into)? {
            let mut others = Vec::new();
            for part in self.parts_there(into, from)? {
                others.extend(part.participants);
            }
            let mut changed = survivor.clone();
            // Who takes part in another ticket that is merged here belongs here still.
            changed.participants.retain(|p| {
                !row.gained.iter().any(|g| g.same_person(p))
                    || others.iter().any(|o| o.same_person(p))
            });
            self.change(&survivor, changed, next_event, now)?;
        }
        self.resting(from, now, |group| {
            group.batch.remove(Tree::Merges, &key);
            Ok::<(), StoreError>(())
        })?;
        let note = |what: String| [batch::event(now, "unmerged", what)];
        self.batch
            .note(from, &note(format!("from #{} by {by}", into.0)))?;
        self.batch.note(
            into,
            &note(format!("#{} is one of its own again, by {by}", from.0)),
        )?;
        Ok(Ok(into))
    }

    /// Returns the ticket that a number leads to: itself, or the last one there that goes on for it.
    pub(super) fn end_of(&self, number: TicketNumber) -> Result<TicketNumber, StoreError> {
        let mut end = number;
        for _ in 0..CHAIN_MAX {
            let Some(row) = self.batch.get::<MergeRow>(&layout::ticket_key(end))? else {
                break;
            };
            let next = TicketNumber(row.into);
            let there = self.batch.get::<TicketRow>(&layout::ticket_key(next))?;
            if there.is_none() || next == number {
                break;
            }
            end = next;
        }
        Ok(end)
    }

    /// The parts of a ticket, but that one.
    fn parts_there(
        &self,
        number: TicketNumber,
        but: TicketNumber,
    ) -> Result<Vec<Ticket>, StoreError> {
        let mut there = Vec::new();
        for part in parts(&self.store.engine, number)? {
            let rests = self
                .batch
                .get::<MergeRow>(&layout::ticket_key(part))?
                .is_some();
            if part != but && rests {
                there.extend(self.ticket_row(part)?.map(|(ticket, _)| ticket));
            }
        }
        Ok(there)
    }

    fn ticket_row(&self, number: TicketNumber) -> Result<Option<(Ticket, u64)>, StoreError> {
        let row = self.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        Ok(row.map(|row| {
            let next_event = row.next_event;
            (row.ticket(number), next_event)
        }))
    }

    fn change(
        &mut self,
        before: &Ticket,
        mut changed: Ticket,
        next_event: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        changed.version += 1;
        changed.updated = before.updated.max(now);
        // Nobody wrote: what rests goes on resting, and nobody waits anew.
        let key = duties::watch_key(changed.number);
        let watch = self.batch.duty(&key)?;
        self.store_ticket(&changed, Some(before), next_event)?;
        watch.map_or(Ok(()), |watch| self.batch.put_duty(&key, &watch))
    }
}
