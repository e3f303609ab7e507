//! Mails going out: order, leases, settlements, crashes, spool files.

use super::*;
use crate::store::Leased;
use crate::store::Order;
use crate::store::OutboxId;
use crate::store::Stage;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Outcome;

fn accepted() -> Outcome {
    Outcome::Accepted("250 2.0.0 ok".to_owned())
}

fn ids(leased: &[Leased]) -> Vec<u64> {
    leased.iter().map(|l| l.id.0).collect()
}

fn stages(house: &House) -> [u64; 5] {
    let c = house.store().counts();
    [c.waiting, c.leased, c.parked, c.sent, c.dropped]
}

fn kinds(house: &House, number: u64) -> Vec<String> {
    let (_, events, _) = house.store().ticket(TicketNumber(number)).unwrap().unwrap();
    events.into_iter().map(|e| e.kind).collect()
}

#[test]
fn mails_leave_in_the_order_they_were_decided_with_their_own_bytes() {
    let mut house = house();
    house.take([
        sending(1, 1, &[Purpose::Reply, Purpose::Forward]),
        sending(2, 2, &[Purpose::Reply]),
    ]);
    house.reopen().unwrap();
    assert_eq!(house.store().next_due("support").unwrap(), Some(NOW));
    assert_eq!(house.lease(NOW.plus_s(-1), 10), []);
    let first = house.lease(NOW, 2);
    assert_eq!(ids(&first), [0, 1]);
    assert_eq!(first[1].purpose, Purpose::Forward);
    let second = house.lease(NOW, 10);
    assert_eq!(ids(&second), [2]);
    assert_eq!(
        second[0].bytes,
        b"To: ann@museum.example\r\n\r\nTicket 2\r\n"
    );
    assert_eq!(second[0].message_id, id("Reply.2.ann@museum.example"));
    assert_eq!(house.lease(NOW, 10), []);
    assert_eq!(house.store().next_due("support").unwrap(), None);
}

#[test]
fn what_was_accepted_is_sent_once_told_on_the_ticket_and_leaves_the_spool() {
    let mut house = house();
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    let leased = house.lease(NOW, 10);
    house
        .store()
        .settle(&[(leased[0].id, accepted())], NOW)
        .unwrap();
    assert_eq!(house.spool_files(), 1);
    house
        .store()
        .settle(
            &[(leased[1].id, accepted()), (OutboxId(99), accepted())],
            NOW,
        )
        .unwrap();
    assert_eq!(house.spool_files(), 0);
    house
        .store()
        .settle(&[(leased[1].id, accepted())], NOW)
        .unwrap();
    house.reopen().unwrap();
    assert_eq!(stages(&house), [0, 0, 0, 2, 0]);
    assert_eq!(kinds(&house, 1), ["mail", "sent", "sent"]);
    let thread = house
        .store()
        .find_thread(&id("Reply.1.ann@museum.example"))
        .unwrap()
        .unwrap();
    assert_eq!(
        thread.ours,
        Some((Purpose::Reply, address("ann@museum.example")))
    );
}

#[test]
fn a_deferred_mail_waits_longer_each_time() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Forward])]);
    let mut now = NOW;
    let mut before = 0;
    for attempt in 1..=5 {
        let leased = house.lease(now, 10);
        assert_eq!((leased.len(), leased[0].attempts), (1, attempt));
        house
            .store()
            .settle(
                &[(leased[0].id, Outcome::Deferred("451 later".to_owned()))],
                now,
            )
            .unwrap();
        assert_eq!(house.lease(now, 10), []);
        let due = house.store().next_due("support").unwrap().unwrap();
        assert!(due.since_s(now) > before, "{attempt}");
        before = due.since_s(now);
        now = due;
    }
    assert_eq!(kinds(&house, 1), ["mail"]);
}

#[test]
fn after_a_crash_in_sending_a_reply_is_parked_and_a_forward_goes_again() {
    let mut house = house();
    house.take([sending(
        1,
        1,
        &[
            Purpose::Reply,
            Purpose::Forward,
            Purpose::Relay,
            Purpose::Verify,
        ],
    )]);
    let first = house.lease(NOW, 10);
    house.reopen().unwrap();
    let recovered = house.store().recover(NOW.plus_s(10)).unwrap();
    assert_eq!((recovered.again, recovered.parked), (2, 2));
    let again = house.lease(NOW.plus_s(10), 10);
    assert_eq!(ids(&again), [1, 2]);
    assert_eq!(again[0].message_id, first[1].message_id);
    assert_eq!(again[0].bytes, first[1].bytes);
    let parked = house
        .store()
        .outbox(Some(Stage::Parked), 10, Order::Oldest)
        .unwrap();
    assert_eq!(
        parked.iter().map(|v| v.purpose).collect::<Vec<_>>(),
        [Purpose::Reply, Purpose::Verify]
    );
    house.reopen().unwrap();
    assert_eq!(house.store().recover(NOW).unwrap().again, 2);
    assert_eq!(
        house.store().recover(NOW).unwrap(),
        crate::store::Recovered::default()
    );
}

#[test]
fn a_lease_given_back_counts_as_no_try() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply])]);
    let leased = house.lease(NOW, 10);
    house.store().release(&[leased[0].id], "", NOW).unwrap();
    assert_eq!(house.lease(NOW, 10), leased);
}

#[test]
fn a_refused_mail_is_parked_and_an_operator_may_send_or_drop_it() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    for leased in house.lease(NOW, 10) {
        house
            .store()
            .settle(
                &[(leased.id, Outcome::Refused("550 unknown".to_owned()))],
                NOW,
            )
            .unwrap();
    }
    assert_eq!(stages(&house), [0, 0, 2, 0, 0]);
    // Two days later: asked for by a person, a reply is not too late.
    let later = NOW.plus_s(2 * 86400);
    assert!(matches!(
        house.store().resend(OutboxId(0), later).unwrap(),
        Some(Delivery::Waiting { .. })
    ));
    assert!(matches!(
        house.store().give_up(OutboxId(1), later).unwrap(),
        Some(Delivery::Dropped { .. })
    ));
    assert_eq!(house.store().resend(OutboxId(7), later).unwrap(), None);
    let again = house.lease(later, 10);
    assert_eq!((ids(&again), again[0].bytes.is_empty()), (vec![0], false));
    house
        .store()
        .settle(&[(OutboxId(0), accepted())], later)
        .unwrap();
    assert_eq!(stages(&house), [0, 0, 0, 1, 1]);
    assert_eq!(house.spool_files(), 0);
    assert_eq!(
        kinds(&house, 1),
        ["mail", "parked", "parked", "dropped", "sent"]
    );
}

#[test]
fn a_reply_that_waited_over_a_day_is_parked_instead_of_leased() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    let leased = house.lease(NOW.plus_s(25 * 3600), 10);
    assert_eq!(ids(&leased), [1]);
    assert_eq!(stages(&house), [0, 1, 1, 0, 0]);
}

#[test]
fn a_mail_whose_bytes_are_spoiled_is_parked_and_the_others_go() {
    let house = house();
    house.take([
        sending(1, 1, &[Purpose::Forward]),
        sending(2, 2, &[Purpose::Forward]),
    ]);
    let file = std::fs::read_dir(house.path().join("spool"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(ids(&house.lease(NOW, 10)), [1]);
    let parked = house
        .store()
        .outbox(Some(Stage::Parked), 10, Order::Newest)
        .unwrap();
    assert!(matches!(&parked[0].delivery, Delivery::Parked { why, .. } if why.contains("damaged")));
}

#[test]
fn a_lease_takes_no_more_bytes_than_allowed_but_always_one_mail() {
    let mut house = house();
    house.close();
    let narrow = StoreOptions {
        lease_bytes_max: 1,
        ..options()
    };
    house.store = Some(Store::open(house.path(), narrow).unwrap());
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    assert_eq!(ids(&house.lease(NOW, 10)), [0]);
    assert_eq!(ids(&house.lease(NOW, 10)), [1]);
    assert_eq!(house.lease(NOW, 0), []);
}

#[test]
fn a_spool_file_that_no_record_names_is_removed_at_the_start_and_no_other() {
    let mut house = house();
    house.take([sending(1, 1, &[Purpose::Forward])]);
    let spool = house.path().join("spool");
    std::fs::write(
        spool.join("00000000000000ff"),
        "a crash between spool and commit",
    )
    .unwrap();
    std::fs::write(spool.join("README"), "not ours").unwrap();
    house.reopen().unwrap();
    assert_eq!(house.spool_files(), 2);
    assert_eq!(house.lease(NOW, 10).len(), 1);
}

#[test]
fn settled_mails_are_forgotten_in_time_and_waiting_ones_never() {
    let house = house();
    house.take([sending(
        1,
        1,
        &[Purpose::Reply, Purpose::Forward, Purpose::Relay],
    )]);
    let leased = house.lease(NOW, 2);
    house
        .store()
        .settle(
            &[
                (leased[0].id, accepted()),
                (leased[1].id, Outcome::Refused("550".to_owned())),
            ],
            NOW,
        )
        .unwrap();
    house.store().tidy(NOW.plus_s(89 * 86400)).unwrap();
    assert_eq!(
        house.store().outbox(None, 10, Order::Oldest).unwrap().len(),
        3
    );
    let later = NOW.plus_s(91 * 86400);
    assert!(!house.store().tidy(later).unwrap());
    assert_eq!(stages(&house), [1, 0, 0, 1, 1]);
    house.store().tidy(later.plus_s(91 * 86400)).unwrap();
    let left = house.store().outbox(None, 10, Order::Newest).unwrap();
    assert_eq!(left.iter().map(|v| v.id.0).collect::<Vec<_>>(), [2]);
    assert_eq!(
        house
            .store()
            .ticket(TicketNumber(1))
            .unwrap()
            .unwrap()
            .2
            .len(),
        1
    );
}

#[test]
fn a_notice_needs_no_ticket_and_points_to_none() {
    let house = house();
    let mut group = house.store().group();
    group
        .post(outgoing(Purpose::Notice, 0, "operator@museum.example"), NOW)
        .unwrap();
    group.commit().unwrap();
    let leased = house.lease(NOW, 10);
    house
        .store()
        .settle(&[(leased[0].id, accepted())], NOW)
        .unwrap();
    let clues = Clues {
        ids: vec![leased[0].message_id.clone()],
        ..Clues::default()
    };
    assert_eq!(
        house
            .recall(1, &clues, "operator@museum.example", NOW)
            .by_id,
        []
    );
}

#[test]
fn a_mailbox_takes_its_own_mails_only_and_the_store_knows_who_has_some() {
    let mut house = house();
    let mut other = sending(2, 2, &[Purpose::Forward, Purpose::Relay]);
    other
        .outgoing
        .iter_mut()
        .for_each(|o| o.mailbox = "sup".to_owned());
    house.take([sending(1, 1, &[Purpose::Forward]), other]);
    house.reopen().unwrap();
    assert_eq!(house.store().senders().unwrap(), ["sup", "support"]);
    let taken = house.store().lease(NOW, "sup", 10).unwrap();
    assert_eq!(ids(&taken.mails), [1, 2]);
    assert_eq!(house.store().next_due("sup").unwrap(), None);
    assert_eq!(house.store().next_due("support").unwrap(), Some(NOW));
    assert_eq!(house.store().senders().unwrap(), ["support"]);
    house
        .store()
        .release(&[OutboxId(2)], "not tried: no server", NOW)
        .unwrap();
    assert_eq!(house.store().senders().unwrap(), ["sup", "support"]);
    let waiting = house
        .store()
        .outbox(Some(Stage::Waiting), 10, Order::Newest)
        .unwrap();
    assert!(waiting.iter().any(|m| m.deferred == "not tried: no server"));
    house.store().give_up(OutboxId(2), NOW).unwrap();
    house
        .store()
        .settle(&[(OutboxId(1), accepted())], NOW)
        .unwrap();
    assert_eq!(house.store().senders().unwrap(), ["support"]);
    house.reopen().unwrap();
}

#[test]
fn a_lease_tells_of_what_it_parks() {
    let house = house();
    house.take([sending(1, 1, &[Purpose::Reply, Purpose::Forward])]);
    let taken = house
        .store()
        .lease(NOW.plus_s(25 * 3600), "support", 10)
        .unwrap();
    assert_eq!((ids(&taken.mails), taken.parked.len()), (vec![1], 1));
    assert_eq!(
        (taken.parked[0].id, taken.parked[0].purpose),
        (OutboxId(0), Purpose::Reply)
    );
    assert!(taken.parked[0].state.said().contains("too late"));
}
