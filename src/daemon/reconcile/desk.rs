//! Who wants a mailbox reconciled, and what was found: shared between a mailbox's loop and those who ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::Timestamp;

/// How long one who asks waits for all mailboxes.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a reconciliation found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// Mails that were compared.
    pub(crate) seen: u64,
    /// Mails without a final state of their own.
    pub(crate) unknown: u64,
    /// Mails that were filed away and still lay there.
    pub(crate) unfiled: u64,
    /// How many of both are in order now, or (the unfiled) about to be.
    pub(crate) healed: u64,
    /// Mails that somebody took away before they were handled, since the daemon began.
    pub(crate) vanished: u64,
}

impl Report {
    /// Returns how many mails were not as they should be.
    pub(crate) fn gaps(&self) -> u64 {
        self.unknown + self.unfiled
    }

    /// Tells it as a row of an answer.
    pub(crate) fn row(&self, mailbox: &str) -> Value {
        let at = jiff::Timestamp::from_second(self.at.0)
            .map_or_else(|_| self.at.0.to_string(), |t| t.to_string());
        json!({
            "mailbox": mailbox,
            "at": at,
            "seen": self.seen,
            "gaps": self.gaps(),
            "healed": self.healed,
            "unknown": self.unknown,
            "unfiled": self.unfiled,
            "vanished": self.vanished,
        })
    }
}

/// All mailboxes, for those who ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reconciling {
    desks: Arc<Mutex<BTreeMap<String, Arc<Desk>>>>,
    /// An operator released mails from quarantine.
    released: Arc<Notify>,
}

/// One mailbox: who asked, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    wanted: Notify,
    done: Notify,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Counts those who asked.
    asked: u64,
    /// Up to which of them an answer was given.
    answered: u64,
    /// When the last one ended.
    ended: Option<Instant>,
    vanished: u64,
    report: Option<Report>,
}

impl Reconciling {
    /// Tells that an operator released mails from quarantine.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Waits until an operator has.
    pub(crate) async fn released(&self) {
        self.released.notified().await;
    }

    /// Returns a mailbox's desk; makes it.
    pub(crate) fn desk(&self, mailbox: &str) -> Arc<Desk> {
        Arc::clone(lock(&self.desks).entry(mailbox.to_owned()).or_default())
    }

    /// Returns what was found last, a row for each mailbox that was looked through.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let desks = lock(&self.desks);
        let told = desks.iter().filter_map(|(name, desk)| {
            let report = lock(&desk.known).report?;
            Some(report.row(name))
        });
        told.collect()
    }

    /// Has a mailbox, or all, reconciled now; returns a row for each, or a sentence.
    pub(crate) async fn ask(&self, mailbox: Option<&str>) -> Result<Vec<Value>, String> {
        let desks: Vec<(String, Arc<Desk>)> = lock(&self.desks)
            .iter()
            .filter(|(name, _)| mailbox.is_none_or(|wanted| wanted == *name))
            .map(|(name, desk)| (name.clone(), Arc::clone(desk)))
            .collect();
        if desks.is_empty() {
            return Err(format!(
                "there is no mailbox `{}`",
                mailbox.unwrap_or_default()
            ));
        }
        // All are asked before any is waited for.
        let asked: Vec<(String, Arc<Desk>, u64)> = desks
            .into_iter()
            .map(|(name, desk)| {
                let number = desk.ask();
                (name, desk, number)
            })
            .collect();
        let end = Instant::now() + PATIENCE;
        let mut rows = Vec::new();
        for (name, desk, number) in asked {
            let report = tokio::time::timeout_at(end, desk.answer(number)).await;
            let report = report.map_err(|_| {
                format!(
                    "the mailbox `{name}` could not be looked through in time; the log says why"
                )
            })?;
            rows.push(report.row(&name));
        }
        Ok(rows)
    }
}

impl Desk {
    /// Waits until somebody asks.
    pub(crate) async fn wanted(&self) {
        while !self.is_asked() {
            self.wanted.notified().await;
        }
    }

    /// Counts mails that somebody took away.
    pub(crate) fn vanished(&self, mails: u64) {
        let mut known = lock(&self.known);
        known.vanished = known.vanished.saturating_add(mails);
    }

    fn is_asked(&self) -> bool {
        let known = lock(&self.known);
        known.asked > known.answered
    }

    fn ask(&self) -> u64 {
        let number = {
            let mut known = lock(&self.known);
            known.asked += 1;
            known.asked
        };
        self.wanted.notify_one();
        number
    }

    async fn answer(&self, number: u64) -> Report {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // Enrolled before the look, so that no answer falls between.
            done.as_mut().enable();
            {
                let known = lock(&self.known);
                if let Some(report) = known.report.filter(|_| known.answered >= number) {
                    return report;
                }
            }
            done.await;
        }
    }

    /// Returns up to which question an answer is due now; none when it is not time.
    pub(super) fn due(&self, every_s: Option<u64>) -> Option<u64> {
        let known = lock(&self.known);
        let late = match (known.ended, every_s) {
            (Some(ended), Some(every_s)) => ended.elapsed().as_secs() >= every_s,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        (late || known.asked > known.answered).then_some(known.asked)
    }

    pub(super) fn close(&self, number: u64, mut report: Report) -> Report {
        {
            let mut known = lock(&self.known);
            report.vanished = known.vanished;
            known.answered = number;
            known.ended = Some(Instant::now());
            known.report = Some(report);
        }
        self.done.notify_waiters();
        report
    }
}

/// A panic elsewhere leaves these values whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
