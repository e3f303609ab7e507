//! The records of agents' time: what is waited for, who is away, who carries how much, what a day brought.
//!
//! ```text
//! key in `duties`                         row      until when (its place in `agenda`)
//! --------------------------------------  -------  ----------------------------------------------
//! t, ticket u64                           Watch    the next reminder, or the end of a snooze
//! d, queue                                Digest   the next digest
//! p, SHA-256 of a writer's identity       Last     it is of no use any more
//! c, identity of a recipient              Cap      it is of no use any more
//! a, identity of an agent                 Away     the agent is back, everywhere on earth
//! l, identity of an agent                 Load     -
//! q, queue                                Load     -
//! n, time i64, queue (empty: all)         Day      it is of no use any more
//! u, number in the outbox u64             Unsent   it is told to the agent
//! ```

use ring::digest::SHA256;
use ring::digest::digest;
use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::layout;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::triage::agenda::Stage;
use crate::triage::agenda::Watch;
use crate::triage::ticket::TicketNumber;

/// A record of `duties`; which one, the first octet of its key says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) enum DutyRow {
    /// What is waited for about a ticket.
    Watch {
        stage: u8,
        due: Option<i64>,
        agent: Address,
        since: i64,
    },
    /// A queue's digest: when the next is due, and the day of the last.
    Digest { due: i64, last: Option<i64> },
    /// The agent of a writer's last ticket.
    Last { agent: Address, at: i64, until: i64 },
    /// When somebody got mails about what fell due, in the last hour.
    Cap { marks: Vec<i64>, until: i64 },
    /// An absence by command: the day on which the agent is back, and who said so when.
    Away {
        agent: Address,
        back: i64,
        said: i64,
        by: String,
        until: i64,
    },
    /// Tickets that wait for an agent, or in a queue.
    Load(u64),
    /// What a quarter of an hour brought, by kind.
    Day {
        counts: Vec<(String, u64)>,
        until: i64,
    },
    /// An agent's answer does not leave; the agent is to be told.
    Unsent { since: i64 },
}

impl Row for DutyRow {
    const TREE: Tree = Tree::Duties;
}

impl DutyRow {
    /// Returns the moment under which it stands in `agenda`.
    pub(in crate::store) fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Watch { due, .. } => due.map(Timestamp),
            Self::Digest { due: at, .. }
            | Self::Last { until: at, .. }
            | Self::Cap { until: at, .. }
            | Self::Away { until: at, .. }
            | Self::Day { until: at, .. } => Some(Timestamp(*at)),
            Self::Unsent { since } => Some(Timestamp(*since)),
            Self::Load(_) => None,
        }
    }

    /// Whether it can stand under that key.
    pub(in crate::store) fn fits(&self, key: &[u8]) -> bool {
        let kind = match self {
            Self::Watch { stage, .. } if stage_of(*stage).is_some() => b"t".as_slice(),
            Self::Watch { .. } => return false,
            Self::Digest { .. } => b"d",
            Self::Last { .. } => b"p",
            Self::Cap { .. } => b"c",
            Self::Away { .. } => b"a",
            Self::Load(_) => b"lq",
            Self::Day { .. } => b"n",
            Self::Unsent { .. } => b"u",
        };
        key.first().is_some_and(|first| kind.contains(first))
    }

    /// Takes over what is waited for.
    pub(in crate::store) fn of_watch(watch: &Watch) -> Self {
        Self::Watch {
            stage: match watch.stage {
                Stage::Fresh => 0,
                Stage::Remind => 1,
                Stage::Escalate => 2,
                Stage::Snoozed => 3,
                Stage::Done => 4,
            },
            due: watch.due.map(|due| due.0),
            agent: watch.agent.clone(),
            since: watch.since.0,
        }
    }

    /// Returns what is waited for, if that is what it is.
    pub(in crate::store) fn watch(self) -> Option<Watch> {
        let Self::Watch {
            stage,
            due,
            agent,
            since,
        } = self
        else {
            return None;
        };
        Some(Watch {
            stage: stage_of(stage)?,
            due: due.map(Timestamp),
            agent,
            since: Timestamp(since),
        })
    }
}

fn stage_of(code: u8) -> Option<Stage> {
    Some(match code {
        0 => Stage::Fresh,
        1 => Stage::Remind,
        2 => Stage::Escalate,
        3 => Stage::Snoozed,
        4 => Stage::Done,
        _ => return None,
    })
}

/// Key of what is waited for about a ticket.
pub(in crate::store) fn watch_key(number: TicketNumber) -> Vec<u8> {
    [&b"t"[..], &layout::ticket_key(number)].concat()
}

/// Returns the ticket of such a key.
pub(in crate::store) fn ticket_of(key: &[u8]) -> Option<TicketNumber> {
    let number: [u8; 8] = key.strip_prefix(b"t")?.try_into().ok()?;
    Some(TicketNumber(u64::from_be_bytes(number)))
}

/// Key of a queue's digest.
pub(in crate::store) fn digest_key(queue: &str) -> Vec<u8> {
    [b"d", queue.as_bytes()].concat()
}

/// Key of the agent of a writer's last ticket. Writers are many and strangers: only a digest is kept.
pub(in crate::store) fn last_key(writer: &Address) -> Vec<u8> {
    let sum = digest(&SHA256, writer.identity().as_bytes());
    [b"p", sum.as_ref()].concat()
}

/// Key of the mails that somebody got.
pub(in crate::store) fn cap_key(recipient: &Address) -> Vec<u8> {
    [b"c", recipient.identity().as_bytes()].concat()
}

/// Key of an absence.
pub(in crate::store) fn away_key(agent: &Address) -> Vec<u8> {
    [b"a", agent.identity().as_bytes()].concat()
}

/// Key of an agent's load.
pub(in crate::store) fn load_key(agent: &Address) -> Vec<u8> {
    [b"l", agent.identity().as_bytes()].concat()
}

/// Key of a queue's load.
pub(in crate::store) fn queue_key(queue: &str) -> Vec<u8> {
    [b"q", queue.as_bytes()].concat()
}

/// Key of what a quarter of an hour brought.
pub(in crate::store) fn day_key(at: Timestamp, queue: &str) -> Vec<u8> {
    [&b"n"[..], &layout::time_key(at), queue.as_bytes()].concat()
}

/// Returns quarter and queue of such a key.
pub(in crate::store) fn day_of(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (time, queue) = key.strip_prefix(b"n")?.split_first_chunk::<8>()?;
    Some((layout::time_of(*time), std::str::from_utf8(queue).ok()?))
}

/// Key of an answer that does not leave.
pub(in crate::store) fn unsent_key(seq: u64) -> Vec<u8> {
    [&b"u"[..], &seq.to_be_bytes()].concat()
}

/// Returns the number in the outbox of such a key.
pub(in crate::store) fn unsent_of(key: &[u8]) -> Option<u64> {
    let seq: [u8; 8] = key.strip_prefix(b"u")?.try_into().ok()?;
    Some(u64::from_be_bytes(seq))
}

/// Key in `agenda`.
pub(in crate::store) fn agenda_key(at: Timestamp, duty: &[u8]) -> Vec<u8> {
    [&layout::time_key(at)[..], duty].concat()
}

/// Returns moment and duty of a key in `agenda`.
pub(in crate::store) fn agenda_of(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, duty) = key.split_first_chunk::<8>()?;
    Some((layout::time_of(*time), duty))
}
