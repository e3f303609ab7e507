//! Message-IDs that cannot be wrong.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::message::address::excerpt;

/// Octets of a Message-ID without its brackets.
const MESSAGE_ID_MAX: usize = 500;

/// A Message-ID without its angle brackets: 1 to 500 octets of printable ASCII without spaces and brackets
/// (RFC 5322, 3.6.4); opaque, compared byte by byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId {
    text: String,
}

/// Why a text is no Message-ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no Message-ID: {why}")]
pub struct BadMessageId {
    /// The text, cut and escaped.
    pub text: String,
    /// What is wrong, as words.
    pub why: &'static str,
}

impl MessageId {
    /// Reads a Message-ID, with or without its angle brackets; space around it is trimmed, nothing else changed.
    pub fn parse(text: &str) -> Result<Self, BadMessageId> {
        let bad = |why| BadMessageId {
            text: excerpt(text),
            why,
        };
        let id = text.trim();
        let id = id
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or(id)
            .trim();
        if id.is_empty() {
            return Err(bad("empty"));
        }
        if id.len() > MESSAGE_ID_MAX {
            return Err(bad("too long"));
        }
        if !id
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
        {
            return Err(bad("not printable ASCII without spaces and brackets"));
        }
        Ok(Self {
            text: id.to_owned(),
        })
    }

    /// Returns the id without its brackets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the id as it stands in a header: `<id>`.
    pub fn bracketed(&self) -> String {
        format!("<{}>", self.text)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({})", self.text)
    }
}

impl TryFrom<String> for MessageId {
    type Error = BadMessageId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.text
    }
}

impl std::str::FromStr for MessageId {
    type Err = BadMessageId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl AsRef<str> for MessageId {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::MessageId;

    #[test]
    fn message_ids_keep_their_case_and_refuse_what_breaks_a_header() {
        let id = MessageId::parse(" <AbC.1@x.Example> ").unwrap();
        assert_eq!(id.as_str(), "AbC.1@x.Example");
        assert_eq!(id.bracketed(), "<AbC.1@x.Example>");
        assert_ne!(id, MessageId::parse("abc.1@x.Example").unwrap());
        assert!(MessageId::parse("no-at-sign-is-fine").is_ok());
        for text in ["", "<>", "a b@x", "a@x\r\nBcc: b", "<a><b>", "ä@x", "<a"] {
            assert!(MessageId::parse(text).is_err(), "{text:?}");
        }
        assert!(MessageId::parse(&"a".repeat(500)).is_ok());
        assert!(MessageId::parse(&"a".repeat(501)).is_err());
        assert!(serde_json::from_str::<MessageId>("\"a b\"").is_err());
    }
}
