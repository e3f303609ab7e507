//! What the page writes: characters to lines, lines with their quote prefix and hints.

use mail_parser::decoders::html::add_html_token;

use crate::message::html::CITE_LINES_MAX;
use crate::message::html::Hint;
use crate::message::html::Line;
use crate::message::html::Page;
use crate::message::html::QUOTE_DEPTH_MAX;
use crate::message::html::RULE;
use crate::message::html::SIGNATURE_LINES_MAX;

impl Page {
    pub(super) fn text(&mut self, text: &str) {
        if self.is_hidden() || text.is_empty() {
            return;
        }
        if !text.contains('&') {
            return self.characters(text);
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            self.characters(before);
            let name = after
                .bytes()
                .take(32)
                .take_while(|b| b.is_ascii_alphanumeric() || *b == b'#')
                .count();
            if name > 0 && after.as_bytes().get(name) == Some(&b';') {
                let mut decoded = String::new();
                let entity = format!("&{};", after.get(..name).unwrap_or_default());
                add_html_token(&mut decoded, entity.as_bytes(), false);
                self.characters(&decoded);
                rest = after.get(name + 1..).unwrap_or_default();
            } else {
                self.characters("&");
                rest = after;
            }
        }
        self.characters(rest);
    }

    pub(super) fn characters(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' if self.pre > 0 => self.new_line(),
                '\u{a0}' => {
                    self.space = false;
                    self.current.push(' ');
                }
                ' ' | '\t' | '\n' | '\r' | '\u{c}' if self.pre == 0 || c == '\r' => {
                    self.space |= !self.current.is_empty();
                }
                c if c.is_control() && c != '\t' => {}
                c => {
                    if self.space {
                        self.current.push(' ');
                        self.space = false;
                    }
                    self.current.push(c);
                }
            }
        }
    }

    pub(super) fn new_line(&mut self) {
        if self.is_hidden() {
            return;
        }
        let depth = self.quotes.min(QUOTE_DEPTH_MAX);
        let text = format!("{}{}", "> ".repeat(depth), self.current.trim())
            .trim_end()
            .to_owned();
        self.octets = self.octets.saturating_add(text.len() + 1);
        let hint = if self.signatures > 0 && depth == 0 {
            Hint::Signature
        } else {
            Hint::None
        };
        self.lines.push(Line { text, hint });
        self.current.clear();
        self.space = false;
    }

    pub(super) fn end_line(&mut self) {
        if !self.current.is_empty() {
            self.new_line();
        }
    }

    pub(super) fn blank_line(&mut self) {
        let blank = self
            .lines
            .last()
            .is_none_or(|line| line.text.trim_matches(['>', ' ']).is_empty());
        if !blank {
            self.new_line();
        }
    }

    pub(super) fn rule(&mut self) {
        self.end_line();
        if self.is_hidden()
            || self
                .lines
                .iter()
                .rev()
                .find(|line| !line.text.is_empty())
                .is_some_and(|line| line.text.ends_with(RULE))
        {
            return;
        }
        self.current.push_str(RULE);
        self.new_line();
    }

    pub(super) fn mark_cite(&mut self, first: usize) {
        let lines = self.lines.get_mut(first..).unwrap_or_default();
        let filled = lines.iter().filter(|line| !line.text.is_empty()).count();
        let is_attribution = lines
            .iter()
            .rfind(|line| !line.text.is_empty())
            .is_some_and(|line| line.text.ends_with([':', '：']) && !line.text.starts_with("--"));
        if filled <= CITE_LINES_MAX && is_attribution {
            for line in lines {
                line.hint = Hint::Quote;
            }
        }
    }

    pub(super) fn judge_signature(&mut self, first: usize) {
        let lines = self.lines.get_mut(first..).unwrap_or_default();
        if lines.iter().filter(|line| !line.text.is_empty()).count() > SIGNATURE_LINES_MAX {
            for line in lines {
                line.hint = Hint::None;
            }
        }
    }
}
