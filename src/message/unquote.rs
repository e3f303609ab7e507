//! What the writer says now, apart from quotes, signatures and disclaimers.
//!
//! # Decisions
//! Only what surely is no word of the writer's is taken away; what is in doubt stays in `new`. Quotes with a `>` (or
//! with a container in HTML) end where their prefix ends, so that answers between and below them are new. Quotes
//! without a prefix run to the end of the mail, and need an attribution that names a date or an address, a marker, or a
//! header block. Everything is one pass over lines with a bounded look-around.

mod attribution;
pub(crate) mod block;
mod signature;

use crate::message::Body;
use crate::message::Forwarded;
use crate::message::html::Hint;
use crate::message::html::Line;
use crate::message::unquote::block::Marker;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The writer's words.
    New,
    /// Older text.
    Quoted,
    /// The writer's signature: words of the writer's still, if there are no others.
    Signature,
    /// What a machine put below: disclaimers, adverts, `Sent from my phone`.
    Boiler,
}

/// What the header of the mail tells about its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// The writer's display name; empty when unknown.
    pub(crate) name: &'a str,
    /// The subject says that the mail forwards another (`Fwd:`), or that it answers one (`Re:`).
    pub(crate) subject: SubjectKind,
}

/// What a subject's prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SubjectKind {
    /// Neither.
    #[default]
    Plain,
    /// `Re:`
    Reply,
    /// `Fwd:`
    Forward,
}

/// Takes a plain text apart.
pub fn unquote(text: &str) -> Body {
    take_apart(&plain_lines(text), Context::default())
}

/// Splits plain text into lines without hints.
pub(crate) fn plain_lines(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| Line {
            text: line.trim_end().to_owned(),
            hint: Hint::None,
        })
        .collect()
}

/// Takes lines apart, with what else is known of the mail.
pub(crate) fn take_apart(lines: &[Line], context: Context<'_>) -> Body {
    let mut pass = Pass {
        lines,
        kinds: vec![Kind::New; lines.len()],
        forwarded: None,
        tail: None,
    };
    pass.find_quotes(context);
    pass.keep_own_words(context);
    signature::find(lines, &mut pass.kinds, context.name);
    let signature_alone = pass.restore_signature();
    Body {
        new: pass.gather(&[Kind::New]),
        quoted: pass.gather(&[Kind::Quoted]),
        signature: pass.gather(&[Kind::Signature, Kind::Boiler]),
        full: lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        forwarded: pass.forwarded,
        signature_alone,
    }
}

struct Pass<'a> {
    lines: &'a [Line],
    kinds: Vec<Kind>,
    forwarded: Option<Forwarded>,
    /// Where a quote without prefix begins that runs to the end, and what it begins with.
    tail: Option<Tail>,
}

#[derive(Debug, Clone, Copy)]
struct Tail {
    start: usize,
    text_start: usize,
    forward: bool,
    block: bool,
}

impl Pass<'_> {
    fn text(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", |line| line.text.as_str())
    }

    fn set(&mut self, from: usize, to: usize, kind: Kind) {
        self.kinds.get_mut(from..to).unwrap_or_default().fill(kind);
    }

    fn find_quotes(&mut self, context: Context<'_>) {
        let arrow = self.lone_arrow();
        let mut at = 0;
        while at < self.lines.len() {
            let line = self.text(at);
            if self
                .lines
                .get(at)
                .is_some_and(|line| line.hint == Hint::Quote)
            {
                self.set(at, at + 1, Kind::Quoted);
            } else if is_prefixed(line) && arrow != Some(at) {
                at = self.prefixed_run(at);
                continue;
            } else if let Some(marker) = block::marker(line) {
                if self.begin_tail(at, at + 1, Some(marker), context) {
                    return;
                }
            } else if block::is_reply_line(line) && self.has_new_words(0, at) {
                // Above it a desk's writer answers; below it stands what the desk wrote.
                self.run_to_end(at, at + 1);
                return;
            } else if block::header(self.lines, at, self.announced(at, context)).is_some() {
                if self.begin_tail(at, at, None, context) {
                    return;
                }
            } else if let Some(found) = attribution::ending_at(self.lines, at) {
                let prefixed = self.is_quote_next(at + 1);
                if prefixed {
                    self.set(found.start, at + 1, Kind::Quoted);
                } else if found.strong && self.has_words(at + 1, self.lines.len()) {
                    self.run_to_end(found.start, at + 1);
                    return;
                }
            } else if attribution::is_short(line) && self.is_quote_next(at + 1) {
                self.set(at, at + 1, Kind::Quoted);
            }
            at += 1;
        }
    }

    /// A header block is surer below a rule, and in a mail whose subject says that it forwards one.
    fn announced(&self, at: usize, context: Context<'_>) -> bool {
        context.subject == SubjectKind::Forward || self.rule_above(at).is_some()
    }

    /// Marks a quote without prefix that is no header block's.
    fn run_to_end(&mut self, start: usize, text_start: usize) {
        self.set(start, self.lines.len(), Kind::Quoted);
        self.tail = Some(Tail {
            start,
            text_start,
            forward: false,
            block: false,
        });
    }

    /// One `>` in the whole mail, in the middle of a sentence, is a path in a menu and no quote.
    fn lone_arrow(&self) -> Option<usize> {
        let mut arrows = (0..self.lines.len()).filter(|&at| is_prefixed(self.text(at)));
        let only = arrows.next()?;
        if arrows.next().is_some() {
            return None;
        }
        let before = self.text(only.checked_sub(1)?).trim();
        let goes_on = before.ends_with(|c: char| c.is_alphanumeric() || c == '"' || c == '”');
        goes_on.then_some(only)
    }

    /// Marks a run of prefixed lines, and the tails of lines that a mailer wrapped; returns where it ends.
    fn prefixed_run(&mut self, start: usize) -> usize {
        let mut at = start;
        while at < self.lines.len() {
            let line = self.text(at);
            let wrapped = !is_prefixed(line)
                && at > start
                && !line.trim().is_empty()
                && is_prefixed(self.text(at + 1))
                && self.text(at - 1).chars().count() >= 68
                && !self.text(at - 1).ends_with(['.', '?', '!', ':'])
                && line.chars().count() <= 30
                && line.starts_with(|c: char| c.is_lowercase());
            if !is_prefixed(line) && !wrapped {
                break;
            }
            if self.forwarded.is_none()
                && block::marker(strip_prefix(line)).is_some_and(|marker| marker == Marker::Forward)
            {
                self.forwarded = Some(block::forwarded(self.lines, at + 1));
            }
            at += 1;
        }
        self.set(start, at, Kind::Quoted);
        at
    }

    /// Begins a quote at a marker or header block; tells whether it runs to the end.
    fn begin_tail(
        &mut self,
        at: usize,
        after: usize,
        marker: Option<Marker>,
        context: Context<'_>,
    ) -> bool {
        let forward = marker == Some(Marker::Forward)
            || (context.subject == SubjectKind::Forward)
            || (marker.is_none()
                && context.subject == SubjectKind::Plain
                && !self.has_new_words(0, at));
        if forward && self.forwarded.is_none() {
            self.forwarded = Some(block::forwarded(self.lines, after));
        }
        let start = self.rule_above(at).unwrap_or(at);
        if marker.is_some() && self.is_quote_next(after) {
            self.set(start, after, Kind::Quoted);
            return false;
        }
        let next = self.next_filled(after).unwrap_or(after);
        let text_start = block::header(self.lines, next, true).unwrap_or(after);
        self.set(start, self.lines.len(), Kind::Quoted);
        self.tail = Some(Tail {
            start,
            text_start,
            forward,
            block: true,
        });
        true
    }

    /// An answer that stands wholly below an unmarked quote cannot be told from it: then the quote is new, too.
    fn keep_own_words(&mut self, context: Context<'_>) {
        let Some(tail) = self.tail else {
            return;
        };
        let keep = !tail.forward && (!tail.block || context.subject == SubjectKind::Reply);
        if keep && !self.has_new_words(0, tail.start) {
            self.set(tail.text_start, self.lines.len(), Kind::New);
            for at in tail.text_start..self.lines.len() {
                if is_prefixed(self.text(at)) {
                    self.set(at, at + 1, Kind::Quoted);
                }
            }
        }
    }

    /// A signature is better than nothing. Tells whether it is all that there is.
    fn restore_signature(&mut self) -> bool {
        if self.has_new_words(0, self.lines.len()) {
            return false;
        }
        let alone = self.kinds.contains(&Kind::Signature);
        for kind in &mut self.kinds {
            if *kind == Kind::Signature {
                *kind = Kind::New;
            }
        }
        alone
    }

    /// The rule or row of dashes right above a line, blank lines between them allowed.
    fn rule_above(&self, at: usize) -> Option<usize> {
        (at.saturating_sub(3)..at)
            .rev()
            .find(|&i| !self.text(i).trim().is_empty())
            .filter(|&i| block::is_rule(self.text(i)) && self.kinds.get(i) == Some(&Kind::New))
    }

    fn next_filled(&self, from: usize) -> Option<usize> {
        (from..self.lines.len())
            .take(4)
            .find(|&i| !self.text(i).trim().is_empty())
    }

    fn is_quote_next(&self, from: usize) -> bool {
        self.next_filled(from).is_some_and(|i| {
            is_prefixed(self.text(i))
                || self
                    .lines
                    .get(i)
                    .is_some_and(|line| line.hint == Hint::Quote)
        })
    }

    fn has_words(&self, from: usize, to: usize) -> bool {
        (from..to).any(|i| self.text(i).chars().any(char::is_alphanumeric))
    }

    fn has_new_words(&self, from: usize, to: usize) -> bool {
        (from..to).any(|i| {
            self.kinds.get(i) == Some(&Kind::New) && self.text(i).chars().any(char::is_alphanumeric)
        })
    }

    fn gather(&self, kinds: &[Kind]) -> String {
        let mut out = String::new();
        let mut gap = false;
        for (line, kind) in self.lines.iter().zip(&self.kinds) {
            if !kinds.contains(kind) || line.text.trim().is_empty() {
                gap = !out.is_empty();
                continue;
            }
            if !out.is_empty() {
                out.push_str(if gap { "\n\n" } else { "\n" });
            }
            out.push_str(&line.text);
            gap = false;
        }
        out
    }
}

/// Tells whether a line is quoted by a `>`.
pub(crate) fn is_prefixed(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    // A face is no quote.
    // Nor is the end of a wrapped `<address>:`.
    line.starts_with(['>', '＞'])
        && ![">_<", ">.<", ">:"]
            .iter()
            .any(|start| line.starts_with(start))
}

/// Takes all quote prefixes off a line.
pub(crate) fn strip_prefix(line: &str) -> &str {
    line.trim_start_matches(['>', '＞', ' ', '\t'])
}

#[cfg(test)]
mod tests;
