//! What goes on the wire: the envelope, the line ends, the dots, and what a server must offer for it.

use mailclerk::transport::Parcel;
use mailclerk::transport::Transport;
use mailclerk::triage::delivery::Outcome;

use crate::server::Script;
use crate::server::Server;
use crate::server::address;
use crate::server::hello_parcel;
use crate::server::parcel;

#[tokio::test]
async fn an_automatic_mail_has_the_null_sender_and_asks_for_no_bounce() {
    let server = Server::start(Script::default()).await;
    server.transport().send(&hello_parcel()).await;
    let size = hello_parcel().bytes.len();
    assert_eq!(
        server.commands(),
        [
            "EHLO clerk.example",
            &format!("MAIL FROM:<> SIZE={size}"),
            "RCPT TO:<ana@example.org> NOTIFY=NEVER",
            "DATA"
        ]
    );
}

#[tokio::test]
async fn a_mail_with_a_sender_may_bounce() {
    let server = Server::start(Script::default()).await;
    let parcel = Parcel {
        envelope_from: Some(address("clerk@example.net")),
        ..hello_parcel()
    };
    server.transport().send(&parcel).await;
    let commands = server.commands();
    assert!(
        commands[1].starts_with("MAIL FROM:<clerk@example.net>"),
        "{commands:?}"
    );
    assert_eq!(commands[2], "RCPT TO:<ana@example.org>");
}

#[tokio::test]
async fn nothing_is_used_that_is_not_offered() {
    let server = Server::start(Script::answer("EHLO", "250 mx.example\r\n")).await;
    server.transport().send(&hello_parcel()).await;
    assert_eq!(
        server.commands()[1..3],
        ["MAIL FROM:<>", "RCPT TO:<ana@example.org>"]
    );
}

#[tokio::test]
async fn eight_bit_text_goes_only_where_it_is_offered() {
    let mail = parcel("Subject: x\r\n\r\nGr\u{fc}\u{df}e\r\n");
    let server = Server::start(Script::default()).await;
    assert!(matches!(
        server.transport().send(&mail).await,
        Outcome::Accepted(_)
    ));
    assert!(server.commands()[1].ends_with(" BODY=8BITMIME"));
    let server = Server::start(Script::answer("EHLO", "250 mx.example\r\n")).await;
    let outcome = server.transport().send(&mail).await;
    assert!(
        matches!(&outcome, Outcome::Refused(text) if text.contains("8BITMIME")),
        "{outcome:?}"
    );
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_mail_over_the_servers_limit_is_not_even_begun() {
    let server = Server::start(Script::answer("EHLO", "250-mx.example\r\n250 SIZE 500\r\n")).await;
    let outcome = server.transport().send(&parcel(vec![b'x'; 600])).await;
    assert!(
        matches!(&outcome, Outcome::Refused(text) if text.contains("500")),
        "{outcome:?}"
    );
    assert!(
        !server
            .commands()
            .iter()
            .any(|line| line.starts_with("MAIL"))
    );
    assert!(matches!(
        server.transport().send(&parcel(vec![b'x'; 400])).await,
        Outcome::Accepted(_)
    ));
}

#[tokio::test]
async fn lines_and_dots_arrive_as_they_were_and_no_bare_line_end_leaves() {
    let server = Server::start(Script::default()).await;
    // The middle is what smuggling is made of: an end of data that only some servers see.
    let sent = b"a: b\n\n.\n..dots\nend\n.\r\nMAIL FROM:<x@example.org>\r.\r\n\r.\n\nlast";
    let outcome = server.transport().send(&parcel(sent)).await;
    assert!(matches!(outcome, Outcome::Accepted(_)));
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "one mail, not two");
    let text = String::from_utf8(mails[0].clone()).unwrap();
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    let unstuffed: Vec<&str> = text
        .split("\r\n")
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .collect();
    let lines = [
        "a: b",
        "",
        ".",
        "..dots",
        "end",
        ".",
        "MAIL FROM:<x@example.org>",
        ".",
        "",
        ".",
        "",
        "last",
    ];
    assert_eq!(unstuffed, lines);
}

#[tokio::test]
async fn empty_and_large_mails_go_through() {
    let server = Server::start(Script::answer("EHLO", "250 mx.example\r\n")).await;
    let mut transport = server.transport();
    for bytes in [
        Vec::new(),
        b"\r\n".to_vec(),
        b".".to_vec(),
        b".\r\n".repeat(100_000),
    ] {
        let outcome = transport.send(&parcel(&bytes)).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(
        server.mails()[3].len(),
        400_000 - 2,
        "each dot doubled, the last line end is the end of data's"
    );
}

#[tokio::test]
async fn an_original_in_8_bits_goes_packed_where_8_bits_are_not_offered() {
    let mail = parcel(
        "Subject: x\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\r\n--=_b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: y\r\n\r\nGr\u{fc}\u{df}e\r\n\r\n--=_b--\r\n",
    );
    let server = Server::start(Script::answer("EHLO", "250 mx.example\r\n")).await;
    let outcome = server.transport().send(&mail).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert!(server.mails()[0].is_ascii());
}
