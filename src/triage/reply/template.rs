//! One template file, read, tried for everybody who may ask, and kept as finished blocks.
//!
//! # Decisions
//! A template is rendered here, at load, once for each audience and for forwarded or not, with places instead of values;
//! a reply later only picks a rendering and fills the places. So no template runs on a mail, a reply cannot fail, and a
//! value is never read as a template.

use crate::triage::classify::Audience;
use crate::triage::reply::block;
use crate::triage::reply::block::Block;
use crate::triage::reply::block::Line;
use crate::triage::reply::block::Value;
use crate::triage::source::Complaint;
use minijinja::Environment;
use minijinja::UndefinedBehavior;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Bytes of a template file; a reply is to be brief (RFC 3834, 3.2).
const FILE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a paragraph as written to the reader, for the same reason.
const PARAGRAPH_BYTES_MAX: usize = 2 * 1024;
/// Steps of the template engine for one rendering; an honest template takes some hundreds.
const FUEL: u64 = 20_000;

/// Which way a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    /// Left to right.
    #[default]
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// Returns the word of HTML's `dir`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

/// One of something for every audience, forwarded or not.
#[derive(Debug, Clone)]
pub(super) struct Variants<T> {
    employee: [T; 2],
    external: [T; 2],
    unknown: [T; 2],
}

impl<T> Variants<T> {
    fn make<E>(mut one: impl FnMut(Audience, bool) -> Result<T, E>) -> Result<Self, E> {
        let mut two = |audience| Ok([one(audience, false)?, one(audience, true)?]);
        Ok(Self {
            employee: two(Audience::Employee)?,
            external: two(Audience::External)?,
            unknown: two(Audience::Unknown)?,
        })
    }

    /// Returns the one for that audience; somebody who was not asked about is unknown.
    pub(super) fn get(&self, audience: Option<Audience>, forwarded: bool) -> &T {
        let [answered, with_person] = match audience {
            Some(Audience::Employee) => &self.employee,
            Some(Audience::External) => &self.external,
            Some(Audience::Unknown) | None => &self.unknown,
        };
        if forwarded { with_person } else { answered }
    }

    /// Returns all of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.employee
            .iter()
            .chain(&self.external)
            .chain(&self.unknown)
    }
}

/// `frame.txt`: what stands around the matters.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Which way the language is written.
    pub(super) direction: Direction,
    /// Says, in this language, that the letter continues in it below another one.
    pub(super) below: Option<Line>,
    /// The letter, with `Block::Body` once.
    pub(super) blocks: Variants<Vec<Block>>,
}

/// `subject.txt`.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// Around a subject.
    pub(super) with: Variants<Line>,
    /// Where there was none.
    pub(super) without: Variants<Line>,
}

/// Any other template: what is said about one matter.
#[derive(Debug, Clone)]
pub(super) struct Paragraph {
    /// The heading above it where a letter has several matters.
    pub(super) title: Block,
    /// The paragraph that is appended to a letter with this one.
    pub(super) append: Option<String>,
    /// The paragraphs beside which this one is not appended.
    pub(super) unless: Vec<String>,
    /// What it says.
    pub(super) blocks: Variants<Vec<Block>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameHeader {
    #[serde(default)]
    dir: Direction,
    below: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectHeader {}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParagraphHeader {
    title: Option<String>,
    append: Option<String>,
    #[serde(default)]
    unless: Vec<String>,
}

/// A template file: its header read, its body with the header blanked, so that places in it are places in the file.
struct File<'a> {
    path: &'a str,
    text: &'a str,
    body: String,
}

impl<'a> File<'a> {
    /// Splits the file and reads the header: the lines at its top that begin with `#:`, which are TOML.
    fn open<H: DeserializeOwned>(path: &'a str, text: &'a str) -> Result<(Self, H), Complaint> {
        if text.len() > FILE_BYTES_MAX {
            let what = format!(
                "the file has {} bytes, at most {FILE_BYTES_MAX} are allowed: replies are brief",
                text.len()
            );
            return Err(Complaint::at(path, text, 0, what));
        }
        let odd = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || block::PLACES.contains(&c)
        };
        if let Some(at) = text.find(odd) {
            return Err(Complaint::at(
                path,
                text,
                at,
                "a control or private-use character: remove it",
            ));
        }
        let (mut header, mut body, mut offset) = (String::new(), String::new(), 0);
        for line in text.split_inclusive('\n') {
            match line.strip_prefix("#:") {
                Some(entry) if header.len() == offset => {
                    header.push_str("  ");
                    header.push_str(entry);
                    body.extend(line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
                }
                Some(_) => {
                    let what = "a `#:` line stands at the top of the file, before everything else";
                    return Err(Complaint::at(path, text, offset, what));
                }
                None => body.push_str(line),
            }
            offset += line.len();
        }
        let header = toml::from_str(&header).map_err(|e| Complaint::of_toml(path, text, &e))?;
        Ok((Self { path, text, body }, header))
    }

    /// Complains about the file as a whole, at its first line of text.
    fn fault(&self, what: impl Into<String>) -> Complaint {
        let offset = self
            .body
            .find(|c: char| !c.is_whitespace())
            .unwrap_or_default();
        Complaint::at(self.path, self.text, offset, what)
    }

    fn fault_of_engine(&self, error: &minijinja::Error) -> Complaint {
        let line = error.line().unwrap_or(1);
        let of_line = || {
            self.text
                .split_inclusive('\n')
                .take(line.saturating_sub(1))
                .map(str::len)
                .sum()
        };
        let offset = error.range().map_or_else(of_line, |range| range.start);
        let what = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        Complaint::at(self.path, self.text, offset, what)
    }

    /// Renders the body for everybody, with the named places, and reads each result.
    fn render<T>(
        &self,
        places: &[(&str, String)],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Variants<T>, Complaint> {
        let mut engine = Environment::empty();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_debug(true);
        engine.set_fuel(Some(FUEL));
        let template = engine
            .template_from_named_str(self.path, &self.body)
            .map_err(|e| self.fault_of_engine(&e))?;
        // The engine compares an unknown name without a word, so a typo in a condition is only found here.
        let known: Vec<&str> = places
            .iter()
            .map(|(name, _)| *name)
            .chain(["audience", "forwarded"])
            .collect();
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|n| !known.contains(&n.as_str()))
            .collect();
        unknown.sort();
        if let Some(name) = unknown.first() {
            let offset = self.body.find(name.as_str()).unwrap_or_default();
            let what = format!(
                "there is no value `{name}` here; there are: {}",
                known.join(", ")
            );
            return Err(Complaint::at(self.path, self.text, offset, what));
        }
        Variants::make(|audience, forwarded| {
            let mut values: BTreeMap<&str, minijinja::Value> = places
                .iter()
                .map(|(name, place)| (*name, place.as_str().into()))
                .collect();
            values.insert("forwarded", forwarded.into());
            values.insert("audience", name_of(audience).into());
            let text = template
                .render(values)
                .map_err(|e| self.fault_of_engine(&e))?;
            read(&text).map_err(|what| {
                self.fault(format!(
                    "{what} (audience {}, forwarded {forwarded})",
                    name_of(audience)
                ))
            })
        })
    }
}

fn name_of(audience: Audience) -> &'static str {
    match audience {
        Audience::Employee => "employee",
        Audience::External => "external",
        Audience::Unknown => "unknown",
    }
}

fn place(c: char) -> String {
    c.to_string()
}

/// Reads and tries a frame.
pub(super) fn frame(path: &str, text: &str) -> Result<Frame, Complaint> {
    let (file, header): (_, FrameHeader) = File::open(path, text)?;
    let places = [
        ("ticket", place(block::TICKET)),
        ("desk", place(block::DESK)),
        ("body", place(block::BODY)),
    ];
    let blocks = file.render(&places, |text| {
        let blocks = block::read(text)?;
        let shows_ticket = blocks
            .iter()
            .any(|b| matches!(b, Block::Paragraph(line) if line.shows(Value::Ticket)));
        match blocks.iter().filter(|b| **b == Block::Body).count() {
            _ if !shows_ticket => Err("the frame must show `{{ ticket }}`".to_owned()),
            1 => Ok(blocks),
            _ => Err("the frame must hold `{{ body }}` once, between empty lines".to_owned()),
        }
    })?;
    if blocks.get(None, true) == blocks.get(None, false) {
        return Err(
            file.fault("where `forwarded` is true, the frame must say that a person will answer")
        );
    }
    let below = header
        .below
        .map(|b| Line::read(&b))
        .transpose()
        .map_err(|what| file.fault(what))?;
    Ok(Frame {
        direction: header.dir,
        below,
        blocks,
    })
}

/// Reads and tries a subject.
pub(super) fn subject(path: &str, text: &str) -> Result<Subject, Complaint> {
    let (file, _): (_, SubjectHeader) = File::open(path, text)?;
    let render = |subject: String| {
        let filled = !subject.is_empty();
        let places = [
            ("ticket", place(block::TICKET)),
            ("desk", place(block::DESK)),
            ("subject", subject),
        ];
        file.render(&places, |text| {
            let line = Line::read(text)?;
            if line.pieces.is_empty() {
                Err("the subject is empty".to_owned())
            } else if filled && !line.shows(Value::Subject) {
                Err("the subject must show `{{ subject }}` where there is one".to_owned())
            } else {
                Ok(line)
            }
        })
    };
    Ok(Subject {
        with: render(place(block::SUBJECT))?,
        without: render(String::new())?,
    })
}

/// Reads and tries a paragraph.
pub(super) fn paragraph(path: &str, text: &str) -> Result<Paragraph, Complaint> {
    let (file, header): (_, ParagraphHeader) = File::open(path, text)?;
    let places = [
        ("ticket", place(block::TICKET)),
        ("desk", place(block::DESK)),
    ];
    let blocks = file.render(&places, |text| {
        let blocks = block::read(text)?;
        if blocks.is_empty() {
            Err("the paragraph says nothing".to_owned())
        } else if text.trim().len() > PARAGRAPH_BYTES_MAX {
            Err(format!(
                "the paragraph has {} bytes, at most {PARAGRAPH_BYTES_MAX} are allowed",
                text.trim().len()
            ))
        } else {
            Ok(blocks)
        }
    })?;
    let Some(title) = header.title.filter(|t| !t.trim().is_empty()) else {
        return Err(Complaint::at(
            path,
            text,
            0,
            "the title is missing: begin the file with `#: title = \"...\"`",
        ));
    };
    let title = Line::read(&title).map_err(|what| Complaint::at(path, text, 0, what))?;
    let title = Block::Heading(title);
    Ok(Paragraph {
        title,
        append: header.append,
        unless: header.unless,
        blocks,
    })
}
