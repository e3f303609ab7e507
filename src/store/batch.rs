//! Writes laid over the store until they are committed, and the commit itself.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use crate::clock::Timestamp;
use crate::store::Inner;
use crate::store::StoreError;
use crate::store::Writer;
use crate::store::engine::Engine;
use crate::store::engine::Moves;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::head::HeadRow;
use crate::store::layout::rows::EventRow;
use crate::store::layout::rows::TicketRow;
use crate::store::layout::witness::Witness;
use crate::store::spool::Pile;
use crate::store::spool::SpoolError;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;

/// Pending writes in two layers: `base` of everything kept so far, `fresh` of the step being made, which may be undone.
pub(super) struct Batch<'a> {
    engine: &'a Engine,
    base: Moves,
    fresh: Moves,
    /// Numbers and counts as they will be.
    pub(super) head: HeadRow,
    /// Mails for the spool.
    pub(super) pile: Pile,
    /// Spool files of which a mail was settled for good, once for each mail.
    pub(super) settled: Vec<u64>,
    kept: (HeadRow, usize, usize),
}

impl<'a> Batch<'a> {
    /// Begins with nothing.
    pub(super) fn new(engine: &'a Engine, head: HeadRow) -> Self {
        Self {
            engine,
            base: Moves::new(),
            fresh: Moves::new(),
            head,
            pile: Pile::default(),
            settled: Vec::new(),
            kept: (head, 0, 0),
        }
    }

    /// Keeps the step being made.
    pub(super) fn keep(&mut self) {
        // Not `append`, which rebuilds the whole map: quadratic over many small steps.
        self.base.extend(std::mem::take(&mut self.fresh));
        self.kept = (self.head, self.pile.len(), self.settled.len());
    }

    /// Undoes the step being made.
    pub(super) fn undo(&mut self) {
        self.fresh.clear();
        self.head = self.kept.0;
        self.pile.cut_back(self.kept.1);
        self.settled.truncate(self.kept.2);
    }

    /// Reads a record as it will be.
    pub(super) fn get<R: Row>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        let place = (R::TREE, key.to_vec());
        match self.fresh.get(&place).or_else(|| self.base.get(&place)) {
            Some(Some(value)) => layout::unseal(key, value).map(Some),
            Some(None) => Ok(None),
            None => self.engine.read(key),
        }
    }

    /// Returns the keys that begin with `prefix`, as they will be, in order.
    pub(super) fn keys_under(&self, tree: Tree, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = BTreeSet::new();
        self.engine.scan(tree, Range::under(prefix), |key, _| {
            keys.insert(key.to_vec());
            Ok(true)
        })?;
        let from = (tree, prefix.to_vec());
        for layer in [&self.base, &self.fresh] {
            let under = layer.range(from.clone()..);
            for ((_, key), value) in
                under.take_while(|((of, key), _)| *of == tree && key.starts_with(prefix))
            {
                if value.is_some() {
                    keys.insert(key.clone());
                } else {
                    keys.remove(key);
                }
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Writes a record.
    pub(super) fn put<R: Row>(&mut self, key: &[u8], row: &R) -> Result<(), StoreError> {
        let value = layout::seal(key, row)?;
        self.fresh.insert((R::TREE, key.to_vec()), Some(value));
        Ok(())
    }

    /// Removes a record, if it is there.
    pub(super) fn remove(&mut self, tree: Tree, key: &[u8]) {
        self.fresh.insert((tree, key.to_vec()), None);
    }

    /// Notes something on a ticket; nothing if there is no such ticket.
    pub(super) fn note(
        &mut self,
        ticket: TicketNumber,
        events: &[TicketEvent],
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let key = layout::ticket_key(ticket);
        let Some(mut row) = self.get::<TicketRow>(&key)? else {
            return Ok(());
        };
        for event in events {
            self.put(
                &layout::under_ticket(ticket, row.next_event),
                &EventRow::of(event),
            )?;
            row.next_event += 1;
        }
        self.put(&key, &row)
    }

    /// Hands over all that was kept, for an engine that has no store around it yet.
    pub(super) fn into_moves(mut self) -> (Moves, HeadRow) {
        self.undo();
        (self.base, self.head)
    }

    fn is_empty(&self) -> bool {
        self.base.is_empty() && self.pile.len() == 0
    }
}

impl Engine {
    /// Reads a record.
    pub(super) fn read<R: Row>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        self.get(R::TREE, key)?
            .map(|value| layout::unseal(key, &value))
            .transpose()
    }
}

/// Changes one of the counts by `change`; saturating, as a wrong count must not stop the mail.
pub(super) fn count(counts: &mut [u64], which: u8, change: i64) {
    if let Some(n) = counts.get_mut(usize::from(which)) {
        *n = n.saturating_add_signed(change);
    }
}

/// An event of a ticket.
pub(super) fn event(at: Timestamp, kind: &str, note: String) -> TicketEvent {
    TicketEvent {
        at,
        kind: kind.to_owned(),
        note,
    }
}

impl Inner {
    /// Makes a batch visible and durable: spool, transaction, sync, witness, in this order. Costs nothing when empty.
    pub(super) fn commit(
        &self,
        writer: &mut Writer,
        mut batch: Batch<'_>,
    ) -> Result<(), StoreError> {
        batch.undo();
        if batch.is_empty() {
            return Ok(());
        }
        self.engine.sound()?;
        batch.head.generation += 1;
        let file = batch.head.next_spool;
        let mails = batch.pile.len() as u64;
        if mails > 0 {
            let written = self.spool.write(file, &batch.pile, &self.engine.syncs);
            written.map_err(|e| match e {
                SpoolError::Write(e) => StoreError::Spool(e.to_string()),
                SpoolError::Sync(e) => {
                    let why = format!("syncing the spool failed: {e}");
                    self.engine.break_with(&why)
                }
            })?;
            batch.head.next_spool += 1;
        }
        let head = batch.head;
        batch.put(layout::HEAD_KEY, &head)?;
        batch.keep();
        self.engine.apply(&batch.base)?;
        self.engine.make_durable()?;
        self.testify(&head)?;
        if mails > 0 {
            writer.live.insert(file, mails);
        }
        self.forget_spool(writer, &batch.settled);
        writer.head = head;
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        Ok(())
    }

    /// Writes the witness. After the store itself: it may lag behind, never run ahead.
    pub(super) fn testify(&self, head: &HeadRow) -> Result<(), StoreError> {
        let line = Witness::of(head).line();
        let written = self
            .engine
            .syncs
            .replace(&self.witness, 0o600, line.as_bytes());
        written.map_err(|e| {
            self.engine
                .break_with(&format!("{}: {e}", self.witness.display()))
        })
    }

    fn forget_spool(&self, writer: &mut Writer, settled: &[u64]) {
        for file in settled {
            if let Some(rest) = writer.live.get_mut(file) {
                *rest = rest.saturating_sub(1);
                if *rest == 0 {
                    writer.live.remove(file);
                    self.spool.remove(*file, &self.engine.syncs);
                }
            }
        }
    }
}

impl Witness {
    /// What a witness says of a store with that head.
    pub(super) fn of(head: &HeadRow) -> Self {
        Self {
            generation: head.generation,
            tickets: head
                .states
                .iter()
                .fold(head.gone_tickets, |sum, n| sum.saturating_add(*n)),
            ledger: head.ledger.saturating_add(head.gone_mails),
            next_ticket: head.next_ticket,
            next_outbox: head.next_outbox,
        }
    }
}
