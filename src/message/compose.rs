//! The bytes of a mail we send (RFC 5322, RFC 3834).
//!
//! # Decisions
//! Written here and not by lettre's builder: that panics on a line feed in a display name, refuses addresses that
//! exist, leaves long words unfolded, and draws boundaries at random, so that a mail sent again would differ from the
//! first. Same draft, same bytes.

mod encode;
mod file;
mod head;
mod picture;
mod seven;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::attached::Enclosure;
use crate::message::compose::head::Head;
use crate::message::compose::head::Name;
use crate::message::id::MessageId;

pub use crate::message::compose::picture::Picture;
pub use crate::message::compose::picture::compose_with_picture;
pub use crate::message::compose::seven::seven_bit;

/// Characters of a subject.
const SUBJECT_MAX: usize = 200;
/// Ids of References kept at each end: the root, and the nearest.
const REFERENCES_LAST: usize = 20;
/// Octets of a line, without CRLF (RFC 5322, 2.1.1).
const LINE_MAX: usize = 998;

/// Everything that a mail of ours says. Values are data: whatever they hold, the result has exactly our headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The desk: display name and address.
    pub from: NamedAddress,
    /// The one recipient; no display name taken from a mail (RFC 3834, 3.1.3).
    pub to: Address,
    /// Where answers go, when not to `from`; empty: no Reply-To.
    pub reply_to: Vec<Address>,
    /// Subject as text; encoded where it needs to be, control characters made spaces, cut.
    pub subject: String,
    /// Our id for it.
    pub message_id: MessageId,
    /// The mail it answers.
    pub in_reply_to: Option<MessageId>,
    /// The conversation so far, oldest first.
    pub references: Vec<MessageId>,
    /// The Date field.
    pub date: Timestamp,
    /// `auto-replied` or `auto-generated`, or none for what a person wrote (RFC 3834, 5).
    pub auto_submitted: Option<AutoSubmitted>,
    /// Value of the loop header `X-Mailclerk-Loop`, which every mail of ours carries.
    pub loop_token: String,
    /// BCP 47 tag for Content-Language.
    pub language: String,
    /// The plain text.
    pub text: String,
    /// The same as simple HTML, already escaped.
    pub html: Option<String>,
    /// A mail to attach whole.
    pub original: Option<Vec<u8>>,
}

/// The Auto-Submitted field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// An automatic reply.
    Replied,
    /// Written by a machine, though not in reply: forwards, notices.
    Generated,
}

/// The loop header that every mail of ours carries.
pub const LOOP_HEADER: &str = "X-Mailclerk-Loop";

/// The text's last line when the original cannot travel as a mail.
pub const PACKED_NOTICE: &str = "(The original mail cannot be attached as a mail; it is attached byte for byte as original.eml.)";

/// Composes the mail: CRLF line ends, lines of at most 998 octets, one each of From, To, Date, Message-ID, Subject.
///
/// All ASCII, save for an address whose local part is not (`Address::is_ascii`) and for an original with 8-bit text,
/// which needs 8BITMIME (RFC 6152); [`seven_bit`] makes of it what every server takes.
pub fn compose(draft: &Draft) -> Vec<u8> {
    compose_with(draft, &[])
}

/// As [`compose`], with files attached.
pub fn compose_with(draft: &Draft, files: &[Enclosure]) -> Vec<u8> {
    let mut out = header(draft);
    let original = draft.original.as_deref().map(prepare);
    let packed = matches!(original, Some(Original::Packed(_)));
    let text = if packed {
        format!("{}\n\n{PACKED_NOTICE}\n", draft.text.trim_end())
    } else {
        draft.text.clone()
    };
    let mut body = text_part("plain", &text);
    if let Some(html) = &draft.html {
        // The notice is told in both, or a reader of HTML would not see it.
        let notice = if packed {
            format!("<p>{PACKED_NOTICE}</p>")
        } else {
            String::new()
        };
        let html = text_part("html", &format!("{html}{notice}"));
        body = multipart("alternative", &[body.into_bytes(), html.into_bytes()], "");
    }
    let parts: Vec<Vec<u8>> = original
        .map(attachment)
        .into_iter()
        .chain(files.iter().map(file::part))
        .collect();
    if parts.is_empty() {
        out.push_str(&body);
        return out.into_bytes();
    }
    let all: Vec<&[u8]> = std::iter::once(body.as_bytes())
        .chain(parts.iter().map(Vec::as_slice))
        .collect();
    let boundary = boundary(&all);
    out.push_str("Content-Type: multipart/mixed;\r\n boundary=\"");
    out.push_str(&boundary);
    out.push_str("\"\r\n\r\n--");
    out.push_str(&boundary);
    out.push_str("\r\n");
    out.push_str(&body);
    let mut bytes = out.into_bytes();
    for part in &parts {
        bytes.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

fn header(draft: &Draft) -> String {
    let mut head = Head::default();
    head.mailbox(Name::From, &draft.from);
    head.addresses(Name::To, std::slice::from_ref(&draft.to));
    head.addresses(Name::ReplyTo, &draft.reply_to);
    head.text(Name::Subject, &draft.subject, SUBJECT_MAX, "(no subject)");
    head.date(Name::Date, draft.date);
    head.ids(Name::MessageId, [&draft.message_id]);
    head.ids(Name::InReplyTo, &draft.in_reply_to);
    head.ids(Name::References, references(draft));
    head.submitted(draft.auto_submitted);
    // Exchange answers with its out-of-office whatever Auto-Submitted says, but not to this.
    head.fixed(Name::Suppress, "All");
    head.token(&draft.loop_token);
    head.language(&draft.language);
    head.fixed(Name::MimeVersion, "1.0");
    head.finish()
}

/// The root and the nearest ancestors; a thread of a thousand mails needs no more (RFC 5322, 3.6.4).
fn references(draft: &Draft) -> Vec<&MessageId> {
    let mut ids: Vec<&MessageId> = draft.references.iter().collect();
    if let Some(parent) = &draft.in_reply_to
        && !ids.contains(&parent)
    {
        ids.push(parent);
    }
    let surplus = ids.len().saturating_sub(REFERENCES_LAST + 1);
    if surplus > 0 {
        ids.drain(1..=surplus);
    }
    ids
}

fn text_part(subtype: &str, text: &str) -> String {
    let (encoding, body) = encode::body(text);
    let charset = if encoding == "7bit" {
        "us-ascii"
    } else {
        "utf-8"
    };
    // UTF-8 is told for ASCII, too: some clients take their own default for what they do not know.
    let charset = if charset == "us-ascii" {
        "utf-8"
    } else {
        charset
    };
    format!(
        "Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    )
}

fn multipart(subtype: &str, parts: &[Vec<u8>], extra: &str) -> String {
    let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let boundary = boundary(&slices);
    let mut out =
        format!("Content-Type: multipart/{subtype};{extra}\r\n boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        for piece in [
            "--",
            &boundary,
            "\r\n",
            &String::from_utf8_lossy(part),
            "\r\n",
        ] {
            out.push_str(piece);
        }
    }
    for piece in ["--", &boundary, "--\r\n"] {
        out.push_str(piece);
    }
    out
}

/// A boundary that stands in none of the parts: made of their digest, so that the same draft gives the same bytes.
fn boundary(parts: &[&[u8]]) -> String {
    let mut seed = digest(&SHA256, &parts.concat());
    loop {
        let boundary = format!(
            "=_{}",
            data_encoding::HEXLOWER.encode(seed.as_ref().get(..16).unwrap_or_default())
        );
        let taken = parts.iter().any(|part| {
            part.windows(boundary.len())
                .any(|window| window == boundary.as_bytes())
        });
        if !taken {
            return boundary;
        }
        seed = digest(&SHA256, seed.as_ref());
    }
}

enum Original {
    /// Fit to travel as a mail, with CRLF line ends.
    Mail(Vec<u8>),
    /// As it came, since a mail must not hold such bytes.
    Packed(Vec<u8>),
}

/// Gives an original CRLF line ends. Long lines, NUL and bare CR cannot be sent (RFC 5322, 2.3; RFC 5321, 2.3.8) and
/// must not be mended: then it goes packed.
fn prepare(raw: &[u8]) -> Original {
    let mut mail = Vec::with_capacity(raw.len() + raw.len() / 40);
    for line in raw.split_inclusive(|&b| b == b'\n') {
        let (line, ended) = match line.strip_suffix(b"\n") {
            Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), true),
            None => (line, false),
        };
        if line.len() > LINE_MAX || line.iter().any(|&b| b == 0 || b == b'\r') {
            return Original::Packed(raw.to_vec());
        }
        mail.extend_from_slice(line);
        if ended {
            mail.extend_from_slice(b"\r\n");
        }
    }
    Original::Mail(mail)
}

fn attachment(original: Original) -> Vec<u8> {
    match original {
        Original::Mail(mail) => {
            // Only 7bit, 8bit and binary may wrap a mail (RFC 2046, 5.2.1).
            let encoding = if mail.is_ascii() { "7bit" } else { "8bit" };
            let mut part = format!(
                "Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"original.eml\"\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n"
            )
            .into_bytes();
            part.extend_from_slice(&mail);
            part
        }
        Original::Packed(raw) => format!(
            "Content-Type: application/octet-stream; name=\"original.eml\"\r\n\
             Content-Disposition: attachment; filename=\"original.eml\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}",
            encode::base64(&raw)
        )
        .into_bytes(),
    }
}

#[cfg(test)]
mod tests;
