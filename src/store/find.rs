//! "Was this mail handled?": mails by Message-ID, writer, time of receipt, mailbox; newest first, page by page.
//!
//! Nothing that grows is gone through from end to end: one index is chosen, and one call looks at a bounded number of its
//! entries. Where it stopped, the next one goes on.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::MailRef;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::finds;
use crate::store::layout::head::HorizonRow;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::ledger::view;
use crate::store::views::LedgerView;
use crate::triage::ticket::TicketNumber;

/// Entries that one call looks at beyond those it returns: what one index finds another criterion may leave out.
pub const LOOKS_MAX: usize = 2_000;

/// What is known of the mails that are looked for; all of it must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Their Message-ID.
    pub message_id: Option<MessageId>,
    /// Who wrote them; spellings of one mailbox are one writer.
    pub sender: Option<Address>,
    /// Received at this moment or later. For a mail that was never looked at and has no such time, when that was decided.
    pub since: Option<Timestamp>,
    /// Received before this moment.
    pub until: Option<Timestamp>,
    /// The mailbox's name in the config.
    pub mailbox: Option<String>,
    /// Their ticket.
    pub ticket: Option<TicketNumber>,
}

/// Where a search stopped: time of receipt and number of the last mail looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Time of receipt.
    pub received: Timestamp,
    /// Its number in the order of handling.
    pub number: u64,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The mails, newest first.
    pub mails: Vec<(MailRef, LedgerView)>,
    /// Where to go on; none when everything was looked at. A page may be empty and not the last.
    pub next: Option<Place>,
}

impl Store {
    /// Returns mails that are as wanted, at most `limit`, the newest after `after`.
    pub fn find(
        &self,
        wanted: &Wanted,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let limit = limit.max(1);
        let looks = limit.saturating_add(LOOKS_MAX);
        let mut places = Vec::new();
        let mut whole = true;
        for start in self.starts(wanted)? {
            let mut found = 0;
            self.inner
                .engine
                .scan(Tree::Finds, range(&start, wanted, after), |key, value| {
                    if found == looks {
                        whole = false;
                        return Ok(false);
                    }
                    layout::checked(Tree::Finds, key, value)?;
                    let place = finds::place_of(key);
                    let (received, number) =
                        place.ok_or_else(|| layout::damaged(Tree::Finds, key))?;
                    places.push(Place { received, number });
                    found += 1;
                    Ok(true)
                })?;
        }
        // Several mailboxes, each in its own order.
        places.sort_unstable_by(|a, b| b.cmp(a));
        whole &= places.len() <= looks;
        places.truncate(looks);
        let mut page = Page::default();
        for place in places {
            page.next = Some(place);
            if let Some(mail) = self.at(place, wanted)? {
                page.mails.push(mail);
                if page.mails.len() == limit {
                    return Ok(page);
                }
            }
        }
        if whole {
            page.next = None;
        }
        Ok(page)
    }

    /// Returns the moment before which mails were received that may have been erased for their age; none when none were.
    /// A mail from before it that is not on record is no gap.
    pub fn horizon(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = self.inner.engine.read::<HorizonRow>(layout::HORIZON_KEY)?;
        Ok(row.map(|row| Timestamp(row.0)))
    }

    /// Returns the mailboxes of which mails are on record. One step for each mailbox, however many mails there are.
    pub fn mailboxes(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let mut range = Range::under(&finds::by_times());
            if let Some(name) = names.last() {
                let Some(next) = layout::after_prefix(&finds::by_time(name)) else {
                    return Ok(names);
                };
                range = range.since(next);
            }
            let mut found = None;
            self.inner.engine.scan(Tree::Finds, range, |key, _| {
                let name =
                    finds::mailbox_of(key).ok_or_else(|| layout::damaged(Tree::Finds, key))?;
                found = Some(name.to_owned());
                Ok(false)
            })?;
            match found {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }

    /// Chooses where to look: what leads to the fewest mails.
    fn starts(&self, wanted: &Wanted) -> Result<Vec<Vec<u8>>, StoreError> {
        if let Some(id) = &wanted.message_id {
            return Ok(vec![finds::by_id(id)]);
        }
        if let Some(number) = wanted.ticket {
            return Ok(vec![finds::of_ticket(number)]);
        }
        if let Some(sender) = &wanted.sender {
            return Ok(vec![finds::by_sender(sender)]);
        }
        let names = match &wanted.mailbox {
            Some(name) => vec![name.clone()],
            None => self.mailboxes()?,
        };
        Ok(names.iter().map(|name| finds::by_time(name)).collect())
    }

    /// Returns the mail at a place, if it is as wanted.
    fn at(
        &self,
        place: Place,
        wanted: &Wanted,
    ) -> Result<Option<(MailRef, LedgerView)>, StoreError> {
        let engine = &self.inner.engine;
        // Reads go beside the writer: what was found a moment ago may be erased now.
        let Some(ArrivalRow(key)) = engine.read(&place.number.to_be_bytes())? else {
            return Ok(None);
        };
        let Some(row) = engine.read::<LedgerRow>(&key)? else {
            return Ok(None);
        };
        let mail = layout::mail_of(&key).ok_or_else(|| layout::damaged(Tree::Ledger, &key))?;
        if !fits(wanted, &mail, &row) {
            return Ok(None);
        }
        Ok(Some((mail, view(&key, row)?)))
    }
}

/// The keys under `start` within the times wanted, after `after`, newest first.
fn range(start: &[u8], wanted: &Wanted, after: Option<Place>) -> Range {
    let under = |place: [u8; 16]| [start, &place].concat();
    let mut range = Range::under(start);
    if let Some(since) = wanted.since {
        range = range.since(under(finds::place(since, 0)));
    }
    let until = wanted.until.map(|until| finds::place(until, 0));
    let after = after.map(|after| finds::place(after.received, after.number));
    if let Some(end) = [until, after].into_iter().flatten().min() {
        range = range.before(under(end));
    }
    range.backwards()
}

fn fits(wanted: &Wanted, mail: &MailRef, row: &LedgerRow) -> bool {
    let received = finds::received(row);
    let place = wanted.mailbox.as_ref().is_none_or(|m| *m == mail.mailbox)
        && wanted.since.is_none_or(|since| since <= received)
        && wanted.until.is_none_or(|until| received < until);
    let (id, writer, on) = match &row.end {
        LedgerEnd::Handled {
            message_id,
            sender,
            ticket,
            ..
        } => (message_id.as_ref(), sender.as_ref(), *ticket),
        LedgerEnd::Skipped { .. } | LedgerEnd::Erased { .. } => (None, None, None),
    };
    place
        && wanted.message_id.as_ref().is_none_or(|w| id == Some(w))
        && wanted.ticket.is_none_or(|w| on == Some(w.0))
        && wanted
            .sender
            .as_ref()
            .is_none_or(|w| writer.is_some_and(|writer| w.same_person(writer)))
}
