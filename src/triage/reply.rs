//! The text of an automatic reply: one paragraph for each intent, in the writer's language.
//!
//! # Decisions
//! - Nothing of the mail that is answered stands in a reply, except its subject, cleaned of everything that leads
//!   somewhere. The writer's name is not used either: it is whatever a stranger put there.
//! - Templates are rendered when they are loaded (see `template`): a reply picks finished blocks and fills in values.
//! - Which paragraphs bring advice with them, and beside which it is left out, stands in the templates' headers.

mod block;
mod compile;
mod html;
mod plain;
pub(crate) mod subject;
mod template;
#[cfg(test)]
mod tests;

use crate::triage::classify::Audience;
use crate::triage::classify::Language;
use crate::triage::reply::block::Block;
use crate::triage::reply::block::Value;
use crate::triage::reply::block::Values;
use crate::triage::reply::template::Frame;
use crate::triage::reply::template::Paragraph;
use crate::triage::reply::template::Subject;
use crate::triage::screen::Person;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;
use crate::triage::verify::rules::VERIFY_REPLY;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Matters that one reply speaks of; what is beyond goes unsaid, because a reply is brief (RFC 3834, 3.2). A mail with
/// so many intents is forwarded, and a person reads all of it.
const MATTERS_MAX: usize = 6;

/// All reply templates, compiled and tried. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Replies {
    letters: Arc<Letters>,
}

/// The templates of all languages.
#[derive(Debug)]
struct Letters {
    english: Tongue,
    others: Vec<Tongue>,
    /// How our own subjects begin, in every language, in lower case.
    beginnings: Vec<String>,
}

/// The templates of one language.
#[derive(Debug)]
struct Tongue {
    code: String,
    frame: Frame,
    subject: Subject,
    paragraphs: BTreeMap<String, Paragraph>,
}

/// What a reply is about.
#[derive(Debug, Clone)]
pub struct Occasion<'a> {
    /// Names of the paragraphs in order (the intents' `reply`), at least one.
    pub paragraphs: Vec<&'a str>,
    /// A person will answer as well.
    pub forwarded: bool,
    /// Who asks, for templates that depend on it.
    pub audience: Option<Audience>,
    /// The language wanted.
    pub language: &'a Language,
    /// The ticket's number, as shown to people.
    pub ticket: &'a str,
    /// The subject of the mail that is answered.
    pub subject: &'a str,
    /// The desk's name.
    pub desk: &'a str,
}

/// A reply's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyText {
    /// ISO 639-1 code of the language it is in (the first one, when in two).
    pub language: String,
    /// The subject, with the ticket's number still missing: `triage` adds the tag.
    pub subject: String,
    /// The plain text, lines of at most 76 characters where words allow, `\n` line ends.
    pub text: String,
    /// The same as simple HTML, every value escaped.
    pub html: String,
}

impl Replies {
    /// Compiles `replies/LANG/*.txt`; every template is rendered once with every audience, so that a fault is found now.
    /// `wanted` are the paragraph names that the intents use: each must exist in English.
    ///
    /// # Errors
    /// Every fault of every file: what does not compile or render, what is missing in a language, what nobody asks for.
    pub fn compile(files: &RuleFiles, wanted: &[&str]) -> Result<Self, Vec<Complaint>> {
        compile::compile(files, wanted).map(|letters| Self {
            letters: Arc::new(letters),
        })
    }

    /// Returns the languages that are complete, English first.
    pub fn languages(&self) -> Vec<&str> {
        let others = self
            .letters
            .others
            .iter()
            .map(|tongue| tongue.code.as_str());
        std::iter::once(self.letters.english.code.as_str())
            .chain(others)
            .collect()
    }

    /// Writes the mail that asks an address for an answer. Nothing of anybody's mail stands in it.
    pub fn ask(&self, language: &Language, ticket: &str, desk: &str) -> ReplyText {
        self.letters.ask(language, ticket, desk)
    }

    /// Writes the reply. Takes a `Person`: nothing else is ever answered.
    pub fn write(&self, _person: &Person, occasion: &Occasion<'_>) -> ReplyText {
        self.letters.write(occasion)
    }
}

impl Letters {
    /// Writes the reply, whoever it is for; private, because only `Replies::write` proves that there is a person.
    fn write(&self, occasion: &Occasion<'_>) -> ReplyText {
        let (first, second) = self.tongues(occasion.language);
        let subject = subject::clean(occasion.subject, &self.beginnings);
        let values = Values::new(occasion.ticket, occasion.desk, subject);
        let mut letter = Letter {
            values,
            text: String::new(),
            sections: String::new(),
        };
        let below = second.and_then(|tongue| Some((tongue, tongue.frame.below.clone()?)));
        if let Some((tongue, line)) = below {
            letter.section(tongue, &[&Block::Paragraph(line)]);
        }
        letter.section(first, &first.blocks(occasion));
        if let Some(tongue) = second {
            letter.separator();
            letter.section(tongue, &tongue.blocks(occasion));
        }
        let direction = first.frame.direction;
        ReplyText {
            language: first.code.clone(),
            subject: first.subject(occasion, &letter.values),
            html: html::page(
                &first.code,
                direction,
                letter.values.get(Value::Desk),
                &letter.sections,
            ),
            text: letter.text,
        }
    }

    /// Writes the mail that asks an address for an answer: a template of its own, its title for a subject.
    fn ask(&self, language: &Language, ticket: &str, desk: &str) -> ReplyText {
        let (first, second) = self.tongues(language);
        let values = Values::new(ticket, desk, String::new());
        let mut letter = Letter {
            values,
            text: String::new(),
            sections: String::new(),
        };
        let question = |tongue: &Tongue| tongue.paragraphs.get(VERIFY_REPLY).cloned();
        let blocks = |p: &Paragraph| p.blocks.get(None, true).clone();
        let asked = question(first);
        let body = asked.as_ref().map(blocks).unwrap_or_default();
        letter.section(first, &body.iter().collect::<Vec<_>>());
        if let Some(tongue) = second {
            letter.separator();
            let body = question(tongue).as_ref().map(blocks).unwrap_or_default();
            letter.section(tongue, &body.iter().collect::<Vec<_>>());
        }
        let subject = match asked.map(|p| p.title) {
            Some(Block::Heading(line)) => line.plain(&letter.values).trim().to_owned(),
            _ => String::new(),
        };
        ReplyText {
            language: first.code.clone(),
            subject,
            html: html::page(
                &first.code,
                first.frame.direction,
                letter.values.get(Value::Desk),
                &letter.sections,
            ),
            text: letter.text,
        }
    }

    /// Returns the language to write in, and a second one where the first is only a precaution.
    fn tongues(&self, wanted: &Language) -> (&Tongue, Option<&Tongue>) {
        let code = wanted.code.split(['-', '_']).next().unwrap_or_default();
        let found = self
            .others
            .iter()
            .find(|tongue| tongue.code.eq_ignore_ascii_case(code));
        match found {
            Some(tongue) if wanted.sure => (tongue, None),
            unsure => (&self.english, unsure),
        }
    }
}

impl Tongue {
    fn subject(&self, occasion: &Occasion<'_>, values: &Values) -> String {
        let empty = values.get(Value::Subject).is_empty();
        let around = if empty {
            &self.subject.without
        } else {
            &self.subject.with
        };
        around
            .get(occasion.audience, occasion.forwarded)
            .plain(values)
            .trim()
            .to_owned()
    }

    /// Returns the letter: the frame, with the matters in the place of its body.
    fn blocks(&self, occasion: &Occasion<'_>) -> Vec<&Block> {
        let matters = self.matters(&occasion.paragraphs);
        let several = matters.len() - matters.iter().filter(|matter| matter.appended).count() > 1;
        let mut body: Vec<&Block> = Vec::new();
        for matter in &matters {
            let blocks = matter
                .paragraph
                .blocks
                .get(occasion.audience, occasion.forwarded);
            // What two matters say in the same words is said once.
            let fresh: Vec<&Block> = blocks
                .iter()
                .filter(|block| !body.contains(block))
                .collect();
            if several && !fresh.is_empty() {
                body.push(&matter.paragraph.title);
            }
            body.extend(fresh);
        }
        let frame = self.frame.blocks.get(occasion.audience, occasion.forwarded);
        let (before, after) = match frame.iter().position(|block| *block == Block::Body) {
            Some(at) => frame.split_at_checked(at).unwrap_or_default(),
            None => (frame.as_slice(), [].as_slice()),
        };
        before
            .iter()
            .chain(body)
            .chain(after.iter().skip(1))
            .collect()
    }

    /// Returns the paragraphs in order, each once, then what they append.
    fn matters<'a>(&'a self, names: &[&str]) -> Vec<Matter<'a>> {
        let mut matters: Vec<Matter<'a>> = Vec::new();
        for name in names {
            let Some((name, paragraph)) = self.paragraphs.get_key_value(*name) else {
                continue;
            };
            if matters.len() < MATTERS_MAX && !matters.iter().any(|m| m.name == name) {
                matters.push(Matter {
                    name,
                    paragraph,
                    appended: false,
                });
            }
        }
        let wanted: Vec<&String> = matters
            .iter()
            .filter_map(|m| m.paragraph.append.as_ref())
            .collect();
        for name in wanted {
            let Some((name, paragraph)) = self.paragraphs.get_key_value(name) else {
                continue;
            };
            let excused = matters
                .iter()
                .any(|m| m.name == name || paragraph.unless.iter().any(|u| u == m.name));
            if !excused {
                matters.push(Matter {
                    name,
                    paragraph,
                    appended: true,
                });
            }
        }
        matters
    }
}

/// A paragraph of one letter.
struct Matter<'a> {
    name: &'a str,
    paragraph: &'a Paragraph,
    appended: bool,
}

/// A reply while it is written.
struct Letter {
    values: Values,
    text: String,
    sections: String,
}

impl Letter {
    fn section(&mut self, tongue: &Tongue, blocks: &[&Block]) {
        plain::write(blocks, &self.values, &mut self.text);
        html::section(
            &tongue.code,
            tongue.frame.direction,
            blocks,
            &self.values,
            &mut self.sections,
        );
    }

    fn separator(&mut self) {
        self.text.push('\n');
        self.text.push_str(plain::SEPARATOR);
        self.text.push('\n');
        self.sections.push_str("<hr>\n");
    }
}
