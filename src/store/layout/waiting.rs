//! A mail that another daemon has claimed, and that is therefore left alone for a while.

use serde::Deserialize;
use serde::Serialize;

use crate::store::layout::Row;
use crate::store::layout::Tree;

/// Since when it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct WaitingRow(pub(in crate::store) i64);

impl Row for WaitingRow {
    const TREE: Tree = Tree::Waiting;
}
