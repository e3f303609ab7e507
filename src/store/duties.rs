//! Agents' time in the commits that it follows from: what is waited for, who carries how much, what a day brought.
//!
//! # Decisions
//! - Every record that ends by itself stands in `agenda`, by the time of its end; nothing is searched for what is old.
//! - Loads are counts, kept in the commits that move a ticket. A store that was mended counts them anew.
//! - What a day brought is counted by quarters of an hour in UTC: every zone's days are made of those.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::rows::AgendaRow;
use crate::store::layout::rows::TicketRow;
use crate::store::layout::rows::cut;
use crate::store::rest;
use crate::triage::Disposition;
use crate::triage::agenda;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::roster::Roster;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

/// Seconds of one record of what a day brought.
const QUARTER_S: i64 = 900;
/// Seconds that such a record is kept: a week, and the working day before it over long holidays.
const DAYS_KEEP_S: i64 = 24 * 86_400;
/// Kinds in one such record, and octets of a kind's name.
const KINDS_MAX: usize = 80;
const KIND_BYTES_MAX: usize = 40;

/// Something that is counted by the day, besides mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A mail was held for an operator.
    Held,
    /// A mail was parked.
    Parked,
    /// A reply was not sent because a budget was spent.
    Budget,
    /// A person said that a mail had needed a person, which a machine had answered.
    Harm,
}

impl Counted {
    /// Its name among the counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Parked => "parked",
            Self::Budget => "budget",
            Self::Harm => "harm",
        }
    }
}

impl Store {
    /// Has the store go by that roster from now on: which tickets are watched, whose next ticket goes where. Not kept.
    pub fn set_roster(&self, roster: Arc<Roster>) {
        let known = self.inner.roster.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = roster;
    }
}

impl crate::store::Inner {
    /// Returns the roster that the store goes by.
    pub(super) fn roster(&self) -> Arc<Roster> {
        let known = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

impl Batch<'_> {
    /// Reads a record of `duties`.
    pub(super) fn duty(&self, key: &[u8]) -> Result<Option<DutyRow>, StoreError> {
        self.get::<DutyRow>(key)
    }

    /// Writes a record of `duties`, and its place in `agenda`.
    pub(super) fn put_duty(&mut self, key: &[u8], row: &DutyRow) -> Result<(), StoreError> {
        let before = self.duty(key)?.and_then(|row| row.due());
        let due = row.due();
        if let Some(before) = before.filter(|before| due != Some(*before)) {
            self.remove(Tree::Agenda, &duties::agenda_key(before, key));
        }
        if let Some(due) = due {
            self.put(&duties::agenda_key(due, key), &AgendaRow)?;
        }
        self.put(key, row)
    }

    /// Removes a record of `duties`, if it is there.
    pub(super) fn drop_duty(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Some(row) = self.duty(key)? else {
            return Ok(());
        };
        if let Some(due) = row.due() {
            self.remove(Tree::Agenda, &duties::agenda_key(due, key));
        }
        self.remove(Tree::Duties, key);
        Ok(())
    }

    /// Changes a load.
    pub(super) fn load(&mut self, key: &[u8], change: i64) -> Result<(), StoreError> {
        let known = match self.duty(key)? {
            Some(DutyRow::Load(known)) => known,
            _ => 0,
        };
        match known.saturating_add_signed(change) {
            0 => self.drop_duty(key),
            load => self.put_duty(key, &DutyRow::Load(load)),
        }
    }

    /// Moves a ticket's weight from whom it waited for to whom it waits for; one that rests weighs nothing.
    pub(super) fn carry(
        &mut self,
        before: Option<&Ticket>,
        after: Option<&Ticket>,
    ) -> Result<(), StoreError> {
        match before.or(after) {
            Some(ticket) if self.rests(ticket.number)? => Ok(()),
            _ => self.reweigh(before, after),
        }
    }

    /// Moves a ticket's weight, whether it rests or not.
    pub(super) fn reweigh(
        &mut self,
        before: Option<&Ticket>,
        after: Option<&Ticket>,
    ) -> Result<(), StoreError> {
        let (before, after) = (before.map(weighs), after.map(weighs));
        if before == after {
            return Ok(());
        }
        for (keys, change) in [(before, -1), (after, 1)] {
            for key in keys.into_iter().flatten() {
                self.load(&key, change)?;
            }
        }
        Ok(())
    }

    /// Has agents' time follow a ticket that a mail or an operator changed.
    pub(super) fn follow(
        &mut self,
        before: Option<&Ticket>,
        after: &Ticket,
        roster: &Roster,
    ) -> Result<(), StoreError> {
        self.carry(before, Some(after))?;
        let queue = after.queue.as_deref().unwrap_or_default();
        let key = duties::watch_key(after.number);
        let known = self.duty(&key)?;
        let watch = known.clone().and_then(DutyRow::watch);
        let watched = roster.watches(queue) && !self.rests(after.number)?;
        let next = agenda::changed(watch, after, watched);
        let next = next.as_ref().map(DutyRow::of_watch);
        match next {
            Some(row) if Some(&row) != known.as_ref() => self.put_duty(&key, &row)?,
            None if known.is_some() => self.drop_duty(&key)?,
            _ => {}
        }
        let sticky_s = roster.duty(queue).and_then(|duty| duty.sticky_s);
        if let (Some(sticky_s), Some(writer), TicketState::WithAgent { agent, .. }) =
            (sticky_s, after.participants.first(), &after.state)
        {
            let row = DutyRow::Last {
                agent: agent.clone(),
                at: after.updated.0,
                until: after.updated.plus_s(sticky_s).0,
            };
            self.put_duty(&duties::last_key(writer), &row)?;
        }
        Ok(())
    }

    /// Forgets what is known of the time of a ticket that is being erased.
    pub(super) fn forget_duties(&mut self, ticket: &Ticket) -> Result<(), StoreError> {
        self.carry(Some(ticket), None)?;
        self.drop_duty(&duties::watch_key(ticket.number))?;
        let writers = ticket.participants.iter();
        writers
            .map(duties::last_key)
            .try_for_each(|key| self.drop_duty(&key))
    }

    /// Counts one thing for the day.
    pub(super) fn tally_one(&mut self, what: Counted, now: Timestamp) -> Result<(), StoreError> {
        self.tally_all("", &[what.name()], now)
    }

    /// Counts a mail for the day: all of them by disposition and intents, a queue's own besides.
    pub(super) fn tally_plan(&mut self, plan: &Plan, now: Timestamp) -> Result<(), StoreError> {
        let kind = match plan.disposition {
            _ if plan.step == Step::Hold => Counted::Held.name(),
            Disposition::Forward => "forward",
            Disposition::Advise | Disposition::Redirect => "answered",
            Disposition::Ignore => "quiet",
        };
        let intent = plan.intents.first().map(|name| format!("i:{name}"));
        let intent = intent.filter(|_| matches!(kind, "forward" | "answered"));
        let mut kinds = vec![kind];
        kinds.extend(intent.as_deref());
        let spent = plan
            .because
            .iter()
            .any(|b| b.stage == "decide" && b.rule == "R13");
        if spent {
            kinds.push(Counted::Budget.name());
        }
        self.tally_all("", &kinds, now)?;
        match plan.queue.as_deref().filter(|q| !q.is_empty()) {
            Some(queue) if kind == "forward" => self.tally_all(queue, &kinds, now),
            _ => Ok(()),
        }
    }

    fn tally_all(&mut self, queue: &str, kinds: &[&str], now: Timestamp) -> Result<(), StoreError> {
        let quarter = Timestamp(now.0.div_euclid(QUARTER_S).saturating_mul(QUARTER_S));
        let key = duties::day_key(quarter, queue);
        let mut counts = match self.duty(&key)? {
            Some(DutyRow::Day { counts, .. }) => counts,
            _ => Vec::new(),
        };
        for kind in kinds {
            let name = cut(kind, KIND_BYTES_MAX);
            if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == name) {
                *count = count.saturating_add(1);
            } else if counts.len() < KINDS_MAX {
                counts.push((name, 1));
            }
        }
        let until = quarter.plus_s(DAYS_KEEP_S).0;
        self.put_duty(&key, &DutyRow::Day { counts, until })
    }
}

/// Whom a ticket waits for, as keys of loads.
fn weighs(ticket: &Ticket) -> Vec<Vec<u8>> {
    let TicketState::WithAgent { agent, .. } = &ticket.state else {
        return Vec::new();
    };
    let mut keys = vec![duties::load_key(agent)];
    keys.extend(ticket.queue.as_deref().map(duties::queue_key));
    keys
}

/// Sums up what was counted from one moment to another: of all, or of one queue. Kinds as [`Counted::name`], and
/// `forward`, `answered`, `quiet`, `i:INTENT`.
pub(super) fn counted(
    engine: &Engine,
    queue: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut sums = BTreeMap::new();
    let range = Range::under(b"n")
        .since(duties::day_key(from, ""))
        .before(duties::day_key(to, ""));
    engine.scan(Tree::Duties, range, |key, value| {
        if duties::day_of(key).is_some_and(|(_, of)| of == queue)
            && let DutyRow::Day { counts, .. } = layout::unseal(key, value)?
        {
            for (kind, count) in counts {
                let sum: &mut u64 = sums.entry(kind).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Ok(true)
    })?;
    Ok(sums)
}

/// Counts the loads anew, by their keys.
pub(super) fn counted_loads(engine: &Engine) -> Result<BTreeMap<Vec<u8>, u64>, StoreError> {
    let mut wanted: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    engine.scan(Tree::Tickets, Range::under(&[]), |key, value| {
        let number = TicketNumber(layout::seq_of(key).unwrap_or_default());
        let ticket = layout::unseal::<TicketRow>(key, value)?.ticket(number);
        let keys = weighs(&ticket);
        if keys.is_empty() || rest::rests(engine, number)? {
            return Ok(true);
        }
        for key in keys {
            *wanted.entry(key).or_default() += 1;
        }
        Ok(true)
    })?;
    Ok(wanted)
}

/// Each load that is not what the tickets say, by its key.
pub(super) fn wrong_loads(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let mut wanted = counted_loads(engine)?;
    let mut wrong = Vec::new();
    engine.scan(Tree::Duties, Range::under(&[]), |key, value| {
        if let DutyRow::Load(load) = layout::unseal(key, value)?
            && wanted.remove(key) != Some(load)
        {
            wrong.push(String::from_utf8_lossy(key).into_owned());
        }
        Ok(true)
    })?;
    wrong.extend(
        wanted
            .keys()
            .map(|key| String::from_utf8_lossy(key).into_owned()),
    );
    Ok(wrong)
}

/// Returns an agent's load.
pub(super) fn load_of(engine: &Engine, agent: &Address) -> Result<u64, StoreError> {
    let row = engine.read::<DutyRow>(&duties::load_key(agent))?;
    Ok(match row {
        Some(DutyRow::Load(load)) => load,
        _ => 0,
    })
}
