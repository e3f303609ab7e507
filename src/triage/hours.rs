//! Business hours: a week as it repeats, in a time zone, without holidays; and working time counted by it.
//!
//! # Decisions
//! - All times of a week are minutes of the local day on which a stretch begins, so "Fri 22:00-06:00" is Friday's, and a
//!   holiday takes away what begins on it.
//! - Each stretch is made an interval of real time before anything is counted: on a day on which clocks change, a night
//!   shift is an hour shorter or longer, and that is what was worked. A local time that a change skips is taken for the
//!   same time after it; of one that comes twice, the first is meant.
//! - Stretches that overlap count once.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::clock::Timestamp;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// A span of work is looked for so many days ahead, and no further.
const DAYS_MAX: usize = 40_000;
/// Stretches of one week.
const STRETCHES_MAX: usize = 100;
/// The days of a week as they are written.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time of day, in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(pub u16);

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minutes = minutes(text.trim()).filter(|m| *m < DAY_MINUTES);
        minutes
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time of day: write it as \"08:00\""))
    }
}

/// Nobody is away for longer, in days.
const AWAY_DAYS_MAX: i64 = 10 * 366;

/// A date, written `"2026-12-25"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(pub Date);

impl Day {
    /// Returns the day as a number that rises by one each day; 0 is 1970-01-01.
    pub fn number(self) -> i64 {
        let since = self.0.since(Date::constant(1970, 1, 1));
        since.map_or(0, |span| i64::from(span.get_days()))
    }

    /// Returns the day of such a number; none beyond the years that there are (-9999 to 9999).
    pub fn of_number(number: i64) -> Option<Self> {
        let span = jiff::Span::new().try_days(number).ok()?;
        Date::constant(1970, 1, 1).checked_add(span).ok().map(Self)
    }

    /// Returns whether somebody who goes now can be back on that day; a sentence says why not.
    pub fn may_end_an_absence(self, now: Timestamp) -> Result<(), String> {
        let today = Hours::default().day(now).map_or(0, Day::number);
        // A day is another one elsewhere.
        if self.number() < today {
            return Err(format!(
                "{self} is past: name the day on which the agent is back"
            ));
        }
        if self.number() > today.saturating_add(AWAY_DAYS_MAX) {
            return Err(format!(
                "{self} is more than ten years ahead: take the agent out of the config"
            ));
        }
        Ok(())
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // Nothing but a date: what the library reads besides would be a time that is silently dropped.
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = if plain {
            text.parse::<Date>().ok()
        } else {
            None
        };
        date.map(Self)
            .ok_or_else(|| format!("`{text}` is no date: write it as \"2026-12-25\""))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A week of work, as `"Mon-Fri 09:00-17:00"`; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Week {
    /// By day, Monday first: from and to in minutes after that day's midnight, in order of their beginning. An end beyond
    /// the day is on the next one.
    days: [Vec<(u16, u16)>; 7],
}

impl Default for Week {
    /// Round the clock.
    fn default() -> Self {
        Self {
            days: std::array::from_fn(|_| vec![(0, DAY_MINUTES)]),
        }
    }
}

impl TryFrom<String> for Week {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut days: [Vec<(u16, u16)>; 7] = Default::default();
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|p| !p.is_empty()).take(STRETCHES_MAX) {
            let (first, last, from, to) = stretch(part).ok_or_else(|| {
                format!(
                    "`{part}` is no stretch of work: write \"Mon-Fri 09:00-17:00\", several with commas between them"
                )
            })?;
            if from == to {
                return Err(format!("`{part}` ends as it begins: nobody works then"));
            }
            let to = if to < from { to + DAY_MINUTES } else { to };
            let length = (last + 7 - first) % 7;
            for day in (0..=length).map(|n| (first + n) % 7) {
                if let Some(day) = days.get_mut(day) {
                    day.push((from, to));
                }
            }
        }
        if days.iter().all(Vec::is_empty) {
            return Err(
                "nobody ever works in this week: write hours such as \"Mon-Fri 09:00-17:00\""
                    .to_owned(),
            );
        }
        for day in &mut days {
            day.sort_unstable();
        }
        Ok(Self { days })
    }
}

/// Reads `Mon-Fri 09:00-17:00` or `Sat 10:00-14:00`: the first and the last day, from and to.
fn stretch(part: &str) -> Option<(usize, usize, u16, u16)> {
    let (days, times) = part.split_once(char::is_whitespace)?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (from, to) = times.trim().split_once('-')?;
    let from = minutes(from.trim()).filter(|m| *m < DAY_MINUTES)?;
    Some((weekday(first)?, weekday(last)?, from, minutes(to.trim())?))
}

fn weekday(name: &str) -> Option<usize> {
    NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// Reads `09:00`; `24:00` is a day's end.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain {
            digits.parse::<u16>().ok()
        } else {
            None
        }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

/// When a queue works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Its week.
    pub week: Week,
    /// Where its clocks hang.
    pub zone: TimeZone,
    /// Days on which no work begins.
    pub holidays: Vec<Day>,
}

impl Default for Hours {
    /// Round the clock, in UTC.
    fn default() -> Self {
        Self {
            week: Week::default(),
            zone: TimeZone::UTC,
            holidays: Vec::new(),
        }
    }
}

impl Hours {
    /// Returns the seconds of work between two moments; 0 when the second is not the later.
    pub fn worked_s(&self, from: Timestamp, to: Timestamp) -> i64 {
        let mut worked = 0;
        self.walk(from, |start, end| {
            worked += end.0.min(to.0).saturating_sub(start.0).max(0);
            end < to
        });
        worked
    }

    /// Returns the moment after which so many seconds of work have passed since `from`: the first such. None when that
    /// does not come within a lifetime.
    pub fn after(&self, from: Timestamp, work_s: i64) -> Option<Timestamp> {
        if work_s <= 0 {
            return Some(from);
        }
        let (mut left, mut found) = (work_s, None);
        self.walk(from, |start, end| {
            let length = end.since_s(start);
            if length >= left {
                found = Some(start.plus_s(left));
                return false;
            }
            left -= length;
            true
        });
        found
    }

    /// Returns the first time after `after` that it is that time of day on a day on which work begins.
    pub fn next_morning(&self, after: Timestamp, at: TimeOfDay) -> Option<Timestamp> {
        let mut day = self.day(after)?;
        for _ in 0..DAYS_MAX {
            let morning = self.instant(day, at.0);
            if self.works(day)
                && let Some(morning) = morning.filter(|m| *m > after)
            {
                return Some(morning);
            }
            day = Day(day.0.tomorrow().ok()?);
        }
        None
    }

    /// Returns the last day before that one on which work begins.
    pub fn working_day_before(&self, day: Day) -> Option<Day> {
        let mut day = day;
        for _ in 0..DAYS_MAX {
            day = Day(day.0.yesterday().ok()?);
            if self.works(day) {
                return Some(day);
            }
        }
        None
    }

    /// Returns the local day of a moment.
    pub fn day(&self, at: Timestamp) -> Option<Day> {
        let at = jiff::Timestamp::from_second(at.0).ok()?;
        Some(Day(self.zone.to_datetime(at).date()))
    }

    /// Returns when a local day begins.
    pub fn midnight(&self, day: Day) -> Option<Timestamp> {
        self.instant(day, 0)
    }

    /// Whether work begins on that day.
    pub fn works(&self, day: Day) -> bool {
        !self.stretches(day).is_empty()
    }

    fn stretches(&self, day: Day) -> &[(u16, u16)] {
        if self.holidays.contains(&day) {
            return &[];
        }
        let index = usize::try_from(day.0.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.week.days.get(index).map_or(&[], Vec::as_slice)
    }

    /// Shows the intervals of work from a moment on, in order and without overlaps, until `take` has had enough.
    fn walk(&self, from: Timestamp, mut take: impl FnMut(Timestamp, Timestamp) -> bool) {
        let Some(today) = self.day(from) else { return };
        // What began yesterday may go on.
        let mut day = Day(today.0.yesterday().unwrap_or(today.0));
        let mut reached = from;
        for _ in 0..DAYS_MAX {
            for (start, end) in self.stretches(day) {
                let (Some(start), Some(end)) = (self.instant(day, *start), self.instant(day, *end))
                else {
                    continue;
                };
                let start = start.max(reached);
                if start >= end {
                    continue;
                }
                if !take(start, end) {
                    return;
                }
                reached = end;
            }
            let Ok(tomorrow) = day.0.tomorrow() else {
                return;
            };
            day = Day(tomorrow);
        }
    }

    /// The moment of a local time; minutes beyond the day are the next one's.
    fn instant(&self, day: Day, minutes: u16) -> Option<Timestamp> {
        let date = if minutes >= DAY_MINUTES {
            day.0.tomorrow().ok()?
        } else {
            day.0
        };
        let minutes = minutes % DAY_MINUTES;
        let hour = i8::try_from(minutes / 60).ok()?;
        let minute = i8::try_from(minutes % 60).ok()?;
        let local = date.at(hour, minute, 0, 0);
        let at = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp(at.as_second()))
    }
}

#[cfg(test)]
mod tests;
