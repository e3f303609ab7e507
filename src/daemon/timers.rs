//! What the clock asks for: a word to systemd, a status line, tidying, and the clock's own mark.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::clock::desk::DeskClock;
use crate::clock::desk::Times;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::breaker::Alarm;
use crate::daemon::breaker::Watch;
use crate::daemon::notify;
use crate::store::Checking;
use crate::store::Erased;
use crate::store::KeyError;
use crate::store::Store;
use crate::store::StoreError;

/// How often the status line is renewed when no watchdog asks for more.
const TICK_S: u64 = 10;

/// How often the store forgets what is old.
const TIDY_S: u64 = 3_600;

/// How often the time is left on record for the next process.
const MARK_S: u64 = 600;

/// How often a doubt about the time is told again.
const DOUBT_S: u64 = 3_600;

/// Records that are read at each tick until all were: some hundredths of a second.
const CHECKED_MAX: usize = 20_000;

/// Seconds that things are kept; none: for ever.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keep {
    /// Tickets after their last change.
    pub(super) tickets_s: Option<u64>,
    /// Keys after they were replaced.
    pub(super) keys_s: Option<u64>,
}

/// Leaves the time on record.
pub(super) async fn mark<T: Times>(
    store: &Store,
    clock: &Arc<DeskClock<T>>,
) -> Result<(), DaemonError> {
    let (store, mark) = (store.clone(), clock.mark());
    blocking(move || store.keep_time(mark)).await
}

/// Reads some of the records that the start has taken on trust, because the store was sealed; returns how far it has come.
async fn check(
    shared: &Shared,
    checking: Option<Checking>,
) -> Result<Option<Checking>, DaemonError> {
    let Some(mut checking) = checking else {
        return Ok(None);
    };
    let store = shared.store.clone();
    let (more, checking) = blocking(move || {
        let more = store.check(&mut checking, CHECKED_MAX)?;
        Ok((more, checking))
    })
    .await?;
    if !more {
        tracing::info!("every record of the store was read, and is as it was written");
    }
    Ok(more.then_some(checking))
}

/// Feeds the watchdog as long as every loop makes progress, and keeps the status line true. What is older than is to be
/// kept is erased; `alarm` is told when the breaker trips.
pub(super) async fn run<T: Times>(
    shared: Shared,
    clock: Arc<DeskClock<T>>,
    keep: Keep,
    alarm: Option<Alarm>,
) -> Result<(), DaemonError> {
    let asked = notify::watchdog_interval().map(|i| i / 3);
    let tick = asked.map_or(Duration::from_secs(TICK_S), |i| {
        i.min(Duration::from_secs(TICK_S))
    });
    let (mut tidy_at, mut mark_at) = (Instant::now(), Instant::now());
    let mut doubt = Doubt::default();
    let mut breaker = Watch::default();
    let mut checking = shared.store.unread().then(Checking::default);
    loop {
        if mark_at <= Instant::now() {
            mark(&shared.store, &clock).await?;
            mark_at = Instant::now() + Duration::from_secs(MARK_S);
        }
        doubt.tell(&shared);
        let stand = breaker.look(&shared, alarm.as_ref()).await?;
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(tick) => {}
        }
        let stuck = shared.pulses.stuck();
        if stuck.is_empty() {
            notify::alive();
        } else {
            tracing::error!(
                loops = stuck.join(","),
                "made no progress; the watchdog is not fed and will restart the daemon"
            );
            continue;
        }
        checking = check(&shared, checking).await?;
        if tidy_at <= Instant::now() {
            let more = tidy(&shared, keep).await?;
            tidy_at = Instant::now()
                + if more {
                    Duration::ZERO
                } else {
                    Duration::from_secs(TIDY_S)
                };
        }
        let counts = shared.store.counts();
        let held = if doubt.told.is_some() {
            "; replies are held, as the time is in doubt"
        } else if stand.holds() {
            "; replies are held, as the breaker is open"
        } else {
            ""
        };
        notify::status(&format!(
            "{} tickets, {} mails waiting to go, {} parked{held}",
            counts.tickets,
            counts.waiting + counts.leased,
            counts.parked
        ));
    }
}

/// What was said of the time.
#[derive(Default)]
struct Doubt {
    told: Option<Instant>,
}

impl Doubt {
    /// Says when the time comes into doubt and when it is out of it; wakes who waited for that.
    fn tell(&mut self, shared: &Shared) {
        match (shared.clock.doubt(), self.told) {
            (Some(why), told)
                if told.is_none_or(|at| at.elapsed() >= Duration::from_secs(DOUBT_S)) =>
            {
                tracing::error!(
                    why,
                    "the time is in doubt: no automatic reply leaves, forwards go on; set the system's clock right, or wait: a clock that goes on steadily for half a day is believed"
                );
                self.told = Some(Instant::now());
            }
            (None, Some(_)) => {
                tracing::warn!("the time is out of doubt; replies leave again");
                self.told = None;
                shared.outbox_news.notify_one();
            }
            _ => {}
        }
    }
}

/// Has the store forget what is old; returns whether there is more.
async fn tidy(shared: &Shared, keep: Keep) -> Result<bool, DaemonError> {
    let (store, now) = (shared.store.clone(), shared.clock.now());
    let rekeyed = Arc::clone(&shared.rekeyed);
    let in_doubt = shared.clock.doubt().is_some();
    blocking(move || {
        let mut more = store.tidy(now)?;
        if let Some(keep_s) = keep.keys_s.filter(|_| !in_doubt)
            && forget_keys(&store, keep_s, now)?
        {
            rekeyed.notify_one();
        }
        if let Some(keep_s) = keep.tickets_s {
            let keep_s = i64::try_from(keep_s).unwrap_or(i64::MAX);
            let (erased, older) = store.retain(keep_s, now)?;
            more |= older;
            if erased != Erased::default() {
                tracing::info!(
                    tickets = erased.tickets,
                    mails = erased.mails,
                    "erased for their age, as [keep] says"
                );
            }
        }
        Ok(more)
    })
    .await
}

/// Drops the keys that were replaced so long ago; returns whether there were any.
fn forget_keys(store: &Store, keep_s: u64, now: Timestamp) -> Result<bool, StoreError> {
    let until = now.plus_s(-i64::try_from(keep_s).unwrap_or(i64::MAX));
    match store.drop_keys_until(until) {
        Ok(0) => Ok(false),
        Ok(keys) => {
            tracing::info!(
                keys,
                "dropped earlier keys for their age, as [keep] keys says"
            );
            Ok(true)
        }
        Err(KeyError::Store(why)) => Err(why),
        Err(why) => {
            tracing::warn!(%why, "earlier keys that are old enough stay for now");
            Ok(false)
        }
    }
}
