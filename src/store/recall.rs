//! What the store knows that matters for one mail.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::StoreError;
use crate::store::budget;
use crate::store::budget::Subject;
use crate::store::commit::Group;
use crate::store::layout;
use crate::store::layout::rows::BudgetRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::triage::plan::Case;
use crate::triage::plan::Copy;
use crate::triage::plan::KnownBeside;
use crate::triage::plan::Spent;
use crate::triage::thread::Clues;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;

/// At most this many tickets are recalled for one mail, and as many ids looked up: a mail with a thousand made-up
/// references costs no more than that.
pub const RECALL_MAX: usize = 100;

impl Group<'_> {
    /// Returns what the store and this group know of a mail: its copy, the tickets it points to (proved, by ids,
    /// claimed; only those that exist, each once), what has been answered, whose turn it is.
    pub fn recall(
        &self,
        digest: &[u8; 32],
        clues: &Clues,
        sender: Option<&Address>,
        now: Timestamp,
    ) -> Result<Case, StoreError> {
        let copy_of = match self.batch.get::<DigestRow>(digest)? {
            Some(row) => Some(Copy {
                ticket: self.existing(row.ticket.map(TicketNumber))?,
            }),
            None => None,
        };
        let mut by_id = Vec::new();
        for id in clues.ids.iter().take(RECALL_MAX) {
            if let Some(row) = self.batch.get::<ThreadRow>(&layout::id_key(id))? {
                by_id.push((id.clone(), TicketNumber(row.ticket)));
            }
        }
        let (tickets, merged) = self.tickets(clues, &by_id)?;
        // A notice to the operator has an id but no ticket.
        by_id.retain(|(_, number)| tickets.iter().any(|t| t.number == *number));
        let acts = self.recall_acts(&tickets)?;
        let mut spent = self.spent(sender, now)?;
        for ticket in &tickets {
            let replies = self.count(&Subject::Ticket(ticket.number), now)?;
            if replies > 0 {
                spent.ticket_day.push((ticket.number, replies));
            }
        }
        Ok(Case {
            copy_of,
            tickets,
            by_id,
            fresh: self.fresh(),
            turns: self
                .turns
                .iter()
                .map(|(queue, n)| (queue.clone(), *n))
                .collect(),
            spent,
            acts,
            muted: self.is_muted(sender)?,
            beside: KnownBeside {
                merged,
                ..KnownBeside::default()
            },
            ..Case::default()
        })
    }

    /// Returns the tickets that a mail points to, each once, and which of them are parts of others; the one that goes on
    /// stands before its part.
    #[allow(clippy::type_complexity, reason = "two lists that are found together")]
    fn tickets(
        &self,
        clues: &Clues,
        by_id: &[(MessageId, TicketNumber)],
    ) -> Result<(Vec<Ticket>, Vec<(TicketNumber, TicketNumber)>), StoreError> {
        let mut seen = BTreeSet::new();
        let mut tickets = Vec::new();
        let mut merged = Vec::new();
        let proved = clues.proved.iter().map(|(number, _)| *number);
        let claimed = clues.claimed.iter().map(|(number, _)| *number);
        for number in proved
            .chain(by_id.iter().map(|(_, number)| *number))
            .chain(claimed)
            .take(RECALL_MAX)
        {
            if !seen.insert(number) {
                continue;
            }
            let end = self.end_of(number)?;
            if end != number {
                merged.push((number, end));
                if seen.insert(end)
                    && let Some(row) = self.batch.get::<TicketRow>(&layout::ticket_key(end))?
                {
                    tickets.push(row.ticket(end));
                }
            }
            if let Some(row) = self.batch.get::<TicketRow>(&layout::ticket_key(number))? {
                tickets.push(row.ticket(number));
            }
        }
        Ok((tickets, merged))
    }

    /// Returns the ticket if it is still there: a copy may outlive it.
    fn existing(&self, number: Option<TicketNumber>) -> Result<Option<TicketNumber>, StoreError> {
        let Some(number) = number else {
            return Ok(None);
        };
        let row = self.batch.get::<TicketRow>(&layout::ticket_key(number))?;
        Ok(row.map(|_| number))
    }

    fn spent(&self, sender: Option<&Address>, now: Timestamp) -> Result<Spent, StoreError> {
        let mut spent = Spent {
            total_hour: self.count(&Subject::Total, now)?,
            ..Spent::default()
        };
        if let Some(sender) = sender {
            let identity = Subject::writer(&self.spellings, sender);
            let row = self.budget(&identity)?;
            spent.templates = budget::templates(&row, now);
            spent.address_day = identity.count(&row, now);
            if let Some(domain) = Subject::domain(&self.spellings, sender) {
                spent.domain_hour = self.count(&domain, now)?;
            }
        }
        Ok(spent)
    }

    pub(super) fn count(&self, subject: &Subject, now: Timestamp) -> Result<u32, StoreError> {
        Ok(subject.count(&self.budget(subject)?, now))
    }

    pub(super) fn budget(&self, subject: &Subject) -> Result<BudgetRow, StoreError> {
        Ok(self
            .batch
            .get::<BudgetRow>(&subject.key())?
            .unwrap_or_default())
    }
}
