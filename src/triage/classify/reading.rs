//! What of a message is read: subject without its prefixes, new words, and the context below them.

use crate::message::Form;
use crate::message::Message;

/// The parts of a mail that tell what it wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// The subject, without `Re:`, `Fwd:` and ticket tags.
    pub(crate) subject: String,
    /// What the writer says now.
    pub(crate) text: String,
    /// Quoted or forwarded older text.
    pub(crate) context: String,
    /// The domain of the writer's address, lower-case; empty when there is none.
    pub(crate) sender_domain: String,
    /// The mail answers another one.
    pub(crate) answer: bool,
    /// The older text stands in `text`: nothing the writer says now told anything.
    pub(crate) widened: bool,
}

/// A form field with more words than this is no short answer.
const FORM_VALUE_WORDS: usize = 8;

/// Prefixes of answers, in the languages mail programs speak.
const ANSWER: &[&str] = &[
    "re",
    "aw",
    "antw",
    "antwort",
    "sv",
    "vs",
    "rv",
    "res",
    "odp",
    "ynt",
    "rif",
    "r",
    "bls",
    "ref",
    "yan",
    "答复",
    "回复",
    "回覆",
    "رد",
    "ответ",
    "отв",
];
/// Prefixes of forwarded mails.
const FORWARD: &[&str] = &[
    "fwd",
    "fw",
    "wg",
    "tr",
    "i",
    "enc",
    "pd",
    "doorst",
    "vl",
    "ilt",
    "trs",
    "转发",
    "轉寄",
    "переслано",
];

impl Reading {
    /// Takes what counts from a message. A form's person writes in the form's fields, not in its mail's subject.
    pub(crate) fn of(message: &Message) -> Self {
        let mut out = Self::default();
        out.set_subject(&message.subject);
        out.answer |= !message.in_reply_to.is_empty();
        out.context.clone_from(&message.body.quoted);
        let writer = if let Some(form) = &message.form {
            out.subject.clone_from(&form.topic);
            out.text = form_text(form);
            out.answer = false;
            Some(&form.requester)
        } else {
            out.text.clone_from(&message.body.new);
            message.from.first()
        };
        if let Some(forwarded) = &message.body.forwarded {
            out.context = format!("{}\n\n{}", forwarded.subject, out.context);
        }
        out.sender_domain = writer.map(|w| w.address.to_string()).unwrap_or_default();
        out.sender_domain = out
            .sender_domain
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        out
    }

    /// Sets the subject without its prefixes, and remembers whether they say that it is an answer.
    pub(crate) fn set_subject(&mut self, subject: &str) {
        let mut rest = subject.trim();
        for _ in 0..10 {
            if let Some(end) = rest.strip_prefix('[').and_then(|r| r.find(']')) {
                let tag = rest.get(1..=end).unwrap_or_default();
                // Only tags that carry a number or a form's name go: "[Action required]" is the writer's word.
                if tag.contains(|c: char| c.is_ascii_digit() || c == '#')
                    || tag.to_lowercase().contains("form")
                {
                    rest = rest.get(end + 2..).unwrap_or_default().trim_start();
                    continue;
                }
            }
            let Some((prefix, after)) = rest.split_once([':', '：']) else {
                break;
            };
            let prefix = prefix.trim().to_lowercase();
            let word = prefix.split(['[', '(']).next().unwrap_or_default().trim();
            if ANSWER.contains(&word) {
                self.answer = true;
            } else if !FORWARD.contains(&word) {
                break;
            }
            rest = after.trim_start();
        }
        rest.clone_into(&mut self.subject);
    }

    /// The same mail, with the older text in the place of the new words.
    pub(crate) fn context_as_text(&self) -> Self {
        Self {
            text: self.context.clone(),
            context: String::new(),
            widened: true,
            ..self.clone()
        }
    }

    /// Tells whether the subject is the older mail's: answers keep it, whatever they say.
    pub(crate) fn subject_is_older(&self) -> bool {
        self.answer && !self.widened && !self.text.trim().is_empty()
    }
}

/// Topic, free text, and the short answers that are no contact data (which badge, which issuer): values, never the
/// form's own questions.
fn form_text(form: &Form) -> String {
    let mut text = format!("{}\n\n{}", form.topic, form.text);
    for (_, value) in &form.fields {
        let short = value.split_whitespace().count() <= FORM_VALUE_WORDS && !value.contains('@');
        if short && !value.is_empty() && !form.text.contains(value.as_str()) && *value != form.topic
        {
            text.push_str("\n\n");
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> (String, bool) {
        let mut reading = Reading::default();
        reading.set_subject(text);
        (reading.subject, reading.answer)
    }

    #[test]
    fn prefixes_of_mail_programs_are_not_the_writers_words() {
        assert_eq!(
            subject("Re: AW: [#4711] my badge"),
            ("my badge".into(), true)
        );
        assert_eq!(subject("Fwd: RE[2]: x"), ("x".into(), true));
        assert_eq!(subject("回复：徽章"), ("徽章".into(), true));
    }

    #[test]
    fn a_colon_of_the_writer_stays() {
        assert_eq!(
            subject("Question: badge"),
            ("Question: badge".into(), false)
        );
        assert_eq!(
            subject("[Action required] x"),
            ("[Action required] x".into(), false)
        );
    }
}
