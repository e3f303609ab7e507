//! The confusion table as a picture: rows are what people labelled, columns what the clerk said.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Width and height of a square, in pixels.
const CELL: usize = 44;
/// Room for the names.
const MARGIN: usize = 150;
/// Longest name that fits its room.
const NAME_CHARS: usize = 20;

/// Draws the table. Right ones are green, wrong ones red, the darker the larger their share of the row.
pub(super) fn confusion(table: &BTreeMap<String, BTreeMap<String, usize>>) -> String {
    let mut names: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    names.extend(
        table
            .values()
            .flat_map(|row| row.keys().map(String::as_str)),
    );
    let side = MARGIN + names.len() * CELL + 10;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}\" height=\"{side}\" viewBox=\"0 0 {side} {side}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>labelled (rows) and said (columns)</title>\n\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n"
    );
    for (number, name) in names.iter().enumerate() {
        let middle = MARGIN + number * CELL + CELL / 2;
        let name = escaped(name);
        let (end, up) = (MARGIN - 8, MARGIN - 8);
        let _ = writeln!(
            out,
            "<text x=\"{end}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            middle + 4
        );
        let _ = writeln!(
            out,
            "<text x=\"{middle}\" y=\"{up}\" transform=\"rotate(-60 {middle} {up})\">{name}</text>"
        );
    }
    for (y, wanted) in names.iter().enumerate() {
        let Some(row) = table.get(*wanted) else {
            continue;
        };
        let all: usize = row.values().sum();
        for (x, said) in names.iter().enumerate() {
            let count = row.get(*said).copied().unwrap_or(0);
            let _ = writeln!(
                out,
                "{}",
                cell(MARGIN + x * CELL, MARGIN + y * CELL, count, all, x == y)
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

fn cell(x: usize, y: usize, count: usize, of: usize, right: bool) -> String {
    let percent = (count * 100).checked_div(of).unwrap_or(0);
    let colour = if right { "#1a7f37" } else { "#cf222e" };
    let mut out = format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{colour}\" fill-opacity=\"{}.{:02}\" stroke=\"#d0d7de\"/>",
        percent / 100,
        percent % 100
    );
    if count > 0 {
        let ink = if percent > 55 { "#fff" } else { "#1f2328" };
        let (x, y) = (x + CELL / 2, y + CELL / 2 + 4);
        let _ = write!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"{ink}\">{count}</text>"
        );
    }
    out
}

fn escaped(name: &str) -> String {
    let short: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    short
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_drawn_and_names_cannot_break_the_picture() {
        let row =
            |cells: &[(&str, usize)]| cells.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect();
        let table: BTreeMap<String, BTreeMap<String, usize>> = [
            ("thanks".to_owned(), row(&[("thanks", 37), ("<b>&", 5)])),
            ("other".to_owned(), row(&[("other", 11)])),
        ]
        .into();
        let picture = confusion(&table);
        for count in [">37<", ">5<", ">11<"] {
            assert!(picture.contains(count), "{count}");
        }
        assert!(picture.contains("&lt;b&gt;&amp;") && !picture.contains("<b>"));
        assert_eq!(picture.matches("<rect x=").count(), 6);
    }
}
