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

/// The longest address is no longer (RFC 5321, 4.5.3.1).
const ADDRESS_OCTETS_MAX: usize = 320;

/// Returns an agent's orders and words: what is quoted is cut off, and so is all from our own marker line on.
pub fn own(message: &Message) -> Head {
    let body = body(message);
    command::head(&Rows::of(&body, &body.new).above())
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
        if c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-' | '%' | '@') {
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

/// What stands in the place of an address, or of any other word.
fn shown(run: &str, office: &Office) -> String {
    if !run.contains('@') || run.len() > ADDRESS_OCTETS_MAX {
        return run.to_owned();
    }
    let bare = run.trim_matches(|c: char| !c.is_alphanumeric());
    let Ok(address) = Address::parse(bare) else {
        return run.to_owned();
    };
    let desk = &office.surroundings;
    let hidden = desk.is_own(&address) || (desk.is_agent(&address) && !office.relay.shows_agents);
    if hidden {
        run.replace(bare, office.address.as_str())
    } else {
        run.to_owned()
    }
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
