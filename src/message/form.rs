//! Mails that a web form wrote for a person: `key: value` lines, and who the person is.
//!
//! # Decisions
//! Being a form needs proof from two sides: the layout (three distinct keys, two of which forms have), and a sender
//! that is not the person (another Reply-To, a no-reply address, or an address field that differs from From). A person
//! who writes two lines with colons is no form.

mod keys;

use crate::message::Form;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::form::keys::Key;
use crate::message::unquote::block;

/// Fields kept of a form.
const FIELDS_MAX: usize = 60;
/// Distinct keys that make a form.
const KEYS_MIN: usize = 3;

/// Fields that only a mail's own header has.
const TRACE: [&str; 5] = [
    "received",
    "return-path",
    "message-id",
    "mime-version",
    "content-type",
];

/// What the header says of the sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// The first From.
    pub(crate) from: Option<&'a NamedAddress>,
    /// The first Reply-To.
    pub(crate) reply_to: Option<&'a NamedAddress>,
    /// The mail was sent by a list, or it is a report or a bounce: no form.
    pub(crate) listed: bool,
}

#[derive(Debug)]
struct Field {
    key: Key,
    name: String,
    value: String,
}

/// Reads a form's mail; nothing when it is none.
pub(crate) fn read(text: &str, sender: Sender<'_>) -> Option<Form> {
    let quotes = |line: &str| line.starts_with('>') || block::marker(line).is_some();
    if sender.listed || text.lines().any(quotes) {
        return None;
    }
    let fields = fields(text);
    // A returned mail's header, pasted below a bounce.
    let trace = |field: &Field| TRACE.contains(&field.name.to_lowercase().as_str());
    if sender.from.is_some_and(is_postal) || fields.iter().any(trace) {
        return None;
    }
    let known: Vec<Key> = distinct(
        fields
            .iter()
            .map(|field| field.key)
            .filter(|key| *key != Key::Unknown),
    );
    let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let content = known
        .iter()
        .any(|key| matches!(key, Key::Message | Key::Topic));
    let contact = known
        .iter()
        .any(|key| matches!(key, Key::Email | Key::Name | Key::FirstName));
    if names.len() < KEYS_MIN || known.len() < 2 || !content || !contact {
        return None;
    }
    let requester = requester(&fields, sender)?;
    // A category that was picked and a subject that was written: both tell.
    let topics: Vec<&str> = fields
        .iter()
        .filter(|field| field.key == Key::Topic)
        .map(|field| field.value.as_str())
        .collect();
    let topic = topics.join("; ");
    let text = free_text(&fields);
    let fields = fields
        .into_iter()
        .map(|field| (field.name, field.value))
        .collect();
    Some(Form {
        fields,
        requester,
        text,
        topic,
    })
}

fn distinct(keys: impl Iterator<Item = Key>) -> Vec<Key> {
    let mut seen = Vec::new();
    for key in keys {
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    seen
}

fn requester(fields: &[Field], sender: Sender<'_>) -> Option<NamedAddress> {
    let from = sender.from.map(|from| &from.address);
    let address_in = |key: Key| {
        fields
            .iter()
            .filter(|field| field.key == key)
            .find_map(|field| block::person(&field.value))
    };
    let email = address_in(Key::Email).or_else(|| address_in(Key::Name));
    let other = |address: &Address| from.is_none_or(|from| !from.same_person(address));
    let reply_to = sender
        .reply_to
        .filter(|named| other(&named.address) && !is_robot(&named.address));
    // A person's own mail that lists name, address and problem is answered to its From like any other.
    let proof = reply_to.is_some()
        || from.is_none_or(is_robot)
        || email
            .as_ref()
            .is_some_and(|named| other(&named.address) && looks_machined(fields));
    if !proof {
        return None;
    }
    let mut found = reply_to
        .cloned()
        .or(email)
        .or_else(|| sender.from.filter(|from| !is_robot(&from.address)).cloned())?;
    if found.name.is_empty() {
        found = NamedAddress::new(&name_of(fields), found.address);
    }
    Some(found)
}

/// Tells whether nearly all of the mail is fields: a person's mail has sentences around them.
fn looks_machined(fields: &[Field]) -> bool {
    fields
        .iter()
        .filter(|field| field.key != Key::Unknown)
        .count()
        >= KEYS_MIN
        && fields.iter().any(|field| field.key == Key::Message)
}

fn name_of(fields: &[Field]) -> String {
    let first = |key: Key| {
        fields
            .iter()
            .find(|field| field.key == key)
            .map(|field| field.value.as_str())
    };
    if let Some(name) = first(Key::Name).filter(|name| !name.is_empty()) {
        return name.split('<').next().unwrap_or(name).trim().to_owned();
    }
    [first(Key::FirstName), first(Key::LastName)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn free_text(fields: &[Field]) -> String {
    let pick = |wanted: fn(Key) -> bool| {
        let values: Vec<&str> = fields
            .iter()
            .filter(|field| wanted(field.key) && !field.value.is_empty())
            .map(|field| field.value.as_str())
            .collect();
        values.join("\n\n")
    };
    let message = pick(|key| key == Key::Message);
    if message.is_empty() {
        pick(|key| matches!(key, Key::Topic | Key::Unknown))
    } else {
        message
    }
}

/// What the local part of a machine's address holds, without its punctuation.
const ROBOT_PARTS: &str = "noreply|donotreply|notreply|nereply|nepasrepondre|noresponder|naoresponder|wordpress|\
    webform|formmail|mailform|nichtantworten|notification|mailerdaemon|keineantwort|\
    typeform|jotform";
/// What it may be as a whole.
const ROBOT_NAMES: &str = "www|wwwdata|apache|forms|form|website|webmaster|contactform|nobody|web|bounce|bounces|\
    alerts|mailer|kontaktformular";

/// The mail system itself.
fn is_postal(named: &NamedAddress) -> bool {
    let local = named.address.local().to_lowercase();
    local.starts_with("mailer-daemon") || local.starts_with("postmaster")
}

/// Tells whether an address is a machine's, by its local part.
pub(crate) fn is_robot(address: &Address) -> bool {
    let local: String = address
        .local()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase();
    ROBOT_PARTS.split('|').any(|part| local.contains(part))
        || ROBOT_NAMES.split('|').any(|name| local == name)
}

/// Splits a text into fields. A message runs over all lines up to the next key that forms have.
fn fields(text: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut blank = false;
    for line in text.lines() {
        let line = line.trim_end();
        if line.trim().is_empty() {
            blank = true;
            continue;
        }
        if is_footer(line) {
            break;
        }
        let in_message = fields.last().is_some_and(|field| field.key == Key::Message);
        if let Some((key, name, value)) = keys::split(line)
            && !(in_message && (key == Key::Unknown || keys::is_said_in_passing(line)))
            && fields.len() < FIELDS_MAX
        {
            fields.push(Field { key, name, value });
            blank = false;
            continue;
        }
        if let Some(field) = fields.last_mut() {
            let goes_on = field.key == Key::Message || field.value.is_empty() || !blank;
            if goes_on {
                let joint = match (field.value.is_empty(), blank) {
                    (true, _) => "",
                    (false, true) => "\n\n",
                    (false, false) => "\n",
                };
                field.value.push_str(joint);
                field.value.push_str(line.trim());
            }
        }
        blank = false;
    }
    fields
}

fn is_footer(line: &str) -> bool {
    let line = line.trim();
    line == "--" || (line.len() >= 5 && line.chars().all(|c| matches!(c, '-' | '_' | '=' | '*')))
}

#[cfg(test)]
mod tests;
