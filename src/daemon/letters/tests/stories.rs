//! Those of the rules R1 to R59 that take more than one mail, or what the store knows.

use super::rules::Sent;
use super::rules::desk;
use super::rules::entry_of;
use super::rules::fresh;
use super::rules::sent;
use super::rules::whole;
use super::*;
use crate::message::compose::LOOP_HEADER;
use crate::triage::plan::Spent;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;
use crate::triage::ticket::TicketNumber;

/// A rule's number, and its test, where more than one mail or the store's knowledge is needed.
pub(super) const STORIES: &[(u8, fn())] = &[
    (10, the_same_words_are_not_sent_again_within_the_period),
    (11, the_same_words_are_known_by_their_template),
    (12, answered_addresses_are_remembered_for_the_whole_period),
    (13, a_spent_budget_silences_and_files),
    (16, a_reply_says_the_same_to_everybody),
    (28, what_goes_to_agents_is_marked_generated),
    (29, what_goes_to_agents_is_marked_generated),
    (30, what_goes_to_agents_is_marked_generated),
    (38, a_late_forward_changes_nothing_and_a_failed_one_goes_on),
    (39, a_late_forward_changes_nothing_and_a_failed_one_goes_on),
    (40, recipients_of_reports_may_be_written_in_any_form),
    (41, a_forged_report_changes_nothing),
    (42, a_failed_forward_comes_back_to_an_address_that_is_ours),
    (49, only_what_we_issued_joins),
    (50, an_id_in_other_case_is_another),
    (52, prose_and_hundreds_of_ids_are_bounded),
    (57, a_pass_is_the_domains_and_nobody_elses),
    (59, a_pass_without_alignment_is_none),
];

#[test]
fn a_mail_with_words_of_a_machine_that_answers_at_once_gets_no_reply_and_goes_to_a_person() {
    let (id, mut case) = answered();
    case.tickets[0].state = TicketState::Answered { at: NOW };
    let text = "I am on leave. How may my colleagues help you in the meantime?";
    let raw = whole(&format!(
        "Message-ID: <second@home.example>\nIn-Reply-To: {id}\nSubject: Re: Two accounts\n\n{text}"
    ));
    let after = |seconds: i64| {
        let mut case = case.clone();
        case.spent.templates = vec![("some".to_owned(), NOW.plus_s(-seconds))];
        let entry = entry_of(raw.clone(), &case, &desk());
        let swift = entry.plan.because.iter().any(|b| b.rule == "swift");
        assert_eq!(sent(&entry, Purpose::Forward).len(), 1);
        (reply(&entry).is_some(), swift)
    };
    assert_eq!(after(20), (false, true));
    assert!(!after(3_600).1);
}

#[test]
fn the_rules_that_need_more_than_one_mail_hold() {
    for (_, story) in STORIES {
        story();
    }
}

fn reply(entry: &Entry) -> Option<Sent> {
    sent(entry, Purpose::Reply).pop()
}

fn the_same_words_are_not_sent_again_within_the_period() {
    let first = entry_of(whole(""), &fresh(), &desk());
    let templates = reply(&first).unwrap().out.templates;
    let days = i64::from(rules().desk.budget.same_reply_days);
    assert!(days >= 1);
    let spent_before = |age_s: i64| {
        let mut case = fresh();
        let at = NOW.plus_s(-age_s);
        case.spent.templates = templates.iter().map(|t| (t.clone(), at)).collect();
        reply(&entry_of(whole(""), &case, &desk()))
    };
    let repeats = |sent: Option<Sent>| {
        sent.is_some_and(|s| templates.iter().any(|t| s.out.templates.contains(t)))
    };
    assert!(!repeats(spent_before(60)));
    assert!(!repeats(spent_before(days * 86_400 - 60)));
    assert!(repeats(spent_before(days * 86_400 + 60)));
}

fn the_same_words_are_known_by_their_template() {
    let one = reply(&entry_of(whole("Subject: One"), &fresh(), &desk())).unwrap();
    let two = reply(&entry_of(
        whole("Subject: Two\nMessage-ID: <b@home.example>"),
        &fresh(),
        &desk(),
    ))
    .unwrap();
    assert_ne!(one.text, two.text);
    assert!(!one.out.templates.is_empty());
    assert_eq!(one.out.templates, two.out.templates);
}

/// The store forgets a reply with its period and not by number; here, that the period is what the desk promises.
fn answered_addresses_are_remembered_for_the_whole_period() {
    let mut case = fresh();
    let reply_days = i64::from(rules().desk.budget.same_reply_days);
    let last = NOW.plus_s(-reply_days * 86_400 + 1);
    let templates = reply(&entry_of(whole(""), &case, &desk()))
        .unwrap()
        .out
        .templates;
    // A thousand others since, of whom the case of this address knows nothing.
    case.spent.templates = templates.iter().map(|t| (t.clone(), last)).collect();
    assert!(
        reply(&entry_of(whole(""), &case, &desk()))
            .is_none_or(|s| templates.iter().all(|t| !s.out.templates.contains(t)))
    );
}

fn a_spent_budget_silences_and_files() {
    let budget = &rules().desk.budget;
    let none = Spent::default();
    for spent in [
        Spent {
            address_day: budget.address_day,
            ..none.clone()
        },
        Spent {
            domain_hour: budget.domain_hour,
            ..none.clone()
        },
        Spent {
            total_hour: budget.total_hour,
            ..none.clone()
        },
    ] {
        let case = Case { spent, ..fresh() };
        let entry = entry_of(whole(""), &case, &desk());
        assert!(reply(&entry).is_none());
        assert_eq!(sent(&entry, Purpose::Forward).len(), 1);
    }
}

fn a_reply_says_the_same_to_everybody() {
    let text = |from: &str| {
        let entry = entry_of(whole(&format!("From: {from}")), &fresh(), &desk());
        let sent = reply(&entry).unwrap();
        parse(&sent.out.bytes).body.full
    };
    assert_eq!(text("maria@home.example"), text("nobody@nowhere.example"));
    assert!(!text("maria@home.example").contains("home.example"));
}

fn what_goes_to_agents_is_marked_generated() {
    let entry = entry_of(whole(""), &fresh(), &desk());
    let forward = sent(&entry, Purpose::Forward).pop().unwrap();
    assert_eq!(forward.one("Auto-Submitted"), "auto-generated");
    assert_eq!(forward.one(LOOP_HEADER), desk().key.loop_token());
    assert_eq!(forward.one("X-Auto-Response-Suppress"), "All");
}

/// A ticket with an agent, the forward that agent got, and the case in which a report on it is decided.
fn forwarded() -> (Sent, Case) {
    let entry = entry_of(whole(""), &fresh(), &desk());
    let forward = sent(&entry, Purpose::Forward).pop().unwrap();
    let Step::Open(ticket) = &entry.plan.step else {
        panic!("no ticket")
    };
    let mut case = fresh();
    case.fresh = 2;
    case.tickets = vec![ticket.clone()];
    case.by_id = vec![(forward.out.message_id.clone(), ticket.number)];
    (forward, case)
}

fn report(sent: &Sent, id: &str, action: &str, status: &str, recipient: &str) -> Vec<u8> {
    let to = &sent.out.envelope_from.as_ref().unwrap();
    whole(&format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.agents.example\nTo: {to}\nSubject: Undelivered mail\nMessage-ID: <bounce@mx.agents.example>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.agents.example\n\n{recipient}\nAction: {action}\nStatus: {status}\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {id}\nSubject: x\n\n--b--"
    ))
}

fn again(raw: Vec<u8>, case: &Case) -> (usize, bool, bool) {
    let entry = entry_of(raw, case, &desk());
    assert!(reply(&entry).is_none());
    let forwards = sent(&entry, Purpose::Forward).len();
    let changed = matches!(entry.plan.step, Step::Update(_));
    let opened = matches!(entry.plan.step, Step::Open(_));
    (forwards, changed, opened)
}

const PLAIN: &str = "Final-Recipient: rfc822; ana@agents.example";

fn a_late_forward_changes_nothing_and_a_failed_one_goes_on() {
    let (forward, case) = forwarded();
    let id = forward.one("Message-ID");
    assert_eq!(
        again(report(&forward, &id, "delayed", "4.4.1", PLAIN), &case),
        (0, false, false)
    );
    assert_eq!(
        again(report(&forward, &id, "failed", "5.1.1", PLAIN), &case),
        (1, true, false)
    );
}

fn recipients_of_reports_may_be_written_in_any_form() {
    let (forward, case) = forwarded();
    let id = forward.one("Message-ID");
    for recipient in [
        "Original-Recipient: rfc822;ana+2Bx@agents.example\nFinal-Recipient: RFC822;<ana@agents.example>",
        "Final-Recipient: x-local; ana",
        "Final-Recipient:rfc822;ana@agents.example (was here)",
    ] {
        let raw = report(&forward, &id, "failed", "5.1.1", recipient);
        assert_eq!(again(raw, &case), (1, true, false), "{recipient}");
    }
}

fn a_forged_report_changes_nothing() {
    let (forward, case) = forwarded();
    for id in ["<1.guess@credly.example>", "<other@home.example>"] {
        let raw = report(&forward, id, "failed", "5.1.1", PLAIN);
        // Nor does it come back to the address that we signed for this forward.
        let signed = forward.out.envelope_from.as_ref().unwrap().to_string();
        let raw = String::from_utf8(raw)
            .unwrap()
            .replace(&signed, "support@credly.example");
        assert_eq!(again(raw.into_bytes(), &case), (0, false, false), "{id}");
    }
}

fn a_failed_forward_comes_back_to_an_address_that_is_ours() {
    let (forward, _) = forwarded();
    let office = desk();
    let back = forward.out.envelope_from.clone().unwrap();
    let known = office
        .key
        .own_reply_address(&back, &office.address, &forward.out.to);
    assert_eq!(known, Some(TicketNumber(1)));
    let stranger = Address::parse("eve@else.example").unwrap();
    assert_eq!(
        office
            .key
            .own_reply_address(&back, &office.address, &stranger),
        None
    );
}

/// What a mail that answers `id` does to the ticket that a reply with that id belongs to.
fn answering(id: &str, case: &Case) -> Step {
    let raw = whole(&format!(
        "Message-ID: <second@home.example>\nIn-Reply-To: {id}\nSubject: Re: Two accounts\n\nStill two of them. Please help."
    ));
    entry_of(raw, case, &desk()).plan.step
}

fn answered() -> (String, Case) {
    let entry = entry_of(whole(""), &fresh(), &desk());
    let first = reply(&entry).unwrap();
    let Step::Open(ticket) = &entry.plan.step else {
        panic!("no ticket")
    };
    let mut case = fresh();
    case.fresh = 2;
    case.tickets = vec![ticket.clone()];
    case.by_id = vec![(first.out.message_id.clone(), ticket.number)];
    (first.one("Message-ID"), case)
}

fn only_what_we_issued_joins() {
    let (id, case) = answered();
    assert!(matches!(answering(&id, &case), Step::Update(t) if t.number == TicketNumber(1)));
    let foreign = answering("<somebody@else.example>", &case);
    assert!(matches!(foreign, Step::Open(t) if t.number == TicketNumber(2)));
}

fn an_id_in_other_case_is_another() {
    let answers = |id: &str| parse(&whole(&format!("In-Reply-To: {id}"))).in_reply_to;
    let (known, other) = (
        answers("< AbC@home.example >"),
        answers("<abc@home.example>"),
    );
    assert_eq!((known.len(), other.len()), (1, 1));
    assert_ne!(known, other);
    let (_, mut case) = answered();
    case.by_id = vec![(known[0].clone(), TicketNumber(1))];
    assert!(matches!(
        answering("<abc@home.example>", &case),
        Step::Open(_)
    ));
}

fn prose_and_hundreds_of_ids_are_bounded() {
    use std::fmt::Write;

    let mut refs = String::new();
    for n in 0..900 {
        write!(refs, "\n <{n}@home.example>").unwrap();
    }
    let raw = whole(&format!(
        "In-Reply-To: Your message of Monday <b@home.example> (which I liked) <c@home.example>\nReferences:{refs}"
    ));
    let message = parse(&raw);
    assert_eq!(message.in_reply_to.len(), 2);
    assert!(message.references.len() <= crate::message::IDS_MAX);
    let out = reply(&entry_of(raw, &fresh(), &desk())).unwrap();
    assert!(out.one("References").len() < 4_000);
}

fn proved(results: &str) -> Proof {
    let raw = whole(&format!("Authentication-Results: {results}"));
    proof(&parse(&raw), &desk().surroundings)
}

fn a_pass_is_the_domains_and_nobody_elses() {
    let pass = "mx.credly.example; dmarc=pass header.from=home.example";
    assert_eq!(proved(pass), Proof::Passed);
    assert_eq!(
        proved("mx.credly.example; dmarc=pass header.from=evil.example"),
        Proof::None
    );
}

fn a_pass_without_alignment_is_none() {
    assert_eq!(
        proved("mx.credly.example; dkim=pass header.d=home.example"),
        Proof::None
    );
    assert_eq!(
        proved("mx.credly.example; spf=pass smtp.mailfrom=home.example"),
        Proof::None
    );
}
