//! HTML to lines of text, in one pass over any input.
//!
//! # Decisions
//! A tokenizer and a stack of open elements, no tree and no recursion: 100,000 nested tags take as long as 100,000
//! flat ones. Nothing is fetched or run; what a reader would not see is left out. What clients mark as quoted,
//! as signature or as attribution is kept as such, since their marks are surer than any guess at words.

mod tags;
mod write;

use crate::message::TEXT_BYTES_MAX;
use crate::message::html::tags::Attributes;
use crate::message::html::tags::Outlook;
use crate::message::html::tags::Tag;
use crate::message::html::tags::Trait;

/// What the sender's client says that a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Hint {
    /// Nothing.
    #[default]
    None,
    /// Belongs to a quote, such as an attribution line.
    Quote,
    /// Belongs to a signature.
    Signature,
}

/// One line of text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// The text, `> ` before it for each level of quote.
    pub(crate) text: String,
    /// What the client says of it.
    pub(crate) hint: Hint,
}

/// The line that stands for a rule, and that Outlook writes above a mail it answers.
pub(crate) const RULE: &str = "________________________________";
/// Deeper quotes are shown as if they were this deep.
const QUOTE_DEPTH_MAX: usize = 10;
/// Octets of HTML that are looked at.
const HTML_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A signature container with more lines than that holds more than a signature.
const SIGNATURE_LINES_MAX: usize = 15;
/// An attribution is not longer.
const CITE_LINES_MAX: usize = 4;

/// Turns HTML to lines. If all of it is hidden, it is shown all the same: a mail is never silently empty.
pub(crate) fn to_lines(html: &str) -> Vec<Line> {
    let html = super::charset::cut(html, HTML_BYTES_MAX);
    let shown = Page::new(false).read(html);
    if shown
        .iter()
        .any(|line| !line.text.trim_matches(['>', ' ']).is_empty())
    {
        return shown;
    }
    Page::new(true).read(html)
}

struct Open {
    tag: Tag,
    traits: Trait,
    tiny_outside: bool,
    first_line: usize,
}

struct Page {
    lines: Vec<Line>,
    current: String,
    space: bool,
    octets: usize,
    open: Vec<Open>,
    counts: [usize; tags::KINDS],
    hidden: usize,
    tiny: bool,
    quotes: usize,
    signatures: usize,
    pre: usize,
    items: Vec<Option<usize>>,
    show_all: bool,
}

impl Page {
    fn new(show_all: bool) -> Self {
        Self {
            lines: Vec::new(),
            current: String::new(),
            space: false,
            octets: 0,
            open: Vec::new(),
            counts: [0; tags::KINDS],
            hidden: 0,
            tiny: false,
            quotes: 0,
            signatures: 0,
            pre: 0,
            items: Vec::new(),
            show_all,
        }
    }

    fn read(mut self, html: &str) -> Vec<Line> {
        let mut rest = html;
        let mut outlook = Outlook::default();
        while self.octets < TEXT_BYTES_MAX * 2 {
            let Some(at) = rest.find('<') else {
                self.text(rest);
                break;
            };
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.text(before);
            rest = self.markup(from, &mut outlook);
            if rest.is_empty() {
                break;
            }
        }
        self.end_line();
        while self.open.pop().is_some_and(|open| {
            self.closed(&open);
            true
        }) {}
        self.lines
    }

    /// Consumes what begins with `<`; returns what follows it.
    fn markup<'a>(&mut self, from: &'a str, outlook: &mut Outlook) -> &'a str {
        if let Some(comment) = from.strip_prefix("<!--") {
            return comment.split_once("-->").map_or("", |(_, rest)| rest);
        }
        let after = from.get(1..).unwrap_or_default();
        let lead = after.bytes().next().unwrap_or(b' ');
        if lead == b'!' || lead == b'?' {
            return after.split_once('>').map_or("", |(_, rest)| rest);
        }
        let closing = lead == b'/';
        let body = if closing {
            after.get(1..).unwrap_or_default()
        } else {
            after
        };
        if !body.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.text("<");
            return after;
        }
        let Some(end) = tags::tag_end(body, outlook) else {
            self.text("<");
            return after;
        };
        let inside = body.get(..end).unwrap_or_default();
        let rest = body.get(end + 1..).unwrap_or_default();
        let (tag, attributes) = tags::parse(inside);
        if closing {
            self.close(tag);
            return rest;
        }
        if let Some(ending) = tag.raw_text_ending() {
            return tags::skip_raw(rest, ending);
        }
        self.start(tag, &attributes);
        rest
    }

    fn start(&mut self, tag: Tag, attributes: &Attributes) {
        match tag {
            Tag::Br => return self.new_line(),
            Tag::Hr => return self.rule(),
            Tag::Other | Tag::Void => return,
            Tag::Body => {
                // Whatever the head left open is over.
                while let Some(open) = self.open.pop() {
                    self.closed(&open);
                }
            }
            Tag::P | Tag::Li | Tag::Td | Tag::Tr | Tag::Option
                if self.open.last().is_some_and(|open| open.tag == tag) =>
            {
                self.close(tag);
            }
            _ => {}
        }
        if tag.is_block() {
            self.end_line();
        }
        let traits = Trait::of(tag, attributes);
        if traits.separator {
            self.rule();
        }
        if traits.paragraph {
            self.blank_line();
        }
        self.counts
            .get_mut(tag as usize)
            .into_iter()
            .for_each(|n| *n += 1);
        let tiny_outside = self.tiny;
        if let Some(tiny) = traits.tiny {
            self.tiny = tiny;
        }
        self.hidden += usize::from(traits.hidden);
        self.quotes += usize::from(traits.quote);
        self.signatures += usize::from(traits.signature);
        self.open.push(Open {
            tag,
            traits,
            tiny_outside,
            first_line: self.lines.len(),
        });
        match tag {
            Tag::Pre => self.pre += 1,
            Tag::Ul => self.items.push(None),
            Tag::Ol => self.items.push(Some(0)),
            Tag::Li => self.bullet(),
            Tag::Td if !self.current.is_empty() => {
                let joint = if self.current.trim_end().ends_with([':', '：']) {
                    " "
                } else {
                    " | "
                };
                self.current.push_str(joint);
                self.space = false;
            }
            _ => {}
        }
    }

    fn bullet(&mut self) {
        if self.is_hidden() {
            return;
        }
        match self.items.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                let label = format!("{number}. ");
                self.current.push_str(&label);
            }
            _ => self.current.push_str("- "),
        }
        self.space = false;
    }

    fn close(&mut self, tag: Tag) {
        if tag == Tag::P && self.counts.get(tag as usize) == Some(&0) {
            return self.end_line();
        }
        if self.counts.get(tag as usize).is_none_or(|&n| n == 0) {
            return;
        }
        // A stray end of an inline element does not close the blocks around it.
        if !tag.is_block() && !self.open.iter().rev().take(8).any(|open| open.tag == tag) {
            return;
        }
        while let Some(open) = self.open.pop() {
            self.closed(&open);
            if open.tag == tag {
                break;
            }
        }
    }

    fn closed(&mut self, open: &Open) {
        if open.tag.is_block() || open.traits.quote || open.traits.cite || open.traits.signature {
            self.end_line();
        }
        if open.traits.paragraph {
            self.blank_line();
        }
        if open.traits.cite {
            self.mark_cite(open.first_line);
        }
        if open.traits.signature {
            self.judge_signature(open.first_line);
        }
        match open.tag {
            Tag::Pre => self.pre = self.pre.saturating_sub(1),
            Tag::Ul | Tag::Ol => {
                self.items.pop();
            }
            _ => {}
        }
        self.counts
            .get_mut(open.tag as usize)
            .into_iter()
            .for_each(|n| *n = n.saturating_sub(1));
        self.hidden = self.hidden.saturating_sub(usize::from(open.traits.hidden));
        self.quotes = self.quotes.saturating_sub(usize::from(open.traits.quote));
        self.signatures = self
            .signatures
            .saturating_sub(usize::from(open.traits.signature));
        self.tiny = open.tiny_outside;
    }

    fn is_hidden(&self) -> bool {
        !self.show_all && (self.hidden > 0 || self.tiny)
    }
}

#[cfg(test)]
mod tests;
