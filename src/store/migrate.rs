//! From an older layout to this one, at the start: in bounded pieces, each a commit, going on where it was cut off.
//!
//! The first commit says the new version, so that an older program leaves the store alone, and that the move is under
//! way; the last one takes that mark away. Between the two the store is opened by nobody but the move itself. Each pass
//! can be gone through again and changes nothing then; so the same passes mend what mails are found by, when an operator
//! goes on with a store of which records are lost.

use crate::store::Inner;
use crate::store::StoreError;
use crate::store::Writer;
use crate::store::batch::Batch;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::finds;
use crate::store::layout::head::MigrationRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::store::ledger;
use crate::triage::ticket::TicketNumber;

/// The passes, in their order.
#[derive(Debug, Clone, Copy)]
enum Pass {
    /// What mails were found by is removed; in a store of layout 1 there is nothing.
    Clear,
    /// Each mail is found by its arrival; of a UID given twice the last counts.
    Arrivals,
    /// A mail without an arrival gets one.
    Ledger,
    /// Each ticket knows the ids that lead to it.
    Threads,
    /// Each ticket is found by its last change.
    Tickets,
    /// Nobody carries anything.
    Unload,
    /// Each ticket counts for whom it waits.
    Load,
}

const PASSES: [Pass; 7] = [
    Pass::Clear,
    Pass::Arrivals,
    Pass::Ledger,
    Pass::Threads,
    Pass::Tickets,
    Pass::Unload,
    Pass::Load,
];

impl Pass {
    /// The tree that is gone through.
    fn tree(self) -> Tree {
        match self {
            Self::Clear => Tree::Finds,
            Self::Arrivals => Tree::Arrivals,
            Self::Ledger => Tree::Ledger,
            Self::Threads => Tree::Threads,
            Self::Tickets | Self::Load => Tree::Tickets,
            Self::Unload => Tree::Duties,
        }
    }
}

impl Inner {
    /// Brings the store from that version to the present one. Does nothing to a store that is new or has it.
    pub(super) fn migrate(&self, version: Option<u32>) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let under_way = self
            .engine
            .read::<MigrationRow>(layout::MIGRATION_KEY)?
            .is_some();
        let older = version.is_some_and(|found| found < LAYOUT_VERSION);
        if !under_way && !older {
            return Ok(());
        }
        if !under_way {
            let mut batch = Batch::new(&self.engine, writer.head);
            batch.put(layout::VERSION_KEY, &VersionRow(LAYOUT_VERSION))?;
            batch.put(layout::MIGRATION_KEY, &MigrationRow::default())?;
            batch.keep();
            self.commit(&mut writer, batch)?;
        }
        while self.migrate_piece(&mut writer)? {}
        if older || under_way {
            tracing::info!(
                from = version.filter(|_| older),
                to = LAYOUT_VERSION,
                mails = writer.head.ledger,
                "the store was brought to a new layout; earlier programs do not open it any more"
            );
        }
        Ok(())
    }

    /// Does one piece; returns whether there is more.
    fn migrate_piece(&self, writer: &mut Writer) -> Result<bool, StoreError> {
        let mut batch = Batch::new(&self.engine, writer.head);
        let Some(place) = batch.get::<MigrationRow>(layout::MIGRATION_KEY)? else {
            return Ok(false);
        };
        let Some(pass) = PASSES.get(usize::from(place.pass)) else {
            batch.remove(Tree::Head, layout::MIGRATION_KEY);
            batch.keep();
            self.commit(writer, batch)?;
            return Ok(false);
        };
        let mut range = Range::under(&[]);
        if !place.after.is_empty() {
            range = range.past(place.after);
        }
        let piece = self.options.piece.max(1);
        let mut keys = Vec::with_capacity(piece);
        self.engine.scan(pass.tree(), range, |key, value| {
            layout::checked(pass.tree(), key, value)?;
            keys.push(key.to_vec());
            Ok(keys.len() < piece)
        })?;
        for key in &keys {
            pass.one(&mut batch, key)?;
        }
        let next = match keys.pop().filter(|_| keys.len() + 1 == piece) {
            Some(after) => MigrationRow {
                pass: place.pass,
                after,
            },
            None => MigrationRow {
                pass: place.pass.saturating_add(1),
                after: Vec::new(),
            },
        };
        batch.put(layout::MIGRATION_KEY, &next)?;
        batch.keep();
        self.commit(writer, batch)?;
        Ok(true)
    }
}

impl Pass {
    /// Does one record.
    fn one(self, batch: &mut Batch<'_>, key: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Clear => batch.unpoint(key),
            Self::Arrivals => arrival(batch, key),
            Self::Ledger => mail(batch, key),
            Self::Threads => {
                let row: ThreadRow = there(batch, key)?;
                batch.point(&finds::thread_of(TicketNumber(row.ticket), key))
            }
            Self::Tickets => {
                let row: TicketRow = there(batch, key)?;
                let number = layout::seq_of(key);
                let number = number.ok_or_else(|| layout::damaged(Tree::Tickets, key))?;
                let ticket = row.ticket(TicketNumber(number));
                batch.updated(ticket.number, None, ticket.updated)
            }
            Self::Unload => match batch.duty(key)? {
                Some(DutyRow::Load(_)) => batch.drop_duty(key),
                _ => Ok(()),
            },
            Self::Load => {
                let row: TicketRow = there(batch, key)?;
                let number = layout::seq_of(key);
                let number = number.ok_or_else(|| layout::damaged(Tree::Tickets, key))?;
                batch.carry(None, Some(&row.ticket(TicketNumber(number))))
            }
        }
    }
}

/// Reads a record that was seen a moment ago.
fn there<R: Row>(batch: &Batch<'_>, key: &[u8]) -> Result<R, StoreError> {
    batch.get(key)?.ok_or_else(|| layout::damaged(R::TREE, key))
}

/// Gives the mail of an arrival its number, and what it is found by.
fn arrival(batch: &mut Batch<'_>, arrival: &[u8]) -> Result<(), StoreError> {
    let key = there::<ArrivalRow>(batch, arrival)?.0;
    let number = layout::seq_of(arrival);
    let number = number.ok_or_else(|| layout::damaged(Tree::Arrivals, arrival))?;
    let row = batch.get::<LedgerRow>(&key)?;
    let Some(mut row) = row.filter(|row| row.seq.is_none_or(|seq| seq <= number)) else {
        // Its mail was forgotten, when the server gave the UID to another one; or it has a later arrival.
        batch.remove(Tree::Arrivals, arrival);
        return Ok(());
    };
    if let Some(earlier) = row.seq.filter(|seq| *seq != number) {
        batch.unpoint_from(&key, &row)?;
        batch.remove(Tree::Arrivals, &earlier.to_be_bytes());
    }
    row.seq = Some(number);
    batch.point_to(&key, &row)?;
    if let LedgerEnd::Handled { ticket, digest, .. } = &row.end {
        batch.sighted(digest, &key, *ticket)?;
    }
    batch.put(&key, &ledger::fitted(&key, row)?)
}

/// Gives a mail an arrival if it has none.
fn mail(batch: &mut Batch<'_>, key: &[u8]) -> Result<(), StoreError> {
    let mut row: LedgerRow = there(batch, key)?;
    if let Some(seq) = row.seq {
        let arrival = batch.get::<ArrivalRow>(&seq.to_be_bytes())?;
        if arrival.is_some_and(|arrival| arrival.0 == key) {
            return Ok(());
        }
        batch.unpoint_from(key, &row)?;
    }
    // Counted already: only its number is new.
    batch.head.ledger = batch.head.ledger.saturating_sub(1);
    row.seq = Some(u64::MAX);
    batch.enter(key, ledger::fitted(key, row)?)
}
