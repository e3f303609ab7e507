//! Which of an agent's attachments go along to the person.

use crate::message::Attachment;
use crate::message::AttachmentNote;
use crate::message::Message;
use crate::triage::relay::Dangerous;
use crate::triage::relay::RelayRules;

/// At most so many files go along.
const FILES_MAX: usize = 20;
/// Types that hold an agent's name, or mean nothing to anybody once the mail is made anew.
const OWN_TYPES: [&str; 8] = [
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pgp-signature",
    "application/pgp-keys",
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "message/rfc822",
];

/// What becomes of the attachments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Those that go along, by their place in the message.
    pub places: Vec<usize>,
    /// Those that do not, each with the reason; the agent is told.
    pub left_out: Vec<String>,
}

/// Chooses.
///
/// # Errors
/// Why the whole answer does not go.
pub fn carry(message: &Message, rules: &RelayRules) -> Result<Carried, String> {
    let mut carried = Carried::default();
    let mut octets = 0_u64;
    for (place, file) in message.attachments.iter().enumerate() {
        // Mails are what the client sends back of ours, signatures prove somebody whom nobody is to know.
        if OWN_TYPES.contains(&file.mime.as_str()) || file.note == AttachmentNote::Mail {
            continue;
        }
        if let Some(danger) = danger(message, file) {
            let what = format!("{} ({danger})", named(file));
            match rules.dangerous {
                Dangerous::Refuse => return Err(format!("an attachment is dangerous: {what}")),
                Dangerous::LeaveOut => carried.left_out.push(what),
            }
            continue;
        }
        if file.note == AttachmentNote::Tnef || file.mime == "text/calendar" {
            carried.left_out.push(format!(
                "{} (a form that other programs cannot open)",
                named(file)
            ));
            continue;
        }
        octets = octets.saturating_add(u64::try_from(file.size).unwrap_or(u64::MAX));
        carried.places.push(place);
    }
    let most = rules.attachment_bytes_max;
    if octets > most {
        return Err(format!(
            "the attachments have {octets} octets together, and {most} is the most"
        ));
    }
    let whole = message.structure.extent.attachments <= message.attachments.len();
    if carried.places.len() > FILES_MAX || !whole {
        return Err(format!("there are more than {FILES_MAX} attachments"));
    }
    Ok(carried)
}

fn danger(message: &Message, file: &Attachment) -> Option<&'static str> {
    let disguised = message
        .structure
        .disguised
        .iter()
        .find(|d| d.name == file.name);
    if let Some(disguise) = disguised {
        return Some(disguise.says);
    }
    (file.note == AttachmentNote::Dangerous).then_some("a type that can harm who opens it")
}

fn named(file: &Attachment) -> &str {
    if file.name.is_empty() {
        &file.mime
    } else {
        &file.name
    }
}
