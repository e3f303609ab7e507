//! Addresses that do not exist: which words of a mail system say so of a mail of ours.
//!
//! # Decisions
//! - Only a permanent failure of the address itself counts: bad mailbox, bad domain, moved, disabled (RFC 3463, 3.2 and
//!   3.3). A full mailbox, a policy or a refused content say nothing against the address; those failures are noted on the
//!   ticket and nothing else.
//! - Which address that is says the store, by the id of our mail: never the report.
//! - Forwards to agents are not held back: where one goes when it fails has rules of its own.
//! - From an address can come forged mail. A mail proves it alive only when its domain vouches for it (DMARC).

use crate::message::Message;
use crate::message::id::MessageId;
use crate::triage::Reading;
use crate::triage::delivery::Purpose;
use crate::triage::returned::Fate;
use crate::triage::returned::report;

/// Lines of a report in words that are looked at.
const LINES_MAX: usize = 60;
/// How a refusal of the recipient ends in what the transport tells of it.
const AT_RCPT: &str = " after RCPT";

/// Subject and detail of a status of the fifth class, such as 1 and 1 of `5.1.1` (RFC 3463, 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16, pub u16);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "5.{}.{}", self.0, self.1)
    }
}

impl Status {
    /// Reads `5.1.1`; none for other classes and for what is no status.
    pub fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|n| {
            let digits = (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| n.parse::<u16>().ok()).flatten()
        });
        let found = (numbers.next()??, numbers.next()??, numbers.next()??);
        match (found, numbers.next()) {
            ((5, subject, detail), None) => Some(Self(subject, detail)),
            _ => None,
        }
    }

    /// Returns whether it says that there is no such address.
    ///
    /// 5.1.0 to 5.1.4, 5.1.6, 5.1.10 (RFC 7505): mailbox or domain is wrong, ambiguous, moved, or takes no mail. 5.2.1:
    /// disabled. Not 5.1.7 and 5.1.8, which speak of the sender.
    pub fn means_dead(self) -> bool {
        matches!(self, Self(1, 0..=4 | 6 | 10) | Self(2, 1))
    }
}

/// A mail of ours that came back because its recipient does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Our mail, by which the store knows the recipient.
    pub id: MessageId,
    /// What the mail system said.
    pub status: Status,
}

/// Returns which mail of ours a report says to have failed for want of a recipient.
pub fn gone(reading: &Reading) -> Option<Gone> {
    let returned = reading.returned.as_ref()?;
    let failed = returned.fate == Fate::Failed;
    if !failed || !counts(returned.own.purpose) {
        return None;
    }
    let status = status(&reading.message, returned.status).filter(|s| s.means_dead())?;
    let id = returned.id.clone()?;
    Some(Gone { id, status })
}

/// Whether a failure of such a mail says something of its recipient that replies are to know.
pub fn counts(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Reply | Purpose::Verify | Purpose::Relay)
}

/// Returns what a refusal by our server says of the recipient: only one at RCPT, and only one that speaks of the address.
/// Where no enhanced status stands (RFC 2034), the code itself must (RFC 5321, 4.2.2): 550, 551 or 553.
pub fn refusal(said: &str) -> Option<Status> {
    let reply = said.strip_suffix(AT_RCPT)?;
    let mut words = reply.split(|c: char| c.is_whitespace() || c == '-');
    let code = words.next()?;
    if let Some(status) = words.next().and_then(Status::read) {
        return Some(status).filter(|s| s.means_dead());
    }
    match code {
        "550" => Some(Status(1, 1)),
        "551" => Some(Status(1, 6)),
        "553" => Some(Status(1, 3)),
        _ => None,
    }
}

/// The status of a report: what its fields say of our mail's recipient, or, in a report in words, the only one there is.
fn status(message: &Message, said: Option<report::Status>) -> Option<Status> {
    if message.structure.delivery_status {
        let said = said.filter(|status| status.class == 5)?;
        return Some(Status(said.subject, said.detail));
    }
    let lines = message.body.full.lines();
    let lines = lines.take_while(|l| !l.starts_with("---")).take(LINES_MAX);
    let words = lines.flat_map(|l| l.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')));
    let mut found = words.filter_map(|w| Status::read(w.trim_matches('.')));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse::parse;

    #[test]
    fn a_full_mailbox_a_policy_and_what_speaks_of_the_sender_kill_no_address() {
        let dead = [
            "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1",
        ];
        let alive = [
            "5.2.2", "5.2.3", "5.3.4", "5.4.4", "5.7.1", "5.7.26", "5.1.7", "5.1.8", "5.0.0",
            "4.1.1", "4.2.2", "2.1.5", "5.1", "5.1.1.1", "5.1.x", "5.1.0001", "", "5..1",
        ];
        for text in dead {
            assert!(Status::read(text).is_some_and(Status::means_dead), "{text}");
        }
        for text in alive {
            assert!(
                !Status::read(text).is_some_and(Status::means_dead),
                "{text}"
            );
        }
    }

    #[test]
    fn only_a_refusal_of_the_recipient_counts() {
        for (said, status) in [
            (
                "550 5.1.1 <x@y.example>: no such user after RCPT",
                Some(Status(1, 1)),
            ),
            ("550-5.1.1 The account after RCPT", Some(Status(1, 1))),
            ("550 No such user here after RCPT", Some(Status(1, 1))),
            ("551 5.1.6 moved after RCPT", Some(Status(1, 6))),
            ("550 5.7.1 blocked after RCPT", None),
            ("552 5.2.2 full after RCPT", None),
            ("554 refused after RCPT", None),
            ("550 5.1.1 no such user after the final dot", None),
            ("550 5.1.1 no such user after MAIL", None),
            ("after RCPT", None),
            ("", None),
        ] {
            assert_eq!(refusal(said), status, "{said}");
        }
    }

    #[test]
    fn a_report_in_words_says_it_only_when_it_says_one_thing() {
        let says = |text: &str| {
            let raw = format!("From: a@b.example\r\n\r\n{text}\r\n");
            status(&parse(raw.as_bytes()), None)
        };
        assert_eq!(
            says("550 5.1.1 <x@y.example>... User unknown"),
            Some(Status(1, 1))
        );
        assert_eq!(
            says("550-5.1.1 gone\r\n550 5.1.1 gone."),
            Some(Status(1, 1))
        );
        assert_eq!(says("5.1.1 for one, 5.7.1 for another"), None);
        assert_eq!(says("---- the mail\r\n5.1.1"), None);
    }

    #[test]
    fn a_delivery_status_is_read_where_it_says_that_it_failed() {
        let report = |fields: &str| {
            let raw = format!(
                "From: mailer-daemon@b.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\n5.7.1 in words\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; b.example\r\n\r\n{fields}\r\n--x--\r\n"
            );
            let message = parse(raw.as_bytes());
            let told = report::report(&message).map_or_else(Vec::new, |r| r.told);
            status(&message, told.first().and_then(|t| t.status))
        };
        assert_eq!(
            report("Action: failed\r\nStatus: 5.1.1 (no)\r\n"),
            Some(Status(1, 1))
        );
        assert_eq!(
            report("Action: failed\r\nStatus: 5.2.2\r\n"),
            Some(Status(2, 2))
        );
        assert_eq!(report("Action: delayed\r\nStatus: 4.1.1\r\n"), None);
        assert_eq!(
            report("Action: failed\r\n"),
            Some(Status(7, 1)),
            "its words say why"
        );
    }
}
