//! What becomes of a mail, by all that can be known of it: the shipped rules, held against every case.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::sync::OnceLock;

use mailclerk::clock::Timestamp;
use mailclerk::config::folder;
use mailclerk::message::Flaw;
use mailclerk::message::address::Address;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Disposition;
use mailclerk::triage::Keeping;
use mailclerk::triage::Office;
use mailclerk::triage::Queue;
use mailclerk::triage::Reading;
use mailclerk::triage::classify::Classification;
use mailclerk::triage::classify::Language;
use mailclerk::triage::classify::disposition;
use mailclerk::triage::decide::decide;
use mailclerk::triage::decide::queue;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Copy;
use mailclerk::triage::plan::Letter;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;
use mailclerk::triage::token::DeskKey;

const EARLIER: Timestamp = Timestamp(1_800_000_000);
const NOW: Timestamp = Timestamp(1_800_050_000);
const DAY_S: i64 = 86_400;
const MARIA: &str = "maria@home.example";
const NUMBER: TicketNumber = TicketNumber(7);

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
    let queues: Vec<Queue> = [
        ("accounts", vec!["ana", "ben"]),
        ("badges", vec!["cleo"]),
        ("triage", vec!["lead"]),
    ]
    .into_iter()
    .map(|(name, agents)| Queue {
        name: name.to_owned(),
        agents: agents
            .iter()
            .map(|a| address(&format!("{a}@agents.example")))
            .collect(),
    })
    .collect();
    let key = DeskKey::new(&[3; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: address("support@credly.example"),
        surroundings: Surroundings {
            own: vec![address("support@credly.example")],
            agents: queues.iter().flat_map(|q| q.agents.clone()).collect(),
            loop_token: key.loop_token(),
            authserv_id: Some("mx.credly.example".to_owned()),
            ..Surroundings::default()
        },
        queues,
        key,
        keeping: Keeping::default(),
        roster: std::sync::Arc::default(),
        relay: mailclerk::triage::relay::RelayRules::default(),
    }
}

/// A mail, sent to the desk or to a reply address of it.
fn mail(from: &str, to: &Address, headers: &str, text: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: A question\r\nMessage-ID: <1@home.example>\r\n{headers}\r\n{text}\r\n"
    )
    .into_bytes()
}

fn read(raw: &[u8]) -> Reading {
    triage::read(parse(raw), rules(), &office())
}

/// The same mail, with what it wants told instead of found.
fn wanting(mut reading: Reading, intents: &[&str]) -> Reading {
    if reading.classification.is_some() {
        reading.classification = Some(found(intents));
    }
    reading
}

fn found(intents: &[&str]) -> Classification {
    Classification {
        intents: intents.iter().map(|i| (*i).to_owned()).collect(),
        person_needed: false,
        audience: None,
        language: Language {
            code: "en".to_owned(),
            sure: true,
        },
        because: Vec::new(),
    }
}

fn plain(intents: &[&str]) -> Reading {
    wanting(
        read(&mail(MARIA, &office().address, "", "Hello there.")),
        intents,
    )
}

/// Maria's answer on ticket 7.
fn answer(intents: &[&str]) -> Reading {
    let to = office()
        .key
        .reply_address(&office().address, NUMBER, &address(MARIA));
    wanting(read(&mail(MARIA, &to, "", "Hello again.")), intents)
}

fn with_agent(name: &str) -> TicketState {
    TicketState::WithAgent {
        agent: address(&format!("{name}@agents.example")),
        since: EARLIER,
    }
}

fn ticket(state: TicketState, intents: &[&str], queue: Option<&str>) -> Ticket {
    Ticket {
        number: NUMBER,
        version: 4,
        state,
        mailbox: "support".to_owned(),
        subject: "A question".to_owned(),
        participants: vec![address(MARIA)],
        intents: intents.iter().map(|i| (*i).to_owned()).collect(),
        queue: queue.map(str::to_owned),
        language: "en".to_owned(),
        linked: None,
        opened: EARLIER,
        updated: EARLIER,
    }
}

fn fresh() -> Case {
    Case {
        fresh: 9,
        ..Case::default()
    }
}

fn knowing(ticket: Ticket) -> Case {
    Case {
        tickets: vec![ticket],
        ..fresh()
    }
}

fn plan(reading: &Reading, case: &Case) -> Plan {
    decide(reading, case, rules(), &office(), NOW)
}

fn letter(plan: &Plan, purpose: Purpose) -> Option<&Letter> {
    plan.letters.iter().find(|l| l.purpose == purpose)
}

fn forward(plan: &Plan) -> &Letter {
    letter(plan, Purpose::Forward).unwrap()
}

fn changed(plan: &Plan) -> &Ticket {
    match &plan.step {
        Step::Open(ticket) | Step::Update(ticket) => ticket,
        Step::Record(_) | Step::Hold => panic!("no ticket changes: {plan:?}"),
    }
}

fn has(plan: &Plan, rule: &str) -> bool {
    plan.because.iter().any(|b| b.rule == rule)
}

/// A plan in a few words: disposition, what the store does, what leaves.
fn told(plan: &Plan) -> String {
    let step = match &plan.step {
        Step::Open(t) => format!("opens {}", t.number.0),
        Step::Update(t) => format!("updates {}", t.number.0),
        Step::Record(Some(on)) => format!("records on {}", on.0),
        Step::Record(None) => "records".to_owned(),
        Step::Hold => "is held".to_owned(),
    };
    let letters: Vec<String> = plan
        .letters
        .iter()
        .map(|l| format!(", {:?}", l.purpose))
        .collect();
    format!("{:?} {step}{}", plan.disposition, letters.concat())
}

const ACKNOWLEDGED: &str = "Forward updates 7, Forward, Reply";
const HANDED_ON: &str = "Forward updates 7, Forward";
const LINKED: &str = "Forward opens 9, Forward, Reply";
const QUIET: &str = "Ignore records on 7";

/// What becomes of a person's mail. A row for a new mail, then on a ticket that was answered, lies with an agent, was
/// answered by the agent, is only named; in each: a case of accounts, advice, a redirect, thanks.
const PERSON: [[&str; 4]; 5] = [
    [
        "Forward opens 9, Forward, Reply",
        "Advise opens 9, Reply",
        "Redirect opens 9, Reply",
        "Ignore records",
    ],
    [ACKNOWLEDGED, ACKNOWLEDGED, ACKNOWLEDGED, QUIET],
    [HANDED_ON, HANDED_ON, HANDED_ON, QUIET],
    [HANDED_ON, HANDED_ON, HANDED_ON, QUIET],
    [LINKED, LINKED, LINKED, "Ignore records"],
];

#[test]
fn every_screening_thread_and_disposition_ends_where_the_desk_says() {
    let key = office().key;
    let given_to = |who: &str| key.reply_address(&office().address, NUMBER, &address(who));
    let answered = TicketState::Answered { at: EARLIER };
    let agent_answered = TicketState::AgentAnswered {
        agent: address("ben@agents.example"),
        at: EARLIER,
    };
    let threads = [
        (office().address, None),
        (given_to(MARIA), Some(answered.clone())),
        (given_to(MARIA), Some(with_agent("ben"))),
        (given_to(MARIA), Some(agent_answered)),
        (given_to("somebody@else.example"), Some(answered)),
    ];
    let wants = [
        "merge-accounts",
        "secondary-email",
        "coursera-badge",
        "thanks",
    ];
    let unsure = PERSON.map(|row| {
        row.map(|cell| match cell {
            "Advise opens 9, Reply" | "Redirect opens 9, Reply" => "Forward opens 9, Forward",
            other => other.trim_end_matches(", Reply"),
        })
    });
    let automatic = [["Ignore records"; 4]; 5];
    let screenings = [
        ("person", "", PERSON),
        ("unsure", "Precedence: list\r\n", unsure),
        ("automatic", "Auto-Submitted: auto-replied\r\n", automatic),
    ];
    for (screening, headers, table) in screenings {
        for ((to, state), row) in threads.iter().zip(table) {
            for (intent, expected) in wants.iter().zip(row) {
                let reading = wanting(read(&mail(MARIA, to, headers, "Hello there.")), &[intent]);
                let case = state.clone().map_or_else(fresh, |s| {
                    knowing(ticket(s, &["ibm-badge"], Some("accounts")))
                });
                let plan = plan(&reading, &case);
                let place = format!("{screening}, {state:?}, {intent}, to {to}");
                assert_eq!(plan.screening, screening, "{place}");
                assert_eq!(told(&plan), expected, "{place}");
                assert_eq!(
                    plan.queue.is_some(),
                    letter(&plan, Purpose::Forward).is_some(),
                    "{place}"
                );
                if let Step::Update(ticket) = &plan.step {
                    assert_eq!((ticket.version, ticket.updated), (4, NOW), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_linked_ticket_says_so_to_the_agent_and_keeps_the_link() {
    let to = office()
        .key
        .reply_address(&office().address, NUMBER, &address("x@else.example"));
    let reading = wanting(read(&mail(MARIA, &to, "", "Hello.")), &["merge-accounts"]);
    let case = knowing(ticket(with_agent("ben"), &["other"], Some("accounts")));
    let plan = plan(&reading, &case);
    assert_eq!(changed(&plan).linked, Some(NUMBER));
    assert!(
        forward(&plan)
            .text
            .contains("names ticket #7 but does not prove")
    );
}

#[test]
fn a_copy_of_a_mail_is_recorded_whatever_it_wants() {
    for on in [None, Some(NUMBER)] {
        let case = Case {
            copy_of: Some(Copy { ticket: on }),
            ..fresh()
        };
        let plan = plan(&plain(&["merge-accounts"]), &case);
        assert_eq!(plan.step, Step::Record(on));
        assert!(plan.letters.is_empty() && has(&plan, "copy"));
    }
}

#[test]
fn an_agents_mail_on_a_ticket_is_noted_and_never_answered_or_forwarded() {
    let ana = address("ana@agents.example");
    let to = office().key.reply_address(&office().address, NUMBER, &ana);
    let cc = format!("Cc: {MARIA}\r\n");
    let reading = read(&mail(
        ana.as_str(),
        &to,
        &cc,
        "I have merged both accounts.",
    ));
    let case = knowing(ticket(
        with_agent("ben"),
        &["merge-accounts"],
        Some("accounts"),
    ));
    let plan = plan(&reading, &case);
    assert_eq!(told(&plan), "Ignore updates 7");
    let ticket = changed(&plan);
    assert_eq!(
        ticket.state,
        TicketState::AgentAnswered {
            agent: ana,
            at: NOW
        }
    );
    assert_eq!(
        ticket.intents,
        ["merge-accounts"],
        "the agent's words are no new matter"
    );
}

#[test]
fn an_agents_mail_on_no_ticket_goes_to_a_person_and_is_not_answered() {
    let reading = read(&mail(
        "ana@agents.example",
        &office().address,
        "",
        "How do I add a second email address?",
    ));
    assert_eq!(told(&plan(&reading, &fresh())), "Forward opens 9, Forward");
}

#[test]
fn the_same_words_within_seven_days_are_not_repeated_and_the_case_is_forwarded() {
    let within = |days: i64, intent: &str| {
        let mut case = fresh();
        case.spent.templates = vec![(intent.to_owned(), NOW.plus_s(-days * DAY_S))];
        plan(&plain(&[intent]), &case)
    };
    for (days, intent, expected) in [
        (6, "merge-accounts", "Forward opens 9, Forward"),
        (7, "merge-accounts", "Forward opens 9, Forward, Reply"),
        (6, "coursera-badge", "Forward opens 9, Forward"),
        (7, "coursera-badge", "Redirect opens 9, Reply"),
    ] {
        let plan = within(days, intent);
        assert_eq!(told(&plan), expected, "{days} {intent}");
        assert_eq!(has(&plan, "R10"), days == 6);
    }
}

#[test]
fn of_two_matters_the_one_answered_lately_is_not_left_with_nobody() {
    let mut case = fresh();
    case.spent.templates = vec![("coursera-badge".to_owned(), EARLIER)];
    let plan = plan(&plain(&["secondary-email", "coursera-badge"]), &case);
    assert_eq!(told(&plan), "Forward opens 9, Forward");
    let plan = decide(
        &plain(&["merge-accounts", "coursera-badge"]),
        &case,
        rules(),
        &office(),
        NOW,
    );
    assert_eq!(
        letter(&plan, Purpose::Reply).unwrap().templates,
        ["merge-accounts"]
    );
}

#[test]
fn a_spent_budget_silences_the_reply_and_never_the_forward() {
    let budget = &rules().desk.budget;
    let full: [(&str, u32, u32, u32); 3] = [
        ("address", budget.address_day, 0, 0),
        ("domain", 0, budget.domain_hour, 0),
        ("total", 0, 0, budget.total_hour),
    ];
    for (which, address_day, domain_hour, total_hour) in full {
        for (intent, one_less, expected) in [
            ("merge-accounts", 0, "Forward opens 9, Forward"),
            ("merge-accounts", 1, "Forward opens 9, Forward, Reply"),
            ("coursera-badge", 0, "Forward opens 9, Forward"),
            ("coursera-badge", 1, "Redirect opens 9, Reply"),
        ] {
            let mut case = fresh();
            case.spent.address_day = address_day.saturating_sub(one_less);
            case.spent.domain_hour = domain_hour.saturating_sub(one_less);
            case.spent.total_hour = total_hour.saturating_sub(one_less);
            let plan = plan(&plain(&[intent]), &case);
            assert_eq!(told(&plan), expected, "{which} {intent}");
            assert_eq!(has(&plan, "R13"), one_less == 0, "{which} {intent}");
        }
    }
}

#[test]
fn at_a_provider_of_many_strangers_one_of_them_does_not_spend_the_others_replies() {
    let raw = mail("maria@gmail.com", &office().address, "", "Hello.");
    let mut case = fresh();
    case.spent.domain_hour = 10_000;
    let plan = plan(&wanting(read(&raw), &["coursera-badge"]), &case);
    assert_eq!(told(&plan), "Redirect opens 9, Reply");
}

#[test]
fn the_first_forwarded_intent_that_names_a_queue_chooses_it() {
    for (intents, expected) in [
        (vec!["merge-accounts"], "accounts"),
        (vec!["badge-search", "account-access"], "badges"),
        (vec!["secondary-email", "badge-accept"], "badges"),
        (vec!["escalation", "merge-accounts"], "accounts"),
        (vec!["escalation", "coursera-badge"], "triage"),
        (vec!["escalation"], "triage"),
        (vec!["other"], "triage"),
        (vec!["secondary-email"], "accounts"),
        (vec![], "triage"),
        (vec!["an-intent-of-older-rules"], "triage"),
    ] {
        let names = found(&intents).intents;
        assert_eq!(queue(&names, rules()), expected, "{intents:?}");
    }
}

#[test]
fn advice_that_did_not_help_goes_to_a_person_though_no_intent_is_forwarded() {
    let mut reading = plain(&["secondary-email"]);
    reading.classification.as_mut().unwrap().person_needed = true;
    let plan = plan(&reading, &fresh());
    assert_eq!(told(&plan), "Forward opens 9, Forward, Reply");
    assert_eq!(plan.queue.as_deref(), Some("accounts"));
    let reply = letter(&plan, Purpose::Reply).unwrap();
    assert!(
        reply.text.contains("a person will read it"),
        "{}",
        reply.text
    );
}

#[test]
fn whoever_wants_a_person_gets_one_who_knows_the_matter_of_the_ticket() {
    let case = knowing(ticket(
        TicketState::Answered { at: EARLIER },
        &["coursera-badge"],
        None,
    ));
    let plan = plan(&answer(&["escalation"]), &case);
    assert_eq!(plan.intents, ["escalation", "coursera-badge"]);
    assert_eq!(changed(&plan).intents, plan.intents);
    assert!(forward(&plan).text.contains("escalation, coursera-badge"));
    let reply = letter(&plan, Purpose::Reply).unwrap();
    assert_eq!(
        reply.templates,
        ["escalation"],
        "the words of the first reply are not said again"
    );
}

#[test]
fn a_case_with_an_agent_keeps_agent_queue_and_age_whatever_comes_on_it() {
    let case = knowing(ticket(
        with_agent("ben"),
        &["merge-accounts"],
        Some("accounts"),
    ));
    let plan = plan(&answer(&["badge-search"]), &case);
    assert_eq!(forward(&plan).to.as_str(), "ben@agents.example");
    assert_eq!(plan.queue.as_deref(), Some("accounts"));
    assert_eq!(
        changed(&plan).state,
        with_agent("ben"),
        "how long the case waits is not counted anew"
    );
    let nobody = TicketState::Answered { at: EARLIER };
    let case = knowing(ticket(nobody, &["merge-accounts"], Some("accounts")));
    let plan = decide(&answer(&["badge-search"]), &case, rules(), &office(), NOW);
    assert_eq!(plan.queue.as_deref(), Some("badges"), "nobody has it yet");
}

#[test]
fn new_cases_go_round_and_a_case_whose_agent_is_gone_goes_to_the_next() {
    let mut case = fresh();
    for (turn, agent) in [(0, "ana"), (1, "ben"), (2, "ana"), (u64::MAX, "ben")] {
        case.turns = vec![("badges".to_owned(), 5), ("accounts".to_owned(), turn)];
        let plan = plan(&plain(&["merge-accounts"]), &case);
        assert_eq!(forward(&plan).to.local(), agent, "turn {turn}");
    }
    let mut case = knowing(ticket(
        with_agent("zoe"),
        &["merge-accounts"],
        Some("accounts"),
    ));
    case.turns = vec![("accounts".to_owned(), 1)];
    let handed = plan(&answer(&["merge-accounts"]), &case);
    assert_eq!(forward(&handed).to.local(), "ben");
    let state = TicketState::WithAgent {
        agent: address("ben@agents.example"),
        since: NOW,
    };
    assert_eq!(changed(&handed).state, state);
    // The whole queue is gone: the default one has it.
    let case = knowing(ticket(with_agent("zoe"), &["merge-accounts"], Some("vip")));
    let plan = plan(&answer(&["merge-accounts"]), &case);
    assert_eq!(forward(&plan).to.local(), "lead");
}

#[test]
fn without_any_agent_the_ticket_is_there_and_says_why_nobody_has_it() {
    let mut office = office();
    office.queues.clear();
    let mut case = fresh();
    for (spent, expected) in [(0, "Advise opens 9, Reply"), (u32::MAX, "Forward opens 9")] {
        case.spent.total_hour = spent;
        let plan = decide(&plain(&["secondary-email"]), &case, rules(), &office, NOW);
        assert_eq!(told(&plan), expected);
        assert_eq!(has(&plan, "no-agent"), spent > 0);
    }
    let plan = decide(&plain(&["merge-accounts"]), &fresh(), rules(), &office, NOW);
    assert_eq!(told(&plan), "Forward opens 9, Reply");
    assert!(has(&plan, "no-agent"));
}

#[test]
fn rule_1_one_forwarded_intent_forwards_the_mail_and_the_reply_speaks_of_both() {
    let plan = plan(
        &plain(&["coursera-badge", "merge-accounts", "ibm-intranet"]),
        &fresh(),
    );
    assert_eq!(told(&plan), "Forward opens 9, Forward, Reply");
    assert_eq!(plan.queue.as_deref(), Some("accounts"));
    let reply = letter(&plan, Purpose::Reply).unwrap();
    assert_eq!(
        reply.templates,
        ["merge-accounts", "coursera-badge", "ibm-intranet"]
    );
}

#[test]
fn rule_1_holds_for_every_pair_of_intents() {
    let all = rules().intents.intents();
    for one in all {
        for other in all {
            let pair = found(&[&one.name, &other.name]);
            let forwarded = [one, other]
                .iter()
                .any(|i| i.disposition == Disposition::Forward);
            let wanted = if forwarded {
                Disposition::Forward
            } else {
                one.disposition
            };
            assert_eq!(
                disposition(&pair, &rules().intents),
                wanted,
                "{} {}",
                one.name,
                other.name
            );
        }
    }
    assert_eq!(
        disposition(&found(&[]), &rules().intents),
        Disposition::Forward,
        "what is not understood"
    );
}

#[test]
fn rule_7_the_primary_intent_stays_first_in_plan_ticket_and_forward() {
    let text = "My badge for the Cisco CCNA exam never arrived although I passed.\r\n\r\nI also cannot log in any more: my account is registered to my old work address and I left that company.";
    let plan = plan(&read(&mail(MARIA, &office().address, "", text)), &fresh());
    assert_eq!(plan.intents[0], "account-access");
    assert!(
        plan.intents.iter().any(|i| i == "badge-search"),
        "{:?}",
        plan.intents
    );
    assert_eq!(changed(&plan).intents, plan.intents);
    assert_eq!(plan.queue.as_deref(), Some("accounts"));
    assert!(
        forward(&plan)
            .subject
            .starts_with("account-access: A question [#9 ")
    );
}

#[test]
fn rule_8_advice_and_redirect_go_in_one_reply_and_to_nobody_else() {
    let plan = plan(&plain(&["secondary-email", "coursera-badge"]), &fresh());
    assert_eq!(told(&plan), "Advise opens 9, Reply");
    let reply = letter(&plan, Purpose::Reply).unwrap();
    assert_eq!(reply.templates, ["secondary-email", "coursera-badge"]);
}

#[test]
fn rule_9_an_answer_that_only_gives_the_addresses_keeps_the_tickets_intent() {
    let case = knowing(ticket(
        with_agent("ben"),
        &["merge-accounts", "ibm-badge"],
        Some("accounts"),
    ));
    let plan = plan(&answer(&["other"]), &case);
    assert_eq!(plan.intents, ["merge-accounts", "ibm-badge"]);
    assert_eq!(changed(&plan).intents, ["merge-accounts", "ibm-badge"]);
    assert!(forward(&plan).subject.starts_with("merge-accounts: "));
}

#[test]
fn thanks_are_not_believed_of_a_mail_that_nobody_is_known_to_have_written() {
    let mut reading = plain(&["thanks"]);
    reading.message.flaws.push(Flaw::Unparsable);
    assert_eq!(plan(&reading, &fresh()).disposition, Disposition::Forward);
}

#[test]
fn a_forward_holds_what_an_agent_needs_to_act() {
    let text = "I left Acme and cannot log in any more: my account is registered to maria.stone@acme.example.\r\nPlease use <maria@home.example> now, and not support+vip@credly.example.";
    let headers = "Authentication-Results: mx.credly.example; dmarc=pass header.from=home.example\r\nContent-Type: multipart/mixed; boundary=b\r\n";
    let body = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: application/octet-stream; name=\"badge.exe\"\r\nContent-Disposition: attachment; filename=\"badge.exe\"\r\n\r\nMZ\r\n--b--"
    );
    let plan = plan(
        &read(&mail(
            &format!("Maria Stone <{MARIA}>"),
            &office().address,
            headers,
            &body,
        )),
        &fresh(),
    );
    let forward = forward(&plan);
    assert!(forward.attach_original && forward.html.is_none());
    for part in [
        "Ticket #9 is new.",
        "Writer     maria@home.example (Maria Stone, by the writer's own word)",
        "Domain     proved itself",
        "Addresses  maria.stone@acme.example, maria@home.example\n",
        "Wants      account-access",
        "Queue      accounts",
        "Language   en",
        "Answered   automatically, in en",
        "badge.exe",
        "DANGEROUS",
        "Why\n- ",
        "Subject    A question",
        "  I left Acme and cannot log in any more",
        "Your answer goes above this line",
    ] {
        assert!(
            forward.text.contains(part),
            "`{part}` is missing in\n{}",
            forward.text
        );
    }
    let [desk] = forward.reply_to.as_slice() else {
        panic!("an answer goes to the desk alone: {:?}", forward.reply_to)
    };
    let agent = &forward.to;
    assert_eq!(
        office()
            .key
            .own_reply_address(desk, &office().address, agent),
        Some(TicketNumber(9))
    );
}

#[test]
fn an_agent_is_told_when_nobody_is_certain_to_have_written() {
    let failed =
        "Authentication-Results: mx.credly.example; dmarc=fail header.from=home.example\r\n";
    let reading = read(&mail(
        MARIA,
        &office().address,
        failed,
        "I have two accounts, please merge them.",
    ));
    let plan = plan(&reading, &fresh());
    assert_eq!(told(&plan), "Forward opens 9, Forward");
    let forward = forward(&plan);
    for part in [
        "not certain; what the mail claims:\nFrom       maria@home.example",
        "Domain     FAILED",
        "Answered   not yet: ",
    ] {
        assert!(
            forward.text.contains(part),
            "`{part}` is missing in\n{}",
            forward.text
        );
    }
    assert_eq!(
        forward.reply_to.len(),
        1,
        "a forged address gets no answer by accident"
    );
}

#[test]
fn a_forward_stays_short_whatever_the_mail_holds() {
    use std::fmt::Write;
    let mut text = String::new();
    for n in 0..2_000 {
        writeln!(text, "a{n}@{}.example\r", "x".repeat(60)).unwrap();
    }
    let mut headers = format!(
        "Content-Type: multipart/mixed; boundary=b\r\nX-Pad: {}\r\n",
        "y".repeat(9_000)
    );
    write!(headers, "Subject: {}\r\n", "Long ".repeat(2_000)).unwrap();
    let mut body = format!("--b\r\n\r\n{text}");
    for n in 0..200 {
        write!(body, "\r\n--b\r\nContent-Type: x/{}\r\nContent-Disposition: attachment; filename=\"{n}{}.exe\"\r\n\r\nx", "t".repeat(5_000), "n".repeat(5_000)).unwrap();
    }
    let plan = plan(
        &wanting(
            read(&mail(MARIA, &office().address, &headers, &body)),
            &["merge-accounts"],
        ),
        &fresh(),
    );
    let forward = forward(&plan);
    assert!(
        forward.text.len() < 100_000,
        "{} octets",
        forward.text.len()
    );
    assert!(forward.subject.chars().count() < 200, "{}", forward.subject);
    let kept = forward.text.matches("n.exe (x/t").count();
    let marked = forward.text.matches("DANGEROUS").count();
    assert_eq!((kept, marked), (10, 10), "{}", forward.text);
}
