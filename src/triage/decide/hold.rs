//! Holding a mail for an operator, and what a release changes.

use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::decide::Matter;
use crate::triage::forward;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::quarantine;
use crate::triage::screen::Screening;
use crate::triage::thread::Thread;
use crate::triage::ticket::Ticket;

impl<'a> Matter<'a> {
    /// Returns why the mail is held; nothing when it is not. Who takes part in a ticket is not held, and what an operator
    /// released is not held again.
    pub(super) fn suspicion(&self, disposition: Disposition) -> Vec<Because> {
        if self.case.released.is_some() || (self.joined().is_some() && self.twin.is_none()) {
            return Vec::new();
        }
        let rules = &self.rules.quarantine;
        let message = &self.reading.message;
        let desk = &self.office.surroundings;
        let mut found = quarantine::judge(message, rules, desk, self.case.flood.text.cases);
        let unwanted = self
            .found
            .intents
            .first()
            .filter(|name| rules.intents.contains(*name));
        if let (Disposition::Ignore, Some(name)) = (disposition, unwanted) {
            let says = "It reads like advertising or fraud; a person may have been misread.";
            found.push(quarantine::because(
                quarantine::READS_LIKE_SPAM,
                says,
                name.clone(),
            ));
        }
        found
    }

    /// The mail waits for an operator: no ticket, no letter.
    pub(super) fn hold(&self, why: Vec<Because>) -> Plan {
        let mut plan = self.plan(Disposition::Ignore, Step::Hold);
        // The reasons stand first, as the record keeps only some, and the first one last again: that one is the why.
        let told = why.first().cloned();
        plan.because.splice(0..0, why);
        plan.because.extend(told);
        plan
    }

    pub(super) fn matter_of(&self, ticket: &Ticket) -> forward::Matter<'a> {
        forward::Matter {
            reading: self.reading,
            office: self.office,
            found: self.found,
            number: ticket.number,
            joined: self.joined().is_some(),
            linked: match self.thread {
                Thread::Linked(number, _) => Some(number),
                _ => None,
            },
            heading: self.heading(ticket.number),
            standings: self.standings(),
            recipient: ticket.participants.first().cloned(),
        }
    }
}

/// Whether there is a person, as the ledger says it.
pub(super) fn word(screening: &Screening) -> &'static str {
    match screening {
        Screening::Person(_) => "person",
        Screening::Unsure(..) => "unsure",
        Screening::Automatic(_) => "automatic",
    }
}
