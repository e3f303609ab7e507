//! A reply as simple HTML: the same words, nothing fetched from anywhere, every character of outside escaped.

use crate::triage::reply::block::Block;
use crate::triage::reply::block::Line;
use crate::triage::reply::block::Piece;
use crate::triage::reply::block::Values;
use crate::triage::reply::template::Direction;

/// Writes the page around `sections`. The title is the desk's name.
pub(super) fn page(language: &str, direction: Direction, desk: &str, sections: &str) -> String {
    let mut out = String::with_capacity(sections.len() + 256);
    out.push_str("<!DOCTYPE html>\n<html lang=\"");
    escape(language, &mut out);
    out.push_str("\" dir=\"");
    out.push_str(direction.word());
    out.push_str("\">\n<head><meta charset=\"utf-8\"><title>");
    escape(desk, &mut out);
    out.push_str("</title></head>\n<body>\n");
    out.push_str(sections);
    out.push_str("</body>\n</html>\n");
    out
}

/// Writes blocks in one language, as a section that names it.
pub(super) fn section(
    language: &str,
    direction: Direction,
    blocks: &[&Block],
    values: &Values,
    out: &mut String,
) {
    out.push_str("<div lang=\"");
    escape(language, out);
    out.push_str("\" dir=\"");
    out.push_str(direction.word());
    out.push_str("\">\n");
    for block in blocks {
        match block {
            Block::Heading(line) => element("h3", line, values, out),
            Block::Paragraph(line) => element("p", line, values, out),
            Block::Steps(items) => list("ol", items, values, out),
            Block::Points(items) => list("ul", items, values, out),
            Block::Body => {}
        }
    }
    out.push_str("</div>\n");
}

fn list(name: &str, items: &[Line], values: &Values, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push_str(">\n");
    for item in items {
        element("li", item, values, out);
    }
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

fn element(name: &str, line: &Line, values: &Values, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    for piece in &line.pieces {
        match piece {
            Piece::Words(words) => escape(words, out),
            Piece::Value(value) => escape(values.get(*value), out),
            // The address itself is the link's text: a reader sees where it leads.
            Piece::Link(address) => {
                out.push_str("<a href=\"");
                escape(address, out);
                out.push_str("\">");
                escape(address, out);
                out.push_str("</a>");
            }
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

/// Escapes for text and for attributes in double quotes.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}
