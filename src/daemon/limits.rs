//! What limits a mail: what it has in common with others, and what is counted of it.

use crate::clock::Timestamp;
use crate::daemon::letters::Read;
use crate::store::Common;
use crate::store::Group;
use crate::store::Like;
use crate::store::StoreError;
use crate::store::Tally;
use crate::triage::Disposition;
use crate::triage::Office;
use crate::triage::dead;
use crate::triage::decide;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::screen::Proof;
use crate::triage::screen::proof;

/// Returns what a mail has in common with others that came when it did.
pub(super) fn like(read: &Read, office: &Office, came: Timestamp) -> Like {
    Like {
        print: read.reading.print,
        vouched: vouched(read, office),
        came,
    }
}

fn vouched(read: &Read, office: &Office) -> bool {
    proof(&read.reading.message, &office.surroundings) == Proof::Passed
}

/// Returns what is counted of a mail.
pub(super) fn tally(plan: &Plan, rules: &Rules) -> Tally {
    let ticket = match &plan.step {
        Step::Open(ticket) | Step::Update(ticket) => Some(ticket.number),
        Step::Record(on) => *on,
        Step::Hold => None,
    };
    let gathered = decide::gathered(plan).map(|rule| match rule {
        decide::FLOOD_SENDER => Common::Sender,
        decide::FLOOD_DOMAIN => Common::Domain,
        _ => Common::Text,
    });
    Tally {
        replied: plan
            .letters
            .iter()
            .any(|l| matches!(l.purpose, Purpose::Reply | Purpose::Verify)),
        withheld: decide::withheld(plan),
        breaker: rules.desk.breaker,
        case: (plan.disposition == Disposition::Forward).then_some((gathered, ticket)),
    }
}

/// Returns the pace of a mail's forwards: new cases that nobody vouches for wait when there are too many.
pub(super) fn pace(plan: &Plan, read: &Read, rules: &Rules, office: &Office) -> Option<u32> {
    let waits = matches!(plan.step, Step::Open(_)) && !vouched(read, office);
    waits.then_some(rules.desk.flood.forwards_hour)
}

/// Counts a mail that was added to a group, and notes what it says of an address that does not exist.
pub(super) fn count(
    group: &mut Group<'_>,
    read: &Read,
    like: &Like,
    tally: &Tally,
    now: Timestamp,
) -> Result<(), StoreError> {
    group.tally(like, read.sender(), tally, now)?;
    if let Some(gone) = dead::gone(&read.reading) {
        group.bury(&gone, now)?;
    }
    Ok(())
}
