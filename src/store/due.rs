//! What waits to go, by its way out: taking it, giving it back, and when to look again.

use std::sync::atomic::Ordering;

use crate::clock::Timestamp;
use crate::store::Inner;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::rows::DueRow;
use crate::store::outbox::Leased;
use crate::store::outbox::OutboxId;
use crate::store::outbox::Settled;
use crate::store::outbox::hand_out;
use crate::store::outbox::settled;
use crate::store::outbox::shift;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Event;
use crate::triage::delivery::Purpose;

/// What one lease took from the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Mails to be sent now, oldest first.
    pub mails: Vec<Leased>,
    /// Mails that were parked instead: too late to be of use, or their bytes cannot be read.
    pub parked: Vec<Settled>,
}

impl Store {
    /// Holds automatic replies back, or no longer: while held they are neither due nor leased. Not kept on disk.
    pub fn hold_replies(&self, hold: bool) {
        self.inner.replies_held.store(hold, Ordering::SeqCst);
    }

    /// Takes mails of one mailbox that are due, at most `limit`, oldest first. They are durably leased when this returns:
    /// a crash from here on is a crash in sending. Mails of other mailboxes are not looked at.
    pub fn lease(&self, now: Timestamp, mailbox: &str, limit: usize) -> Result<Taken, StoreError> {
        let mut writer = self.inner.writer();
        let due = self.inner.due(mailbox, now, limit)?;
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let mut taken = Taken::default();
        let mut bytes = 0;
        for id in due {
            if bytes >= self.inner.options.lease_bytes_max {
                break;
            }
            let Some(row) = batch.get::<OutboxRow>(&id.0.to_be_bytes())? else {
                continue;
            };
            let (event, mail) = match self.inner.spool.read(&row.place) {
                Ok(mail) => (Event::Lease, mail),
                Err(why) => (Event::Lost(why), Vec::new()),
            };
            match shift(&mut batch, id, row, event, now)? {
                (Delivery::Leased { attempts, .. }, row) => {
                    bytes += mail.len() as u64;
                    taken.mails.push(hand_out(id, row, attempts, mail)?);
                }
                (state @ Delivery::Parked { .. }, row) => {
                    taken.parked.push(settled(id, row, state)?);
                }
                _ => {}
            }
            batch.keep();
        }
        self.inner.commit(&mut writer, batch)?;
        Ok(taken)
    }

    /// Returns when the next mail of a mailbox is due; none when nothing waits.
    pub fn next_due(&self, mailbox: &str) -> Result<Option<Timestamp>, StoreError> {
        let mut due = None;
        let range = Range::under(&layout::mailbox_key(mailbox));
        self.inner.engine.scan(Tree::Due, range, |key, _| {
            if self.inner.held(key)? {
                return Ok(true);
            }
            due = layout::due_of(key).map(|(_, at)| at);
            Ok(false)
        })?;
        Ok(due)
    }

    /// Returns the mailboxes that have mails waiting. One step for each mailbox, however many mails there are.
    pub fn senders(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let range = match names
                .last()
                .map(|name| layout::after_prefix(&layout::mailbox_key(name)))
            {
                None => Range::under(&[]),
                Some(Some(next)) => Range::under(&[]).since(next),
                Some(None) => return Ok(names),
            };
            let mut found = None;
            self.inner.engine.scan(Tree::Due, range, |key, _| {
                let (name, _) =
                    layout::due_of(key).ok_or_else(|| layout::damaged(Tree::Due, key))?;
                found = Some(name.to_owned());
                Ok(false)
            })?;
            match found {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }
}

impl Inner {
    /// Whether the mail of a key in `due` is one that is held back.
    fn held(&self, key: &[u8]) -> Result<bool, StoreError> {
        if !self.replies_held.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let Some(seq) = layout::seq_of(key) else {
            return Ok(false);
        };
        let row = self.engine.read::<OutboxRow>(&seq.to_be_bytes())?;
        let purpose = row.and_then(|row| codes::purpose_of(row.purpose));
        Ok(matches!(purpose, Some(Purpose::Reply | Purpose::Verify)))
    }

    /// Returns the mails of a mailbox that are due, oldest first.
    fn due(
        &self,
        mailbox: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxId>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let until = layout::due_key(mailbox, now.plus_s(1), 0);
        let range = Range::under(&layout::mailbox_key(mailbox)).before(until);
        self.engine.scan(Tree::Due, range, |key, value| {
            layout::unseal::<DueRow>(key, value)?;
            if self.held(key)? {
                return Ok(true);
            }
            found.extend(layout::seq_of(key).map(OutboxId));
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }
}
