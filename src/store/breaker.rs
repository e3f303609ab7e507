//! The total breaker, durable: read before each decision, moved in the commit that it is about, told of once.

use crate::clock::Timestamp;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::budget::Subject;
use crate::store::commit::Group;
use crate::store::flood::Tally;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::limits::BreakerRow;
use crate::store::layout::rows::BudgetRow;
use crate::triage::breaker::Breaker;

/// Alarms by mail lie at least so many seconds apart, however often the breaker trips.
pub const ALARM_S: i64 = 3600;

impl Store {
    /// Returns the breaker as it stands now.
    pub fn breaker(&self, now: Timestamp) -> Result<Breaker, StoreError> {
        let row = self.inner.engine.read::<BreakerRow>(layout::BREAKER_KEY)?;
        Ok(known(row.as_ref())?.turned(now))
    }

    /// Lets time pass for the breaker; returns how it stood and how it stands.
    pub fn turn_breaker(&self, now: Timestamp) -> Result<(Breaker, Breaker), StoreError> {
        self.move_breaker(|breaker| breaker.turned(now))
    }

    /// A person opens it; returns how it stands.
    pub fn open_breaker(&self, now: Timestamp) -> Result<Breaker, StoreError> {
        let (_, after) = self.move_breaker(|breaker| breaker.turned(now).opened(now))?;
        Ok(after)
    }

    /// A person closes it; what was said in the last hour counts no more. Returns how it stands.
    pub fn close_breaker(&self, now: Timestamp) -> Result<Breaker, StoreError> {
        let mut group = self.group();
        let (_, after) = group.move_breaker(|breaker| breaker.closed(now))?;
        group.kept(|group| {
            let key = Subject::Total.key();
            if let Some(row) = group.batch.get::<BudgetRow>(&key)? {
                let expiry = layout::expiry_key(Timestamp(row.expires), &key);
                group.batch.remove(Tree::Expiry, &expiry);
                group.batch.remove(Tree::Budgets, &key);
            }
            Ok::<(), StoreError>(())
        })?;
        group.commit()?;
        Ok(after)
    }

    /// Returns the breaker if it tripped and nobody was told; from now on somebody is. `alarm` makes the mail to the
    /// operator, which is in the outbox when this returns; none is made within [`ALARM_S`] of the last one.
    pub fn tell_of_trip(
        &self,
        alarm: impl FnOnce(&Breaker) -> Option<Outgoing>,
        now: Timestamp,
    ) -> Result<Option<Breaker>, StoreError> {
        let mut group = self.group();
        let row = group.batch.get::<BreakerRow>(layout::BREAKER_KEY)?;
        let mut row = row.unwrap_or_default();
        let breaker = known(Some(&row))?;
        if breaker.trips <= row.told {
            return Ok(None);
        }
        row.told = breaker.trips;
        let lately = |at: i64| (0..ALARM_S).contains(&now.since_s(Timestamp(at)));
        let outgoing = if row.mailed.is_some_and(lately) {
            None
        } else {
            alarm(&breaker)
        };
        if outgoing.is_some() {
            row.mailed = Some(now.0);
        }
        group.kept(|group| {
            group.batch.put(layout::BREAKER_KEY, &row)?;
            outgoing.map_or(Ok(()), |mail| group.enqueue(mail, 0, now))
        })?;
        group.commit()?;
        Ok(Some(breaker))
    }

    fn move_breaker(
        &self,
        change: impl FnOnce(Breaker) -> Breaker,
    ) -> Result<(Breaker, Breaker), StoreError> {
        let mut group = self.group();
        let moved = group.move_breaker(change)?;
        group.commit()?;
        Ok(moved)
    }
}

impl Group<'_> {
    pub(super) fn breaker(&self) -> Result<Breaker, StoreError> {
        known(self.batch.get::<BreakerRow>(layout::BREAKER_KEY)?.as_ref())
    }

    /// Has the breaker see what became of a mail.
    pub(super) fn tally_breaker(
        &mut self,
        tally: &Tally,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !tally.replied && !tally.withheld {
            return Ok(());
        }
        let row = self.batch.get::<BreakerRow>(layout::BREAKER_KEY)?;
        let row = row.unwrap_or_default();
        let before = known(Some(&row))?;
        let mut after = before.turned(now);
        if tally.replied {
            after = after.replied();
        }
        if tally.withheld {
            after = after.withheld(tally.breaker, now);
        }
        if after == before {
            return Ok(());
        }
        self.batch.put(layout::BREAKER_KEY, &row.with(&after))
    }

    fn move_breaker(
        &mut self,
        change: impl FnOnce(Breaker) -> Breaker,
    ) -> Result<(Breaker, Breaker), StoreError> {
        let row = self.batch.get::<BreakerRow>(layout::BREAKER_KEY)?;
        let row = row.unwrap_or_default();
        let before = known(Some(&row))?;
        let after = change(before);
        if after != before {
            self.kept(|group| group.batch.put(layout::BREAKER_KEY, &row.with(&after)))?;
        }
        Ok((before, after))
    }
}

fn known(row: Option<&BreakerRow>) -> Result<Breaker, StoreError> {
    let Some(row) = row else {
        return Ok(Breaker::default());
    };
    row.breaker()
        .ok_or_else(|| layout::damaged(Tree::Head, layout::BREAKER_KEY))
}
