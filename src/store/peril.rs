//! Which mails may end the process: what is left durable before they are thought about, for the process that follows.
//!
//! In the normal case a start costs two commits a mailbox and a mail none. Only after two starts that came to no calm are
//! mails named one by one before they are touched.

use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::layout::Tree;
use crate::store::layout::peril::PREFIX;
use crate::store::layout::peril::PerilRow;

impl Store {
    /// A mailbox's loop begins. Returns how many began before it and came neither to calm nor to an orderly end.
    pub fn peril_begins(&self, mailbox: &str) -> Result<u32, StoreError> {
        let mut before = 0;
        self.peril(mailbox, |row| {
            before = row.starts;
            row.starts = row.starts.saturating_add(1);
        })?;
        Ok(before)
    }

    /// A mail is about to be handled alone. Returns how often it was before without coming to an end.
    pub fn peril_suspect(&self, mail: &MailRef) -> Result<u32, StoreError> {
        let mut before = 0;
        self.peril(&mail.mailbox, |row| {
            before = row
                .suspect
                .filter(|(validity, uid, _)| (*validity, *uid) == (mail.uid_validity, mail.uid))
                .map_or(0, |(_, _, times)| times);
            row.suspect = Some((mail.uid_validity, mail.uid, before.saturating_add(1)));
        })?;
        Ok(before)
    }

    /// The mail being handled alone is not to blame: its server or a person ended the work on it.
    pub fn peril_excused(&self, mailbox: &str) -> Result<(), StoreError> {
        self.peril(mailbox, |row| row.suspect = None)
    }

    /// The loop comes to an orderly end.
    pub fn peril_ends(&self, mailbox: &str) -> Result<(), StoreError> {
        self.peril(mailbox, |row| {
            row.starts = row.starts.saturating_sub(1);
            row.suspect = None;
        })
    }

    /// Everything there was is handled: whatever ended earlier processes, it was none of these mails.
    pub fn peril_over(&self, mailbox: &str) -> Result<(), StoreError> {
        self.peril(mailbox, |row| *row = PerilRow::default())
    }

    fn peril(&self, mailbox: &str, change: impl FnOnce(&mut PerilRow)) -> Result<(), StoreError> {
        let key = [PREFIX, mailbox.as_bytes()].concat();
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let known = batch.get::<PerilRow>(&key)?;
        let was_there = known.is_some();
        let mut row = known.unwrap_or_default();
        change(&mut row);
        if row.starts > 0 || row.suspect.is_some() {
            batch.put(&key, &row)?;
        } else if was_there {
            batch.remove(Tree::Poison, &key);
        }
        batch.keep();
        self.inner.commit(&mut writer, batch)
    }
}
