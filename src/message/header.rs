//! The header block: fields as they stand, and what they mean.
//!
//! # Decisions
//! The block is split here and not by the library: that returns the *last* of two equal fields and decodes 8-bit
//! values as UTF-8 only. The meaning of a value (addresses, dates, encoded words) is the library's.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use crate::message::Header;
use crate::message::IDS_MAX;
use crate::message::ReturnPath;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::charset;
use crate::message::id::MessageId;

/// Fields of a header block that are kept.
const FIELDS_MAX: usize = 1000;
/// Octets of a value that are kept.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Octets of a header block that are looked at.
const BLOCK_BYTES_MAX: usize = 1024 * 1024;
/// Addresses kept of one field.
const ADDRESSES_MAX: usize = 200;

/// The fields of one header block, in order, and how the block ended.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Name (lower-case) and value (unfolded, trimmed, not decoded).
    pub(crate) list: Vec<Header>,
    /// Fields or octets were left out.
    pub(crate) cut: bool,
    /// A control character stood in a value.
    pub(crate) control: bool,
}

/// Splits the header block of a mail. `charset` decodes 8-bit values that are not UTF-8.
pub(crate) fn split(raw: &[u8], charset: Option<&str>) -> Fields {
    let mut fields = Fields::default();
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut used = 0_usize;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        used = used.saturating_add(line.len());
        let ended = line.iter().all(|b| matches!(b, b'\r' | b'\n'));
        // An empty line before the first field is dirt; an mbox line is the file's, not the mail's.
        if open.is_none() && fields.list.is_empty() && (ended || line.starts_with(b"From ")) {
            if used > BLOCK_BYTES_MAX {
                break;
            }
            continue;
        }
        if ended {
            break;
        }
        if used > BLOCK_BYTES_MAX || fields.list.len() >= FIELDS_MAX {
            fields.cut = true;
            break;
        }
        let body = trim_end(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some((_, value)) = &mut open {
                value.extend_from_slice(body);
            }
            continue;
        }
        if let Some(field) = open.take() {
            fields.close(field, charset);
        }
        open = name_and_value(body);
        if open.is_none() && fields.list.is_empty() {
            break;
        }
    }
    if let Some(field) = open.take()
        && fields.list.len() < FIELDS_MAX
    {
        fields.close(field, charset);
    }
    fields
}

/// Leaves out blank lines before the first field: they would end the header before it began.
pub(crate) fn skip_blank_lines(raw: &[u8]) -> &[u8] {
    let mut rest = raw;
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, b""));
        if !line.iter().all(u8::is_ascii_whitespace) {
            break;
        }
        rest = after;
    }
    rest
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn name_and_value(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&b| b == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = std::str::from_utf8(name).ok()?.trim_end();
    let sound = !name.is_empty() && name.len() <= 200 && name.bytes().all(|b| b.is_ascii_graphic());
    sound.then(|| {
        (
            name.to_ascii_lowercase(),
            value.get(1..).unwrap_or_default().to_vec(),
        )
    })
}

impl Fields {
    fn close(&mut self, (name, value): (String, Vec<u8>), charset: Option<&str>) {
        self.control |= value
            .iter()
            .any(|&b| b < b' ' && b != b'\t' && b != 0x1b || b == 0x7f);
        // UTF-8 is what a header may hold (RFC 6532), whatever the body is in.
        let utf8 = std::str::from_utf8(&value).is_ok_and(|text| !text.is_ascii());
        let decoded = charset::decode(&value, if utf8 { Some("utf-8") } else { charset }).text;
        let value = charset::cut(decoded.trim(), VALUE_BYTES_MAX);
        self.cut |= value.len() < decoded.trim().len();
        self.list.push(Header {
            name,
            value: value.to_owned(),
        });
    }

    /// Returns the values of a field, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.list
            .iter()
            .filter(move |h| h.name == name)
            .map(|h| h.value.as_str())
    }

    /// Returns the first value of a field.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|h| h.name == name)
            .map(|h| h.value.as_str())
    }

    /// Returns the usable addresses of the first field of that name that has any.
    pub(crate) fn addresses(&self, name: &str) -> Vec<NamedAddress> {
        self.all(name)
            .map(addresses)
            .find(|list| !list.is_empty())
            .unwrap_or_default()
    }

    /// Returns the ids of all fields of that name, in order.
    pub(crate) fn ids(&self, name: &str) -> Vec<MessageId> {
        self.all(name).flat_map(ids).collect()
    }

    /// Returns the Message-ID of the first field that has a usable one.
    pub(crate) fn message_id(&self) -> Option<MessageId> {
        self.all("message-id").find_map(|value| {
            let found = ids(value).into_iter().next();
            // Some clients leave the brackets out.
            found.or_else(|| MessageId::parse(value).ok())
        })
    }

    /// Returns the first subject, decoded, on one line, cut to `chars_max` characters.
    pub(crate) fn subject(&self, chars_max: usize) -> String {
        self.first("subject")
            .map(|value| super::address::one_line(&words(value), chars_max))
            .unwrap_or_default()
    }

    /// Returns the first date that can be read, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<i64> {
        self.all("date").find_map(|value| {
            let line = format!("{value}\n");
            match MessageStream::new(line.as_bytes()).parse_date() {
                HeaderValue::DateTime(date) if date.is_valid() && date.year >= 1970 => {
                    Some(date.to_timestamp())
                }
                _ => None,
            }
        })
    }

    /// Returns what the first Return-Path says: the border writes it on top.
    pub(crate) fn return_path(&self) -> ReturnPath {
        let Some(value) = self.first("return-path") else {
            return ReturnPath::Missing;
        };
        let value = value.trim();
        if value.split_whitespace().collect::<String>() == "<>" {
            return ReturnPath::Null;
        }
        match Address::parse(value) {
            Ok(address) => ReturnPath::Address(address),
            Err(_) => match addresses(value).into_iter().next() {
                Some(named) => ReturnPath::Address(named.address),
                None => ReturnPath::Unusable,
            },
        }
    }
}

/// Decodes the encoded words of an unstructured value (RFC 2047).
pub(crate) fn words(value: &str) -> String {
    let line = format!("{}\n", value.replace(['\r', '\n'], " "));
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.trim_start().to_owned(),
        _ => String::new(),
    }
}

/// Reads the usable addresses of an address field's value, groups included.
pub(crate) fn addresses(value: &str) -> Vec<NamedAddress> {
    let line = format!("{}\n", value.replace(['\r', '\n'], " "));
    let HeaderValue::Address(list) = MessageStream::new(line.as_bytes()).parse_address() else {
        return Vec::new();
    };
    list.iter()
        .take(ADDRESSES_MAX)
        .filter_map(|addr| {
            let address = Address::parse(addr.address.as_deref()?).ok()?;
            Some(NamedAddress::new(
                addr.name.as_deref().unwrap_or_default(),
                address,
            ))
        })
        .collect()
}

/// Reads the bracketed ids of a value; prose between them is passed over (RFC 5322, 4.5.4).
pub(crate) fn ids(value: &str) -> Vec<MessageId> {
    let mut found: Vec<MessageId> = value
        .split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>').map(|(id, _)| id))
        .filter_map(|id| {
            // A long id may have been folded in the middle.
            let id: String = id.split_whitespace().collect();
            MessageId::parse(&id).ok()
        })
        .collect();
    if found.is_empty() && !value.contains('<') {
        found.extend(
            value
                .split_whitespace()
                .filter(|id| id.contains('@'))
                .filter_map(|id| MessageId::parse(id).ok()),
        );
    }
    found
}

/// Keeps the first `IDS_MAX` ids.
pub(crate) fn first_ids(mut ids: Vec<MessageId>) -> Vec<MessageId> {
    ids.truncate(IDS_MAX);
    ids
}

/// Keeps the last `IDS_MAX` ids: the nearest ancestors.
pub(crate) fn last_ids(mut ids: Vec<MessageId>) -> Vec<MessageId> {
    let surplus = ids.len().saturating_sub(IDS_MAX);
    ids.drain(..surplus);
    ids
}

#[cfg(test)]
mod tests;
