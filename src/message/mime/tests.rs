//! Parts, and what is made of them.
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use super::read;
use crate::message::AttachmentNote;
use crate::message::Flaw;

fn text(raw: &str) -> String {
    let lines: Vec<String> = read(raw.as_bytes())
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect();
    lines.join("\n").trim().to_owned()
}

fn parts(kind: &str, parts: &[&str]) -> String {
    let mut raw = format!("Subject: s\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n");
    for part in parts {
        raw = raw + "--b\r\n" + part + "\r\n";
    }
    raw.push_str("--b--\r\n");
    raw
}

#[test]
fn a_stub_beside_full_html_is_passed_over() {
    for stub in ["", " \r\n", "Your client does not show HTML.", "."] {
        let raw = parts(
            "alternative",
            &[
                &format!("Content-Type: text/plain\r\n\r\n{stub}"),
                "Content-Type: text/html\r\n\r\n<p>My badge has never come and I would like to know where it is.</p>",
            ],
        );
        assert!(text(&raw).starts_with("My badge"), "{stub:?}");
    }
    let raw = parts(
        "alternative",
        &[
            "Content-Type: text/plain\r\n\r\nshort *but* whole",
            "Content-Type: text/html\r\n\r\n<p>short <b>but</b> whole</p>",
        ],
    );
    assert_eq!(text(&raw), "short *but* whole");
}

#[test]
fn texts_around_a_picture_are_joined() {
    let raw = parts(
        "mixed",
        &[
            "Content-Type: text/plain\r\n\r\nbefore",
            "Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA",
            "Content-Type: text/plain\r\n\r\nafter",
        ],
    );
    assert_eq!(text(&raw), "before\n\nafter");
    let content = read(raw.as_bytes());
    assert_eq!(
        (content.attachments.len(), content.attachments[0].size),
        (1, 3)
    );
}

#[test]
fn an_attached_text_is_no_word_of_the_writers() {
    let raw = parts(
        "mixed",
        &[
            "Content-Type: text/plain\r\n\r\nmine",
            "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\nnot mine",
        ],
    );
    assert_eq!(text(&raw), "mine");
}

#[test]
fn winmail_macros_and_archives_are_noted() {
    let raw = parts(
        "mixed",
        &[
            "Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx",
            "Content-Type: application/octet-stream; name=invoice.PDF.exe\r\n\r\nx",
            "Content-Type: application/octet-stream; name=a.docm\r\n\r\nx",
            "Content-Type: application/pdf; name=a.pdf\r\n\r\nx",
        ],
    );
    let notes: Vec<AttachmentNote> = read(raw.as_bytes())
        .attachments
        .iter()
        .map(|a| a.note)
        .collect();
    assert_eq!(
        notes,
        [
            AttachmentNote::Tnef,
            AttachmentNote::Dangerous,
            AttachmentNote::Dangerous,
            AttachmentNote::Plain
        ]
    );
}

#[test]
fn reports_invitations_and_returned_mails_are_told() {
    let raw = parts(
        "report; report-type=Delivery-Status",
        &[
            "Content-Type: text/plain\r\n\r\nfailed",
            "Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: failed",
            "Content-Type: message/rfc822\r\n\r\nMessage-ID: <ours@desk.example>\r\nSubject: s\r\n\r\nhello",
        ],
    );
    let content = read(raw.as_bytes());
    assert_eq!(content.structure.report.as_deref(), Some("delivery-status"));
    assert!(content.structure.delivery_status);
    assert_eq!(
        content.structure.returned_ids[0].as_str(),
        "ours@desk.example"
    );
    assert_eq!(content.mails[0].text.trim(), "hello");
    let raw = parts(
        "report; report-type=delivery-status",
        &[
            "Content-Type: text/plain\r\n\r\nx",
            "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <h@desk.example>\r\nSubject: s",
        ],
    );
    assert_eq!(
        read(raw.as_bytes()).structure.returned_ids[0].as_str(),
        "h@desk.example"
    );
    let raw = parts(
        "alternative",
        &[
            "Content-Type: text/plain\r\n\r\nyes",
            "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n",
        ],
    );
    assert_eq!(
        read(raw.as_bytes()).structure.calendar.as_deref(),
        Some("reply")
    );
}

#[test]
fn only_a_recipient_given_up_for_good_is_a_failure() {
    for (status, failed) in [
        (
            "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: Failed (no mailbox)\r\nStatus: 5.1.1",
            true,
        ),
        (
            "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nStatus: 5.2.2",
            true,
        ),
        (
            "Reporting-MTA: dns; mx.example\r\n\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\naction: failed\r\n",
            true,
        ),
        (
            "Reporting-MTA: dns; mx.example\r\n\r\nAction: delayed\r\nStatus: 4.4.1",
            false,
        ),
        // A late one is not given up, whatever its last status was.
        (
            "Reporting-MTA: dns; mx.example\r\n\r\nAction: delayed\r\nStatus: 5.4.1",
            false,
        ),
        ("Reporting-MTA: dns; mx.example\r\n\r\nStatus: 4.2.2", false),
        ("Diagnostic-Code: smtp; Action: failed", false),
        ("", false),
    ] {
        let raw = parts(
            "report; report-type=delivery-status",
            &[
                "Content-Type: text/plain\r\n\r\nx",
                &format!("Content-Type: message/delivery-status\r\n\r\n{status}"),
            ],
        );
        let structure = read(raw.as_bytes()).structure;
        assert!(structure.delivery_status, "{status}");
        assert_eq!(structure.delivery_failed, failed, "{status}");
    }
}

#[test]
fn what_is_sealed_is_told_and_what_is_only_signed_is_read() {
    let sealed =
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\nx";
    assert!(read(sealed.as_bytes()).structure.encrypted);
    let raw = parts(
        "encrypted; protocol=\"application/pgp-encrypted\"",
        &[
            "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
            "Content-Type: application/octet-stream\r\n\r\nx",
        ],
    );
    assert!(read(raw.as_bytes()).structure.encrypted);
    assert!(
        read(b"Subject: s\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nabc\r\n")
            .structure
            .encrypted
    );
    let raw = parts(
        "signed",
        &[
            "Content-Type: text/plain\r\n\r\nreadable",
            "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx",
        ],
    );
    assert_eq!(text(&raw), "readable");
    assert!(!read(raw.as_bytes()).structure.encrypted);
}

#[test]
fn wrong_charsets_and_encodings_give_text_and_a_flaw() {
    let raw =
        b"Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xfc\xdfe aus K\xf6ln\r\n";
    let content = read(raw);
    assert_eq!(content.lines[0].text, "Grüße aus Köln");
    assert!(content.flaws.contains(&Flaw::Charset));
    let raw = "Subject: s\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n8NLJ18XU\r\n";
    assert_eq!(text(raw), "Привет");
    let raw = "Subject: s\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr=C3=BC=C3=9Fe =ZZ=\r\n soft\r\n";
    assert!(text(raw).starts_with("Grüße"));
    let raw = "Subject: s\r\nContent-Transfer-Encoding: base64\r\n\r\nThis is no base64 at all, really!\r\n";
    assert!(!text(raw).is_empty());
    let raw = "Subject: s\r\nContent-Type: text/html\r\n\r\n<meta charset=koi8-r><p>x</p>";
    assert_eq!(text(raw), "x");
}

#[test]
fn hostile_depth_and_number_end_in_limits_and_not_in_a_crash() {
    let inner = "Content-Type: message/rfc822\r\n\r\n".repeat(50_000);
    let _ = read(inner.as_bytes());
    let folded = "Content-Type:\r\n message\r\n /\r\n rfc822\r\n\r\n".repeat(20_000);
    let _ = read(folded.as_bytes());
    let packed = format!(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        data_encoding::BASE64.encode(inner.as_bytes())
    );
    let _ = read(packed.as_bytes());
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(10_000);
    let _ = read(digest.as_bytes());
    let mut nested = String::new();
    for n in 0..5_000 {
        let level = format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
        nested.push_str(&level);
    }
    assert!(read(nested.as_bytes()).flaws.contains(&Flaw::TooBig));
    let many = parts("mixed", &vec!["Content-Type: image/png\r\n\r\nx"; 5_000]);
    let content = read(many.as_bytes());
    assert!(content.flaws.contains(&Flaw::TooBig) && content.attachments.len() == 100);
    let long = format!("Subject: s\r\n\r\n{}", "word ".repeat(100_000));
    assert!(read(long.as_bytes()).flaws.contains(&Flaw::TooBig));
}
