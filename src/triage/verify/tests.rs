//! What is found in a person's words, what they say of it, and what proves an address.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::OnceLock;

use super::*;
use crate::triage::desk::Rules;
use crate::triage::screen::Surroundings;
use crate::triage::source::RuleFiles;
use crate::triage::verify::rules::VerifyRules;
use crate::triage::verify::said::Word;

fn files(folder: &Path, root: &Path, into: &mut RuleFiles) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, root, into);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy();
            into.insert(name.into_owned(), text);
        }
    }
}

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"));
        let mut all = RuleFiles::new();
        files(root, root, &mut all);
        all.retain(|name, _| !name.starts_with("examples/"));
        Rules::compile(&all).unwrap()
    })
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn found(text: &str) -> Vec<(String, bool)> {
    let all = named::find(text).into_iter();
    all.map(|f| (f.address.to_string(), f.sure)).collect()
}

#[test]
fn an_address_is_found_however_it_is_written() {
    for (text, wanted, sure) in [
        ("My old one is ann@work.example.", "ann@work.example", true),
        ("(old) ann@work.example, thanks", "ann@work.example", true),
        ("write to <ann@work.example>!", "ann@work.example", true),
        (
            "mailto:ann@work.example?subject=x",
            "ann@work.example",
            true,
        ),
        (
            "[ann@work.example](mailto:ann@work.example)",
            "ann@work.example",
            true,
        ),
        ("\"ann@work.example\"; or so", "ann@work.example", true),
        ("**ann@work.example**", "ann@work.example", true),
        ("ann@work.example/bob", "ann@work.example", true),
        ("o'brien@work.example", "o'brien@work.example", true),
        ("'ann@work.example'", "ann@work.example", true),
        ("ann\u{200b}@work.example", "ann@work.example", true),
        ("ann＠work．example", "ann@work.example", true),
        ("地址是ann@work.example。", "ann@work.example", true),
        ("メールは、ann@work.example、です", "ann@work.example", true),
        ("ann@work.example입니다", "ann@work.example", true),
        ("我的邮箱ann@work.example还能用", "ann@work.example", true),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example", true),
        ("ann @ work.example", "ann@work.example", true),
        ("ann (at) work (dot) example", "ann@work.example", true),
        ("ann[at]work[dot]example", "ann@work.example", true),
        ("ann (at) work.example", "ann@work.example", true),
        ("ann.lee at work dot example", "ann.lee@work.example", true),
        ("ann arroba work punto example", "ann@work.example", false),
        ("ann at gmail dot com", "ann@gmail.com", false),
        ("look at work dot example", "look@work.example", false),
    ] {
        let all = found(text);
        assert!(all.contains(&(wanted.to_owned(), sure)), "{text}: {all:?}");
    }
}

#[test]
fn what_is_no_address_is_none() {
    for text in [
        "",
        "@",
        "a@b",
        "see you at noon. dot the i",
        "I am @work",
        "ann@",
        "@example.com",
        "a@b@c.example",
        "100@200.300",
        "meet at the office",
        "x@1.2.3.4",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    let many: String = (0..1000)
        .flat_map(|n| ["a".to_owned(), n.to_string(), "@b.example ".to_owned()])
        .collect();
    assert_eq!(found(&many).len(), named::NAMED_MAX);
}

#[test]
fn the_same_person_is_named_once() {
    assert_eq!(
        found("ann@work.example ANN+x@work.example Ann@Work.Example").len(),
        1
    );
}

fn word(text: &str, of: &str) -> Word {
    let all = named::find(text);
    let words = said::said(text, &all, &rules().verify, &rules().intents);
    let at = all.iter().position(|f| f.address == address(of)).unwrap();
    *words.get(at).unwrap()
}

const OLD: &str = "ann@work.example";
const NEW: &str = "ann@home.example";

#[test]
fn what_is_said_of_an_address_counts_for_it_alone() {
    for (text, old, new) in [
        (
            "I no longer have access to ann@work.example. I now read mail at ann@home.example.",
            Word::Not,
            Word::Reads,
        ),
        (
            "I left in May. My account is on ann@work.example. My new address is ann@home.example.",
            Word::Not,
            Word::Reads,
        ),
        (
            "Old: ann@work.example\nNew: ann@home.example",
            Word::Not,
            Word::Reads,
        ),
        (
            "My account is on ann@work.example, but I can no longer access that mailbox. Please use ann@home.example",
            Word::Not,
            Word::Reads,
        ),
        (
            "Both are mine: ann@work.example and ann@home.example",
            Word::Nothing,
            Word::Nothing,
        ),
        (
            "Das Konto läuft auf ann@work.example, die Adresse ist gelöscht. Jetzt lese ich ann@home.example.",
            Word::Not,
            Word::Reads,
        ),
        (
            "Ya no tengo acceso a ann@work.example. Mi correo actual es ann@home.example.",
            Word::Not,
            Word::Reads,
        ),
        (
            "The address at which I can read mail now is:\nann@home.example\n\nmy old work mail is ann@work.example",
            Word::Not,
            Word::Reads,
        ),
    ] {
        assert_eq!((word(text, OLD), word(text, NEW)), (old, new), "{text}");
    }
}

#[test]
fn an_address_that_is_called_old_or_of_work_is_in_doubt() {
    for text in [
        "Old: ann@work.example",
        "ann@work.example (my old address)",
        "work: ann@work.example",
        "I can't access ann@work.example any more",
    ] {
        assert_eq!(word(text, OLD), Word::Not, "{text}");
    }
}

#[test]
fn a_doubt_that_names_no_address_falls_on_its_neighbours() {
    let text = "Accounts: ann@work.example. That mailbox was closed. ann@home.example";
    assert_eq!(
        (word(text, OLD), word(text, NEW)),
        (Word::Not, Word::Not),
        "in doubt nobody is asked"
    );
}

#[test]
fn nobody_asks_ourselves_agents_machines_or_the_platform() {
    let desk = Surroundings {
        own: vec![address("support@desk.example")],
        agents: vec![address("ana@agents.example")],
        ..Surroundings::default()
    };
    for text in [
        "Support+17-abc@desk.example",
        "ana+x@agents.example",
        "no-reply@shop.example",
        "DoNotReply@shop.example",
        "postmaster@work.example",
        "admin@credly.com",
        "x@mail.credly.com",
    ] {
        assert!(
            !named::is_persons(&address(text), &desk, &rules().verify),
            "{text}"
        );
    }
    for text in ["ann@work.example", "ann@notcredly.com", "info@firm.example"] {
        assert!(
            named::is_persons(&address(text), &desk, &rules().verify),
            "{text}"
        );
    }
    assert!(rules().verify.is_role(&address("Info@firm.example")));
    assert!(!rules().verify.is_role(&address("informatics@firm.example")));
}

#[test]
fn no_is_heard_in_every_language_and_yes_is_not_taken_for_it() {
    for text in [
        "no",
        "No.",
        "No, that was not me",
        "STOP",
        "This is not my address!",
        "I never wrote to you.",
        "Nein",
        "Das war ich nicht.",
        "No fui yo",
        "Não sou eu.",
        "Ce n'est pas moi",
        "Non",
        "Non sono io",
        "Nee",
        "To nie ja",
        "Hayır",
        "Bukan saya",
        "нет",
        "Это не я",
        "Ні.",
        "لا",
        "नहीं",
        "いいえ",
        "아니요",
        "不是",
        "Không phải tôi",
    ] {
        assert!(rules().verify.says_no(text), "{text}");
    }
    for text in [
        "yes",
        "Yes, I can read this.",
        "No problem, I read this address every day.",
        "Ja",
        "Sí, soy yo",
        "sim",
        "oui, c'est bien moi",
        "да",
        "はい",
        "是",
        "vâng, tôi đọc được",
        "",
    ] {
        assert!(!rules().verify.says_no(text), "{text}");
    }
}

#[test]
fn a_plain_yes_is_heard_in_every_language_and_nothing_else_is_one() {
    for text in [
        "yes",
        "Yes, I can read this.",
        "Yes, that is me.",
        "Yep!",
        "That's me",
        "Confirmed.",
        "Sí, soy yo",
        "sim, sou eu",
        "Oui, c'est bien moi",
        "Ja",
        "Ja, das bin ich.",
        "Sì, sono io",
        "Ja, dat ben ik",
        "Tak, to ja",
        "Evet, benim",
        "Ya, itu saya",
        "Да, это я",
        "Так, це я",
        "نعم، هذا أنا",
        "हाँ",
        "ji haan",
        "はい、私です。",
        "네, 맞습니다.",
        "是的，是我",
        "Vâng, tôi đọc được",
    ] {
        assert!(rules().verify.says_yes(text), "{text}");
    }
    for text in [
        "",
        "no",
        "Hello",
        "Yes?",
        "Yes, but who are you",
        "I did not request this.",
        "I have no idea what this is about.",
        "Please do not send me mail.",
        "Damit habe ich nichts zu tun.",
        "Yes I received it, it is not mine",
        "不是我",
        "いいえ",
        "Non è mia",
        "Sim, mas não pedi nada",
        "네, 하지만 모르는 일입니다",
    ] {
        assert!(!rules().verify.says_yes(text), "{text}");
    }
    let long = format!("Yes. {}", "I tell you a long story. ".repeat(10));
    assert!(!rules().verify.says_yes(&long));
}

#[test]
fn a_file_that_would_make_a_cannon_or_is_missing_is_refused() {
    let one = |text: &str| {
        let files = RuleFiles::from([("verify.toml".to_owned(), text.to_owned())]);
        VerifyRules::compile(&files, true).map_err(|mut all| all.remove(0).to_string())
    };
    assert!(one("[limits]\nticket = 8").is_ok());
    let told = one("[limits]\nticket = 9").unwrap_err();
    assert!(told.starts_with("verify.toml:2:1: `ticket`"), "{told}");
    let told = one("platform = [\"Credly.com\"]").unwrap_err();
    assert!(told.contains("lower case"), "{told}");
    let told = one("[limits]\ntickets = 1").unwrap_err();
    assert!(told.starts_with("verify.toml:2:1: unknown field"), "{told}");
    let told = VerifyRules::compile(&RuleFiles::new(), true).unwrap_err();
    assert_eq!(told.len(), 1);
    assert!(VerifyRules::compile(&RuleFiles::new(), false).is_ok());
}

#[test]
fn the_newest_word_on_an_address_counts_and_there_is_a_limit() {
    let standing = |text: &str, stand| Standing {
        address: address(text),
        stand,
        at: Timestamp(7),
        how: String::new(),
        asked: None,
    };
    let known = [standing(OLD, Stand::Named), standing(NEW, Stand::Asked)];
    let all = laid(&known, &[standing("ANN@home.example", Stand::Verified)]);
    assert_eq!(all.len(), 2);
    assert!(all.iter().any(|s| s.stand == Stand::Verified));
    let many: Vec<Standing> = (0..50)
        .map(|n| standing(&format!("a{n}@b.example"), Stand::Named))
        .collect();
    assert_eq!(laid(&known, &many).len(), STANDINGS_MAX);
    let by = by_hand(&known, &address(OLD), "root", Timestamp(9));
    assert_eq!(
        (by.stand, by.how.as_str()),
        (Stand::Verified, "recorded by root")
    );
}
