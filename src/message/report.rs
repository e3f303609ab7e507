//! What reports hold for machines: groups of fields (RFC 3464, RFC 8098, RFC 5965), and words that a desk may have signed.

use crate::message::Header;
use crate::message::IDS_MAX;
use crate::message::address::Address;
use crate::message::header;
use crate::message::id::MessageId;

/// Groups of fields that are kept of one part: one for the mail, and one for each recipient.
const GROUPS_MAX: usize = 100;
/// Octets of a part that are looked at.
const PART_BYTES_MAX: usize = 256 * 1024;
/// Octets of a part in which signed words are looked for.
const SCANNED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Octets at each side of an `@`.
const SIDE_BYTES_MAX: usize = 200;

/// A part that a machine wrote for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPart {
    /// What about.
    pub kind: ReportKind,
    /// Its groups of fields, in order: names lower-case, values unfolded and trimmed.
    pub groups: Vec<Vec<Header>>,
}

/// What such a part tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// A delivery (RFC 3464).
    Delivery,
    /// A receipt (RFC 8098).
    Disposition,
    /// A complaint (RFC 5965).
    Feedback,
}

/// Words, in whatever part they stand, that have the form of what desks sign. That a desk did, only its key tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Message-IDs of five dotted words before the `@`, the second a number; at most `IDS_MAX`.
    pub ids: Vec<MessageId>,
    /// Addresses with `+NUMBER-LETTERS`; at most `IDS_MAX`.
    pub addresses: Vec<Address>,
}

impl ReportPart {
    /// Splits a part into its groups of fields. Total.
    pub(crate) fn read(kind: ReportKind, octets: &[u8]) -> Self {
        let octets = octets
            .get(..octets.len().min(PART_BYTES_MAX))
            .unwrap_or(octets);
        let mut groups = Vec::new();
        let mut start = 0;
        let mut at = 0;
        for line in octets.split_inclusive(|&b| b == b'\n') {
            at += line.len();
            let ends = line.iter().all(u8::is_ascii_whitespace);
            if !ends && at < octets.len() {
                continue;
            }
            let group = octets.get(start..at).unwrap_or_default();
            start = at;
            let fields = header::split(group, None).list;
            if !fields.is_empty() && groups.len() < GROUPS_MAX {
                groups.push(fields);
            }
        }
        Self { kind, groups }
    }
}

impl Marks {
    /// Looks through the octets of a part. Linear in their number.
    pub(crate) fn scan(&mut self, octets: &[u8]) {
        let octets = octets
            .get(..octets.len().min(SCANNED_BYTES_MAX))
            .unwrap_or(octets);
        let ats = octets.iter().enumerate().filter(|(_, b)| **b == b'@');
        for (at, _) in ats {
            if self.ids.len() >= IDS_MAX && self.addresses.len() >= IDS_MAX {
                return;
            }
            let (before, after) = octets.split_at_checked(at).unwrap_or_default();
            let local = ending(before);
            let Some(found) = form(local) else { continue };
            let domain = beginning(after.get(1..).unwrap_or_default());
            let text = format!("{local}@{domain}");
            match found {
                Form::Id if self.ids.len() < IDS_MAX => {
                    self.ids.extend(
                        MessageId::parse(&text)
                            .ok()
                            .filter(|id| !self.ids.contains(id)),
                    );
                }
                Form::Address if self.addresses.len() < IDS_MAX => {
                    self.addresses.extend(
                        Address::parse(&text)
                            .ok()
                            .filter(|a| !self.addresses.contains(a)),
                    );
                }
                _ => {}
            }
        }
    }
}

enum Form {
    Id,
    Address,
}

fn form(local: &str) -> Option<Form> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((_, tag)) = local.rsplit_once('+') {
        let (digits, letters) = tag.split_once('-')?;
        let fits = number(digits) && letters.bytes().all(|b| b.is_ascii_alphanumeric());
        return (fits && letters.len() >= 10).then_some(Form::Address);
    }
    let mut words = local.split('.');
    let fits = words.next().is_some_and(|w| w.len() == 1) && words.next().is_some_and(number);
    (fits && words.count() == 3).then_some(Form::Id)
}

/// The word that octets end in.
fn ending(octets: &[u8]) -> &str {
    let longest = octets.len().saturating_sub(SIDE_BYTES_MAX);
    let start = octets
        .iter()
        .enumerate()
        .skip(longest)
        .rev()
        .take_while(|(_, b)| b.is_ascii_alphanumeric() || b"._+-=&'".contains(b))
        .last()
        .map_or(octets.len(), |(at, _)| at);
    let word = octets.get(start..).unwrap_or_default();
    let word = std::str::from_utf8(word).unwrap_or_default();
    // What comes before the word in `mailto:a=b` or `id=x` is not part of it.
    word.rsplit('=').next().unwrap_or_default()
}

/// The domain that octets begin with.
fn beginning(octets: &[u8]) -> &str {
    let end = octets
        .iter()
        .take(SIDE_BYTES_MAX)
        .take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b))
        .count();
    let word = octets.get(..end).unwrap_or_default();
    std::str::from_utf8(word)
        .unwrap_or_default()
        .trim_matches(['.', '-'])
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test may panic"
    )]

    use super::*;

    #[test]
    fn fields_stand_in_groups_and_a_last_line_needs_no_end() {
        let text = b"Reporting-MTA: dns; a.example\r\n\r\n \r\nFinal-Recipient: rfc822;\r\n x@y.example\r\nAction: failed\n\nStatus: 5.1.1";
        let part = ReportPart::read(ReportKind::Delivery, text);
        let shape: Vec<Vec<(&str, &str)>> = part
            .groups
            .iter()
            .map(|g| {
                g.iter()
                    .map(|h| (h.name.as_str(), h.value.as_str()))
                    .collect()
            })
            .collect();
        assert_eq!(shape.len(), 3, "{shape:?}");
        assert_eq!(shape[1][0], ("final-recipient", "rfc822; x@y.example"));
        assert_eq!(shape[2], [("status", "5.1.1")]);
        assert!(
            ReportPart::read(ReportKind::Delivery, b"")
                .groups
                .is_empty()
        );
    }

    #[test]
    fn signed_words_are_seen_in_any_surroundings_and_others_are_not() {
        let id = "r.1042.aaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc@desk.example";
        let address = "support+1042-bbbbbbbbbbbbbbbb@desk.example";
        for around in [
            "<{}>",
            "&lt;{}&gt;",
            "id={}.",
            ">> Message-ID: {}",
            "(\"{}\")",
            "{}",
        ] {
            let mut marks = Marks::default();
            marks.scan(around.replace("{}", id).as_bytes());
            marks.scan(around.replace("{}", address).as_bytes());
            assert_eq!(marks.ids, [MessageId::parse(id).unwrap()], "{around}");
            assert_eq!(
                marks.addresses,
                [Address::parse(address).unwrap()],
                "{around}"
            );
        }
        let mut marks = Marks::default();
        for other in [
            "maria@home.example",
            "a.b.c.d.e@x.example",
            "x+list@y.example",
            "@",
            "r.1.a.b.c@",
        ] {
            marks.scan(other.as_bytes());
        }
        marks.scan(&b"@".repeat(100_000));
        assert_eq!(
            (marks.ids.len(), marks.addresses.len()),
            (1, 0),
            "{marks:?}"
        );
    }

    #[test]
    fn a_flood_of_signed_words_has_an_end() {
        let mut marks = Marks::default();
        let flood: Vec<String> = (0..5_000)
            .map(|n| format!("<r.{n}.a.b.c@d.example>"))
            .collect();
        marks.scan(flood.join(" ").as_bytes());
        assert_eq!(marks.ids.len(), IDS_MAX);
    }
}
