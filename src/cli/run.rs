//! `run`: the daemon, from its config to its end.

use std::io::Write;
use std::path::Path;
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
    /// Once, after a restore: go on with a store that holds less than it did. Mails that it does not know are handled
    /// again. Says what the store holds and ends; then start the daemon as always.
    #[arg(long)]
    accept_older_store: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let path = args.config.config.as_path();
    let config = check::load(path)?;
    ask::as_owner(&config.state)?;
    if args.accept_older_store {
        return accept(&config.state);
    }
    let _log = log::start(&config.log).map_err(Failure::Other)?;
    quiet_panics();
    let store = Store::open(&config.state, StoreOptions::default()).map_err(|e| {
        tracing::error!(state = %config.state.display(), "{e}");
        Failure::from(e)
    })?;
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
            DaemonError::Store(_) => Failure::Disk(error.into()),
            DaemonError::Surroundings(_) => Failure::Unavailable(error.into()),
            DaemonError::Loop(_) => Failure::Other(error.into()),
        }
    })
}

/// Says to the store that it is to go on as it is.
fn accept(state: &Path) -> Result<(), Failure> {
    let options = StoreOptions {
        accept_behind: true,
        ..StoreOptions::default()
    };
    let store = Store::open(state, options)?;
    let counts = store.counts();
    writeln!(
        std::io::stdout().lock(),
        "accepted: the store goes on with {} mails on record and {} tickets; start the daemon as always",
        counts.ledger,
        counts.tickets
    )?;
    Ok(())
}
