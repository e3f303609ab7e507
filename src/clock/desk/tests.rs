//! Clocks that are set, absurd, suspended, slow and fast: what the desk's own time makes of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::Mutex;

use super::*;

const START: i64 = 1_800_000_000;
const DAY_S: i64 = 86_400;
const YEAR_1970: i64 = 100;
const YEAR_2106: i64 = 4_300_000_000;

/// A machine whose clocks are moved by hand.
#[derive(Clone)]
struct Bench(Arc<Mutex<(i64, i64, String)>>);

impl Bench {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((
            START * 1000,
            5_000_000,
            "a".to_owned(),
        ))))
    }

    /// Time passes, awake or suspended: both clocks go.
    fn pass_s(&self, s: i64) {
        self.pass_at(s, 1.0);
    }

    /// Time passes, and the wall clock goes wrong by a factor.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a test's small numbers"
    )]
    fn pass_at(&self, s: i64, pace: f64) {
        let mut clocks = self.0.lock().unwrap();
        clocks.0 += (s as f64 * pace * 1000.0) as i64;
        clocks.1 += s * 1000;
    }

    /// Somebody sets the wall clock.
    fn set_s(&self, by: i64) {
        self.0.lock().unwrap().0 += by * 1000;
    }

    fn set_to_s(&self, at: i64) {
        self.0.lock().unwrap().0 = at * 1000;
    }

    /// The machine is off for so long, and boots.
    fn boot_after_s(&self, s: i64) {
        let mut clocks = self.0.lock().unwrap();
        clocks.0 += s * 1000;
        clocks.1 = 3_000;
        clocks.2.push('b');
    }

    fn clock(&self, mark: Option<Mark>) -> DeskClock<Self> {
        DeskClock::new(self.clone(), mark, None)
    }
}

impl Times for Bench {
    fn wall_ms(&self) -> i64 {
        self.0.lock().unwrap().0
    }

    fn up_ms(&self) -> i64 {
        self.0.lock().unwrap().1
    }

    fn boot(&self) -> String {
        self.0.lock().unwrap().2.clone()
    }
}

#[test]
fn a_clock_that_nobody_touches_is_the_walls() {
    let bench = Bench::new();
    let clock = bench.clock(None);
    for passed in 1..1000 {
        bench.pass_s(60);
        assert_eq!(clock.now(), Timestamp(START + passed * 60));
        assert_eq!(clock.date(), clock.now());
        assert_eq!(clock.doubt(), None);
    }
}

/// Faults: F19; holds I3 I9 I10.
#[test]
fn a_wall_clock_that_is_set_moves_no_interval_and_is_doubted_until_it_is_mended() {
    for by in [
        5 * DAY_S,
        -5 * DAY_S,
        YEAR_1970 - START,
        YEAR_2106 - START,
        3600,
        -3600,
    ] {
        let bench = Bench::new();
        let clock = bench.clock(None);
        bench.pass_s(100);
        assert_eq!(clock.doubt(), None);
        bench.set_s(by);
        assert_eq!(clock.now(), Timestamp(START + 100), "{by}");
        assert!(clock.doubt().is_some(), "{by}");
        assert_eq!(clock.date(), clock.now(), "a date that is not believed");
        bench.pass_s(1000);
        assert_eq!(clock.now(), Timestamp(START + 1100), "{by}");
        bench.set_s(-by);
        assert_eq!(clock.doubt(), None, "{by}");
        bench.pass_s(10);
        assert_eq!(clock.now(), Timestamp(START + 1110), "{by}");
    }
}

/// Faults: F19; holds I3 I10.
#[test]
fn a_wall_clock_that_stays_where_it_was_set_is_believed_in_the_end_and_shortens_nothing() {
    for by in [5 * DAY_S, -5 * DAY_S] {
        let bench = Bench::new();
        let clock = bench.clock(None);
        bench.set_s(by);
        assert!(clock.doubt().is_some());
        for minute in 1..=12 * 60 {
            assert!(clock.doubt().is_some(), "{by} after {minute} minutes");
            bench.pass_s(60);
        }
        assert_eq!(clock.doubt(), None, "{by}: nothing is blocked for ever");
        assert_eq!(clock.date(), Timestamp(START + DAY_S / 2 + by));
        let (before, days) = (clock.now(), 7);
        for _ in 0..days * 24 {
            bench.pass_s(3600);
            clock.now();
        }
        let measured = clock.now().since_s(before);
        assert!(
            measured <= days * DAY_S + days * DAY_S / LEAD,
            "{by}: never early"
        );
        assert!(measured >= days * DAY_S / 2, "{by}: never standing still");
    }
}

/// Faults: F19; holds I3.
#[test]
fn a_wall_clock_that_runs_wild_does_not_hurry_the_desk() {
    for pace in [10.0, 1.01, 0.0, -3.0] {
        let bench = Bench::new();
        let clock = bench.clock(None);
        let mut last = clock.now();
        for _ in 0..7 * 24 * 60 {
            bench.pass_at(60, pace);
            assert!(clock.now() >= last, "{pace}: it never goes back");
            last = clock.now();
        }
        let measured = last.since_s(Timestamp(START));
        assert!(
            measured <= 7 * DAY_S + 7 * DAY_S / LEAD + 1,
            "{pace}: {measured}"
        );
    }
}

/// A leap second, and a time server that mends some seconds: no doubt, and soon the same time again.
/// Faults: F19; holds I10.
#[test]
fn small_steps_are_followed_without_a_word() {
    for by in [1, -1, 4, -4, 600, -600] {
        let bench = Bench::new();
        let clock = bench.clock(None);
        bench.set_s(by);
        let mut last = clock.now();
        for _ in 0..200 * 60 {
            bench.pass_s(60);
            assert_eq!(clock.doubt(), None, "{by}");
            assert!(clock.now() >= last);
            last = clock.now();
        }
        assert_eq!(clock.now(), clock.date(), "{by}");
        assert_eq!(clock.date(), Timestamp(START + by + 200 * 3600), "{by}");
    }
}

/// Faults: F20; holds I3 I10.
#[test]
fn a_suspend_is_time_that_passed_and_no_jump() {
    let bench = Bench::new();
    let clock = bench.clock(None);
    bench.pass_s(3 * DAY_S);
    assert_eq!(clock.doubt(), None);
    assert_eq!(clock.now(), Timestamp(START + 3 * DAY_S));
}

/// Faults: F19; holds I3 I9.
#[test]
fn a_process_goes_on_where_the_one_before_it_was_whatever_the_wall_says() {
    for by in [5 * DAY_S, -5 * DAY_S, YEAR_1970 - START, YEAR_2106 - START] {
        let bench = Bench::new();
        let mark = bench.clock(None).mark();
        bench.pass_s(3600);
        bench.set_s(by);
        let clock = bench.clock(Some(mark));
        assert_eq!(clock.now(), Timestamp(START + 3600), "{by}");
        assert!(clock.doubt().is_some(), "{by}");
        let mark = clock.mark();
        bench.set_s(-by);
        let clock = bench.clock(Some(mark));
        assert_eq!(clock.doubt(), None, "{by}: mended");
        assert_eq!(clock.now(), Timestamp(START + 3600), "{by}");
    }
}

/// Faults: F19; holds I3 I10.
#[test]
fn what_was_believed_once_needs_no_second_proof_after_a_restart() {
    let bench = Bench::new();
    let clock = bench.clock(None);
    bench.set_s(2 * DAY_S);
    clock.now();
    bench.pass_s(DAY_S);
    assert_eq!(clock.doubt(), None);
    let again = bench.clock(Some(clock.mark()));
    assert_eq!(again.doubt(), None);
    assert_eq!(again.now(), clock.now());
}

#[test]
fn time_that_the_machine_was_off_is_the_walls_to_tell() {
    let bench = Bench::new();
    let mark = bench.clock(None).mark();
    bench.boot_after_s(2 * DAY_S);
    let clock = bench.clock(Some(mark));
    assert_eq!(clock.now(), Timestamp(START + 2 * DAY_S));
    assert_eq!(clock.doubt(), None);
}

/// Faults: F19; holds I3 I9 I10.
#[test]
fn a_boot_before_the_newest_time_on_record_is_doubted_until_the_wall_is_set_right() {
    let bench = Bench::new();
    let mark = bench.clock(None).mark();
    bench.boot_after_s(DAY_S);
    // A machine without a clock of its own, before it heard from a time server.
    bench.set_to_s(YEAR_1970);
    let clock = bench.clock(Some(mark.clone()));
    assert!(clock.doubt().is_some());
    assert_eq!(clock.now(), Timestamp(START));
    bench.set_to_s(START + DAY_S);
    assert_eq!(clock.doubt(), None);
    assert_eq!(clock.now(), Timestamp(START + DAY_S));
    bench.boot_after_s(0);
    bench.set_to_s(START - 3 * DAY_S);
    let clock = bench.clock(Some(mark));
    assert!(clock.doubt().unwrap().contains("before the newest time"));
    bench.pass_s(DAY_S);
    assert_eq!(clock.doubt(), None, "nothing is blocked for ever");
    assert_eq!(clock.now(), Timestamp(START + DAY_S));
}

/// Faults: F19; holds I3 I9 I10.
#[test]
fn a_boot_years_after_the_newest_time_on_record_ages_nothing_until_it_has_stood_by_it() {
    let bench = Bench::new();
    let mark = bench.clock(None).mark();
    bench.boot_after_s(900 * DAY_S);
    let clock = bench.clock(Some(mark));
    assert!(clock.doubt().unwrap().contains("900 days"));
    assert_eq!(clock.now(), Timestamp(START));
    bench.pass_s(DAY_S);
    assert_eq!(clock.doubt(), None);
    assert_eq!(clock.now(), Timestamp(START + 901 * DAY_S));
}

#[test]
fn a_store_from_before_there_were_marks_is_measured_by_its_newest_mail() {
    let bench = Bench::new();
    let newest = Some(Timestamp(START + 10 * DAY_S));
    let clock = DeskClock::new(bench.clone(), None, newest);
    assert!(clock.doubt().is_some());
    let clock = DeskClock::new(bench, None, Some(Timestamp(START - DAY_S)));
    assert_eq!(clock.doubt(), None);
    assert_eq!(clock.now(), Timestamp(START));
}

#[test]
fn a_first_start_before_the_clock_was_ever_set_goes_on_as_soon_as_it_is() {
    let bench = Bench::new();
    bench.set_to_s(YEAR_1970);
    let clock = bench.clock(None);
    assert!(clock.doubt().is_some());
    bench.set_to_s(START);
    assert_eq!(clock.doubt(), None);
    assert_eq!(clock.now(), Timestamp(START));
}

#[test]
fn the_machine_itself_can_be_read() {
    let clock = DeskClock::new(Machine, None, None);
    assert_eq!(clock.doubt(), None);
    assert!(clock.now().since_s(crate::clock::SystemClock.now()).abs() <= 1);
    assert_eq!(clock.mark().boot, Machine.boot());
}
