//! Addresses that cannot be wrong.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Octets of a local part (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// Octets of a domain (RFC 5321, 4.5.3.1.2, less the root label).
const DOMAIN_MAX: usize = 253;
/// Octets of an address: a path of 256 less its angle brackets (RFC 5321, 4.5.3.1.3).
const ADDRESS_MAX: usize = 254;
/// Characters of a display name that are kept.
const NAME_CHARS_MAX: usize = 100;

/// An addr-spec (RFC 5322, 3.4.1) that can be written to: one `@`, a local part of 1 to 64 octets and a domain in
/// lower-case ASCII (IDNA). No control characters, no spaces outside quotes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    text: String,
}

/// An address with the name that stood beside it (decoded, control characters made spaces, cut).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAddress {
    /// The display name; empty when there was none.
    pub name: String,
    /// The address.
    pub address: Address,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no mail address: {why}")]
pub struct BadAddress {
    /// The text, cut and escaped.
    pub text: String,
    /// What is wrong, as words.
    pub why: &'static str,
}

impl Address {
    /// Reads an addr-spec, with or without angle brackets; an obsolete route (`<@a,@b:c@d>`) is left out.
    ///
    /// Takes what is odd but real: `foo.@example.jp`, `a..b@example.jp`, quoted and non-ASCII local parts, IDNA domains.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        Self::checked(text).map_err(|why| BadAddress {
            text: excerpt(text),
            why,
        })
    }

    fn checked(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let text = text
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or(text);
        let text = match text.strip_prefix('@') {
            Some(route) => route.split_once(':').ok_or("no local part")?.1,
            None => text,
        };
        let (local, domain) = text.rsplit_once('@').ok_or("no @")?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err("too long");
        }
        Ok(Self {
            text: format!("{local}@{domain}"),
        })
    }

    /// Returns the address as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the part before the `@`, quotes included.
    pub fn local(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// Returns the part after the `@`: lower-case ASCII.
    pub fn domain(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Tells whether it can go through a server without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Returns what stays the same however a person spells the address: lower-case, no plus-part, no dots in the local
    /// part at Gmail, `googlemail.com` as `gmail.com`. For budgets and participants; never to be written to.
    pub fn identity(&self) -> String {
        let local = self.local().to_lowercase();
        let local = local
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(&local);
        // A plus at the very start names nobody without it.
        let local = match local.split_once('+') {
            Some((before, _)) if !before.is_empty() => before,
            _ => local,
        };
        match home(self.domain()) {
            GMAIL => format!("{}@{GMAIL}", local.replace('.', "")),
            domain => format!("{local}@{domain}"),
        }
    }

    /// Tells whether both are spellings of one mailbox, as far as `identity` can tell.
    pub fn same_person(&self, other: &Self) -> bool {
        // Most addresses differ in their domain already, which takes no copy of them to see.
        self == other
            || (home(self.domain()) == home(other.domain()) && self.identity() == other.identity())
    }
}

/// The provider whose addresses are the same with and without dots.
const GMAIL: &str = "gmail.com";

/// The domain by which a person's addresses count, where a provider has several.
fn home(domain: &str) -> &str {
    if domain == "googlemail.com" {
        GMAIL
    } else {
        domain
    }
}

fn check_local(local: &str) -> Result<(), &'static str> {
    if local.is_empty() {
        return Err("no local part");
    }
    if local.len() > LOCAL_MAX {
        return Err("local part too long");
    }
    if let Some(inner) = local.strip_prefix('"') {
        let inner = inner.strip_suffix('"').ok_or("open quote")?;
        if inner.is_empty() {
            return Err("no local part");
        }
        let mut escaped = false;
        for c in inner.chars() {
            if c.is_control() || (!c.is_ascii() && is_invisible(c)) {
                return Err("control character");
            }
            if c == '"' && !escaped {
                return Err("quote inside quotes");
            }
            escaped = c == '\\' && !escaped;
        }
        return if escaped { Err("open escape") } else { Ok(()) };
    }
    for c in local.chars() {
        let fine = c == '.'
            || c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_invisible(c));
        if !fine {
            return Err("a character that needs quotes");
        }
    }
    Ok(())
}

fn ascii_domain(domain: &str) -> Result<String, &'static str> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.is_empty() {
        return Err("no domain");
    }
    let domain = idna::domain_to_ascii(domain).map_err(|_| "no domain name (RFC 5891)")?;
    if domain.is_empty() || domain.len() > DOMAIN_MAX {
        return Err("domain too long or empty");
    }
    let sound = domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    });
    if sound {
        Ok(domain)
    } else {
        Err("not a domain name")
    }
}

/// Characters that change how a line looks without being seen: they have no place in an address or a name.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

/// Makes text fit for one line: controls and invisible marks become spaces, runs of space one, cut to `chars_max`.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || is_invisible(c) {
            gap = !out.is_empty();
            continue;
        }
        if count + usize::from(gap) >= chars_max {
            break;
        }
        if gap {
            out.push(' ');
            count += 1;
            gap = false;
        }
        out.push(c);
        count += 1;
    }
    out
}

pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

impl NamedAddress {
    /// Makes one of a display name as it stood in a mail; the name is put on one line and cut to 100 characters.
    pub fn new(name: &str, address: Address) -> Self {
        let name = one_line(name, NAME_CHARS_MAX);
        let name = name
            .trim_matches(|c| c == '"' || c == '\'' || c == ' ')
            .to_owned();
        // A name that only repeats the address says nothing.
        let name = if name.eq_ignore_ascii_case(address.as_str()) {
            String::new()
        } else {
            name
        };
        Self { name, address }
    }
}

impl From<Address> for NamedAddress {
    fn from(address: Address) -> Self {
        Self {
            name: String::new(),
            address,
        }
    }
}

impl fmt::Display for NamedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return self.address.fmt(f);
        }
        write!(f, "{} <{}>", self.name, self.address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

impl TryFrom<String> for Address {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text
    }
}

impl std::str::FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl AsRef<str> for Address {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests;
