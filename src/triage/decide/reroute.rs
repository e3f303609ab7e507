//! What a machine says of a mail of ours: noted on its ticket; a case that did not reach its agent goes to another.
//!
//! # Decisions
//! - A forward is all that an agent knows of a case, so a failed one goes on: to the queue's next agent, then to the
//!   default queue, then to nobody: two failures in a row are the operator's.
//! - Only the forward to the agent who has the ticket counts: a late or a forged report takes no case away from anybody
//!   else. Which agents got such a mail before, the store knows by its id, so that no case goes round.

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::triage::Because;
use crate::triage::Office;
use crate::triage::Reading;
use crate::triage::dead;
use crate::triage::decide::quiet;
use crate::triage::decide::says;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::forward;
use crate::triage::plan::Case;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::relay::notice;
use crate::triage::relay::notice::Told;
use crate::triage::returned::Fate;
use crate::triage::returned::REROUTED;
use crate::triage::returned::Returned;
use crate::triage::ticket;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketMove;
use crate::triage::ticket::TicketState;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;

/// The reason of a plan for a forward that failed, whether or not another agent gets the case.
pub const BOUNCED_FORWARD: &str = "bounced-forward";
/// The reason of a plan for an automatic mail of an agent.
pub const ABSENT: &str = "absent";
/// The reason of a plan for every other report on a mail of ours.
pub const BOUNCED: &str = "bounced";
/// The reason of a plan for a mail of ours that was taken for spam.
pub const COMPLAINT: &str = "complaint";
/// The reason of a plan for a mail of ours that is late, or that only a machine answered.
pub const REPORT: &str = "report";

/// Decides what becomes of a mail by a machine about a mail of ours.
pub(super) fn plan(
    reading: &Reading,
    returned: &Returned,
    case: &Case,
    rules: &Rules,
    office: &Office,
    now: Timestamp,
) -> Plan {
    let known = case
        .tickets
        .iter()
        .find(|t| t.number == returned.own.ticket);
    let mut plan = quiet(reading, known.map(|t| t.number), reading.signs.clone());
    let mut writers = reading.message.from.iter();
    let by_agent = writers.any(|f| office.surroundings.is_agent(&f.address));
    match (returned.fate, returned.own.purpose) {
        (Fate::Failed, Purpose::Forward) => {
            let Some(ticket) = known else {
                plan.because.push(says(
                    BOUNCED,
                    "a forward did not arrive; its ticket is not known",
                ));
                return plan;
            };
            match holder(ticket, returned, office) {
                Some(failed) => {
                    reroute(&mut plan, ticket, failed, case, rules, office, now);
                    tell_operator(&mut plan, ticket, failed, office);
                }
                None => plan.because.push(says(
                    BOUNCED,
                    "a forward did not arrive; the case lies elsewhere by now",
                )),
            }
        }
        (Fate::Failed, _) => {
            plan.because.extend(dead::gone(reading).map(|gone| {
                let what = "the address does not exist: no reply goes there for some time";
                Because {
                    matched: gone.status.to_string(),
                    ..says("dead", what)
                }
            }));
            if let Some(ticket) = known {
                unreached(&mut plan, ticket, returned, case, office, now);
                let bounced = bounced(reading, returned, ticket, case, office, now);
                plan.beside.standings.extend(bounced);
            }
            plan.because
                .push(says(BOUNCED, "a mail of ours did not arrive"));
        }
        (Fate::Arrived, Purpose::Forward) if by_agent => {
            plan.because.push(says(
                ABSENT,
                "the agent's mailbox answered a forward by itself",
            ));
        }
        (Fate::Underway, _) => plan
            .because
            .push(says(REPORT, "a mail of ours is late, or was handed on")),
        (Fate::Complained, _) => plan
            .because
            .push(says(COMPLAINT, "a mail of ours was complained of")),
        (Fate::Arrived, _) => plan
            .because
            .push(says(REPORT, "a machine answered a mail of ours")),
    }
    plan
}

/// A person who is not reached: the ticket says so, and its agent is told, once until something goes there again.
fn unreached(
    plan: &mut Plan,
    ticket: &Ticket,
    returned: &Returned,
    case: &Case,
    office: &Office,
    now: Timestamp,
) {
    let to_agent = |to: &Address| office.surroundings.is_agent(to);
    let person = !returned.to.as_ref().is_some_and(to_agent);
    if !matches!(returned.own.purpose, Purpose::Reply | Purpose::Relay) || !person {
        return;
    }
    let mut acts = case.acts.iter().filter(|a| a.ticket == ticket.number);
    if acts.any(|a| a.unreached.is_some()) {
        return;
    }
    plan.deeds.unreached = Some(true);
    let (TicketState::WithAgent { agent, .. } | TicketState::AgentAnswered { agent, .. }) =
        &ticket.state
    else {
        return;
    };
    if returned.own.purpose == Purpose::Relay {
        // The answer is with nobody: the case is the agent's again.
        let mut after = ticket.clone();
        after.state = ticket::step(Some(after.state), TicketMove::HandTo(agent.clone()), now);
        after.updated = now;
        plan.step = Step::Update(after);
    }
    let to = ticket.participants.first();
    let to = to.map_or("the person", Address::as_str);
    let why = if returned.said.is_empty() {
        String::new()
    } else {
        format!(" The mail system there says: {}", returned.said)
    };
    let what = match returned.own.purpose {
        Purpose::Relay => "Your answer",
        _ => "The desk's automatic reply",
    };
    let told = Told {
        what: "the person was not reached".to_owned(),
        more: vec![
            format!("{what} to {to} came back.{why}"),
            "If you know another address, write there, with the desk in copy. Answering this mail tries the same address again.".to_owned(),
        ],
        ..Told::default()
    };
    plan.letters
        .push(notice::letter(office, agent, Some(ticket.number), &told));
}

/// An agent who is not reached is the operator's to mend.
fn tell_operator(plan: &mut Plan, ticket: &Ticket, failed: &Address, office: &Office) {
    let Some(operator) = &office.relay.operator else {
        return;
    };
    let next = plan.letters.iter().find(|l| l.purpose == Purpose::Forward);
    let now_with = next.map_or_else(
        || {
            "Nobody is left to send it to: give it to somebody, `mailclerk tickets list`."
                .to_owned()
        },
        |letter| format!("It went to {} instead.", letter.to),
    );
    let told = Told {
        what: "a case did not reach its agent".to_owned(),
        more: vec![format!(
            "Ticket #{} was sent to {failed}, and came back. {now_with}",
            ticket.number.0
        )],
        ..Told::default()
    };
    let mut letter = notice::letter(office, operator, None, &told);
    letter.subject = format!(
        "mailclerk: ticket #{} did not reach its agent",
        ticket.number.0
    );
    plan.letters.push(letter);
}

/// The address that was asked, and that the question came back from.
fn bounced(
    reading: &Reading,
    returned: &Returned,
    ticket: &Ticket,
    case: &Case,
    office: &Office,
    now: Timestamp,
) -> Option<Standing> {
    if returned.own.purpose != Purpose::Verify {
        return None;
    }
    let asked = case.beside.standings.iter().find(|(number, s)| {
        let by_id = || {
            let id = returned.id.as_ref();
            id.is_some_and(|id| office.key.own_id(id, &[&s.address]).is_some())
        };
        let to = || {
            returned
                .to
                .as_ref()
                .is_some_and(|to| to.same_person(&s.address))
        };
        *number == ticket.number && s.stand == Stand::Asked && (by_id() || to())
    })?;
    let status = dead::gone(reading).map_or_else(String::new, |gone| gone.status.to_string());
    Some(asked.1.to(Stand::Bounced, &status, now))
}

/// The agent who has the ticket, if the mail that came back went to just that one.
fn holder<'a>(ticket: &'a Ticket, returned: &Returned, office: &Office) -> Option<&'a Address> {
    let TicketState::WithAgent { agent, .. } = &ticket.state else {
        return None;
    };
    let went_there = match &returned.id {
        Some(id) => office.key.own_id(id, &[agent]).is_some(),
        // Proved by an address or a subject that was given to just this one.
        None => returned.to.as_ref().is_some_and(|to| to.same_person(agent)),
    };
    went_there.then_some(agent)
}

fn reroute(
    plan: &mut Plan,
    ticket: &Ticket,
    failed: &Address,
    case: &Case,
    rules: &Rules,
    office: &Office,
    now: Timestamp,
) {
    let Some((queue, agent)) = next(ticket, failed, case, rules, office, now) else {
        plan.because.push(says(
            BOUNCED_FORWARD,
            "a forward did not arrive, and nobody is left to send it to",
        ));
        return;
    };
    let mut ticket = ticket.clone();
    ticket.state = ticket::step(Some(ticket.state), TicketMove::HandTo(agent.clone()), now);
    ticket.queue = Some(queue.to_owned());
    ticket.updated = now;
    plan.queue = Some(queue.to_owned());
    plan.because.push(says(
        BOUNCED_FORWARD,
        "a forward did not arrive, so another agent gets the case",
    ));
    plan.letters
        .push(forward::rerouted(&ticket, office, failed, agent));
    plan.step = Step::Update(ticket);
}

/// Who gets a case next whose forward failed, and of which queue.
fn next<'a>(
    ticket: &'a Ticket,
    failed: &Address,
    case: &Case,
    rules: &'a Rules,
    office: &'a Office,
    now: Timestamp,
) -> Option<(&'a str, &'a Address)> {
    let had_one = |agent: &Address| {
        let ids = office.key.message_ids(
            Purpose::Forward,
            ticket.number,
            &REROUTED,
            agent,
            office.address.domain(),
        );
        case.by_id
            .iter()
            .any(|(known, number)| *number == ticket.number && ids.contains(known))
    };
    let default = rules.desk.default_queue.as_str();
    let queues: &[&str] = match office
        .surroundings
        .agents
        .iter()
        .filter(|a| had_one(a))
        .count()
    {
        0 => &[ticket.queue.as_deref().unwrap_or(default), default],
        1 => &[default],
        _ => &[],
    };
    queues.iter().find_map(|name| {
        let agents = &office.queues.iter().find(|q| q.name == *name)?.agents;
        let after = agents
            .iter()
            .position(|a| a == failed)
            .map_or(0, |at| at + 1);
        let in_turn = || {
            let all = agents.iter().cycle().skip(after).take(agents.len());
            all.filter(|a| !a.same_person(failed) && !had_one(a))
        };
        let away = &case.time.away;
        let there = |a: &&Address| office.roster.back(a, name, away, now).is_none();
        // Rather one who is away than nobody.
        let agent = in_turn().find(there).or_else(|| in_turn().next())?;
        Some((*name, agent))
    })
}
