//! A ticket and the states it can be in.

use crate::clock::Timestamp;
use crate::message::address::Address;

/// A ticket's number: rises, never reused; not a secret and no proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct TicketNumber(pub u64);

/// A ticket as triage sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: TicketNumber,
    /// Counts its changes; a commit on an older version is refused.
    pub version: u64,
    /// Where it stands.
    pub state: TicketState,
    /// The mailbox (its name in the config) that it came to.
    pub mailbox: String,
    /// The first mail's subject.
    pub subject: String,
    /// Who takes part: the requester first.
    pub participants: Vec<Address>,
    /// The intents of the last mail that had any, primary first.
    pub intents: Vec<String>,
    /// The queue it was last forwarded to.
    pub queue: Option<String>,
    /// The language it was last answered in.
    pub language: String,
    /// The ticket that this one was linked to when it was opened.
    pub linked: Option<TicketNumber>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl Ticket {
    /// Returns since when it stands where it stands.
    pub fn state_since(&self) -> Timestamp {
        match &self.state {
            TicketState::Answered { at } | TicketState::AgentAnswered { at, .. } => *at,
            TicketState::WithAgent { since, .. } => *since,
        }
    }
}

/// Where a ticket stands.
///
/// ```text
///            +-----------------------------+
///            |                             v
/// (new) -> Answered --escalates--> WithAgent --agent wrote--> AgentAnswered
///                                      ^                            |
///                                      +------ person writes -------+
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketState {
    /// Answered automatically; a person will read it when the writer answers.
    Answered {
        /// When the answer was decided.
        at: Timestamp,
    },
    /// Lies with an agent.
    WithAgent {
        /// Who has it.
        agent: Address,
        /// Since when.
        since: Timestamp,
    },
    /// The agent answered.
    AgentAnswered {
        /// Who answered.
        agent: Address,
        /// When.
        at: Timestamp,
    },
}

/// What happened on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketEvent {
    /// When.
    pub at: Timestamp,
    /// What, as a short word: `opened`, `mail`, `thanks`, `automatic`, `agent`, `reply`, `forward`, `sent`, `parked`,
    /// `bounced` (a mail of ours did not arrive), `bounced-forward` (the case did not reach its agent), `report` (any
    /// other word of a machine on a mail of ours), `absent` (an agent's mailbox answered by itself).
    pub kind: String,
    /// One line for a person, without the mail's text.
    pub note: String,
}

/// What moves a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketMove {
    /// An automatic answer was decided.
    Answer,
    /// The case goes to that agent: it opened there, it escalated, or the person wrote again.
    HandTo(Address),
    /// That agent wrote to the person.
    AgentWrote(Address),
}

/// Moves a ticket on; `state` is none for a ticket that is just being opened. Total.
///
/// An automatic answer never takes a case away from an agent, and handing a case to the agent who has it does not
/// start its time anew.
pub fn step(state: Option<TicketState>, moved: TicketMove, now: Timestamp) -> TicketState {
    match (state, moved) {
        (None | Some(TicketState::Answered { .. }), TicketMove::Answer) => {
            TicketState::Answered { at: now }
        }
        (Some(state), TicketMove::Answer) => state,
        (Some(TicketState::WithAgent { agent, since }), TicketMove::HandTo(to)) if agent == to => {
            TicketState::WithAgent { agent, since }
        }
        (_, TicketMove::HandTo(agent)) => TicketState::WithAgent { agent, since: now },
        (_, TicketMove::AgentWrote(agent)) => TicketState::AgentAnswered { agent, at: now },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const EARLIER: Timestamp = Timestamp(100);
    const NOW: Timestamp = Timestamp(200);

    fn agent(name: &str) -> Address {
        Address::try_from(format!("{name}@agents.example")).unwrap()
    }

    fn answered(at: Timestamp) -> TicketState {
        TicketState::Answered { at }
    }

    fn with_agent(name: &str, since: Timestamp) -> TicketState {
        TicketState::WithAgent {
            agent: agent(name),
            since,
        }
    }

    fn agent_answered(name: &str, at: Timestamp) -> TicketState {
        TicketState::AgentAnswered {
            agent: agent(name),
            at,
        }
    }

    #[test]
    fn every_pair_of_state_and_move_ends_where_the_drawing_says() {
        let old = [
            None,
            Some(answered(EARLIER)),
            Some(with_agent("ana", EARLIER)),
            Some(agent_answered("ana", EARLIER)),
        ];
        let table = [
            (
                TicketMove::Answer,
                [
                    answered(NOW),
                    answered(NOW),
                    with_agent("ana", EARLIER),
                    agent_answered("ana", EARLIER),
                ],
            ),
            (
                TicketMove::HandTo(agent("ana")),
                [
                    with_agent("ana", NOW),
                    with_agent("ana", NOW),
                    with_agent("ana", EARLIER),
                    with_agent("ana", NOW),
                ],
            ),
            (
                TicketMove::HandTo(agent("ben")),
                [(); 4].map(|()| with_agent("ben", NOW)),
            ),
            (
                TicketMove::AgentWrote(agent("ben")),
                [(); 4].map(|()| agent_answered("ben", NOW)),
            ),
        ];
        for (moved, wanted) in table {
            for (state, wanted) in old.iter().zip(wanted) {
                assert_eq!(
                    step(state.clone(), moved.clone(), NOW),
                    wanted,
                    "{state:?} {moved:?}"
                );
            }
        }
    }
}
