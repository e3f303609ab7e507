//! What an agent's orders do: each turned into changes of the ticket and deeds, or refused.

use crate::message::address::Address;
use crate::triage::closing::Turn;
use crate::triage::command::Command;
use crate::triage::command::Head;
use crate::triage::command::Wrong;
use crate::triage::decide::Matter;
use crate::triage::forward;
use crate::triage::hours::Day;
use crate::triage::plan::Beside;
use crate::triage::plan::Letter;
use crate::triage::relay::Claim;
use crate::triage::relay::Deeds;
use crate::triage::relay::Fate;
use crate::triage::relay::notice::Told;
use crate::triage::roster::heir::Giving;
use crate::triage::roster::heir::Heir;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketState;

/// Characters of a note that are kept on the ticket.
const NOTE_CHARS_MAX: usize = 400;

/// What a mail's orders come to.
pub(super) struct Orders {
    /// The ticket as it will be.
    pub(super) ticket: Ticket,
    pub(super) deeds: Deeds,
    /// What changes beside the ticket.
    pub(super) beside: Beside,
    /// Mails to other agents.
    pub(super) letters: Vec<Letter>,
    /// What the agent is told; nothing, where `what` is empty.
    pub(super) told: Told,
    /// The case was given to somebody by this very mail.
    pub(super) handed: bool,
}

impl Orders {
    /// Has the agent told something, besides what is told already.
    pub(super) fn tell(&mut self, what: &str, more: &str) {
        if self.told.what.is_empty() {
            what.clone_into(&mut self.told.what);
        } else {
            self.told.more.push(what.to_owned());
        }
        if !more.is_empty() {
            self.told.more.push(more.to_owned());
        }
    }

    pub(super) fn note(&mut self, kind: &'static str, note: String) {
        self.deeds.notes.push((kind, note));
    }
}

impl Matter<'_> {
    /// Works out what the orders do; nothing is done yet.
    ///
    /// # Errors
    /// Each order that cannot be carried out, with the reason: then none is.
    pub(super) fn orders(
        &self,
        claim: &Claim,
        ticket: &Ticket,
        head: &Head,
    ) -> Result<Orders, Vec<Wrong>> {
        let mut orders = Orders {
            ticket: ticket.clone(),
            deeds: Deeds::default(),
            beside: Beside::default(),
            letters: Vec::new(),
            told: Told::default(),
            handed: false,
        };
        let mut wrong = Vec::new();
        for command in &head.commands {
            if let Err(why) = self.order(claim, command, head, &mut orders) {
                wrong.push(why);
            }
        }
        if wrong.is_empty() {
            Ok(orders)
        } else {
            Err(wrong)
        }
    }

    fn order(
        &self,
        claim: &Claim,
        command: &Command,
        head: &Head,
        orders: &mut Orders,
    ) -> Result<(), Wrong> {
        let by = &claim.agent;
        match command {
            Command::Close => {
                orders.deeds.closed = Some(Turn::Close);
                orders.note("closed", format!("by {by}"));
            }
            Command::Reopen => {
                orders.deeds.closed = Some(Turn::Open);
                orders.note("reopened", format!("by {by}"));
            }
            Command::Note(line) => {
                let words = format!("{line} {}", head.words);
                let words: Vec<&str> = words.split_whitespace().collect();
                let words: String = words.join(" ").chars().take(NOTE_CHARS_MAX).collect();
                if words.is_empty() {
                    return Err(refused("#note", "there are no words to note", "#note"));
                }
                orders.note("note", format!("{by}: {words}"));
            }
            Command::Spam => {
                orders.deeds.closed = Some(Turn::Close);
                orders.deeds.mute = orders.ticket.participants.first().cloned();
                orders.note(
                    "spam",
                    format!("says {by}; its writer gets no automatic reply any more"),
                );
            }
            Command::Assign(name) => self.assign(by, name, orders)?,
            Command::Relabel(intents) => self.relabel(by, intents, orders)?,
            Command::Cancel => self.cancel(by, orders),
            Command::Help => {
                orders.told.usage = true;
                orders.tell("how to answer", "Answer the desk's mail: your words go to the person from the desk's address. What you quote is cut off.");
            }
            Command::Merge(number) => self.merge(by, *number, orders)?,
            Command::Snooze(seconds) => self.snooze(*seconds, orders)?,
            Command::Verified(address) => self.verified(by, address.as_ref(), orders)?,
            Command::Away(day) => self.away(by, Day(*day), orders)?,
        }
        Ok(())
    }

    /// Gives the case to an agent, by address or name, or to a queue.
    fn assign(&self, by: &Address, name: &str, orders: &mut Orders) -> Result<(), Wrong> {
        let giving = Giving {
            office: self.office,
            default_queue: &self.rules.desk.default_queue,
            known: &self.case.time,
            turns: &self.case.turns,
            now: self.now,
        };
        let Heir { agent: to, queue } = giving.heir(&orders.ticket, name).map_err(|why| {
            let line = format!("#assign {name}");
            refused(&line, &why.to_string(), "#assign NAME")
        })?;
        let moved = TicketMove::HandTo(to.clone());
        orders.ticket.state = ticket::step(Some(orders.ticket.state.clone()), moved, self.now);
        orders.ticket.queue = Some(queue);
        orders.handed = true;
        orders.note("assigned", format!("to {to} by {by}"));
        if !to.same_person(by) {
            let letter = forward::assigned(&orders.ticket, self.office, by, &to);
            orders.letters.push(letter);
        }
        Ok(())
    }

    fn relabel(&self, by: &Address, intents: &[String], orders: &mut Orders) -> Result<(), Wrong> {
        let rules = &self.rules.intents;
        for name in intents {
            if rules.intent(name).is_none() {
                let line = format!("#relabel {}", intents.join(" "));
                let why = format!("there is no intent `{name}` in the rules");
                return Err(refused(&line, &why, "#relabel INTENT"));
            }
        }
        let before = orders.ticket.intents.join(", ");
        orders.ticket.intents = intents.to_vec();
        orders.deeds.relabel = Some(intents.to_vec());
        orders.note(
            "relabelled",
            format!("{} instead of {before}, by {by}", intents.join(", ")),
        );
        Ok(())
    }

    /// Stops all answers of this agent that wait, and says what came of it.
    fn cancel(&self, by: &Address, orders: &mut Orders) {
        let acts = self.acts(orders.ticket.number);
        let relays = acts.map_or(&[][..], |acts| acts.relays.as_slice());
        let own: Vec<_> = relays.iter().filter(|r| r.agent.same_person(by)).collect();
        let waiting: Vec<_> = own.iter().filter(|r| r.fate != Fate::Beyond).collect();
        if waiting.is_empty() {
            let what = if own.is_empty() {
                "there was no answer of yours to stop"
            } else {
                "it was too late: your answer has left, or was stopped before"
            };
            orders.tell(what, "Nothing was changed.");
            return;
        }
        orders.deeds.cancel = waiting.iter().map(|r| r.seq).collect();
        let again = waiting.iter().any(|r| r.fate == Fate::WaitsAgain);
        let more = if again {
            "An earlier try to send it had failed; it is not quite certain that nothing of it arrived."
        } else {
            "The person does not get it. The ticket is yours to answer, as before."
        };
        orders.tell("your answer was stopped", more);
        orders.note("stopped", format!("an answer of {by}, by {by}"));
        if let TicketState::AgentAnswered { agent, .. } = &orders.ticket.state
            && waiting.iter().any(|r| r.waited)
        {
            let moved = TicketMove::HandTo(agent.clone());
            orders.ticket.state = ticket::step(Some(orders.ticket.state.clone()), moved, self.now);
        }
    }
}

pub(super) fn refused(line: &str, why: &str, nearest: &'static str) -> Wrong {
    Wrong {
        line: line.to_owned(),
        why: why.to_owned(),
        nearest,
    }
}
