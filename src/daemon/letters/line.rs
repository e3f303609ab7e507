//! What the log says of one decision.

use crate::daemon::letters::number;
use crate::store::Entry;
use crate::store::MailRef;
use crate::triage::decide;
use crate::triage::plan::Step;

/// One line of log for one decision: no text of the mail, no name, no local part of a stranger's address.
pub(in crate::daemon) struct Line {
    mail: MailRef,
    screening: &'static str,
    disposition: String,
    intents: String,
    language: String,
    pub(super) ticket: u64,
    letters: String,
    domain: String,
    rule: String,
    /// Who got a case of a queue whose agents are all away.
    away: Option<String>,
    /// What happened to a forward that did not reach its agent.
    pub(super) lost: Option<String>,
}

/// Makes the line of log.
pub(in crate::daemon) fn line(entry: &Entry) -> Line {
    let plan = &entry.plan;
    let letters: Vec<String> = plan
        .letters
        .iter()
        .map(|l| format!("{:?}", l.purpose).to_lowercase())
        .collect();
    let rules: Vec<&str> = plan
        .because
        .iter()
        .take(4)
        .map(|b| b.rule.as_str())
        .collect();
    Line {
        mail: entry.mail.clone(),
        screening: plan.screening,
        disposition: match plan.step {
            Step::Hold => "Quarantine".to_owned(),
            _ => format!("{:?}", plan.disposition),
        },
        intents: plan.intents.join(","),
        language: plan.language.clone(),
        ticket: number(&plan.step).map_or(0, |n| n.0),
        letters: letters.join(","),
        domain: entry
            .sender
            .as_ref()
            .map_or_else(String::new, |s| s.domain().to_owned()),
        rule: rules.join(","),
        away: plan
            .because
            .iter()
            .find(|b| b.rule == decide::ALL_AWAY)
            .map(|b| b.says.clone()),
        lost: entry
            .events
            .iter()
            .find(|e| e.kind == decide::BOUNCED_FORWARD)
            .map(|e| e.note.clone()),
    }
}

impl Line {
    /// Writes it.
    pub(in crate::daemon) fn log(&self) {
        tracing::info!(
            mailbox = self.mail.mailbox,
            uid = self.mail.uid,
            screening = self.screening,
            disposition = %self.disposition,
            intents = self.intents,
            language = self.language,
            ticket = self.ticket,
            sends = self.letters,
            domain = self.domain,
            rules = self.rule,
            "mail"
        );
        if let Some(away) = &self.away {
            tracing::warn!(mailbox = self.mail.mailbox, ticket = self.ticket, "{away}");
        }
        if let Some(lost) = &self.lost {
            tracing::error!(mailbox = self.mail.mailbox, ticket = self.ticket, "{lost}");
        }
    }
}
