//! What a connection has told so far, and how a tagged line is judged (RFC 9051, 7.1; RFC 5530).

use std::collections::HashSet;

use imap_proto::Capability;
use imap_proto::MailboxDatum;
use imap_proto::Outcome;
use imap_proto::Response;
use imap_proto::ResponseCode;
use imap_proto::Status;

use crate::mailbox::MailboxError;
use crate::mailbox::imap::names::said;

/// Texts for the operator that are kept until they are asked for.
const ALERTS_MAX: usize = 20;

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// More came than the limits allow.
    Oversize(String),
    /// What came could not be read as IMAP.
    Unreadable(String),
    /// It ended, stalled or was ended.
    Gone(String),
}

impl From<Broken> for MailboxError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Oversize(why) | Broken::Unreadable(why) | Broken::Gone(why) => Self::Lost(why),
        }
    }
}

/// The verdict of a tagged line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    No,
    Bad,
}

/// A tagged line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) verdict: Verdict,
    /// The response code's name in capitals (RFC 9051, 7.1; RFC 5530), where there is one.
    pub(super) code: Option<String>,
    /// What was said, cut and escaped.
    pub(super) text: String,
}

impl Reply {
    pub(super) fn new(verdict: Verdict, outcome: &Outcome<'_>) -> Self {
        let text = outcome.information.as_deref().unwrap_or_default();
        Self {
            verdict,
            code: code_name(outcome),
            text: said(text),
        }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Returns whether it is about this moment and not about what was asked (RFC 5530, 3).
    pub(super) fn temporary(&self) -> bool {
        ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"]
            .iter()
            .any(|code| self.is(code))
    }

    /// Takes everything but OK for an error.
    pub(super) fn ok(self, command: &'static str) -> Result<(), MailboxError> {
        match self.verdict {
            Verdict::Ok => Ok(()),
            Verdict::No | Verdict::Bad => Err(self.refusal(command)),
        }
    }

    /// Makes an error of a verdict that is known not to be OK, for a command that reads: a server in trouble gives later
    /// what it does not give now, and no mail is to blame.
    pub(super) fn unread(self, command: &'static str) -> MailboxError {
        if self.verdict == Verdict::No && self.temporary() {
            return MailboxError::Lost(format!("no {command} at this moment: {}", self.text));
        }
        self.refusal(command)
    }

    /// Makes an error of it; for a verdict that is known not to be OK.
    pub(super) fn refusal(self, command: &'static str) -> MailboxError {
        MailboxError::Refused {
            command,
            said: self.text,
        }
    }
}

/// The parser knows some codes by type; all others stay in the text, in brackets.
fn code_name(outcome: &Outcome<'_>) -> Option<String> {
    let known = match &outcome.code {
        Some(ResponseCode::Alert) => "ALERT",
        Some(ResponseCode::TryCreate) => "TRYCREATE",
        Some(ResponseCode::ReadOnly) => "READ-ONLY",
        Some(ResponseCode::UidNotSticky) => "UIDNOTSTICKY",
        Some(_) => return None,
        None => {
            let (inner, _) = outcome
                .information
                .as_deref()?
                .strip_prefix('[')?
                .split_once(']')?;
            let name = inner.split_whitespace().next()?;
            return Some(said(name).to_ascii_uppercase());
        }
    };
    Some(known.to_owned())
}

/// What the server told without being asked, and about itself.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that a server tells"
)]
pub(super) struct State {
    /// Capabilities in capitals, of the last time they were asked for.
    pub(super) capabilities: HashSet<String>,
    pub(super) exists: u32,
    /// More messages exist than before.
    pub(super) news: bool,
    pub(super) uid_validity: Option<u32>,
    pub(super) uid_next: Option<u32>,
    pub(super) permanent_flags: Option<Vec<String>>,
    pub(super) read_only: bool,
    pub(super) uid_not_sticky: bool,
    /// SELECT has succeeded: from now on a new UIDVALIDITY voids the connection.
    pub(super) selected: bool,
    /// Texts for the operator (RFC 9051, 7.1: ALERT).
    pub(super) alerts: Vec<String>,
}

impl State {
    /// Forgets the mailbox, before another is selected.
    pub(super) fn deselect(&mut self) {
        *self = Self {
            capabilities: std::mem::take(&mut self.capabilities),
            alerts: std::mem::take(&mut self.alerts),
            ..Self::default()
        };
    }

    /// Takes up what concerns every command; news and goodbyes come at any time.
    pub(super) fn note(&mut self, response: &Response<'_>) -> Result<(), Broken> {
        match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => {
                self.news |= *count > self.exists;
                self.exists = *count;
            }
            Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            Response::Capabilities(list) => self.capable(list),
            Response::Data {
                status: Status::Bye,
                outcome,
            } => {
                self.code(outcome)?;
                let text = outcome.information.as_deref().unwrap_or_default();
                return Err(Broken::Gone(format!(
                    "the server said goodbye: {}",
                    said(text)
                )));
            }
            Response::Data { outcome, .. } | Response::Done { outcome, .. } => {
                return self.code(outcome);
            }

            _ => {}
        }
        Ok(())
    }

    fn capable(&mut self, list: &[Capability<'_>]) {
        self.capabilities = list
            .iter()
            .map(|capability| match capability {
                Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                Capability::Auth(name) => {
                    format!("AUTH={}", name.to_ascii_uppercase())
                }
                Capability::Atom(name) => name.to_ascii_uppercase(),
            })
            .collect();
    }

    fn code(&mut self, outcome: &Outcome<'_>) -> Result<(), Broken> {
        match &outcome.code {
            Some(ResponseCode::Alert) => {
                let text = said(outcome.information.as_deref().unwrap_or_default());
                if self.alerts.len() < ALERTS_MAX && !self.alerts.contains(&text) {
                    self.alerts.push(text);
                }
            }
            Some(ResponseCode::UidValidity(now)) => {
                if self.selected && self.uid_validity != Some(*now) {
                    return Err(Broken::Gone(
                        "UIDVALIDITY changed in the session".to_owned(),
                    ));
                }
                self.uid_validity = Some(*now);
            }
            Some(ResponseCode::UidNext(next)) => self.uid_next = Some(*next),
            Some(ResponseCode::PermanentFlags(flags)) => {
                self.permanent_flags = Some(flags.iter().map(ToString::to_string).collect());
            }
            Some(ResponseCode::ReadOnly) => self.read_only = true,
            Some(ResponseCode::ReadWrite) => self.read_only = false,
            Some(ResponseCode::UidNotSticky) => self.uid_not_sticky = true,
            Some(ResponseCode::Capabilities(list)) => self.capable(list),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }
}
