//! The moments that a crash may fall between: before and after everything that is to last, or that the world sees.
//!
//! A build with debug assertions can be killed, watched or failed at each of them; a release build has nothing of it.
//! Every file operation of the store passes `store::sync`, which names its moments here; so none can be forgotten.
//!
//! - `MAILCLERK_DIE_AT=17` in the environment: the process kills itself (SIGKILL) at the 17th moment of its life;
//!   `MAILCLERK_DIE_AT=data-synced:3`: when it is at that one for the third time.
//! - `MAILCLERK_STEPS=FILE`: the name of each moment is written to that file, one a line.
//! - `watched`, in tests: a closure sees each moment of this thread, and may say that the disk failed there.

use std::io;
use std::path::Path;

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $name:literal,)+) => {
        /// A moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Step { $($(#[$doc])* $step,)+ }

        impl Step {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$step,)+];

            /// Returns its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$step => $name,)+ }
            }
        }
    };
}

steps! {
    /// The engine is about to open, and to mend what a crash left.
    EngineOpening = "engine-opening",
    /// The engine is open; its own files are not yet synced.
    EngineOpened = "engine-opened",
    /// A file was written and is about to be synced.
    FileWritten = "file-written",
    /// A file is synced.
    FileSynced = "file-synced",
    /// A folder is about to be synced.
    FolderChanged = "folder-changed",
    /// A folder is synced.
    FolderSynced = "folder-synced",
    /// A new file is about to take an old one's place.
    Renaming = "renaming",
    /// It has; the folder is not yet synced.
    Renamed = "renamed",
    /// A file is about to be removed.
    Removing = "removing",
    /// It is gone; the folder is not yet synced.
    Removed = "removed",
    /// A batch is about to be put into the engine.
    Applying = "applying",
    /// A batch is visible in the engine, and nowhere durable.
    Applied = "applied",
    /// The engine has written it; the data file is about to be synced.
    Flushed = "flushed",
    /// The data file is synced.
    DataSynced = "data-synced",
    /// Mails have been fetched; nothing is known of them yet.
    Fetched = "fetched",
    /// Their outcome is durable.
    Committed = "committed",
    /// Mails are about to be filed away on the server.
    Filing = "filing",
    /// They are; the store does not know it yet.
    Filed = "filed",
    /// The store knows it.
    FilingKnown = "filing-known",
    /// Mails are leased; no connection has been used for them.
    Leased = "leased",
    /// A mail is about to be given to a connection.
    Sending = "sending",
    /// A mail's last octet is written; its answer is not read.
    DotSent = "dot-sent",
    /// A mail's outcome is known to us; the store does not know it yet.
    Answered = "answered",
    /// The store knows it.
    Settled = "settled",
    /// An operator's word on a held mail is durable; nothing has come of it.
    ReleaseTaken = "release-taken",
    /// A released mail is thought about; its outcome is not durable.
    ReleaseSettling = "release-settling",
    /// Its outcome is.
    ReleaseSettled = "release-settled",
    /// What fell due is worked out; neither its mails nor its end are durable.
    AgendaFiring = "agenda-firing",
    /// Both are.
    AgendaFired = "agenda-fired",
    /// An operator's word on a ticket or an agent is about to be made durable.
    Handing = "handing",
    /// It is.
    Handed = "handed",
}

/// Passes a moment at which nothing of the disk can fail.
#[inline]
pub(crate) fn pass(step: Step) {
    #[cfg(debug_assertions)]
    let _ = live::at(step, Path::new(""));
    #[cfg(not(debug_assertions))]
    let _ = step;
}

/// Passes a moment at the file or folder `path`.
///
/// # Errors
/// Only a test's: the disk failed here.
#[inline]
pub(crate) fn at(step: Step, path: &Path) -> io::Result<()> {
    #[cfg(debug_assertions)]
    return live::at(step, path);
    #[cfg(not(debug_assertions))]
    {
        let _ = (step, path);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) use live::watched;

#[cfg(debug_assertions)]
mod live {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Command;
    use std::rc::Rc;
    use std::sync::Mutex;
    use std::sync::OnceLock;
    use std::sync::PoisonError;

    use super::Step;

    type Watcher = Rc<dyn Fn(Step, &Path) -> io::Result<()>>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    }

    /// Has `watcher` see every moment of this thread until the guard is dropped.
    #[cfg(test)]
    pub(crate) fn watched(watcher: impl Fn(Step, &Path) -> io::Result<()> + 'static) -> Watched {
        WATCHER.with_borrow_mut(|w| *w = Some(Rc::new(watcher)));
        Watched
    }

    /// Ends the watch when dropped.
    #[cfg(test)]
    #[must_use]
    pub(crate) struct Watched;

    #[cfg(test)]
    impl Drop for Watched {
        fn drop(&mut self) {
            WATCHER.with_borrow_mut(|w| *w = None);
        }
    }

    /// What the environment asks for.
    struct Asked {
        die_at: Option<(Option<String>, u64)>,
        trace: Option<File>,
        passed: u64,
        by_name: BTreeMap<&'static str, u64>,
    }

    impl Asked {
        fn read() -> Option<Mutex<Self>> {
            let die_at = std::env::var("MAILCLERK_DIE_AT").ok().and_then(|said| {
                Some(match said.split_once(':') {
                    Some((name, times)) => (Some(name.to_owned()), times.parse().ok()?),
                    None => (None, said.parse().ok()?),
                })
            });
            let trace = std::env::var_os("MAILCLERK_STEPS")
                .and_then(|path| File::options().append(true).create(true).open(path).ok());
            (die_at.is_some() || trace.is_some()).then(|| {
                Mutex::new(Self {
                    die_at,
                    trace,
                    passed: 0,
                    by_name: BTreeMap::new(),
                })
            })
        }

        /// Counts a moment; returns whether it is the one to die at.
        fn count(&mut self, step: Step) -> bool {
            self.passed += 1;
            let times = self.by_name.entry(step.name()).or_insert(0);
            *times += 1;
            let times = *times;
            if let Some(trace) = &mut self.trace {
                let _ = trace.write_all(format!("{}\n", step.name()).as_bytes());
            }
            match &self.die_at {
                Some((Some(name), at)) => name == step.name() && times == *at,
                Some((None, at)) => self.passed == *at,
                None => false,
            }
        }
    }

    pub(super) fn at(step: Step, path: &Path) -> io::Result<()> {
        static ASKED: OnceLock<Option<Mutex<Asked>>> = OnceLock::new();
        if let Some(asked) = ASKED.get_or_init(Asked::read) {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.count(step) {
                // The lock is held on purpose: no other thread passes a moment any more.
                die();
            }
        }
        let watcher = WATCHER.with_borrow(Clone::clone);
        watcher.map_or(Ok(()), |watcher| watcher(step, path))
    }

    /// Ends the process by SIGKILL, as the kernel or an operator does: nothing is unwound or flushed.
    fn die() -> ! {
        let _ = Command::new("sh").args(["-c", "kill -KILL $PPID"]).status();
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_has_a_name_of_its_own() {
        let mut names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Step::ALL.len());
    }
}
