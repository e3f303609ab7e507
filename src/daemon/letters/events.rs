//! What a mail leaves on its ticket: who wrote, and what leaves because of it.

use crate::clock::Timestamp;
use crate::triage::Reading;
use crate::triage::decide;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::ticket::TicketEvent;

/// What is noted on the ticket of a mail.
pub(super) fn events(plan: &Plan, reading: &Reading, now: Timestamp) -> Vec<TicketEvent> {
    let event = |kind: &str, note: String| TicketEvent {
        at: now,
        kind: kind.to_owned(),
        note,
    };
    let writer = reading.writer().map_or("somebody", |w| w.address.as_str());
    let intents = plan.intents.join(", ");
    let has = |rule: &str| {
        plan.because
            .iter()
            .any(|b| b.stage == "decide" && b.rule == rule)
    };
    // A flood would bury what else is on the ticket; the ledger has each of its mails.
    if matches!(plan.step, Step::Record(_)) && decide::gathered(plan).is_some() {
        return Vec::new();
    }
    let mut events = vec![match &plan.step {
        Step::Open(_) => event("opened", format!("{writer} wrote: {intents}")),
        Step::Record(_) | Step::Update(_) if reading.returned.is_some() => {
            report(plan, reading, now)
        }
        Step::Update(_) if has(decide::AGENT_ANSWERED) => {
            event("agent", format!("{writer} answered"))
        }
        Step::Update(_) if has(decide::RELAYED) => event("agent", format!("{writer} answered")),
        Step::Update(_) | Step::Record(_) if has(decide::ORDERED) => {
            event("agent", format!("{writer} gave orders"))
        }
        Step::Record(_) if has(decide::RETURNED) => {
            let why = plan.because.last().map_or("", |b| b.says.as_str());
            event("agent", format!("{writer}: nothing was sent: {why}"))
        }
        Step::Record(_) if has(decide::NOTED_TWIN) => event(
            "twin",
            format!("{writer} wrote the same again: noted, and not forwarded"),
        ),
        Step::Update(_) => event("mail", format!("{writer} wrote: {intents}")),
        Step::Record(_) | Step::Hold => event(
            plan.intents.first().map_or("mail", String::as_str),
            format!("{writer}: recorded"),
        ),
    }];
    for letter in &plan.letters {
        match letter.purpose {
            Purpose::Reply => events.push(event(
                "reply",
                format!("in {}: {}", letter.language, letter.templates.join(", ")),
            )),
            Purpose::Relay => {
                let agent = plan.deeds.relay.as_ref().map(|r| r.agent.to_string());
                let agent = agent.unwrap_or_default();
                events.push(event("relay", format!("words of {agent} to {}", letter.to)));
            }
            Purpose::Notice => events.push(event("told", letter.to.to_string())),
            Purpose::Verify => events.push(event("verify", format!("asks {}", letter.to))),
            Purpose::Forward => events.push(event("forward", format!("to {}", letter.to))),
        }
    }
    events
}

/// What a machine's mail about one of ours means for the ticket.
fn report(plan: &Plan, reading: &Reading, now: Timestamp) -> TicketEvent {
    let kinds = [
        decide::BOUNCED_FORWARD,
        decide::BOUNCED,
        decide::ABSENT,
        decide::COMPLAINT,
        decide::REPORT,
    ];
    let told = plan
        .because
        .iter()
        .rev()
        .find(|b| kinds.contains(&b.rule.as_str()));
    let kind = told.map_or(decide::REPORT, |b| b.rule.as_str());
    let note = told.map_or("a machine wrote of a mail of ours", |b| b.says.as_str());
    let from = reading.message.from.first();
    let by = from
        .filter(|_| kind == decide::ABSENT)
        .map(|f| format!("{}: ", f.address));
    let to = reading.returned.as_ref().and_then(|r| r.to.as_ref());
    let status = reading.returned.as_ref().and_then(|r| r.status);
    let told = [to.map(ToString::to_string), status.map(|s| s.to_string())];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let told = if told.is_empty() || kind == decide::ABSENT {
        String::new()
    } else {
        format!(" ({})", told.join(", "))
    };
    TicketEvent {
        at: now,
        kind: kind.to_owned(),
        note: format!("{}{note}{told}", by.unwrap_or_default()),
    }
}
