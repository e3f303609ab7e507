//! The one place that reads the time.

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

/// What tells the time: the system's clock in the daemon, a settable one in tests.
pub trait Clock: Send + Sync {
    /// Returns the present wall-clock time.
    fn now(&self) -> Timestamp;
}

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_second())
    }
}
