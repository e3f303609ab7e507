//! "Was this mail handled?": found by what people know of it, in bounded looks; and nothing left behind.

use super::*;
use crate::store::Page;
use crate::store::Place;
use crate::store::Wanted;
use crate::store::find::LOOKS_MAX;

fn uids(page: &Page) -> Vec<u32> {
    page.mails.iter().map(|(mail, _)| mail.uid).collect()
}

fn found(house: &House, wanted: &Wanted) -> Vec<u32> {
    uids(&house.store().find(wanted, None, 100).unwrap())
}

/// A mail of a writer in a mailbox, received so many hours after `NOW`.
fn letter(uid: u32, sender: &str, mailbox: &str, hours: i64) -> Entry {
    let mut entry = entry(uid, Step::Record(None));
    entry.sender = Some(address(sender));
    entry.mail.mailbox = mailbox.to_owned();
    entry.received = NOW.plus_s(hours * 3600);
    entry
}

fn by_sender(sender: &str) -> Wanted {
    Wanted {
        sender: Some(address(sender)),
        ..Wanted::default()
    }
}

#[test]
fn a_mail_is_found_by_its_id_its_writer_its_time_and_its_mailbox_and_by_all_of_them_together() {
    let mut house = house();
    house.take([
        letter(1, "ann@museum.example", "support", 3),
        letter(2, "Ann+shop@museum.example", "sales", 1),
        letter(3, "bob@museum.example", "support", 2),
    ]);
    house.reopen().unwrap();
    let by_id = |id: MessageId| Wanted {
        message_id: Some(id),
        ..Wanted::default()
    };
    assert_eq!(found(&house, &by_id(id("m2@museum.example"))), [2]);
    assert_eq!(found(&house, &by_id(id("M2@museum.example"))), [0; 0]);
    assert_eq!(found(&house, &by_sender("ann@museum.example")), [1, 2]);
    assert_eq!(found(&house, &by_sender("ANN@museum.example")), [1, 2]);
    let time = |since: i64, until: i64| Wanted {
        since: Some(NOW.plus_s(since * 3600)),
        until: Some(NOW.plus_s(until * 3600)),
        ..Wanted::default()
    };
    assert_eq!(found(&house, &time(0, 9)), [1, 3, 2], "newest first");
    assert_eq!(found(&house, &time(2, 3)), [3], "until is not included");
    let all = Wanted {
        message_id: Some(id("m1@museum.example")),
        mailbox: Some("support".to_owned()),
        ..by_sender("ann@museum.example")
    };
    assert_eq!(found(&house, &all), [1]);
    for other in [
        Wanted {
            mailbox: Some("sales".to_owned()),
            ..all.clone()
        },
        Wanted {
            sender: Some(address("bob@museum.example")),
            ..all.clone()
        },
        Wanted {
            until: Some(NOW),
            ..all.clone()
        },
    ] {
        assert_eq!(found(&house, &other), [0; 0], "{other:?}");
    }
    assert_eq!(house.store().mailboxes().unwrap(), ["sales", "support"]);
}

#[test]
fn the_same_id_in_two_mails_finds_both() {
    let house = house();
    let mut second = letter(2, "eve@elsewhere.example", "support", 1);
    second.message_id = Some(id("m1@museum.example"));
    house.take([letter(1, "ann@museum.example", "support", 0), second]);
    let wanted = Wanted {
        message_id: Some(id("m1@museum.example")),
        ..Wanted::default()
    };
    assert_eq!(found(&house, &wanted), [2, 1]);
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_mail_twice_over_all_mailboxes() {
    let house = house();
    let mailboxes = ["support", "sales", "press"];
    house.take((1..=30).map(|n| {
        let mailbox = mailboxes[n as usize % 3];
        letter(n, "ann@museum.example", mailbox, i64::from(n % 7))
    }));
    let wanted = Wanted {
        since: Some(Timestamp(0)),
        ..Wanted::default()
    };
    let whole = found(&house, &wanted);
    assert_eq!(whole.len(), 30);
    let (mut pieces, mut after): (Vec<u32>, Option<Place>) = (Vec::new(), None);
    loop {
        let page = house.store().find(&wanted, after, 4).unwrap();
        assert!(page.mails.len() <= 4);
        pieces.extend(uids(&page));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pieces, whole);
}

/// One look costs the same however many mails there are.
#[test]
fn a_mail_behind_thousands_that_do_not_fit_is_found_in_bounded_looks() {
    let house = house();
    let many = u32::try_from(LOOKS_MAX).unwrap() + 500;
    house.take(std::iter::once(letter(1, "ann@museum.example", "sales", 0)));
    house.take((2..many).map(|n| letter(n, "ann@museum.example", "support", 1)));
    let wanted = Wanted {
        mailbox: Some("sales".to_owned()),
        ..by_sender("ann@museum.example")
    };
    let first = house.store().find(&wanted, None, 1).unwrap();
    assert_eq!(uids(&first), [0; 0], "not in the first look");
    let second = house.store().find(&wanted, first.next, 1).unwrap();
    assert_eq!(uids(&second), [1]);
}

#[test]
fn a_mail_names_the_letters_that_left_because_of_it() {
    let house = house();
    house.take([
        sending(1, 1, &[Purpose::Reply]),
        sending(2, 2, &[Purpose::Reply, Purpose::Forward]),
    ]);
    let wanted = Wanted {
        ticket: Some(TicketNumber(2)),
        ..Wanted::default()
    };
    let page = house.store().find(&wanted, None, 9).unwrap();
    let crate::store::LedgerState::Handled(handled) = &page.mails[0].1.state else {
        panic!("it was handled")
    };
    let first = handled.first_letter.unwrap();
    let letters = house
        .store()
        .outgoing(&[first, crate::store::OutboxId(first.0 + 1)])
        .unwrap();
    assert_eq!(handled.letters, 2);
    assert!(letters.iter().all(|l| l.ticket == TicketNumber(2)));
    assert_eq!(letters[1].purpose, Purpose::Forward);
}

#[test]
fn a_mail_that_was_never_looked_at_is_found_by_when_the_server_got_it() {
    let house = house();
    let mut group = house.store().group();
    let received = NOW.plus_s(-400 * 86_400);
    group
        .skip_received(&mail(1), Some(received), "too old", NOW)
        .unwrap();
    group.skip(&mail(2), "no date", NOW).unwrap();
    group.commit().unwrap();
    let at = |at: Timestamp| Wanted {
        since: Some(at),
        until: Some(at.plus_s(1)),
        ..Wanted::default()
    };
    assert_eq!(found(&house, &at(received)), [1]);
    assert_eq!(found(&house, &at(NOW)), [2], "by when that was decided");
}

#[test]
fn a_uid_that_the_server_gave_to_another_mail_finds_the_other_one_alone() {
    let mut house = house();
    house.take([letter(1, "ann@museum.example", "support", 0)]);
    let mut group = house.store().group();
    group.forget(&mail(1)).unwrap();
    let mut other = letter(1, "bob@museum.example", "support", 5);
    other.digest = digest(9);
    group.add(other, NOW).unwrap();
    group.commit().unwrap();
    assert_eq!(found(&house, &by_sender("ann@museum.example")), [0; 0]);
    assert_eq!(found(&house, &by_sender("bob@museum.example")), [1]);
    house.reopen().unwrap();
    assert_eq!(house.store().ledger_newest(9).unwrap().len(), 1);
}
