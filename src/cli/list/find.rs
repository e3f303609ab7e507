//! `ledger find`: was this mail handled, what became of it, what was sent because of it, and when?

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::ask::ask;
use crate::cli::exit::Failure;
use crate::cli::list::ListArgs;
use crate::cli::list::table;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::duration::Seconds;
use crate::daemon::answer::Question;
use crate::daemon::answer::Sought;
use crate::message::address::Address;
use crate::message::id::MessageId;

const DAY_S: i64 = 86_400;

/// What is known of the mail.
#[derive(Debug, Args)]
pub(in crate::cli) struct FindArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    known: KnownArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct KnownArgs {
    /// Its Message-ID, with or without angle brackets.
    #[arg(long, value_name = "ID", value_parser = message_id)]
    message_id: Option<MessageId>,
    /// Who wrote it; spellings of one mailbox (capitals, plus-addresses) are one writer.
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse)]
    sender: Option<Address>,
    /// Received then or later: a day (2026-03-01), a moment (2026-03-01T08:00:00Z), or how long ago (36h, 5d). UTC.
    #[arg(long, value_name = "WHEN", value_parser = since, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Received before the end of that day, or before that moment.
    #[arg(long, value_name = "WHEN", value_parser = until, allow_hyphen_values = true)]
    until: Option<i64>,
    /// The mailbox's name in the config.
    #[arg(long, value_name = "NAME")]
    mailbox: Option<String>,
}

pub(super) fn find(args: &FindArgs) -> Result<(), Failure> {
    let known = &args.known;
    let question = Question::Find(Sought {
        message_id: known.message_id.clone(),
        sender: known.sender.clone(),
        since: known.since,
        until: known.until,
        mailbox: known.mailbox.clone(),
        limit: args.list.limit,
    });
    let mut said = ask(&args.list.config.config, &question)?;
    if !args.list.json {
        said.as_array_mut().into_iter().flatten().for_each(in_short);
    }
    table(
        &said,
        args.list.json,
        &[
            "received",
            "mail",
            "sender",
            "screening",
            "disposition",
            "ticket",
            "ticket_state",
            "at",
            "sent",
        ],
    )
}

/// Letters in a table: why, how far, when; to the minute.
fn in_short(row: &mut Value) {
    let Some(sent) = row.get_mut("sent").and_then(Value::as_array_mut) else {
        return;
    };
    for letter in sent {
        let word = |name: &str| letter.get(name).and_then(Value::as_str).unwrap_or_default();
        let at = word("at").replace('T', " ");
        let minute: String = at.chars().take("2026-03-01 08:00".len()).collect();
        let words = [word("purpose"), word("state"), &minute].join(" ");
        *letter = Value::String(words.trim().to_owned());
    }
}

fn message_id(text: &str) -> Result<MessageId, String> {
    let text = text.trim();
    let bare = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(text);
    MessageId::try_from(bare.to_owned()).map_err(|e| e.to_string())
}

fn since(text: &str) -> Result<i64, String> {
    moment(text, 0)
}

fn until(text: &str) -> Result<i64, String> {
    moment(text, DAY_S)
}

/// Reads a moment; of a day its beginning, and `into_day_s` more.
fn moment(text: &str, into_day_s: i64) -> Result<i64, String> {
    if let Ok(ago) = Seconds::try_from(text.to_owned()) {
        let ago_s = i64::try_from(ago.0).unwrap_or(i64::MAX);
        return Ok(SystemClock.now().plus_s(-ago_s).0);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_second());
    }
    // A time of day without a zone is left out by the parser, and would mean another moment.
    let day = Some(text).filter(|text| text.len() == "2026-03-01".len());
    let day: Date = day.and_then(|day| day.parse().ok()).ok_or_else(|| {
        format!("`{text}` is no day (2026-03-01), moment (2026-03-01T08:00:00Z) or duration (5d)")
    })?;
    let begins = day
        .to_zoned(TimeZone::UTC)
        .map_err(|_| format!("`{text}` is out of reach"))?;
    Ok(begins.timestamp().as_second().saturating_add(into_day_s))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_day_is_meant_whole_and_a_moment_exactly() {
        assert_eq!(since("2026-03-01"), Ok(1_772_323_200));
        assert_eq!(until("2026-03-01"), Ok(1_772_323_200 + DAY_S));
        assert_eq!(until("2026-03-01T08:00:00Z"), Ok(1_772_352_000));
        assert_eq!(since("2026-03-01T09:00:00+01:00"), Ok(1_772_352_000));
        let ago = SystemClock.now().0 - since("2h").unwrap();
        assert!((7_200..7_260).contains(&ago));
        for wrong in ["", "yesterday", "2026-13-01", "2026-03-01T08:00", "5"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_message_id_is_taken_with_its_brackets_and_without() {
        assert_eq!(message_id("<a@b>"), message_id(" a@b "));
        assert!(message_id("<a b>").is_err());
    }
}
