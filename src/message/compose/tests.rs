//! What we send, read back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use super::AutoSubmitted;
use super::Draft;
use super::PACKED_NOTICE;
use super::compose;
use super::seven_bit;
use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::id::MessageId;
use crate::message::parse::parse;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::any;
use proptest::proptest;

fn draft() -> Draft {
    Draft {
        from: NamedAddress {
            name: "Badge Desk".to_owned(),
            address: Address::parse("desk@desk.example").unwrap(),
        },
        to: Address::parse("ana@x.example").unwrap(),
        reply_to: vec![Address::parse("desk+t1@desk.example").unwrap()],
        subject: "Re: my badge".to_owned(),
        message_id: MessageId::parse("r1@desk.example").unwrap(),
        in_reply_to: Some(MessageId::parse("m1@x.example").unwrap()),
        references: vec![MessageId::parse("m0@x.example").unwrap()],
        date: Timestamp(1_700_000_000),
        auto_submitted: Some(AutoSubmitted::Replied),
        loop_token: "token".to_owned(),
        language: "pt-BR".to_owned(),
        text: "Hello\n".to_owned(),
        html: None,
        original: None,
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_plain_reply_is_exactly_these_bytes() {
    let want = "From: Badge Desk <desk@desk.example>\r\nTo: ana@x.example\r\nReply-To: desk+t1@desk.example\r\n\
        Subject: Re: my badge\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <r1@desk.example>\r\n\
        In-Reply-To: <m1@x.example>\r\nReferences: <m0@x.example> <m1@x.example>\r\nAuto-Submitted: auto-replied\r\n\
        Precedence: auto_reply\r\nX-Auto-Response-Suppress: All\r\nX-Mailclerk-Loop: token\r\nContent-Language: pt-BR\r\n\
        MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello\r\n";
    assert_eq!(text_of(&compose(&draft())), want);
    assert_eq!(compose(&draft()), compose(&draft()));
}

#[test]
fn a_forward_has_no_precedence_and_a_persons_mail_no_auto_submitted() {
    let mail = text_of(&compose(&Draft {
        auto_submitted: Some(AutoSubmitted::Generated),
        ..draft()
    }));
    assert!(mail.contains("Auto-Submitted: auto-generated\r\n") && !mail.contains("Precedence"));
    let mail = text_of(&compose(&Draft {
        auto_submitted: None,
        ..draft()
    }));
    assert!(!mail.contains("Auto-Submitted") && mail.contains("X-Auto-Response-Suppress: All\r\n"));
}

#[test]
fn line_breaks_in_values_add_no_header() {
    let mut evil = draft();
    evil.subject = "a\r\nBcc: b@x.example\r\n\r\nbody".to_owned();
    evil.from.name = "Desk\nBcc: c@x.example\0".to_owned();
    evil.loop_token = "t\r\nBcc: d".to_owned();
    evil.language = "en\r\nBcc: e".to_owned();
    let message = parse(&compose(&evil));
    assert_eq!(message.header("bcc").count(), 0);
    assert_eq!(message.subject, "a Bcc: b@x.example body");
    assert_eq!(message.from[0].name, "Desk Bcc: c@x.example");
    assert_eq!(message.header("content-language").count(), 0);
}

#[test]
fn other_scripts_are_encoded_words_within_their_limit() {
    let subject = "【重要】バッジの承認について、ご確認をお願いいたします。".repeat(5);
    let mail = compose(&Draft {
        subject: subject.clone(),
        ..draft()
    });
    assert!(mail.is_ascii());
    assert!(text_of(&mail).lines().all(|line| line.len() <= 78));
    let got = parse(&mail).subject;
    assert_eq!(got, subject.chars().take(200).collect::<String>());
}

#[test]
fn an_ascii_subject_is_not_encoded_unless_it_looks_so() {
    let long = "word ".repeat(39).trim().to_owned();
    let mail = compose(&Draft {
        subject: long.clone(),
        ..draft()
    });
    assert!(text_of(&mail).contains("Subject: word word"));
    assert_eq!(parse(&mail).subject, long);
    let tricky = "=?utf-8?q?a=0Ab?= and more";
    assert_eq!(
        parse(&compose(&Draft {
            subject: tricky.to_owned(),
            ..draft()
        }))
        .subject,
        tricky
    );
    let endless = "x".repeat(200);
    assert_eq!(
        parse(&compose(&Draft {
            subject: endless.clone(),
            ..draft()
        }))
        .subject,
        endless
    );
    assert_eq!(
        parse(&compose(&Draft {
            subject: " \n".to_owned(),
            ..draft()
        }))
        .subject,
        "(no subject)"
    );
}

#[test]
fn references_keep_the_root_and_the_nearest() {
    let ids: Vec<MessageId> = (0..500)
        .map(|n| MessageId::parse(&format!("{n}@x")).unwrap())
        .collect();
    let message = parse(&compose(&Draft {
        references: ids,
        in_reply_to: None,
        ..draft()
    }));
    assert_eq!(message.references.len(), 21);
    assert_eq!(message.references[0].as_str(), "0@x");
    assert_eq!(message.references[20].as_str(), "499@x");
}

#[test]
fn html_stands_beside_the_text() {
    let mail = compose(&Draft {
        html: Some("<p>Viele Grüße von uns allen</p>".to_owned()),
        ..draft()
    });
    let text = text_of(&mail);
    assert!(
        text.contains("multipart/alternative")
            && text.contains("text/html")
            && text.contains("Gr=C3=BC=C3=9Fe")
    );
    assert_eq!(parse(&mail).body.new, "Hello");
}

#[test]
fn an_original_travels_byte_for_byte() {
    let original = b"From: a@x.example\nSubject: hi\n\nline\n.\nFrom here\nGr\xfc\xdfe\n".to_vec();
    let mail = compose(&Draft {
        original: Some(original.clone()),
        html: Some("<p>h</p>".to_owned()),
        ..draft()
    });
    let crlf = String::from_utf8_lossy(&original).len();
    assert!(crlf > 0);
    let want: Vec<u8> = original
        .iter()
        .flat_map(|&b| {
            if b == b'\n' {
                vec![b'\r', b'\n']
            } else {
                vec![b]
            }
        })
        .collect();
    assert!(mail.windows(want.len()).any(|window| window == want));
    let message = parse(&mail);
    assert_eq!(message.attachments.len(), 1);
    assert_eq!(message.attachments[0].mime, "message/rfc822");
    assert_eq!(message.body.new, "Hello");
}

#[test]
fn an_original_that_no_mail_may_hold_is_packed_and_said_so() {
    for original in [b"a\0b\n".to_vec(), b"a\rb\n".to_vec(), vec![b'x'; 999]] {
        let mail = compose(&Draft {
            original: Some(original.clone()),
            html: Some("<p>h</p>".to_owned()),
            ..draft()
        });
        let message = parse(&mail);
        assert_eq!(message.attachments[0].mime, "application/octet-stream");
        assert_eq!(message.attachments[0].size, original.len());
        assert!(message.body.full.trim().ends_with(PACKED_NOTICE));
    }
    let mail = compose(&Draft {
        original: Some(vec![b'x'; 998]),
        ..draft()
    });
    assert_eq!(parse(&mail).attachments[0].mime, "message/rfc822");
}

#[test]
fn a_server_without_8_bit_text_gets_the_original_packed_and_a_word_about_it() {
    let original = b"From: a@x.example\r\nSubject: hi\r\n\r\nGr\xfc\xdfe\r\n.\r\n".to_vec();
    let mail = compose(&Draft {
        original: Some(original.clone()),
        html: Some("<p>h</p>".to_owned()),
        ..draft()
    });
    for sent in [mail.clone(), mail.strip_suffix(b"\r\n").unwrap().to_vec()] {
        let packed = seven_bit(&sent).unwrap();
        assert!(packed.is_ascii() && packed == seven_bit(&sent).unwrap());
        assert_sound(&packed, &draft());
        let message = parse(&packed);
        assert!(
            message.body.full.starts_with("Hello"),
            "{}",
            message.body.full
        );
        assert!(
            message.body.full.trim().ends_with(PACKED_NOTICE),
            "{}",
            message.body.full
        );
        assert_eq!(message.attachments.len(), 1);
        assert_eq!(message.attachments[0].mime, "application/octet-stream");
        let base64: String = text_of(&packed)
            .rsplit_once("base64\r\n\r\n")
            .unwrap()
            .1
            .lines()
            .take_while(|l| !l.starts_with('-'))
            .collect();
        assert_eq!(
            data_encoding::BASE64.decode(base64.as_bytes()).unwrap(),
            original
        );
    }
}

#[test]
fn what_is_seven_bit_already_or_has_nothing_to_pack_is_left_alone() {
    assert_eq!(seven_bit(&compose(&draft())), None);
    assert_eq!(
        seven_bit(&compose(&Draft {
            original: Some(b"a: b\r\n\r\nplain\r\n".to_vec()),
            ..draft()
        })),
        None
    );
    assert_eq!(
        seven_bit(&compose(&Draft {
            original: Some(vec![0xfc; 2_000]),
            ..draft()
        })),
        None,
        "packed already"
    );
    for junk in [
        &b""[..],
        b"\r\n\r\n",
        b"x: y\r\nContent-Type: multipart/mixed;\r\n boundary=\"",
        &[0xff; 3_000],
    ] {
        assert_eq!(seven_bit(junk), None);
    }
}

fn assert_sound(mail: &[u8], draft: &Draft) {
    let mut at = 0;
    for line in mail.split_inclusive(|&b| b == b'\n') {
        at += line.len();
        assert!(
            line.ends_with(b"\r\n") && line.len() <= 1000,
            "a line near {at}"
        );
        let inside = &line[..line.len() - 2];
        assert!(!inside.contains(&b'\r') && !inside.contains(&0));
    }
    let message = parse(mail);
    let mut names: Vec<&str> = message.headers.iter().map(|h| h.name.as_str()).collect();
    names.sort_unstable();
    let total = names.len();
    names.dedup();
    assert_eq!(names.len(), total, "a field twice: {names:?}");
    let ours = [
        "from",
        "to",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "auto-submitted",
        "precedence",
        "x-auto-response-suppress",
        "x-mailclerk-loop",
        "content-language",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    ];
    assert!(names.iter().all(|name| ours.contains(name)), "{names:?}");
    assert_eq!(message.message_id.as_ref(), Some(&draft.message_id));
    assert_eq!(message.to.len(), 1);
    assert_eq!(message.to[0].address, draft.to);
    assert!(message.to[0].name.is_empty());
    assert_eq!(message.from.len(), 1);
    assert_eq!(message.from[0].address, draft.from.address);
    assert!(
        message.flaws.is_empty()
            || message.flaws == [crate::message::Flaw::NoText]
            || draft.original.is_some(),
        "{:?}",
        message.flaws
    );
}

proptest! {
    #[test]
    fn whatever_the_draft_holds_the_mail_is_ours(
        name in any::<String>(), subject in any::<String>(), token in any::<String>(), language in any::<String>(),
        text in "(\\PC|\r|\n|\0|\\.|From | ){0,300}", html in option::of(any::<String>()),
        original in option::of(vec(any::<u8>(), 0..300)), date in any::<i64>(),
        ids in vec("[!-;=?-~]{1,500}", 0..30),
    ) {
        let references = ids.iter().filter_map(|id| MessageId::parse(id).ok()).collect();
        let mut draft = Draft { subject, loop_token: token, language, text, html, original, date: Timestamp(date), references, ..draft() };
        draft.from.name = name;
        assert_sound(&compose(&draft), &draft);
    }
}

/// Found by fuzzing: each quote takes two columns.
#[test]
fn a_name_of_quotes_alone_is_no_line_longer_than_lines_may_be() {
    let mut quoted = draft();
    quoted.from.name = "\"\\".repeat(30);
    let mail = compose(&quoted);
    assert!(text_of(&mail).lines().all(|line| line.len() <= 78));
    assert_eq!(parse(&mail).from[0].address, quoted.from.address);
}

#[test]
fn files_travel_byte_for_byte_under_their_names() {
    use crate::message::attached::Enclosure;
    use crate::message::attached::attached;
    let file = |name: &str, mime: &str, octets: &[u8]| Enclosure {
        name: name.to_owned(),
        mime: mime.to_owned(),
        charset: None,
        octets: octets.to_vec(),
    };
    let long = format!("{}.png", "ä".repeat(120));
    let files = [
        file("shot 1.png", "image/png", b"\x89PNG\r\n\0\xff"),
        file(&long, "image/png", b"x"),
        file("a\"b\r\nBcc: x@y.example.txt", "text/plain", b"words\n"),
        file("", "evil/type; name=x\r\nBcc: y", b""),
        file("inner.eml", "message/rfc822", b"From: a\r\n\r\nb"),
    ];
    let mail = super::compose_with(&draft(), &files);
    assert!(mail.is_ascii());
    assert_sound(&mail, &draft());
    let message = parse(&mail);
    assert_eq!(message.body.new, "Hello");
    assert_eq!(message.header("bcc").count(), 0);
    let back = attached(&mail, &[0, 1, 2, 3, 4]);
    assert_eq!(back.len(), 5);
    for (sent, got) in files.iter().zip(&back) {
        assert_eq!(sent.octets, got.octets, "{}", sent.name);
    }
    assert_eq!(
        (back[0].name.as_str(), back[1].name.as_str()),
        ("shot 1.png", long.as_str())
    );
    assert_eq!(back[3].mime, "application/octet-stream");
    assert_eq!(attached(&mail, &[1, 7]).len(), 1);
}

proptest! {
    #[test]
    fn whatever_a_file_is_called_the_mail_is_ours(
        name in any::<String>(), mime in any::<String>(), charset in option::of(any::<String>()),
        octets in vec(any::<u8>(), 0..200),
    ) {
        let file = crate::message::attached::Enclosure { name, mime, charset, octets };
        assert_sound(&super::compose_with(&draft(), &[file.clone(), file]), &draft());
    }
}
