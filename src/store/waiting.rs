//! Mails that others have claimed, and where each mail of a mailbox stands: what claims and reconciliation ask.

use crate::clock::Timestamp;
use crate::mailbox::Filing;
use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::commit::Group;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::FilingRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::waiting::WaitingRow;

/// Where a mail stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is known of it.
    Unknown,
    /// Another daemon has claimed it, and it waits since then.
    Waiting(Timestamp),
    /// It has its final state without having been looked at; why.
    Skipped {
        /// Why.
        why: String,
        /// It is still to be marked on the server.
        due: bool,
    },
    /// It was handled.
    Handled {
        /// When the server got it, as it said then.
        received: Timestamp,
        /// Where it was to be filed.
        filing: Filing,
        /// It is still to be filed.
        due: bool,
    },
}

impl Store {
    /// Lists mails that others had claimed, with the moment since when they wait, at most `limit`, by UID.
    pub fn waiting(
        &self,
        mailbox: &str,
        uid_validity: u32,
        limit: usize,
    ) -> Result<Vec<(u32, Timestamp)>, StoreError> {
        let mut found = Vec::new();
        let range = Range::under(&layout::validity_key(mailbox, uid_validity));
        self.inner.engine.scan(Tree::Waiting, range, |key, value| {
            if found.len() < limit {
                let row = layout::unseal::<WaitingRow>(key, value)?;
                let uid = layout::uid_of(key).ok_or_else(|| layout::damaged(Tree::Waiting, key))?;
                found.push((uid, Timestamp(row.0)));
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Returns where each of these mails stands, in their order.
    pub fn states(
        &self,
        mailbox: &str,
        uid_validity: u32,
        uids: &[u32],
    ) -> Result<Vec<State>, StoreError> {
        let prefix = layout::validity_key(mailbox, uid_validity);
        uids.iter()
            .map(|uid| self.state(&[prefix.as_slice(), &uid.to_be_bytes()].concat()))
            .collect()
    }

    fn state(&self, key: &[u8]) -> Result<State, StoreError> {
        let engine = &self.inner.engine;
        let Some(row) = engine.read::<LedgerRow>(key)? else {
            let waiting = engine.read::<WaitingRow>(key)?;
            return Ok(waiting.map_or(State::Unknown, |row| State::Waiting(Timestamp(row.0))));
        };
        let due = engine.read::<FilingRow>(key)?.is_some();
        Ok(match row.end {
            LedgerEnd::Skipped { .. } | LedgerEnd::Erased { .. } => {
                State::Skipped { why: row.why, due }
            }
            LedgerEnd::Handled {
                received, filing, ..
            } => State::Handled {
                received: Timestamp(received),
                filing: codes::filing_of(filing)
                    .ok_or_else(|| layout::damaged(Tree::Ledger, key))?,
                due,
            },
        })
    }
}

impl Group<'_> {
    /// Remembers that another has claimed a mail, since when. Changes nothing when it waits already, or has its final
    /// state.
    pub fn wait(&mut self, mail: &MailRef, since: Timestamp) -> Result<(), StoreError> {
        let key = layout::mail_key(mail);
        if self.knows(mail)? || self.batch.get::<WaitingRow>(&key)?.is_some() {
            return Ok(());
        }
        self.kept(|group| group.batch.put(&key, &WaitingRow(since.0)))
    }

    /// Has a mail filed away again that has its final state and still lies there.
    pub fn file_again(&mut self, mail: &MailRef, filing: Filing) -> Result<(), StoreError> {
        let key = layout::mail_key(mail);
        if !self.knows(mail)? {
            return Ok(());
        }
        self.kept(|group| {
            group
                .batch
                .put(&key, &FilingRow(codes::filing_code(filing)))
        })
    }

    /// Returns where the first mail with that digest was to be filed, when it lay in the same mailbox under other UIDs:
    /// after the server gave new ones, it is that mail and no copy of it.
    pub fn filing_before(
        &self,
        mail: &MailRef,
        digest: &[u8; 32],
    ) -> Result<Option<Filing>, StoreError> {
        let Some(first) = self.batch.get::<DigestRow>(digest)? else {
            return Ok(None);
        };
        if first.mailbox != mail.mailbox || first.uid_validity == mail.uid_validity {
            return Ok(None);
        }
        let first = MailRef {
            mailbox: first.mailbox,
            uid_validity: first.uid_validity,
            uid: first.uid,
        };
        let row = self.batch.get::<LedgerRow>(&layout::mail_key(&first))?;
        Ok(row.and_then(|row| match row.end {
            LedgerEnd::Handled { filing, .. } => codes::filing_of(filing),
            LedgerEnd::Skipped { .. } | LedgerEnd::Erased { .. } => None,
        }))
    }
}
