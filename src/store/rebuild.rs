//! A store built anew beside the present one, record by record, and exchanged for it.

use std::path::Path;
use std::path::PathBuf;

use ring::digest::Context;
use ring::digest::SHA256;

use crate::store::OpenError;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::engine::Engine;
use crate::store::engine::Moves;
use crate::store::engine::Range;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::VALUE_BYTES_MAX;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::place;
use crate::store::sync::Syncs;

/// Octets of records put into the engine at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// A store being built.
pub(super) struct Fresh {
    pub(super) engine: Engine,
    dir: PathBuf,
    moves: Moves,
    octets: usize,
    records: u64,
}

impl Fresh {
    /// Begins with nothing, in the folder `store` of `incoming`.
    pub(super) fn begin(incoming: &Path, options: &StoreOptions) -> Result<Self, OpenError> {
        let dir = incoming.join("store");
        crate::store::sync::folder(&dir).map_err(|e| disk(&dir, &e))?;
        Ok(Self {
            engine: Engine::peek(&dir, options.cache_bytes)?,
            dir,
            moves: Moves::new(),
            octets: 0,
            records: 0,
        })
    }

    /// Puts a record in as it is.
    pub(super) fn put(
        &mut self,
        tree: Tree,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let octets = value.as_ref().map_or(0, Vec::len);
        if octets > VALUE_BYTES_MAX {
            return Err(StoreError::TooLarge {
                tree: tree.name(),
                bytes: octets,
            });
        }
        self.octets += key.len() + octets;
        self.records += 1;
        self.moves.insert((tree, key), value);
        if self.octets >= PIECE_BYTES {
            self.settle()?;
        }
        Ok(())
    }

    /// Makes everything put in so far readable.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        let moves = std::mem::take(&mut self.moves);
        self.octets = 0;
        self.engine.apply(&moves)?;
        // Now and then, so that the engine need not hold it all in memory.
        self.engine.make_durable()
    }

    /// Takes all records of another engine over. Returns how many.
    pub(super) fn take_over(&mut self, other: &Engine) -> Result<u64, StoreError> {
        let before = self.records;
        for tree in TREES {
            other.scan(tree, Range::under(&[]), |key, value| {
                self.put(tree, key.to_vec(), Some(value.to_vec()))?;
                Ok(true)
            })?;
        }
        self.settle()?;
        Ok(self.records - before)
    }

    /// Closes it, durable as it is. Returns the octets of its files.
    pub(super) fn finish(
        mut self,
        options: &StoreOptions,
        syncs: &Syncs,
    ) -> Result<u64, OpenError> {
        self.settle().map_err(spoiled)?;
        place::close(self.engine, &self.dir, options, syncs).map(|closed| closed.octets)
    }
}

/// A digest of every record: two stores with the same one hold the same.
pub(super) fn digest(engine: &Engine) -> Result<Vec<u8>, StoreError> {
    let mut sum = Context::new(&SHA256);
    for tree in TREES {
        engine.scan(tree, Range::under(&[]), |key, value| {
            sum.update(&[tree as u8]);
            for part in [key, value] {
                sum.update(&(part.len() as u64).to_be_bytes());
                sum.update(part);
            }
            Ok(true)
        })?;
    }
    Ok(sum.finish().as_ref().to_vec())
}
