//! Closed tickets: whether an answer opens one again, or begins a new one.
//!
//! # Decisions
//! - A bare thank you to a closed ticket is noted there, and does nothing else: that is `decide`'s rule for thanks.
//! - So many days after the closing an answer opens the ticket again; later it is another matter, and gets a new ticket
//!   that names the old one. The same when it was opened again often enough.

use serde::Deserialize;

use crate::clock::Timestamp;

const DAY_S: i64 = 86_400;

/// How a ticket was closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closing {
    /// Since when it is closed; none: it is open again.
    pub closed: Option<Timestamp>,
    /// Who closed it last.
    pub by: String,
    /// How often an answer opened it again.
    pub reopened: u32,
}

/// A change of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is done with.
    Close,
    /// An agent or an operator opens it again.
    Open,
    /// The person's answer does.
    Answer,
}

/// What becomes of answers to closed tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClosedRule {
    /// Days for which an answer opens a closed ticket again; 0: never.
    pub reopen_days: u32,
    /// So often a ticket is opened again by answers.
    pub reopen_max: u32,
}

impl Default for ClosedRule {
    fn default() -> Self {
        Self {
            reopen_days: 14,
            reopen_max: 5,
        }
    }
}

/// What an answer to a ticket means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is open; nothing special.
    Open,
    /// It is open again from now on.
    Again,
    /// It was closed too long ago.
    TooLate,
    /// It was opened again too often.
    TooOften,
}

/// Decides what an answer means to a ticket of which that is known. A clock that was set back counts as no time.
pub fn answered(closing: Option<&Closing>, rule: ClosedRule, now: Timestamp) -> Answered {
    let Some((closed, reopened)) = closing.and_then(|c| Some((c.closed?, c.reopened))) else {
        return Answered::Open;
    };
    if now.since_s(closed) > i64::from(rule.reopen_days) * DAY_S || rule.reopen_days == 0 {
        Answered::TooLate
    } else if reopened >= rule.reopen_max {
        Answered::TooOften
    } else {
        Answered::Again
    }
}

impl Closing {
    /// Closes a ticket; one that is closed stays as it was.
    #[must_use]
    pub fn close(self, by: &str, now: Timestamp) -> Self {
        if self.closed.is_some() {
            return self;
        }
        Self {
            closed: Some(now),
            by: by.to_owned(),
            ..self
        }
    }

    /// Opens it again. Counted is only what an answer opened: somebody of the desk knows what they do.
    #[must_use]
    pub fn reopen(self, by_answer: bool) -> Self {
        let counts = u32::from(self.closed.is_some() && by_answer);
        Self {
            closed: None,
            reopened: self.reopened.saturating_add(counts),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const RULE: ClosedRule = ClosedRule {
        reopen_days: 14,
        reopen_max: 2,
    };

    fn closed(days_ago: i64, reopened: u32) -> Closing {
        Closing {
            closed: Some(NOW.plus_s(-days_ago * DAY_S)),
            by: "ana".to_owned(),
            reopened,
        }
    }

    #[test]
    fn an_answer_opens_a_closed_ticket_for_some_days_and_some_times() {
        for (closing, meant) in [
            (Closing::default(), Answered::Open),
            (closed(0, 0), Answered::Again),
            (closed(14, 1), Answered::Again),
            (closed(15, 0), Answered::TooLate),
            (closed(1, 2), Answered::TooOften),
            (closed(-3, 0), Answered::Again),
        ] {
            assert_eq!(answered(Some(&closing), RULE, NOW), meant, "{closing:?}");
        }
        let never = ClosedRule {
            reopen_days: 0,
            ..RULE
        };
        assert_eq!(answered(Some(&closed(0, 0)), never, NOW), Answered::TooLate);
    }

    #[test]
    fn only_what_was_closed_counts_as_opened_again() {
        let once = Closing::default().close("ana", NOW);
        assert_eq!(once.clone().close("ben", NOW.plus_s(9)), once);
        let by_hand = once.clone().reopen(false);
        assert_eq!((by_hand.closed, by_hand.reopened), (None, 0));
        let open = once.reopen(true);
        assert_eq!((open.closed, open.reopened), (None, 1));
        assert_eq!(open.clone().reopen(true), open);
    }
}
