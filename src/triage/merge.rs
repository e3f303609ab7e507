//! Merging tickets: what becomes of a mail that answers a ticket which is part of another now.
//!
//! # Decisions
//! - A merged ticket stays as it is, and points to the one that goes on. Its ids stay its own, and mails that come by way of
//!   it keep theirs there: so taking the merging back leads each answer to where it belongs.
//! - Chains are followed at once: what is merged into a merged ticket goes to the one at the end. No ring can arise.

use crate::message::address::Address;
use crate::triage::thread::Clues;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;

/// Why tickets cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotMerge {
    /// One of them does not exist.
    #[error("there is no ticket #{0}")]
    Unknown(u64),
    /// They are one already.
    #[error("ticket #{0} cannot be merged into itself, or into one that is a part of it")]
    Same(u64),
    /// It is a part of another one.
    #[error("ticket #{0} is merged into #{1} already; `tickets unmerge {0}` takes that back")]
    Already(u64, u64),
    /// The case would rest with one that is closed.
    #[error(
        "ticket #{0} is closed, and #{1} is not; `tickets reopen {0}` first, or close #{1}, too"
    )]
    Closed(u64, u64),
    /// It is no part of any.
    #[error("ticket #{0} is not merged into any other")]
    NotMerged(u64),
}

/// Returns whom the surviving ticket gains: who took part in the other one alone.
pub fn gained(from: &Ticket, into: &Ticket) -> Vec<Address> {
    let new = |a: &&Address| !into.participants.iter().any(|b| b.same_person(a));
    from.participants.iter().filter(new).cloned().collect()
}

/// Returns the ticket that a number leads to.
pub fn end(merged: &[(TicketNumber, TicketNumber)], number: TicketNumber) -> TicketNumber {
    merged
        .iter()
        .find(|(from, _)| *from == number)
        .map_or(number, |(_, into)| *into)
}

/// Returns the clues with every ticket replaced by the one that goes on for it, each named once.
pub fn led(clues: &Clues, merged: &[(TicketNumber, TicketNumber)]) -> Clues {
    let mut led = clues.clone();
    for list in [&mut led.proved, &mut led.claimed] {
        let mut seen: Vec<TicketNumber> = Vec::new();
        list.retain_mut(|(number, _)| {
            *number = end(merged, *number);
            let first = !seen.contains(number);
            seen.push(*number);
            first
        });
    }
    led
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Because;

    fn because() -> Because {
        Because {
            stage: "thread",
            rule: "id".to_owned(),
            says: String::new(),
            matched: String::new(),
        }
    }

    #[test]
    fn clues_lead_to_the_ticket_that_goes_on_and_name_it_once() {
        let n = TicketNumber;
        let clues = Clues {
            proved: vec![(n(3), because()), (n(5), because())],
            claimed: vec![(n(4), because())],
            ..Clues::default()
        };
        let led = led(&clues, &[(n(3), n(5)), (n(4), n(5))]);
        let numbers =
            |list: &[(TicketNumber, Because)]| list.iter().map(|(n, _)| n.0).collect::<Vec<_>>();
        assert_eq!(
            (numbers(&led.proved), numbers(&led.claimed)),
            (vec![5], vec![5])
        );
    }
}
