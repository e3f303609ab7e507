//! Agents: who gets a case, and what becomes of what they write.

use crate::message::address::Address;
use crate::triage::Disposition;
use crate::triage::decide::AGENT_ANSWERED;
use crate::triage::decide::AGENT_TOLD_DESK;
use crate::triage::decide::Matter;
use crate::triage::decide::says;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::thread;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketState;

impl<'a> Matter<'a> {
    pub(super) fn agent(&self) -> Option<&'a Address> {
        let writer = &self.reading.writer()?.address;
        self.office
            .surroundings
            .agents
            .iter()
            .find(|a| a.same_person(writer))
    }

    /// An agent's mail on a ticket answers it only if it went to somebody who waits for an answer.
    pub(super) fn agent_wrote(&self, agent: &Address, ticket: &Ticket) -> Plan {
        if !self.reaches_writer(ticket) {
            let mut plan = self.plan(Disposition::Ignore, Step::Record(Some(ticket.number)));
            let what =
                "an agent wrote to the desk alone: the writer did not get it, and still waits";
            plan.because.push(says(AGENT_TOLD_DESK, what));
            return plan;
        }
        let mut ticket = ticket.clone();
        ticket.state = ticket::step(
            Some(ticket.state),
            TicketMove::AgentWrote(agent.clone()),
            self.now,
        );
        ticket.updated = self.now;
        let mut plan = self.plan(Disposition::Ignore, Step::Update(ticket));
        plan.because.push(says(
            AGENT_ANSWERED,
            "an agent answered on a ticket; the answer is noted there",
        ));
        plan
    }

    /// Whether the mail is addressed to somebody who takes part in the ticket. Where nobody is known to take part, the
    /// agent had to find out who wrote: then anybody outside counts.
    fn reaches_writer(&self, ticket: &Ticket) -> bool {
        let desk = &self.office.surroundings;
        let message = &self.reading.message;
        message
            .to
            .iter()
            .chain(&message.cc)
            .map(|n| &n.address)
            .any(|to| {
                if ticket.participants.is_empty() {
                    !desk.is_own(to) && !desk.is_agent(to)
                } else {
                    thread::belongs(to, ticket)
                }
            })
    }

    /// A ticket moves to another queue only when the new mail names one and no agent has it yet.
    pub(super) fn changes_queue(&self) -> bool {
        let with_agent = self
            .joined()
            .is_some_and(|t| !matches!(t.state, TicketState::Answered { .. }));
        !with_agent
    }
}
