//! What limits the desk: spent budgets, floods, the breaker, dead addresses, as the shipped rules decide them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::sync::OnceLock;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Disposition;
use mailclerk::triage::Keeping;
use mailclerk::triage::Office;
use mailclerk::triage::Queue;
use mailclerk::triage::breaker::Stand;
use mailclerk::triage::decide;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::plan::Wave;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;
use mailclerk::triage::token::DeskKey;

const NOW: Timestamp = Timestamp(1_800_050_000);
const MINUTE_S: i64 = 60;
const DAY_S: i64 = 86_400;
const MARIA: &str = "maria@home.example";
const DESK: &str = "support@credly.example";
const FLOODED: TicketNumber = TicketNumber(4);
const HERS: TicketNumber = TicketNumber(7);
/// A mail that advice answers.
const COURSERA: &str = "I completed a course on Coursera but I did not get my badge.";

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        folder::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))).unwrap()
    })
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn office() -> Office {
    let queues: Vec<Queue> = rules()
        .queues()
        .iter()
        .map(|name| Queue {
            name: (*name).to_owned(),
            agents: vec![address(&format!("{name}@agents.example"))],
        })
        .collect();
    let key = DeskKey::new(&[3; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: address(DESK),
        surroundings: Surroundings {
            own: vec![address(DESK)],
            agents: queues.iter().flat_map(|q| q.agents.clone()).collect(),
            loop_token: key.loop_token(),
            authserv_id: None,
            spam_headers: Vec::new(),
            trusted_arc: Vec::new(),
        },
        queues,
        key,
        relay: mailclerk::triage::relay::RelayRules::default(),
        keeping: Keeping {
            forwarded: "Mailclerk/Forwarded".to_owned(),
            ..Keeping::default()
        },
        roster: std::sync::Arc::default(),
    }
}

fn ticket(number: TicketNumber, agent: Option<&str>) -> Ticket {
    Ticket {
        number,
        version: 4,
        state: match agent {
            Some(name) => TicketState::WithAgent {
                agent: address(name),
                since: NOW,
            },
            None => TicketState::Answered { at: NOW },
        },
        mailbox: "support".to_owned(),
        subject: "A badge".to_owned(),
        participants: vec![address(MARIA)],
        intents: vec!["coursera-badge".to_owned()],
        queue: Some("badges".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: NOW,
        updated: NOW,
    }
}

fn case() -> Case {
    Case {
        fresh: 9,
        ..Case::default()
    }
}

/// Decides a mail of Maria's to that address of the desk.
fn decided(to: &Address, case: &Case) -> Plan {
    let raw = format!(
        "From: {MARIA}\r\nTo: {to}\r\nSubject: A badge\r\nMessage-ID: <1@home.example>\r\n\r\n{COURSERA}\r\n"
    );
    triage::triage(parse(raw.as_bytes()), case, rules(), &office(), NOW)
}

fn plan(case: &Case) -> Plan {
    decided(&address(DESK), case)
}

fn letters(plan: &Plan) -> Vec<Purpose> {
    plan.letters.iter().map(|l| l.purpose).collect()
}

fn answered(plan: &Plan) -> bool {
    letters(plan) == [Purpose::Reply]
}

/// A person gets it, and nobody else hears of it.
fn to_a_person(plan: &Plan) -> bool {
    letters(plan) == [Purpose::Forward]
        && plan.disposition == Disposition::Forward
        && matches!(plan.step, Step::Open(_))
}

fn says(plan: &Plan, rule: &str) -> bool {
    plan.because
        .iter()
        .any(|b| b.stage == "decide" && b.rule == rule)
}

#[test]
fn each_budget_silences_the_reply_when_it_is_spent_and_not_before_and_the_ledger_says_so() {
    type Spend = fn(&mut Case, u32);
    let budget = &rules().desk.budget;
    assert!(answered(&plan(&case())));
    let spend: [(Spend, u32); 3] = [
        (|case, n| case.spent.address_day = n, budget.address_day),
        (|case, n| case.spent.text_hour = n, budget.text_hour),
        (|case, n| case.spent.domain_hour = n, budget.domain_hour),
    ];
    for (number, (spend, limit)) in spend.into_iter().enumerate() {
        for (left, silent) in [(1, false), (0, true)] {
            let mut case = case();
            spend(&mut case, limit - left);
            let plan = plan(&case);
            assert_eq!(to_a_person(&plan), silent, "{number}, {left} left");
            assert_eq!(answered(&plan), !silent, "{number}, {left} left");
            assert_eq!(says(&plan, "R13"), silent);
            assert!(
                !decide::withheld(&plan),
                "{number}: the breaker is not asked"
            );
        }
    }
}

#[test]
fn who_writes_again_within_the_gap_gets_a_person_and_no_second_reply() {
    let gap_s = i64::from(rules().desk.budget.address_gap_minutes) * MINUTE_S;
    for (ago_s, silent) in [(0, true), (gap_s - 1, true), (gap_s, false), (-5, true)] {
        let mut case = case();
        let at = NOW.plus_s(-ago_s);
        case.spent.templates = vec![("merge-accounts".to_owned(), at)];
        assert_eq!(to_a_person(&plan(&case)), silent, "{ago_s} s ago");
    }
}

#[test]
fn the_total_trips_the_breaker_and_the_breaker_lets_through_what_its_stand_allows() {
    let total = rules().desk.budget.total_hour;
    for (stand, spent, passes) in [
        (Stand::Closed, total - 1, true),
        (Stand::Closed, total, false),
        (Stand::Open, 0, false),
        (Stand::ByHand, 0, false),
        (Stand::Trial(1), total, true),
        (Stand::Trial(0), 0, false),
    ] {
        let mut case = case();
        case.breaker = stand;
        case.spent.total_hour = spent;
        let plan = plan(&case);
        assert_eq!(answered(&plan), passes, "{stand:?}");
        assert_eq!(to_a_person(&plan), !passes, "{stand:?}");
        assert_eq!(decide::withheld(&plan), !passes, "{stand:?}");
    }
}

/// A mail that gets no reply for another reason says nothing of how many the desk wants to send.
#[test]
fn what_would_not_have_been_answered_anyway_is_no_demand_on_the_breaker() {
    let mut case = case();
    case.breaker = Stand::Trial(0);
    case.spent.address_day = rules().desk.budget.address_day;
    assert!(!decide::withheld(&plan(&case)));
}

#[test]
fn no_reply_goes_to_a_dead_address_until_its_time_is_over() {
    let dead_s = i64::from(rules().desk.dead.days) * DAY_S;
    for (ago_s, silent) in [(0, true), (dead_s - 1, true), (dead_s, false)] {
        let mut case = case();
        case.dead = Some(("5.1.1".to_owned(), NOW.plus_s(-ago_s)));
        let plan = plan(&case);
        assert_eq!(to_a_person(&plan), silent, "{ago_s}");
        assert_eq!(says(&plan, "dead"), silent);
        let told = plan.because.iter().any(|b| b.matched == "5.1.1");
        assert_eq!(told, silent, "the status is told");
    }
}

fn wave(cases: u32, gathered: u32, ticket: Option<Ticket>) -> Wave {
    Wave {
        cases,
        gathered,
        ticket,
    }
}

#[test]
fn a_flood_begins_with_the_mail_after_the_last_case_by_each_of_its_rules() {
    type Rise = fn(&mut Case, Wave);
    let limits = &rules().desk.flood;
    let floods: [(&str, u32, Rise); 3] = [
        (
            decide::FLOOD_SENDER,
            limits.sender_cases_day,
            |case, wave| {
                case.flood.sender = wave;
            },
        ),
        (decide::FLOOD_TEXT, limits.text_cases_hour, |case, wave| {
            case.flood.text = wave;
        }),
        (
            decide::FLOOD_DOMAIN,
            limits.domain_cases_hour,
            |case, wave| {
                case.flood.domain = wave;
            },
        ),
    ];
    for (rule, limit, set) in floods {
        let mut calm = case();
        set(&mut calm, wave(limit - 1, 0, None));
        assert_eq!(decide::gathered(&plan(&calm)), None, "{rule}");
        let mut first = case();
        set(&mut first, wave(limit, 0, None));
        let told = plan(&first);
        assert_eq!(decide::gathered(&told), Some(rule));
        assert!(
            to_a_person(&told),
            "{rule}: its first mail is told of, on a new ticket"
        );
        let mut second = case();
        let flooded = ticket(FLOODED, Some("badges@agents.example"));
        set(&mut second, wave(limit, 1, Some(flooded)));
        let quiet = plan(&second);
        assert_eq!(decide::gathered(&quiet), Some(rule));
        assert_eq!(quiet.step, Step::Record(Some(FLOODED)), "{rule}");
        assert_eq!(quiet.letters, [], "{rule}");
        assert_eq!(
            quiet.disposition,
            Disposition::Forward,
            "filed with the forwarded"
        );
        let last = quiet.because.last().unwrap();
        assert_eq!(last.rule, rule, "the ledger says why");
    }
}

#[test]
fn the_tenth_mail_of_a_flood_goes_to_the_agent_who_has_its_ticket_and_says_where_the_others_lie() {
    let mut case = case();
    let flooded = ticket(FLOODED, Some("accounts@agents.example"));
    case.flood.sender = wave(40, 9, Some(flooded));
    let plan = plan(&case);
    let [letter] = plan.letters.as_slice() else {
        panic!("{:?}", plan.letters);
    };
    assert_eq!(letter.to, address("accounts@agents.example"));
    assert!(letter.attach_original && letter.subject.contains("#4"));
    for words in [
        "Ticket #4 gathers a flood: more than 30 mails of this writer came in a day.",
        "its mail number 10.",
        "in the folder Mailclerk/Forwarded",
        "with its mail number 100.",
        COURSERA,
    ] {
        assert!(letter.text.contains(words), "{words}\n{}", letter.text);
    }
    let Step::Update(after) = &plan.step else {
        panic!("{:?}", plan.step);
    };
    assert_eq!((after.number, after.version), (FLOODED, 4));
    assert_eq!(after.participants, [address(MARIA)], "nobody comes in");
}

#[test]
fn an_answer_on_a_ticket_is_no_flood_of_words_and_stays_on_its_ticket_in_one_of_its_writer() {
    let to = office()
        .key
        .reply_address(&address(DESK), HERS, &address(MARIA));
    let known = || Case {
        tickets: vec![ticket(HERS, None)],
        ..case()
    };
    let mut words = known();
    words.flood.text = wave(10_000, 500, None);
    words.flood.domain = wave(10_000, 500, None);
    let plan = decided(&to, &words);
    assert_eq!(decide::gathered(&plan), None);
    assert!(matches!(&plan.step, Step::Update(t) if t.number == HERS));
    let mut writer = known();
    let flooded = ticket(FLOODED, Some("badges@agents.example"));
    writer.flood.sender = wave(500, 11, Some(flooded));
    let plan = decided(&to, &writer);
    assert_eq!(decide::gathered(&plan), Some(decide::FLOOD_SENDER));
    assert_eq!(plan.step, Step::Record(Some(HERS)));
}

#[test]
fn a_flood_whose_ticket_was_erased_gets_a_new_one_and_is_told_of() {
    let mut case = case();
    case.flood.sender = wave(500, 55, None);
    assert!(to_a_person(&plan(&case)));
}

#[test]
fn nobody_is_answered_in_a_flood_though_no_budget_is_spent() {
    for gathered in [0, 1, 9] {
        let mut case = case();
        case.flood.text = wave(500, gathered, None);
        assert!(
            !letters(&plan(&case)).contains(&Purpose::Reply),
            "{gathered}"
        );
    }
}

#[test]
fn the_shipped_providers_are_one_writer_each_and_the_big_ones_have_no_budget() {
    let known = &rules().spellings;
    for group in [
        ["a.nn@proton.me", "ann+1@pm.me", "Ann@protonmail.com"],
        ["ann@icloud.com", "ann@me.com", "ANN+x@mac.com"],
        ["a.n.n@gmail.com", "ann@googlemail.com", "ann+x@gmail.com"],
        ["ann@yahoo.com", "ann-shop@yahoo.com", "ann+x@yahoo.com"],
    ] {
        let writers: Vec<String> = group.iter().map(|a| known.writer(&address(a))).collect();
        assert!(writers.windows(2).all(|w| w[0] == w[1]), "{writers:?}");
    }
    assert_ne!(
        known.writer(&address("ann@outlook.com")),
        known.writer(&address("ann@hotmail.com")),
        "two mailboxes"
    );
    for shared in ["gmail.com", "yahoo.co.uk", "qq.com", "web.de"] {
        assert_eq!(
            known.domain(&address(&format!("x@{shared}"))),
            None,
            "{shared}"
        );
    }
    assert_eq!(
        known.domain(&address("x@mail.firm.co.uk")).as_deref(),
        Some("firm.co.uk")
    );
}

#[test]
fn limits_that_would_undo_what_they_limit_are_refused_with_their_place() {
    let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/desk.toml"));
    let shipped = shipped.unwrap();
    for (from, to, what) in [
        ("quiet_minutes = 60", "quiet_minutes = 59", "between 60"),
        (
            "sender_cases_day = 30",
            "sender_cases_day = 0",
            "at least 1",
        ),
        ("text_cases_hour = 30", "text_cases_hour = 0", "at least 1"),
        ("forwards_hour = 200", "forwards_hour = 0", "at least 1"),
        ("days = 30", "days = 91", "at most 90"),
        ("\"proton.me\"", "\"Proton.me\"", "lower-case"),
        ("\"gmail.com\"", "\"GMail.com\"", "lower-case"),
        ("trial_replies", "trial_reply", "unknown field"),
    ] {
        assert!(shipped.contains(from), "{from}");
        let files = [("desk.toml".to_owned(), shipped.replacen(from, to, 1))];
        let complaints = Rules::compile(&files.into()).unwrap_err();
        let told = complaints
            .iter()
            .find(|c| c.file == "desk.toml" && c.what.contains(what));
        let line = shipped.lines().position(|l| l.contains(from)).unwrap() + 1;
        let told = told.unwrap_or_else(|| panic!("{to}: {complaints:?}"));
        // The three limits of cases, and lists, are told where the first of them stands.
        assert!(told.line > 1 && told.line <= line, "{to}: {told:?}");
    }
}
