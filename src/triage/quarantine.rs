//! Which mails are held for an operator: what cannot be used, what is beyond all measure, what a trusted filter calls
//! spam, what smells of fraud.
//!
//! # Decisions
//! - A mail that is held reaches nobody until an operator looks at it. So doubt about a person holds nothing: one sign
//!   that people share with swindlers never reaches the mark alone, and who takes part in a ticket, or is an agent, is
//!   never held.
//! - A spam filter's word counts only where the config names the field: anybody may write `X-Spam-Flag`. Whoever forges it
//!   forges it against himself.
//! - What a mail quotes or forwards is not held against its writer: people ask whether a mail they got is genuine.

mod phishing;
mod rules;

pub use crate::triage::quarantine::rules::QuarantineRules;
pub use crate::triage::quarantine::rules::SpamHeader;

use crate::message::Extent;
use crate::message::Flaw;
use crate::message::Message;
use crate::triage::Because;
use crate::triage::screen::Surroundings;

/// The stage that all reasons of this file name.
pub const STAGE: &str = "quarantine";
/// The rule of a mail of which nothing can be made.
pub const MALFORMED: &str = "malformed";
/// The rule of a mail beyond the limits.
pub const LIMITS: &str = "limits";
/// The rule of a mail that a trusted filter calls spam.
pub const FILTER: &str = "spam-filter";
/// The rule of a mail that reads like advertising or fraud.
pub const READS_LIKE_SPAM: &str = "spam";
/// The rule of a mail that asks for what swindlers want.
pub const PHISHING: &str = "phishing";
/// The rule of one of very many equal mails.
pub const FLOOD: &str = "flood";
/// The rule that says in a later decision that an operator released the mail.
pub const RELEASED: &str = "released";

/// Of a text without a header, so many characters in a hundred may be rubbish.
const RUBBISH_PERCENT_MAX: usize = 15;

/// Of less than so many characters nobody can say.
const RUBBISH_CHARS_MIN: usize = 200;

/// Looks for reasons to hold a mail that may be a case. `flood` is how many cases with the same words came within
/// an hour. What the mail's words want is judged elsewhere.
pub fn judge(
    message: &Message,
    rules: &QuarantineRules,
    desk: &Surroundings,
    flood: u32,
) -> Vec<Because> {
    let mut found = Vec::new();
    if is_useless(message) {
        let says = "Nothing can be made of it: nobody is named as its writer, and it says nothing.";
        found.push(because(MALFORMED, says, String::new()));
    }
    found.extend(beyond(&message.structure.extent, rules));
    found.extend(
        desk.spam_headers
            .iter()
            .find_map(|wanted| wanted.find(message)),
    );
    if flood >= rules.flood_mails {
        let says = "So many mails with the same subject and text came of late.";
        found.push(because(FLOOD, says, format!("{flood} mails")));
    }
    found.extend(phishing::judge(message, rules, desk));
    found
}

/// Makes a reason of this stage.
pub fn because(rule: &str, says: impl Into<String>, matched: impl Into<String>) -> Because {
    Because {
        stage: STAGE,
        rule: rule.to_owned(),
        says: says.into(),
        matched: matched.into(),
    }
}

/// No writer, and no word; or no header, and rubbish instead of a text. A mail that was not read, because reading it
/// failed, is none of these: it has neither header nor text here.
fn is_useless(message: &Message) -> bool {
    if !message.from.is_empty() || message.form.is_some() {
        return false;
    }
    if message.flaws.contains(&Flaw::Unparsable) {
        return is_rubbish(&message.body.full);
    }
    let nothing = message.flaws.contains(&Flaw::NoText) && message.attachments.is_empty();
    nothing && message.sender.is_none() && message.reply_to.is_empty() && message.subject.is_empty()
}

fn is_rubbish(text: &str) -> bool {
    let (mut all, mut bad) = (0_usize, 0_usize);
    for c in text.chars() {
        all += 1;
        let rubbish = c == '\u{fffd}'
            || (c.is_control() && !c.is_whitespace())
            || matches!(c, '\u{80}'..='\u{bf}');
        bad += usize::from(rubbish);
    }
    all >= RUBBISH_CHARS_MIN && bad * 100 > all * RUBBISH_PERCENT_MAX
}

fn beyond(extent: &Extent, rules: &QuarantineRules) -> Option<Because> {
    let limits = &rules.limits;
    let measures = [
        ("octets of header", extent.header_bytes, limits.header_bytes),
        ("header fields", extent.fields, limits.fields),
        ("recipients", extent.recipients, limits.recipients),
        ("references", extent.references, limits.references),
        ("parts", extent.parts, limits.parts),
        ("parts inside parts", extent.depth, limits.depth),
        ("attachments", extent.attachments, limits.attachments),
        (
            "octets of attachments",
            extent.attachment_bytes,
            limits.attachment_bytes,
        ),
    ];
    let over: Vec<String> = measures
        .iter()
        .filter(|(_, has, limit)| has > limit)
        .map(|(what, has, limit)| format!("{has} {what}, at most {limit}"))
        .collect();
    (!over.is_empty()).then(|| because(LIMITS, "It is larger than mails are.", over.join("; ")))
}

#[cfg(test)]
mod tests;
