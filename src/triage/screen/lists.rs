//! Mailing lists and newsletters (RFC 2369, RFC 2919; R5).
//!
//! # Decisions
//! - A desk whose mailbox is itself a group (Google Groups and the like) gets list headers on every mail: a list whose
//!   address is the desk's own says nothing of the writer.
//! - Who posts to a list and sends a copy to the desk may want something from it: doubt, not a machine.
//! - Groups of people (a team's alias, an expanded distribution list) write List-Id on mail that is addressed to the
//!   desk itself: doubt, as long as nothing says how to unsubscribe.
//! - List-Unsubscribe alone stands also in mail that people send through sales and support tools: it proves a mailing
//!   only of what is made like one, or names nobody of us.

use crate::message::Message;
use crate::triage::screen::Surroundings;
use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;
use crate::triage::screen::words;

/// The rule of a mail that says how to get no more of them, and looks like a person's.
pub(super) const UNSUBSCRIBE: &str = "R5-unsubscribe";
/// What it weighs: doubt by itself; together with words or a sender of mailings it is one.
const UNSUBSCRIBE_POINTS: i32 = 80;

const FIELDS: [&str; 12] = [
    "list-id",
    "list-post",
    "list-owner",
    "list-archive",
    "list-subscribe",
    "list-help",
    "mailing-list",
    "x-mailing-list",
    "x-mailman-version",
    "x-beenthere",
    "list-unsubscribe",
    "list-unsubscribe-post",
];

/// Finds out whether the mail came through somebody's list.
pub(super) fn signs(
    message: &Message,
    rules: &ScreenRules,
    desk: &Surroundings,
    signs: &mut Vec<Sign>,
) {
    if is_ours(message, desk) {
        return;
    }
    let present = |field: &&&str| message.header(field).next().is_some();
    let Some(field) = FIELDS.iter().find(present) else {
        sent_by_recipient(message, desk, signs);
        return;
    };
    let value = message.header(field).next().unwrap_or_default();
    let matched = format!("{field}: {value}");
    if copied_to_us(message, desk) {
        let says = "It was posted to a mailing list, with a copy to us.";
        signs.push(Sign::doubt("R5", says, &matched));
    } else if !unsubscribable(message) && addressed_to_us(message, desk) {
        let says = "It went through a group, to us by name.";
        signs.push(Sign::doubt("R5", says, &matched));
    } else if field.starts_with("list-unsubscribe") && answers(message) {
        let says = "It answers something, though it has the header of a mass mail.";
        signs.push(Sign::doubt("R5", says, &matched));
    } else if field.starts_with("list-unsubscribe")
        && perhaps_to_us(message, desk)
        && !words::is_mailing(message, rules)
    {
        let says = "It says how to get no more of them, as mass mails do.";
        let force = Force::Points(UNSUBSCRIBE_POINTS);
        signs.push(Sign::new(force, UNSUBSCRIBE, says, &matched).doubt_on_form());
    } else {
        let says = "It went through a mailing list or to many.";
        signs.push(Sign::certain("R5", says, &matched).doubt_on_form());
    }
}

/// Old list managers have no header but this: the list, to which the mail went, is also its Sender.
fn sent_by_recipient(message: &Message, desk: &Surroundings, signs: &mut Vec<Sign>) {
    let Some(sender) = message.sender.as_ref().map(|s| &s.address) else {
        return;
    };
    let wrote = message.from.iter().any(|f| f.address.same_person(sender));
    let named = message.to.iter().any(|t| t.address.same_person(sender));
    if named && !wrote && !desk.is_own(sender) {
        let says = "It was sent on by one of its recipients, as lists do.";
        signs.push(Sign::new(Force::Points(40), "R5", says, sender.as_str()).nothing_on_form());
    }
}

/// Returns whether the list is the desk's own address.
pub(super) fn is_ours(message: &Message, desk: &Surroundings) -> bool {
    let posts = ["list-post", "mailing-list", "x-mailing-list", "x-beenthere"];
    let ids = ["list-id"];
    desk.own.iter().any(|own| {
        let address = own.as_str().to_ascii_lowercase();
        let id = address.replace('@', ".");
        let names = |fields: &[&str], wanted: &str| {
            fields
                .iter()
                .any(|f| message.header(f).any(|value| has_word(value, wanted)))
        };
        names(&posts, &address) || names(&ids, &id)
    })
}

/// Returns whether both the list and the desk are among the recipients that the writer named.
fn copied_to_us(message: &Message, desk: &Surroundings) -> bool {
    let named = || message.to.iter().chain(&message.cc).map(|n| &n.address);
    let to_list = message.header("list-post").any(|value| {
        named().any(|a| !desk.is_own(a) && has_word(value, &a.as_str().to_ascii_lowercase()))
    });
    to_list && named().any(|a| desk.is_own(a))
}

/// Returns whether somebody can be taken off the list: what mass mailings must offer (RFC 8058).
fn unsubscribable(message: &Message) -> bool {
    let fields = ["list-unsubscribe", "list-unsubscribe-post"];
    fields.iter().any(|f| message.header(f).next().is_some())
}

/// Returns whether the writer names us in To or Cc, or may, as nobody knows our addresses.
pub(super) fn perhaps_to_us(message: &Message, desk: &Surroundings) -> bool {
    desk.own.is_empty() || addressed_to_us(message, desk)
}

fn addressed_to_us(message: &Message, desk: &Surroundings) -> bool {
    let mut named = message.to.iter().chain(&message.cc);
    named.any(|n| desk.is_own(&n.address))
}

fn answers(message: &Message) -> bool {
    !message.in_reply_to.is_empty()
}

/// Returns whether that word stands in a list header: between spaces, brackets, commas or the colon of `mailto:`.
fn has_word(value: &str, wanted: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ':' | ';' | '?'))
        .any(|word| word == wanted)
}
