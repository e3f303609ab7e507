//! What an operator types.

mod agents;
mod ask;
mod check;
mod classify;
mod evaluate;
mod evaluate_screen;
mod exit;
mod explain;
mod key;
mod labels;
mod learn;
mod limits;
mod list;
mod log;
mod picture;
mod quarantine;
mod reconcile;
mod run;
mod score;
mod store;

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::message::address::is_invisible;

/// Where the config lies unless told otherwise.
const CONFIG: &str = "/etc/mailclerk/mailclerk.toml";

#[derive(Debug, Parser)]
#[command(
    name = "mailclerk",
    version,
    about = "A clerk for a support mailbox: answers what can be answered, forwards the rest to people, loses nothing.",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong arguments, 69 a server or the daemon is out of reach, \
                  65 the store is not what it was and a person must decide, 74 the store cannot be used now, 78 config or rules are wrong (nothing was started)."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watches the mailboxes until told to stop (SIGTERM); SIGHUP reads config and rules again.
    Run(run::RunArgs),
    /// Checks config, rules and templates; with --connect the servers as well.
    Check(check::CheckArgs),
    /// Says what would become of each mail; needs no store and no network.
    Classify(classify::ClassifyArgs),
    /// Tells every stage's verdict on one mail, with its reason.
    Explain(explain::ExplainArgs),
    /// Measures the rules on labelled mails: accuracy, harm, confusion, by language.
    Evaluate(evaluate::EvaluateArgs),
    /// Learns a second opinion from labelled examples and mails, and writes it beside the rules.
    Learn(learn::LearnArgs),
    /// Lists tickets, or shows one with all that happened on it.
    #[command(subcommand)]
    Tickets(list::TicketsCommand),
    /// Lists agents with what they carry; says that one is away, or back.
    #[command(subcommand)]
    Agents(agents::AgentsCommand),
    /// Lists mails that wait to go, or are parked; sends or drops one of them.
    #[command(subcommand)]
    Outbox(list::OutboxCommand),
    /// Lists the mails that were handled, and how.
    #[command(subcommand)]
    Ledger(list::LedgerCommand),
    /// Lists mails that are held for a decision, shows one safely, releases or drops them.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Looks at the store, backs it up, puts it back, mends it.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Lists the desk's keys, which prove what is ours; replaces the one that signs; drops an earlier one.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Has the daemon compare every mail of its mailboxes with the ledger, now, and tells what it found and healed.
    Reconcile(reconcile::ReconcileArgs),
    /// Tells how the total breaker stands, opens or closes it: open, no automatic reply leaves.
    Breaker(limits::BreakerArgs),
    /// Lists addresses that mails of ours came back from for good; clears one.
    #[command(subcommand)]
    Dead(limits::DeadCommand),
    /// Tells how the daemon and the store are doing.
    Status(list::StatusArgs),
}

/// Where the config lies.
#[derive(Debug, Clone, Args)]
struct ConfigArgs {
    /// The config file.
    #[arg(long, short, default_value = CONFIG, value_name = "FILE")]
    config: PathBuf,
}

/// Where the rules lie, for commands that need no config.
#[derive(Debug, Clone, Args)]
struct RulesArgs {
    /// The rules folder [default: ./rules; where there is none, the config /etc/mailclerk/mailclerk.toml].
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    rules: Option<PathBuf>,
    /// Take rules, addresses and agents from a config file instead.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Strangers' words on a terminal: what would move the cursor or turn the line around is shown and not obeyed.
fn safe(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_invisible(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Where the rules come from.
#[derive(Debug, PartialEq, Eq)]
enum RulesSource {
    Folder(PathBuf),
    Config(PathBuf),
}

impl RulesArgs {
    fn source(&self) -> RulesSource {
        // What may not be looked at is there: the message then says why it cannot be read.
        self.source_where(|path| path.try_exists().unwrap_or(true))
    }

    fn source_where(&self, is_there: impl Fn(&Path) -> bool) -> RulesSource {
        let (here, installed) = (Path::new("rules"), Path::new(CONFIG));
        match (&self.rules, &self.config) {
            (_, Some(config)) => RulesSource::Config(config.clone()),
            (Some(rules), None) => RulesSource::Folder(rules.clone()),
            (None, None) if !is_there(here) && is_there(installed) => {
                RulesSource::Config(installed.to_path_buf())
            }
            (None, None) => RulesSource::Folder(here.to_path_buf()),
        }
    }
}

/// Runs what the arguments say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Tickets(command) => list::tickets(&command),
        Command::Agents(command) => agents::run(&command),
        Command::Outbox(command) => list::outbox(&command),
        Command::Ledger(command) => list::ledger(&command),
        Command::Quarantine(command) => quarantine::run(&command),
        Command::Store(command) => store::run(&command),
        Command::Key(command) => key::run(&command),
        Command::Reconcile(args) => reconcile::run(&args),
        Command::Breaker(args) => limits::breaker(&args),
        Command::Dead(command) => limits::dead(&command),
        Command::Status(args) => list::status(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A reader that went away (`| head`) is no failure of ours.
            if !failure.is_broken_pipe() {
                let _ = writeln!(std::io::stderr().lock(), "mailclerk: {failure}");
            }
            failure.code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(rules: Option<&str>, config: Option<&str>, there: &[&str]) -> RulesSource {
        let args = RulesArgs {
            rules: rules.map(PathBuf::from),
            config: config.map(PathBuf::from),
        };
        args.source_where(|path| there.iter().any(|t| Path::new(t) == path))
    }

    #[test]
    fn outside_a_source_folder_the_installed_config_says_where_the_rules_lie() {
        let folder = |path: &str| RulesSource::Folder(PathBuf::from(path));
        let config = |path: &str| RulesSource::Config(PathBuf::from(path));
        assert_eq!(source(None, None, &[CONFIG]), config(CONFIG));
        assert_eq!(source(None, None, &["rules", CONFIG]), folder("rules"));
        assert_eq!(
            source(None, None, &[]),
            folder("rules"),
            "the complaint names the folder"
        );
        assert_eq!(source(Some("mine"), None, &[CONFIG]), folder("mine"));
        assert_eq!(source(None, Some("c.toml"), &["rules"]), config("c.toml"));
    }
}
