//! What keeps a mailbox and the store together: how long another's claim is respected, how often all is compared.

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::StoreError;

/// What an operator says about it, and what the store does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upkeep {
    /// Seconds for which a mail that another daemon has claimed is left alone.
    pub(super) claim_wait_s: u64,
    /// Seconds between two reconciliations; none: only when asked.
    pub(super) reconcile_s: Option<u64>,
    /// When an operator had the daemon go on with an older or emptied store.
    pub(super) accepted: fn(&Store) -> Option<Timestamp>,
    /// Of mails received before this moment the store may have erased what it knew.
    pub(super) horizon: fn(&Store) -> Result<Option<Timestamp>, StoreError>,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            claim_wait_s: 3_600,
            reconcile_s: Some(86_400),
            accepted: Store::accepted,
            horizon: Store::horizon,
        }
    }
}
