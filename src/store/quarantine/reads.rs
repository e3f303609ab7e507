//! What is held, and what became of what was.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::quarantine::HeldRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::triage::ticket::TicketNumber;

/// How a held mail stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldState {
    /// It waits for an operator.
    Waiting,
    /// An operator released it; it is about to be handled.
    Released {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It was released and handled.
    Done {
        /// Who released it.
        by: String,
        /// When.
        at: Timestamp,
        /// The ticket that it led to.
        ticket: Option<TicketNumber>,
    },
    /// An operator dropped it.
    Dropped {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
}

impl HeldState {
    /// Returns its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Released { .. } => "releasing",
            Self::Done { .. } => "released",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// Tells it in a sentence.
    pub fn told(&self) -> String {
        let when = |at: &Timestamp| {
            jiff::Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
        };
        match self {
            Self::Waiting => "quarantined".to_owned(),
            Self::Released { by, at } => {
                format!(
                    "released from quarantine by {by} at {}, about to be handled",
                    when(at)
                )
            }
            Self::Done { by, at, ticket } => {
                let ticket = ticket.map_or(String::new(), |n| format!(", see ticket #{}", n.0));
                format!("released from quarantine by {by} at {}{ticket}", when(at))
            }
            Self::Dropped { by, at } => format!("dropped from quarantine by {by} at {}", when(at)),
        }
    }
}

/// A held mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    /// Its number.
    pub number: u64,
    /// Where it lay when it was held.
    pub mail: MailRef,
    /// When it was held.
    pub at: Timestamp,
    /// When the server got it.
    pub received: Timestamp,
    /// Who wrote it, where one certain address is known.
    pub sender: Option<Address>,
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// Its subject, cut.
    pub subject: String,
    /// Rule, sentence and matched words of each reason.
    pub because: Vec<(String, String, String)>,
    /// Octets as it was fetched.
    pub size: u64,
    /// Only its beginning is kept here.
    pub truncated: bool,
    /// How it stands.
    pub state: HeldState,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldCounts {
    /// Mails that wait for an operator.
    pub waiting: u64,
    /// Since when the oldest of them does.
    pub oldest: Option<Timestamp>,
    /// Mails that were released and are still to be handled.
    pub releasing: u64,
    /// Octets of all that is kept of them.
    pub bytes: u64,
}

impl Store {
    /// Lists held mails, the newest first, at most `limit`; also those that were decided when `all`.
    pub fn held(&self, all: bool, limit: usize) -> Result<Vec<HeldView>, StoreError> {
        let mut found = Vec::new();
        let range = Range::under(&[]).backwards();
        self.inner
            .engine
            .scan(Tree::Quarantine, range, |key, value| {
                if found.len() >= limit {
                    return Ok(false);
                }
                let row = layout::unseal::<QuarantineRow>(key, value)?;
                if all || matches!(row.state, HeldRow::Waiting | HeldRow::Released { .. }) {
                    found.push(view(key, row)?);
                }
                Ok(true)
            })?;
        Ok(found)
    }

    /// Returns one held mail with its octets; these are an error, in words, when they cannot be read, and none once the
    /// mail is decided.
    #[expect(
        clippy::type_complexity,
        reason = "a mail, and whether its octets are there"
    )]
    pub fn held_mail(
        &self,
        number: u64,
    ) -> Result<Option<(HeldView, Option<Result<Vec<u8>, String>>)>, StoreError> {
        let key = number.to_be_bytes();
        let Some(row) = self.inner.engine.read::<QuarantineRow>(&key)? else {
            return Ok(None);
        };
        let raw = row.place.map(|place| self.inner.spool.read(&place));
        Ok(Some((view(&key, row)?, raw)))
    }

    /// Returns the numbers of mails of a mailbox that were released and are still to be handled, the oldest first.
    pub fn held_due(&self, mailbox: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        let start = layout::mailbox_key(mailbox);
        let mut due = Vec::new();
        self.inner
            .engine
            .scan(Tree::Quarantine, Range::under(&[]), |key, value| {
                let row = layout::unseal::<QuarantineRow>(key, value)?;
                if matches!(row.state, HeldRow::Released { .. }) && row.mail.starts_with(&start) {
                    due.extend(layout::seq_of(key));
                }
                Ok(due.len() < limit)
            })?;
        Ok(due)
    }

    /// Counts what waits.
    pub fn held_counts(&self) -> Result<HeldCounts, StoreError> {
        let mut counts = HeldCounts::default();
        self.inner
            .engine
            .scan(Tree::Quarantine, Range::under(&[]), |key, value| {
                let row = layout::unseal::<QuarantineRow>(key, value)?;
                counts.bytes += row.place.map_or(0, |place| place.length);
                match row.state {
                    HeldRow::Waiting => {
                        counts.waiting += 1;
                        let at = Timestamp(row.at);
                        counts.oldest = Some(counts.oldest.map_or(at, |oldest| oldest.min(at)));
                    }
                    HeldRow::Released { .. } => counts.releasing += 1,
                    HeldRow::Done { .. } | HeldRow::Dropped { .. } => {}
                }
                Ok(true)
            })?;
        Ok(counts)
    }
}

/// Octets of all mails that are held.
pub(super) fn bytes(engine: &Engine) -> Result<u64, StoreError> {
    let mut bytes = 0_u64;
    engine.scan(Tree::Quarantine, Range::under(&[]), |key, value| {
        let row = layout::unseal::<QuarantineRow>(key, value)?;
        bytes = bytes.saturating_add(row.place.map_or(0, |place| place.length));
        Ok(true)
    })?;
    Ok(bytes)
}

/// A state as the world sees it.
pub(super) fn state(row: &HeldRow) -> HeldState {
    match row {
        HeldRow::Waiting => HeldState::Waiting,
        HeldRow::Released { by, at } => HeldState::Released {
            by: by.clone(),
            at: Timestamp(*at),
        },
        HeldRow::Done { by, at, ticket } => HeldState::Done {
            by: by.clone(),
            at: Timestamp(*at),
            ticket: ticket.map(TicketNumber),
        },
        HeldRow::Dropped { by, at } => HeldState::Dropped {
            by: by.clone(),
            at: Timestamp(*at),
        },
    }
}

fn view(key: &[u8], row: QuarantineRow) -> Result<HeldView, StoreError> {
    let bad = || layout::damaged(Tree::Quarantine, key);
    Ok(HeldView {
        number: layout::seq_of(key).ok_or_else(bad)?,
        mail: layout::mail_of(&row.mail).ok_or_else(bad)?,
        at: Timestamp(row.at),
        received: Timestamp(row.received),
        sender: row.sender,
        message_id: row.message_id,
        subject: row.subject,
        because: row.because,
        size: row.size,
        truncated: row.truncated,
        state: state(&row.state),
    })
}
