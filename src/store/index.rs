//! Entries of the ledger with all that points to them: written and removed as one, and counted.

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::finds;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::FindRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::ThreadRow;
use crate::triage::ticket::TicketNumber;

impl Batch<'_> {
    /// Writes an entry of `finds`.
    pub(super) fn point(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.get::<FindRow>(key)?.is_none() {
            self.put(key, &FindRow)?;
            self.head.finds += 1;
        }
        Ok(())
    }

    /// Removes an entry of `finds`, if it is there.
    pub(super) fn unpoint(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.get::<FindRow>(key)?.is_some() {
            self.remove(Tree::Finds, key);
            self.head.finds = self.head.finds.saturating_sub(1);
        }
        Ok(())
    }

    /// Writes a mail's final state under its next number.
    pub(super) fn enter(&mut self, key: &[u8], mut row: LedgerRow) -> Result<(), StoreError> {
        let seq = self.head.next_arrival;
        self.head.next_arrival += 1;
        self.head.ledger += 1;
        row.seq = Some(seq);
        self.put(&seq.to_be_bytes(), &ArrivalRow(key.to_vec()))?;
        self.point_to(key, &row)?;
        self.put(key, &row)
    }

    /// Writes what a mail is found by.
    pub(super) fn point_to(&mut self, key: &[u8], row: &LedgerRow) -> Result<(), StoreError> {
        let pointers = pointers(key, row)?;
        pointers.iter().try_for_each(|pointer| self.point(pointer))
    }

    /// Removes what a mail is found by.
    pub(super) fn unpoint_from(&mut self, key: &[u8], row: &LedgerRow) -> Result<(), StoreError> {
        let pointers = pointers(key, row)?;
        pointers
            .iter()
            .try_for_each(|pointer| self.unpoint(pointer))
    }

    /// Removes a mail's final state with all that points to it.
    pub(super) fn leave(&mut self, key: &[u8], row: &LedgerRow) -> Result<(), StoreError> {
        self.unpoint_from(key, row)?;
        if let Some(seq) = row.seq {
            self.remove(Tree::Arrivals, &seq.to_be_bytes());
        }
        self.remove(Tree::Ledger, key);
        self.head.ledger = self.head.ledger.saturating_sub(1);
        self.head.gone_mails += 1;
        Ok(())
    }

    /// Leaves of a mail's final state only what keeps it from being handled again.
    pub(super) fn blank(&mut self, key: &[u8], row: &LedgerRow) -> Result<(), StoreError> {
        let (received, digest) = match &row.end {
            LedgerEnd::Handled {
                received, digest, ..
            } => (Some(*received), Some(*digest)),
            LedgerEnd::Skipped { received } => (*received, None),
            LedgerEnd::Erased { received, digest } => (*received, *digest),
        };
        self.unpoint_from(key, row)?;
        let row = LedgerRow {
            at: row.at,
            seq: row.seq,
            end: LedgerEnd::Erased { received, digest },
            why: "what it said was erased".to_owned(),
        };
        self.point_to(key, &row)?;
        self.put(key, &row)
    }

    /// Has a digest name a mail, the newest with it. The ticket stays that of the first.
    pub(super) fn sighted(
        &mut self,
        digest: &[u8; 32],
        key: &[u8],
        ticket: Option<u64>,
    ) -> Result<(), StoreError> {
        let mail = layout::mail_of(key).ok_or_else(|| layout::damaged(Tree::Ledger, key))?;
        let first = self.get::<DigestRow>(digest)?;
        let row = DigestRow {
            mailbox: mail.mailbox,
            uid_validity: mail.uid_validity,
            uid: mail.uid,
            ticket: first.map_or(ticket, |row| row.ticket),
        };
        self.put(digest, &row)
    }

    /// Notes that an id leads to a ticket.
    pub(super) fn tie(&mut self, thread: &[u8], row: &ThreadRow) -> Result<(), StoreError> {
        self.put(thread, row)?;
        self.point(&finds::thread_of(TicketNumber(row.ticket), thread))
    }

    /// Notes when a ticket changed last.
    pub(super) fn updated(
        &mut self,
        number: TicketNumber,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(before) = before.filter(|before| *before != now) {
            self.unpoint(&finds::updated(before, number))?;
        }
        self.point(&finds::updated(now, number))
    }
}

fn pointers(key: &[u8], row: &LedgerRow) -> Result<Vec<Vec<u8>>, StoreError> {
    let mail = layout::mail_of(key).ok_or_else(|| layout::damaged(Tree::Ledger, key))?;
    Ok(finds::keys(&mail.mailbox, row))
}
