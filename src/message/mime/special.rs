//! Parts that are no text: attachments, mails inside the mail, reports, invitations.

use mail_parser::MessagePart;
use mail_parser::MimeHeaders;

use crate::message::ATTACHMENTS_MAX;
use crate::message::Attachment;
use crate::message::AttachmentNote;
use crate::message::Disguise;
use crate::message::Flaw;
use crate::message::Forwarded;
use crate::message::REPORTS_MAX;
use crate::message::SUBJECT_CHARS_MAX;
use crate::message::address::one_line;
use crate::message::charset;
use crate::message::header;
use crate::message::id::MessageId;
use crate::message::mime::Inner;
use crate::message::mime::Kept;
use crate::message::mime::MAIL_DEPTH_MAX;
use crate::message::mime::MAILS_MAX;
use crate::message::mime::Reader;
use crate::message::mime::attribute;
use crate::message::mime::mime_of;
use crate::message::mime::neutral;
use crate::message::mime::read_at;
use crate::message::mime::select;
use crate::message::mime::text_bytes;
use crate::message::report::ReportKind;
use crate::message::report::ReportPart;
use crate::message::sniff;

/// Attachments in disguise that are noted.
const DISGUISES_MAX: usize = 10;
/// Lines of a delivery status that are read.
const STATUS_LINES_MAX: usize = 2_000;
/// Recipients of one returned mail.
const RETURNED_TO_MAX: usize = 10;
/// Characters of an attachment's name that are kept.
const NAME_CHARS_MAX: usize = 200;
/// So many of them from its end.
const NAME_END_CHARS: usize = 30;

impl Reader<'_> {
    pub(super) fn attach(&mut self, part: &MessagePart<'_>, note: AttachmentNote) {
        let extent = &mut self.content.structure.extent;
        extent.attachments += 1;
        extent.attachment_bytes = extent
            .attachment_bytes
            .saturating_add(part.contents().len());
        if self.content.attachments.len() >= ATTACHMENTS_MAX {
            return self.flaw(Flaw::TooBig);
        }
        let (kind, subtype) = mime_of(part);
        let given = part.attachment_name().unwrap_or_default();
        let name = one_line(given, usize::MAX);
        let mime = one_line(&neutral::real_name(&format!("{kind}/{subtype}")), 100);
        let size = part.contents().len();
        let note = if note == AttachmentNote::Plain {
            select::note(&name, &mime)
        } else {
            note
        };
        let is = sniff::sniff(part.contents());
        // What its name or its content says is harmful is so, whatever the other says.
        let note = match note {
            AttachmentNote::Plain | AttachmentNote::Mail if is.is_harmful() => {
                AttachmentNote::Dangerous
            }
            note => note,
        };
        let short = shortened(&name);
        if let Some((says, program)) = sniff::disguise(given, &mime, is)
            && self.content.structure.disguised.len() < DISGUISES_MAX
        {
            let name = short.clone();
            let disguise = Disguise {
                name,
                says,
                program,
            };
            self.content.structure.disguised.push(disguise);
        }
        if self.wanted.contains(&self.content.attachments.len()) {
            let octets = if part.is_text() {
                text_bytes(part, self.raw)
            } else {
                part.contents().to_vec()
            };
            let charset = attribute(part, "charset").filter(|_| part.is_text());
            self.content.kept.push(Kept { charset, octets });
        }
        self.content.attachments.push(Attachment {
            name: short,
            mime,
            size,
            note,
        });
    }

    pub(super) fn inner_mail(&mut self, part: &MessagePart<'_>) {
        self.attach(part, AttachmentNote::Mail);
        let bytes = part.contents();
        let fields = header::split(bytes, None);
        self.returned(&fields);
        if self.mail_depth >= MAIL_DEPTH_MAX || self.content.mails.len() >= MAILS_MAX {
            return;
        }
        let inner = read_at(bytes, self.mail_depth + 1, &[]);
        let shape = &mut self.content.structure;
        shape.returned_ids.extend(inner.structure.returned_ids);
        shape.returned_to.extend(inner.structure.returned_to);
        let head = Forwarded {
            from: fields.addresses("from").into_iter().next(),
            subject: fields.subject(SUBJECT_CHARS_MAX),
        };
        let text = inner
            .lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join("\n");
        self.content.mails.push(Inner { head, text });
        self.content.mails.extend(inner.mails);
        self.content.mails.truncate(MAILS_MAX);
    }

    pub(super) fn returned_headers(&mut self, part: &MessagePart<'_>) {
        self.returned(&header::split(part.contents(), None));
        self.attach(part, AttachmentNote::Plain);
    }

    /// What the header of a returned mail tells.
    fn returned(&mut self, fields: &header::Fields) {
        let shape = &mut self.content.structure;
        shape.returned_ids.extend(fields.message_id());
        let to = fields.addresses("to").into_iter().map(|to| to.address);
        shape.returned_to.extend(to.take(RETURNED_TO_MAX));
    }

    /// Keeps what a report says in fields.
    pub(super) fn report(&mut self, kind: ReportKind, part: &MessagePart<'_>) {
        let reports = &mut self.content.structure.reports;
        if self.mail_depth == 0 && reports.len() < REPORTS_MAX {
            reports.push(ReportPart::read(kind, part.contents()));
        }
    }

    pub(super) fn delivery_status(&mut self, part: &MessagePart<'_>) {
        let text = String::from_utf8_lossy(part.contents());
        let shape = &mut self.content.structure;
        shape.delivery_status = true;
        shape.delivery_failed |= says_failed(&text);
        self.report(ReportKind::Delivery, part);
        self.attach(part, AttachmentNote::Plain);
    }

    pub(super) fn original_message_id(&mut self, part: &MessagePart<'_>) {
        let fields = header::split(part.contents(), None);
        let ids: Vec<MessageId> = fields.ids("original-message-id");
        self.content.structure.returned_ids.extend(ids);
    }

    pub(super) fn calendar(&mut self, part: &MessagePart<'_>) {
        let text = charset::decode(
            &text_bytes(part, self.raw),
            attribute(part, "charset").as_deref(),
        )
        .text;
        let inside = || {
            text.lines().take(2000).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.trim()
                    .eq_ignore_ascii_case("method")
                    .then(|| value.trim().to_owned())
            })
        };
        let method = attribute(part, "method")
            .or_else(inside)
            .unwrap_or_default();
        self.content
            .structure
            .calendar
            .get_or_insert(one_line(&method.to_ascii_lowercase(), 40));
        self.attach(part, AttachmentNote::Plain);
    }
}

/// Returns whether a delivery status gives a recipient up: by its action, or by its status where a group of fields
/// names no action (RFC 3464, 2.3.3 and 2.3.4).
fn says_failed(text: &str) -> bool {
    let mut action = "";
    let mut status = "";
    // An empty line ends a group of fields, and the end of the text the last one.
    for line in text.lines().take(STATUS_LINES_MAX).chain([""]) {
        if line.trim().is_empty() {
            let permanent = status.starts_with("5.");
            if action.eq_ignore_ascii_case("failed") || (action.is_empty() && permanent) {
                return true;
            }
            (action, status) = ("", "");
        } else if let Some((name, value)) = line.split_once(':') {
            let value = value.split(['(', ';']).next().unwrap_or_default().trim();
            if name.eq_ignore_ascii_case("action") {
                action = value;
            } else if name.eq_ignore_ascii_case("status") {
                status = value;
            }
        }
    }
    false
}

/// Cuts a file name in its middle: the ending tells what it is.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    let start = name.chars().take(NAME_CHARS_MAX - NAME_END_CHARS - 1);
    let end = name.chars().skip(count - NAME_END_CHARS);
    start.chain(['…']).chain(end).collect()
}
