//! How long a way out rests when every mail would fail alike.

use crate::clock::Timestamp;
use crate::transport::Trouble;

/// A login that is refused for good is not tried again sooner: servers lock accounts (RFC 4954, 6), in seconds.
const LOGIN_S: i64 = 15 * 60;
/// The first pause for any other trouble, in seconds; each later one is twice as long.
const PAUSE_S_MIN: i64 = 10;
/// No pause is longer, in seconds: a server that is back is found within that time.
const PAUSE_S_MAX: i64 = 300;
/// A way out that has been closed for so long wants a person, in seconds.
const LONG_S: i64 = 15 * 60;

/// The rest of a way out. Kept in memory: a new start tries at once.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Pauses since the last mail that met no trouble.
    rounds: u32,
    /// Since when there has been trouble.
    since: Timestamp,
    began: Timestamp,
    length_s: i64,
}

impl Pause {
    /// Begins a pause; how long it is depends on the trouble and on how often there was one.
    pub(super) fn begin(&mut self, trouble: Trouble, now: Timestamp) {
        if self.rounds == 0 {
            self.since = now;
        }
        let doublings = self.rounds.min(10);
        self.rounds = self.rounds.saturating_add(1);
        self.began = now;
        self.length_s = match trouble {
            Trouble::Login => LOGIN_S,
            Trouble::Unreachable | Trouble::Unwilling | Trouble::Tls | Trouble::LoginForNow => {
                (PAUSE_S_MIN << doublings).min(PAUSE_S_MAX)
            }
        };
    }

    /// Returns the seconds that are left; never more than the pause is long, though the clock be set back.
    pub(super) fn left_s(&self, now: Timestamp) -> i64 {
        self.length_s
            .saturating_sub(now.since_s(self.began))
            .clamp(0, self.length_s)
    }

    /// Ends the pause; the next mail tries whether the trouble is over.
    pub(super) fn cut_short(&mut self) {
        self.length_s = 0;
    }

    /// Whether it is not known yet that the trouble is over: one mail at a time.
    pub(super) fn probing(&self) -> bool {
        self.rounds > 0
    }

    /// A mail met no trouble. Returns whether there had been any.
    pub(super) fn over(&mut self) -> bool {
        let had = self.probing();
        *self = Self::default();
        had
    }

    /// Whether a person must look: it will not mend itself, or has not for long.
    pub(super) fn wants_a_person(&self, trouble: Trouble, now: Timestamp) -> bool {
        match trouble {
            Trouble::Login | Trouble::Tls => true,
            Trouble::Unreachable | Trouble::Unwilling | Trouble::LoginForNow => {
                now.since_s(self.since) >= LONG_S
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_after_a_mail_that_went() {
        let mut pause = Pause::default();
        let mut lengths = Vec::new();
        for _ in 0..7 {
            pause.begin(Trouble::Unreachable, NOW);
            lengths.push(pause.left_s(NOW));
        }
        assert_eq!(lengths, [10, 20, 40, 80, 160, 300, 300]);
        assert!(pause.over() && !pause.over());
        pause.begin(Trouble::Unwilling, NOW);
        assert_eq!(pause.left_s(NOW.plus_s(3)), 7);
        pause.cut_short();
        assert!(pause.left_s(NOW) == 0 && pause.probing());
    }

    #[test]
    fn a_refused_login_rests_for_a_quarter_of_an_hour_and_wants_a_person() {
        let mut pause = Pause::default();
        pause.begin(Trouble::Login, NOW);
        assert_eq!(pause.left_s(NOW), 900);
        assert!(pause.wants_a_person(Trouble::Login, NOW));
        assert!(!pause.wants_a_person(Trouble::Unreachable, NOW.plus_s(899)));
        assert!(pause.wants_a_person(Trouble::Unreachable, NOW.plus_s(900)));
    }

    /// Faults: F19; holds I10.
    #[test]
    fn a_clock_that_is_set_back_makes_no_pause_longer() {
        let mut pause = Pause::default();
        pause.begin(Trouble::Unreachable, NOW);
        assert_eq!(pause.left_s(NOW.plus_s(-86_400)), 10);
        assert_eq!(pause.left_s(NOW.plus_s(86_400)), 0);
    }
}
