//! The folder `replies/` as a whole: which files there must be, in which languages, and what each lacks.

use crate::triage::reply::Letters;
use crate::triage::reply::Tongue;
use crate::triage::reply::block::Line;
use crate::triage::reply::block::Piece;
use crate::triage::reply::block::Value;
use crate::triage::reply::template;
use crate::triage::reply::template::Paragraph;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The language that is always there.
const ENGLISH: &str = "en";
/// The two files that are no paragraphs.
const FRAME: &str = "frame";
const SUBJECT: &str = "subject";

/// The files of one language: name without `.txt` to path and text.
type Folder<'a> = BTreeMap<&'a str, (&'a str, &'a str)>;

/// Compiles all languages; gathers every complaint rather than the first.
pub(super) fn compile(files: &RuleFiles, wanted: &[&str]) -> Result<Letters, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut folders = folders(files, &mut complaints);
    let english = folders.remove(ENGLISH).unwrap_or_default();
    let mut needed: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    // What a paragraph appends is needed too; English decides, since it is always there. A name without a file is a
    // fault of the header that names it.
    for name in wanted {
        let append = english
            .get(name)
            .and_then(|(path, text)| template::paragraph(path, text).ok()?.append);
        needed.extend(append.filter(|append| english.contains_key(append.as_str())));
    }
    let english = language(ENGLISH, &english, &needed, None, &mut complaints);
    let others: Vec<Tongue> = folders
        .iter()
        .filter_map(|(code, folder)| {
            language(code, folder, &needed, english.as_ref(), &mut complaints)
        })
        .collect();
    match english {
        Some(english) if complaints.is_empty() => {
            let beginnings = std::iter::once(&english)
                .chain(&others)
                .flat_map(beginnings)
                .collect();
            Ok(Letters {
                english,
                others,
                beginnings,
            })
        }
        _ => Err(complaints),
    }
}

/// Sorts the files into languages. Notes (`*.md`) and what editors leave (`.name`, `name~`) are no replies.
fn folders<'a>(
    files: &'a RuleFiles,
    complaints: &mut Vec<Complaint>,
) -> BTreeMap<&'a str, Folder<'a>> {
    let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
    for (path, text) in files {
        let Some(inner) = path.strip_prefix("replies/") else {
            continue;
        };
        let name = inner.rsplit('/').next().unwrap_or_default();
        if matches!(name.rsplit_once('.'), Some((_, "md")))
            || name.starts_with('.')
            || name.ends_with('~')
        {
            continue;
        }
        let parts = inner
            .split_once('/')
            .and_then(|(code, name)| Some((code, name.strip_suffix(".txt")?)));
        match parts {
            Some((code, name)) if is_code(code) && !name.contains('/') => {
                folders.entry(code).or_default().insert(name, (path, text));
            }
            _ => {
                let what = "a reply is a file `replies/LANG/NAME.txt`, LANG an ISO 639-1 code in lower case";
                complaints.push(Complaint::at(path, text, 0, what));
            }
        }
    }
    folders
}

fn is_code(code: &str) -> bool {
    matches!(code.len(), 2 | 3) && code.chars().all(|c| c.is_ascii_lowercase())
}

/// Compiles one language; none where something is missing or wrong.
fn language(
    code: &str,
    folder: &Folder<'_>,
    needed: &BTreeSet<String>,
    english: Option<&Tongue>,
    complaints: &mut Vec<Complaint>,
) -> Option<Tongue> {
    let before = complaints.len();
    for (name, (path, text)) in folder {
        if *name != FRAME && *name != SUBJECT && !needed.contains(*name) {
            complaints.push(Complaint::at(path, text, 0, stray(name, needed)));
        }
    }
    let frame = one(code, FRAME, folder, template::frame, complaints);
    let subject = one(code, SUBJECT, folder, template::subject, complaints);
    let mut paragraphs = BTreeMap::new();
    for name in needed {
        let paragraph = one(code, name, folder, template::paragraph, complaints);
        paragraphs.extend(paragraph.map(|paragraph| (name.clone(), paragraph)));
    }
    let frame = frame?;
    if code != ENGLISH && frame.below.is_none() {
        let what = "a language beside English needs `#: below = \"...\"`: that the letter follows in it further down";
        complaints.push(at_top(code, FRAME, folder, what));
    }
    for (name, paragraph) in &paragraphs {
        let model = english.and_then(|english| english.paragraphs.get(name));
        let faults = header_faults(paragraph, model, needed);
        complaints.extend(
            faults
                .into_iter()
                .map(|what| at_top(code, name, folder, &what)),
        );
    }
    let tongue = Tongue {
        code: code.to_owned(),
        frame,
        subject: subject?,
        paragraphs,
    };
    (complaints.len() == before).then_some(tongue)
}

/// Compiles one file, or complains that it is missing.
fn one<T>(
    code: &str,
    name: &str,
    folder: &Folder<'_>,
    compile: impl Fn(&str, &str) -> Result<T, Complaint>,
    complaints: &mut Vec<Complaint>,
) -> Option<T> {
    let result = match folder.get(name) {
        Some((path, text)) => compile(path, text),
        None => Err(at_top(
            code,
            name,
            folder,
            "this file is missing: the replies in this language are not complete without it",
        )),
    };
    result.map_err(|complaint| complaints.push(complaint)).ok()
}

fn at_top(code: &str, name: &str, folder: &Folder<'_>, what: &str) -> Complaint {
    let text = folder.get(name).map_or("", |(_, text)| text);
    Complaint::at(&format!("replies/{code}/{name}.txt"), text, 0, what)
}

/// Returns what is wrong with the names in a header, or differs from the English one.
fn header_faults(
    paragraph: &Paragraph,
    english: Option<&Paragraph>,
    needed: &BTreeSet<String>,
) -> Vec<String> {
    let names = paragraph.append.iter().chain(&paragraph.unless);
    let mut faults: Vec<String> = names
        .filter(|name| !needed.contains(*name))
        .map(|name| match meant(name, needed) {
            Some(meant) => format!("the header names `{name}`; did you mean `{meant}`?"),
            None => format!("the header names `{name}`, but no intent uses it and there is no English file for it"),
        })
        .collect();
    if english.is_some_and(|e| e.append != paragraph.append || e.unless != paragraph.unless) {
        faults.push("`append` and `unless` must be the same as in the English file".to_owned());
    }
    faults
}

/// Says that nobody asks for a paragraph.
fn stray(name: &str, needed: &BTreeSet<String>) -> String {
    match meant(name, needed) {
        Some(meant) => format!("no intent uses the reply `{name}`; did you mean `{meant}`?"),
        None => format!("no intent uses the reply `{name}`: remove it, or name it in an intent"),
    }
}

/// Returns the name that was probably meant.
fn meant<'a>(name: &str, needed: &'a BTreeSet<String>) -> Option<&'a String> {
    let near = needed.iter().map(|n| (distance(name, n), n)).min()?;
    (near.0 <= 2).then_some(near.1)
}

/// Counts the letters to change, add or remove to come from one name to the other (two letters swapped count 2); 99 for
/// long ones.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 || b.len() > 64 {
        return 99;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut next = vec![i + 1];
        for ((y, diagonal), above) in b.bytes().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            next.push(
                (diagonal + usize::from(x != y))
                    .min(above + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Returns how a language's subjects begin, in lower case, so that an answer to an answer does not repeat it.
fn beginnings(tongue: &Tongue) -> BTreeSet<String> {
    let begin = |line: &Line| {
        let words = line
            .pieces
            .iter()
            .take_while(|p| **p != Piece::Value(Value::Subject));
        let words: Option<String> = words
            .map(|p| {
                if let Piece::Words(words) = p {
                    Some(words.as_str())
                } else {
                    None
                }
            })
            .collect();
        words
            .map(|w| w.trim().to_lowercase())
            .filter(|w| w.chars().count() > 2)
    };
    tongue.subject.with.all().filter_map(begin).collect()
}
