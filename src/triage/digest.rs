//! The digest: what a queue's lead is told each working morning, in text, in HTML, and as one small picture.
//!
//! # Decisions
//! - The text says all that the picture shows.
//! - "Since" is the working day before: on a Monday the weekend is in it. Corrections, parked mails and spent budgets are
//!   the whole desk's; nothing of them belongs to one queue.
//! - No word of a mail is in it but subjects, cut, and these only where the config has them.

pub mod picture;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::clock::Timestamp;
use crate::triage::digest::picture::Bar;
use crate::triage::hours::Day;
use crate::triage::remind::age;
use crate::triage::remind::cut;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketState;

/// So many waiting tickets are named.
pub const NAMED_MAX: usize = 25;
/// So many intents are named.
const INTENTS_MAX: usize = 20;
/// Days in the picture.
pub const DAYS: usize = 7;

/// What was counted, by kind.
pub type Counts = BTreeMap<String, u64>;

/// All that a digest tells.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The queue.
    pub queue: String,
    /// The first day that is told of, where one is known.
    pub since: Option<Day>,
    /// What the whole desk counted since then.
    pub desk: Counts,
    /// What this queue counted since then.
    pub own: Counts,
    /// Tickets that wait in this queue, in all.
    pub waiting: u64,
    /// Some of these, the longest waiting first.
    pub tickets: Vec<Ticket>,
    /// Mails that lie parked now.
    pub parked: u64,
    /// Mails held for an operator now.
    pub held: u64,
    /// The whole desk's last days, oldest first.
    pub week: Vec<(Day, Counts)>,
    /// Subjects are named.
    pub subjects: bool,
}

/// A digest, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its subject.
    pub subject: String,
    /// The plain text, which says all.
    pub text: String,
    /// The picture, as PNG.
    pub picture: Vec<u8>,
    /// What the picture shows, in words.
    pub alt: String,
}

fn count(counts: &Counts, kind: &str) -> u64 {
    counts.get(kind).copied().unwrap_or_default()
}

impl Facts {
    /// Writes the digest.
    pub fn write(&self, now: Timestamp) -> Digest {
        let bars: Vec<Bar> = self
            .week
            .iter()
            .map(|(day, counts)| bar(*day, counts))
            .collect();
        let subject = format!(
            "Queue {}: {} waiting, {} new",
            self.queue,
            tickets(self.waiting),
            count(&self.own, "forward")
        );
        let alt = "Bars of the last seven days: mails to agents, answered, quiet, held".to_owned();
        Digest {
            subject,
            text: self.text(now),
            picture: picture::png(&bars),
            alt,
        }
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = String::new();
        self.tell_waiting(&mut text, now);
        self.tell_since(&mut text);
        self.tell_desk(&mut text);
        self.tell_week(&mut text);
        text
    }

    fn tell_waiting(&self, text: &mut String, now: Timestamp) {
        let (queue, all) = (&self.queue, tickets(self.waiting));
        let _ = writeln!(text, "Queue {queue}: {all} waiting for an agent's answer");
        for ticket in self.tickets.iter().take(NAMED_MAX) {
            let TicketState::WithAgent { agent, since } = &ticket.state else {
                continue;
            };
            let subject = if self.subjects {
                cut(&ticket.subject)
            } else {
                ticket.intents.first().cloned().unwrap_or_default()
            };
            let _ = writeln!(
                text,
                "  #{:<7} {:<11} {:<28} {subject}",
                ticket.number.0,
                age(*since, now),
                agent.as_str()
            );
        }
        let named = self.tickets.len().min(NAMED_MAX) as u64;
        if self.waiting > named && named > 0 {
            let _ = writeln!(
                text,
                "  and {} more: mailclerk tickets list",
                self.waiting - named
            );
        }
    }

    fn tell_since(&self, text: &mut String) {
        let since = self.since.map_or_else(|| "the beginning".to_owned(), named);
        let _ = writeln!(text, "\nSince {since}");
        let [people, answered, quiet, held] = KINDS.map(|(kind, _)| count(&self.desk, kind));
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<34} {value}");
        };
        row(
            "mails of the whole desk",
            (people + answered + quiet + held).to_string(),
        );
        row("  to agents", people.to_string());
        row("  answered by the desk", answered.to_string());
        row("  quiet: machines, copies, thanks", quiet.to_string());
        row("  held as suspicious", held.to_string());
        let cases = people + answered;
        let share = (answered * 100).checked_div(cases);
        row(
            "deflected: answered without a person",
            share.map_or_else(|| "-".to_owned(), |share| format!("{share} %")),
        );
        row(
            "to agents of this queue",
            count(&self.own, "forward").to_string(),
        );
        for (title, counts) in [
            ("This queue by intent", &self.own),
            ("The desk by intent", &self.desk),
        ] {
            let mut intents: Vec<(&str, u64)> = counts
                .iter()
                .filter_map(|(kind, n)| Some((kind.strip_prefix("i:")?, *n)))
                .collect();
            intents.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
            if intents.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{title}");
            for (name, n) in intents.into_iter().take(INTENTS_MAX) {
                let _ = writeln!(text, "  {name:<34} {n}");
            }
        }
    }

    fn tell_desk(&self, text: &mut String) {
        text.push_str("\nTo be looked at\n");
        let mut row = |name: &str, n: u64, hint: &str| {
            let hint = if n > 0 { hint } else { "" };
            text.push_str(format!("  {name:<34} {n:<6} {hint}").trim_end());
            text.push('\n');
        };
        row(
            "answered, but needed a person",
            count(&self.desk, "harm"),
            "said by `mailclerk tickets relabel`",
        );
        row(
            "replies held by a spent budget",
            count(&self.desk, "budget"),
            "R13 in `mailclerk ledger list`",
        );
        row("parked since then", count(&self.desk, "parked"), "");
        row("parked now", self.parked, "mailclerk outbox list");
        row(
            "held in quarantine now",
            self.held,
            "mailclerk quarantine list",
        );
    }

    fn tell_week(&self, text: &mut String) {
        text.push_str("\nThe last seven days    to agents  answered     quiet      held\n");
        for (day, counts) in &self.week {
            let [people, answered, quiet, held] = KINDS.map(|(kind, _)| count(counts, kind));
            let _ = writeln!(
                text,
                "  {:<19} {people:>10}{answered:>10}{quiet:>10}{held:>10}",
                short(*day)
            );
        }
        text.push_str("In the picture: to agents blue, answered green, quiet grey, held orange;\nabove each bar their sum, below it the day of the month.\n");
    }
}

/// Kinds in a bar, from its foot, with their colours' places in the palette.
const KINDS: [(&str, u8); 4] = [("forward", 2), ("answered", 3), ("quiet", 4), ("held", 5)];

fn bar(day: Day, counts: &Counts) -> Bar {
    Bar {
        day: u64::from(day.0.day().unsigned_abs()),
        pieces: KINDS.map(|(kind, colour)| (count(counts, kind), colour)),
    }
}

fn tickets(n: u64) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} ticket{plural}")
}

/// A day as in "Friday, 20 November".
fn named(day: Day) -> String {
    day.0.strftime("%A, %-d %B").to_string()
}

/// A day as in "Fri 20 Nov".
fn short(day: Day) -> String {
    day.0.strftime("%a %-d %b").to_string()
}

#[cfg(test)]
mod tests;
