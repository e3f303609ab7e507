//! Agents: who gets a case, and what becomes of what they write.

use crate::message::address::Address;
use crate::triage::Disposition;
use crate::triage::decide::AGENT_ANSWERED;
use crate::triage::decide::Matter;
use crate::triage::decide::says;
use crate::triage::merge;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::relay::Acts;
use crate::triage::relay::Claim;
use crate::triage::thread;
use crate::triage::thread::Thread;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

impl<'a> Matter<'a> {
    /// What becomes of an agent's mail; none when it is a person's like others': one that is about nothing of ours, one of an
    /// agent who is the ticket's own person, or one whose sender's name our border refutes.
    pub(super) fn by_agent(&self, claim: &Claim) -> Option<Plan> {
        if self.disproved() {
            return None;
        }
        let merged = &self.case.beside.merged;
        let known = |number: TicketNumber| self.case.tickets.iter().find(|t| t.number == number);
        let Some(number) = claim.ticket else {
            return match self.joined() {
                // Proved by a subject tag: good for a note, not for a relay.
                Some(ticket) if self.reaches_writer(ticket) => Some(self.noted(claim, ticket)),
                _ => self.answers_us().then(|| self.without_token(claim)),
            };
        };
        let Some(ticket) = known(merge::end(merged, number)) else {
            return Some(self.unknown_ticket(claim, number));
        };
        if thread::belongs(&claim.agent, ticket) {
            return None;
        }
        if !claim.believed {
            return Some(self.unproved(claim, ticket));
        }
        Some(self.answered(claim, ticket))
    }

    /// Whether an agent's mail is about one of ours, and no new one of its own.
    fn answers_us(&self) -> bool {
        let message = &self.reading.message;
        let start: String = message.subject.chars().take(3).collect();
        let head = crate::triage::relay::words::own(message);
        !matches!(self.thread, Thread::New)
            || !message.in_reply_to.is_empty()
            || !message.references.is_empty()
            || start.eq_ignore_ascii_case("re:")
            || !head.commands.is_empty()
    }

    /// A plan for an agent's mail: it wants nothing by itself.
    pub(super) fn agents_plan(&self, step: Step) -> Plan {
        let mut plan = self.plan(Disposition::Ignore, step);
        plan.intents.clear();
        plan.audience = None;
        plan
    }

    /// The agent's mail went to the person already; it is noted, and changes who has to act.
    pub(super) fn noted(&self, claim: &Claim, ticket: &Ticket) -> Plan {
        let mut ticket = ticket.clone();
        ticket.state = ticket::step(
            Some(ticket.state),
            TicketMove::AgentWrote(claim.agent.clone()),
            self.now,
        );
        ticket.updated = self.now;
        let mut plan = self.agents_plan(Step::Update(ticket));
        plan.because.push(says(
            AGENT_ANSWERED,
            "an agent answered the writer directly; the answer is noted, and not sent again",
        ));
        plan
    }

    /// What it changes that the person of a ticket writes again: who does is there.
    pub(super) fn heard_again(&self, plan: &mut Plan, ticket: &Ticket) {
        let Some(acts) = self.acts(ticket.number) else {
            return;
        };
        if acts.unreached.is_some() {
            plan.deeds.unreached = Some(false);
        }
    }

    /// What agents did on a ticket.
    pub(super) fn acts(&self, number: TicketNumber) -> Option<&'a Acts> {
        self.case.acts.iter().find(|acts| acts.ticket == number)
    }

    /// Whether the mail is addressed to somebody who takes part in the ticket. Where nobody is known to take part, the
    /// agent had to find out who wrote: then anybody outside counts.
    pub(super) fn reaches_writer(&self, ticket: &Ticket) -> bool {
        let desk = &self.office.surroundings;
        self.addressed().any(|to| {
            if ticket.participants.is_empty() {
                !desk.is_own(to) && !desk.is_agent(to)
            } else {
                thread::belongs(to, ticket)
            }
        })
    }

    /// Everybody in To and Cc.
    pub(super) fn addressed(&self) -> impl Iterator<Item = &'a Address> {
        let message = &self.reading.message;
        message.to.iter().chain(&message.cc).map(|n| &n.address)
    }

    /// A ticket moves to another queue only when the new mail names one and no agent has it yet.
    pub(super) fn changes_queue(&self) -> bool {
        let with_agent = self
            .joined()
            .is_some_and(|t| !matches!(t.state, TicketState::Answered { .. }));
        !with_agent
    }
}
