//! What is kept beside tickets: addresses and how they stand, who refused, and the mails of a writer before this one.
//!
//! # Decisions
//! - An address stands on one ticket; who refused is known by a digest, on no ticket, for good: erasing a ticket does not
//!   have a stranger asked again who said no.
//! - Questions are charged to the whole desk, to who is asked, and to who has them asked; how many there were on a ticket
//!   says its addresses.

use std::collections::BTreeSet;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::batch;
use crate::store::budget;
use crate::store::budget::Subject;
use crate::store::commit::Group;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::person::EARLIER;
use crate::store::layout::person::EarlierRow;
use crate::store::layout::person::RefusalRow;
use crate::store::layout::person::StandingRow;
use crate::store::layout::rows::ExpiryRow;
use crate::store::layout::rows::TicketRow;
use crate::triage::plan::Beside;
use crate::triage::plan::Case;
use crate::triage::ticket::TicketNumber;
use crate::triage::twin::Earlier;
use crate::triage::verify;
use crate::triage::verify::Asking;
use crate::triage::verify::STANDINGS_MAX;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;
use crate::triage::verify::rules::VERIFY_REPLY;

/// What a mail names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Tickets that its orders are about.
    pub tickets: Vec<TicketNumber>,
}

const DAY_S: i64 = 86_400;
/// Addresses of one mail that are looked up.
const LOOKED_UP_MAX: usize = 40;

impl Store {
    /// Returns the addresses of a ticket, and of what is merged into it.
    pub fn standings(&self, number: TicketNumber) -> Result<Vec<Standing>, StoreError> {
        let mut all = read_standings(&self.inner.engine, number)?;
        for part in self.parts_of_all(number)? {
            for standing in read_standings(&self.inner.engine, part)? {
                verify::lay(&mut all, standing);
            }
        }
        Ok(all)
    }

    /// Records an address of a ticket as verified by hand. None: there is no such ticket.
    pub fn verify_address(
        &self,
        number: TicketNumber,
        address: &Address,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let mut group = self.group();
        let key = layout::ticket_key(number);
        if group.batch.get::<TicketRow>(&key)?.is_none() {
            return Ok(None);
        }
        let known = read_standings(&self.inner.engine, number)?;
        let standing = verify::by_hand(&known, address, by, now);
        let beside = Beside {
            standings: vec![standing.clone()],
            ..Beside::default()
        };
        group.kept(|group| group.put_beside(number, &beside, None, now))?;
        group.commit()?;
        Ok(Some(standing))
    }
}

impl Group<'_> {
    /// Adds to a case what is known beside its tickets.
    pub fn recall_beside(
        &self,
        case: &mut Case,
        named: &Named,
        sender: Option<&Address>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(sender) = sender {
            let row = self.batch.get::<EarlierRow>(&self.earlier_key(sender))?;
            case.beside.before = row.unwrap_or_default().mails();
            for at in 0..case.beside.before.len() {
                self.recall_earlier(case, at)?;
            }
            case.beside.asked_day = self.count(&self.asker(sender), now)?;
        }
        for number in &named.tickets {
            let end = self.end_of(*number)?;
            if end != *number {
                case.beside.merged.push((*number, end));
            }
            self.recall_ticket(case, end)?;
        }
        case.beside.asked_hour = self.count(&Subject::Asked, now)?;
        let numbers: Vec<TicketNumber> = case.tickets.iter().map(|t| t.number).collect();
        let mut sought: Vec<Address> = named.addresses.clone();
        for number in numbers {
            let end = crate::triage::merge::end(&case.beside.merged, number);
            let standings = self.standings(number)?;
            let waiting = standings.iter().filter(|s| s.stand == Stand::Named);
            sought.extend(waiting.map(|s| s.address.clone()));
            let known = &mut case.beside.standings;
            let (same, others) = std::mem::take(known)
                .into_iter()
                .partition(|(n, _)| *n == end);
            let mut all: Vec<Standing> = Vec::<_>::into_iter(same).map(|(_, s)| s).collect();
            for standing in standings {
                verify::lay(&mut all, standing);
            }
            *known = others;
            known.extend(all.into_iter().map(|s| (end, s)));
        }
        let mut seen = BTreeSet::new();
        for address in sought.into_iter().take(LOOKED_UP_MAX) {
            if seen.insert(address.identity()) {
                case.beside.asking.push(self.asking(address, now)?);
            }
        }
        Ok(())
    }

    /// Has the ticket of an earlier mail known to the case; where it is merged, the one that goes on.
    fn recall_earlier(&self, case: &mut Case, at: usize) -> Result<(), StoreError> {
        let Some(earlier) = case.beside.before.get_mut(at) else {
            return Ok(());
        };
        earlier.ticket = self.end_of(earlier.ticket)?;
        let number = earlier.ticket;
        self.recall_ticket(case, number)
    }

    /// Has a ticket known to the case.
    fn recall_ticket(&self, case: &mut Case, number: TicketNumber) -> Result<(), StoreError> {
        if case.tickets.iter().all(|t| t.number != number)
            && let Some(row) = self.batch.get::<TicketRow>(&layout::ticket_key(number))?
        {
            let ticket = row.ticket(number);
            case.acts.push(self.acts(&ticket, false)?);
            case.tickets.push(ticket);
        }
        Ok(())
    }

    fn asking(&self, address: Address, now: Timestamp) -> Result<Asking, StoreError> {
        let row = self.budget(&Subject::writer(&self.spellings, &address))?;
        let today = budget::templates(&row, now)
            .iter()
            .any(|(name, at)| name == VERIFY_REPLY && now.since_s(*at).saturating_abs() < DAY_S);
        let domain = Subject::domain(&self.spellings, &address);
        let domain_hour = match domain {
            Some(domain) => self.count(&domain, now)?,
            None => 0,
        };
        let refused = self.batch.get::<RefusalRow>(&self.refusal_key(&address))?;
        Ok(Asking {
            today,
            refused: refused.is_some(),
            dead: self.dead(&address)?.is_some(),
            domain_hour,
            address,
        })
    }

    /// Returns the addresses of a ticket, with what this group says of them.
    fn standings(&self, number: TicketNumber) -> Result<Vec<Standing>, StoreError> {
        let mut found = Vec::new();
        for key in self
            .batch
            .keys_under(Tree::Addresses, &layout::ticket_key(number))?
        {
            let row = self.batch.get::<StandingRow>(&key)?;
            found.extend(row.and_then(StandingRow::standing));
        }
        found.truncate(STANDINGS_MAX);
        Ok(found)
    }

    /// Writes what changes beside a ticket.
    pub(super) fn put_beside(
        &mut self,
        number: TicketNumber,
        beside: &Beside,
        sender: Option<&Address>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for standing in &beside.standings {
            let key = standing_key(number, &standing.address);
            let before = self.batch.get::<StandingRow>(&key)?;
            let before = before.and_then(StandingRow::standing).map(|s| s.stand);
            self.batch.put(&key, &StandingRow::of(standing))?;
            if before != Some(standing.stand)
                && !matches!(standing.stand, Stand::Named | Stand::Unreadable)
            {
                let note = batch::event(now, "address", standing.line());
                self.batch.note(number, &[note])?;
            }
        }
        for address in &beside.refused {
            let key = self.refusal_key(address);
            self.batch.put(&key, &RefusalRow(now.0))?;
        }
        if let Some(into) = beside.merge_into
            && let Err(why) = self.merge(number, into, &beside.by, now)?
        {
            let note = batch::event(now, "merge", format!("not done: {why}"));
            self.batch.note(number, &[note])?;
        }
        match (&beside.earlier, sender) {
            (Some(earlier), Some(sender)) => self.put_earlier(sender, earlier, now),
            _ => Ok(()),
        }
    }

    fn put_earlier(
        &mut self,
        sender: &Address,
        earlier: &Earlier,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = self.earlier_key(sender);
        let mut row = self.batch.get::<EarlierRow>(&key)?.unwrap_or_default();
        let before = row.expires;
        row.add(earlier);
        row.expires = budget::expiry(now.plus_s(DAY_S)).0;
        if row.expires != before {
            let old = layout::expiry_key(Timestamp(before), &key);
            self.batch.remove(Tree::Expiry, &old);
            let new = layout::expiry_key(Timestamp(row.expires), &key);
            self.batch.put(&new, &ExpiryRow)?;
        }
        self.batch.put(&key, &row)
    }

    /// The counter of questions that a writer has asked.
    pub(super) fn asker(&self, sender: &Address) -> Subject {
        Subject::Asker(self.spellings.writer(sender))
    }

    fn refusal_key(&self, address: &Address) -> Vec<u8> {
        let who = self.spellings.writer(address);
        digest(&SHA256, who.as_bytes()).as_ref().to_vec()
    }

    fn earlier_key(&self, sender: &Address) -> Vec<u8> {
        [EARLIER, self.spellings.writer(sender).as_bytes()].concat()
    }
}

/// Key in `addresses`.
fn standing_key(number: TicketNumber, address: &Address) -> Vec<u8> {
    let who = digest(&SHA256, address.identity().as_bytes());
    let short = who.as_ref().iter().take(16);
    layout::ticket_key(number)
        .iter()
        .chain(short)
        .copied()
        .collect()
}

fn read_standings(engine: &Engine, number: TicketNumber) -> Result<Vec<Standing>, StoreError> {
    let mut found = Vec::new();
    let range = Range::under(&layout::ticket_key(number));
    engine.scan(Tree::Addresses, range, |key, value| {
        let row = layout::unseal::<StandingRow>(key, value)?;
        found.extend(row.standing());
        Ok(found.len() < STANDINGS_MAX)
    })?;
    found.sort_by_key(|s| (s.at, s.address.clone()));
    Ok(found)
}
