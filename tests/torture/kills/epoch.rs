//! One world with one state folder, through the lives of many daemons, to the judgement.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::clerk::Clerk;
use crate::clerk::Desk;
use crate::clerk::Ended;
use crate::clerk::Running;
use crate::dice::Dice;
use crate::mails::Kind;
use crate::tally::Tally;
use crate::verdict::judge;
use crate::world::World;

/// A world, a state folder, and what was found so far.
pub(super) struct Epoch {
    world: World,
    clerk: Clerk,
    pub(super) dice: Dice,
    seed: u64,
    tally: Tally,
    died_at: BTreeMap<String, u64>,
    /// How long a life takes that comes to rest: kills by the clock fall within.
    life: Duration,
    generation: u64,
}

impl Epoch {
    pub(super) fn new(seed: u64, desk: Desk) -> Self {
        let world = World::new();
        let clerk = Clerk::new(desk, world.imap_port, world.smtp_port);
        Self {
            world,
            clerk,
            dice: Dice::new(seed),
            seed,
            tally: Tally::new("kills", seed),
            died_at: BTreeMap::new(),
            life: Duration::from_millis(200),
            generation: 0,
        }
    }

    /// The known load: one mail of each way.
    pub(super) fn load(&mut self) {
        for kind in [Kind::Case, Kind::Question, Kind::Machine] {
            self.world.deliver(kind);
        }
    }

    /// Up to three mails of any kind.
    pub(super) fn some_mails(&mut self) {
        for _ in 0..self.dice.below(4) {
            let kind = *self.dice.pick(Kind::ALL);
            self.world.deliver(kind);
        }
    }

    /// A counting run: the names of all moments that the known load passes on a store that is there, in order.
    pub(super) fn moments_of_the_load(&mut self) -> Vec<String> {
        self.rest();
        self.load();
        let begun = Instant::now();
        self.rest();
        self.life = begun.elapsed();
        self.moments()
    }

    fn moments(&self) -> Vec<String> {
        let text = fs::read_to_string(self.clerk.path("steps")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A daemon that dies at that moment, if it comes to it before it has nothing left to do.
    pub(super) fn die_at(&mut self, moment: &str) {
        let ended = self.live(&[("MAILCLERK_DIE_AT", moment)], |daemon, world| {
            daemon.lived(|clerk| at_rest(clerk, world))
        });
        self.note(&ended, true);
    }

    /// The same; that it does not die there is a violation.
    pub(super) fn must_die_at(&mut self, moment: &str) {
        let kills = self.tally.kills;
        self.die_at(moment);
        if self.tally.kills == kills {
            self.tally.complain(format!("no daemon came to {moment}"));
        }
    }

    /// A daemon that is killed at some moment, while mails come in.
    pub(super) fn killed_sometime(&mut self) {
        let most = u64::try_from(self.life.as_micros()).unwrap();
        let mut pauses: Vec<u64> = (0..3).map(|_| self.dice.below(most / 2)).collect();
        if self.dice.one_in(4) {
            // In the opening, where the engine mends what the last kill left.
            for pause in &mut pauses {
                *pause /= 8;
            }
        }
        let kinds: Vec<Kind> = (0..2).map(|_| *self.dice.pick(Kind::ALL)).collect();
        self.world.dawdle(self.dice.below(4));
        let ended = self.live(&[], |daemon, world| {
            for (pause, kind) in pauses.iter().zip(&kinds) {
                sleep(Duration::from_micros(*pause));
                world.deliver(*kind);
            }
            sleep(Duration::from_micros(pauses[2]));
            daemon.kill()
        });
        self.world.dawdle(0);
        self.note(&ended, false);
    }

    /// A daemon that does all there is to do, and stops in order.
    fn rest(&mut self) {
        let ended = self.live(&[], |daemon, world| {
            daemon.lived(|clerk| at_rest(clerk, world))
        });
        if ended.status.code() != Some(0) {
            self.tally.complain(format!(
                "a daemon that nobody killed ended by {}",
                ended.words()
            ));
        }
        self.note(&ended, false);
    }

    fn live(
        &mut self,
        environment: &[(&str, &str)],
        life: impl FnOnce(Running<'_>, &mut World) -> Ended,
    ) -> Ended {
        let steps = self.clerk.path("steps");
        let _ = fs::remove_file(&steps);
        self.world.new_life();
        let mut all = vec![("MAILCLERK_STEPS", steps.to_str().unwrap())];
        all.extend_from_slice(environment);
        let daemon = self.clerk.start(&all);
        life(daemon, &mut self.world)
    }

    fn note(&mut self, ended: &Ended, named: bool) {
        if ended.panicked() {
            self.tally.panics += 1;
            self.tally.complain(format!("a panic: {}", ended.words()));
        }
        if ended.killed() {
            self.tally.kills += 1;
            if let (true, Some(last)) = (named, self.moments().pop()) {
                *self.died_at.entry(last).or_default() += 1;
            }
        } else if ended.status.code() != Some(0) {
            self.tally
                .complain(format!("it ended by {}", ended.words()));
        }
        let generation = self.clerk.generation().unwrap_or(0);
        if generation < self.generation {
            self.tally.shortenings += 1;
            self.tally.complain(format!(
                "the store went back from {} to {generation}",
                self.generation
            ));
        }
        self.generation = generation;
    }

    /// Lets everything come to rest and judges.
    pub(super) fn end(mut self) -> (Tally, BTreeMap<String, u64>) {
        self.rest();
        judge(&self.world, &self.clerk, &mut self.tally);
        let seed = self.seed;
        for complaint in &mut self.tally.complaints {
            *complaint = format!("epoch {seed}: {complaint}");
        }
        (self.tally, self.died_at)
    }
}

fn at_rest(clerk: &Clerk, world: &World) -> bool {
    world.inbox_is_empty() && clerk.has_nothing_to_send()
}
