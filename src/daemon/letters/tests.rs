//! What is attached to a forward, and how an agent finds what is not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod peers;
mod rules;
mod stories;

use std::path::Path;
use std::sync::OnceLock;

use super::*;
use crate::triage::Keeping;
use crate::triage::Queue;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketState;
use crate::triage::token::DeskKey;

const LIMIT: usize = 1_000;
const NOW: Timestamp = Timestamp(1_800_000_000);
const RECEIVED: Timestamp = Timestamp(1_764_061_200);

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        crate::config::folder::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules")))
            .unwrap()
    })
}

fn agent(name: &str) -> Address {
    Address::parse(&format!("{name}@agents.example")).unwrap()
}

fn office() -> Office {
    let agents = vec![agent("ana"), agent("ben")];
    let queues = rules()
        .queues()
        .iter()
        .map(|name| Queue {
            name: (*name).to_owned(),
            agents: agents.clone(),
        })
        .collect();
    let key = DeskKey::new(&[4; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: Address::parse("support@credly.example").unwrap(),
        queues,
        surroundings: Surroundings {
            agents,
            loop_token: key.loop_token(),
            ..Surroundings::default()
        },
        key,
        relay: crate::triage::relay::RelayRules::default(),
        keeping: Keeping {
            forwarded: "Done/To agents".to_owned(),
            quiet: "Done/Quiet".to_owned(),
            attachment_bytes_max: LIMIT as u64,
            ..Keeping::default()
        },
        roster: std::sync::Arc::default(),
    }
}

fn mail(text: &str) -> Vec<u8> {
    format!("From: maria@home.example\r\nTo: support@credly.example\r\nSubject: Two accounts\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <a@home.example>\r\n\r\nI have two accounts, please merge them into one.\r\n{text}\r\n").into_bytes()
}

fn made(raw: Vec<u8>, truncated: bool, case: &Case) -> Entry {
    let (rules, office) = (rules(), office());
    let read = read(
        &Arc::new(Fetched {
            uid: 3,
            raw,
            truncated,
        }),
        rules,
        &office,
    );
    let mail = MailRef {
        mailbox: "support".to_owned(),
        uid_validity: 1,
        uid: 3,
    };
    let times = Times {
        received: RECEIVED,
        now: NOW,
        date: NOW,
    };
    entry(mail, &read, case, rules, &office, times)
}

/// The forward's text, and whether the mail is attached.
fn forward(raw: Vec<u8>, truncated: bool) -> (String, bool) {
    let entry = made(
        raw,
        truncated,
        &Case {
            fresh: 1,
            ..Case::default()
        },
    );
    let letter = entry
        .outgoing
        .iter()
        .find(|o| o.purpose == Purpose::Forward)
        .unwrap();
    let sent = parse(&letter.bytes);
    (
        sent.body.full.clone(),
        sent.attachments.iter().any(|a| a.mime == "message/rfc822"),
    )
}

#[test]
fn a_mail_up_to_the_limit_is_attached_and_one_octet_more_is_pointed_at() {
    let fill = LIMIT - mail("").len();
    let (text, attached) = forward(mail(&"x".repeat(fill)), false);
    assert!(
        attached && text.contains("The whole mail is attached."),
        "{text}"
    );
    let (text, attached) = forward(mail(&"x".repeat(fill + 1)), false);
    assert!(!attached && !text.contains("is attached."), "{text}");
    for said in [
        "it has 1001 octets, and the desk attaches 1000 at most",
        "Mailbox     support@credly.example",
        "Folder      Done/To agents",
        "Message-ID  <a@home.example>",
        "Date        Mon, 23 Nov 2026 09:00:00 +0000",
        "Received    Tue, 25 Nov 2025 09:00:00 +0000",
        "Size        1001 octets",
    ] {
        assert!(text.contains(said), "`{said}` is missing in\n{text}");
    }
}

#[test]
fn of_a_cut_mail_no_size_is_made_up_and_of_a_withheld_one_not_even_a_place() {
    let (text, attached) = forward(mail(""), true);
    assert!(
        !attached && text.contains("only its first") && text.contains("lies whole"),
        "{text}"
    );
    assert!(text.contains("Size        more than "), "{text}");
    let (text, attached) = forward(Vec::new(), true);
    assert!(
        !attached && text.contains("NOTHING OF IT WAS READ"),
        "{text}"
    );
    assert!(
        text.contains("Done/To agents, or where new mails come in") && text.contains("Received"),
        "{text}"
    );
    assert!(
        !text.contains("lies whole") && !text.contains("Size  "),
        "{text}"
    );
}

#[test]
fn a_forward_that_failed_is_an_error_with_its_ticket_and_goes_out_under_an_id_that_the_store_can_look_up()
 {
    let office = office();
    let number = TicketNumber(5);
    let ticket = Ticket {
        number,
        version: 1,
        state: TicketState::WithAgent {
            agent: agent("ana"),
            since: Timestamp(1),
        },
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: vec![Address::parse("maria@home.example").unwrap()],
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(1),
        updated: Timestamp(1),
    };
    let lost = office.key.message_id(
        Purpose::Forward,
        number,
        &[1; 32],
        &agent("ana"),
        "credly.example",
    );
    let raw = format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {}\r\n--b--\r\n",
        lost.bracketed()
    );
    let case = Case {
        tickets: vec![ticket],
        fresh: 6,
        ..Case::default()
    };
    let entry = made(raw.into_bytes(), false, &case);
    assert_eq!(
        entry
            .events
            .iter()
            .map(|e| e.kind.as_str())
            .collect::<Vec<_>>(),
        ["bounced-forward", "forward"]
    );
    let line = line(&entry);
    assert_eq!(line.ticket, 5);
    assert!(line.lost.unwrap().contains("another agent gets the case"));
    let again = office.key.message_id(
        Purpose::Forward,
        number,
        &REROUTED,
        &agent("ben"),
        "credly.example",
    );
    assert_eq!(entry.outgoing[0].message_id, again);
    assert!(
        entry.outgoing[0].envelope_from.is_some(),
        "a second failure comes back, too"
    );
}
