//! Whole mails, from bytes to what the desk sees.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::parse;
use crate::message::Flaw;
use crate::message::IDS_MAX;
use crate::message::ReturnPath;
use crate::message::SUBJECT_CHARS_MAX;
use crate::message::TEXT_BYTES_MAX;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;

const MAIL: &str = "Return-Path: <ana@x.example>\r\nReceived: from a\r\nFrom: Ana Berg <ana@x.example>\r\nTo: desk@desk.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
    Date: Tue, 3 Jun 2025 10:00:00 +0200\r\nMessage-ID: <m1@x.example>\r\nIn-Reply-To: <r1@desk.example>\r\nReferences: <r0@desk.example>\r\n <r1@desk.example>\r\n\r\n\
    My badge is missing.\r\n\r\nRegards\r\nAna\r\n\r\nOn Mon, 2 Jun 2025 at 09:00, Desk <desk@desk.example> wrote:\r\n> Hello\r\n";

#[test]
fn an_ordinary_reply_is_understood_whole() {
    let got = parse(MAIL.as_bytes());
    assert_eq!(got.from[0].to_string(), "Ana Berg <ana@x.example>");
    assert_eq!(got.subject, "Grüße");
    assert_eq!(got.date, Some(1_748_937_600));
    assert_eq!(got.message_id.as_ref().unwrap().as_str(), "m1@x.example");
    assert_eq!(got.references.len(), 2);
    assert_eq!(got.in_reply_to[0].as_str(), "r1@desk.example");
    assert!(matches!(got.return_path, ReturnPath::Address(_)));
    assert_eq!(got.body.new, "My badge is missing.");
    assert_eq!(got.body.signature, "Regards\nAna");
    assert_eq!(got.flaws, []);
    assert_eq!(got.headers[1].name, "received");
    assert_eq!(got.size, MAIL.len());
}

#[test]
fn a_redelivered_copy_has_the_same_digest_and_another_mail_has_not() {
    let first = parse(MAIL.as_bytes()).digest;
    let again = MAIL
        .replace("Received: from a\r\n", "Received: from b\r\nX-Spam: no\r\n")
        .replace("<ana@x.example>\r\nReceived", "<>\r\nReceived");
    assert_eq!(parse(again.as_bytes()).digest, first);
    assert_eq!(parse(MAIL.replace("\r\n", "\n").as_bytes()).digest, first);
    let encoded = MAIL.replace(
        "\r\n\r\nMy badge",
        "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMy=20badge",
    );
    assert_eq!(parse(encoded.as_bytes()).digest, first);
    for (from, to) in [
        ("missing", "pending"),
        ("Grüße", "G"),
        ("=C3=BC", "=C3=B6"),
        ("m1@x", "m2@x"),
        ("Ana Berg <", "Eve <"),
        ("10:00:00", "10:00:01"),
    ] {
        if MAIL.contains(from) {
            assert_ne!(
                parse(MAIL.replace(from, to).as_bytes()).digest,
                first,
                "{from}"
            );
        }
    }
}

#[test]
fn two_senders_are_told_and_the_first_is_first() {
    let raw = "From: a@x.example\r\nFrom: b@x.example\r\nSubject: one\r\nSubject: two\r\n\r\nhi";
    let got = parse(raw.as_bytes());
    assert_eq!(got.from.len(), 2);
    assert_eq!(got.from[0].address.as_str(), "a@x.example");
    assert_eq!(got.subject, "one");
    assert!(got.flaws.contains(&Flaw::ManyFrom) && got.flaws.contains(&Flaw::DuplicateHeader));
    let got = parse(b"From: a@x.example, b@x.example\r\n\r\nhi");
    assert!(got.flaws.contains(&Flaw::ManyFrom));
    for from in [
        "From: \r\n",
        "From: <>\r\n",
        "From: undisclosed:;\r\n",
        "From: a@b@c\r\n",
        "Subject: x\r\n",
    ] {
        assert!(
            parse(format!("{from}\r\nhi").as_bytes())
                .flaws
                .contains(&Flaw::NoFrom),
            "{from}"
        );
    }
}

#[test]
fn bytes_that_are_no_mail_are_their_own_text() {
    let got = parse(b"just some words\nwithout any header");
    assert!(got.flaws.contains(&Flaw::Unparsable));
    assert_eq!(got.body.new, "just some words\nwithout any header");
    assert!(parse(b"").flaws.contains(&Flaw::NoText));
}

#[test]
fn a_form_speaks_for_its_person() {
    let raw = "From: Form <no-reply@forms.example>\r\nReply-To: ana@x.example\r\nAuto-Submitted: auto-generated\r\nSubject: form\r\n\r\nName: Ana\r\nEmail: ana@x.example\r\nMessage:\r\nNo badge came.\r\n";
    let got = parse(raw.as_bytes());
    assert_eq!(
        got.form.as_ref().unwrap().requester.to_string(),
        "Ana <ana@x.example>"
    );
    assert_eq!(got.body.new, "No badge came.");
    assert!(got.body.full.contains("Email: ana@x.example"));
    let listed = raw.replace("Subject: form", "List-Id: <l.x.example>\r\nSubject: form");
    assert!(parse(listed.as_bytes()).form.is_none());
}

#[test]
fn an_attached_mail_is_context_or_a_forward() {
    let raw = |own: &str| {
        format!(
            "From: a@x.example\r\nSubject: see\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{own}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
             From: Org <o@x.example>\r\nSubject: Your badge\r\nMessage-ID: <i@x.example>\r\n\r\nAccept it now.\r\n--b--\r\n"
        )
    };
    let got = parse(raw("My words.").as_bytes());
    assert_eq!(got.body.new, "My words.");
    assert!(got.body.quoted.contains("Accept it now.") && got.body.forwarded.is_none());
    let got = parse(raw("").as_bytes());
    assert_eq!(got.body.new, "");
    assert_eq!(got.body.forwarded.unwrap().subject, "Your badge");
}

#[test]
fn gmail_html_with_inline_answers_is_read_from_its_containers() {
    let raw = "From: Ana Berg <ana@x.example>\r\nSubject: Re: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
        <div dir=ltr>Answers below.<br></div><div class=\"gmail_quote\"><div class=gmail_attr>Kedd, 2025. jún. 3., Desk ezt mondta:<br></div>\
        <blockquote class=gmail_quote>Which address?</blockquote><div>ana@x.example</div><blockquote class=gmail_quote>Since when?</blockquote><div>May.</div></div>\
        <div class=gmail_signature>Ana<br>Chief of everything</div>";
    let got = parse(raw.as_bytes());
    assert_eq!(got.body.new, "Answers below.\n\nana@x.example\n\nMay.");
    assert_eq!(got.body.signature, "Ana\nChief of everything");
}

#[test]
fn raw_8_bit_subjects_are_read_by_the_charset_of_the_body() {
    let raw = b"From: a@x.example\r\nSubject: \xf0\xd2\xc9\xd7\xc5\xd4\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4\r\n";
    assert_eq!(parse(raw).subject, "Привет");
}

#[test]
fn ids_subjects_and_texts_have_their_limits() {
    let refs: Vec<String> = (0..5000).map(|n| format!(" <{n}@x>\r\n")).collect();
    let refs = refs.concat();
    let raw = format!(
        "From: a@x.example\r\nReferences:{refs}Subject: {}\r\n\r\n{}",
        "s".repeat(5000),
        "t\n".repeat(100_000)
    );
    let got = parse(raw.as_bytes());
    assert_eq!(got.references.len(), IDS_MAX);
    assert_eq!(got.references.last().unwrap().as_str(), "4999@x");
    assert_eq!(got.subject.chars().count(), SUBJECT_CHARS_MAX);
    assert!(got.body.full.len() <= TEXT_BYTES_MAX && got.flaws.contains(&Flaw::TooBig));
}

#[test]
fn controls_in_a_header_are_flagged_and_harmless() {
    let got = parse(b"From: \"a\0b\" <a@x.example>\r\nSubject: x\0y\r\n\r\nhi");
    assert!(got.flaws.contains(&Flaw::ControlInHeader));
    assert_eq!(got.subject, "x y");
}

fn check(raw: &[u8]) {
    let got = parse(raw);
    assert_eq!(got.size, raw.len());
    assert!(got.body.full.len() <= TEXT_BYTES_MAX);
    assert!(
        got.subject.chars().count() <= SUBJECT_CHARS_MAX
            && !got.subject.chars().any(char::is_control)
    );
    assert!(got.headers.len() <= 1000);
    assert!(
        got.attachments
            .iter()
            .all(|a| !a.name.chars().any(char::is_control))
    );
    assert_eq!(parse(raw), got);
}

proptest! {
    #[test]
    fn any_bytes_parse(raw in vec(any::<u8>(), 0..600)) {
        check(&raw);
    }

    #[test]
    fn any_mail_like_bytes_parse(pieces in vec(proptest::sample::select(vec![
        "From: a@x.example", "Subject: =?utf-8?q?=0D=0A?=", "Content-Type: multipart/mixed; boundary=b", "Content-Type: multipart/alternative; boundary=\"b c\"", "--b", "--b--", "--b c",
        "Content-Type: message/rfc822", "Content-Type: text/html", "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable", "", "", "text", "=C3", "PGI+", "<div>", "> q",
        "\u{0}", "Message-ID: <a@b>", "References: <", "Return-Path: <>", "Content-Type: text/plain; charset=utf-7", "Content-Disposition: attachment; filename*=utf-8''%00", " folded", "é",
    ]), 0..40)) {
        check(pieces.join("\r\n").as_bytes());
    }

    #[test]
    fn a_damaged_mail_parses(at in 0..700_usize, byte in any::<u8>()) {
        let mut raw = MAIL.as_bytes().to_vec();
        let at = at % raw.len();
        raw[at] = byte;
        check(&raw);
    }
}
