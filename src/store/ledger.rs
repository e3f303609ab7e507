//! What became of each mail: reads of the ledger.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::store::Entry;
use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::rows;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::outbox::OutboxId;
use crate::store::views::Handled;
use crate::store::views::LedgerState;
use crate::store::views::LedgerView;
use crate::triage::ticket::TicketNumber;

impl Store {
    /// Returns what became of a mail; none when nothing did yet.
    pub fn ledger(&self, mail: &MailRef) -> Result<Option<LedgerView>, StoreError> {
        let key = layout::mail_key(mail);
        let row = self.inner.engine.read::<LedgerRow>(&key)?;
        row.map(|row| view(&key, row)).transpose()
    }

    /// Lists the mails that reached their final state last, the newest first, at most `limit`.
    pub fn ledger_newest(&self, limit: usize) -> Result<Vec<(MailRef, LedgerView)>, StoreError> {
        let mut keys = Vec::new();
        self.inner.engine.scan(
            Tree::Arrivals,
            Range::under(&[]).backwards(),
            |key, value| {
                if keys.len() < limit {
                    keys.push(layout::unseal::<ArrivalRow>(key, value)?.0);
                }
                Ok(keys.len() < limit)
            },
        )?;
        let mut found = Vec::with_capacity(keys.len());
        let mut seen = BTreeSet::new();
        for key in keys {
            // A UID that the server gave twice stands twice in the order, and once in the ledger.
            if !seen.insert(key.clone()) {
                continue;
            }
            let Some(row) = self.inner.engine.read::<LedgerRow>(&key)? else {
                continue;
            };
            let mail = layout::mail_of(&key).ok_or_else(|| layout::damaged(Tree::Ledger, &key))?;
            found.push((mail, view(&key, row)?));
        }
        Ok(found)
    }
}

/// Cuts a row to what a record may hold: the last reasons go first, as `why` tells the very last anyway.
pub(super) fn fitted(key: &[u8], mut row: LedgerRow) -> Result<LedgerRow, StoreError> {
    loop {
        let sealed = layout::seal(key, &row);
        let LedgerEnd::Handled { because, .. } = &mut row.end else {
            return Ok(row);
        };
        match sealed {
            Err(StoreError::TooLarge { .. }) if because.pop().is_some() => {}
            sealed => return sealed.map(|_| row),
        }
    }
}

pub(super) fn view(key: &[u8], row: LedgerRow) -> Result<LedgerView, StoreError> {
    let bad = || layout::damaged(Tree::Ledger, key);
    let received = match &row.end {
        LedgerEnd::Handled { received, .. } => Some(Timestamp(*received)),
        LedgerEnd::Skipped { received } | LedgerEnd::Erased { received, .. } => {
            received.map(Timestamp)
        }
    };
    let state = match row.end {
        LedgerEnd::Skipped { .. } => LedgerState::Skipped,
        LedgerEnd::Erased { .. } => LedgerState::Erased,
        LedgerEnd::Handled {
            disposition,
            screening,
            ticket,
            digest,
            sender,
            received,
            filing,
            letters,
            first_letter,
            message_id,
            intents,
            language,
            because,
        } => LedgerState::Handled(Box::new(Handled {
            disposition: codes::disposition_of(disposition).ok_or_else(bad)?,
            screening,
            ticket: ticket.map(TicketNumber),
            digest,
            sender,
            received: Timestamp(received),
            filing: codes::filing_of(filing).ok_or_else(bad)?,
            letters,
            first_letter: first_letter.map(OutboxId),
            message_id,
            intents,
            language,
            because,
        })),
    };
    Ok(LedgerView {
        at: Timestamp(row.at),
        received,
        state,
        why: row.why,
    })
}

/// Says in one line why the mail became what it became.
pub(super) fn reason(entry: &Entry) -> String {
    let because = entry
        .plan
        .because
        .last()
        .map(|b| format!("{}: {}", b.rule, b.says));
    let noted = || entry.events.last().map(|e| e.note.clone());
    rows::cut(
        &because.or_else(noted).unwrap_or_default(),
        rows::NOTE_BYTES_MAX,
    )
}
