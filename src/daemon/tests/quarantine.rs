//! Held mails from the mailbox to the operator's word, and what comes of it: the real store and the shipped desk.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::daemon::answer::Question;
use crate::daemon::answer::answer;
use crate::daemon::quarantine::handle_due;
use crate::daemon::work::Done;
use crate::daemon::work::Work;
use crate::store::HeldState;
use crate::store::LedgerState;
use crate::store::Order;
use crate::triage::quarantine::SpamHeader;

const CASE: &str = "I have two accounts, please merge them into one.";
const ADVICE: &str = "How can I add a second email address to my account?";

/// A desk that believes a spam filter, with a store of its own.
struct Place {
    state: tempfile::TempDir,
    shared: Shared,
    rules: Arc<Rules>,
    office: Arc<Office>,
}

impl Place {
    fn open() -> Self {
        let state = tempfile::tempdir().unwrap();
        let shared = shared(state.path());
        let mut part = part((), &shared.store);
        let office = Arc::make_mut(&mut part.office);
        office.keeping.attachment_bytes_max = 1 << 20;
        let header = SpamHeader::try_from("X-Spam-Flag: YES".to_owned()).unwrap();
        office.surroundings.spam_headers = vec![header];
        Self {
            state,
            shared,
            rules: part.rules,
            office: part.office,
        }
    }

    /// Takes a mail in; a moment of the past is when the server got it.
    fn take(&self, uid: u32, raw: &str, age_s: i64) -> Done {
        let listed = Listed {
            uid,
            size: 0,
            received: Some(SystemClock.now().plus_s(-age_s)),
            handled: false,
        };
        let work = Work {
            mailbox: "support".to_owned(),
            uid_validity: 1,
            last_uid: Some(uid),
            wanted: vec![listed],
            skipped: Vec::new(),
            waiting: Vec::new(),
            silent: BTreeMap::new(),
            again: BTreeSet::new(),
            fetched: vec![Arc::new(Fetched {
                uid,
                raw: raw.as_bytes().to_vec(),
                truncated: false,
            })],
            rules: Arc::clone(&self.rules),
            office: Arc::clone(&self.office),
        };
        work.commit(&self.shared).unwrap()
    }

    fn ask(&self, question: &Question) -> Value {
        answer(&self.shared.store, question, &SystemClock, None)
    }

    fn release(&self, number: u64) -> Value {
        let by = "olga".to_owned();
        self.ask(&Question::Release {
            numbers: vec![number],
            by,
        })
    }

    async fn handle(&self) {
        handle_due(&self.rules, &self.office, &self.shared)
            .await
            .unwrap();
    }

    fn only(&self) -> u64 {
        let held = self.shared.store.held(false, 9).unwrap();
        assert_eq!(held.len(), 1);
        held[0].number
    }

    fn purposes(&self) -> Vec<Purpose> {
        let mails = self.shared.store.outbox(None, 99, Order::Oldest).unwrap();
        mails.iter().map(|m| m.purpose).collect()
    }

    fn ledger(&self, uid: u32) -> Value {
        let all = self.ask(&Question::Ledger { limit: 99 });
        let rows = all.as_array().unwrap().clone();
        rows.into_iter().find(|r| r["mail"]["uid"] == uid).unwrap()
    }
}

fn mail(from: &str, more: &str, text: &str) -> String {
    format!(
        "From: {from}\r\nTo: support@credly.example\r\nMessage-ID: <{}@x.example>\r\nSubject: A question\r\n{more}\r\n{text}\r\n",
        from.replace('@', ".")
    )
}

fn spam(from: &str, text: &str) -> String {
    mail(from, "X-Spam-Flag: YES\r\n", text)
}

#[tokio::test]
async fn a_held_mail_reaches_nobody_and_its_release_reaches_the_agent_once() {
    let place = Place::open();
    assert_eq!(
        place.take(1, &spam("maria@home.example", CASE), 0),
        Done::default()
    );
    assert_eq!(place.shared.store.counts().tickets, 0);
    let row = place.ledger(1);
    assert_eq!(
        (row["quarantine"].as_str(), row["ticket"].as_u64()),
        (Some("quarantined"), None)
    );
    let number = place.only();
    assert_eq!(place.ask(&Question::Status)["quarantined"], 1);
    assert_eq!(place.release(number)[0]["state"], "releasing");
    let again = place.release(number);
    assert!(
        again[0]["refused"]
            .as_str()
            .unwrap()
            .contains("released from quarantine by olga"),
        "{again}"
    );
    place.handle().await;
    place.handle().await;
    let mut purposes = place.purposes();
    purposes.sort_by_key(|p| *p == Purpose::Reply);
    assert_eq!(purposes, [Purpose::Forward, Purpose::Reply]);
    let row = place.ledger(1);
    assert_eq!(
        (row["quarantine"].as_str(), row["ticket"].as_u64()),
        (Some("released"), Some(1))
    );
    assert!(
        row["because"][0]["says"].as_str().unwrap().contains("olga"),
        "{row}"
    );
    let again = place.release(number);
    assert!(
        again[0]["refused"]
            .as_str()
            .unwrap()
            .contains("see ticket #1"),
        "{again}"
    );
    let ticket = place.ask(&Question::Ticket { number: 1 });
    assert_eq!(ticket["events"][0]["kind"], "released");
    assert_eq!(place.ask(&Question::Status)["quarantined"], 0);
}

#[tokio::test]
async fn a_released_mail_that_advice_answers_is_answered_and_a_late_one_goes_to_a_person() {
    for (age_s, purposes) in [
        (60, vec![Purpose::Reply]),
        (2 * 86_400, vec![Purpose::Forward]),
    ] {
        let place = Place::open();
        place.take(1, &spam("maria@home.example", ADVICE), age_s);
        place.release(place.only());
        place.handle().await;
        assert_eq!(place.purposes(), purposes, "{age_s}");
    }
}

#[tokio::test]
async fn what_reads_like_spam_is_held_and_goes_to_a_person_when_it_is_released() {
    let place = Place::open();
    let offer = "We can bring your website to page 1 of Google. Free SEO audit, reply yes.";
    place.take(1, &mail("sales@offers.example", "", offer), 0);
    assert_eq!(
        place.ask(&Question::Quarantine {
            limit: 9,
            all: false
        })[0]["why"][0],
        "spam"
    );
    place.take(
        2,
        &mail("tom@home.example", "", "Thank you, all is well now."),
        0,
    );
    assert_eq!(
        place.ledger(2)["quarantine"],
        Value::Null,
        "thanks are no spam"
    );
    place.release(place.only());
    place.handle().await;
    assert_eq!(place.purposes(), [Purpose::Forward]);
    let view = place
        .shared
        .store
        .ledger(&MailRef {
            mailbox: "support".to_owned(),
            uid_validity: 1,
            uid: 1,
        })
        .unwrap()
        .unwrap();
    let LedgerState::Handled(told) = view.state else {
        panic!()
    };
    assert_eq!(told.filing, Filing::Quarantine);
}

#[tokio::test]
async fn who_takes_part_in_a_ticket_and_agents_are_never_held() {
    let place = Place::open();
    place.take(1, &mail("maria@home.example", "", CASE), 0);
    let mails = place.shared.store.outbox(None, 9, Order::Oldest).unwrap();
    let forward = mails
        .iter()
        .find(|m| m.purpose == Purpose::Forward)
        .unwrap();
    let reply = mails.iter().find(|m| m.purpose == Purpose::Reply).unwrap();
    let answers =
        |id: &MessageId| format!("X-Spam-Flag: YES\r\nIn-Reply-To: {}\r\n", id.bracketed());
    place.take(
        2,
        &mail(
            "maria@home.example",
            &answers(&reply.message_id),
            "It is still not merged, please help.",
        ),
        0,
    );
    assert_eq!(place.shared.store.held(true, 9).unwrap(), []);
    let agent = forward.to.clone();
    let mut from_agent = Arc::clone(&place.office);
    Arc::make_mut(&mut from_agent).surroundings.agents = vec![agent.clone()];
    let place = Place {
        office: from_agent,
        ..place
    };
    place.take(
        3,
        &mail(
            agent.as_str(),
            &answers(&forward.message_id),
            "I have merged them.",
        ),
        0,
    );
    assert_eq!(place.shared.store.held(true, 9).unwrap(), []);
}

#[tokio::test]
async fn a_copy_of_a_held_mail_is_not_held_twice_nor_handled_when_the_first_is() {
    let place = Place::open();
    let raw = spam("maria@home.example", CASE);
    place.take(1, &raw, 0);
    place.take(2, &raw, 0);
    let number = place.only();
    place.release(number);
    place.handle().await;
    assert_eq!(place.shared.store.counts().tickets, 1);
    place.take(3, &raw, 0);
    assert_eq!(place.ledger(3)["ticket"], 1);
    assert_eq!(place.purposes().len(), 2);
}

#[tokio::test]
async fn a_dropped_mail_comes_to_nothing_and_cannot_be_released() {
    let place = Place::open();
    place.take(1, &spam("maria@home.example", CASE), 0);
    let number = place.only();
    let dropped = place.ask(&Question::Discard {
        numbers: vec![number, 999],
        by: "ol\u{1b}[2Jga".to_owned(),
    });
    assert_eq!(dropped[0]["state"], "dropped");
    assert!(
        dropped[1]["refused"]
            .as_str()
            .unwrap()
            .contains("no mail 999")
    );
    place.release(number);
    place.handle().await;
    assert_eq!(place.purposes(), []);
    let HeldState::Dropped { by, .. } = place
        .shared
        .store
        .held_mail(number)
        .unwrap()
        .unwrap()
        .0
        .state
    else {
        panic!()
    };
    assert!(!by.contains('\u{1b}'));
    assert_eq!(place.ledger(1)["quarantine"], "dropped");
}

#[tokio::test]
async fn a_mail_is_shown_without_a_character_that_a_terminal_obeys() {
    let place = Place::open();
    let raw = "From: =?utf-8?B?G1sySg==?= <maria@home.example>\r\nTo: support@credly.example\r\nSubject: A \u{1b}]0;x\u{7} \u{202e}evil\r\nX-Spam-Flag: YES\r\nX-\u{1b}: y\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello \u{1b}[31mred\u{1b}[0m \u{9b}2J \u{2066}turned\r\n--b\r\nContent-Type: application/pdf; name=\"a\u{202e}fdp.exe\"\r\nContent-Disposition: attachment\r\n\r\nsecret octets\r\n--b--\r\n";
    place.take(1, raw, 0);
    let shown = place.ask(&Question::Held {
        number: place.only(),
    });
    let text = shown.to_string();
    assert!(
        text.contains("Hello") && text.contains("red") && text.contains("octets"),
        "{text}"
    );
    assert!(
        !text.contains("secret octets"),
        "what is attached is not shown: {text}"
    );
    let mut strings = Vec::new();
    gather(&shown, &mut strings);
    for c in strings.iter().flat_map(|s| s.chars()) {
        let bad = c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!bad, "{c:?} in {text}");
    }
    assert!(place.ask(&Question::Held { number: 999 })["error"].is_string());
}

fn gather(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|v| gather(v, strings)),
        Value::Object(fields) => fields.values().for_each(|v| gather(v, strings)),
        _ => {}
    }
}

#[tokio::test]
async fn a_release_whose_octets_are_spoilt_has_an_agent_look_for_the_mail() {
    let place = Place::open();
    place.take(1, &spam("maria@home.example", CASE), 0);
    let spool = std::fs::read_dir(place.state.path().join("spool"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    std::fs::write(spool.path(), "spoilt").unwrap();
    place.release(place.only());
    place.handle().await;
    assert_eq!(place.purposes(), [Purpose::Forward]);
}
