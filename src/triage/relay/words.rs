//! The words of an agent's mail that a person may read.

use std::borrow::Cow;

use crate::message::Body;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::unquote::unquote;
use crate::triage::Office;
use crate::triage::command;
use crate::triage::command::Head;
use crate::triage::relay::Signature;
use crate::triage::relay::above;
use crate::triage::relay::above::Rows;

/// The longest name before an `@` is no longer (RFC 5321, 4.5.3.1.1).
const LOCAL_OCTETS_MAX: usize = 64;

/// Returns an agent's orders and words: what is quoted is cut off, and so is all from our own marker line on.
pub fn own(message: &Message) -> Head {
    let body = body(message);
    // A signature alone is no answer.
    let new = if body.signature_alone { "" } else { &body.new };
    command::head(&Rows::of(&body, new).above())
}

/// Returns why it is not sure that all of an agent's words, and nothing else, are what `own` returns; none: it is.
pub fn astray(message: &Message) -> Option<&'static str> {
    let body = body(message);
    Rows::of(&body, &body.new).astray()
}

/// The text of an agent's mail. What was taken for a form's fields is an agent's list.
fn body(message: &Message) -> Cow<'_, Body> {
    if message.form.is_some() {
        Cow::Owned(unquote(&message.body.full))
    } else {
        Cow::Borrowed(&message.body)
    }
}

/// Returns what a person gets: the words, and below them the signature that the config wants.
pub fn for_person(message: &Message, words: &str, agent: &Address, office: &Office) -> String {
    let rules = &office.relay;
    let mut text = scrubbed(words, agent, office);
    let card = rules.card(agent);
    let configured = card.map_or("", |card| card.signature.trim());
    let own = Rows::of(&message.body, &message.body.signature).above();
    let own = own.trim_start_matches('-').trim_start();
    let signature = match rules.signature {
        _ if !configured.is_empty() => configured.to_owned(),
        Signature::Keep if message.form.is_none() => scrubbed(own, agent, office),
        Signature::Keep | Signature::Drop => String::new(),
    };
    if !signature.trim().is_empty() {
        text.push_str("\n\n-- \n");
        text.push_str(signature.trim());
    }
    text.push('\n');
    text
}

/// Whether a mail quotes one of ours, however: then what looks like a forwarded mail is that.
pub fn quotes_ours(message: &Message) -> bool {
    above::marker(&message.body.full).is_some()
}

/// Takes out what names an agent, or would let a person pass for one: agents' addresses become the desk's, and so does
/// every reply address of ours; subject tags go.
pub fn scrubbed(text: &str, agent: &Address, office: &Office) -> String {
    let text = without_tags(text, agent, office);
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || is_atext(c) || c == '.' || c == '@' {
            run.push(c);
            continue;
        }
        out.push_str(&shown(&run, office));
        run.clear();
        out.push(c);
    }
    out.push_str(&shown(&run, office));
    out
}

/// What an address is made of besides letters and digits (RFC 5322, 3.2.3).
fn is_atext(c: char) -> bool {
    "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// What stands in the place of the addresses of a run of such characters, or of any other word. What stands before an
/// address without a space (`mailto:`, `a=`, a quotation mark) may be a part of it: the longest address that is hidden is.
fn shown(run: &str, office: &Office) -> String {
    let mut out = String::with_capacity(run.len());
    let mut rest = run;
    while let Some((local, after)) = at_sign(rest) {
        let end = after
            .find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'))
            .unwrap_or(after.len());
        let domain = after.get(..end).unwrap_or_default();
        let domain = domain.trim_end_matches(['.', '-']);
        let behind = after.get(domain.len()..).unwrap_or_default();
        let hidden = begins(local)
            .filter_map(|at| local.split_at_checked(at))
            .find(|(_, name)| is_hidden(&format!("{name}@{domain}"), office));
        if let Some((before, _)) = hidden {
            out.push_str(before);
            out.push_str(office.address.as_str());
            rest = behind;
        } else {
            // What follows may be the name of another one.
            out.push_str(rest.strip_suffix(after).unwrap_or_default());
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// What stands before the next `@`, also one of a link, and what behind it.
fn at_sign(text: &str) -> Option<(&str, &str)> {
    let plain = text.find('@').map(|at| (at, 1));
    let coded = text.find("%40").map(|at| (at, 3));
    let (at, octets) = [plain, coded].into_iter().flatten().min()?;
    Some((text.get(..at)?, text.get(at + octets..)?))
}

/// Where an address may begin, the longest first; a local part has at most 64 octets (RFC 5321, 4.5.3.1.1).
fn begins(local: &str) -> impl Iterator<Item = usize> + '_ {
    let after = |(at, c): (usize, char)| (!c.is_alphanumeric()).then_some(at + c.len_utf8());
    let all = std::iter::once(0).chain(local.char_indices().filter_map(after));
    all.filter(|at| local.len() - at <= LOCAL_OCTETS_MAX)
}

fn is_hidden(address: &str, office: &Office) -> bool {
    let desk = &office.surroundings;
    Address::parse(address).is_ok_and(|address| {
        desk.is_own(&address) || (desk.is_agent(&address) && !office.relay.shows_agents)
    })
}

fn without_tags(text: &str, agent: &Address, office: &Office) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[#") {
        out.push_str(before);
        let tag = after.split_once(']').and_then(|(inside, behind)| {
            let whole = format!("[#{inside}]");
            office.key.own_subject_tag(&whole, agent).map(|_| behind)
        });
        if let Some(behind) = tag {
            rest = behind;
        } else {
            out.push_str("[#");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}
