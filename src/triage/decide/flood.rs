//! Floods of cases: gathered on one ticket, told of now and then, instead of forwarded one by one.
//!
//! # Decisions
//! - Ten thousand forwards are a storm as well, and an agent who gets one reads none of it. What has too much in common
//!   with what came before is gathered: filed with the forwarded mails, on record, on the flood's ticket.
//! - The agent hears of it with its 1st, 10th, 100th, ... gathered mail, which is forwarded whole. So a flood of any
//!   length costs a handful of mails, and nothing has to be remembered until it is over.
//! - Words alone gather no mail that proves to belong to its ticket: many people answer the same to the same question.
//! - Nobody is answered by a machine in a flood.

use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::decide::Matter;
use crate::triage::decide::queue;
use crate::triage::decide::says;
use crate::triage::forward;
use crate::triage::forward::MARKER;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::plan::Wave;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketState;

/// The rule by which a mail is gathered that says what too many others said: whoever keeps such mails by themselves asks
/// for it.
pub const FLOOD_TEXT: &str = "flood-text";
/// The rule by which a mail is gathered whose writer wrote too many.
pub const FLOOD_SENDER: &str = "flood-sender";
/// The rule by which a mail is gathered whose domain sent too many.
pub const FLOOD_DOMAIN: &str = "flood-domain";

/// Returns by which of the flood rules a mail was gathered, if it was.
pub fn gathered(plan: &Plan) -> Option<&'static str> {
    let rules = [FLOOD_SENDER, FLOOD_TEXT, FLOOD_DOMAIN];
    let told = |rule: &&str| {
        let mut because = plan.because.iter();
        because.any(|b| b.stage == "decide" && b.rule == *rule)
    };
    rules.into_iter().find(told)
}

/// A flood that a mail belongs to.
pub(super) struct Overflow<'a> {
    rule: &'static str,
    what: String,
    wave: &'a Wave,
}

impl<'a> Matter<'a> {
    /// The flood that the mail belongs to, if it does.
    pub(super) fn flood(&self) -> Option<Overflow<'a>> {
        let (limits, waves) = (&self.rules.desk.flood, &self.case.flood);
        let strange = self.joined().is_none() || self.twin.is_some();
        let kinds = [
            (
                FLOOD_SENDER,
                &waves.sender,
                limits.sender_cases_day,
                true,
                "mails of this writer came in a day",
            ),
            (
                FLOOD_TEXT,
                &waves.text,
                limits.text_cases_hour,
                strange,
                "mails of these words came in an hour",
            ),
            (
                FLOOD_DOMAIN,
                &waves.domain,
                limits.domain_cases_hour,
                strange,
                "mails of this domain came in an hour",
            ),
        ];
        kinds
            .into_iter()
            .find(|(_, wave, limit, counts, _)| *counts && wave.cases >= *limit)
            .map(|(rule, wave, limit, _, what)| Overflow {
                rule,
                what: format!("more than {limit} {what}"),
                wave,
            })
    }

    /// Gathers a mail.
    pub(super) fn gather(&self, flood: &Overflow<'_>, why: Option<Because>) -> Plan {
        let mut plan = self.plan(Disposition::Forward, Step::Record(None));
        plan.because.extend(why);
        let count = flood.wave.gathered.saturating_add(1);
        let known = flood.wave.ticket.as_ref();
        let quiet = self.joined().or(known).filter(|_| !tells(count));
        let what = &flood.what;
        if let Some(ticket) = quiet {
            plan.because.push(says(
                flood.rule,
                &format!("{what}: it is gathered, and not sent to an agent by itself"),
            ));
            plan.queue.clone_from(&ticket.queue);
            plan.step = Step::Record(Some(ticket.number));
            return plan;
        }
        plan.because.push(says(
            flood.rule,
            &format!("{what}: an agent gets this one, for all that are gathered"),
        ));
        let mut ticket = known.cloned().unwrap_or_else(|| self.opened(&plan.intents));
        ticket.updated = self.now;
        let name = ticket.queue.clone();
        let name = name.unwrap_or_else(|| queue(&plan.intents, self.rules).to_owned());
        let agent = self.holder_or_next(&ticket, &name, &mut plan.because);
        plan.queue = Some(name.clone());
        ticket.queue = Some(name);
        if let Some(agent) = agent {
            let old = known.map(|t| t.state.clone());
            ticket.state = ticket::step(old, TicketMove::HandTo(agent.clone()), self.now);
            plan.letters
                .push(self.flood_letter(flood, count, &ticket, &plan, &agent));
        } else {
            plan.because.push(says(
                "no-agent",
                "no queue has an agent: the ticket waits in the list",
            ));
        }
        plan.step = match known {
            Some(_) => Step::Update(ticket),
            None => Step::Open(ticket),
        };
        plan
    }

    fn holder_or_next(
        &self,
        ticket: &Ticket,
        queue: &str,
        because: &mut Vec<Because>,
    ) -> Option<Address> {
        match &ticket.state {
            TicketState::WithAgent { agent, .. } | TicketState::AgentAnswered { agent, .. }
                if self.office.surroundings.agents.contains(agent) =>
            {
                Some(agent.clone())
            }
            _ => self.choose_agent(queue, because),
        }
    }

    /// The forward of one mail of a flood, with a word about the others in place of its heading.
    fn flood_letter(
        &self,
        flood: &Overflow<'_>,
        count: u32,
        ticket: &Ticket,
        plan: &Plan,
        agent: &Address,
    ) -> Letter {
        let mut letter = forward::letter(&self.matter_of(ticket), plan, agent, None);
        let number = ticket.number.0;
        let folder = self.office.keeping.forwarded.as_str();
        let place = if folder.is_empty() {
            "in the desk's mailbox".to_owned()
        } else {
            format!("in the folder {folder} of the desk's mailbox")
        };
        let note = format!(
            "Ticket #{number} gathers a flood: {}.\nThis is its mail number {count}. The others do not come to you one by one: they lie {place}, and `mailclerk ledger find` tells of each of them.\nYou hear of this flood again with its mail number {}. Nobody in it is answered by a machine.\n",
            flood.what,
            count.saturating_mul(10),
        );
        // The marker line stays, the heading goes.
        let rest = letter.text.splitn(3, '\n').nth(2).unwrap_or_default();
        letter.text = format!("{MARKER}\n{note}{rest}");
        letter
    }
}

/// Whether an agent hears of a flood with its mail of that number: 1, 10, 100, ...
fn tells(count: u32) -> bool {
    count > 0 && 10_u32.pow(count.ilog10()) == count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_ten_thousand_is_told_of_five_times() {
        let told: Vec<u32> = (0..=10_000).filter(|n| tells(*n)).collect();
        assert_eq!(told, [1, 10, 100, 1_000, 10_000]);
        assert!(!tells(u32::MAX));
    }
}
