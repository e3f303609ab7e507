//! Who sends, and where an answer may go (R4, R6, R18, R19).
//!
//! # Decisions
//! - An answer goes to Reply-To only within the organisation of From, or where the other address is plainly the same
//!   person's private one (same name or same local part, one of both at a free-mail provider). Anything else could
//!   point our answer at a third person: doubt.
//! - The organisation is the registrable domain, found by a short list of second levels instead of the whole public
//!   suffix list: a wrong guess costs an answer, not a mail.

use crate::message::Flaw;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::triage::screen::Surroundings;
use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::rules::SenderRule;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;

/// Senders that are no people by their name: MAILER-DAEMON, no-reply and the like (R6, R7).
pub(super) fn machines(message: &Message, rules: &ScreenRules, signs: &mut Vec<Sign>) {
    let from = message.from.first();
    for rule in &rules.senders {
        let told = match from {
            Some(f) => rule.of_from && rule.fits(f.address.local(), &f.name),
            None => false,
        };
        let by_reply_to = || {
            let first = message.reply_to.first();
            first.is_some_and(|r| rule.of_reply_to && rule.fits(r.address.local(), ""))
        };
        let by_path = || match &message.return_path {
            ReturnPath::Address(path) => rule.of_return_path && rule.fits(path.local(), ""),
            _ => false,
        };
        if told {
            let text = from.map(|f| f.address.as_str()).unwrap_or_default();
            signs.push(sign(rule, has_answerable_reply_to(message, rules), text));
        } else if by_reply_to() {
            let text = message
                .reply_to
                .first()
                .map(|r| r.address.as_str())
                .unwrap_or_default();
            signs.push(sign(rule, false, text));
        } else if by_path()
            && let ReturnPath::Address(path) = &message.return_path
        {
            signs.push(sign(rule, false, path.as_str()));
        }
    }
}

fn sign(rule: &SenderRule, answerable: bool, matched: &str) -> Sign {
    let name = format!("R6/{}", rule.name);
    // Somebody may have written through a machine that tells where answers go: a form that was not understood, say.
    let force = if answerable && rule.reply_to_excuses && rule.force == Force::Automatic {
        Force::Unsure
    } else {
        rule.force
    };
    let sign = Sign::new(force, &name, &rule.says, matched);
    if rule.natural_on_form {
        sign.nothing_on_form()
    } else {
        sign
    }
}

/// Returns whether Reply-To names an address other than From's that is no machine's.
pub(super) fn has_answerable_reply_to(message: &Message, rules: &ScreenRules) -> bool {
    let from = message.from.first().map(|f| f.address.identity());
    message.reply_to.iter().any(|r| {
        let machine = rules
            .senders
            .iter()
            .any(|s| s.of_from && s.fits(r.address.local(), ""));
        Some(r.address.identity()) != from && !machine
    })
}

/// No From, several, or none that can be written to (R18).
pub(super) fn uncertain(message: &Message, signs: &mut Vec<Sign>) {
    if message.form.is_some() {
        return;
    }
    if message.from.is_empty() {
        signs.push(Sign::doubt(
            "R18",
            "From names no address that can be written to.",
            "",
        ));
    } else if message.from.len() > 1 || message.flaws.contains(&Flaw::ManyFrom) {
        let names: Vec<&str> = message.from.iter().map(|f| f.address.as_str()).collect();
        signs.push(Sign::doubt(
            "R18",
            "From names more than one writer.",
            &names.join(", "),
        ));
    }
}

/// Agents are people, but never answered by machine (R6).
pub(super) fn agents(message: &Message, desk: &Surroundings, signs: &mut Vec<Sign>) {
    let writers = message
        .from
        .iter()
        .chain(message.form.iter().map(|f| &f.requester));
    if let Some(agent) = writers.into_iter().find(|w| desk.is_agent(&w.address)) {
        signs.push(Sign::doubt(
            "agent",
            "An agent of the desk wrote it.",
            agent.address.as_str(),
        ));
    }
}

/// Answers that would go to somebody else than who wrote (R19), or to a machine or to ourselves.
pub(super) fn elsewhere(
    message: &Message,
    rules: &ScreenRules,
    desk: &Surroundings,
    signs: &mut Vec<Sign>,
) {
    if let Some(form) = &message.form {
        let to = &form.requester.address;
        if desk.is_own(to)
            || rules
                .senders
                .iter()
                .any(|s| s.of_from && s.fits(to.local(), ""))
        {
            let says = "The form names an address that is no person's.";
            signs.push(Sign::doubt("R19", says, to.as_str()));
        }
        return;
    }
    let [from] = message.from.as_slice() else {
        return;
    };
    if message.reply_to.is_empty() {
        return;
    }
    let Some(to) = reply_to(message, from, rules) else {
        let names: Vec<&str> = message
            .reply_to
            .iter()
            .map(|r| r.address.as_str())
            .collect();
        let says = "Answers are asked for by another organisation than the sender's.";
        signs.push(Sign::doubt("R19", says, &names.join(", ")));
        return;
    };
    if desk.is_own(&to.address) {
        let says = "Answers are asked for at an address of our own.";
        signs.push(Sign::doubt("R19", says, to.address.as_str()));
    }
}

/// Our address stands nowhere in it: a blind copy, a forwarding rule, or a list (R4).
pub(super) fn not_to_us(message: &Message, desk: &Surroundings, signs: &mut Vec<Sign>) {
    if desk.own.is_empty() {
        return;
    }
    let named = message
        .to
        .iter()
        .chain(&message.cc)
        .any(|n| desk.is_own(&n.address));
    let fields = ["bcc", "resent-to", "resent-cc", "resent-bcc"];
    let resent = || {
        fields
            .iter()
            .flat_map(|field| message.header(field))
            .any(|value| {
                let words =
                    value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ','));
                let addresses = words.filter(|w| w.contains('@') && w.len() <= 320);
                addresses
                    .filter_map(|w| Address::parse(w).ok())
                    .any(|address| desk.is_own(&address))
            })
    };
    if !named && !resent() {
        let to = message
            .to
            .first()
            .map(|n| n.address.as_str())
            .unwrap_or_default();
        signs.push(Sign::doubt("R4", "It is not addressed to us.", to));
    }
}

/// Returns the one address where the writer reads mail, if that is certain.
pub(super) fn answerable(message: &Message, rules: &ScreenRules) -> Option<NamedAddress> {
    if let Some(form) = &message.form {
        return Some(form.requester.clone());
    }
    let [from] = message.from.as_slice() else {
        return None;
    };
    if message.reply_to.is_empty() {
        Some(from.clone())
    } else {
        reply_to(message, from, rules)
    }
}

/// Chooses among From and Reply-To: From itself if Reply-To names it, else the first that is the same writer's.
fn reply_to(message: &Message, from: &NamedAddress, rules: &ScreenRules) -> Option<NamedAddress> {
    let own = message
        .reply_to
        .iter()
        .any(|r| r.address.same_person(&from.address));
    if own {
        return Some(from.clone());
    }
    let to = message
        .reply_to
        .iter()
        .find(|r| same_writer(from, r, rules))?;
    let name = if to.name.is_empty() {
        from.name.clone()
    } else {
        to.name.clone()
    };
    Some(NamedAddress {
        name,
        address: to.address.clone(),
    })
}

fn same_writer(from: &NamedAddress, to: &NamedAddress, rules: &ScreenRules) -> bool {
    let (here, there) = (from.address.domain(), to.address.domain());
    let free = |domain: &str| rules.freemail.contains(domain);
    if organisation(here, rules) == organisation(there, rules) && !free(here) {
        return true;
    }
    let same_name = !from.name.is_empty() && from.name.to_lowercase() == to.name.to_lowercase();
    let same_local = bare(from.address.local()) == bare(to.address.local());
    (free(here) || free(there)) && (same_name || same_local)
}

/// Returns the registrable domain, as far as a short list of second levels tells.
pub(super) fn organisation<'a>(domain: &'a str, rules: &ScreenRules) -> &'a str {
    let mut from_right = domain.rmatch_indices('.').map(|(at, _)| at);
    let Some(last) = from_right.next() else {
        return domain;
    };
    let tail = |at: Option<usize>| at.and_then(|at| domain.get(at + 1..)).unwrap_or(domain);
    let second = from_right.next();
    let label = domain
        .get(second.map_or(0, |at| at + 1)..last)
        .unwrap_or_default();
    let country = domain.len() - last - 1 == 2;
    if country && rules.second_levels.contains(label) {
        tail(from_right.next())
    } else {
        tail(second)
    }
}

/// A local part without capitals, plus-part and separators.
fn bare(local: &str) -> String {
    let main = local.split('+').next().unwrap_or_default();
    main.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
