//! From a reply, and the step it answers, to an outcome: pure, total, and the whole of the policy (RFC 5321, 4.2).
//!
//! ```text
//!                 2xx        354/3xx    421        4xx        5xx
//! greeting..login (next)     Deferred   Deferred   Deferred   Deferred: the server or our account, not the mail
//! MAIL            (next)     Deferred   Deferred   Deferred   Refused, but for 530, 534, 535, 538: our account
//! RCPT            (next)     Deferred   Deferred   Deferred   Refused, but for those and 552 (4.5.3.1.10)
//! DATA            Deferred   (next)     Deferred   Deferred   Refused, but for those
//! the mail        Deferred   Deferred   Deferred   Deferred   Refused
//! final dot       Accepted   Unknown    Deferred   Deferred   Refused
//! ```

use super::reply::Reply;
use crate::triage::delivery::Outcome;

/// A step of the dialogue, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Name lookup and TCP.
    Connect,
    /// The server's first words.
    Greeting,
    /// EHLO.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// The TLS handshake.
    Handshake,
    /// AUTH, and the reading of the secret.
    Login,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, until the go-ahead.
    Data,
    /// The mail's bytes.
    Body,
    /// The final dot, until the answer.
    Dot,
    /// QUIT.
    Quit,
}

impl Step {
    /// Returns the step in words, as outcomes name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Handshake => "the TLS handshake",
            Self::Login => "the login",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Body => "the mail's bytes",
            Self::Dot => "the final dot",
            Self::Quit => "QUIT",
        }
    }
}

/// What ails the server or our account there, so that no mail is at fault and each next one would fail alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Not reachable, silent, or gone in mid-dialogue.
    Unreachable,
    /// It greets us with a refusal, or says it is closing (421).
    Unwilling,
    /// TLS is not offered, or its certificate is not to be trusted.
    Tls,
    /// The login is refused for good (5xx), or cannot be tried: a person must act. Worth a long pause (RFC 4954, 6).
    Login,
    /// The login is refused for now (4xx), or the secret could not be read at this moment.
    LoginForNow,
}

/// Codes that speak of our account whatever command they answer (RFC 4954, 6).
const ACCOUNT_CODES: [u16; 4] = [530, 534, 535, 538];

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// What it means for the mail, with the server's words.
    pub(super) outcome: Outcome,
    /// What ails the server or our account, if anything does.
    pub(super) trouble: Option<Trouble>,
    /// The same in our words and the server's codes: fit for a log, as servers quote the mail they refuse.
    pub(super) brief: String,
}

impl End {
    /// An end in our own words.
    pub(super) fn ours(
        outcome: fn(String) -> Outcome,
        trouble: Option<Trouble>,
        what: String,
    ) -> Self {
        Self {
            brief: what.clone(),
            outcome: outcome(what),
            trouble,
        }
    }

    fn told(
        lead: &str,
        step: Step,
        reply: &Reply,
        outcome: fn(String) -> Outcome,
        trouble: Option<Trouble>,
    ) -> Self {
        Self {
            outcome: outcome(format!("{lead}{} after {}", reply.text(), step.name())),
            trouble,
            brief: format!("{lead}{} after {}", reply.codes(), step.name()),
        }
    }
}

/// Returns what a reply means that ends the attempt; none when the dialogue goes on.
pub(super) fn verdict(step: Step, reply: &Reply) -> Option<End> {
    let deferred = |lead, trouble| {
        Some(End::told(
            lead,
            step,
            reply,
            Outcome::Deferred,
            Some(trouble),
        ))
    };
    if reply.code == 421 {
        return deferred("the server is closing: ", Trouble::Unwilling);
    }
    match step {
        Step::Mail | Step::Rcpt | Step::Data => mail_verdict(step, reply),
        Step::Body if reply.is(2) || reply.is(3) => Some(out_of_step(step, reply)),
        Step::Body | Step::Dot => Some(dot_verdict(step, reply)),
        _ if reply.is(2) => None,
        Step::Login => Some(login_verdict(step, reply)),
        Step::StartTls => deferred("TLS refused: ", Trouble::Tls),
        _ => deferred("server unwilling: ", Trouble::Unwilling),
    }
}

fn mail_verdict(step: Step, reply: &Reply) -> Option<End> {
    if ACCOUNT_CODES.contains(&reply.code) {
        return Some(login_verdict(step, reply));
    }
    let end = |outcome| Some(End::told("", step, reply, outcome, None));
    let wanted = if step == Step::Data { 3 } else { 2 };
    match reply.code / 100 {
        digit if digit == wanted => None,
        5 if step == Step::Rcpt && reply.code == 552 => end(Outcome::Deferred),
        5 => end(Outcome::Refused),
        4 => end(Outcome::Deferred),
        _ => Some(out_of_step(step, reply)),
    }
}

fn out_of_step(step: Step, reply: &Reply) -> End {
    let lead = "the server is out of step: ";
    let trouble = Some(Trouble::Unwilling);
    End::told(lead, step, reply, Outcome::Deferred, trouble)
}

fn dot_verdict(step: Step, reply: &Reply) -> End {
    let outcome = match reply.code / 100 {
        2 => {
            return End {
                outcome: Outcome::Accepted(reply.text()),
                trouble: None,
                brief: reply.codes(),
            };
        }
        4 => Outcome::Deferred,
        5 => Outcome::Refused,
        _ => Outcome::Unknown,
    };
    End::told("", step, reply, outcome, None)
}

fn login_verdict(step: Step, reply: &Reply) -> End {
    let (lead, trouble) = if reply.is(4) {
        ("login refused for now: ", Trouble::LoginForNow)
    } else {
        ("login refused: ", Trouble::Login)
    };
    End::told(lead, step, reply, Outcome::Deferred, Some(trouble))
}

/// Returns what a failure without a reply means, by whether any byte of the end of data may have left.
pub(super) fn failure(what: String, dot_sent: bool, trouble: Option<Trouble>) -> End {
    let outcome = if dot_sent {
        Outcome::Unknown
    } else {
        Outcome::Deferred
    };
    End::ours(outcome, trouble, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::match_same_arms, reason = "the table is read by its rows")]

    use super::Reply;
    use super::Step;
    use super::verdict;
    use crate::triage::delivery::Outcome;

    /// The end that a code at a step leads to: one letter, or `-` for "go on".
    fn end(step: Step, code: u16) -> char {
        match verdict(
            step,
            &Reply {
                code,
                lines: Vec::new(),
            },
        )
        .map(|end| end.outcome)
        {
            None => '-',
            Some(Outcome::Accepted(_)) => 'A',
            Some(Outcome::Deferred(_)) => 'D',
            Some(Outcome::Refused(_)) => 'R',
            Some(Outcome::Unknown(_)) => 'U',
        }
    }

    #[test]
    fn every_code_at_every_step_has_the_end_of_the_table() {
        let expected = |step: Step, code: u16| match (step, code) {
            (_, 421) => 'D',
            (Step::Body, 200..=399) => 'D',
            (Step::Dot, 200..=299) => 'A',
            (Step::Dot, 300..=399) => 'U',
            (Step::Dot | Step::Body, 500..=599) => 'R',
            (Step::Data, 300..=399) => '-',
            (Step::Data, 200..=299) => 'D',
            (_, 200..=299) => '-',
            (Step::Mail | Step::Rcpt | Step::Data, 530 | 534 | 535 | 538) => 'D',
            (Step::Rcpt, 552) => 'D',
            (Step::Mail | Step::Rcpt | Step::Data, 500..=599) => 'R',
            _ => 'D',
        };
        let steps = [
            Step::Greeting,
            Step::Ehlo,
            Step::StartTls,
            Step::Login,
            Step::Mail,
            Step::Rcpt,
            Step::Data,
            Step::Body,
            Step::Dot,
        ];
        for step in steps {
            for code in 200..600 {
                assert_eq!(end(step, code), expected(step, code), "{code} at {step:?}");
            }
        }
    }
}
