//! Reading a mail within a time: one that takes too long holds up nobody.
//!
//! A thread that hangs cannot be ended. It is left alone, its mail goes to a person unread, and the next one flows. When
//! several hang, reading goes on without a limit, so that the watchdog ends the process and `peril` finds the mail.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::daemon::letters;
use crate::mailbox::Fetched;
use crate::triage::Office;
use crate::triage::desk::Rules;

/// A mail of the largest size takes a second or two.
const LIMIT: Duration = Duration::from_mins(2);
/// Threads that may hang at a time.
const HANGING_MAX: usize = 4;

static HANGING: AtomicUsize = AtomicUsize::new(0);

/// Reads a mail; after `LIMIT` it is taken over unread.
pub(super) fn read(fetched: &Fetched, rules: &Arc<Rules>, office: &Arc<Office>) -> letters::Read {
    within(limit(), fetched, rules, office)
}

fn within(
    limit: Duration,
    fetched: &Fetched,
    rules: &Arc<Rules>,
    office: &Arc<Office>,
) -> letters::Read {
    if HANGING.load(Ordering::Relaxed) >= HANGING_MAX {
        return letters::read(fetched, rules, office);
    }
    let desk = Arc::new(Slot::default());
    let (its, its_rules, its_office) = (fetched.clone(), Arc::clone(rules), Arc::clone(office));
    let its_desk = Arc::clone(&desk);
    let thinking = move || its_desk.lay(letters::read_owned(its, &its_rules, &its_office));
    let began = std::thread::Builder::new()
        .name("thinking".to_owned())
        .spawn(thinking);
    if began.is_err() {
        // No thread to be had: it is read here, as best it can.
        return letters::read(fetched, rules, office);
    }
    desk.take(limit).unwrap_or_else(|| {
        HANGING.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            mailbox = office.mailbox,
            uid = fetched.uid,
            seconds = limit.as_secs(),
            "reading the mail took too long; a person gets it unread"
        );
        letters::unread(fetched, rules, office)
    })
}

/// Where a thread lays what it has read.
#[derive(Default)]
struct Slot {
    read: Mutex<Option<letters::Read>>,
    there: Condvar,
}

impl Slot {
    fn lay(&self, read: letters::Read) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        self.there.notify_one();
    }

    /// Waits for it, for so long.
    fn take(&self, limit: Duration) -> Option<letters::Read> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.there.wait_timeout_while(read, limit, |r| r.is_none());
        let (mut read, _) = waited.unwrap_or_else(PoisonError::into_inner);
        read.take()
    }
}

/// In a build with debug assertions `MAILCLERK_THINKING_MS` shortens the limit: no test waits for minutes.
fn limit() -> Duration {
    if !cfg!(debug_assertions) {
        return LIMIT;
    }
    let said = std::env::var("MAILCLERK_THINKING_MS").ok();
    said.and_then(|ms| ms.parse().ok())
        .map_or(LIMIT, Duration::from_millis)
}
