//! The world: what time it is, what is to come, what has happened, and what goes wrong.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::desk::Times;
use crate::daemon::tests::sim::disk::Disk;
use crate::daemon::tests::sim::letters;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::letters::Letter;
use crate::daemon::tests::sim::people::People;
use crate::daemon::tests::sim::post::Post;
use crate::daemon::tests::sim::post::Taken;
use crate::daemon::tests::sim::post::Turn;
use crate::daemon::tests::sim::rng::Rng;
use crate::daemon::tests::sim::server::Held;
use crate::daemon::tests::sim::server::Server;
use crate::steps::Step;
use crate::transport::Parcel;
use crate::triage::roster::Roster;

/// The true time at which every world begins, in seconds since 1970 (in May 2026).
pub(super) const EPOCH: i64 = 1_780_000_000;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 24 * HOUR;
/// More commands, attempts and moments in an hour than this are a loop that does not end.
const HOURLY_MAX: u64 = 400_000;

/// What may go wrong, and how often in a thousand times; 0 is never.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) imap_lost: u32,
    pub(super) imap_refused: u32,
    pub(super) imap_login: u32,
    pub(super) imap_half: u32,
    /// Nothing can be filed away, as there is no room.
    pub(super) imap_quota: u32,
    pub(super) imap_late: u32,
    pub(super) smtp_later: u32,
    pub(super) smtp_never: u32,
    pub(super) smtp_unwilling: u32,
    pub(super) smtp_login: u32,
    pub(super) smtp_before: u32,
    /// After the dot, with and without the mail taken over.
    pub(super) smtp_after: u32,
    /// Taken over, and returned later.
    pub(super) smtp_bounced: u32,
    /// A life of the daemon ends so: by SIGKILL,
    pub(super) kill: u32,
    /// by a power cut,
    pub(super) power: u32,
    /// by an error of the disk, once,
    pub(super) disk_error: u32,
    /// or by a disk that is full for an hour.
    pub(super) disk_full: u32,
    /// Commands take up to so many milliseconds.
    pub(super) latency_ms: u64,
    /// The answer to a mail's last octet takes so many more.
    pub(super) dot_ms: u64,
}

/// What is to come.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are mails")]
#[derive(Debug, Clone)]
pub(super) enum Event {
    Mail(Letter),
    /// The same octets once more.
    Again(usize),
    /// Somebody removes a mail from the inbox.
    Vanish,
    /// Somebody removes all of them.
    Empty,
    /// All UIDs become new.
    Renumber,
    /// What a failover goes back to.
    Snapshot,
    /// An older copy of the mailbox answers from now on.
    Failover,
    /// The server forgets all keywords.
    Unflag,
    ImapDown(i64),
    SmtpDown(i64),
    /// The wall clock jumps.
    Jump(i64),
    /// The wall clock is put right.
    Right,
    /// The machine sleeps.
    Suspend(i64),
    /// SIGTERM, and a new start.
    Restart,
    /// Nothing goes wrong any more.
    Calm,
    /// Nobody writes any more.
    Hush,
    End,
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Lost,
    LostAfter,
    Refused,
    NoLogin,
    /// Some of it is done, and the connection is lost (true) or the rest refused.
    Half(bool),
    /// The newest is not listed yet.
    Late,
    /// This life of the daemon is over.
    Over,
}

/// How a life is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doom {
    Kill,
    Power,
    Error,
    Full,
}

/// A mail that was delivered.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) letter: Letter,
    pub(super) raw: Arc<Vec<u8>>,
    /// Removed by somebody else, or lost by the server.
    pub(super) gone: bool,
    /// Filed away, and back in the inbox since an older copy of the mailbox answers.
    pub(super) restored: bool,
    /// True and wall-clock time of each time the desk got it.
    pub(super) fetched: Vec<(i64, i64)>,
    /// UIDVALIDITY and UID under which the desk got it.
    pub(super) places: BTreeSet<(u32, u32)>,
}

impl Figures {
    /// How often a life ended badly, or the disk failed.
    pub(super) fn crashes(&self) -> u64 {
        self.kills + self.power_cuts + self.disk_errors
    }
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) seconds: i64,
    pub(super) kills: u64,
    pub(super) power_cuts: u64,
    pub(super) disk_errors: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) replies: u64,
    pub(super) second_replies: u64,
    pub(super) extra_forwards: u64,
    pub(super) panics: u64,
}

/// Everything that changes.
pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    /// Agents' time, as the config has it.
    pub(super) roster: Arc<Roster>,
    pub(super) log: Vec<String>,
    began: Instant,
    /// Seconds that the machine slept: true time that no timer saw.
    slept: i64,
    /// How far the wall clock is wrong, in seconds.
    pub(super) wrong: i64,
    /// True times at which it jumped.
    pub(super) jumps: Vec<i64>,
    plan: BTreeMap<(i64, u64), Event>,
    planned: u64,
    pub(super) server: Server,
    snapshot: Option<Server>,
    pub(super) mails: Vec<Mail>,
    pub(super) post: Post,
    pub(super) people: People,
    pub(super) disk: Disk,
    /// Lives of the daemon begun.
    pub(super) life: u64,
    /// This one is over: nothing that it does has an effect.
    pub(super) dead: bool,
    /// The moments left to this life, and its end.
    pub(super) doom: Option<(u64, Doom)>,
    /// The same, at a certain moment, when it is passed for that time.
    pub(super) doom_at: Option<(Step, u64, Doom)>,
    full_until: i64,
    /// Nobody writes any more.
    hushed: bool,
    /// The disk failed in this life.
    pub(super) disk_failed: bool,
    pub(super) figures: Figures,
    pub(super) wrongs: Vec<String>,
    hour: (i64, u64),
}

/// The world, shared by all who live in it.
pub(super) struct World {
    state: Mutex<State>,
    /// Something was added to the plan.
    pub(super) planned: Notify,
    /// The mailbox has news.
    pub(super) news: Notify,
    /// This life of the daemon is over.
    pub(super) died: Notify,
    pub(super) restart: Notify,
    pub(super) end: Notify,
}

/// The machine's clocks: what the wall says, right or wrong; what passed since the power came on.
pub(super) struct Clocks(pub(super) Arc<World>);

impl Times for Clocks {
    fn wall_ms(&self) -> i64 {
        self.0.lock().wall() * 1000
    }

    fn up_ms(&self) -> i64 {
        self.0.lock().now() * 1000
    }

    fn boot(&self) -> String {
        format!("after power cut {}", self.0.lock().figures.power_cuts)
    }
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults, disk: Disk) -> Arc<Self> {
        let state = State {
            rng: Rng::new(seed),
            faults,
            roster: Arc::default(),
            log: Vec::new(),
            began: Instant::now(),
            slept: 0,
            wrong: 0,
            jumps: Vec::new(),
            plan: BTreeMap::new(),
            planned: 0,
            server: Server::new(),
            snapshot: None,
            mails: Vec::new(),
            post: Post::default(),
            people: People::default(),
            disk,
            life: 0,
            dead: false,
            doom: None,
            doom_at: None,
            full_until: 0,
            hushed: false,
            disk_failed: false,
            figures: Figures::default(),
            wrongs: Vec::new(),
            hour: (0, 0),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            planned: Notify::new(),
            news: Notify::new(),
            died: Notify::new(),
            restart: Notify::new(),
            end: Notify::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether that life of the daemon is over.
    pub(super) fn over(&self, life: u64) -> bool {
        let state = self.lock();
        state.dead || state.life != life
    }

    /// What becomes of a command to the mailbox server.
    pub(super) fn command(&self, command: &str, life: u64, epoch: Option<u64>) -> Fate {
        let mut state = self.lock();
        if state.dead || state.life != life {
            return Fate::Over;
        }
        state.tick();
        let login = command == "LOGIN";
        if state.now() < state.server.down_until || (!login && epoch != Some(state.server.epoch)) {
            return Fate::Lost;
        }
        let faults = state.faults.clone();
        if state.rng.chance(faults.imap_lost) {
            let after = state.rng.chance(500);
            state.note(&format!(
                "imap {command} is lost, after its effect: {after}"
            ));
            return if after { Fate::LostAfter } else { Fate::Lost };
        }
        if login && state.rng.chance(faults.imap_login) {
            return Fate::NoLogin;
        }
        if !login && state.rng.chance(faults.imap_refused) {
            return Fate::Refused;
        }
        if command == "MOVE" && state.rng.chance(faults.imap_quota) {
            return Fate::Refused;
        }
        if command == "MOVE" && state.rng.chance(faults.imap_half) {
            return Fate::Half(state.rng.chance(500));
        }
        if command == "SEARCH" && state.rng.chance(faults.imap_late) {
            return Fate::Late;
        }
        Fate::Well
    }

    /// What becomes of an attempt to send.
    pub(super) fn attempt(&self, life: u64, to: &str) -> Turn {
        let mut state = self.lock();
        if state.dead || state.life != life {
            return Turn::Over;
        }
        state.tick();
        state.post.attempts += 1;
        let now = state.now();
        if let Some(turn) = state.post.script.get_mut(to).and_then(VecDeque::pop_front) {
            return turn;
        }
        if now < state.post.down_until {
            return Turn::Unreachable;
        }
        let faults = state.faults.clone();
        let never = state.people.refuses(to) || state.rng.chance(faults.smtp_never);
        let greylisted = state.post.greylisted(to, now);
        let after = state.rng.chance(500);
        let turns = [
            (faults.smtp_unwilling, Turn::Unwilling),
            (faults.smtp_login, Turn::NoLogin),
            (faults.smtp_before, Turn::LostBefore),
            (faults.smtp_later, Turn::NotNow),
            (if greylisted { 1_000 } else { 0 }, Turn::NotNow),
            (if never { 1_000 } else { 0 }, Turn::Never),
            (faults.smtp_after, Turn::LostAfter(after)),
        ];
        turns
            .into_iter()
            .find(|(chance, _)| state.rng.chance(*chance))
            .map_or(Turn::Accept, |(_, turn)| turn)
    }

    /// Takes a mail over: whoever it is for gets it.
    pub(super) fn take(&self, id: &str, parcel: &Parcel, crashes: u64) {
        let mut state = self.lock();
        let bare = |id: String| id.trim_matches(['<', '>']).to_owned();
        let date = letters::field(&parcel.bytes, "Date").unwrap_or_default();
        let date = jiff::fmt::rfc2822::parse(&date).map_or(0, |at| at.timestamp().as_second());
        let reply = id.starts_with("r.");
        let taken = Taken {
            at: state.now(),
            id: id.to_owned(),
            reply,
            to: parcel.to.to_string(),
            answers: letters::field(&parcel.bytes, "In-Reply-To").map(bare),
            date,
            subject: letters::field(&parcel.bytes, "Subject").unwrap_or_default(),
            words: if reply {
                letters::words(&parcel.bytes)
            } else {
                String::new()
            },
            marks: if reply {
                Vec::new()
            } else {
                letters::marks(&parcel.bytes)
            },
            crashes,
        };
        state.note(&format!("taken {id} for {}", taken.to));
        state.post.taken.push(taken);
        state.react(parcel);
        drop(state);
        self.planned.notify_one();
    }

    /// Sees each moment of the daemon; fails, or ends, what is to fail or end there.
    pub(super) fn moment(&self, step: Step, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if state.dead {
            return Err(io::Error::other("this life is over"));
        }
        state.tick();
        let on_disk = !path.as_os_str().is_empty();
        if on_disk && state.now() < state.full_until && step != Step::FileSynced {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        match step {
            Step::FileSynced | Step::DataSynced => state.disk.synced_file(path),
            Step::FolderSynced => state.disk.synced_folder(path),
            _ => {}
        }
        if let Some((at, left, doom)) = state.doom_at.filter(|(at, ..)| *at == step) {
            state.doom_at = Some((at, left.saturating_sub(1), doom)).filter(|_| left > 0);
            state.doom = state.doom.or((left == 0).then_some((0, doom)));
        }
        let Some((left, doom)) = state.doom else {
            return Ok(());
        };
        let strikes = left == 0 && (on_disk || matches!(doom, Doom::Kill | Doom::Power));
        if !strikes {
            state.doom = Some((left.saturating_sub(1), doom));
            return Ok(());
        }
        state.doom = None;
        state.note(&format!("{doom:?} at {}", step.name()));
        if matches!(doom, Doom::Error | Doom::Full) {
            state.figures.disk_errors += 1;
            state.disk_failed = true;
            if doom == Doom::Full {
                state.full_until = state.now() + HOUR;
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            return Err(io::Error::other("injected"));
        }
        state.die(doom);
        drop(state);
        self.died.notify_one();
        Err(io::Error::other("this life is over"))
    }

    /// Lives on: does what is due until nothing is to come.
    pub(super) async fn live(self: Arc<Self>) {
        loop {
            let wait = {
                let mut state = self.lock();
                let now = state.now();
                match state.plan.first_key_value().map(|((at, _), _)| *at) {
                    None => None,
                    Some(at) if at > now => Some(at - now),
                    Some(_) => {
                        let event = state.plan.pop_first().unwrap().1;
                        state.happen(event, &self);
                        continue;
                    }
                }
            };
            let wait = wait.map_or(std::time::Duration::MAX, |s| {
                std::time::Duration::from_secs(s.unsigned_abs())
            });
            let _ = tokio::time::timeout(wait, self.planned.notified()).await;
        }
    }
}

impl State {
    /// True time since the beginning, in seconds.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_secs()).unwrap() + self.slept
    }

    /// What the wall clock says.
    pub(super) fn wall(&self) -> i64 {
        EPOCH + self.now() + self.wrong
    }

    pub(super) fn note(&mut self, what: &str) {
        let line = format!("{:>9} {what}", self.now());
        self.log.push(line);
    }

    /// Something that must not be.
    pub(super) fn wrong(&mut self, what: &str) {
        self.note(&format!("WRONG: {what}"));
        self.wrongs.push(what.to_owned());
    }

    pub(super) fn plan(&mut self, at: i64, event: Event) {
        self.planned += 1;
        self.plan.insert((at, self.planned), event);
    }

    /// How long something takes, in milliseconds.
    pub(super) fn latency(&mut self) -> u64 {
        let most = self.faults.latency_ms;
        self.rng.below(most + 1)
    }

    /// Counts what is done in an hour.
    fn tick(&mut self) {
        let hour = self.now() / HOUR;
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        self.hour.1 += 1;
        assert!(self.hour.1 < HOURLY_MAX, "a loop that does not end");
    }

    fn die(&mut self, doom: Doom) {
        self.dead = true;
        if doom == Doom::Kill {
            self.figures.kills += 1;
            self.disk.kill();
        } else {
            self.figures.power_cuts += 1;
            let mut rng = self.rng.fork();
            self.disk.power_cut(&mut rng);
        }
    }

    fn happen(&mut self, event: Event, world: &World) {
        match event {
            Event::Mail(_) if self.hushed => {}
            Event::Hush => self.hushed = true,
            Event::Mail(letter) if self.server.unseen => {
                let later = self.now() + 60;
                self.plan(later, Event::Mail(letter));
            }
            Event::Mail(letter) => {
                self.deliver(letter);
                world.news.notify_one();
            }
            Event::Again(of) => {
                let letter = self.mails[of].letter.clone();
                let raw = Arc::clone(&self.mails[of].raw);
                self.lay(letter, raw);
            }
            Event::Vanish => self.vanish(),
            Event::Empty => (0..self.server.inbox.len()).for_each(|_| self.vanish()),
            Event::Renumber => {
                let first = u32::try_from(1 + self.rng.below(3)).unwrap();
                self.note("all UIDs are new");
                self.server.renumber(first);
            }
            Event::Snapshot => self.snapshot = Some(self.server.clone()),
            Event::Failover => self.fail_over(),
            Event::Unflag => self
                .server
                .inbox
                .values_mut()
                .for_each(|h| h.keyword = false),
            Event::ImapDown(s) => self.server.down_until = self.now() + s,
            Event::SmtpDown(s) => {
                self.note(&format!("no mail system for {s} s"));
                self.post.down_until = self.post.down_until.max(self.now() + s);
                self.post.away_s += s;
            }
            Event::Jump(s) => self.jump(self.wrong + s),
            Event::Right => self.jump(0),
            Event::Suspend(s) => {
                self.note(&format!("the machine sleeps {s} s"));
                self.slept += s;
                self.post.away_s += s;
                self.server.epoch += 1;
                // The end comes later: the desk must have its time after the sleep.
                let ends = |event: &Event| {
                    matches!(event, Event::Right | Event::Calm | Event::Hush | Event::End)
                };
                let (later, rest) = (self.plan.clone().into_iter()).partition(|(_, e)| ends(e));
                self.plan = rest;
                let later: BTreeMap<(i64, u64), Event> = later;
                self.plan
                    .extend(later.into_iter().map(|((at, n), e)| ((at + s, n), e)));
            }
            Event::Restart => world.restart.notify_one(),
            Event::Calm => self.calm(),
            Event::End => world.end.notify_one(),
        }
    }

    fn jump(&mut self, wrong: i64) {
        if wrong != self.wrong {
            self.note(&format!(
                "the wall clock jumps from {} to {wrong}",
                self.wrong
            ));
            let now = self.now();
            self.jumps.push(now);
            self.wrong = wrong;
        }
    }

    fn calm(&mut self) {
        self.note("nothing goes wrong any more");
        self.faults = Faults::default();
        self.doom = None;
        self.full_until = 0;
        self.post.down_until = 0;
        self.post.greylist_s = 0;
        self.server.down_until = 0;
    }

    /// Lays a mail into the inbox.
    pub(super) fn deliver(&mut self, letter: Letter) {
        let raw = Arc::new(letter.raw(EPOCH + self.now()));
        self.lay(letter, raw);
    }

    fn lay(&mut self, letter: Letter, raw: Arc<Vec<u8>>) {
        let (uid, mail) = (self.server.next, self.mails.len());
        if self.log.len() < 100_000 {
            self.note(&format!(
                "mail {mail} uid {uid}: {:?} {}",
                letter.kind, letter.from
            ));
        }
        let held = Held {
            mail,
            received: EPOCH + self.now() - letter.age_s,
            keyword: false,
        };
        self.server.inbox.insert(uid, held);
        self.server.next += 1;
        self.mails.push(Mail {
            letter,
            raw,
            gone: false,
            restored: false,
            fetched: Vec::new(),
            places: BTreeSet::new(),
        });
        self.figures.delivered += 1;
    }

    fn vanish(&mut self) {
        let uids: Vec<u32> = self.server.inbox.keys().copied().collect();
        if uids.is_empty() {
            return;
        }
        let uid = self.rng.pick(&uids);
        if let Some(held) = self.server.inbox.remove(&uid) {
            self.note(&format!("mail {} is removed by somebody", held.mail));
            self.mails[held.mail].gone = true;
        }
    }

    /// An older copy of the mailbox answers from now on; what is not in it is lost by the server, not by the desk.
    fn fail_over(&mut self) {
        let Some(old) = self.snapshot.take() else {
            return;
        };
        self.note(&format!("an older copy answers: next UID {}", old.next));
        let (epoch, down) = (self.server.epoch + 1, self.server.down_until);
        self.server = Server {
            epoch,
            down_until: down,
            unseen: true,
            ..old
        };
        let kept: BTreeSet<usize> = (self.server.inbox.values().map(|held| held.mail))
            .chain(self.server.filed.keys().copied())
            .collect();
        let back: BTreeSet<usize> = self.server.inbox.values().map(|held| held.mail).collect();
        for (number, mail) in self.mails.iter_mut().enumerate() {
            mail.restored |= back.contains(&number);
            mail.gone |= !kept.contains(&number);
        }
    }

    /// Whether the disk takes nothing.
    pub(super) fn disk_is_full(&self) -> bool {
        self.now() < self.full_until
    }

    /// Whether a mail of that kind may be answered by a machine.
    pub(super) fn answerable(kind: Kind) -> bool {
        !matches!(kind, Kind::Machine | Kind::Agent)
    }
}
