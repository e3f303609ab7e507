//! Under TLS as well the line may break at any byte, handshake and login included: a mail is never taken for sent that
//! was not, nor for unsent that was.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use mailclerk::config::secret::Secret;
use mailclerk::transport::Credential;
use mailclerk::transport::Transport;
use mailclerk::transport::Trouble;
use mailclerk::transport::smtp::Login;
use mailclerk::transport::smtp::Security;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use crate::pki::authority;
use crate::server::Script;
use crate::server::Server;
use crate::server::any_tls;
use crate::server::hello_parcel;

/// What lies between a server and us: breaks every connection after so many bytes one way.
struct Proxy {
    port: u16,
}

#[derive(Clone, Copy)]
enum Way {
    FromServer,
    FromUs,
}

impl Proxy {
    /// Leads to `server`; the first connection breaks after `bytes` on the `way`.
    async fn start(server: u16, way: Way, bytes: usize) -> (Self, Arc<[AtomicUsize; 2]>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed: Arc<[AtomicUsize; 2]> = Arc::default();
        let counts = Arc::clone(&passed);
        tokio::spawn(async move {
            let (ours, _) = listener.accept().await.unwrap();
            let theirs = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let (our_end, our_start) = ours.into_split();
            let (their_end, their_start) = theirs.into_split();
            let most = |this: bool| if this { bytes } else { usize::MAX };
            let from_us = pass(
                our_end,
                their_start,
                most(matches!(way, Way::FromUs)),
                &counts[0],
            );
            let from_server = pass(
                their_end,
                our_start,
                most(matches!(way, Way::FromServer)),
                &counts[1],
            );
            // Whichever ends first takes the other with it.
            tokio::select! {
                () = from_us => {}
                () = from_server => {}
            }
        });
        (Self { port }, passed)
    }
}

/// Passes up to `most` bytes on.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, most: usize, count: &AtomicUsize) {
    let mut space = [0; 4096];
    let mut left = most;
    while left > 0 {
        let some = space.len().min(left);
        let Ok(read @ 1..) = from.read(&mut space[..some]).await else {
            return;
        };
        left -= read;
        if to.write_all(&space[..read]).await.is_err() {
            return;
        }
        count.fetch_add(read, Ordering::SeqCst);
    }
}

/// Sends a mail through a line under TLS, with a login, that breaks there; returns what we think of it, the server, and
/// the bytes that passed each way.
async fn through_tls(
    way: Way,
    bytes: usize,
    start_tls: bool,
    secret: &Secret,
) -> (Outcome, Option<Trouble>, Server, [usize; 2]) {
    let script = Script {
        tls: Some(authority().acceptor("good")),
        start_tls,
        ..Script::default()
    };
    let script = if start_tls {
        script.then("EHLO", "250-mx\r\n250 STARTTLS\r\n")
    } else {
        script
    };
    let server = Server::start(script.then("EHLO", "250-mx\r\n250 AUTH PLAIN\r\n")).await;
    let (proxy, passed) = Proxy::start(server.port, way, bytes).await;
    let mut settings = server.settings();
    settings.port = proxy.port;
    settings.security = if start_tls {
        Security::StartTls
    } else {
        Security::Implicit
    };
    settings.login = Some(Login {
        user: "clerk".to_owned(),
        credential: Credential::Password(secret.clone()),
    });
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    let passed = [&passed[0], &passed[1]].map(|count| count.load(Ordering::SeqCst));
    (outcome, transport.trouble(), server, passed)
}

fn secret(folder: &Path) -> Secret {
    let path = folder.join("password");
    std::fs::write(&path, "open sesame").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    Secret::File(path)
}

/// Breaks the line at every `stride`-th byte of a whole session.
async fn break_everywhere(way: Way, start_tls: bool, stride: usize) {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret(folder.path());
    let (outcome, _, _, passed) = through_tls(way, usize::MAX, start_tls, &secret).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let whole = match way {
        Way::FromUs => passed[0],
        Way::FromServer => passed[1],
    };
    let mut unsent = Vec::new();
    let mut doubts = 0;
    // Signatures differ in length by a few bytes from one handshake to the next.
    for bytes in (0..whole + 8).step_by(stride) {
        let (outcome, _, server, _) = through_tls(way, bytes, start_tls, &secret).await;
        match outcome {
            Outcome::Accepted(_) => assert_eq!(server.mails().len(), 1, "{bytes} of {whole}"),
            Outcome::Deferred(_) => unsent.push((bytes, server)),
            Outcome::Unknown(_) => doubts += 1,
            Outcome::Refused(_) => panic!("{bytes} of {whole}: {outcome:?}"),
        }
    }
    // Looked at last: a server may need a moment to read what lies in its buffer.
    for (bytes, server) in &unsent {
        assert!(
            server.mails().is_empty(),
            "{bytes} of {whole}: said to be unsent"
        );
    }
    assert!(!unsent.is_empty() && doubts < 150, "{doubts} of {whole}");
}

/// Faults: F69 F61; holds I2 I3 I10.
#[tokio::test]
async fn a_line_under_tls_that_breaks_after_any_byte_of_the_servers_ends_right() {
    break_everywhere(Way::FromServer, false, 1).await;
}

/// Faults: F69 F61; holds I2 I3 I10.
#[tokio::test]
async fn a_line_under_tls_that_breaks_after_any_byte_of_ours_ends_right() {
    break_everywhere(Way::FromUs, false, 1).await;
}

/// Faults: F69 F61 F73; holds I2 I3 I10.
#[tokio::test]
async fn a_line_that_breaks_around_starttls_ends_right() {
    break_everywhere(Way::FromServer, true, 5).await;
    break_everywhere(Way::FromUs, true, 5).await;
}

/// Faults: F73; holds I10.
#[tokio::test]
async fn a_handshake_that_breaks_is_a_broken_line_and_no_matter_of_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret(folder.path());
    // In the middle of what the server says of itself.
    for start_tls in [false, true] {
        let (outcome, trouble, server, _) =
            through_tls(Way::FromServer, 150, start_tls, &secret).await;
        assert!(
            matches!(&outcome, Outcome::Deferred(text) if text.contains("TLS")),
            "{outcome:?}"
        );
        assert_eq!(trouble, Some(Trouble::Unreachable));
        assert!(server.mails().is_empty());
    }
}
