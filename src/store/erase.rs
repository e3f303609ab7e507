//! Erasing: one ticket because its person asks for it, and everything that has become too old.
//!
//! # Decisions
//! - A mail that lies in the mailbox is never handled a second time because its record is gone. Erasing a ticket leaves
//!   of each mail its place, its digest and its times; what has become old goes whole, and the horizon says up to when:
//!   a look at everything (new UIDVALIDITY) holds back what was received before it.
//! - A mail goes with its ticket, however old it is; a mail without one by its own age.
//! - Ages are taken from the desk's clock: a wall clock that jumps ahead erases nothing.
//! - A ticket's own record goes last: cut off at any moment, erasing it once more finds the rest.

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::store::Inner;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::acts;
use crate::store::batch::Batch;
use crate::store::batch::count;
use crate::store::dead;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::finds;
use crate::store::layout::head::HorizonRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::rows;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::store::merge;
use crate::store::outbox;
use crate::store::outbox::OutboxId;
use crate::store::views::Stage;
use crate::triage::ticket::TicketNumber;

/// How erasing a ticket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// It is gone.
    Done(Erased),
    /// There is no such ticket.
    Unknown,
    /// Nothing was erased: these mails of it wait, are being sent, or are parked.
    Unsettled(Vec<(OutboxId, Stage)>),
}

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Tickets.
    pub tickets: u64,
    /// Entries of the ledger that lost what they said, or are gone.
    pub mails: u64,
    /// Records of mails sent or given up.
    pub letters: u64,
    /// Events.
    pub events: u64,
}

/// Where a look for what is old goes on. Not durable: a new start begins at the beginning.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    tickets: Vec<u8>,
    arrivals: Vec<u8>,
}

/// What is being erased by one commit.
struct Wipe<'a, 'b> {
    engine: &'a Engine,
    batch: &'b mut Batch<'a>,
    /// Records that may still be looked at.
    room: usize,
    /// What is older goes whole; none: nothing does.
    cutoff: Option<Timestamp>,
    horizon: Option<Timestamp>,
    erased: Erased,
}

impl Store {
    /// Erases a ticket: its events, its mails' words and people, its letters' records, the ids that lead to it. What was
    /// sent stays in the counts, and in the budgets of those who got it until they run out.
    pub fn erase(&self, number: TicketNumber) -> Result<Erasure, StoreError> {
        let inner = &self.inner;
        let mut writer = inner.writer();
        let key = layout::ticket_key(number);
        if inner.engine.read::<TicketRow>(&key)?.is_none() {
            return Ok(Erasure::Unknown);
        }
        // What is merged into it is the same case; the ticket itself goes last.
        let mut all = self.parts_of_all(number)?;
        all.push(number);
        let mut unsettled = Vec::new();
        for part in &all {
            unsettled.extend(inner.unsettled(*part)?);
        }
        if !unsettled.is_empty() {
            return Ok(Erasure::Unsettled(unsettled));
        }
        let mut erased = Erased::default();
        for part in all {
            loop {
                let mut batch = Batch::new(&inner.engine, writer.head);
                let mut wipe = Wipe::new(inner, &mut batch, None);
                let done = wipe.ticket(part)?;
                erased.add(wipe.erased);
                batch.keep();
                inner.commit(&mut writer, batch)?;
                if done {
                    break;
                }
            }
        }
        Ok(Erasure::Done(erased))
    }

    /// Erases tickets that did not change for `keep_s` seconds, and mails without a ticket that are as old. Does a bounded
    /// piece of work; returns what it erased, and whether there is more. `now` is the desk's time.
    pub fn retain(&self, keep_s: i64, now: Timestamp) -> Result<(Erased, bool), StoreError> {
        let inner = &self.inner;
        let mut writer = inner.writer();
        let cutoff = now.plus_s(-keep_s.max(0));
        let mut sweep = std::mem::take(&mut writer.sweep);
        let mut batch = Batch::new(&inner.engine, writer.head);
        let mut wipe = Wipe::new(inner, &mut batch, Some(cutoff));
        let more = wipe.old_tickets(inner, &mut sweep)? | wipe.old_mails(&mut sweep, now)?;
        wipe.remember_horizon()?;
        let erased = wipe.erased;
        batch.keep();
        inner.commit(&mut writer, batch)?;
        writer.sweep = sweep;
        Ok((erased, more))
    }
}

impl Inner {
    /// Returns the mails of a ticket that may still be sent.
    fn unsettled(&self, number: TicketNumber) -> Result<Vec<(OutboxId, Stage)>, StoreError> {
        let mut letters = Vec::new();
        let range = Range::under(&layout::ticket_key(number));
        self.engine.scan(Tree::Letters, range, |key, _| {
            letters.extend(layout::seq_of(key));
            Ok(true)
        })?;
        let mut unsettled = Vec::new();
        for id in letters {
            if let Some(row) = self.engine.read::<OutboxRow>(&id.to_be_bytes())? {
                let (stage, _) = Stage::of(&row.state.delivery());
                if !matches!(stage, Stage::Sent | Stage::Dropped) {
                    unsettled.push((OutboxId(id), stage));
                }
            }
        }
        Ok(unsettled)
    }
}

impl<'a, 'b> Wipe<'a, 'b> {
    fn new(inner: &'a Inner, batch: &'b mut Batch<'a>, cutoff: Option<Timestamp>) -> Self {
        Self {
            engine: &inner.engine,
            batch,
            room: inner.options.piece.max(1),
            cutoff,
            horizon: None,
            erased: Erased::default(),
        }
    }

    /// Takes keys of a range, as many as there is room for.
    fn keys(&mut self, tree: Tree, range: Range) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = Vec::new();
        if self.room == 0 {
            return Ok(keys);
        }
        let room = self.room;
        self.engine.scan(tree, range, |key, value| {
            layout::checked(tree, key, value)?;
            keys.push(key.to_vec());
            Ok(keys.len() < room)
        })?;
        self.room -= keys.len();
        Ok(keys)
    }

    /// Erases a ticket; returns whether it is gone. Not twice in one commit: it looks at what is committed.
    fn ticket(&mut self, number: TicketNumber) -> Result<bool, StoreError> {
        let key = layout::ticket_key(number);
        for letter in self.keys(Tree::Letters, Range::under(&key))? {
            self.batch.remove(Tree::Letters, &letter);
            if let Some(id) = layout::seq_of(&letter) {
                outbox::forget(self.batch, OutboxId(id))?;
            }
            self.erased.letters += 1;
        }
        for pointer in self.keys(Tree::Finds, Range::under(&finds::threads_of(number)))? {
            let thread = finds::thread_key_of(&pointer).unwrap_or_default();
            let row = self.batch.get::<ThreadRow>(thread)?;
            if row.is_some_and(|row| row.ticket == number.0) {
                self.batch.remove(Tree::Threads, thread);
            }
            self.batch.unpoint(&pointer)?;
        }
        for pointer in self.keys(Tree::Finds, Range::under(&finds::of_ticket(number)))? {
            self.mail_at(&pointer)?;
            self.batch.unpoint(&pointer)?;
        }
        for event in self.keys(Tree::Events, Range::under(&key))? {
            self.batch.remove(Tree::Events, &event);
            self.erased.events += 1;
        }
        for record in self.keys(Tree::Addresses, Range::under(&key))? {
            self.batch.remove(Tree::Addresses, &record);
        }
        if self.room == 0 {
            return Ok(false);
        }
        let Some(row) = self.batch.get::<TicketRow>(&key)? else {
            return Ok(true);
        };
        let ticket = row.ticket(number);
        let state = rows::state_code(&ticket.state);
        dead::erase(self.batch, &ticket.participants)?;
        self.batch.forget_duties(&ticket)?;
        acts::erase(self.batch, number)?;
        merge::forget(self.engine, self.batch, number)?;
        self.batch.remove(Tree::Tickets, &key);
        self.batch
            .remove(Tree::States, &layout::state_key(state, number));
        self.batch
            .unpoint(&finds::updated(ticket.updated, number))?;
        count(&mut self.batch.head.states, state, -1);
        self.batch.head.gone_tickets += 1;
        self.erased.tickets += 1;
        Ok(true)
    }

    /// Erases the mail that an entry of `finds` points to.
    fn mail_at(&mut self, pointer: &[u8]) -> Result<(), StoreError> {
        let place = finds::place_of(pointer);
        let (_, number) = place.ok_or_else(|| layout::damaged(Tree::Finds, pointer))?;
        if let Some(ArrivalRow(key)) = self.batch.get(&number.to_be_bytes())?
            && let Some(row) = self.batch.get::<LedgerRow>(&key)?
        {
            self.mail(&key, &row)?;
        }
        Ok(())
    }

    /// Erases a mail: whole, where the horizon covers it; else all but what keeps it from being handled again.
    fn mail(&mut self, key: &[u8], row: &LedgerRow) -> Result<(), StoreError> {
        let received = finds::received(row);
        let whole = self
            .cutoff
            .is_some_and(|cutoff| Timestamp(row.at) < cutoff && received < cutoff);
        let (digest, blank) = match &row.end {
            LedgerEnd::Handled { digest, .. } => (Some(*digest), false),
            LedgerEnd::Erased { digest, .. } => (*digest, true),
            LedgerEnd::Skipped { .. } => (None, true),
        };
        if !whole && blank {
            return Ok(());
        }
        if let Some(digest) = digest {
            self.digest(&digest, key, whole)?;
        }
        self.erased.mails += 1;
        if matches!(&row.end, LedgerEnd::Handled { filing, .. } if *filing == codes::filing_code(Filing::Quarantine))
        {
            self.batch.forget_held(self.engine, key)?;
        }
        if !whole {
            return self.batch.blank(key, row);
        }
        self.horizon = self.horizon.max(Some(received.plus_s(1)));
        self.batch.leave(key, row)
    }

    /// A digest goes with the newest mail that has it; before that it forgets the ticket.
    fn digest(&mut self, digest: &[u8; 32], key: &[u8], whole: bool) -> Result<(), StoreError> {
        let Some(mut row) = self.batch.get::<DigestRow>(digest)? else {
            return Ok(());
        };
        let newest = layout::mail_of(key).is_some_and(|mail| {
            (mail.mailbox, mail.uid_validity, mail.uid)
                == (row.mailbox.clone(), row.uid_validity, row.uid)
        });
        if whole && newest {
            self.batch.remove(Tree::Digests, digest);
            return Ok(());
        }
        if row.ticket.take().is_some() {
            self.batch.put(digest, &row)?;
        }
        Ok(())
    }

    /// Erases tickets that did not change since the cutoff; returns whether there are more.
    fn old_tickets(&mut self, inner: &Inner, sweep: &mut Sweep) -> Result<bool, StoreError> {
        let until = finds::updated(self.cutoff.unwrap_or_default(), TicketNumber(0));
        while self.room > 0 {
            let mut range = Range::under(&finds::updates()).before(until.clone());
            if !sweep.tickets.is_empty() {
                range = range.past(sweep.tickets.clone());
            }
            let mut found = None;
            self.engine.scan(Tree::Finds, range, |key, value| {
                layout::checked(Tree::Finds, key, value)?;
                found = Some(key.to_vec());
                Ok(false)
            })?;
            let Some(key) = found else {
                sweep.tickets.clear();
                return Ok(false);
            };
            self.room -= 1;
            let number = layout::seq_of(&key).map(TicketNumber);
            let number = number.ok_or_else(|| layout::damaged(Tree::Finds, &key))?;
            if inner.unsettled(number)?.is_empty() && !self.ticket(number)? {
                // The rest of it in the next piece, from the same place.
                return Ok(true);
            }
            sweep.tickets = key;
        }
        Ok(true)
    }

    /// Erases mails that are as old and have no ticket; returns whether there are more.
    fn old_mails(&mut self, sweep: &mut Sweep, now: Timestamp) -> Result<bool, StoreError> {
        let cutoff = self.cutoff.unwrap_or_default();
        let mut range = Range::under(&[]);
        if !sweep.arrivals.is_empty() {
            range = range.past(sweep.arrivals.clone());
        }
        if self.room == 0 {
            return Ok(true);
        }
        for arrival in self.keys(Tree::Arrivals, range)? {
            if let Some(ArrivalRow(key)) = self.batch.get(&arrival)?
                && let Some(row) = self.batch.get::<LedgerRow>(&key)?
            {
                let at = Timestamp(row.at);
                // They come in the order of their times, but for those of a clock that ran ahead: these are passed over.
                if (cutoff..=now).contains(&at) {
                    sweep.arrivals.clear();
                    return Ok(false);
                }
                if at < cutoff && !self.has_ticket(&row)? {
                    self.mail(&key, &row)?;
                }
            }
            sweep.arrivals = arrival;
        }
        if self.room > 0 {
            sweep.arrivals.clear();
        }
        Ok(self.room == 0)
    }

    fn has_ticket(&self, row: &LedgerRow) -> Result<bool, StoreError> {
        let LedgerEnd::Handled {
            ticket: Some(number),
            ..
        } = &row.end
        else {
            return Ok(false);
        };
        let key = layout::ticket_key(TicketNumber(*number));
        Ok(self.batch.get::<TicketRow>(&key)?.is_some())
    }

    /// Says how far the past is gone, in the commit that lets it go.
    fn remember_horizon(&mut self) -> Result<(), StoreError> {
        let Some(reached) = self.horizon else {
            return Ok(());
        };
        let known = self.batch.get::<HorizonRow>(layout::HORIZON_KEY)?;
        if known.is_none_or(|known| known.0 < reached.0) {
            self.batch
                .put(layout::HORIZON_KEY, &HorizonRow(reached.0))?;
        }
        Ok(())
    }
}

impl Erased {
    fn add(&mut self, more: Self) {
        self.tickets += more.tickets;
        self.mails += more.mails;
        self.letters += more.letters;
        self.events += more.events;
    }
}
