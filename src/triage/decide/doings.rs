//! Agents' orders that reach beyond the ticket's state: merging, resting, an address found to be the person's, an absence.

use crate::message::address::Address;
use crate::triage::closing::Turn;
use crate::triage::command::Wrong;
use crate::triage::decide::Matter;
use crate::triage::decide::orders::Orders;
use crate::triage::decide::orders::refused;
use crate::triage::hours::Day;
use crate::triage::merge;
use crate::triage::relay::Claim;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;
use crate::triage::verify;

/// No case rests for longer, in days.
const SNOOZE_DAYS_MAX: u64 = 3_660;
const DAY_S: u64 = 86_400;

impl Matter<'_> {
    /// To whom an agent's words go, and in whose ticket's thread: where the forward was of a ticket that is a part of this
    /// one, to the person of that.
    pub(super) fn person_of<'t>(
        &'t self,
        claim: &Claim,
        ticket: &'t Ticket,
    ) -> Option<(&'t Address, TicketNumber)> {
        let part = claim.ticket.filter(|number| *number != ticket.number);
        let part = part.and_then(|n| self.case.tickets.iter().find(|t| t.number == n));
        match part {
            // Never to the other one's person, whoever that is.
            Some(part) => Some((part.participants.first()?, part.number)),
            None => Some((ticket.participants.first()?, ticket.number)),
        }
    }

    /// Makes the case a part of that one.
    pub(super) fn merge(&self, by: &Address, into: u64, orders: &mut Orders) -> Result<(), Wrong> {
        let line = format!("#merge {into}");
        let no = |why: &str| Err(refused(&line, why, "#merge NUMBER"));
        let end = merge::end(&self.case.beside.merged, TicketNumber(into));
        if !self.case.tickets.iter().any(|t| t.number == end) {
            return no("there is no ticket of that number");
        }
        if end == orders.ticket.number {
            return no("that is this very ticket, or a part of it");
        }
        let closed = |number| {
            self.acts(number)
                .is_some_and(|acts| acts.closing.closed.is_some())
        };
        if closed(end) && !self.is_closed(orders) {
            return no("that ticket is closed, and this one is not; `#reopen` it first");
        }
        if orders.beside.merge_into.is_some_and(|other| other != end) {
            return no("a ticket can be a part of one other only");
        }
        orders.beside.merge_into = Some(end);
        orders.beside.by = by.to_string();
        Ok(())
    }

    /// Has the case rest.
    pub(super) fn snooze(&self, seconds: u64, orders: &mut Orders) -> Result<(), Wrong> {
        let no = |why: &str| Err(refused("#snooze", why, "#snooze 3d"));
        if seconds > SNOOZE_DAYS_MAX * DAY_S {
            return no("nothing rests for more than ten years; close it instead");
        }
        if matches!(orders.ticket.state, TicketState::Answered { .. }) {
            return no("no agent has the case, so nobody would be told when it wakes");
        }
        if self.is_closed(orders) {
            return no("the case is closed; #reopen it first");
        }
        let until = i64::try_from(seconds).unwrap_or(i64::MAX);
        orders.deeds.snooze = Some(self.now.plus_s(until));
        Ok(())
    }

    /// Whether the case will be closed, as far as the orders go.
    fn is_closed(&self, orders: &Orders) -> bool {
        match orders.deeds.closed {
            Some(turn) => turn == Turn::Close,
            None => self
                .acts(orders.ticket.number)
                .is_some_and(|acts| acts.closing.closed.is_some()),
        }
    }

    /// Records an address as the person's; none: the one that they write from.
    pub(super) fn verified(
        &self,
        by: &Address,
        address: Option<&Address>,
        orders: &mut Orders,
    ) -> Result<(), Wrong> {
        let no = |why: &str| Err(refused("#verified", why, "#verified ADDRESS"));
        let Some(address) = address.or(orders.ticket.participants.first()).cloned() else {
            return no("nobody is certain to have written on this ticket; name the address");
        };
        let desk = &self.office.surroundings;
        if desk.is_own(&address) || desk.is_agent(&address) {
            return no("that address is the desk's or an agent's");
        }
        let known = self.standings_of(&orders.ticket);
        let all = verify::laid(&known, &orders.beside.standings);
        let is_known = all.iter().any(|s| s.address.same_person(&address));
        if all.len() >= verify::STANDINGS_MAX && !is_known {
            return no("so many addresses are on this ticket that no other fits");
        }
        let standing = verify::by_hand(&all, &address, by.as_str(), self.now);
        let others = &mut orders.beside.standings;
        others.retain(|s| !s.address.same_person(&address));
        others.push(standing);
        Ok(())
    }

    /// Has no new cases go to the agent before that day.
    pub(super) fn away(&self, by: &Address, back: Day, orders: &mut Orders) -> Result<(), Wrong> {
        let line = format!("#away until {back}");
        back.may_end_an_absence(self.now)
            .map_err(|why| refused(&line, &why, "#away until 2026-12-01"))?;
        orders.deeds.away = Some((by.clone(), back));
        orders.note("away", format!("{by} until {back}"));
        Ok(())
    }
}
