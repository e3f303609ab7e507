//! What falls due: taken from `agenda` in the order of time, each firing in the commit that writes its mails.
//!
//! # Decisions
//! - A firing is one transaction: the record moves on or goes, and the mails are in the outbox. Cut off before it, all of
//!   it comes again; cut off after it, nothing does.
//! - Times are the desk's (`clock::desk`): a wall clock that is set fires nothing early, late or twice.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::commit::Group;
use crate::store::duties::counted;
use crate::store::duties::load_of;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::rows::TicketRow;
use crate::store::outbox::OutboxId;
use crate::store::rest;
use crate::triage::agenda::Stage;
use crate::triage::agenda::Watch;
use crate::triage::hours::Day;
use crate::triage::roster::DUE_MAILS_HOUR;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

use std::collections::BTreeMap;

/// Seconds in which mails to one recipient are counted.
const HOUR_S: i64 = 3_600;
/// The state of tickets that wait for an agent, in keys of `states`.
const WITH_AGENT: u8 = 1;

/// Something that fell due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallen {
    /// About a ticket.
    Ticket(Watch, Box<Ticket>),
    /// A queue's digest, and the day of the last one.
    Digest(String, Option<Day>),
    /// An agent's answer that was parked.
    Unsent(OutboxId),
}

impl Group<'_> {
    /// Takes what is due, at most so many, the longest due first. What only ended (an absence, an old count) is removed
    /// on the way. A second call sees the same again: it looks at what is committed.
    pub fn due(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Fallen>, StoreError> {
        let mut keys = Vec::new();
        let until = layout::time_key(now.plus_s(1)).to_vec();
        let range = Range::under(&[]).before(until);
        self.store.engine.scan(Tree::Agenda, range, |key, value| {
            layout::checked(Tree::Agenda, key, value)?;
            keys.extend(duties::agenda_of(key).map(|(_, duty)| duty.to_vec()));
            Ok(keys.len() < limit)
        })?;
        let mut fallen = Vec::new();
        for key in keys {
            match self.batch.duty(&key)? {
                Some(DutyRow::Digest { last, .. }) => {
                    let queue = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
                    fallen.push(Fallen::Digest(
                        queue.into_owned(),
                        last.and_then(Day::of_number),
                    ));
                }
                Some(DutyRow::Unsent { .. }) => {
                    fallen.extend(duties::unsent_of(&key).map(|seq| Fallen::Unsent(OutboxId(seq))));
                }
                Some(row @ DutyRow::Watch { .. }) => match self.watched(&key, row)? {
                    Some(found) => fallen.push(found),
                    None => self.kept(|group| group.batch.drop_duty(&key))?,
                },
                _ => self.kept(|group| group.batch.drop_duty(&key))?,
            }
        }
        Ok(fallen)
    }

    fn watched(&self, key: &[u8], row: DutyRow) -> Result<Option<Fallen>, StoreError> {
        let (Some(number), Some(watch)) = (duties::ticket_of(key), row.watch()) else {
            return Err(layout::damaged(Tree::Duties, key));
        };
        if self.batch.rests(number)? {
            return Ok(None);
        }
        let ticket = self.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        Ok(ticket.map(|row| Fallen::Ticket(watch, Box::new(row.ticket(number)))))
    }

    /// Says what is waited for about a ticket from now on; none: for nothing, and nothing is on record.
    pub fn watch(&mut self, number: TicketNumber, watch: Option<&Watch>) -> Result<(), StoreError> {
        let key = duties::watch_key(number);
        self.kept(|group| match watch {
            Some(watch) => group.batch.put_duty(&key, &DutyRow::of_watch(watch)),
            None => group.batch.drop_duty(&key),
        })
    }

    /// As [`Store::snooze`], with what else this group does. False: no agent has the ticket, or it is done with.
    pub(super) fn snooze(
        &mut self,
        number: TicketNumber,
        until: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = self.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        let state = row.map(|row| row.ticket(number).state);
        let (
            Some(TicketState::WithAgent { agent, .. } | TicketState::AgentAnswered { agent, .. }),
            false,
        ) = (state, self.batch.rests(number)?)
        else {
            return Ok(false);
        };
        let watch = Watch {
            stage: Stage::Snoozed,
            due: Some(until),
            agent,
            since: now,
        };
        let key = duties::watch_key(number);
        self.batch.put_duty(&key, &DutyRow::of_watch(&watch))?;
        let hours = until.since_s(now).max(0) / HOUR_S;
        let note = TicketEvent {
            at: now,
            kind: "snoozed".to_owned(),
            note: format!("by {by}, for {} days and {} hours", hours / 24, hours % 24),
        };
        self.batch.note(number, &[note])?;
        Ok(true)
    }

    /// Notes on a ticket what fell due.
    pub fn note(&mut self, number: TicketNumber, event: TicketEvent) -> Result<(), StoreError> {
        self.kept(|group| group.batch.note(number, &[event]))
    }

    /// Returns when somebody may get the next mail about what fell due: none: now. Those got are counted by
    /// [`Group::count_due_mail`].
    pub fn due_mail_at(
        &self,
        to: &Address,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let marks = self.marks(to, now)?;
        let nth = marks.len().checked_sub(DUE_MAILS_HOUR);
        let free = nth.and_then(|nth| marks.get(nth));
        Ok(free.map(|at| Timestamp(*at).plus_s(HOUR_S)))
    }

    /// Counts one such mail.
    pub fn count_due_mail(&mut self, to: &Address, now: Timestamp) -> Result<(), StoreError> {
        let mut marks = self.marks(to, now)?;
        marks.push(now.0);
        let until = now.plus_s(HOUR_S).0;
        let key = duties::cap_key(to);
        self.kept(|group| group.batch.put_duty(&key, &DutyRow::Cap { marks, until }))
    }

    fn marks(&self, to: &Address, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let row = self.batch.duty(&duties::cap_key(to))?;
        let Some(DutyRow::Cap { mut marks, .. }) = row else {
            return Ok(Vec::new());
        };
        marks.retain(|at| (0..HOUR_S).contains(&now.since_s(Timestamp(*at))));
        Ok(marks)
    }

    /// Says that a queue's digest of that day is written, and when the next is due; none: never.
    pub fn digested(
        &mut self,
        queue: &str,
        day: Option<Day>,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let key = duties::digest_key(queue);
        let last = day.map(Day::number);
        self.kept(|group| match next {
            Some(next) => group
                .batch
                .put_duty(&key, &DutyRow::Digest { due: next.0, last }),
            None => group.batch.drop_duty(&key),
        })
    }
}

impl Store {
    /// Returns when something falls due next.
    pub fn next_agenda(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        self.inner
            .engine
            .scan(Tree::Agenda, Range::under(&[]), |key, _| {
                next = duties::agenda_of(key).map(|(at, _)| at);
                Ok(false)
            })?;
        Ok(next)
    }

    /// Has digests fall due for these queues and for no other. One that is awaited already keeps its time, unless the one
    /// given is earlier: so a late one is not lost by a restart.
    pub fn plan_digests(&self, wanted: &[(String, Timestamp)]) -> Result<(), StoreError> {
        let mut writer = self.inner.writer();
        let mut known = BTreeMap::new();
        self.inner
            .engine
            .scan(Tree::Duties, Range::under(b"d"), |key, value| {
                known.insert(key.to_vec(), layout::unseal::<DutyRow>(key, value)?);
                Ok(true)
            })?;
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        for (queue, due) in wanted {
            let key = duties::digest_key(queue);
            let (before, last) = match known.remove(&key) {
                Some(DutyRow::Digest { due, last }) => (Some(due), last),
                _ => (None, None),
            };
            if before.is_none_or(|before| due.0 < before) {
                batch.put_duty(&key, &DutyRow::Digest { due: due.0, last })?;
            }
        }
        for key in known.keys() {
            batch.drop_duty(key)?;
        }
        batch.keep();
        self.inner.commit(&mut writer, batch)
    }

    /// Has tickets watched that wait for an agent since before their queue was: a piece of them, after that number.
    /// Returns the last one of the piece; none when there are no more.
    pub fn adopt(
        &self,
        after: Option<TicketNumber>,
        now: Timestamp,
    ) -> Result<Option<TicketNumber>, StoreError> {
        let roster = self.inner.roster();
        let piece = self.inner.options.piece.max(1);
        let mut writer = self.inner.writer();
        let mut range = Range::under(&[WITH_AGENT]);
        if let Some(after) = after {
            range = range.past(layout::state_key(WITH_AGENT, after));
        }
        let mut numbers = Vec::new();
        self.inner.engine.scan(Tree::States, range, |key, _| {
            numbers.extend(layout::seq_of(key).map(TicketNumber));
            Ok(numbers.len() < piece)
        })?;
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        for number in &numbers {
            let key = duties::watch_key(*number);
            let row = batch.get::<TicketRow>(&layout::ticket_key(*number))?;
            let Some(ticket) = row.map(|row| row.ticket(*number)) else {
                continue;
            };
            let queue = ticket.queue.as_deref().unwrap_or_default();
            if let TicketState::WithAgent { agent, since } = &ticket.state
                && roster.watches(queue)
                && !batch.rests(*number)?
                && batch.duty(&key)?.is_none()
            {
                let watch = Watch::fresh(agent, *since, now);
                batch.put_duty(&key, &DutyRow::of_watch(&watch))?;
            }
        }
        batch.keep();
        self.inner.commit(&mut writer, batch)?;
        Ok(numbers.pop().filter(|_| numbers.len() + 1 == piece))
    }

    /// Has a ticket rest until that moment: its agent is reminded of nothing before, and told when it comes. None when
    /// there is no such ticket, false when no agent has it.
    pub fn snooze(
        &self,
        number: TicketNumber,
        until: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let mut group = self.group();
        let key = layout::ticket_key(number);
        if group.batch.get::<TicketRow>(&key)?.is_none() {
            return Ok(None);
        }
        let mut done = false;
        group.kept(|group| {
            done = group.snooze(number, until, by, now)?;
            Ok::<(), StoreError>(())
        })?;
        group.commit()?;
        Ok(Some(done))
    }

    /// Returns what is waited for about a ticket.
    pub fn watch_of(&self, number: TicketNumber) -> Result<Option<Watch>, StoreError> {
        let row = self
            .inner
            .engine
            .read::<DutyRow>(&duties::watch_key(number))?;
        Ok(row.and_then(DutyRow::watch))
    }

    /// Returns how many tickets wait for an agent.
    pub fn load(&self, agent: &Address) -> Result<u64, StoreError> {
        load_of(&self.inner.engine, agent)
    }

    /// Returns how many tickets wait in each queue.
    pub fn queue_loads(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut found = BTreeMap::new();
        self.inner
            .engine
            .scan(Tree::Duties, Range::under(b"q"), |key, value| {
                if let DutyRow::Load(load) = layout::unseal(key, value)? {
                    let queue = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
                    found.insert(queue.into_owned(), load);
                }
                Ok(true)
            })?;
        Ok(found)
    }

    /// Returns tickets that wait for an agent, of one queue, by their numbers, at most `limit` of them, `looks` looked at.
    pub fn waiting_in(
        &self,
        queue: &str,
        limit: usize,
        looks: usize,
    ) -> Result<Vec<Ticket>, StoreError> {
        let engine = &self.inner.engine;
        let (mut found, mut looked) = (Vec::new(), 0);
        engine.scan(Tree::States, Range::under(&[WITH_AGENT]), |key, _| {
            looked += 1;
            if let Some(number) = layout::seq_of(key).map(TicketNumber)
                && !rest::rests(engine, number)?
                && let Some(row) = engine.read::<TicketRow>(&layout::ticket_key(number))?
            {
                let ticket = row.ticket(number);
                if ticket.queue.as_deref() == Some(queue) {
                    found.push(ticket);
                }
            }
            Ok(found.len() < limit && looked < looks)
        })?;
        Ok(found)
    }

    /// Sums up what was counted from one moment to another, of all mails, or of one queue's; kinds by name.
    pub fn counted(
        &self,
        queue: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        counted(&self.inner.engine, queue, from, to)
    }
}
