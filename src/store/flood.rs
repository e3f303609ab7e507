//! Cases counted by what they have in common: writer, domain, words; and the pace of forwards.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::StoreError;
use crate::store::budget;
use crate::store::budget::Subject;
use crate::store::commit::Group;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::limits::FLOOD;
use crate::store::layout::limits::FloodRow;
use crate::store::layout::rows::ExpiryRow;
use crate::store::layout::rows::TicketRow;
use crate::triage::alike::Print;
use crate::triage::limits::BreakerRule;
use crate::triage::limits::Spellings;
use crate::triage::plan::Case;
use crate::triage::plan::Wave;
use crate::triage::plan::Waves;
use crate::triage::ticket::TicketNumber;

/// What a mail has in common with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Like {
    /// The fingerprint of its subject and text.
    pub print: Print,
    /// The sender's domain vouches for it. Counted apart, so that who forges an address cannot have its owner's cases
    /// gathered.
    pub vouched: bool,
    /// When it came, by the server; counted then, as what lay waiting while the desk was away came in no flood.
    pub came: Timestamp,
}

/// By what cases are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Common {
    /// The writer.
    Sender,
    /// The registrable domain.
    Domain,
    /// The words.
    Text,
}

/// What became of a mail, for those who count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// It was answered.
    pub replied: bool,
    /// It would have been answered, but for the total or the breaker.
    pub withheld: bool,
    /// How the breaker closes, should it trip now.
    pub breaker: BreakerRule,
    /// It is a case: by what it was gathered, if it was, and its ticket.
    pub case: Option<(Option<Common>, Option<TicketNumber>)>,
}

/// Seconds of an hour and of a day.
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
/// No forward is put off for longer.
const PACE_S_MAX: i64 = 4 * DAY_S;

impl Common {
    fn window_s(self) -> i64 {
        match self {
            Self::Sender => DAY_S,
            Self::Domain | Self::Text => HOUR_S,
        }
    }

    fn key(self, what: &[u8], vouched: bool) -> Vec<u8> {
        let (kind, proof) = match (self, vouched) {
            // Words are words, whoever vouches for whom.
            (Self::Text, _) => (b"x", b"-"),
            (Self::Sender, true) => (b"s", b"v"),
            (Self::Sender, false) => (b"s", b"u"),
            (Self::Domain, true) => (b"d", b"v"),
            (Self::Domain, false) => (b"d", b"u"),
        };
        [FLOOD, kind, proof, what].concat()
    }
}

impl Group<'_> {
    /// Has budgets counted by these spellings of addresses, from now on.
    pub fn count_by(&mut self, spellings: &Arc<Spellings>) {
        self.spellings = Arc::clone(spellings);
    }

    /// Paces the forwards of the next mail: those beyond so many in an hour leave later, at that pace. None: at once.
    pub fn pace(&mut self, forwards_hour: Option<u32>) {
        self.pace = forwards_hour;
    }

    /// Adds to a case what limits it: floods, the breaker, a dead address.
    pub fn recall_limits(
        &self,
        case: &mut Case,
        like: &Like,
        sender: Option<&Address>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let text = Subject::Text(like.print);
        case.spent.text_hour = self.count(&text, now)?;
        let mut waves = Waves::default();
        for (common, key) in self.common(like, sender) {
            let wave = self.wave(common, &key, like.came.min(now))?;
            match common {
                Common::Sender => waves.sender = wave,
                Common::Domain => waves.domain = wave,
                Common::Text => waves.text = wave,
            }
        }
        case.flood = waves;
        case.breaker = self.breaker()?.turned(now).stand;
        case.dead = match sender {
            Some(sender) if !like.vouched => self.dead(sender)?,
            _ => None,
        };
        Ok(())
    }

    /// Counts what became of a mail. To be called when it has been added, for the same commit.
    pub fn tally(
        &mut self,
        like: &Like,
        sender: Option<&Address>,
        tally: &Tally,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.kept(|group| {
            group.tally_breaker(tally, now)?;
            if tally.replied {
                group.spend(&Subject::Text(like.print), &[], now)?;
            }
            if let Some((gathered, ticket)) = tally.case {
                for (common, key) in group.common(like, sender) {
                    let times = (like.came.min(now), now);
                    group.count_case(common, &key, (gathered, ticket), times)?;
                }
            }
            match sender {
                Some(sender) if like.vouched => group.bring_to_life(sender),
                _ => Ok(()),
            }
        })
    }

    /// Returns when a forward may leave that is put into the outbox now, and counts it if it is one that may wait.
    pub(super) fn forward_at(&mut self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let Some(limit) = self.pace.filter(|limit| *limit > 0) else {
            return Ok(now);
        };
        let key = [FLOOD, b"p"].concat();
        let before = self.batch.get::<FloodRow>(&key)?.unwrap_or_default();
        let mut row = before.clone();
        budget::mark(&mut row.marks, HOUR_S, now);
        // What a clock that ran ahead of this one left behind is not waited for.
        let next = Timestamp(row.next).min(now.plus_s(PACE_S_MAX));
        let mut at = now;
        if next > now || budget::counted(&row.marks, HOUR_S, now) > limit {
            at = next.max(now);
            row.next = at.plus_s((HOUR_S / i64::from(limit)).max(1)).0;
        }
        self.put_flood(&key, &before, row, PACE_S_MAX, now)?;
        Ok(at)
    }

    fn common(&self, like: &Like, sender: Option<&Address>) -> Vec<(Common, Vec<u8>)> {
        let mut keys = vec![(Common::Text, Common::Text.key(&like.print, like.vouched))];
        if let Some(sender) = sender {
            let writer = self.spellings.writer(sender);
            let key = Common::Sender.key(writer.as_bytes(), like.vouched);
            keys.push((Common::Sender, key));
            let domain = self.spellings.domain(sender);
            let key = domain.map(|d| Common::Domain.key(d.as_bytes(), like.vouched));
            keys.extend(key.map(|key| (Common::Domain, key)));
        }
        keys
    }

    fn wave(&self, common: Common, key: &[u8], came: Timestamp) -> Result<Wave, StoreError> {
        let row = self.batch.get::<FloodRow>(key)?.unwrap_or_default();
        let ticket = match row.ticket.map(TicketNumber) {
            Some(number) => self
                .batch
                .get::<TicketRow>(&layout::ticket_key(number))?
                .map(|row| row.ticket(number)),
            None => None,
        };
        Ok(Wave {
            cases: budget::counted(&row.marks, common.window_s(), came),
            gathered: row.gathered,
            ticket,
        })
    }

    fn count_case(
        &mut self,
        common: Common,
        key: &[u8],
        (gathered, ticket): (Option<Common>, Option<TicketNumber>),
        (came, now): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let before = self.batch.get::<FloodRow>(key)?.unwrap_or_default();
        let mut row = before.clone();
        budget::mark(&mut row.marks, common.window_s(), came);
        if gathered == Some(common) {
            row.gathered = row.gathered.saturating_add(1);
            row.ticket = row
                .ticket
                .filter(|_| row.gathered > 1)
                .or(ticket.map(|t| t.0));
        } else if gathered.is_none() {
            (row.gathered, row.ticket) = (0, None);
        }
        self.put_flood(key, &before, row, common.window_s(), now)
    }

    fn put_flood(
        &mut self,
        key: &[u8],
        before: &FloodRow,
        mut row: FloodRow,
        window_s: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        row.expires = budget::expiry(now.plus_s(2 * window_s)).0;
        if row.expires != before.expires {
            let old = layout::expiry_key(Timestamp(before.expires), key);
            self.batch.remove(Tree::Expiry, &old);
            let new = layout::expiry_key(Timestamp(row.expires), key);
            self.batch.put(&new, &ExpiryRow)?;
        }
        self.batch.put(key, &row)
    }
}
