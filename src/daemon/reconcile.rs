//! Reconciliation: every mail of the watched folder against the ledger, so that what was missed in any way is found.
//!
//! # Decisions
//! - It runs on the mailbox's own loop and connection, after everything new was handled: nothing can come between.
//! - A mail at or below the cursor that the ledger does not know, or knows only as gone, is handled as news would be, but
//!   not answered when it is more than a day old.
//! - A mail under a UID whose final state is of a mail that came at another moment is fetched: another copy of the mailbox
//!   (a replica that was behind) gave that UID to another mail. The digest decides.
//! - A mail that was filed away and still lies there is filed again.
//! - The folder is listed in pieces; what is remembered of it is bounded.

mod desk;

use std::collections::BTreeSet;

pub(crate) use self::desk::Desk;
pub(crate) use self::desk::Reconciling;

use self::desk::Report;

use crate::daemon::blocking;
use crate::daemon::intake::End;
use crate::daemon::intake::Intake;
use crate::daemon::intake::LIST_MAX;
use crate::daemon::intake::Manner;
use crate::daemon::intake::claims::TAKEN_AWAY;
use crate::daemon::intake::unless;
use crate::daemon::work::GONE;
use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::Opened;
use crate::mailbox::resume::Gate;
use crate::store::MailRef;
use crate::store::State;

/// What must be done about one piece of a mailbox.
#[derive(Default)]
struct Findings {
    /// Without a final state of their own.
    unknown: Vec<Listed>,
    /// Known as gone, and there.
    back: BTreeSet<u32>,
    /// Under the UID of a mail that came at another moment.
    doubtful: Vec<Listed>,
    /// Filed, and there.
    unfiled: Vec<(u32, Filing)>,
}

impl<M: Mailbox> Intake<M> {
    /// Reconciles, when it is time or somebody asked.
    pub(super) async fn reconcile_when_due(
        &mut self,
        opened: &Opened,
        cursor: u32,
        gate: Option<Gate>,
    ) -> Result<(), End> {
        let Some(number) = self.desk.due(self.part.upkeep.reconcile_s) else {
            return Ok(());
        };
        let mut report = Report::default();
        let mut at = 0;
        loop {
            let listed = unless(&self.shared.stop, self.part.mailbox.list(at, LIST_MAX)).await??;
            let Some(last) = listed.last().map(|l| l.uid) else {
                break;
            };
            let known: Vec<Listed> = listed.into_iter().filter(|l| l.uid <= cursor).collect();
            report.seen += known.len() as u64;
            let findings = self.compare(opened, known).await?;
            self.heal(opened, gate, findings, &mut report).await?;
            self.pulse.beat();
            if last >= cursor {
                break;
            }
            at = last;
        }
        if report.unfiled > 0 {
            self.file_away(opened).await?;
        }
        report.at = self.shared.clock.now();
        let report = self.desk.close(number, report);
        let mailbox = &self.part.office.mailbox;
        let (seen, gaps, healed) = (report.seen, report.gaps(), report.healed);
        let (unknown, unfiled, vanished) = (report.unknown, report.unfiled, report.vanished);
        if gaps == 0 {
            tracing::info!(mailbox, seen, gaps, vanished, "reconciled");
        } else if healed == gaps {
            tracing::warn!(
                mailbox,
                seen,
                gaps,
                healed,
                unknown,
                unfiled,
                vanished,
                "reconciled"
            );
        } else {
            tracing::error!(
                mailbox,
                seen,
                gaps,
                healed,
                unknown,
                unfiled,
                vanished,
                "reconciled; not all is healed"
            );
        }
        Ok(())
    }

    async fn states(&mut self, opened: &Opened, uids: Vec<u32>) -> Result<Vec<State>, End> {
        let (store, name, validity) = (
            self.shared.store.clone(),
            self.part.office.mailbox.clone(),
            opened.uid_validity,
        );
        Ok(blocking(move || store.states(&name, validity, &uids)).await?)
    }

    async fn compare(&mut self, opened: &Opened, listed: Vec<Listed>) -> Result<Findings, End> {
        let (store, horizon) = (self.shared.store.clone(), self.part.upkeep.horizon);
        let horizon = blocking(move || horizon(&store)).await?;
        let states = self
            .states(opened, listed.iter().map(|l| l.uid).collect())
            .await?;
        let mut found = Findings::default();
        for (mail, state) in listed.into_iter().zip(states) {
            // Where there is no date, what was erased cannot be told from what was missed: it is handled once more.
            let erased = horizon.is_some_and(|h| mail.received.is_some_and(|r| r < h));
            let shown = |filing| mail.handled || !self.part.mailbox.shows(filing);
            match state {
                State::Unknown if erased => {}
                State::Unknown => found.unknown.push(mail),
                State::Waiting(_) => {}
                State::Skipped { why, .. } if why == GONE || why == TAKEN_AWAY => {
                    found.back.insert(mail.uid);
                    found.unknown.push(mail);
                }
                State::Skipped { due, .. } => {
                    if !due && !shown(Filing::Keep) {
                        found.unfiled.push((mail.uid, Filing::Keep));
                    }
                }
                State::Handled {
                    received,
                    filing,
                    due,
                } => {
                    if mail.received.is_some_and(|r| r != received) {
                        found.doubtful.push(mail);
                    } else if !due && !shown(filing) {
                        found.unfiled.push((mail.uid, filing));
                    }
                }
            }
        }
        Ok(found)
    }

    async fn heal(
        &mut self,
        opened: &Opened,
        gate: Option<Gate>,
        findings: Findings,
        report: &mut Report,
    ) -> Result<(), End> {
        let Findings {
            unknown,
            back,
            doubtful,
            unfiled,
        } = findings;
        report.unknown += unknown.len() as u64;
        report.unfiled += unfiled.len() as u64;
        report.healed += unfiled.len() as u64;
        self.file_again(opened, unfiled).await?;
        let uids: Vec<u32> = unknown.iter().map(|l| l.uid).collect();
        self.take_in(opened, &unknown, gate, &Manner::Gap(back))
            .await?;
        let states = self.states(opened, uids).await?;
        // One that another has claimed meanwhile has its place among those that wait.
        let open = states
            .iter()
            .filter(|s| matches!(s, State::Unknown))
            .count();
        report.healed += (states.len() - open) as u64;
        let doubtful_uids: Vec<u32> = doubtful.iter().map(|l| l.uid).collect();
        let before = self.states(opened, doubtful_uids.clone()).await?;
        let manner = Manner::Gap(BTreeSet::new());
        self.take_in(opened, &doubtful, gate, &manner).await?;
        let after = self.states(opened, doubtful_uids).await?;
        let replaced = before.iter().zip(&after).filter(|(b, a)| b != a).count() as u64;
        report.unknown += replaced;
        report.healed += replaced;
        Ok(())
    }

    async fn file_again(&mut self, opened: &Opened, mails: Vec<(u32, Filing)>) -> Result<(), End> {
        if mails.is_empty() {
            return Ok(());
        }
        let (store, mailbox, uid_validity) = (
            self.shared.store.clone(),
            self.part.office.mailbox.clone(),
            opened.uid_validity,
        );
        Ok(blocking(move || {
            let mut group = store.group();
            for (uid, filing) in mails {
                let mail = MailRef {
                    mailbox: mailbox.clone(),
                    uid_validity,
                    uid,
                };
                group.file_again(&mail, filing)?;
            }
            group.commit()
        })
        .await?)
    }
}
