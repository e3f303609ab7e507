//! What a report says, by recipient: from its fields (RFC 3464, RFC 8098, RFC 5965), else from its words.
//!
//! # Decisions
//! - Nothing here proves that the report is about a mail of ours; see `returned`.
//! - Fields go before words. A status (RFC 3463) goes before a code of SMTP, and one that says something (`5.1.1`) before one
//!   that says nothing (`5.0.0`).
//! - Our mails have one recipient each; a report may still name several, where the one is a list or an alias.

use crate::message::Header;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::address::one_line;
use crate::message::report::ReportKind;
use crate::message::report::ReportPart;
use crate::triage::returned::words;

/// Recipients that are read of one report.
pub(super) const TOLD_MAX: usize = 100;
/// Characters that are kept of what a mail system said.
const SAID_CHARS_MAX: usize = 300;

/// A report, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// What it says of each recipient; at most 100.
    pub told: Vec<Told>,
}

/// What a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It tells of a delivery, in fields.
    Delivery,
    /// It tells of a delivery, in words.
    Words,
    /// A receipt: somebody opened, deleted, printed it.
    Receipt,
    /// A reader, or a reader's provider, complains.
    Complaint,
}

/// What a report says of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// To whom the mail could not be given, where that is said.
    pub recipient: Option<Address>,
    /// To whom it was sent at first, where that is said (RFC 3464, 2.3.1).
    pub original: Option<Address>,
    /// What became of it.
    pub action: Action,
    /// The status (RFC 3463), or what a code of SMTP tells of it.
    pub status: Option<Status>,
    /// What the mail system said, on one line, cut; never to be shown to anybody but the operator.
    pub said: String,
}

/// What became of a mail (RFC 3464, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is given up.
    Failed,
    /// It is tried further.
    Delayed,
    /// It arrived, or was handed on.
    Passed,
    /// That is not said.
    Unsaid,
}

/// A status (RFC 3463, 2): class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// 2 success, 4 transient, 5 permanent.
    pub class: u8,
    /// What is concerned: 1 the address, 2 the mailbox, 4 the network, 7 a policy; 0 unsaid.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

/// Whether trying later may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lasting {
    /// It will not.
    Permanent,
    /// It may.
    Transient,
    /// Nobody said.
    Unknown,
}

impl Status {
    /// Reads `5.1.1`, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.');
        let mut next = |digits_max: usize| {
            let digits = numbers.next()?;
            let fits = (1..=digits_max).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| fits)
        };
        let (class, subject, detail) = (next(1)?, next(3)?, next(3)?);
        let class = u8::try_from(class).ok()?;
        (matches!(class, 2 | 4 | 5) && numbers.next().is_none()).then_some(Self {
            class,
            subject,
            detail,
        })
    }

    /// What a code of SMTP tells (RFC 5321, 4.2.1): its class; of 550 to 553 that is all that is common to their use.
    pub(super) fn of_code(code: u16) -> Option<Self> {
        let class = match code {
            400..=499 => 4,
            500..=599 => 5,
            _ => return None,
        };
        Some(Self {
            class,
            subject: 0,
            detail: 0,
        })
    }

    /// Whether trying later may help.
    pub fn lasting(self) -> Lasting {
        match self.class {
            5 => Lasting::Permanent,
            4 => Lasting::Transient,
            _ => Lasting::Unknown,
        }
    }

    /// Whether it says that nobody reads mail at that address: no such mailbox, no such domain, moved away, closed. A full
    /// mailbox, a mail that is too large, or a policy says nothing of the kind.
    pub fn is_dead_address(self) -> bool {
        matches!(
            (self.class, self.subject, self.detail),
            (5, 1, 0..=4 | 6 | 10) | (5, 2, 1) | (5, 4, 4)
        )
    }

    fn says_more_than(self, other: Self) -> bool {
        other.subject == 0 && other.detail == 0 && self.class == other.class && self != other
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Told {
    /// Whether trying later may help.
    pub fn lasting(&self) -> Lasting {
        self.status.map_or(Lasting::Unknown, Status::lasting)
    }
}

/// Reads what a mail reports, as far as it reports anything. Total.
pub fn report(message: &Message) -> Option<Report> {
    let parts = &message.structure.reports;
    let of = |kind: ReportKind| parts.iter().filter(move |part| part.kind == kind);
    if let Some(part) = of(ReportKind::Feedback).next() {
        return Some(feedback(part));
    }
    let delivery: Vec<&ReportPart> = of(ReportKind::Delivery).collect();
    if !delivery.is_empty() {
        let mut told: Vec<Told> = delivery.iter().flat_map(|part| deliveries(part)).collect();
        told.truncate(TOLD_MAX);
        complete(&mut told, message);
        return Some(Report {
            kind: Kind::Delivery,
            told,
        });
    }
    if let Some(part) = of(ReportKind::Disposition).next() {
        return Some(receipt(part));
    }
    words::report(message)
}

/// A report in fields may leave out what its words, or the mail that it returns, tell.
fn complete(told: &mut Vec<Told>, message: &Message) {
    let lacks = |t: &Told| t.recipient.is_none() && t.original.is_none() || t.status.is_none();
    if !told.is_empty() && !told.iter().any(lacks) {
        return;
    }
    let Some(spoken) = words::report(message) else {
        return;
    };
    match (told.as_mut_slice(), spoken.told) {
        ([], spoken) => told.extend(spoken),
        ([one], spoken) => {
            let Some(said) = spoken.into_iter().next() else {
                return;
            };
            if one.recipient.is_none() && one.original.is_none() {
                one.recipient = said.recipient;
            }
            one.status = one.status.or(said.status);
        }
        _ => {}
    }
}

fn value<'a>(group: &'a [Header], name: &str) -> Option<&'a str> {
    let found = group.iter().find(|h| h.name == name)?;
    Some(found.value.as_str()).filter(|v| !v.is_empty())
}

/// The groups of a delivery status that tell of a recipient. Some systems write all fields into one group.
fn deliveries(part: &ReportPart) -> Vec<Told> {
    let tells = |group: &&Vec<Header>| {
        ["final-recipient", "original-recipient", "action", "status"]
            .iter()
            .any(|name| value(group, name).is_some())
    };
    part.groups
        .iter()
        .filter(tells)
        .take(TOLD_MAX)
        .map(|group| delivery(group))
        .collect()
}

/// One recipient's fields (RFC 3464, 2.3).
pub(super) fn delivery(group: &[Header]) -> Told {
    let address = |name: &str| value(group, name).and_then(typed_address);
    let diagnostic = value(group, "diagnostic-code").unwrap_or_default();
    let (_, said) = diagnostic.split_once(';').unwrap_or(("", diagnostic));
    let first = |text: &str| {
        let word = text.split(['(', ';', ' ', '\t']).find(|w| !w.is_empty());
        word.unwrap_or_default().to_ascii_lowercase()
    };
    let stated = value(group, "status").and_then(|text| Status::parse(&first(text)));
    let spoken = words::status(said);
    let status = match (stated, spoken) {
        (Some(stated), Some(spoken)) if spoken.says_more_than(stated) => Some(spoken),
        (stated, spoken) => stated.or(spoken),
    };
    let action = match value(group, "action").map(first).as_deref() {
        Some("failed" | "failure") => Action::Failed,
        Some("delayed") => Action::Delayed,
        Some("delivered" | "relayed" | "expanded") => Action::Passed,
        _ => match status.map(|s| s.class) {
            Some(5) => Action::Failed,
            Some(4) => Action::Delayed,
            Some(2) => Action::Passed,
            _ => Action::Unsaid,
        },
    };
    Told {
        recipient: address("final-recipient").or_else(|| address("x-actual-recipient")),
        original: address("original-recipient"),
        action,
        status,
        said: one_line(said, SAID_CHARS_MAX),
    }
}

/// Reads `rfc822; maria@home.example`, `utf-8; …`, with or without the type, brackets, and xtext (RFC 3461, 4).
pub(super) fn typed_address(text: &str) -> Option<Address> {
    let (kind, address) = text.split_once(';').unwrap_or(("rfc822", text));
    if kind.trim().eq_ignore_ascii_case("x400") {
        return None;
    }
    let address = address.trim().trim_matches(['"', '\'']);
    let inside = address
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(address, |(inside, _)| inside);
    // What ASCII must be encoded in xtext, and whatever else RFC 6533 wrote as `\x{...}`.
    let plain = inside.replace("+3D", "=").replace("+2B", "+");
    let plain = if plain.contains("\\x{") {
        unescaped(&plain)
    } else {
        plain
    };
    let word = plain.split_whitespace().next()?;
    Address::parse(word).ok()
}

/// Decodes `\x{e9}` (RFC 6533, 3).
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        rest = after;
        if let Some((hex, after)) = after.split_once('}')
            && let Some(c) = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
        {
            out.push(c);
            rest = after;
        }
    }
    out + rest
}

/// A receipt: who says what became of it (RFC 8098, 3.2).
fn receipt(part: &ReportPart) -> Report {
    let group = part.groups.iter().flatten().cloned().collect::<Vec<_>>();
    let address = |name: &str| value(&group, name).and_then(typed_address);
    let said = value(&group, "disposition").unwrap_or_default();
    Report {
        kind: Kind::Receipt,
        told: vec![Told {
            recipient: address("final-recipient"),
            original: address("original-recipient"),
            action: Action::Passed,
            status: None,
            said: one_line(said, SAID_CHARS_MAX),
        }],
    }
}

/// A complaint (RFC 5965, 3). What is said not to be spam is none, and neither is a report on authentication (RFC 6591).
fn feedback(part: &ReportPart) -> Report {
    let group = part.groups.iter().flatten().cloned().collect::<Vec<_>>();
    let sort = value(&group, "feedback-type").unwrap_or_default();
    let complains = !["not-spam", "auth-failure"]
        .iter()
        .any(|none| sort.eq_ignore_ascii_case(none));
    let named = ["original-rcpt-to", "removal-recipient"];
    let recipients = group
        .iter()
        .filter(|h| named.contains(&h.name.as_str()))
        .filter_map(|h| typed_address(&h.value));
    let told = |recipient: Option<Address>| Told {
        recipient,
        original: None,
        action: Action::Passed,
        status: None,
        said: one_line(sort, SAID_CHARS_MAX),
    };
    let mut all: Vec<Told> = recipients.take(TOLD_MAX).map(|a| told(Some(a))).collect();
    if all.is_empty() {
        all.push(told(None));
    }
    Report {
        kind: if complains {
            Kind::Complaint
        } else {
            Kind::Receipt
        },
        told: all,
    }
}
