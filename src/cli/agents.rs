//! `mailclerk agents`: who carries how much, who is away; and what an operator says of it.

use std::path::Path;

use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::ask::who;
use crate::cli::exit::Failure;
use crate::cli::list::raw;
use crate::cli::list::show;
use crate::cli::list::table;
use crate::config;
use crate::config::Config;
use crate::daemon::answer::Asked;
use crate::daemon::answer::Question;
use crate::message::address::Address;

#[derive(Debug, Subcommand)]
pub(super) enum AgentsCommand {
    /// Agents with their queues, tickets that wait for them, and until when they are away.
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// An agent is away until that day: no new ticket until then.
    Away {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The agent's address.
        agent: Address,
        /// The day on which the agent is back, as `until 2026-12-01`.
        #[arg(num_args = 1..=2, value_names = ["until", "DATE"], required = true)]
        until: Vec<String>,
    },
    /// An agent is back before the time.
    Back {
        #[command(flatten)]
        config: ConfigArgs,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
        /// The agent's address.
        agent: Address,
    },
}

/// Runs it.
pub(super) fn run(command: &AgentsCommand) -> Result<(), Failure> {
    match command {
        AgentsCommand::List { config, json } => list(&config.config, *json),
        AgentsCommand::Away {
            config,
            json,
            agent,
            until,
        } => {
            let back = match until.as_slice() {
                [word, day] if word == "until" => day.clone(),
                [day] => day.clone(),
                _ => {
                    return Err(anyhow::anyhow!(
                        "say until when: mailclerk agents away {agent} until 2026-12-01"
                    )
                    .into());
                }
            };
            let loaded = load(&config.config)?;
            let known = agents_of(&loaded);
            let Some(agent) = known.iter().find(|a| a.same_person(agent)) else {
                return Err(anyhow::anyhow!(
                    "{agent} is no agent of the config; `mailclerk agents list` names them"
                )
                .into());
            };
            let question = Asked::Away {
                agent: agent.clone(),
                back,
                by: who(),
            };
            tell(&config.config, question, *json)
        }
        AgentsCommand::Back {
            config,
            json,
            agent,
        } => {
            let agent = agent.clone();
            tell(&config.config, Asked::Back { agent }, *json)
        }
    }
}

fn tell(config: &Path, asked: Asked, json: bool) -> Result<(), Failure> {
    let said = ask(config, &Question::Time(asked))?;
    if json { raw(&said) } else { show(&said) }
}

fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(Failure::from)
}

/// All agents and leads, each once.
fn agents_of(config: &Config) -> Vec<Address> {
    let agents = config.queues.iter().flat_map(|q| &q.agents);
    let mut all: Vec<Address> = Vec::new();
    for agent in agents.chain(config.roster.leads()) {
        if !all.contains(agent) {
            all.push(agent.clone());
        }
    }
    all
}

/// The store knows loads and absences by command; queues and planned absences stand in the config.
fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let config = load(path)?;
    let agents = agents_of(&config);
    let mut said = ask(
        path,
        &Question::Time(Asked::Agents {
            agents: agents.clone(),
        }),
    )?;
    for (row, agent) in said.as_array_mut().into_iter().flatten().zip(&agents) {
        let serves = config.queues.iter().filter(|q| q.agents.contains(agent));
        let leads = config.roster.duties.iter();
        let leads = leads.filter(|(_, duty)| duty.lead.as_ref() == Some(agent));
        let planned = config.roster.away.get(&agent.identity());
        let planned: Vec<String> = planned
            .into_iter()
            .flatten()
            .map(|(first, last)| format!("{first}..{last}"))
            .collect();
        if let Value::Object(fields) = row {
            let queues: Vec<&str> = serves.map(|q| q.name.as_str()).collect();
            let leads: Vec<&str> = leads.map(|(name, _)| name.as_str()).collect();
            fields.insert("queue".to_owned(), json!(queues));
            fields.insert("leads".to_owned(), json!(leads));
            fields.insert("planned".to_owned(), json!(planned));
        }
    }
    table(
        &said,
        json,
        &["agent", "queue", "leads", "open", "away_until", "planned"],
    )
}
