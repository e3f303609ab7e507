//! Every pair of state and event, and what is promised about sending twice.

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);
const BOTH: [Guarantee; 2] = [Guarantee::AtMostOnce, Guarantee::AtLeastOnce];

fn waiting() -> Delivery {
    Delivery::Waiting {
        attempts: 2,
        not_before: NOW,
    }
}

fn leased() -> Delivery {
    Delivery::Leased {
        attempts: 2,
        since: NOW.plus_s(-5),
    }
}

fn sent() -> Delivery {
    Delivery::Sent {
        at: NOW.plus_s(-5),
        said: "250 ok".to_owned(),
    }
}

fn parked() -> Delivery {
    Delivery::Parked {
        at: NOW.plus_s(-5),
        attempts: 2,
        why: "because".to_owned(),
    }
}

fn dropped() -> Delivery {
    Delivery::Dropped {
        at: NOW.plus_s(-5),
        attempts: 2,
    }
}

fn said(what: &str) -> String {
    what.to_owned()
}

fn go(state: Delivery, event: Event, guarantee: Guarantee) -> Delivery {
    step(state, event, guarantee, NOW.plus_s(-100), NOW, 0)
}

#[test]
fn every_pair_of_state_and_event_ends_where_the_drawing_says() {
    // Rows: events. Columns: Waiting, Leased, Sent, Parked, Dropped. A letter is the state that follows.
    let table: [(Event, &str, &str); 11] = [
        (Event::Lease, "LLSPD", "LLSPD"),
        (
            Event::Ended(Outcome::Accepted(said("250"))),
            "SSSSD",
            "SSSSD",
        ),
        (
            Event::Ended(Outcome::Deferred(said("451"))),
            "WWSPD",
            "WWSPD",
        ),
        (
            Event::Ended(Outcome::Refused(said("550"))),
            "WPSPD",
            "WPSPD",
        ),
        (
            Event::Ended(Outcome::Unknown(said("cut"))),
            "WPSPD",
            "WWSPD",
        ),
        (Event::NotTried, "WWSPD", "WWSPD"),
        (Event::Recover, "WPSPD", "WWSPD"),
        (Event::Lost(said("gone")), "PPSPD", "PPSPD"),
        (Event::Doubted(said("older")), "PPSPD", "WWSPD"),
        (Event::Resend, "WLSWD", "WLSWD"),
        (Event::Drop, "DLSDD", "DLSDD"),
    ];
    for (event, at_most_once, at_least_once) in table {
        for (guarantee, row) in BOTH.into_iter().zip([at_most_once, at_least_once]) {
            let found: String = [waiting(), leased(), sent(), parked(), dropped()]
                .into_iter()
                .map(|state| match go(state, event.clone(), guarantee) {
                    Delivery::Waiting { .. } => 'W',
                    Delivery::Leased { .. } => 'L',
                    Delivery::Sent { .. } => 'S',
                    Delivery::Parked { .. } => 'P',
                    Delivery::Dropped { .. } => 'D',
                })
                .collect();
            assert_eq!(found, row, "{event:?} {guarantee:?}");
        }
    }
}

#[test]
fn what_was_sent_or_given_up_never_moves_again() {
    for guarantee in BOTH {
        for event in [Event::Resend, Event::Lease, Event::Drop, Event::Recover] {
            assert_eq!(go(sent(), event.clone(), guarantee), sent());
            assert_eq!(go(dropped(), event, guarantee), dropped());
        }
    }
}

#[test]
fn a_lease_counts_the_try_and_a_lease_given_back_does_not() {
    let taken = go(waiting(), Event::Lease, Guarantee::AtMostOnce);
    assert_eq!(
        taken,
        Delivery::Leased {
            attempts: 3,
            since: NOW
        }
    );
    let back = go(taken, Event::NotTried, Guarantee::AtMostOnce);
    assert_eq!(
        back,
        Delivery::Waiting {
            attempts: 2,
            not_before: NOW
        }
    );
}

#[test]
fn nothing_is_leased_before_its_time() {
    let early = Delivery::Waiting {
        attempts: 1,
        not_before: NOW.plus_s(1),
    };
    assert_eq!(
        go(early.clone(), Event::Lease, Guarantee::AtLeastOnce),
        early
    );
}

#[test]
fn a_reply_older_than_a_day_is_parked_instead_of_sent_and_a_forward_still_goes() {
    let day_old = |guarantee| {
        step(
            waiting(),
            Event::Lease,
            guarantee,
            NOW.plus_s(-REPLY_USE_S - 1),
            NOW,
            0,
        )
    };
    assert!(
        matches!(day_old(Guarantee::AtMostOnce), Delivery::Parked { ref why, .. } if why.contains("too late"))
    );
    assert!(matches!(
        day_old(Guarantee::AtLeastOnce),
        Delivery::Leased { .. }
    ));
}

#[test]
fn deferred_for_five_days_is_parked_and_not_a_moment_before() {
    let ended = |age: i64| {
        let event = Event::Ended(Outcome::Deferred(said("451 later")));
        step(
            leased(),
            event,
            Guarantee::AtLeastOnce,
            NOW.plus_s(-age),
            NOW,
            0,
        )
    };
    assert!(matches!(ended(GIVE_UP_S - 1), Delivery::Waiting { .. }));
    assert!(
        matches!(ended(GIVE_UP_S), Delivery::Parked { ref why, .. } if why.contains("451 later"))
    );
}

#[test]
fn retries_grow_from_a_minute_to_four_hours_and_jitter_only_shortens() {
    let mut before = 0;
    for attempts in 1..200 {
        let full = retry_s(attempts, 0);
        assert!(
            full >= before && (RETRY_S_MIN..=RETRY_S_MAX).contains(&full),
            "{attempts}: {full}"
        );
        for jitter in [1, 77, 255, 256, u32::MAX] {
            let less = retry_s(attempts, jitter);
            assert!(
                less <= full && less * 5 >= full * 4,
                "{attempts} {jitter}: {less}"
            );
        }
        before = full;
    }
    assert_eq!(retry_s(1, 0), 60);
    assert_eq!(retry_s(2, 0), 120);
    assert_eq!(before, RETRY_S_MAX);
}

#[test]
fn a_mail_of_unknown_fate_goes_again_only_if_a_second_copy_does_no_harm() {
    let event = Event::Ended(Outcome::Unknown(said(
        "connection lost after the final dot",
    )));
    let forward = go(leased(), event.clone(), Purpose::Forward.guarantee());
    assert!(matches!(forward, Delivery::Waiting { attempts: 2, not_before } if not_before > NOW));
    let reply = go(leased(), event, Purpose::Reply.guarantee());
    assert!(matches!(reply, Delivery::Parked { ref why, .. } if why.contains("in doubt")));
}

#[test]
fn an_operator_starts_a_parked_mail_afresh() {
    let again = go(parked(), Event::Resend, Guarantee::AtMostOnce);
    assert_eq!(
        again,
        Delivery::Waiting {
            attempts: 0,
            not_before: NOW
        }
    );
}
