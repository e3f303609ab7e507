//! Letters into the outbox, and automatic ones onto the budgets.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::Outgoing;
use crate::store::StoreError;
use crate::store::batch::count;
use crate::store::budget::Subject;
use crate::store::commit::CommitError;
use crate::store::commit::Group;
use crate::store::layout;
use crate::store::layout::Tree;
use crate::store::layout::codes;
use crate::store::layout::letters::DeliveryRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::rows;
use crate::store::layout::rows::BudgetRow;
use crate::store::layout::rows::DueRow;
use crate::store::layout::rows::ExpiryRow;
use crate::store::layout::rows::LetterIndexRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::views::Stage;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Purpose;
use crate::triage::relay::Deeds;
use crate::triage::ticket::TicketNumber;

impl Group<'_> {
    /// Adds a mail that answers none, such as a notice to the operator.
    pub fn post(&mut self, outgoing: Outgoing, now: Timestamp) -> Result<(), StoreError> {
        self.kept(|group| group.enqueue(outgoing, 0, now))
    }

    /// Lays a mail's letters into the outbox, and does what else its plan says.
    pub(super) fn dispatch(
        &mut self,
        outgoing: Vec<Outgoing>,
        sender: Option<&Address>,
        ticket: Option<TicketNumber>,
        deeds: &Deeds,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let wait_s = deeds.relay.as_ref().map_or(0, |relay| relay.wait_s);
        let mut letters = Vec::with_capacity(outgoing.len());
        for letter in outgoing {
            self.charge(&letter, sender, now)?;
            letters.push((self.batch.head.next_outbox, letter.purpose));
            self.enqueue(letter, wait_s, now)?;
        }
        ticket.map_or(Ok(()), |ticket| {
            let by = sender.map_or("somebody", Address::as_str);
            self.enact(ticket, deeds, &letters, by, now)
        })
    }

    /// Charges an automatic letter to the budgets of its ticket, its recipient and, if that is
    /// somebody else, the writer.
    pub(super) fn charge(
        &mut self,
        outgoing: &Outgoing,
        sender: Option<&Address>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if outgoing.purpose == Purpose::Notice {
            // A word to an agent is counted for that agent, so that no machine gets many, and for nobody else.
            let agent = Subject::writer(&self.spellings, &outgoing.to);
            return self.spend(&agent, &[], now);
        }
        if !matches!(outgoing.purpose, Purpose::Reply | Purpose::Verify) {
            return Ok(());
        }
        let mut subjects = vec![Subject::Total, Subject::Ticket(outgoing.ticket)];
        // A question goes to somebody who asked for nothing: who has it asked is counted besides.
        if outgoing.purpose == Purpose::Verify {
            subjects.push(Subject::Asked);
            subjects.extend(sender.map(|s| self.asker(s)));
        }
        for address in [Some(&outgoing.to), sender].into_iter().flatten() {
            subjects.push(Subject::writer(&self.spellings, address));
            subjects.extend(Subject::domain(&self.spellings, address));
        }
        subjects.sort();
        subjects.dedup();
        for subject in subjects {
            self.spend(&subject, &outgoing.templates, now)?;
        }
        Ok(())
    }

    /// Counts one more reply of a subject's.
    pub(super) fn spend(
        &mut self,
        subject: &Subject,
        templates: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = subject.key();
        let mut row = self.batch.get::<BudgetRow>(&key)?.unwrap_or_default();
        let before = row.expires;
        subject.spend(&mut row, templates, now);
        if row.expires != before {
            self.batch
                .remove(Tree::Expiry, &layout::expiry_key(Timestamp(before), &key));
            self.batch.put(
                &layout::expiry_key(Timestamp(row.expires), &key),
                &ExpiryRow,
            )?;
        }
        self.batch.put(&key, &row)
    }

    /// Lays a letter into the outbox, due at once; a forward beyond the pace of forwards, later; an agent's answer after
    /// `wait_s` seconds, in which it can be stopped.
    pub(super) fn enqueue(
        &mut self,
        outgoing: Outgoing,
        wait_s: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let due = match outgoing.purpose {
            Purpose::Forward => self.forward_at(now)?,
            Purpose::Relay => now.plus_s(i64::try_from(wait_s).unwrap_or(i64::MAX)),
            _ => now,
        };
        let purpose = codes::purpose_code(outgoing.purpose);
        let thread = ThreadRow {
            ticket: outgoing.ticket.0,
            ours: Some((purpose, outgoing.to.clone())),
        };
        self.batch
            .tie(&layout::id_key(&outgoing.message_id), &thread)?;
        let seq = self.batch.head.next_outbox;
        self.batch.head.next_outbox += 1;
        let place = self
            .batch
            .pile
            .add(self.batch.head.next_spool, outgoing.bytes);
        let row = OutboxRow {
            ticket: outgoing.ticket.0,
            purpose,
            message_id: outgoing.message_id,
            envelope_from: outgoing.envelope_from,
            to: outgoing.to,
            mailbox: outgoing.mailbox.clone(),
            language: rows::cut(&outgoing.language, 20),
            deferred: String::new(),
            created: now.0,
            counted_from: now.0,
            place,
            state: DeliveryRow::of(&Delivery::Waiting {
                attempts: 0,
                not_before: due,
            }),
        };
        self.batch.put(&seq.to_be_bytes(), &row)?;
        self.batch.put(
            &layout::stage_key(Stage::Waiting.code(), due, seq),
            &StageRow(place.file),
        )?;
        self.batch
            .put(&layout::due_key(&outgoing.mailbox, due, seq), &DueRow)?;
        self.batch
            .put(&layout::under_ticket(outgoing.ticket, seq), &LetterIndexRow)?;
        count(&mut self.batch.head.stages, Stage::Waiting.code(), 1);
        Ok(())
    }
}
