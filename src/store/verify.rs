//! A look at everything: records, counts, what follows from what, the spool, the witness, the key. Changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreOptions;
use crate::store::acts;
use crate::store::derived::DERIVED;
use crate::store::derived::derive;
use crate::store::duties::wrong_loads;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::letters::DeliveryRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::store::look::Evidence;
use crate::store::look::Looked;
use crate::store::merge;
use crate::store::open::disk;
use crate::store::open::spoiled;
use crate::store::spool::Spool;
use crate::store::survey::survey;
use crate::store::swap;
use crate::store::sync::Syncs;

/// Faults of one kind that are told one by one.
const TOLD_MAX: usize = 5;

/// One line of what was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// What was looked at.
    pub what: String,
    /// What it is like.
    pub found: String,
    /// Whether it is as it should be.
    pub sound: bool,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Verified {
    /// Line by line.
    pub found: Vec<Found>,
}

impl Verified {
    /// Whether all of it is as it should be.
    pub fn sound(&self) -> bool {
        self.found.iter().all(|f| f.sound)
    }

    fn tell(&mut self, what: impl Into<String>, found: impl Into<String>, sound: bool) {
        self.found.push(Found {
            what: what.into(),
            found: found.into(),
            sound,
        });
    }

    fn error(&mut self, what: &str, error: &OpenError) {
        let said = match error {
            OpenError::Damaged(why) | OpenError::Behind(why) => why.clone(),
            other => other.to_string(),
        };
        self.tell(what, said, false);
    }
}

/// Faults of one kind: how many, and the first of them.
#[derive(Default)]
struct Faults {
    count: u64,
    first: Vec<String>,
}

impl Faults {
    fn add(&mut self, which: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < TOLD_MAX {
            self.first.push(which());
        }
    }

    fn told(&self) -> String {
        let more = if self.count > self.first.len() as u64 {
            ", ..."
        } else {
            ""
        };
        format!("{} ({}{more})", self.count, self.first.join(", "))
    }
}

impl Store {
    /// Looks at everything in the state folder `dir`, at the store in a copy. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be looked at: somebody has it open, no room for the copy. What is wrong with it is no error.
    pub fn verify(dir: &Path, options: &StoreOptions) -> Result<Verified, OpenError> {
        let _lock = shared_lock(&dir.join("lock"))?;
        let mut told = Verified::default();
        match swap::is_pending(dir) {
            Ok(false) => {}
            Ok(true) => {
                let found =
                    "not ended: the next start, repair or restore ends it; verify again after that";
                told.tell("start, restore, repair or shrinking", found, false);
                return Ok(told);
            }
            Err(e) => told.error("start, restore, repair or shrinking", &e),
        }
        let evidence = Evidence::gather(dir)?;
        let syncs = Syncs::default();
        if !evidence.data {
            match evidence.compare(None) {
                Ok(()) => told.tell("store", "there is none yet", true),
                Err(e) => told.error("store", &e),
            }
            return Ok(told);
        }
        let place = look_place(dir)?;
        match Looked::at(&place.parent, dir, options, &syncs) {
            Ok(looked) => {
                everything(&mut told, dir, &evidence, &looked);
                looked.discard(&syncs)?;
            }
            Err(e @ (OpenError::InUse | OpenError::Disk { .. })) => {
                place.clear(&syncs);
                return Err(e);
            }
            Err(e) => told.error("store", &e),
        }
        place.clear(&syncs);
        Ok(told)
    }
}

/// Takes the lock without leaving a trace.
fn shared_lock(path: &Path) -> Result<Option<File>, OpenError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(disk(path, &e)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(e)) => Err(disk(path, &e)),
    }
}

/// Where the copy is made.
struct Place {
    parent: PathBuf,
    made: bool,
}

impl Place {
    fn clear(&self, syncs: &Syncs) {
        if self.made {
            let _ = syncs.discard(&self.parent);
        }
    }
}

/// The state folder itself, or, when nothing can be written there, a new folder among the temporary ones.
fn look_place(dir: &Path) -> Result<Place, OpenError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let here = Place {
        parent: dir.to_owned(),
        made: false,
    };
    let look = dir.join(swap::LOOK);
    match fs::DirBuilder::new().mode(0o700).create(&look) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull
            ) => {}
        _ => return Ok(here),
    }
    // Not made if it is there: the name could be somebody else's.
    let parent = std::env::temp_dir().join(format!("mailclerk-verify-{}", std::process::id()));
    let made = fs::DirBuilder::new().mode(0o700).create(&parent);
    made.map_err(|e| disk(&parent, &e))?;
    Ok(Place { parent, made: true })
}

fn everything(told: &mut Verified, dir: &Path, evidence: &Evidence, looked: &Looked) {
    let engine = &looked.engine;
    let head = looked.head.unwrap_or_default();
    let layout = looked.version.map_or("none".to_owned(), |v| v.to_string());
    told.tell("layout", layout, looked.version.is_some());
    match evidence.compare(looked.head.as_ref()) {
        Ok(()) => told.tell("generation", head.generation.to_string(), true),
        Err(e) => told.error("generation", &e),
    }
    match evidence.compare_key(dir, looked.key, looked.head.as_ref()) {
        Ok(()) => told.tell("desk.key", "there", true),
        Err(OpenError::Key { why, .. }) => told.tell("desk.key", why, false),
        Err(e) => told.error("desk.key", &e),
    }
    let whole = every_record(told, engine);
    if !whole {
        // Counts and cross references of what cannot be read would only repeat it.
        return;
    }
    match survey(engine).map_err(spoiled) {
        Ok(found) => {
            for (what, has, wanted) in found.counted(&head) {
                let said = if has == wanted {
                    has.to_string()
                } else {
                    format!("{has}, and {wanted} were counted")
                };
                told.tell(what, said, has == wanted);
            }
            let records = found.octets_of_all();
            told.tell(
                "octets",
                format!("{} on disk, {records} in records", looked.octets),
                true,
            );
        }
        Err(e) => told.error("counts", &e),
    }
    for (what, checked) in [
        ("what follows from records", follows(engine)),
        ("events of tickets", belongs(engine)),
        ("tickets that wait, by agent and queue", loads(engine)),
    ] {
        match checked {
            Ok(faults) if faults.count == 0 => told.tell(what, "all there", true),
            Ok(faults) => told.tell(what, format!("missing: {}", faults.told()), false),
            Err(e) => told.error(what, &spoiled(e)),
        }
    }
    if let Err(e) = spool(told, engine, &Spool::new(dir.join("spool"))) {
        told.error("spool", &spoiled(e));
    }
}

/// Reads every record of every tree. Returns whether all are whole.
fn every_record(told: &mut Verified, engine: &Engine) -> bool {
    let mut whole = true;
    for tree in TREES {
        let (mut records, mut octets) = (0_u64, 0_u64);
        let mut faults = Faults::default();
        let read = engine.salvage(tree, |key, value| {
            records += 1;
            octets += (key.len() + value.len()) as u64;
            if layout::checked(tree, key, value).is_err() || derive(tree, key, value).is_err() {
                faults.add(|| name_of(tree, key));
            }
        });
        let what = format!("records: {}", tree.name());
        let sound = read && faults.count == 0;
        whole &= sound;
        let mut said = format!("{records} ({octets} octets)");
        if faults.count > 0 {
            said = format!("{said}, damaged: {}", faults.told());
        }
        if !read {
            said.push_str(", and more that cannot be read");
        }
        told.tell(what, said, sound);
    }
    whole
}

/// Names a record so that a person knows it.
pub(super) fn name_of(tree: Tree, key: &[u8]) -> String {
    let number = || match <[u8; 8]>::try_from(key) {
        Ok(octets) => format!("{}", u64::from_be_bytes(octets)),
        Err(_) => hex(key),
    };
    match tree {
        Tree::Ledger | Tree::Filings | Tree::Poison => layout::mail_of(key).map_or_else(
            || hex(key),
            |m| format!("{}/{}/{}", m.mailbox, m.uid_validity, m.uid),
        ),
        Tree::Tickets | Tree::Outbox | Tree::Arrivals | Tree::Quarantine | Tree::Merges => number(),
        Tree::Head | Tree::Cursors | Tree::Turns => {
            String::from_utf8_lossy(key).chars().take(60).collect()
        }
        _ => hex(key),
    }
}

fn hex(key: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(key.get(..key.len().min(24)).unwrap_or_default())
}

/// Finds records that should follow from others and do not; there are no more than those when the numbers agree.
fn follows(engine: &Engine) -> Result<Faults, StoreError> {
    let mut faults = Faults::default();
    let mut wanted = 0_u64;
    for tree in TREES.into_iter().filter(|t| !DERIVED.contains(t)) {
        engine.scan(tree, Range::under(&[]), |key, value| {
            for (other, key, value) in derive(tree, key, value)? {
                wanted += 1;
                if engine.get(other, &key)?.as_deref() != Some(value.as_slice()) {
                    faults.add(|| format!("{} {}", other.name(), name_of(other, &key)));
                }
            }
            Ok(true)
        })?;
    }
    let found = survey(engine)?;
    let there: u64 = DERIVED.iter().map(|t| found.records(*t)).sum();
    if there > wanted {
        faults.add(|| format!("what {} of them should follow from", there - wanted));
    }
    Ok(faults)
}

/// Finds records under tickets and mails that are not there.
fn belongs(engine: &Engine) -> Result<Faults, StoreError> {
    let mut faults = Faults::default();
    let mut seen = BTreeSet::new();
    for tree in [Tree::Events, Tree::Addresses, Tree::Merges] {
        engine.scan(tree, Range::under(&[]), |key, _| {
            let ticket = key.get(..8).unwrap_or_default();
            if seen.insert(ticket.to_vec()) && engine.get(Tree::Tickets, ticket)?.is_none() {
                faults.add(|| format!("ticket {}", name_of(Tree::Tickets, ticket)));
            }
            Ok(true)
        })?;
    }
    for n in merge::dangling(engine)? {
        faults.add(|| format!("ticket {}, a part of a lost one", n.0));
    }
    engine.scan(Tree::Filings, Range::under(&[]), |key, _| {
        if engine.get(Tree::Ledger, key)?.is_none() {
            faults.add(|| format!("mail {}", name_of(Tree::Ledger, key)));
        }
        Ok(true)
    })?;
    engine.scan(Tree::Acts, Range::under(&[]), |key, value| {
        if !acts::belongs(engine, key, value)? {
            faults.add(|| format!("acts {}", name_of(Tree::Acts, key)));
        }
        Ok(true)
    })?;
    Ok(faults)
}

/// Finds loads that are not what the tickets say.
fn loads(engine: &Engine) -> Result<Faults, StoreError> {
    let mut faults = Faults::default();
    for load in wrong_loads(engine)? {
        faults.add(|| load);
    }
    Ok(faults)
}

/// Reads every mail that may still go out.
fn spool(told: &mut Verified, engine: &Engine, spool: &Spool) -> Result<(), StoreError> {
    let (mut whole, mut parked, mut faults) = (0_u64, 0_u64, Faults::default());
    engine.scan(Tree::Outbox, Range::under(&[]), |key, value| {
        let row = layout::unseal::<OutboxRow>(key, value)?;
        match row.state {
            DeliveryRow::Sent(..) | DeliveryRow::Dropped(..) => {}
            _ if spool.read(&row.place).is_ok() => whole += 1,
            DeliveryRow::Parked(..) => parked += 1, // known already, and with a person
            _ => faults.add(|| name_of(Tree::Outbox, key)),
        }
        Ok(true)
    })?;
    engine.scan(Tree::Quarantine, Range::under(&[]), |key, value| {
        if let Some(place) = layout::unseal::<QuarantineRow>(key, value)?.place {
            match spool.read(&place) {
                Ok(_) => whole += 1,
                Err(_) => faults.add(|| format!("quarantine {}", name_of(Tree::Quarantine, key))),
            }
        }
        Ok(true)
    })?;
    let mut said = format!("{whole} mails to go, parked or held are whole");
    if parked > 0 {
        said = format!("{said}; parked and without their text: {parked}");
    }
    if faults.count > 0 {
        said = format!("{said}; without their text: {}", faults.told());
    }
    told.tell("spool", said, faults.count == 0);
    Ok(())
}
