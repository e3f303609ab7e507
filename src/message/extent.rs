//! How much a mail is, as it came: counted before anything is cut, so that a limit can be held against it.

use crate::message::header::Fields;

/// Counts and sizes of a mail. What lies beyond the limits of reading is not counted to its end; each count then
/// is far above any limit that a desk may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Octets of the header block, its empty line not included.
    pub header_bytes: usize,
    /// Header fields that were read.
    pub fields: usize,
    /// Addresses in To and Cc.
    pub recipients: usize,
    /// Ids in References and In-Reply-To.
    pub references: usize,
    /// MIME parts, multiparts included.
    pub parts: usize,
    /// Multiparts inside multiparts; 0: a mail of one part.
    pub depth: usize,
    /// Attached things, those beyond `ATTACHMENTS_MAX` included.
    pub attachments: usize,
    /// Octets of all of them, decoded.
    pub attachment_bytes: usize,
}

impl Extent {
    /// Adds what the header block tells.
    pub(crate) fn count_header(&mut self, raw: &[u8], fields: &Fields) {
        self.header_bytes = header_bytes(raw);
        self.fields = fields.list.len();
        let count = |names: [&str; 2]| -> usize {
            let values = names.into_iter().flat_map(|name| fields.all(name));
            values.map(addresses).sum()
        };
        self.recipients = count(["to", "cc"]);
        self.references = count(["references", "in-reply-to"]);
    }
}

/// Things in angle brackets, or, where there are none, things with an at sign.
fn addresses(value: &str) -> usize {
    match value.matches('<').count() {
        0 => value.matches('@').count(),
        bracketed => bracketed,
    }
}

/// Octets up to the first empty line.
fn header_bytes(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        if line.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            break;
        }
        at += line.len();
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fmt::Write as _;

    use crate::message::parse::parse;

    #[test]
    fn a_mail_is_counted_as_it_came_and_not_as_it_is_kept() {
        let recipients: Vec<String> = (0..700)
            .map(|n| format!("Some One <n{n}@x.example>"))
            .collect();
        let ids: Vec<String> = (0..900).map(|n| format!("<{n}@x.example>")).collect();
        let head = format!(
            "From: a@x.example\r\nTo: {}\r\nCc: b@x.example, c@x.example\r\nReferences: {}\r\n",
            recipients.join(",\r\n "),
            ids.join("\r\n ")
        );
        let message = parse(format!("{head}\r\nHello.\r\n").as_bytes());
        let extent = message.structure.extent;
        assert_eq!(extent.header_bytes, head.len());
        assert_eq!((extent.recipients, extent.references), (702, 900));
        assert_eq!((extent.parts, extent.depth, extent.attachments), (1, 0, 0));
        assert!(message.to.len() < 700 && message.references.len() < 900);
    }

    #[test]
    fn nested_parts_and_attachments_are_counted_beyond_what_is_noted() {
        let mut mail = "From: a@x.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\
            Content-Type: multipart/mixed; boundary=i\n\n--i\n\nHello.\n--i--\n"
            .to_owned();
        for n in 0..150 {
            write!(mail,
                "--o\nContent-Type: image/png; name=\"{n}.png\"\nContent-Disposition: attachment\n\n12345\n"
            ).unwrap();
        }
        mail.push_str("--o--\n");
        let extent = parse(mail.as_bytes()).structure.extent;
        assert_eq!((extent.attachments, extent.depth), (150, 2));
        assert_eq!(extent.parts, 153);
        assert!(extent.attachment_bytes >= 150 * 5, "{extent:?}");
    }
}
