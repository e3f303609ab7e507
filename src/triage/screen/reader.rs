//! Whether a mail must be read by people although its signs add up to a machine.
//!
//! # Decisions
//! - Only what proves a machine keeps a mail from people. Points add up to a likelihood; a proof is more: a subject and
//!   a text that say the same, an answer where one was to come, or words of a machine about itself.
//! - Fields that tell how a mail was carried (to many, by a mailing service, with its bounces counted) tell nothing of
//!   who wrote it: people's mail goes through such services, too. A mailing is known by what it is: small print, pages
//!   of links, a sender that is nobody, nobody addressed.

use crate::message::Message;
use crate::triage::screen::Surroundings;
use crate::triage::screen::lists;
use crate::triage::screen::sign::Sign;

/// What tells how a mail was carried.
const CARRIED: [&str; 6] = [
    lists::UNSUBSCRIBE,
    "R8",
    "header/feedback-id",
    "header/mailing-service",
    "header/helpdesk",
    "R6/bounce-address",
];

/// Families of words: what a subject announces, and what a text must say then.
const FAMILIES: [(&[&str], &[&str]); 4] = [
    (
        &["subject-absence"],
        &[
            "body-absence",
            "body-return",
            "body-instead",
            "body-closed",
            "body-left",
        ],
    ),
    (
        &["subject-acknowledged", "subject-ticket", "subject-receipt"],
        &[
            "body-acknowledged",
            "body-will-answer",
            "body-reference",
            "body-case-moved",
            "body-thanks",
        ],
    ),
    (
        &["subject-bounce"],
        &["body-bounce", "body-undelivered", "body-undelivered-why"],
    ),
    (
        &["subject-transaction", "subject-calendar"],
        &["body-transaction", "body-notice", "body-newsletter"],
    ),
];

/// What only machines write, and of themselves.
const OF_THEMSELVES: [&str; 6] = [
    "subject-automatic",
    "subject-report",
    "body-automatic",
    "body-no-answer",
    "body-challenge",
    "body-bounce",
];

/// Returns whether points alone must not keep the mail from people.
pub(super) fn is_needed(
    message: &Message,
    signs: &[Sign],
    answers: bool,
    desk: &Surroundings,
) -> bool {
    let speaks = || signs.iter().filter(|s| s.points(false) > 0);
    let has = |name: &str| signs.iter().any(|s| s.because.rule.starts_with(name));
    let only_carried = speaks().all(|s| CARRIED.contains(&s.because.rule.as_str()));
    if only_carried && lists::perhaps_to_us(message, desk) && says_something(message) {
        return true;
    }
    if has("agent") {
        // A mail by an agent is lost to its case.
        return !has("words/subject-");
    }
    if !speaks().all(|s| s.because.rule.starts_with("words/")) {
        return false;
    }
    let unmistakable = has("words/subject-automatic") || has("words/subject-report");
    // A person's words beside the machine's: lost perhaps to everybody.
    let person = has("words/person-") || has("words/question");
    !unmistakable && (person || !by_words(signs, answers))
}

/// Returns whether words prove a machine.
fn by_words(signs: &[Sign], answers: bool) -> bool {
    let has = |name: &&str| {
        let rule = |s: &Sign| s.because.rule.strip_prefix("words/") == Some(*name);
        signs.iter().any(rule)
    };
    let agrees = |(subjects, texts): &(&[&str], &[&str])| {
        texts.iter().any(has) && (answers || subjects.iter().any(has))
    };
    OF_THEMSELVES.iter().any(has) || FAMILIES.iter().any(agrees)
}

fn says_something(message: &Message) -> bool {
    message.body.new.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use crate::message::Message;
    use crate::message::ReturnPath;
    use crate::triage::screen::Screening;
    use crate::triage::screen::screen;
    use crate::triage::screen::support::address;
    use crate::triage::screen::support::desk;
    use crate::triage::screen::support::mail;
    use crate::triage::screen::support::rules;
    use crate::triage::screen::support::with;

    fn verdict(mail: &Message) -> &'static str {
        match screen(mail, &rules(), &desk()).0 {
            Screening::Person(_) => "person",
            Screening::Unsure(..) => "unsure",
            Screening::Automatic(_) => "automatic",
        }
    }

    fn said(subject: &str, text: &str) -> &'static str {
        verdict(&mail(subject, text))
    }

    #[test]
    fn who_writes_through_a_gateway_of_mailings_is_read_by_people_and_a_mailing_is_not() {
        let carried = |text: &str| {
            let mail = with(
                mail("Our badges", text),
                "list-unsubscribe",
                "<https://crm.example/u>",
            );
            let mut mail = with(mail, "feedback-id", "1:2:crm");
            mail.return_path = ReturnPath::Address(address("bounce-12@crm.example"));
            with(mail, "precedence", "bulk")
        };
        let person = carried("Hi, could I put a client's logo next to mine on the badge?");
        assert_eq!(verdict(&person), "unsure");
        let mailing = carried(
            "Our offers of this week: https://shop.example/a\n\nTo unsubscribe from this list, click here: https://shop.example/u",
        );
        assert_eq!(verdict(&mailing), "automatic");
        let mut others = person;
        others.to = vec![];
        assert_eq!(verdict(&others), "automatic", "it names nobody of us");
    }

    #[test]
    fn words_of_absence_prove_a_machine_only_where_subject_or_answer_say_so_too() {
        let away = "I am on annual leave until 29 August and will be back on Monday. Please contact my colleague Onno.";
        assert_ne!(said("Account locked", away), "automatic");
        assert_eq!(said("Out of office", away), "automatic");
        assert_eq!(said("Re: Your badge", away), "automatic");
        let asks = format!("{away} Can you unlock the account for him?");
        assert_ne!(said("Re: Your badge", &asks), "automatic");
    }

    #[test]
    fn who_tells_of_a_leave_to_come_and_answers_nothing_is_answered() {
        let text = "From tomorrow I am on holiday, so I write today. The badge of Ms Seidel has her old name.";
        assert_eq!(said("Before my leave", text), "person");
        assert_eq!(said("Re: Badges", "I am on annual leave."), "unsure");
    }

    #[test]
    fn a_letter_that_confirms_a_letter_is_a_persons() {
        let letter = "Hiermit bestätigen wir den Eingang Ihres Schreibens vom 31.07. Frau Seidel heißt jetzt Lorenz.";
        assert_eq!(said("Eingangsbestätigung", letter), "unsure");
    }
}
