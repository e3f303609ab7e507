//! The total breaker: when the desk says more in an hour than it may, it says nothing by itself for a while.
//!
//! ```text
//!            one reply more than the total
//!   Closed ------------------------------> Open --quiet time--> Trial --as long, not used up--> Closed
//!     ^                                     ^                     |
//!     |                                     +-- one reply too many-+   (twice as long, up to eight times)
//!     +-------- by hand --------- any <-- by hand --> ByHand (until closed by hand)
//! ```
//!
//! # Decisions
//! - Time passes by the desk's clock alone. One that nevertheless goes back begins the present span anew: it neither ends
//!   at once nor lasts for as long as the clock went back.
//! - Whoever is not answered while it is open goes to a person, and is not answered by a machine later: an answer a day
//!   late to somebody whom a person has read is noise.
//! - In a trial its own allowance counts, not the total of the hour before.

use crate::clock::Timestamp;
use crate::triage::limits::BreakerRule;

/// A quiet time is doubled no more often.
const DOUBLINGS_MAX: u32 = 3;

/// Where the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stand {
    /// Replies leave within their budgets.
    #[default]
    Closed,
    /// None leaves.
    Open,
    /// So many may leave.
    Trial(u32),
    /// None leaves until a person says so.
    ByHand,
}

impl Stand {
    /// Returns it as one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Trial(_) => "trial",
            Self::ByHand => "open-by-hand",
        }
    }

    /// Whether no reply may leave.
    pub fn holds(self) -> bool {
        matches!(self, Self::Open | Self::ByHand)
    }
}

/// The breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Where it stands.
    pub stand: Stand,
    /// Since when.
    pub since: Timestamp,
    /// Seconds that it stands there; meaningless when closed, or opened by hand.
    pub length_s: i64,
    /// The rule as of its last trip.
    pub rule: BreakerRule,
    /// Trials that failed since it tripped.
    pub failed: u32,
    /// Replies withheld since it tripped.
    pub withheld: u64,
    /// Trips, since ever.
    pub trips: u64,
}

impl Breaker {
    /// Returns where it stands after time has passed.
    #[must_use]
    pub fn turned(mut self, now: Timestamp) -> Self {
        if matches!(self.stand, Stand::Closed | Stand::ByHand) {
            return self;
        }
        if now < self.since {
            self.since = now;
        }
        if now.since_s(self.since) < self.length_s {
            return self;
        }
        match self.stand {
            Stand::Open => self.stands(Stand::Trial(self.rule.trial_replies), now, self.quiet_s()),
            _ => self.stands(Stand::Closed, now, 0),
        }
    }

    /// A reply is about to leave.
    #[must_use]
    pub fn replied(mut self) -> Self {
        if let Stand::Trial(left) = &mut self.stand {
            *left = left.saturating_sub(1);
        }
        self
    }

    /// A reply was wanted and withheld, because the total was spent or the breaker did not let it pass.
    #[must_use]
    pub fn withheld(mut self, rule: BreakerRule, now: Timestamp) -> Self {
        match self.stand {
            Stand::Closed => {
                self.rule = rule;
                self.failed = 0;
                self.withheld = 0;
                self.trips = self.trips.saturating_add(1);
                self = self.stands(Stand::Open, now, self.quiet_s());
            }
            Stand::Trial(_) => {
                self.failed = self.failed.saturating_add(1).min(DOUBLINGS_MAX);
                let length_s = self.quiet_s() << self.failed;
                self = self.stands(Stand::Open, now, length_s);
            }
            Stand::Open | Stand::ByHand => {}
        }
        self.withheld = self.withheld.saturating_add(1);
        self
    }

    /// A person opens it, until a person closes it.
    #[must_use]
    pub fn opened(mut self, now: Timestamp) -> Self {
        if self.stand == Stand::ByHand {
            return self;
        }
        if self.stand == Stand::Closed {
            self.withheld = 0;
        }
        self.stands(Stand::ByHand, now, 0)
    }

    /// A person closes it.
    #[must_use]
    pub fn closed(self, now: Timestamp) -> Self {
        if self.stand == Stand::Closed {
            return self;
        }
        self.stands(Stand::Closed, now, 0)
    }

    /// Returns when it goes on by itself; none when it does not.
    pub fn until(&self) -> Option<Timestamp> {
        let timed = matches!(self.stand, Stand::Open | Stand::Trial(_));
        timed.then(|| self.since.plus_s(self.length_s))
    }

    fn quiet_s(&self) -> i64 {
        i64::from(self.rule.quiet_minutes) * 60
    }

    fn stands(mut self, stand: Stand, now: Timestamp, length_s: i64) -> Self {
        (self.stand, self.since, self.length_s) = (stand, now, length_s);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000);
    const RULE: BreakerRule = BreakerRule {
        quiet_minutes: 60,
        trial_replies: 2,
    };

    fn tripped() -> Breaker {
        Breaker::default().withheld(RULE, NOW)
    }

    #[test]
    fn it_opens_for_the_quiet_time_then_tries_then_closes() {
        let open = tripped();
        assert_eq!((open.stand, open.trips, open.withheld), (Stand::Open, 1, 1));
        assert_eq!(open.until(), Some(NOW.plus_s(3600)));
        assert_eq!(open.turned(NOW.plus_s(3599)).stand, Stand::Open);
        let trial = open.turned(NOW.plus_s(3600));
        assert_eq!(trial.stand, Stand::Trial(2));
        let trial = trial.replied().replied().replied();
        assert_eq!(trial.stand, Stand::Trial(0));
        assert_eq!(trial.turned(NOW.plus_s(7199)).stand, Stand::Trial(0));
        assert_eq!(trial.turned(NOW.plus_s(7200)).stand, Stand::Closed);
    }

    #[test]
    fn a_trial_that_is_used_up_opens_it_for_twice_as_long_and_no_more_than_eight_times() {
        let mut breaker = tripped();
        let mut lengths = Vec::new();
        for _ in 0..6 {
            lengths.push(breaker.length_s / 3600);
            let now = breaker.since.plus_s(breaker.length_s);
            breaker = breaker.turned(now).withheld(RULE, now);
        }
        assert_eq!(lengths, [1, 2, 4, 8, 8, 8]);
        assert_eq!((breaker.trips, breaker.withheld), (1, 7));
    }

    /// Faults: F19; holds I5 I10.
    #[test]
    fn a_clock_that_jumps_back_neither_closes_it_early_nor_holds_it_for_ever() {
        let back = NOW.plus_s(-365 * 86_400);
        let open = tripped().turned(back);
        assert_eq!((open.stand, open.since), (Stand::Open, back));
        assert_eq!(open.turned(back.plus_s(3599)).stand, Stand::Open);
        assert_eq!(open.turned(back.plus_s(3600)).stand, Stand::Trial(2));
        // Ahead: the trial is not jumped over.
        let ahead = tripped().turned(NOW.plus_s(365 * 86_400));
        assert_eq!(ahead.stand, Stand::Trial(2));
    }

    #[test]
    fn what_a_person_opens_only_a_person_closes() {
        let by_hand = Breaker::default().opened(NOW);
        let later = NOW.plus_s(365 * 86_400);
        assert_eq!(by_hand.turned(later).stand, Stand::ByHand);
        assert_eq!(by_hand.withheld(RULE, later).stand, Stand::ByHand);
        assert_eq!(by_hand.trips, 0);
        for breaker in [by_hand, tripped(), tripped().turned(later)] {
            assert_eq!(breaker.closed(later).stand, Stand::Closed);
        }
        assert_eq!(tripped().opened(NOW).stand, Stand::ByHand);
    }
}
