//! A look at every record: whether it is whole, and whether all that were counted are there.

use std::collections::BTreeMap;

use crate::store::OpenError;
use crate::store::StoreError;
use crate::store::batch::count;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::head::HeadRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::store::layout::witness::Witness;

/// What a look at every record found.
#[derive(Default)]
pub(super) struct Survey {
    records: BTreeMap<Tree, u64>,
    /// The greatest number at the end of a tree's keys.
    greatest: BTreeMap<Tree, u64>,
    states: [u64; 3],
    stages: [u64; 5],
    spool: u64,
    /// Octets of all keys and values.
    octets: u64,
}

/// Reads every record and checks it: the engine hides damage.
pub(super) fn survey(engine: &Engine) -> Result<Survey, StoreError> {
    let mut survey = Survey::default();
    for tree in TREES {
        let mut records = 0_u64;
        let mut greatest = 0;
        engine.scan(tree, Range::under(&[]), |key, value| {
            layout::checked(tree, key, value)?;
            records += 1;
            survey.octets += (key.len() + value.len()) as u64;
            greatest = greatest.max(layout::seq_of(key).unwrap_or_default());
            let kind = key.first().copied().unwrap_or_default();
            match tree {
                Tree::States => count(&mut survey.states, kind, 1),
                Tree::Stages => {
                    count(&mut survey.stages, kind, 1);
                    survey.spool = survey.spool.max(layout::unseal::<StageRow>(key, value)?.0);
                }
                Tree::Quarantine => {
                    let place = layout::unseal::<QuarantineRow>(key, value)?.place;
                    survey.spool = survey.spool.max(place.map_or(0, |place| place.file));
                }
                _ => {}
            }
            Ok(true)
        })?;
        survey.records.insert(tree, records);
        survey.greatest.insert(tree, greatest);
    }
    Ok(survey)
}

impl Survey {
    /// Returns how many records a tree has.
    pub(super) fn records(&self, tree: Tree) -> u64 {
        self.records.get(&tree).copied().unwrap_or_default()
    }

    /// Returns the octets of all keys and values.
    pub(super) fn octets_of_all(&self) -> u64 {
        self.octets
    }

    /// Compares what is there with the kept counts.
    pub(super) fn compare(&self, head: &HeadRow) -> Result<(), OpenError> {
        let unlike = self.counted(head);
        match unlike.into_iter().find(|(_, has, wanted)| has != wanted) {
            Some((what, has, wanted)) => Err(OpenError::Damaged(format!(
                "{what}: {has} found, {wanted} expected"
            ))),
            None => Ok(()),
        }
    }

    /// Returns what was counted: its name, how many there are, and how many there should be.
    pub(super) fn counted(&self, head: &HeadRow) -> [(&'static str, u64, u64); 8] {
        let unsettled = |stages: &[u64; 5]| stages.iter().take(3).sum::<u64>();
        let tickets = head.states.iter().sum();
        let outbox = self.records(Tree::Outbox);
        [
            ("mails on record", self.records(Tree::Ledger), head.ledger),
            ("tickets", self.records(Tree::Tickets), tickets),
            ("tickets by state", self.records(Tree::States), tickets),
            (
                "outgoing mails by stage",
                self.records(Tree::Stages),
                outbox,
            ),
            (
                "mails waiting by mailbox",
                self.records(Tree::Due),
                self.stages.first().copied().unwrap_or_default(),
            ),
            (
                "outgoing mails by ticket",
                self.records(Tree::Letters),
                outbox,
            ),
            (
                "what mails are found by",
                self.records(Tree::Finds),
                head.finds,
            ),
            (
                "mails waiting, leased or parked",
                unsettled(&self.stages),
                unsettled(&head.stages),
            ),
        ]
    }

    /// Makes a head of what is there, for an operator who goes on with it. No number is given a second time, as far
    /// as store and witness know.
    pub(super) fn rebuild(&self, head: HeadRow, witness: Witness) -> HeadRow {
        let next = |tree, known: u64| {
            let greatest = self.greatest.get(&tree).filter(|_| self.records(tree) > 0);
            greatest.map_or(0, |n| n.saturating_add(1)).max(known)
        };
        let [waiting, leased, parked, ..] = self.stages;
        let [_, _, _, sent, dropped] = head.stages;
        HeadRow {
            generation: head.generation.max(witness.generation),
            next_ticket: next(
                Tree::Tickets,
                head.next_ticket
                    .max(witness.next_ticket)
                    .max(witness.tickets.saturating_add(1)),
            ),
            next_outbox: next(Tree::Outbox, head.next_outbox.max(witness.next_outbox)),
            next_spool: head.next_spool.max(self.spool.saturating_add(1)),
            // Held mails keep the numbers that they had there.
            next_arrival: next(Tree::Arrivals, head.next_arrival).max(next(Tree::Quarantine, 0)),
            ledger: self.records(Tree::Ledger),
            states: self.states,
            stages: [waiting, leased, parked, sent, dropped],
            finds: self.records(Tree::Finds),
            ..head
        }
    }
}
