//! Damaged stores: each is opened from the outside, and refuses by name or is whole; the program sends nothing from it.

use std::collections::BTreeMap;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

use mailclerk::store::Store;
use tempfile::TempDir;

use crate::clerk::Clerk;
use crate::clerk::Desk;
use crate::clerk::copy;
use crate::clerk::scratch;
use crate::cuts::Recorded;
use crate::cuts::check::check;
use crate::cuts::quiet;
use crate::cuts::sort;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::tally::Asked;
use crate::tally::Tally;
use crate::work;
use crate::work::Ack;
use crate::work::Worker;
use crate::world::World;

/// How many copies of a store are damaged before another store is made.
const OF_EACH: u64 = 100;
/// The fewest in all.
const LEAST: u64 = 400;

/// Known, and told apart: the key has no checksum, so changed octets in it are not noticed. Nothing is lost or sent twice
/// by that, but answers to earlier mails are not recognised.
const UNNOTICED: &str = "whole, but its key has changed and it does not know";

/// A store, what is in it, and how it was some commits earlier.
struct Whole {
    now: TempDir,
    earlier: TempDir,
    recorded: Recorded,
}

/// Faults: F10 F11; holds I1 I6 I9.
#[test]
fn damaged_stores_refuse_by_name_or_are_whole() {
    let asked = Asked::read();
    quiet();
    let mut tally = Tally::new("damage", asked.seed);
    let mut dice = Dice::new(asked.seed);
    let mut said: BTreeMap<String, u64> = BTreeMap::new();
    let world = World::new();
    let clerk = Clerk::new(Desk::Light, world.imap_port, world.smtp_port);
    while tally.damaged < LEAST || asked.goes_on() {
        let whole = whole(&mut dice);
        for _ in 0..OF_EACH {
            let state = scratch();
            copy(whole.now.path(), state.path(), &|_| true);
            let what = damage(state.path(), whole.earlier.path(), &mut dice);
            tally.damaged += 1;
            let verdict = look(state.path(), &whole, &what, &mut tally);
            if verdict != "whole" && verdict != UNNOTICED {
                tally.refused += 1;
                // The program itself, now and then: it is slower by far.
                if dice.one_in(25) {
                    run(&clerk, state.path(), &what, &mut tally);
                }
            }
            *said.entry(verdict).or_default() += 1;
        }
    }
    println!("damaged stores said: {said:#?}");
    if !world.accepted().is_empty() {
        tally.complain("a mail left from a damaged store".to_owned());
    }
    tally.end();
}

/// Makes a store with some hundred records.
fn whole(dice: &mut Dice) -> Whole {
    let (now, earlier) = (scratch(), scratch());
    let mut store = work::open(now.path()).unwrap();
    let mut worker = Worker::new(Dice::new(dice.throw()), &store);
    for piece in 0..60 {
        worker.work(&store);
        if piece == 30 {
            drop(store);
            copy(now.path(), earlier.path(), &|_| true);
            store = work::open(now.path()).unwrap();
            worker = Worker::new(Dice::new(dice.throw()), &store);
        }
    }
    let all = Ack {
        begun: 0,
        at: 0,
        uids: work::uids(&store).into_iter().collect(),
        letters: work::letters(&store),
    };
    let recorded = Recorded {
        disk: Disk::empty(),
        acks: vec![all.clone(), all],
        key: store.keys(),
        instance: store.instance().to_owned(),
    };
    Whole {
        now,
        earlier,
        recorded,
    }
}

/// Damages one file of a state folder; says how.
fn damage(state: &Path, earlier: &Path, dice: &mut Dice) -> String {
    let files = files(state);
    let data = state.join("store/db");
    let path = if dice.one_in(3) {
        dice.pick(&files).clone()
    } else {
        data
    };
    let name = path.strip_prefix(state).unwrap().display().to_string();
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    let place = dice.index(length.max(1));
    let how = match dice.below(9) {
        0 => {
            bytes.truncate(place);
            format!("cut to {place}")
        }
        1 | 2 if length > 0 => {
            let bit = dice.below(8);
            bytes[place] ^= 1 << bit;
            format!("bit {bit} of {place} flipped")
        }
        3 | 4 if length > 0 => {
            let page = place / 4096 * 4096;
            let end = (page + 4096).min(length);
            bytes[page..end].fill(0);
            format!("page at {page} zeroed")
        }
        5 => {
            let end = length.saturating_sub(1 + dice.index(4096));
            bytes.truncate(end);
            bytes.extend((end..length + 512).map(|_| u8::try_from(dice.below(256)).unwrap()));
            format!("rubbish from {end} on")
        }
        6 => {
            bytes.clear();
            "emptied".to_owned()
        }
        7 => {
            fs::remove_file(&path).unwrap();
            return format!("{name} is missing");
        }
        _ => {
            let Ok(older) = fs::read(earlier.join(&name)) else {
                fs::remove_file(&path).unwrap();
                return format!("{name} is missing");
            };
            bytes = older;
            "as it was earlier".to_owned()
        }
    };
    fs::write(&path, bytes).unwrap();
    format!("{name}: {how}")
}

/// All files of the state but its lock, in a lasting order.
fn files(state: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![state.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else if entry.file_name() != "lock" {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Opens a damaged store; returns what it says of itself.
fn look(state: &Path, whole: &Whole, what: &str, tally: &mut Tally) -> String {
    match catch_unwind(AssertUnwindSafe(|| work::open(state))) {
        Ok(Ok(store)) => {
            let mut said = check(&store, &whole.recorded, usize::MAX - 1);
            if what.starts_with("spool/") {
                // Found when it is to be sent, and told then.
                said.retain(|said| !said.ends_with("its text cannot be read"));
            }
            if what.starts_with("desk.key") && said == ["it is another store"] {
                return UNNOTICED.to_owned();
            }
            if !said.is_empty() {
                tally.shortenings += 1;
                tally.complain(format!("{what}: opened, but {said:?}"));
            }
            lease_all(&store, what, tally);
            "whole".to_owned()
        }
        Ok(Err(error)) => sort(&error),
        Err(_) => {
            tally.panics += 1;
            tally.complain(format!("{what}: opening panicked"));
            "panic".to_owned()
        }
    }
}

/// What is handed out to be sent is what was written; what cannot be read is parked.
fn lease_all(store: &Store, what: &str, tally: &mut Tally) {
    let taken = match store.lease(work::NOW, work::MAILBOX, 10_000) {
        Ok(taken) => taken,
        Err(error) => return tally.complain(format!("{what}: lease: {error}")),
    };
    for mail in taken.mails {
        if mail.bytes != work::octets(mail.message_id.as_str()) {
            tally.complain(format!("{what}: {} is another mail", mail.id.0));
        }
    }
    if !taken.parked.is_empty() && !what.starts_with("spool/") {
        tally.complain(format!("{what}: parked {}", taken.parked.len()));
    }
}

/// The program on a state that refuses: it ends by itself, with the exit code that says why.
fn run(clerk: &Clerk, state: &Path, what: &str, tally: &mut Tally) {
    let place = clerk.path("state");
    let _ = fs::remove_dir_all(&place);
    copy(state, &place, &|_| true);
    let ended = clerk.start(&[]).lived(|_| false);
    if ended.status.code() != Some(65) {
        tally.complain(format!("{what}: the program ended by {}", ended.words()));
    }
}
