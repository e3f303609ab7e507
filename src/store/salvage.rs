//! What can be read of a damaged store, taken over record by record, and the names of what cannot.

use std::collections::BTreeSet;

use crate::store::StoreError;
use crate::store::acts;
use crate::store::derived::DERIVED;
use crate::store::derived::derive;
use crate::store::duties::counted_loads;
use crate::store::engine::Engine;
use crate::store::engine::Range;
use crate::store::layout;
use crate::store::layout::TREES;
use crate::store::layout::Tree;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::head::HeadRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::person::MergeRow;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::LedgerEnd;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::rebuild::Fresh;
use crate::store::repair::Repaired;
use crate::store::survey::survey;
use crate::store::verify::name_of;

#[derive(Default)]
pub(super) struct Repair {
    pub(super) told: Repaired,
    pub(super) tickets: BTreeSet<u64>,
    mails: BTreeSet<Vec<u8>>,
    pub(super) letters: BTreeSet<u64>,
}

/// Whether it counts the tickets of an agent or a queue.
fn is_load(tree: Tree, key: &[u8]) -> bool {
    tree == Tree::Duties && matches!(key.first(), Some(b'l' | b'q'))
}

impl Repair {
    /// Takes over what is whole, first what others belong to; makes anew what follows from it.
    pub(super) fn save(&mut self, engine: &Engine, fresh: &mut Fresh) -> Result<(), StoreError> {
        let first = [Tree::Tickets, Tree::Ledger, Tree::Outbox];
        let then = TREES
            .into_iter()
            .filter(|t| !DERIVED.contains(t) && !first.contains(t));
        let mut orphans = BTreeSet::new();
        for tree in first.into_iter().chain(then) {
            let mut failed = None;
            let read = engine.salvage(tree, |key, value| {
                if failed.is_some() {
                    return;
                }
                match derive(tree, key, value) {
                    Ok(follow) => {
                        let taken = self.take(fresh, (tree, key, value), follow, &mut orphans);
                        failed = taken.err();
                    }
                    // Counted anew, below.
                    Err(_) if is_load(tree, key) => {}
                    Err(_) => self.lose(tree, key),
                }
            });
            if let Some(e) = failed {
                return Err(e);
            }
            if !read {
                let some = format!("{}: records that cannot be read", tree.name());
                self.told.lost.push(some);
            }
        }
        for orphan in orphans {
            self.told.lost.push(orphan);
        }
        fresh.settle()?;
        for (key, load) in counted_loads(&fresh.engine)? {
            let value = layout::seal(&key, &DutyRow::Load(load))?;
            fresh.put(Tree::Duties, key, Some(value))?;
        }
        self.add_lookups(fresh)
    }

    /// Whether what agents did belongs to a ticket that is lost.
    fn is_orphan(&self, key: &[u8], value: &[u8]) -> bool {
        acts::ticket_of(key, value).is_none_or(|number| !self.tickets.contains(&number))
    }

    fn lose(&mut self, tree: Tree, key: &[u8]) {
        let name = name_of(tree, key);
        self.told
            .lost
            .push(format!("{} {name}: damaged", tree.name()));
    }

    fn take(
        &mut self,
        fresh: &mut Fresh,
        (tree, key, value): (Tree, &[u8], &[u8]),
        follow: Vec<(Tree, Vec<u8>, Vec<u8>)>,
        orphans: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let number = layout::seq_of(key).unwrap_or_default();
        match tree {
            Tree::Tickets => drop(self.tickets.insert(number)),
            Tree::Ledger => drop(self.mails.insert(key.to_vec())),
            Tree::Outbox => drop(self.letters.insert(number)),
            Tree::Events | Tree::Addresses | Tree::Merges => {
                let ticket = key.first_chunk::<8>().map(|n| u64::from_be_bytes(*n));
                if ticket.is_none_or(|n| !self.tickets.contains(&n)) {
                    let ticket = ticket.unwrap_or_default();
                    orphans.insert(format!("tickets {ticket}: only its events were left"));
                    return Ok(());
                }
                if tree == Tree::Merges {
                    let into = layout::unseal::<MergeRow>(key, value)?.into;
                    if !self.tickets.contains(&into) {
                        orphans.insert(format!("merges {number}: the ticket that goes on is lost"));
                        return Ok(());
                    }
                }
            }
            tree if is_load(tree, key) => return Ok(()),
            Tree::Acts if self.is_orphan(key, value) => {
                let name = name_of(tree, key);
                orphans.insert(format!("acts {name}: its ticket is lost"));
                return Ok(());
            }
            Tree::Filings if !self.mails.contains(key) => {
                let name = name_of(Tree::Ledger, key);
                orphans.insert(format!(
                    "ledger {name}: only where it was to be filed was left"
                ));
                return Ok(());
            }
            _ => {}
        }
        self.told.saved += 1;
        if let (Tree::Digests, Ok(mut row)) = (tree, layout::unseal::<DigestRow>(key, value)) {
            // A copy of a mail whose ticket is lost is a mail of its own.
            if row.ticket.is_some_and(|n| !self.tickets.contains(&n)) {
                row.ticket = None;
                let value = layout::seal(key, &row)?;
                return fresh.put(tree, key.to_vec(), Some(value));
            }
        }
        fresh.put(tree, key.to_vec(), Some(value.to_vec()))?;
        for (tree, key, value) in follow {
            fresh.put(tree, key, Some(value))?;
        }
        Ok(())
    }

    /// Makes anew the ways to find mails by what they are, where they were lost.
    fn add_lookups(&self, fresh: &mut Fresh) -> Result<(), StoreError> {
        let mut arrived = BTreeSet::new();
        let mut next = 0;
        fresh
            .engine
            .scan(Tree::Arrivals, Range::under(&[]), |key, value| {
                arrived.insert(layout::unseal::<ArrivalRow>(key, value)?.0);
                next = layout::seq_of(key).unwrap_or_default() + 1;
                Ok(true)
            })?;
        let mut late = Vec::new();
        let mut more: Vec<(Tree, Vec<u8>, Vec<u8>)> = Vec::new();
        fresh
            .engine
            .scan(Tree::Ledger, Range::under(&[]), |key, value| {
                let row = layout::unseal::<LedgerRow>(key, value)?;
                if !arrived.contains(key) {
                    late.push((row.at, key.to_vec()));
                }
                self.lookups(&fresh.engine, key, row, &mut more)?;
                Ok(true)
            })?;
        late.sort();
        for (_, key) in late {
            let seq = u64::to_be_bytes(next);
            next += 1;
            let value = layout::seal(&seq, &ArrivalRow(key))?;
            more.push((Tree::Arrivals, seq.to_vec(), value));
        }
        fresh
            .engine
            .scan(Tree::Outbox, Range::under(&[]), |key, value| {
                let row = layout::unseal::<OutboxRow>(key, value)?;
                let key = layout::id_key(&row.message_id);
                if fresh.engine.get(Tree::Threads, &key)?.is_none() {
                    let thread = ThreadRow {
                        ticket: row.ticket,
                        ours: Some((row.purpose, row.to)),
                    };
                    let value = layout::seal(&key, &thread)?;
                    more.push((Tree::Threads, key, value));
                }
                Ok(true)
            })?;
        for (tree, key, value) in more {
            fresh.put(tree, key, Some(value))?;
        }
        fresh.settle()
    }

    fn lookups(
        &self,
        engine: &Engine,
        key: &[u8],
        row: LedgerRow,
        more: &mut Vec<(Tree, Vec<u8>, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let (
            LedgerEnd::Handled {
                digest,
                ticket,
                message_id,
                ..
            },
            Some(mail),
        ) = (row.end, layout::mail_of(key))
        else {
            return Ok(());
        };
        let ticket = ticket.filter(|n| self.tickets.contains(n));
        if engine.get(Tree::Digests, &digest)?.is_none() {
            let row = DigestRow {
                mailbox: mail.mailbox,
                uid_validity: mail.uid_validity,
                uid: mail.uid,
                ticket,
            };
            let value = layout::seal(&digest, &row)?;
            more.push((Tree::Digests, digest.to_vec(), value));
        }
        if let (Some(id), Some(ticket)) = (message_id, ticket) {
            let key = layout::id_key(&id);
            if engine.get(Tree::Threads, &key)?.is_none() {
                let value = layout::seal(&key, &ThreadRow { ticket, ours: None })?;
                more.push((Tree::Threads, key, value));
            }
        }
        Ok(())
    }

    /// Names what is lost, by what still tells of it: orders and counts of records that are not there.
    pub(super) fn name_losses(&mut self, engine: &Engine, fresh: &Fresh) -> Result<(), StoreError> {
        let mut lost = BTreeSet::new();
        engine.salvage(Tree::States, |key, _| {
            let number = layout::seq_of(key).unwrap_or_default();
            if !self.tickets.contains(&number) {
                lost.insert(format!("tickets {number}: its record"));
            }
        });
        engine.salvage(Tree::Letters, |key, _| {
            let seq = layout::seq_of(key).unwrap_or_default();
            if !self.letters.contains(&seq) {
                let ticket = key.first_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
                lost.insert(format!("outbox {seq}: a mail of ticket {ticket}"));
            }
        });
        engine.salvage(Tree::Digests, |key, value| {
            if let Ok(row) = layout::unseal::<DigestRow>(key, value) {
                let mail = crate::store::MailRef {
                    mailbox: row.mailbox,
                    uid_validity: row.uid_validity,
                    uid: row.uid,
                };
                let key = layout::mail_key(&mail);
                if !self.mails.contains(&key) {
                    let name = name_of(Tree::Ledger, &key);
                    lost.insert(format!("ledger {name}: what became of that mail"));
                }
            }
        });
        self.told.lost.extend(lost);
        let found = survey(&fresh.engine)?;
        if let Ok(Some(head)) = engine.read::<HeadRow>(layout::HEAD_KEY) {
            for (what, has, wanted) in found.counted(&head).into_iter().take(2) {
                if has < wanted {
                    let lost = format!("{what}: {has} of {wanted} were saved");
                    self.told.lost.push(lost);
                }
            }
        } else {
            let lost = "head: the counts; numbers go on above all that are known";
            self.told.lost.push(lost.to_owned());
        }
        Ok(())
    }
}
