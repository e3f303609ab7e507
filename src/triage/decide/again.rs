//! Mails with a past: to a closed ticket, to a merged one, and those that were sent twice.

use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::closing;
use crate::triage::closing::Answered;
use crate::triage::closing::Turn;
use crate::triage::decide::Matter;
use crate::triage::decide::says;
use crate::triage::merge;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::screen::Proof;
use crate::triage::screen::Screening;
use crate::triage::screen::proof;
use crate::triage::thread::Thread;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;
use crate::triage::twin;
use crate::triage::twin::Earlier;

/// The reason of a plan for a mail that says nothing beyond the one before it.
pub const NOTED_TWIN: &str = "twin-noted";

impl<'a> Matter<'a> {
    /// Finds out what the mail means to a closed ticket, or that it is the same case as the mail before it.
    pub(super) fn with_its_past(mut self) -> Self {
        if let Thread::Joins(number, because) = &self.thread {
            let (number, because) = (*number, because.clone());
            self.past = closing::answered(self.closing(number), self.rules.desk.closed, self.now);
            // Thanks are noted where they belong, whatever became of the ticket.
            if matches!(self.past, Answered::TooLate | Answered::TooOften) && !self.only_thanks() {
                self.thread = Thread::Linked(number, because);
            }
        } else if matches!(self.thread, Thread::New)
            && let Some((twin, because)) = self.find_twin()
        {
            self.thread = Thread::Joins(twin.ticket, because);
            self.twin = Some(twin);
        }
        self
    }

    fn closing(&self, number: TicketNumber) -> Option<&'a closing::Closing> {
        self.acts(number).map(|acts| &acts.closing)
    }

    fn only_thanks(&self) -> bool {
        self.disposition().0 == Disposition::Ignore
    }

    /// The mail before this one that is the same case, with the reason.
    fn find_twin(&self) -> Option<(&'a Earlier, Because)> {
        if !matches!(self.reading.screening, Screening::Person(_)) {
            return None;
        }
        let rule = self.rules.desk.twins;
        let case = self.case;
        let twin = case.beside.before.iter().find(|earlier| {
            let open = self
                .closing(earlier.ticket)
                .is_none_or(|c| c.closed.is_none());
            let words = &self.reading.words;
            let is_there = case.tickets.iter().any(|t| t.number == earlier.ticket);
            open && is_there && twin::is_twin(earlier, words, &self.found.intents, rule, self.now)
        })?;
        let because = Because {
            stage: "thread",
            rule: "twin".to_owned(),
            says: "Its writer sent the same request a little earlier: they are one case".to_owned(),
            matched: format!("#{}", twin.ticket.0),
        };
        Some((twin, because))
    }

    fn vouched(&self) -> bool {
        proof(&self.reading.message, &self.office.surroundings) == Proof::Passed
    }

    /// The plan for a mail that says nothing beyond its twin, which lies with an agent: noted.
    pub(super) fn says_nothing_new(&self) -> Option<Plan> {
        let twin = self.twin?;
        let ticket = self.joined()?;
        // What a machine answered, and its writer sends again, wants a person.
        let waits = matches!(ticket.state, TicketState::WithAgent { .. });
        if !waits || twin::says_more(twin, &self.reading.words, self.vouched()) {
            return None;
        }
        let mut plan = self.plan(Disposition::Forward, Step::Record(Some(ticket.number)));
        plan.queue.clone_from(&ticket.queue);
        plan.because.push(says(
            NOTED_TWIN,
            "it says nothing that the mail before it did not: it is noted on that ticket",
        ));
        Some(plan)
    }

    /// Thanks and the like: noted, and nothing else; a closed ticket stays closed.
    pub(super) fn nothing_to_do(&self) -> Plan {
        let on = self.joined().map(|t| t.number);
        let mut plan = self.plan(Disposition::Ignore, Step::Record(on));
        self.prove_sender(&mut plan);
        plan
    }

    /// Notes that the ticket is open again, and what a later mail is held against.
    pub(super) fn note_past(&self, plan: &mut Plan, ticket: &Ticket) {
        match self.past {
            Answered::Open => {}
            Answered::Again => self.reopen(plan),
            Answered::TooLate => plan.because.push(says(
                "closed-long-ago",
                "the ticket that it answers was closed too long ago: it gets a new one",
            )),
            Answered::TooOften => plan.because.push(says(
                "closed-often",
                "the ticket that it answers was opened again too often: it gets a new one",
            )),
        }
        if self.reading.writer().is_some() {
            plan.beside.earlier = Some(Earlier {
                words: self.reading.words.clone(),
                intents: self.found.intents.clone(),
                vouched: self.vouched(),
                ticket: ticket.number,
                at: self.now,
            });
        }
    }

    /// Has the plan open its closed ticket, where the mail does that.
    pub(super) fn reopen(&self, plan: &mut Plan) {
        if self.past == Answered::Again {
            plan.deeds.closed = Some(Turn::Answer);
            let note = "the person wrote again".to_owned();
            plan.deeds.notes.push(("reopened", note));
            plan.because
                .push(says("reopened", "the ticket was closed; it is open again"));
        }
    }

    /// What an agent reads at the top, where it is not the usual.
    pub(super) fn heading(&self, number: TicketNumber) -> Option<String> {
        let number = number.0;
        let old = match self.thread {
            Thread::Linked(old, _) => old.0,
            _ => number,
        };
        match self.past {
            Answered::Again => Some(format!(
                "Ticket #{number} was closed; the writer answered, so it is open again."
            )),
            Answered::TooLate => Some(format!(
                "Ticket #{number} is new. The writer answers ticket #{old}, which was closed too long ago to go on."
            )),
            Answered::TooOften => Some(format!(
                "Ticket #{number} is new. The writer answers ticket #{old}, which was opened again too often to go on."
            )),
            Answered::Open => self.twin.map(|_| {
                format!(
                    "Ticket #{number}: the writer wrote again, much the same as a little before."
                )
            }),
        }
    }

    /// The merged ticket by way of which the mail joins another.
    pub(super) fn via(&self) -> Option<TicketNumber> {
        let Thread::Joins(number, _) = &self.thread else {
            return None;
        };
        let proved = self.reading.clues.proved.iter().map(|(n, _)| *n);
        let by_id = self.case.by_id.iter().map(|(_, n)| *n);
        proved
            .chain(by_id)
            .find(|n| merge::end(&self.case.beside.merged, *n) == *number)
            .filter(|n| n != number)
    }

    /// The ticket as it will be, state and queue still to be filled in.
    pub(super) fn ticket(&self, intents: &[String]) -> Ticket {
        if let Some(known) = self.joined() {
            let mut ticket = known.clone();
            ticket.updated = self.now;
            ticket.intents = intents.to_vec();
            return ticket;
        }
        self.opened(intents)
    }

    /// A ticket that is just being opened.
    pub(super) fn opened(&self, intents: &[String]) -> Ticket {
        Ticket {
            number: TicketNumber(self.case.fresh),
            version: 0,
            state: TicketState::Answered { at: self.now },
            mailbox: self.office.mailbox.clone(),
            subject: self.reading.message.subject.clone(),
            participants: self
                .reading
                .writer()
                .map(|w| w.address.clone())
                .into_iter()
                .collect(),
            intents: intents.to_vec(),
            queue: None,
            language: self.found.language.code.clone(),
            linked: match self.thread {
                Thread::Linked(number, _) => Some(number),
                _ => None,
            },
            opened: self.now,
            updated: self.now,
        }
    }
}
