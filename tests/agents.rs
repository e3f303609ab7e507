//! What agents are told, what their answers do, and what happens when a case does not reach them.

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
use mailclerk::message::id::MessageId;
use mailclerk::message::parse::parse;
use mailclerk::triage;
use mailclerk::triage::Disposition;
use mailclerk::triage::Keeping;
use mailclerk::triage::Office;
use mailclerk::triage::Queue;
use mailclerk::triage::Reading;
use mailclerk::triage::decide::ABSENT;
use mailclerk::triage::decide::AGENT_ANSWERED;
use mailclerk::triage::decide::BOUNCED;
use mailclerk::triage::decide::BOUNCED_FORWARD;
use mailclerk::triage::decide::RELAYED;
use mailclerk::triage::decide::REPORT;
use mailclerk::triage::decide::decide;
use mailclerk::triage::delivery::Purpose;
use mailclerk::triage::desk::Rules;
use mailclerk::triage::plan::Case;
use mailclerk::triage::plan::Letter;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::returned::Fate;
use mailclerk::triage::returned::REROUTED;
use mailclerk::triage::screen::Surroundings;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;
use mailclerk::triage::token::DeskKey;

const DESK: &str = "support@credly.example";
const MARIA: &str = "maria@home.example";
const NUMBER: TicketNumber = TicketNumber(7);
const NOW: Timestamp = Timestamp(1_800_000_000);

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES
        .get_or_init(|| folder::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).unwrap())
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn agent(name: &str) -> Address {
    address(&format!("{name}@agents.example"))
}

fn office() -> Office {
    let queue = |name: &str, agents: &[&str]| Queue {
        name: name.to_owned(),
        agents: agents.iter().map(|a| agent(a)).collect(),
    };
    let queues = vec![
        queue("accounts", &["ana", "ben"]),
        queue("badges", &["cleo"]),
        queue("triage", &["lead"]),
    ];
    let key = DeskKey::new(&[9; 32]);
    Office {
        mailbox: "support".to_owned(),
        address: address(DESK),
        surroundings: Surroundings {
            own: vec![address(DESK)],
            agents: queues.iter().flat_map(|q| q.agents.clone()).collect(),
            loop_token: key.loop_token(),
            authserv_id: Some("mx.credly.example".to_owned()),
            ..Surroundings::default()
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

fn read(raw: &str) -> Reading {
    triage::read(
        parse(raw.replace('\n', "\r\n").as_bytes()),
        rules(),
        &office(),
    )
}

fn mail(from: &str, to: &str, headers: &str, text: &str) -> Reading {
    read(&format!(
        "Return-Path: <x@elsewhere.example>\nFrom: {from}\nTo: {to}\nSubject: A question\nMessage-ID: <1@home.example>\n{headers}\n{text}\n"
    ))
}

fn ticket(state: TicketState) -> Ticket {
    Ticket {
        number: NUMBER,
        version: 3,
        state,
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: vec![address(MARIA)],
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(5),
        updated: Timestamp(5),
    }
}

fn with(name: &str) -> Ticket {
    ticket(TicketState::WithAgent {
        agent: agent(name),
        since: Timestamp(5),
    })
}

fn knowing(ticket: Ticket) -> Case {
    Case {
        tickets: vec![ticket],
        fresh: 9,
        ..Case::default()
    }
}

fn plan(reading: &Reading, case: &Case) -> Plan {
    decide(reading, case, rules(), &office(), NOW)
}

fn forward(plan: &Plan) -> &Letter {
    plan.letters
        .iter()
        .find(|l| l.purpose == Purpose::Forward)
        .unwrap()
}

fn has(plan: &Plan, rule: &str) -> bool {
    plan.because
        .iter()
        .any(|b| b.stage == "decide" && b.rule == rule)
}

/// The id of a mail of ours on ticket 7.
fn id(purpose: Purpose, to: &str, digest: [u8; 32]) -> MessageId {
    office()
        .key
        .message_id(purpose, NUMBER, &digest, &agent(to), "credly.example")
}

/// The first forward of ticket 7 to an agent, and the one after another agent's had failed.
fn first(to: &str) -> MessageId {
    id(Purpose::Forward, to, [1; 32])
}

fn second(to: &str) -> MessageId {
    id(Purpose::Forward, to, REROUTED)
}

/// A report in the form of RFC 3464 on a mail of ours.
fn report(status: &str, about: &MessageId) -> Reading {
    read(&format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {DESK}\nSubject: Undelivered Mail\nMessage-ID: <r@mx.example>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n{status}\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {}\nSubject: x\n--b--",
        about.bracketed()
    ))
}

fn failure(about: &MessageId) -> Reading {
    report(
        "Final-Recipient: rfc822; a@agents.example\nAction: failed\nStatus: 5.1.1",
        about,
    )
}

/// A report in a mail system's own words.
fn words(subject: &str, text: &str, about: &MessageId) -> Reading {
    read(&format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {DESK}\nSubject: {subject}\n\n{text}\n\n--- Below this line is a copy of the message.\n\nMessage-ID: {}\nI got 550 5.1.1 and a permanent error.\n",
        about.bracketed()
    ))
}

#[test]
fn a_forward_that_failed_goes_to_the_queues_next_agent_with_all_that_is_known() {
    let reading = failure(&first("ana"));
    let plan = plan(&reading, &knowing(with("ana")));
    assert!(has(&plan, BOUNCED_FORWARD), "{plan:?}");
    let Step::Update(ticket) = &plan.step else {
        panic!("{plan:?}")
    };
    assert_eq!(
        ticket.state,
        TicketState::WithAgent {
            agent: agent("ben"),
            since: NOW
        }
    );
    assert_eq!(
        (ticket.version, ticket.queue.as_deref()),
        (3, Some("accounts"))
    );
    assert_eq!(plan.letters.len(), 1, "the writer hears nothing of it");
    let letter = forward(&plan);
    assert_eq!(letter.to, agent("ben"));
    let [desk] = letter.reply_to.as_slice() else {
        panic!("the desk alone: {:?}", letter.reply_to)
    };
    assert_eq!(
        office()
            .key
            .own_reply_address(desk, &office().address, &agent("ben")),
        Some(NUMBER)
    );
    assert!(
        letter.attach_original,
        "the report, with the lost mail inside"
    );
    for said in [
        "Ticket #7",
        "ana@agents.example",
        MARIA,
        "merge-accounts",
        "Mailclerk/Forwarded",
        "your words go to the writer",
    ] {
        assert!(
            letter.text.contains(said),
            "`{said}` is missing in\n{}",
            letter.text
        );
    }
}

#[test]
fn a_second_failure_goes_to_the_default_queue_and_a_third_to_nobody() {
    let reading = failure(&second("ben"));
    assert!(
        reading.clues.ids.contains(&second("ben")),
        "the store is asked who had it"
    );
    let had = |agents: &[&str], ticket: Ticket| Case {
        by_id: agents.iter().map(|a| (second(a), NUMBER)).collect(),
        ..knowing(ticket)
    };
    let then = plan(&reading, &had(&["ben"], with("ben")));
    assert_eq!(forward(&then).to, agent("lead"));
    let Step::Update(ticket) = &then.step else {
        panic!("{then:?}")
    };
    assert_eq!(ticket.queue.as_deref(), Some("triage"));
    let last = plan(
        &failure(&second("lead")),
        &had(&["ben", "lead"], with("lead")),
    );
    assert_eq!(
        (last.letters.len(), &last.step),
        (0, &Step::Record(Some(NUMBER)))
    );
    let twice = plan(&failure(&second("ana")), &had(&["ben", "ana"], with("ana")));
    assert!(
        twice.letters.is_empty(),
        "after two there is no third, though somebody is left"
    );
    assert!(
        has(&last, BOUNCED_FORWARD),
        "the operator is told: {last:?}"
    );
}

#[test]
fn a_queue_with_one_agent_hands_the_case_to_the_default_queue() {
    let mut ticket = with("cleo");
    ticket.queue = Some("badges".to_owned());
    assert_eq!(
        forward(&plan(&failure(&first("cleo")), &knowing(ticket.clone()))).to,
        agent("lead")
    );
    ticket.state = TicketState::WithAgent {
        agent: agent("lead"),
        since: Timestamp(5),
    };
    ticket.queue = Some("triage".to_owned());
    assert!(
        plan(&failure(&first("lead")), &knowing(ticket))
            .letters
            .is_empty()
    );
}

#[test]
fn a_report_that_is_not_about_the_agents_present_forward_moves_nothing() {
    let answered = ticket(TicketState::AgentAnswered {
        agent: agent("ana"),
        at: Timestamp(6),
    });
    for (reading, ticket, rule) in [
        (failure(&first("ana")), with("ben"), BOUNCED),
        (failure(&first("ana")), answered, BOUNCED),
        (
            failure(&id(Purpose::Reply, "ana", [1; 32])),
            with("ana"),
            BOUNCED,
        ),
        (
            report("Action: delayed\nStatus: 4.4.1", &first("ana")),
            with("ana"),
            REPORT,
        ),
        (
            report("Action: delivered\nStatus: 2.0.0", &first("ana")),
            with("ana"),
            REPORT,
        ),
    ] {
        let plan = plan(&reading, &knowing(ticket));
        assert_eq!(
            (plan.letters.len(), &plan.step),
            (0, &Step::Record(Some(NUMBER))),
            "{plan:?}"
        );
        assert!(has(&plan, rule), "{rule}: {plan:?}");
    }
    let unknown = plan(&failure(&first("ana")), &Case::default());
    assert_eq!(
        (unknown.letters.len(), &unknown.step),
        (0, &Step::Record(None))
    );
    let forged = MessageId::parse(&first("ana").as_str().replace("f.7.", "f.8.")).unwrap();
    assert_eq!(
        failure(&forged).returned,
        None,
        "what we did not make proves nothing"
    );
}

#[test]
fn a_report_in_words_counts_only_when_it_gives_up() {
    let fate =
        |subject: &str, text: &str| words(subject, text, &first("ana")).returned.unwrap().fate;
    for (subject, text) in [
        (
            "failure notice",
            "I'm afraid I wasn't able to deliver your message.\nThis is a permanent error; I've given up. Sorry.",
        ),
        (
            "Unzustellbar",
            "<ana@agents.example>: 550 5.1.1 Unbekannter Empfänger",
        ),
        (
            "Undeliverable",
            "Remote server returned '550-5.7.1 rejected'",
        ),
        ("Returned mail", "ana@agents.example (#5.1.1)."),
    ] {
        assert_eq!(fate(subject, text), Fate::Failed, "{text}");
    }
    for (subject, text) in [
        (
            "Delivery Status Notification (Delay)",
            "550 5.1.1 so far. It will be retried for 3 days.",
        ),
        ("Warning", "Message delayed: 4.4.1 connection timed out"),
        ("failure notice", "Something went wrong at 15:50."),
        ("failure notice", "Version 5.10 said so, to 550x1 people."),
    ] {
        assert_eq!(fate(subject, text), Fate::Underway, "{text}");
    }
}

#[test]
fn an_agents_absence_note_is_noted_on_its_ticket_however_it_points_there() {
    let reply_address = office()
        .key
        .reply_address(&office().address, NUMBER, &agent("ana"));
    let by_id = mail(
        "ana@agents.example",
        DESK,
        &format!(
            "Auto-Submitted: auto-replied\nIn-Reply-To: {}\n",
            first("ana").bracketed()
        ),
        "I am away. In urgent cases call 550.",
    );
    let by_address = mail(
        "ana@agents.example",
        reply_address.as_str(),
        "Auto-Submitted: auto-replied\n",
        "I am away.",
    );
    for reading in [by_id, by_address] {
        assert!(
            reading.clues.claimed.iter().any(|(n, _)| *n == NUMBER),
            "the store is asked for the ticket"
        );
        let plan = plan(&reading, &knowing(with("ana")));
        assert_eq!(
            (plan.letters.len(), &plan.step),
            (0, &Step::Record(Some(NUMBER))),
            "{plan:?}"
        );
        assert!(has(&plan, ABSENT), "{plan:?}");
    }
    let others = mail(
        "ben@agents.example",
        reply_address.as_str(),
        "Auto-Submitted: auto-replied\n",
        "I am away.",
    );
    assert_eq!(
        others.returned, None,
        "the address was given to somebody else"
    );
}

/// A mail of ana's to her reply address of ticket 7.
fn answer(headers: &str, text: &str) -> Reading {
    let to = office()
        .key
        .reply_address(&office().address, NUMBER, &agent("ana"));
    mail("ana@agents.example", to.as_str(), headers, text)
}

#[test]
fn an_agent_who_answers_the_desk_answers_the_person() {
    let plan = plan(
        &answer("", "Dear Maria, it is merged."),
        &knowing(with("ana")),
    );
    assert!(has(&plan, RELAYED), "{plan:?}");
    let [letter] = plan.letters.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (letter.purpose, &letter.to),
        (Purpose::Relay, &address(MARIA))
    );
    assert_eq!(letter.text, "Dear Maria, it is merged.\n");
    let Step::Update(ticket) = &plan.step else {
        panic!("{plan:?}")
    };
    assert_eq!(
        ticket.state,
        TicketState::AgentAnswered {
            agent: agent("ana"),
            at: NOW
        }
    );
}

#[test]
fn an_answer_that_the_person_has_already_is_noted_and_not_sent_again() {
    let case = knowing(with("ana"));
    for headers in [
        format!("Cc: {MARIA}\n"),
        "Cc: Maria <Maria+x@home.example>\n".to_owned(),
    ] {
        let both = plan(&answer(&headers, "It is merged."), &case);
        let Step::Update(ticket) = &both.step else {
            panic!("{both:?}")
        };
        assert_eq!(
            ticket.state,
            TicketState::AgentAnswered {
                agent: agent("ana"),
                at: NOW
            }
        );
        assert!(both.letters.is_empty() && has(&both, AGENT_ANSWERED));
    }
}

#[test]
fn talk_between_colleagues_comes_back_and_reaches_no_person() {
    for others in ["ben@agents.example", "someone@elsewhere.example"] {
        let aside = plan(
            &answer(&format!("Cc: {others}, {DESK}\n"), "Ben, can you look?"),
            &knowing(with("ana")),
        );
        assert_eq!(aside.step, Step::Record(Some(NUMBER)));
        let [letter] = aside.letters.as_slice() else {
            panic!("{aside:?}")
        };
        assert_eq!(
            (letter.purpose, &letter.to),
            (Purpose::Notice, &agent("ana"))
        );
        assert!(
            letter.text.contains("> Ben, can you look?"),
            "{}",
            letter.text
        );
    }
}

#[test]
fn where_nobody_is_known_to_have_written_an_answer_to_anybody_outside_counts() {
    let to = office()
        .key
        .reply_address(&office().address, NUMBER, &agent("ana"));
    let mut unknown = with("ana");
    unknown.participants.clear();
    let answer = |cc: &str| {
        plan(
            &mail(
                "ana@agents.example",
                to.as_str(),
                &format!("Cc: {cc}\n"),
                "Done.",
            ),
            &knowing(unknown.clone()),
        )
    };
    assert!(matches!(answer("found@home.example").step, Step::Update(_)));
    assert!(matches!(answer("ben@agents.example").step, Step::Record(_)));
}

#[test]
fn the_footer_says_where_an_agents_answer_goes_and_where_it_does_not() {
    let text = "I have two accounts, please merge them.";
    let fresh = Case {
        fresh: 9,
        ..Case::default()
    };
    let sure = plan(&mail(MARIA, DESK, "", text), &fresh);
    assert!(
        forward(&sure)
            .text
            .contains(&format!("your words go to the writer\n({MARIA})"))
    );
    assert!(!forward(&sure).text.contains("Reply-To"));
    // Several writers: none of them is certain.
    let unsure = plan(
        &mail(
            "Maria <maria@home.example>, eve@elsewhere.example",
            DESK,
            "Reply-To: trap@elsewhere.example\n",
            text,
        ),
        &fresh,
    );
    let letter = forward(&unsure);
    assert_eq!(letter.reply_to.len(), 1, "the desk alone");
    for said in [
        "Writer     not certain; what the mail claims:",
        "From       maria@home.example (Maria), eve@elsewhere.example",
        "Reply-To   trap@elsewhere.example",
        "an answer reaches the desk alone, and NOBODY ELSE GETS IT",
    ] {
        assert!(
            letter.text.contains(said),
            "`{said}` is missing in\n{}",
            letter.text
        );
    }
    assert!(!letter.text.contains("go to the writer"));
}

#[test]
fn a_reply_address_elsewhere_is_shown_to_the_agent_as_another_ones() {
    let fresh = Case {
        fresh: 9,
        ..Case::default()
    };
    let plan = plan(
        &mail(
            MARIA,
            DESK,
            "Reply-To: Maria <trap@elsewhere.example>\n",
            "I have two accounts, please merge them.",
        ),
        &fresh,
    );
    let letter = forward(&plan);
    assert_eq!(letter.reply_to.len(), 1, "the desk alone");
    assert!(letter.text.contains("Reply-To   trap@elsewhere.example (Maria) - another address than the writer's; your answer does not go there"), "{}", letter.text);
}

#[test]
fn a_mail_that_was_not_wholly_read_goes_to_a_person_whatever_it_seems_to_want() {
    for text in [
        "Thank you so much, it works now!",
        "How do I add my private email address to my profile? I can log in without trouble.",
        "I completed a course on Coursera and the badge for it has not arrived.",
        "We offer guaranteed first page ranking on Google and high quality backlinks for only $99 per month. Your website has SEO issues.",
    ] {
        let mut reading = mail(MARIA, DESK, "", text);
        let fresh = Case {
            fresh: 9,
            ..Case::default()
        };
        let before = plan(&reading, &fresh);
        assert_ne!(before.disposition, Disposition::Forward, "{before:#?}");
        reading.message.flaws.push(Flaw::TooBig);
        let plan = plan(&reading, &fresh);
        assert_eq!(plan.disposition, Disposition::Forward, "{text}");
        assert!(has(&plan, "too-big"), "{plan:?}");
        forward(&plan);
    }
}

#[test]
fn what_reads_like_advertising_on_a_ticket_of_its_writer_goes_to_a_person_and_thanks_do_not() {
    let to = office()
        .key
        .reply_address(&office().address, NUMBER, &address(MARIA));
    let spam = "We offer guaranteed first page ranking on Google and high quality backlinks for only $99 per month. Your website has SEO issues.";
    let case = knowing(with("ana"));
    let joined = plan(&mail(MARIA, to.as_str(), "", spam), &case);
    assert_eq!(joined.disposition, Disposition::Forward);
    assert!(has(&joined, "participant"));
    assert_eq!(forward(&joined).to, agent("ana"), "who has the case");
    let stranger = plan(&mail("eve@elsewhere.example", to.as_str(), "", spam), &case);
    assert_eq!(
        (stranger.disposition, stranger.letters.len()),
        (Disposition::Ignore, 0)
    );
    let thanks = plan(
        &mail(MARIA, to.as_str(), "", "Thank you so much, it works now!"),
        &case,
    );
    assert_eq!(
        (thanks.disposition, thanks.letters.len()),
        (Disposition::Ignore, 0)
    );
}
