//! The newest time on record: what one process leaves of the time for the next, beside the head.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::clock::desk::DeskClock;
use crate::clock::desk::Machine;
use crate::clock::desk::Mark;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::layout::Row;
use crate::store::layout::Tree;

/// Its key in `head`.
const KEY: &[u8] = b"time";

/// A mark on disk.
#[derive(Serialize, Deserialize)]
struct TimeRow {
    at: i64,
    boot: String,
    up_ms: i64,
    trusted_ms: Option<i64>,
}

impl Row for TimeRow {
    const TREE: Tree = Tree::Head;
}

impl Store {
    /// Returns the mark that was left last.
    pub fn time(&self) -> Result<Option<Mark>, StoreError> {
        let row = self.inner.engine.read::<TimeRow>(KEY)?;
        Ok(row.map(|row| Mark {
            at: Timestamp(row.at),
            boot: row.boot,
            up_ms: row.up_ms,
            trusted_ms: row.trusted_ms,
        }))
    }

    /// Returns the desk's clock, going on from what is on record.
    pub fn clock(&self) -> Result<DeskClock, StoreError> {
        Ok(DeskClock::new(Machine, self.time()?, self.newest()?))
    }

    /// Leaves a mark.
    pub fn keep_time(&self, mark: Mark) -> Result<(), StoreError> {
        let mut writer = self.inner.writer();
        let mut batch = Batch::new(&self.inner.engine, writer.head);
        let row = TimeRow {
            at: mark.at.0,
            boot: mark.boot,
            up_ms: mark.up_ms,
            trusted_ms: mark.trusted_ms,
        };
        batch.put(KEY, &row)?;
        batch.keep();
        self.inner.commit(&mut writer, batch)
    }

    /// Returns when the mail handled last was; none in a new store.
    fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.ledger_newest(1)?.pop().map(|(_, view)| view.at))
    }
}
