//! Who gets a case: the agent who has it, else the next by the queue's rule, and never nobody.

use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::decide::Matter;
use crate::triage::roster::Deal;
use crate::triage::roster::Instead;
use crate::triage::ticket::TicketState;

/// The reason of a plan for a case whose agent is away: another one has it now.
pub const HANDED_OVER: &str = "handed-over";
/// The reason of a plan for a case of a queue whose agents are all away.
pub const ALL_AWAY: &str = "all-away";

impl Matter<'_> {
    /// The agent who has the ticket already, unless away for long; else the next by the queue's rule. A queue without
    /// agents falls back to the default.
    pub(super) fn choose_agent(&self, queue: &str, because: &mut Vec<Because>) -> Option<Address> {
        let roster = &self.office.roster;
        let away = &self.case.time.away;
        if let Some(TicketState::WithAgent { agent, .. } | TicketState::AgentAnswered { agent, .. }) =
            self.joined().map(|t| &t.state)
            && self.office.surroundings.agents.contains(agent)
        {
            if !roster.hands_over(agent, queue, away, self.now) {
                return Some(agent.clone());
            }
            because.push(dealt(
                HANDED_OVER,
                "the agent who has the ticket is away, so another one gets it",
            ));
        }
        self.next_by_rule(queue, because)
    }

    /// The next agent by the queue's rule.
    pub(super) fn next_by_rule(&self, queue: &str, because: &mut Vec<Because>) -> Option<Address> {
        let roster = &self.office.roster;
        let agents_of = |name: &str| {
            let found = self.office.queues.iter().find(|q| q.name == name);
            found.map_or(&[][..], |q| q.agents.as_slice())
        };
        let turns = &self.case.turns;
        let deal = Deal {
            queue,
            agents: agents_of(queue),
            others: agents_of(&self.rules.desk.default_queue),
            turn: turns.iter().find(|(q, _)| q == queue).map_or(0, |t| t.1),
            now: self.now,
        };
        let (agent, instead) = roster.deal(&deal, &self.case.time)?;
        let told = match instead {
            None => None,
            Some(Instead::Sticky) => Some(("sticky", "the agent of the writer's last ticket")),
            Some(Instead::Passed) => Some(("away", "an agent who is away was passed over")),
            Some(Instead::Lead) => Some((
                ALL_AWAY,
                "all agents of the queue are away: its lead gets it",
            )),
            Some(Instead::Default) => Some((
                ALL_AWAY,
                "all agents of the queue are away: the default queue gets it",
            )),
            Some(Instead::Nobody) => Some((
                ALL_AWAY,
                "everybody is away: the one whose turn it is gets it all the same",
            )),
        };
        because.extend(told.map(|(rule, what)| dealt(rule, what)));
        Some(agent)
    }
}

/// A reason that the new agent reads as well.
fn dealt(rule: &str, what: &str) -> Because {
    Because {
        stage: "assign",
        rule: rule.to_owned(),
        says: what.to_owned(),
        matched: String::new(),
    }
}
