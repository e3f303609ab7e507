//! Addresses that mails of ours came back from for good: no reply goes there for some time.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::commit::Group;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::limits::DeadRow;
use crate::store::layout::rows::ThreadRow;
use crate::triage::dead;
use crate::triage::dead::Gone;
use crate::triage::delivery::Event;
use crate::triage::delivery::Outcome;
use crate::triage::limits::DEAD_DAYS_MAX;
use crate::triage::ticket::TicketNumber;

/// Seconds that it is remembered.
const KEEP_S: i64 = DEAD_DAYS_MAX as i64 * 24 * 3600;

/// A dead address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The address, as a mail of ours went there last.
    pub address: Address,
    /// Since when.
    pub since: Timestamp,
    /// The status, such as `5.1.1`.
    pub status: String,
    /// The ticket of the mail that came back.
    pub ticket: TicketNumber,
}

impl Store {
    /// Lists dead addresses, at most `limit`, in the order of their spelling.
    pub fn dead(&self, limit: usize) -> Result<Vec<Dead>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.inner
            .engine
            .scan(Tree::Dead, Range::under(&[]), |key, value| {
                found.push(view(layout::unseal::<DeadRow>(key, value)?));
                Ok(found.len() < limit)
            })?;
        Ok(found)
    }

    /// Returns what is known of an address, in any spelling, if it is dead.
    pub fn dead_address(&self, address: &Address) -> Result<Option<Dead>, StoreError> {
        let row = self.inner.engine.read::<DeadRow>(&key(address))?;
        Ok(row.map(view))
    }

    /// Forgets that an address is dead. Returns whether it was.
    pub fn revive(&self, address: &Address) -> Result<bool, StoreError> {
        let mut group = self.group();
        let was = group.batch.get::<DeadRow>(&key(address))?.is_some();
        group.kept(|group| group.bring_to_life(address))?;
        group.commit()?;
        Ok(was)
    }
}

impl Group<'_> {
    /// Returns what was said of an address when it came to be dead, and when.
    pub(super) fn dead(
        &self,
        address: &Address,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let row = self.batch.get::<DeadRow>(&key(address))?;
        Ok(row.map(|row| (row.status, Timestamp(row.since))))
    }

    /// Marks the address dead that a mail of ours went to. Returns whether there is such a mail.
    pub fn bury(&mut self, gone: &Gone, now: Timestamp) -> Result<bool, StoreError> {
        let row = self.batch.get::<ThreadRow>(&layout::id_key(&gone.id))?;
        let Some(ThreadRow {
            ticket,
            ours: Some((purpose, to)),
        }) = row
        else {
            return Ok(false);
        };
        if !codes::purpose_of(purpose).is_some_and(dead::counts) {
            return Ok(false);
        }
        let row = DeadRow {
            since: now.0,
            status: gone.status.to_string(),
            ticket,
            address: to,
        };
        self.kept(|group| group.batch.put(&key(&row.address), &row))?;
        Ok(true)
    }

    /// Forgets that an address is dead, if it is.
    pub(super) fn bring_to_life(&mut self, address: &Address) -> Result<(), StoreError> {
        let key = key(address);
        if self.batch.get::<DeadRow>(&key)?.is_some() {
            self.batch.remove(Tree::Dead, &key);
        }
        Ok(())
    }
}

/// Marks the recipient of a letter dead whom our server refuses for good.
pub(super) fn refused(
    batch: &mut Batch<'_>,
    row: &OutboxRow,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Event::Ended(Outcome::Refused(said)) = event else {
        return Ok(());
    };
    let counts = codes::purpose_of(row.purpose).is_some_and(dead::counts);
    let Some(status) = dead::refusal(said).filter(|_| counts) else {
        return Ok(());
    };
    let dead = DeadRow {
        address: row.to.clone(),
        since: now.0,
        status: status.to_string(),
        ticket: row.ticket,
    };
    batch.put(&key(&row.to), &dead)
}

/// Forgets the dead address of somebody who is to be forgotten.
pub(super) fn erase(batch: &mut Batch<'_>, who: &[Address]) -> Result<(), StoreError> {
    for address in who {
        let key = key(address);
        if batch.get::<DeadRow>(&key)?.is_some() {
            batch.remove(Tree::Dead, &key);
        }
    }
    Ok(())
}

/// Returns the keys of what is too old to matter, at most `limit`.
pub(super) fn old(
    store: &crate::store::Inner,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut old = Vec::new();
    store
        .engine
        .scan(Tree::Dead, Range::under(&[]), |key, value| {
            let row = layout::unseal::<DeadRow>(key, value)?;
            if now.since_s(Timestamp(row.since)).saturating_abs() > KEEP_S {
                old.push(key.to_vec());
            }
            Ok(old.len() < limit)
        })?;
    Ok(old)
}

fn key(address: &Address) -> Vec<u8> {
    address.identity().into_bytes()
}

fn view(row: DeadRow) -> Dead {
    Dead {
        address: row.address,
        since: Timestamp(row.since),
        status: row.status,
        ticket: TicketNumber(row.ticket),
    }
}
