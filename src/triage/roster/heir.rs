//! Who is meant when a case is given to somebody: an agent, or the next of a queue.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::triage::Office;
use crate::triage::Queue;
use crate::triage::roster::Deal;
use crate::triage::roster::Known;
use crate::triage::ticket::Ticket;

/// Who gets a ticket, and in which queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heir {
    /// The agent.
    pub agent: Address,
    /// The queue.
    pub queue: String,
}

/// Why nobody is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoHeir {
    /// Nobody is called so.
    #[error("there is no agent and no queue of that name")]
    Unknown,
    /// Several are.
    #[error("more than one agent is called so; give the address")]
    Several,
    /// The queue has no agents, and nobody stands in for them.
    #[error("that queue has no agent")]
    Empty,
}

/// What is known when a case is given away.
#[derive(Debug, Clone, Copy)]
pub struct Giving<'a> {
    /// The desk.
    pub office: &'a Office,
    /// The queue of cases that belong to no other.
    pub default_queue: &'a str,
    /// Agents' time.
    pub known: &'a Known,
    /// How many cases each queue was dealt.
    pub turns: &'a [(String, u64)],
    /// The time.
    pub now: Timestamp,
}

impl Giving<'_> {
    /// Finds who is meant by `to`: a queue's name, or an agent's address, its first part, or the name that people see.
    /// A queue deals by its rule, among those who are there; whoever had the person's last case has no claim on this one.
    ///
    /// # Errors
    /// [`NoHeir`] says why nobody is meant.
    pub fn heir(&self, ticket: &Ticket, to: &str) -> Result<Heir, NoHeir> {
        let queues = &self.office.queues;
        let Some(queue) = queues.iter().find(|q| q.name.eq_ignore_ascii_case(to)) else {
            return self.agent(ticket, to);
        };
        let others = queues.iter().find(|q| q.name == self.default_queue);
        let turns = self.turns.iter();
        let deal = Deal {
            queue: &queue.name,
            agents: &queue.agents,
            others: others.map_or(&[][..], |q| q.agents.as_slice()),
            turn: turns
                .clone()
                .find(|(q, _)| *q == queue.name)
                .map_or(0, |t| t.1),
            now: self.now,
        };
        let known = Known {
            last: None,
            ..self.known.clone()
        };
        let dealt = self.office.roster.deal(&deal, &known);
        dealt.map_or(Err(NoHeir::Empty), |(agent, _)| {
            Ok(Heir {
                agent,
                queue: queue.name.clone(),
            })
        })
    }

    fn agent(&self, ticket: &Ticket, to: &str) -> Result<Heir, NoHeir> {
        let agent = match self.named(to).as_slice() {
            [agent] => *agent,
            [] => return Err(NoHeir::Unknown),
            _ => return Err(NoHeir::Several),
        };
        let queues = &self.office.queues;
        let serves = |queue: &&Queue| queue.agents.contains(agent);
        let own = ticket.queue.as_deref().unwrap_or(self.default_queue);
        let in_own = queues
            .iter()
            .find(|q| q.name == own)
            .is_some_and(|q| serves(&q));
        // A lead serves none, and takes a ticket where it is.
        let queue = match queues.iter().find(serves) {
            Some(queue) if !in_own => queue.name.as_str(),
            _ => own,
        };
        Ok(Heir {
            agent: agent.clone(),
            queue: queue.to_owned(),
        })
    }

    /// Agents who are called so; an address means one, whoever else is called alike.
    fn named(&self, name: &str) -> Vec<&Address> {
        let office = self.office;
        let agents = &office.surroundings.agents;
        let address = Address::parse(name).ok();
        if let Some(agent) = address.and_then(|a| agents.iter().find(|b| b.same_person(&a))) {
            return vec![agent];
        }
        let is = |agent: &&Address| {
            let card = office.relay.card(agent);
            agent.local().eq_ignore_ascii_case(name)
                || card.is_some_and(|c| {
                    !c.name.is_empty() && c.name.to_lowercase() == name.to_lowercase()
                })
        };
        let mut found: Vec<&Address> = Vec::new();
        for agent in agents.iter().filter(is) {
            if !found.iter().any(|f| f.same_person(agent)) {
                found.push(agent);
            }
        }
        found
    }
}
