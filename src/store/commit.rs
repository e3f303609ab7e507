//! One transaction for a group of mails, durable before anything is sent or moved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::MutexGuard;

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::message::id::MessageId;
use crate::store::Entry;
use crate::store::Inner;
use crate::store::MailRef;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Writer;
use crate::store::batch::Batch;
use crate::store::batch::count;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::rows;
use crate::store::layout::rows::CursorRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::FilingRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::StateIndexRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::store::ledger;
use crate::triage::delivery::Purpose;
use crate::triage::limits::Spellings;
use crate::triage::plan::Step;
use crate::triage::roster::Roster;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// Why a mail's outcome was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// That mail has its outcome already; nothing was changed.
    #[error("this mail is in the ledger already")]
    AlreadyDone,
    /// It was thought about what is no longer so; recall and think again.
    #[error("the ticket changed meanwhile")]
    Stale,
    /// The store could not.
    #[error(transparent)]
    Storage(#[from] StoreError),
}

/// Mails being taken in together: the one writer, with everything it has added so far in view. Dropped without
/// [`Group::commit`] it leaves nothing. While it lives every other writer waits (`lease`, `settle`, another group), so
/// its holder must not call them.
pub struct Group<'a> {
    pub(super) store: &'a Inner,
    pub(super) writer: MutexGuard<'a, Writer>,
    pub(super) batch: Batch<'a>,
    /// Turns of all queues, this group's included.
    pub(super) turns: BTreeMap<String, u64>,
    /// Who counts as one writer and as one domain.
    pub(super) spellings: Arc<Spellings>,
    /// Forwards of an hour, beyond which those of the next mail leave later.
    pub(super) pace: Option<u32>,
    /// The turn taken by the mail being added.
    pub(super) turned: Option<(String, u64)>,
    /// Octets of all mails that were held when the first one of this group was.
    pub(super) held_bytes: Option<u64>,
    /// Agents' time as the config has it.
    pub(super) roster: Arc<Roster>,
}

impl Store {
    /// Becomes the writer and begins a group; waits until the one before is done.
    pub fn group(&self) -> Group<'_> {
        let writer = self.inner.writer();
        let batch = Batch::new(&self.inner.engine, writer.head);
        let turns = writer.turns.clone();
        Group {
            store: &self.inner,
            writer,
            batch,
            turns,
            spellings: Arc::default(),
            pace: None,
            turned: None,
            held_bytes: None,
            roster: self.inner.roster(),
        }
    }
}

impl Group<'_> {
    /// Returns whether that mail has its final state already (in the store, or by this group).
    pub fn knows(&self, mail: &MailRef) -> Result<bool, StoreError> {
        Ok(self
            .batch
            .get::<LedgerRow>(&layout::mail_key(mail))?
            .is_some())
    }

    /// Returns the octets of mails that this group holds for the spool.
    pub fn bytes(&self) -> u64 {
        self.batch.pile.bytes()
    }

    /// Adds a mail's whole outcome. On an error nothing of it is added.
    pub fn add(&mut self, entry: Entry, now: Timestamp) -> Result<(), CommitError> {
        self.kept(|group| group.enter(entry, now))
    }

    /// Gives a mail its final state without having looked at it: too old, vanished, too large. It stays where it is.
    /// Changes nothing if it has one.
    pub fn skip(&mut self, mail: &MailRef, why: &str, now: Timestamp) -> Result<(), StoreError> {
        self.skip_received(mail, None, why, now)
    }

    /// As [`Group::skip`], for a mail of which the server has said when it got it.
    pub fn skip_received(
        &mut self,
        mail: &MailRef,
        received: Option<Timestamp>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = layout::mail_key(mail);
        if self.batch.get::<LedgerRow>(&key)?.is_some() {
            return Ok(());
        }
        let why = rows::cut(why, rows::NOTE_BYTES_MAX);
        self.kept(|group| {
            group.close(
                &key,
                LedgerRow {
                    at: now.0,
                    seq: None,
                    end: LedgerEnd::Skipped {
                        received: received.map(|at| at.0),
                    },
                    why,
                },
                Filing::Keep,
            )
        })
    }

    /// Says how far a mailbox has been read; what is old there stays as it was said.
    pub fn cursor(&mut self, mailbox: &str, cursor: Cursor) -> Result<(), StoreError> {
        let gate = self.batch.get::<CursorRow>(mailbox.as_bytes())?;
        let row = CursorRow::of(cursor, gate.and_then(|row| row.gate()));
        self.kept(|group| group.batch.put(mailbox.as_bytes(), &row))
    }

    /// Begins a mailbox anew: everything in it is looked at, and what lies behind the gate is old. Mails that were to
    /// be filed away there, or that others had claimed, are forgotten, as their UIDs mean nothing any more.
    pub fn begin(&mut self, mailbox: &str, cursor: Cursor, gate: Gate) -> Result<(), StoreError> {
        let mut due = Vec::new();
        for tree in [Tree::Filings, Tree::Waiting] {
            let range = Range::under(&layout::mailbox_key(mailbox));
            self.store.engine.scan(tree, range, |key, _| {
                due.push((tree, key.to_vec()));
                Ok(true)
            })?;
        }
        self.kept(|group| {
            for (tree, key) in &due {
                group.batch.remove(*tree, key);
            }
            let row = CursorRow::of(cursor, Some(gate));
            group.batch.put(mailbox.as_bytes(), &row)
        })
    }

    /// Returns the digest of the mail that has its final state under this UID; none when it has none, or was skipped.
    pub fn digest_of(&self, mail: &MailRef) -> Result<Option<[u8; 32]>, StoreError> {
        let row = self.batch.get::<LedgerRow>(&layout::mail_key(mail))?;
        Ok(row.and_then(|row| match row.end {
            LedgerEnd::Handled { digest, .. } => Some(digest),
            LedgerEnd::Erased { digest, .. } => digest,
            LedgerEnd::Skipped { .. } => None,
        }))
    }

    /// Forgets a mail's final state, because the server has given its UID to another mail.
    pub fn forget(&mut self, mail: &MailRef) -> Result<(), StoreError> {
        let key = layout::mail_key(mail);
        let Some(row) = self.batch.get::<LedgerRow>(&key)? else {
            return Ok(());
        };
        self.kept(|group| {
            group.batch.remove(Tree::Filings, &key);
            group.batch.leave(&key, &row)
        })
    }

    /// Makes everything added durable. Only after this may anything be sent or moved. An empty group is free.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self {
            store,
            mut writer,
            batch,
            turns,
            ..
        } = self;
        store.commit(&mut writer, batch)?;
        writer.turns = turns;
        Ok(())
    }

    pub(super) fn kept<E>(
        &mut self,
        made: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let done = made(self);
        let turned = self.turned.take();
        match &done {
            Ok(()) => {
                self.batch.keep();
                self.turns.extend(turned);
            }
            Err(_) => self.batch.undo(),
        }
        done
    }

    pub(super) fn enter(&mut self, entry: Entry, now: Timestamp) -> Result<(), CommitError> {
        let key = layout::mail_key(&entry.mail);
        if self.batch.get::<LedgerRow>(&key)?.is_some() {
            return Err(CommitError::AlreadyDone);
        }
        let copy = self.batch.get::<DigestRow>(&entry.digest)?.is_some();
        // No second reply to one mail, though it came twice: it was thought about before its first copy was known.
        let once =
            |o: &Outgoing| matches!(o.purpose, Purpose::Reply | Purpose::Relay | Purpose::Verify);
        if copy && entry.outgoing.iter().any(once) {
            return Err(CommitError::Stale);
        }
        self.enter_again(entry, now)
    }

    /// Writes a mail's outcome as its final state.
    pub(super) fn enter_again(&mut self, entry: Entry, now: Timestamp) -> Result<(), CommitError> {
        let key = layout::mail_key(&entry.mail);
        let (digest, filing) = (entry.digest, entry.filing);
        let (ticket, row) = self.outcome(entry, now)?;
        self.batch.sighted(&digest, &key, ticket.map(|t| t.0))?;
        self.close(&key, ledger::fitted(&key, row)?, filing)?;
        Ok(())
    }

    /// Does all that follows from a mail but its final state, which is returned.
    pub(super) fn outcome(
        &mut self,
        entry: Entry,
        now: Timestamp,
    ) -> Result<(Option<TicketNumber>, LedgerRow), CommitError> {
        let why = ledger::reason(&entry);
        self.batch.tally_plan(&entry.plan, now)?;
        let ticket = self.take_step(entry.plan.step.clone())?;
        if let Some(ticket) = ticket {
            self.batch.note(ticket, &entry.events)?;
            if let Some(id) = &entry.message_id {
                self.remember(id, entry.plan.beside.via.unwrap_or(ticket))?;
            }
            self.put_beside(ticket, &entry.plan.beside, entry.sender.as_ref(), now)?;
        }
        let end = LedgerEnd::Handled {
            disposition: codes::disposition_code(entry.plan.disposition),
            screening: entry.plan.screening.to_owned(),
            ticket: ticket.map(|t| t.0),
            digest: entry.digest,
            sender: entry.sender.clone(),
            received: entry.received.0,
            filing: codes::filing_code(entry.filing),
            letters: u32::try_from(entry.outgoing.len()).unwrap_or(u32::MAX),
            first_letter: Some(self.batch.head.next_outbox),
            message_id: entry.message_id,
            intents: rows::cut_intents(&entry.plan.intents),
            language: rows::cut(&entry.plan.language, 20),
            because: rows::cut_reasons(&entry.plan.because),
        };
        let sender = entry.sender.as_ref();
        self.dispatch(entry.outgoing, sender, ticket, &entry.plan.deeds, now)?;
        let row = LedgerRow {
            at: now.0,
            // The longest, so that the row fits whatever its number.
            seq: Some(u64::MAX),
            end,
            why,
        };
        Ok((ticket, row))
    }

    /// Writes a mail's final state.
    fn close(&mut self, key: &[u8], row: LedgerRow, filing: Filing) -> Result<(), StoreError> {
        self.batch.enter(key, row)?;
        self.batch
            .put(key, &FilingRow(codes::filing_code(filing)))?;
        self.batch.remove(Tree::Poison, key);
        self.batch.remove(Tree::Waiting, key);
        Ok(())
    }

    pub(super) fn take_step(&mut self, step: Step) -> Result<Option<TicketNumber>, CommitError> {
        match step {
            Step::Open(ticket) => {
                if ticket.number.0 != self.fresh() {
                    return Err(CommitError::Stale);
                }
                self.batch.head.next_ticket = ticket.number.0.saturating_add(1);
                self.store_ticket(&ticket, None, 0)?;
                Ok(Some(ticket.number))
            }
            Step::Update(mut ticket) => {
                let key = layout::ticket_key(ticket.number);
                let row = self
                    .batch
                    .get::<TicketRow>(&key)?
                    .ok_or(CommitError::Stale)?;
                let next_event = row.next_event;
                let before = row.ticket(ticket.number);
                if before.version != ticket.version {
                    return Err(CommitError::Stale);
                }
                ticket.version += 1;
                self.store_ticket(&ticket, Some(&before), next_event)?;
                Ok(Some(ticket.number))
            }
            Step::Record(None) | Step::Hold => Ok(None),
            Step::Record(Some(number)) => {
                let known = self.batch.get::<TicketRow>(&layout::ticket_key(number))?;
                known.map(|_| Some(number)).ok_or(CommitError::Stale)
            }
        }
    }

    /// Returns the number that the next ticket gets; numbers begin at 1.
    pub(super) fn fresh(&self) -> u64 {
        self.batch.head.next_ticket.max(1)
    }

    pub(super) fn store_ticket(
        &mut self,
        ticket: &Ticket,
        before: Option<&Ticket>,
        next_event: u64,
    ) -> Result<(), StoreError> {
        let key = layout::ticket_key(ticket.number);
        self.batch.put(&key, &TicketRow::of(ticket, next_event))?;
        let changed = before.map(|before| before.updated);
        self.batch.updated(ticket.number, changed, ticket.updated)?;
        self.batch.follow(before, ticket, &self.roster)?;
        let moved = before.is_some_and(|before| before.queue != ticket.queue);
        let before = before.map(|before| &before.state);
        let state = rows::state_code(&ticket.state);
        let old = before.map(rows::state_code);
        if old != Some(state) {
            if let Some(old) = old {
                self.batch
                    .remove(Tree::States, &layout::state_key(old, ticket.number));
                count(&mut self.batch.head.states, old, -1);
            }
            self.batch
                .put(&layout::state_key(state, ticket.number), &StateIndexRow)?;
            count(&mut self.batch.head.states, state, 1);
        }
        // A case that reaches an agent for the first time takes a turn of its queue, at once or after an answer; so does one
        // that comes from another queue.
        let first = moved || matches!(before, None | Some(TicketState::Answered { .. }));
        match &ticket.queue {
            Some(queue) if first && matches!(ticket.state, TicketState::WithAgent { .. }) => {
                self.turn(queue)
            }
            _ => Ok(()),
        }
    }

    /// Notes a foreign Message-ID. The first ticket keeps it: a stranger who repeats an id takes nothing over.
    fn remember(&mut self, id: &MessageId, ticket: TicketNumber) -> Result<(), StoreError> {
        let key = layout::id_key(id);
        if self.batch.get::<ThreadRow>(&key)?.is_some() {
            return Ok(());
        }
        self.batch.tie(
            &key,
            &ThreadRow {
                ticket: ticket.0,
                ours: None,
            },
        )
    }
}
