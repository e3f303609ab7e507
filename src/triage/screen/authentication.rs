//! Whether our border vouches for the sender's domain (RFC 8601), by itself or by a sealer that it may believe (RFC 8617).
//!
//! # Decisions
//! - Believed is only the topmost Authentication-Results field, and only when it bears our border's name: whatever
//!   stands below may have been written by the sender (RFC 8601, 5 and 7.1).
//! - DMARC alone counts, being the one that ties a result to From (RFC 7489, 3.1); a pass vouches for the domain,
//!   never for a person.
//! - Into the field go words of the sender's: the envelope's local part, in quotes, and comments. So quotes are read as quotes,
//!   and a field that says two things of DMARC proves nothing.
//! - A forwarder breaks the proof. Then the word of its seal is taken, if the config trusts the sealer, our border found the
//!   whole chain sound (`arc=pass`), and the sealer was the last to seal; an earlier one says nothing of what came after.

use crate::message::Message;
use crate::triage::screen::Surroundings;
use crate::triage::screen::header::without_comments;
use crate::triage::screen::sign::Sign;

/// Results of one field that are read.
const RESULTS_MAX: usize = 50;
/// Seals that a chain may have (RFC 8617, 4.2.1).
const SEALS_MAX: u32 = 50;

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
    let Some(results) = of_border(message, desk) else {
        return Proof::None;
    };
    let said = dmarc(&results, message);
    if said != Proof::Passed
        && results.iter().any(|r| r.is("arc", "pass"))
        && sealed(message, desk) == Proof::Passed
    {
        return Proof::Passed;
    }
    said
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

/// One `method[/version] = result ptype.property=value ...`.
#[derive(Debug)]
struct Outcome {
    method: String,
    result: String,
    /// The domain of `header.from`, where one is named.
    from: Option<String>,
}

impl Outcome {
    fn is(&self, method: &str, result: &str) -> bool {
        self.method == method && self.result == result
    }
}

/// The results of our own border, where it wrote the topmost field.
fn of_border(message: &Message, desk: &Surroundings) -> Option<Vec<Outcome>> {
    let border = desk.authserv_id.as_deref()?;
    let field = without_comments(message.header("authentication-results").next()?);
    let mut results = pieces(&field, |c| c == ';').into_iter();
    let id = pieces(&results.next()?, char::is_whitespace)
        .into_iter()
        .next()?;
    let ours = id.trim_matches('"').eq_ignore_ascii_case(border);
    ours.then(|| outcomes(results))
}

fn outcomes(results: impl Iterator<Item = String>) -> Vec<Outcome> {
    results
        .take(RESULTS_MAX)
        .filter_map(|r| outcome(&r))
        .collect()
}

/// What results say of the domain in From. Several that differ prove nothing, and any failure counts.
fn dmarc(results: &[Outcome], message: &Message) -> Proof {
    let said: Vec<Proof> = results
        .iter()
        .filter(|r| r.method == "dmarc")
        .map(|r| match r.result.as_str() {
            "fail" | "reject" => Proof::Failed,
            "pass" if vouches(message, r.from.as_deref()) => Proof::Passed,
            _ => Proof::None,
        })
        .collect();
    if said.contains(&Proof::Failed) {
        Proof::Failed
    } else if !said.is_empty() && said.iter().all(|p| *p == Proof::Passed) {
        Proof::Passed
    } else {
        Proof::None
    }
}

/// What the last sealer says, if it is one that the config trusts.
fn sealed(message: &Message, desk: &Surroundings) -> Proof {
    let numbered = |name: &'static str| {
        message
            .header(name)
            .take(SEALS_MAX as usize)
            .filter_map(|value| {
                let value = without_comments(value);
                let (first, rest) = value.split_once(';')?;
                let (tag, number) = first.split_once('=')?;
                let number: u32 = number.trim().parse().ok()?;
                let fits =
                    tag.trim().eq_ignore_ascii_case("i") && (1..=SEALS_MAX).contains(&number);
                fits.then(|| (number, rest.to_owned()))
            })
            .collect::<Vec<_>>()
    };
    let last = |mut all: Vec<(u32, String)>| -> Option<(u32, String)> {
        let most = all.iter().map(|(number, _)| *number).max()?;
        all.retain(|(number, _)| *number == most);
        // Two of one number are a broken chain, whatever anybody says.
        if all.len() == 1 { all.pop() } else { None }
    };
    let seal = last(numbered("arc-seal"));
    let told = last(numbered("arc-authentication-results"));
    let (Some((number, seal)), Some((of, told))) = (seal, told) else {
        return Proof::None;
    };
    let domain = seal.split(';').find_map(|tag| {
        let (name, value) = tag.split_once('=')?;
        (name.trim() == "d").then(|| value.trim().to_ascii_lowercase())
    });
    let trusted =
        domain.is_some_and(|d| desk.trusted_arc.iter().any(|t| t.eq_ignore_ascii_case(&d)));
    if number != of || !trusted {
        return Proof::None;
    }
    // The first piece is the sealer's own name.
    let results = pieces(&told, |c| c == ';').into_iter().skip(1);
    dmarc(&outcomes(results), message)
}

fn outcome(text: &str) -> Option<Outcome> {
    let (method, rest) = text.split_once('=')?;
    let method = method.split('/').next().unwrap_or_default().trim();
    let mut words = pieces(rest, char::is_whitespace)
        .into_iter()
        .filter(|w| !w.is_empty());
    let result = words.next()?.to_ascii_lowercase();
    let from = words.find_map(|word| {
        let (name, value) = word.split_once('=')?;
        let domain = value
            .trim_matches('"')
            .rsplit('@')
            .next()
            .unwrap_or_default();
        name.eq_ignore_ascii_case("header.from")
            .then(|| domain.to_ascii_lowercase())
    });
    Some(Outcome {
        method: method.to_ascii_lowercase(),
        result,
        from,
    })
}

/// Splits where `ends` says so and no quotes are open.
fn pieces(text: &str, ends: impl Fn(char) -> bool) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        let plain = !std::mem::take(&mut escaped);
        match c {
            '\\' if plain && quoted => escaped = true,
            '"' if plain => quoted = !quoted,
            _ if !quoted && ends(c) => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all
}

/// A pass counts for the domain it names; where it names none, From it is.
fn vouches(message: &Message, domain: Option<&str>) -> bool {
    let [from] = message.from.as_slice() else {
        return false;
    };
    domain.is_none_or(|d| d == from.address.domain())
}

#[cfg(test)]
mod tests;
