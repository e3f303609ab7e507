//! `evaluate --screen`: the screen held against mails of which it is known whether a machine wrote them.
//!
//! # Decisions
//! - What counts is told apart: a machine that is answered (a loop may start), a person who is refused an answer (a
//!   person reads the mail), a person who is not filed (nobody reads it). Each is named, with the signs that led there.
//! - `--unmarked` takes every header field, return path and report part away first, and the machine's name from the
//!   sender: what is then still caught is what the words alone tell. Real autoresponders without markers are rare in
//!   collections; this makes many.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use anyhow::anyhow;
use serde::Serialize;

use crate::cli::RulesArgs;
use crate::cli::classify::Bench;
use crate::cli::classify::read;
use crate::cli::exit::Failure;
use crate::cli::safe;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::Structure;
use crate::message::address::Address;
use crate::message::parse::parse;
use crate::triage;
use crate::triage::Because;
use crate::triage::screen::Screening;

/// The labels beside the mails: a line of column names, then a line a mail, columns parted by tabs.
const INDEX: &str = "INDEX.tsv";
/// The sender of a mail whose marks were taken away.
const NOBODY: &str = "writer@unmarked.invalid";

/// One line of the index.
#[derive(Debug)]
struct Entry {
    file: String,
    kind: String,
    truth: Truth,
    marked: bool,
}

/// Who wrote a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Machine,
    Person,
    /// Not to be scored; it must only not stop anything.
    Unclear,
}

/// What the screen said of the mails of one kind.
#[derive(Debug, Default, Serialize)]
struct Tally {
    /// Mails of the kind.
    mails: usize,
    /// Taken for a machine's: recorded, nobody reads them.
    automatic: usize,
    /// Doubtful: to people, not answered.
    unsure: usize,
    /// Taken for a person's: may be answered.
    person: usize,
}

/// A mail of which the screen was wrong.
#[derive(Debug, Serialize)]
struct Wrong {
    file: String,
    kind: String,
    subject: String,
    /// Every sign, the deciding one first; empty when there was none.
    why: Vec<String>,
}

/// All figures: the contract of `evaluate --screen --json`.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Mails that machines wrote, by kind.
    machines: BTreeMap<String, Tally>,
    /// Mails that people wrote, by kind.
    people: BTreeMap<String, Tally>,
    /// Mails of which nobody can say.
    unclear: usize,
    /// Machines' mails that say so themselves.
    marked: usize,
    /// Machines' mails that do not.
    unmarked: usize,
    /// Marked machines' mails that would be answered.
    marked_answered: Vec<Wrong>,
    /// Unmarked machines' mails that would be answered.
    unmarked_answered: Vec<Wrong>,
    /// People whom nobody would read.
    people_unfiled: Vec<Wrong>,
    /// People who are taken for a machine, and get no answer by machine, but are read.
    people_refused: Vec<Wrong>,
    /// People who get none because no one certain writer can be answered (R4, R6, R14, R18, R19, R58), but are read.
    people_uncertain: Vec<Wrong>,
    /// Machines' mails that people would have to read.
    machines_to_people: Vec<Wrong>,
}

pub(super) fn run(
    rules: &RulesArgs,
    json: bool,
    unmarked: bool,
    folder: &Path,
) -> Result<(), Failure> {
    let bench = Bench::load(rules)?;
    let mut report = Report::default();
    for entry in entries(folder)? {
        let mut message = parse(&read(&folder.join(&entry.file))?);
        if unmarked {
            message = without_marks(message)?;
        }
        let subject = message.subject.clone();
        let reading = triage::read(message, &bench.rules, &bench.office);
        report.count(&entry, &subject, &reading.screening, &reading.signs);
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report.tell(&mut out)?;
    }
    out.flush()?;
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let path = folder.join(INDEX);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}: a table with the columns file, kind, automatic and marker belongs beside the mails",
            path.display()
        )
    })?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| {
        names
            .iter()
            .position(|n| *n == name)
            .with_context(|| format!("{}:1: there is no column `{name}`", path.display()))
    };
    let (file, kind) = (column("file")?, column("kind")?);
    let (automatic, marker) = (column("automatic")?, column("marker")?);
    let mut entries = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let at = |column: usize| columns.get(column).copied().unwrap_or_default();
        let truth = match at(automatic) {
            "yes" => Truth::Machine,
            "no" => Truth::Person,
            "unclear" => Truth::Unclear,
            other => {
                let place = format!("{}:{}", path.display(), number + 2);
                let what = format!("{place}: `automatic` is yes, no or unclear, not `{other}`");
                return Err(anyhow!(what).into());
            }
        };
        entries.push(Entry {
            file: at(file).to_owned(),
            kind: at(kind).to_owned(),
            truth,
            marked: at(marker).starts_with("explicit"),
        });
    }
    Ok(entries)
}

/// Returns whether that rule silences us whoever wrote, because nobody certain would get the answer.
fn is_uncertain(rule: &str) -> bool {
    ["R4", "R14", "R18", "R19", "R58", "agent", "R6-own"].contains(&rule)
}

/// The mail as a machine without any manners would have sent it.
fn without_marks(mut message: Message) -> Result<Message, Failure> {
    message.headers.clear();
    message.return_path = ReturnPath::Missing;
    message.structure = Structure::default();
    message.sender = None;
    message.reply_to.clear();
    for from in &mut message.from {
        from.name.clear();
        from.address = Address::parse(NOBODY).context("a stand-in address")?;
    }
    Ok(message)
}

impl Report {
    fn count(&mut self, entry: &Entry, subject: &str, screening: &Screening, signs: &[Because]) {
        let kinds = match entry.truth {
            Truth::Machine => &mut self.machines,
            Truth::Person => &mut self.people,
            Truth::Unclear => {
                self.unclear += 1;
                return;
            }
        };
        let tally = kinds.entry(entry.kind.clone()).or_default();
        tally.mails += 1;
        match screening {
            Screening::Automatic(_) => tally.automatic += 1,
            Screening::Unsure(..) => tally.unsure += 1,
            Screening::Person(_) => tally.person += 1,
        }
        if entry.truth == Truth::Machine {
            if entry.marked {
                self.marked += 1;
            } else {
                self.unmarked += 1;
            }
        }
        let list = match (entry.truth, screening) {
            (Truth::Machine, Screening::Person(_)) if entry.marked => &mut self.marked_answered,
            (Truth::Machine, Screening::Person(_)) => &mut self.unmarked_answered,
            (Truth::Machine, Screening::Unsure(..)) => &mut self.machines_to_people,
            (Truth::Person, Screening::Automatic(_)) => &mut self.people_unfiled,
            (Truth::Person, Screening::Unsure(why, _)) if is_uncertain(&why.rule) => {
                &mut self.people_uncertain
            }
            (Truth::Person, Screening::Unsure(..)) => &mut self.people_refused,
            _ => return,
        };
        list.push(Wrong {
            file: entry.file.clone(),
            kind: entry.kind.clone(),
            subject: safe(subject),
            why: signs
                .iter()
                .map(|b| format!("{}: {} [{}]", b.rule, b.says, safe(&b.matched)))
                .collect(),
        });
    }

    fn tell(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(
            out,
            "{:<26}{:>6}{:>11}{:>11}{:>10}",
            "", "mails", "recorded", "to people", "answered"
        )?;
        for (who, kinds) in [("machine", &self.machines), ("person", &self.people)] {
            for (kind, tally) in kinds {
                let Tally {
                    mails,
                    automatic,
                    unsure,
                    person,
                } = tally;
                let name = format!("{who}: {kind}");
                writeln!(
                    out,
                    "{name:<26}{mails:>6}{automatic:>11}{unsure:>11}{person:>10}"
                )?;
            }
        }
        let people: usize = self.people.values().map(|t| t.mails).sum();
        writeln!(
            out,
            "answered machines: {} of {} that say what they are, {} of {} that do not",
            self.marked_answered.len(),
            self.marked,
            self.unmarked_answered.len(),
            self.unmarked
        )?;
        writeln!(
            out,
            "people: {} of {people} taken for machines but read by people, {} read by nobody, {} without one certain address; not scored: {}",
            self.people_refused.len(),
            self.people_unfiled.len(),
            self.people_uncertain.len(),
            self.unclear
        )?;
        let lists = [
            ("machines that say so, answered", &self.marked_answered),
            ("machines that do not, answered", &self.unmarked_answered),
            ("people read by nobody", &self.people_unfiled),
            ("people taken for machines", &self.people_refused),
            ("people without one certain address", &self.people_uncertain),
            ("machines read by people", &self.machines_to_people),
        ];
        for (name, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            writeln!(out, "{name}")?;
            for wrong in *list {
                writeln!(
                    out,
                    "  {} ({}) `{}`",
                    safe(&wrong.file),
                    wrong.kind,
                    wrong.subject
                )?;
                if wrong.why.is_empty() {
                    writeln!(out, "    no sign of a machine")?;
                }
                for why in &wrong.why {
                    writeln!(out, "    {why}")?;
                }
            }
        }
        Ok(())
    }
}
