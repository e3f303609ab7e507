//! Fetching a group, so that no mail that cannot be fetched holds up the others.

use crate::daemon::blocking;
use crate::daemon::intake::End;
use crate::daemon::intake::Intake;
use crate::daemon::intake::unless;
use crate::mailbox::Fetched;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::Opened;
use crate::store::MailRef;

/// After so many tries (with growing pauses some minutes) a mail that alone cannot be fetched goes to a person unread.
const FETCH_TRIES_MAX: u32 = 8;

impl<M: Mailbox> Intake<M> {
    /// Fetches a group. When that fails, its mails are fetched one by one from then on; a mail that alone fails again and
    /// again goes to a person unread, so that it does not hold up those behind it.
    pub(super) async fn fetch(
        &mut self,
        opened: &Opened,
        wanted: &[Listed],
    ) -> Result<Vec<Fetched>, End> {
        let alone = match wanted {
            [one] if self.suspects.contains(&one.uid) => Some(MailRef {
                mailbox: self.part.office.mailbox.clone(),
                uid_validity: opened.uid_validity,
                uid: one.uid,
            }),
            _ => None,
        };
        if let Some(mail) = alone.clone() {
            let (store, named) = (self.shared.store.clone(), self.peril.names(&mail).await?);
            let (uid, tries) = (mail.uid, blocking(move || store.poison(&mail)).await?);
            if named || tries >= FETCH_TRIES_MAX {
                tracing::error!(
                    mailbox = self.part.office.mailbox,
                    uid,
                    tries,
                    "the server does not give this mail; a person gets word of it"
                );
                return Ok(vec![Fetched {
                    uid,
                    raw: Vec::new(),
                    truncated: true,
                }]);
            }
        }
        match unless(&self.shared.stop, self.part.mailbox.fetch(wanted)).await? {
            Ok(fetched) => Ok(fetched),
            Err(error) => {
                self.suspects.extend(wanted.iter().map(|l| l.uid));
                if let Some(mail) = alone {
                    let store = self.shared.store.clone();
                    blocking(move || store.poisoned(&mail)).await?;
                }
                Err(error.into())
            }
        }
    }
}
