//! Mails held for an operator: kept whole, decided once, and reached by everything that looks after the store.

use super::*;
use crate::store::CommitError;
use crate::store::Erasure;
use crate::store::HeldState;
use crate::store::HeldView;
use crate::store::Holding;
use crate::store::LedgerState;
use crate::store::Word;
use crate::triage::quarantine::STAGE;

const RAW: &[u8] = b"From: ann@museum.example\r\nSubject: Offer\r\n\r\nBuy.\r\n";
const DAY: i64 = 86_400;

fn held_entry(uid: u32) -> Entry {
    let mut entry = entry(uid, Step::Hold);
    entry.filing = Filing::Quarantine;
    entry.plan.disposition = Disposition::Ignore;
    entry.plan.because = vec![Because {
        stage: STAGE,
        rule: "spam".to_owned(),
        says: "It reads like advertising.".to_owned(),
        matched: "buy".to_owned(),
    }];
    entry
}

impl House {
    fn hold(&self, uid: u32, raw: &[u8]) -> u64 {
        let mut group = self.store().group();
        let holding = Holding {
            raw,
            truncated: false,
            subject: "Offer\u{1b}[2J",
        };
        group.hold(held_entry(uid), holding, NOW).unwrap();
        group.commit().unwrap();
        self.store().held(false, 1).unwrap()[0].number
    }

    fn one(&self, number: u64) -> HeldView {
        self.store().held_mail(number).unwrap().unwrap().0
    }

    /// Makes the outcome of a release durable: a ticket, and a forward.
    fn settle(&self, number: u64, uid: u32, ticket: u64) -> Result<(), CommitError> {
        let mut group = self.store().group();
        let mut entry = sending(uid, ticket, &[Purpose::Forward, Purpose::Reply]);
        entry.filing = Filing::Forwarded;
        group.settle_release(number, entry, NOW.plus_s(60))?;
        group.commit().unwrap();
        Ok(())
    }
}

#[test]
fn a_held_mail_has_one_final_state_and_is_kept_whole_through_a_restart() {
    let mut house = house();
    let number = house.hold(1, RAW);
    house.reopen().unwrap();
    let (held, raw) = house.store().held_mail(number).unwrap().unwrap();
    assert_eq!(raw, Some(Ok(RAW.to_vec())));
    assert_eq!(
        (held.state.clone(), held.mail.clone(), held.received),
        (HeldState::Waiting, mail(1), NOW)
    );
    assert_eq!(held.because[0].0, "spam");
    let view = house.store().ledger(&mail(1)).unwrap().unwrap();
    let LedgerState::Handled(told) = view.state else {
        panic!()
    };
    assert_eq!(
        (told.filing, told.ticket, told.letters),
        (Filing::Quarantine, None, 0)
    );
    assert_eq!(house.store().counts().ledger, 1);
    let counts = house.store().held_counts().unwrap();
    assert_eq!(
        (counts.waiting, counts.oldest, counts.bytes),
        (1, Some(NOW), RAW.len() as u64)
    );
    let mut group = house.store().group();
    assert!(group.knows(&mail(1)).unwrap());
    let twice = group.hold(
        held_entry(1),
        Holding {
            raw: RAW,
            truncated: false,
            subject: "",
        },
        NOW,
    );
    assert_eq!(twice, Err(CommitError::AlreadyDone));
}

#[test]
fn a_release_comes_once_whatever_is_repeated() {
    let mut house = house();
    let number = house.hold(1, RAW);
    let store = house.store().clone();
    assert_eq!(
        house.settle(number, 1, 1),
        Err(CommitError::AlreadyDone),
        "nobody released it"
    );
    assert_eq!(
        store.release_held(number, "olga", NOW).unwrap(),
        Word::Taken
    );
    let Word::Before(HeldState::Released { by, .. }) =
        store.release_held(number, "otto", NOW).unwrap()
    else {
        panic!("released twice");
    };
    assert_eq!(by, "olga");
    assert!(matches!(
        store.drop_held(number, "otto", NOW).unwrap(),
        Word::Before(_)
    ));
    drop(store);
    // The process ends here: the word is still there.
    house.reopen().unwrap();
    assert_eq!(house.store().held_due("support", 9).unwrap(), [number]);
    assert!(house.store().held_due("suppor", 9).unwrap().is_empty());
    house.settle(number, 1, 1).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.settle(number, 1, 1), Err(CommitError::AlreadyDone));
    assert!(house.store().held_due("support", 9).unwrap().is_empty());
    let HeldState::Done { by, ticket, .. } = house.one(number).state else {
        panic!()
    };
    assert_eq!((by.as_str(), ticket), ("olga", Some(TicketNumber(1))));
    let view = house.store().ledger(&mail(1)).unwrap().unwrap();
    let LedgerState::Handled(told) = view.state else {
        panic!()
    };
    assert_eq!(
        (told.ticket, told.letters, told.filing),
        (Some(TicketNumber(1)), 2, Filing::Quarantine)
    );
    let counts = house.store().counts();
    assert_eq!((counts.ledger, counts.tickets, counts.waiting), (1, 1, 2));
    assert_eq!(house.lease(NOW.plus_s(60), 9).len(), 2);
    assert_eq!(
        house.store().release_held(number + 7, "olga", NOW).unwrap(),
        Word::Unknown
    );
    // A later copy of it belongs to what came of it.
    let case = house.recall(1, &Clues::default(), "ann@museum.example", NOW);
    assert_eq!(case.copy_of.unwrap().ticket, Some(TicketNumber(1)));
}

#[test]
fn what_was_to_be_filed_into_quarantine_is_filed_there_once_and_a_release_moves_nothing() {
    let house = house();
    let filings = || house.store().filings("support", 7, 9).unwrap();
    let first = house.hold(1, RAW);
    assert_eq!(filings(), [(1, Filing::Quarantine)]);
    house.store().filed("support", 7, &[1]).unwrap();
    let second = house.hold(2, RAW);
    for (number, uid, ticket) in [(first, 1, 1), (second, 2, 2)] {
        house.store().release_held(number, "olga", NOW).unwrap();
        house.settle(number, uid, ticket).unwrap();
    }
    assert_eq!(filings(), [(2, Filing::Quarantine)]);
}

#[test]
fn a_dropped_mail_says_who_dropped_it_and_its_octets_go() {
    let house = house();
    let number = house.hold(1, RAW);
    assert_eq!(house.spool_files(), 1);
    assert_eq!(
        house.store().drop_held(number, "olga", NOW).unwrap(),
        Word::Taken
    );
    assert_eq!(house.spool_files(), 0);
    let view = house.store().ledger(&mail(1)).unwrap().unwrap();
    assert_eq!(
        view.why,
        "dropped from quarantine by olga at 2025-06-15T15:06:40Z"
    );
    assert_eq!(house.store().held_mail(number).unwrap().unwrap().1, None);
    assert_eq!(house.store().held(false, 9).unwrap(), []);
    assert_eq!(house.store().held(true, 9).unwrap().len(), 1);
    assert!(matches!(
        house.store().release_held(number, "otto", NOW).unwrap(),
        Word::Before(HeldState::Dropped { .. })
    ));
    while house.store().tidy(NOW.plus_s(91 * DAY)).unwrap() {}
    assert_eq!(house.store().held(true, 9).unwrap(), []);
    assert!(house.store().ledger(&mail(1)).unwrap().is_some());
}

#[test]
fn a_waiting_mail_is_never_forgotten_by_itself_and_goes_with_what_keep_lets_go() {
    let house = house();
    let number = house.hold(1, RAW);
    while house.store().tidy(NOW.plus_s(2_000 * DAY)).unwrap() {}
    assert_eq!(house.one(number).state, HeldState::Waiting);
    while house
        .store()
        .retain(100 * DAY, NOW.plus_s(99 * DAY))
        .unwrap()
        .1
    {}
    assert_eq!(house.one(number).state, HeldState::Waiting);
    while house
        .store()
        .retain(100 * DAY, NOW.plus_s(102 * DAY))
        .unwrap()
        .1
    {}
    assert!(house.store().held_mail(number).unwrap().is_none());
    assert_eq!(house.spool_files(), 0);
}

#[test]
fn erasing_a_ticket_erases_what_is_kept_of_its_mail_in_quarantine() {
    let mut house = house();
    let number = house.hold(1, RAW);
    let other = house.hold(2, RAW);
    house.store().release_held(number, "olga", NOW).unwrap();
    house.settle(number, 1, 1).unwrap();
    let sent: Vec<_> = house
        .lease(NOW.plus_s(60), 9)
        .iter()
        .map(|l| l.id)
        .collect();
    for id in sent {
        let ends = [(
            id,
            crate::triage::delivery::Outcome::Accepted("250".to_owned()),
        )];
        house.store().settle(&ends, NOW.plus_s(61)).unwrap();
    }
    assert!(matches!(
        house.store().erase(TicketNumber(1)).unwrap(),
        Erasure::Done(_)
    ));
    assert!(house.store().held_mail(number).unwrap().is_none());
    assert_eq!(house.one(other).state, HeldState::Waiting);
    house.reopen().unwrap();
    assert_eq!(house.spool_files(), 1);
}

#[test]
fn a_release_does_not_touch_the_mail_to_which_the_server_gave_the_same_uid() {
    let house = house();
    let number = house.hold(1, RAW);
    let mut group = house.store().group();
    group.forget(&mail(1)).unwrap();
    let mut other = opened(1, 1, answered());
    other.digest = digest(99);
    group.add(other, NOW).unwrap();
    group.commit().unwrap();
    house.store().release_held(number, "olga", NOW).unwrap();
    house.settle(number, 1, 2).unwrap();
    let view = house.store().ledger(&mail(1)).unwrap().unwrap();
    let LedgerState::Handled(told) = view.state else {
        panic!()
    };
    assert_eq!(
        (told.digest, told.ticket),
        (digest(99), Some(TicketNumber(1)))
    );
    assert_eq!(house.store().counts().tickets, 2);
}

#[test]
fn beyond_the_room_only_the_beginning_of_a_mail_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let narrow = StoreOptions {
        held_bytes_max: 300_000,
        ..options()
    };
    let house = House {
        store: Some(Store::open(dir.path(), narrow).unwrap()),
        dir,
    };
    let large = vec![b'x'; 200_000];
    let first = house.hold(1, &large);
    let second = house.hold(2, &large);
    assert!(!house.one(first).truncated);
    let (held, raw) = house.store().held_mail(second).unwrap().unwrap();
    assert!(held.truncated && held.size == 200_000);
    assert_eq!(raw.unwrap().unwrap().len(), 64 * 1024);
}

#[test]
fn verify_backup_and_restore_reach_what_is_held() {
    let mut house = house();
    let number = house.hold(1, RAW);
    let backup = tempfile::tempdir().unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    house.close();
    let found = Store::verify(house.path(), &options()).unwrap();
    assert!(found.sound(), "{found:?}");
    let spool = std::fs::read_dir(house.path().join("spool"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    std::fs::write(spool.path(), "spoilt").unwrap();
    assert!(!Store::verify(house.path(), &options()).unwrap().sound());
    Store::restore(house.path(), backup.path(), true, &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!(
        house.store().held_mail(number).unwrap().unwrap().1,
        Some(Ok(RAW.to_vec()))
    );
    assert_eq!(
        house.store().release_held(number, "olga", NOW).unwrap(),
        Word::Taken
    );
}

#[test]
fn a_store_of_which_records_are_lost_keeps_what_is_held() {
    let mut house = house();
    let number = house.hold(1, RAW);
    house.close();
    Store::repair(house.path(), false, &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!(
        house.store().held_mail(number).unwrap().unwrap().1,
        Some(Ok(RAW.to_vec()))
    );
    assert!(house.hold(2, RAW) > number);
}
