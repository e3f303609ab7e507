//! The mail system that takes the desk's mails, and remembers every one of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::daemon::tests::sim::letters;
use crate::daemon::tests::sim::world::World;
use crate::steps;
use crate::steps::Step;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Outcome;

/// A mail that was taken over.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// True time.
    pub(super) at: i64,
    /// Without brackets.
    pub(super) id: String,
    pub(super) reply: bool,
    pub(super) to: String,
    /// Whose mail it answers, as the id without brackets.
    pub(super) answers: Option<String>,
    /// What the desk's clock said as it was decided.
    pub(super) date: i64,
    pub(super) subject: String,
    /// What it says, for replies.
    pub(super) words: String,
    /// Which mails it holds, for forwards.
    pub(super) marks: Vec<String>,
    /// How often a life had ended badly, or the disk failed, until it was given to a connection.
    pub(super) crashes: u64,
}

/// What the mail system keeps.
#[derive(Debug, Clone, Default)]
pub(super) struct Post {
    pub(super) taken: Vec<Taken>,
    /// Attempts after which the desk could not know, by id.
    pub(super) unknown: BTreeMap<String, u64>,
    /// Refused for good.
    pub(super) refused: BTreeSet<String>,
    /// Not reachable before that true time.
    pub(super) down_until: i64,
    /// Seconds in all for which nothing could go, for outages and sleeps of the machine.
    pub(super) away_s: i64,
    /// Wants a first try of each recipient and time to pass, in seconds.
    pub(super) greylist_s: i64,
    first_tries: BTreeMap<String, i64>,
    /// What becomes of the next attempts, by recipient.
    pub(super) script: BTreeMap<String, VecDeque<Turn>>,
    /// Attempts made.
    pub(super) attempts: u64,
}

/// What becomes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Accept,
    /// 4xx to this mail.
    NotNow,
    /// 5xx to this mail.
    Never,
    Unreachable,
    Unwilling,
    NoLogin,
    /// The connection is lost before the data.
    LostBefore,
    /// After the dot, and it was taken over or not.
    LostAfter(bool),
    /// This life of the daemon is over.
    Over,
}

/// A connection of the desk to it.
pub(super) struct Line {
    world: Arc<World>,
    life: u64,
    trouble: Option<Trouble>,
    /// The end of data may have left.
    dotted: bool,
}

impl Line {
    pub(super) fn new(world: &Arc<World>) -> Self {
        let life = world.lock().life;
        Self {
            world: Arc::clone(world),
            life,
            trouble: None,
            dotted: false,
        }
    }

    fn ended(&mut self, id: &str, turn: Turn) -> Outcome {
        let mut state = self.world.lock();
        state.note(&format!("smtp {id}: {turn:?}"));
        match turn {
            Turn::LostAfter(_) => *state.post.unknown.entry(id.to_owned()).or_default() += 1,
            Turn::Never => drop(state.post.refused.insert(id.to_owned())),
            _ => {}
        }
        drop(state);
        self.trouble = match turn {
            Turn::Unreachable | Turn::LostBefore | Turn::LostAfter(_) => Some(Trouble::Unreachable),
            Turn::Unwilling => Some(Trouble::Unwilling),
            Turn::NoLogin => Some(Trouble::Login),
            _ => None,
        };
        let said = format!("{turn:?}");
        match turn {
            Turn::Accept => Outcome::Accepted("250 ok".to_owned()),
            Turn::Never => Outcome::Refused("550 5.1.1 no such user after RCPT".to_owned()),
            Turn::LostAfter(_) => Outcome::Unknown(said),
            _ => Outcome::Deferred(said),
        }
    }
}

impl Transport for Line {
    async fn send(&mut self, parcel: &Parcel) -> Outcome {
        self.trouble = None;
        self.dotted = false;
        // What is on its way when the store fails cannot be noted any more, as at a crash.
        let (wait, crashes) = {
            let mut state = self.world.lock();
            (state.latency(), state.figures.crashes())
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let id = letters::field(&parcel.bytes, "Message-ID").unwrap_or_default();
        let id = id.trim_matches(['<', '>']).to_owned();
        let turn = self.world.attempt(self.life, parcel.to.as_str());
        self.dotted = true;
        match turn {
            Turn::Over => std::future::pending().await,
            Turn::Accept | Turn::LostAfter(true) => {
                self.world.take(&id, parcel, crashes);
                steps::pass(Step::DotSent);
            }
            _ => {}
        }
        let wait = {
            let mut state = self.world.lock();
            state.latency() + state.faults.dot_ms
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if self.world.over(self.life) {
            std::future::pending::<()>().await;
        }
        self.ended(&id, turn)
    }

    fn abandon(&mut self) -> Outcome {
        if self.dotted {
            Outcome::Unknown("cut off".to_owned())
        } else {
            Outcome::Deferred("cut off before the data".to_owned())
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn brief(&self) -> &'static str {
        "in a simulated world"
    }

    async fn close(&mut self) {}
}

impl Post {
    /// Says what becomes of the next attempts for a recipient.
    pub(super) fn will(&mut self, to: &str, turns: &[Turn]) {
        self.script
            .insert(to.to_owned(), turns.iter().copied().collect());
    }

    /// The replies, or the other mails, that were taken over for an address (in any spelling; empty: for all).
    pub(super) fn taken_for(&self, to: &str, reply: bool) -> Vec<&Taken> {
        let meant =
            |t: &&Taken| t.reply == reply && (to.is_empty() || t.to.eq_ignore_ascii_case(to));
        self.taken.iter().filter(meant).collect()
    }

    /// Whether a recipient must wait, as never seen or seen too lately.
    pub(super) fn greylisted(&mut self, to: &str, now: i64) -> bool {
        let first = *self.first_tries.entry(to.to_owned()).or_insert(now);
        now - first < self.greylist_s
    }

    /// How often a mail was taken over.
    pub(super) fn times(&self) -> BTreeMap<&str, u64> {
        let mut times = BTreeMap::new();
        for taken in &self.taken {
            *times.entry(taken.id.as_str()).or_default() += 1;
        }
        times
    }
}
