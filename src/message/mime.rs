//! The parts of a mail: which text is its text, what is attached, what the structure says.
//!
//! # Decisions
//! The library finds the parts; it nests mails inside mails as values inside values, so that a hostile depth would
//! end the process when they are dropped. Before it sees the bytes, the type of every inner mail is therefore renamed
//! (`neutral`), and inner mails are read here, two deep at most. Text is decoded here too, from the bytes of the part,
//! because a wrong charset label costs the library the bytes.

mod flowed;
pub(crate) mod neutral;
mod select;
mod special;

use mail_parser::Encoding;
use mail_parser::MessageParser;
use mail_parser::MessagePart;
use mail_parser::MimeHeaders;
use mail_parser::PartType;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use ring::digest::Context;
use ring::digest::SHA256;

use crate::message::Attachment;
use crate::message::AttachmentNote;
use crate::message::Flaw;
use crate::message::Forwarded;
use crate::message::IDS_MAX;
use crate::message::Structure;
use crate::message::TEXT_BYTES_MAX;
use crate::message::address::one_line;
use crate::message::charset;
use crate::message::html;
use crate::message::html::Line;
use crate::message::mime::select::Candidate;
use crate::message::report::ReportKind;
use crate::message::unquote;

/// Multiparts inside multiparts.
const DEPTH_MAX: usize = 30;
/// Parts that are looked at.
const PARTS_MAX: usize = 2000;
/// Inner mails that are read.
const MAILS_MAX: usize = 10;
/// Mails inside mails.
const MAIL_DEPTH_MAX: usize = 2;

/// What the parts of a mail hold.
pub(crate) struct Content {
    /// The text.
    pub(crate) lines: Vec<Line>,
    /// What the structure says.
    pub(crate) structure: Structure,
    /// What is attached.
    pub(crate) attachments: Vec<Attachment>,
    /// Mails inside the mail, in order.
    pub(crate) mails: Vec<Inner>,
    /// What is wrong.
    pub(crate) flaws: Vec<Flaw>,
    /// Charset of the first text, for 8-bit header fields.
    pub(crate) charset: Option<String>,
    /// SHA-256 over the decoded parts.
    pub(crate) digest: Vec<u8>,
    /// What is attached, whole, in the order of `attachments`; only where it was asked for.
    pub(crate) kept: Vec<Kept>,
}

/// An attachment with its octets.
pub(crate) struct Kept {
    /// The charset that a text names.
    pub(crate) charset: Option<String>,
    /// Its octets, transfer encoding taken off.
    pub(crate) octets: Vec<u8>,
}

/// A mail inside a mail.
pub(crate) struct Inner {
    /// Its sender and subject.
    pub(crate) head: Forwarded,
    /// Its text.
    pub(crate) text: String,
}

struct Reader<'a> {
    mail: &'a mail_parser::Message<'a>,
    raw: &'a [u8],
    content: Content,
    seen: usize,
    mail_depth: usize,
    /// Which attachments are kept whole, by their place.
    wanted: &'a [usize],
}

/// Reads the parts of a mail.
pub(crate) fn read(raw: &[u8]) -> Content {
    read_at(raw, 0, &[])
}

/// Reads the parts of a mail and keeps some of its attachments, by their place.
pub(crate) fn read_keeping(raw: &[u8], wanted: &[usize]) -> Content {
    read_at(raw, 0, wanted)
}

fn read_at(raw: &[u8], mail_depth: usize, wanted: &[usize]) -> Content {
    let bytes = neutral::rename_inner_mails(raw);
    let content = Content {
        lines: Vec::new(),
        structure: Structure::default(),
        attachments: Vec::new(),
        mails: Vec::new(),
        flaws: Vec::new(),
        charset: None,
        digest: Vec::new(),
        kept: Vec::new(),
    };
    let Some(mail) = MessageParser::default().parse(bytes.as_ref()) else {
        let flaws = vec![Flaw::Unparsable];
        let text = charset::clean(&charset::decode(raw, None).text);
        return Content {
            lines: unquote::plain_lines(charset::cut(&text, TEXT_BYTES_MAX)),
            flaws,
            ..content
        };
    };
    let mut reader = Reader {
        mail: &mail,
        raw: bytes.as_ref(),
        content,
        seen: 0,
        mail_depth,
        wanted,
    };
    let candidate = reader.walk(0, 0, false);
    if mail.parts.len() > PARTS_MAX {
        reader.flaw(Flaw::TooBig);
    }
    reader.content.structure.extent.parts = mail.parts.len();
    let mut content = reader.content;
    content.lines = candidate
        .map(|candidate| candidate.lines)
        .unwrap_or_default();
    if limit(&mut content.lines) && !content.flaws.contains(&Flaw::TooBig) {
        content.flaws.push(Flaw::TooBig);
    }
    content.structure.returned_ids.truncate(IDS_MAX);
    content.structure.returned_to.truncate(IDS_MAX);
    if mail_depth == 0 {
        content.digest = digest(&mail, bytes.as_ref());
    }
    content
}

/// Cuts lines to `TEXT_BYTES_MAX`; tells whether it had to.
fn limit(lines: &mut Vec<Line>) -> bool {
    let mut left = TEXT_BYTES_MAX;
    for (at, line) in lines.iter_mut().enumerate() {
        if line.text.len() + 1 > left {
            line.text = charset::cut(&line.text, left.saturating_sub(1)).to_owned();
            lines.truncate(at + 1);
            return true;
        }
        left -= line.text.len() + 1;
    }
    false
}

/// A digest of what the parts hold once decoded: the same after a relay has changed encodings and line ends.
fn digest(mail: &mail_parser::Message<'_>, raw: &[u8]) -> Vec<u8> {
    let mut hash = Context::new(&SHA256);
    for part in mail.parts.iter().take(PARTS_MAX) {
        if matches!(part.body, PartType::Multipart(_)) {
            continue;
        }
        let bytes: Vec<u8> = if part.is_text() {
            text_bytes(part, raw)
        } else {
            part.contents().to_vec()
        };
        let bytes: Vec<u8> = bytes.into_iter().filter(|&b| b != b'\r').collect();
        let end = bytes
            .iter()
            .rposition(|b| !b.is_ascii_whitespace())
            .map_or(0, |last| last + 1);
        let bytes = bytes.get(..end).unwrap_or_default();
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hash.finish().as_ref().to_vec()
}

/// The bytes of a text part without transfer encoding, charset as it came.
fn text_bytes(part: &MessagePart<'_>, raw: &[u8]) -> Vec<u8> {
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let slice = raw.get(start..end.max(start)).unwrap_or_default();
    let decoded = match part.encoding {
        Encoding::None => Some(slice.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(slice),
        Encoding::Base64 => base64_decode(slice),
    };
    // Damaged encodings are the library's to mend.
    decoded
        .filter(|bytes| !bytes.is_empty())
        .unwrap_or_else(|| part.contents().to_vec())
}

/// Type and subtype in lower case.
fn mime_of(part: &MessagePart<'_>) -> (String, String) {
    match part.content_type() {
        Some(kind) => (
            kind.ctype().to_ascii_lowercase(),
            kind.subtype().unwrap_or_default().to_ascii_lowercase(),
        ),
        None => ("text".to_owned(), "plain".to_owned()),
    }
}

fn attribute(part: &MessagePart<'_>, name: &str) -> Option<String> {
    part.content_type()
        .and_then(|kind| kind.attribute(name))
        .map(str::to_owned)
}

impl Reader<'_> {
    fn flaw(&mut self, flaw: Flaw) {
        if !self.content.flaws.contains(&flaw) {
            self.content.flaws.push(flaw);
        }
    }

    fn walk(&mut self, id: u32, depth: usize, in_alternative: bool) -> Option<Candidate> {
        let mail = self.mail;
        let part = mail.part(id)?;
        self.seen += 1;
        let deepest = &mut self.content.structure.extent.depth;
        *deepest = depth.max(*deepest);
        if depth > DEPTH_MAX || self.seen > PARTS_MAX {
            self.flaw(Flaw::TooBig);
            return None;
        }
        let (kind, subtype) = mime_of(part);
        if let PartType::Multipart(children) = &part.body {
            return self.multipart(part, &subtype, children, depth);
        }
        if self.mail_depth == 0 {
            self.content.structure.marks.scan(part.contents());
        }
        match (kind.as_str(), subtype.as_str()) {
            ("message", inner) if neutral::is_inner_mail(inner) => self.inner_mail(part),
            ("text", "rfc822-headers") | ("message", "global_-headers" | "rfc822-headers") => {
                self.returned_headers(part);
            }
            ("message", "delivery-status" | "global-delivery-status") => {
                self.delivery_status(part);
            }
            ("message", "feedback-report") => {
                self.report(ReportKind::Feedback, part);
                self.attach(part, AttachmentNote::Plain);
            }
            ("message", "disposition-notification" | "global-disposition-notification") => {
                self.content.structure.disposition = true;
                self.report(ReportKind::Disposition, part);
                self.original_message_id(part);
                self.attach(part, AttachmentNote::Plain);
            }
            ("text", "calendar") => self.calendar(part),
            ("application", "pkcs7-mime" | "x-pkcs7-mime") => {
                self.content.structure.encrypted = true;
                self.attach(part, AttachmentNote::Plain);
            }
            ("text", _) | ("", "") => return self.text(part, &subtype, in_alternative),
            _ => self.attach(part, AttachmentNote::Plain),
        }
        None
    }

    fn multipart(
        &mut self,
        part: &MessagePart<'_>,
        subtype: &str,
        children: &[u32],
        depth: usize,
    ) -> Option<Candidate> {
        match subtype {
            "report" => {
                let kind = attribute(part, "report-type").unwrap_or_default();
                self.content
                    .structure
                    .report
                    .get_or_insert(one_line(&kind.to_ascii_lowercase(), 100));
            }
            "encrypted" => self.content.structure.encrypted = true,
            _ => {}
        }
        let alternative = subtype == "alternative";
        let mut found = Vec::new();
        for child in children {
            found.extend(self.walk(*child, depth + 1, alternative));
        }
        if alternative {
            select::best(found)
        } else {
            select::join(found)
        }
    }

    fn text(
        &mut self,
        part: &MessagePart<'_>,
        subtype: &str,
        in_alternative: bool,
    ) -> Option<Candidate> {
        let disposition = part.content_disposition();
        let named = part.attachment_name().is_some();
        let attached = disposition.is_some_and(mail_parser::ContentType::is_attachment)
            || (disposition.is_some() && named && !in_alternative);
        let is_html = matches!(subtype, "html" | "xhtml" | "enriched" | "richtext");
        let is_plain = matches!(subtype, "plain" | "" | "markdown" | "x-markdown");
        if attached || !(is_html || is_plain) {
            self.attach(part, AttachmentNote::Plain);
            return None;
        }
        let bytes = text_bytes(part, self.raw);
        let limit = if is_html {
            TEXT_BYTES_MAX * 16
        } else {
            TEXT_BYTES_MAX * 4
        };
        if bytes.len() > limit {
            self.flaw(Flaw::TooBig);
        }
        let bytes = bytes.get(..limit.min(bytes.len())).unwrap_or_default();
        let charset = attribute(part, "charset")
            .or_else(|| is_html.then(|| select::meta_charset(bytes)).flatten());
        let decoded = charset::decode(bytes, charset.as_deref());
        if !decoded.sound && bytes.len() < limit {
            self.flaw(Flaw::Charset);
        }
        if self.content.charset.is_none() {
            self.content.charset = charset;
        }
        if is_html {
            self.content.structure.links.read_html(&decoded.text);
        } else {
            self.content.structure.links.read_text(&decoded.text);
        }
        let lines = if is_html {
            let mut lines = html::to_lines(&decoded.text);
            for line in &mut lines {
                line.text = charset::clean(&line.text).replace('\n', " ");
            }
            lines
        } else {
            let text = charset::clean(&decoded.text);
            let is = |name: &str, value: &str| {
                attribute(part, name).is_some_and(|found| found.eq_ignore_ascii_case(value))
            };
            let text = if is("format", "flowed") {
                flowed::unfold(&text, is("delsp", "yes"))
            } else {
                text
            };
            unquote::plain_lines(&text)
        };
        self.content.structure.encrypted |= lines
            .iter()
            .take(50)
            .any(|line| line.text.trim() == "-----BEGIN PGP MESSAGE-----");
        Some(Candidate {
            lines,
            html: is_html,
        })
    }
}

#[cfg(test)]
mod tests;
