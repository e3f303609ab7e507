//! An agent's answer on its way to the person: whether it is one, and the words that go on.
//!
//! # Decisions
//! - The token decides, not the writer's name alone: From is forged easily, and a reply address is handed on. Both must fit, and
//!   where the config demands it, our own border must have vouched for the sender's domain (RFC 7489).
//! - A subject tag proves no agent: subjects are quoted, printed and forwarded.
//! - What a person gets is made anew, as plain text: the agent's new words above our own marker line, without any address
//!   of an agent and any reply address or tag of ours. HTML is not carried: what hides in it (other people's quotes, tracking,
//!   the agent's name in a style) would have to be proved absent.
//! - An answer goes on when it went to the desk alone. One that went to the person already is only noted; one that went to
//!   somebody else as well may be talk between colleagues, and comes back.
//! - What cannot go on comes back to the agent with the reason and the words; nothing of it is done.

mod above;
pub mod carry;
pub mod notice;
pub mod words;

use crate::clock::Timestamp;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::triage::Office;
use crate::triage::closing::Closing;
use crate::triage::closing::Turn;
use crate::triage::command::Command;
use crate::triage::delivery::Purpose;
use crate::triage::hours::Day;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;
use crate::triage::thread;
use crate::triage::ticket::TicketNumber;
use crate::triage::token;

/// How agents' answers are relayed, as the config says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRules {
    /// Seconds that an answer waits before it leaves.
    pub undo_s: u64,
    /// Only what our border vouches for is relayed (a DMARC pass); otherwise, whatever it does not refute.
    pub needs_pass: bool,
    /// What becomes of an agent's own signature.
    pub signature: Signature,
    /// People may see agents' addresses.
    pub shows_agents: bool,
    /// What becomes of an answer with a dangerous attachment.
    pub dangerous: Dangerous,
    /// Octets that all attachments of one answer may have together.
    pub attachment_bytes_max: u64,
    /// Agents, where the config says more of them than their address.
    pub agents: Vec<AgentCard>,
    /// Who is told of a case that did not reach its agent.
    pub operator: Option<Address>,
}

impl Default for RelayRules {
    fn default() -> Self {
        Self {
            undo_s: 60,
            needs_pass: false,
            signature: Signature::Drop,
            shows_agents: false,
            dangerous: Dangerous::Refuse,
            attachment_bytes_max: 7 * 1024 * 1024,
            agents: Vec::new(),
            operator: None,
        }
    }
}

/// What becomes of an agent's own signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// It is left out.
    Drop,
    /// It goes along, addresses of agents aside.
    Keep,
}

/// What becomes of an answer with a dangerous attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dangerous {
    /// The whole answer comes back.
    Refuse,
    /// The answer goes without it, and the agent is told.
    LeaveOut,
}

/// What the config says of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentCard {
    /// The agent's address, as in the queues; none stands for nobody.
    pub address: Option<Address>,
    /// The name that people see beside the desk's address; empty: the desk's.
    pub name: String,
    /// The signature that people see below the agent's words; empty: none.
    pub signature: String,
}

impl RelayRules {
    /// Returns what the config says of an agent.
    pub fn card(&self, agent: &Address) -> Option<&AgentCard> {
        let is = |card: &&AgentCard| card.address.as_ref().is_some_and(|a| a.same_person(agent));
        self.agents.iter().find(is)
    }
}

/// What agents did on a ticket, beyond its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acts {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Whether it is closed, and how often it was opened again.
    pub closing: Closing,
    /// It was closed as spam.
    pub spam: bool,
    /// Since when the person is not reached: a mail of ours came back.
    pub unreached: Option<Timestamp>,
    /// Agents' answers so far, the newest last.
    pub relays: Vec<Relayed>,
    /// Message-IDs of the person's mails, oldest first.
    pub heard: Vec<MessageId>,
}

/// An agent's answer that was laid into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// Its number in the outbox.
    pub seq: u64,
    /// Whose it is.
    pub agent: Address,
    /// Where it stands.
    pub fate: Fate,
    /// The ticket waited for an answer before it.
    pub waited: bool,
}

/// Where an agent's answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits; no server was offered it yet.
    Waits,
    /// It waits for another try: an earlier one may have reached the server.
    WaitsAgain,
    /// It is being sent, or has left, or was stopped.
    Beyond,
}

/// What a plan does besides its step and its letters; done in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deeds {
    /// The relayed letter's own circumstances.
    pub relay: Option<Relaying>,
    /// Answers that wait and are not sent, by their numbers in the outbox.
    pub cancel: Vec<u64>,
    /// The ticket is closed, or is so no longer.
    pub closed: Option<Turn>,
    /// This address gets no automatic reply any more, because of the ticket.
    pub mute: Option<Address>,
    /// The person is not reached, or is again.
    pub unreached: Option<bool>,
    /// What the ticket's mail really wanted: kept as an example later.
    pub relabel: Option<Vec<String>>,
    /// The ticket rests until then: nobody is reminded before.
    pub snooze: Option<Timestamp>,
    /// The agent who writes is away until that day.
    pub away: Option<(Address, Day)>,
    /// What an agent noted on the ticket, one line each.
    pub notes: Vec<(&'static str, String)>,
}

/// What the mail to the person is made with, besides its letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relaying {
    /// Whose words they are.
    pub agent: Address,
    /// The name beside the desk's address; empty: the desk's.
    pub name: String,
    /// Seconds before it leaves.
    pub wait_s: u64,
    /// Message-IDs of the person's mails, oldest first; the last one is answered.
    pub answers: Vec<MessageId>,
    /// Which of the agent's attachments go along, by their place.
    pub carry: Vec<usize>,
    /// In whose thread: of the ticket, or of the one that is merged into it and is the person's.
    pub on: TicketNumber,
    /// The ticket waited for an answer; if this one is stopped, it does so again.
    pub waited: bool,
}

/// An agent who writes, and for which ticket that is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The agent, as the config spells it.
    pub agent: Address,
    /// The ticket whose token the mail carries; none: it carries none of this agent's.
    pub ticket: Option<TicketNumber>,
    /// Whether our border lets the sender's name count.
    pub believed: bool,
    /// It carries a token that somebody else was given.
    pub strange: bool,
}

/// Recognises an agent's mail: one From, which is a configured agent's. None: anybody else's. Total.
pub fn claim(message: &Message, office: &Office) -> Option<Claim> {
    let [from] = message.from.as_slice() else {
        return None;
    };
    if message.flaws.contains(&crate::message::Flaw::ManyFrom) {
        return None;
    }
    let desk = &office.surroundings;
    let agent = desk.agents.iter().find(|a| a.same_person(&from.address))?;
    let believed = match proof(message, desk) {
        Proof::Passed => true,
        Proof::None => !office.relay.needs_pass,
        Proof::Failed => false,
    };
    let (ticket, strange) = tokens(message, agent, office);
    Some(Claim {
        agent: agent.clone(),
        ticket,
        believed,
        strange,
    })
}

/// The tickets that an agent's orders are about, besides the one that the mail answers; none for anybody else's mail. Total.
pub fn named(message: &Message, office: &Office) -> Vec<TicketNumber> {
    if claim(message, office).is_none() {
        return Vec::new();
    }
    let commands = words::own(message).commands.into_iter();
    let into = commands.filter_map(|command| match command {
        Command::Merge(number) => Some(TicketNumber(number)),
        _ => None,
    });
    into.collect()
}

/// The ticket that a token of this agent's names, and whether there is a token of ours that is not this agent's.
fn tokens(message: &Message, agent: &Address, office: &Office) -> (Option<TicketNumber>, bool) {
    let key = &office.key;
    let mut strange = false;
    for address in thread::recipients(message) {
        for own in &office.surroundings.own {
            if let Some(ticket) = key.own_reply_address(&address, own, agent) {
                return (Some(ticket), false);
            }
            strange |= token::claimed_by_address(&address, own).is_some();
        }
    }
    let ids = message
        .in_reply_to
        .iter()
        .chain(message.references.iter().rev());
    for id in ids {
        let bound = key.own_id(id, &[agent]);
        let for_agents = |p: Purpose| matches!(p, Purpose::Forward | Purpose::Notice);
        if let Some(own) = bound.filter(|own| for_agents(own.purpose) && own.ticket.0 != 0) {
            return (Some(own.ticket), false);
        }
    }
    (None, strange)
}

#[cfg(test)]
mod tests;
