//! SIGKILL at every moment that has a name, in the opening after a kill, and at random; always on with what survived.

mod epoch;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

use mailclerk::steps::Step;

use crate::clerk::Desk;
use crate::dice::Dice;
use crate::kills::epoch::Epoch;
use crate::tally::Asked;
use crate::tally::Tally;

/// Moments that no daemon passes, each with the test that kills there. A moment that is neither here nor reached fails
/// the test below.
const ELSEWHERE: &[(Step, &str)] = &[
    (Step::ReleaseTaken, INTERRUPTED),
    (Step::ReleaseSettling, INTERRUPTED),
    (Step::ReleaseSettled, INTERRUPTED),
    (Step::AgendaFiring, REMINDED),
    (Step::AgendaFired, REMINDED),
    (Step::Handing, GIVEN),
    (Step::Handed, GIVEN),
];
/// In tests/e2e/quarantine.rs.
const INTERRUPTED: &str = "a_release_interrupted_at_every_moment_is_done_once";

/// In tests/e2e/timely.rs.
const REMINDED: &str =
    "who_does_not_answer_is_reminded_once_and_then_the_lead_is_told_though_the_daemon_dies_at_it";
/// In tests/e2e/timely.rs.
const GIVEN: &str = "a_case_given_away_by_a_daemon_that_dies_at_it_is_given_once_or_not_at_all";

/// So many daemons at a time.
const WORKERS: usize = 2;

/// What all workers found.
#[derive(Default)]
struct Found {
    tally: Mutex<Option<Tally>>,
    /// How many died at each moment.
    died_at: Mutex<BTreeMap<String, u64>>,
}

impl Found {
    /// Takes in what an epoch found; it is judged first.
    fn take(&self, epoch: Epoch) {
        let (tally, died_at) = epoch.end();
        if let Some(all) = self.tally.lock().unwrap().as_mut() {
            all.add(tally);
        }
        let mut all = self.died_at.lock().unwrap();
        for (step, times) in died_at {
            *all.entry(step).or_default() += times;
        }
    }
}

/// How much of each part is done.
struct Size {
    /// Of the enumerated moments every so many-th.
    stride: u64,
    /// Kills at random in one epoch, at most.
    epoch: u64,
    /// Epochs of kills at random; none: until the time is over.
    epochs: Option<u64>,
}

/// Faults: F1 F3 F69 F70 F71; holds I1 I2 I3 I6 I9 I10.
#[test]
fn kills_at_every_moment_lose_nothing_and_send_nothing_twice() {
    let asked = Asked::read();
    let size = if asked.long() {
        Size {
            stride: 1,
            epoch: 300,
            epochs: None,
        }
    } else {
        Size {
            stride: 9,
            epoch: 16,
            epochs: Some(1),
        }
    };
    let found = Found::default();
    *found.tally.lock().unwrap() = Some(Tally::new("kills", asked.seed));
    let jobs = jobs(&asked, &size);
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let enumerated = jobs.get(usize::try_from(number).unwrap());
                    match enumerated {
                        Some(job) => job.run(&asked, &size, &found),
                        None if size.epochs.is_none() && asked.goes_on()
                            || size.epochs.is_some_and(|n| number < jobs.len() as u64 + n) =>
                        {
                            at_random(asked.seed, number, &size, &found);
                        }
                        None => break,
                    }
                }
            });
        }
    });
    let died_at = found.died_at.into_inner().unwrap();
    println!("died at: {died_at:?}");
    let mut tally = found.tally.into_inner().unwrap().unwrap();
    for step in Step::ALL {
        let elsewhere = ELSEWHERE.iter().any(|(other, _)| other == step);
        if died_at.contains_key(step.name()) == elsewhere {
            tally.complain(format!(
                "no daemon was killed at {step:?}: have a load pass it, or say in ELSEWHERE which test kills there"
            ));
        }
    }
    if tally.extra_forwards > tally.kills {
        tally.complain("more extra forwards than kills".to_owned());
    }
    tally.end();
}

/// A part of the enumeration.
enum Job {
    /// A first start, killed at this moment of it, and every so many-th after.
    FirstStart(u64),
    /// Every so many-th moment of a known load, beginning with this one.
    Load(u64),
    /// Moments that a stride may miss, by name.
    Named,
    /// The opening after a kill, killed twice over.
    Opening(u64),
}

fn jobs(asked: &Asked, size: &Size) -> Vec<Job> {
    let first = asked.seed % size.stride + 1;
    vec![
        Job::Load(first),
        Job::FirstStart(first),
        Job::Opening(first),
        Job::Named,
    ]
}

impl Job {
    fn run(&self, asked: &Asked, size: &Size, found: &Found) {
        let stride = usize::try_from(size.stride).unwrap();
        match self {
            Self::FirstStart(first) => {
                let moments = Epoch::new(asked.seed, Desk::Light).moments_of_the_load();
                let last = opening(&moments) + 5;
                for n in (*first..=last).step_by(stride) {
                    let mut epoch = Epoch::new(asked.seed, Desk::Light);
                    epoch.load();
                    epoch.die_at(&n.to_string());
                    found.take(epoch);
                }
            }
            Self::Load(first) => {
                let mut epoch = Epoch::new(asked.seed, Desk::Light);
                let moments = epoch.moments_of_the_load();
                for n in (*first..=moments.len() as u64).step_by(stride) {
                    epoch.load();
                    epoch.die_at(&n.to_string());
                }
                found.take(epoch);
            }
            Self::Named => {
                let mut epoch = Epoch::new(asked.seed, Desk::Whole);
                for step in Step::ALL {
                    epoch.load();
                    epoch.die_at(&format!("{}:1", step.name()));
                }
                found.take(epoch);
            }
            Self::Opening(first) => {
                let mut epoch = Epoch::new(asked.seed, Desk::Light);
                let moments = epoch.moments_of_the_load();
                let (opening, all) = (opening(&moments), moments.len() as u64);
                for n in (*first..=opening).step_by(stride) {
                    epoch.load();
                    let working = opening + epoch.dice.below(all - opening);
                    epoch.die_at(&working.to_string());
                    epoch.die_at(&n.to_string());
                    epoch.die_at(&n.to_string());
                    // The third one opens and works: it dies with mails in its hand.
                    epoch.load();
                    epoch.must_die_at("fetched:1");
                }
                found.take(epoch);
            }
        }
    }
}

/// How many moments pass before the first mail.
fn opening(moments: &[String]) -> u64 {
    let fetched = moments.iter().position(|m| m == Step::Fetched.name());
    fetched.expect("the load passes `fetched`") as u64
}

/// Kills at random moments, by count and by the clock, with mails coming in before and while it runs.
fn at_random(seed: u64, number: u64, size: &Size, found: &Found) {
    let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let desk = if dice.one_in(10) {
        Desk::Whole
    } else {
        Desk::Light
    };
    let mut epoch = Epoch::new(dice.throw(), desk);
    let moments = epoch.moments_of_the_load().len() as u64;
    let kills = size.epoch / 2 + dice.below(size.epoch / 2 + 1);
    for _ in 0..kills {
        epoch.some_mails();
        if dice.one_in(2) {
            epoch.die_at(&(1 + dice.below(moments + moments / 4)).to_string());
        } else {
            epoch.killed_sometime();
        }
    }
    found.take(epoch);
}
