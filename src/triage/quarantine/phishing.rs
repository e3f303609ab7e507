//! Signs of fraud, weighed.

use crate::message::Message;
use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::quarantine::PHISHING;
use crate::triage::quarantine::because;
use crate::triage::quarantine::rules::Phishing;
use crate::triage::quarantine::rules::QuarantineRules;
use crate::triage::screen::Proof;
use crate::triage::screen::Surroundings;
use crate::triage::screen::proof;

/// Octets of the writer's words that are searched for phrases.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A sign: its points, what it is, and what told.
type Sign = (u32, String);

/// Adds the signs up; one reason for each when there are enough.
pub(super) fn judge(
    message: &Message,
    rules: &QuarantineRules,
    desk: &Surroundings,
) -> Vec<Because> {
    let fraud = &rules.phishing;
    if fraud.hold == 0 {
        return Vec::new();
    }
    let mut signs = Vec::new();
    links(message, fraud, &mut signs);
    attachments(message, fraud, &mut signs);
    name(message, fraud, desk, &mut signs);
    if proof(message, desk) == Proof::Failed {
        signs.push((
            fraud.disproved,
            "our border disproves the sender's domain".to_owned(),
        ));
    }
    words(message, fraud, &mut signs);
    signs.retain(|(points, _)| *points > 0);
    let points = signs
        .iter()
        .fold(0_u32, |sum, (points, _)| sum.saturating_add(*points));
    if points < fraud.hold {
        return Vec::new();
    }
    signs
        .into_iter()
        .map(|(points, told)| {
            because(
                PHISHING,
                format!("It has a sign of fraud: {told}."),
                format!("{points} points"),
            )
        })
        .collect()
}

/// Links count where all of the mail is its writer's own.
fn links(message: &Message, fraud: &Phishing, signs: &mut Vec<Sign>) {
    if !is_own_text(message) {
        return;
    }
    let links = &message.structure.links;
    let rewritten = |host: &str| {
        fraud
            .rewriters
            .iter()
            .any(|known| host == known || host.ends_with(&format!(".{known}")))
    };
    if let Some((shown, target)) = links
        .elsewhere
        .iter()
        .find(|(_, target)| !rewritten(target))
    {
        signs.push((
            fraud.link_elsewhere,
            format!("a link shows {shown} and leads to {target}"),
        ));
    }
    if let Some(host) = &links.numeric {
        signs.push((
            fraud.link_number,
            format!("a link leads to {host}, which has no name"),
        ));
    }
    if let Some(host) = &links.disguised {
        signs.push((
            fraud.link_disguised,
            format!("a link hides its host {host} behind a user's name"),
        ));
    }
    if links.password_field {
        signs.push((
            fraud.password_field,
            "the mail itself asks for a password".to_owned(),
        ));
    }
}

/// Nothing of it is quoted or forwarded.
fn is_own_text(message: &Message) -> bool {
    message.body.forwarded.is_none()
        && message.body.quoted.trim().is_empty()
        && message.in_reply_to.is_empty()
        && message.references.is_empty()
}

fn attachments(message: &Message, fraud: &Phishing, signs: &mut Vec<Sign>) {
    let disguised = &message.structure.disguised;
    let told = |d: &crate::message::Disguise| format!("the attachment \"{}\": {}", d.name, d.says);
    if let Some(program) = disguised.iter().find(|d| d.program) {
        signs.push((fraud.program_disguised, told(program)));
    } else if let Some(other) = disguised.first() {
        signs.push((fraud.attachment_disguised, told(other)));
    }
}

/// The name beside the address is an address itself, and another one: of the desk, or of another domain.
fn name(message: &Message, fraud: &Phishing, desk: &Surroundings, signs: &mut Vec<Sign>) {
    let [from] = message.from.as_slice() else {
        return;
    };
    let pieces = from
        .name
        .split(|c: char| c.is_whitespace() || "<>()[],;\"'".contains(c));
    let claimed = pieces.filter_map(|piece| Address::parse(piece).ok());
    let mut elsewhere = claimed.filter(|claimed| claimed.domain() != from.address.domain());
    if let Some(claimed) =
        elsewhere.find(|claimed| desk.is_own(claimed) || message.reply_to.is_empty())
    {
        // An address that moved to another house is still a person's: with the same local part nothing is claimed.
        if claimed.local() != from.address.local() || desk.is_own(&claimed) {
            signs.push((
                fraud.name_is_address,
                format!("the writer's name is {claimed}, and the address is not"),
            ));
        }
    }
}

/// Phrases count where the mail wants something clicked or opened.
fn words(message: &Message, fraud: &Phishing, signs: &mut Vec<Sign>) {
    if message.structure.links.count == 0 && message.attachments.is_empty() {
        return;
    }
    let new = message.body.new.as_str();
    let mut end = new.len().min(TEXT_BYTES_MAX);
    while !new.is_char_boundary(end) {
        end -= 1;
    }
    let text = format!("{} {}", message.subject, new.get(..end).unwrap_or_default());
    let text = text.to_lowercase().replace(['\u{2019}', '\u{2018}'], "'");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (kind, phrases) in [
        ("threatens", &fraud.threat),
        ("asks for secrets", &fraud.lure),
    ] {
        if let Some(found) = phrases
            .phrases
            .iter()
            .find(|phrase| text.contains(phrase.as_str()))
        {
            signs.push((phrases.points, format!("it {kind}: \"{found}\"")));
        }
    }
}
