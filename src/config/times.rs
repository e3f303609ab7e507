//! Agents' time as written in the config: hours, reminders, assignment, absences, digests; and made a roster.

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use crate::config::duration::Seconds;
use crate::config::file::ConfigFile;
use crate::message::address::Address;
use crate::triage::hours::Day;
use crate::triage::hours::Hours;
use crate::triage::hours::TimeOfDay;
use crate::triage::hours::Week;
use crate::triage::roster::Assign;
use crate::triage::roster::DigestRule;
use crate::triage::roster::Duty;
use crate::triage::roster::Roster;

/// Holidays of one queue, and absences of one agent, that are taken.
const DAYS_MAX: usize = 1_000;

/// A time zone of the IANA database, such as `Europe/Berlin`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        TimeZone::get(&text).map(Self).map_err(|_| {
            format!(
                "`{text}` is no time zone: write its place, such as \"Europe/Berlin\", or \"UTC\""
            )
        })
    }
}

/// Days on which an agent is away: `"2026-12-24"`, or `"2026-12-24..2027-01-02"`, both days included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Days(pub Day, pub Day);

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once("..").unwrap_or((&text, &text));
        let day = |day: &str| Day::try_from(day.trim().to_owned());
        let days = Self(day(first)?, day(last)?);
        if days.1 < days.0 {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(days)
    }
}

/// A queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueFile {
    /// Who serves it, in turn.
    pub agents: Vec<Address>,
    /// Its week; without it, round the clock.
    pub hours: Option<Week>,
    /// Its time zone; without it, UTC.
    pub zone: Option<Zone>,
    /// Days on which nobody works.
    #[serde(default)]
    pub holidays: Vec<Day>,
    /// How cases are dealt out.
    #[serde(default)]
    pub assign: Assign,
    /// How long a person's next ticket goes to the same agent; without it, not at all.
    pub sticky: Option<Seconds>,
    /// An agent whose absence is over within so long keeps the tickets whose persons write.
    pub handover: Option<Seconds>,
    /// After so much working time without an answer the agent is reminded; without it, never.
    pub remind: Option<Spanned<Seconds>>,
    /// After so much working time without an answer the lead is told; without it, never.
    pub escalate: Option<Spanned<Seconds>>,
    /// Who leads it.
    pub lead: Option<Address>,
}

/// The leads' digests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DigestFile {
    /// When they are sent; without it, never.
    pub at: Option<Spanned<TimeOfDay>>,
    /// Subjects of tickets are named.
    pub subjects: bool,
}

impl Default for DigestFile {
    fn default() -> Self {
        Self {
            at: None,
            subjects: true,
        }
    }
}

/// Makes a roster of what is written; each complaint with the place in the text that it is about.
pub(super) fn roster(file: &ConfigFile, complain: &mut dyn FnMut(usize, &str)) -> Roster {
    let mut roster = Roster::default();
    for (name, queue) in &file.queue {
        let duty = duty(file, name, queue, complain);
        roster.duties.insert(name.clone(), duty);
    }
    let serves = |agent: &Address| {
        let mut all = file.queue.values().flat_map(|q| &q.get_ref().agents);
        all.any(|a| a.same_person(agent))
    };
    for (agent, written) in &file.agent {
        let at = written.span().start;
        // Who serves no queue is complained of with the agents' cards.
        let Some(agent) = Address::parse(agent).ok().filter(|a| serves(a)) else {
            continue;
        };
        let away = &written.get_ref().away;
        if away.len() > DAYS_MAX {
            let what = format!("[agent.\"{agent}\"] `away` has more than {DAYS_MAX} entries");
            complain(at, &what);
        }
        let days = away.iter().map(|days| (days.0, days.1)).collect();
        roster.away.insert(agent.identity(), days);
    }
    if let Some(at) = &file.digest.at {
        roster.digest = Some(DigestRule {
            at: *at.get_ref(),
            subjects: file.digest.subjects,
        });
        if roster.leads().next().is_none() {
            complain(
                at.span().start,
                "[digest] goes to the queues' leads, and no queue has one: write `lead = \"...\"` under [queue.NAME]",
            );
        }
    }
    roster
}

fn duty(
    file: &ConfigFile,
    name: &str,
    queue: &Spanned<QueueFile>,
    complain: &mut dyn FnMut(usize, &str),
) -> Duty {
    let (at, queue) = (queue.span().start, queue.get_ref());
    if queue.holidays.len() > DAYS_MAX {
        let what = format!("[queue.{name}] `holidays` has more than {DAYS_MAX} entries");
        complain(at, &what);
    }
    let own = |lead: &Address| {
        let mut all = file.mailbox.values().map(Spanned::get_ref);
        all.any(|m| m.address.same_person(lead) || m.aliases.iter().any(|a| a.same_person(lead)))
    };
    if let Some(lead) = queue.lead.as_ref().filter(|lead| own(lead)) {
        let what = format!(
            "[queue.{name}] the lead {lead} is an address of the desk itself: name a person's"
        );
        complain(at, &what);
    }
    for (key, written) in [("remind", &queue.remind), ("escalate", &queue.escalate)] {
        if let Some(zero) = written.as_ref().filter(|s| s.get_ref().0 == 0) {
            let what = format!("[queue.{name}] `{key}` must be longer than nothing");
            complain(zero.span().start, &what);
        }
    }
    if let Some(escalate) = &queue.escalate {
        let at = escalate.span().start;
        if queue.lead.is_none() {
            let what = format!(
                "[queue.{name}] `escalate` tells the lead, and there is none: write `lead = \"...\"`"
            );
            complain(at, &what);
        }
        let remind = queue.remind.as_ref().map(Spanned::get_ref);
        if remind.is_some_and(|remind| remind >= escalate.get_ref()) {
            let what = format!(
                "[queue.{name}] `escalate` must be longer than `remind`: the agent is reminded first"
            );
            complain(at, &what);
        }
    }
    let s = |seconds: &Seconds| i64::try_from(seconds.0).unwrap_or(i64::MAX);
    let written = |key: &Option<Spanned<Seconds>>| key.as_ref().map(|key| s(key.get_ref()));
    Duty {
        hours: Hours {
            week: queue.hours.clone().unwrap_or_default(),
            zone: queue.zone.clone().map_or(TimeZone::UTC, |zone| zone.0),
            holidays: queue.holidays.clone(),
        },
        remind_s: written(&queue.remind),
        escalate_s: written(&queue.escalate),
        lead: queue.lead.clone(),
        assign: queue.assign,
        sticky_s: queue.sticky.as_ref().map(s),
        handover_s: queue.handover.as_ref().map_or(0, s),
    }
}
