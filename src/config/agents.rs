//! What the config says of agents and their answers, as written; and what becomes of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::config::duration::Seconds;
use crate::config::file::ConfigFile;
use crate::config::times::Days;
use crate::message::address::Address;
use crate::triage::relay::AgentCard;
use crate::triage::relay::Dangerous;
use crate::triage::relay::RelayRules;
use crate::triage::relay::Signature;

/// An answer waits no longer: a person waits for it.
const UNDO_S_MOST: u64 = 3_600;
/// Characters of an agent's name.
const NAME_CHARS_MAX: usize = 100;
/// Characters of an agent's signature.
const SIGNATURE_CHARS_MAX: usize = 2_000;

/// How agents' answers are relayed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayFile {
    /// How long an answer waits, and can be stopped; `0s`: it does not.
    pub undo: Seconds,
    /// What becomes of agents' own signatures: `drop` or `keep`.
    pub signature: Signature,
    /// People may see agents' addresses.
    pub show_addresses: bool,
    /// What becomes of an answer with a dangerous attachment: `refuse` or `leave-out`.
    pub dangerous: Dangerous,
}

impl Default for RelayFile {
    fn default() -> Self {
        Self {
            undo: Seconds(60),
            signature: Signature::Drop,
            show_addresses: false,
            dangerous: Dangerous::Refuse,
        }
    }
}

/// One agent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentFile {
    /// The name that people see beside the desk's address.
    pub name: String,
    /// The signature that people see.
    pub signature: String,
    /// Days of absence.
    pub away: Vec<Days>,
}

/// All agents by their addresses.
pub type AgentFiles = BTreeMap<String, Spanned<AgentFile>>;

/// Makes the rules of it; `complain` gets what is wrong, and where it stands.
pub(super) fn relay_rules(file: &ConfigFile, complain: &mut dyn FnMut(usize, &str)) -> RelayRules {
    let relay = &file.relay;
    let undo_s = relay.get_ref().undo.0;
    if undo_s > UNDO_S_MOST {
        let what = format!("[relay] undo = \"{undo_s}s\" is longer than an hour: a person waits");
        complain(relay.span().start, &what);
    }
    for (name, mailbox) in &file.mailbox {
        let (at, mailbox) = (mailbox.span().start, mailbox.get_ref());
        if mailbox.agents_must_pass && mailbox.authserv_id.is_none() {
            let what = format!(
                "[mailbox.{name}] `agents_must_pass` needs `authserv_id`: only your own border's word is believed"
            );
            complain(at, &what);
        }
    }
    let serves = |agent: &Address| {
        let mut all = file.queue.values().flat_map(|q| &q.get_ref().agents);
        all.any(|a| a.same_person(agent))
    };
    let mut agents = Vec::new();
    for (written, agent) in &file.agent {
        let at = agent.span().start;
        let Some(address) = Address::parse(written).ok().filter(|a| serves(a)) else {
            let what = format!(
                "[agent.\"{written}\"] is in no queue: name one of the agents, by the whole address"
            );
            complain(at, &what);
            continue;
        };
        let card = agent.get_ref();
        if card.name.chars().count() > NAME_CHARS_MAX || card.name.chars().any(char::is_control) {
            let what = format!(
                "[agent.\"{written}\"] `name` must be one line of at most {NAME_CHARS_MAX} characters"
            );
            complain(at, &what);
        }
        if card.signature.chars().count() > SIGNATURE_CHARS_MAX {
            let what = format!(
                "[agent.\"{written}\"] `signature` has more than {SIGNATURE_CHARS_MAX} characters"
            );
            complain(at, &what);
        }
        agents.push(AgentCard {
            address: Some(address),
            name: card.name.trim().to_owned(),
            signature: card.signature.trim().to_owned(),
        });
    }
    RelayRules {
        undo_s,
        signature: relay.get_ref().signature,
        shows_agents: relay.get_ref().show_addresses,
        dangerous: relay.get_ref().dangerous,
        agents,
        operator: file.alarm.mail.clone(),
        ..RelayRules::default()
    }
}
