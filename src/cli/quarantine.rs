//! `mailclerk quarantine`: what is held, one mail shown, and the operator's word on it.

use std::io::Write;
use std::path::Path;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::ask::who;
use crate::cli::exit::Failure;
use crate::cli::list::cell;
use crate::cli::list::raw;
use crate::cli::list::table;
use crate::cli::safe;
use crate::daemon::answer::Question;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// Mails that wait for a decision, the newest first.
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Those that were released or dropped as well.
        #[arg(long)]
        all: bool,
        /// At most so many rows.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// One mail: why it is held, its header and text in plain words, its attachments by name, type and size.
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The mail's number, as `quarantine list` tells it.
        number: u64,
    },
    /// Releases mails: each is handled as if it came now, minus what had it held.
    Release(Numbers),
    /// Drops mails: nobody gets them; on the server they stay in their folder.
    Drop(Numbers),
}

/// The mails that a word is about.
#[derive(Debug, Args)]
pub(super) struct Numbers {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// The mails' numbers, as `quarantine list` tells them.
    #[arg(value_name = "N", required = true, num_args = 1..=1_000)]
    mails: Vec<u64>,
}

/// Does what the operator typed.
pub(super) fn run(command: &QuarantineCommand) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List {
            config,
            json,
            all,
            limit,
        } => {
            let question = Question::Quarantine {
                limit: *limit,
                all: *all,
            };
            let said = ask(&config.config, &question)?;
            let fields = [
                "number", "state", "at", "why", "sender", "octets", "subject",
            ];
            table(&said, *json, &fields)
        }
        QuarantineCommand::Show {
            config,
            json,
            number,
        } => {
            let said = ask(&config.config, &Question::Held { number: *number })?;
            if *json { raw(&said) } else { show(&said) }
        }
        QuarantineCommand::Release(numbers) => {
            let question = Question::Release {
                numbers: numbers.mails.clone(),
                by: who(),
            };
            decided(&numbers.config.config, &question, numbers.json)
        }
        QuarantineCommand::Drop(numbers) => {
            let question = Question::Discard {
                numbers: numbers.mails.clone(),
                by: who(),
            };
            decided(&numbers.config.config, &question, numbers.json)
        }
    }
}

/// Tells what became of each; a failure when one was refused.
fn decided(config: &Path, question: &Question, json: bool) -> Result<(), Failure> {
    let said = ask(config, question)?;
    let mut refused = Vec::new();
    if json {
        raw(&said)?;
    }
    let mut out = std::io::stdout().lock();
    for row in said.as_array().into_iter().flatten() {
        match row.get("refused").and_then(Value::as_str) {
            Some(why) => refused.push(why.to_owned()),
            None if json => {}
            None => {
                let told = |name: &str| row.get(name).map(cell).unwrap_or_default();
                writeln!(out, "{} {}", told("number"), told("state"))?;
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(anyhow::anyhow!("{}", safe(&refused.join("; "))).into())
}

fn show(said: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), safe);
    for name in [
        "number",
        "told",
        "sender",
        "subject",
        "received",
        "octets",
        "truncated",
        "unreadable",
    ] {
        if let Some(value) = said.get(name).filter(|v| !v.is_null()) {
            writeln!(out, "{name:<14} {}", words(value))?;
        }
    }
    let rows = |name: &str| {
        said.get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for why in rows("because") {
        let told = |name: &str| why.get(name).map(words).unwrap_or_default();
        let matched = Some(told("matched")).filter(|m| !m.is_empty());
        let matched = matched.map_or(String::new(), |m| format!(" ({m})"));
        writeln!(
            out,
            "{:<14} {}: {}{matched}",
            "held because",
            told("rule"),
            told("says")
        )?;
    }
    for attached in rows("attachments") {
        let told = |name: &str| attached.get(name).map(words).unwrap_or_default();
        let note = told("note");
        writeln!(
            out,
            "{:<14} \"{}\" {} {} octets {note}",
            "attached",
            told("name"),
            told("type"),
            told("octets")
        )?;
    }
    for (title, name) in [("header", "header"), ("text", "text")] {
        let lines = rows(name);
        if !lines.is_empty() {
            writeln!(out, "\n{title}")?;
        }
        for line in lines {
            writeln!(out, "  | {}", words(&line))?;
        }
    }
    Ok(())
}
