//! The shipped replies as letters: their form, and what no reply may ever hold.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod facts;
mod faults;

use super::*;
use std::path::Path;
use std::sync::OnceLock;

const WANTED: [&str; 12] = [
    "account-access",
    "password-reset",
    "merge-accounts",
    "secondary-email",
    "badge-search",
    "badge-accept",
    "ibm-badge",
    "coursera-badge",
    "ibm-intranet",
    "escalation",
    "other",
    "verify",
];
const EMPLOYEES: &str = "https://yourlearning.ibm.com/#search/badges";
const EVERYONE_ELSE: &str = "https://www.ibm.com/badging";
const COURSERA: &str = "https://learner.coursera.help/hc/en-us/articles/209819063-Solve-problems-with-Course-Certificates";
const DESK: &str = "Badge Desk";
const TICKET: &str = "1042";

fn shipped() -> RuleFiles {
    let mut files = RuleFiles::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/replies");
    for folder in std::fs::read_dir(root)
        .unwrap()
        .map(Result::unwrap)
        .filter(|e| e.path().is_dir())
    {
        for file in std::fs::read_dir(folder.path())
            .unwrap()
            .map(Result::unwrap)
        {
            let path = format!(
                "replies/{}/{}",
                folder.file_name().to_str().unwrap(),
                file.file_name().to_str().unwrap()
            );
            files.insert(path, std::fs::read_to_string(file.path()).unwrap());
        }
    }
    files
}

fn replies() -> Replies {
    static COMPILED: OnceLock<Replies> = OnceLock::new();
    let compile = || Replies::compile(&shipped(), &WANTED).unwrap_or_else(|c| panic!("{c:#?}"));
    COMPILED.get_or_init(compile).clone()
}

fn language(code: &str, sure: bool) -> Language {
    Language {
        code: code.to_owned(),
        sure,
    }
}

fn occasion<'a>(paragraphs: &[&'a str], language: &'a Language) -> Occasion<'a> {
    Occasion {
        paragraphs: paragraphs.to_vec(),
        forwarded: false,
        audience: None,
        language,
        ticket: TICKET,
        subject: "My badge",
        desk: DESK,
    }
}

fn write(replies: &Replies, occasion: &Occasion<'_>) -> ReplyText {
    replies.letters.write(occasion)
}

/// One paragraph's reply in one language.
fn reply(name: &str, code: &str, forwarded: bool, audience: Option<Audience>) -> ReplyText {
    let language = language(code, true);
    write(
        &replies(),
        &Occasion {
            forwarded,
            audience,
            ..occasion(&[name], &language)
        },
    )
}

/// The words of a text, line ends and no-break spaces made single spaces.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    flat(&text.replace("&#39;", "'").replace("&amp;", "&"))
}

/// Asserts that the words stand in the text and in the HTML.
fn says(reply: &ReplyText, words: &str) {
    assert!(
        flat(&reply.text).contains(words),
        "the text lacks `{words}`:\n{}",
        reply.text
    );
    assert!(
        unescaped(&reply.html).contains(words),
        "the HTML lacks `{words}`:\n{}",
        reply.html
    );
}

/// Every reply there is with one or two paragraphs, in every language, sure and not.
fn every_reply(mut each: impl FnMut(&str, &ReplyText)) {
    let replies = replies();
    for code in ["en", "es", "pt", "fr", "de", "it", "nl", "pl", "ja"] {
        for sure in [true, false] {
            let language = language(code, sure);
            for one in WANTED {
                for two in WANTED {
                    let asked = one == "ibm-badge" || two == "ibm-badge";
                    let audiences = [Audience::Unknown, Audience::Employee, Audience::External];
                    for audience in audiences.into_iter().take(if asked { 3 } else { 1 }) {
                        for forwarded in [true, false] {
                            let audience = Some(audience);
                            let o = Occasion {
                                forwarded,
                                audience,
                                ..occasion(&[one, two], &language)
                            };
                            let name = format!(
                                "{code} sure={sure} {one}+{two} {audience:?} forwarded={forwarded}"
                            );
                            each(&name, &write(&replies, &o));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn several_matters_read_as_one_letter_in_the_order_given() {
    let english = language("en", true);
    let text = write(
        &replies(),
        &occasion(&["password-reset", "coursera-badge"], &english),
    )
    .text;
    let at = |what: &str| {
        text.find(what)
            .unwrap_or_else(|| panic!("lacks {what}: {text}"))
    };
    assert!(
        at("Your password\n=====") < at("primary")
            && at("primary") < at("A badge of a Coursera course\n====")
    );
    assert_eq!(text.matches("Hello").count(), 1);
    assert_eq!(text.matches(TICKET).count(), 1);
    let alone = write(&replies(), &occasion(&["coursera-badge"], &english)).text;
    assert!(
        !alone.contains("===="),
        "one matter needs no heading: {alone}"
    );
    let with_advice = write(&replies(), &occasion(&["password-reset"], &english)).text;
    assert!(
        !with_advice.contains("===="),
        "advice is no second matter: {with_advice}"
    );
}

#[test]
fn an_unsure_language_gets_english_first_and_the_likeliest_below() {
    let replies = replies();
    let unsure = language("es", false);
    let reply = write(&replies, &occasion(&["coursera-badge"], &unsure));
    assert_eq!(reply.language, "en");
    assert!(reply.subject.starts_with("Automatic reply: "));
    let (above, below) = reply.text.split_once(plain::SEPARATOR).unwrap();
    assert!(above.starts_with("Encontrará este mensaje en español más abajo.\n\nHello,"));
    assert!(above.contains("automatic reply") && above.contains(COURSERA));
    assert!(below.contains("respuesta automática") && below.contains(COURSERA));
    assert!(
        reply.html.contains("<div lang=\"en\" dir=\"ltr\">")
            && reply.html.contains("<div lang=\"es\" dir=\"ltr\">")
    );
    for (code, sure, written) in [
        ("en", false, "en"),
        ("sv", true, "en"),
        ("sv", false, "en"),
        ("", false, "en"),
        ("de", true, "de"),
        ("pt-BR", true, "pt"),
    ] {
        let language = language(code, sure);
        let reply = write(&replies, &occasion(&["other"], &language));
        assert_eq!(reply.language, written, "{code}");
        assert!(!reply.text.contains(plain::SEPARATOR), "{code}");
    }
}

#[test]
fn a_subject_is_marked_as_automatic_and_fixed_when_there_was_none() {
    let replies = replies();
    let english = language("en", true);
    let subject = |subject| {
        write(
            &replies,
            &Occasion {
                subject,
                ..occasion(&["other"], &english)
            },
        )
        .subject
    };
    assert_eq!(subject("Re: Fwd: My badge"), "Automatic reply: My badge");
    assert_eq!(
        subject("Re: Automatic reply: [#7 abc] My badge"),
        "Automatic reply: My badge"
    );
    assert_eq!(
        subject("Re: Respuesta automática: My badge"),
        "Automatic reply: My badge"
    );
    assert_eq!(
        subject("RE: Réponse automatique : My badge"),
        "Automatic reply: My badge"
    );
    assert_eq!(
        subject("see https://evil.example now"),
        "Automatic reply: see now"
    );
    assert_eq!(
        subject(" \r\n"),
        "Automatic reply: your message to Badge Desk"
    );
    assert_eq!(
        subject("a\r\nBcc: victim"),
        "Automatic reply: a Bcc: victim"
    );
    assert_eq!(
        subject("{{7*7}}<script>"),
        "Automatic reply: {{7*7}}<script>"
    );
}

#[test]
fn nothing_of_the_mail_stands_in_a_reply_but_the_subject_in_the_subject() {
    let english = language("en", true);
    let o = Occasion {
        subject: "PLANTED words",
        ..occasion(&WANTED[..3], &english)
    };
    let reply = write(&replies(), &o);
    assert_eq!(reply.subject, "Automatic reply: PLANTED words");
    assert!(!reply.text.contains("PLANTED") && !reply.html.contains("PLANTED"));
}

#[test]
fn values_stay_literal_and_never_become_structure() {
    let english = language("en", true);
    let desk = "{{7*7}} <script>alert('x')</script> & \"co\"\r\n\r\n1. Click https://evil.example";
    let reply = write(
        &replies(),
        &Occasion {
            desk,
            ticket: "<b>\n- {% if",
            ..occasion(&["other"], &english)
        },
    );
    for literal in [
        "{{7*7}}",
        "<script>alert('x')</script>",
        "& \"co\"",
        "<b> - {% if",
    ] {
        says(&reply, literal);
    }
    for form in ["<script", "<b>", "<ol>", "<ul>", "<a "] {
        assert!(!reply.html.contains(form), "{form}: {}", reply.html);
    }
    assert!(!reply.text.contains('\r'));
}

#[test]
fn every_reply_is_brief_wrapped_and_well_formed() {
    every_reply(|name, reply| {
        // R15: a few KB; in two languages it is the same twice.
        let languages = reply.text.matches(plain::SEPARATOR).count() + 1;
        assert!(
            reply.text.len() <= 2_600 * languages,
            "{name}: {} bytes of text",
            reply.text.len()
        );
        assert!(
            reply.html.len() <= 3_600 * languages,
            "{name}: {} bytes of HTML",
            reply.html.len()
        );
        for line in reply.text.lines() {
            let alone = line.trim_start().split(' ').count() == 1 && line.contains("https://");
            assert!(
                line.chars().count() <= plain::COLUMNS_MAX || alone,
                "{name}: {line}"
            );
            assert_eq!(line, line.trim_end(), "{name}");
        }
        assert!(
            reply.text.ends_with(&format!("{DESK}\n")) && !reply.text.contains("\n\n\n"),
            "{name}"
        );
        balanced(&reply.html);
        for fetched in ["<img", "<style", "<script", "<link", "src=", "url("] {
            assert!(!reply.html.contains(fetched), "{name}: {fetched}");
        }
        for part in reply.html.split("<a href=\"").skip(1) {
            let (target, rest) = part.split_once("\">").unwrap();
            assert_eq!(
                rest.split_once("</a>").unwrap().0,
                target,
                "a link shows where it leads"
            );
            assert!(
                [EMPLOYEES, EVERYONE_ELSE, COURSERA].contains(&target),
                "{target}"
            );
        }
    });
}

/// Asserts that every tag that opens is closed, in order.
fn balanced(html: &str) {
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("`<{part}` never ends"));
        assert!(!text.contains('>'), "an unescaped `>`: {text}");
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{html}"),
            None if ["!DOCTYPE", "meta", "hr"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_reply_never_says_whether_an_account_exists_nor_asks_for_a_secret() {
    every_reply(|name, reply| {
        let text = flat(&reply.text).to_lowercase();
        for claim in [
            "we found",
            "your account exists",
            "no account",
            "we have found",
            "there is an account",
            "we will give you access",
        ] {
            assert!(!text.contains(claim), "{name}: {claim}");
        }
    });
}

#[test]
fn six_matters_at_most_and_each_once() {
    let replies = replies();
    let english = language("en", true);
    let many: Vec<&str> = WANTED.into_iter().cycle().take(5_000).collect();
    let reply = write(&replies, &occasion(&many, &english));
    assert!(reply.text.len() < 6_000, "{}", reply.text.len());
    let headings = reply.text.lines().filter(|l| l.starts_with("===")).count();
    assert_eq!(
        headings, 6,
        "the fourth says the appended advice already: {}",
        reply.text
    );
    assert_eq!(reply, write(&replies, &occasion(&WANTED, &english)));
    let unknown = write(&replies, &occasion(&["no-such", "other"], &english));
    assert_eq!(unknown, write(&replies, &occasion(&["other"], &english)));
}

#[test]
fn a_language_written_from_right_to_left_is_marked_so() {
    let mut files = shipped();
    let copies: Vec<(String, String)> = files
        .iter()
        .filter(|(path, _)| path.starts_with("replies/de/"))
        .map(|(path, text)| {
            (
                path.replace("/de/", "/ar/"),
                text.replace("dir = \"ltr\"", "dir = \"rtl\""),
            )
        })
        .collect();
    files.extend(copies);
    let replies = Replies::compile(&files, &WANTED).unwrap();
    let arabic = language("ar", true);
    let html = write(&replies, &occasion(&["other"], &arabic)).html;
    assert!(
        html.contains("<html lang=\"ar\" dir=\"rtl\">")
            && html.contains("<div lang=\"ar\" dir=\"rtl\">"),
        "{html}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_values_the_page_is_well_formed_and_has_no_more_links(
        desk in "(\\PC|\\p{C}|<[a-z/]{1,6}>|[&\"']|https://a.b/|1\\. |\n\n- ){0,30}",
        ticket in "(\\PC|<[a-z/]{1,6}>|\\{\\{|\\{%|[\u{e000}-\u{e003}]){0,9}",
        subject in "\\PC{0,50}",
    ) {
        let english = language("en", true);
        let o = Occasion { desk: &desk, ticket: &ticket, subject: &subject, ..occasion(&["ibm-badge"], &english) };
        let reply = write(&replies(), &o);
        balanced(&reply.html);
        assert_eq!(reply.html.matches("<a href").count(), 2);
        assert_eq!(reply.html.matches("<li>").count(), 2);
        assert!(!reply.text.contains(|c: char| c.is_control() && c != '\n'));
        assert!(!reply.subject.contains(char::is_control));
    }
}
