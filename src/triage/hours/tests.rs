//! Working time over changes of the clock, midnights, holidays, leap days.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use super::*;

const HOUR: i64 = 3_600;

fn week(text: &str) -> Week {
    Week::try_from(text.to_owned()).unwrap()
}

fn day(text: &str) -> Day {
    Day::try_from(text.to_owned()).unwrap()
}

fn hours(text: &str, zone: &str, holidays: &[&str]) -> Hours {
    Hours {
        week: week(text),
        zone: TimeZone::get(zone).unwrap(),
        holidays: holidays.iter().map(|d| day(d)).collect(),
    }
}

fn berlin(text: &str) -> Hours {
    hours(text, "Europe/Berlin", &[])
}

/// A moment by its local time; of a time that comes twice, the first.
fn at(hours: &Hours, local: &str) -> Timestamp {
    let local: jiff::civil::DateTime = local.parse().unwrap();
    let at = hours.zone.to_ambiguous_timestamp(local).compatible();
    Timestamp(at.unwrap().as_second())
}

#[test]
fn only_working_time_counts_and_a_weekend_is_none() {
    let office = berlin("Mon-Fri 09:00-17:00");
    // Friday, 20 November 2026.
    let table = [
        ("2026-11-20T10:00", "2026-11-20T12:30", 9_000),
        ("2026-11-20T06:00", "2026-11-20T23:00", 8 * HOUR),
        ("2026-11-20T16:00", "2026-11-23T10:00", 2 * HOUR),
        ("2026-11-21T00:00", "2026-11-23T09:00", 0),
        ("2026-11-20T12:00", "2026-11-20T12:00", 0),
        ("2026-11-23T12:00", "2026-11-20T12:00", 0),
        ("2026-11-16T00:00", "2026-11-23T00:00", 40 * HOUR),
    ];
    for (from, to, worked) in table {
        let (from_at, to_at) = (at(&office, from), at(&office, to));
        assert_eq!(office.worked_s(from_at, to_at), worked, "{from} to {to}");
    }
    let friday = at(&office, "2026-11-20T16:00");
    assert_eq!(
        office.after(friday, 2 * HOUR),
        Some(at(&office, "2026-11-23T10:00"))
    );
    assert_eq!(
        office.after(friday, HOUR),
        Some(at(&office, "2026-11-20T17:00"))
    );
    assert_eq!(
        office.after(friday, 24 * HOUR),
        Some(at(&office, "2026-11-25T16:00"))
    );
    assert_eq!(office.after(friday, 0), Some(friday));
}

#[test]
fn a_night_shift_over_a_change_of_the_clock_is_as_long_as_it_was() {
    let night = berlin("Mon-Sun 22:00-06:00");
    // Clocks go forward on 29 March and back on 25 October 2026.
    for (date, next, worked) in [
        ("2026-03-27", "2026-03-28", 8),
        ("2026-03-28", "2026-03-29", 7),
        ("2026-10-24", "2026-10-25", 9),
        ("2026-10-25", "2026-10-26", 8),
    ] {
        let (from, to) = (
            at(&night, &format!("{date}T20:00")),
            at(&night, &format!("{next}T12:00")),
        );
        assert_eq!(
            night.worked_s(from, to),
            worked * HOUR,
            "the night of {date}"
        );
    }
    let from = at(&night, "2026-03-28T20:00");
    assert_eq!(
        night.after(from, 7 * HOUR),
        Some(at(&night, "2026-03-29T06:00"))
    );
    assert_eq!(
        night.after(from, 8 * HOUR),
        Some(at(&night, "2026-03-29T23:00"))
    );
}

#[test]
fn a_day_at_the_office_is_eight_hours_before_and_after_a_change_of_the_clock() {
    let office = berlin("Mon-Sun 09:00-17:00");
    for (from, to) in [
        ("2026-03-28T00:00", "2026-03-31T00:00"),
        ("2026-10-24T00:00", "2026-10-27T00:00"),
    ] {
        assert_eq!(
            office.worked_s(at(&office, from), at(&office, to)),
            24 * HOUR,
            "{from}"
        );
    }
    // 24 hours of work from Friday noon end on Monday noon, whatever the clocks did.
    let from = at(&office, "2026-03-27T12:00");
    assert_eq!(
        office.after(from, 24 * HOUR),
        Some(at(&office, "2026-03-30T12:00"))
    );
}

#[test]
fn hours_that_a_change_of_the_clock_skips_or_repeats_are_no_harm() {
    let early = berlin("Sun 02:00-03:00");
    assert_eq!(
        early.worked_s(
            at(&early, "2026-03-29T00:00"),
            at(&early, "2026-03-29T12:00")
        ),
        0,
        "that hour was none"
    );
    assert_eq!(
        early.worked_s(
            at(&early, "2026-10-25T00:00"),
            at(&early, "2026-10-25T12:00")
        ),
        2 * HOUR,
        "it came twice"
    );
    let half = berlin("Sun 02:30-04:00");
    assert_eq!(
        half.worked_s(at(&half, "2026-03-29T00:00"), at(&half, "2026-03-29T12:00")),
        HOUR / 2
    );
}

#[test]
fn what_crosses_midnight_belongs_to_the_day_it_begins_on() {
    let bar = hours("Fri 22:00-02:00", "UTC", &["2026-11-27"]);
    let saturday = at(&bar, "2026-11-21T01:00");
    assert_eq!(
        bar.after(saturday, HOUR),
        Some(at(&bar, "2026-11-21T02:00"))
    );
    assert_eq!(
        bar.after(saturday, 2 * HOUR),
        Some(at(&bar, "2026-12-04T23:00")),
        "the next Friday is a holiday"
    );
    assert_eq!(
        bar.worked_s(at(&bar, "2026-11-27T00:00"), at(&bar, "2026-11-29T00:00")),
        0
    );
}

#[test]
fn stretches_that_overlap_count_once() {
    let twice = hours(
        "Mon-Sun 08:00-12:00, Mon-Sun 10:00-14:00, Tue 22:00-09:00",
        "UTC",
        &[],
    );
    assert_eq!(
        twice.worked_s(
            at(&twice, "2026-11-23T00:00"),
            at(&twice, "2026-11-24T00:00")
        ),
        6 * HOUR
    );
    // Tuesday's night and Wednesday's morning: 22 to 14 without a gap.
    assert_eq!(
        twice.worked_s(
            at(&twice, "2026-11-24T21:00"),
            at(&twice, "2026-11-25T20:00")
        ),
        16 * HOUR
    );
}

#[test]
fn holidays_and_leap_days_are_days() {
    let office = hours(
        "Mon-Fri 09:00-17:00",
        "Europe/Berlin",
        &["2026-12-25", "2028-02-28"],
    );
    let eve = at(&office, "2026-12-24T16:00");
    assert_eq!(
        office.after(eve, 2 * HOUR),
        Some(at(&office, "2026-12-28T10:00"))
    );
    let leap = at(&office, "2028-02-25T16:00");
    assert_eq!(
        office.after(leap, 2 * HOUR),
        Some(at(&office, "2028-02-29T10:00"))
    );
    assert!(Day::try_from("2027-02-29".to_owned()).is_err());
    assert_eq!(day("1970-01-01").number(), 0);
    assert_eq!(
        Day::of_number(day("2028-02-29").number()),
        Some(day("2028-02-29"))
    );
    assert_eq!(Day::of_number(i64::MAX), None);
}

#[test]
fn a_morning_is_that_of_the_next_working_day() {
    let office = hours("Mon-Fri 09:00-17:00", "Europe/Berlin", &["2026-12-25"]);
    let eight = TimeOfDay::try_from("08:00".to_owned()).unwrap();
    for (now, next) in [
        ("2026-11-23T07:59", "2026-11-23T08:00"),
        ("2026-11-23T08:00", "2026-11-24T08:00"),
        ("2026-11-20T12:00", "2026-11-23T08:00"),
        ("2026-12-24T09:00", "2026-12-28T08:00"),
        ("2026-03-27T12:00", "2026-03-30T08:00"),
    ] {
        assert_eq!(
            office.next_morning(at(&office, now), eight),
            Some(at(&office, next)),
            "{now}"
        );
    }
    assert_eq!(
        office.working_day_before(day("2026-11-23")),
        Some(day("2026-11-20"))
    );
    // An hour that is skipped on that day: as soon as it is later.
    let night = berlin("Mon-Sun 00:00-24:00");
    let skipped = TimeOfDay::try_from("02:30".to_owned()).unwrap();
    let next = night.next_morning(at(&night, "2026-03-28T12:00"), skipped);
    assert_eq!(next, Some(at(&night, "2026-03-29T03:30")));
}

#[test]
fn without_hours_time_counts_as_it_passes() {
    let round = Hours::default();
    let from = Timestamp(1_780_000_000);
    assert_eq!(round.worked_s(from, from.plus_s(1_234_567)), 1_234_567);
    assert_eq!(round.after(from, 1_234_567), Some(from.plus_s(1_234_567)));
}

#[test]
fn what_is_no_week_is_refused_with_its_reason() {
    for (text, why) in [
        ("", "nobody ever works"),
        (" , ", "nobody ever works"),
        ("Mon-Fri", "no stretch"),
        ("09:00-17:00", "no stretch"),
        ("Mon-Fri 9-17", "no stretch"),
        ("Mon-Fry 09:00-17:00", "no stretch"),
        ("Mon 25:00-26:00", "no stretch"),
        ("Mon 24:00-08:00", "no stretch"),
        ("Mon 09:60-17:00", "no stretch"),
        ("Mon 09:00-09:00", "ends as it begins"),
    ] {
        let said = Week::try_from(text.to_owned()).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }
    assert_eq!(
        week("sat-mon 00:00-24:00"),
        week("Sat 00:00-24:00, Sun 00:00-24:00, Mon 00:00-24:00")
    );
}

#[test]
fn times_at_the_end_of_all_days_do_not_panic() {
    let office = berlin("Mon-Fri 09:00-17:00");
    for at in [i64::MIN, i64::MAX, -377_705_116_800, 253_402_207_200] {
        office.after(Timestamp(at), i64::MAX);
        office.worked_s(Timestamp(at), Timestamp(i64::MAX));
        office.next_morning(Timestamp(at), TimeOfDay(0));
    }
}

fn any_hours() -> impl Strategy<Value = Hours> {
    let weeks = [
        "Mon-Fri 09:00-17:00",
        "Mon-Sun 22:00-06:00",
        "Sat 10:00-10:01",
        "Mon-Thu 08:15-12:00, Mon-Thu 12:00-16:45, Fri 21:00-20:59",
        "Sun 01:30-03:30, Mon-Sun 02:00-02:30",
    ];
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
    ];
    (0..weeks.len(), 0..zones.len())
        .prop_map(move |(w, z)| hours(weeks[w], zones[z], &["2026-03-30", "2026-12-25"]))
}

proptest! {
    /// The one undoes the other.
    #[test]
    fn after_so_much_work_just_so_much_was_worked(
        hours in any_hours(),
        from in 1_767_225_600_i64..1_900_000_000,
        work_s in 1_i64..200_000,
    ) {
        let from = Timestamp(from);
        let end = hours.after(from, work_s).unwrap();
        prop_assert_eq!(hours.worked_s(from, end), work_s);
        prop_assert_eq!(hours.worked_s(from, end.plus_s(-1)), work_s - 1);
    }

    #[test]
    fn a_piece_and_the_rest_are_the_whole(
        hours in any_hours(),
        from in 1_767_225_600_i64..1_900_000_000,
        first in 0_i64..2_000_000,
        second in 0_i64..2_000_000,
    ) {
        let from = Timestamp(from);
        let (middle, end) = (from.plus_s(first), from.plus_s(first + second));
        let whole = hours.worked_s(from, end);
        prop_assert_eq!(hours.worked_s(from, middle) + hours.worked_s(middle, end), whole);
        prop_assert!(whole <= first + second);
    }
}
