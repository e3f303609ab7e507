//! What is kept beside tickets: addresses and who refused, closing, merging, the mails before; durable, erased, verified.

use super::*;
use crate::store::Erasure;
use crate::store::Named;
use crate::store::layout::Tree;
use crate::triage::closing::Turn;
use crate::triage::merge::CannotMerge;
use crate::triage::plan::KnownBeside;
use crate::triage::twin::Earlier;
use crate::triage::twin::Words;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;

const ANN: &str = "ann@museum.example";
const NEW: &str = "ann@new.example";
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

fn standing(text: &str, stand: Stand) -> Standing {
    Standing {
        address: address(text),
        stand,
        at: NOW,
        how: "by a test".to_owned(),
        asked: (stand == Stand::Asked).then_some(NOW),
    }
}

/// An entry that opens a ticket and asks an address, as the plan says.
fn asking(uid: u32, number: u64, to: &str) -> Entry {
    let mut entry = opened(uid, number, with_agent());
    let mut question = outgoing(Purpose::Verify, number, to);
    question.templates = vec!["verify".to_owned()];
    entry.outgoing = vec![question];
    entry.plan.beside.standings = vec![standing(to, Stand::Asked)];
    entry
}

impl House {
    /// What is known when Ann, or somebody, names these addresses.
    fn known(&self, sender: &str, named: &[&str], tickets: &[u64], now: Timestamp) -> KnownBeside {
        let named = Named {
            addresses: named.iter().map(|a| address(a)).collect(),
            tickets: Vec::new(),
        };
        let clues = Clues {
            claimed: tickets
                .iter()
                .map(|n| {
                    (
                        TicketNumber(*n),
                        entry(0, Step::Hold).plan.because.remove(0),
                    )
                })
                .collect(),
            ..Clues::default()
        };
        let mut case = self.recall(999, &clues, sender, now);
        let group = self.store().group();
        group
            .recall_beside(&mut case, &named, Some(&address(sender)), now)
            .unwrap();
        case.beside
    }
}

/// Faults: F1; holds I5.
#[test]
fn questions_stay_counted_through_a_restart_in_every_spelling_of_an_address() {
    let mut house = house();
    house.take([asking(1, 1, NEW)]);
    for restart in [false, true] {
        if restart {
            house.reopen().unwrap();
        }
        let known = house.known(ANN, &["Ann+x@NEW.example", "else@new.example"], &[1], NOW);
        let today: Vec<bool> = known.asking.iter().map(|a| a.today).collect();
        assert_eq!(today, [true, false]);
        assert!(known.asking.iter().all(|a| a.domain_hour == 1));
        assert_eq!((known.asked_day, known.asked_hour), (1, 1));
        assert_eq!(known.standings.len(), 1);
    }
    let stranger = house.known("bob@x.example", &[NEW], &[], NOW);
    assert_eq!((stranger.asked_day, stranger.asked_hour), (0, 1));
    assert!(stranger.asking[0].today, "whoever names it");
    let later = house.known(ANN, &[NEW], &[1], NOW.plus_s(2 * DAY_S));
    assert!(!later.asking[0].today);
    assert_eq!((later.asked_day, later.asked_hour), (0, 0));
    let back = house.known(ANN, &[NEW], &[1], NOW.plus_s(-HOUR_S));
    assert!(back.asking[0].today, "a clock set back opens no budget");
}

#[test]
fn who_refused_once_is_known_for_good_even_when_the_ticket_is_forgotten() {
    let mut house = house();
    let mut no = opened(1, 1, with_agent());
    no.plan.beside.standings = vec![standing(NEW, Stand::Refused)];
    no.plan.beside.refused = vec![address(NEW)];
    house.take([no]);
    let found = house.store().standings(TicketNumber(1)).unwrap();
    assert_eq!(found, [standing(NEW, Stand::Refused)]);
    assert!(matches!(
        house.store().erase(TicketNumber(1)).unwrap(),
        Erasure::Done(_)
    ));
    house.reopen().unwrap();
    assert_eq!(house.store().standings(TicketNumber(1)).unwrap(), []);
    let known = house.known(ANN, &["ann+1@new.example"], &[], NOW.plus_s(400 * DAY_S));
    assert!(known.asking[0].refused);
    let readable = fs_text(house.path());
    assert!(!readable.contains("ann@new.example"), "erased, or a digest");
}

/// All records as text, as far as octets are.
fn fs_text(path: &Path) -> String {
    let copy = copied(path);
    let store = Store::open(copy.path(), options()).unwrap();
    let mut text = String::new();
    let engine = &store.inner.engine;
    for tree in crate::store::layout::TREES {
        let all = crate::store::engine::Range::under(&[]);
        let seen = engine.scan(tree, all, |key, value| {
            text.push_str(&String::from_utf8_lossy(key));
            text.push_str(&String::from_utf8_lossy(value));
            Ok(true)
        });
        seen.unwrap();
    }
    text
}

fn copied(path: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("cp")
        .arg("-a")
        .arg(format!("{}/.", path.display()))
        .arg(to.path())
        .status();
    assert!(done.unwrap().success());
    to
}

#[test]
fn an_address_verified_by_hand_is_on_the_ticket_and_in_its_events() {
    let house = house();
    house.take([asking(1, 1, NEW)]);
    let store = house.store();
    let one = TicketNumber(1);
    assert_eq!(
        store
            .verify_address(TicketNumber(9), &address(NEW), "root", NOW)
            .unwrap(),
        None
    );
    let done = store
        .verify_address(one, &address(NEW), "root", NOW.plus_s(9))
        .unwrap();
    let done = done.unwrap();
    assert_eq!((done.stand, done.asked), (Stand::Verified, Some(NOW)));
    assert_eq!(store.standings(one).unwrap(), [done]);
    let (_, events, _) = store.ticket(one).unwrap().unwrap();
    assert!(
        events
            .iter()
            .any(|e| e.kind == "address" && e.note.contains("root"))
    );
}

#[test]
fn a_closed_ticket_stays_closed_through_a_restart_and_an_answer_opens_it_once() {
    let mut house = house();
    house.take([opened(1, 1, with_agent())]);
    let one = TicketNumber(1);
    assert_eq!(
        house.store().close_ticket(one, true, "ana", NOW).unwrap(),
        Some(true)
    );
    assert_eq!(
        house.store().close_ticket(one, true, "ben", NOW).unwrap(),
        Some(false)
    );
    assert_eq!(
        house
            .store()
            .close_ticket(TicketNumber(7), true, "ana", NOW)
            .unwrap(),
        None
    );
    house.reopen().unwrap();
    assert_eq!(house.store().marks(one).unwrap().closed, Some(NOW));
    let mut open = ticket(1, with_agent());
    open.version = house.store().ticket(one).unwrap().unwrap().0.version;
    let mut again = entry(2, Step::Update(open));
    again.plan.deeds.closed = Some(Turn::Answer);
    house.take([again]);
    let marks = house.store().marks(one).unwrap();
    assert_eq!((marks.closed, marks.reopened), (None, 1));
    // By hand it is opened again, too, and that is not counted.
    for close in [true, false] {
        let done = house.store().close_ticket(one, close, "ana", NOW).unwrap();
        assert_eq!(done, Some(true));
    }
    assert_eq!(house.store().marks(one).unwrap().reopened, 1);
}

#[test]
fn merging_leads_every_answer_to_the_ticket_that_goes_on_and_can_be_taken_back() {
    let mut house = house();
    let mut bobs = opened(2, 2, with_agent());
    if let Step::Open(ticket) = &mut bobs.plan.step {
        ticket.participants = vec![address("bob@x.example"), address(ANN)];
    }
    house.take([opened(1, 1, with_agent()), bobs, opened(3, 3, with_agent())]);
    let store = house.store().clone();
    let n = TicketNumber;
    let merge = |from, into| store.merge(n(from), n(into), "root", NOW).unwrap();
    assert_eq!(merge(2, 1), Ok(()));
    assert_eq!(merge(2, 3), Err(CannotMerge::Already(2, 1)));
    assert_eq!(merge(1, 2), Err(CannotMerge::Same(1)), "no ring");
    assert_eq!(merge(1, 1), Err(CannotMerge::Same(1)));
    assert_eq!(merge(9, 1), Err(CannotMerge::Unknown(9)));
    assert_eq!(merge(1, 9), Err(CannotMerge::Unknown(9)));
    assert_eq!(merge(1, 3), Ok(()), "chains are followed");
    drop(store);
    house.reopen().unwrap();
    let store = house.store();
    let known = house.known("bob@x.example", &[], &[2], NOW);
    assert_eq!(known.merged, [(n(2), n(3))]);
    let participants = |number| store.ticket(n(number)).unwrap().unwrap().0.participants;
    assert_eq!(participants(1), [address(ANN), address("bob@x.example")]);
    // What comes by way of the merged ticket keeps its id there.
    let three = store.ticket(n(3)).unwrap().unwrap().0;
    let mut by = entry(4, Step::Update(three));
    by.plan.beside.via = Some(n(2));
    house.take([by]);
    let thread = store.find_thread(&id("m4@museum.example")).unwrap();
    assert_eq!(thread.unwrap().ticket, n(2));
    assert_eq!(store.parts(n(3)).unwrap(), [n(1)]);
    assert_eq!(store.unmerge(n(2), "root", NOW).unwrap(), Ok(n(1)));
    assert_eq!(participants(1), [address(ANN)]);
    let again = store.unmerge(n(2), "root", NOW).unwrap();
    assert_eq!(again, Err(CannotMerge::NotMerged(2)));
    let verified = {
        house.close();
        Store::verify(house.path(), &options()).unwrap()
    };
    assert!(verified.sound(), "{verified:?}");
}

#[test]
fn forgetting_a_ticket_forgets_its_parts_and_everything_beside_them() {
    let house = house();
    house.take([asking(1, 1, NEW), opened(2, 2, with_agent())]);
    let store = house.store();
    let sent = crate::triage::delivery::Outcome::Accepted("250".to_owned());
    let leased = house.lease(NOW, 9);
    store.settle(&[(leased[0].id, sent)], NOW).unwrap();
    store
        .close_ticket(TicketNumber(1), true, "ana", NOW)
        .unwrap();
    store
        .merge(TicketNumber(1), TicketNumber(2), "ana", NOW)
        .unwrap()
        .unwrap();
    let done = store.erase(TicketNumber(2)).unwrap();
    assert!(
        matches!(done, Erasure::Done(erased) if erased.tickets == 2),
        "{done:?}"
    );
    for tree in [Tree::Addresses, Tree::Merges, Tree::Acts] {
        let mut left = 0;
        let all = crate::store::engine::Range::under(&[]);
        let seen = store.inner.engine.scan(tree, all, |_, _| {
            left += 1;
            Ok(true)
        });
        seen.unwrap();
        assert_eq!(left, 0, "{tree:?}");
    }
}

#[test]
fn the_last_mails_of_a_writer_are_known_the_newest_first_and_then_forgotten() {
    let mut house = house();
    let earlier = |number: u64| Earlier {
        words: Words {
            print: [u8::try_from(number).unwrap(); 16],
            words: vec![1, 2, 3],
            exact: 7,
        },
        intents: vec!["account-access".to_owned()],
        vouched: false,
        ticket: TicketNumber(number),
        at: NOW,
    };
    for number in 1..=6 {
        let uid = u32::try_from(number).unwrap();
        let mut entry = opened(uid, number, with_agent());
        entry.plan.beside.earlier = Some(earlier(number));
        house.take([entry]);
    }
    house.reopen().unwrap();
    let known = house.known("Ann+7@museum.example", &[], &[], NOW);
    assert_eq!(
        known.before,
        [earlier(6), earlier(5), earlier(4), earlier(3)]
    );
    assert_eq!(house.known("bob@museum.example", &[], &[], NOW).before, []);
    while house.store().tidy(NOW.plus_s(4 * DAY_S)).unwrap() {}
    assert_eq!(house.known(ANN, &[], &[], NOW).before, []);
    house.close();
    assert!(Store::verify(house.path(), &options()).unwrap().sound());
}

/// What weighs on an agent, and whether something is waited for about a ticket.
fn weight(house: &House, number: u64) -> (u64, bool) {
    let TicketState::WithAgent { agent, .. } = with_agent() else {
        panic!("with an agent")
    };
    let watch = house.store().watch_of(TicketNumber(number)).unwrap();
    (house.store().load(&agent).unwrap(), watch.is_some())
}

fn reminding() -> std::sync::Arc<crate::triage::roster::Roster> {
    let duty = crate::triage::roster::Duty {
        remind_s: Some(HOUR_S),
        ..crate::triage::roster::Duty::default()
    };
    let queue = ticket(1, with_agent()).queue.unwrap_or_default();
    std::sync::Arc::new(crate::triage::roster::Roster {
        duties: [(queue, duty)].into(),
        ..crate::triage::roster::Roster::default()
    })
}

#[test]
fn what_is_closed_or_merged_weighs_on_nobody_and_is_waited_for_by_nobody_until_it_goes_on() {
    let mut house = house();
    house.store().set_roster(reminding());
    house.take([opened(1, 1, with_agent()), opened(2, 2, with_agent())]);
    assert_eq!(weight(&house, 1), (2, true));
    let one = TicketNumber(1);
    let close = |house: &House, close| house.store().close_ticket(one, close, "ana", NOW).unwrap();
    close(&house, true);
    assert_eq!(weight(&house, 1), (1, false));
    let snoozed = house.store().snooze(one, NOW.plus_s(DAY_S), "ana", NOW);
    assert_eq!(snoozed.unwrap(), Some(false), "it is done with");
    let merged = house
        .store()
        .merge(one, TicketNumber(2), "ana", NOW)
        .unwrap();
    assert_eq!(merged, Ok(()));
    close(&house, false);
    assert_eq!(
        weight(&house, 1),
        (1, false),
        "it is a part of another still"
    );
    house.reopen().unwrap();
    house.store().set_roster(reminding());
    assert_eq!(house.store().adopt(None, NOW).unwrap(), None);
    assert_eq!(weight(&house, 1), (1, false), "a restart adopts it not");
    let queue = ticket(1, with_agent()).queue.unwrap_or_default();
    let waiting = house.store().waiting_in(&queue, 9, 9).unwrap();
    assert_eq!(waiting.iter().map(|t| t.number.0).collect::<Vec<_>>(), [2]);
    house.store().unmerge(one, "ana", NOW).unwrap().unwrap();
    assert_eq!(weight(&house, 1), (2, true));
    // The one that goes on is erased: what is a part of it goes with it.
    house
        .store()
        .merge(one, TicketNumber(2), "ana", NOW)
        .unwrap()
        .unwrap();
    house.close();
    assert!(Store::verify(house.path(), &options()).unwrap().sound());
}

#[test]
fn a_ticket_that_goes_by_its_age_leaves_its_parts_tickets_of_their_own() {
    let mut house = house();
    house.take([opened(1, 1, with_agent()), opened(2, 2, with_agent())]);
    let (one, two) = (TicketNumber(1), TicketNumber(2));
    house.store().merge(one, two, "ana", NOW).unwrap().unwrap();
    // The part changes much later, so that only the other is old.
    let mut late = house.store().ticket(one).unwrap().unwrap().0;
    late.updated = NOW.plus_s(400 * DAY_S);
    house.take([entry(3, Step::Update(late))]);
    house.store().filed("support", 7, &[1, 2, 3]).unwrap();
    let now = NOW.plus_s(401 * DAY_S);
    while house.store().retain(300 * DAY_S, now).unwrap().1 {}
    assert!(house.store().ticket(two).unwrap().is_none());
    assert!(house.store().ticket(one).unwrap().is_some());
    assert_eq!(house.store().merged_into(one).unwrap(), None);
    assert_eq!(weight(&house, 1).0, 1, "it weighs again");
    house.close();
    let verified = Store::verify(house.path(), &options()).unwrap();
    assert!(verified.sound(), "{verified:?}");
}

#[test]
fn an_agents_orders_are_kept_in_the_commit_of_the_mail_that_gave_them() {
    let mut house = house();
    house.take([opened(1, 1, with_agent()), opened(2, 2, with_agent())]);
    let ana = address("ana@agents.example");
    let back = crate::triage::hours::Day::of_number(NOW.0 / 86_400 + 9).unwrap();
    let mut orders = entry(3, Step::Record(Some(TicketNumber(1))));
    orders.sender = Some(ana.clone());
    orders.plan.deeds.snooze = Some(NOW.plus_s(DAY_S));
    orders.plan.deeds.away = Some((ana.clone(), back));
    orders.plan.beside.standings = vec![standing(NEW, Stand::Verified)];
    let mut merge = entry(4, Step::Record(Some(TicketNumber(2))));
    merge.plan.beside.merge_into = Some(TicketNumber(1));
    merge.plan.beside.by = ana.to_string();
    house.take([orders, merge]);
    house.reopen().unwrap();
    let store = house.store();
    let watch = store.watch_of(TicketNumber(1)).unwrap().unwrap();
    assert_eq!(watch.due, Some(NOW.plus_s(DAY_S)));
    let aways = store.aways().unwrap();
    assert_eq!((&aways[0].agent, aways[0].back), (&ana, back));
    assert_eq!(aways[0].by, ana.as_str());
    assert_eq!(store.standings(TicketNumber(1)).unwrap().len(), 1);
    assert_eq!(
        store.merged_into(TicketNumber(2)).unwrap(),
        Some(TicketNumber(1))
    );
}
