//! A group's way from bytes to a durable commit; runs where it may block.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::daemon::Shared;
use crate::daemon::letters;
use crate::daemon::limits;
use crate::daemon::thinking;
use crate::mailbox::Fetched;
use crate::mailbox::Listed;
use crate::mailbox::resume::Cursor;
use crate::store::CommitError;
use crate::store::Entry;
use crate::store::Group;
use crate::store::MailRef;
use crate::store::StoreError;
use crate::triage::Because;
use crate::triage::Office;
use crate::triage::desk::Rules;
use crate::triage::plan::Step;
use crate::triage::screen::Screening;

/// A group of mails, fetched.
pub(super) struct Work {
    pub(super) mailbox: String,
    pub(super) uid_validity: u32,
    /// Every UID up to this one has its final state with this group, or waits; none: the cursor stays.
    pub(super) last_uid: Option<u32>,
    pub(super) wanted: Vec<Listed>,
    /// Mails that are not looked at, and why.
    pub(super) skipped: Vec<(Listed, &'static str)>,
    /// UIDs that another has claimed.
    pub(super) waiting: Vec<u32>,
    /// UIDs that no machine answers, and why.
    pub(super) silent: BTreeMap<u32, Silence>,
    /// UIDs whose final state is not theirs, and is forgotten.
    pub(super) again: BTreeSet<u32>,
    pub(super) fetched: Vec<Arc<Fetched>>,
    pub(super) rules: Arc<Rules>,
    pub(super) office: Arc<Office>,
}

/// Why no machine answers a mail that it would have answered otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) rule: &'static str,
    pub(super) says: &'static str,
}

/// What came of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Mails that wait to go because of it.
    pub(super) sent: usize,
    /// Mails that somebody took away before they were handled.
    pub(super) vanished: u64,
}

/// The final state of a mail that was listed and then not there.
pub(super) const GONE: &str = "was gone before it could be fetched";

impl Work {
    fn mail(&self, uid: u32) -> MailRef {
        MailRef {
            mailbox: self.mailbox.clone(),
            uid_validity: self.uid_validity,
            uid,
        }
    }

    /// When the server got a mail.
    fn received(&self, uid: u32, now: Timestamp) -> Timestamp {
        let listed = self.wanted.iter().find(|l| l.uid == uid);
        listed.and_then(|l| l.received).unwrap_or(now)
    }

    /// Thinks about every mail and commits the group.
    pub(super) fn commit(&self, shared: &Shared) -> Result<Done, StoreError> {
        let (now, date) = (shared.clock.now(), shared.clock.date());
        let readings = self.read(&self.fetched);
        let mut told = Vec::new();
        let mut group = shared.store.group();
        group.count_by(&self.rules.spellings);
        let mut done = Done::default();
        for (listed, why) in &self.skipped {
            group.skip_received(&self.mail(listed.uid), listed.received, why, now)?;
        }
        for uid in &self.waiting {
            group.wait(&self.mail(*uid), now)?;
        }
        let given: BTreeSet<u32> = self.fetched.iter().map(|f| f.uid).collect();
        for listed in &self.wanted {
            if !given.contains(&listed.uid) {
                group.skip_received(&self.mail(listed.uid), listed.received, GONE, now)?;
                done.vanished += 1;
            } else if self.again.contains(&listed.uid) {
                group.forget(&self.mail(listed.uid))?;
            }
        }
        for (read, fetched) in readings.iter().zip(&self.fetched) {
            let Some(entry) = self.decide(&mut group, read, fetched, (now, date))? else {
                continue;
            };
            let (letters, line) = (entry.outgoing.len(), letters::line(&entry));
            let tally = limits::tally(&entry.plan, &self.rules);
            group.pace(limits::pace(&entry.plan, read, &self.rules, &self.office));
            let added = if matches!(entry.plan.step, Step::Hold) {
                group.hold(entry, read.holding(), now)
            } else {
                group.add(entry, now)
            };
            match added {
                Ok(()) => {
                    let common = limits::like(read, &self.office, self.received(read.uid, now));
                    limits::count(&mut group, read, &common, &tally, now)?;
                    done.sent += letters;
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
        if let Some(uid) = self.last_uid {
            let uid_validity = self.uid_validity;
            group.cursor(&self.mailbox, Cursor { uid_validity, uid })?;
        }
        group.commit()?;
        // Only what is durable is told.
        for line in told {
            line.log();
        }
        Ok(done)
    }

    /// Reads mails. One that the server does not give has no words to tell it by: it is known by its place.
    fn read(&self, mails: &[Arc<Fetched>]) -> Vec<letters::Read> {
        let mut readings = thinking::read(mails, &self.rules, &self.office);
        for (read, fetched) in readings.iter_mut().zip(mails) {
            if fetched.raw.is_empty() {
                let place = format!("{}\n{}\n{}", self.mailbox, self.uid_validity, fetched.uid);
                if let Ok(digest) = digest(&SHA256, place.as_bytes()).as_ref().try_into() {
                    read.reading.message.digest = digest;
                }
            }
            self.hush(read);
        }
        readings
    }

    /// Has a mail that no machine may answer go to a person, whatever else would become of it.
    fn hush(&self, read: &mut letters::Read) {
        if let Some(silence) = self.silent.get(&read.uid) {
            hush(read, *silence);
        }
    }

    /// Decides one mail on what the store knows; none when it has its final state already.
    fn decide(
        &self,
        group: &mut Group<'_>,
        read: &letters::Read,
        fetched: &Arc<Fetched>,
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
        let received = self.received(read.uid, now);
        let entry = |read: &letters::Read, group: &Group<'_>| {
            let clues = &read.reading.clues;
            let mut case = group.recall(&read.reading.message.digest, clues, read.sender(), now)?;
            let common = limits::like(read, &self.office, received);
            group.recall_limits(&mut case, &common, read.sender(), now)?;
            case.time = group.recall_time(&self.office.surroundings.agents, read.sender())?;
            group.recall_beside(&mut case, &read.named(&self.office), read.sender(), now)?;
            let mail = self.mail(read.uid);
            // A copy is filed quietly; the same mail under a new UID goes where it was to go.
            let before = group.filing_before(&mail, &read.reading.message.digest)?;
            let times = letters::Times {
                received,
                now,
                date,
            };
            let (rules, office) = (&self.rules, &self.office);
            let mut entry = letters::entry(mail, read, &case, rules, office, times);
            entry.filing = before.unwrap_or(entry.filing);
            Ok(entry)
        };
        // A panic that comes again and again is the mail's flaw: it goes to a person unread, the next one flows.
        let decide = || entry(read, group);
        let decided = letters::attempts("deciding", &self.mailbox, read.uid, decide);
        let decided = decided.unwrap_or_else(|| {
            let mut unread = letters::unread(fetched, &self.rules, &self.office);
            self.hush(&mut unread);
            catch_unwind(AssertUnwindSafe(|| entry(&unread, group))).unwrap_or_else(|_| {
                // Not even its octets may be touched: the agent is told where it lies.
                let nothing = Arc::new(Fetched {
                    uid: fetched.uid,
                    raw: Vec::new(),
                    truncated: true,
                });
                match self.read(&[nothing]).first() {
                    Some(nothing) => entry(nothing, group),
                    None => Err(StoreError::Broken("a mail was not read".to_owned())),
                }
            })
        });
        decided.map(Some)
    }
}

/// Has no machine answer a mail; a person gets it, whatever else would become of it.
pub(super) fn hush(read: &mut letters::Read, silence: Silence) {
    let because = Because {
        stage: "screen",
        rule: silence.rule.to_owned(),
        says: silence.says.to_owned(),
        matched: String::new(),
    };
    let reading = &mut read.reading;
    if let Screening::Person(person) = &reading.screening {
        let writer = Some(person.named().clone());
        reading.screening = Screening::Unsure(because.clone(), writer);
    }
    reading.signs.insert(0, because);
}
