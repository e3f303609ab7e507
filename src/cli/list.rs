//! Lists: tickets, outbox, ledger, status; for a person or as JSON.

mod find;
mod person;
mod relabel;

use std::io::Write;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::ask::have_done;
use crate::cli::ask::who;
use crate::cli::exit::Failure;

use crate::cli::reconcile;
use crate::cli::safe;
use crate::config::duration::Seconds;
use crate::daemon::answer::Asked;
use crate::daemon::answer::Deed;
use crate::daemon::answer::Question;

/// How a list is asked for.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// At most so many rows, the newest first.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(super) limit: usize,
}

#[derive(Debug, Subcommand)]
pub(super) enum TicketsCommand {
    /// The newest tickets.
    List(ListArgs),
    /// One ticket with all that happened on it.
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The ticket's number.
        number: u64,
    },
    /// Says what a ticket's mail really wants; kept as an example for the next `learn`. Nothing is sent.
    Relabel(relabel::RelabelArgs),
    /// Gives a ticket to another agent, or to a queue's next one; its mail is fetched once more and goes along.
    Assign {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The ticket's number.
        number: u64,
        /// An agent's address, or a queue's name.
        to: String,
    },
    /// Lets a ticket rest: no reminder until then, and a word to its agent when it wakes.
    Snooze {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The ticket's number.
        number: u64,
        /// For how long: "3d", "12h", "30m".
        time: String,
    },
    /// Closes a ticket: the case is done. Answers open it again for some time, thanks do not.
    Close(OneTicket),
    /// Opens a closed ticket again.
    Reopen(OneTicket),
    /// Records that an address of a ticket is verified, as you found out.
    Verify(person::VerifyArgs),
    /// Makes a ticket a part of another: `tickets merge 13 into 12`.
    Merge(person::MergeArgs),
    /// Takes a merging back.
    Unmerge(person::OneTicket),
    /// Erases a ticket with all that is known of it: a person asks to be forgotten.
    Erase {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The ticket's number.
        number: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Mails that wait to go or are parked.
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Sent ones as well.
        #[arg(long)]
        all: bool,
    },
    /// Sends a parked or waiting mail again, now.
    Resend(OneMail),
    /// Gives a parked or waiting mail up; it stays on its ticket's record.
    Drop(OneMail),
    /// Stops an agent's answer while it waits to leave, and tells the agent.
    Cancel(OneMail),
}

/// One ticket.
#[derive(Debug, Args)]
pub(super) struct OneTicket {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// The ticket's number.
    number: u64,
}

/// One mail of the outbox.
#[derive(Debug, Args)]
pub(super) struct OneMail {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// The mail's number, as `outbox list` tells it.
    id: u64,
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// The mails handled last, and how.
    List(ListArgs),
    /// Was this mail handled, what became of it, what was sent because of it, and when?
    Find(find::FindArgs),
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

fn list_tickets(list: &ListArgs) -> Result<(), Failure> {
    let said = ask(
        &list.config.config,
        &Question::Tickets { limit: list.limit },
    )?;
    table(
        &said,
        list.json,
        &[
            "number",
            "state",
            "queue",
            "intents",
            "language",
            "participants",
            "updated",
            "subject",
        ],
    )
}

pub(super) fn tickets(command: &TicketsCommand) -> Result<(), Failure> {
    match command {
        TicketsCommand::List(list) => list_tickets(list),
        TicketsCommand::Show {
            config,
            json,
            number,
        } => {
            let said = ask(&config.config, &Question::Ticket { number: *number })?;
            if *json { raw(&said) } else { show(&said) }
        }
        TicketsCommand::Relabel(args) => relabel::run(args),
        TicketsCommand::Assign {
            config,
            json,
            number,
            to,
        } => {
            let question = Asked::Assign {
                number: *number,
                to: to.clone(),
                by: who(),
            };
            let said = have_done(&config.config, &Question::Time(question))?;
            if *json { raw(&said) } else { show(&said) }
        }
        TicketsCommand::Snooze {
            config,
            json,
            number,
            time,
        } => {
            let time = Seconds::try_from(time.clone()).map_err(|why| anyhow::anyhow!(why))?;
            let question = Asked::Snooze {
                number: *number,
                seconds: time.0,
                by: who(),
            };
            let said = ask(&config.config, &Question::Time(question))?;
            if *json { raw(&said) } else { show(&said) }
        }
        TicketsCommand::Close(one) => close(one, true),
        TicketsCommand::Reopen(one) => close(one, false),
        TicketsCommand::Verify(args) => args.run(),
        TicketsCommand::Merge(args) => args.run(),
        TicketsCommand::Unmerge(ticket) => ticket.run(Deed::Unmerge),
        TicketsCommand::Erase {
            config,
            json,
            number,
        } => {
            let said = ask(&config.config, &Question::Erase { number: *number })?;
            if *json { raw(&said) } else { show(&said) }
        }
    }
}

pub(super) fn outbox(command: &OutboxCommand) -> Result<(), Failure> {
    match command {
        OutboxCommand::List { list, all } => {
            let said = ask(
                &list.config.config,
                &Question::Outbox {
                    limit: list.limit,
                    all: *all,
                },
            )?;
            table(
                &said,
                list.json,
                &["id", "ticket", "purpose", "to", "state", "created", "said"],
            )
        }
        OutboxCommand::Resend(mail) => one(mail, &Question::Resend { id: mail.id }),
        OutboxCommand::Drop(mail) => one(mail, &Question::Drop { id: mail.id }),
        OutboxCommand::Cancel(mail) => one(mail, &Question::Cancel { id: mail.id }),
    }
}

fn close(ticket: &OneTicket, close: bool) -> Result<(), Failure> {
    let question = Question::Close {
        number: ticket.number,
        close,
        by: who(),
    };
    let said = ask(&ticket.config.config, &question)?;
    if ticket.json { raw(&said) } else { show(&said) }
}

fn one(mail: &OneMail, question: &Question) -> Result<(), Failure> {
    let said = ask(&mail.config.config, question)?;
    if mail.json { raw(&said) } else { show(&said) }
}

pub(super) fn ledger(command: &LedgerCommand) -> Result<(), Failure> {
    let list = match command {
        LedgerCommand::List(list) => list,
        LedgerCommand::Find(args) => return find::find(args),
    };
    let said = ask(&list.config.config, &Question::Ledger { limit: list.limit })?;
    table(
        &said,
        list.json,
        &[
            "mail",
            "at",
            "sender",
            "screening",
            "disposition",
            "intents",
            "ticket",
        ],
    )
}

pub(super) fn status(args: &StatusArgs) -> Result<(), Failure> {
    let mut said = ask(&args.config.config, &Question::Status)?;
    if args.json {
        return raw(&said);
    }
    let reconciled = said
        .as_object_mut()
        .and_then(|fields| fields.remove("reconciled"));
    show(&said)?;
    reconcile::tell(&reconciled.unwrap_or_default())
}

pub(super) fn raw(said: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, said)?;
    writeln!(out)?;
    Ok(())
}

/// Rows of the named fields, columns as wide as they need to be.
pub(super) fn table(said: &Value, json: bool, fields: &[&str]) -> Result<(), Failure> {
    if json {
        return raw(said);
    }
    let mut rows: Vec<Vec<String>> = vec![fields.iter().map(|f| (*f).to_owned()).collect()];
    for row in said.as_array().into_iter().flatten() {
        rows.push(
            fields
                .iter()
                .map(|f| cell(row.get(*f).unwrap_or(&Value::Null)))
                .collect(),
        );
    }
    let widths: Vec<usize> = (0..fields.len())
        .map(|i| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = std::io::stdout().lock();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

pub(super) fn show(said: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for (name, value) in said.as_object().into_iter().flatten() {
        match value.as_array().filter(|a| a.iter().any(Value::is_object)) {
            Some(rows) => {
                writeln!(out, "{name}")?;
                for row in rows {
                    let cells: Vec<String> = row
                        .as_object()
                        .into_iter()
                        .flatten()
                        .map(|(_, v)| cell(v))
                        .filter(|c| !c.is_empty())
                        .collect();
                    writeln!(out, "  {}", cells.join("  "))?;
                }
            }
            None => writeln!(out, "{name:<14} {}", cell(value))?,
        }
    }
    Ok(())
}

/// A value on one line, control characters made visible: subjects are strangers' words.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Object(fields) => fields.values().map(cell).collect::<Vec<_>>().join("/"),
        other => other.to_string(),
    };
    let mut shown = safe(&text.chars().take(60).collect::<String>());
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_move_the_cursor_of_the_operators_terminal() {
        let shown = cell(&Value::String("a\u{1b}[2Jb\nc".to_owned()));
        assert_eq!(shown, "a\u{fffd}[2Jb\u{fffd}c");
    }
}
