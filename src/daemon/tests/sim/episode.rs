//! Plays some days: a world, and in it one life of the daemon after the other, as the daemon's own start puts it
//! together, each ended as the world wants it.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::clock::desk::DeskClock;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::agenda;
use crate::daemon::breaker::Alarm;
use crate::daemon::delivery::Delivery;
use crate::daemon::delivery::Route;
use crate::daemon::drain;
use crate::daemon::intake::Intake;
use crate::daemon::intake::IntakePart;
use crate::daemon::pulse::Pulses;
use crate::daemon::reconcile::Reconciling;
use crate::daemon::tests::sim::check;
use crate::daemon::tests::sim::disk::Disk;
use crate::daemon::tests::sim::disk::folder;
use crate::daemon::tests::sim::letters::BORDER;
use crate::daemon::tests::sim::letters::DESK;
use crate::daemon::tests::sim::post::Line;
use crate::daemon::tests::sim::post::Post;
use crate::daemon::tests::sim::server::Wire;
use crate::daemon::tests::sim::world::Clocks;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::Doom;
use crate::daemon::tests::sim::world::Event;
use crate::daemon::tests::sim::world::Faults;
use crate::daemon::tests::sim::world::Figures;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::daemon::tests::sim::world::World;
use crate::daemon::timers;
use crate::daemon::upkeep::Upkeep;
use crate::message::address::Address;
use crate::steps;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::triage::Keeping;
use crate::triage::Office;
use crate::triage::Queue;
use crate::triage::desk::Rules;
use crate::triage::roster::Roster;
use crate::triage::screen::Surroundings;

/// The mailbox's name in the simulated config.
pub(super) const MAILBOX: &str = "support";
/// Whom the desk tells when its breaker trips.
pub(super) const OPERATOR: &str = "operator@house.example";
/// The desk looks by itself so often, in seconds.
pub(super) const POLL_S: u64 = 900;
/// After the last fault the desk has so long: half a day until a clock that was put right is believed again, the longest
/// pause between two tries, and a poll or two.
const CALM_S: i64 = 18 * 3_600;

/// So often a store may not open one time after the other: a disk may be full for days.
const FAILURES_MAX: u32 = 20_000;

/// Some days to be played.
pub(super) struct Episode {
    pub(super) seed: u64,
    pub(super) faults: Faults,
    /// Days with faults.
    pub(super) days: i64,
    /// Begins with an empty state folder instead of one that was opened before.
    pub(super) first_start: bool,
}

/// What is left of an episode.
pub(super) struct Past {
    pub(super) log: Vec<String>,
    pub(super) wrongs: Vec<String>,
    pub(super) figures: Figures,
    /// How often each mail was answered, and what else a scenario asks for.
    pub(super) post: Post,
    pub(super) counts: crate::store::Counts,
}

impl Episode {
    /// Days in which nothing goes wrong by itself.
    pub(super) fn fair(days: i64) -> Self {
        Self {
            seed: 1,
            faults: Faults::default(),
            days,
            first_start: false,
        }
    }

    /// Plays it; `setup` plans what happens, `look` sees the end.
    pub(super) fn play(
        self,
        setup: impl FnOnce(&mut State),
        look: impl FnOnce(&mut State, &Store),
    ) -> Past {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let power = self.faults.power > 0;
            let mut disk = Disk::new(power);
            if !self.first_start {
                disk.begin_with(opened_once().path());
            }
            let world = World::new(self.seed, self.faults, disk);
            {
                let mut state = world.lock();
                state.plan(self.days * DAY, Event::Right);
                state.plan(self.days * DAY, Event::Calm);
                state.plan(self.days * DAY + CALM_S - HOUR, Event::Hush);
                state.plan(self.days * DAY + CALM_S, Event::End);
                setup(&mut state);
            }
            let seen = Arc::clone(&world);
            let watch = steps::watched(move |step, path| seen.moment(step, path));
            let living = tokio::spawn(Arc::clone(&world).live());
            let store = lives(&world).await;
            living.abort();
            drop(watch);
            let mut state = world.lock();
            state.figures.seconds = state.now();
            let mut counts = crate::store::Counts::default();
            if let Some(store) = store {
                check::all(&mut state, &store);
                look(&mut state, &store);
                counts = store.counts();
            }
            Past {
                log: std::mem::take(&mut state.log),
                wrongs: std::mem::take(&mut state.wrongs),
                figures: state.figures,
                post: std::mem::take(&mut state.post),
                counts,
            }
        })
    }
}

impl Past {
    /// Fails when something was wrong, and says how to play it again.
    pub(super) fn must_be_well(&self, what: &str) {
        let last = self.log.len().saturating_sub(60);
        let wrongs = self.wrongs.len().min(20);
        assert!(
            self.wrongs.is_empty(),
            "{what}: {:#?}\nthe last events:\n{}",
            &self.wrongs[..wrongs],
            self.log[last..].join("\n")
        );
    }
}

/// A state folder that was opened once, its key always the same: so are ids, and with them everything.
fn opened_once() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let dir = folder();
        let store = Store::open(dir.path(), options()).unwrap();
        store.rekey(KEY).unwrap();
        dir
    })
}

const KEY: [u8; 32] = *b"the key of a desk in a toy world";

fn options() -> StoreOptions {
    StoreOptions {
        cache_bytes: 16 * 1024 * 1024,
        ..StoreOptions::default()
    }
}

fn rules() -> &'static Arc<Rules> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    RULES.get_or_init(|| {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"));
        Arc::new(crate::config::folder::load(folder).unwrap())
    })
}

fn office(store: &Store, roster: &Arc<Roster>) -> Office {
    let agent = |name: &str| Address::parse(&format!("{name}@agents.example")).unwrap();
    let queues: Vec<Queue> = rules()
        .queues()
        .iter()
        .map(|name| Queue {
            name: (*name).to_owned(),
            agents: vec![agent(name), agent(&format!("{name}2"))],
        })
        .collect();
    let key = store.desk_key();
    Office {
        mailbox: MAILBOX.to_owned(),
        address: Address::parse(DESK).unwrap(),
        surroundings: Surroundings {
            own: vec![Address::parse(DESK).unwrap()],
            agents: queues
                .iter()
                .flat_map(|q| q.agents.clone())
                .chain(roster.leads().cloned())
                .collect(),
            loop_token: key.loop_token(),
            authserv_id: Some(BORDER.to_owned()),
            ..Surroundings::default()
        },
        queues,
        key,
        keeping: Keeping::default(),
        roster: Arc::clone(roster),
        relay: crate::triage::relay::RelayRules::default(),
    }
}

/// Who is told when the breaker trips.
fn alarm(store: &Store) -> Alarm {
    let operator = Address::parse(OPERATOR).unwrap();
    Alarm::new(operator, rules(), &office(store, &Arc::default()))
}

/// One life of the daemon after the other; the store as the last one left it.
async fn lives(world: &Arc<World>) -> Option<Store> {
    let mut ended = false;
    let mut failures = 0;
    loop {
        world.lock().begin_life(ended);
        let dir = world.lock().disk.dir();
        let opened = Store::open(&dir, options());
        let over = world.lock().dead;
        match opened {
            Ok(_) | Err(_) if over => {}
            Ok(store) => {
                if ended {
                    return Some(store);
                }
                failures = 0;
                ended = life(world, &store).await;
            }
            Err(error) => {
                failures += 1;
                world.lock().not_opened(&error, failures);
                if failures > FAILURES_MAX {
                    return None;
                }
            }
        }
        // systemd waits so long.
        if !ended {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
}

/// One life, from the opened store to its end; returns whether that is the end of all.
async fn life(world: &Arc<World>, store: &Store) -> bool {
    // What is told of an earlier life is not meant for this one.
    let clock = match store.clock_by(Clocks(Arc::clone(world))) {
        Ok(clock) => Arc::new(clock),
        Err(error) => {
            world.lock().ended(&DaemonError::Store(error));
            return false;
        }
    };
    let recovered = store.recover(clock.now());
    if world.lock().dead {
        return false;
    }
    if let Err(error) = recovered {
        world.lock().ended(&DaemonError::Store(error));
        return false;
    }
    let shared = Shared {
        store: store.clone(),
        clock: Arc::<DeskClock<Clocks>>::clone(&clock),
        outbox_news: Arc::default(),
        resent: Arc::default(),
        pulses: Pulses::default(),
        reconciling: Reconciling::default(),
        rekeyed: Arc::default(),
        stop: CancellationToken::new(),
    };
    let mut loops = begin(world, &shared, clock);
    let end = tokio::select! {
        biased;
        () = death(world) => None,
        ended = loops.join_next() => Some(Err(ended)),
        () = world.end.notified() => Some(Ok(true)),
        () = world.restart.notified() => Some(Ok(false)),
    };
    match end {
        None => {
            loops.shutdown().await;
            false
        }
        Some(Ok(end)) => {
            world.lock().doom = None;
            shared.stop.cancel();
            drain(&mut loops).await;
            end
        }
        Some(Err(ended)) => {
            tell(world, ended);
            shared.stop.cancel();
            drain(&mut loops).await;
            false
        }
    }
}

/// Waits until this life is over.
async fn death(world: &World) {
    while !world.lock().dead {
        world.died.notified().await;
    }
}

/// Starts the loops as the daemon does.
fn begin(
    world: &Arc<World>,
    shared: &Shared,
    clock: Arc<DeskClock<Clocks>>,
) -> JoinSet<Result<(), DaemonError>> {
    let mut loops = JoinSet::new();
    let route = Route {
        mailbox: MAILBOX.to_owned(),
        transports: vec![Line::new(world), Line::new(world)],
    };
    loops.spawn(Delivery::new(vec![route], shared.clone()).run());
    let roster = Arc::clone(&world.lock().roster);
    let office = Arc::new(office(&shared.store, &roster));
    shared.store.set_roster(roster);
    let seats = vec![(Arc::clone(rules()), Arc::clone(&office))];
    loops.spawn(agenda::run(seats, shared.clone()));
    let part = IntakePart {
        mailbox: Wire::new(world),
        rules: Arc::clone(rules()),
        office,
        poll_s: POLL_S,
        first_start_age_s_max: 2 * 86_400,
        upkeep: Upkeep::default(),
    };
    loops.spawn(Intake::new(part, shared.clone()).run());
    loops.spawn(timers::run(
        shared.clone(),
        clock,
        timers::Keep::default(),
        Some(alarm(&shared.store)),
    ));
    loops
}

/// A loop ended by itself: only a store that failed may be the reason.
fn tell(world: &World, ended: Option<Result<Result<(), DaemonError>, JoinError>>) {
    match ended {
        Some(Ok(Err(error))) => world.lock().ended(&error),
        Some(Ok(Ok(()))) | None => world.lock().wrong("I6: a loop returned"),
        Some(Err(error)) => {
            let mut state = world.lock();
            state.figures.panics += 1;
            state.wrong(&format!("I6: a loop panicked: {error}"));
        }
    }
}

impl State {
    /// Begins a life, and draws how it is to end.
    fn begin_life(&mut self, checked: bool) {
        self.life += 1;
        self.dead = false;
        self.disk_failed = false;
        self.note(&format!("life {} begins", self.life));
        self.doom = None;
        if checked {
            return;
        }
        let faults = self.faults.clone();
        let dooms = [
            (faults.kill, Doom::Kill),
            (faults.power, Doom::Power),
            (faults.disk_error, Doom::Error),
            (faults.disk_full, Doom::Full),
        ];
        let drawn = dooms
            .into_iter()
            .find(|(chance, _)| self.rng.chance(*chance));
        if let Some((_, doom)) = drawn {
            let moments = self.rng.pick(&[20, 60, 300, 3_000]);
            self.doom = Some((self.rng.below(moments), doom));
        }
    }

    /// The store did not open: only a disk that fails may be the reason.
    fn not_opened(&mut self, error: &OpenError, failures: u32) {
        self.note(&format!(
            "the store does not open: {}",
            plain(&error.to_string())
        ));
        let excused = self.disk_failed || self.disk_is_full();
        if !excused || failures > FAILURES_MAX {
            self.wrong(&format!(
                "I10: the store does not open: {}",
                plain(&error.to_string())
            ));
        }
    }

    /// The daemon ended by an error.
    fn ended(&mut self, error: &DaemonError) {
        self.note(&format!("the daemon ends: {}", plain(&error.to_string())));
        let excused = self.disk_failed || self.disk_is_full();
        if !excused || !matches!(error, DaemonError::Store(_)) {
            self.wrong(&format!(
                "I6: the daemon ends: {}",
                plain(&error.to_string())
            ));
        }
    }
}

/// An error without the names of temp folders, which are different in each run.
fn plain(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !word.starts_with('/'));
    words.collect::<Vec<_>>().join(" ")
}
