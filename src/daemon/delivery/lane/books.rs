//! What a way out asks of the store while its mails go: more of them, and to put their ends on record.
//!
//! # Decisions
//! - Neither is waited for while there is a mail to send: what ends while a commit is made goes into the next one, which so
//!   grows as the load does, and with no load is made at once.
//! - A lease is small, as a crash puts every leased mail in doubt. Only while mails go faster than they are leased it grows,
//!   to what goes in about the time of a commit.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::Lane;
use crate::daemon::DaemonError;
use crate::daemon::begun::Begun;
use crate::daemon::begun::begin;
use crate::daemon::delivery::tell::log;
use crate::steps;
use crate::steps::Step;
use crate::store::Taken;
use crate::store::outbox::OutboxId;
use crate::store::outbox::Settled;
use crate::transport::Transport;

/// So many mails are leased at once for each connection: a crash puts them in doubt.
pub(super) const LEASE_MIN: usize = 4;
/// No more than so many, though the server takes them faster than they can be leased.
const LEASE_MAX: usize = 32;
/// Leases that follow each other faster than this, in seconds, grow; slower ones are small again.
const BRISK_S: u64 = 1;

/// Ends that are being made durable.
pub(super) struct Settling {
    pub(super) begun: Begun<Vec<Settled>>,
    /// What the servers said, for the log.
    pub(super) briefs: BTreeMap<OutboxId, String>,
}

impl<T: Transport + 'static> Lane<T> {
    /// Begins to lease more when that is of use: when nothing is left to begin, or, as long as mails go faster than they
    /// are leased, a while before. Returns whether there may be more to lease at once.
    pub(super) fn lease(&mut self) -> Result<bool, DaemonError> {
        let now = self.shared.clock.now();
        self.try_spare(now);
        let connections = self.idle.len() + self.busy.len();
        let ahead = if self.stride > LEASE_MIN && !self.pause.probing() {
            connections * self.stride / 2
        } else {
            0
        };
        let free = self.may_begin(now) || (ahead > 0 && self.pause.left_s(now) == 0);
        if self.quiet || self.leasing.is_some() || self.queue.len() > ahead || !free {
            return Ok(false);
        }
        self.stride = self.next_stride();
        self.wanted = if self.pause.probing() {
            1
        } else if self.stride > LEASE_MIN || self.idle.is_empty() {
            connections * self.stride
        } else {
            self.idle.len() * LEASE_MIN
        };
        (self.leased_at, self.gone) = (Instant::now(), 0);
        let (store, mailbox, stop, wanted) = (
            self.shared.store.clone(),
            self.mailbox.clone(),
            self.shared.stop.clone(),
            self.wanted,
        );
        let doubt = self.shared.clock.doubt().is_some();
        let begun = begin(move || {
            store.hold_replies(doubt || store.breaker(now)?.stand.holds());
            // Loops that were cut off must not lease any more: nobody would send it.
            if stop.is_cancelled() {
                Ok(Taken::default())
            } else {
                store.lease(now, &mailbox, wanted)
            }
        });
        match begun.now() {
            Ok(taken) => {
                self.leased(taken?);
                Ok(self.queue.is_empty() && !self.quiet)
            }
            Err(running) => {
                self.leasing = Some(running);
                Ok(false)
            }
        }
    }

    /// What a connection gets next: more as long as all that was asked for was there, and most of it went in a moment.
    fn next_stride(&self) -> usize {
        let brisk = self.leased_at.elapsed().as_secs() < BRISK_S;
        if !self.full || !brisk || self.pause.probing() {
            LEASE_MIN
        } else if self.gone * 2 >= self.wanted {
            (self.stride * 2).min(LEASE_MAX)
        } else {
            self.stride
        }
    }

    /// Mails are leased, durably.
    pub(super) fn leased(&mut self, taken: Taken) {
        let Taken { mails, parked } = taken;
        if !mails.is_empty() {
            steps::pass(Step::Leased);
        }
        for mail in &parked {
            log(mail, mail.state.said());
        }
        self.full = mails.len() >= self.wanted && !self.pause.probing();
        self.quiet = mails.is_empty() && parked.is_empty();
        self.queue.extend(mails);
    }

    /// Begins to put on record what ended. Whatever ends meanwhile is put there with the next commit.
    pub(super) fn settle(&mut self) -> Result<(), DaemonError> {
        if self.settling.is_some() || self.ends.is_empty() {
            return Ok(());
        }
        let mut briefs = BTreeMap::new();
        let mut ends = Vec::with_capacity(self.ends.len());
        for (id, outcome, brief) in self.ends.drain(..) {
            briefs.insert(id, brief);
            ends.push((id, outcome));
        }
        let (store, now) = (self.shared.store.clone(), self.shared.clock.now());
        match begin(move || store.settle(&ends, now)).now() {
            Ok(states) => settled(&states?, &briefs),
            Err(begun) => self.settling = Some(Settling { begun, briefs }),
        }
        Ok(())
    }
}

/// Ends are on record.
pub(super) fn settled(states: &[Settled], briefs: &BTreeMap<OutboxId, String>) {
    for mail in states {
        log(mail, briefs.get(&mail.id).map_or("", String::as_str));
    }
    steps::pass(Step::Settled);
}
