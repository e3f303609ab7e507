//! Going on with a store that may not know all that was done: older than it was, restored, repaired.
//!
//! What it does not know it must not do twice: what goes out at most once is parked, numbers leap, the instance is a new
//! one, and the moment is on record, so that mails from before it are met with care.

use std::path::Path;

use crate::clock::Timestamp;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::batch::Batch;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::identity;
use crate::store::layout;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::Tree;
use crate::store::layout::head::AcceptedRow;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::InstanceRow;
use crate::store::layout::head::MigrationRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::letters::DeliveryRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::witness::Witness;
use crate::store::look::Evidence;
use crate::store::look::Key;
use crate::store::look::Looked;
use crate::store::open::Folder;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::outbox::OutboxId;
use crate::store::outbox::shift;
use crate::store::rebuild::Fresh;
use crate::store::survey::survey;
use crate::store::swap;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Event;

/// Numbers leap by this many: more than a desk gives between two backups.
pub(super) const LEAP: u64 = 10_000;
/// Mails moved on at a time.
const PIECE: usize = 200;

/// What became of a store that goes on in doubt.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Renewed {
    /// Tickets that it knows.
    pub tickets: u64,
    /// Mails on record.
    pub mails: u64,
    /// Outgoing mails that are parked, because they may have left already.
    pub parked: u64,
    /// Outgoing mails that go (again) under their old Message-ID.
    pub again: u64,
    /// The number that the next ticket gets.
    pub next_ticket: u64,
    /// The folder, in the state folder, that holds the files as they were; none when there were none.
    pub aside: Option<String>,
}

/// How a store goes on.
pub(super) struct Renewal<'a> {
    /// What stood beside it.
    pub(super) known: Witness,
    /// Why nobody knows what was done, as a sentence on parked mails.
    pub(super) why: &'a str,
    pub(super) now: Timestamp,
}

impl Renewal<'_> {
    /// Makes a store that is built anew one that may go on, and exchanges `parts` for it.
    pub(super) fn go_on(
        &self,
        folder: &Folder,
        options: &StoreOptions,
        incoming: &Path,
        mut fresh: Fresh,
        parts: &[&str],
        aside: Option<&str>,
    ) -> Result<Renewed, OpenError> {
        fresh.settle().map_err(spoiled)?;
        let (head, mut renewed) = self.renew(&fresh.engine).map_err(spoiled)?;
        let found = survey(&fresh.engine).map_err(spoiled)?;
        found.compare(&head)?;
        fresh.finish(options, &folder.syncs)?;
        let line = Witness::of(&head).line();
        let witness = incoming.join("generation");
        folder
            .syncs
            .replace(&witness, 0o600, line.as_bytes())
            .map_err(|e| disk(&witness, &e))?;
        let aside = aside.filter(|_| parts.iter().any(|part| folder.dir.join(part).exists()));
        swap::commit(&folder.dir, parts, aside, &folder.syncs)?;
        renewed.aside = aside.map(str::to_owned);
        Ok(renewed)
    }

    fn renew(&self, engine: &Engine) -> Result<(HeadRow, Renewed), StoreError> {
        let head = engine.read::<HeadRow>(layout::HEAD_KEY)?;
        let mut head = survey(engine)?.rebuild(head.unwrap_or_default(), self.known);
        head.generation += 1;
        for number in [
            &mut head.next_ticket,
            &mut head.next_outbox,
            &mut head.next_spool,
        ] {
            *number = number.saturating_add(LEAP);
        }
        let mut renewed = Renewed::default();
        let ids = unsettled(engine)?;
        for piece in ids.chunks(PIECE) {
            let mut batch = Batch::new(engine, head);
            for id in piece {
                self.doubt(&mut batch, *id, &mut renewed)?;
                batch.keep();
            }
            let moves;
            (moves, head) = batch.into_moves();
            engine.apply(&moves)?;
        }
        let mut batch = Batch::new(engine, head);
        // At the next start what mails are found by is made anew: nobody knows what of it is missing.
        batch.put(layout::VERSION_KEY, &VersionRow(LAYOUT_VERSION))?;
        batch.put(layout::MIGRATION_KEY, &MigrationRow::default())?;
        batch.put(
            layout::INSTANCE_KEY,
            &InstanceRow(identity::new_instance()?),
        )?;
        batch.put(layout::ACCEPTED_KEY, &AcceptedRow(self.now.0))?;
        batch.put(layout::HEAD_KEY, &head)?;
        batch.keep();
        engine.apply(&batch.into_moves().0)?;
        engine.make_durable()?;
        renewed.tickets = head.states.iter().sum();
        renewed.mails = head.ledger;
        renewed.next_ticket = head.next_ticket;
        Ok((head, renewed))
    }

    fn doubt(
        &self,
        batch: &mut Batch<'_>,
        id: OutboxId,
        renewed: &mut Renewed,
    ) -> Result<(), StoreError> {
        let Some(row) = batch.get::<OutboxRow>(&id.0.to_be_bytes())? else {
            return Ok(());
        };
        let why = match &row.state {
            DeliveryRow::Parked(_, _, why) => format!("{}; before that: {why}", self.why),
            _ => self.why.to_owned(),
        };
        let (state, _) = shift(batch, id, row, Event::Doubted(why), self.now)?;
        match state {
            Delivery::Parked { .. } => renewed.parked += 1,
            Delivery::Waiting { .. } => renewed.again += 1,
            _ => {}
        }
        Ok(())
    }
}

/// Returns the mails that may still go out.
pub(super) fn unsettled(engine: &Engine) -> Result<Vec<OutboxId>, StoreError> {
    let mut ids = Vec::new();
    engine.scan(Tree::Outbox, Range::under(&[]), |key, value| {
        let row = layout::unseal::<OutboxRow>(key, value)?;
        if !matches!(row.state, DeliveryRow::Sent(..) | DeliveryRow::Dropped(..)) {
            ids.extend(layout::seq_of(key).map(OutboxId));
        }
        Ok(true)
    })?;
    Ok(ids)
}

impl Store {
    /// Says to a store that holds less than it did, or that was put back from an older copy by other means, that it is to
    /// go on as it is. It must not be open, and must be whole.
    ///
    /// # Errors
    /// As [`Store::open`]; then all is as it was.
    pub fn accept(
        dir: &Path,
        options: &StoreOptions,
        now: Timestamp,
    ) -> Result<Renewed, OpenError> {
        let folder = Folder::take(dir, options)?;
        let accepted = accept(&folder, options, now);
        folder.cleared(accepted)
    }
}

fn accept(folder: &Folder, options: &StoreOptions, now: Timestamp) -> Result<Renewed, OpenError> {
    let dir = folder.dir.as_path();
    let evidence = Evidence::gather(dir)?;
    let incoming = swap::begin(dir, &folder.syncs).map_err(|e| disk(dir, &e))?;
    let mut fresh = Fresh::begin(&incoming, options)?;
    let mut key_is_good = matches!(evidence.key, Key::There(_));
    if evidence.data {
        let looked = Looked::at(dir, dir, options, &folder.syncs)?;
        let taken = looked
            .survey()
            .and_then(|_| fresh.take_over(&looked.engine).map_err(spoiled));
        key_is_good = evidence
            .compare_key(dir, looked.key, looked.head.as_ref())
            .is_ok();
        looked.discard(&folder.syncs)?;
        taken?;
    }
    let mut parts = vec!["store", "generation"];
    if !key_is_good {
        new_key(folder, &incoming, &mut fresh)?;
        parts.push("desk.key");
    }
    let renewal = Renewal {
        known: evidence.known(),
        why: "the store was accepted as it was, and may be older than what was sent",
        now,
    };
    let aside = swap::aside_name(dir, "replaced", now);
    renewal.go_on(folder, options, &incoming, fresh, &parts, Some(&aside))
}

/// Makes a new key in `incoming`, for a store that lost its own.
pub(super) fn new_key(
    folder: &Folder,
    incoming: &Path,
    fresh: &mut Fresh,
) -> Result<(), OpenError> {
    let key = layout::KEY_KEY.to_vec();
    fresh.put(Tree::Head, key, None).map_err(spoiled)?;
    identity::desk_key(&folder.syncs, &incoming.join("desk.key")).map(drop)
}
