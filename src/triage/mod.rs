//! The thinking: a message and what is known become a plan. No clock, no log, no I/O, no failure.
//!
//! Two steps, because only the second needs the store: `read` looks at the mail alone and may run on any core;
//! `decide` holds it against what is known and runs in the order of the mails.

pub mod agenda;
pub mod alike;
pub mod breaker;
pub mod classify;
pub mod closing;
pub mod command;
pub mod dead;
pub mod decide;
pub mod delivery;
pub mod desk;
pub mod digest;
pub mod forward;
pub mod hours;
mod identity;
pub mod limits;
pub mod merge;
pub mod model;
pub mod plan;
pub mod quarantine;
pub mod relay;
pub mod remind;
pub mod reply;
pub mod returned;
pub mod roster;
pub mod rules;
pub mod screen;
pub mod source;
pub mod thread;
pub mod ticket;
pub mod token;
pub mod twin;
pub mod verify;

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::triage::alike::Print;
use crate::triage::classify::Classification;
use crate::triage::desk::Rules;
use crate::triage::plan::Case;
use crate::triage::plan::Plan;
use crate::triage::relay::RelayRules;
use crate::triage::returned::Returned;
use crate::triage::roster::Roster;
use crate::triage::screen::Screening;
use crate::triage::screen::Surroundings;
use crate::triage::thread::Clues;
use crate::triage::token::DeskKey;
use crate::triage::twin::Words;
use crate::triage::verify::named;
use crate::triage::verify::named::Found;
use crate::triage::verify::said;
use crate::triage::verify::said::Word;

/// Why a verdict is what it is: shown by `explain`, kept on the ticket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Because {
    /// The stage that found it: `screen`, `thread`, `classify`, `decide`.
    pub stage: &'static str,
    /// The rule's name, such as `R1` or `account-access/left-employer`.
    pub rule: String,
    /// What the rule says, as a sentence for a person.
    pub says: String,
    /// The words or the header that told, cut; empty when there are none.
    pub matched: String,
}

/// What must happen to a mail (the desk's taxonomy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// A person must read it: to the agents of a queue.
    Forward,
    /// It can be answered with advice.
    Advise,
    /// It is somebody else's business: the answer says whose.
    Redirect,
    /// It wants nothing: recorded, not answered.
    Ignore,
}

/// The desk in its place: a mailbox, the queues behind it, and the key that proves what is ours.
#[derive(Debug, Clone)]
pub struct Office {
    /// The mailbox's name in the config.
    pub mailbox: String,
    /// The address that replies come from.
    pub address: Address,
    /// The queues with their agents.
    pub queues: Vec<Queue>,
    /// What the screen must know.
    pub surroundings: Surroundings,
    /// The desk's key.
    pub key: DeskKey,
    /// Where its mails are kept.
    pub keeping: Keeping,
    /// Agents' time.
    pub roster: Arc<Roster>,
    /// How agents' answers are relayed.
    pub relay: RelayRules,
}

/// Where the desk's mails are kept, for those who look for one by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    /// The folder of mails that were answered automatically.
    pub answered: String,
    /// The folder of mails that were forwarded.
    pub forwarded: String,
    /// The folder of automatic mail and thanks.
    pub quiet: String,
    /// The folder of mails that are held for an operator.
    pub quarantine: String,
    /// Octets of a mail that is still attached to a forward; of larger ones the agent is told where they lie.
    pub attachment_bytes_max: u64,
}

/// A queue and who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its agents; never empty.
    pub agents: Vec<Address>,
}

/// What the mail says by itself, before anything else is known.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The mail.
    pub message: Message,
    /// Whether there is a person.
    pub screening: Screening,
    /// Every sign that the screen found, the deciding one first.
    pub signs: Vec<Because>,
    /// What points to tickets.
    pub clues: Clues,
    /// What a machine says here of a mail of ours, when it does.
    pub returned: Option<Returned>,
    /// What the writer wants; none when no person wrote it.
    pub classification: Option<Classification>,
    /// ISO 639-1 code of the likeliest language.
    pub language: String,
    /// Addresses that a person names in their own words, and what they say of each.
    pub named: Vec<(Found, Word)>,
    /// The fingerprint of subject and text.
    pub print: Print,
    /// What it says, to be held against the mail before it.
    pub words: Words,
}

impl Reading {
    /// Returns who writes, where one certain address is known.
    pub fn writer(&self) -> Option<&NamedAddress> {
        match &self.screening {
            Screening::Person(person) => Some(person.named()),
            Screening::Unsure(_, writer) => writer.as_ref(),
            Screening::Automatic(_) => None,
        }
    }
}

/// Reads a mail: screens it, finds what it points to, and what its writer wants.
pub fn read(message: Message, rules: &Rules, office: &Office) -> Reading {
    let (mut screening, mut signs) = screen::screen(&message, &rules.screen, &office.surroundings);
    if let Some(own) = thread::is_own(&message, &office.key) {
        signs.insert(0, own.clone());
        screening = Screening::Automatic(own);
    }
    let automatic = matches!(screening, Screening::Automatic(_));
    let returned = if automatic {
        returned::returned(&message, office)
    } else {
        None
    };
    let classification = (!automatic).then(|| classify::classify(&message, &rules.intents));
    let language = classification.as_ref().map_or_else(
        || classify::language(&message, &rules.intents).code,
        |found| found.language.code.clone(),
    );
    let mut reading = Reading {
        message,
        screening,
        signs,
        clues: Clues::default(),
        returned,
        classification,
        language,
        named: Vec::new(),
        print: Print::default(),
        words: Words::default(),
    };
    reading.print = alike::print(&reading.message, reading.writer());
    if reading.classification.is_some() {
        let text = named::text_of(&reading.message);
        let mut found = named::find(&text);
        found.retain(|f| named::is_persons(&f.address, &office.surroundings, &rules.verify));
        let said = said::said(&text, &found, &rules.verify, &rules.intents);
        reading.named = found.into_iter().zip(said).collect();
        reading.words = twin::words(&reading.message, reading.print);
    }
    let sender = reading.writer().map(|w| w.address.clone());
    reading.clues = thread::clues(
        &reading.message,
        sender.as_ref(),
        &office.key,
        &office.surroundings,
    );
    if let Some(returned) = &reading.returned {
        reading.clues.returned(returned, office);
    }
    reading
}

/// The whole of the thinking: a message and what is known become a plan.
pub fn triage(
    message: Message,
    case: &Case,
    rules: &Rules,
    office: &Office,
    now: Timestamp,
) -> Plan {
    decide::decide(&read(message, rules, office), case, rules, office, now)
}
