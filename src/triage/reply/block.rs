//! A reply's words with their structure: paragraphs, steps, addresses of pages, and places for values.
//!
//! # Decisions
//! The structure is read from a template's own words *before* any value is put in. So no value can become a step, a
//! heading or a link, whatever it holds.

/// The place of the body in a frame; template files may not hold these characters themselves.
pub(super) const BODY: char = '\u{e000}';
/// The place of the ticket's number.
pub(super) const TICKET: char = '\u{e001}';
/// The place of the desk's name.
pub(super) const DESK: char = '\u{e002}';
/// The place of the subject that is answered.
pub(super) const SUBJECT: char = '\u{e003}';

/// The places, as a pattern.
pub(super) const PLACES: [char; 4] = [BODY, TICKET, DESK, SUBJECT];

/// A piece of a letter that stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// The title of a matter.
    Heading(Line),
    /// Running text.
    Paragraph(Line),
    /// Numbered steps, from 1.
    Steps(Vec<Line>),
    /// Points without an order.
    Points(Vec<Line>),
    /// Where a frame takes the body.
    Body,
}

/// Running text, white space made single spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    /// Its pieces in order.
    pub(super) pieces: Vec<Piece>,
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words of the template.
    Words(String),
    /// The address of a page, written in the template.
    Link(String),
    /// Where a value goes.
    Value(Value),
}

/// A value that a template can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// The ticket's number.
    Ticket,
    /// The desk's name.
    Desk,
    /// The subject that is answered, cleaned.
    Subject,
}

/// The values of one letter, each a single line.
#[derive(Debug, Clone)]
pub(super) struct Values {
    ticket: String,
    desk: String,
    subject: String,
}

impl Values {
    /// Makes every value a single line of at most 200 characters. `subject` is clean already.
    pub(super) fn new(ticket: &str, desk: &str, subject: String) -> Self {
        Self {
            ticket: single_line(ticket),
            desk: single_line(desk),
            subject,
        }
    }

    /// Returns the value's text.
    pub(super) fn get(&self, value: Value) -> &str {
        match value {
            Value::Ticket => &self.ticket,
            Value::Desk => &self.desk,
            Value::Subject => &self.subject,
        }
    }
}

/// Makes a value a single line: no control characters, single spaces, at most 200 characters.
fn single_line(value: &str) -> String {
    let plain: String = value
        .chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Line {
    /// Reads running text. The fault is a sentence.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = spaced(text);
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        loop {
            let places = [
                rest.find("https://"),
                rest.find("http://"),
                rest.find(PLACES),
            ];
            let Some(next) = places.into_iter().flatten().min() else {
                break;
            };
            let Some((before, from)) = rest.split_at_checked(next) else {
                break;
            };
            if !before.is_empty() {
                pieces.push(Piece::Words(before.to_owned()));
            }
            let (piece, after) = read_piece(from)?;
            pieces.push(piece);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// Returns whether it shows that value.
    pub(super) fn shows(&self, value: Value) -> bool {
        self.pieces.contains(&Piece::Value(value))
    }

    /// Returns the text with the values put in.
    pub(super) fn plain(&self, values: &Values) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Words(text) | Piece::Link(text) => text.as_str(),
            Piece::Value(value) => values.get(*value),
        });
        pieces.collect()
    }
}

/// Reads a place or the address of a page, and returns it with what follows.
fn read_piece(from: &str) -> Result<(Piece, &str), String> {
    let mut chars = from.chars();
    let value = match chars.next() {
        Some(TICKET) => Some(Value::Ticket),
        Some(DESK) => Some(Value::Desk),
        Some(SUBJECT) => Some(Value::Subject),
        Some(BODY) => return Err("`{{ body }}` stands in a paragraph of its own".to_owned()),
        _ => None,
    };
    if let Some(value) = value {
        return Ok((Piece::Value(value), chars.as_str()));
    }
    let end = from
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
        .unwrap_or(from.len());
    let run = from.split_at_checked(end).map_or(from, |(run, _)| run);
    if run.contains(PLACES) {
        return Err("a value cannot be part of the address of a page".to_owned());
    }
    let link = run.trim_end_matches([
        '.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '»', '”', '“', '。', '，',
    ]);
    Ok((
        Piece::Link(link.to_owned()),
        from.strip_prefix(link).unwrap_or_default(),
    ))
}

/// Makes white space single spaces, and keeps a mark that stands alone (French ` :`, `« `) on the line of its word.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut opened = false;
    for word in text
        .split([' ', '\n', '\r', '\t'])
        .filter(|w| !w.is_empty())
    {
        let closes = word
            .chars()
            .all(|c| matches!(c, ':' | ';' | '!' | '?' | '»'))
            || word.starts_with('»');
        if !out.is_empty() {
            out.push(if closes || opened { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
        opened = word.ends_with('«');
    }
    out
}

/// Reads the structure of a text: paragraphs between empty lines; a paragraph whose first line begins with `1. ` is steps,
/// one that begins with `- ` is points. The fault is a sentence.
pub(super) fn read(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().chain([""]) {
        let line = line.trim();
        if !line.is_empty() {
            lines.push(line);
        } else if !lines.is_empty() {
            blocks.push(read_block(&lines)?);
            lines.clear();
        }
    }
    Ok(blocks)
}

fn read_block(lines: &[&str]) -> Result<Block, String> {
    let first = lines.first().copied().unwrap_or_default();
    if first.chars().eq([BODY]) && lines.len() == 1 {
        return Ok(Block::Body);
    }
    if first.starts_with("- ") {
        return Ok(Block::Points(items(lines, |line, _| {
            line.strip_prefix("- ")
        })?));
    }
    if step(first, 1).is_some() {
        return Ok(Block::Steps(items(lines, step)?));
    }
    Ok(Block::Paragraph(Line::read(&lines.join(" "))?))
}

/// Returns what step number `number` says, if this line begins it.
fn step(line: &str, number: usize) -> Option<&str> {
    line.strip_prefix(&format!("{number}. "))
}

/// Reads list items: a line that `begins` does not know continues the item before it.
fn items<'a>(
    lines: &[&'a str],
    begins: impl Fn(&'a str, usize) -> Option<&'a str>,
) -> Result<Vec<Line>, String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (begins(line, items.len() + 1), items.last_mut()) {
            (Some(words), _) => items.push(words.to_owned()),
            (None, Some(item)) => {
                item.push(' ');
                item.push_str(line);
            }
            (None, None) => items.push((*line).to_owned()),
        }
    }
    items.iter().map(|item| Line::read(item)).collect()
}
