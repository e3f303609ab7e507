//! Orders that reach beyond a ticket's state: merging, resting, addresses, absences, and who is meant by a name.

use super::*;
use crate::triage::closing::Closing;
use crate::triage::closing::Turn;
use crate::triage::hours::Day;
use crate::triage::plan::KnownBeside;
use crate::triage::roster::Known;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;

const OTHER: TicketNumber = TicketNumber(8);
const DAY_S: i64 = 86_400;

/// Ticket 8, which somebody else wrote.
fn other() -> Ticket {
    Ticket {
        number: OTHER,
        participants: vec![address("maria@work.example")],
        ..ticket(with(BEN))
    }
}

fn ordered(case: &Case, text: &str) -> Plan {
    let office = office();
    decide(&read(ANA, &token(ANA), "", text, &office), case, &office)
}

/// Asserts that nothing was done and that the mail came back for that reason.
fn assert_refused(plan: &Plan, why: &str) {
    assert!(has(plan, RETURNED), "{plan:#?}");
    assert_eq!(plan.deeds, Deeds::default());
    assert_eq!(plan.beside.merge_into, None);
    assert!(plan.beside.standings.is_empty());
    let text = &letters_for(plan, ANA)[0].text;
    assert!(text.contains(why), "{why}: {text}");
}

#[test]
fn a_case_becomes_a_part_of_another_that_is_there_and_of_no_other() {
    let mut case = case();
    case.tickets.push(other());
    let plan = ordered(&case, "#merge 8\nDear Maria, we look at both.");
    assert_eq!(plan.beside.merge_into, Some(OTHER));
    assert_eq!(plan.beside.by, ANA);
    assert_eq!(letters_for(&plan, MARIA).len(), 1, "the words go as well");
    // A part of 8 stands for 8; a part of the case itself for the case.
    case.beside.merged = vec![(TicketNumber(5), OTHER), (TicketNumber(6), NUMBER)];
    assert_eq!(ordered(&case, "#merge 5").beside.merge_into, Some(OTHER));
    for (order, why) in [
        ("#merge 6", "this very ticket"),
        ("#merge 7", "this very ticket"),
        ("#merge 99", "no ticket of that number"),
        ("#merge", "a ticket's number"),
        ("#merge 8\n#merge 99", "no ticket of that number"),
    ] {
        assert_refused(&ordered(&case, order), why);
    }
}

#[test]
fn the_store_is_asked_for_the_tickets_of_an_agents_orders_and_of_nobody_elses() {
    let office = office();
    for (from, tickets) in [
        (ANA, vec![OTHER, TicketNumber(9)]),
        (MARIA, vec![]),
        ("eve@elsewhere.example", vec![]),
    ] {
        let text = "#merge 8\n#merge #9\nPlease look.";
        let reading = read(from, &token(ANA), "", text, &office);
        assert_eq!(named(&reading.message, &office), tickets, "{from}");
    }
}

#[test]
fn an_answer_to_the_forward_of_a_part_goes_to_its_own_person_on_the_ticket_that_goes_on() {
    let mut case = case();
    let mut into = other();
    into.participants.push(address(MARIA));
    case.tickets.push(into);
    case.acts.push(Acts {
        ticket: OTHER,
        heard: vec![MessageId::parse("w1@work.example").unwrap()],
        ..acts()
    });
    case.beside.merged = vec![(NUMBER, OTHER)];
    let plan = ordered(&case, "It is merged.");
    assert!(
        matches!(&plan.step, Step::Update(t) if t.number == OTHER),
        "{plan:#?}"
    );
    assert_eq!(letters_for(&plan, MARIA).len(), 1, "{plan:#?}");
    let relay = plan.deeds.relay.unwrap();
    assert_eq!(relay.answers, acts().heard, "in her own thread");
    assert_eq!(relay.on, NUMBER, "whose token she gets");
    // Also where she takes no part in the other one (any more): never to somebody else than the forward said.
    case.tickets[1].participants.pop();
    let plan = ordered(&case, "It is merged.");
    let relays: Vec<_> = plan
        .letters
        .iter()
        .filter(|l| l.purpose == Purpose::Relay)
        .collect();
    assert!(
        relays.iter().all(|l| l.to == address(MARIA)) && relays.len() == 1,
        "{plan:#?}"
    );
}

#[test]
fn a_case_rests_for_so_long_unless_nobody_has_it_or_it_is_done() {
    let plan = ordered(&case(), "#snooze 3d");
    assert_eq!(plan.deeds.snooze, Some(NOW.plus_s(3 * DAY_S)));
    assert!(plan.letters.is_empty(), "what worked is not told");
    let plan = ordered(&case(), "#snooze 2w\nDear Maria, I ask the others.");
    assert_eq!(plan.deeds.snooze, Some(NOW.plus_s(14 * DAY_S)));
    assert_eq!(letters_for(&plan, MARIA).len(), 1);
    let mut done = case();
    done.acts[0].closing = Closing::default().close(ANA, NOW);
    assert_refused(&ordered(&done, "#snooze 3d"), "#reopen it first");
    assert_refused(&ordered(&case(), "#close\n#snooze 3d"), "#reopen it first");
    let plan = ordered(&done, "#reopen\n#snooze 3d");
    assert!(plan.deeds.snooze.is_some() && plan.deeds.closed == Some(Turn::Open));
    let mut nobodys = case();
    nobodys.tickets = vec![ticket(TicketState::Answered { at: NOW })];
    assert_refused(&ordered(&nobodys, "#snooze 3d"), "no agent has the case");
    for order in ["#snooze 99999d", "#snooze soon", "#snooze"] {
        assert!(has(&ordered(&case(), order), RETURNED), "{order}");
    }
}

#[test]
fn an_agent_verifies_the_writers_address_or_another_by_hand() {
    let new = "maria.q@new.example";
    let mut case = case();
    case.beside = KnownBeside {
        standings: vec![(
            NUMBER,
            Standing {
                address: address(new),
                stand: Stand::Asked,
                at: Timestamp(5),
                how: String::new(),
                asked: Some(Timestamp(5)),
            },
        )],
        ..KnownBeside::default()
    };
    for (order, verified, asked) in [
        ("#verified", MARIA, None),
        ("#verified <maria.q@new.example>", new, Some(Timestamp(5))),
        (
            "#Verified: maria@third.example",
            "maria@third.example",
            None,
        ),
    ] {
        let plan = ordered(&case, order);
        let [standing] = plan.beside.standings.as_slice() else {
            panic!("{order}: {plan:#?}")
        };
        assert_eq!(standing.address, address(verified));
        assert_eq!((standing.stand, standing.asked), (Stand::Verified, asked));
        assert!(standing.how.contains(ANA), "{}", standing.how);
        assert!(plan.letters.is_empty(), "nobody is told of it");
    }
    let both = ordered(&case, "#verified\n#verified maria.q@new.example\n#verified");
    assert_eq!(both.beside.standings.len(), 2);
    for (order, why) in [
        ("#verified ben@agents.example", "the desk's or an agent's"),
        ("#verified support@desk.example", "the desk's or an agent's"),
        ("#verified her address", "one address"),
    ] {
        assert_refused(&ordered(&case, order), why);
    }
    case.tickets[0].participants.clear();
    assert_refused(&ordered(&case, "#verified"), "name the address");
}

#[test]
fn an_agent_is_away_until_a_day_that_is_to_come() {
    let plan = ordered(&case(), "#away until 1970-02-01\n#note\nGone fishing.");
    let (agent, back) = plan.deeds.away.unwrap();
    assert_eq!(agent, address(ANA));
    assert_eq!(back, Day::try_from("1970-02-01".to_owned()).unwrap());
    for (day, why) in [
        ("1970-01-02", "is past"),
        ("2026-12-01", "ten years ahead"),
        ("Monday", "a day, such as"),
    ] {
        assert_refused(&ordered(&case(), &format!("#away until {day}")), why);
    }
}

#[test]
fn a_case_given_to_a_queue_passes_over_who_is_away_and_a_name_means_one_agent() {
    let mut case = case();
    let plan = ordered(&case, "#assign badges");
    assert!(
        matches!(&plan.step, Step::Update(t) if t.queue.as_deref() == Some("badges")),
        "{plan:#?}"
    );
    assert!(letters_for(&plan, BEN).is_empty(), "it is Ana's turn");
    case.time = Known {
        away: vec![(
            address(ANA).identity(),
            Day::try_from("1970-03-01".to_owned()).unwrap(),
        )],
        ..Known::default()
    };
    let plan = ordered(&case, "#assign Badges");
    assert_eq!(letters_for(&plan, BEN).len(), 1, "Ana is away: {plan:#?}");
    let mut office = office();
    for agent in [ANA, BEN] {
        office.relay.agents.push(AgentCard {
            address: Some(address(agent)),
            name: "The Team".to_owned(),
            signature: String::new(),
        });
    }
    let reading = read(ANA, &token(ANA), "", "#assign the team", &office);
    assert_refused(&decide(&reading, &case, &office), "more than one agent");
    let reading = read(ANA, &token(ANA), "", "#assign ben@agents.example", &office);
    let plan = decide(&reading, &case, &office);
    assert_eq!(letters_for(&plan, BEN).len(), 1);
}

#[test]
fn only_somebody_of_the_desk_takes_back_what_was_said_of_spam() {
    let office = office();
    let mut case = case();
    case.acts[0].closing = Closing::default().close(ANA, NOW);
    case.acts[0].spam = true;
    let office_token = office
        .key
        .reply_address(&office.address, NUMBER, &address(MARIA));
    let text = "It is not solved: I still have two accounts.";
    let reading = read(MARIA, office_token.as_str(), "", text, &office);
    let plan = decide(&reading, &case, &office);
    assert_eq!(plan.deeds.closed, Some(Turn::Answer), "{plan:#?}");
    assert_eq!(ordered(&case, "#reopen").deeds.closed, Some(Turn::Open));
}
