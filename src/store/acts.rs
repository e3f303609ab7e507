//! What agents did on tickets: closed them, answered, ordered; and whom no automatic reply goes to because of it.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::Away;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::batch::event;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::acts::ActRow;
use crate::store::layout::acts::TicketActs;
use crate::store::layout::acts::muted;
use crate::store::layout::acts::relabel_key;
use crate::store::layout::acts::ticket_acts;
use crate::store::layout::finds;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::rows;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::TicketRow;
use crate::store::outbox::OutboxId;
use crate::store::outbox::shift;
use crate::triage::closing::Turn;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Event;
use crate::triage::delivery::Purpose;
use crate::triage::relay::Acts;
use crate::triage::relay::Deeds;
use crate::triage::relay::Fate;
use crate::triage::relay::Relayed;
use crate::triage::thread;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;

/// Answers of a ticket that are remembered as such; a record has its limit.
const RELAYS_MAX: usize = 8;
/// The person's mails of a ticket that are looked at for their ids.
const MAILS_MAX: usize = 200;
/// Tickets of which the person's mails are looked for: those that are proved come first.
const HEARD_TICKETS_MAX: usize = 4;
/// Ids of the person's mails that an answer names.
const HEARD_MAX: usize = 20;

/// How a ticket stands beyond its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Since when it is closed.
    pub closed: Option<Timestamp>,
    /// How often an answer opened it again.
    pub reopened: u32,
    /// It was closed as spam.
    pub spam: bool,
    /// Since when the person is not reached.
    pub unreached: Option<Timestamp>,
}

impl Group<'_> {
    /// Returns what agents did on these tickets.
    pub(super) fn recall_acts(&self, tickets: &[Ticket]) -> Result<Vec<Acts>, StoreError> {
        let numbered = tickets.iter().enumerate();
        numbered
            .map(|(at, ticket)| self.acts(ticket, at < HEARD_TICKETS_MAX))
            .collect()
    }

    /// Returns whether no automatic reply goes to an address.
    pub(super) fn is_muted(&self, sender: Option<&Address>) -> Result<bool, StoreError> {
        let Some(sender) = sender else {
            return Ok(false);
        };
        Ok(self.batch.get::<ActRow>(&muted(sender))?.is_some())
    }

    pub(super) fn acts(&self, ticket: &Ticket, heard: bool) -> Result<Acts, StoreError> {
        let row = row(&self.batch, ticket.number)?;
        let mut relays = Vec::new();
        for (seq, agent, waited) in &row.relays {
            let letter = self.batch.get::<OutboxRow>(&seq.to_be_bytes())?;
            let fate = match letter.map(|row| row.state.delivery()) {
                Some(Delivery::Waiting { attempts: 0, .. }) => Fate::Waits,
                Some(Delivery::Waiting { .. } | Delivery::Parked { .. }) => Fate::WaitsAgain,
                _ => Fate::Beyond,
            };
            relays.push(Relayed {
                seq: *seq,
                agent: agent.clone(),
                fate,
                waited: *waited,
            });
        }
        Ok(Acts {
            ticket: ticket.number,
            closing: row.closing(),
            spam: row.spam.is_some(),
            unreached: row.unreached.map(Timestamp),
            relays,
            heard: if heard {
                self.heard(ticket)?
            } else {
                Vec::new()
            },
        })
    }

    /// The ids of the person's mails on a ticket, oldest first.
    fn heard(&self, ticket: &Ticket) -> Result<Vec<MessageId>, StoreError> {
        let mut places = Vec::new();
        let range = Range::under(&finds::of_ticket(ticket.number)).backwards();
        self.store.engine.scan(Tree::Finds, range, |key, _| {
            places.extend(finds::place_of(key));
            Ok(places.len() < MAILS_MAX)
        })?;
        let mut heard: Vec<MessageId> = Vec::new();
        for (_, number) in places.into_iter().rev() {
            let Some(ArrivalRow(key)) = self.batch.get(&number.to_be_bytes())? else {
                continue;
            };
            let row = self.batch.get::<LedgerRow>(&key)?;
            if let Some(LedgerEnd::Handled {
                sender: Some(sender),
                message_id: Some(id),
                ..
            }) = row.map(|row| row.end)
                && thread::belongs(&sender, ticket)
                && !heard.contains(&id)
            {
                heard.push(id);
            }
        }
        let surplus = heard.len().saturating_sub(HEARD_MAX);
        heard.drain(..surplus);
        Ok(heard)
    }

    /// Does what an agent's mail has done besides its ticket's step, and remembers the answers among its letters: their
    /// numbers begin at `first`.
    pub(super) fn enact(
        &mut self,
        number: TicketNumber,
        deeds: &Deeds,
        letters: &[(u64, Purpose)],
        by: &str,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if *deeds == Deeds::default() {
            return Ok(());
        }
        self.resting(number, now, |group| {
            group.act(number, deeds, letters, by, now)
        })?;
        if let Some(until) = deeds.snooze
            && !self.snooze(number, until, by, now)?
        {
            let note = event(now, "snoozed", "not done: nobody has the case".to_owned());
            self.batch.note(number, &[note])?;
        }
        if let Some((agent, back)) = &deeds.away {
            self.batch.send_away(&Away {
                agent: agent.clone(),
                back: *back,
                said: now,
                by: by.to_owned(),
            })?;
        }
        Ok(())
    }

    fn act(
        &mut self,
        number: TicketNumber,
        deeds: &Deeds,
        letters: &[(u64, Purpose)],
        by: &str,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        for seq in &deeds.cancel {
            let found = self.batch.get::<OutboxRow>(&seq.to_be_bytes())?;
            let row = found.ok_or(CommitError::Stale)?;
            // What was settled meanwhile is not stopped any more: the agent would be told a lie.
            if matches!(
                row.state.delivery(),
                Delivery::Sent { .. } | Delivery::Dropped { .. }
            ) {
                return Err(CommitError::Stale);
            }
            let (state, _) = shift(&mut self.batch, OutboxId(*seq), row, Event::Drop, now)?;
            if !matches!(state, Delivery::Dropped { .. }) {
                return Err(CommitError::Stale);
            }
        }
        let mut acts = row(&self.batch, number)?;
        acts.relays.retain(|(seq, ..)| !deeds.cancel.contains(seq));
        if let Some(relaying) = &deeds.relay {
            let relays = letters.iter().filter(|(_, p)| *p == Purpose::Relay);
            acts.relays
                .extend(relays.map(|(seq, _)| (*seq, relaying.agent.clone(), relaying.waited)));
            let surplus = acts.relays.len().saturating_sub(RELAYS_MAX);
            acts.relays.drain(..surplus);
        }
        match deeds.closed {
            Some(Turn::Close) => acts.close(&acts.closing().close(by, now)),
            // An answer opens the case again; whom an agent silenced stays so until somebody of the desk says otherwise.
            Some(Turn::Answer) => acts.close(&acts.closing().reopen(true)),
            Some(Turn::Open) => {
                acts.close(&acts.closing().reopen(false));
                if let Some(key) = acts.spam.take() {
                    unmute(&mut self.batch, &key, number)?;
                }
            }
            None => {}
        }
        if let Some(address) = &deeds.mute {
            let key = muted(address);
            let (ticket, since) = (number.0, now.0);
            self.batch.put(&key, &ActRow::Muted { ticket, since })?;
            acts.spam = Some(key);
        }
        if let Some(unreached) = deeds.unreached {
            acts.unreached = unreached.then_some(now.0);
        }
        if let Some(intents) = &deeds.relabel {
            acts.relabel = Some(rows::cut_intents(intents));
            self.batch.put(&relabel_key(number), &ActRow::Relabel)?;
        }
        let notes: Vec<_> = deeds
            .notes
            .iter()
            .map(|(kind, note)| event(now, kind, rows::cut(note, rows::NOTE_BYTES_MAX)))
            .collect();
        self.batch.note(number, &notes)?;
        self.batch
            .put(&ticket_acts(number), &ActRow::Ticket(acts))?;
        Ok(())
    }
}

impl Store {
    /// Returns what agents did on a ticket; none if there is no such ticket.
    pub fn acts(&self, number: TicketNumber) -> Result<Option<Acts>, StoreError> {
        let group = self.group();
        let found = group.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        found
            .map(|row| group.acts(&row.ticket(number), true))
            .transpose()
    }

    /// Closes a ticket, or opens it again. Returns whether that changed anything; none if there is no such ticket.
    pub fn close_ticket(
        &self,
        number: TicketNumber,
        close: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let mut group = self.group();
        let found = group.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        if found.is_none() {
            return Ok(None);
        }
        if row(&group.batch, number)?.closed.is_some() == close {
            return Ok(Some(false));
        }
        let kind = if close { "closed" } else { "reopened" };
        let deeds = Deeds {
            closed: Some(if close { Turn::Close } else { Turn::Open }),
            notes: vec![(kind, format!("by {by}"))],
            ..Deeds::default()
        };
        let done = group.kept(|group| group.enact(number, &deeds, &[], by, now));
        done.map_err(into_storage)?;
        group.commit()?;
        Ok(Some(true))
    }

    /// Returns how a ticket stands beyond its state.
    pub fn marks(&self, number: TicketNumber) -> Result<Marks, StoreError> {
        let found = self.inner.engine.read::<ActRow>(&ticket_acts(number))?;
        Ok(match found {
            Some(ActRow::Ticket(acts)) => Marks {
                closed: acts.closed.map(Timestamp),
                reopened: acts.reopened,
                spam: acts.spam.is_some(),
                unreached: acts.unreached.map(Timestamp),
            },
            _ => Marks::default(),
        })
    }

    /// Returns tickets whose mails are to be kept as examples, with what they really wanted: a piece of them, after that
    /// number.
    pub fn relabels_due(
        &self,
        after: Option<TicketNumber>,
        limit: usize,
    ) -> Result<Vec<(TicketNumber, Vec<String>)>, StoreError> {
        let mut range = Range::under(b"r");
        if let Some(after) = after {
            range = range.past(relabel_key(after));
        }
        let (engine, mut due) = (&self.inner.engine, Vec::new());
        engine.scan(Tree::Acts, range, |key, _| {
            let Some(number) = layout::seq_of(key).map(TicketNumber) else {
                return Ok(true);
            };
            if let Some(ActRow::Ticket(acts)) = engine.read::<ActRow>(&ticket_acts(number))? {
                due.push((number, acts.relabel.unwrap_or_default()));
            }
            Ok(due.len() < limit)
        })?;
        Ok(due)
    }

    /// Says that a ticket's mail was kept as an example, or cannot be.
    pub fn relabel_settled(
        &self,
        number: TicketNumber,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut group = self.group();
        let mut acts = row(&group.batch, number)?;
        if acts.relabel.take().is_none() {
            return Ok(());
        }
        group.kept(|group| {
            if !why.is_empty() {
                let note = rows::cut(why, rows::NOTE_BYTES_MAX);
                group.batch.note(number, &[event(now, "relabel", note)])?;
            }
            group.batch.remove(Tree::Acts, &relabel_key(number));
            let key = ticket_acts(number);
            group.batch.put(&key, &ActRow::Ticket(acts))
        })?;
        group.commit()
    }
}

/// The record of a ticket; empty when there is none.
pub(super) fn row(batch: &Batch<'_>, number: TicketNumber) -> Result<TicketActs, StoreError> {
    Ok(match batch.get::<ActRow>(&ticket_acts(number))? {
        Some(ActRow::Ticket(acts)) => acts,
        _ => TicketActs::default(),
    })
}

/// Lets an address be answered again, unless another ticket silenced it since.
fn unmute(batch: &mut Batch<'_>, key: &[u8], by: TicketNumber) -> Result<(), StoreError> {
    if let Some(ActRow::Muted { ticket, .. }) = batch.get::<ActRow>(key)?
        && ticket == by.0
    {
        batch.remove(Tree::Acts, key);
    }
    Ok(())
}

/// Removes what agents did on a ticket, and what it silenced.
pub(super) fn erase(batch: &mut Batch<'_>, number: TicketNumber) -> Result<(), StoreError> {
    let key = ticket_acts(number);
    if let Some(key) = row(batch, number)?.spam {
        unmute(batch, &key, number)?;
    }
    for key in [key, relabel_key(number)] {
        if batch.get::<ActRow>(&key)?.is_some() {
            batch.remove(Tree::Acts, &key);
        }
    }
    Ok(())
}

/// Whether a ticket is there that a record of `acts` belongs to.
pub(super) fn belongs(engine: &Engine, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
    let Some(number) = ticket_of(key, value) else {
        return Err(layout::damaged(Tree::Acts, key));
    };
    Ok(engine.get(Tree::Tickets, &number.to_be_bytes())?.is_some())
}

/// The ticket that a record belongs to.
pub(super) fn ticket_of(key: &[u8], value: &[u8]) -> Option<u64> {
    match layout::unseal::<ActRow>(key, value).ok()? {
        ActRow::Ticket(_) | ActRow::Relabel => layout::seq_of(key),
        ActRow::Muted { ticket, .. } => Some(ticket),
    }
}

pub(super) fn into_storage(error: CommitError) -> StoreError {
    match error {
        CommitError::Storage(error) => error,
        other => StoreError::Broken(other.to_string()),
    }
}
