//! What the loading of reply templates refuses, and how it says so.
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use super::*;

/// The complaints about the shipped files after one of them was changed.
fn complaints(change: impl FnOnce(&mut RuleFiles)) -> Vec<String> {
    let mut files = shipped();
    change(&mut files);
    match Replies::compile(&files, &WANTED) {
        Ok(_) => Vec::new(),
        Err(complaints) => complaints.iter().map(ToString::to_string).collect(),
    }
}

fn with(path: &str, text: &str) -> Vec<String> {
    complaints(|files| {
        files.insert(path.to_owned(), text.to_owned());
    })
}

#[test]
fn a_gap_in_any_language_is_a_complaint_that_names_the_file() {
    for path in [
        "replies/en/other.txt",
        "replies/fr/badge-search.txt",
        "replies/de/frame.txt",
        "replies/pt/subject.txt",
        "replies/es/personal-address.txt",
    ] {
        let found = complaints(|files| {
            files.remove(path);
        });
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with(&format!("{path}:1:1: this file is missing")),
            "{found:#?}"
        );
    }
    assert!(Replies::compile(&RuleFiles::new(), &WANTED).is_err());
}

#[test]
fn a_file_that_nobody_asks_for_is_a_complaint_that_suggests_the_name() {
    let found = with("replies/en/badge-serach.txt", "x");
    assert_eq!(
        found,
        [
            "replies/en/badge-serach.txt:1:1: no intent uses the reply `badge-serach`; did you mean `badge-search`?"
        ]
    );
    assert!(with("replies/english/other.txt", "x")[0].contains("ISO 639-1"));
    assert!(with("replies/en/other.text", "x")[0].contains("NAME.txt"));
    assert!(with("replies/README.md", "# x").is_empty());
}

#[test]
fn a_fault_in_a_template_names_line_and_column() {
    let title = "#: title = \"T\"\n";
    for (body, place, what) in [
        ("a\nb {{ tickt }}", ":3:6: ", "no value `tickt`"),
        ("a\n{% if forwarded %}b", ":3:", "syntax"),
        ("a\nü {{ ticket | upper }}", ":3:", "filter"),
        (
            "{% if audiense == 'x' %}a{% else %}b{% endif %}",
            ":2:7: ",
            "audiense",
        ),
        ("{{ body }}", ":2:4: ", "body"),
        (
            "see https://a.example/{{ ticket }}",
            ":2:1: ",
            "address of a page",
        ),
        (
            "{% if audience == 'external' %}x{% endif %}",
            ":2:1: ",
            "says nothing (audience employee, forwarded false)",
        ),
        ("a\n#: append = \"other\"", ":3:1: ", "top of the file"),
        ("a \u{e001}", ":2:3: ", "private-use"),
        (
            "{% for a in [1,2,3,4,5,6,7,8,9] %}{% for b in [1,2,3,4,5,6,7,8,9] %}{% for c in [1,2,3,4,5,6,7,8,9] %}{% for d in [1,2,3,4,5,6,7,8,9] %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
            ":2:",
            "fuel",
        ),
    ] {
        let found = with("replies/en/other.txt", &format!("{title}{body}"));
        assert_eq!(found.len(), 1, "{body}: {found:#?}");
        assert!(
            found[0].starts_with(&format!("replies/en/other.txt{place}")),
            "{body}: {found:#?}"
        );
        assert!(found[0].contains(what), "{body}: {found:#?}");
    }
}

#[test]
fn a_fault_in_a_header_names_line_and_column() {
    for (text, place, what) in [
        (
            "#: title = \"T\"\n#: apend = \"x\"\na",
            ":2:4: ",
            "unknown field `apend`",
        ),
        (
            "#: title = \"T\"\n#: append = \"personal-adress\"\na",
            ":1:1: ",
            "did you mean `personal-address`?",
        ),
        ("#: title = T\na", ":1:12: ", ""),
        ("a", ":1:1: ", "title is missing"),
    ] {
        let found = with("replies/en/other.txt", text);
        assert!(
            found[0].starts_with(&format!("replies/en/other.txt{place}")),
            "{found:#?}"
        );
        assert!(found[0].contains(what), "{found:#?}");
    }
    let differs = with(
        "replies/fr/other.txt",
        "#: title = \"T\"\n#: append = \"personal-address\"\na",
    );
    assert!(
        differs[0].contains("same as in the English file"),
        "{differs:#?}"
    );
}

#[test]
fn a_frame_or_subject_that_hides_what_must_be_said_is_refused() {
    for (path, text, what) in [
        (
            "replies/en/frame.txt",
            "{{ ticket }}\n\n{% if forwarded %}p{% endif %}",
            "must hold `{{ body }}`",
        ),
        (
            "replies/en/frame.txt",
            "{{ ticket }} {{ body }}\n\n{% if forwarded %}p{% endif %}",
            "paragraph of its own",
        ),
        (
            "replies/en/frame.txt",
            "{% if forwarded %}p{% endif %}\n\n{{ body }}",
            "must show `{{ ticket }}`",
        ),
        (
            "replies/en/frame.txt",
            "{{ ticket }}\n\n{{ body }}",
            "a person will answer",
        ),
        (
            "replies/de/frame.txt",
            "{{ ticket }}\n\n{{ body }}\n\n{% if forwarded %}p{% endif %}",
            "`#: below",
        ),
        (
            "replies/en/subject.txt",
            "Automatic reply",
            "must show `{{ subject }}`",
        ),
        ("replies/en/subject.txt", "{{ subject }}", "empty"),
    ] {
        let found = with(path, text);
        assert!(
            found
                .iter()
                .any(|c| c.starts_with(path) && c.contains(what)),
            "{what}: {found:#?}"
        );
    }
}
