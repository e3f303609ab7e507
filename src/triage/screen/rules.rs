//! `screen.toml` as written, and compiled: words, fields and names by which machines are known.
//!
//! # Decisions
//! - Raw and compiled are two types; the first mirrors the file and refuses unknown keys, the second cannot be wrong.
//! - The examples in the file are screened when it is loaded: a list that takes a person for a machine stops the start.

use std::collections::HashSet;

use regex::Regex;
use regex::RegexBuilder;
use toml::Spanned;

use crate::triage::screen::rules::file::HeaderFile;
use crate::triage::screen::rules::file::ScreenFile;
use crate::triage::screen::rules::file::SenderFile;
use crate::triage::screen::rules::file::Verdict;
use crate::triage::screen::rules::file::Whose;
use crate::triage::screen::rules::file::WordsFile;
use crate::triage::screen::sign::Force;
use crate::triage::screen::words;
use crate::triage::screen::words::Phrases;
use crate::triage::screen::words::Place;
use crate::triage::screen::words::Scan;
use crate::triage::screen::words::WordGroup;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

mod example;
mod file;

/// The file, relative to the rules folder.
const FILE: &str = "screen.toml";
/// A pattern must compile to no more octets: the bound on what a rule can cost.
const PATTERN_OCTETS_MAX: usize = 1 << 20;
/// A longer phrase is a mistake.
const PHRASE_OCTETS_MAX: usize = 2000;
/// A longer pattern is one, too.
const PATTERN_WRITTEN_MAX: usize = 400;

/// The screen's word lists and switches, compiled from `screen.toml`.
#[derive(Debug, Clone)]
pub struct ScreenRules {
    /// From so many points on a mail is a machine's.
    pub(super) automatic_points: i32,
    /// From so many points on a mail is doubtful.
    pub(super) unsure_points: i32,
    pub(super) precedence_points: i32,
    pub(super) question_points: i32,
    pub(super) long_chars: usize,
    pub(super) long_points: i32,
    pub(super) asks_nothing_doubt: i32,
    pub(super) answers_us_doubt: i32,
    pub(super) tells_of_leave_points: i32,
    pub(super) links_doubt: i32,
    pub(super) answer_prefixes: HashSet<String>,
    pub(super) freemail: HashSet<String>,
    pub(in crate::triage) second_levels: HashSet<String>,
    pub(super) headers: Vec<HeaderRule>,
    pub(super) senders: Vec<SenderRule>,
    pub(super) groups: Vec<WordGroup>,
    pub(super) subject_scan: Scan,
    pub(super) body_scan: Scan,
    pub(super) end_scan: Scan,
}

/// Header fields that a vendor's machines write.
#[derive(Debug, Clone)]
pub(super) struct HeaderRule {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) fields: Vec<String>,
    pub(super) force: Force,
    pub(super) natural_on_form: bool,
    values: Vec<String>,
    contains: Vec<String>,
    except: Vec<String>,
}

/// Names that machines write under.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the file by itself"
)]
pub(super) struct SenderRule {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) force: Force,
    pub(super) of_from: bool,
    pub(super) of_reply_to: bool,
    pub(super) of_return_path: bool,
    pub(super) natural_on_form: bool,
    pub(super) reply_to_excuses: bool,
    locals: Vec<String>,
    contains: Vec<String>,
    starts: Vec<String>,
    ends: Vec<String>,
    display: Vec<String>,
}

impl ScreenRules {
    /// Compiles `screen.toml` and screens its examples.
    ///
    /// # Errors
    /// Everything that is wrong in the file, each with its place.
    pub fn compile(files: &RuleFiles) -> Result<Self, Vec<Complaint>> {
        let Some(text) = files.get(FILE) else {
            return Err(vec![Complaint::at(
                FILE,
                "",
                0,
                "The file is missing; the screen needs its lists.",
            )]);
        };
        let file: ScreenFile =
            toml::from_str(text).map_err(|e| vec![Complaint::of_toml(FILE, text, &e)])?;
        let mut wrong = Wrong {
            text,
            complaints: Vec::new(),
        };
        let mut rules = file.switches(&mut wrong);
        rules.headers = file
            .header
            .iter()
            .filter_map(|h| header(h, &mut wrong))
            .collect();
        rules.senders = file
            .sender
            .iter()
            .filter_map(|s| sender(s, &mut wrong))
            .collect();
        let mut groups = Groups::default();
        for group in &file.words {
            groups.add(group, &mut wrong);
        }
        rules.groups = groups.words;
        let mut scan = |phrases: Phrases| {
            phrases.scan().unwrap_or_else(|what| {
                wrong.at(0, what);
                Scan::default()
            })
        };
        rules.subject_scan = scan(groups.subject);
        rules.body_scan = scan(groups.body);
        rules.end_scan = scan(groups.end);
        if wrong.complaints.is_empty() {
            for written in &file.example {
                if let Err(what) = written.get_ref().try_with(&rules) {
                    wrong.at(written.span().start, what);
                }
            }
        }
        if wrong.complaints.is_empty() {
            Ok(rules)
        } else {
            Err(wrong.complaints)
        }
    }
}

/// Complaints as they gather.
struct Wrong<'a> {
    text: &'a str,
    complaints: Vec<Complaint>,
}

impl Wrong<'_> {
    fn at(&mut self, offset: usize, what: impl Into<String>) {
        self.complaints
            .push(Complaint::at(FILE, self.text, offset, what));
    }
}

impl ScreenFile {
    fn switches(&self, wrong: &mut Wrong<'_>) -> ScreenRules {
        let (automatic, unsure) = (&self.points.automatic, &self.points.unsure);
        if *unsure.get_ref() <= 0 {
            wrong.at(
                unsure.span().start,
                "`unsure` must be above 0, or every mail is doubtful.",
            );
        }
        if automatic.get_ref() <= unsure.get_ref() {
            wrong.at(
                automatic.span().start,
                "`automatic` must be above `unsure`.",
            );
        }
        let set = |list: &[String]| list.iter().map(|w| words::normal(w, 100)).collect();
        ScreenRules {
            automatic_points: *automatic.get_ref(),
            unsure_points: *unsure.get_ref(),
            precedence_points: self.points.precedence,
            question_points: self.points.question,
            long_chars: self.points.long_chars,
            long_points: self.points.long,
            asks_nothing_doubt: self.points.asks_nothing,
            answers_us_doubt: self.points.answers_us,
            tells_of_leave_points: self.points.tells_of_leave,
            links_doubt: self.points.links,
            answer_prefixes: set(&self.lists.answer_prefixes),
            freemail: set(&self.lists.freemail),
            second_levels: set(&self.lists.second_levels),
            headers: Vec::new(),
            senders: Vec::new(),
            groups: Vec::new(),
            subject_scan: Scan::default(),
            body_scan: Scan::default(),
            end_scan: Scan::default(),
        }
    }
}

fn header(written: &Spanned<HeaderFile>, wrong: &mut Wrong<'_>) -> Option<HeaderRule> {
    let rule = written.get_ref();
    let force = force(rule.verdict, rule.points, written.span().start, wrong)?;
    if rule.fields.is_empty() {
        wrong.at(
            written.span().start,
            format!("`{}` names no `fields`.", rule.name),
        );
    }
    Some(HeaderRule {
        name: rule.name.clone(),
        says: rule.says.clone(),
        fields: lower(&rule.fields),
        force,
        natural_on_form: rule.natural_on_form,
        values: lower(&rule.values),
        contains: lower(&rule.contains),
        except: lower(&rule.except),
    })
}

fn sender(written: &Spanned<SenderFile>, wrong: &mut Wrong<'_>) -> Option<SenderRule> {
    let rule = written.get_ref();
    let force = force(rule.verdict, rule.points, written.span().start, wrong)?;
    let lists = [
        &rule.locals,
        &rule.contains,
        &rule.starts,
        &rule.ends,
        &rule.display,
    ];
    if lists.iter().all(|l| l.is_empty()) || lists.iter().any(|l| l.iter().any(String::is_empty)) {
        wrong.at(
            written.span().start,
            format!("`{}` has no names, or an empty one.", rule.name),
        );
    }
    let of = |whose: Whose| rule.of.contains(&whose);
    Some(SenderRule {
        name: rule.name.clone(),
        says: rule.says.clone(),
        force,
        of_from: of(Whose::From) || rule.of.is_empty(),
        of_reply_to: of(Whose::ReplyTo),
        of_return_path: of(Whose::ReturnPath),
        natural_on_form: rule.natural_on_form,
        reply_to_excuses: rule.reply_to_excuses,
        locals: lower(&rule.locals),
        contains: lower(&rule.contains),
        starts: lower(&rule.starts),
        ends: lower(&rule.ends),
        display: lower(&rule.display),
    })
}

fn force(
    verdict: Option<Verdict>,
    points: Option<i32>,
    offset: usize,
    wrong: &mut Wrong<'_>,
) -> Option<Force> {
    match (verdict, points) {
        (Some(Verdict::Automatic), None) => Some(Force::Automatic),
        (Some(Verdict::Unsure), None) => Some(Force::Unsure),
        (None, Some(points)) => Some(Force::Points(points)),
        _ => {
            wrong.at(
                offset,
                "Give either `verdict` (automatic, unsure) or `points`.",
            );
            None
        }
    }
}

fn lower(list: &[String]) -> Vec<String> {
    list.iter().map(|w| w.to_lowercase()).collect()
}

impl HeaderRule {
    /// Returns whether a value, of which the first word is given, is one that the rule means.
    pub(super) fn tells(&self, first: &str, value: &str) -> bool {
        if self.except.iter().any(|e| e == first) {
            return false;
        }
        let value = value.to_lowercase();
        (self.values.is_empty() && self.contains.is_empty())
            || self.values.iter().any(|v| v == first)
            || self.contains.iter().any(|c| value.contains(c.as_str()))
    }
}

impl SenderRule {
    /// Returns whether that is such a machine's local part or display name.
    pub(super) fn fits(&self, local: &str, display: &str) -> bool {
        let local = local.trim_matches('"').to_lowercase();
        let dense: String = local.chars().filter(|c| c.is_alphanumeric()).collect();
        let display = words::normal(display, 200);
        self.locals.contains(&local)
            || self.contains.iter().any(|c| dense.contains(c.as_str()))
            || self.starts.iter().any(|s| local.starts_with(s.as_str()))
            || self.ends.iter().any(|e| local.ends_with(e.as_str()))
            || self.display.contains(&display)
    }
}

/// The word groups as they are read, and the literals and patterns of each place.
#[derive(Default)]
struct Groups {
    words: Vec<WordGroup>,
    subject: Phrases,
    body: Phrases,
    end: Phrases,
}

impl Groups {
    fn add(&mut self, written: &Spanned<WordsFile>, wrong: &mut Wrong<'_>) {
        let group = written.get_ref();
        let at = self.words.len();
        if self.words.iter().any(|g| g.name == group.name) {
            wrong.at(
                written.span().start,
                format!("There are two groups `{}`.", group.name),
            );
        }
        if group.words.is_empty() && group.patterns.is_empty() {
            wrong.at(
                written.span().start,
                format!("`{}` has neither words nor patterns.", group.name),
            );
        }
        let phrases = match group.place {
            Place::Body => &mut self.body,
            Place::End => &mut self.end,
            Place::Subject | Place::SubjectStart => &mut self.subject,
        };
        for word in &group.words {
            if let Err(what) = phrases.add(at, word.get_ref(), PHRASE_OCTETS_MAX) {
                wrong.at(word.span().start, what);
            }
        }
        for pattern in &group.patterns {
            match compile(pattern.get_ref()) {
                Ok(regex) => phrases.add_pattern(at, regex),
                Err(what) => wrong.at(pattern.span().start, what),
            }
        }
        self.words.push(WordGroup {
            name: group.name.clone(),
            says: group.says.clone(),
            place: group.place,
            points: group.points,
            doubt: group.doubt,
        });
    }
}

/// Compiles a pattern, with a bound on its size; texts come in lower case, so patterns are written so.
fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_WRITTEN_MAX {
        return Err("The pattern is longer than 400 octets.".to_owned());
    }
    let built = RegexBuilder::new(pattern)
        .size_limit(PATTERN_OCTETS_MAX)
        .build();
    let regex = built.map_err(|e| format!("The pattern is wrong: {e}"))?;
    if regex.is_match("") {
        return Err("The pattern matches nothing at all, and so every mail.".to_owned());
    }
    Ok(regex)
}
