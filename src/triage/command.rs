//! What an agent orders on the first lines of an answer: forgiving in form, strict in effect.
//!
//! # Decisions
//! - A line is an order when it begins with a hash sign and a letter, spaces, bullets, quotes and invisible characters aside,
//!   and no words stand above it. `#1`, `##` and a hash alone begin the words; a hash inside a line is a part of them.
//! - A line that is an order and not one of ours is wrong, and so is one with too little or too much behind it. Of a mail with
//!   one wrong line nothing is done at all.
//! - An order of ours below the words is wrong, too: it was meant for us, and the person must not read it.

mod read;

use jiff::civil::Date;

use crate::message::address::Address;

/// More orders than these are in no mail.
pub const COMMANDS_MAX: usize = 10;
/// A line that was not understood is shown cut, in characters.
const LINE_CHARS_MAX: usize = 120;

/// What an agent can order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The case is done.
    Close,
    /// It is not done.
    Reopen,
    /// The words are a note, and not for the person. Holds the words behind it on its line.
    Note(String),
    /// The case goes to this agent or queue, by name.
    Assign(String),
    /// What the mail really wanted, the main thing first.
    Relabel(Vec<String>),
    /// The case is none: closed, and its writer gets no automatic reply any more.
    Spam,
    /// The case is the same as that ticket's.
    Merge(u64),
    /// The case rests for so many seconds.
    Snooze(u64),
    /// This address is the person's; none: the one they write from.
    Verified(Option<Address>),
    /// The agent gets no cases before that day.
    Away(Date),
    /// The agent's answer that waits is not sent.
    Cancel,
    /// How does this work?
    Help,
}

/// A line that is no order of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, cut.
    pub line: String,
    /// What is wrong with it, as a sentence.
    pub why: String,
    /// The order that it most resembles, as it is to be written.
    pub nearest: &'static str,
}

/// An agent's words, their orders taken off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// What is ordered, in order.
    pub commands: Vec<Command>,
    /// What was not understood.
    pub wrong: Vec<Wrong>,
    /// What is left: the words.
    pub words: String,
}

/// The orders, and how each is written.
pub const USAGE: [(&str, &str, &str); 12] = [
    ("close", "#close", "the case is done"),
    ("reopen", "#reopen", "it is not"),
    (
        "note",
        "#note",
        "the words are a note on the ticket; the person does not get them",
    ),
    (
        "assign",
        "#assign NAME",
        "the case goes to that agent or queue",
    ),
    ("relabel", "#relabel INTENT", "what the mail really wants"),
    (
        "spam",
        "#spam",
        "no case: closed, and no automatic reply to its writer any more",
    ),
    ("merge", "#merge NUMBER", "the same case as that ticket"),
    ("snooze", "#snooze 3d", "the case rests for so long"),
    (
        "verified",
        "#verified ADDRESS",
        "that address is the person's",
    ),
    (
        "away",
        "#away until 2026-12-01",
        "no cases for you before that day",
    ),
    (
        "cancel",
        "#cancel",
        "stops your answer while it waits to go",
    ),
    ("help", "#help", "sends you this list"),
];

/// Takes the orders off an agent's new words. Total.
pub fn head(text: &str) -> Head {
    let mut head = Head::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.peek() {
        let plain = read::plain(line);
        if plain.trim().is_empty() {
            lines.next();
            continue;
        }
        let Some((word, rest)) = read::order(&plain) else {
            break;
        };
        let said = command(&word, &rest);
        let many = head.commands.len() + head.wrong.len() >= COMMANDS_MAX;
        match said {
            _ if many => {
                head.wrong
                    .push(wrong(line, &word, "there are too many orders in one mail"));
                break;
            }
            Ok(command) => head.commands.push(command),
            Err(why) => head.wrong.push(wrong(line, &word, &why)),
        }
        lines.next();
    }
    let rest: Vec<&str> = lines.collect();
    for line in &rest {
        let plain = read::plain(line);
        let below = read::order(&plain).filter(|(word, rest)| command(word, rest).is_ok());
        if let Some((word, _)) = below
            && head.wrong.len() < COMMANDS_MAX
        {
            head.wrong.push(wrong(
                line,
                &word,
                "it stands below other words; orders stand on the first lines",
            ));
        }
    }
    rest.join("\n").trim().clone_into(&mut head.words);
    head
}

/// Reads one order; a sentence says what is wrong with it.
fn command(word: &str, rest: &str) -> Result<Command, String> {
    let alone = |command: Command| {
        if rest.is_empty() {
            Ok(command)
        } else {
            Err("nothing may stand behind it on its line".to_owned())
        }
    };
    let needs = |what: &str| format!("it needs {what} behind it");
    match word {
        "close" => alone(Command::Close),
        "reopen" => alone(Command::Reopen),
        "spam" => alone(Command::Spam),
        "cancel" => alone(Command::Cancel),
        "help" => alone(Command::Help),
        "note" => Ok(Command::Note(rest.to_owned())),
        "assign" if rest.is_empty() => Err(needs("an agent or a queue")),
        "assign" => Ok(Command::Assign(rest.to_owned())),
        "relabel" => {
            let names = rest.split([' ', ',']).filter(|name| !name.is_empty());
            let names: Vec<String> = names.take(COMMANDS_MAX).map(str::to_lowercase).collect();
            if names.is_empty() {
                Err(needs("an intent"))
            } else {
                Ok(Command::Relabel(names))
            }
        }
        "merge" => {
            let digits = rest.trim_start_matches('#').trim_start();
            let number = digits.parse().ok().filter(|n| *n > 0);
            number
                .map(Command::Merge)
                .ok_or_else(|| needs("a ticket's number"))
        }
        "snooze" => read::seconds(rest)
            .map(Command::Snooze)
            .ok_or_else(|| needs("a time, such as 3d, 4h or 2w,")),
        "verified" if rest.is_empty() => Ok(Command::Verified(None)),
        "verified" => Address::parse(rest.trim_matches(['<', '>']))
            .map(|address| Command::Verified(Some(address)))
            .map_err(|_| needs("one address")),
        "away" => read::day(rest)
            .map(Command::Away)
            .ok_or_else(|| needs("a day, such as `until 2026-12-01`,")),
        _ => Err("there is no such order".to_owned()),
    }
}

fn wrong(line: &str, word: &str, why: &str) -> Wrong {
    let shown: String = line
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(LINE_CHARS_MAX)
        .collect();
    let by_distance = USAGE
        .iter()
        .min_by_key(|(name, _, _)| read::distance(word, name));
    Wrong {
        line: shown,
        why: why.to_owned(),
        nearest: by_distance.map_or("#help", |(_, usage, _)| usage),
    }
}

#[cfg(test)]
mod tests;
