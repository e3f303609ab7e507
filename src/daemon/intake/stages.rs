//! The stages of a group, which overlap with those of its neighbours: while it is thought about and made durable, the next
//! one is claimed and fetched, and those before it are filed away.
//!
//! # Decisions
//! - One connection: a server serves the commands of two no faster, and a second one would want claims and UIDs of its own.
//! - Two groups are in memory at most, the one that is thought about and the one that is fetched.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::daemon::DaemonError;
use crate::daemon::begun::begin;
use crate::daemon::intake::End;
use crate::daemon::intake::Intake;
use crate::daemon::intake::Manner;
use crate::daemon::intake::claims::Share;
use crate::daemon::work::Work;
use crate::mailbox::Fetched;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::Opened;
use crate::mailbox::resume::Gate;
use crate::steps;
use crate::steps::Step;

/// While more mail waits, handled mail is filed away when there is so much of it: one command a mail costs a server fifty
/// times what a mail in a set does.
const FILE_MIN: usize = 250;

impl<M: Mailbox> Intake<M> {
    /// One group: claimed and fetched while the one before is thought about and made durable; then it is that one's turn,
    /// while what is durable already is filed away.
    pub(super) async fn group(
        &mut self,
        opened: &Opened,
        listed: &[Listed],
        gate: Option<Gate>,
        manner: &Manner,
    ) -> Result<(), End> {
        let fetched = self.claim_and_fetch(opened, listed, gate, manner).await;
        // One group at a time is decided, in their order: the cursor passes none that is not durable.
        self.finish().await?;
        let (mut share, fetched) = fetched?;
        self.still_claimed(&share)?;
        share.ours.append(&mut share.gone);
        let work = Work {
            mailbox: self.part.office.mailbox.clone(),
            uid_validity: opened.uid_validity,
            last_uid: match manner {
                Manner::News => listed.last().map(|l| l.uid),
                Manner::Late | Manner::Over | Manner::Gap(_) => None,
            },
            silent: self.silent(&share.ours, manner),
            again: match manner {
                Manner::Gap(again) => again.clone(),
                Manner::News | Manner::Late | Manner::Over => BTreeSet::new(),
            },
            wanted: share.ours,
            skipped: share.skipped,
            waiting: share.waiting,
            fetched: fetched.into_iter().map(Arc::new).collect(),
            rules: Arc::clone(&self.part.rules),
            office: Arc::clone(&self.part.office),
        };
        self.unfiled += work.wanted.len();
        let shared = self.shared.clone();
        self.under_way = Some(begin(move || {
            let done = work.commit(&shared)?;
            steps::pass(Step::Committed);
            if done.sent > 0 {
                shared.outbox_news.notify_one();
            }
            Ok(done)
        }));
        if self.peril.alone() {
            // No other mail is touched while this one may end the process.
            self.finish().await?;
        }
        if self.unfiled >= FILE_MIN && self.filing_failures == 0 {
            self.file_away(opened).await?;
        }
        Ok(())
    }

    /// Claims a group and fetches what is ours of it.
    async fn claim_and_fetch(
        &mut self,
        opened: &Opened,
        listed: &[Listed],
        gate: Option<Gate>,
        manner: &Manner,
    ) -> Result<(Share, Vec<Fetched>), End> {
        let share = self.claim(opened, listed, gate, manner).await?;
        let fetched = if share.ours.is_empty() {
            Vec::new()
        } else {
            self.fetch(opened, &share.ours).await?
        };
        steps::pass(Step::Fetched);
        Ok((share, fetched))
    }

    /// Waits until the group that is under way is durable.
    pub(super) async fn finish(&mut self) -> Result<(), DaemonError> {
        if let Some(begun) = self.under_way.take() {
            let done = begun.await?;
            self.desk.vanished(done.vanished);
        }
        Ok(())
    }
}
