//! The header of a mail of ours: a closed list of fields, each with a value of one kind, and one place that writes lines.
//!
//! # Decisions
//! - A value is made of pieces between which a line may be folded. Whatever a piece holds, no line end, NUL or other
//!   control character of it comes out (RFC 5322, 2.2): only this file writes line ends, and never before anything but a
//!   space or a field of ours.
//! - Lines are folded at 76 columns; a piece that is longer (an id, an address) has a line of its own.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::address::one_line;
use crate::message::compose::AutoSubmitted;
use crate::message::compose::LOOP_HEADER;
use crate::message::compose::encode;
use crate::message::id::MessageId;

/// Columns of a line (RFC 5322, 2.1.1, less its CRLF).
const COLUMNS: usize = 76;
/// Characters of a display name.
const NAME_MAX: usize = 100;
/// Characters of the loop header's value.
const TOKEN_MAX: usize = 200;
/// Addresses of one field.
const ADDRESSES_MAX: usize = 20;

/// The fields that a mail of ours has, Content-* aside, which belong to its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    From,
    To,
    ReplyTo,
    Subject,
    Date,
    MessageId,
    InReplyTo,
    References,
    AutoSubmitted,
    Precedence,
    Suppress,
    Loop,
    Language,
    MimeVersion,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::From => "From",
            Self::To => "To",
            Self::ReplyTo => "Reply-To",
            Self::Subject => "Subject",
            Self::Date => "Date",
            Self::MessageId => "Message-ID",
            Self::InReplyTo => "In-Reply-To",
            Self::References => "References",
            Self::AutoSubmitted => "Auto-Submitted",
            Self::Precedence => "Precedence",
            Self::Suppress => "X-Auto-Response-Suppress",
            Self::Loop => LOOP_HEADER,
            Self::Language => "Content-Language",
            Self::MimeVersion => "MIME-Version",
        }
    }
}

/// A header that is being written.
#[derive(Default)]
pub(super) struct Head {
    out: String,
}

impl Head {
    /// Writes whom it is from: name and address.
    pub(super) fn mailbox(&mut self, name: Name, who: &NamedAddress) {
        let shown = one_line(&who.name, NAME_MAX);
        if shown.is_empty() {
            return self.field(name, [who.address.as_str()]);
        }
        let mut pieces = encode::phrase(&shown, name.text().len() + 2);
        pieces.push(format!("<{}>", who.address));
        self.field(name, pieces);
    }

    /// Writes bare addresses; no field where there are none.
    pub(super) fn addresses(&mut self, name: Name, all: &[Address]) {
        let last = all.len().min(ADDRESSES_MAX).saturating_sub(1);
        let pieces = all.iter().take(ADDRESSES_MAX).enumerate().map(|(at, a)| {
            let comma = if at < last { "," } else { "" };
            format!("{a}{comma}")
        });
        self.field(name, pieces);
    }

    /// Writes text of anybody: on one line, cut, encoded where it needs to be; `none` where it says nothing, as an empty
    /// field is lost on the way (RFC 5322, 3.6.5 wants text).
    pub(super) fn text(&mut self, name: Name, text: &str, chars_max: usize, none: &'static str) {
        let text = one_line(text, chars_max);
        let text = if text.is_empty() { none } else { &text };
        self.field(name, encode::unstructured(text));
    }

    /// Writes ids; no field where there are none.
    pub(super) fn ids<'a>(&mut self, name: Name, ids: impl IntoIterator<Item = &'a MessageId>) {
        self.field(name, ids.into_iter().map(MessageId::bracketed));
    }

    /// Writes a moment, in UTC.
    pub(super) fn date(&mut self, name: Name, at: Timestamp) {
        // Out of range dates are nobody's; the epoch is at least a date.
        let at = jiff::Timestamp::from_second(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let text = at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
        self.field(name, text.split(' '));
    }

    /// Writes words of ours.
    pub(super) fn fixed(&mut self, name: Name, value: &'static str) {
        self.field(name, [value]);
    }

    /// Writes what kind of machine wrote the mail (RFC 3834, 5).
    pub(super) fn submitted(&mut self, by: Option<AutoSubmitted>) {
        match by {
            Some(AutoSubmitted::Replied) => {
                self.fixed(Name::AutoSubmitted, "auto-replied");
                // Old helpdesks know no Auto-Submitted but this (osTicket, FreeScout, Discourse). `bulk` would be known
                // by more, yet sorts the answer among advertising; and on a forward any Precedence would make the agents'
                // own systems drop a person's case (RFC 3834, 3.1.8).
                self.fixed(Name::Precedence, "auto_reply");
            }
            Some(AutoSubmitted::Generated) => self.fixed(Name::AutoSubmitted, "auto-generated"),
            None => {}
        }
    }

    /// Writes the loop header, which is never missing.
    pub(super) fn token(&mut self, token: &str) {
        let graphic = token.chars().filter(char::is_ascii_graphic);
        let token: String = graphic.take(TOKEN_MAX).collect();
        let token = if token.is_empty() { "yes" } else { &token };
        self.field(Name::Loop, [token]);
    }

    /// Writes a language tag, if it is one by its form (RFC 5646, 2.1).
    pub(super) fn language(&mut self, tag: &str) {
        let is_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if (2..=35).contains(&tag.len()) && tag.split('-').all(is_part) {
            self.field(Name::Language, [tag]);
        }
    }

    /// Returns the fields written so far, each ended.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Writes a field, folded between its pieces. The one place that writes a line end.
    fn field<'a, P: Into<Cow<'a, str>>>(
        &mut self,
        name: Name,
        pieces: impl IntoIterator<Item = P>,
    ) {
        let mut column = 0;
        for piece in pieces {
            let piece: Cow<'a, str> = piece.into();
            let clean: String = piece.chars().filter(|c| !c.is_control()).collect();
            if clean.is_empty() {
                continue;
            }
            if column == 0 {
                self.out.push_str(name.text());
                self.out.push(':');
                column = name.text().len() + 1;
            }
            let fits = column + 1 + clean.len() <= COLUMNS;
            // Not after the name: readers that take the first line for the whole of an id are many.
            if !fits && column > name.text().len() + 1 {
                self.out.push_str("\r\n");
                column = 0;
            }
            self.out.push(' ');
            self.out.push_str(&clean);
            column += 1 + clean.len();
        }
        if column > 0 {
            self.out.push_str("\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;

    /// Lines as a receiver sees them.
    fn fields(text: &str) -> Vec<String> {
        assert!(text.is_empty() || text.ends_with("\r\n"));
        assert!(!text.replace("\r\n", "").contains(|c: char| c.is_control()));
        text.replace("\r\n ", " ")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    proptest! {
        #[test]
        fn whatever_a_piece_holds_one_field_comes_out(pieces in proptest::collection::vec("\\PC{0,90}|[\\r\\n\\x00 :a-z]{0,40}", 0..12)) {
            let mut head = Head::default();
            head.field(Name::Subject, pieces.iter().map(String::as_str));
            head.field(Name::Date, ["now"]);
            let text = head.finish();
            let fields = fields(&text);
            let shown = pieces.iter().any(|p| p.chars().any(|c| !c.is_control()));
            prop_assert_eq!(fields.len(), 1 + usize::from(shown));
            prop_assert_eq!(fields.last().unwrap().as_str(), "Date: now");
            prop_assert!(!shown || fields.first().unwrap().starts_with("Subject: "));
        }
    }

    #[test]
    fn lines_are_folded_between_pieces_and_never_within() {
        let mut head = Head::default();
        let ids: Vec<MessageId> = [10, 40, 60, 300, 20]
            .iter()
            .map(|n| MessageId::parse(&format!("{}@x.example", "a".repeat(*n))).unwrap())
            .collect();
        head.ids(Name::References, &ids);
        let text = head.finish();
        let longest = text.lines().map(str::len).filter(|n| *n > 78).count();
        assert_eq!(longest, 1, "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
        let mut long = Head::default();
        long.ids(Name::InReplyTo, ids.get(3));
        assert_eq!(long.finish().lines().count(), 1, "the id beside its name");
        let mut none = Head::default();
        none.ids(Name::References, []);
        none.addresses(Name::ReplyTo, &[]);
        assert_eq!(none.finish(), "");
    }
}
