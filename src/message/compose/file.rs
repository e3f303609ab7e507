//! A file as a part of a mail of ours: always base64, its name as data (RFC 2183, RFC 2231).

use std::fmt::Write as _;

use crate::message::address::one_line;
use crate::message::attached::Enclosure;
use crate::message::compose::encode;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 150;
/// Octets of a name in one parameter.
const NAME_PIECE: usize = 50;

/// Writes the part.
pub(super) fn part(file: &Enclosure) -> Vec<u8> {
    let mut out = format!("Content-Type: {}", kind(&file.mime));
    if let Some(charset) = file.charset.as_deref().filter(|c| is_token(c)) {
        out.push_str(";\r\n charset=");
        out.push_str(charset);
    }
    out.push_str("\r\nContent-Disposition: attachment");
    for piece in name(&file.name) {
        out.push_str(";\r\n ");
        out.push_str(&piece);
    }
    out.push_str("\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    out.push_str(&encode::base64(&file.octets));
    out.into_bytes()
}

/// A type that is written as types are; any other one says nothing.
fn kind(mime: &str) -> &str {
    let sound = mime
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    // What holds parts cannot be written as base64 (RFC 2045, 6.4).
    let holds = mime.starts_with("multipart/") || mime.starts_with("message/");
    if sound && !holds {
        mime
    } else {
        "application/octet-stream"
    }
}

fn is_token(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_');
    !text.is_empty() && text.len() <= 60 && text.bytes().all(plain)
}

/// The parameters that carry a name; none for a file without one.
fn name(name: &str) -> Vec<String> {
    let name: String = one_line(name, NAME_CHARS_MAX)
        .chars()
        .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" ._-()+,".contains(&b);
    if name.is_empty() {
        return Vec::new();
    }
    if name.len() <= NAME_PIECE && name.bytes().all(plain) {
        return vec![format!("filename=\"{name}\"")];
    }
    // No piece ends within a character: some programs decode each by itself.
    let mut pieces = vec![String::new()];
    for c in name.chars() {
        let written = percent(c);
        if let Some(last) = pieces.last_mut()
            && last.len() + written.len() <= NAME_PIECE
        {
            last.push_str(&written);
        } else {
            pieces.push(written);
        }
    }
    let pieces = pieces.into_iter();
    pieces
        .enumerate()
        .map(|(at, piece)| {
            let charset = if at == 0 { "utf-8''" } else { "" };
            format!("filename*{at}*={charset}{piece}")
        })
        .collect()
}

fn percent(c: char) -> String {
    if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
        return c.to_string();
    }
    let mut octets = [0; 4];
    let octets = c.encode_utf8(&mut octets).bytes();
    octets.fold(String::new(), |mut out, b| {
        let _ = write!(out, "%{b:02X}");
        out
    })
}
