//! Power cuts: a store works on a disk that knows what is durable; the power goes at every sync and in between.

pub(crate) mod check;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use mailclerk::store::KeyView;
use mailclerk::store::OpenError;
use mailclerk::store::Store;

use crate::clerk::scratch;
use crate::cuts::check::check;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::disk::Op;
use crate::disk::image;
use crate::disk::image::Durable;
use crate::disk::image::Fate;
use crate::fuse;
use crate::tally::Asked;
use crate::tally::Tally;
use crate::work;
use crate::work::Ack;
use crate::work::Worker;

/// What happened on a disk, and what was acknowledged meanwhile.
pub(crate) struct Recorded {
    pub(crate) disk: Disk,
    pub(crate) acks: Vec<Ack>,
    pub(crate) key: Vec<KeyView>,
    pub(crate) instance: String,
}

/// Faults: F5; holds I1 I3 I6 I9.
#[test]
fn cuts_of_the_power_at_every_sync_lose_nothing_that_was_acknowledged() {
    let asked = Asked::read();
    quiet();
    let mut tally = Tally::new("cuts", asked.seed);
    let refusals = Mutex::new(BTreeMap::new());
    let workers = if asked.long() { 2 } else { 1 };
    let found: Vec<Tally> = thread::scope(|scope| {
        let work = |worker| {
            scope.spawn({
                let refusals = &refusals;
                move || chains(&asked, worker, refusals)
            })
        };
        let all: Vec<_> = (0..workers).map(work).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for one in found {
        tally.add(one);
    }
    println!("refused: {:?}", refusals.into_inner().unwrap());
    tally.end();
}

type Refusals = Mutex<BTreeMap<String, u64>>;

/// Chains of disks: each begins with what a power cut left of the one before.
fn chains(asked: &Asked, worker: u64, refusals: &Refusals) -> Tally {
    let mut tally = Tally::new("cuts", asked.seed);
    for chain in 0.. {
        let seed = asked.seed.wrapping_mul(1_000_003) + worker * 1_000 + chain;
        let mut dice = Dice::new(seed);
        let mut disk = Disk::empty();
        for link in 0..(if asked.long() { 4 } else { 2 }) {
            let pieces = if asked.long() { 30 } else { 8 };
            let Some(recorded) = record(disk, &mut dice, pieces) else {
                return tally;
            };
            let left = cut_everywhere(&recorded, &mut dice, &mut tally, refusals);
            for complaint in &mut tally.complaints {
                if !complaint.starts_with("chain") {
                    *complaint = format!("chain {chain} of {worker}, disk {link}: {complaint}");
                }
            }
            let Some(next) = left else { break };
            if asked.long() && !asked.goes_on() {
                break;
            }
            disk = next;
        }
        if !asked.goes_on() {
            break;
        }
    }
    tally
}

/// Has a store work on a disk, and be opened anew now and then.
fn record(start: Disk, dice: &mut Dice, pieces: u32) -> Option<Recorded> {
    let mount = tempfile::tempdir().unwrap();
    let disk = Arc::new(Mutex::new(start));
    let session = fuse::mount(&disk, mount.path())?;
    let logged = || disk.lock().unwrap().log.len();
    let state = mount.path().join("state");
    let mut store = work::open(&state).unwrap();
    let mut acks = Vec::new();
    // Before anything else was done it was there already, but for the store itself.
    let found = Ack {
        begun: 0,
        at: 0,
        uids: work::uids(&store).into_iter().collect(),
        letters: work::letters(&store),
    };
    acks.push(found);
    let begun = logged();
    let mut worker = Worker::new(Dice::new(dice.throw()), &store);
    // Nobody holds a lease any more: all of it in one commit.
    acks.push(Ack {
        begun,
        at: logged(),
        uids: Vec::new(),
        letters: work::letters(&store),
    });
    for _ in 0..pieces {
        let begun = logged();
        let mut ack = if worker.dice.one_in(12) {
            drop(store);
            store = work::open(&state).unwrap();
            Ack::default()
        } else {
            worker.work(&store)
        };
        (ack.begun, ack.at) = (begun, logged());
        acks.push(ack);
    }
    let (key, instance) = (store.keys(), store.instance().to_owned());
    drop(store);
    drop(session);
    let disk = std::mem::replace(&mut *disk.lock().unwrap(), Disk::empty());
    Some(Recorded {
        disk,
        acks,
        key,
        instance,
    })
}

/// Cuts the power before and after every sync, in every way, and at some moments in between. Returns one of the disks
/// that are left, to go on with.
fn cut_everywhere(
    recorded: &Recorded,
    dice: &mut Dice,
    tally: &mut Tally,
    refusals: &Refusals,
) -> Option<Disk> {
    let mut durable = Durable::new(&recorded.disk);
    let keep_at = dice.index(recorded.disk.log.len());
    let mut kept = None;
    for (place, op) in recorded.disk.log.iter().enumerate() {
        let at_sync = matches!(op, Op::Sync { .. });
        let fates: &[Fate] = if at_sync {
            &[
                Fate::Lost,
                Fate::Kept,
                Fate::Some,
                Fate::Torn(512),
                Fate::Torn(4096),
            ]
        } else if dice.one_in(4) {
            &[Fate::Torn(512), Fate::Some]
        } else {
            &[]
        };
        for fate in fates {
            let left = cut(recorded, &durable, place, *fate, dice, tally, refusals);
            if place >= keep_at && kept.is_none() {
                kept = left;
            }
        }
        durable.step(op);
    }
    kept
}

/// One power cut: what is left is opened and looked at. Returns it as a disk, as it lay there before it was opened,
/// where a store could be opened on it.
fn cut(
    recorded: &Recorded,
    durable: &Durable,
    place: usize,
    fate: Fate,
    dice: &mut Dice,
    tally: &mut Tally,
    refusals: &Refusals,
) -> Option<Disk> {
    let folder = scratch();
    let nodes = durable.cut(fate, dice);
    image::write(&nodes, &recorded.disk, folder.path());
    tally.power_cuts += 1;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        work::open(&folder.path().join("state"))
    }));
    let store = match opened {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => {
            tally.refused += 1;
            if matches!(error, OpenError::Behind { .. }) {
                tally.lost += 1;
                tally.complain(format!("{fate:?} at {place}: {error}"));
            }
            *refusals.lock().unwrap().entry(sort(&error)).or_default() += 1;
            return None;
        }
        Err(_) => {
            tally.panics += 1;
            tally.complain(format!("{fate:?} at {place}: opening panicked"));
            return None;
        }
    };
    let said = check(&store, recorded, place);
    if !said.is_empty() {
        tally.shortenings += 1;
        tally.complain(format!("{fate:?} at {place}: {said:?}"));
    }
    goes_on(&store, tally, dice);
    drop(store);
    let again = scratch();
    image::write(&nodes, &recorded.disk, again.path());
    Some(image::read(again.path()))
}

/// Now and then: the store that was left can be worked on.
fn goes_on(store: &Store, tally: &mut Tally, dice: &mut Dice) {
    if dice.one_in(8) {
        let work = || {
            let mut worker = Worker::new(Dice::new(1), store);
            for _ in 0..3 {
                worker.work(store);
            }
        };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tally.complain("a store that opened could not be worked on".to_owned());
        }
    }
}

/// The sort of a refusal, without its particulars.
pub(crate) fn sort(error: &OpenError) -> String {
    let text = error.to_string();
    let cut = text.find(|c: char| c.is_ascii_digit() || c == '/');
    text[..cut.unwrap_or(text.len()).min(60)].to_owned()
}

/// The engine's own panics are caught by the store and told by name; here they would only fill the terminal.
pub(crate) fn quiet() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let engine = panic.location().is_some_and(|place| {
            Path::new(place.file())
                .components()
                .any(|c| c.as_os_str().to_string_lossy().starts_with("sled-"))
        });
        if !engine {
            told(panic);
        }
    }));
}
