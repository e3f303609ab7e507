//! Absences by command: an agent is away until a day, or back.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch::Batch;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::rows;
use crate::triage::hours::Day;

/// Seconds after its last day on which an absence is over in every zone.
const EVERYWHERE_S: i64 = 2 * 86_400;

/// An absence by command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Who is away.
    pub agent: Address,
    /// The day on which the agent is back.
    pub back: Day,
    /// When it was said.
    pub said: Timestamp,
    /// By whom.
    pub by: String,
}

impl Batch<'_> {
    /// As [`Store::send_away`], with what else this batch does.
    pub(super) fn send_away(&mut self, away: &Away) -> Result<(), StoreError> {
        let until = away.back.number().saturating_mul(86_400);
        let row = DutyRow::Away {
            agent: away.agent.clone(),
            back: away.back.number(),
            said: away.said.0,
            by: rows::cut(&away.by, 100),
            until: Timestamp(until).plus_s(EVERYWHERE_S).0,
        };
        self.put_duty(&duties::away_key(&away.agent), &row)
    }
}

impl Store {
    /// Notes that an agent is away until that day.
    pub fn send_away(&self, away: &Away) -> Result<(), StoreError> {
        let mut group = self.group();
        group.kept(|group| group.batch.send_away(away))?;
        group.commit()
    }

    /// Notes that an agent is back; false when no absence was on record.
    pub fn bring_back(&self, agent: &Address) -> Result<bool, StoreError> {
        let mut group = self.group();
        let key = duties::away_key(agent);
        if group.batch.duty(&key)?.is_none() {
            return Ok(false);
        }
        group.kept(|group| group.batch.drop_duty(&key))?;
        group.commit()?;
        Ok(true)
    }

    /// Returns the absences on record, those that are over for some hours perhaps among them.
    pub fn aways(&self) -> Result<Vec<Away>, StoreError> {
        let mut found = Vec::new();
        self.inner
            .engine
            .scan(Tree::Duties, Range::under(b"a"), |key, value| {
                if let DutyRow::Away {
                    agent,
                    back,
                    said,
                    by,
                    ..
                } = layout::unseal(key, value)?
                {
                    found.extend(Day::of_number(back).map(|back| Away {
                        agent,
                        back,
                        said: Timestamp(said),
                        by,
                    }));
                }
                Ok(true)
            })?;
        Ok(found)
    }
}
