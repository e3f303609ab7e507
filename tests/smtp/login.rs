//! Logging in: each mechanism, each refusal, and no secret in any text.

use std::path::PathBuf;
use std::sync::Arc;

use mailclerk::clock::SystemClock;
use mailclerk::config::oauth::AccessTokens;
use mailclerk::config::oauth::TokenSource;
use mailclerk::config::secret::Secret;
use mailclerk::transport::Credential;
use mailclerk::transport::Transport;
use mailclerk::transport::Trouble;
use mailclerk::transport::smtp::Login;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;

use crate::server::SILENCE;
use crate::server::Script;
use crate::server::Server;
use crate::server::any_tls;
use crate::server::hello_parcel;
use crate::server::impatient;

fn secret() -> Secret {
    Secret::Command(vec!["echo".to_owned(), "open sesame".to_owned()])
}

fn token() -> Credential {
    let given = Secret::Command(vec!["echo".to_owned(), "opensesame".to_owned()]);
    let tokens = AccessTokens::new(
        TokenSource::Given(given),
        PathBuf::from("unused"),
        Arc::new(SystemClock),
    );
    Credential::Token(tokens)
}

fn offers(mechanisms: &str) -> Script {
    Script::answer(
        "EHLO",
        format!("250-mx.example\r\n250 AUTH {mechanisms}\r\n"),
    )
}

async fn log_in(script: Script, credential: Credential) -> (Outcome, Option<Trouble>, Server) {
    let server = Server::start(script).await;
    let mut settings = server.settings();
    settings.login = Some(Login {
        user: "clerk".to_owned(),
        credential,
    });
    settings.deadlines = impatient(|all, short| all.login = short * 20);
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    assert!(!format!("{outcome:?}").contains("sesame"), "{outcome:?}");
    (outcome, transport.trouble(), server)
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[tokio::test]
async fn plain_is_taken_before_login() {
    let (outcome, _, server) = log_in(offers("LOGIN PLAIN"), Credential::Password(secret())).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(
        server.commands()[1],
        format!("AUTH PLAIN {}", base64("\0clerk\0open sesame"))
    );
}

#[tokio::test]
async fn login_answers_two_challenges_however_they_are_worded() {
    let script = offers("LOGIN")
        .then("AUTH", "334 V2VyPw==\r\n")
        .then("TEXT", "334 \r\n")
        .then("TEXT", "235 ok\r\n");
    let (outcome, _, server) = log_in(script, Credential::Password(secret())).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(
        server.commands()[1..4],
        [
            "AUTH LOGIN".to_owned(),
            base64("clerk"),
            base64("open sesame")
        ]
    );
}

#[tokio::test]
async fn a_token_goes_by_xoauth2_and_its_refusal_is_heard_out() {
    let (outcome, _, server) = log_in(offers("PLAIN XOAUTH2"), token()).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let expected = base64("user=clerk\x01auth=Bearer opensesame\x01\x01");
    assert_eq!(server.commands()[1], format!("AUTH XOAUTH2 {expected}"));

    let script = offers("XOAUTH2")
        .then("AUTH", "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        .then("TEXT", "535 no\r\n");
    let (outcome, trouble, server) = log_in(script, token()).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.starts_with("login refused: 535")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::Login));
    assert_eq!(server.commands()[2], "");
}

/// Faults: F66 F77; holds I2.
#[tokio::test]
async fn a_refused_login_defers_the_mail_and_tells_for_how_long() {
    let cases = [
        ("535 5.7.8 wrong\r\n", Trouble::Login),
        ("534 5.7.9 other mechanism\r\n", Trouble::Login),
        ("454 4.7.0 later\r\n", Trouble::LoginForNow),
        ("334 what\r\n", Trouble::Login),
        ("421 closing\r\n", Trouble::Unwilling),
    ];
    for (answer, expected) in cases {
        let (outcome, trouble, server) = log_in(
            offers("PLAIN").then("AUTH", answer),
            Credential::Password(secret()),
        )
        .await;
        assert!(matches!(outcome, Outcome::Deferred(_)), "{outcome:?}");
        assert_eq!(trouble, Some(expected), "{answer}");
        assert!(
            !server
                .commands()
                .iter()
                .any(|line| line.starts_with("MAIL"))
        );
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_tried_says_why() {
    let (outcome, trouble, _) = log_in(offers("CRAM-MD5"), Credential::Password(secret())).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("CRAM-MD5")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::Login));
    let missing = Secret::File(PathBuf::from("/no/such/secret"));
    let (outcome, trouble, _) = log_in(offers("PLAIN"), Credential::Password(missing)).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("/no/such/secret")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::Login));
    let slow = Secret::Command(vec!["sleep".to_owned(), "60".to_owned()]);
    let (outcome, trouble, _) = log_in(offers("PLAIN"), Credential::Password(slow)).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("password")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::LoginForNow));
}

/// Faults: F72; holds I6.
#[tokio::test]
async fn a_login_without_an_answer_is_given_up() {
    let (outcome, trouble, _) = log_in(
        offers("PLAIN").then("AUTH", SILENCE),
        Credential::Password(secret()),
    )
    .await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("the login")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::Unreachable));
}

/// Faults: F77; holds I2.
#[tokio::test]
async fn a_lost_right_in_mid_run_is_our_accounts_fault_and_not_the_mails() {
    for verb in ["MAIL", "RCPT", "DATA"] {
        let server = Server::start(Script::answer(
            verb,
            "530 5.7.0 Authentication required\r\n",
        ))
        .await;
        let mut transport = server.transport();
        assert!(
            matches!(transport.send(&hello_parcel()).await, Outcome::Deferred(_)),
            "{verb}"
        );
        assert_eq!(transport.trouble(), Some(Trouble::Login));
    }
}

#[tokio::test]
async fn a_probe_opens_logs_in_and_leaves() {
    let server = Server::start(Script::default()).await;
    assert_eq!(server.transport().probe().await, Ok(()));
    assert_eq!(server.commands(), ["EHLO clerk.example", "QUIT"]);
    let server = Server::start(Script::answer("GREETING", "554 go away\r\n")).await;
    assert!(
        server
            .transport()
            .probe()
            .await
            .unwrap_err()
            .contains("554 go away")
    );
}
