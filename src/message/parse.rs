//! Bytes to `Message`: any bytes parse.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::LazyLock;

use regex::Regex;
use ring::digest::Context;
use ring::digest::SHA256;

use crate::message::Body;
use crate::message::Flaw;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::SUBJECT_CHARS_MAX;
use crate::message::Structure;
use crate::message::TEXT_BYTES_MAX;
use crate::message::charset;
use crate::message::form;
use crate::message::header;
use crate::message::header::Fields;
use crate::message::mime;
use crate::message::mime::Content;
use crate::message::unquote;
use crate::message::unquote::SubjectKind;

/// Octets of a mail that are looked at; what lies beyond is an attachment's end.
const RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

static REPLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(re|aw|antw|antwort|sv|vs|odp|ynt|res|rif|r|réf?|отв|ответ|回复|答复|回覆|返信|답장|회신|رد|בעניין|ατ|απ|b)(\[\d+\]|\(\d+\))?\s?[:：]",
    )
});
static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(fwd?|wg|tr|rv|enc|i|pd|i̇lt|ilt|doorst|vb|vl|vid|fs|转发|轉寄|転送|전달|إعادة توجيه|пересл|trs|továbbítás|fw)(\[\d+\])?\s?[:：]",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that a test compiles")
}

/// Parses a mail. Total: what cannot be understood becomes a flaw.
pub fn parse(raw: &[u8]) -> Message {
    // The library promises not to panic, and has broken that promise before.
    catch_unwind(AssertUnwindSafe(|| read(raw))).unwrap_or_else(|_| unparsable(raw))
}

fn read(raw: &[u8]) -> Message {
    let kept = raw.get(..raw.len().min(RAW_BYTES_MAX)).unwrap_or(raw);
    let seen = header::skip_blank_lines(kept);
    let content = mime::read(seen);
    let fields = header::split(seen, content.charset.as_deref());
    if fields.list.is_empty() {
        return unparsable(raw);
    }
    let from: Vec<_> = fields.all("from").flat_map(header::addresses).collect();
    let subject = fields.subject(SUBJECT_CHARS_MAX);
    let body = body(
        &content,
        from.first().map_or("", |from| from.name.as_str()),
        &subject,
    );
    let mut structure = content.structure.clone();
    structure.extent.count_header(seen, &fields);
    let mut message = Message {
        size: raw.len(),
        digest: digest(&fields, &content.digest),
        message_id: fields.message_id(),
        in_reply_to: header::first_ids(fields.ids("in-reply-to")),
        references: header::last_ids(fields.ids("references")),
        sender: fields.addresses("sender").into_iter().next(),
        reply_to: fields.addresses("reply-to"),
        to: fields.addresses("to"),
        cc: fields.addresses("cc"),
        return_path: fields.return_path(),
        date: fields.date(),
        flaws: flaws(&fields, &from, &content, &body, raw.len() > kept.len()),
        form: None,
        structure,
        attachments: content.attachments,
        from,
        subject,
        body,
        headers: fields.list,
    };
    read_form(&mut message);
    message
}

fn body(content: &Content, name: &str, subject: &str) -> Body {
    let subject_kind = if FORWARD.is_match(subject) {
        SubjectKind::Forward
    } else if REPLY.is_match(subject) {
        SubjectKind::Reply
    } else {
        SubjectKind::Plain
    };
    let mut body = unquote::take_apart(
        &content.lines,
        unquote::Context {
            name,
            subject: subject_kind,
        },
    );
    let silent = body.new.trim().is_empty();
    if let Some(mail) = content.mails.first()
        && content.structure.report.is_none()
        && body.forwarded.is_none()
        && (silent || subject_kind == SubjectKind::Forward)
    {
        body.forwarded = Some(mail.head.clone());
    }
    for mail in &content.mails {
        if body.quoted.len() + mail.text.len() < TEXT_BYTES_MAX && !mail.text.trim().is_empty() {
            if !body.quoted.is_empty() {
                body.quoted.push_str("\n\n");
            }
            body.quoted.push_str(mail.text.trim());
        }
    }
    body
}

fn read_form(message: &mut Message) {
    let listed = message.structure.report.is_some()
        || message.return_path == ReturnPath::Null
        || message.headers.iter().any(|h| {
            h.name.starts_with("list-")
                || h.name == "mailing-list"
                || (h.name == "precedence" && h.value.eq_ignore_ascii_case("list"))
        });
    let sender = form::Sender {
        from: message.from.first(),
        reply_to: message.reply_to.first(),
        listed,
    };
    if let Some(form) = form::read(&message.body.full, sender) {
        message.body.new.clone_from(&form.text);
        message.body.forwarded = None;
        message.form = Some(form);
    }
}

fn flaws(
    fields: &Fields,
    from: &[crate::message::address::NamedAddress],
    content: &Content,
    body: &Body,
    cut: bool,
) -> Vec<Flaw> {
    let count = |name: &str| fields.all(name).count();
    let mut flaws = content.flaws.clone();
    let mut add = |flaw: Flaw, wrong: bool| {
        if wrong && !flaws.contains(&flaw) {
            flaws.push(flaw);
        }
    };
    add(Flaw::NoFrom, from.is_empty());
    add(Flaw::ManyFrom, count("from") > 1 || from.len() > 1);
    let once = ["message-id", "subject", "date", "to", "reply-to"];
    add(
        Flaw::DuplicateHeader,
        once.iter().any(|name| count(name) > 1),
    );
    add(Flaw::ControlInHeader, fields.control);
    let words = |text: &str| text.chars().any(char::is_alphanumeric);
    add(Flaw::NoText, !words(&body.full) && !words(&body.quoted));
    add(Flaw::TooBig, fields.cut || cut);
    flaws
}

fn digest(fields: &Fields, parts: &[u8]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for name in ["from", "date", "subject", "message-id"] {
        for value in fields.all(name) {
            // A relay may fold anew.
            let value: Vec<&str> = value.split_whitespace().collect();
            hash.update(name.as_bytes());
            hash.update(b":");
            hash.update(value.join(" ").as_bytes());
            hash.update(b"\n");
        }
    }
    hash.update(parts);
    array(hash)
}

fn array(hash: Context) -> [u8; 32] {
    hash.finish().as_ref().try_into().unwrap_or([0; 32])
}

/// What is left to say of bytes that are no mail: their text.
fn unparsable(raw: &[u8]) -> Message {
    let seen = raw.get(..raw.len().min(TEXT_BYTES_MAX * 4)).unwrap_or(raw);
    let text = charset::clean(&charset::decode(seen, None).text);
    let text = charset::cut(&text, TEXT_BYTES_MAX).to_owned();
    let mut hash = Context::new(&SHA256);
    hash.update(raw);
    let mut flaws = vec![Flaw::Unparsable, Flaw::NoFrom];
    if raw.len() > TEXT_BYTES_MAX {
        flaws.push(Flaw::TooBig);
    }
    if !text.chars().any(char::is_alphanumeric) {
        flaws.push(Flaw::NoText);
    }
    Message {
        size: raw.len(),
        digest: array(hash),
        message_id: None,
        in_reply_to: Vec::new(),
        references: Vec::new(),
        from: Vec::new(),
        sender: None,
        reply_to: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        return_path: ReturnPath::Missing,
        subject: String::new(),
        date: None,
        headers: Vec::new(),
        body: Body {
            new: text.trim().to_owned(),
            full: text,
            ..Body::default()
        },
        form: None,
        structure: Structure::default(),
        attachments: Vec::new(),
        flaws,
    }
}

#[cfg(test)]
mod tests;
