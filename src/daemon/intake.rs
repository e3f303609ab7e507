//! One mailbox: what is new is claimed, fetched, thought about, made durable, and only then filed away.

mod away;
pub(super) mod claims;
mod fetch;
mod stages;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::begun::Begun;
use crate::daemon::blocking;
use crate::daemon::groups::groups;
use crate::daemon::peril::Peril;
use crate::daemon::pulse::Pulse;
use crate::daemon::reconcile::Desk;
use crate::daemon::upkeep::Upkeep;
use crate::daemon::work::Done;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::Woken;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::mailbox::resume::Resume;
use crate::mailbox::resume::resume;
use crate::store::StoreError;
use crate::triage::Office;
use crate::triage::desk::Rules;

/// Listed at once; more only costs memory.
pub(super) const LIST_MAX: usize = 1_000;
/// Pauses after lost connections grow to this many seconds.
const PAUSE_S_MAX: u64 = 300;
/// A session that lasted so long was worth its connection. A server that hangs up right after all was read is not
/// connected every second.
const WORTH_S: u64 = 60;
/// After a refused login, wait long: repeated attempts lock accounts.
const LOGIN_PAUSE_S: u64 = 900;
/// A mailbox that gives nothing for so long wants a person.
const PATIENCE_S: u64 = 900;
/// While the disk takes nothing, try again after so many seconds.
const SPOOL_PAUSE_S: u64 = 60;
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
    /// What keeps mailbox and store together.
    pub(super) upkeep: Upkeep,
}

/// One mailbox's loop.
pub(super) struct Intake<M> {
    pub(super) part: IntakePart<M>,
    pub(super) shared: Shared,
    pub(super) pulse: Pulse,
    /// Who wants this mailbox reconciled, and what came of it.
    pub(super) desk: Arc<Desk>,
    /// UIDs that are fetched one by one.
    pub(super) suspects: BTreeSet<u32>,
    /// Sessions in a row that came to no good.
    failures: u32,
    /// Filings in a row on which the connection broke.
    filing_failures: u32,
    /// When all was well last.
    good: Instant,
    pub(super) peril: Peril,
    /// The group that is being thought about and made durable, while the next one is fetched.
    under_way: Option<Begun<Done>>,
    /// Mails that were handled and have not been filed away yet, about.
    unfiled: usize,
}

/// How mails come to be taken in.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    /// As news, in the order of their UIDs; the cursor goes along.
    News,
    /// Another had claimed them, and has let them go undone.
    Late,
    /// Another claimed them and left them lying: for a person, unanswered.
    Over,
    /// Reconciliation found them without a final state, or (those in the set) with one that is not theirs.
    Gap(BTreeSet<u32>),
}

/// Why a session with the mailbox ended.
pub(super) enum End {
    Stop,
    /// Somebody waits for this mailbox: begin again at once.
    Again,
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
        let desk = shared.reconciling.desk(&part.office.mailbox);
        Self {
            peril: Peril::new(shared.store.clone(), part.office.mailbox.clone()),
            part,
            shared,
            pulse,
            desk,
            suspects: BTreeSet::new(),
            failures: 0,
            filing_failures: 0,
            good: Instant::now(),
            under_way: None,
            unfiled: 0,
        }
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self) -> Result<(), DaemonError> {
        self.peril.begin().await?;
        loop {
            let began = Instant::now();
            let ended = self.session().await;
            // Whatever ended the session: what was being made durable then is known before anything else is begun.
            let ended = self.finish().await.map_err(End::from).and(ended);
            if began.elapsed().as_secs() >= WORTH_S {
                self.failures = 0;
            }
            let pause_s = match ended {
                Ok(()) | Err(End::Stop) => break,
                Err(End::Again) => continue,
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
            self.look_after_waiting(&opened, gate).await?;
            self.peril.over().await?;
            self.file_away(&opened).await?;
            self.good = Instant::now();
            self.reconcile_when_due(&opened, after, gate).await?;
            // Dropping the wait drops its connection; the mailbox opens a new one when asked.
            let desk = Arc::clone(&self.desk);
            let woken = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return Err(End::Stop),
                () = desk.wanted() => return Err(End::Again),
                woken = self.part.mailbox.wait(self.part.poll_s) => woken,
            };
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
                self.refuse_anothers_mailbox().await?;
                let age_s = i64::try_from(self.part.first_start_age_s_max).unwrap_or(i64::MAX);
                self.shared.clock.date().plus_s(-age_s)
            }
            Resume::Rescan => {
                tracing::warn!(
                    mailbox = self.part.office.mailbox,
                    "the server gave new UIDs: everything is looked at again; known mails are recognised, old ones left alone"
                );
                // What was erased for its age is known no more: it counts as old.
                let store = self.shared.store.clone();
                let horizon = blocking(move || store.horizon()).await?.unwrap_or_default();
                gate.map_or(Timestamp::default(), |g| g.since).max(horizon)
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
                self.finish().await?;
                return Ok(after);
            };
            self.take_in(opened, &listed, gate, &Manner::News).await?;
            after = last;
        }
    }

    /// Takes mails in, group by group.
    pub(super) async fn take_in(
        &mut self,
        opened: &Opened,
        listed: &[Listed],
        gate: Option<Gate>,
        manner: &Manner,
    ) -> Result<(), End> {
        self.peril.suspects(&mut self.suspects, listed);
        for group in groups(listed, &self.suspects) {
            let done = self.group(opened, group, gate, manner).await;
            let excused = matches!(done, Err(End::Mailbox(_) | End::Stop | End::Again));
            self.peril.excuse(excused).await?;
            done?;
            self.pulse.beat();
            if self.shared.stop.is_cancelled() {
                return Err(End::Stop);
            }
        }
        if !matches!(manner, Manner::News) {
            self.finish().await?;
        }
        Ok(())
    }
}

/// Waits for a piece of work with the mailbox, unless the daemon is told to stop; dropped work drops its connection.
pub(super) async fn unless<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, End> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(End::Stop),
        done = work => Ok(done),
    }
}
