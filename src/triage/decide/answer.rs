//! The automatic reply: whether there is one, and of which paragraphs.

use crate::clock::Timestamp;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::breaker::Stand;
use crate::triage::decide::Matter;
use crate::triage::decide::says;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Spent;
use crate::triage::reply::Occasion;
use crate::triage::rules::Intent;
use crate::triage::screen::Person;
use crate::triage::screen::Screening;
use crate::triage::thread::Thread;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

const DAY_S: i64 = 86_400;
/// Nobody reads a mail and answers it with thought in fewer seconds.
const SWIFT_S: i64 = 90;

/// Why the desk as a whole says nothing more.
const HELD: [&str; 4] = [
    "the desk has sent all its replies of this hour: the breaker trips",
    "the breaker is open: no automatic reply leaves",
    "the breaker was opened by hand: no automatic reply leaves",
    "the breaker's trial is used up: it opens again",
];

/// Returns whether a reply was wanted, and held back by the total or its breaker alone.
pub fn withheld(plan: &Plan) -> bool {
    plan.because
        .iter()
        .any(|b| b.stage == "decide" && HELD.contains(&b.says.as_str()))
}

impl<'a> Matter<'a> {
    /// The automatic reply, if there is a person, words for it, and budget left.
    pub(super) fn reply(
        &self,
        ticket: &Ticket,
        disposition: Disposition,
        because: &mut Vec<Because>,
    ) -> Option<Letter> {
        let Screening::Person(person) = &self.reading.screening else {
            because.push(says(
                "silent",
                "it is not certain that a person may be answered here",
            ));
            return None;
        };
        if matches!(
            self.joined().map(|t| &t.state),
            Some(TicketState::WithAgent { .. } | TicketState::AgentAnswered { .. })
        ) {
            because.push(says(
                "with-agent",
                "the case lies with an agent, who will answer",
            ));
            return None;
        }
        if self.case.muted {
            because.push(says(
                "muted",
                "an agent said that an earlier mail of this address was spam",
            ));
            return None;
        }
        if self.twin.is_some() {
            because.push(says(
                "twin",
                "the mail before it was answered; they are one case",
            ));
            return None;
        }
        if self.too_swift() {
            because.push(says(
                "swift",
                "it answers a mail of ours at once, with words of a machine",
            ));
            return None;
        }
        if let Some(spent) = self.dead().or_else(|| self.spent(person, ticket.number)) {
            because.push(spent);
            return None;
        }
        let paragraphs = self.paragraphs(disposition, because);
        if paragraphs.is_empty() {
            return None;
        }
        // Last: what is held back here is a reply that was wanted in every other respect.
        if let Some(held) = self.held() {
            because.push(held);
            return None;
        }
        Some(self.write(person, ticket, disposition, &paragraphs))
    }

    /// Autoresponders answer at once. People may, too; so it only counts with words that a machine would use, even if
    /// these alone say too little.
    fn too_swift(&self) -> bool {
        let spent = &self.case.spent.templates;
        let just_now = || {
            let after = self.now.plus_s(-SWIFT_S);
            spent.iter().any(|(_, at)| *at > after)
        };
        let by_words = |b: &Because| b.stage == "screen" && b.rule.starts_with("words/");
        let answers = !matches!(self.thread, Thread::New);
        answers && self.reading.signs.iter().any(by_words) && just_now()
    }

    fn write(
        &self,
        person: &Person,
        ticket: &Ticket,
        disposition: Disposition,
        paragraphs: &[&str],
    ) -> Letter {
        let shown = format!("#{}", ticket.number.0);
        let occasion = Occasion {
            paragraphs: paragraphs.to_vec(),
            forwarded: disposition == Disposition::Forward,
            audience: self.found.audience,
            language: &self.found.language,
            ticket: &shown,
            subject: &self.reading.message.subject,
            desk: &self.rules.desk.name,
        };
        let words = self.rules.replies.write(person, &occasion);
        let to = person.address();
        let key = &self.office.key;
        // Whoever answers by way of a merged ticket keeps that one's token: it may be taken apart again.
        let on = self.via().unwrap_or(ticket.number);
        Letter {
            purpose: Purpose::Reply,
            to: to.clone(),
            reply_to: vec![key.reply_address(&self.office.address, on, to)],
            subject: format!("{} {}", words.subject, key.subject_tag(on, to)),
            language: words.language,
            text: words.text,
            html: Some(words.html),
            attach_original: false,
            templates: paragraphs.iter().map(|p| (*p).to_owned()).collect(),
        }
    }

    /// The paragraphs in order: what is forwarded first; without those that the writer was sent lately.
    fn paragraphs(&self, disposition: Disposition, because: &mut Vec<Because>) -> Vec<&'a str> {
        let mut intents: Vec<&'a Intent> = self
            .found
            .intents
            .iter()
            .filter_map(|n| self.rules.intents.intent(n))
            .collect();
        intents.sort_by_key(|i| i.disposition != Disposition::Forward);
        let mut names: Vec<&str> = Vec::new();
        for name in intents.iter().filter_map(|i| i.reply.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let fresh_after = self
            .now
            .plus_s(-i64::from(self.rules.desk.budget.same_reply_days) * DAY_S);
        let spent = &self.case.spent;
        let count = names.len();
        names.retain(|name| {
            !spent
                .templates
                .iter()
                .any(|(t, at)| t == name && *at > fresh_after)
        });
        if names.len() < count {
            because.push(says(
                "R10",
                "the writer was sent the same words lately; they are not repeated",
            ));
            // Half an answer would leave the other half with nobody.
            if disposition != Disposition::Forward {
                names.clear();
            }
        }
        if names.is_empty() && count == 0 && disposition == Disposition::Forward {
            because.push(says("no-words", "the intent has no reply"));
        }
        names
    }

    /// Whether mails to the writer come back.
    fn dead(&self) -> Option<Because> {
        let (status, since) = self.case.dead.as_ref()?;
        let dead_s = i64::from(self.rules.desk.dead.days) * DAY_S;
        let says = "a mail of ours to this address came back for good; no reply goes there";
        (self.now.since_s(*since).saturating_abs() < dead_s).then(|| Because {
            matched: status.clone(),
            ..self::says("dead", says)
        })
    }

    fn spent(&self, person: &Person, ticket: TicketNumber) -> Option<Because> {
        let budget = &self.rules.desk.budget;
        let shared = self.rules.spellings.domain(person.address()).is_none();
        let Spent {
            address_day,
            domain_hour,
            text_hour,
            ..
        } = self.case.spent;
        let on_ticket = self
            .case
            .spent
            .ticket_day
            .iter()
            .find(|(n, _)| *n == ticket)
            .map_or(0, |(_, replies)| *replies);
        let gap_s = i64::from(budget.address_gap_minutes) * 60;
        let lately = |at: &Timestamp| self.now.since_s(*at).saturating_abs() < gap_s;
        let mut answered = self.case.spent.templates.iter().map(|(_, at)| at);
        let what = if answered.any(lately) {
            "this address had a reply just now"
        } else if address_day >= budget.address_day {
            "this address had its replies of today"
        } else if on_ticket >= budget.ticket_day {
            "this ticket had its replies of today"
        } else if text_hour >= budget.text_hour && self.joined().is_none() {
            "mails of these words had their replies of this hour"
        } else if domain_hour >= budget.domain_hour && !shared {
            "this domain had its replies of this hour"
        } else {
            return None;
        };
        Some(says("R13", what))
    }

    /// Whether the desk as a whole says nothing more.
    fn held(&self) -> Option<Because> {
        let total = self.rules.desk.budget.total_hour;
        let [spent, open, by_hand, used_up] = HELD;
        let what = match self.case.breaker {
            Stand::Closed if self.case.spent.total_hour < total => return None,
            Stand::Trial(left) if left > 0 => return None,
            Stand::Closed => spent,
            Stand::Open => open,
            Stand::ByHand => by_hand,
            Stand::Trial(_) => used_up,
        };
        Some(says("R13", what))
    }
}
