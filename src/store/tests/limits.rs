//! Floods, the breaker and dead addresses: counted, durable, erased, verified, backed up, repaired.

use super::*;
use crate::store::Common;
use crate::store::Like;
use crate::store::OutboxId;
use crate::store::Tally;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::rows::BudgetRow;
use crate::triage::breaker::Stand;
use crate::triage::dead::Gone;
use crate::triage::dead::Status;
use crate::triage::delivery::Outcome;
use crate::triage::limits::BreakerRule;
use crate::triage::plan::Waves;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
const RULE: BreakerRule = BreakerRule {
    quiet_minutes: 60,
    trial_replies: 2,
};
const LIKE: Like = Like {
    print: [7; 16],
    vouched: false,
    // No mail comes after the present: counted now, where a test says nothing else.
    came: Timestamp(i64::MAX),
};
const ANN: &str = "ann@museum.example";

fn nothing() -> Tally {
    Tally {
        replied: false,
        withheld: false,
        breaker: RULE,
        case: None,
    }
}

fn case(gathered: Option<Common>, ticket: u64) -> Tally {
    Tally {
        case: Some((gathered, Some(TicketNumber(ticket)))),
        ..nothing()
    }
}

impl House {
    fn tally(&self, like: Like, sender: &str, tally: Tally, now: Timestamp) {
        let mut group = self.store().group();
        group
            .tally(&like, Some(&address(sender)), &tally, now)
            .unwrap();
        group.commit().unwrap();
    }

    fn limits(&self, like: Like, sender: &str, now: Timestamp) -> Case {
        let mut case = Case::default();
        let group = self.store().group();
        group
            .recall_limits(&mut case, &like, Some(&address(sender)), now)
            .unwrap();
        case
    }

    fn waves(&self, like: Like, sender: &str, now: Timestamp) -> Waves {
        self.limits(like, sender, now).flood
    }

    fn verified(&mut self) {
        self.close();
        let found = Store::verify(self.path(), &options()).unwrap();
        assert!(found.sound(), "{found:#?}");
        self.reopen().unwrap();
    }
}

fn counts(waves: &Waves) -> (u32, u32, u32) {
    (waves.sender.cases, waves.domain.cases, waves.text.cases)
}

#[test]
fn cases_are_counted_by_writer_domain_and_words_across_a_restart() {
    let mut house = house();
    house.take([opened(1, 1, with_agent())]);
    house.tally(LIKE, ANN, case(None, 1), NOW);
    house.tally(LIKE, "Ann+2@MUSEUM.example", case(None, 1), NOW);
    let other = Like {
        print: [8; 16],
        ..LIKE
    };
    house.tally(other, "bob@sub.museum.example", case(None, 1), NOW);
    house.tally(LIKE, ANN, nothing(), NOW);
    house.verified();
    assert_eq!(counts(&house.waves(LIKE, ANN, NOW)), (2, 3, 2));
    assert_eq!(
        counts(&house.waves(other, "cleo@museum.example", NOW)),
        (0, 3, 1)
    );
    let later = NOW.plus_s(2 * HOUR_S);
    assert_eq!(counts(&house.waves(LIKE, ANN, later)), (2, 0, 0));
    let later = NOW.plus_s(26 * HOUR_S);
    assert_eq!(counts(&house.waves(LIKE, ANN, later)), (0, 0, 0));
}

#[test]
fn what_lay_waiting_while_the_desk_was_away_is_no_flood_when_the_desk_comes_back() {
    let house = house();
    let came = |hours: i64| Like {
        came: NOW.plus_s(-hours * HOUR_S),
        ..LIKE
    };
    for hours in [60, 50, 40, 30, 20, 10] {
        assert_eq!(counts(&house.waves(came(hours), ANN, NOW)).2, 0);
        house.tally(came(hours), ANN, case(None, 1), NOW);
    }
    house.tally(came(10), ANN, case(None, 1), NOW);
    assert_eq!(counts(&house.waves(came(10), ANN, NOW)), (4, 2, 2));
    assert_eq!(counts(&house.waves(LIKE, ANN, NOW)), (3, 0, 0));
}

#[test]
fn who_forges_an_address_does_not_count_against_its_owner() {
    let house = house();
    house.tally(LIKE, ANN, case(None, 1), NOW);
    let vouched = Like {
        vouched: true,
        ..LIKE
    };
    assert_eq!(counts(&house.waves(vouched, ANN, NOW)), (0, 0, 1));
    house.tally(vouched, ANN, case(None, 1), NOW);
    assert_eq!(counts(&house.waves(vouched, ANN, NOW)), (1, 1, 2));
    assert_eq!(counts(&house.waves(LIKE, ANN, NOW)), (1, 1, 2));
}

#[test]
fn a_flood_knows_its_ticket_until_a_mail_is_not_gathered_or_the_ticket_is_gone() {
    let house = house();
    house.take([opened(1, 1, with_agent()), opened(2, 2, with_agent())]);
    let by_sender = Some(Common::Sender);
    house.tally(LIKE, ANN, case(by_sender, 1), NOW);
    house.tally(LIKE, ANN, case(by_sender, 2), NOW);
    let sender = || house.waves(LIKE, ANN, NOW).sender;
    let on = |wave: &crate::triage::plan::Wave| wave.ticket.as_ref().map(|t| t.number.0);
    assert_eq!((sender().gathered, on(&sender())), (2, Some(1)));
    // Another flood of the same mails leaves this one as it is.
    house.tally(LIKE, ANN, case(Some(Common::Text), 2), NOW);
    assert_eq!((sender().gathered, on(&sender())), (2, Some(1)));
    house.store().erase(TicketNumber(1)).unwrap();
    assert_eq!((sender().gathered, on(&sender())), (2, None));
    house.tally(LIKE, ANN, case(None, 2), NOW);
    assert_eq!((sender().gathered, on(&sender())), (0, None));
}

/// Faults: F19; holds I5 I10.
#[test]
fn a_clock_set_back_frees_no_flood_and_one_far_ahead_holds_none_for_ever() {
    let house = house();
    house.tally(LIKE, ANN, case(None, 1), NOW);
    assert_eq!(
        house.waves(LIKE, ANN, NOW.plus_s(-HOUR_S / 2)).text.cases,
        1
    );
    assert_eq!(
        house
            .waves(LIKE, ANN, NOW.plus_s(-365 * DAY_S))
            .sender
            .cases,
        0
    );
}

#[test]
fn replies_to_the_same_words_are_counted_whoever_got_them() {
    let house = house();
    let replied = Tally {
        replied: true,
        ..nothing()
    };
    house.tally(LIKE, ANN, replied, NOW);
    house.tally(LIKE, "bob@other.example", replied, NOW);
    let had = |now| house.limits(LIKE, "eve@third.example", now).spent.text_hour;
    assert_eq!(had(NOW), 2);
    assert_eq!(had(NOW.plus_s(2 * HOUR_S)), 0);
}

#[test]
fn records_of_floods_are_forgotten_with_their_windows() {
    let house = house();
    house.take([opened(1, 1, with_agent())]);
    house.tally(LIKE, ANN, case(None, 1), NOW);
    let engine = &house.store().inner.engine;
    let records = || {
        let mut n = 0;
        let range = crate::store::engine::Range::under(&[]);
        let seen = engine.scan(Tree::Budgets, range, |_, _| {
            n += 1;
            Ok(true)
        });
        seen.unwrap();
        n
    };
    assert_eq!(records(), 3);
    while house.store().tidy(NOW.plus_s(4 * DAY_S)).unwrap() {}
    assert_eq!(records(), 0);
}

/// Forwards of new cases, one after the other, at that pace; when each may leave, in seconds from now.
fn paced(house: &House, from: u32, many: u32, pace: Option<u32>) -> Vec<i64> {
    for n in from..from + many {
        let mut group = house.store().group();
        group.pace(pace);
        let mut mail = opened(n, u64::from(n), with_agent());
        mail.outgoing = vec![outgoing(
            Purpose::Forward,
            u64::from(n),
            "ana@agents.example",
        )];
        group.add(mail, NOW).unwrap();
        group.commit().unwrap();
    }
    let mut due: Vec<i64> = house
        .store()
        .outbox(None, 1000, crate::store::Order::Oldest)
        .unwrap()
        .iter()
        .filter(|m| m.ticket.0 >= u64::from(from))
        .map(|m| m.since().since_s(NOW))
        .collect();
    due.sort_unstable();
    due
}

#[test]
fn forwards_beyond_the_pace_wait_their_turn_and_none_is_lost() {
    let mut house = house();
    assert_eq!(paced(&house, 1, 6, Some(4)), [0, 0, 0, 0, 0, 900]);
    house.verified();
    assert_eq!(paced(&house, 7, 2, Some(4)), [1800, 2700], "in their turn");
    assert_eq!(
        paced(&house, 9, 1, None),
        [0],
        "what is vouched for overtakes"
    );
    assert_eq!(house.lease(NOW, 100).len(), 6);
    assert_eq!(house.lease(NOW.plus_s(899), 100).len(), 0);
    assert_eq!(house.lease(NOW.plus_s(2700), 100).len(), 3);
}

fn trip(house: &House, now: Timestamp) {
    let withheld = Tally {
        withheld: true,
        ..nothing()
    };
    house.tally(LIKE, ANN, withheld, now);
}

fn stand(house: &House, now: Timestamp) -> Stand {
    house.store().breaker(now).unwrap().stand
}

#[test]
fn the_breaker_stands_as_it_stood_across_restarts_a_verification_and_a_backup() {
    let mut house = house();
    assert_eq!(stand(&house, NOW), Stand::Closed);
    trip(&house, NOW);
    house.verified();
    assert_eq!(stand(&house, NOW.plus_s(HOUR_S - 1)), Stand::Open);
    let backup = quick();
    house.store().backup(&backup.path().join("b"), NOW).unwrap();
    house.store().close_breaker(NOW).unwrap();
    assert_eq!(stand(&house, NOW), Stand::Closed);
    house.close();
    let aside = true;
    Store::restore(
        house.path(),
        &backup.path().join("b"),
        aside,
        &options(),
        NOW,
    )
    .unwrap();
    house.reopen().unwrap();
    assert_eq!(stand(&house, NOW), Stand::Open);
    let trial = NOW.plus_s(HOUR_S);
    assert_eq!(
        house.store().turn_breaker(trial).unwrap().1.stand,
        Stand::Trial(2)
    );
    house.reopen().unwrap();
    assert_eq!(stand(&house, trial.plus_s(HOUR_S)), Stand::Closed);
    assert_eq!(house.store().breaker(trial).unwrap().trips, 1);
}

#[test]
fn replies_of_a_trial_are_counted_and_one_too_many_opens_it_again() {
    let house = house();
    trip(&house, NOW);
    let trial = NOW.plus_s(HOUR_S);
    let replied = Tally {
        replied: true,
        ..nothing()
    };
    for left in [1, 0] {
        house.tally(LIKE, ANN, replied, trial);
        assert_eq!(stand(&house, trial), Stand::Trial(left));
    }
    trip(&house, trial);
    assert_eq!(stand(&house, trial.plus_s(2 * HOUR_S - 1)), Stand::Open);
    assert_eq!(stand(&house, trial.plus_s(2 * HOUR_S)), Stand::Trial(2));
}

#[test]
fn closing_by_hand_begins_the_count_of_the_hour_anew() {
    let mut house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    assert_eq!(
        house
            .recall(9, &Clues::default(), ANN, NOW)
            .spent
            .total_hour,
        1
    );
    trip(&house, NOW);
    assert_eq!(
        house.store().close_breaker(NOW).unwrap().stand,
        Stand::Closed
    );
    house.verified();
    let spent = house.recall(9, &Clues::default(), ANN, NOW).spent;
    assert_eq!((spent.total_hour, spent.address_day), (0, 1));
}

fn alarm(house: &House, now: Timestamp) -> (bool, u64) {
    let mail = outgoing(Purpose::Notice, 0, &format!("op{}@house.example", now.0));
    let told = house.store().tell_of_trip(|_| Some(mail), now).unwrap();
    (told.is_some(), house.store().counts().waiting)
}

#[test]
fn the_operator_is_told_of_each_trip_once_and_by_mail_no_more_than_once_an_hour() {
    let mut house = house();
    assert_eq!(alarm(&house, NOW), (false, 0));
    trip(&house, NOW);
    assert_eq!(alarm(&house, NOW), (true, 1));
    house.reopen().unwrap();
    assert_eq!(alarm(&house, NOW), (false, 1), "told before the restart");
    // A trial that fails is no new trip.
    trip(&house, NOW.plus_s(HOUR_S));
    assert_eq!(alarm(&house, NOW.plus_s(HOUR_S)), (false, 1));
    house.store().close_breaker(NOW.plus_s(10)).unwrap();
    trip(&house, NOW.plus_s(20));
    assert_eq!(alarm(&house, NOW.plus_s(20)), (true, 1), "told, not mailed");
    house.store().close_breaker(NOW.plus_s(30)).unwrap();
    trip(&house, NOW.plus_s(2 * HOUR_S));
    assert_eq!(alarm(&house, NOW.plus_s(2 * HOUR_S)), (true, 2));
    house.verified();
}

#[test]
fn an_alarm_does_not_count_as_a_reply_and_leaves_while_replies_are_held() {
    let house = house();
    trip(&house, NOW);
    alarm(&house, NOW);
    house.store().hold_replies(true);
    assert_eq!(house.lease(NOW, 10).len(), 1);
    assert_eq!(
        house
            .recall(9, &Clues::default(), ANN, NOW)
            .spent
            .total_hour,
        0
    );
}

fn refused(house: &House, said: &str) {
    let leased = house.lease(NOW, 10);
    let ends: Vec<_> = leased
        .iter()
        .map(|l| (l.id, Outcome::Refused(said.to_owned())))
        .collect();
    house.store().settle(&ends, NOW).unwrap();
}

const UNKNOWN: &str = "550 5.1.1 <ann@museum.example>: no such user after RCPT";

#[test]
fn an_address_that_our_server_refuses_for_good_is_dead_and_outlives_a_restart() {
    let mut house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    refused(&house, UNKNOWN);
    house.verified();
    let dead = house
        .store()
        .dead_address(&address("Ann+x@museum.example"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (dead.status.as_str(), dead.since, dead.ticket.0),
        ("5.1.1", NOW, 1)
    );
    assert_eq!(house.store().dead(10).unwrap(), [dead]);
    let known = |like| house.limits(like, "ann+again@museum.example", NOW).dead;
    assert_eq!(known(LIKE), Some(("5.1.1".to_owned(), NOW)));
    let vouched = Like {
        vouched: true,
        ..LIKE
    };
    assert_eq!(known(vouched), None, "its domain vouches for the mail");
}

#[test]
fn a_refusal_of_the_text_or_of_an_agent_kills_no_address() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    refused(&house, "550 5.7.1 spam after the final dot");
    house.take([sending(2, 2, &[Purpose::Forward])]);
    refused(&house, UNKNOWN);
    assert_eq!(house.store().dead(10).unwrap(), []);
}

fn bury(house: &House, id_of: &str) -> bool {
    let gone = Gone {
        id: id(id_of),
        status: Status(2, 1),
    };
    let mut group = house.store().group();
    let done = group.bury(&gone, NOW).unwrap();
    group.commit().unwrap();
    done
}

#[test]
fn a_report_kills_the_address_that_our_mail_went_to_and_no_other() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    assert!(!bury(&house, "m1@museum.example"), "a foreign id");
    assert!(!bury(&house, "never@museum.example"));
    assert!(!bury(&house, "Forward.1.ann@museum.example"), "an agent's");
    assert_eq!(house.store().dead(10).unwrap(), []);
    assert!(bury(&house, "Reply.1.ann@museum.example"));
    assert_eq!(house.store().dead(10).unwrap()[0].address, address(ANN));
}

#[test]
fn a_mail_that_is_vouched_for_or_a_person_brings_an_address_back_to_life() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    let vouched = Like {
        vouched: true,
        ..LIKE
    };
    for way in ["unproved", "vouched", "by hand"] {
        assert!(bury(&house, "Reply.1.ann@museum.example"));
        match way {
            "unproved" => house.tally(LIKE, ANN, case(None, 1), NOW),
            "vouched" => house.tally(vouched, ANN, case(None, 1), NOW),
            _ => assert!(
                house
                    .store()
                    .revive(&address("ANN@museum.example"))
                    .unwrap()
            ),
        }
        let dead = house.store().dead(10).unwrap().len();
        assert_eq!(dead, usize::from(way == "unproved"), "{way}");
    }
    assert!(!house.store().revive(&address(ANN)).unwrap());
}

#[test]
fn dead_addresses_are_forgotten_with_their_time_and_with_their_person() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    refused(&house, UNKNOWN);
    house.store().tidy(NOW.plus_s(89 * DAY_S)).unwrap();
    assert_eq!(house.store().dead(10).unwrap().len(), 1);
    house.store().give_up(OutboxId(0), NOW).unwrap();
    house.store().erase(TicketNumber(1)).unwrap();
    assert_eq!(house.store().dead(10).unwrap(), []);
    house.take([sending(2, 2, &[Purpose::Reply])]);
    refused(&house, UNKNOWN);
    house.store().tidy(NOW.plus_s(91 * DAY_S)).unwrap();
    assert_eq!(house.store().dead(10).unwrap(), []);
}

/// A store with each of these records.
fn limited() -> House {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    refused(&house, UNKNOWN);
    house.tally(LIKE, ANN, case(Some(Common::Text), 1), NOW);
    trip(&house, NOW);
    house
}

#[test]
fn what_is_left_of_these_records_by_damage_is_saved_by_a_repair() {
    let mut house = limited();
    house.close();
    // Something else is spoiled.
    let engine = wear::let_go(&house);
    let mut spoiled = crate::store::engine::Moves::new();
    let total = layout::seal(b"t", &BudgetRow::default()).unwrap();
    spoiled.insert(
        (Tree::Budgets, b"t".to_vec()),
        Some(total.into_iter().rev().collect()),
    );
    engine.apply(&spoiled).unwrap();
    engine.make_durable().unwrap();
    drop(engine);
    assert!(matches!(house.reopen(), Err(OpenError::Damaged(_))));
    Store::repair(house.path(), false, &options(), NOW).unwrap();
    house.verified();
    assert_eq!(house.store().dead(10).unwrap().len(), 1);
    assert_eq!(stand(&house, NOW), Stand::Open);
    assert_eq!(house.waves(LIKE, ANN, NOW).text.gathered, 1);
}

#[test]
fn a_store_of_layout_1_takes_these_records_after_its_move() {
    let dir = quick();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/layout-1");
    wear::copy(&from, dir.path());
    let mut house = House { dir, store: None };
    house.reopen().unwrap();
    assert_eq!(stand(&house, NOW), Stand::Closed);
    trip(&house, NOW);
    assert!(bury(&house, "Reply.1.ann@museum.example"));
    house.tally(LIKE, ANN, case(None, 1), NOW);
    house.verified();
    assert_eq!(stand(&house, NOW), Stand::Open);
    assert_eq!(house.store().dead(10).unwrap().len(), 1);
}

#[test]
fn a_panic_or_an_error_in_between_leaves_nothing_of_a_tally() {
    let house = house();
    {
        let mut group = house.store().group();
        let who = address(ANN);
        group.tally(&LIKE, Some(&who), &case(None, 1), NOW).unwrap();
        // Not committed.
    }
    assert_eq!(counts(&house.waves(LIKE, ANN, NOW)), (0, 0, 0));
}
