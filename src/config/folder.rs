//! A rules folder, read from the disk.

use std::fs;
use std::path::Path;

use crate::triage::desk::Rules;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// A rule file is text that people write: a larger one is a mistake.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// So many files are enough for every intent in every language.
const FILES_MAX: usize = 5_000;
/// `replies/LANG/NAME.txt` is the deepest.
const DEPTH_MAX: usize = 4;

/// Reads and compiles a rules folder. File names in complaints begin with the folder's path.
///
/// # Errors
/// Every complaint about every file.
pub fn load(folder: &Path) -> Result<Rules, Vec<Complaint>> {
    let files = read(folder)?;
    Rules::compile(&files).map_err(|mut complaints| {
        for complaint in &mut complaints {
            complaint.file = folder.join(&complaint.file).display().to_string();
        }
        complaints
    })
}

/// Reads all rule files (`.toml`, `.txt`, `.json`) below a folder.
///
/// # Errors
/// A complaint for each file that is too large, no UTF-8, or cannot be read.
pub fn read(folder: &Path) -> Result<RuleFiles, Vec<Complaint>> {
    let mut files = RuleFiles::new();
    let mut complaints = Vec::new();
    descend(folder, "", 0, &mut files, &mut complaints);
    if files.is_empty() && complaints.is_empty() {
        complaints.push(complaint(
            folder,
            "holds no rules; name the folder with `rules` in the config or --rules",
        ));
    }
    if complaints.is_empty() {
        Ok(files)
    } else {
        Err(complaints)
    }
}

fn descend(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut RuleFiles,
    complaints: &mut Vec<Complaint>,
) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return complaints.push(complaint(folder, &format!("cannot be read: {e}"))),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            if depth < DEPTH_MAX {
                descend(&path, &format!("{relative}/"), depth + 1, files, complaints);
            }
        } else if is_rule_file(&path) {
            if files.len() == FILES_MAX {
                return complaints.push(complaint(folder, "holds too many files"));
            }
            match read_file(&path) {
                Ok(text) => drop(files.insert(relative, text)),
                Err(what) => complaints.push(complaint(&path, &what)),
            }
        }
    }
}

fn is_rule_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e == "toml" || e == "txt" || e == "json")
}

fn read_file(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path)
        .map_err(|e| format!("cannot be read: {e}"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "has {size} octets; at most {FILE_BYTES_MAX} are read"
        ));
    }
    let bytes = fs::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    String::from_utf8(bytes)
        .map_err(|e| format!("is not UTF-8 (at octet {})", e.utf8_error().valid_up_to()))
}

fn complaint(path: &Path, what: &str) -> Complaint {
    Complaint::at(&path.display().to_string(), "", 0, what)
}
