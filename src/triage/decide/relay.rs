//! An agent's answer on a ticket: relayed, noted, obeyed, or given back with the reason.
//!
//! # Decisions
//! - All of a mail or nothing: where one order is wrong, or the words cannot go, nothing is done, and the mail comes back.
//! - Whoever has a token of the ticket may answer. The ticket stays with the agent who has it, and the other one is told.
//! - An agent hears of what was not done, and of what was asked for; never of what simply worked.
//! - An agent gets so many of these a day; then the mails are recorded alone, so that no two machines talk.

use crate::clock::Timestamp;
use crate::message::Flaw;
use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::command::Command;
use crate::triage::command::Head;
use crate::triage::command::Wrong;
use crate::triage::decide::Matter;
use crate::triage::decide::orders::Orders;
use crate::triage::decide::says;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::relay::Claim;
use crate::triage::relay::Relaying;
use crate::triage::relay::carry::Carried;
use crate::triage::relay::carry::carry;
use crate::triage::relay::notice;
use crate::triage::relay::notice::Told;
use crate::triage::relay::words;
use crate::triage::reply::subject;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;
use crate::triage::screen::reads_automatic;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// The reason of a plan for an agent's words that go to the person.
pub const RELAYED: &str = "relayed";
/// The reason of a plan for an agent's mail that comes back.
pub const RETURNED: &str = "returned-to-agent";
/// The reason of a plan for an agent's orders.
pub const ORDERED: &str = "ordered";

/// Words to one agent about mails that could not go, in a day.
const NOTICES_DAY_MAX: u32 = 30;
/// So many of them may be about mails that prove nothing: whoever forges an agent must not silence what the agent is told.
const UNPROVED_DAY_MAX: u32 = 5;
/// Signs of the screen by which a mail may have been handled already.
const IN_DOUBT: [&str; 2] = ["claimed", "in-doubt"];

impl Matter<'_> {
    /// Whether our border says that somebody else sent it.
    pub(super) fn disproved(&self) -> bool {
        proof(&self.reading.message, &self.office.surroundings) == Proof::Failed
    }

    /// An agent's mail with the agent's own token of the ticket.
    pub(super) fn answered(&self, claim: &Claim, ticket: &Ticket) -> Plan {
        let message = &self.reading.message;
        let head = words::own(message);
        if !head.wrong.is_empty() {
            return self.misunderstood(claim, ticket, &head);
        }
        let direct = self.reaches_writer(ticket);
        if !direct && let Some(why) = words::astray(message) {
            return self.not_sent(claim, ticket, why, &head);
        }
        let note = head.commands.iter().any(|c| matches!(c, Command::Note(_)));
        let goes = !direct && !note && !head.words.is_empty();
        let carried = if goes || (head.words.is_empty() && head.commands.is_empty() && !direct) {
            match self.may_go(ticket, &head) {
                Ok(carried) => Some(carried),
                Err(why) => return self.not_sent(claim, ticket, &why, &head),
            }
        } else {
            None
        };
        let mut orders = match self.orders(claim, ticket, &head) {
            Ok(orders) => orders,
            Err(wrong) => {
                let head = Head { wrong, ..head };
                return self.misunderstood(claim, ticket, &head);
            }
        };
        if direct && head.commands.is_empty() {
            return self.noted(claim, ticket);
        }
        if direct {
            orders.answered_by(&claim.agent, self.now);
        }
        let mut letters = Vec::new();
        if let Some(carried) = carried {
            letters.extend(self.relay(claim, ticket, &head, carried, &mut orders));
        }
        self.done(claim, ticket, orders, letters)
    }

    /// Writes the mail to the person.
    fn relay(
        &self,
        claim: &Claim,
        ticket: &Ticket,
        head: &Head,
        carried: Carried,
        orders: &mut Orders,
    ) -> Option<Letter> {
        let office = self.office;
        let (person, threaded) = self.person_of(claim, ticket)?;
        let answers = self.acts(threaded).map(|acts| acts.heard.clone());
        orders.deeds.relay = Some(Relaying {
            agent: claim.agent.clone(),
            name: office
                .relay
                .card(&claim.agent)
                .map(|card| card.name.clone())
                .unwrap_or_default(),
            wait_s: office.relay.undo_s,
            answers: answers.unwrap_or_default(),
            carry: carried.places,
            on: threaded,
            waited: matches!(orders.ticket.state, TicketState::WithAgent { .. }),
        });
        if self
            .acts(ticket.number)
            .is_some_and(|a| a.unreached.is_some())
        {
            orders.deeds.unreached = Some(false);
        }
        if !carried.left_out.is_empty() {
            let what = format!("went without: {}", carried.left_out.join("; "));
            orders.tell("your answer goes to the person, but not all of it", &what);
        }
        if let Some(other) = orders.answered_by(&claim.agent, self.now) {
            let what = format!(
                "The ticket lies with {other}, who may have answered, too. Yours goes to the person as well, and the person's next mail goes to {other}. To stop yours while it waits, answer `#cancel`."
            );
            orders.tell(
                "your answer goes to the person; the ticket is another agent's",
                &what,
            );
        }
        let key = &office.key;
        let about = subject::clean(&ticket.subject, &[]);
        let tag = key.subject_tag(threaded, person);
        Some(Letter {
            purpose: Purpose::Relay,
            to: person.clone(),
            reply_to: vec![key.reply_address(&office.address, threaded, person)],
            subject: format!("Re: {about} {tag}"),
            language: ticket.language.clone(),
            text: words::for_person(&self.reading.message, &head.words, &claim.agent, office),
            html: None,
            attach_original: false,
            templates: Vec::new(),
        })
    }

    /// Whether the words may go to the person: with what of the attachments; else why not.
    fn may_go(&self, ticket: &Ticket, head: &Head) -> Result<Carried, String> {
        let message = &self.reading.message;
        let why = |text: &str| Err(text.to_owned());
        if head.words.is_empty() {
            return why(
                "Nothing was left of it once quotes and signature were cut off. Write your words above the line at the top of our mail, and not between or below the quoted lines.",
            );
        }
        let in_doubt = |b: &Because| b.stage == "screen" && IN_DOUBT.contains(&b.rule.as_str());
        if self.reading.signs.iter().any(in_doubt) {
            return why(
                "The desk is not sure whether it was sent already: it was put back to an earlier state, or another one was at work. If the person did not get it, send it again.",
            );
        }
        if head.commands.is_empty()
            && let Some(sign) = reads_automatic(message, &head.words, &self.rules.screen)
        {
            return Err(format!(
                "It reads like an automatic answer ({sign}). If you wrote it, say it in other words."
            ));
        }
        if message.structure.encrypted {
            return why(
                "It is encrypted or signed as a whole, so the desk cannot read it. Send it as plain text.",
            );
        }
        if message.flaws.contains(&Flaw::TooBig) || message.flaws.contains(&Flaw::Unparsable) {
            return why("It is too big, or malformed, and could not be read whole.");
        }
        if message.body.forwarded.is_some() && !words::quotes_ours(message) {
            return why(
                "It forwards another mail, which may not be for the person. Write what the person is to know as an answer.",
            );
        }
        let desk = &self.office.surroundings;
        let others = self.addressed().any(|to| !desk.is_own(to));
        if others {
            return why(
                "It went to others, too, so it may be talk between colleagues. What is for the person goes to the desk alone; for a note on the ticket begin it with #note.",
            );
        }
        if ticket.participants.is_empty() {
            return why(
                "Nobody is certain to have written on this ticket. Write to an address that you trust, with the desk in copy.",
            );
        }
        carry(message, &self.office.relay).map_err(|what| format!("{}.", capital(&what)))
    }

    /// The plan for what was ordered and written, with what the agent is told.
    pub(super) fn done(
        &self,
        claim: &Claim,
        ticket: &Ticket,
        orders: Orders,
        letters: Vec<Letter>,
    ) -> Plan {
        let relayed = orders.deeds.relay.is_some();
        let changed = orders.ticket != *ticket;
        let mut after = orders.ticket;
        after.updated = self.now;
        let step = if changed || relayed {
            Step::Update(after)
        } else {
            Step::Record(Some(ticket.number))
        };
        let mut plan = self.agents_plan(step);
        plan.letters = letters;
        plan.letters.extend(orders.letters);
        plan.deeds = orders.deeds;
        plan.beside = orders.beside;
        if !orders.told.what.is_empty() {
            self.tell(&mut plan, claim, Some(ticket.number), &orders.told);
        }
        plan.because.push(if relayed {
            says(RELAYED, "an agent's answer goes to the person")
        } else {
            says(ORDERED, "an agent's orders were carried out")
        });
        plan
    }

    /// An answer that cannot go to the person comes back.
    fn not_sent(&self, claim: &Claim, ticket: &Ticket, why: &str, head: &Head) -> Plan {
        let told = Told {
            what: "your answer was sent to nobody".to_owned(),
            more: vec![why.to_owned()],
            words: head.words.clone(),
            usage: false,
        };
        self.comes_back(claim, Some(ticket.number), &told, why)
    }

    /// A mail with an order that was not understood comes back.
    fn misunderstood(&self, claim: &Claim, ticket: &Ticket, head: &Head) -> Plan {
        let row = |wrong: &Wrong| {
            format!(
                "This line was not understood: {}\n  {}. The nearest order is: {}",
                wrong.line, wrong.why, wrong.nearest
            )
        };
        let mut more: Vec<String> = head.wrong.iter().map(row).collect();
        more.push("Nothing of your mail was done, and nobody got it. Correct it, and send it again as an answer to this mail.".to_owned());
        let told = Told {
            what: "an order was not understood".to_owned(),
            more,
            words: head.words.clone(),
            usage: true,
        };
        self.comes_back(
            claim,
            Some(ticket.number),
            &told,
            "an order was not understood",
        )
    }

    /// An agent's mail that answers one of ours without a token of that agent's.
    pub(super) fn without_token(&self, claim: &Claim) -> Plan {
        let why = if claim.strange {
            "It went to a reply address that was given to somebody else. Each agent's is their own: answer the mail that the desk sent to you."
        } else {
            "It carries nothing that proves which ticket it is about: your mail program left out the reply address. Answer the desk's mail about the ticket itself, and leave its address in To as it is."
        };
        let told = Told {
            what: "it was sent to nobody, and is on no ticket".to_owned(),
            more: vec![why.to_owned()],
            words: words::own(&self.reading.message).words,
            usage: false,
        };
        self.comes_back(
            claim,
            None,
            &told,
            "an agent's mail without the agent's token",
        )
    }

    /// A mail whose token is good, and whose ticket is gone.
    pub(super) fn unknown_ticket(&self, claim: &Claim, number: TicketNumber) -> Plan {
        let told = Told {
            what: format!("ticket #{} is not there any more", number.0),
            more: vec!["It was erased. Your mail was sent to nobody.".to_owned()],
            words: words::own(&self.reading.message).words,
            usage: false,
        };
        self.comes_back(
            claim,
            None,
            &told,
            "an agent's mail on a ticket that is erased",
        )
    }

    /// A mail that our border does not vouch for, where the config demands it.
    pub(super) fn unproved(&self, claim: &Claim, ticket: &Ticket) -> Plan {
        let told = Told {
            what: "a mail in your name was sent to nobody".to_owned(),
            more: vec!["The desk's mail border does not vouch for it (no dmarc=pass), and this desk demands that. If you did not write it, somebody else has your reply address: tell the operator. If you did, send it from your usual account.".to_owned()],
            words: words::own(&self.reading.message).words,
            usage: false,
        };
        let why = "an agent's mail that the border does not vouch for";
        self.comes_back(claim, Some(ticket.number), &told, why)
    }

    /// Nothing is done but that the agent is told.
    fn comes_back(&self, claim: &Claim, on: Option<TicketNumber>, told: &Told, why: &str) -> Plan {
        let mut plan = self.agents_plan(Step::Record(on));
        self.tell(&mut plan, claim, on, told);
        plan.because.push(says(RETURNED, why));
        plan
    }

    /// Tells an agent something, unless too much was told in a day.
    fn tell(&self, plan: &mut Plan, claim: &Claim, on: Option<TicketNumber>, told: &Told) {
        let proved = claim.ticket.is_some() && claim.believed;
        let most = if proved {
            NOTICES_DAY_MAX
        } else {
            UNPROVED_DAY_MAX
        };
        if self.case.spent.address_day >= most {
            plan.because.push(says(
                "notices-spent",
                "this agent was told too much today; the mail is recorded alone",
            ));
            return;
        }
        let letter = notice::letter(self.office, &claim.agent, on, told);
        plan.letters.push(letter);
    }
}

impl Orders {
    /// The agent's words are the person's now. Returns the agent whose ticket it is, when that is another one.
    pub(super) fn answered_by(&mut self, agent: &Address, now: Timestamp) -> Option<Address> {
        if self.handed {
            return None;
        }
        let holder = match &self.ticket.state {
            TicketState::WithAgent { agent, .. } | TicketState::AgentAnswered { agent, .. } => {
                agent.clone()
            }
            TicketState::Answered { .. } => agent.clone(),
        };
        let moved = TicketMove::AgentWrote(holder.clone());
        self.ticket.state = ticket::step(Some(self.ticket.state.clone()), moved, now);
        (!holder.same_person(agent)).then_some(holder)
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
