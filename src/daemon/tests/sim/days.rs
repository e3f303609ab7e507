//! Days drawn by chance, and their figures; played by `make torture` for as long as one likes.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Instant;

use crate::daemon::tests::sim::episode::Episode;
use crate::daemon::tests::sim::episode::Past;
use crate::daemon::tests::sim::rng::Rng;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::Faults;
use crate::daemon::tests::sim::world::Figures;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;

/// The wall clock may jump, in seconds; greater jumps are scenarios of their own.
const JUMPS: [i64; 5] = [HOUR, -HOUR, 90, -7_200, -90];

fn faults(rng: &mut Rng) -> Faults {
    let mut some = |often: u32| if rng.chance(600) { often } else { 0 };
    Faults {
        imap_lost: some(30),
        imap_refused: some(10),
        imap_login: some(20),
        imap_half: some(150),
        imap_quota: some(20),
        imap_late: some(100),
        smtp_later: some(100),
        smtp_never: some(10),
        smtp_unwilling: some(20),
        smtp_login: some(5),
        smtp_before: some(50),
        smtp_after: some(50),
        smtp_bounced: some(20),
        kill: some(600),
        power: some(800),
        disk_error: some(300),
        disk_full: some(100),
        latency_ms: u64::from(some(3_000)),
        dot_ms: u64::from(some(2_000)),
    }
}

/// Plays the episode of a seed.
fn play(seed: u64) -> Past {
    let mut rng = Rng::new(seed);
    let episode = Episode {
        seed,
        faults: faults(&mut rng),
        days: rng.pick(&[1, 1, 2, 4, 9]),
        first_start: false,
    };
    let days = episode.days;
    let mut events = Rng::new(seed ^ 0xe0e0);
    episode.play(|state| plan(state, days, &mut events), |_, _| {})
}

/// Plans what people do and what befalls the servers, the clock and the machine.
fn plan(state: &mut State, days: i64, rng: &mut Rng) {
    let a_day = rng.pick(&[5, 20, 60]);
    state.busy(days, a_day);
    state.server.idle = rng.chance(250);
    let at = |rng: &mut Rng| rng.between(HOUR, days * DAY);
    let often = |rng: &mut Rng, most: u64| {
        if rng.chance(500) {
            rng.below(most * days.unsigned_abs() + 1)
        } else {
            0
        }
    };
    for _ in 0..often(rng, 4) {
        let at = at(rng);
        state.plan(at, Event::Vanish);
    }
    for _ in 0..often(rng, 1) {
        let at = at(rng);
        state.plan(at, Event::Renumber);
    }
    for _ in 0..often(rng, 1) {
        let at = at(rng);
        state.plan(at, Event::Unflag);
    }
    for _ in 0..often(rng, 2) {
        let at = at(rng);
        let down = rng.between(60, 5 * HOUR);
        state.plan(at, Event::ImapDown(down));
    }
    for _ in 0..often(rng, 2) {
        let at = at(rng);
        let longest = if days > 7 { 6 * DAY } else { 8 * HOUR };
        let down = rng.pick(&[600, 3 * HOUR, longest]);
        state.plan(at, Event::SmtpDown(down));
    }
    for _ in 0..often(rng, 1) {
        let at = at(rng);
        let jump = rng.pick(&JUMPS);
        state.plan(at, Event::Jump(jump));
        state.plan(at + rng.between(60, DAY), Event::Right);
    }
    for _ in 0..often(rng, 1) {
        let at = at(rng);
        state.plan(at, Event::Suspend(rng.pick(&[600, 9 * HOUR, 3 * DAY])));
    }
    for _ in 0..often(rng, 2) {
        let at = at(rng);
        state.plan(at, Event::Restart);
    }
    if rng.chance(300) {
        let at = at(rng);
        state.plan(at, Event::Snapshot);
        state.plan(at + HOUR, Event::Failover);
    }
    if rng.chance(300) {
        state.post.greylist_s = rng.pick(&[300, 4 * HOUR]);
    }
}

/// Plays an episode; a panic or something wrong ends the test with the seed.
fn played(seed: u64) -> Past {
    let again = format!(
        "seed {seed}; again: MAILCLERK_TORTURE_SEED={seed} cargo test --lib simulated_seed -- --nocapture"
    );
    let past = catch_unwind(AssertUnwindSafe(|| play(seed)));
    let past = past.unwrap_or_else(|_| panic!("a panic: {again}"));
    past.must_be_well(&again);
    past
}

fn add(sum: &mut Figures, one: Figures) {
    sum.seconds += one.seconds;
    sum.kills += one.kills;
    sum.power_cuts += one.power_cuts;
    sum.disk_errors += one.disk_errors;
    sum.delivered += one.delivered;
    sum.lost += one.lost;
    sum.replies += one.replies;
    sum.second_replies += one.second_replies;
    sum.extra_forwards += one.extra_forwards;
    sum.panics += one.panics;
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let said = std::env::var(name).ok().filter(|said| !said.is_empty())?;
    Some(
        said.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {said}")),
    )
}

/// Whatever goes wrong, in any order: nothing is lost, nothing is answered twice. `MAILCLERK_TORTURE_MINUTES` plays
/// fresh seeds for so long, from `MAILCLERK_SEED` on.
///
/// Faults: F1 F5 F6; holds I1 I2 I3 I4 I5 I6 I10.
#[test]
fn simulated_days() {
    let minutes = number::<f64>("MAILCLERK_TORTURE_MINUTES");
    let first = number("MAILCLERK_SEED").unwrap_or(1);
    let began = Instant::now();
    let long_enough = |seed: u64| match minutes {
        Some(minutes) => began.elapsed().as_secs_f64() >= minutes * 60.0,
        None => seed >= first + 3,
    };
    let mut sum = Figures::default();
    let mut seed = first;
    while !long_enough(seed) {
        add(&mut sum, played(seed).figures);
        seed += 1;
    }
    let days = sum.seconds / DAY;
    let line = format!(
        "simulated days: seeds {first}..{seed}, days {days}, crashes {}, power cuts {}, disk errors {}, mails {}, lost {}, replies {}, second replies {}, extra forwards {}, panics {}",
        sum.kills,
        sum.power_cuts,
        sum.disk_errors,
        sum.delivered,
        sum.lost,
        sum.replies,
        sum.second_replies,
        sum.extra_forwards,
        sum.panics
    );
    writeln!(std::io::stdout(), "{line}").unwrap();
}

/// The seed in `MAILCLERK_TORTURE_SEED`, once more, with all its events; without one, the first.
#[test]
fn simulated_seed() {
    let asked = number("MAILCLERK_TORTURE_SEED");
    let past = play(asked.unwrap_or(1));
    if asked.is_some() {
        writeln!(std::io::stdout(), "{}", past.log.join("\n")).unwrap();
    }
    past.must_be_well("simulated_seed");
}

#[test]
fn the_same_seed_gives_the_same_days_event_by_event() {
    for seed in [8, 16] {
        let (one, other) = (play(seed), play(seed));
        for (n, (a, b)) in one.log.iter().zip(&other.log).enumerate() {
            assert_eq!(a, b, "event {n} of seed {seed}");
        }
        assert_eq!(one.log.len(), other.log.len());
        assert!(one.log.len() > 100, "something happened");
    }
}
