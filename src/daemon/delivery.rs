//! The outbox's loops: for each mailbox what is due is leased, sent, and settled by what its server said.
//!
//! # Decisions
//! - Each way out has a loop of its own: a server that is down or slow holds up nobody else's mails.
//! - Few mails are leased at a time, as a crash puts every leased one in doubt. A stop gives back what was not begun.
//! - A trouble that every mail would meet (no server, no login) pauses the way out; then one mail tries it.

mod carry;
mod lane;
mod pause;
mod tell;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::delivery::lane::Lane;
use crate::daemon::unexpected;
use crate::transport::Transport;

/// Mails under way have so long to come to an end after a stop; then their connections are cut. Less than the drain.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A mailbox's way out.
pub(super) struct Route<T> {
    /// The mailbox's name.
    pub(super) mailbox: String,
    /// Its connections, one parcel at a time on each.
    pub(super) transports: Vec<T>,
}

/// All ways out.
pub(super) struct Delivery<T> {
    routes: Vec<Route<T>>,
    shared: Shared,
    /// How long mails under way may take after a stop.
    pub(super) patience: Duration,
}

/// What wakes one loop.
#[derive(Default)]
struct Bell {
    /// Mails were put into the outbox.
    news: Notify,
    /// An operator wants mails to go now: no pause is waited for.
    now: Notify,
}

impl<T: Transport + 'static> Delivery<T> {
    pub(super) fn new(routes: Vec<Route<T>>, shared: Shared) -> Self {
        Self {
            routes,
            shared,
            patience: PATIENCE,
        }
    }

    /// Runs until told to stop; what is under way is finished first.
    pub(super) async fn run(self) -> Result<(), DaemonError> {
        self.tell_of_orphans().await?;
        let mut lanes = JoinSet::new();
        let mut bells = Vec::new();
        for route in self.routes {
            let bell = Arc::new(Bell::default());
            lanes.spawn(
                Lane::new(route, self.shared.clone(), Arc::clone(&bell), self.patience).run(),
            );
            bells.push(bell);
        }
        loop {
            tokio::select! {
                biased;
                Some(ended) = lanes.join_next() => ended.map_err(|e| unexpected(&e))??,
                () = self.shared.outbox_news.notified() => bells.iter().for_each(|b| b.news.notify_one()),
                () = self.shared.resent.notified() => bells.iter().for_each(|b| b.now.notify_one()),
                () = self.shared.stop.cancelled(), if lanes.is_empty() => return Ok(()),
            }
        }
    }

    /// Mails of a mailbox that the config no longer has wait until it is back, or until somebody drops them.
    async fn tell_of_orphans(&self) -> Result<(), DaemonError> {
        let store = self.shared.store.clone();
        let senders = blocking(move || store.senders()).await?;
        let known: BTreeSet<&str> = self.routes.iter().map(|r| r.mailbox.as_str()).collect();
        for mailbox in senders.iter().filter(|s| !known.contains(s.as_str())) {
            tracing::warn!(
                mailbox,
                "mails wait for a mailbox that the config does not have; see `mailclerk outbox list`"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
