//! Is there a person behind this mail? The only maker of `Person`.
//!
//! # Decisions
//! - Two questions, not one: whether a machine may answer, and whether it is a case. Signs that only forbid the answer
//!   give `Unsure`, which goes to people; only signs that no person wrote the mail give `Automatic`.
//! - Rules that a standard states are code, with their rule number; what vendors and languages call things is data, in
//!   `screen.toml`, and is weighed: a phrase alone rarely decides.
//! - A web form's mail is its requester's, whatever its headers say of the machine that carried it; a report, our own
//!   mail or a reply by machine stays what it is.

mod authentication;
mod header;
mod lists;
mod reader;
mod rules;
mod sender;
mod sign;
mod words;

use crate::message::Flaw;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::triage::Because;
use crate::triage::quarantine::SpamHeader;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;

pub use crate::triage::screen::authentication::Proof;
pub use crate::triage::screen::authentication::proof;
pub use crate::triage::screen::rules::ScreenRules;

/// A person who may be answered. Made only here, so that to answer a machine does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    address: NamedAddress,
}

impl Person {
    /// Returns where the person reads mail.
    pub fn address(&self) -> &Address {
        &self.address.address
    }

    /// Returns address and name.
    pub fn named(&self) -> &NamedAddress {
        &self.address
    }

    /// Returns the name beside the address; may be empty, and is the sender's word alone.
    pub fn name(&self) -> &str {
        &self.address.name
    }
}

/// Whether there is a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screening {
    /// A person wrote it and may be answered.
    Person(Person),
    /// A person may have written it: a case for people, not answered by a machine. Holds the writer where one
    /// certain address is known.
    Unsure(Because, Option<NamedAddress>),
    /// No person wrote it.
    Automatic(Because),
}

/// What the screen needs to know of the desk.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The desk's own addresses (all mailboxes, without plus-parts).
    pub own: Vec<Address>,
    /// The agents of all queues.
    pub agents: Vec<Address>,
    /// The value of our loop header, which only we can write.
    pub loop_token: String,
    /// The authserv-id of our border whose Authentication-Results are believed (RFC 8601, 5); none: nobody's.
    pub authserv_id: Option<String>,
    /// Fields by which a spam filter of the border says that a mail is spam; none: no such word is believed.
    pub spam_headers: Vec<SpamHeader>,
    /// Domains whose ARC seal is believed, when our border found the chain sound (RFC 8617).
    pub trusted_arc: Vec<String>,
}

impl Surroundings {
    /// Returns whether that is an address of the desk, plus-parts and case aside.
    pub(crate) fn is_own(&self, address: &Address) -> bool {
        self.own.iter().any(|own| own.same_person(address))
    }

    /// Returns whether that is an agent's address.
    pub(crate) fn is_agent(&self, address: &Address) -> bool {
        self.agents.iter().any(|agent| agent.same_person(address))
    }
}

/// Screens a message. All signs that were found are in the second value, the deciding one first.
///
/// A sign weighs by the first of: it proves a machine; the points of all weighed signs prove one; it, or the points,
/// make doubt. Without any of these there is a person.
pub fn screen(
    message: &Message,
    rules: &ScreenRules,
    desk: &Surroundings,
) -> (Screening, Vec<Because>) {
    let signs = signs(message, rules, desk);
    let from_form = message.form.is_some();
    let points: i32 = signs.iter().map(|s| s.points(from_form)).sum();
    let forced = |wanted: Force| signs.iter().position(|s| s.force(from_form) == wanted);
    // What weighs most speaks for the sum.
    let heaviest =
        || (0..signs.len()).max_by_key(|i| signs.get(*i).map_or(0, |s| s.points(from_form)));
    let answers = words::answers(message, rules);
    let enough =
        points >= rules.automatic_points && !reader::is_needed(message, &signs, answers, desk);
    let automatic = forced(Force::Automatic).or_else(|| enough.then(heaviest).flatten());
    let unsure = || {
        let doubt: i32 = signs.iter().map(Sign::doubt_points).sum();
        let by_points = points + doubt >= rules.unsure_points;
        forced(Force::Unsure).or_else(|| by_points.then(heaviest).flatten())
    };
    let mut all: Vec<Because> = signs.iter().map(|s| s.because.clone()).collect();
    if let Some(at) = automatic {
        let told = first(&mut all, at);
        return (Screening::Automatic(told), all);
    }
    if let Some(at) = unsure() {
        let told = first(&mut all, at);
        return (Screening::Unsure(told, writer(message, desk)), all);
    }
    if let Some(address) = sender::answerable(message, rules) {
        return (Screening::Person(Person { address }), all);
    }
    let told = sign::because("R18", "There is no certain address to answer to.", "");
    all.insert(0, told.clone());
    (Screening::Unsure(told, writer(message, desk)), all)
}

/// Returns the phrase by which an agent's own words read like a machine's; none: a person wrote them.
pub(super) fn reads_automatic(message: &Message, own: &str, rules: &ScreenRules) -> Option<String> {
    words::automatic(message, own, rules)
}

/// All signs, in the order in which they are believed.
fn signs(message: &Message, rules: &ScreenRules, desk: &Surroundings) -> Vec<Sign> {
    let mut signs = Vec::new();
    header::own(message, desk, &mut signs);
    header::reports(message, &mut signs);
    header::submitted(message, rules, &mut signs);
    lists::signs(message, rules, desk, &mut signs);
    header::vendors(message, rules, lists::is_ours(message, desk), &mut signs);
    sender::machines(message, rules, &mut signs);
    if message.form.is_none() {
        words::signs(message, rules, desk, &mut signs);
        words::links(message, rules, &mut signs);
    }
    // From here on: doubts. The first one found is the one that is told.
    sender::uncertain(message, &mut signs);
    authentication::signs(message, desk, &mut signs);
    sender::agents(message, desk, &mut signs);
    sender::elsewhere(message, rules, desk, &mut signs);
    sender::not_to_us(message, desk, &mut signs);
    if message.flaws.contains(&Flaw::Unparsable) {
        signs.push(Sign::doubt("R14", "The mail is hopelessly malformed.", ""));
    }
    signs
}

/// Returns who writes, where that is certain: the form's requester, or one From, not disproved by our border; never
/// the desk itself.
fn writer(message: &Message, desk: &Surroundings) -> Option<NamedAddress> {
    let named = match (
        &message.form,
        message.from.as_slice(),
        message.reply_to.as_slice(),
    ) {
        (Some(form), _, _) => &form.requester,
        (None, [from], [other]) if desk.is_own(&from.address) => other,
        (None, [from], _) => from,
        _ => return None,
    };
    let disproved = proof(message, desk) == Proof::Failed;
    let several = message.form.is_none() && message.flaws.contains(&Flaw::ManyFrom);
    (!disproved && !several && !desk.is_own(&named.address)).then(|| named.clone())
}

/// Moves the deciding reason to the front and returns it.
fn first(all: &mut Vec<Because>, at: usize) -> Because {
    let told = all.remove(at);
    all.insert(0, told.clone());
    told
}

#[cfg(test)]
pub(crate) mod support;
#[cfg(test)]
mod tests;
