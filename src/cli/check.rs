//! `check`: is everything right before the daemon is started?

use std::io::Write;
use std::path::Path;

use clap::Args;

use crate::cli::ConfigArgs;
use crate::cli::ask;
use crate::cli::exit::Failure;
use crate::config;
use crate::config::Config;
use crate::config::MailboxConfig;
use crate::config::oauth::TokenSource;
use crate::daemon::parts;
use crate::triage::source::Complaint;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check a rules folder alone, without a config.
    #[arg(long, value_name = "DIR", conflicts_with = "connect")]
    rules: Option<std::path::PathBuf>,
    /// Connect to the servers and log in as well; reads and changes nothing.
    #[arg(long)]
    connect: bool,
    /// The result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let mut lines: Vec<String> = Vec::new();
    if let Some(folder) = &args.rules {
        let rules = config::folder::load(folder)?;
        lines.push(format!(
            "rules: {} intents, {} languages",
            rules.intents.intents().len(),
            rules.replies.languages().len()
        ));
        return tell(args, &lines);
    }
    let config = load(&args.config.config)?;
    for mailbox in &config.mailboxes {
        let rules = &mailbox.rules;
        lines.push(format!(
            "mailbox {}: {}, {} intents, replies in {}",
            mailbox.name,
            mailbox.address,
            rules.intents.intents().len(),
            rules.replies.languages().join(", ")
        ));
    }
    for queue in &config.queues {
        lines.push(format!(
            "queue {}: {} agents",
            queue.name,
            queue.agents.len()
        ));
    }
    if args.connect {
        let renews = |m: &MailboxConfig| {
            [&m.imap.oauth, &m.smtp.oauth]
                .into_iter()
                .flatten()
                .any(TokenSource::renews)
        };
        if config.mailboxes.iter().any(renews) {
            // A refresh token that is renewed on the way is kept in the state folder, for the daemon.
            ask::as_owner(&config.state)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::from)?;
        for mailbox in &config.mailboxes {
            let said = runtime
                .block_on(parts::try_servers(&config, mailbox))
                .map_err(|e| {
                    Failure::Unavailable(anyhow::anyhow!("mailbox {}: {e}", mailbox.name))
                })?;
            lines.extend(
                said.into_iter()
                    .map(|l| format!("mailbox {}: {l}", mailbox.name)),
            );
        }
    }
    tell(args, &lines)
}

/// Loads a config and builds from it what needs no store and no network: all that would stop a start.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let config = config::load(path)?;
    let name = path.display().to_string();
    parts::fit(&config).map_err(|what| vec![Complaint::at(&name, "", 0, what)])?;
    Ok(config)
}

fn tell(args: &CheckArgs, lines: &[String]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "ok": true, "found": lines }))?;
    } else {
        for line in lines {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "all is well")?;
    }
    Ok(())
}
