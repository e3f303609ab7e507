//! Rule files as text, and complaints that name the place.

use std::collections::BTreeMap;

/// A rules folder as read: path relative to the folder (with `/`) to the file's text.
pub type RuleFiles = BTreeMap<String, String>;

/// What is wrong in a rule file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct Complaint {
    /// The file, relative to the rules folder.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do, as a sentence.
    pub what: String,
}

impl Complaint {
    /// Builds a complaint about the byte at `offset` of `text`.
    pub fn at(file: &str, text: &str, offset: usize, what: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self {
            file: file.to_owned(),
            line,
            column,
            what: what.into(),
        }
    }

    /// Turns an error of the TOML reader into a complaint.
    pub fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |s| s.start);
        Self::at(file, text, offset, error.message().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_counts_lines_and_columns_from_one() {
        let c = Complaint::at("a.toml", "x = 1\n  yä = 2\n", 11, "no");
        assert_eq!((c.line, c.column), (2, 5));
        assert_eq!(c.to_string(), "a.toml:2:5: no");
    }
}
