//! What people and loops ask the store: tickets, outbox, ledger, cursors, filings, counts.

use std::sync::PoisonError;

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::mailbox::resume::Cursor;
use crate::mailbox::resume::Gate;
use crate::message::id::MessageId;
use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::engine::Moves;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::rows::CursorRow;
use crate::store::layout::rows::EventRow;
use crate::store::layout::rows::FilingRow;
use crate::store::layout::rows::PoisonRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::store::outbox::OutboxId;
use crate::store::sync::SyncCounts;
use crate::store::views::Counts;
use crate::store::views::Order;
use crate::store::views::OutboxView;
use crate::store::views::Stage;
use crate::store::views::ThreadView;
use crate::store::views::TicketKind;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;

/// Of one ticket at most this many events and as many mails are read, the last ones.
pub const TICKET_PARTS_MAX: usize = 500;

impl Store {
    /// Returns how many there are of everything.
    pub fn counts(&self) -> Counts {
        let head = *self
            .inner
            .head
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let [answered, with_agent, agent_answered] = head.states;
        let [waiting, leased, parked, sent, dropped] = head.stages;
        Counts {
            tickets: head.states.iter().sum(),
            answered,
            with_agent,
            agent_answered,
            ledger: head.ledger,
            waiting,
            leased,
            parked,
            sent,
            dropped,
            generation: head.generation,
        }
    }

    /// Returns how many syncs were made since the store was opened.
    pub fn syncs(&self) -> SyncCounts {
        self.inner.engine.syncs.counts()
    }

    /// Returns what tells this store from any other: eight letters and digits, made at its first start and anew when an
    /// operator goes on with an older or emptied store.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// Returns how far a mailbox has been read.
    pub fn cursor(&self, mailbox: &str) -> Result<Option<Cursor>, StoreError> {
        Ok(self
            .inner
            .engine
            .read::<CursorRow>(mailbox.as_bytes())?
            .map(|row| row.cursor()))
    }

    /// Returns which mail of a mailbox is old.
    pub fn gate(&self, mailbox: &str) -> Result<Option<Gate>, StoreError> {
        let row = self.inner.engine.read::<CursorRow>(mailbox.as_bytes())?;
        Ok(row.and_then(|row| row.gate()))
    }

    /// Lists tickets that come after `after` in that order, at most `limit`.
    pub fn tickets(
        &self,
        after: Option<TicketNumber>,
        limit: usize,
        kind: Option<TicketKind>,
        order: Order,
    ) -> Result<Vec<Ticket>, StoreError> {
        let (tree, prefix) = match kind {
            None => (Tree::Tickets, Vec::new()),
            Some(TicketKind::Answered) => (Tree::States, vec![0]),
            Some(TicketKind::WithAgent) => (Tree::States, vec![1]),
            Some(TicketKind::AgentAnswered) => (Tree::States, vec![2]),
        };
        let after = after.map(|n| [prefix.as_slice(), &layout::ticket_key(n)].concat());
        let mut found = Vec::new();
        for number in self.numbers(tree, &prefix, after, limit, order)? {
            let number = TicketNumber(number);
            let row = self
                .inner
                .engine
                .read::<TicketRow>(&layout::ticket_key(number))?;
            found.extend(row.map(|row| row.ticket(number)));
        }
        Ok(found)
    }

    /// Returns a ticket with its last events and mails, oldest first.
    #[expect(
        clippy::type_complexity,
        reason = "three things that are asked for together, and once"
    )]
    pub fn ticket(
        &self,
        number: TicketNumber,
    ) -> Result<Option<(Ticket, Vec<TicketEvent>, Vec<OutboxView>)>, StoreError> {
        let key = layout::ticket_key(number);
        let Some(row) = self.inner.engine.read::<TicketRow>(&key)? else {
            return Ok(None);
        };
        let mut events = Vec::new();
        self.inner.engine.scan(
            Tree::Events,
            Range::under(&key).backwards(),
            |key, value| {
                events.push(layout::unseal::<EventRow>(key, value)?.event());
                Ok(events.len() < TICKET_PARTS_MAX)
            },
        )?;
        events.reverse();
        let mut mails = self.views(self.numbers(
            Tree::Letters,
            &key,
            None,
            TICKET_PARTS_MAX,
            Order::Newest,
        )?)?;
        mails.reverse();
        Ok(Some((row.ticket(number), events, mails)))
    }

    /// Lists outgoing mails, of one stage (by its time) or all (by number), at most `limit`.
    pub fn outbox(
        &self,
        stage: Option<Stage>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<OutboxView>, StoreError> {
        self.views(match stage {
            Some(stage) => self.numbers(Tree::Stages, &[stage.code()], None, limit, order)?,
            None => self.numbers(Tree::Outbox, &[], None, limit, order)?,
        })
    }

    /// Returns outgoing mails by their numbers, as far as they are on record.
    pub fn outgoing(&self, ids: &[OutboxId]) -> Result<Vec<OutboxView>, StoreError> {
        self.views(ids.iter().map(|id| id.0).collect())
    }

    /// Returns the bytes of an outgoing mail, as long as they are kept; the error is a sentence.
    pub fn outgoing_bytes(
        &self,
        id: OutboxId,
    ) -> Result<Option<Result<Vec<u8>, String>>, StoreError> {
        let row = self.inner.engine.read::<OutboxRow>(&id.0.to_be_bytes())?;
        Ok(row.map(|row| self.inner.spool.read(&row.place)))
    }

    /// Returns what a Message-ID belongs to.
    pub fn find_thread(&self, id: &MessageId) -> Result<Option<ThreadView>, StoreError> {
        let row = self.inner.engine.read::<ThreadRow>(&layout::id_key(id))?;
        Ok(row.map(|row| ThreadView {
            ticket: TicketNumber(row.ticket),
            ours: row
                .ours
                .and_then(|(purpose, to)| Some((codes::purpose_of(purpose)?, to))),
        }))
    }

    /// Lists mails that are handled and still to be filed away, at most `limit`, by UID.
    pub fn filings(
        &self,
        mailbox: &str,
        uid_validity: u32,
        limit: usize,
    ) -> Result<Vec<(u32, Filing)>, StoreError> {
        let mut found = Vec::new();
        let range = Range::under(&layout::validity_key(mailbox, uid_validity));
        self.inner.engine.scan(Tree::Filings, range, |key, value| {
            let row = layout::unseal::<FilingRow>(key, value)?;
            let entry = layout::uid_of(key).zip(codes::filing_of(row.0));
            if found.len() < limit {
                found.push(entry.ok_or_else(|| layout::damaged(Tree::Filings, key))?);
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Notes that mails were filed away. Becomes durable with the next commit: filing a mail twice is harmless.
    pub fn filed(&self, mailbox: &str, uid_validity: u32, uids: &[u32]) -> Result<(), StoreError> {
        let prefix = layout::validity_key(mailbox, uid_validity);
        let keys = uids
            .iter()
            .map(|uid| [prefix.as_slice(), &uid.to_be_bytes()].concat());
        let moves: Moves = keys.map(|key| ((Tree::Filings, key), None)).collect();
        let _writer = self.inner.writer();
        if moves.is_empty() {
            Ok(())
        } else {
            self.inner.engine.apply(&moves)
        }
    }

    /// Returns how many tries at a mail ended badly.
    pub fn poison(&self, mail: &MailRef) -> Result<u32, StoreError> {
        Ok(self
            .inner
            .engine
            .read::<PoisonRow>(&layout::mail_key(mail))?
            .map_or(0, |row| row.0))
    }

    /// Counts one more such try, durably; to be called before the try. Returns the count.
    pub fn poisoned(&self, mail: &MailRef) -> Result<u32, StoreError> {
        Ok(self
            .poisoned_all(std::slice::from_ref(mail))?
            .pop()
            .unwrap_or_default())
    }

    /// Counts one more such try for each of these mails, in one commit. Returns the counts.
    pub fn poisoned_all(&self, mails: &[MailRef]) -> Result<Vec<u32>, StoreError> {
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let mut counts = Vec::with_capacity(mails.len());
        for mail in mails {
            let key = layout::mail_key(mail);
            let tries = batch
                .get::<PoisonRow>(&key)?
                .map_or(0, |row| row.0)
                .saturating_add(1);
            batch.put(&key, &PoisonRow(tries))?;
            counts.push(tries);
        }
        batch.keep();
        self.inner.commit(&mut writer, batch)?;
        Ok(counts)
    }

    /// Returns the numbers at the ends of the keys under a prefix.
    pub(super) fn numbers(
        &self,
        tree: Tree,
        prefix: &[u8],
        after: Option<Vec<u8>>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<u64>, StoreError> {
        let mut range = Range::under(prefix);
        range = match (after, order) {
            (Some(after), Order::Newest) => range.before(after),
            (Some(after), Order::Oldest) => range.past(after),
            (None, _) => range,
        };
        if order == Order::Newest {
            range = range.backwards();
        }
        let mut found = Vec::new();
        self.inner.engine.scan(tree, range, |key, value| {
            layout::checked(tree, key, value)?;
            if found.len() < limit {
                found.extend(layout::seq_of(key));
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    fn views(&self, ids: Vec<u64>) -> Result<Vec<OutboxView>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let key = id.to_be_bytes();
            let Some(row) = self.inner.engine.read::<OutboxRow>(&key)? else {
                continue;
            };
            found.push(OutboxView {
                id: OutboxId(id),
                ticket: TicketNumber(row.ticket),
                purpose: codes::purpose_of(row.purpose)
                    .ok_or_else(|| layout::damaged(Tree::Outbox, &key))?,
                to: row.to,
                mailbox: row.mailbox,
                message_id: row.message_id,
                language: row.language,
                deferred: row.deferred,
                bytes: row.place.length,
                created: Timestamp(row.created),
                delivery: row.state.delivery(),
            });
        }
        Ok(found)
    }
}
