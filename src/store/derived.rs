//! What follows from what: records that are only another order of others, and can be made anew from them.

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::layout;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::acts::ActRow;
use crate::store::layout::duties;
use crate::store::layout::duties::DutyRow;
use crate::store::layout::head::AcceptedRow;
use crate::store::layout::head::HeadRow;
use crate::store::layout::head::InstanceRow;
use crate::store::layout::head::KeyRow;
use crate::store::layout::head::VersionRow;
use crate::store::layout::letters::OutboxRow;
use crate::store::layout::letters::StageRow;
use crate::store::layout::limits::BreakerRow;
use crate::store::layout::limits::DeadRow;
use crate::store::layout::limits::FLOOD;
use crate::store::layout::limits::FloodRow;
use crate::store::layout::peril::PREFIX;
use crate::store::layout::peril::PerilRow;
use crate::store::layout::person::EARLIER;
use crate::store::layout::person::EarlierRow;
use crate::store::layout::person::MergeRow;
use crate::store::layout::person::RefusalRow;
use crate::store::layout::person::StandingRow;
use crate::store::layout::quarantine::QuarantineRow;
use crate::store::layout::rows;
use crate::store::layout::rows::AgendaRow;
use crate::store::layout::rows::ArrivalRow;
use crate::store::layout::rows::BudgetRow;
use crate::store::layout::rows::CursorRow;
use crate::store::layout::rows::DigestRow;
use crate::store::layout::rows::DueRow;
use crate::store::layout::rows::EventRow;
use crate::store::layout::rows::ExpiryRow;
use crate::store::layout::rows::FilingRow;
use crate::store::layout::rows::FindRow;
use crate::store::layout::rows::LedgerRow;
use crate::store::layout::rows::LetterIndexRow;
use crate::store::layout::rows::PoisonRow;
use crate::store::layout::rows::StateIndexRow;
use crate::store::layout::rows::ThreadRow;
use crate::store::layout::rows::TicketRow;
use crate::store::layout::rows::TurnRow;
use crate::store::layout::waiting::WaitingRow;
use crate::store::views::Stage;
use crate::triage::delivery::Delivery;
use crate::triage::ticket::TicketNumber;

/// A record as it lies in the engine.
pub(super) type Raw = (Tree, Vec<u8>, Vec<u8>);

/// The trees whose records all follow from others, and are there exactly when those are.
pub(super) const DERIVED: [Tree; 6] = [
    Tree::States,
    Tree::Stages,
    Tree::Due,
    Tree::Letters,
    Tree::Expiry,
    Tree::Agenda,
];

/// Reads a record as what it is, and returns those that follow from it.
///
/// # Errors
/// [`StoreError::Damaged`]: it is whole, and says nothing that could be meant.
pub(super) fn derive(tree: Tree, key: &[u8], value: &[u8]) -> Result<Vec<Raw>, StoreError> {
    let read = |ok: Result<(), StoreError>| ok.map(|()| Vec::new());
    match tree {
        Tree::Tickets => ticket(key, value),
        Tree::Outbox => outbox(key, value),
        Tree::Budgets if key.starts_with(FLOOD) => {
            let row = layout::unseal::<FloodRow>(key, value)?;
            let at = Timestamp(row.expires);
            Ok(vec![raw(layout::expiry_key(at, key), &ExpiryRow)?])
        }
        Tree::Budgets if key.starts_with(EARLIER) => {
            let row = layout::unseal::<EarlierRow>(key, value)?;
            let at = Timestamp(row.expires);
            Ok(vec![raw(layout::expiry_key(at, key), &ExpiryRow)?])
        }
        Tree::Budgets => {
            let row = layout::unseal::<BudgetRow>(key, value)?;
            let at = Timestamp(row.expires);
            Ok(vec![raw(layout::expiry_key(at, key), &ExpiryRow)?])
        }
        Tree::Head => read(head(key, value)),
        Tree::Ledger => {
            layout::mail_of(key).ok_or_else(|| layout::damaged(tree, key))?;
            read(is::<LedgerRow>(key, value))
        }
        Tree::Arrivals => read(is::<ArrivalRow>(key, value)),
        Tree::Digests => read(is::<DigestRow>(key, value)),
        Tree::Events => read(is::<EventRow>(key, value)),
        Tree::Threads => read(is::<ThreadRow>(key, value)),
        Tree::Cursors => read(is::<CursorRow>(key, value)),
        Tree::Filings => read(is::<FilingRow>(key, value)),
        Tree::Turns => {
            std::str::from_utf8(key).map_err(|_| layout::damaged(tree, key))?;
            read(is::<TurnRow>(key, value))
        }
        Tree::Poison if key.starts_with(PREFIX) => read(is::<PerilRow>(key, value)),
        Tree::Poison => read(is::<PoisonRow>(key, value)),
        Tree::States => read(is::<StateIndexRow>(key, value)),
        Tree::Stages => read(is::<StageRow>(key, value)),
        Tree::Due => read(is::<DueRow>(key, value)),
        Tree::Letters => read(is::<LetterIndexRow>(key, value)),
        Tree::Expiry => read(is::<ExpiryRow>(key, value)),
        Tree::Finds => read(is::<FindRow>(key, value)),
        Tree::Waiting => read(is::<WaitingRow>(key, value)),
        Tree::Dead => read(is::<DeadRow>(key, value)),
        Tree::Agenda => read(is::<AgendaRow>(key, value)),
        Tree::Duties => {
            let row = layout::unseal::<DutyRow>(key, value)?;
            if !row.fits(key) {
                return Err(layout::damaged(tree, key));
            }
            let due = row.due().map(|due| duties::agenda_key(due, key));
            due.map(|key| raw(key, &AgendaRow)).into_iter().collect()
        }
        Tree::Acts => read(is::<ActRow>(key, value)),
        Tree::Addresses => read(standing(key, value)),
        Tree::Refusals => read(is::<RefusalRow>(key, value)),
        Tree::Merges => read(number(tree, key).and_then(|_| is::<MergeRow>(key, value))),
        Tree::Quarantine => {
            number(tree, key)?;
            let row = layout::unseal::<QuarantineRow>(key, value)?;
            layout::mail_of(&row.mail).ok_or_else(|| layout::damaged(tree, key))?;
            Ok(Vec::new())
        }
    }
}

fn standing(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let known = layout::unseal::<StandingRow>(key, value)?.standing();
    known
        .map(drop)
        .ok_or_else(|| layout::damaged(Tree::Addresses, key))
}

fn is<R: Row>(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    layout::unseal::<R>(key, value).map(drop)
}

fn raw<R: Row>(key: Vec<u8>, row: &R) -> Result<Raw, StoreError> {
    let value = layout::seal(&key, row)?;
    Ok((R::TREE, key, value))
}

fn head(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    match key {
        layout::VERSION_KEY => is::<VersionRow>(key, value),
        layout::INSTANCE_KEY => is::<InstanceRow>(key, value),
        layout::HEAD_KEY => is::<HeadRow>(key, value),
        layout::KEY_KEY => is::<KeyRow>(key, value),
        layout::ACCEPTED_KEY => is::<AcceptedRow>(key, value),
        layout::BREAKER_KEY => {
            let row = layout::unseal::<BreakerRow>(key, value)?;
            let known = row.breaker().map(drop);
            known.ok_or_else(|| layout::damaged(Tree::Head, key))
        }
        // Somebody else's, and whole.
        _ => Ok(()),
    }
}

fn number(tree: Tree, key: &[u8]) -> Result<u64, StoreError> {
    let octets = <[u8; 8]>::try_from(key).map_err(|_| layout::damaged(tree, key))?;
    Ok(u64::from_be_bytes(octets))
}

fn ticket(key: &[u8], value: &[u8]) -> Result<Vec<Raw>, StoreError> {
    let number = TicketNumber(number(Tree::Tickets, key)?);
    let ticket = layout::unseal::<TicketRow>(key, value)?.ticket(number);
    let state = rows::state_code(&ticket.state);
    Ok(vec![raw(layout::state_key(state, number), &StateIndexRow)?])
}

fn outbox(key: &[u8], value: &[u8]) -> Result<Vec<Raw>, StoreError> {
    let seq = number(Tree::Outbox, key)?;
    let row = layout::unseal::<OutboxRow>(key, value)?;
    let delivery = row.state.delivery();
    let (stage, at) = Stage::of(&delivery);
    let mut follow = vec![
        raw(
            layout::stage_key(stage.code(), at, seq),
            &StageRow(row.place.file),
        )?,
        raw(
            layout::under_ticket(TicketNumber(row.ticket), seq),
            &LetterIndexRow,
        )?,
    ];
    if matches!(delivery, Delivery::Waiting { .. }) {
        follow.push(raw(layout::due_key(&row.mailbox, at, seq), &DueRow)?);
    }
    Ok(follow)
}
