//! Filing handled mails away on the server.

use crate::daemon::blocking;
use crate::daemon::intake::End;
use crate::daemon::intake::Intake;
use crate::daemon::intake::LIST_MAX;
use crate::daemon::intake::unless;
use crate::mailbox::Filing;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::steps;
use crate::steps::Step;

/// Mails to be filed away that are looked at in one round.
const FILINGS_MAX: usize = 100_000;

impl<M: Mailbox> Intake<M> {
    /// Files away what the store says is done and still lies in the folder, kind by kind, so that one folder's trouble
    /// is not the others'. Trouble does not stop the reading of mail.
    pub(in crate::daemon) async fn file_away(&mut self, opened: &Opened) -> Result<(), End> {
        let (store, name, validity) = (
            self.shared.store.clone(),
            self.part.office.mailbox.clone(),
            opened.uid_validity,
        );
        self.unfiled = 0;
        let due = blocking(move || store.filings(&name, validity, FILINGS_MAX)).await?;
        for kind in [
            Filing::Answered,
            Filing::Forwarded,
            Filing::Quiet,
            Filing::Quarantine,
            Filing::Keep,
        ] {
            let of_kind: Vec<(u32, Filing)> =
                due.iter().filter(|(_, f)| *f == kind).copied().collect();
            for some in of_kind.chunks(LIST_MAX) {
                steps::pass(Step::Filing);
                match unless(&self.shared.stop, self.part.mailbox.file(some)).await? {
                    Ok(()) => {
                        steps::pass(Step::Filed);
                        self.filing_failures = 0;
                    }
                    Err(MailboxError::Refused { command, said }) => {
                        // Over quota, most likely. The mails stay where they are; the next round tries again.
                        tracing::error!(
                            mailbox = self.part.office.mailbox,
                            mails = of_kind.len(),
                            "cannot be filed away: the server refused {command}: {said}"
                        );
                        break;
                    }
                    Err(error) => {
                        self.filing_failures = self.filing_failures.saturating_add(1);
                        return Err(error.into());
                    }
                }
                let (store, name) = (self.shared.store.clone(), self.part.office.mailbox.clone());
                let uids: Vec<u32> = some.iter().map(|(uid, _)| *uid).collect();
                blocking(move || store.filed(&name, validity, &uids)).await?;
                steps::pass(Step::FilingKnown);
                self.pulse.beat();
            }
        }
        Ok(())
    }
}
