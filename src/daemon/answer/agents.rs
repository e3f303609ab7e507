//! What an operator asks of agents' time: who carries how much and who is away; absences and snoozes by command.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::clock::Timestamp;
use crate::daemon::answer::NO_DAEMON;
use crate::daemon::answer::time;
use crate::message::address::Address;
use crate::steps;
use crate::steps::Step;
use crate::store::Away;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::hours::Day;
use crate::triage::hours::Hours;
use crate::triage::ticket::TicketNumber;

/// What an operator asks of agents' time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "time", deny_unknown_fields)]
pub enum Asked {
    /// How much do these agents carry, and until when are they away?
    Agents {
        /// Their addresses.
        agents: Vec<Address>,
    },
    /// An agent is away.
    Away {
        /// The agent's address.
        agent: Address,
        /// The day on which the agent is back, as 2026-12-01.
        back: String,
        /// Who says so.
        by: String,
    },
    /// An agent is back.
    Back {
        /// The agent's address.
        agent: Address,
    },
    /// Let a ticket rest.
    Snooze {
        /// Its number.
        number: u64,
        /// For so many seconds.
        seconds: u64,
        /// Who says so.
        by: String,
    },
    /// Give a ticket to somebody else; only a daemon can find its mail.
    Assign {
        /// Its number.
        number: u64,
        /// An agent's address, or a queue's name.
        to: String,
        /// Who says so.
        by: String,
    },
}

/// Answers.
pub(super) fn answer(store: &Store, asked: &Asked, now: Timestamp) -> Result<Value, StoreError> {
    Ok(match asked {
        Asked::Agents { agents } => list(store, agents, now)?,
        Asked::Away { agent, back, by } => match day(back, now) {
            Ok(back) => {
                steps::pass(Step::Handing);
                store.send_away(&Away {
                    agent: agent.clone(),
                    back,
                    said: now,
                    by: by.clone(),
                })?;
                steps::pass(Step::Handed);
                tracing::info!(%back, by, "an agent is away until that day; new tickets go to the others");
                json!({ "agent": agent.as_str(), "away_until": back.to_string() })
            }
            Err(why) => json!({ "error": why }),
        },
        Asked::Back { agent } => {
            if store.bring_back(agent)? {
                tracing::info!("an agent is back");
                json!({ "agent": agent.as_str(), "away_until": null })
            } else {
                json!({ "error": format!("no absence of {agent} was said by command; those of the config end there") })
            }
        }
        Asked::Snooze {
            number,
            seconds,
            by,
        } => {
            let until = now.plus_s(i64::try_from(*seconds).unwrap_or(i64::MAX));
            match store.snooze(TicketNumber(*number), until, by, now)? {
                Some(true) => json!({ "ticket": number, "snoozed_until": time(until) }),
                Some(false) => {
                    json!({ "error": format!("no agent has ticket #{number}: nobody would be told when it wakes") })
                }
                None => json!({ "error": format!("there is no ticket #{number}") }),
            }
        }
        Asked::Assign { .. } => json!({ "error": NO_DAEMON }),
    })
}

fn list(store: &Store, agents: &[Address], now: Timestamp) -> Result<Value, StoreError> {
    let today = Hours::default().day(now);
    let aways = store.aways()?;
    let mut rows = Vec::new();
    for agent in agents {
        let away = aways.iter().find(|away| away.agent.same_person(agent));
        let away = away.filter(|away| today.is_none_or(|today| away.back > today));
        rows.push(json!({
            "agent": agent.as_str(),
            "open": store.load(agent)?,
            "away_until": away.map(|away| away.back.to_string()),
            "said_by": away.map(|away| away.by.clone()),
        }));
    }
    Ok(Value::Array(rows))
}

/// Reads the day on which somebody is back.
fn day(back: &str, now: Timestamp) -> Result<Day, String> {
    let back = Day::try_from(back.to_owned())?;
    back.may_end_an_absence(now)?;
    Ok(back)
}
