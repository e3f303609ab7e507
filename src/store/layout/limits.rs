//! The records of floods, of the total breaker, and of addresses that do not exist.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::triage::breaker::Breaker;
use crate::triage::breaker::Stand;
use crate::triage::limits::BreakerRule;

/// What the keys of floods begin with, which no other budget's does.
pub(in crate::store) const FLOOD: &[u8] = b"w";

/// Cases that have one thing in common. Lies in `budgets`, under keys that begin with [`FLOOD`].
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::store) struct FloodRow {
    /// Cases by bucket of time, oldest first.
    pub(in crate::store) marks: Vec<(i64, u32)>,
    /// Cases gathered in a row.
    pub(in crate::store) gathered: u32,
    /// The ticket that they are gathered on.
    pub(in crate::store) ticket: Option<u64>,
    /// When the next one may leave, where they are paced.
    pub(in crate::store) next: i64,
    /// The time it stands under in `expiry`.
    pub(in crate::store) expires: i64,
}

impl Row for FloodRow {
    const TREE: Tree = Tree::Budgets;
}

/// An address that a mail of ours came back from for good.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) struct DeadRow {
    pub(in crate::store) address: Address,
    pub(in crate::store) since: i64,
    /// The status, such as `5.1.1`.
    pub(in crate::store) status: String,
    pub(in crate::store) ticket: u64,
}

impl Row for DeadRow {
    const TREE: Tree = Tree::Dead;
}

/// The total breaker.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::store) struct BreakerRow {
    stand: u8,
    left: u32,
    since: i64,
    length_s: i64,
    quiet_minutes: u32,
    trial_replies: u32,
    failed: u32,
    withheld: u64,
    trips: u64,
    /// Trips that the operator was told of.
    pub(in crate::store) told: u64,
    /// When the last alarm left by mail.
    pub(in crate::store) mailed: Option<i64>,
}

impl Row for BreakerRow {
    const TREE: Tree = Tree::Head;
}

impl BreakerRow {
    /// Takes the breaker over; what was told stays.
    pub(in crate::store) fn with(self, breaker: &Breaker) -> Self {
        let (stand, left) = match breaker.stand {
            Stand::Closed => (0, 0),
            Stand::Open => (1, 0),
            Stand::Trial(left) => (2, left),
            Stand::ByHand => (3, 0),
        };
        Self {
            stand,
            left,
            since: breaker.since.0,
            length_s: breaker.length_s,
            quiet_minutes: breaker.rule.quiet_minutes,
            trial_replies: breaker.rule.trial_replies,
            failed: breaker.failed,
            withheld: breaker.withheld,
            trips: breaker.trips,
            told: self.told,
            mailed: self.mailed,
        }
    }

    /// Returns the breaker; none if it is one that nobody wrote.
    pub(in crate::store) fn breaker(&self) -> Option<Breaker> {
        let stand = match self.stand {
            0 => Stand::Closed,
            1 => Stand::Open,
            2 => Stand::Trial(self.left),
            3 => Stand::ByHand,
            _ => return None,
        };
        Some(Breaker {
            stand,
            since: Timestamp(self.since),
            length_s: self.length_s,
            rule: BreakerRule {
                quiet_minutes: self.quiet_minutes,
                trial_replies: self.trial_replies,
            },
            failed: self.failed,
            withheld: self.withheld,
            trips: self.trips,
        })
    }
}
