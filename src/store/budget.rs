//! Automatic replies counted: by writer, by ticket, by domain, by the words they answer, and all of them.
//!
//! Counts are kept in buckets of time and never undercount: a window reaches back to the beginning of its oldest bucket.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::layout::rows::BudgetRow;
use crate::store::layout::rows::cut;
use crate::triage::alike::Print;
use crate::triage::limits::Spellings;
use crate::triage::ticket::TicketNumber;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
/// Seconds of a bucket for windows of an hour.
const HOUR_BUCKET_S: i64 = 300;
/// Seconds of a bucket for windows of a day.
const DAY_BUCKET_S: i64 = 3600;
/// Templates remembered for a writer.
const TEMPLATES_MAX: usize = 40;
/// Octets of a template's name.
const TEMPLATE_BYTES_MAX: usize = 60;
/// Seconds that a template is remembered after its last use.
pub(super) const TEMPLATE_S: i64 = 90 * DAY_S;

/// Whose replies are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A correspondent, however the address is spelt.
    Writer(String),
    /// A ticket.
    Ticket(TicketNumber),
    /// A registrable domain.
    Domain(String),
    /// Mails that say the same.
    Text(Print),
    /// The whole desk.
    Total,
    /// Who has addresses asked.
    Asker(String),
    /// All questions to addresses.
    Asked,
}

impl Subject {
    /// Returns the correspondent behind an address.
    pub(super) fn writer(spellings: &Spellings, address: &Address) -> Self {
        Self::Writer(spellings.writer(address))
    }

    /// Returns the domain of an address; none for one that has no budget.
    pub(super) fn domain(spellings: &Spellings, address: &Address) -> Option<Self> {
        spellings.domain(address).map(Self::Domain)
    }

    /// Returns its key in `budgets`.
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Writer(text) => [b"i", text.as_bytes()].concat(),
            Self::Ticket(number) => [&b"n"[..], &number.0.to_be_bytes()].concat(),
            Self::Domain(text) => [b"d", text.as_bytes()].concat(),
            Self::Text(print) => [&b"x"[..], print].concat(),
            Self::Total => b"t".to_vec(),
            Self::Asker(text) => [b"q", text.as_bytes()].concat(),
            Self::Asked => b"a".to_vec(),
        }
    }

    fn window_s(&self) -> i64 {
        match self {
            Self::Writer(_) | Self::Ticket(_) | Self::Asker(_) => DAY_S,
            Self::Domain(_) | Self::Text(_) | Self::Total | Self::Asked => HOUR_S,
        }
    }

    /// Returns how many replies its window holds.
    pub(super) fn count(&self, row: &BudgetRow, now: Timestamp) -> u32 {
        counted(&row.marks, self.window_s(), now)
    }

    /// Counts one more reply, and forgets what is out of every window.
    pub(super) fn spend(&self, row: &mut BudgetRow, templates: &[String], now: Timestamp) {
        mark(&mut row.marks, self.window_s(), now);
        if let Self::Writer(_) = self {
            row.templates.retain(|(_, at)| remembered(*at, now));
            for template in templates {
                let name = cut(template, TEMPLATE_BYTES_MAX);
                row.templates.retain(|(known, _)| *known != name);
                row.templates.push((name, now.0));
            }
            let surplus = row.templates.len().saturating_sub(TEMPLATES_MAX);
            row.templates.drain(..surplus);
        }
        let keep_s = if row.templates.is_empty() {
            2 * self.window_s()
        } else {
            TEMPLATE_S
        };
        row.expires = expiry(now.plus_s(keep_s)).0;
    }
}

/// Returns how many marks a window of an hour or a day holds.
pub(super) fn counted(marks: &[(i64, u32)], window_s: i64, now: Timestamp) -> u32 {
    marks
        .iter()
        .filter(|(bucket, _)| holds(*bucket, window_s, now))
        .fold(0, |sum, (_, n)| sum.saturating_add(*n))
}

/// Adds a mark to those of a window of an hour or a day, and forgets what is out of it.
pub(super) fn mark(marks: &mut Vec<(i64, u32)>, window_s: i64, now: Timestamp) {
    marks.retain(|(bucket, _)| holds(*bucket, window_s, now));
    let present = now.0.div_euclid(bucket_s(window_s));
    match marks.iter_mut().find(|(bucket, _)| *bucket == present) {
        Some((_, n)) => *n = n.saturating_add(1),
        None => marks.push((present, 1)),
    }
}

/// Returns when a record goes that is of use until then. Whole days: its entry in `expiry` moves once a day, not with every
/// mark.
pub(super) fn expiry(until: Timestamp) -> Timestamp {
    let days = until.plus_s(DAY_S).0.div_euclid(DAY_S);
    Timestamp(days.saturating_mul(DAY_S))
}

fn bucket_s(window_s: i64) -> i64 {
    if window_s > HOUR_S {
        DAY_BUCKET_S
    } else {
        HOUR_BUCKET_S
    }
}

/// Whether a bucket lies within the window. One in the future counts too, as far as the window reaches: a clock that was
/// set back must not open the budget, and one that once ran ahead by years must not close it for ever.
fn holds(bucket: i64, window_s: i64, now: Timestamp) -> bool {
    let reach = window_s / bucket_s(window_s);
    let present = now.0.div_euclid(bucket_s(window_s));
    present.saturating_sub(bucket).saturating_abs() <= reach
}

/// Whether a use of a template is still known.
fn remembered(at: i64, now: Timestamp) -> bool {
    now.0.saturating_sub(at).saturating_abs() <= TEMPLATE_S
}

/// Returns the templates last used for an identity.
pub(super) fn templates(row: &BudgetRow, now: Timestamp) -> Vec<(String, Timestamp)> {
    let known = row.templates.iter().filter(|(_, at)| remembered(*at, now));
    known
        .map(|(name, at)| (name.clone(), Timestamp(*at)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn writer(text: &str) -> Subject {
        let address = Address::try_from(text.to_owned()).unwrap();
        Subject::writer(&Spellings::default(), &address)
    }

    fn spent(subject: &Subject, times: &[Timestamp]) -> BudgetRow {
        let mut row = BudgetRow::default();
        for at in times {
            subject.spend(&mut row, &["how-to".to_owned()], *at);
        }
        row
    }

    #[test]
    fn plus_addresses_capitals_and_dots_that_mean_nothing_share_one_budget() {
        let plain = writer("ann@museum.example");
        assert_eq!(writer("Ann+7@museum.example"), plain);
        assert_eq!(writer("a.n.n@googlemail.com"), writer("ann+1@gmail.com"));
        assert_ne!(writer("bob@museum.example"), plain);
        // Nothing before the plus: not everybody of that domain.
        assert_ne!(writer("+x@museum.example"), writer("+y@museum.example"));
    }

    #[test]
    fn a_window_never_undercounts_and_ends() {
        for (subject, window) in [(Subject::Total, 3600), (writer("a@b.example"), 86400)] {
            let row = spent(&subject, &[NOW, NOW]);
            assert_eq!(subject.count(&row, NOW), 2);
            assert_eq!(subject.count(&row, NOW.plus_s(window)), 2, "{subject:?}");
            assert_eq!(
                subject.count(&row, NOW.plus_s(2 * window)),
                0,
                "{subject:?}"
            );
        }
    }

    /// Faults: F19; holds I3 I5 I10.
    #[test]
    fn a_clock_set_back_opens_no_budget_and_one_far_ahead_closes_none_for_ever() {
        let row = spent(&Subject::Total, &[NOW]);
        assert_eq!(Subject::Total.count(&row, NOW.plus_s(-1800)), 1);
        assert_eq!(Subject::Total.count(&row, NOW.plus_s(-365 * 86400)), 0);
    }

    #[test]
    fn a_record_stays_small_however_long_it_is_used() {
        let subject = writer("a@b.example");
        let mut row = BudgetRow::default();
        for n in 0..5000 {
            subject.spend(
                &mut row,
                &[format!("{n}{}", "x".repeat(200))],
                NOW.plus_s(n * 600),
            );
        }
        assert!(row.marks.len() <= 26 && row.templates.len() == TEMPLATES_MAX);
        assert!(crate::store::layout::seal(&subject.key(), &row).is_ok());
    }

    #[test]
    fn the_last_use_of_a_template_is_known_once() {
        let subject = writer("a@b.example");
        let row = spent(&subject, &[NOW, NOW.plus_s(50)]);
        assert_eq!(
            templates(&row, NOW.plus_s(60)),
            [("how-to".to_owned(), NOW.plus_s(50))]
        );
        assert_eq!(templates(&row, NOW.plus_s(TEMPLATE_S + 51)), []);
    }
}
