//! TLS: who is believed, and that nothing is said in clear.

use mailclerk::tls::Tls;
use mailclerk::tls::TlsError;
use mailclerk::transport::Transport;
use mailclerk::transport::Trouble;
use mailclerk::transport::smtp::Security;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;

use crate::pki::authority;
use crate::server::SILENCE;
use crate::server::Script;
use crate::server::Server;
use crate::server::any_tls;
use crate::server::hello_parcel;
use crate::server::impatient;

const OFFER: &str = "250-mx.example\r\n250 STARTTLS\r\n";

async fn implicit(certificate: &str, host: &str) -> (Outcome, Option<Trouble>) {
    let script = Script {
        tls: Some(authority().acceptor(certificate)),
        ..Script::default()
    };
    let server = Server::start(script).await;
    let mut settings = server.settings();
    host.clone_into(&mut settings.host);
    settings.security = Security::Implicit;
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    assert!(
        matches!(outcome, Outcome::Accepted(_)) || server.commands().is_empty(),
        "nothing said to a stranger"
    );
    (outcome, transport.trouble())
}

async fn start_tls(script: Script) -> (Outcome, Option<Trouble>, Server) {
    let server = Server::start(script).await;
    let mut settings = server.settings();
    settings.security = Security::StartTls;
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    (outcome, transport.trouble(), server)
}

#[tokio::test]
async fn a_good_certificate_is_believed_by_name_and_by_address() {
    for host in ["127.0.0.1", "localhost"] {
        let (outcome, trouble) = implicit("good", host).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        assert_eq!(trouble, None);
    }
}

/// Faults: F61 F73; holds I7 I9.
#[tokio::test]
async fn wrong_expired_and_unknown_certificates_are_not_believed() {
    for certificate in ["wrong-name", "expired", "unknown-issuer", "stranger"] {
        let (outcome, trouble) = implicit(certificate, "localhost").await;
        assert!(
            matches!(&outcome, Outcome::Deferred(text) if text.contains("TLS")),
            "{certificate}: {outcome:?}"
        );
        assert_eq!(trouble, Some(Trouble::Tls), "{certificate}");
    }
}

#[tokio::test]
async fn starttls_asks_everything_again_under_tls() {
    let script = Script {
        tls: Some(authority().acceptor("good")),
        start_tls: true,
        ..Script::default()
    };
    let script = script
        .then("EHLO", OFFER)
        .then("EHLO", "250 mx.example\r\n");
    let (outcome, _, server) = start_tls(script).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let commands = server.commands();
    assert_eq!(
        commands[..3],
        ["EHLO clerk.example", "STARTTLS", "EHLO clerk.example"]
    );
    assert_eq!(
        commands[3], "MAIL FROM:<>",
        "what was offered in clear is forgotten"
    );
}

/// Faults: F73; holds I7.
#[tokio::test]
async fn without_starttls_nothing_is_said_in_clear() {
    let refusals = [
        Script::default(),
        Script::answer("EHLO", OFFER).then("STARTTLS", "454 not now\r\n"),
        Script::answer("EHLO", OFFER).then("STARTTLS", "502 what\r\n"),
    ];
    for script in refusals {
        let (outcome, trouble, server) = start_tls(script).await;
        assert!(
            matches!(&outcome, Outcome::Deferred(text) if text.starts_with("TLS refused")),
            "{outcome:?}"
        );
        assert_eq!(trouble, Some(Trouble::Tls));
        assert!(
            !server
                .commands()
                .iter()
                .any(|line| line.starts_with("MAIL"))
        );
    }
}

/// Faults: F61 F73; holds I7.
#[tokio::test]
async fn text_injected_before_the_handshake_is_not_taken_for_the_servers() {
    let script = Script {
        tls: Some(authority().acceptor("good")),
        start_tls: true,
        ..Script::default()
    };
    let injected = "220 go\r\n250-mx.example\r\n250 AUTH PLAIN\r\n";
    let (outcome, trouble, server) =
        start_tls(script.then("EHLO", OFFER).then("STARTTLS", injected)).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("in clear")),
        "{outcome:?}"
    );
    assert_eq!(trouble, Some(Trouble::Tls));
    assert_eq!(server.commands(), ["EHLO clerk.example", "STARTTLS"]);
}

/// Faults: F61 F73; holds I7.
#[tokio::test]
async fn a_wrong_certificate_after_starttls_ends_it() {
    let script = Script {
        tls: Some(authority().acceptor("wrong-name")),
        start_tls: true,
        ..Script::default()
    };
    let (outcome, trouble, _) = start_tls(script.then("EHLO", OFFER)).await;
    assert!(matches!(outcome, Outcome::Deferred(_)), "{outcome:?}");
    assert_eq!(trouble, Some(Trouble::Tls));
}

/// Faults: F72 F73; holds I6.
#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    // A server in clear where TLS is expected: it waits for us, and we for it.
    let server = Server::start(Script::answer("GREETING", SILENCE)).await;
    let mut settings = server.settings();
    settings.security = Security::Implicit;
    settings.deadlines = impatient(|all, short| all.handshake = short);
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("handshake")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn nothing_is_said_in_clear_to_another_machine() {
    // Our own address on the network stands for another machine; without a network there is nothing to try.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let Ok(()) = probe.connect("192.0.2.1:9") else {
        return;
    };
    let here = probe.local_addr().unwrap().ip();
    let Ok(listener) = tokio::net::TcpListener::bind((here, 0)).await else {
        return;
    };
    if here.is_loopback() {
        return;
    }
    let mut settings = Server::start(Script::default()).await.settings();
    settings.host = here.to_string();
    settings.deadlines = impatient(|all, short| all.greeting = short);
    settings.port = listener.local_addr().unwrap().port();
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("in clear")),
        "{outcome:?}"
    );
    assert_eq!(transport.trouble(), Some(Trouble::Tls));
}

#[test]
fn an_extra_ca_that_is_none_is_refused() {
    assert!(matches!(
        Tls::system(Some(b"")),
        Err(TlsError::ExtraCaEmpty)
    ));
    assert!(matches!(
        Tls::system(Some(b"not PEM")),
        Err(TlsError::ExtraCaEmpty)
    ));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        Tls::system(Some(broken)),
        Err(TlsError::ExtraCa(_))
    ));
    assert!(Tls::system(Some(&authority().pem)).is_ok());
}
