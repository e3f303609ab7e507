//! Mails for tests, built word by word.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::message::Body;
use crate::message::Form;
use crate::message::Header;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::Structure;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::id::MessageId;
use crate::triage::screen::ScreenRules;
use crate::triage::screen::Surroundings;
use crate::triage::source::RuleFiles;

/// A person's plain mail to the desk; change what the test is about.
pub(crate) fn mail(subject: &str, text: &str) -> Message {
    Message {
        size: text.len(),
        digest: [7; 32],
        message_id: Some(id("1@people.example")),
        in_reply_to: Vec::new(),
        references: Vec::new(),
        from: vec![named("Maria Stone", "maria@people.example")],
        sender: None,
        reply_to: Vec::new(),
        to: vec![named("", "support@desk.example")],
        cc: Vec::new(),
        return_path: ReturnPath::Address(address("maria@people.example")),
        subject: subject.to_owned(),
        date: None,
        headers: Vec::new(),
        body: Body {
            new: text.to_owned(),
            full: text.to_owned(),
            ..Body::default()
        },
        form: None,
        structure: Structure::default(),
        attachments: Vec::new(),
        flaws: Vec::new(),
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

pub(crate) fn id(text: &str) -> MessageId {
    MessageId::try_from(text.to_owned()).unwrap()
}

pub(crate) fn named(name: &str, text: &str) -> NamedAddress {
    NamedAddress {
        name: name.to_owned(),
        address: address(text),
    }
}

/// The same mail with one more header field.
pub(crate) fn with(mut mail: Message, name: &str, value: &str) -> Message {
    mail.headers.push(Header {
        name: name.to_owned(),
        value: value.to_owned(),
    });
    mail
}

/// The same mail, made by a form for that person.
pub(crate) fn form(mut mail: Message, requester: &str) -> Message {
    mail.from = vec![named("Contact form", "no-reply@forms.example")];
    mail.return_path = ReturnPath::Address(address("no-reply@forms.example"));
    mail.form = Some(Form {
        fields: Vec::new(),
        requester: named("Ola Dahl", requester),
        text: "My badge is gone.".to_owned(),
        topic: String::new(),
    });
    mail
}

pub(crate) fn desk() -> Surroundings {
    Surroundings {
        own: vec![address("support@desk.example")],
        agents: vec![address("ana@agents.example")],
        loop_token: "ourowntoken".to_owned(),
        authserv_id: Some("mx.desk.example".to_owned()),
        ..Surroundings::default()
    }
}

/// The rules that are shipped.
pub(crate) fn rules() -> ScreenRules {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/screen.toml")).to_owned();
    match ScreenRules::compile(&RuleFiles::from([("screen.toml".to_owned(), text)])) {
        Ok(rules) => rules,
        Err(complaints) => panic!("{complaints:#?}"),
    }
}
