//! A mail of ours for a server that takes no 8-bit text (RFC 6152, 3).

use crate::message::compose::Original;
use crate::message::compose::PACKED_NOTICE;
use crate::message::compose::attachment;

/// Returns a mail that `compose` made in a form without 8-bit text: the attached original packed, and a line that says
/// so. None when there is nothing of that kind to pack, as in an address that is not ASCII.
///
/// The choice is not made when the mail is composed, because only the connection tells what the server takes, and all
/// but a few take the original as the mail that it is. The id stays: it is the same mail.
pub fn seven_bit(mail: &[u8]) -> Option<Vec<u8>> {
    let header = mail.get(..find(mail, b"\r\n\r\n")?)?;
    let marker = b"\r\nContent-Type: multipart/mixed;\r\n boundary=\"";
    let rest = header.get(find(header, marker)? + marker.len()..)?;
    let boundary = rest.get(..find(rest, b"\"")?)?;
    let start = [b"\r\n--", boundary, b"\r\nContent-Type: message/rfc822\r\n"].concat();
    let end = [b"\r\n--", boundary, b"--\r\n"].concat();
    let at = find(mail, &start)?;
    let head = mail.get(..at)?;
    let part = mail.get(at..)?;
    // The transport may have taken the last line end off.
    let part = part
        .strip_suffix(end.as_slice())
        .or_else(|| part.strip_suffix(end.strip_suffix(b"\r\n")?))?;
    let original = part.get(find(part, b"\r\n\r\n")? + 4..)?;
    if !head.is_ascii() || original.is_ascii() {
        return None;
    }
    let notice = format!("\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{PACKED_NOTICE}\r\n");
    let packed = attachment(Original::Packed(original.to_vec()));
    let between = [b"\r\n--", boundary].concat();
    Some(
        [
            head,
            &between,
            notice.as_bytes(),
            &between,
            b"\r\n",
            &packed,
            &end,
        ]
        .concat(),
    )
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
