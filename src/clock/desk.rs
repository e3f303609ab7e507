//! The desk's own time: the boot clock's pace, tied to the wall clock once a boot, deaf to its jumps.
//!
//! ```text
//!                 the same boot                      another boot
//!  mark --------> mark + what the boot clock says    wall clock, if it is not before the mark
//!  (in the store)                                    and not more than a month after it
//!
//!  wall clock near the one that is believed  -> the desk's time is led towards it, too slowly to matter
//!  wall clock elsewhere, or absurd           -> doubt; half a day steady there, and not absurd: it is believed
//! ```
//!
//! # Decisions
//! - What the boot clock measured is true: an interval never comes out shorter than it was (but for a thousandth), so
//!   nothing is answered twice or given up because a clock was set. It may come out longer: that only delays.
//! - Only the time that nothing measured (the machine was off) is taken from the wall clock.
//! - A wall clock that jumps says that one of two clocks is wrong, and we cannot know which. Until it is settled the
//!   desk is in doubt: no automatic reply leaves. It settles by itself, as nobody may be there who could.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::clock::Clock;
use crate::clock::Timestamp;

/// No wall clock shows less (2026-01-01): it was never set.
pub const EARLIEST: Timestamp = Timestamp(1_767_225_600);
/// No wall clock shows more (2100-01-01).
pub const LATEST: Timestamp = Timestamp(4_102_444_800);
/// A wall clock that is moved by no more than this, in milliseconds, is being mended.
const NEAR_MS: i64 = 15 * 60 * 1000;
/// Moved by more than this at once, in milliseconds, a wall clock was set.
const STEP_MS: i64 = 5_000;
/// Nobody leaves a desk alone for longer, in milliseconds: a wall clock that says so must stand by its word first.
const AWAY_MS: i64 = 30 * 24 * 3600 * 1000;
/// A wall clock that went steadily for so long is believed, in milliseconds.
const STEADY_MS: i64 = 12 * 3600 * 1000;
/// Led towards the wall clock by one part in so many, never more.
const LEAD: i64 = 1000;
/// Between two corrections, in milliseconds.
const PIECE_MS: i64 = 1000;

/// What a machine knows of the time.
pub trait Times: Send + Sync {
    /// Milliseconds since 1970 by the wall clock.
    fn wall_ms(&self) -> i64;
    /// Milliseconds since the machine booted, those of a suspend included.
    fn up_ms(&self) -> i64;
    /// Which boot this is; empty when unknown.
    fn boot(&self) -> String;
}

/// The machine we run on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Times for Machine {
    fn wall_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }

    fn up_ms(&self) -> i64 {
        let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        at.tv_sec
            .saturating_mul(1000)
            .saturating_add(at.tv_nsec / 1_000_000)
    }

    fn boot(&self) -> String {
        // The unit says it, as it hides most of /proc from us.
        std::env::var("MAILCLERK_BOOT").unwrap_or_else(|_| {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
            id.unwrap_or_default().replace('-', "").trim().to_owned()
        })
    }
}

/// What a process leaves behind of the time for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// The desk's time.
    pub at: Timestamp,
    /// The boot it was taken in; empty when unknown.
    pub boot: String,
    /// Milliseconds since that boot.
    pub up_ms: i64,
    /// The wall clock's time at that boot, in milliseconds, as long as it is believed.
    pub trusted_ms: Option<i64>,
}

/// The desk's clock.
pub struct DeskClock<T = Machine> {
    times: T,
    boot: String,
    hand: Mutex<Hand>,
}

/// Where the clock stands. All in milliseconds.
#[derive(Debug, Clone)]
struct Hand {
    /// The desk's time at `up`.
    desk: i64,
    up: i64,
    /// By how much the desk was ahead of a believed wall clock at `up`: it goes at half its pace until that is gone.
    ahead: i64,
    /// The wall clock's time at the boot: as it is believed, and as it was seen last.
    trusted: Option<i64>,
    epoch: i64,
    /// Since when the wall clock has not been set.
    steady: i64,
    doubt: Option<Doubt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Absurd,
    /// Before what the store knows, by seconds.
    Before(i64),
    /// Long after what the store knows, by seconds.
    LongAfter(i64),
    /// Set while we looked, by seconds.
    Set(i64),
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absurd => write!(f, "the system's clock shows no year of ours"),
            Self::Before(s) => write!(
                f,
                "the system's clock is {s} seconds before the newest time on record"
            ),
            Self::LongAfter(s) => write!(
                f,
                "the system's clock is {} days after the newest time on record",
                s / 86_400
            ),
            Self::Set(s) => write!(f, "the system's clock was set by {s:+} seconds"),
        }
    }
}

impl<T: Times> DeskClock<T> {
    /// Goes on from what an earlier process left; `newest` is the newest time on record where it left nothing.
    pub fn new(times: T, mark: Option<Mark>, newest: Option<Timestamp>) -> Self {
        let (boot, up, wall) = (times.boot(), times.up_ms(), times.wall_ms());
        let epoch = wall.saturating_sub(up);
        let mut hand = Hand {
            desk: EARLIEST.0 * 1000,
            up,
            ahead: 0,
            trusted: None,
            epoch,
            steady: up,
            doubt: None,
        };
        match mark {
            Some(mark) if !boot.is_empty() && mark.boot == boot && up >= mark.up_ms => {
                hand.desk = ms(mark.at).saturating_add(up - mark.up_ms);
                hand.trusted = mark.trusted_ms;
            }
            Some(mark) => hand.desk = ms(mark.at),
            None => match newest {
                Some(newest) => hand.desk = ms(newest),
                None if sane(wall) => (hand.desk, hand.trusted) = (wall, Some(epoch)),
                None => {}
            },
        }
        let clock = Self {
            times,
            boot,
            hand: Mutex::new(hand),
        };
        clock.look();
        clock
    }

    /// Returns what to leave for the next process.
    pub fn mark(&self) -> Mark {
        let hand = self.look();
        Mark {
            at: Timestamp(hand.desk.div_euclid(1000)),
            boot: self.boot.clone(),
            up_ms: hand.up,
            trusted_ms: hand.trusted,
        }
    }

    /// Looks at both clocks; returns where the desk's stands.
    fn look(&self) -> Hand {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: who looked first has the earlier time.
        let (up, wall) = (self.times.up_ms(), self.times.wall_ms());
        hand.turn(up, wall);
        hand.at(up)
    }
}

impl<T: Times> Clock for DeskClock<T> {
    fn now(&self) -> Timestamp {
        Timestamp(self.look().desk.div_euclid(1000))
    }

    fn date(&self) -> Timestamp {
        let hand = self.look();
        let believed = hand.doubt.is_none() && hand.trusted.is_some();
        let at = if believed {
            hand.epoch.saturating_add(hand.up)
        } else {
            hand.desk
        };
        Timestamp(at.div_euclid(1000))
    }

    fn doubt(&self) -> Option<String> {
        self.look().doubt.map(|doubt| doubt.to_string())
    }
}

impl Hand {
    /// Where it stands at `up`.
    fn at(&self, up: i64) -> Self {
        let passed = up.saturating_sub(self.up).max(0);
        let held = (passed / 2).min(self.ahead);
        Self {
            desk: self.desk.saturating_add(passed - held),
            up: up.max(self.up),
            ahead: self.ahead - held,
            ..self.clone()
        }
    }

    /// Takes a look at both clocks into account.
    fn turn(&mut self, up: i64, wall: i64) {
        let passed = up.saturating_sub(self.up);
        if passed >= PIECE_MS {
            *self = self.at(up);
        }
        let epoch = wall.saturating_sub(up);
        if epoch.saturating_sub(self.epoch).saturating_abs() > STEP_MS {
            self.steady = up;
        }
        self.epoch = epoch;
        let steady = up.saturating_sub(self.steady) >= STEADY_MS;
        if !sane(wall) {
            self.doubt = Some(Doubt::Absurd);
            return;
        }
        match self.trusted {
            Some(trusted) => {
                let set = epoch.saturating_sub(trusted);
                let believed = steady || set.saturating_abs() <= NEAR_MS;
                self.doubt = (!believed).then_some(Doubt::Set(set / 1000));
                if believed {
                    self.trusted = Some(epoch);
                }
                if believed && passed >= PIECE_MS {
                    self.lead(passed, wall);
                }
            }
            None => self.tie(up, wall, steady),
        }
    }

    /// Ties the desk's time to the wall clock for the first time since the boot.
    fn tie(&mut self, up: i64, wall: i64, steady: bool) {
        *self = self.at(up);
        let gap = wall.saturating_sub(self.desk);
        let first = self.desk < EARLIEST.0.saturating_add(AWAY_MS / 1000) * 1000;
        let doubt = if gap < -NEAR_MS {
            Some(Doubt::Before(-gap / 1000))
        } else if gap > AWAY_MS && !first {
            Some(Doubt::LongAfter(gap / 1000))
        } else {
            None
        };
        self.doubt = doubt.filter(|_| !steady);
        if self.doubt.is_none() {
            self.desk = self.desk.max(wall);
            self.trusted = Some(self.epoch);
            self.ahead = self.desk.saturating_sub(wall);
        }
    }

    /// Leads the desk's time towards a wall clock that is believed.
    fn lead(&mut self, passed: i64, wall: i64) {
        let gap = wall.saturating_sub(self.desk);
        self.desk = self.desk.saturating_add(gap.clamp(0, passed / LEAD));
        self.ahead = gap.saturating_neg().max(0);
    }
}

fn ms(at: Timestamp) -> i64 {
    at.0.saturating_mul(1000)
}

fn sane(wall_ms: i64) -> bool {
    (ms(EARLIEST)..ms(LATEST)).contains(&wall_ms)
}

#[cfg(test)]
mod tests;
