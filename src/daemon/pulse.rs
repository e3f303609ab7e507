//! Who is alive: every loop beats; a loop that has been silent for longer than it promised is stuck.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The beats of all loops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulses {
    loops: Arc<Mutex<Vec<Arc<Beat>>>>,
}

/// One loop's beat.
#[derive(Debug)]
struct Beat {
    name: String,
    silence_max: Duration,
    last: Mutex<Instant>,
}

/// A loop's hand on its own beat.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Beat>);

impl Pulses {
    /// Adds a loop that promises to beat at least once in `silence_max`.
    pub(crate) fn add(&self, name: &str, silence_max: Duration) -> Pulse {
        let beat = Arc::new(Beat {
            name: name.to_owned(),
            silence_max: shortened(name).unwrap_or(silence_max),
            last: Mutex::new(Instant::now()),
        });
        lock(&self.loops).push(Arc::clone(&beat));
        Pulse(beat)
    }

    /// Returns the names of the loops that have been silent for too long.
    pub(crate) fn stuck(&self) -> Vec<String> {
        let now = Instant::now();
        lock(&self.loops)
            .iter()
            .filter(|b| now.duration_since(*lock(&b.last)) > b.silence_max)
            .map(|b| b.name.clone())
            .collect()
    }
}

impl Pulse {
    /// Beats.
    pub(crate) fn beat(&self) {
        *lock(&self.0.last) = Instant::now();
    }
}

/// In a build with debug assertions, `MAILCLERK_SILENCE=NAME:SECONDS` shortens the patience with loops whose names begin
/// so: no test waits for half an hour.
fn shortened(name: &str) -> Option<Duration> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let said = std::env::var("MAILCLERK_SILENCE").ok()?;
    let (loops, seconds) = said.split_once(':')?;
    let seconds = seconds.parse().ok()?;
    name.starts_with(loops)
        .then(|| Duration::from_secs(seconds))
}

/// A panic elsewhere leaves an instant or a list of names whole, so a poisoned lock is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults: F24; holds I10.
    #[test]
    fn a_loop_that_does_not_beat_is_stuck_and_one_that_beats_is_not() {
        let pulses = Pulses::default();
        let quick = pulses.add("quick", Duration::from_hours(1));
        let _silent = pulses.add("silent", Duration::ZERO);
        quick.beat();
        while pulses.stuck().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(pulses.stuck(), ["silent"]);
    }
}
