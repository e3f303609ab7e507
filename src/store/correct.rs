//! Corrections: what a person said that a mail wants, on its ticket, and as an example for the next `learn`.

use std::fs;
use std::io;
use std::path::Path;

use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch;
use crate::store::batch::Batch;
use crate::store::duties::Counted;
use crate::store::layout;
use crate::store::layout::rows::TicketRow;
use crate::store::sync::Syncs;
use crate::triage::ticket::TicketNumber;

/// Where corrections lie in the state folder: a line of JSON each, as in the rules' `examples/`.
pub const CORRECTIONS: &str = "corrections.jsonl";
/// Only the daemon's user reads it: it holds what people wrote.
const MODE: u32 = 0o600;
/// Octets of that file: some ten thousand corrections.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Copies the corrections, if there are any, from a state folder into a backup, or back. The folder is not synced.
pub(super) fn carry(syncs: &Syncs, from: &Path, to: &Path) -> io::Result<()> {
    let source = from.join(CORRECTIONS);
    if !source.try_exists()? {
        return Ok(());
    }
    let target = to.join(CORRECTIONS);
    let new = target.with_extension("new");
    syncs.copy(&source, &new)?;
    syncs.rename(&new, &target)
}

impl Store {
    /// Returns the corrections so far; empty when there are none.
    pub fn corrections(&self) -> Result<String, StoreError> {
        let path = self.inner.dir.join(CORRECTIONS);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(e) => Err(StoreError::File(format!("{}: {e}", path.display()))),
        }
    }

    /// Keeps `corrections` in the place of those so far, and then, on the ticket, its new intents; `harm`: it had needed a
    /// person, and a machine answered. Returns false, with
    /// nothing done, when there is no such ticket. Cut off between both, doing it once more does the rest.
    pub fn correct(
        &self,
        number: TicketNumber,
        intents: &[String],
        corrections: &str,
        harm: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let inner = &self.inner;
        let mut writer = inner.writer();
        let key = layout::ticket_key(number);
        let Some(row) = inner.engine.read::<TicketRow>(&key)? else {
            return Ok(false);
        };
        let path = inner.dir.join(CORRECTIONS);
        let failed = |e: io::Error| StoreError::File(format!("{}: {e}", path.display()));
        if corrections.len() > BYTES_MAX {
            return Err(failed(io::Error::other(
                "it is full; have it learned from, and move it away",
            )));
        }
        inner
            .engine
            .syncs
            .replace(&path, MODE, corrections.as_bytes())
            .and_then(|()| inner.engine.syncs.dir(&inner.dir))
            .map_err(failed)?;
        let next_event = row.next_event;
        let mut ticket = row.ticket(number);
        let note = format!(
            "{} instead of {}",
            intents.join(", "),
            ticket.intents.join(", ")
        );
        ticket.intents = intents.to_vec();
        ticket.version += 1;
        let mut batch = Batch::new(&inner.engine, writer.head);
        batch.put(&key, &TicketRow::of(&ticket, next_event))?;
        batch.note(number, &[batch::event(now, "relabelled", note)])?;
        if harm {
            batch.tally_one(Counted::Harm, now)?;
        }
        batch.keep();
        inner.commit(&mut writer, batch)?;
        Ok(true)
    }
}
