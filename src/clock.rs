//! The one place that reads the time.
//!
//! # Decisions
//! - The desk has a time of its own ([`desk::DeskClock`]): it runs as the machine's boot clock does, through suspends
//!   and from one process to the next, and no jump of the wall clock moves it. All that is kept and counted (budgets,
//!   retries, ages) is kept and counted in it.
//! - The wall clock says the date that a letter carries, and the time that passed while the machine was off.

pub mod desk;

use serde::Deserialize;
use serde::Serialize;

/// A moment, in whole seconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the moment `seconds` later (earlier when negative), saturating.
    #[must_use]
    pub fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns how many seconds lie between `earlier` and this moment; negative when it is later.
    pub fn since_s(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What tells the time: the desk's clock in the daemon, a settable one in tests.
pub trait Clock: Send + Sync {
    /// Returns the present time, by which everything is kept and counted. In the daemon it never goes back or jumps.
    fn now(&self) -> Timestamp;

    /// Returns the date for the eyes of others: the wall clock's, where that is to be believed.
    fn date(&self) -> Timestamp {
        self.now()
    }

    /// Returns why the time is in doubt, as a sentence; then no automatic reply may leave.
    fn doubt(&self) -> Option<String> {
        None
    }
}

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_second())
    }
}
