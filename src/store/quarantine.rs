//! Mails held for an operator: kept whole until a person releases or drops them.
//!
//! ```text
//!            hold                 release                 settle_release
//!  (taken) --------> Waiting ---------------> Released ------------------> Done
//!                       |  drop                            one commit: ledger, ticket, outbox, this record
//!                       +-----------------> Dropped
//! ```
//!
//! # Decisions
//! - A number is the mail's number in the order of the ledger when it was held: it rises and is never given twice.
//! - The octets lie in the spool, where backup, restore, verify and the start look after them. They go when the mail is
//!   decided; the record stays as long as those of settled letters do.
//! - A release is two commits, the operator's word and its outcome. Cut off between the two, the word is still there; the
//!   outcome is one transaction, so that it comes once.
//! - All mails held together have a limit of octets; of those beyond it only the beginning is kept, and the operator is
//!   told. The mail itself lies in its folder on the server.

mod reads;

pub use crate::store::quarantine::reads::HeldCounts;
pub use crate::store::quarantine::reads::HeldState;
pub use crate::store::quarantine::reads::HeldView;

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::store::Entry;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::quarantine::HeldRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::store::layout::rows;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::FilingRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::triage::plan::Step;
use crate::triage::quarantine::STAGE;

/// Octets of a mail that are kept when there is no room for all of it.
const BEGINNING_BYTES: usize = 64 * 1024;
/// Octets of a subject.
const SUBJECT_BYTES_MAX: usize = 400;
/// Octets of an operator's name.
const NAME_BYTES_MAX: usize = 100;
/// Reasons that are kept.
const REASONS_MAX: usize = 8;

/// A mail to be held, besides what its entry says.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// Its octets, as fetched.
    pub raw: &'a [u8],
    /// They are only its beginning.
    pub truncated: bool,
    /// Its subject.
    pub subject: &'a str,
}

/// What became of an operator's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It is done.
    Taken,
    /// The mail had been decided before; nothing was changed.
    Before(HeldState),
    /// There is no such mail.
    Unknown,
}

impl Store {
    /// Releases a mail: it will be handled as if it came now. The outcome is [`Group::settle_release`]'s.
    pub fn release_held(&self, number: u64, by: &str, now: Timestamp) -> Result<Word, StoreError> {
        self.decide_held(
            number,
            |by, row, _| row.state = HeldRow::Released { by, at: now.0 },
            by,
        )
    }

    /// Drops a mail: its octets go, the record of it stays for a while, and the mail itself in its folder on the server.
    pub fn drop_held(&self, number: u64, by: &str, now: Timestamp) -> Result<Word, StoreError> {
        let told = move |by: String, row: &mut QuarantineRow, batch: &mut Batch<'_>| {
            row.state = HeldRow::Dropped { by, at: now.0 };
            let place = row.place.take();
            batch.settled.extend(place.map(|place| place.file));
        };
        self.decide_held(number, told, by)
    }

    fn decide_held(
        &self,
        number: u64,
        change: impl FnOnce(String, &mut QuarantineRow, &mut Batch<'_>),
        by: &str,
    ) -> Result<Word, StoreError> {
        let inner = &self.inner;
        let mut writer = inner.writer();
        let mut batch = Batch::new(&inner.engine, writer.head);
        let key = number.to_be_bytes();
        let Some(mut row) = batch.get::<QuarantineRow>(&key)? else {
            return Ok(Word::Unknown);
        };
        if !matches!(row.state, HeldRow::Waiting) {
            return Ok(Word::Before(reads::state(&row.state)));
        }
        change(rows::cut(by, NAME_BYTES_MAX), &mut row, &mut batch);
        batch.put(&key, &row)?;
        batch.tell_ledger(&row)?;
        batch.keep();
        inner.commit(&mut writer, batch)?;
        Ok(Word::Taken)
    }

    /// Forgets records of mails that were decided before that moment, at most `limit`; returns whether there may be more.
    pub(super) fn tidy_held(
        engine: &Engine,
        batch: &mut Batch<'_>,
        before: Timestamp,
        limit: usize,
    ) -> Result<bool, StoreError> {
        let mut old = Vec::new();
        engine.scan(Tree::Quarantine, Range::under(&[]), |key, value| {
            let row = layout::unseal::<QuarantineRow>(key, value)?;
            if matches!(row.state, HeldRow::Done { at, .. } | HeldRow::Dropped { at, .. } if at < before.0) {
                old.push(key.to_vec());
            }
            Ok(old.len() < limit)
        })?;
        for key in &old {
            batch.remove(Tree::Quarantine, key);
        }
        Ok(old.len() == limit)
    }
}

impl Batch<'_> {
    /// Has the ledger's entry of a held mail say how it stands, in its last sentence.
    fn tell_ledger(&mut self, held: &QuarantineRow) -> Result<(), StoreError> {
        let Some(mut row) = self.get::<LedgerRow>(&held.mail)? else {
            return Ok(());
        };
        if matches!(&row.end, LedgerEnd::Handled { digest, .. } if *digest == held.digest) {
            row.why = rows::cut(&reads::state(&held.state).told(), rows::NOTE_BYTES_MAX);
            let row = crate::store::ledger::fitted(&held.mail, row)?;
            self.put(&held.mail, &row)?;
        }
        Ok(())
    }

    /// Removes what is kept of a held mail, by its key in the ledger, and lets its octets go.
    pub(super) fn forget_held(&mut self, engine: &Engine, mail: &[u8]) -> Result<(), StoreError> {
        let mut found = Vec::new();
        engine.scan(Tree::Quarantine, Range::under(&[]), |key, value| {
            let row = layout::unseal::<QuarantineRow>(key, value)?;
            if row.mail == mail {
                found.push((key.to_vec(), row.place.map(|place| place.file)));
            }
            Ok(true)
        })?;
        for (key, file) in found {
            // It may be on its way out in this very batch.
            if self.get::<QuarantineRow>(&key)?.is_some() {
                self.remove(Tree::Quarantine, &key);
                self.settled.extend(file);
            }
        }
        Ok(())
    }
}

impl Group<'_> {
    /// Adds a mail that is held. On an error nothing of it is added.
    pub fn hold(
        &mut self,
        entry: Entry,
        held: Holding<'_>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.kept(|group| group.enter_held(entry, held, now))
    }

    fn enter_held(
        &mut self,
        entry: Entry,
        held: Holding<'_>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let number = self.batch.head.next_arrival;
        let reasons: Vec<_> = entry
            .plan
            .because
            .iter()
            .filter(|b| b.stage == STAGE)
            .take(REASONS_MAX)
            .cloned()
            .collect();
        let mut row = QuarantineRow {
            mail: layout::mail_key(&entry.mail),
            at: now.0,
            received: entry.received.0,
            digest: entry.digest,
            sender: entry.sender.clone(),
            message_id: entry.message_id.clone(),
            subject: rows::cut(held.subject, SUBJECT_BYTES_MAX),
            because: rows::cut_reasons(&reasons),
            size: held.raw.len() as u64,
            truncated: held.truncated,
            place: None,
            state: HeldRow::Waiting,
        };
        self.enter(entry, now)?;
        let room = self.store.options.held_bytes_max;
        let before = match self.held_bytes {
            Some(bytes) => bytes,
            None => *self.held_bytes.insert(reads::bytes(&self.store.engine)?),
        };
        let used = before.saturating_add(self.batch.pile.bytes());
        let mut raw = held.raw;
        if used.saturating_add(raw.len() as u64) > room && raw.len() > BEGINNING_BYTES {
            raw = raw.get(..BEGINNING_BYTES).unwrap_or_default();
            row.truncated = true;
        }
        let file = self.batch.head.next_spool;
        row.place = Some(self.batch.pile.add(file, raw.to_vec()));
        self.batch.put(&number.to_be_bytes(), &row)?;
        Ok(())
    }

    /// Makes the outcome of a release durable, once: `AlreadyDone` when it is. The mail's final state becomes this one;
    /// its copy on the server stays where it was filed.
    pub fn settle_release(
        &mut self,
        number: u64,
        entry: Entry,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.kept(|group| group.enter_released(number, entry, now))
    }

    fn enter_released(
        &mut self,
        number: u64,
        mut entry: Entry,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let key = number.to_be_bytes();
        let Some(mut held) = self.batch.get::<QuarantineRow>(&key)? else {
            return Err(CommitError::AlreadyDone);
        };
        let HeldRow::Released { by, at } = &held.state else {
            return Err(CommitError::AlreadyDone);
        };
        let ticket = match &entry.plan.step {
            Step::Open(ticket) | Step::Update(ticket) => Some(ticket.number.0),
            Step::Record(on) => on.map(|on| on.0),
            Step::Hold => None,
        };
        held.state = HeldRow::Done {
            by: by.clone(),
            at: *at,
            ticket,
        };
        let place = held.place.take();
        self.batch.settled.extend(place.map(|place| place.file));
        self.batch.put(&key, &held)?;
        entry.digest = held.digest;
        entry.filing = Filing::Quarantine;
        let mail = held.mail.clone();
        let known = self.batch.get::<LedgerRow>(&mail)?;
        let own = |row: &LedgerRow| match &row.end {
            LedgerEnd::Handled { digest, .. } => *digest == held.digest,
            LedgerEnd::Erased { digest, .. } => *digest == Some(held.digest),
            LedgerEnd::Skipped { .. } => false,
        };
        let filing = self.batch.get::<FilingRow>(&mail)?;
        match &known {
            Some(row) if own(row) => self.batch.leave(&mail, row)?,
            None => {}
            // The server has given its UID to another mail: that one's final state is not ours to touch.
            Some(_) => return self.outcome(entry, now).map(drop),
        }
        self.enter_again(entry, now)?;
        if let Some(mut row) = self.batch.get::<DigestRow>(&held.digest)?
            && row.ticket.is_none()
        {
            // Copies of it belong to what came of it.
            row.ticket = ticket;
            self.batch.put(&held.digest, &row)?;
        }
        // What was to be done on the server for it when it was held is still to be done, and nothing else.
        match filing {
            Some(row) => self.batch.put(&mail, &row)?,
            None => self.batch.remove(Tree::Filings, &mail),
        }
        Ok(())
    }
}
