//! A group's way from bytes to a durable commit; runs where it may block.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::daemon::Shared;
use crate::daemon::letters;
use crate::mailbox::Fetched;
use crate::mailbox::Listed;
use crate::mailbox::resume::Cursor;
use crate::store::CommitError;
use crate::store::Entry;
use crate::store::Group;
use crate::store::MailRef;
use crate::store::StoreError;
use crate::triage::Office;
use crate::triage::desk::Rules;

/// A group of mails, fetched.
pub(super) struct Work {
    pub(super) mailbox: String,
    pub(super) uid_validity: u32,
    /// Every UID up to this one has its final state with this group.
    pub(super) last_uid: u32,
    pub(super) wanted: Vec<Listed>,
    /// UIDs that are not looked at, and why.
    pub(super) skipped: Vec<(u32, &'static str)>,
    pub(super) fetched: Vec<Fetched>,
    pub(super) rules: Arc<Rules>,
    pub(super) office: Arc<Office>,
}

impl Work {
    fn mail(&self, uid: u32) -> MailRef {
        MailRef {
            mailbox: self.mailbox.clone(),
            uid_validity: self.uid_validity,
            uid,
        }
    }

    /// Thinks about every mail and commits the group; returns how many mails wait to go because of it.
    pub(super) fn commit(&self, shared: &Shared) -> Result<usize, StoreError> {
        let (now, date) = (shared.clock.now(), shared.clock.date());
        let readings: Vec<letters::Read> = self.fetched.iter().map(|f| self.read(f)).collect();
        let mut told = Vec::new();
        let mut group = shared.store.group();
        for (uid, why) in &self.skipped {
            group.skip(&self.mail(*uid), why, now)?;
        }
        for listed in &self.wanted {
            if !self.fetched.iter().any(|f| f.uid == listed.uid) {
                group.skip(
                    &self.mail(listed.uid),
                    "was gone before it could be fetched",
                    now,
                )?;
            }
        }
        let mut sent = 0;
        for (read, fetched) in readings.iter().zip(&self.fetched) {
            let Some(entry) = self.decide(&mut group, read, fetched, (now, date))? else {
                continue;
            };
            let (letters, line) = (entry.outgoing.len(), letters::line(&entry));
            match group.add(entry, now) {
                Ok(()) => {
                    sent += letters;
                    told.push(line);
                }
                Err(CommitError::AlreadyDone) => {}
                // Within a group everything is decided on the newest state, so this is a fault of ours: nothing of
                // the group is kept, and the mails are still in the mailbox.
                Err(CommitError::Stale) => {
                    return Err(StoreError::Broken(
                        "a mail was decided on an old state".to_owned(),
                    ));
                }
                Err(CommitError::Storage(error)) => return Err(error),
            }
        }
        group.cursor(
            &self.mailbox,
            Cursor {
                uid_validity: self.uid_validity,
                uid: self.last_uid,
            },
        )?;
        group.commit()?;
        // Only what is durable is told.
        for line in told {
            line.log();
        }
        Ok(sent)
    }

    /// Reads a mail. One that the server does not give has no words to tell it by: it is known by its place.
    fn read(&self, fetched: &Fetched) -> letters::Read {
        let mut read = letters::read(fetched, &self.rules, &self.office);
        if fetched.raw.is_empty() {
            let place = format!("{}\n{}\n{}", self.mailbox, self.uid_validity, fetched.uid);
            if let Ok(digest) = digest(&SHA256, place.as_bytes()).as_ref().try_into() {
                read.reading.message.digest = digest;
            }
        }
        read
    }

    /// Decides one mail on what the store knows; none when it has its final state already.
    fn decide(
        &self,
        group: &mut Group<'_>,
        read: &letters::Read,
        fetched: &Fetched,
        (now, date): (Timestamp, Timestamp),
    ) -> Result<Option<Entry>, StoreError> {
        let mail = self.mail(read.uid);
        let digest = read.reading.message.digest;
        if group.knows(&mail)? {
            match group.digest_of(&mail)? {
                // After a failover or a restored backup a server gives old UIDs to new mails.
                Some(known) if known != digest => group.forget(&mail)?,
                _ => return Ok(None),
            }
        }
        let received = self
            .wanted
            .iter()
            .find(|l| l.uid == read.uid)
            .and_then(|l| l.received)
            .unwrap_or(now);
        let entry = |read: &letters::Read, group: &Group<'_>| {
            let clues = &read.reading.clues;
            let case = group.recall(&read.reading.message.digest, clues, read.sender(), now)?;
            let mail = self.mail(read.uid);
            Ok(letters::entry(
                mail,
                read,
                &case,
                &self.rules,
                &self.office,
                letters::Times {
                    received,
                    now,
                    date,
                },
            ))
        };
        // A panic while deciding is the mail's flaw: it goes to a person unread, the next one flows.
        let decided = catch_unwind(AssertUnwindSafe(|| entry(read, group))).unwrap_or_else(|_| {
            tracing::error!(
                mailbox = self.mailbox,
                uid = read.uid,
                "deciding the mail panicked; a person gets it unread"
            );
            let unread = letters::unread(fetched, &self.rules, &self.office);
            catch_unwind(AssertUnwindSafe(|| entry(&unread, group))).unwrap_or_else(|_| {
                // Not even its octets may be touched: the agent is told where it lies.
                let nothing = Fetched {
                    uid: fetched.uid,
                    raw: Vec::new(),
                    truncated: true,
                };
                entry(&self.read(&nothing), group)
            })
        });
        decided.map(Some)
    }
}
