//! `key`: the desk's keys, by which it knows its own mails again, and the tickets that answers belong to.

use clap::Args;
use clap::Subcommand;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::exit::Failure;
use crate::cli::list::table;
use crate::daemon::answer::Question;

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Lists the keys: the one that signs, and the earlier ones, which still verify. Shows no key.
    List(Plain),
    /// Makes a new key, which signs from now on. The others verify for as long as `[keep] keys` says (400 days).
    Rotate(Plain),
    /// Drops an earlier key: answers to mails that it signed prove nothing any more, and open tickets of their own.
    Drop {
        #[command(flatten)]
        plain: Plain,
        /// Its name, as `key list` shows it.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Plain {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Asks the daemon, or, when none runs, the store; tells the keys as they then are.
pub(super) fn run(command: &KeyCommand) -> Result<(), Failure> {
    let (plain, question) = match command {
        KeyCommand::List(plain) => (plain, Question::Keys),
        KeyCommand::Rotate(plain) => (plain, Question::Rotate),
        KeyCommand::Drop { plain, name } => (plain, Question::Forget { key: name.clone() }),
    };
    let said = ask(&plain.config.config, &question)?;
    table(&said, plain.json, &["name", "state", "until"])
}
