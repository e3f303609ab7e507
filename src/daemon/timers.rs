//! What the clock asks for: a word to systemd, a status line, tidying.

use std::time::Duration;

use tokio::time::Instant;

use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::notify;
use crate::store::Erased;

/// How often the status line is renewed when no watchdog asks for more.
const TICK_S: u64 = 10;

/// How often the store forgets what is old.
const TIDY_S: u64 = 3_600;

/// Feeds the watchdog as long as every loop makes progress, and keeps the status line true. Tickets that did not change
/// for `keep_s` seconds are erased.
pub(super) async fn run(shared: Shared, keep_s: Option<u64>) -> Result<(), DaemonError> {
    let asked = notify::watchdog_interval().map(|i| i / 3);
    let tick = asked.map_or(Duration::from_secs(TICK_S), |i| {
        i.min(Duration::from_secs(TICK_S))
    });
    let mut tidy_at = Instant::now();
    let mut steady_at = Instant::now();
    loop {
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
        if tidy_at <= Instant::now() {
            let more = tidy(&shared, keep_s, steady_at.elapsed()).await?;
            steady_at = Instant::now();
            tidy_at = Instant::now()
                + if more {
                    Duration::ZERO
                } else {
                    Duration::from_secs(TIDY_S)
                };
        }
        let counts = shared.store.counts();
        notify::status(&format!(
            "{} tickets, {} mails waiting to go, {} parked",
            counts.tickets,
            counts.waiting + counts.leased,
            counts.parked
        ));
    }
}

/// Has the store forget what is old by the steady clock, `elapsed` after it was asked last; returns whether there is more.
async fn tidy(
    shared: &Shared,
    keep_s: Option<u64>,
    elapsed: Duration,
) -> Result<bool, DaemonError> {
    let (store, now) = (shared.store.clone(), shared.clock.now());
    blocking(move || {
        let now = store.steady(now, elapsed)?;
        let mut more = store.tidy(now)?;
        if let Some(keep_s) = keep_s {
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
