//! Whether our border vouches for the sender's domain (RFC 8601).
//!
//! # Decisions
//! - Believed is only the topmost Authentication-Results field, and only when it bears our border's name: whatever
//!   stands below may have been written by the sender (RFC 8601, 5 and 7.1).
//! - DMARC alone counts, being the one that ties a result to From (RFC 7489, 3.1); a pass vouches for the domain,
//!   never for a person.

use crate::message::Message;
use crate::triage::screen::Surroundings;
use crate::triage::screen::header::without_comments;
use crate::triage::screen::sign::Sign;

/// What our border found out about the domain in From.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// DMARC passed: the mail was sent by who may send for that domain.
    Passed,
    /// DMARC failed: the sender is not who From says, or a forwarder broke the proof.
    Failed,
    /// Nothing is known: no border configured, no result, no policy.
    None,
}

/// Reads what our border says of the domain in From. Total.
pub fn proof(message: &Message, desk: &Surroundings) -> Proof {
    let Some(border) = desk.authserv_id.as_deref() else {
        return Proof::None;
    };
    let Some(field) = message.header("authentication-results").next() else {
        return Proof::None;
    };
    let field = without_comments(field);
    let mut results = field.split(';');
    let id = results
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .next()
        .unwrap_or_default();
    if !id.trim_matches('"').eq_ignore_ascii_case(border) {
        return Proof::None;
    }
    let mut found = Proof::None;
    for result in results {
        match &dmarc(result) {
            Some(("fail", _)) => return Proof::Failed,
            Some(("pass", domain)) if vouches(message, domain.as_deref()) => found = Proof::Passed,
            _ => {}
        }
    }
    found
}

pub(super) fn signs(message: &Message, desk: &Surroundings, signs: &mut Vec<Sign>) {
    if proof(message, desk) == Proof::Failed {
        let says = "Our mail border says that the sender's address is forged (DMARC).";
        let field = message
            .header("authentication-results")
            .next()
            .unwrap_or_default();
        signs.push(Sign::doubt("R58", says, field));
    }
}

/// Reads one `dmarc[/version] = result ptype.property=value ...`; results known and unknown.
fn dmarc(result: &str) -> Option<(&'static str, Option<String>)> {
    let (method, rest) = result.split_once('=')?;
    let method = method.split('/').next().unwrap_or_default().trim();
    if !method.eq_ignore_ascii_case("dmarc") {
        return None;
    }
    let mut words = rest.split_whitespace();
    let verdict = match words.next()?.to_ascii_lowercase().as_str() {
        "pass" => "pass",
        "fail" | "reject" => "fail",
        _ => "other",
    };
    let domain = words.find_map(|word| {
        let (name, value) = word.split_once('=')?;
        let domain = value
            .trim_matches('"')
            .rsplit('@')
            .next()
            .unwrap_or_default();
        name.eq_ignore_ascii_case("header.from")
            .then(|| domain.to_ascii_lowercase())
    });
    Some((verdict, domain))
}

/// A pass counts for the domain it names; where it names none, From it is.
fn vouches(message: &Message, domain: Option<&str>) -> bool {
    let [from] = message.from.as_slice() else {
        return false;
    };
    domain.is_none_or(|d| d == from.address.domain())
}
