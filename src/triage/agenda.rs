//! What falls due about a ticket, and what comes of it.
//!
//! ```text
//!  (with an agent) -> Fresh --> Remind --> Escalate --> Done        each arrow is one firing, one commit
//!                       |          (mail)     (mail)
//!                       +--------------------^  where nobody is reminded, only the lead told
//!  snoozed ---------> Snoozed --> (mail) --> Fresh                  a person's mail: at once, without one
//! ```
//!
//! # Decisions
//! - When something falls due is worked out when the one before it fired, never for long ahead: a changed config counts
//!   from the next firing on, and a daemon that was down for a week fires each thing once.
//! - What falls due is looked at anew when it fires: an answer that came meanwhile has removed it, and a reminder whose
//!   time the config has put off since is put off.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::triage::roster::Duty;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketState;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nothing was worked out yet.
    Fresh,
    /// For the time to remind the agent.
    Remind,
    /// For the time to tell the lead.
    Escalate,
    /// For the end of a snooze.
    Snoozed,
    /// For nothing: all is told.
    Done,
}

/// What is waited for about one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What.
    pub stage: Stage,
    /// Until when; none: for nothing.
    pub due: Option<Timestamp>,
    /// The agent who is to answer.
    pub agent: Address,
    /// Since when time counts.
    pub since: Timestamp,
}

/// A mail that a firing asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// To the agent: no answer yet.
    Remind,
    /// To the lead: no answer yet.
    Escalate,
    /// To the agent: the snooze is over.
    Woken,
}

/// What comes of a firing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fired {
    /// What is waited for next; none: nothing is on record any more.
    pub next: Option<Watch>,
    /// The mail, and to whom.
    pub mail: Option<(Call, Address)>,
}

impl Watch {
    /// A ticket that just came to an agent: to be looked at, at once.
    pub fn fresh(agent: &Address, since: Timestamp, now: Timestamp) -> Self {
        Self {
            stage: Stage::Fresh,
            due: Some(now),
            agent: agent.clone(),
            since,
        }
    }

    fn at(&self, stage: Stage, due: Option<Timestamp>) -> Self {
        Self {
            stage,
            due,
            ..self.clone()
        }
    }
}

/// Returns what is to be on record of a ticket after a mail changed it: `watch` is what was. `watched`: its queue
/// reminds.
pub fn changed(watch: Option<Watch>, after: &Ticket, watched: bool) -> Option<Watch> {
    let now = after.updated;
    match &after.state {
        TicketState::WithAgent { agent, since } => match watch {
            // The person's mail, or another agent: the snooze is over, and the agent gets a mail anyway.
            Some(known) if known.stage == Stage::Snoozed => {
                watched.then(|| Watch::fresh(agent, now, now))
            }
            Some(known) if known.agent == *agent && known.since >= *since => Some(known),
            _ => watched.then(|| Watch::fresh(agent, *since, now)),
        },
        TicketState::AgentAnswered { .. } => watch.filter(|w| w.stage == Stage::Snoozed),
        TicketState::Answered { .. } => None,
    }
}

/// Fires what is due. `duty` is that of the ticket's queue, if the config has any; `away`: the agent is away.
pub fn fire(
    watch: &Watch,
    ticket: &Ticket,
    duty: Option<&Duty>,
    away: bool,
    now: Timestamp,
) -> Fired {
    let none = Duty::default();
    let duty = duty.unwrap_or(&none);
    let waits =
        matches!(&ticket.state, TicketState::WithAgent { agent, .. } if *agent == watch.agent);
    let lead = duty.lead.as_ref();
    match watch.stage {
        Stage::Snoozed => Fired {
            next: waits.then(|| Watch::fresh(&watch.agent, now, now)),
            mail: Some((Call::Woken, watch.agent.clone())),
        },
        _ if !waits => Fired::default(),
        Stage::Fresh => Fired {
            next: first(watch, duty),
            mail: None,
        },
        Stage::Remind => {
            let due = first(watch, duty);
            if let Some(later) = due.filter(|w| w.stage == Stage::Remind && w.due > Some(now)) {
                return Fired {
                    next: Some(later),
                    mail: None,
                };
            }
            if duty.remind_s.is_none() {
                return Fired {
                    next: first(watch, duty),
                    mail: None,
                };
            }
            // Who is away reads no reminder: the lead hears of it now, and not a second time.
            match lead.filter(|_| away) {
                Some(lead) => Fired {
                    next: Some(watch.at(Stage::Done, None)),
                    mail: Some((Call::Escalate, lead.clone())),
                },
                None => Fired {
                    next: Some(second(watch, duty)),
                    mail: Some((Call::Remind, watch.agent.clone())),
                },
            }
        }
        Stage::Escalate => {
            let next = second(watch, duty);
            match lead.filter(|_| next.stage == Stage::Escalate) {
                Some(lead) if next.due <= Some(now) => Fired {
                    next: Some(watch.at(Stage::Done, None)),
                    mail: Some((Call::Escalate, lead.clone())),
                },
                _ => Fired {
                    next: Some(next),
                    mail: None,
                },
            }
        }
        Stage::Done => Fired {
            next: Some(watch.at(Stage::Done, None)),
            mail: None,
        },
    }
}

/// What comes first for a ticket that waits.
fn first(watch: &Watch, duty: &Duty) -> Option<Watch> {
    match duty.remind_s {
        Some(remind_s) => {
            let due = duty.hours.after(watch.since, remind_s)?;
            Some(watch.at(Stage::Remind, Some(due)))
        }
        None => duty.escalate_s.map(|_| second(watch, duty)),
    }
}

/// What comes after the reminder.
fn second(watch: &Watch, duty: &Duty) -> Watch {
    let due = duty
        .lead
        .as_ref()
        .and(duty.escalate_s)
        .and_then(|s| duty.hours.after(watch.since, s));
    match due {
        Some(due) => watch.at(Stage::Escalate, Some(due)),
        None => watch.at(Stage::Done, None),
    }
}

#[cfg(test)]
mod tests;
