//! The words of an agent's mail that a person may read.

use crate::message::Message;
use crate::message::address::Address;
use crate::message::unquote::unquote;
use crate::triage::Office;
use crate::triage::command;
use crate::triage::command::Head;
use crate::triage::forward::MARKER;
use crate::triage::relay::Signature;

/// The longest address is no longer (RFC 5321, 4.5.3.1).
const ADDRESS_OCTETS_MAX: usize = 320;
/// What mail programs call the fields that they set above a quote.
const FIELDS: [&str; 22] = [
    "from", "to", "cc", "sent", "date", "subject", "reply-to", "von", "an", "gesendet", "datum",
    "betreff", "de", "para", "à", "envoyé", "objet", "enviado", "asunto", "assunto", "da",
    "oggetto",
];
/// Lines right above a quote that may name whose it is.
const ATTRIBUTION_LINES_MAX: usize = 8;

/// Returns an agent's orders and words: what is quoted is cut off, and so is all from our own marker line on.
pub fn own(message: &Message) -> Head {
    let body = &message.body;
    // What was taken for a form's fields is an agent's list.
    let new = if message.form.is_some() {
        unquote(&body.full).new
    } else {
        body.new.clone()
    };
    command::head(&above_marker(&new))
}

/// Returns what a person gets: the words, and below them the signature that the config wants.
pub fn for_person(message: &Message, words: &str, agent: &Address, office: &Office) -> String {
    let rules = &office.relay;
    let mut text = scrubbed(words, agent, office);
    let card = rules.card(agent);
    let configured = card.map_or("", |card| card.signature.trim());
    let own = message.body.signature.trim();
    let own = own.trim_start_matches('-').trim_start();
    let signature = match rules.signature {
        _ if !configured.is_empty() => configured.to_owned(),
        Signature::Keep if message.form.is_none() => scrubbed(&above_marker(own), agent, office),
        Signature::Keep | Signature::Drop => String::new(),
    };
    if !signature.trim().is_empty() {
        text.push_str("\n\n-- \n");
        text.push_str(signature.trim());
    }
    text.push('\n');
    text
}

/// Cuts at our marker line, for clients that quote without saying so; whose words they quote, too.
fn above_marker(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = lines.iter().position(|line| is_marker(line)) else {
        return text.to_owned();
    };
    let mut above = lines.get(..at).unwrap_or_default();
    // `From: ...`, `On ... wrote:`, a rule: what stands between the words and the quote, up to an empty line.
    let block = above.iter().rev().take(ATTRIBUTION_LINES_MAX);
    let named = block
        .take_while(|line| !line.trim().is_empty() && is_attribution(line))
        .count();
    above = above.get(..above.len() - named).unwrap_or_default();
    above.join("\n").trim().to_owned()
}

/// Whether a mail quotes one of ours, however: then what looks like a forwarded mail is that.
pub fn quotes_ours(message: &Message) -> bool {
    message.body.full.lines().any(is_marker)
}

/// Whether a line is the one above which an agent's answer stands, whatever a client did to it.
fn is_marker(line: &str) -> bool {
    letters(line).contains(&letters(MARKER))
}

fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_attribution(line: &str) -> bool {
    let line = line.trim();
    let field = line
        .split_once(':')
        .is_some_and(|(name, _)| FIELDS.contains(&name.trim_matches('*').to_lowercase().as_str()));
    let rule = line.chars().all(|c| !c.is_alphanumeric());
    let dashes = line.starts_with("--") || line.starts_with("__");
    field || rule || dashes || line.ends_with(':') || line.contains('@')
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
