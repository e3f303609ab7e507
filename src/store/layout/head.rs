//! The records of the store as a whole: version, instance, numbers to give.

use serde::Deserialize;
use serde::Serialize;

use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::old;

/// The layout's version.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct VersionRow(pub(in crate::store) u32);

impl Row for VersionRow {
    const TREE: Tree = Tree::Head;
}

/// What tells this store from any other, and from itself before it was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct InstanceRow(pub(in crate::store) String);

impl Row for InstanceRow {
    const TREE: Tree = Tree::Head;
}

/// When an operator last let the store go on though it may not know all that was done before (accepted, restored,
/// repaired): seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct AcceptedRow(pub(in crate::store) i64);

impl Row for AcceptedRow {
    const TREE: Tree = Tree::Head;
}

/// A digest of the desk's key: a key that was changed is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct KeyRow(pub(in crate::store) [u8; 32]);

impl Row for KeyRow {
    const TREE: Tree = Tree::Head;
}

/// Numbers to give, and counts kept so that nothing must be scanned for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::store) struct HeadRow {
    pub(in crate::store) generation: u64,
    pub(in crate::store) next_ticket: u64,
    pub(in crate::store) next_outbox: u64,
    pub(in crate::store) next_spool: u64,
    pub(in crate::store) next_arrival: u64,
    pub(in crate::store) ledger: u64,
    /// Tickets by state: answered, with an agent, agent answered.
    pub(in crate::store) states: [u64; 3],
    /// Outgoing mails by stage: waiting, leased, parked, sent, dropped; the last two since ever.
    pub(in crate::store) stages: [u64; 5],
    /// Entries of `finds`.
    pub(in crate::store) finds: u64,
    /// Tickets erased, since ever.
    pub(in crate::store) gone_tickets: u64,
    /// Entries of the ledger removed, since ever.
    pub(in crate::store) gone_mails: u64,
}

impl Row for HeadRow {
    const TREE: Tree = Tree::Head;
    const VERSION: u8 = 2;

    fn old(version: u8, payload: &[u8]) -> Option<Self> {
        let payload = (version == 1).then_some(payload)?;
        old::whole::<old::HeadRow1>(payload).map(old::HeadRow1::now)
    }
}

/// How far a move to this layout has come; there only while it is under way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::store) struct MigrationRow {
    /// Which of its passes.
    pub(in crate::store) pass: u8,
    /// The last key that the pass has done; empty at its beginning.
    pub(in crate::store) after: Vec<u8>,
}

impl Row for MigrationRow {
    const TREE: Tree = Tree::Head;
}

/// Entries of mails received before this moment may have been erased for their age.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct HorizonRow(pub(in crate::store) i64);

impl Row for HorizonRow {
    const TREE: Tree = Tree::Head;
}

/// What one process leaves of the time for the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct TimeRow {
    pub(in crate::store) at: i64,
    pub(in crate::store) boot: String,
    pub(in crate::store) up_ms: i64,
    pub(in crate::store) trusted_ms: Option<i64>,
}

impl Row for TimeRow {
    const TREE: Tree = Tree::Head;
}
