//! Keys that are exchanged: nothing that an earlier one proves is lost before it is dropped.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use super::wear::*;
use super::*;
use crate::steps;
use crate::store::KeyError;
use crate::triage::token::DeskKey;

fn maria() -> Address {
    address("maria@people.example")
}

fn id_by(key: &DeskKey) -> MessageId {
    key.message_id(
        Purpose::Reply,
        TicketNumber(7),
        &[1; 32],
        &maria(),
        "desk.example",
    )
}

fn proves(store: &Store, id: &MessageId) -> bool {
    store.desk_key().own_id(id, &[&maria()]).is_some()
}

/// A lived-in house, and an id that its first key made.
fn signed() -> (House, MessageId) {
    let mut house = lived_in();
    house.reopen().unwrap();
    let id = id_by(&house.store().desk_key());
    (house, id)
}

#[test]
fn a_new_key_signs_and_what_the_old_one_signed_still_proves() {
    let (mut house, before) = signed();
    let keys = house.store().rotate_key(NOW).unwrap();
    assert_eq!(
        (keys.len(), keys[0].until, keys[1].until),
        (2, None, Some(NOW))
    );
    let after = id_by(&house.store().desk_key());
    assert_ne!(before, after, "another key made it");
    for _ in 0..2 {
        assert!(proves(house.store(), &before) && proves(house.store(), &after));
        assert_eq!(house.store().keys(), keys);
        house.reopen().unwrap();
    }
    let found = Store::verify(house.path(), &options());
    assert!(matches!(found, Err(OpenError::InUse)));
    house.close();
    assert!(Store::verify(house.path(), &options()).unwrap().sound());
}

#[test]
fn what_a_dropped_key_signed_proves_nothing_any_more() {
    let (mut house, before) = signed();
    let name = house.store().keys()[0].name.clone();
    let refused = house.store().drop_key(&name);
    assert!(matches!(refused, Err(KeyError::Unknown(_))), "it signs");
    house.store().rotate_key(NOW).unwrap();
    let after = id_by(&house.store().desk_key());
    house.store().drop_key(&name).unwrap();
    for _ in 0..2 {
        assert!(!proves(house.store(), &before) && proves(house.store(), &after));
        house.reopen().unwrap();
    }
}

#[test]
fn a_key_verifies_until_its_time_is_over_and_no_longer() {
    let (house, before) = signed();
    house.store().rotate_key(NOW).unwrap();
    house.store().rotate_key(NOW.plus_s(100)).unwrap();
    assert_eq!(house.store().drop_keys_until(NOW.plus_s(-1)).unwrap(), 0);
    assert!(proves(house.store(), &before));
    assert_eq!(house.store().drop_keys_until(NOW).unwrap(), 1);
    assert!(!proves(house.store(), &before));
    assert_eq!(house.store().keys().len(), 2, "the younger one stays");
}

/// Faults: F1; holds I9.
#[test]
fn a_death_at_any_moment_of_a_rotation_leaves_a_store_that_opens_and_knows_its_mails() {
    let (mut house, before) = signed();
    house.close();
    let state = house.path().to_owned();
    let moments = at_each_moment(&state, || {
        let store = Store::open(&state, options()).unwrap();
        let old = store.keys()[0].name.clone();
        store.rotate_key(NOW).unwrap();
        store.rotate_key(NOW).unwrap();
        store.drop_key(&store.keys()[1].name).unwrap();
        assert_eq!(store.keys()[1].name, old);
    });
    let mut seen = Vec::new();
    for (when, here) in &moments {
        let store = Store::open(here.path(), options()).unwrap_or_else(|e| panic!("{when}: {e}"));
        assert!(proves(&store, &before), "{when}");
        seen.push(store.keys().len());
        drop(store);
        let again = Store::verify(here.path(), &options()).unwrap();
        assert!(again.sound(), "{when}: {again:?}");
    }
    seen.dedup();
    assert_eq!(seen, [1, 2, 3, 2]);
}

/// Faults: F6 F7; holds I9.
#[test]
fn a_disk_that_fails_in_a_rotation_loses_no_key() {
    for nth in 1..40 {
        let (mut house, before) = signed();
        let left = Rc::new(RefCell::new(nth));
        let counting = Rc::clone(&left);
        let watch = steps::watched(move |_, path| {
            *counting.borrow_mut() -= 1;
            if *counting.borrow() == 0 && !path.as_os_str().is_empty() {
                return Err(std::io::Error::other("injected"));
            }
            Ok(())
        });
        let done = house.store().rotate_key(NOW);
        drop(watch);
        assert!(proves(house.store(), &before), "{nth}");
        house.reopen().unwrap();
        assert!(proves(house.store(), &before), "{nth}");
        if let Ok(keys) = done {
            assert_eq!(house.store().keys(), keys, "{nth}");
        }
        if *left.borrow() > 0 {
            return;
        }
    }
    panic!("a rotation has fewer moments");
}

/// Faults: F12; holds I9.
#[test]
fn the_key_file_from_before_a_rotation_is_not_the_stores_any_more() {
    let (mut house, _) = signed();
    let path = house.path().join("desk.key");
    let old = fs::read(&path).unwrap();
    house.store().rotate_key(NOW).unwrap();
    house.close();
    fs::write(&path, old).unwrap();
    let before = files(house.path());
    assert!(matches!(house.reopen(), Err(OpenError::Key { .. })));
    assert!(files(house.path()) == before, "it is left alone");
}

#[test]
fn a_backup_holds_all_keys_and_the_next_one_after_a_rotation_goes_into_the_same_folder() {
    let (mut house, before) = signed();
    let backup = tempfile::tempdir().unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    for _ in 0..2 {
        house.store().rotate_key(NOW).unwrap();
        house.store().backup(backup.path(), NOW).unwrap();
    }
    let (keys, after) = (house.store().keys(), id_by(&house.store().desk_key()));
    house.store().rotate_key(NOW).unwrap();
    house.close();
    Store::restore(house.path(), backup.path(), true, &options(), NOW).unwrap();
    house.reopen().unwrap();
    assert_eq!(house.store().keys(), keys);
    assert!(proves(house.store(), &before) && proves(house.store(), &after));
    let names = fs::read_dir(backup.path()).unwrap();
    let keys = names.filter(|e| {
        let name = e.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("desk.key")
    });
    assert_eq!(keys.count(), 1, "none is left beside it");
    let other = super::house();
    let refused = other.store().backup(backup.path(), NOW);
    assert!(refused.is_err(), "it is another desk's");
}

/// Faults: F1 F12; holds I1 I9.
#[test]
fn a_death_at_any_moment_of_a_backup_after_a_rotation_leaves_one_that_can_be_put_back() {
    let (house, before) = signed();
    let backup = tempfile::tempdir().unwrap();
    house.store().backup(backup.path(), NOW).unwrap();
    house.store().rotate_key(NOW).unwrap();
    let after = id_by(&house.store().desk_key());
    let store = house.store().clone();
    let dir = backup.path().to_owned();
    let moments = at_each_moment(backup.path(), || {
        store.backup(&dir, NOW).unwrap();
    });
    let (mut old, mut new) = (0, 0);
    for (when, here) in &moments {
        let state = quick();
        Store::restore(state.path(), here.path(), false, &options(), NOW)
            .unwrap_or_else(|e| panic!("{when}: {e}"));
        let restored = Store::open(state.path(), options()).unwrap();
        assert!(proves(&restored, &before), "{when}");
        if proves(&restored, &after) {
            new += 1;
        } else {
            old += 1;
        }
    }
    assert!(old > 3 && new > 3, "{old} {new}");
}

#[test]
fn keys_stay_what_they_are_while_a_backup_takes_them_along() {
    let (house, _) = signed();
    let backup = tempfile::tempdir().unwrap();
    let said = Rc::new(RefCell::new(Vec::new()));
    let (saying, store) = (Rc::clone(&said), house.store().clone());
    let watch = steps::watched(move |_, _| {
        saying.borrow_mut().push(store.rotate_key(NOW));
        Ok(())
    });
    house.store().backup(backup.path(), NOW).unwrap();
    drop(watch);
    let said = said.borrow();
    assert!(said.len() > 3 && said.iter().all(|s| matches!(s, Err(KeyError::Busy))));
    house.store().rotate_key(NOW).unwrap();
}
