//! What a start leaves behind that came to no calm.

use serde::Deserialize;
use serde::Serialize;

use crate::store::layout::Row;
use crate::store::layout::Tree;

/// What its keys begin with: a name's length of 65,535, which no mail's key has.
pub(in crate::store) const PREFIX: &[u8] = &[0xff, 0xff];

/// A mailbox's peril. Lies in `poison`, under a key that no mail has: a name's length of 65,535, then the mailbox.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::store) struct PerilRow {
    pub(in crate::store) starts: u32,
    /// UIDVALIDITY, UID, and how often it was begun alone and not ended.
    pub(in crate::store) suspect: Option<(u32, u32, u32)>,
}

impl Row for PerilRow {
    const TREE: Tree = Tree::Poison;
}
