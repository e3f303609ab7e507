//! Header blocks as real mails have them, and as attackers write them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::addresses;
use super::ids;
use super::split;
use super::words;
use crate::message::ReturnPath;

#[test]
fn folded_values_are_one_line_and_names_lower_case() {
    let fields = split(
        b"SUBJECT : a\r\n b\n\tc\r\nX-Y:z\r\n\r\nBody: no field\r\n",
        None,
    );
    assert_eq!(fields.list.len(), 2);
    assert_eq!(fields.first("subject"), Some("a b\tc"));
    assert_eq!(fields.first("x-y"), Some("z"));
    assert!(!fields.control && !fields.cut);
}

#[test]
fn an_mbox_line_and_blank_lines_before_the_header_are_no_fields() {
    let fields = split(b"\r\nFrom x@y Mon Jan 1\r\nSubject: s\r\n\r\n", None);
    assert_eq!(fields.first("subject"), Some("s"));
}

#[test]
fn a_mail_without_header_has_no_fields() {
    assert!(
        split(b"Hello there,\nSubject: not a header\n", None)
            .list
            .is_empty()
    );
    assert!(split(b"", None).list.is_empty());
}

#[test]
fn controls_in_a_header_are_told() {
    assert!(split(b"Subject: a\0b\r\n\r\n", None).control);
    assert!(split(b"Subject: a\rBcc: b\r\n\r\n", None).control);
}

#[test]
fn endless_headers_are_cut_and_told() {
    let many = b"X-A: b\r\n".repeat(5000);
    let fields = split(&many, None);
    assert!(fields.cut && fields.list.len() == 1000);
    let long = [b"Subject: ".to_vec(), "é".repeat(100_000).into_bytes()].concat();
    let fields = split(&long, None);
    assert!(fields.cut && fields.list[0].value.len() <= 64 * 1024);
    assert!(split(&b"X".repeat(5_000_000), None).list.is_empty());
}

#[test]
fn raw_8_bit_subjects_are_read_in_the_mails_charset() {
    let raw = b"Subject: \xf0\xd2\xc9\xd7\xc5\xd4\r\n\r\n";
    assert_eq!(split(raw, Some("koi8-r")).subject(100), "Привет");
    assert_eq!(
        split("Subject: Grüße\r\n\r\n".as_bytes(), Some("koi8-r")).subject(100),
        "Grüße"
    );
    assert_eq!(
        split(b"Subject: Gr\xfc\xdfe\r\n\r\n", None).subject(100),
        "Grüße"
    );
}

#[test]
fn encoded_words_cannot_smuggle_a_line() {
    let fields = split(b"Subject: =?utf-8?q?a=0D=0ABcc:_x@y?=\r\n\r\n", None);
    assert_eq!(fields.subject(100), "a Bcc: x@y");
    assert_eq!(words("=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?="), "テスト");
    assert_eq!(words("=?utf-8?B?44OG44K5?= =?utf-8?B?44OI?="), "テスト");
}

#[test]
fn address_fields_give_only_what_can_be_written_to() {
    let got = addresses("Team: Ana <ana@x.example>, broken, \"B, C\" <b@x.example>;");
    assert_eq!(got.len(), 2);
    assert_eq!(got[1].name, "B, C");
    assert_eq!(addresses("=?utf-8?q?a=0Ab?= <x@y.example>")[0].name, "a b");
    assert_eq!(
        addresses("ana@x.example (Ana Berg)")[0].address.as_str(),
        "ana@x.example"
    );
    assert!(addresses("undisclosed-recipients:;").is_empty());
    assert!(addresses("<>").is_empty());
}

#[test]
fn return_path_is_found_wherever_it_stands() {
    let path = |raw: &[u8]| split(raw, None).return_path();
    assert_eq!(
        path(b"Received: x\r\nReturn-Path: <>\r\n\r\n"),
        ReturnPath::Null
    );
    assert_eq!(path(b"Return-Path: < >\r\n\r\n"), ReturnPath::Null);
    assert_eq!(path(b"Subject: x\r\n\r\n"), ReturnPath::Missing);
    assert_eq!(
        path(b"Return-Path: nobody at all\r\n\r\n"),
        ReturnPath::Unusable
    );
    assert!(matches!(
        path(b"Return-Path: <a@x.example>\r\n\r\n"),
        ReturnPath::Address(_)
    ));
}

#[test]
fn ids_are_found_in_prose_and_without_brackets() {
    let got = ids("Your message of Monday <A.1@x> (and <b@y>)");
    assert_eq!(
        got.iter().map(super::MessageId::as_str).collect::<Vec<_>>(),
        ["A.1@x", "b@y"]
    );
    assert_eq!(ids("a@x b@y").len(), 2);
    assert_eq!(ids("<long\t part@x>")[0].as_str(), "longpart@x");
    assert!(ids("no id here").is_empty());
}

#[test]
fn dates_are_read_and_nonsense_is_none() {
    let date = |v: &str| split(format!("Date: {v}\r\n\r\n").as_bytes(), None).date();
    assert_eq!(date("Thu, 1 Jan 1970 01:00:00 +0100"), Some(0));
    assert_eq!(date("yesterday"), None);
    assert_eq!(date("Thu, 99 Zzz 2020 01:00:00 +0100"), None);
}
