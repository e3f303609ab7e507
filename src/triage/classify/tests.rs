//! What classification must never get wrong, with the shipped desk.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::triage::source::RuleFiles;

/// The shipped rules, read as the daemon reads them.
static RULES: LazyLock<IntentRules> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files = RuleFiles::new();
    for folder in ["", "words", "intents"] {
        for entry in std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(Result::unwrap)
        {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "toml") {
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    IntentRules::compile(&files).unwrap()
});

fn reading(subject: &str, text: &str, context: &str) -> Reading {
    let mut reading = Reading {
        text: text.into(),
        context: context.into(),
        ..Reading::default()
    };
    reading.set_subject(subject);
    reading
}

fn read(subject: &str, text: &str, context: &str) -> (Classification, Disposition) {
    let found = classify_reading(&reading(subject, text, context), &RULES);
    let said = disposition(&found, &RULES);
    (found, said)
}

fn intents(text: &str) -> Vec<String> {
    read("", text, "").0.intents
}

#[test]
fn a_forwarded_intent_comes_first_whatever_else_is_asked() {
    let (found, said) = read(
        "Two things",
        "My IBM badge was never issued. Also, I have two accounts, please merge them.",
        "",
    );
    assert_eq!(found.intents[0], "merge-accounts");
    assert!(
        found.intents.contains(&"ibm-badge".to_owned()),
        "{:?}",
        found.intents
    );
    assert_eq!(said, Disposition::Forward);
}

#[test]
fn ibm_in_the_text_is_not_an_ibm_badge_problem() {
    let left = "I left IBM in May. My account is on my old IBM address and I cannot log in.";
    assert_eq!(intents(left)[0], "account-access");
    assert_eq!(
        intents("My pending IBM badge cannot be accepted.")[0],
        "badge-accept"
    );
}

#[test]
fn coursera_comes_before_ibm_unless_it_is_denied() {
    let through = "I finished the IBM course through Coursera and the badge never came.";
    assert_eq!(intents(through), ["coursera-badge"]);
    let denied =
        "My badge never came. It was on edX, not on Coursera. They sent me to Coursera first.";
    assert_eq!(intents(denied), ["badge-search"]);
}

#[test]
fn a_how_to_is_advised_and_a_how_to_that_failed_needs_a_person() {
    let (asked, said) = read("", "How do I add my private email to my account?", "");
    assert_eq!((asked.person_needed, said), (false, Disposition::Advise));
    let tried =
        "I followed your steps to add a second email, but the confirmation mail never comes.";
    let (failed, said) = read("", tried, "");
    assert_eq!(failed.intents[0], "secondary-email");
    assert_eq!((failed.person_needed, said), (true, Disposition::Forward));
}

#[test]
fn what_the_writer_denies_is_not_his_problem() {
    let fine = "My login works and my password is fine. The badge of the nursing board never came.";
    assert_eq!(intents(fine), ["badge-search"]);
    let (found, _) = read(
        "Account problem",
        "My account is fine, there is no problem with it. The IBM badge of the cloud course was not issued.",
        "",
    );
    assert_eq!(found.intents, ["ibm-badge"]);
}

#[test]
fn nothing_works_is_no_denial() {
    assert!(
        intents("Nothing works, I cannot reset my password.")
            .contains(&"password-reset".to_owned())
    );
}

#[test]
fn an_answer_to_our_automatic_mail_is_read_by_a_person_and_thanks_is_not() {
    let ours = "Credly Support\nThis is an automatic reply. IBM manages its badges itself.";
    let (found, said) = read(
        "Re: ibm badge",
        "That did not help. I want a person to read this.",
        ours,
    );
    assert_eq!(found.intents[0], "escalation");
    assert!(
        found.intents.contains(&"ibm-badge".to_owned()),
        "the topic follows: {:?}",
        found.intents
    );
    assert_eq!(said, Disposition::Forward);
    let (_, said) = read(
        "Re: ibm badge",
        "What about the IBM badge for my colleague, how is it earned?",
        ours,
    );
    assert_eq!(said, Disposition::Forward);
    let (found, said) = read("Re: ibm badge", "Thank you, it works now!", ours);
    assert_eq!(
        (found.intents[0].as_str(), said),
        ("thanks", Disposition::Ignore)
    );
}

#[test]
fn a_mail_that_tells_nothing_goes_to_people() {
    for text in ["", "hello", "???", "\u{0}\u{ffff}", "asdf qwer zxcv"] {
        let (found, said) = read("", text, "");
        assert_eq!(
            (found.intents.as_slice(), said),
            (["other".to_owned()].as_slice(), Disposition::Forward)
        );
    }
}

#[test]
fn a_mail_all_in_its_subject_is_understood() {
    let (found, _) = read("I cannot accept my badge, the button is grey", "", "");
    assert_eq!(found.intents, ["badge-accept"]);
}

#[test]
fn only_a_true_ibm_domain_makes_an_employee() {
    let mut mail = reading("", "My IBM badge has the wrong level.", "");
    let mut audience = |domain: &str| {
        domain.clone_into(&mut mail.sender_domain);
        classify_reading(&mail, &RULES).audience
    };
    assert_eq!(audience("de.ibm.com"), Some(Audience::Employee));
    assert_eq!(audience("ibm.com"), Some(Audience::Employee));
    assert_eq!(audience("notibm.com"), Some(Audience::Unknown));
    assert_eq!(audience("ibm.com.example"), Some(Audience::Unknown));
    assert_eq!(
        read("", "How do I add an email address?", "").0.audience,
        None
    );
}

#[test]
fn every_intent_found_says_why() {
    let (found, _) = read("", "My badge never came and I have two accounts.", "");
    for intent in &found.intents {
        let told = found
            .because
            .iter()
            .any(|b| b.rule.starts_with(&format!("{intent}/")) && !b.says.is_empty());
        assert!(told, "{intent}: {:?}", found.because);
    }
}

#[test]
fn short_mails_tell_their_language() {
    let cases = [
        ("en", "I can't log in to my account, please help."),
        ("es", "Hola, no puedo entrar en mi cuenta."),
        ("pt", "Olá, não consigo entrar na minha conta."),
        ("fr", "Bonjour, je ne peux pas me connecter."),
        ("de", "Hallo, ich komme nicht in mein Konto."),
        ("it", "Salve, non riesco ad accedere al mio account."),
        ("nl", "Hallo, ik kan niet inloggen op mijn account."),
        ("pl", "Dzień dobry, nie mogę się zalogować."),
        ("tr", "Merhaba, hesabıma giremiyorum."),
        ("id", "Halo, saya tidak bisa masuk ke akun saya."),
        ("ru", "Здравствуйте, не могу войти."),
        ("ar", "مرحبا، لا أستطيع الدخول"),
        ("hi", "मैं लॉगिन नहीं कर पा रहा हूँ"),
        ("hi", "Namaste, mera login nahi ho raha hai."),
        ("ja", "ログインできません"),
        ("ko", "로그인이 안 됩니다"),
        ("zh", "我无法登录"),
    ];
    for (wanted, text) in cases {
        assert_eq!(
            RULES.tongues.tell(&reading("", text, "")).code,
            wanted,
            "{text}"
        );
    }
}

#[test]
fn a_few_words_of_no_language_are_not_sure() {
    assert!(!RULES.tongues.tell(&reading("", "IBM badge 2024", "")).sure);
}

#[test]
fn a_huge_mail_is_read_in_bounded_time_and_never_panics() {
    let huge = "my badge never came, ".repeat(200_000);
    assert_eq!(intents(&huge), ["badge-search"]);
    let odd: String = (0..60_000_u32).filter_map(char::from_u32).collect();
    assert!(!intents(&odd).is_empty());
}
