//! One way out: its connections, the mails it has leased, and its pauses.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::delivery::Bell;
use crate::daemon::delivery::Route;
use crate::daemon::delivery::pause::Pause;
use crate::daemon::delivery::tell::log;
use crate::daemon::pulse::Pulse;
use crate::daemon::unexpected;
use crate::steps;
use crate::steps::Step;
use crate::store::outbox::Leased;
use crate::store::outbox::OutboxId;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Outcome;

/// So many mails are leased at once for each connection: a crash puts them in doubt.
const LEASE_MAX: usize = 4;
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
    pause: Pause,
    shared: Shared,
    bell: Arc<Bell>,
    patience: Duration,
    pulse: Pulse,
}

/// A connection that is back from a mail.
struct Carried<T> {
    transport: T,
    id: OutboxId,
    outcome: Outcome,
    trouble: Option<Trouble>,
    brief: String,
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
            pause: Pause::default(),
            shared,
            bell,
            patience,
            pulse,
        }
    }

    /// Runs until told to stop; then gives back what was not begun and waits for what was.
    pub(super) async fn run(mut self) -> Result<(), DaemonError> {
        while !self.shared.stop.is_cancelled() {
            if self.refill().await? {
                continue;
            }
            self.begin();
            self.turn().await?;
        }
        self.give_back("").await?;
        while let Some(ended) = self.busy.join_next().await {
            self.take(ended.map_err(|e| unexpected(&e))?).await?;
        }
        let mut all: Vec<T> = self.idle.into_iter().chain(self.spare).collect();
        join_all(all.iter_mut().map(Transport::close)).await;
        Ok(())
    }

    /// Leases more when there is nothing left to begin. Returns whether there may be more to lease at once.
    async fn refill(&mut self) -> Result<bool, DaemonError> {
        let now = self.shared.clock.now();
        self.try_spare(now);
        let limit = if self.pause.probing() {
            1
        } else {
            self.idle.len() * LEASE_MAX
        };
        if !self.queue.is_empty() || !self.may_begin(now) {
            return Ok(false);
        }
        let (store, mailbox, stop) = (
            self.shared.store.clone(),
            self.mailbox.clone(),
            self.shared.stop.clone(),
        );
        let doubt = self.shared.clock.doubt().is_some();
        let taken = blocking(move || {
            store.hold_replies(doubt || store.breaker(now)?.stand.holds());
            // Loops that were cut off must not lease any more: nobody would send it.
            if stop.is_cancelled() {
                Ok(crate::store::Taken::default())
            } else {
                store.lease(now, &mailbox, limit)
            }
        })
        .await?;
        if !taken.mails.is_empty() {
            steps::pass(Step::Leased);
        }
        for mail in &taken.parked {
            log(mail, mail.state.said());
        }
        self.queue.extend(taken.mails);
        Ok(self.queue.is_empty() && !taken.parked.is_empty())
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
        tokio::select! {
            biased;
            Some(ended) = self.busy.join_next() => self.take(ended.map_err(|e| unexpected(&e))?).await,
            () = self.shared.stop.cancelled() => Ok(()),
            () = self.bell.news.notified() => Ok(()),
            () = self.bell.now.notified() => {
                self.pause.cut_short();
                Ok(())
            }
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// How long nothing can be due; none when the outbox must be asked.
    fn rest(&self) -> Option<Duration> {
        let now = self.shared.clock.now();
        let left_s = self.pause.left_s(now);
        if left_s > 0 {
            Some(seconds(left_s))
        } else if self.may_begin(now) {
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
        let mut ends = Vec::with_capacity(back.len());
        let mut briefs = BTreeMap::new();
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
                    ends.push((id, outcome));
                    briefs.insert(id, brief);
                    continue;
                }
                Some(trouble) => closed = closed.or(Some((trouble, brief.clone()))),
                None => {}
            }
            self.idle.push(transport);
            ends.push((id, outcome));
            briefs.insert(id, brief);
        }
        if let Some((trouble, why)) = closed {
            self.close(trouble, &why).await?;
        }
        self.begin();
        settle(&self.shared, ends, &briefs).await
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
        self.give_back(&format!("not tried: {why}")).await
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

async fn settle(
    shared: &Shared,
    ends: Vec<(OutboxId, Outcome)>,
    briefs: &BTreeMap<OutboxId, String>,
) -> Result<(), DaemonError> {
    let (store, now) = (shared.store.clone(), shared.clock.now());
    for mail in blocking(move || store.settle(&ends, now)).await? {
        log(&mail, briefs.get(&mail.id).map_or("", String::as_str));
    }
    steps::pass(Step::Settled);
    Ok(())
}

/// Sends one mail. After a stop it has `patience` to come to an end; what is known of it then is its outcome.
async fn carry<T: Transport>(
    mut transport: T,
    mail: Leased,
    stop: CancellationToken,
    patience: Duration,
) -> Carried<T> {
    let parcel = Parcel {
        envelope_from: mail.envelope_from,
        to: mail.to,
        bytes: mail.bytes,
    };
    let cut = async {
        stop.cancelled().await;
        tokio::time::sleep(patience).await;
    };
    steps::pass(Step::Sending);
    let ended = tokio::select! {
        biased;
        // A panic over one mail must not stop the others; the panic hook has logged its place.
        ended = AssertUnwindSafe(transport.send(&parcel)).catch_unwind() => ended.ok(),
        () = cut => None,
    };
    let outcome = ended.unwrap_or_else(|| transport.abandon());
    steps::pass(Step::Answered);
    let (trouble, brief) = (transport.trouble(), transport.brief().to_owned());
    Carried {
        transport,
        id: mail.id,
        outcome,
        trouble,
        brief,
    }
}
