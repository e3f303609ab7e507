//! What would make a record unreadable, or readable as what it is not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::letters::*;
use super::rows::*;
use super::witness::Witness;
use super::*;
use crate::message::address::Address;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Purpose;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketState;

#[test]
fn a_record_in_another_tree_or_under_another_key_is_damage() {
    let value = seal(b"a", &TurnRow(7)).unwrap();
    assert_eq!(unseal::<TurnRow>(b"a", &value).unwrap().0, 7);
    assert!(unseal::<TurnRow>(b"b", &value).is_err());
    assert!(unseal::<PoisonRow>(b"a", &value).is_err());
}

#[test]
fn any_flipped_bit_and_any_cut_is_damage() {
    let value = seal(b"key", &FilingRow(2)).unwrap();
    for at in 0..value.len() {
        assert!(
            unseal::<FilingRow>(b"key", value.get(..at).unwrap()).is_err(),
            "cut at {at}"
        );
        for bit in 0..8 {
            let mut bad = value.clone();
            *bad.get_mut(at).unwrap() ^= 1 << bit;
            assert!(
                unseal::<FilingRow>(b"key", &bad).is_err(),
                "octet {at} bit {bit}"
            );
        }
    }
}

#[test]
fn a_record_of_a_version_never_written_is_damage() {
    let mut value = vec![9];
    value.extend_from_slice(&checksum(Tree::Turns, b"q", 9, &[1]).to_be_bytes());
    value.push(1);
    assert!(unseal::<TurnRow>(b"q", &value).is_err());
}

#[test]
fn the_octets_of_version_1_stay_readable() {
    // Written by the first release; a change of `TurnRow` or of the seal that breaks it loses people's stores.
    let kept = [1, 70, 105, 14, 8, 172, 2];
    assert_eq!(seal(b"accounts", &TurnRow(300)).unwrap(), kept);
    assert_eq!(unseal::<TurnRow>(b"accounts", &kept).unwrap().0, 300);
}

#[test]
fn moments_sort_in_keys_as_they_do_in_time() {
    let mut before = None;
    for s in [i64::MIN, -1, 0, 1, 1_700_000_000, i64::MAX] {
        let key = due_key("m", Timestamp(s), 1);
        assert_eq!(due_of(&key), Some(("m", Timestamp(s))));
        assert_eq!(seq_of(&key), Some(1));
        assert!(before.replace(key.clone()) < Some(key));
    }
}

#[test]
fn no_mailbox_name_is_taken_for_another() {
    let mail = |mailbox: &str| MailRef {
        mailbox: mailbox.to_owned(),
        uid_validity: 1,
        uid: 2,
    };
    assert!(!mail_key(&mail("ab")).starts_with(&mailbox_key("a")));
    assert_eq!(uid_of(&mail_key(&mail("ab"))), Some(2));
}

#[test]
fn a_prefix_ends_where_the_next_begins() {
    assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
    assert_eq!(after_prefix(&[255, 255]), None);
}

#[test]
fn a_witness_is_read_back_and_a_changed_one_is_not() {
    let witness = Witness {
        generation: 12,
        tickets: 3,
        ledger: 45,
        next_ticket: 13,
        next_outbox: 14,
    };
    let line = witness.line();
    assert_eq!(Witness::read(&line), Some(witness));
    assert_eq!(Witness::read(&line.replace("45", "44")), None);
    assert_eq!(Witness::read(""), None);
}

#[test]
fn a_text_is_cut_between_characters_and_kept_on_one_line() {
    assert_eq!(cut("aä\nb", 2), "a");
    assert_eq!(cut("aä\nb", 4), "aä ");
}

/// Written by the first release.
const KEPT_TICKET: &[u8] =
    b"0169795fde03010b6140782e6578616d706c65a01f016d0173010b6240792e6578616d706c65\
    01056f7468657201017102656e0107d00f0105";
const KEPT_MAIL: &[u8] =
    b"01ef3f6ecc06020369407a000b6240792e6578616d706c65016d02656e0002040102ac020403\
    120206353530206e6f";

fn kept_ticket() -> Ticket {
    let address = |text: &str| Address::try_from(text.to_owned()).unwrap();
    Ticket {
        number: TicketNumber(1042),
        version: 3,
        state: TicketState::WithAgent {
            agent: address("a@x.example"),
            since: Timestamp(2000),
        },
        mailbox: "m".to_owned(),
        subject: "s".to_owned(),
        participants: vec![address("b@y.example")],
        intents: vec!["other".to_owned()],
        queue: Some("q".to_owned()),
        language: "en".to_owned(),
        linked: Some(TicketNumber(7)),
        opened: Timestamp(1000),
        updated: Timestamp(-1),
    }
}

#[test]
fn a_ticket_written_by_the_first_release_stays_readable() {
    let key = ticket_key(TicketNumber(1042));
    let kept = data_encoding::HEXLOWER.decode(KEPT_TICKET).unwrap();
    let row: TicketRow = unseal(&key, &kept).unwrap();
    assert_eq!(
        (row.next_event, row.ticket(TicketNumber(1042))),
        (5, kept_ticket())
    );
    assert_eq!(
        seal(&key, &TicketRow::of(&kept_ticket(), 5)).unwrap(),
        kept,
        "new version, old number"
    );
}

#[test]
fn an_outgoing_mail_written_by_the_first_release_stays_readable() {
    let kept = data_encoding::HEXLOWER.decode(KEPT_MAIL).unwrap();
    let row: OutboxRow = unseal(&[0; 8], &kept).unwrap();
    let why = "550 no".to_owned();
    assert_eq!(
        row.state.delivery(),
        Delivery::Parked {
            at: Timestamp(9),
            attempts: 2,
            why
        }
    );
    assert_eq!(
        row.place,
        PlaceRow {
            file: 1,
            offset: 2,
            length: 300,
            crc: 4
        }
    );
    assert_eq!(codes::purpose_of(row.purpose), Some(Purpose::Relay));
    assert_eq!(
        seal(&[0; 8], &row).unwrap(),
        kept,
        "new version, old number"
    );
}
