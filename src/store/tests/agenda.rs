//! What falls due: fired once, in one commit with its mails, whatever happens between; loads, absences, counts.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::steps;
use crate::store::Away;
use crate::store::Fallen;
use crate::store::Order;
use crate::store::StoreError;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::triage::agenda::Stage as Waits;
use crate::triage::agenda::Watch;
use crate::triage::hours::Day;
use crate::triage::plan::Step as PlanStep;
use crate::triage::roster::Duty;
use crate::triage::roster::Roster;

const HOUR_S: i64 = 3_600;
const ANA: &str = "ana@agents.example";
const BEN: &str = "ben@agents.example";

fn roster() -> Arc<Roster> {
    let duty = Duty {
        remind_s: Some(HOUR_S),
        sticky_s: Some(10 * HOUR_S),
        ..Duty::default()
    };
    Arc::new(Roster {
        duties: [("accounts".to_owned(), duty)].into(),
        ..Roster::default()
    })
}

fn watching() -> House {
    let house = house();
    house.store().set_roster(roster());
    house
}

fn with(agent: &str) -> TicketState {
    TicketState::WithAgent {
        agent: address(agent),
        since: NOW,
    }
}

fn answered_by(agent: &str) -> TicketState {
    TicketState::AgentAnswered {
        agent: address(agent),
        at: NOW,
    }
}

impl House {
    /// What is due, as a group sees it.
    fn due(&self, now: Timestamp) -> Vec<Fallen> {
        self.store().group().due(now, 100).unwrap()
    }

    /// Has the first ticket reminded of, in one commit; returns how that ended.
    fn remind(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut group = self.store().group();
        for thing in group.due(now, 100)? {
            let Fallen::Ticket(watch, ticket) = thing else {
                continue;
            };
            let done = Watch {
                stage: Waits::Done,
                due: None,
                ..watch
            };
            group.post(outgoing(Purpose::Notice, ticket.number.0, ANA), now)?;
            group.watch(ticket.number, Some(&done))?;
        }
        group.commit()
    }

    fn notices(&self) -> usize {
        self.store().outbox(None, 100, Order::Oldest).unwrap().len()
    }

    fn update(&self, uid: u32, number: u64, state: TicketState) {
        let (mut ticket, ..) = self.store().ticket(TicketNumber(number)).unwrap().unwrap();
        ticket.state = state;
        self.take([entry(uid, PlanStep::Update(ticket))]);
    }

    fn load(&self, agent: &str) -> u64 {
        self.store().load(&address(agent)).unwrap()
    }

    fn sound(&mut self) {
        self.close();
        let found = Store::verify(self.path(), &options()).unwrap();
        assert!(found.sound(), "{found:#?}");
        self.reopen().unwrap();
        self.store().set_roster(roster());
    }
}

fn day(text: &str) -> Day {
    Day::try_from(text.to_owned()).unwrap()
}

#[test]
fn a_case_of_a_queue_that_reminds_is_on_the_agenda_until_its_agent_answers() {
    let mut house = watching();
    house.take([opened(1, 1, with(ANA)), opened(2, 2, answered())]);
    assert_eq!(house.due(NOW).len(), 1, "the answered one waits for nobody");
    house.sound();
    assert_eq!(house.due(NOW).len(), 1);
    assert_eq!(house.due(NOW.plus_s(-1)), []);
    assert_eq!(house.store().next_agenda().unwrap(), Some(NOW));
    house.update(3, 1, answered_by(ANA));
    assert_eq!(house.due(NOW.plus_s(HOUR_S)), []);
    house.sound();
}

#[test]
fn a_queue_that_reminds_nobody_puts_nothing_on_the_agenda() {
    let house = house();
    house.take([opened(1, 1, with(ANA))]);
    assert_eq!(house.due(NOW.plus_s(HOUR_S)), []);
    // Until it does: then what waits already is taken in, once.
    house.store().set_roster(roster());
    assert_eq!(house.store().adopt(None, NOW).unwrap(), None);
    assert_eq!(house.due(NOW).len(), 1);
}

#[test]
fn more_tickets_than_a_piece_are_all_taken_in() {
    let house = house();
    house.take((1..=20).map(|n| opened(n, u64::from(n), with(ANA))));
    house.store().set_roster(roster());
    let (mut after, mut pieces) = (None, 0);
    loop {
        after = house.store().adopt(after, NOW).unwrap();
        pieces += 1;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((house.due(NOW).len(), pieces), (20, 3));
}

/// At whichever moment the process dies: one reminder, never none, never two.
///
/// Faults: F1; holds I1 I2.
#[test]
fn a_firing_that_is_cut_off_anywhere_fires_once() {
    let mut moments = 0;
    for dies_at in 0.. {
        let dir = quick();
        let store = Some(Store::open(dir.path(), options()).unwrap());
        let mut house = House { dir, store };
        house.store().set_roster(roster());
        house.take([opened(1, 1, with(ANA))]);
        let passed = Rc::new(Cell::new(0));
        let seen = Rc::clone(&passed);
        let watch = steps::watched(move |_, _| {
            seen.set(seen.get() + 1);
            if seen.get() > dies_at {
                return Err(io::Error::other("died here"));
            }
            Ok(())
        });
        let done = house.remind(NOW);
        drop(watch);
        moments = passed.get();
        house.reopen().unwrap();
        house.store().set_roster(roster());
        let first = house.notices();
        assert!(
            done.is_err() || first == 1,
            "acknowledged, and lost at {dies_at}"
        );
        house.remind(NOW).unwrap();
        assert_eq!(house.notices(), 1, "at {dies_at}");
        house.remind(NOW.plus_s(HOUR_S)).unwrap();
        assert_eq!(house.notices(), 1, "at {dies_at}");
        if done.is_ok() {
            break;
        }
    }
    assert!(moments > 5, "{moments}");
}

#[test]
fn a_ticket_rests_until_its_time_or_until_its_person_writes() {
    let mut house = watching();
    house.take([opened(1, 1, with(ANA)), opened(2, 2, answered())]);
    let later = NOW.plus_s(3 * 86_400);
    let snooze = |house: &House, number| {
        house
            .store()
            .snooze(TicketNumber(number), later, "root", NOW)
            .unwrap()
    };
    assert_eq!(snooze(&house, 1), Some(true));
    assert_eq!(snooze(&house, 2), Some(false), "nobody has it");
    assert_eq!(snooze(&house, 9), None);
    house.sound();
    assert_eq!(house.due(NOW.plus_s(2 * 86_400)), []);
    assert_eq!(house.due(later).len(), 1);
    let (_, events, _) = house.store().ticket(TicketNumber(1)).unwrap().unwrap();
    assert!(
        events
            .iter()
            .any(|e| e.kind == "snoozed" && e.note.contains("3 days")),
        "{events:?}"
    );
    house.update(3, 1, with(ANA));
    let watch = house.store().watch_of(TicketNumber(1)).unwrap().unwrap();
    assert_eq!(watch.stage, Waits::Fresh, "the person wrote");
}

#[test]
fn loads_follow_tickets_through_answers_reassignment_and_erasure() {
    let mut house = watching();
    house.take((1..=3).map(|n| opened(n, u64::from(n), with(ANA))));
    assert_eq!((house.load(ANA), house.load(BEN)), (3, 0));
    house.update(4, 1, answered_by(ANA));
    house.update(5, 2, with(BEN));
    assert_eq!((house.load(ANA), house.load(BEN)), (1, 1));
    house.sound();
    house.update(6, 1, with(ANA));
    house.store().erase(TicketNumber(3)).unwrap();
    house.store().erase(TicketNumber(2)).unwrap();
    assert_eq!((house.load(ANA), house.load(BEN)), (1, 0));
    assert_eq!(
        house.store().queue_loads().unwrap(),
        [("accounts".to_owned(), 1)].into()
    );
    assert_eq!(
        house.due(NOW.plus_s(9)).len(),
        1,
        "what is erased is not on the agenda"
    );
    house.sound();
}

#[test]
fn an_accepted_store_counts_its_loads_anew_and_verify_tells_of_wrong_ones() {
    let mut house = watching();
    house.take((1..=9).map(|n| opened(n, u64::from(n), with(ANA))));
    {
        let inner = &house.store().inner;
        let mut writer = inner.writer();
        let mut batch = crate::store::batch::Batch::new(&inner.engine, writer.head);
        let key = duties::load_key(&address(ANA));
        batch.put_duty(&key, &DutyRow::Load(70)).unwrap();
        batch
            .put_duty(&duties::load_key(&address(BEN)), &DutyRow::Load(2))
            .unwrap();
        batch.keep();
        inner.commit(&mut writer, batch).unwrap();
    }
    house.close();
    let found = Store::verify(house.path(), &options()).unwrap();
    let told = found.found.iter().find(|f| !f.sound).unwrap();
    assert!(
        told.what.contains("by agent") && told.found.contains(ANA),
        "{told:?}"
    );
    Store::accept(house.path(), &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!((house.load(ANA), house.load(BEN)), (9, 0));
    house.sound();
}

#[test]
fn a_repair_makes_the_agenda_anew() {
    let mut house = watching();
    house.take([opened(1, 1, with(ANA)), opened(2, 2, with(BEN))]);
    house
        .store()
        .snooze(TicketNumber(2), NOW.plus_s(HOUR_S), "root", NOW)
        .unwrap();
    let key = duties::agenda_key(NOW.plus_s(HOUR_S), &duties::watch_key(TicketNumber(2)));
    let moves = [((Tree::Agenda, key), None)].into();
    house.store().inner.engine.apply(&moves).unwrap();
    house.store().inner.engine.make_durable().unwrap();
    assert_eq!(house.due(NOW.plus_s(HOUR_S)).len(), 1);
    house.close();
    assert!(!Store::verify(house.path(), &options()).unwrap().sound());
    Store::repair(house.path(), false, &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.due(NOW.plus_s(HOUR_S)).len(), 2);
    house.sound();
}

#[test]
fn a_backup_brings_agenda_absences_and_counts_back() {
    let mut house = watching();
    house.take([opened(1, 1, with(ANA))]);
    house.store().send_away(&away(BEN, "2100-01-01")).unwrap();
    let backup = quick();
    let to = backup.path().join("backup");
    house.store().backup(&to, NOW).unwrap();
    house.close();
    Store::restore(house.path(), &to, true, &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.due(NOW).len(), 1);
    assert_eq!(house.store().aways().unwrap(), [away(BEN, "2100-01-01")]);
    assert_eq!(house.load(ANA), 1);
    house.sound();
}

fn away(agent: &str, back: &str) -> Away {
    Away {
        agent: address(agent),
        back: day(back),
        said: NOW,
        by: "root".to_owned(),
    }
}

#[test]
fn an_absence_is_known_when_a_mail_is_decided_and_goes_when_it_is_over() {
    let mut house = watching();
    house.store().send_away(&away(ANA, "2100-01-01")).unwrap();
    house.sound();
    let agents = [address(ANA), address(BEN)];
    let known = house.store().group().recall_time(&agents, None).unwrap();
    assert_eq!(known.away, [(address(ANA).identity(), day("2100-01-01"))]);
    assert!(house.store().bring_back(&address(ANA)).unwrap());
    assert!(!house.store().bring_back(&address(ANA)).unwrap());
    house.store().send_away(&away(ANA, "2026-06-01")).unwrap();
    let over = Timestamp(day("2026-06-01").number() * 86_400 + 3 * 86_400);
    let mut group = house.store().group();
    assert_eq!(group.due(over, 100).unwrap(), []);
    group.commit().unwrap();
    assert_eq!(house.store().aways().unwrap(), []);
    house.sound();
}

#[test]
fn the_writers_last_agent_is_remembered_for_so_long_and_forgotten_with_the_ticket() {
    let mut house = watching();
    house.take([opened(1, 1, with(ANA))]);
    let last = |house: &House| {
        let ann = address("Ann@museum.example");
        house
            .store()
            .group()
            .recall_time(&[], Some(&ann))
            .unwrap()
            .last
    };
    assert_eq!(last(&house), Some((address(ANA), NOW)));
    house.sound();
    house.store().erase(TicketNumber(1)).unwrap();
    assert_eq!(last(&house), None);
    house.sound();
}

#[test]
fn nobody_gets_more_than_so_many_mails_in_an_hour() {
    let house = watching();
    let ana = address(ANA);
    for n in 0..6 {
        let mut group = house.store().group();
        let at = NOW.plus_s(n * 60);
        assert_eq!(group.due_mail_at(&ana, at).unwrap(), None, "{n}");
        group.count_due_mail(&ana, at).unwrap();
        group.commit().unwrap();
    }
    let group = house.store().group();
    assert_eq!(
        group.due_mail_at(&ana, NOW.plus_s(360)).unwrap(),
        Some(NOW.plus_s(HOUR_S))
    );
    assert_eq!(
        group.due_mail_at(&address(BEN), NOW.plus_s(360)).unwrap(),
        None
    );
    assert_eq!(group.due_mail_at(&ana, NOW.plus_s(HOUR_S)).unwrap(), None);
}

#[test]
fn a_digest_keeps_its_time_through_restarts_and_goes_when_it_is_not_wanted() {
    let mut house = watching();
    let queue = || "accounts".to_owned();
    let plan = |house: &House, at: i64| {
        house
            .store()
            .plan_digests(&[(queue(), NOW.plus_s(at))])
            .unwrap();
    };
    plan(&house, 100);
    // The daemon was down when it was due; its next start would plan the next one.
    plan(&house, 86_500);
    house.sound();
    assert_eq!(house.due(NOW.plus_s(100)), [Fallen::Digest(queue(), None)]);
    let mut group = house.store().group();
    group
        .digested(
            "accounts",
            Some(day("2026-05-28")),
            Some(NOW.plus_s(86_500)),
        )
        .unwrap();
    group.commit().unwrap();
    assert_eq!(house.due(NOW.plus_s(100)), []);
    plan(&house, 200);
    assert_eq!(
        house.due(NOW.plus_s(200)),
        [Fallen::Digest(queue(), Some(day("2026-05-28")))]
    );
    house.store().plan_digests(&[]).unwrap();
    assert_eq!(house.store().next_agenda().unwrap(), None);
    house.sound();
}

#[test]
fn what_a_day_brought_is_counted_by_quarters_and_by_queue() {
    let mut house = house();
    house.take([opened(1, 1, with(ANA)), opened(2, 2, answered())]);
    let counted = |house: &House, queue: &str, from: i64, to: i64| {
        house
            .store()
            .counted(queue, NOW.plus_s(from), NOW.plus_s(to))
            .unwrap()
    };
    let two = [
        ("forward".to_owned(), 2),
        ("i:account-access".to_owned(), 2),
    ]
    .into();
    assert_eq!(counted(&house, "", -900, 900), two);
    assert_eq!(counted(&house, "accounts", -900, 900), two);
    assert_eq!(counted(&house, "badges", -900, 900), [].into());
    assert_eq!(counted(&house, "", 900, 9_000), [].into());
    house.sound();
    // After some weeks it is of no use, and goes.
    let mut group = house.store().group();
    group.due(NOW.plus_s(60 * 86_400), 100).unwrap();
    group.commit().unwrap();
    assert_eq!(counted(&house, "", -900, 900), [].into());
    house.sound();
}

#[test]
fn a_record_under_a_key_of_another_kind_is_damage() {
    let row = DutyRow::Load(3);
    assert!(row.fits(&duties::load_key(&address(ANA))));
    for key in [
        duties::watch_key(TicketNumber(1)),
        duties::away_key(&address(ANA)),
        Vec::new(),
    ] {
        let value = layout::seal(&key, &row).unwrap();
        assert!(
            crate::store::derived::derive(Tree::Duties, &key, &value).is_err(),
            "{key:?}"
        );
    }
}
