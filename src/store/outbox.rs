//! The outbox: lease and settle, and what is left when a process dies between the two.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::Inner;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::batch::count;
use crate::store::batch::event;
use crate::store::dead;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::finds;
use crate::store::layout::letters::DeliveryRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::rows;
use crate::store::layout::rows::DueRow;
use crate::store::layout::rows::TicketRow;
use crate::store::stop;
use crate::store::views::Stage;
use crate::triage::delivery;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Event;
use crate::triage::delivery::Outcome;
use crate::triage::delivery::Purpose;
use crate::triage::ticket::TicketNumber;

/// An outgoing mail's number: rises, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(pub u64);

/// A mail taken from the outbox, to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Its number.
    pub id: OutboxId,
    /// Why it leaves.
    pub purpose: Purpose,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// Envelope sender; none: null.
    pub envelope_from: Option<Address>,
    /// The one recipient.
    pub to: Address,
    /// The mailbox through whose SMTP server it goes.
    pub mailbox: String,
    /// Its Message-ID.
    pub message_id: MessageId,
    /// Tries begun, this one included.
    pub attempts: u32,
    /// The message.
    pub bytes: Vec<u8>,
}

/// An outgoing mail that was moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its number.
    pub id: OutboxId,
    /// Why it leaves.
    pub purpose: Purpose,
    /// Its ticket.
    pub ticket: TicketNumber,
    /// The one recipient.
    pub to: Address,
    /// What the server said when it was deferred last.
    pub deferred: String,
    /// Where it stands now.
    pub state: Delivery,
}

/// What a start found leased by a process that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Mails that go again.
    pub again: u64,
    /// Mails that are parked in doubt.
    pub parked: u64,
}

impl Store {
    /// Records how sendings ended, all in one commit; returns where the mails stand then.
    pub fn settle(
        &self,
        ends: &[(OutboxId, Outcome)],
        now: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let events = ends
            .iter()
            .map(|(id, outcome)| (*id, Event::Ended(outcome.clone())));
        self.shift_all(events, now)
    }

    /// Gives leased mails back for which no connection was opened (a stop, a server out of reach): they are due at
    /// once. `why` is noted on them for people, unless it is empty.
    pub fn release(&self, ids: &[OutboxId], why: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        for id in ids {
            if let Some(mut row) = batch.get::<OutboxRow>(&id.0.to_be_bytes())? {
                if !why.is_empty() {
                    row.deferred = rows::cut(why, rows::NOTE_BYTES_MAX);
                }
                shift(&mut batch, *id, row, Event::NotTried, now)?;
                batch.keep();
            }
        }
        self.inner.commit(&mut writer, batch)
    }

    /// Sends a parked mail again, or a waiting one at once. Returns where it stands then; none if there is no such mail.
    pub fn resend(&self, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>, StoreError> {
        Ok(self
            .shift_all([(id, Event::Resend)], now)?
            .pop()
            .map(|s| s.state))
    }

    /// Gives a waiting or parked mail up. Returns where it stands then; none if there is no such mail.
    pub fn give_up(&self, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>, StoreError> {
        Ok(self
            .shift_all([(id, Event::Drop)], now)?
            .pop()
            .map(|s| s.state))
    }

    /// Decides about mails that somebody now gone had leased (a process, or loops that were cut off). To be called before
    /// the first `lease` of those who come after.
    pub fn recover(&self, now: Timestamp) -> Result<Recovered, StoreError> {
        let mut recovered = Recovered::default();
        loop {
            let left = self.inner.stage(Stage::Leased, None, 256)?;
            if left.is_empty() {
                return Ok(recovered);
            }
            let states = self.shift_all(left.into_iter().map(|id| (id, Event::Recover)), now)?;
            if states.is_empty() {
                // Entries without records: the check at the start would have refused them.
                return Ok(recovered);
            }
            for state in states {
                match state.state {
                    Delivery::Parked { .. } => recovered.parked += 1,
                    _ => recovered.again += 1,
                }
            }
        }
    }

    /// Forgets what is old: settled mails, mails parked too long, budgets out of every window. Does a bounded piece of
    /// work; returns whether there is more.
    pub fn tidy(&self, now: Timestamp) -> Result<bool, StoreError> {
        const PIECE: usize = 500;
        let options = &self.inner.options;
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let parked = self.inner.stage(
            Stage::Parked,
            Some(now.plus_s(-options.parked_keep_s)),
            PIECE,
        )?;
        let mut more = parked.len() == PIECE;
        for id in parked {
            if let Some(row) = batch.get::<OutboxRow>(&id.0.to_be_bytes())? {
                shift(&mut batch, id, row, Event::Drop, now)?;
                batch.keep();
            }
        }
        let before = now.plus_s(-options.settled_keep_s);
        for stage in [Stage::Sent, Stage::Dropped] {
            let old = self.inner.stage(stage, Some(before), PIECE)?;
            more |= old.len() == PIECE;
            for id in old {
                forget(&mut batch, id)?;
            }
        }
        more |= Self::tidy_held(&self.inner.engine, &mut batch, before, PIECE)?;
        let mut expired = Vec::new();
        let range = Range::under(&[]).before(layout::time_key(now).to_vec());
        self.inner.engine.scan(Tree::Expiry, range, |key, _| {
            expired.push(key.to_vec());
            Ok(expired.len() < PIECE)
        })?;
        more |= expired.len() == PIECE;
        for key in expired {
            batch.remove(Tree::Budgets, key.get(8..).unwrap_or_default());
            batch.remove(Tree::Expiry, &key);
        }
        let dead = dead::old(&self.inner, PIECE, now)?;
        more |= dead.len() == PIECE;
        for key in dead {
            batch.remove(Tree::Dead, &key);
        }
        batch.keep();
        self.inner.commit(&mut writer, batch)?;
        Ok(more)
    }

    /// Moves mails on, all in one commit; returns where they stand then. Ids that are not there are passed over.
    fn shift_all(
        &self,
        events: impl IntoIterator<Item = (OutboxId, Event)>,
        now: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let mut states = Vec::new();
        for (id, event) in events {
            if let Some(row) = batch.get::<OutboxRow>(&id.0.to_be_bytes())? {
                let (state, row) = shift(&mut batch, id, row, event, now)?;
                states.push(settled(id, row, state)?);
                batch.keep();
            }
        }
        self.inner.commit(&mut writer, batch)?;
        Ok(states)
    }
}

impl Inner {
    /// Returns the mails of a stage, oldest first; only those whose time is at most `until`.
    fn stage(
        &self,
        stage: Stage,
        until: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<OutboxId>, StoreError> {
        let mut range = Range::under(&[stage.code()]);
        if let Some(until) = until {
            range = range.before(layout::stage_key(stage.code(), until.plus_s(1), 0));
        }
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.engine.scan(Tree::Stages, range, |key, value| {
            layout::unseal::<StageRow>(key, value)?;
            found.extend(layout::seq_of(key).map(OutboxId));
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }
}

/// A mail as those are told who moved it on.
pub(super) fn settled(
    id: OutboxId,
    row: OutboxRow,
    state: Delivery,
) -> Result<Settled, StoreError> {
    let purpose = codes::purpose_of(row.purpose);
    Ok(Settled {
        id,
        purpose: purpose.ok_or_else(|| layout::damaged(Tree::Outbox, &id.0.to_be_bytes()))?,
        ticket: TicketNumber(row.ticket),
        to: row.to,
        deferred: row.deferred,
        state,
    })
}

pub(super) fn hand_out(
    id: OutboxId,
    row: OutboxRow,
    attempts: u32,
    bytes: Vec<u8>,
) -> Result<Leased, StoreError> {
    let purpose = codes::purpose_of(row.purpose);
    Ok(Leased {
        id,
        purpose: purpose.ok_or_else(|| layout::damaged(Tree::Outbox, &id.0.to_be_bytes()))?,
        ticket: TicketNumber(row.ticket),
        envelope_from: row.envelope_from,
        to: row.to,
        mailbox: row.mailbox,
        message_id: row.message_id,
        attempts,
        bytes,
    })
}

/// Moves one mail on, with everything that hangs on its state: indexes, counts, ticket, spool.
pub(super) fn shift(
    batch: &mut Batch<'_>,
    id: OutboxId,
    mut row: OutboxRow,
    event: Event,
    now: Timestamp,
) -> Result<(Delivery, OutboxRow), StoreError> {
    let key = id.0.to_be_bytes();
    let purpose =
        codes::purpose_of(row.purpose).ok_or_else(|| layout::damaged(Tree::Outbox, &key))?;
    let before = row.state.delivery();
    let asked_again = event == Event::Resend;
    if let Event::Ended(Outcome::Deferred(said) | Outcome::Unknown(said)) = &event {
        row.deferred = rows::cut(said, rows::NOTE_BYTES_MAX);
    }
    dead::refused(batch, &row, &event, now)?;
    let counted_from = Timestamp(row.counted_from);
    let jitter = crc32fast::hash(&[key, now.0.to_be_bytes()].concat());
    let state = delivery::step(
        before.clone(),
        event,
        purpose.guarantee(),
        counted_from,
        now,
        jitter,
    );
    if state == before {
        return Ok((state, row));
    }
    if asked_again {
        row.counted_from = now.0;
    }
    row.state = DeliveryRow::of(&state);
    batch.put(&key, &row)?;
    let (old, old_at) = Stage::of(&before);
    let (new, new_at) = Stage::of(&state);
    batch.remove(Tree::Stages, &layout::stage_key(old.code(), old_at, id.0));
    batch.put(
        &layout::stage_key(new.code(), new_at, id.0),
        &StageRow(row.place.file),
    )?;
    if old == Stage::Waiting {
        batch.remove(Tree::Due, &layout::due_key(&row.mailbox, old_at, id.0));
    }
    if new == Stage::Waiting {
        batch.put(&layout::due_key(&row.mailbox, new_at, id.0), &DueRow)?;
    }
    count(&mut batch.head.stages, old.code(), -1);
    count(&mut batch.head.stages, new.code(), 1);
    if new == Stage::Parked {
        stop::parked(batch, id, purpose, now)?;
    }
    if matches!(new, Stage::Sent | Stage::Dropped) {
        batch.settled.push(row.place.file);
    }
    let to = String::from(row.to.clone());
    let noted = match &state {
        Delivery::Sent { said, .. } => Some(event_of(now, "sent", purpose, &to, said)),
        Delivery::Parked { why, .. } => Some(event_of(now, "parked", purpose, &to, why)),
        Delivery::Dropped { .. } => Some(event_of(now, "dropped", purpose, &to, "given up")),
        Delivery::Waiting { .. } | Delivery::Leased { .. } => None,
    };
    if let Some(noted) = noted {
        batch.note(TicketNumber(row.ticket), &[noted])?;
    }
    Ok((state, row))
}

fn event_of(
    now: Timestamp,
    kind: &str,
    purpose: Purpose,
    to: &str,
    what: &str,
) -> crate::triage::ticket::TicketEvent {
    let purpose = match purpose {
        Purpose::Reply => "reply",
        Purpose::Forward => "forward",
        Purpose::Relay => "relay",
        Purpose::Verify => "verify",
        Purpose::Notice => "notice",
    };
    event(now, kind, format!("{purpose} to {to}: {what}"))
}

/// Removes a settled mail's record; the ticket's events still tell of it. The id of a mail that has no ticket, such as a
/// notice, leads nowhere and goes as well.
pub(super) fn forget(batch: &mut Batch<'_>, id: OutboxId) -> Result<(), StoreError> {
    let key = id.0.to_be_bytes();
    let Some(row) = batch.get::<OutboxRow>(&key)? else {
        return Ok(());
    };
    let number = TicketNumber(row.ticket);
    let (stage, at) = Stage::of(&row.state.delivery());
    batch.remove(Tree::Stages, &layout::stage_key(stage.code(), at, id.0));
    batch.remove(Tree::Letters, &layout::under_ticket(number, id.0));
    batch.remove(Tree::Outbox, &key);
    let ticket = batch.get::<TicketRow>(&layout::ticket_key(number))?;
    if ticket.is_none() {
        let thread = layout::id_key(&row.message_id);
        batch.remove(Tree::Threads, &thread);
        batch.unpoint(&finds::thread_of(number, &thread))?;
    }
    Ok(())
}
