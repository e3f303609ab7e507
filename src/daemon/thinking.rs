//! Reading mails on all cores, each within a time: one that takes too long holds up nobody.
//!
//! A thread that hangs cannot be ended. It is left alone, and its mail given to another, three in all; then it goes to a
//! person unread. When several hang, reading goes on without a limit, so that the watchdog ends the process and `peril`
//! finds the mail.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;
use std::time::Instant;

use crate::daemon::letters;
use crate::mailbox::Fetched;
use crate::triage::Office;
use crate::triage::desk::Rules;

/// A mail of the largest size takes a second or two.
const LIMIT: Duration = Duration::from_mins(2);
/// Threads that may hang at a time: those of four mails.
const HANGING_MAX: usize = 4 * letters::FAILS_MAX as usize;
/// Threads that read at a time, however many cores there are.
const READERS_MAX: usize = 8;

static HANGING: AtomicUsize = AtomicUsize::new(0);

/// Reads mails, in their order; one that takes longer than `LIMIT` is taken over unread.
pub(super) fn read(
    mails: &[Arc<Fetched>],
    rules: &Arc<Rules>,
    office: &Arc<Office>,
) -> Vec<letters::Read> {
    within(limit(), mails, rules, office)
}

fn within(
    limit: Duration,
    mails: &[Arc<Fetched>],
    rules: &Arc<Rules>,
    office: &Arc<Office>,
) -> Vec<letters::Read> {
    let here = || mails.iter().map(|m| letters::read(m, rules, office));
    if HANGING.load(Ordering::Relaxed) >= HANGING_MAX {
        return here().collect();
    }
    let table = Arc::new(Table {
        mails: mails.to_vec(),
        rules: Arc::clone(rules),
        office: Arc::clone(office),
        heap: Mutex::default(),
        news: Condvar::new(),
    });
    let readers = available_parallelism().map_or(1, NonZeroUsize::get);
    let readers = readers.min(READERS_MAX).min(mails.len());
    let began = (0..readers).filter(|_| table.seat_reader()).count();
    if began == 0 {
        // No thread to be had: they are read here, as best it can.
        return here().collect();
    }
    table.wait(limit / letters::FAILS_MAX)
}

/// Where mails lie to be read, and are laid when they were.
struct Table {
    mails: Vec<Arc<Fetched>>,
    rules: Arc<Rules>,
    office: Arc<Office>,
    heap: Mutex<Heap>,
    news: Condvar,
}

/// What has become of the mails, by their places.
#[derive(Default)]
struct Heap {
    /// How many have been taken.
    taken: usize,
    /// Which are being read, and since when the last of its readers.
    open: BTreeMap<usize, Instant>,
    /// How many readers hang over one.
    hung: BTreeMap<usize, u32>,
    done: BTreeMap<usize, letters::Read>,
}

impl Table {
    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has one more thread read; false when there is none to be had.
    fn seat_reader(self: &Arc<Self>) -> bool {
        let table = Arc::clone(self);
        std::thread::Builder::new()
            .name("thinking".to_owned())
            .spawn(move || while table.read_one() {})
            .is_ok()
    }

    /// Reads the next mail; false when there is none, or when this one was given up meanwhile.
    fn read_one(&self) -> bool {
        let mut heap = self.heap();
        let place = heap.taken;
        let Some(mail) = self.mails.get(place) else {
            return false;
        };
        heap.taken += 1;
        heap.open.insert(place, Instant::now());
        drop(heap);
        self.read_at(place, mail)
    }

    /// Reads a mail; false when another has read it meanwhile, or it was given up. Whichever reader comes to an end first
    /// has read it.
    fn read_at(&self, place: usize, mail: &Arc<Fetched>) -> bool {
        let read = letters::read(mail, &self.rules, &self.office);
        let mut heap = self.heap();
        if heap.open.remove(&place).is_none() {
            return false;
        }
        heap.done.insert(place, read);
        self.news.notify_one();
        true
    }

    /// Waits until all are read or given up.
    fn wait(self: &Arc<Self>, limit: Duration) -> Vec<letters::Read> {
        let mut heap = self.heap();
        while heap.done.len() < self.mails.len() {
            // Those that were taken first are the first to be late.
            let oldest = heap.open.iter().next().map(|(place, at)| (*place, *at));
            let late = oldest.filter(|(_, at)| at.elapsed() >= limit);
            if let Some((place, _)) = late {
                let hung = heap.hung.entry(place).or_default();
                *hung += 1;
                if *hung < letters::FAILS_MAX {
                    heap.open.insert(place, Instant::now());
                    drop(heap);
                    self.seat_another(place);
                    heap = self.heap();
                    continue;
                }
                heap.open.remove(&place);
                drop(heap);
                let unread = self.give_up(place, limit);
                heap = self.heap();
                heap.done.extend(unread.map(|read| (place, read)));
                continue;
            }
            let left = oldest.map_or(limit, |(_, at)| limit.saturating_sub(at.elapsed()));
            let waited = self.news.wait_timeout(heap, left.max(TICK));
            (heap, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut heap.done).into_values().collect()
    }

    /// Has another thread read a mail over which one hangs.
    fn seat_another(self: &Arc<Self>, place: usize) {
        HANGING.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            mailbox = self.office.mailbox,
            uid = self.mails.get(place).map(|m| m.uid),
            "reading the mail takes too long"
        );
        let table = Arc::clone(self);
        // Where there is no thread to be had, the mail is late once more, and given up.
        let _ = std::thread::Builder::new()
            .name("thinking".to_owned())
            .spawn(move || {
                let mail = table.mails.get(place);
                if mail.is_some_and(|mail| table.read_at(place, mail)) {
                    while table.read_one() {}
                }
            });
    }

    /// Takes a mail over unread, and puts another reader in the place of the one that hangs over it.
    fn give_up(self: &Arc<Self>, place: usize, limit: Duration) -> Option<letters::Read> {
        let mail = self.mails.get(place)?;
        HANGING.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            mailbox = self.office.mailbox,
            uid = mail.uid,
            seconds = limit.as_secs(),
            "reading the mail took too long, each of {} times; a person gets it unread",
            letters::FAILS_MAX
        );
        if !self.seat_reader() {
            while self.read_one() {}
        }
        Some(letters::unread(mail, &self.rules, &self.office))
    }
}

/// The least time between two looks at the clock.
const TICK: Duration = Duration::from_millis(1);

/// In a build with debug assertions `MAILCLERK_THINKING_MS` shortens the limit: no test waits for minutes.
fn limit() -> Duration {
    if !cfg!(debug_assertions) {
        return LIMIT;
    }
    let said = std::env::var("MAILCLERK_THINKING_MS").ok();
    said.and_then(|ms| ms.parse().ok())
        .map_or(LIMIT, Duration::from_millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::daemon::tests::hostile::desk;

    #[test]
    fn mails_that_are_read_at_once_come_in_their_order_each_one_once() {
        let (rules, office) = desk();
        let mails: Vec<Arc<Fetched>> = (1..=200_u32)
            .map(|uid| {
                // The first of them take longest.
                let lines = usize::try_from(200 - uid).unwrap() * 2;
                let text = "a line of some length, read by nobody\r\n".repeat(lines);
                let raw = format!("From: w{uid}@home.example\r\nSubject: {uid}\r\n\r\n{text}");
                Arc::new(Fetched {
                    uid,
                    raw: raw.into_bytes(),
                    truncated: false,
                })
            })
            .collect();
        let read = within(LIMIT, &mails, &rules, &office);
        let subjects: Vec<(u32, &str)> = read
            .iter()
            .map(|r| (r.uid, r.reading.message.subject.as_str()))
            .collect();
        let wanted: Vec<(u32, String)> = (1..=200).map(|uid| (uid, uid.to_string())).collect();
        let wanted: Vec<(u32, &str)> = wanted.iter().map(|(u, s)| (*u, s.as_str())).collect();
        assert_eq!(subjects, wanted);
    }

    #[test]
    fn what_takes_too_long_goes_to_a_person_unread_and_none_is_missing() {
        let (rules, office) = desk();
        let mails: Vec<Arc<Fetched>> = (1..=3_u32)
            .map(|uid| {
                Arc::new(Fetched {
                    uid,
                    raw: b"From: w@home.example\r\nSubject: x\r\n\r\nhello\r\n".to_vec(),
                    truncated: false,
                })
            })
            .collect();
        // No time at all: whoever is not done at the first look is late.
        let read = within(Duration::ZERO, &mails, &rules, &office);
        HANGING.store(0, Ordering::Relaxed);
        let uids: Vec<u32> = read.iter().map(|r| r.uid).collect();
        assert_eq!(uids, [1, 2, 3]);
    }
}
