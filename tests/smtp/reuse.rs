//! A connection carries several mails, and a worn or stale one costs none.

use mailclerk::transport::Transport;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;

use crate::server::HANG_UP;
use crate::server::Script;
use crate::server::Server;
use crate::server::any_tls;
use crate::server::hello_parcel;

async fn accepted(transport: &mut SmtpTransport) -> bool {
    matches!(transport.send(&hello_parcel()).await, Outcome::Accepted(_))
}

#[tokio::test]
async fn mails_share_a_connection_up_to_its_limit() {
    let server = Server::start(Script::default()).await;
    let mut settings = server.settings();
    settings.mails_per_connection_max = 2;
    let mut transport = SmtpTransport::new(settings, any_tls());
    for _ in 0..5 {
        assert!(accepted(&mut transport).await);
    }
    transport.close().await;
    assert_eq!(server.connections(), 3);
    assert_eq!(
        server
            .commands()
            .iter()
            .filter(|line| *line == "QUIT")
            .count(),
        3
    );
}

#[tokio::test]
async fn an_idle_connection_is_left_in_time() {
    let server = Server::start(Script::default()).await;
    let mut settings = server.settings();
    settings.idle_s_max = 0;
    let mut transport = SmtpTransport::new(settings, any_tls());
    assert!(accepted(&mut transport).await && accepted(&mut transport).await);
    assert_eq!(server.connections(), 2);
}

/// Faults: F66; holds I2 I10.
#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_costs_no_mail() {
    for words in ["421 4.4.2 idle too long\r\n", ""] {
        let server = Server::start(Script {
            hangs_up_after: Some((1, words)),
            ..Script::default()
        })
        .await;
        let mut transport = server.transport();
        for _ in 0..4 {
            assert!(accepted(&mut transport).await, "after {words:?}");
        }
        assert_eq!(server.connections(), 4);
        assert_eq!(server.mails().len(), 4);
    }
}

/// Faults: F66; holds I2 I3.
#[tokio::test]
async fn a_reused_connection_that_fails_before_the_data_is_replaced_once() {
    for (verb, answer) in [
        ("MAIL", "421 closing\r\n"),
        ("MAIL", HANG_UP),
        ("RCPT", "421 closing\r\n"),
        ("RCPT", HANG_UP),
    ] {
        let script = Script::answer(verb, "250 ok\r\n")
            .then(verb, answer)
            .then(verb, "250 ok\r\n");
        let server = Server::start(script).await;
        let mut transport = server.transport();
        assert!(
            accepted(&mut transport).await && accepted(&mut transport).await,
            "{verb} {answer}"
        );
        assert_eq!((server.connections(), server.mails().len()), (2, 2));
    }
    let server =
        Server::start(Script::answer("MAIL", "250 ok\r\n").then("MAIL", "421 closing\r\n")).await;
    let mut transport = server.transport();
    assert!(accepted(&mut transport).await);
    assert!(matches!(
        transport.send(&hello_parcel()).await,
        Outcome::Deferred(_)
    ));
    assert_eq!(server.connections(), 2, "once, not again and again");
}

/// Faults: F69; holds I3.
#[tokio::test]
async fn a_failure_from_the_data_on_is_not_tried_again() {
    let server = Server::start(
        Script::answer("DOT", "250 ok\r\n")
            .then("DOT", HANG_UP)
            .then("DOT", "250 ok\r\n"),
    )
    .await;
    let mut transport = server.transport();
    assert!(accepted(&mut transport).await);
    assert!(matches!(
        transport.send(&hello_parcel()).await,
        Outcome::Unknown(_)
    ));
    assert!(
        accepted(&mut transport).await,
        "the next mail has a connection of its own"
    );
    assert_eq!((server.connections(), server.mails().len()), (2, 3));
}

/// Faults: F68; holds I2.
#[tokio::test]
async fn a_refused_mail_does_not_touch_the_next_one() {
    let script = Script::answer("RCPT", "550 no\r\n")
        .then("RCPT", "250 ok\r\n")
        .then("DOT", "554 no\r\n")
        .then("DOT", "250 ok\r\n");
    let server = Server::start(script).await;
    let mut transport = server.transport();
    assert!(matches!(
        transport.send(&hello_parcel()).await,
        Outcome::Refused(_)
    ));
    assert!(matches!(
        transport.send(&hello_parcel()).await,
        Outcome::Refused(_)
    ));
    assert!(accepted(&mut transport).await);
}
