//! Who serves which queue and when: what the config says of agents' time, and who gets the next case.
//!
//! # Decisions
//! - Somebody always gets a case: where all agents of a queue are away, its lead, then the default queue's agents, then
//!   the one whose turn it is, away or not.
//! - An absence that ends soon (`handover`) leaves an agent's tickets alone; a longer one gives a ticket to the next
//!   agent as soon as its person writes.
//! - An absence counts by the days of the queue's time zone, and "until" names the day on which the agent is back.

pub mod heir;

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::triage::hours::Day;
use crate::triage::hours::Hours;
use crate::triage::hours::TimeOfDay;

/// No agent gets more mails about what fell due (reminders and the like) in an hour; what else falls due is gathered.
pub const DUE_MAILS_HOUR: usize = 6;

/// How a queue's new cases are dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assign {
    /// In turn.
    #[default]
    RoundRobin,
    /// To whoever has the fewest tickets that wait for an agent; in turn among equals.
    LeastLoaded,
}

/// What the config says of one queue's time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duty {
    /// When it works.
    pub hours: Hours,
    /// Seconds of work without an answer after which the agent is reminded; none: never.
    pub remind_s: Option<i64>,
    /// Seconds of work without an answer after which the lead is told; none: never.
    pub escalate_s: Option<i64>,
    /// Who leads it.
    pub lead: Option<Address>,
    /// How its new cases are dealt out.
    pub assign: Assign,
    /// Seconds in which a person's next ticket goes to the agent of the last one; none: it does not.
    pub sticky_s: Option<i64>,
    /// Seconds that an absence may still last for an agent to keep the tickets whose persons write.
    pub handover_s: i64,
}

/// What the config says of agents' time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// Queues by name; a queue that is not here works round the clock and reminds nobody.
    pub duties: BTreeMap<String, Duty>,
    /// Absences by an agent's identity, first and last day.
    pub away: BTreeMap<String, Vec<(Day, Day)>>,
    /// When the leads get their digests; none: never.
    pub digest: Option<DigestRule>,
}

/// When and how the leads get their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestRule {
    /// The time of day, in the queue's zone.
    pub at: TimeOfDay,
    /// Subjects of tickets are named.
    pub subjects: bool,
}

/// What the store knows of agents' time that matters for one case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Tickets that wait for each agent, by identity; who is not here has none.
    pub loads: Vec<(String, u64)>,
    /// Absences by command: identity, and the day on which the agent is back.
    pub away: Vec<(String, Day)>,
    /// The agent of the writer's last ticket, and when that was handed over.
    pub last: Option<(Address, Timestamp)>,
}

/// Why somebody got a case who would not have by the queue's usual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// The agent of the writer's last ticket.
    Sticky,
    /// Somebody of the queue is away and was passed over.
    Passed,
    /// All of the queue are away; its lead stands in.
    Lead,
    /// All of the queue are away; the default queue stands in.
    Default,
    /// Everybody is away.
    Nobody,
}

/// A queue and those who stand in for it, as one case is dealt out.
#[derive(Debug, Clone, Copy)]
pub struct Deal<'a> {
    /// The queue.
    pub queue: &'a str,
    /// Its agents.
    pub agents: &'a [Address],
    /// The default queue's agents.
    pub others: &'a [Address],
    /// How many cases the queue was dealt before.
    pub turn: u64,
    /// The time.
    pub now: Timestamp,
}

impl Roster {
    /// Returns what is said of a queue.
    pub fn duty(&self, queue: &str) -> Option<&Duty> {
        self.duties.get(queue)
    }

    /// Whether anybody is ever reminded of a ticket of that queue.
    pub fn watches(&self, queue: &str) -> bool {
        let duty = self.duty(queue);
        duty.is_some_and(|d| d.remind_s.is_some() || d.escalate_s.is_some())
    }

    /// Returns all leads.
    pub fn leads(&self) -> impl Iterator<Item = &Address> {
        self.duties.values().filter_map(|d| d.lead.as_ref())
    }

    /// Returns the day on which an agent who is away now is back; none: the agent is there.
    pub fn back(
        &self,
        agent: &Address,
        queue: &str,
        known: &[(String, Day)],
        now: Timestamp,
    ) -> Option<Day> {
        let hours = self.duty(queue).map(|d| &d.hours);
        let round = Hours::default();
        let hours = hours.unwrap_or(&round);
        let today = hours.day(now)?;
        let identity = agent.identity();
        let commanded = known
            .iter()
            .filter(|(who, back)| *who == identity && *back > today)
            .map(|(_, back)| *back);
        let planned = self
            .away
            .get(&identity)
            .into_iter()
            .flatten()
            .filter(|(first, last)| (*first..=*last).contains(&today))
            .filter_map(|(_, last)| last.0.tomorrow().ok().map(Day));
        commanded.chain(planned).max()
    }

    /// Whether an agent who has a ticket of that queue loses it when its person writes now.
    pub fn hands_over(
        &self,
        agent: &Address,
        queue: &str,
        known: &[(String, Day)],
        now: Timestamp,
    ) -> bool {
        let Some(back) = self.back(agent, queue, known, now) else {
            return false;
        };
        let duty = self.duty(queue);
        let hours = duty.map(|d| d.hours.clone()).unwrap_or_default();
        let handover_s = duty.map_or(0, |d| d.handover_s);
        let back = hours.midnight(back);
        back.is_none_or(|back| back.since_s(now) > handover_s)
    }

    /// Deals a new case out. None only where nobody serves any queue.
    pub fn deal(&self, deal: &Deal<'_>, known: &Known) -> Option<(Address, Option<Instead>)> {
        let there = |agent: &&Address| {
            self.back(agent, deal.queue, &known.away, deal.now)
                .is_none()
        };
        let duty = self.duty(deal.queue);
        let sticky_s = duty.and_then(|d| d.sticky_s);
        if let (Some(sticky_s), Some((last, at))) = (sticky_s, &known.last)
            && deal.now.since_s(*at) <= sticky_s
            && let Some(agent) = deal.agents.iter().find(|a| a.same_person(last))
            && there(&agent)
        {
            return Some((agent.clone(), Some(Instead::Sticky)));
        }
        let assign = duty.map(|d| d.assign).unwrap_or_default();
        if let Some((agent, passed)) = pick(deal.agents, deal.turn, assign, &known.loads, there) {
            return Some((agent.clone(), passed.then_some(Instead::Passed)));
        }
        if deal.agents.is_empty() {
            let (agent, _) = pick(deal.others, deal.turn, assign, &known.loads, |_| true)?;
            return Some((agent.clone(), None));
        }
        if let Some(lead) = duty.and_then(|d| d.lead.as_ref()).filter(there) {
            return Some((lead.clone(), Some(Instead::Lead)));
        }
        if let Some((agent, _)) = pick(deal.others, deal.turn, assign, &known.loads, there) {
            return Some((agent.clone(), Some(Instead::Default)));
        }
        let (agent, _) = pick(deal.agents, deal.turn, assign, &known.loads, |_| true)?;
        Some((agent.clone(), Some(Instead::Nobody)))
    }
}

/// Picks one of those who are there, and says whether somebody was passed over for not being there.
fn pick<'a>(
    agents: &'a [Address],
    turn: u64,
    assign: Assign,
    loads: &[(String, u64)],
    there: impl Fn(&&Address) -> bool,
) -> Option<(&'a Address, bool)> {
    let count = u64::try_from(agents.len()).ok().filter(|n| *n > 0)?;
    let first = usize::try_from(turn % count).unwrap_or(0);
    let in_turn = || agents.iter().cycle().skip(first).take(agents.len());
    let load = |agent: &Address| {
        let identity = agent.identity();
        let known = loads.iter().find(|(who, _)| *who == identity);
        known.map_or(0, |(_, n)| *n)
    };
    let wanted = |of: &mut dyn Iterator<Item = &'a Address>| match assign {
        Assign::RoundRobin => of.next(),
        // The first of the least: in turn among equals.
        Assign::LeastLoaded => of.min_by_key(|agent| load(agent)),
    };
    let all = wanted(&mut in_turn())?;
    let agent = wanted(&mut in_turn().filter(|a| there(a)))?;
    Some((agent, agent != all))
}

#[cfg(test)]
mod tests;
