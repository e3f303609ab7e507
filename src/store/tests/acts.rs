//! Agents' answers wait as long as they can be stopped; what agents did outlasts restarts, and goes with its ticket.

use super::*;
use crate::store::Erasure;
use crate::store::Fallen;
use crate::store::OutboxId;
use crate::store::Stopped;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Outcome;
use crate::triage::relay::Deeds;
use crate::triage::relay::Fate;
use crate::triage::relay::Relaying;

const ANA: &str = "ana@agents.example";

/// A ticket with its agent, and then that agent's answer, which waits for a minute.
fn answered_case() -> House {
    let house = house();
    let mut opened = ticket(1, with_agent());
    house.take([entry(1, Step::Open(opened.clone()))]);
    opened.version = house.recall_ticket().version;
    opened.state = TicketState::AgentAnswered {
        agent: address(ANA),
        at: NOW,
    };
    let mut answer = sending(2, 1, &[Purpose::Relay]);
    answer.plan.step = Step::Update(opened);
    answer.sender = Some(address(ANA));
    answer.plan.deeds.relay = Some(Relaying {
        agent: address(ANA),
        name: String::new(),
        wait_s: 60,
        answers: Vec::new(),
        carry: Vec::new(),
        on: TicketNumber(1),
        waited: true,
    });
    house.take([answer]);
    house
}

impl House {
    fn recall_ticket(&self) -> Ticket {
        self.store().ticket(TicketNumber(1)).unwrap().unwrap().0
    }

    fn fate(&self) -> Fate {
        self.store().acts(TicketNumber(1)).unwrap().unwrap().relays[0].fate
    }
}

#[test]
fn an_answer_leaves_after_its_wait_and_not_before_also_after_a_restart() {
    let mut house = answered_case();
    assert_eq!(house.lease(NOW.plus_s(59), 10), []);
    house.reopen().unwrap();
    assert_eq!(house.fate(), Fate::Waits);
    assert_eq!(
        house.store().next_due("support").unwrap(),
        Some(NOW.plus_s(60))
    );
    assert_eq!(house.lease(NOW.plus_s(59), 10), []);
    assert_eq!(house.lease(NOW.plus_s(60), 10).len(), 1);
    assert_eq!(house.fate(), Fate::Beyond);
    let late = house
        .store()
        .stop_answer(OutboxId(0), NOW, |_, _, _| None)
        .unwrap();
    assert!(
        matches!(late, Stopped::TooLate(Delivery::Leased { .. })),
        "{late:?}"
    );
}

#[test]
fn a_stopped_answer_never_leaves_and_the_case_is_the_agents_again() {
    let mut house = answered_case();
    let mut told = Vec::new();
    let tell = |mailbox: &str, on: TicketNumber, agent: &Address| {
        told.push((mailbox.to_owned(), on, agent.clone()));
        None
    };
    let done = house
        .store()
        .stop_answer(OutboxId(0), NOW.plus_s(5), tell)
        .unwrap();
    assert_eq!(done, Stopped::Done);
    assert_eq!(
        told,
        [("support".to_owned(), TicketNumber(1), address(ANA))]
    );
    house.reopen().unwrap();
    assert_eq!(house.lease(NOW.plus_s(1_000), 10), []);
    assert!(matches!(
        house.recall_ticket().state,
        TicketState::WithAgent { .. }
    ));
    assert_eq!(house.spool_files(), 0);
    let unknown = house
        .store()
        .stop_answer(OutboxId(99), NOW, |_, _, _| None)
        .unwrap();
    assert_eq!(unknown, Stopped::Unknown);
}

#[test]
fn an_answer_that_the_server_refuses_is_the_agents_again_and_told_once_also_after_a_restart() {
    let mut house = answered_case();
    let leased = house.lease(NOW.plus_s(60), 10);
    let refused = Outcome::Refused("550 5.1.1 no such user".to_owned());
    let ends = [(leased[0].id, refused)];
    house.store().settle(&ends, NOW.plus_s(61)).unwrap();
    house.reopen().unwrap();
    let now = NOW.plus_s(70);
    assert!(house.store().next_agenda().unwrap() <= Some(now));
    let mut group = house.store().group();
    let fallen = group.due(now, 10).unwrap();
    assert_eq!(fallen, [Fallen::Unsent(OutboxId(0))]);
    let unsent = group.unsent(OutboxId(0)).unwrap().unwrap();
    assert_eq!(
        (&unsent.agent, unsent.ticket),
        (&address(ANA), TicketNumber(1))
    );
    assert!(unsent.why.contains("no such user"), "{}", unsent.why);
    let mut word = sending(9, 1, &[Purpose::Notice]).outgoing.remove(0);
    word.to = address(ANA);
    group
        .unsent_told(OutboxId(0), Some((&unsent, word)), now)
        .unwrap();
    group.commit().unwrap();
    assert!(matches!(
        house.recall_ticket().state,
        TicketState::WithAgent { agent, .. } if agent == address(ANA)
    ));
    let marks = house.store().marks(TicketNumber(1)).unwrap();
    assert_eq!(marks.unreached, Some(now));
    assert_eq!(house.lease(now, 10).len(), 1, "the word to the agent");
    assert_eq!(house.store().group().due(now, 10).unwrap(), []);
    // What is sent again before it was told is told no more.
    house.store().resend(OutboxId(0), now).unwrap();
    assert_eq!(house.store().group().unsent(OutboxId(0)).unwrap(), None);
}

#[test]
fn an_answer_and_the_word_that_stops_it_may_come_in_one_group() {
    let house = answered_case();
    let before = house.recall_ticket();
    let mut cancel = entry(3, Step::Update(before));
    cancel.plan.deeds.cancel = vec![0];
    house.take([cancel]);
    assert_eq!(house.lease(NOW.plus_s(1_000), 10), []);
    // A second word finds nothing to stop: the plan was made on an old state.
    let mut again = entry(4, Step::Update(house.recall_ticket()));
    again.plan.deeds.cancel = vec![0];
    let mut group = house.store().group();
    assert!(group.add(again, NOW).is_err(), "it is thought about again");
}

#[test]
fn the_same_answer_from_another_place_is_not_relayed_again() {
    let house = answered_case();
    let mut copy = sending(5, 1, &[Purpose::Relay]);
    copy.digest = digest(2);
    copy.plan.step = Step::Update(house.recall_ticket());
    let mut group = house.store().group();
    assert!(group.add(copy, NOW).is_err());
}

#[test]
fn closing_lasts_and_spam_silences_its_writer_until_it_is_reopened_or_erased() {
    let mut house = house();
    house.take([entry(1, Step::Open(ticket(1, with_agent())))]);
    let store = house.store();
    assert_eq!(
        store
            .close_ticket(TicketNumber(1), true, "root", NOW)
            .unwrap(),
        Some(true)
    );
    assert_eq!(
        store
            .close_ticket(TicketNumber(1), true, "root", NOW)
            .unwrap(),
        Some(false)
    );
    assert_eq!(
        store
            .close_ticket(TicketNumber(2), true, "root", NOW)
            .unwrap(),
        None
    );
    house.reopen().unwrap();
    assert_eq!(
        house.store().marks(TicketNumber(1)).unwrap().closed,
        Some(NOW)
    );
    let muted = |house: &House| {
        house
            .recall(9, &Clues::default(), "Ann+x@museum.example", NOW)
            .muted
    };
    for erased in [false, true] {
        let mut spam = entry(
            if erased { 3 } else { 2 },
            Step::Record(Some(TicketNumber(1))),
        );
        spam.plan.deeds = Deeds {
            closed: Some(crate::triage::closing::Turn::Close),
            mute: Some(address("ann@museum.example")),
            ..Deeds::default()
        };
        house.take([spam]);
        assert!(muted(&house) && house.store().marks(TicketNumber(1)).unwrap().spam);
        if erased {
            let done = house.store().erase(TicketNumber(1)).unwrap();
            assert!(matches!(done, Erasure::Done(_)), "{done:?}");
        } else {
            house
                .store()
                .close_ticket(TicketNumber(1), false, "root", NOW)
                .unwrap();
        }
        assert!(!muted(&house));
    }
    assert_eq!(house.store().acts(TicketNumber(1)).unwrap(), None);
    house.reopen().unwrap();
}

#[test]
fn corrections_are_found_piece_by_piece_until_they_are_settled_and_go_with_their_ticket() {
    let mut house = house();
    for n in 1..=3 {
        let mut corrected = entry(
            u32::try_from(n).unwrap(),
            Step::Open(ticket(n, with_agent())),
        );
        corrected.plan.deeds.relabel = Some(vec!["spam".to_owned()]);
        house.take([corrected]);
    }
    house.reopen().unwrap();
    let due = |after: Option<u64>| -> Vec<u64> {
        let due = house.store().relabels_due(after.map(TicketNumber), 2);
        due.unwrap()
            .into_iter()
            .map(|(number, _)| number.0)
            .collect()
    };
    assert_eq!(
        (due(None), due(Some(2)), due(Some(3))),
        (vec![1, 2], vec![3], vec![])
    );
    house
        .store()
        .relabel_settled(TicketNumber(1), "", NOW)
        .unwrap();
    let done = house.store().erase(TicketNumber(3)).unwrap();
    assert!(matches!(done, Erasure::Done(_)), "{done:?}");
    assert_eq!(due(None), [2]);
}
