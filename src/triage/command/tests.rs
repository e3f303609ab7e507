//! Orders in every form that mail programs make of them, and words that are none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use super::*;
use proptest::prelude::any;
use proptest::proptest;

fn only(text: &str) -> Command {
    let head = head(text);
    assert!(head.wrong.is_empty(), "{text:?}: {head:?}");
    assert_eq!(head.commands.len(), 1, "{text:?}: {head:?}");
    head.commands[0].clone()
}

#[test]
fn an_order_is_known_in_every_form_that_it_comes_in() {
    for form in [
        "#close",
        "# close",
        "#Close",
        "#CLOSE",
        "＃close",
        "＃ｃｌｏｓｅ",
        "﹟close",
        "- #close",
        "– #close",
        "* #close",
        "• #close",
        "1. #close",
        "2) #close",
        "\u{a0}#\u{a0}close",
        "\u{feff}#close",
        "#\u{200b}close",
        "#close.",
        "#close!",
        "#close…",
        "#close:",
        "**#close**",
        "`#close`",
        "“#close”",
        "  \t#close   ",
        "\n\n#close\n",
    ] {
        assert_eq!(only(form), Command::Close, "{form:?}");
    }
}

#[test]
fn what_stands_behind_an_order_is_read_and_dashes_are_mended() {
    let address = |text: &str| Address::parse(text).unwrap();
    for (line, wanted) in [
        ("#reopen", Command::Reopen),
        ("#spam", Command::Spam),
        ("#cancel", Command::Cancel),
        ("#help", Command::Help),
        ("#note", Command::Note(String::new())),
        (
            "#note: she called twice",
            Command::Note("she called twice".to_owned()),
        ),
        ("#assign ben", Command::Assign("ben".to_owned())),
        ("#assign: Ben Hur.", Command::Assign("Ben Hur".to_owned())),
        (
            "#assign badge–team",
            Command::Assign("badge-team".to_owned()),
        ),
        (
            "#relabel account—access",
            Command::Relabel(vec!["account-access".to_owned()]),
        ),
        (
            "#relabel Merge-Accounts, password",
            Command::Relabel(vec!["merge-accounts".to_owned(), "password".to_owned()]),
        ),
        ("#merge 12", Command::Merge(12)),
        ("#merge #12.", Command::Merge(12)),
        ("#snooze 3d", Command::Snooze(3 * 86_400)),
        ("#snooze for 2 weeks", Command::Snooze(14 * 86_400)),
        ("#snooze 4 Hours!", Command::Snooze(4 * 3_600)),
        ("#verified", Command::Verified(None)),
        (
            "#verified <Old@home.example>",
            Command::Verified(Some(address("Old@home.example"))),
        ),
        (
            "#away until 2026-12-01",
            Command::Away(jiff::civil::date(2026, 12, 1)),
        ),
        (
            "#away 2026–12–01.",
            Command::Away(jiff::civil::date(2026, 12, 1)),
        ),
    ] {
        assert_eq!(only(line), wanted, "{line}");
    }
}

#[test]
fn words_are_not_taken_for_orders() {
    for text in [
        "#1 thing: your badge is back.",
        "#1",
        "##",
        "#",
        "Dear Maria,\nyour ticket #close to my heart is done.",
        "Dear Maria,\n#badges are here.\n#1 is yours.",
        "It is done, see #help in the menu.",
        "C# is a language.",
        "Dear Maria,\n#close to home there is a desk.",
    ] {
        let head = head(text);
        assert_eq!(
            (head.commands.len(), head.wrong.len()),
            (0, 0),
            "{text}: {head:?}"
        );
        assert_eq!(head.words, text);
    }
}

#[test]
fn orders_and_words_are_told_apart() {
    let head = head("\n#close\n\n- #relabel password\nDear Maria,\n\nit is done.\n");
    assert_eq!(
        head.commands,
        [
            Command::Close,
            Command::Relabel(vec!["password".to_owned()])
        ]
    );
    assert_eq!(head.words, "Dear Maria,\n\nit is done.");
}

#[test]
fn what_is_not_understood_names_the_nearest_order() {
    for (line, nearest) in [
        ("#clsoe", "#close"),
        ("#closed", "#close"),
        ("#asign ben", "#assign NAME"),
        ("#reopne", "#reopen"),
        ("#close now", "#close"),
        ("#assign", "#assign NAME"),
        ("#relabel", "#relabel INTENT"),
        ("#merge", "#merge NUMBER"),
        ("#merge 0", "#merge NUMBER"),
        ("#merge 99999999999999999999999", "#merge NUMBER"),
        ("#snooze", "#snooze 3d"),
        ("#snooze 0d", "#snooze 3d"),
        ("#snooze 3000000000000w", "#snooze 3d"),
        ("#snooze later", "#snooze 3d"),
        ("#verified nobody", "#verified ADDRESS"),
        ("#away", "#away until 2026-12-01"),
        ("#away until 01.12.2026", "#away until 2026-12-01"),
        ("#away until 2026-13-01", "#away until 2026-12-01"),
        ("#hepl", "#help"),
    ] {
        let head = head(line);
        assert!(head.commands.is_empty(), "{line}: {head:?}");
        assert_eq!(head.wrong.len(), 1, "{line}");
        assert_eq!(head.wrong[0].nearest, nearest, "{line}");
        assert_eq!(head.wrong[0].line, line);
    }
}

#[test]
fn an_order_below_the_words_is_wrong_and_not_for_the_person() {
    let head = head("Dear Maria, it is done.\n\n#close");
    assert!(head.commands.is_empty());
    assert!(head.wrong[0].why.contains("first lines"), "{head:?}");
}

#[test]
fn a_mail_full_of_orders_is_bounded() {
    let head = head(&"#close\n".repeat(10_000));
    assert!(head.commands.len() <= COMMANDS_MAX && head.wrong.len() <= COMMANDS_MAX);
    assert!(!head.wrong.is_empty(), "and nothing of it is done");
}

#[test]
fn each_order_of_the_list_is_one() {
    for (name, usage, _) in USAGE {
        let written = usage
            .replace("NAME", "ben")
            .replace("INTENT", "password")
            .replace("NUMBER", "7")
            .replace("ADDRESS", "a@b.example");
        only(&written);
        assert!(usage.starts_with(&format!("#{name}")));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_and_no_word_of_it_is_lost(text in any::<String>()) {
        let head = head(&text);
        proptest::prop_assert!(text.contains(&head.words) || !head.words.contains('\r'));
        proptest::prop_assert!(head.commands.len() <= COMMANDS_MAX);
    }

    #[test]
    fn any_line_of_an_order_is_one_or_wrong(word in "[a-z]{1,12}", rest in "[ -~]{0,40}") {
        let head = head(&format!("#{word} {rest}"));
        proptest::prop_assert_eq!(head.commands.len() + head.wrong.len(), 1);
        proptest::prop_assert!(head.words.is_empty());
    }
}
