//! Answers that cannot be read: nested, endless, lying about their length, out of order.

use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;

use crate::peer::CLOSE;
use crate::peer::Script;
use crate::scripted::lost_in_fetch;
use crate::scripted::lost_in_list;
use crate::scripted::opened;

#[tokio::test]
async fn twenty_thousand_parentheses_end_the_connection_and_not_the_process() {
    let nested = "(".repeat(20_000);
    for answer in [
        format!("* 1 FETCH (UID 5 BODYSTRUCTURE {nested}"),
        format!("* 1 FETCH (UID 5 BODY[] {{10}}\r\n0123456789 BODYSTRUCTURE {nested}"),
        format!("* 1 FETCH (X ({{19999}}\r\n) BODYSTRUCTURE {nested}"),
        format!("* OK hidden {{19999}}\r\n* 1 FETCH (BODYSTRUCTURE {nested}"),
        format!("* LIST () \"/\" {{4000}}\r\n* 1 FETCH (BODYSTRUCTURE {nested}"),
        format!("* 1 FETCH (X a\" BODYSTRUCTURE {nested}"),
    ] {
        lost_in_list(&answer).await;
        lost_in_fetch(&answer).await;
    }
}

#[tokio::test]
async fn a_panic_of_the_parser_is_a_lost_connection_and_after_three_less_is_asked_for() {
    let odd = "* 1 FETCH (UID 5 FLAGS () INTERNALDATE NIL RFC822.SIZE 60)\r\n{tag} OK\r\n";
    let script = Script::new()
        .once("UID FETCH", odd)
        .once("UID FETCH", odd)
        .once("UID FETCH", odd)
        .on(
            "UID FETCH 1:12 (UID FLAGS RFC822.SIZE)",
            "* 1 FETCH (UID 5 FLAGS () RFC822.SIZE 60)\r\n{tag} OK\r\n",
        );
    let (_peer, mut mailbox) = opened(script).await;
    for _ in 0..3 {
        assert!(matches!(
            mailbox.list(0, 10).await,
            Err(MailboxError::Lost(_))
        ));
        mailbox.open().await.unwrap();
    }
    let list = mailbox.list(0, 1).await.unwrap();
    assert_eq!((list[0].uid, list[0].received), (5, None));
    lost_in_list("* OK [COPYUID 1 2 3]é\r\n{tag} OK\r\n").await;
}

/// Faults: F41 F43; holds I6.
#[tokio::test]
async fn lines_and_answers_without_end_are_cut_off() {
    lost_in_list(&"x".repeat(70_000)).await;
    lost_in_list(&format!("* OK {}", "x".repeat(70_000))).await;
    let (_peer, mut mailbox) =
        opened(Script::new().on("UID STORE", &"* 5 EXISTS\r\n".repeat(100_000))).await;
    assert!(matches!(
        mailbox.file(&[(5, Filing::Keep)]).await,
        Err(MailboxError::Lost(_))
    ));
}

/// Faults: F28 F29 F30 F31; holds I6 I7.
#[tokio::test]
async fn literals_of_lying_length_are_lost_and_never_shown() {
    for announced in [
        "5000",
        "3",
        "4294967295",
        "4294967296",
        "9223372036854775808",
        "-5",
        "",
        "x",
    ] {
        let answer =
            format!("* 1 FETCH (UID 5 BODY[] {{{announced}}}\r\nSecret text of a mail)\r\n{CLOSE}");
        let why = lost_in_fetch(&answer).await;
        assert!(!why.contains("ecret"), "{announced}: {why}");
    }
}

/// Faults: F44 F45; holds I6.
#[tokio::test]
async fn odd_octets_and_wrong_tags_end_the_connection() {
    for answer in [
        "* 1 FETCH (UID 5 FLAGS (\0))\r\n",
        "\0\0\0\0\r\n",
        "\r\n",
        "* 1 FETCH (UID 5)\r\r\n",
        "m999 OK not yours\r\n",
        "{tag} BYE odd\r\n",
        "+ go on\r\n",
        "* 99999999999 EXISTS\r\n",
        "* ESEARCH (TAG \"m1\") UID ALL 1:3\r\n",
    ] {
        lost_in_list(&format!("{answer}{CLOSE}")).await;
    }
}
