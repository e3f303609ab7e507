//! `run`: the daemon, from its config to its end.

use std::time::Duration;

use clap::Args;

use crate::cli::ConfigArgs;
use crate::cli::ask;
use crate::cli::check;
use crate::cli::exit::Failure;
use crate::cli::log;
use crate::daemon;
use crate::daemon::DaemonError;
use crate::store::Store;
use crate::store::StoreOptions;

/// Work that is in no loop's hands any more has so long to end.
const LAST_WORK: Duration = Duration::from_secs(5);

/// A command that looks at the store holds it while it does; a start waits so many seconds for it, rather than fail.
const LOCK_WAIT_S: u64 = 15;

/// A panic's words may hold what a stranger or a server wrote: the log gets the place alone.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        tracing::error!(
            place,
            "a panic; it is contained, but please report the place"
        );
    }));
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let path = args.config.config.as_path();
    let config = check::load(path)?;
    ask::as_owner(&config.state)?;
    let _log = log::start(&config.log).map_err(Failure::Other)?;
    quiet_panics();
    let options = StoreOptions {
        lock_wait_s: LOCK_WAIT_S,
        ..StoreOptions::default()
    };
    let store = Store::open(&config.state, options).map_err(|e| {
        tracing::error!(state = %config.state.display(), "{e}");
        Failure::from(e)
    })?;
    if let Some(shrunk) = store.shrunk() {
        tracing::info!(
            before = shrunk.before,
            after = shrunk.after,
            "the store was written anew, as it was much larger than what it holds"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)?;
    let ended = runtime.block_on(daemon::run(config, path.to_path_buf(), store));
    // A thread that hangs over a mail must not keep the process: what it did not commit is not done.
    runtime.shutdown_timeout(LAST_WORK);
    ended.map_err(|error| {
        tracing::error!("{error}");
        match error {
            // What the disk really holds is found at the next start.
            DaemonError::Store(_) => Failure::Store(error.into()),
            DaemonError::Surroundings(_) => Failure::Unavailable(error.into()),
            DaemonError::Loop(_) => Failure::Other(error.into()),
        }
    })
}
