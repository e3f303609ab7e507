//! What proves an agent, what of an agent's mail a person reads, and what comes back: a row for each.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod machines;
mod orders;
mod quotes;

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::any;
use proptest::proptest;

use super::*;
use crate::message::parse::parse;
use crate::triage;
use crate::triage::Keeping;
use crate::triage::Queue;
use crate::triage::Reading;
use crate::triage::decide::ORDERED;
use crate::triage::decide::RELAYED;
use crate::triage::decide::RETURNED;
use crate::triage::desk::Rules;
use crate::triage::forward::MARKER;
use crate::triage::plan::Case;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketState;
use crate::triage::token::DeskKey;

const DESK: &str = "support@desk.example";
const ANA: &str = "ana@agents.example";
const BEN: &str = "ben@agents.example";
const MARIA: &str = "maria@home.example";
const NUMBER: TicketNumber = TicketNumber(7);
const NOW: Timestamp = Timestamp(1_000_000);

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
    let agents = vec![address(ANA), address(BEN)];
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

fn token(of: &str) -> String {
    let office = office();
    office
        .key
        .reply_address(&office.address, NUMBER, &address(of))
        .to_string()
}

fn forward_id(of: &str) -> String {
    let office = office();
    let id = office.key.message_id(
        Purpose::Forward,
        NUMBER,
        &[1; 32],
        &address(of),
        "desk.example",
    );
    id.bracketed()
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

fn with(agent: &str) -> TicketState {
    TicketState::WithAgent {
        agent: address(agent),
        since: Timestamp(5),
    }
}

fn acts() -> Acts {
    Acts {
        ticket: NUMBER,
        closing: Closing::default(),
        spam: false,
        unreached: None,
        relays: Vec::new(),
        heard: vec![MessageId::parse("m1@home.example").unwrap()],
    }
}

fn case() -> Case {
    Case {
        tickets: vec![ticket(with(ANA))],
        acts: vec![acts()],
        fresh: 9,
        ..Case::default()
    }
}

fn read(from: &str, to: &str, headers: &str, text: &str, office: &Office) -> Reading {
    let raw = format!(
        "From: {from}\nTo: {to}\nSubject: Re: merge-accounts: Two accounts\nMessage-ID: <x@agents.example>\n{headers}\n{text}\n"
    );
    triage::read(parse(raw.replace('\n', "\r\n").as_bytes()), rules(), office)
}

fn decide(reading: &Reading, case: &Case, office: &Office) -> Plan {
    triage::decide::decide(reading, case, rules(), office, NOW)
}

/// Ana's mail to her own reply address.
fn answer(headers: &str, text: &str) -> Plan {
    let office = office();
    decide(
        &read(ANA, &token(ANA), headers, text, &office),
        &case(),
        &office,
    )
}

fn quoted(text: &str) -> String {
    text.lines()
        .fold(String::new(), |all, l| all + "> " + l + "\n")
}

fn has(plan: &Plan, rule: &str) -> bool {
    let mut because = plan.because.iter();
    because.any(|b| b.stage == "decide" && b.rule == rule)
}

fn letters_for<'a>(plan: &'a Plan, to: &str) -> Vec<&'a crate::triage::plan::Letter> {
    plan.letters
        .iter()
        .filter(|l| l.to == address(to))
        .collect()
}

/// What is claimed, From, To, more header, and the rule by which it is handled.
type Claimed = (&'static str, &'static str, String, String, &'static str);

fn claims() -> [Claimed; 10] {
    [
        (
            "the agent's reply address",
            ANA,
            token(ANA),
            String::new(),
            RELAYED,
        ),
        (
            "another spelling of it",
            "Ana <ANA+x@agents.example>",
            token(ANA).to_uppercase(),
            String::new(),
            RELAYED,
        ),
        (
            "in a trace field",
            ANA,
            DESK.to_owned(),
            format!("Delivered-To: {}\n", token(ANA)),
            RELAYED,
        ),
        (
            "the forward's id",
            ANA,
            DESK.to_owned(),
            format!("In-Reply-To: {}\n", forward_id(ANA)),
            RELAYED,
        ),
        (
            "the same in References",
            ANA,
            DESK.to_owned(),
            format!("References: <a@b> {}\n", forward_id(ANA)),
            RELAYED,
        ),
        (
            "another agent's address",
            BEN,
            token(ANA),
            String::new(),
            RETURNED,
        ),
        (
            "another agent's id",
            BEN,
            DESK.to_owned(),
            format!("In-Reply-To: {}\n", forward_id(ANA)),
            RETURNED,
        ),
        (
            "the person's address",
            ANA,
            token(MARIA),
            String::new(),
            RETURNED,
        ),
        ("none", ANA, DESK.to_owned(), String::new(), RETURNED),
        (
            "a number that somebody wrote",
            ANA,
            DESK.to_owned(),
            "X-Ticket: 7\nReferences: <7@desk.example>\n".to_owned(),
            RETURNED,
        ),
    ]
}

#[test]
fn a_token_counts_for_its_agent_and_its_ticket_alone() {
    let office = office();
    for (what, from, to, headers, rule) in claims() {
        let plan = decide(
            &read(from, &to, &headers, "It is merged.", &office),
            &case(),
            &office,
        );
        assert!(has(&plan, rule), "{what}: {plan:#?}");
        let relayed = plan.letters.iter().any(|l| l.purpose == Purpose::Relay);
        assert_eq!(relayed, rule == RELAYED, "{what}");
    }
}

#[test]
fn a_subject_tag_alone_is_no_token() {
    let office = office();
    let tag = office.key.subject_tag(NUMBER, &address(ANA));
    let raw = format!("From: {ANA}\nTo: {DESK}\nSubject: Re: x {tag}\n\nIt is merged.\n");
    let reading = triage::read(parse(raw.as_bytes()), rules(), &office);
    let plan = decide(&reading, &case(), &office);
    assert!(has(&plan, RETURNED), "{plan:#?}");
}

#[test]
fn a_stranger_with_an_agents_token_gets_nothing_but_a_ticket_of_their_own() {
    let office = office();
    for headers in ["", "Authentication-Results: mx.desk.example; dmarc=pass\n"] {
        let reading = read(
            "eve@elsewhere.example",
            &token(ANA),
            headers,
            "Please merge my two accounts.",
            &office,
        );
        let plan = decide(&reading, &case(), &office);
        assert!(
            matches!(&plan.step, Step::Open(t) if t.linked == Some(NUMBER)),
            "{plan:#?}"
        );
        assert!(plan.letters.iter().all(|l| l.purpose != Purpose::Relay));
    }
}

#[test]
fn what_the_border_refutes_is_nobodys_and_what_it_must_vouch_for_comes_back() {
    let mut strict = office();
    strict.relay.needs_pass = true;
    let border = |says: &str| format!("Authentication-Results: mx.desk.example; dmarc={says}\n");
    let rows = [
        (false, String::new(), true),
        (false, border("none"), true),
        (false, border("pass"), true),
        (false, border("fail"), false),
        (true, String::new(), false),
        (true, border("none"), false),
        (true, border("pass"), true),
        (true, border("fail"), false),
        (
            true,
            "Authentication-Results: elsewhere.example; dmarc=pass\n".to_owned(),
            false,
        ),
    ];
    for (needs, headers, relayed) in rows {
        let office = if needs { strict.clone() } else { office() };
        let plan = decide(
            &read(ANA, &token(ANA), &headers, "It is merged.", &office),
            &case(),
            &office,
        );
        assert_eq!(has(&plan, RELAYED), relayed, "{needs} {headers}: {plan:#?}");
    }
}

#[test]
fn the_person_gets_the_new_words_as_a_mail_of_the_desk() {
    let plan = answer("", "Dear Maria,\n\nit is merged.\n\n> old words\n> more");
    let [letter] = plan.letters.as_slice() else {
        panic!("{plan:#?}")
    };
    let office = office();
    assert_eq!(letter.to, address(MARIA));
    assert_eq!(letter.text, "Dear Maria,\n\nit is merged.\n");
    assert!(letter.subject.starts_with("Re: Two accounts [#7 "));
    assert_eq!(
        office.key.own_subject_tag(&letter.subject, &address(MARIA)),
        Some(NUMBER)
    );
    let back = office
        .key
        .own_reply_address(&letter.reply_to[0], &office.address, &address(MARIA));
    assert_eq!((back, letter.reply_to.len()), (Some(NUMBER), 1));
    let relay = plan.deeds.relay.unwrap();
    assert_eq!(relay.answers, acts().heard);
    assert_eq!((relay.wait_s, relay.agent), (60, address(ANA)));
}

#[test]
fn nothing_that_names_an_agent_or_passes_for_one_goes_along() {
    let office = office();
    let tag = office.key.subject_tag(NUMBER, &address(ANA));
    let text = format!(
        "Write to {ANA} or <mailto:ANA@Agents.Example>, (ben@agents.example), a={ANA}, not diana@agents.example.\nTicket {tag} at {}.",
        token(ANA)
    );
    let plan = answer("", &text);
    let letter = letters_for(&plan, MARIA)[0];
    assert_eq!(
        letter.text,
        format!(
            "Write to {DESK} or <mailto:{DESK}>, ({DESK}), a={DESK}, not diana@agents.example.\nTicket  at {DESK}.\n"
        )
    );
}

#[test]
fn a_quote_without_marks_ends_at_our_own_line() {
    for quoted in [
        format!("Support wrote:\n{MARKER}\nTicket #7 is new.\nWants merge-accounts"),
        format!("{MARKER}\nTicket #7 is new."),
        format!(
            "-----\nFrom: {DESK}\nSent: Monday\nSubject: x\n{}\nTicket",
            MARKER.to_lowercase()
        ),
        format!("*{}*\nTicket", MARKER.replace(' ', "\u{a0}")),
    ] {
        let plan = answer("", &format!("It is merged.\n\n{quoted}"));
        let letter = letters_for(&plan, MARIA);
        assert_eq!(letter.len(), 1, "{quoted}: {plan:#?}");
        assert_eq!(letter[0].text.trim(), "It is merged.", "{quoted}");
    }
}

/// More header, the text, and why it comes back.
fn refusals() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("", String::new(), "Nothing was left"),
        (
            "",
            format!("{MARKER}\nTicket #7 is new."),
            "Nothing was left",
        ),
        (
            "Cc: ben@agents.example\n",
            "Ben, can you look?".to_owned(),
            "went to others",
        ),
        ("", "#clsoe\nDear Maria, it is merged.".to_owned(), "#close"),
        (
            "",
            "#assign nobody\nDear Maria, it is merged.".to_owned(),
            "no agent and no queue",
        ),
        (
            "",
            "#relabel nonsense\nDear Maria, it is merged.".to_owned(),
            "there is no intent",
        ),
        (
            "",
            "#merge 4\nDear Maria, it is merged.".to_owned(),
            "no ticket of that number",
        ),
        (
            "",
            "#snooze often\nDear Maria, it is merged.".to_owned(),
            "a time, such as",
        ),
        (
            "",
            "#verified ben@agents.example\nDear Maria, it is merged.".to_owned(),
            "an agent's",
        ),
        (
            "",
            "#away until 1969-12-01\nDear Maria, it is merged.".to_owned(),
            "is past",
        ),
        (
            "",
            "Dear Maria, it is merged.\n#close".to_owned(),
            "first lines",
        ),
    ]
}

#[test]
fn what_cannot_go_comes_back_with_the_reason_and_the_words() {
    for (headers, text, why) in refusals() {
        let plan = answer(headers, &text);
        assert!(has(&plan, RETURNED), "{text}: {plan:#?}");
        assert_eq!(
            (&plan.step, &plan.deeds),
            (&Step::Record(Some(NUMBER)), &Deeds::default())
        );
        let [letter] = plan.letters.as_slice() else {
            panic!("{plan:#?}")
        };
        assert_eq!(
            (letter.purpose, &letter.to),
            (Purpose::Notice, &address(ANA))
        );
        assert!(letter.text.contains(why), "{text}: {}", letter.text);
        if text.contains("it is merged") {
            assert!(
                letter.text.contains("it is merged."),
                "the words are not lost"
            );
        }
    }
}

#[test]
fn an_agent_is_told_so_much_a_day_and_no_more() {
    let office = office();
    let mut case = case();
    // Mails that prove nothing spend little of it: what her own mails ask for is told all the same.
    let stranger = read(ANA, DESK, "", "Hello?", &office);
    let own = read(ANA, &token(ANA), "", "#clsoe", &office);
    for (spent, told) in [(4, (1, 1)), (5, (0, 1)), (29, (0, 1)), (30, (0, 0))] {
        case.spent.address_day = spent;
        let plans = [&stranger, &own].map(|reading| decide(reading, &case, &office));
        let letters = (plans[0].letters.len(), plans[1].letters.len());
        assert_eq!(letters, told, "{spent}: {plans:#?}");
        assert!(plans.iter().all(|plan| has(plan, RETURNED)), "{plans:#?}");
    }
}

#[test]
fn orders_do_what_they_say_with_the_words_in_one_plan() {
    let plan = answer("", "#close\nDear Maria, it is merged.");
    assert!(has(&plan, RELAYED));
    assert_eq!(plan.deeds.closed, Some(Turn::Close));
    assert_eq!(plan.letters.len(), 1);

    let plan = answer("", "#close");
    assert!(has(&plan, ORDERED) && plan.letters.is_empty(), "{plan:#?}");
    assert_eq!(plan.deeds.closed, Some(Turn::Close));

    let plan = answer("", "#spam");
    assert_eq!(
        (plan.deeds.closed, plan.deeds.mute),
        (Some(Turn::Close), Some(address(MARIA)))
    );

    let plan = answer("", "#note\nShe called twice.");
    assert!(
        plan.letters.is_empty(),
        "a note is nobody's mail: {plan:#?}"
    );
    assert_eq!(
        plan.deeds.notes,
        [("note", format!("{ANA}: She called twice."))]
    );

    let plan = answer("", "#relabel account-access");
    let Step::Update(ticket) = &plan.step else {
        panic!("{plan:#?}")
    };
    assert_eq!(ticket.intents, ["account-access"]);
    assert_eq!(
        plan.deeds.relabel.as_deref(),
        Some(&["account-access".to_owned()][..])
    );

    let plan = answer("", "#assign Ben");
    let Step::Update(ticket) = &plan.step else {
        panic!("{plan:#?}")
    };
    assert!(
        matches!(&ticket.state, TicketState::WithAgent { agent, .. } if *agent == address(BEN))
    );
    assert_eq!(letters_for(&plan, BEN)[0].purpose, Purpose::Forward);

    let plan = answer("", "#help");
    assert!(letters_for(&plan, ANA)[0].text.contains("#assign NAME"));
    assert_eq!(plan.deeds, Deeds::default());
}

#[test]
fn an_answer_is_stopped_by_its_own_agent_while_it_waits() {
    let office = office();
    let waits = |agent: &str, fate: Fate| Case {
        acts: vec![Acts {
            relays: vec![Relayed {
                waited: true,
                seq: 5,
                agent: address(agent),
                fate,
            }],
            ..acts()
        }],
        tickets: vec![ticket(TicketState::AgentAnswered {
            agent: address(ANA),
            at: Timestamp(6),
        })],
        ..case()
    };
    let cancel = read(ANA, &token(ANA), "", "#cancel", &office);
    let rows = [
        (ANA, Fate::Waits, vec![5], "was stopped"),
        (ANA, Fate::WaitsAgain, vec![5], "not quite certain"),
        (ANA, Fate::Beyond, vec![], "too late"),
        (BEN, Fate::Waits, vec![], "no answer of yours"),
    ];
    for (agent, fate, stopped, says) in rows {
        let plan = decide(&cancel, &waits(agent, fate), &office);
        assert_eq!(plan.deeds.cancel, stopped, "{plan:#?}");
        assert!(letters_for(&plan, ANA)[0].text.contains(says), "{plan:#?}");
        let back = matches!(&plan.step, Step::Update(t) if matches!(t.state, TicketState::WithAgent { .. }));
        assert_eq!(back, !stopped.is_empty(), "the case is hers again");
    }
    let mended = read(
        ANA,
        &token(ANA),
        "",
        "#cancel\nDear Maria, so it is right.",
        &office,
    );
    let plan = decide(&mended, &waits(ANA, Fate::Waits), &office);
    assert_eq!(plan.deeds.cancel, [5]);
    assert_eq!(
        letters_for(&plan, MARIA).len(),
        1,
        "the better words go instead"
    );
}

#[test]
fn the_stopped_answer_of_a_colleague_gives_the_case_back_to_whom_it_lay_with_if_it_waited() {
    let office = office();
    let cancel = read(BEN, &token(BEN), "", "#cancel", &office);
    for waited in [true, false] {
        let case = Case {
            acts: vec![Acts {
                relays: vec![Relayed {
                    waited,
                    seq: 5,
                    agent: address(BEN),
                    fate: Fate::Waits,
                }],
                ..acts()
            }],
            tickets: vec![ticket(TicketState::AgentAnswered {
                agent: address(ANA),
                at: Timestamp(6),
            })],
            ..case()
        };
        let plan = decide(&cancel, &case, &office);
        assert_eq!(plan.deeds.cancel, [5]);
        let anas = matches!(&plan.step, Step::Update(t) if matches!(&t.state, TicketState::WithAgent { agent, .. } if *agent == address(ANA)));
        assert_eq!(anas, waited, "{plan:#?}");
    }
}

#[test]
fn the_second_agent_is_told_whose_ticket_it_is() {
    let office = office();
    let case = Case {
        tickets: vec![ticket(with(BEN))],
        ..case()
    };
    let plan = decide(
        &read(ANA, &token(ANA), "", "It is merged.", &office),
        &case,
        &office,
    );
    assert_eq!(letters_for(&plan, MARIA).len(), 1);
    assert!(letters_for(&plan, ANA)[0].text.contains(BEN));
    assert!(
        matches!(&plan.step, Step::Update(t) if matches!(&t.state, TicketState::AgentAnswered { agent, .. } if *agent == address(BEN)))
    );
}

#[test]
fn attachments_go_along_unless_they_are_dangerous_or_name_the_agent() {
    let mail = |files: &[(&str, &str)]| {
        let part = |(mime, name): &(&str, &str)| {
            format!(
                "--b\nContent-Type: {mime}\nContent-Disposition: attachment; filename=\"{name}\"\n\nabc\n"
            )
        };
        let parts = files.iter().map(part).collect::<Vec<_>>().concat();
        format!("--b\nContent-Type: text/plain\n\nSee the file.\n{parts}--b--\n")
    };
    let headers = "Content-Type: multipart/mixed; boundary=b\n";
    let good = answer(
        headers,
        &mail(&[
            ("text/plain", "notes.txt"),
            ("text/vcard", "ana.vcf"),
            ("text/plain", "list.txt"),
        ]),
    );
    assert_eq!(good.deeds.relay.unwrap().carry, [0, 2]);
    let bad = [
        ("application/x-msdownload", "setup.exe"),
        ("text/plain", "a.txt"),
    ];
    let refused = answer(headers, &mail(&bad));
    assert!(has(&refused, RETURNED), "{refused:#?}");
    assert!(refused.letters[0].text.contains("setup.exe"));
    let mut office = office();
    office.relay.dangerous = Dangerous::LeaveOut;
    let plan = decide(
        &read(ANA, &token(ANA), headers, &mail(&bad), &office),
        &case(),
        &office,
    );
    assert_eq!(plan.deeds.relay.as_ref().unwrap().carry, [1]);
    assert!(letters_for(&plan, ANA)[0].text.contains("setup.exe"));
    office.relay.attachment_bytes_max = 2;
    let plan = decide(
        &read(ANA, &token(ANA), headers, &mail(&bad), &office),
        &case(),
        &office,
    );
    assert!(has(&plan, RETURNED), "too many octets");
}

#[test]
fn a_signature_is_left_out_kept_or_replaced_as_configured() {
    let text = format!("It is merged.\n\n-- \nAna Agent\nPhone 555\n{ANA}");
    let said = |change: &dyn Fn(&mut RelayRules)| {
        let mut office = office();
        change(&mut office.relay);
        let plan = decide(
            &read(ANA, &token(ANA), "", &text, &office),
            &case(),
            &office,
        );
        letters_for(&plan, MARIA)[0].text.clone()
    };
    assert_eq!(said(&|_| {}), "It is merged.\n");
    let kept = said(&|rules| rules.signature = Signature::Keep);
    assert!(kept.contains("Phone 555") && !kept.contains(ANA), "{kept}");
    let card = AgentCard {
        address: Some(address(ANA)),
        name: String::new(),
        signature: "Ana, Badge Desk".to_owned(),
    };
    let own = said(&|rules| rules.agents = vec![card.clone()]);
    assert_eq!(own, "It is merged.\n\n-- \nAna, Badge Desk\n");
}

#[test]
fn an_agents_address_is_hidden_whatever_it_is_made_of_and_stands_beside() {
    let mut office = office();
    let odd = address("o'brien@agents.example");
    office.surroundings.agents.push(odd.clone());
    for (text, seen) in [
        ("o'brien@agents.example", false),
        ("(mailto:o'brien@agents.example)", false),
        ("'ana@agents.example'", false),
        ("a=ana@agents.example&b", false),
        ("https://x.example/?to=ana%40agents.example", false),
        ("@ana@agents.example", false),
        ("diana@agents.example", true),
        ("ana@agents.example.org", true),
    ] {
        let scrubbed = words::scrubbed(text, &odd, &office);
        let shows = scrubbed.contains("agents.example");
        assert_eq!(shows, seen, "{scrubbed}");
    }
}

#[test]
fn a_signature_alone_is_no_answer() {
    let words = "-- \nAna Agent\nPhone 555 1234";
    let plan = answer("", words);
    assert!(letters_for(&plan, MARIA).is_empty(), "{plan:#?}");
}

proptest! {
    #[test]
    fn whatever_an_agent_writes_no_agents_address_and_no_token_reaches_the_person(
        text in any::<String>(), name in "[a-z]{0,3}", between in "[ -~]{0,6}",
    ) {
        let all = format!("{text}\n{name}{between}{ANA}{between}{} {BEN}\n", token(ANA));
        let scrubbed = words::scrubbed(&all, &address(ANA), &office());
        // A longer word or domain is another address, and none that we know.
        let apart = |c: char| !(c.is_alphanumeric() || c == '.' || c == '-');
        if between.ends_with(|c: char| !c.is_alphanumeric()) && between.starts_with(apart) {
            proptest::prop_assert!(!scrubbed.contains(ANA), "{}", scrubbed);
            proptest::prop_assert!(!scrubbed.contains(&token(ANA)), "{}", scrubbed);
        }
        proptest::prop_assert!(!scrubbed.contains(BEN));
    }
}
