//! Mails that end the process (out of memory, a stack too deep, a hang that the watchdog ends) must not end it for ever.
//!
//! A panic is caught where it happens. What cannot be caught is found after the fact: a start notes that it begins, and
//! strikes the note out when all mail is handled. After two starts that came to no calm, mails are taken alone and each is
//! named in the store before it is touched. One that was named twice when the process ended goes to a person unread.

use std::collections::BTreeSet;

use crate::daemon::DaemonError;
use crate::daemon::blocking;
use crate::mailbox::Listed;
use crate::store::MailRef;
use crate::store::Store;

/// Starts that came to no calm, after which mails are taken alone.
const STARTS_MAX: u32 = 2;
/// So often a mail may end the process while it is handled alone.
const ENDS_MAX: u32 = 2;

/// What one mailbox's loop knows of it.
pub(super) struct Peril {
    store: Store,
    mailbox: String,
    /// Mails are taken alone.
    alone: bool,
    /// All mail was handled since the loop began.
    over: bool,
}

impl Peril {
    pub(super) fn new(store: Store, mailbox: String) -> Self {
        Self {
            store,
            mailbox,
            alone: false,
            over: false,
        }
    }

    /// The loop begins.
    pub(super) async fn begin(&mut self) -> Result<(), DaemonError> {
        let (store, mailbox) = (self.store.clone(), self.mailbox.clone());
        let starts = blocking(move || store.peril_begins(&mailbox)).await?;
        self.alone = starts >= STARTS_MAX;
        if self.alone {
            tracing::error!(
                mailbox = self.mailbox,
                starts,
                "the daemon ended again and again before all mail was handled; mails are taken one by one, to find the one that ends it"
            );
        }
        Ok(())
    }

    /// Whether mails are taken alone.
    pub(super) fn alone(&self) -> bool {
        self.alone
    }

    /// Adds mails to those that are taken alone, when that is the time to.
    pub(super) fn suspects(&self, suspects: &mut BTreeSet<u32>, listed: &[Listed]) {
        if self.alone {
            suspects.extend(listed.iter().map(|mail| mail.uid));
        }
    }

    /// Names a mail that is about to be handled alone. Returns whether it must not be touched.
    pub(super) async fn names(&self, mail: &MailRef) -> Result<bool, DaemonError> {
        if !self.alone {
            return Ok(false);
        }
        let (store, named) = (self.store.clone(), mail.clone());
        let ends = blocking(move || store.peril_suspect(&named)).await?;
        if ends >= ENDS_MAX {
            tracing::error!(
                mailbox = self.mailbox,
                uid = mail.uid,
                ends,
                "the daemon ended each time it handled this mail; a person gets word of it, unread"
            );
        }
        Ok(ends >= ENDS_MAX)
    }

    /// The work on the mail in hand ended. It is excused when the server or a person ended it, not the mail.
    pub(super) async fn excuse(&self, excused: bool) -> Result<(), DaemonError> {
        if !self.alone || !excused {
            return Ok(());
        }
        let (store, mailbox) = (self.store.clone(), self.mailbox.clone());
        blocking(move || store.peril_excused(&mailbox)).await
    }

    /// All mail is handled.
    pub(super) async fn over(&mut self) -> Result<(), DaemonError> {
        if self.over {
            return Ok(());
        }
        (self.over, self.alone) = (true, false);
        let (store, mailbox) = (self.store.clone(), self.mailbox.clone());
        blocking(move || store.peril_over(&mailbox)).await
    }

    /// The loop comes to an orderly end.
    pub(super) async fn end(&self) -> Result<(), DaemonError> {
        if self.over {
            return Ok(());
        }
        let (store, mailbox) = (self.store.clone(), self.mailbox.clone());
        blocking(move || store.peril_ends(&mailbox)).await
    }
}
