//! `mailclerk breaker` and `mailclerk dead`: what holds automatic replies back, and how a person changes it.

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::exit::Failure;
use crate::cli::list::ListArgs;
use crate::cli::list::raw;
use crate::cli::list::show;
use crate::cli::list::table;
use crate::daemon::answer::Question;
use crate::daemon::answer::Turn;
use crate::message::address::Address;

/// What is asked of the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Tells how it stands.
    Status,
    /// No automatic reply leaves until it is closed by hand.
    Open,
    /// Replies leave again; those of the last hour count no more.
    Close,
}

#[derive(Debug, Args)]
pub(super) struct BreakerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// What to do.
    #[arg(value_enum, default_value_t = Wanted::Status)]
    wanted: Wanted,
}

#[derive(Debug, Subcommand)]
pub(super) enum DeadCommand {
    /// Addresses that mails of ours came back from for good.
    List(ListArgs),
    /// Forgets that an address is dead: replies go there again.
    Clear {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The address, in any spelling.
        address: Address,
    },
}

/// Tells of the breaker, or moves it.
pub(super) fn breaker(args: &BreakerArgs) -> Result<(), Failure> {
    let turn = match args.wanted {
        Wanted::Status => None,
        Wanted::Open => Some(Turn::Open),
        Wanted::Close => Some(Turn::Close),
    };
    let said = ask(&args.config.config, &Question::Breaker { turn })?;
    if args.json { raw(&said) } else { show(&said) }
}

/// Tells of dead addresses, or clears one.
pub(super) fn dead(command: &DeadCommand) -> Result<(), Failure> {
    match command {
        DeadCommand::List(list) => {
            let said = ask(&list.config.config, &Question::Dead { limit: list.limit })?;
            table(&said, list.json, &["address", "since", "status", "ticket"])
        }
        DeadCommand::Clear {
            config,
            json,
            address,
        } => {
            let address = address.clone();
            let said = ask(&config.config, &Question::Revive { address })?;
            if *json { raw(&said) } else { show(&said) }
        }
    }
}
