//! The way of an outgoing message: from the outbox to a settled end.

use crate::clock::Timestamp;

/// Why a mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// An automatic answer to a person.
    Reply,
    /// A case to an agent.
    Forward,
    /// An agent's words to a person.
    Relay,
    /// A mail that asks for an address to be proved.
    Verify,
    /// A word to the operator.
    Notice,
}

/// What is promised when the outcome of a sending is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Never a second time: parked when in doubt.
    AtMostOnce,
    /// Sent again with the same Message-ID when in doubt.
    AtLeastOnce,
}

impl Purpose {
    /// Returns what is promised for mails of that purpose.
    pub fn guarantee(self) -> Guarantee {
        match self {
            Self::Reply | Self::Verify | Self::Notice => Guarantee::AtMostOnce,
            Self::Forward | Self::Relay => Guarantee::AtLeastOnce,
        }
    }
}

/// What became of one attempt to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it over (250 after the final dot). Holds its last line, cut.
    Accepted(String),
    /// Not now: 4xx, no connection, TLS or login failed before the mail's data was sent. Try again.
    Deferred(String),
    /// Never: 5xx.
    Refused(String),
    /// The connection died after the final dot and before the answer (RFC 1047): nobody knows.
    Unknown(String),
}

/// Where an outgoing mail stands.
///
/// ```text
///              Lease               Accepted
///  Waiting --------------> Leased ---------> Sent
///   ^  ^ \                  | | |               ^
///   |  |  \ Lease, too late | | | Refused,      | Accepted, told late
///   |  |   v                | | | in doubt*     |
///   |  |  Parked <----------|-|-+---------------+
///   |  |   |  \             | |
///   |  +---+   \ Drop       | |
///   |  Resend   v           | |
///   |        Dropped        | |
///   +-----------------------+-+
///    Deferred, NotTried; in doubt*
///
///  * in doubt (`Unknown`, or a crash while leased): at most once -> Parked, at least once -> Waiting
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Goes out as soon as `not_before` is reached.
    Waiting {
        /// Tries begun so far.
        attempts: u32,
        /// Not before that moment.
        not_before: Timestamp,
    },
    /// Somebody is sending it.
    Leased {
        /// Tries begun so far, this one included.
        attempts: u32,
        /// Since when.
        since: Timestamp,
    },
    /// A server took it over.
    Sent {
        /// When.
        at: Timestamp,
        /// The server's last line.
        said: String,
    },
    /// It does not go out by itself any more: a person must look.
    Parked {
        /// When.
        at: Timestamp,
        /// Tries begun so far.
        attempts: u32,
        /// Why, as a sentence.
        why: String,
    },
    /// An operator gave it up.
    Dropped {
        /// When.
        at: Timestamp,
        /// Tries begun so far.
        attempts: u32,
    },
}

impl Delivery {
    /// Returns the state as one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Leased { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Parked { .. } => "parked",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// Returns what the server, or the reason, says; empty where there is nothing to say.
    pub fn said(&self) -> &str {
        match self {
            Self::Sent { said, .. } => said,
            Self::Parked { why, .. } => why,
            Self::Waiting { .. } | Self::Leased { .. } | Self::Dropped { .. } => "",
        }
    }
}

/// What happens to an outgoing mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A sender takes it.
    Lease,
    /// The sending ended.
    Ended(Outcome),
    /// The sender gives it back: no connection was opened for it (a stop, a drain). Counts as no try.
    NotTried,
    /// The process that had leased it is gone, and nobody knows how far it came.
    Recover,
    /// Its bytes cannot be read any more; holds why.
    Lost(String),
    /// Nobody knows whether it left, as the store is older than what was done; holds that as a sentence.
    Doubted(String),
    /// An operator wants it to go again.
    Resend,
    /// An operator gives it up.
    Drop,
}

/// The first retry comes after this many seconds; each later one after twice as many.
pub const RETRY_S_MIN: i64 = 60;
/// Retries never lie further apart: a server that is back is tried within that time.
pub const RETRY_S_MAX: i64 = 4 * 3600;
/// After five days of deferrals a mail is parked (RFC 5321, 4.5.4.1: at least 4 to 5 days).
pub const GIVE_UP_S: i64 = 5 * 24 * 3600;
/// An automatic answer that could not go within a day is of no use any more.
pub const REPLY_USE_S: i64 = 24 * 3600;

const _: () = assert!(RETRY_S_MIN < RETRY_S_MAX && RETRY_S_MAX < REPLY_USE_S);

/// Returns the seconds to wait after `attempts` tries: growing from [`RETRY_S_MIN`] to [`RETRY_S_MAX`], shortened by
/// up to a fifth as `jitter` (any number) says, so that mails deferred together do not return together.
pub fn retry_s(attempts: u32, jitter: u32) -> i64 {
    let doublings = attempts.saturating_sub(1).min(30);
    let full = RETRY_S_MIN.saturating_mul(1 << doublings).min(RETRY_S_MAX);
    full - full * i64::from(jitter % 256) / (5 * 256)
}

/// Moves a mail on. Total: an event that means nothing in a state leaves it as it is.
///
/// `created` is when the mail was decided (or when an operator last asked for it to go again); lateness counts from it.
pub fn step(
    state: Delivery,
    event: Event,
    guarantee: Guarantee,
    created: Timestamp,
    now: Timestamp,
    jitter: u32,
) -> Delivery {
    match (state, event) {
        (
            Delivery::Waiting {
                attempts,
                not_before,
            },
            Event::Lease,
        ) => lease(attempts, not_before, guarantee, created, now),
        (Delivery::Leased { attempts, .. }, Event::Ended(outcome)) => {
            ended(attempts, outcome, guarantee, created, now, jitter)
        }
        // Told late, but told: it has left, whatever we thought meanwhile.
        (
            Delivery::Waiting { .. } | Delivery::Parked { .. },
            Event::Ended(Outcome::Accepted(said)),
        ) => Delivery::Sent { at: now, said },
        (Delivery::Leased { attempts, .. }, Event::NotTried) => Delivery::Waiting {
            attempts: attempts.saturating_sub(1),
            not_before: now,
        },
        (
            Delivery::Waiting { attempts, .. }
            | Delivery::Leased { attempts, .. }
            | Delivery::Parked { attempts, .. },
            Event::Doubted(why),
        ) if guarantee == Guarantee::AtMostOnce => parked(attempts, why, now),
        // What must never leave twice was parked above, when the store is in doubt.
        (Delivery::Leased { attempts, .. }, Event::Recover | Event::Doubted(_)) => in_doubt(
            attempts,
            "the daemon stopped while it was being sent",
            guarantee,
            now,
        )
        .unwrap_or(Delivery::Waiting {
            attempts,
            not_before: now,
        }),
        (
            Delivery::Waiting { attempts, .. } | Delivery::Leased { attempts, .. },
            Event::Lost(why),
        ) => parked(attempts, format!("its text cannot be read: {why}"), now),
        (Delivery::Parked { .. }, Event::Resend) => Delivery::Waiting {
            attempts: 0,
            not_before: now,
        },
        // An operator who asks for it does not wait for the interval either.
        (Delivery::Waiting { attempts, .. }, Event::Resend) => Delivery::Waiting {
            attempts,
            not_before: now,
        },
        (Delivery::Waiting { attempts, .. } | Delivery::Parked { attempts, .. }, Event::Drop) => {
            Delivery::Dropped { at: now, attempts }
        }
        (state, _) => state,
    }
}

fn parked(attempts: u32, why: String, now: Timestamp) -> Delivery {
    let at = now;
    Delivery::Parked { at, attempts, why }
}

fn lease(
    attempts: u32,
    not_before: Timestamp,
    guarantee: Guarantee,
    created: Timestamp,
    now: Timestamp,
) -> Delivery {
    if guarantee == Guarantee::AtMostOnce && now.since_s(created) > REPLY_USE_S {
        let why = "too late to be of use: it could not go out within a day".to_owned();
        Delivery::Parked {
            at: now,
            attempts,
            why,
        }
    } else if not_before > now {
        Delivery::Waiting {
            attempts,
            not_before,
        }
    } else {
        Delivery::Leased {
            attempts: attempts.saturating_add(1),
            since: now,
        }
    }
}

fn ended(
    attempts: u32,
    outcome: Outcome,
    guarantee: Guarantee,
    created: Timestamp,
    now: Timestamp,
    jitter: u32,
) -> Delivery {
    let again = || Delivery::Waiting {
        attempts,
        not_before: now.plus_s(retry_s(attempts, jitter)),
    };
    match outcome {
        Outcome::Accepted(said) => Delivery::Sent { at: now, said },
        Outcome::Refused(said) => Delivery::Parked {
            at: now,
            attempts,
            why: format!("refused for good: {said}"),
        },
        Outcome::Deferred(said) | Outcome::Unknown(said) if now.since_s(created) >= GIVE_UP_S => {
            Delivery::Parked {
                at: now,
                attempts,
                why: format!("given up after five days: {said}"),
            }
        }
        Outcome::Deferred(_) => again(),
        Outcome::Unknown(said) => in_doubt(attempts, &said, guarantee, now).unwrap_or_else(again),
    }
}

/// Parks what must never leave twice; none when it may.
fn in_doubt(attempts: u32, what: &str, guarantee: Guarantee, now: Timestamp) -> Option<Delivery> {
    match guarantee {
        Guarantee::AtMostOnce => Some(Delivery::Parked {
            at: now,
            attempts,
            why: format!("in doubt whether it left: {what}"),
        }),
        Guarantee::AtLeastOnce => None,
    }
}

#[cfg(test)]
mod tests;
