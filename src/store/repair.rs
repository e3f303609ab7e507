//! A damaged store made whole again, with what can still be read of it: built anew beside it and exchanged for it. The
//! untouched files stay in a folder of their own.

use std::path::Path;

use crate::clock::Timestamp;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::batch::Batch;
use crate::store::engine::Engine;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::KeyRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::letters::DeliveryRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::look::Evidence;
use crate::store::look::Key;
use crate::store::look::open_copy;
use crate::store::open::Folder;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::outbox::OutboxId;
use crate::store::outbox::shift;
use crate::store::rebuild::Fresh;
use crate::store::renew::Renewal;
use crate::store::renew::Renewed;
use crate::store::renew::new_key;
use crate::store::renew::unsettled;
use crate::store::salvage::Repair;
use crate::store::spool::Spool;
use crate::store::survey::survey;
use crate::store::swap;
use crate::store::swap::LOOK;
use crate::triage::delivery::Event;

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Repaired {
    /// Records that were saved, those made anew not counted.
    pub saved: u64,
    /// What is lost, as far as anything still tells of it, one line each.
    pub lost: Vec<String>,
    /// How the store goes on.
    pub renewed: Renewed,
}

impl Store {
    /// Makes a store whole again. Drops what is damaged, makes anew what follows from other records, and parks what may
    /// have left. The files as they were stay in the folder `damaged-TIME`. Nobody may have the store open. With `empty`
    /// a store of which nothing can be read becomes an empty one; without it that is refused.
    ///
    /// # Errors
    /// As [`Store::open`]; then all is as it was.
    pub fn repair(
        dir: &Path,
        empty: bool,
        options: &StoreOptions,
        now: Timestamp,
    ) -> Result<Repaired, OpenError> {
        let folder = Folder::take(dir, options)?;
        let repaired = repair(&folder, empty, options, now);
        let _ = folder.syncs.discard(&dir.join(LOOK));
        folder.cleared(repaired)
    }
}

fn repair(
    folder: &Folder,
    empty: bool,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<Repaired, OpenError> {
    let dir = folder.dir.as_path();
    let evidence = Evidence::gather(dir)?;
    let incoming = swap::begin(dir, &folder.syncs).map_err(|e| disk(dir, &e))?;
    let mut fresh = Fresh::begin(&incoming, options)?;
    let mut repair = Repair::default();
    match read(folder, options) {
        Ok(engine) => {
            repair.save(&engine, &mut fresh).map_err(spoiled)?;
            repair.name_losses(&engine, &fresh).map_err(spoiled)?;
        }
        Err(OpenError::Damaged(_)) if empty => {
            repair.told.lost.push("everything".to_owned());
        }
        Err(OpenError::Damaged(why)) => {
            return Err(OpenError::Damaged(format!(
                "{why}, and nothing of it can be read; `mailclerk store repair --empty` begins with an empty one"
            )));
        }
        Err(other) => return Err(other),
    }
    if repair.told.saved == 0 && !empty {
        return Err(OpenError::Damaged(
            "nothing of it can be read; `mailclerk store repair --empty` begins with an empty one"
                .to_owned(),
        ));
    }
    let head = repair.head(&fresh.engine).map_err(spoiled)?;
    repair
        .park(&fresh.engine, head, &Spool::new(dir.join("spool")), now)
        .map_err(spoiled)?;
    let mut parts = vec!["store", "generation"];
    let row = fresh.engine.read::<KeyRow>(layout::KEY_KEY);
    let good = match (&evidence.key, row.map_err(spoiled)?) {
        (Key::There(digests), row) => row.is_none_or(|row| digests.contains(&row.0)),
        (Key::Missing | Key::Spoiled, _) => false,
    };
    if !good {
        new_key(folder, &incoming, &mut fresh)?;
        parts.push("desk.key");
        let lost = "desk.key: answers to earlier mails do not find their tickets by it any more";
        repair.told.lost.push(lost.to_owned());
    }
    let renewal = Renewal {
        known: evidence.known(),
        why: "the store was damaged and repaired, and it may have left already",
        now,
    };
    let aside = swap::aside_name(dir, "damaged", now);
    repair.told.renewed = renewal.go_on(folder, options, &incoming, fresh, &parts, Some(&aside))?;
    Ok(repair.told)
}

/// Opens a copy; once more without the engine's snapshots, which only save it time.
fn read(folder: &Folder, options: &StoreOptions) -> Result<Engine, OpenError> {
    let copy = folder.dir.join(LOOK);
    let (engine, _) = open_copy(&folder.dir, &copy, options, &folder.syncs)?;
    newer(engine)
}

/// What a newer mailclerk wrote is not ours to mend.
fn newer(engine: Engine) -> Result<Engine, OpenError> {
    match engine.read::<VersionRow>(layout::VERSION_KEY) {
        Ok(Some(VersionRow(found))) if found > LAYOUT_VERSION => Err(OpenError::Newer {
            found,
            known: LAYOUT_VERSION,
        }),
        _ => Ok(engine),
    }
}

impl Repair {
    /// Writes a head that says what is there.
    fn head(&self, engine: &Engine) -> Result<HeadRow, StoreError> {
        let known = engine.read::<HeadRow>(layout::HEAD_KEY)?;
        let mut head = survey(engine)?.rebuild(
            known.unwrap_or_default(),
            crate::store::layout::witness::Witness::default(),
        );
        for (greatest, next) in [
            (self.tickets.last(), &mut head.next_ticket),
            (self.letters.last(), &mut head.next_outbox),
        ] {
            *next = (*next).max(greatest.map_or(0, |n| n.saturating_add(1)));
        }
        let mut batch = Batch::new(engine, head);
        if engine.read::<VersionRow>(layout::VERSION_KEY)?.is_none() {
            batch.put(layout::VERSION_KEY, &VersionRow(LAYOUT_VERSION))?;
        }
        batch.put(layout::HEAD_KEY, &head)?;
        batch.keep();
        engine.apply(&batch.into_moves().0)?;
        Ok(head)
    }

    /// Parks what was to go and has lost its text.
    fn park(
        &mut self,
        engine: &Engine,
        head: HeadRow,
        spool: &Spool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new(engine, head);
        for OutboxId(id) in unsettled(engine)? {
            let Some(row) = batch.get::<OutboxRow>(&id.to_be_bytes())? else {
                continue;
            };
            let Err(why) = spool.read(&row.place) else {
                continue;
            };
            self.told
                .lost
                .push(format!("outbox {id}: its text; it is parked"));
            if !matches!(row.state, DeliveryRow::Parked(..)) {
                shift(&mut batch, OutboxId(id), row, Event::Lost(why), now)?;
                batch.keep();
            }
        }
        let head = batch.head;
        batch.put(layout::HEAD_KEY, &head)?;
        batch.keep();
        engine.apply(&batch.into_moves().0)
    }
}
