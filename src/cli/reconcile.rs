//! `mailclerk reconcile`: has the daemon compare every mail with the ledger, and tells what it found.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::cli::ConfigArgs;
use crate::cli::ask::have_done;
use crate::cli::exit::Failure;
use crate::cli::list::cell;
use crate::cli::list::table;
use crate::daemon::answer::Question;

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only this mailbox, by its name in the config.
    #[arg(long, value_name = "NAME")]
    mailbox: Option<String>,
}

/// Asks, and waits for the report.
pub(super) fn run(args: &ReconcileArgs) -> Result<(), Failure> {
    let question = Question::Reconcile {
        mailbox: args.mailbox.clone(),
    };
    let said = have_done(&args.config.config, &question)?;
    let fields = [
        "mailbox", "at", "seen", "gaps", "healed", "unknown", "unfiled", "vanished",
    ];
    table(&said, args.json, &fields)
}

/// Tells what the last reconciliations found, a line for each mailbox; for `status`.
pub(super) fn tell(rows: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for row in rows.as_array().into_iter().flatten() {
        let told = |name: &str| row.get(name).map(cell).unwrap_or_default();
        writeln!(
            out,
            "{:<14} {}: {} seen, {} gaps, {} healed, {} vanished, at {}",
            "reconciled",
            told("mailbox"),
            told("seen"),
            told("gaps"),
            told("healed"),
            told("vanished"),
            told("at")
        )?;
    }
    Ok(())
}
