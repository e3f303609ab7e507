//! Forms, and mails that only look like them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::Sender;
use super::is_robot;
use super::read;
use crate::message::Form;
use crate::message::address::Address;
use crate::message::address::NamedAddress;

fn named(address: &str) -> NamedAddress {
    Address::parse(address).unwrap().into()
}

fn form(from: &str, reply_to: Option<&str>, text: &str) -> Option<Form> {
    let (from, reply_to) = (named(from), reply_to.map(named));
    read(
        text,
        Sender {
            from: Some(&from),
            reply_to: reply_to.as_ref(),
            listed: false,
        },
    )
}

#[test]
fn a_forms_person_topic_and_text_are_found() {
    let text = "New request.\n\nName: Ana Berg\nEmail: ana@x.example\nTopic: Badge\nMessage:\nIt does not come.\n\nBadge: forklift\nNote: urgent\nPhone: 123\n--\nsent by the form";
    let got = form("no-reply@forms.example", None, text).unwrap();
    assert_eq!(got.requester.to_string(), "Ana Berg <ana@x.example>");
    assert_eq!(got.topic, "Badge");
    assert_eq!(
        got.text,
        "It does not come.\n\nBadge: forklift\nNote: urgent"
    );
    assert_eq!(
        got.fields.last().unwrap(),
        &("Phone".to_owned(), "123".to_owned())
    );
}

#[test]
fn reply_to_is_the_person_before_the_address_field() {
    let text = "Name: Ana\nEmail: typo@x.example\nMessage: hi";
    assert_eq!(
        form("no-reply@forms.example", Some("ana@x.example"), text)
            .unwrap()
            .requester
            .address
            .as_str(),
        "ana@x.example"
    );
    assert_eq!(
        form(
            "no-reply@forms.example",
            Some("no-reply@forms.example"),
            text
        )
        .unwrap()
        .requester
        .address
        .as_str(),
        "typo@x.example"
    );
}

#[test]
fn forms_of_other_languages_and_shapes_are_read() {
    for text in [
        "Vorname: Ana\nNachname: Berg\nE-Mail-Adresse: ana@x.example\nBetreff: Frage\nNachricht: Hallo",
        "Nombre: Ana\nCorreo electrónico: ana@x.example\nAsunto: Duda\nMensaje: Hola",
        "Nom : Ana\nAdresse e-mail : ana@x.example\nObjet : Question\nMessage : Bonjour",
        "お名前：アナ\nメールアドレス：ana@x.example\n件名：質問\nお問い合わせ内容：こんにちは",
        "【姓名】 安娜\n【邮箱】 ana@x.example\n【主题】 问题\n【内容】 你好",
        "*Name*: Ana\n*Email*: ana@x.example\n*Message*: Hello",
        "Name | Ana\nEmail | ana@x.example\nMessage | Hello",
        "Name\tAna\nEmail\tana@x.example\nMessage\tHello",
        "From: Ana <ana@x.example>\nSubject: Question\n\nMessage Body:\nHello",
    ] {
        let got = form("wordpress@site.example", None, text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(got.requester.address.as_str(), "ana@x.example", "{text}");
        assert!(!got.text.is_empty(), "{text}");
    }
}

#[test]
fn a_persons_mail_with_colons_is_no_form() {
    for text in [
        "Hello,\n\nError: 403\nBrowser: Firefox\n\nPlease help.\nAna",
        "Name: Ana Berg\nBadge: forklift\nplease send it",
        "Name: Ana\nEmail: ana@x.example\nSubject: badge\nMessage: it is missing",
        "Old address: a@x.example\nNew address: ana@x.example\nProblem: no access",
    ] {
        assert!(form("ana@x.example", None, text).is_none(), "{text}");
    }
    let text = "Name: Ana\nEmail: ana@x.example\nMessage: hi";
    let from = named("list@x.example");
    assert!(
        read(
            text,
            Sender {
                from: Some(&from),
                reply_to: None,
                listed: true
            }
        )
        .is_none()
    );
}

#[test]
fn a_header_pasted_below_a_bounce_is_no_form() {
    let header = "It failed.\n\nFrom: Ana <ana@x.example>\nSubject: s\nTo: b@x.example\n";
    let text = format!("{header}Message-ID: <1@x>\nReceived: from a\n\nMessage: hi");
    assert!(form("no-reply@x.example", Some("ana@x.example"), &text).is_none());
    let text = "From: Ana <ana@x.example>\nSubject: s\nMessage: hi";
    assert!(form("MAILER-DAEMON@x.example", Some("ana@x.example"), text).is_none());
}

#[test]
fn without_anybody_to_answer_there_is_no_form() {
    assert!(
        form(
            "no-reply@forms.example",
            None,
            "Name: Ana\nTopic: Badge\nMessage: hi"
        )
        .is_none()
    );
}

#[test]
fn robots_are_known_by_their_names() {
    for robot in [
        "no-reply@x.example",
        "DoNotReply@x.example",
        "wordpress@x.example",
        "www-data@x.example",
        "notifications@x.example",
        "nao.responder@x.example",
    ] {
        assert!(is_robot(&Address::parse(robot).unwrap()), "{robot}");
    }
    for person in [
        "ana@x.example",
        "info@x.example",
        "form.manager@x.example",
        "webber@x.example",
    ] {
        assert!(!is_robot(&Address::parse(person).unwrap()), "{person}");
    }
}
