//! Verdicts to a plan: what the mail becomes, and which mails leave.
//!
//! # Decisions
//! - A person's account comes first: one forwarded intent forwards the whole mail.
//! - Whoever answers a mail of ours wants more than a text from the shelf: a second contact goes to a person, even
//!   if an automatic answer would fit, and even if nothing proves that it belongs to the ticket it names: people
//!   answer from their other address.
//! - An answer that only gives what was asked for, or only says that it did not help, is still about the matter of
//!   its ticket.
//! - While a case lies with an agent, the writer hears from the agent; another acknowledgement would be noise.

mod again;
mod agent;
mod answer;
mod assign;
mod doings;
mod flood;
mod hold;
mod orders;
mod relay;
mod reroute;
mod verify;

pub use crate::triage::decide::again::NOTED_TWIN;
pub use crate::triage::decide::answer::withheld;
pub use crate::triage::decide::assign::ALL_AWAY;
pub use crate::triage::decide::assign::HANDED_OVER;
pub use crate::triage::decide::flood::FLOOD_DOMAIN;
pub use crate::triage::decide::flood::FLOOD_SENDER;
pub use crate::triage::decide::flood::FLOOD_TEXT;
pub use crate::triage::decide::flood::gathered;
pub use crate::triage::decide::relay::ORDERED;
pub use crate::triage::decide::relay::RELAYED;
pub use crate::triage::decide::relay::RETURNED;
pub use crate::triage::decide::reroute::ABSENT;
pub use crate::triage::decide::reroute::BOUNCED;
pub use crate::triage::decide::reroute::BOUNCED_FORWARD;
pub use crate::triage::decide::reroute::COMPLAINT;
pub use crate::triage::decide::reroute::REPORT;
pub use crate::triage::decide::verify::ELSEWHERE;
pub use crate::triage::decide::verify::NOW_VERIFIED;
pub use crate::triage::decide::verify::SAYS_NO;

use crate::clock::Timestamp;
use crate::message::Flaw;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::Office;
use crate::triage::Reading;
use crate::triage::classify;
use crate::triage::classify::Classification;
use crate::triage::closing::Answered;
use crate::triage::decide::hold::word;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::forward;
use crate::triage::merge;
use crate::triage::plan::Beside;
use crate::triage::plan::Case;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::quarantine::RELEASED;
use crate::triage::relay::Deeds;
use crate::triage::relay::claim;
use crate::triage::returned::is_report;
use crate::triage::rules::Intent;
use crate::triage::thread;
use crate::triage::thread::Clues;
use crate::triage::thread::Thread;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketNumber;
use crate::triage::twin::Earlier;

/// The name under which mails that no person wrote are recorded.
pub const AUTOMATIC: &str = "automatic";
/// The intent that wants nothing even of an open case.
const THANKS: &str = "thanks";
/// The reason of a plan for an agent's mail that went to the writer, too.
pub const AGENT_ANSWERED: &str = "agent";

/// Decides what becomes of a mail. Total.
pub fn decide(
    reading: &Reading,
    case: &Case,
    rules: &Rules,
    office: &Office,
    now: Timestamp,
) -> Plan {
    let because = reading.signs.clone();
    if let Some(copy) = &case.copy_of {
        let mut plan = quiet(reading, copy.ticket, because);
        plan.because.push(says(
            "copy",
            "the same mail was handled before; this is another copy of it",
        ));
        return plan;
    }
    if let Some(returned) = &reading.returned {
        return reroute::plan(reading, returned, case, rules, office, now);
    }
    let Some(found) = &reading.classification else {
        // An absence note in answer to a mail of a ticket, say.
        let known = |number: &TicketNumber| case.tickets.iter().any(|t| t.number == *number);
        // A report that nothing of ours proves is about no ticket, whatever ids it names.
        let named = || case.by_id.first().map(|(_, number)| *number).filter(known);
        let on = if is_report(&reading.message) {
            None
        } else {
            named()
        };
        return quiet(reading, on, because);
    };
    let sender = reading.writer().map(|w| &w.address);
    let merged = &case.beside.merged;
    let clues = merge::led(&reading.clues, merged);
    let led = |(id, number): &(MessageId, TicketNumber)| (id.clone(), merge::end(merged, *number));
    let by_id: Vec<(MessageId, TicketNumber)> = case.by_id.iter().map(led).collect();
    let thread = thread::thread(&clues, sender, &case.tickets, &by_id);
    let matter = Matter {
        reading,
        case,
        rules,
        office,
        now,
        found,
        thread,
        clues,
        past: Answered::Open,
        twin: None,
    };
    let claim = claim(&reading.message, office);
    if let Some(plan) = claim.and_then(|claim| matter.by_agent(&claim)) {
        return plan;
    }
    let matter = matter.with_its_past();
    let decided = matter.disposition();
    let suspicion = matter.suspicion(decided.0);
    if !suspicion.is_empty() {
        return matter.hold(suspicion);
    }
    if let Some(plan) = matter.answers_question() {
        return plan;
    }
    match decided {
        (Disposition::Ignore, _) => matter.nothing_to_do(),
        (disposition, why) => matter.handle(disposition, why),
    }
}

/// Returns the queue that a forwarded mail goes to: that of the first forwarded intent that names one, else that of
/// any other intent, else the desk's default.
pub fn queue<'a>(intents: &[String], rules: &'a Rules) -> &'a str {
    let intents: Vec<&Intent> = intents
        .iter()
        .filter_map(|name| rules.intents.intent(name))
        .collect();
    let forwarded = intents
        .iter()
        .filter(|i| i.disposition == Disposition::Forward);
    forwarded
        .chain(intents.iter())
        .find_map(|i| i.queue.as_deref())
        .unwrap_or(&rules.desk.default_queue)
}

/// Everything that is known when a person's mail is decided.
struct Matter<'a> {
    reading: &'a Reading,
    case: &'a Case,
    rules: &'a Rules,
    office: &'a Office,
    now: Timestamp,
    found: &'a Classification,
    thread: Thread,
    /// The reading's clues, each leading to the ticket that goes on for it.
    clues: Clues,
    /// What the mail means to its ticket, should that be closed.
    past: Answered,
    /// The mail before it that is the same case.
    twin: Option<&'a Earlier>,
}

impl<'a> Matter<'a> {
    fn joined(&self) -> Option<&'a Ticket> {
        let Thread::Joins(number, _) = &self.thread else {
            return None;
        };
        self.case.tickets.iter().find(|t| t.number == *number)
    }

    fn because(&self) -> Vec<Because> {
        let mut because = self.reading.signs.clone();
        match &self.thread {
            Thread::New => {}
            Thread::Joins(_, why) | Thread::Linked(_, why) => because.push(why.clone()),
        }
        because.extend(self.found.because.iter().cloned());
        because
    }

    fn plan(&self, disposition: Disposition, step: Step) -> Plan {
        Plan {
            screening: word(&self.reading.screening),
            disposition,
            intents: self.intents(),
            audience: self.found.audience,
            language: self.found.language.code.clone(),
            queue: None,
            step,
            letters: Vec::new(),
            because: self.because(),
            writer: self.reading.writer().map(|w| w.address.clone()),
            deeds: Deeds::default(),
            beside: Beside {
                via: self.via(),
                ..Beside::default()
            },
        }
    }

    /// The desk's rules by intents, a person for every second contact, and for every mail that was not wholly read.
    /// With the reason, where it is not the intents'.
    fn disposition(&self) -> (Disposition, Option<Because>) {
        let flaws = &self.reading.message.flaws;
        let person = |rule, what| (Disposition::Forward, Some(says(rule, what)));
        match classify::disposition(self.found, &self.rules.intents) {
            Disposition::Forward => (Disposition::Forward, None),
            _ if flaws.contains(&Flaw::TooBig) => person(
                "too-big",
                "the mail is too big to be read whole, so a person reads it",
            ),
            // Of a mail that nobody is known to have written not even thanks are believed.
            Disposition::Ignore
                if flaws.contains(&Flaw::NoFrom) || flaws.contains(&Flaw::Unparsable) =>
            {
                person("malformed", "the mail is malformed, so a person reads it")
            }
            Disposition::Ignore if self.joined().is_some() && !self.says_thanks() => person(
                "participant",
                "it reads like advertising, but its writer takes part in the ticket",
            ),
            Disposition::Ignore if self.case.released.is_some() && !self.says_thanks() => person(
                RELEASED,
                "an operator released it from quarantine, so a person reads it",
            ),
            Disposition::Ignore => (Disposition::Ignore, None),
            Disposition::Advise | Disposition::Redirect if !matches!(self.thread, Thread::New) => {
                (Disposition::Forward, None)
            }
            other => (other, None),
        }
    }

    fn says_thanks(&self) -> bool {
        self.found.intents.iter().any(|name| name == THANKS)
    }

    /// What the mail is about: its own intents; on a ticket, where these tell no matter, the ticket's as well.
    fn intents(&self) -> Vec<String> {
        let found = &self.found.intents;
        let Some(ticket) = self.joined() else {
            return found.clone();
        };
        let rules = &self.rules.intents;
        // An intent that is forwarded to wherever the others belong is none by itself.
        let tells = |name: &String| {
            let borrows = |i: &Intent| i.disposition == Disposition::Forward && i.queue.is_none();
            !rules.is_fallback(name) && !rules.intent(name).is_some_and(borrows)
        };
        if ticket.intents.is_empty() || found.iter().any(tells) {
            return found.clone();
        }
        let mut intents: Vec<String> = found
            .iter()
            .filter(|name| !rules.is_fallback(name))
            .cloned()
            .collect();
        for name in &ticket.intents {
            if !intents.contains(name) {
                intents.push(name.clone());
            }
        }
        intents
    }

    fn handle(&self, disposition: Disposition, why: Option<Because>) -> Plan {
        if let Some(flood) = self.flood() {
            return self.gather(&flood, why);
        }
        if let Some(noted) = self.says_nothing_new() {
            return noted;
        }
        let mut plan = self.plan(disposition, Step::Record(None));
        plan.because.extend(why);
        let mut ticket = self.ticket(&plan.intents);
        self.note_past(&mut plan, &ticket);
        if disposition == Disposition::Forward {
            let agent = self.hand_over(&mut plan, &mut ticket);
            let reply = self.reply(&ticket, disposition, &mut plan.because);
            let questions = self.addresses(&mut plan, &ticket, reply.is_some());
            self.forward(&mut plan, &ticket, agent.as_ref(), reply.as_ref());
            plan.letters.extend(reply);
            plan.letters.extend(questions);
        } else if let Some(reply) = self.reply(&ticket, disposition, &mut plan.because) {
            plan.letters.push(reply);
        } else {
            // Advice would answer it, but no machine may: a person gets it.
            plan.because.push(says(
                "unanswered",
                "no automatic answer may leave, so a person gets the mail",
            ));
            plan.disposition = Disposition::Forward;
            let agent = self.hand_over(&mut plan, &mut ticket);
            self.forward(&mut plan, &ticket, agent.as_ref(), None);
        }
        if let Some(reply) = plan.letters.iter().find(|l| l.purpose == Purpose::Reply) {
            ticket.language.clone_from(&reply.language);
        }
        plan.step = if self.joined().is_some() {
            self.heard_again(&mut plan, &ticket);
            Step::Update(ticket)
        } else {
            Step::Open(ticket)
        };
        plan
    }

    /// Gives the ticket to a queue and to one of its agents, if there is any.
    fn hand_over(&self, plan: &mut Plan, ticket: &mut Ticket) -> Option<Address> {
        let name = match self.joined().and_then(|t| t.queue.as_deref()) {
            Some(queue) if !self.changes_queue() => queue,
            _ => queue(&plan.intents, self.rules),
        };
        ticket.queue = Some(name.to_owned());
        plan.queue = Some(name.to_owned());
        let agent = self.choose_agent(name, &mut plan.because);
        if let Some(agent) = &agent {
            let old = self.joined().map(|t| t.state.clone());
            ticket.state = ticket::step(old, TicketMove::HandTo(agent.clone()), self.now);
        } else {
            plan.because.push(says(
                "no-agent",
                "no queue has an agent: the ticket waits in the list",
            ));
        }
        agent
    }

    fn forward(
        &self,
        plan: &mut Plan,
        ticket: &Ticket,
        agent: Option<&Address>,
        reply: Option<&Letter>,
    ) {
        let Some(agent) = agent else { return };
        let told = reply.map(|r| r.language.as_str());
        let letter = forward::letter(&self.matter_of(ticket), plan, agent, told);
        plan.letters.push(letter);
    }
}

/// A mail that is recorded and changes nothing.
fn quiet(reading: &Reading, on: Option<TicketNumber>, because: Vec<Because>) -> Plan {
    let found = reading.classification.as_ref();
    Plan {
        screening: word(&reading.screening),
        disposition: Disposition::Ignore,
        intents: found.map_or_else(|| vec![AUTOMATIC.to_owned()], |f| f.intents.clone()),
        audience: None,
        language: reading.language.clone(),
        queue: None,
        step: Step::Record(on),
        letters: Vec::new(),
        because,
        writer: reading.writer().map(|w| w.address.clone()),
        deeds: Deeds::default(),
        beside: Beside::default(),
    }
}

fn says(rule: &str, what: &str) -> Because {
    Because {
        stage: "decide",
        rule: rule.to_owned(),
        says: what.to_owned(),
        matched: String::new(),
    }
}

#[cfg(test)]
mod tests;
