//! `screen.toml` as it is written: unknown keys are refused, places are kept for complaints.

use serde::Deserialize;
use toml::Spanned;

use crate::triage::screen::rules::example::ExampleFile;
use crate::triage::screen::words::Place;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScreenFile {
    pub(super) points: PointsFile,
    pub(super) lists: ListsFile,
    #[serde(default)]
    pub(super) header: Vec<Spanned<HeaderFile>>,
    #[serde(default)]
    pub(super) sender: Vec<Spanned<SenderFile>>,
    #[serde(default)]
    pub(super) words: Vec<Spanned<WordsFile>>,
    #[serde(default)]
    pub(super) example: Vec<Spanned<ExampleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointsFile {
    pub(super) automatic: Spanned<i32>,
    pub(super) unsure: Spanned<i32>,
    pub(super) precedence: i32,
    pub(super) question: i32,
    pub(super) long: i32,
    pub(super) long_chars: usize,
    #[serde(default)]
    pub(super) asks_nothing: i32,
    #[serde(default)]
    pub(super) answers_us: i32,
    #[serde(default)]
    pub(super) tells_of_leave: i32,
    #[serde(default)]
    pub(super) links: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListsFile {
    pub(super) answer_prefixes: Vec<String>,
    pub(super) freemail: Vec<String>,
    pub(super) second_levels: Vec<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Automatic,
    Unsure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderFile {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) fields: Vec<String>,
    pub(super) verdict: Option<Verdict>,
    pub(super) points: Option<i32>,
    #[serde(default)]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) contains: Vec<String>,
    #[serde(default)]
    pub(super) except: Vec<String>,
    #[serde(default)]
    pub(super) natural_on_form: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SenderFile {
    pub(super) name: String,
    pub(super) says: String,
    #[serde(default)]
    pub(super) of: Vec<Whose>,
    pub(super) verdict: Option<Verdict>,
    pub(super) points: Option<i32>,
    #[serde(default)]
    pub(super) locals: Vec<String>,
    #[serde(default)]
    pub(super) contains: Vec<String>,
    #[serde(default)]
    pub(super) starts: Vec<String>,
    #[serde(default)]
    pub(super) ends: Vec<String>,
    #[serde(default)]
    pub(super) display: Vec<String>,
    #[serde(default)]
    pub(super) natural_on_form: bool,
    #[serde(default)]
    pub(super) reply_to_excuses: bool,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Whose {
    From,
    ReplyTo,
    ReturnPath,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordsFile {
    pub(super) name: String,
    pub(super) says: String,
    #[serde(rename = "in")]
    pub(super) place: Place,
    #[serde(default)]
    pub(super) points: i32,
    #[serde(default)]
    pub(super) doubt: i32,
    #[serde(default)]
    pub(super) words: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) patterns: Vec<Spanned<String>>,
}
