//! One way out: its connections, the mails it has leased, and its pauses.

mod books;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::begun::Begun;
use crate::daemon::blocking;
use crate::daemon::delivery::Bell;
use crate::daemon::delivery::Route;
use crate::daemon::delivery::carry::Carried;
use crate::daemon::delivery::carry::carry;
use crate::daemon::delivery::lane::books::LEASE_MIN;
use crate::daemon::delivery::lane::books::Settling;
use crate::daemon::delivery::lane::books::settled;
use crate::daemon::delivery::pause::Pause;
use crate::daemon::pulse::Pulse;
use crate::daemon::unexpected;
use crate::store::Taken;
use crate::store::outbox::Leased;
use crate::store::outbox::OutboxId;
use crate::store::outbox::Settled;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Outcome;

/// Even without news or a due date the outbox is looked at so often, in seconds.
const LOOK_S: i64 = 30;
/// A connection that the server did not want beside the others is tried again after so long, in seconds.
const SPARE_S: i64 = 15 * 60;
/// One attempt may take half an hour; a loop without an end of one for longer than this is stuck.
const SILENCE_MAX: Duration = Duration::from_hours(1);

/// The loop of one way out.
pub(super) struct Lane<T> {
    mailbox: String,
    idle: Vec<T>,
    /// Connections that the server did not want beside the others.
    spare: Vec<T>,
    /// When the newest of them was put there, or one was taken back.
    spared: Timestamp,
    busy: JoinSet<Carried<T>>,
    /// Leased, and nothing begun for it.
    queue: VecDeque<Leased>,
    /// A lease that is being made durable.
    leasing: Option<Begun<Taken>>,
    /// How many mails it asks for.
    wanted: usize,
    /// How many a connection gets by one lease.
    stride: usize,
    /// When the last one was asked for.
    leased_at: Instant,
    /// It was all there.
    full: bool,
    /// Mails that went since.
    gone: usize,
    /// Nothing is due, as far as was last asked.
    quiet: bool,
    /// Ends that the store does not know yet, with the server's words for the log.
    ends: Vec<(OutboxId, Outcome, String)>,
    /// Ends that are being made durable.
    settling: Option<Settling>,
    pause: Pause,
    /// Why it pauses, or paused last, as it is noted on mails.
    closed_by: String,
    shared: Shared,
    bell: Arc<Bell>,
    patience: Duration,
    pulse: Pulse,
}

impl<T: Transport + 'static> Lane<T> {
    pub(super) fn new(
        route: Route<T>,
        shared: Shared,
        bell: Arc<Bell>,
        patience: Duration,
    ) -> Self {
        let pulse = shared
            .pulses
            .add(&format!("delivery of {}", route.mailbox), SILENCE_MAX);
        Self {
            mailbox: route.mailbox,
            idle: route.transports,
            spare: Vec::new(),
            spared: Timestamp::default(),
            busy: JoinSet::new(),
            queue: VecDeque::new(),
            leasing: None,
            wanted: 0,
            stride: LEASE_MIN,
            leased_at: Instant::now(),
            full: false,
            gone: 0,
            quiet: false,
            ends: Vec::new(),
            settling: None,
            pause: Pause::default(),
            closed_by: String::new(),
            shared,
            bell,
            patience,
            pulse,
        }
    }

    /// Runs until told to stop; then gives back what was not begun and waits for what was.
    pub(super) async fn run(mut self) -> Result<(), DaemonError> {
        while !self.shared.stop.is_cancelled() {
            self.settle()?;
            if self.lease()? {
                continue;
            }
            self.begin();
            self.turn().await?;
        }
        if let Some(leasing) = self.leasing.take() {
            self.leased(leasing.await?);
        }
        self.give_back("").await?;
        loop {
            self.settle()?;
            if let Some(Settling { begun, briefs }) = self.settling.take() {
                settled(&begun.await?, &briefs);
            } else if let Some(ended) = self.busy.join_next().await {
                self.take(ended.map_err(|e| unexpected(&e))?).await?;
            } else {
                break;
            }
        }
        let mut all: Vec<T> = self.idle.into_iter().chain(self.spare).collect();
        join_all(all.iter_mut().map(Transport::close)).await;
        Ok(())
    }

    /// Takes one spare connection back once in a while: nothing else would tell that a limit is gone.
    fn try_spare(&mut self, now: Timestamp) {
        let resting = (0..SPARE_S).contains(&now.since_s(self.spared));
        if !resting && !self.pause.probing() {
            self.idle.extend(self.spare.pop());
            self.spared = now;
        }
    }

    /// Whether a mail may be begun: no pause, and after one only one mail.
    fn may_begin(&self, now: Timestamp) -> bool {
        let trying = self.pause.probing() && !self.busy.is_empty();
        !self.idle.is_empty()
            && !trying
            && self.pause.left_s(now) == 0
            && !self.shared.stop.is_cancelled()
    }

    fn begin(&mut self) {
        let now = self.shared.clock.now();
        while self.may_begin(now) && !self.queue.is_empty() {
            if let Some((transport, mail)) = self.idle.pop().zip(self.queue.pop_front()) {
                self.busy.spawn(carry(
                    transport,
                    mail,
                    self.shared.stop.clone(),
                    self.patience,
                ));
            }
        }
    }

    /// Waits until something happens, and does what it asks for.
    async fn turn(&mut self) -> Result<(), DaemonError> {
        if self.busy.is_empty() {
            self.pulse.beat();
        }
        let wait = match self.rest() {
            Some(rest) => rest,
            None => due_in(&self.shared, &self.mailbox).await?,
        };
        let (mut leasing, mut settling) = (self.leasing.take(), self.settling.take());
        let happened = tokio::select! {
            biased;
            Some(ended) = self.busy.join_next() => Happened::Ended(ended.map_err(|e| unexpected(&e))?),
            states = end_of(settling.as_mut().map(|s| &mut s.begun)) => Happened::Settled(states?),
            taken = end_of(leasing.as_mut()) => Happened::Leased(taken?),
            () = self.shared.stop.cancelled() => Happened::Nothing,
            () = self.bell.news.notified() => Happened::Nothing,
            () = self.bell.now.notified() => Happened::CutShort,
            () = tokio::time::sleep(wait) => Happened::Nothing,
        };
        self.quiet = false;
        if !matches!(happened, Happened::Leased(_)) {
            self.leasing = leasing;
        }
        match happened {
            Happened::Settled(states) => {
                let briefs = settling.map(|s| s.briefs).unwrap_or_default();
                settled(&states, &briefs);
                return Ok(());
            }
            _ => self.settling = settling,
        }
        match happened {
            Happened::Ended(carried) => self.take(carried).await?,
            Happened::Leased(taken) => {
                self.leased(taken);
                if self.pause.left_s(self.shared.clock.now()) > 0 {
                    // The way was closed while they were leased.
                    let why = self.closed_by.clone();
                    self.give_back(&why).await?;
                }
            }
            Happened::CutShort => self.pause.cut_short(),
            Happened::Settled(_) | Happened::Nothing => {}
        }
        Ok(())
    }

    /// How long nothing can be due; none when the outbox must be asked.
    fn rest(&self) -> Option<Duration> {
        let now = self.shared.clock.now();
        let left_s = self.pause.left_s(now);
        if left_s > 0 {
            Some(seconds(left_s))
        } else if self.may_begin(now) && self.quiet {
            None
        } else {
            Some(seconds(LOOK_S))
        }
    }

    /// Takes a connection back, and those that are back as well; puts them to work again, and settles their mails.
    async fn take(&mut self, first: Carried<T>) -> Result<(), DaemonError> {
        let mut back = vec![first];
        while let Some(ended) = self.busy.try_join_next() {
            back.push(ended.map_err(|e| unexpected(&e))?);
        }
        let mut closed = None;
        for Carried {
            transport,
            id,
            outcome,
            trouble,
            brief,
        } in back
        {
            self.pulse.beat();
            self.gone += usize::from(matches!(outcome, Outcome::Accepted(_)));
            match trouble {
                // What a stop cut off says nothing of the server.
                _ if self.shared.stop.is_cancelled() => {}
                None if self.pause.left_s(self.shared.clock.now()) == 0 => self.well(),
                Some(Trouble::Unwilling) if !self.pause.probing() && !self.busy.is_empty() => {
                    let connections = self.busy.len() + self.idle.len();
                    tracing::warn!(
                        mailbox = self.mailbox,
                        connections,
                        why = brief,
                        "the server wants no more connections than these"
                    );
                    self.spare.push(transport);
                    self.spared = self.shared.clock.now();
                    self.ends.push((id, outcome, brief));
                    continue;
                }
                Some(trouble) => closed = closed.or(Some((trouble, brief.clone()))),
                None => {}
            }
            self.idle.push(transport);
            self.ends.push((id, outcome, brief));
        }
        if let Some((trouble, why)) = closed {
            self.close(trouble, &why).await?;
        }
        self.begin();
        Ok(())
    }

    /// A mail met no trouble.
    fn well(&mut self) {
        if self.pause.over() {
            self.idle.append(&mut self.spare);
            tracing::info!(mailbox = self.mailbox, "the way out is open again");
        }
    }

    /// Pauses: every other mail would fail alike.
    async fn close(&mut self, trouble: Trouble, why: &str) -> Result<(), DaemonError> {
        let now = self.shared.clock.now();
        if self.pause.left_s(now) > 0 {
            return Ok(());
        }
        self.pause.begin(trouble, now);
        let (mailbox, pause_s) = (&self.mailbox, self.pause.left_s(now));
        if self.pause.wants_a_person(trouble, now) {
            tracing::error!(
                mailbox,
                why,
                pause_s,
                "no mail of this mailbox can be sent; it is tried again after a pause, or at once after a reload or `mailclerk outbox resend`"
            );
        } else {
            tracing::warn!(
                mailbox,
                why,
                pause_s,
                "no mail of this mailbox can be sent for now; it is tried again after a pause"
            );
        }
        self.closed_by = format!("not tried: {why}");
        let why = self.closed_by.clone();
        self.give_back(&why).await
    }

    /// Gives back what was not begun.
    async fn give_back(&mut self, why: &str) -> Result<(), DaemonError> {
        let ids: Vec<OutboxId> = self.queue.drain(..).map(|mail| mail.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let (store, now, why) = (
            self.shared.store.clone(),
            self.shared.clock.now(),
            why.to_owned(),
        );
        blocking(move || store.release(&ids, &why, now)).await
    }
}

async fn due_in(shared: &Shared, mailbox: &str) -> Result<Duration, DaemonError> {
    let (store, mailbox) = (shared.store.clone(), mailbox.to_owned());
    let due = blocking(move || store.next_due(&mailbox)).await?;
    Ok(seconds(
        due.map_or(LOOK_S, |due| due.since_s(shared.clock.now())),
    ))
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.clamp(1, LOOK_S).unsigned_abs())
}

/// What a turn waited for.
enum Happened<T> {
    Ended(Carried<T>),
    Settled(Vec<Settled>),
    Leased(Taken),
    CutShort,
    Nothing,
}

/// The end of work that was begun; never, where there is none.
async fn end_of<T: Unpin>(begun: Option<&mut Begun<T>>) -> Result<T, DaemonError> {
    match begun {
        Some(begun) => begun.await,
        None => pending().await,
    }
}
