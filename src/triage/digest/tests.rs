//! That the text says all that the picture shows, and the picture is one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::*;
use crate::message::address::Address;
use crate::triage::ticket::TicketNumber;

/// Monday, 23 November 2026, 08:00 in UTC.
const NOW: Timestamp = Timestamp(1_795_420_800);

fn day(text: &str) -> Day {
    Day::try_from(text.to_owned()).unwrap()
}

fn counts(all: &[(&str, u64)]) -> Counts {
    all.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect()
}

fn ticket(number: u64, hours: i64) -> Ticket {
    let agent = Address::parse("ana@agents.example").unwrap();
    let since = NOW.plus_s(-hours * 3_600);
    Ticket {
        number: TicketNumber(number),
        version: 1,
        state: TicketState::WithAgent { agent, since },
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: Vec::new(),
        intents: vec!["merge-accounts".to_owned()],
        queue: Some("accounts".to_owned()),
        language: "en".to_owned(),
        linked: None,
        opened: since,
        updated: since,
    }
}

fn facts() -> Facts {
    let desk = counts(&[
        ("forward", 12),
        ("answered", 4),
        ("quiet", 30),
        ("held", 2),
        ("i:badge", 4),
        ("i:merge", 12),
        ("harm", 1),
        ("budget", 3),
    ]);
    Facts {
        queue: "accounts".to_owned(),
        since: Some(day("2026-11-20")),
        desk: desk.clone(),
        own: counts(&[("forward", 7), ("i:merge", 7)]),
        waiting: 3,
        tickets: vec![ticket(5, 100), ticket(9, 30)],
        parked: 2,
        held: 1,
        week: (16..23)
            .map(|d| (day(&format!("2026-11-{d}")), desk.clone()))
            .collect(),
        subjects: true,
    }
}

#[test]
fn a_lead_reads_who_waits_what_came_and_what_is_to_be_looked_at() {
    let digest = facts().write(NOW);
    assert_eq!(digest.subject, "Queue accounts: 3 tickets waiting, 7 new");
    for wanted in [
        "#5       4 days      ana@agents.example           Two accounts",
        "and 1 more",
        "Since Friday, 20 November",
        "deflected: answered without a person 25 %",
        "to agents of this queue            7",
        "answered, but needed a person      1",
        "replies held by a spent budget     3",
        "parked now                         2",
        "held in quarantine now             1",
        "Sun 22 Nov",
    ] {
        assert!(
            digest.text.contains(wanted),
            "{wanted} is not in:\n{}",
            digest.text
        );
    }
    assert!(
        digest
            .text
            .contains("\n  merge                              7\n")
    );
}

#[test]
fn without_subjects_no_word_of_a_mail_is_in_it() {
    let facts = Facts {
        subjects: false,
        ..facts()
    };
    let text = facts.write(NOW).text;
    assert!(
        !text.contains("Two accounts") && text.contains("merge-accounts"),
        "{text}"
    );
}

#[test]
fn a_desk_that_has_seen_nothing_has_a_digest_too() {
    let digest = Facts {
        queue: "badges".to_owned(),
        ..Facts::default()
    }
    .write(NOW);
    assert_eq!(digest.subject, "Queue badges: 0 tickets waiting, 0 new");
    assert!(
        digest
            .text
            .contains("deflected: answered without a person -"),
        "{}",
        digest.text
    );
    assert!(!digest.picture.is_empty());
}

fn pixels(octets: &[u8]) -> (u32, u32, Vec<u8>) {
    let reader = png::Decoder::new(std::io::Cursor::new(octets));
    let mut reader = reader.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    pixels.truncate(info.buffer_size());
    (info.width, info.height, pixels)
}

#[test]
fn the_picture_is_a_small_png_whose_bars_are_as_high_as_their_counts() {
    let bar = |day, n| Bar {
        day,
        pieces: [(n, 2), (n / 2, 3), (0, 4), (1, 5)],
    };
    let octets = picture::png(&[bar(16, 40), bar(17, 20), bar(31, 0)]);
    assert!(octets.len() < 4_000, "{}", octets.len());
    assert_eq!(
        octets,
        picture::png(&[bar(16, 40), bar(17, 20), bar(31, 0)]),
        "the same octets"
    );
    let (width, height, pixels) = pixels(&octets);
    assert_eq!(
        (width as usize, height as usize),
        (picture::WIDTH, picture::HEIGHT)
    );
    let column = |x: usize, colour: u8| {
        let rows = pixels.chunks(picture::WIDTH);
        rows.filter(|row| row[x] == colour).count()
    };
    let (first, second) = (column(40, 2), column(100, 2));
    assert!(
        (i64::try_from(first).unwrap() - 2 * i64::try_from(second).unwrap()).abs() <= 2,
        "{first} {second}"
    );
    assert_eq!(
        column(40, 3) + column(40, 4),
        first / 2 + usize::from(first % 2 > 0 && column(40, 3) > first / 2)
    );
    assert_eq!(column(160, 2), 0);
    assert!(column(40, 5) >= 1, "the smallest piece is seen");
}

#[test]
fn counts_of_any_size_make_a_picture() {
    let bar = Bar {
        day: u64::MAX,
        pieces: [(u64::MAX, 2), (u64::MAX, 3), (1, 4), (0, 5)],
    };
    for bars in [vec![], vec![bar; 3], vec![bar; 100]] {
        pixels(&picture::png(&bars));
    }
}
