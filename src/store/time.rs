//! The newest time on record: what one process leaves of the time for the next, beside the head.

use crate::clock::Timestamp;
use crate::clock::desk::DeskClock;
use crate::clock::desk::Machine;
use crate::clock::desk::Mark;
use crate::clock::desk::Times;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::layout::TIME_KEY;
use crate::store::layout::head::TimeRow;

impl Store {
    /// Returns the mark that was left last.
    pub fn time(&self) -> Result<Option<Mark>, StoreError> {
        let row = self.inner.engine.read::<TimeRow>(TIME_KEY)?;
        Ok(row.map(|row| Mark {
            at: Timestamp(row.at),
            boot: row.boot,
            up_ms: row.up_ms,
            trusted_ms: row.trusted_ms,
        }))
    }

    /// Returns the desk's clock, going on from what is on record.
    pub fn clock(&self) -> Result<DeskClock, StoreError> {
        self.clock_by(Machine)
    }

    /// The same, by another machine's clocks.
    pub(crate) fn clock_by<T: Times>(&self, times: T) -> Result<DeskClock<T>, StoreError> {
        Ok(DeskClock::new(times, self.time()?, self.newest()?))
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
        batch.put(TIME_KEY, &row)?;
        batch.keep();
        self.inner.commit(&mut writer, batch)
    }

    /// Returns when the mail handled last was; none in a new store.
    fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.ledger_newest(1)?.pop().map(|(_, view)| view.at))
    }
}
