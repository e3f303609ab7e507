//! Space given back: the engine never shrinks its file, so the store is now and then written anew.

use std::path::Path;

use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::store::look::Evidence;
use crate::store::look::Looked;
use crate::store::open::Folder;
use crate::store::open::spoiled;
use crate::store::rebuild;
use crate::store::rebuild::Fresh;
use crate::store::swap;

/// At a start the store is written anew when its file is larger than this many times what it holds.
pub const SHRINK_FACTOR: u64 = 4;

/// What shrinking did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Shrunk {
    /// Octets of the engine's files before.
    pub before: u64,
    /// Octets of them now.
    pub after: u64,
    /// Records in them.
    pub records: u64,
}

/// Whether a store of that size is worth the work.
pub(super) fn is_due(file: u64, records: u64, options: &StoreOptions) -> bool {
    file > options.shrink_bytes_min && file > records.saturating_mul(SHRINK_FACTOR)
}

/// Writes the looked-at store anew and exchanges it. Died of anywhere, the store is the old or the new one.
pub(super) fn shrink(
    folder: &Folder,
    looked: &Looked,
    options: &StoreOptions,
) -> Result<Shrunk, OpenError> {
    let (after, records) = build(folder, looked, options)?;
    swap::commit(&folder.dir, &["store"], None, &folder.syncs)?;
    Ok(Shrunk {
        before: looked.octets,
        after,
        records,
    })
}

/// As [`shrink`], at a start: a disk without room for two stores is no reason not to start.
pub(super) fn shrink_if_possible(
    folder: &Folder,
    looked: &Looked,
    options: &StoreOptions,
) -> Result<Option<Shrunk>, OpenError> {
    match build(folder, looked, options) {
        Ok((after, _)) if after.saturating_mul(2) > looked.octets => Ok(None),
        Ok((after, records)) => {
            swap::commit(&folder.dir, &["store"], None, &folder.syncs)?;
            Ok(Some(Shrunk {
                before: looked.octets,
                after,
                records,
            }))
        }
        Err(OpenError::Disk { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn build(
    folder: &Folder,
    looked: &Looked,
    options: &StoreOptions,
) -> Result<(u64, u64), OpenError> {
    let incoming = swap::begin(&folder.dir, &folder.syncs)
        .map_err(|e| crate::store::open::disk(&folder.dir, &e))?;
    let mut fresh = Fresh::begin(&incoming, options)?;
    let records = fresh.take_over(&looked.engine).map_err(spoiled)?;
    let alike = rebuild::digest(&looked.engine).map_err(spoiled)?
        == rebuild::digest(&fresh.engine).map_err(spoiled)?;
    if !alike {
        return Err(OpenError::Damaged(
            "written anew it did not hold the same".to_owned(),
        ));
    }
    Ok((fresh.finish(options, &folder.syncs)?, records))
}

impl Store {
    /// Writes the store anew without what the engine keeps of removed records. It must not be open.
    ///
    /// # Errors
    /// As [`Store::open`]; then the store is as it was.
    pub fn shrink(dir: &Path, options: &StoreOptions) -> Result<Shrunk, OpenError> {
        let folder = Folder::take(dir, options)?;
        let evidence = Evidence::gather(dir)?;
        evidence.compare_data()?;
        let looked = Looked::at(dir, dir, options, &folder.syncs)?;
        let shrunk = evidence
            .compare(looked.head.as_ref())
            .and_then(|()| looked.survey())
            .and_then(|_| shrink(&folder, &looked, options));
        let discarded = looked.discard(&folder.syncs);
        folder.cleared(shrunk.and_then(|shrunk| discarded.map(|()| shrunk)))
    }
}
