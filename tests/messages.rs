//! Every mail that lies at hand parses: real ones from public suites, and the corpus of the desk.
//!
//! The mails are beside the project, not in it; without them there is nothing to read, and the test passes.

use std::path::Path;
use std::path::PathBuf;

use mailclerk::message::Flaw;
use mailclerk::message::SUBJECT_CHARS_MAX;
use mailclerk::message::TEXT_BYTES_MAX;
use mailclerk::message::parse::parse;

fn shared() -> PathBuf {
    match std::env::var_os("MAILCLERK_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
    }
}

fn mails(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            mails(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "eml") {
            found.push(path);
        }
    }
}

#[test]
fn every_mail_at_hand_parses_within_its_limits_and_keeps_its_lines() {
    let mut paths = Vec::new();
    for folder in ["fixtures", "corpus/dev"] {
        mails(&shared().join(folder), &mut paths);
    }
    for path in paths {
        let Ok(raw) = std::fs::read(&path) else {
            continue;
        };
        let mail = parse(&raw);
        let name = path.display();
        assert_eq!(mail.size, raw.len(), "{name}");
        assert!(mail.body.full.len() <= TEXT_BYTES_MAX, "{name}");
        assert!(mail.subject.chars().count() <= SUBJECT_CHARS_MAX, "{name}");
        let kept = [&mail.body.new, &mail.body.quoted, &mail.body.signature]
            .map(String::as_str)
            .join("\n");
        if mail.form.is_none() {
            for line in mail
                .body
                .full
                .lines()
                .filter(|line| !line.trim().is_empty())
            {
                assert!(kept.contains(line.trim_end()), "{name} lost {line:?}");
            }
        }
        let copy = [b"X-Trace: again\r\n".as_slice(), &raw].concat();
        if !mail.flaws.contains(&Flaw::Unparsable)
            && !raw.starts_with(b"From ")
            && !raw.starts_with(b"\r\n")
            && !raw.starts_with(b"\n")
        {
            assert_eq!(parse(&copy).digest, mail.digest, "{name}");
        }
    }
}
