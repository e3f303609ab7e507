//! Keeps the house in order: doors between rooms, pure rooms, sizes, first lines, leftovers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Lines a file may have, its tests at the end not counted. Only ever lowered.
const FILE_LINES_MAX: usize = 400;
/// Lines a file of tests may have.
const TEST_FILE_LINES_MAX: usize = 800;
/// Lines a function may have, from `fn` to its closing brace. Only ever lowered.
const FUNCTION_LINES_MAX: usize = 70;

/// Which rooms, or parts of rooms, each room may import. A room that is not here has no doors yet.
const DOORS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("steps", &[]),
    ("tls", &["clock"]),
    ("message", &["clock"]),
    ("triage", &["message", "clock"]),
    (
        "mailbox",
        &[
            "steps",
            "message",
            "clock",
            "tls",
            "config::secret",
            "config::oauth",
            "triage::delivery",
        ],
    ),
    (
        "transport",
        &[
            "steps",
            "message",
            "clock",
            "tls",
            "config::secret",
            "config::oauth",
            "triage::delivery",
        ],
    ),
    (
        "store",
        &[
            "steps",
            "message",
            "triage",
            "clock",
            "mailbox::resume::Cursor",
            "mailbox::resume::Gate",
            "mailbox::Filing",
        ],
    ),
    (
        "config",
        &[
            "message",
            "triage",
            "mailbox",
            "transport",
            "learn::correction",
            "tls",
            "clock",
        ],
    ),
    (
        "daemon",
        &[
            "steps",
            "message",
            "triage",
            "store",
            "mailbox",
            "transport",
            "config",
            "learn::correction",
            "tls",
            "clock",
        ],
    ),
    (
        "cli",
        &[
            "message",
            "triage",
            "store",
            "mailbox",
            "transport",
            "config",
            "daemon",
            "learn",
            "tls",
            "clock",
        ],
    ),
    ("learn", &["message", "triage"]),
    // The map, and the crate's door to the outside.
    ("lib", &["*"]),
    ("main", &["*"]),
];

/// Rooms that only think.
const PURE: &[&str] = &["message", "triage"];
/// What a room that only thinks has no use for.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "SystemClock",
    "tokio",
    "tracing",
    "println!",
    "eprintln!",
    "rand::",
    "SystemRandom",
];

#[test]
fn rooms_open_only_the_doors_they_have() {
    let mut complaints = Vec::new();
    for file in files(&["src"], &["rs"]) {
        let room = room_of(&file.path);
        for (line, import) in imports(&file.untested()) {
            if let Some(complaint) = closed_door(&room, &import) {
                complaints.push(format!("{}:{line}: {complaint}", file.path));
            }
        }
    }
    assert_tidy(&complaints);
}

/// What changes a file of the state folder passes `store/sync.rs`, where its moments have names.
#[test]
fn no_file_of_the_store_changes_unseen() {
    let mut complaints = Vec::new();
    let changes = [
        ".sync_all(",
        ".sync_data(",
        "fs::rename",
        "fs::remove",
        "fs::write",
        "set_len",
    ];
    for file in files(&["src/store"], &["rs"]) {
        if file.path == "src/store/sync.rs" || file.path.contains("/tests") {
            continue;
        }
        for (number, line) in file.untested().lines().enumerate() {
            if let Some(change) = changes.iter().find(|c| line.contains(**c)) {
                complaints.push(format!("{}:{}: {change}", file.path, number + 1));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn thinking_rooms_touch_nothing() {
    let mut complaints = Vec::new();
    for file in files(&["src"], &["rs"]) {
        if PURE.contains(&room_of(&file.path).as_str()) {
            let found = occurrences(&code_of(&file.untested()), IMPURE);
            complaints.extend(found.iter().map(|found| format!("{}:{found}", file.path)));
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    let mut complaints = Vec::new();
    for file in files(&["src"], &["rs"]) {
        if room_of(&file.path) != "clock" {
            let code = code_of(&file.untested());
            let found = occurrences(
                &code,
                &["SystemTime::now", "jiff::Timestamp::now", "Zoned::now"],
            );
            complaints.extend(found.iter().map(|found| format!("{}:{found}", file.path)));
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn every_file_says_on_its_first_line_what_it_is_for() {
    let files = files(&["src", "tests"], &["rs"]);
    let silent = files.iter().filter(|file| !says_what_it_is_for(&file.text));
    assert_tidy(
        &silent
            .map(|file| format!("{}:1: no `//!` line", file.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_and_functions_are_short() {
    let mut complaints = Vec::new();
    for file in files(&["src", "tests"], &["rs"]) {
        let (lines, most) = if is_tests(&file.path) {
            (file.text.lines().count(), TEST_FILE_LINES_MAX)
        } else {
            (file.untested().lines().count(), FILE_LINES_MAX)
        };
        if lines > most {
            complaints.push(format!("{}: {lines} lines, at most {most}", file.path));
        }
        for (line, name, lines) in functions(&code_of(&file.text)) {
            if lines > FUNCTION_LINES_MAX {
                complaints.push(format!(
                    "{}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}",
                    file.path
                ));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn one_door_one_line() {
    let mut complaints = Vec::new();
    for file in files(&["src", "tests"], &["rs"]) {
        for (number, line) in code_of(&file.text).lines().enumerate() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or(line);
            if line.starts_with("use ") && line.contains('{') {
                complaints.push(format!("{}:{}: `use` with braces", file.path, number + 1));
            }
        }
    }
    assert_tidy(&complaints);
}

#[test]
fn nothing_is_left_over() {
    // In pieces, so that this file is not among the findings.
    let in_code = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("dbg", "!("),
    ];
    let in_text = [
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("TO", "DO:"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
    ];
    let mut complaints = Vec::new();
    let folders = ["src", "tests", "rules", "systemd", ".ci", ".config"];
    let kinds = [
        "rs", "toml", "md", "sh", "txt", "html", "service", "conf", "run",
    ];
    let mut all = files(&folders, &kinds);
    all.extend(
        ["Cargo.toml", "Makefile", "README.md", "CHANGELOG.md"]
            .iter()
            .filter_map(|name| File::read(&root().join(name))),
    );
    for file in all {
        let mut found = occurrences(&file.text, &in_text);
        if file.is_rust() {
            found.extend(occurrences(&code_of(&file.text), &in_code));
        }
        complaints.extend(found.iter().map(|found| format!("{}:{found}", file.path)));
    }
    assert_tidy(&complaints);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_tidy(&without_reason(&manifest));
}

/// A file of the project.
struct File {
    /// Relative to the project, with `/`.
    path: String,
    text: String,
}

impl File {
    fn read(path: &Path) -> Option<Self> {
        Some(Self {
            text: fs::read_to_string(path).ok()?,
            path: path
                .strip_prefix(root())
                .ok()?
                .to_string_lossy()
                .into_owned(),
        })
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|kind| kind == "rs")
    }

    /// The text up to the unit tests at its end; nothing where the whole file is unit tests.
    fn untested(&self) -> String {
        if is_tests(&self.path) {
            return String::new();
        }
        without_tests(&self.text)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folders: &[&str], kinds: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = path
                .extension()
                .or(path.file_name())
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if kinds.contains(&kind.as_str()) {
                found.extend(File::read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Whether a file holds tests and nothing else: by its place, or because its parent names it only for tests.
fn is_tests(path: &str) -> bool {
    static NAMED: OnceLock<Vec<String>> = OnceLock::new();
    let own = path.starts_with("tests/") && path.matches('/').count() == 1;
    let named = || {
        NAMED.get_or_init(|| {
            let sources = files(&["src"], &["rs"]);
            sources
                .iter()
                .flat_map(|file| test_modules(&file.path, &file.text))
                .collect()
        })
    };
    own || path.contains("/tests/") || named().iter().any(|test| test == path)
}

/// The files that a file declares by `#[cfg(test)]` and `mod NAME;`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    };
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let name = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .strip_prefix("mod ");
        if let Some(name) = name
            .and_then(|rest| rest.strip_suffix(';'))
            .filter(|_| inside)
        {
            found.push(format!("{folder}/{name}.rs"));
        }
        inside = line.starts_with("#[cfg(test)]") || inside && line.starts_with("#[");
    }
    found
}

fn without_tests(text: &str) -> String {
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn says_what_it_is_for(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first
        .strip_prefix("//! ")
        .is_some_and(|words| !words.trim().is_empty())
}

/// `src/store/mod.rs` and `src/store.rs` are of the room `store`.
fn room_of(path: &str) -> String {
    let rest = path.strip_prefix("src/").unwrap_or(path);
    rest.split(['/', '.']).next().unwrap_or_default().to_owned()
}

/// Every `crate::…` path in code, with its line.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code_of(text).lines().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let end = rest
                .find(|c: char| c != ':' && c != '_' && !c.is_alphanumeric())
                .unwrap_or(rest.len());
            found.push((number + 1, rest[..end].to_owned()));
        }
    }
    found
}

/// Why `room` must not import `import`; none where it may.
fn closed_door(room: &str, import: &str) -> Option<String> {
    let Some((_, doors)) = DOORS.iter().find(|(name, _)| *name == room) else {
        return Some(format!(
            "`{room}` is a room without doors: say in tests/tidy.rs what it may import"
        ));
    };
    let opens = |door: &str| {
        let rest = import.strip_prefix(door);
        door == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let open = opens(room) || doors.iter().any(|door| opens(door));
    (!open).then(|| format!("`{room}` must not know `{import}`"))
}

/// Where any of the words stands in the text, as `line: word`.
fn occurrences(text: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let here = words.iter().filter(|word| contains_word(line, word));
        found.extend(here.map(|word| format!("{}: {word}", number + 1)));
    }
    found
}

/// Whether `word` stands in `line`, and not as the end or the beginning of a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c == '_' || c.is_alphanumeric());
    let edge = |c: Option<char>| joins(c);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !(edge(word.chars().next()) && joins(before)
            || edge(word.chars().next_back()) && joins(after))
    })
}

/// Dependencies of a manifest that no comment line stands above.
fn without_reason(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut before = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && !line.is_empty() && !line.starts_with('#') && !before.starts_with('#') {
            found.push(format!("Cargo.toml: `{line}` without a line that says why"));
        }
        before = line;
    }
    found
}

/// Every function with a body: line, name, and lines from `fn` to the closing brace. Takes code as [`code_of`] gives it.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    // Open functions with the depth outside of their body, and one whose body has not begun.
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    let mut coming: Option<(usize, String)> = None;
    let mut depth = 0_usize;
    let mut inside_brackets = 0_usize;
    for (number, line) in code.lines().enumerate() {
        let mut word = String::new();
        let mut after_fn = false;
        for c in line.chars().chain([' ']) {
            if c == '_' || c.is_alphanumeric() {
                word.push(c);
                continue;
            }
            if after_fn && !word.is_empty() {
                coming = Some((number + 1, word.clone()));
                after_fn = false;
            }
            after_fn = after_fn || word == "fn" && c == ' ';
            word.clear();
            match c {
                '(' | '[' => inside_brackets += 1,
                ')' | ']' => inside_brackets = inside_brackets.saturating_sub(1),
                '{' => {
                    if let Some((start, name)) = coming.take() {
                        open.push((start, name, depth));
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if open.last().is_some_and(|(_, _, outside)| *outside == depth) {
                        let (start, name, _) = open.pop().unwrap();
                        found.push((start, name, number + 2 - start));
                    }
                }
                // A function without a body, in a trait.
                ';' if inside_brackets == 0 => coming = None,
                _ => {}
            }
        }
    }
    found
}

/// The text with comments, strings and characters blanked out, line for line.
fn code_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = comment(rest)
            .or_else(|| string(rest))
            .or_else(|| character(rest));
        // A name may end in r or b; it is taken whole, so that no string is seen to begin inside of it.
        let name = rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(rest.len());
        if let Some(length) = length {
            out.extend(
                rest[..length]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            rest = &rest[length..];
        } else {
            let length = name.max(c.len_utf8());
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

/// The length of the string that begins here, raw or not.
fn string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let raw = body
        .strip_prefix('r')
        .map(|body| body.trim_start_matches('#'))
        .filter(|body| body.starts_with('"'));
    if let Some(quoted) = raw {
        let start = rest.len() - quoted.len() + 1;
        let marks = rest[..start].matches('#').count();
        let end = format!("\"{}", "#".repeat(marks));
        return Some(
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len()),
        );
    }
    let quoted = body.strip_prefix('"')?;
    let start = rest.len() - quoted.len();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// The length of the character literal that begins here; none for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('\'')?;
    let start = rest.len() - body.len();
    let first = body.chars().next()?;
    if first == '\\' {
        let end = body[2..].find('\'')?;
        return Some(start + 2 + end + 1);
    }
    body[first.len_utf8()..]
        .starts_with('\'')
        .then(|| start + first.len_utf8() + 1)
}

#[test]
fn checker_finds_a_closed_door() {
    let text = "//! x\nuse crate::store::Store;\n// crate::daemon in a comment\nlet x = crate::clock::now();\n";
    let found = imports(text);
    assert_eq!(
        found,
        [(2, "store::Store".to_owned()), (4, "clock::now".to_owned())]
    );
    assert!(closed_door("mailbox", "store::Store").is_some());
    assert!(closed_door("mailbox", "transport::Transport").is_some());
    assert!(closed_door("message", "triage::Plan").is_some());
    assert!(closed_door("triage", "store").is_some());
    assert!(closed_door("store", "mailbox::Mailbox").is_some());
    assert!(closed_door("store", "mailbox::resume::Cursor").is_none());
    assert!(closed_door("store", "mailbox::resume::CursorOfAnother").is_some());
    assert!(closed_door("triage", "triage::decide::Plan").is_none());
    assert!(closed_door("cellar", "clock").is_some());
}

#[test]
fn checker_does_not_take_text_for_code() {
    let text = "a(\"fn x() { \\\" }\"); b(r#\"{ \" {\"#, '{', '\\'', b'{'); /* { /* { */ */ c::<'a>(); // {\nbar\"{\"";
    let code = code_of(text);
    assert!(!code.contains('{'), "{code}");
    assert!(code.contains("c::<'a>();"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn checker_measures_functions() {
    let text = "trait T { fn none(a: [u8; 2]); }\nfn one() { two() }\nfn outer(\n    a: [u8; 2],\n) {\n    fn inner() {\n    }\n    let f: fn(u8) = |_| {};\n}\n";
    let found = functions(&code_of(text));
    let name = |name: &str| name.to_owned();
    assert_eq!(
        found,
        [
            (2, name("one"), 1),
            (6, name("inner"), 2),
            (3, name("outer"), 7)
        ]
    );
}

#[test]
fn checker_finds_words_not_pieces() {
    assert_eq!(occurrences("a\ntokio::spawn", &["tokio"]), ["2: tokio"]);
    assert!(occurrences("let tokio_like = 1; crypto.rand::x", &["tokio"]).is_empty());
    assert_eq!(occurrences("std::fs::read", IMPURE), ["1: std::fs"]);
}

#[test]
fn checker_cuts_tests_off_and_wants_a_first_line() {
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {}\n"), "a\n");
    assert!(says_what_it_is_for("//! Is there a person?\n"));
    assert!(!says_what_it_is_for("//!\n") && !says_what_it_is_for("use x;\n"));
    assert!(is_tests("tests/e2e.rs") && !is_tests("tests/support/imap.rs"));
    let text = "mod a;
#[cfg(test)]
mod tests;
mod b;
#[cfg(test)]
#[allow(x)]
pub(super) mod support;
";
    assert_eq!(
        test_modules("src/a/mod.rs", text),
        ["src/a/tests.rs", "src/a/support.rs"]
    );
    assert_eq!(test_modules("src/tls.rs", text)[0], "src/tls/tests.rs");
    assert_eq!(room_of("src/store/mod.rs"), "store");
    assert_eq!(room_of("src/clock.rs"), "clock");
}

#[test]
fn checker_finds_a_dependency_without_a_reason() {
    let manifest = "[dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n[features]\nc = []\n[dev-dependencies]\nd = \"1\"\n";
    assert_eq!(without_reason(manifest).len(), 2);
}
