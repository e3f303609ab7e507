//! What an agent is warned of: a writer who looks like somebody else.
//!
//! # Decisions
//! - Warnings silence and hold nothing by themselves: people have odd names and addresses, too. They stand where the
//!   agent decides whom to believe. What forbids an answer is the screen's (R18, R19, R58).
//! - A domain is compared by how it looks: letters of other scripts, digits and pairs that look like a letter are that
//!   letter. What looks like ours, or like a provider that everybody knows, and is not, is named.

use std::sync::LazyLock;

use crate::message::Flaw;
use crate::message::Message;
use crate::message::address::Address;
use crate::triage::screen::Surroundings;

/// Houses that are imitated most.
const WELL_KNOWN: [&str; 18] = [
    "gmail.com",
    "googlemail.com",
    "google.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "microsoft.com",
    "office.com",
    "yahoo.com",
    "icloud.com",
    "apple.com",
    "paypal.com",
    "amazon.com",
    "linkedin.com",
    "facebook.com",
    "ibm.com",
    "coursera.org",
    "docusign.com",
];
/// How they look.
static WELL_KNOWN_LOOKS: LazyLock<Vec<String>> =
    LazyLock::new(|| WELL_KNOWN.map(skeleton).into_iter().collect());
/// A name of fewer letters is in too many others.
const NAME_CHARS_MIN: usize = 4;
/// A name of fewer letters is like too many others.
const NEAR_CHARS_MIN: usize = 6;
/// More of a name are not looked at, in characters.
const CHARS_MAX: usize = 300;
/// Warnings that one mail gets.
const WARNINGS_MAX: usize = 6;

/// Returns what is odd about who writes, a sentence each.
pub(crate) fn warnings(message: &Message, desk: &Surroundings) -> Vec<String> {
    let mut told = Vec::new();
    if message.from.len() > 1 || message.flaws.contains(&Flaw::ManyFrom) {
        told.push(
            "From names more than one writer; which of them wrote it is not known".to_owned(),
        );
    }
    if message.header("from").any(is_group) {
        told.push("From is a group of addresses, not a writer".to_owned());
    }
    let mut seen: Vec<&Address> = Vec::new();
    for from in message.from.iter().chain(&message.reply_to).take(10) {
        if seen.contains(&&from.address) {
            continue;
        }
        seen.push(&from.address);
        told.extend(name(&from.name, &from.address, desk));
        told.extend(domain(&from.address, desk));
    }
    told.extend(sender(message));
    told.truncate(WARNINGS_MAX);
    told
}

/// A name that claims an address, or to be of us.
fn name(name: &str, address: &Address, desk: &Surroundings) -> Option<String> {
    let name: String = name.chars().take(CHARS_MAX).collect();
    let pieces = || name.split(|c: char| c.is_whitespace() || "<>()[],;\"'".contains(c));
    let claims = |claimed: &Address| claimed.identity() != address.identity();
    let mut claimed = pieces()
        .filter_map(|piece| Address::parse(piece).ok())
        .filter(claims);
    if let Some(claimed) = claimed.next() {
        let whose = if desk.is_own(&claimed) {
            ", which is ours"
        } else if desk.is_agent(&claimed) {
            ", an agent's"
        } else {
            ""
        };
        return Some(format!(
            "the name beside {address} is another address: {claimed}{whose}"
        ));
    }
    if desk.is_own(address) || desk.is_agent(address) {
        return None;
    }
    let ours = desk.own.iter().find(|own| {
        let house = house(own.domain());
        let said = skeleton(&name);
        let says = said
            .split(|c: char| !c.is_alphanumeric())
            .any(|w| w == skeleton(house));
        house.chars().count() >= NAME_CHARS_MIN && says && !is_below(address.domain(), own.domain())
    })?;
    Some(format!(
        "the name beside {address} says {}, and the address is not of {}",
        house(ours.domain()),
        ours.domain()
    ))
}

/// A domain that looks like another one, or that mixes scripts.
fn domain(address: &Address, desk: &Surroundings) -> Option<String> {
    let written = address.domain().to_lowercase();
    let (seen, _) = idna::domain_to_unicode(&written);
    let ours = desk.own.iter().chain(&desk.agents).map(Address::domain);
    if ours.clone().any(|own| is_below(&written, own)) {
        return None;
    }
    // A well-known house itself looks like itself; so does another branch of it (yahoo.com, yahoo.co.uk).
    if WELL_KNOWN.iter().any(|known| is_below(&written, known)) {
        return None;
    }
    let looks = skeleton(&seen);
    let well_known = WELL_KNOWN.into_iter().zip(WELL_KNOWN_LOOKS.iter());
    let like = ours
        .clone()
        .find(|own| looks_like(&looks, &skeleton(own)))
        .or_else(|| {
            let mut well_known = well_known;
            let like = well_known.find(|(_, known)| looks_like(&looks, known));
            like.map(|(known, _)| known)
        });
    if let Some(like) = like {
        return Some(format!(
            "the domain of {address} ({seen}) looks like {like}, and is not"
        ));
    }
    if let Some(near) = ours.clone().find(|own| is_near(house(&seen), house(own))) {
        return Some(format!(
            "the domain of {address} is nearly {near}, and is not"
        ));
    }
    seen.split('.')
        .any(mixes_scripts)
        .then(|| format!("the domain of {address} ({seen}) mixes letters of several scripts"))
}

/// Who sent it is of another house than who wrote it.
fn sender(message: &Message) -> Option<String> {
    let sender = &message.sender.as_ref()?.address;
    let mut from = message.from.iter().map(|f| &f.address);
    let same = |f: &Address| {
        is_below(f.domain(), sender.domain()) || is_below(sender.domain(), f.domain())
    };
    (!message.from.is_empty() && !from.any(same))
        .then(|| format!("it was sent by {sender} on the writer's behalf, as the mail says"))
}

/// `Friends: a@b, c@d;` (RFC 5322, 3.4): a colon outside of quotes, comments and brackets.
fn is_group(value: &str) -> bool {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    for c in value.chars().take(CHARS_MAX) {
        let plain = !std::mem::take(&mut escaped);
        match c {
            '\\' if plain => escaped = true,
            '"' if plain => quoted = !quoted,
            '(' | '<' | '[' if !quoted => depth += 1,
            ')' | '>' | ']' if !quoted => depth = depth.saturating_sub(1),
            ':' if !quoted && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Returns whether a domain is another one, or below it.
fn is_below(domain: &str, above: &str) -> bool {
    let (domain, above) = (domain.to_lowercase(), above.to_lowercase());
    domain == above
        || domain
            .strip_suffix(&above)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// The name of a house: the longest label but the last.
fn house(domain: &str) -> &str {
    let end = domain.rfind('.').unwrap_or(domain.len());
    let labels = domain.get(..end).unwrap_or(domain).split('.');
    labels
        .max_by_key(|label| label.chars().count())
        .unwrap_or(domain)
}

/// Returns whether a domain that looks like that, or one above it, looks like a known one that looks like `wanted`.
fn looks_like(looks: &str, wanted: &str) -> bool {
    // Or has it in front: `credly.com.login.example`.
    looks == wanted
        || looks
            .strip_suffix(wanted)
            .is_some_and(|rest| rest.ends_with('.'))
        || looks
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with('.'))
}

/// Returns whether one letter was put in or left out, or two neighbours changed places: slips that the eye passes over. A
/// letter changed makes another word (`credly`, `credit`).
fn is_near(one: &str, other: &str) -> bool {
    let one: Vec<char> = skeleton(one).chars().take(64).collect();
    let other: Vec<char> = skeleton(other).chars().take(64).collect();
    if other.len() < NEAR_CHARS_MIN || one == other || one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let tail = one.iter().rev().zip(other.iter().rev());
    let after = tail.take_while(|(a, b)| a == b).count();
    if one.len() == other.len() {
        let crossed = one.get(same) == other.get(same + 1) && one.get(same + 1) == other.get(same);
        return same + after + 2 == one.len() && crossed;
    }
    same + after + 1 >= one.len().max(other.len())
}

/// A text by how it looks.
fn skeleton(text: &str) -> String {
    let looks: String = text
        .chars()
        .take(CHARS_MAX)
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'а' | 'α' | 'ɑ' => 'a',
            'ь' | 'в' => 'b',
            'с' | 'ϲ' => 'c',
            'ԁ' => 'd',
            'е' | 'ё' | 'ε' | 'é' | 'è' | 'ė' | 'ę' => 'e',
            'ɡ' => 'g',
            'һ' => 'h',
            'і' | 'ї' | 'ι' | 'ı' | 'í' | 'ì' | '1' | 'l' | '|' | 'ӏ' => 'l',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'м' => 'm',
            'п' | 'η' => 'n',
            'о' | 'ο' | 'օ' | '0' | 'ö' | 'ó' | 'ò' => 'o',
            'р' | 'ρ' => 'p',
            'ԛ' => 'q',
            'г' => 'r',
            'ѕ' | '5' => 's',
            'т' | 'τ' => 't',
            'υ' | 'ц' | 'ü' | 'ú' => 'u',
            'ν' | 'ѵ' => 'v',
            'ԝ' | 'ω' => 'w',
            'х' | 'χ' => 'x',
            'у' | 'γ' | 'ý' => 'y',
            other => other,
        })
        .collect();
    // A capital I and a small l look alike, and so do these pairs.
    looks
        .replace('i', "l")
        .replace("rn", "m")
        .replace("vv", "w")
}

/// Returns whether letters of Latin, Greek or Cyrillic stand in one label together.
fn mixes_scripts(label: &str) -> bool {
    let script = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Some(0_u8),
        '\u{370}'..='\u{3ff}' => Some(1),
        '\u{400}'..='\u{52f}' => Some(2),
        '\u{530}'..='\u{58f}' => Some(3),
        _ => None,
    };
    let mut found = label.chars().filter_map(script);
    let first = found.next();
    found.any(|other| Some(other) != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::screen::support::address;
    use crate::triage::screen::support::desk;
    use crate::triage::screen::support::mail;
    use crate::triage::screen::support::named;
    use crate::triage::screen::support::with;

    fn own() -> Surroundings {
        Surroundings {
            own: vec![address("support@credly.example")],
            ..desk()
        }
    }

    fn by(name: &str, writer: &str) -> String {
        let mut mail = mail("Badge", "Where is it?");
        mail.from = vec![named(name, writer)];
        warnings(&mail, &own()).join("; ")
    }

    #[test]
    fn people_with_plain_names_and_addresses_are_not_warned_of() {
        for (name, writer) in [
            ("Maria Stone", "maria@people.example"),
            ("maria@people.example", "Maria@people.example"),
            ("", "info@straße.example"),
            ("Иван Петров", "ivan@почта.рф"),
            ("Credit union", "a@credit.example"),
            ("Ana", "ana@yahoo.co.uk"),
            ("Ana", "ana@mail.google.com"),
            ("Credly support", "support@credly.example"),
            ("Credly", "news@mail.credly.example"),
        ] {
            assert_eq!(by(name, writer), "", "{name} {writer}");
        }
    }

    #[test]
    fn a_name_that_is_another_address_or_ours_is_told() {
        assert!(by("boss@house.example", "x@evil.example").contains("another address: boss@house"));
        let ours = by("support@credly.example", "x@evil.example");
        assert!(ours.contains("which is ours"), "{ours}");
        assert!(by("Ana <ana@agents.example>", "x@evil.example").contains("an agent's"));
        assert!(by("CredIy Support", "x@evil.example").contains("says credly"));
    }

    #[test]
    fn a_domain_that_looks_like_ours_or_a_known_one_is_told_however_it_is_written() {
        for writer in [
            "a@credIy.example",
            "a@сrеdly.example",
            "a@credly.example.login.test",
            "a@gmai1.com",
            "a@rnicrosoft.com",
            "a@раураl.com",
        ] {
            let told = by("", writer);
            let shown = told.contains("looks like");
            assert!(shown || writer.contains("credIy"), "{writer}: {told}");
        }
        assert!(by("", "a@creddly.example").contains("nearly credly.example"));
        assert!(by("", "a@cedly.example").contains("nearly"));
        assert!(by("", "a@cerdly.example").contains("nearly"));
        assert!(by("", "a@сompany.example").contains("several scripts"));
    }

    #[test]
    fn several_writers_a_group_and_another_sender_are_told() {
        let mut mail = mail("Badge", "Where is it?");
        mail.sender = Some(named("", "robot@carrier.example"));
        assert!(warnings(&mail, &own()).join("").contains("sent by robot@"));
        mail.sender = Some(named("", "robot@mail.people.example"));
        assert_eq!(warnings(&mail, &own()), Vec::<String>::new());
        let group = with(mail.clone(), "from", "Friends: maria@people.example;");
        assert!(warnings(&group, &own()).join("").contains("group"));
        let plain = with(mail.clone(), "from", "\"Re: a\" <maria@people.example>");
        assert_eq!(warnings(&plain, &own()), Vec::<String>::new());
        mail.from.push(named("", "b@people.example"));
        assert!(
            warnings(&mail, &own())
                .join("")
                .contains("more than one writer")
        );
    }
}
