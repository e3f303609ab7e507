//! What a rig is asked for, and what it counts: one line at its end, from which `make torture` makes its table.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

/// How long and with which seed, from the environment: `MAILCLERK_TORTURE_MINUTES` (fractions too), `MAILCLERK_SEED`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) seed: u64,
    /// None: the short run of `make test`.
    pub(crate) time: Option<Duration>,
    begun: Instant,
}

impl Asked {
    pub(crate) fn read() -> Self {
        let number = |name: &str| std::env::var(name).ok().filter(|said| !said.is_empty());
        let minutes = number("MAILCLERK_TORTURE_MINUTES").map(|said| {
            let minutes: f64 = said.parse().expect("MAILCLERK_TORTURE_MINUTES is a number");
            Duration::from_secs_f64(minutes * 60.0)
        });
        let seed = number("MAILCLERK_SEED").map(|said| said.parse());
        Self {
            seed: seed.map_or(1, |seed| seed.expect("MAILCLERK_SEED is a whole number")),
            time: minutes,
            begun: Instant::now(),
        }
    }

    /// Whether it is a long run.
    pub(crate) fn long(&self) -> bool {
        self.time.is_some()
    }

    /// Whether a long run goes on.
    pub(crate) fn goes_on(&self) -> bool {
        self.time.is_some_and(|time| self.begun.elapsed() < time)
    }
}

/// What a rig has done, and what it has found.
#[derive(Debug)]
pub(crate) struct Tally {
    rig: &'static str,
    begun: Instant,
    seed: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    pub(crate) damaged: u64,
    /// Stores that said by name that they are not whole; they are never violations.
    pub(crate) refused: u64,
    /// Mails that were delivered to the desk.
    pub(crate) mails: u64,
    pub(crate) lost: u64,
    pub(crate) second_replies: u64,
    pub(crate) extra_forwards: u64,
    pub(crate) shortenings: u64,
    pub(crate) panics: u64,
    /// Everything that must not be, in words.
    pub(crate) complaints: Vec<String>,
}

impl Tally {
    pub(crate) fn new(rig: &'static str, seed: u64) -> Self {
        Self {
            rig,
            begun: Instant::now(),
            seed,
            kills: 0,
            power_cuts: 0,
            damaged: 0,
            refused: 0,
            mails: 0,
            lost: 0,
            second_replies: 0,
            extra_forwards: 0,
            shortenings: 0,
            panics: 0,
            complaints: Vec::new(),
        }
    }

    /// Takes in what another one counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.damaged += other.damaged;
        self.refused += other.refused;
        self.mails += other.mails;
        self.lost += other.lost;
        self.second_replies += other.second_replies;
        self.extra_forwards += other.extra_forwards;
        self.shortenings += other.shortenings;
        self.panics += other.panics;
        self.complaints.extend(other.complaints);
    }

    pub(crate) fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    /// Prints the line, and fails when anything was found.
    pub(crate) fn end(&self) {
        println!("{self}");
        let first: Vec<&String> = self.complaints.iter().take(20).collect();
        assert!(
            first.is_empty(),
            "{} violations; the first of them: {first:#?}\nagain: MAILCLERK_SEED={} cargo test --test torture {}",
            self.complaints.len(),
            self.seed,
            self.rig
        );
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rig,
            begun,
            seed,
            kills,
            power_cuts,
            damaged,
            refused,
            mails,
            lost,
            second_replies,
            extra_forwards,
            shortenings,
            panics,
            complaints,
        } = self;
        write!(
            f,
            "torture: rig={rig} kills={kills} power_cuts={power_cuts} damaged={damaged} refused={refused} \
             mails={mails} lost={lost} second_replies={second_replies} extra_forwards={extra_forwards} \
             shortenings={shortenings} panics={panics} violations={} seed={seed} seconds={}",
            complaints.len(),
            begun.elapsed().as_secs()
        )
    }
}
