//! The process: parts put together, loops started, stopped in order.
//!
//! # Decisions
//! - A reload is a drain and a new start of the loops over the same open store: one way to begin, one way to end,
//!   nothing half old and half new. A config or rules that are wrong leave the running loops untouched.
//! - Loops share the store and a wake-up of capacity one; no channel carries state.
//! - Any failure of the store ends the process: what it last acknowledged is all that is believed.

mod agenda;
pub mod answer;
mod assign;
mod begun;
mod breaker;
pub mod control;
mod delivery;
mod faults;
mod groups;
mod intake;
mod letters;
mod limits;
mod notify;
pub mod parts;
mod peril;
mod pulse;
mod quarantine;
mod reconcile;
mod relabel;
mod thinking;
mod timers;
mod told;
mod upkeep;
mod work;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::clock::desk::DeskClock;
use crate::config;
use crate::config::Config;
pub(crate) use crate::daemon::begun::blocking;
use crate::daemon::breaker::Alarm;
use crate::daemon::delivery::Delivery;
use crate::daemon::intake::Intake;
use crate::daemon::intake::IntakePart;
use crate::daemon::parts::Parts;
use crate::daemon::pulse::Pulses;
use crate::daemon::reconcile::Reconciling;
use crate::daemon::relabel::Seekers;
use crate::daemon::timers::Keep;
use crate::daemon::told::Voices;
use crate::store::Store;
use crate::store::StoreError;

/// How long the loops have to come to an end: systemd waits longer (TimeoutStopSec=45).
const DRAIN_S_MAX: u64 = 30;

/// Why the daemon ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The store failed; nothing that was not acknowledged is believed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// Something in the surroundings.
    #[error("{0}")]
    Surroundings(String),
    /// A loop ended by a panic.
    #[error("a loop ended unexpectedly: {0}")]
    Loop(String),
}

/// What the loops share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The store.
    pub(crate) store: Store,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Mails were put into the outbox.
    pub(crate) outbox_news: Arc<tokio::sync::Notify>,
    /// An operator wants mails to go now.
    pub(crate) resent: Arc<tokio::sync::Notify>,
    /// Who is alive.
    pub(crate) pulses: Pulses,
    /// Who wants a mailbox reconciled, and what came of it.
    pub(crate) reconciling: Reconciling,
    /// The desk's keys have changed: who holds them must ask for them again.
    pub(crate) rekeyed: Arc<tokio::sync::Notify>,
    /// Stop.
    pub(crate) stop: CancellationToken,
}

enum Why {
    Stop,
    Reload(Box<Next>),
}

/// What a generation of loops is started with. All that can fail is made before the old loops are told to end.
struct Next {
    config: Config,
    parts: Parts,
    listener: tokio::net::UnixListener,
}

impl Next {
    /// Builds a generation; `ours` is the socket of the one that is still running.
    fn new(config: Config, store: &Store, ours: Option<&Path>) -> Result<Self, String> {
        let parts = Parts::build(&config, store)?;
        let socket = &config.socket;
        let failed = |e: std::io::Error| format!("control socket {}: {e}", socket.display());
        let listener = if ours == Some(socket) {
            // Put in the old one's place when it is open: who asks from now on is answered by the next generation.
            let draft = socket.with_extension("new");
            let listener = control::listen(&draft).map_err(failed)?;
            std::fs::rename(&draft, socket).map_err(failed)?;
            listener
        } else {
            control::listen(socket).map_err(failed)?
        };
        Ok(Self {
            config,
            parts,
            listener,
        })
    }
}

/// Runs until SIGTERM or SIGINT; SIGHUP reads config and rules again.
///
/// # Errors
/// When the store fails, or a part cannot be built from the config.
pub async fn run(config: Config, path: PathBuf, store: Store) -> Result<(), DaemonError> {
    let mut signals = Signals::new()
        .map_err(|e| DaemonError::Surroundings(format!("cannot watch signals: {e}")))?;
    let mut next = Next::new(config, &store, None).map_err(DaemonError::Surroundings)?;
    let clock = Arc::new(store.clock()?);
    loop {
        match generation(next, &path, &store, &clock, &mut signals).await? {
            Why::Stop => break,
            Why::Reload(new) => next = *new,
        }
    }
    timers::mark(&store, &clock).await?;
    notify::stopping();
    drop(clock);
    if let Ok(Err(why)) = tokio::task::spawn_blocking(move || store.close()).await {
        tracing::info!(
            "the next start reads every record of the store: it could not be sealed: {why}"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// Settles mails that were on their way when somebody was cut off: an earlier process, or loops that ended too slowly.
async fn recover(store: &Store, now: Timestamp) -> Result<(), DaemonError> {
    let store = store.clone();
    let recovered = blocking(move || store.recover(now)).await?;
    let (again, parked) = (recovered.again, recovered.parked);
    if parked > 0 {
        tracing::error!(
            again,
            parked,
            "mails were on their way when sending was cut off; the parked ones may have left: see `mailclerk outbox list`"
        );
    } else if again > 0 {
        tracing::warn!(
            again,
            "mails were on their way when sending was cut off; they go again under the same Message-ID"
        );
    }
    Ok(())
}

/// One life of the loops: from their start to the signal that ends it.
async fn generation(
    next: Next,
    path: &Path,
    store: &Store,
    clock: &Arc<DeskClock>,
    signals: &mut Signals,
) -> Result<Why, DaemonError> {
    recover(store, clock.now()).await?;
    let Next {
        config,
        parts,
        listener,
    } = next;
    let shared = Shared {
        store: store.clone(),
        clock: Arc::<DeskClock>::clone(clock),
        outbox_news: Arc::new(tokio::sync::Notify::new()),
        resent: Arc::new(tokio::sync::Notify::new()),
        pulses: Pulses::default(),
        reconciling: Reconciling::default(),
        rekeyed: Arc::new(tokio::sync::Notify::new()),
        stop: CancellationToken::new(),
    };
    let mut loops: JoinSet<Result<(), DaemonError>> = JoinSet::new();
    let seekers = Seekers::new(parts.seekers, &config.private);
    loops.spawn(Delivery::new(parts.routes, shared.clone()).run());
    let mailboxes = parts.intakes.len();
    let alarm = config.alarm.clone().zip(parts.intakes.first());
    let alarm = alarm.map(|(to, part)| Alarm::new(to, &part.rules, &part.office));
    let seat = |part: &IntakePart<_>| (Arc::clone(&part.rules), Arc::clone(&part.office));
    let seats: Vec<_> = parts.intakes.iter().map(seat).collect();
    store.set_roster(Arc::clone(&config.roster));
    loops.spawn(agenda::run(seats.clone(), shared.clone()));
    let voices = Voices::new(&seats);
    loops.spawn(relabel::run(seekers.clone(), shared.clone()));
    loops.spawn(control::serve(listener, shared.clone(), seekers, voices));
    loops.spawn(quarantine::run(seats, shared.clone()));
    for part in parts.intakes {
        loops.spawn(Intake::new(part, shared.clone()).run());
    }
    let keep = Keep {
        tickets_s: config.keep_tickets_s,
        keys_s: config.keep_keys_s,
    };
    loops.spawn(timers::run(shared.clone(), Arc::clone(clock), keep, alarm));
    notify::ready(&format!("watching {mailboxes} mailboxes"));
    tracing::info!(mailboxes, "ready");
    let why = watch(path, &config, &shared, signals, &mut loops).await;
    shared.stop.cancel();
    drain(&mut loops).await;
    why
}

/// Waits for a signal that means something, or for a loop that ends by itself (which none should).
async fn watch(
    path: &Path,
    config: &Config,
    shared: &Shared,
    signals: &mut Signals,
    loops: &mut JoinSet<Result<(), DaemonError>>,
) -> Result<Why, DaemonError> {
    loop {
        tokio::select! {
            biased;
            ended = loops.join_next() => return Err(match ended {
                Some(Ok(Err(error))) => error,
                Some(Err(ended)) => unexpected(&ended),
                Some(Ok(Ok(()))) | None => DaemonError::Loop("it returned".to_owned()),
            }),
            () = shared.rekeyed.notified() => {
                tracing::info!("the desk's keys have changed; the loops begin anew with them");
                match Next::new(config.clone(), &shared.store, Some(&config.socket)) {
                    Ok(next) => return Ok(Why::Reload(Box::new(next))),
                    Err(complaint) => tracing::error!(
                        complaint,
                        "the new keys are used after the next restart only"
                    ),
                }
            }
            reload_wanted = signals.next() => {
                if !reload_wanted {
                    tracing::info!("told to stop; finishing what is under way");
                    notify::stopping();
                    return Ok(Why::Stop);
                }
                match reload(path, config, &shared.store).await {
                    Some(next) => return Ok(Why::Reload(Box::new(next))),
                    None => notify::ready("reload refused; the old config and rules stay"),
                }
            }
        }
    }
}

/// Reads and builds everything anew beside the running loops; none when something is wrong with it.
async fn reload(path: &Path, old: &Config, store: &Store) -> Option<Next> {
    const REFUSED: &str = "reload refused; the old config and rules stay";
    notify::reloading();
    let path = path.to_path_buf();
    let loaded = tokio::task::spawn_blocking(move || config::load(&path))
        .await
        .ok()?;
    let mut config = match loaded {
        Ok(config) => config,
        Err(complaints) => {
            for complaint in complaints {
                tracing::error!(%complaint, "{REFUSED}");
            }
            return None;
        }
    };
    if config.state != old.state || config.log != old.log {
        tracing::warn!(
            "`state` and [log] are changed by a restart only; what they were stays until then"
        );
        config.state.clone_from(&old.state);
        config.log = old.log.clone();
    }
    match Next::new(config, store, Some(&old.socket)) {
        Ok(next) => {
            if next.config.socket != old.socket {
                let _ = std::fs::remove_file(&old.socket);
            }
            tracing::info!("config and rules read again");
            Some(next)
        }
        Err(complaint) => {
            tracing::error!(complaint, "{REFUSED}");
            None
        }
    }
}

async fn drain(loops: &mut JoinSet<Result<(), DaemonError>>) {
    let all = async { while loops.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(DRAIN_S_MAX), all)
        .await
        .is_err()
    {
        tracing::error!(
            seconds = DRAIN_S_MAX,
            "loops did not end in time and are cut off; the outbox knows what was under way"
        );
        loops.shutdown().await;
    }
}

/// A task that did not return. The words of a panic are held back: they may be a stranger's.
pub(crate) fn unexpected(ended: &JoinError) -> DaemonError {
    DaemonError::Loop(
        if ended.is_panic() {
            "it panicked"
        } else {
            "it was cut off"
        }
        .to_owned(),
    )
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal; true when it asks for a reload, false when it asks for the end.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            _ = self.hangup.recv() => true,
        }
    }
}

#[cfg(test)]
mod tests;
