//! Plans for mails with a past: to closed tickets, the same twice, answers to questions, and whom the desk asks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::message::parse::parse;
use crate::triage;
use crate::triage::Keeping;
use crate::triage::Queue;
use crate::triage::closing::Closing;
use crate::triage::closing::Turn;
use crate::triage::plan::KnownBeside;
use crate::triage::relay::Acts;
use crate::triage::relay::RelayRules;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::TicketState;
use crate::triage::token::DeskKey;
use crate::triage::verify::Asking;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;

const DESK: &str = "support@desk.example";
const ANA: &str = "ana@agents.example";
const MARIA: &str = "maria@home.example";
const OTHER: &str = "maria.q@new.example";
const NUMBER: TicketNumber = TicketNumber(7);
const NOW: Timestamp = Timestamp(1_800_000_000);
const DAY_S: i64 = 86_400;
const MERGE: &str = "I have two accounts, please merge them into one.";

fn rules() -> &'static Rules {
    static RULES: LazyLock<Rules> = LazyLock::new(|| {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"));
        crate::config::folder::load(folder).unwrap()
    });
    &RULES
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn office() -> Office {
    let agents = vec![address(ANA)];
    let key = DeskKey::new(&[9; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: address(DESK),
        queues: ["accounts", "badges", "triage"]
            .map(|name| Queue {
                name: name.to_owned(),
                agents: agents.clone(),
            })
            .to_vec(),
        surroundings: Surroundings {
            own: vec![address(DESK)],
            agents,
            loop_token: key.loop_token(),
            authserv_id: Some("mx.desk.example".to_owned()),
            ..Surroundings::default()
        },
        key,
        keeping: Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: RelayRules::default(),
    }
}

fn standing(of: &str, stand: Stand) -> Standing {
    Standing {
        address: address(of),
        stand,
        at: Timestamp(5),
        how: String::new(),
        asked: (stand == Stand::Asked).then_some(Timestamp(5)),
    }
}

/// Ticket 7 is Maria's and lies with Ana; of no address named is anything known.
fn case() -> Case {
    let asking = |text: String| Asking {
        address: address(&text),
        today: false,
        refused: false,
        dead: false,
        domain_hour: 0,
    };
    let many = (0..60).map(|n| format!("a{n}@list{n}.example"));
    Case {
        tickets: vec![Ticket {
            number: NUMBER,
            version: 3,
            state: TicketState::WithAgent {
                agent: address(ANA),
                since: Timestamp(5),
            },
            mailbox: "support".to_owned(),
            subject: "Two accounts".to_owned(),
            participants: vec![address(MARIA)],
            intents: vec!["merge-accounts".to_owned()],
            queue: Some("accounts".to_owned()),
            language: "en".to_owned(),
            linked: None,
            opened: Timestamp(5),
            updated: Timestamp(5),
        }],
        acts: vec![Acts {
            ticket: NUMBER,
            closing: Closing::default(),
            spam: false,
            unreached: None,
            relays: Vec::new(),
            heard: Vec::new(),
        }],
        fresh: 9,
        beside: KnownBeside {
            asking: many.chain([OTHER.to_owned()]).map(asking).collect(),
            ..KnownBeside::default()
        },
        ..Case::default()
    }
}

/// A mail to the reply address that `token` was given.
fn answers(from: &str, token: &str, headers: &str, text: &str, case: &Case) -> Plan {
    let office = office();
    let to = office
        .key
        .reply_address(&office.address, NUMBER, &address(token));
    let raw = format!(
        "From: {from}\nTo: {to}\nSubject: Re: Two accounts\nMessage-ID: <x@home.example>\n{headers}\n{text}\n"
    );
    let reading = triage::read(
        parse(raw.replace('\n', "\r\n").as_bytes()),
        rules(),
        &office,
    );
    decide(&reading, case, rules(), &office, NOW)
}

fn asked(plan: &Plan) -> Vec<&str> {
    let letters = plan.letters.iter();
    let questions = letters.filter(|l| l.purpose == Purpose::Verify);
    questions.map(|l| l.to.as_str()).collect()
}

fn stands(plan: &Plan, of: &str) -> Option<Stand> {
    let mut all = plan.beside.standings.iter();
    all.find(|s| s.address == address(of)).map(|s| s.stand)
}

#[test]
fn an_answer_from_the_asked_address_counts_from_a_person_with_its_token_alone() {
    let mut case = case();
    case.beside.standings = vec![(NUMBER, standing(OTHER, Stand::Asked))];
    let border = |says: &str| format!("Authentication-Results: mx.desk.example; dmarc={says}\n");
    for (from, token, headers, text, stand) in [
        (
            OTHER,
            OTHER,
            String::new(),
            "Yes, that is me.",
            Some(Stand::Verified),
        ),
        (OTHER, OTHER, border("pass"), "Yes.", Some(Stand::Verified)),
        (
            OTHER,
            OTHER,
            String::new(),
            "No, I never wrote to you.",
            Some(Stand::Refused),
        ),
        (OTHER, OTHER, border("fail"), "Yes, that is me.", None),
        (OTHER, MARIA, String::new(), "Yes, that is me.", None),
        (MARIA, OTHER, String::new(), "Yes, that is me.", None),
        (
            "eve@x.example",
            OTHER,
            String::new(),
            "Yes, that is me.",
            None,
        ),
        (
            OTHER,
            OTHER,
            "Auto-Submitted: auto-replied\n".to_owned(),
            "Yes.",
            None,
        ),
        (
            OTHER,
            OTHER,
            String::new(),
            "Who are you, and what is this about?",
            None,
        ),
    ] {
        let plan = answers(from, token, &headers, text, &case);
        let what = format!("{from} {token} {headers}{text}: {plan:#?}");
        assert_eq!(stands(&plan, OTHER), stand, "{what}");
        assert_eq!(
            plan.beside.refused.len(),
            usize::from(stand == Some(Stand::Refused))
        );
        if stand.is_some() {
            let [letter] = plan.letters.as_slice() else {
                panic!("{what}")
            };
            assert_eq!(
                (letter.purpose, &letter.to),
                (Purpose::Forward, &address(ANA))
            );
            let reply_to: Vec<&str> = letter.reply_to.iter().map(Address::as_str).collect();
            assert!(
                reply_to.len() == 1 && reply_to[0].starts_with("support+7-"),
                "{what}"
            );
        }
    }
}

#[test]
fn whoever_protests_in_words_that_nobody_foresaw_verifies_nothing_and_an_agent_reads_it() {
    let mut case = case();
    case.beside.standings = vec![(NUMBER, standing(OTHER, Stand::Asked))];
    for text in [
        "I did not request this.",
        "I have no idea what this is about.",
        "This is a scam, I am reporting you.",
        "Das habe ich nicht angefordert.",
        "Yes, I got your mail, but I have nothing to do with it.",
        "Who is this? My account is another one.",
    ] {
        let plan = answers(OTHER, OTHER, "", text, &case);
        assert_ne!(
            stands(&plan, OTHER),
            Some(Stand::Verified),
            "{text}: {plan:#?}"
        );
        let told = plan.letters.iter().find(|l| l.to == address(ANA));
        let told = told.unwrap_or_else(|| panic!("{text}: {plan:#?}"));
        if !plan.beside.refused.is_empty() {
            continue;
        }
        // What she answers goes to the requester: she must know before she writes.
        assert!(
            told.text.contains("Your answer does NOT go there"),
            "{}",
            told.text
        );
        assert!(
            told.text.contains(&format!("somebody else: {MARIA}")),
            "{}",
            told.text
        );
    }
}

#[test]
fn whoever_disowns_the_request_is_not_verified_by_saying_so_and_nobody_is_asked() {
    let mut case = case();
    case.beside.standings = vec![(NUMBER, standing(OTHER, Stand::Named))];
    let plan = answers(
        MARIA,
        MARIA,
        "",
        "I never wrote to you, that was not me.",
        &case,
    );
    assert_eq!(stands(&plan, MARIA), None, "{plan:#?}");
    assert!(asked(&plan).is_empty(), "{plan:#?}");
    assert!(plan.because.iter().any(|b| b.rule == "verify-disowned"));
}

#[test]
fn a_border_that_vouches_for_another_address_proves_no_requester() {
    let known = case();
    let words = "I have several accounts, please merge them. I read a0@list0.example now.";
    let vouched = "Authentication-Results: mx.desk.example; dmarc=pass header.from=x.example\n";
    let own = answers("eve@x.example", "eve@x.example", vouched, words, &known);
    let reply_to = format!("{vouched}Reply-To: {OTHER}\n");
    let other = answers("eve@x.example", OTHER, &reply_to, words, &known);
    assert_eq!(asked(&own), ["a0@list0.example"], "{own:#?}");
    assert!(asked(&other).is_empty(), "{other:#?}");
}

#[test]
fn nobody_is_asked_for_a_stranger_and_two_at_most_for_anybody() {
    let known = case();
    let names = |n: usize| {
        let all: Vec<String> = (0..n).map(|n| format!("a{n}@list{n}.example")).collect();
        format!(
            "I have several accounts, please merge them. I read {}.",
            all.join(" and ")
        )
    };
    for (named, questions) in [(1, 1), (2, 2), (4, 2), (5, 0), (50, 0)] {
        let plan = answers(MARIA, MARIA, "", &names(named), &known);
        assert_eq!(asked(&plan).len(), questions, "{named}: {plan:#?}");
        assert_eq!(stands(&plan, MARIA), Some(Stand::Verified));
        if questions == 0 {
            assert_eq!(
                plan.beside.standings.len(),
                1,
                "of a list nobody is remembered"
            );
        }
    }
    // Without a token of hers she is nobody yet.
    assert!(asked(&answers(MARIA, ANA, "", &names(1), &known)).is_empty());
    let limit = |change: fn(&mut Case)| {
        let mut case = case();
        change(&mut case);
        asked(&answers(MARIA, MARIA, "", &names(1), &case)).len()
    };
    assert_eq!(limit(|_| {}), 1);
    assert_eq!(limit(|c| c.beside.asking[0].today = true), 0, "one a day");
    assert_eq!(limit(|c| c.beside.asking[0].refused = true), 0);
    assert_eq!(limit(|c| c.beside.asking[0].dead = true), 0);
    assert_eq!(limit(|c| c.beside.asking[0].domain_hour = 10), 0);
    assert_eq!(limit(|c| c.beside.asked_day = 4), 0);
    assert_eq!(limit(|c| c.beside.asked_hour = 20), 0);
    assert_eq!(
        limit(|c| c.breaker = crate::triage::breaker::Stand::ByHand),
        0
    );
    assert_eq!(
        limit(|c| {
            c.beside.standings = ["x@one.example", "y@two.example"]
                .map(|a| (NUMBER, standing(a, Stand::Asked)))
                .to_vec();
        }),
        0,
        "two on a ticket, ever"
    );
}

#[test]
fn the_question_says_nothing_of_anybody_in_any_language() {
    for language in ["en", "de", "ja", "ar", "pt", "uk"] {
        let desk = &rules().desk.name;
        let wanted = classify::Language {
            code: language.to_owned(),
            sure: true,
        };
        let words = rules().replies.ask(&wanted, "#7", desk);
        let text = format!("{} {}", words.subject, words.text).to_lowercase();
        for told in ["maria", "account", "konto", "conta", "アカウント", "merge"] {
            assert!(!text.contains(told), "{language} {told}: {text}");
        }
        assert!(!words.subject.is_empty() && words.text.len() > 100);
    }
}

#[test]
fn an_answer_opens_a_closed_ticket_for_some_time_and_thanks_never() {
    let more = "It is not solved: I still have two accounts.";
    for (days, reopened, text, turn, linked) in [
        (1, 0, more, Some(Turn::Answer), false),
        (14, 4, more, Some(Turn::Answer), false),
        (15, 0, more, None, true),
        (1, 5, more, None, true),
        (1, 0, "Thank you very much!", None, false),
        (15, 0, "Thank you very much!", None, false),
    ] {
        let mut case = case();
        case.acts[0].closing = Closing {
            closed: Some(NOW.plus_s(-days * DAY_S)),
            by: ANA.to_owned(),
            reopened,
        };
        let plan = answers(MARIA, MARIA, "", text, &case);
        let what = format!("{days} {reopened} {text}: {plan:#?}");
        assert_eq!(plan.deeds.closed, turn, "{what}");
        match &plan.step {
            Step::Open(ticket) => assert!(linked && ticket.linked == Some(NUMBER), "{what}"),
            Step::Update(ticket) => assert!(turn.is_some() && ticket.number == NUMBER, "{what}"),
            step => {
                assert_eq!(*step, Step::Record(Some(NUMBER)), "{what}");
                assert!(!linked && plan.letters.is_empty(), "{what}");
            }
        }
    }
}

/// A new mail of Maria's, and what was remembered of the one before.
fn writes(text: &str, case: &Case) -> Plan {
    let office = office();
    let raw = format!(
        "From: {MARIA}\r\nTo: {DESK}\r\nSubject: Two accounts\r\nMessage-ID: <new@home.example>\r\n\r\n{text}\r\n"
    );
    let reading = triage::read(parse(raw.as_bytes()), rules(), &office);
    decide(&reading, case, rules(), &office, NOW)
}

#[test]
fn the_same_request_soon_again_is_noted_and_a_new_word_goes_to_the_agent_without_a_reply() {
    let mut case = case();
    let mut earlier = writes(
        MERGE,
        &Case {
            fresh: 7,
            ..Case::default()
        },
    )
    .beside
    .earlier
    .unwrap();
    earlier.ticket = NUMBER;
    earlier.at = NOW.plus_s(-60);
    case.beside.before = vec![earlier];
    let same = writes(MERGE, &case);
    assert_eq!(same.step, Step::Record(Some(NUMBER)), "{same:#?}");
    assert!(same.letters.is_empty());
    let more = writes(&format!("{MERGE} My number is 4711."), &case);
    assert!(
        matches!(&more.step, Step::Update(t) if t.number == NUMBER),
        "{more:#?}"
    );
    let purposes: Vec<Purpose> = more.letters.iter().map(|l| l.purpose).collect();
    assert_eq!(
        purposes,
        [Purpose::Forward],
        "one acknowledgement was enough"
    );
    let other = writes(
        "I asked for a password reset but the reset email never arrives.",
        &case,
    );
    assert!(matches!(&other.step, Step::Open(_)), "{other:#?}");
    // What is closed takes no second mail in.
    case.acts[0].closing = Closing::default().close(ANA, NOW);
    assert!(matches!(&writes(MERGE, &case).step, Step::Open(_)));
}
