//! One mailbox: what is new is fetched, thought about, made durable, and only then filed away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::groups::groups;
use crate::daemon::peril::Peril;
use crate::daemon::pulse::Pulse;
use crate::daemon::work::Work;
use crate::mailbox::Fetched;
use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::Woken;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::mailbox::resume::Resume;
use crate::mailbox::resume::resume;
use crate::steps;
use crate::steps::Step;
use crate::store::MailRef;
use crate::store::StoreError;
use crate::triage::Office;
use crate::triage::desk::Rules;

/// Listed at once; more only costs memory.
const LIST_MAX: usize = 1_000;
/// Pauses after lost connections grow to this many seconds.
const PAUSE_S_MAX: u64 = 300;
/// After a refused login, wait long: repeated attempts lock accounts.
const LOGIN_PAUSE_S: u64 = 900;
/// After so many tries (with growing pauses some minutes) a mail that alone cannot be fetched goes to a person unread.
const FETCH_TRIES_MAX: u32 = 8;
/// A mailbox that gives nothing for so long wants a person.
const PATIENCE_S: u64 = 900;
/// While the disk takes nothing, try again after so many seconds.
const SPOOL_PAUSE_S: u64 = 60;
/// Mails to be filed away that are looked at in one round.
const FILINGS_MAX: usize = 100_000;
/// Beyond the poll interval, the longest a loop may be silent: commands have deadlines of their own.
const SILENCE_S_MAX: u64 = 1_800;

/// What one mailbox's loop works with.
pub(super) struct IntakePart<M> {
    /// The connection.
    pub(super) mailbox: M,
    /// The desk's rules.
    pub(super) rules: Arc<Rules>,
    /// The desk in its place.
    pub(super) office: Arc<Office>,
    /// Look by ourselves at least so often, in seconds.
    pub(super) poll_s: u64,
    /// At the first start, mail older than this (seconds) is not handled.
    pub(super) first_start_age_s_max: u64,
}

/// One mailbox's loop.
pub(super) struct Intake<M> {
    part: IntakePart<M>,
    shared: Shared,
    pulse: Pulse,
    /// UIDs that are fetched one by one.
    suspects: BTreeSet<u32>,
    /// Sessions in a row that came to no good.
    failures: u32,
    /// Filings in a row on which the connection broke.
    filing_failures: u32,
    /// When all was well last.
    good: Instant,
    peril: Peril,
}

/// Why a session with the mailbox ended.
enum End {
    Stop,
    Mailbox(MailboxError),
    Daemon(DaemonError),
}

impl From<MailboxError> for End {
    fn from(error: MailboxError) -> Self {
        Self::Mailbox(error)
    }
}

impl From<DaemonError> for End {
    fn from(error: DaemonError) -> Self {
        Self::Daemon(error)
    }
}

impl<M: Mailbox> Intake<M> {
    pub(super) fn new(part: IntakePart<M>, shared: Shared) -> Self {
        let silence = Duration::from_secs(part.poll_s + SILENCE_S_MAX);
        let pulse = shared
            .pulses
            .add(&format!("intake {}", part.office.mailbox), silence);
        Self {
            peril: Peril::new(shared.store.clone(), part.office.mailbox.clone()),
            part,
            shared,
            pulse,
            suspects: BTreeSet::new(),
            failures: 0,
            filing_failures: 0,
            good: Instant::now(),
        }
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self) -> Result<(), DaemonError> {
        self.peril.begin().await?;
        loop {
            let pause_s = match self.session().await {
                Ok(()) | Err(End::Stop) => break,
                Err(End::Daemon(DaemonError::Store(StoreError::Spool(why)))) => {
                    // Nothing was recorded; the mails are still in the mailbox.
                    tracing::error!(
                        mailbox = self.part.office.mailbox,
                        again_s = SPOOL_PAUSE_S,
                        "the spool cannot be written: {why}"
                    );
                    SPOOL_PAUSE_S
                }
                Err(End::Daemon(error)) => return Err(error),
                Err(End::Mailbox(error)) => self.pause_s(&error),
            };
            self.failures = self.failures.saturating_add(1);
            self.pulse.beat();
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_secs(pause_s)) => {}
            }
        }
        self.part.mailbox.close().await;
        self.peril.end().await
    }

    fn pause_s(&self, error: &MailboxError) -> u64 {
        let mailbox = &self.part.office.mailbox;
        let growing = PAUSE_S_MAX.min(1_u64 << self.failures.min(10));
        let pause_s = match error {
            MailboxError::Lost(_) | MailboxError::Refused { .. } => growing,
            MailboxError::Login(_) => LOGIN_PAUSE_S,
            MailboxError::Unfit(_) => PAUSE_S_MAX,
        };
        let passing = matches!(error, MailboxError::Lost(_) | MailboxError::Refused { .. });
        if passing && self.good.elapsed().as_secs() < PATIENCE_S {
            tracing::warn!(mailbox, again_s = pause_s, "{error}");
        } else {
            tracing::error!(mailbox, again_s = pause_s, "no mail is read: {error}");
        }
        pause_s
    }

    /// One connection's life: catch up, then wait for news, again and again.
    async fn session(&mut self) -> Result<(), End> {
        let opened = unless(&self.shared.stop, self.part.mailbox.open()).await??;
        let (mut after, gate) = self.resume(&opened).await?;
        tracing::info!(
            mailbox = self.part.office.mailbox,
            messages = opened.exists,
            uid_validity = opened.uid_validity,
            after,
            "open"
        );
        loop {
            for note in self.part.mailbox.notes() {
                tracing::warn!(mailbox = self.part.office.mailbox, note, "the server says");
            }
            after = self.catch_up(&opened, after, gate).await?;
            self.peril.over().await?;
            self.file_away(&opened).await?;
            (self.failures, self.good) = (0, Instant::now());
            // Dropping the wait drops its connection; the mailbox opens a new one when asked.
            let woken = unless(&self.shared.stop, self.part.mailbox.wait(self.part.poll_s)).await?;
            let _: Woken = woken?;
            self.pulse.beat();
        }
    }

    /// Finds where to go on, and what is old. A look at everything is made durable before it begins.
    async fn resume(&mut self, opened: &Opened) -> Result<(u32, Option<Gate>), End> {
        let (name, store) = (self.part.office.mailbox.clone(), self.shared.store.clone());
        let (saved, gate) =
            blocking(move || Ok((store.cursor(&name)?, store.gate(&name)?))).await?;
        let since = match resume(saved, opened) {
            Resume::After(uid) => return Ok((uid, gate)),
            Resume::First => {
                let age_s = i64::try_from(self.part.first_start_age_s_max).unwrap_or(i64::MAX);
                self.shared.clock.date().plus_s(-age_s)
            }
            Resume::Rescan => {
                tracing::warn!(
                    mailbox = self.part.office.mailbox,
                    "the server gave new UIDs: everything is looked at again; known mails are recognised, old ones left alone"
                );
                gate.map_or(Timestamp::default(), |g| g.since)
            }
        };
        let cursor = Cursor {
            uid_validity: opened.uid_validity,
            uid: 0,
        };
        let gate = Gate {
            uid_validity: opened.uid_validity,
            uid_next: opened.uid_next.unwrap_or(u32::MAX),
            since,
        };
        let (name, store) = (self.part.office.mailbox.clone(), self.shared.store.clone());
        blocking(move || {
            let mut group = store.group();
            group.begin(&name, cursor, gate)?;
            group.commit()
        })
        .await?;
        Ok((0, Some(gate)))
    }

    /// Handles everything after a UID; returns the last UID seen.
    async fn catch_up(
        &mut self,
        opened: &Opened,
        mut after: u32,
        gate: Option<Gate>,
    ) -> Result<u32, End> {
        loop {
            let listed =
                unless(&self.shared.stop, self.part.mailbox.list(after, LIST_MAX)).await??;
            let Some(last) = listed.last().map(|l| l.uid) else {
                return Ok(after);
            };
            self.peril.suspects(&mut self.suspects, &listed);
            for group in groups(&listed, &self.suspects) {
                let done = self.group(opened, group, gate).await;
                let excused = matches!(done, Err(End::Mailbox(_) | End::Stop));
                self.peril.excuse(excused).await?;
                done?;
                self.pulse.beat();
                if self.shared.stop.is_cancelled() {
                    return Err(End::Stop);
                }
            }
            after = last;
        }
    }

    /// One group: fetch, think, commit, file away.
    async fn group(
        &mut self,
        opened: &Opened,
        listed: &[Listed],
        gate: Option<Gate>,
    ) -> Result<(), End> {
        let mut wanted = Vec::new();
        let mut skipped = Vec::new();
        for mail in listed {
            match gate.and_then(|g| g.holds(opened.uid_validity, mail)) {
                Some(why) => skipped.push((mail.uid, why)),
                None => wanted.push(mail.clone()),
            }
        }
        let fetched = if wanted.is_empty() {
            Vec::new()
        } else {
            self.fetch(opened, &wanted).await?
        };
        steps::pass(Step::Fetched);
        let work = Work {
            mailbox: self.part.office.mailbox.clone(),
            uid_validity: opened.uid_validity,
            last_uid: listed.last().map_or(0, |l| l.uid),
            wanted,
            skipped,
            fetched,
            rules: Arc::clone(&self.part.rules),
            office: Arc::clone(&self.part.office),
        };
        let shared = self.shared.clone();
        let sent = blocking(move || work.commit(&shared)).await?;
        steps::pass(Step::Committed);
        if sent > 0 {
            self.shared.outbox_news.notify_one();
        }
        if self.filing_failures == 0 {
            self.file_away(opened).await
        } else {
            Ok(())
        }
    }

    /// Fetches a group. When that fails, its mails are fetched one by one from then on; a mail that alone fails again and
    /// again goes to a person unread, so that it does not hold up those behind it.
    async fn fetch(&mut self, opened: &Opened, wanted: &[Listed]) -> Result<Vec<Fetched>, End> {
        let alone = match wanted {
            [one] if self.suspects.contains(&one.uid) => Some(MailRef {
                mailbox: self.part.office.mailbox.clone(),
                uid_validity: opened.uid_validity,
                uid: one.uid,
            }),
            _ => None,
        };
        if let Some(mail) = alone.clone() {
            let (store, named) = (self.shared.store.clone(), self.peril.names(&mail).await?);
            let (uid, tries) = (mail.uid, blocking(move || store.poison(&mail)).await?);
            if named || tries >= FETCH_TRIES_MAX {
                tracing::error!(
                    mailbox = self.part.office.mailbox,
                    uid,
                    tries,
                    "the server does not give this mail; a person gets word of it"
                );
                return Ok(vec![Fetched {
                    uid,
                    raw: Vec::new(),
                    truncated: true,
                }]);
            }
        }
        match unless(&self.shared.stop, self.part.mailbox.fetch(wanted)).await? {
            Ok(fetched) => Ok(fetched),
            Err(error) => {
                self.suspects.extend(wanted.iter().map(|l| l.uid));
                if let Some(mail) = alone {
                    let store = self.shared.store.clone();
                    blocking(move || store.poisoned(&mail)).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Files away what the store says is done and still lies in the folder, kind by kind, so that one folder's trouble
    /// is not the others'. Trouble does not stop the reading of mail.
    async fn file_away(&mut self, opened: &Opened) -> Result<(), End> {
        let (store, name, validity) = (
            self.shared.store.clone(),
            self.part.office.mailbox.clone(),
            opened.uid_validity,
        );
        let due = blocking(move || store.filings(&name, validity, FILINGS_MAX)).await?;
        for kind in [
            Filing::Answered,
            Filing::Forwarded,
            Filing::Quiet,
            Filing::Keep,
        ] {
            let of_kind: Vec<(u32, Filing)> =
                due.iter().filter(|(_, f)| *f == kind).copied().collect();
            for some in of_kind.chunks(LIST_MAX) {
                steps::pass(Step::Filing);
                match unless(&self.shared.stop, self.part.mailbox.file(some)).await? {
                    Ok(()) => {
                        steps::pass(Step::Filed);
                        self.filing_failures = 0;
                    }
                    Err(MailboxError::Refused { command, said }) => {
                        // Over quota, most likely. The mails stay where they are; the next round tries again.
                        tracing::error!(
                            mailbox = self.part.office.mailbox,
                            mails = of_kind.len(),
                            "cannot be filed away: the server refused {command}: {said}"
                        );
                        break;
                    }
                    Err(error) => {
                        self.filing_failures = self.filing_failures.saturating_add(1);
                        return Err(error.into());
                    }
                }
                let (store, name) = (self.shared.store.clone(), self.part.office.mailbox.clone());
                let uids: Vec<u32> = some.iter().map(|(uid, _)| *uid).collect();
                blocking(move || store.filed(&name, validity, &uids)).await?;
                steps::pass(Step::FilingKnown);
                self.pulse.beat();
            }
        }
        Ok(())
    }
}

/// Waits for a piece of work with the mailbox, unless the daemon is told to stop; dropped work drops its connection.
async fn unless<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Result<T, End> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(End::Stop),
        done = work => Ok(done),
    }
}
