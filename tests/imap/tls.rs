//! TLS to IMAP servers that are not who they say, or whose line is meddled with: no login, and nothing secret on the wire.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::task::Context;
use std::task::Poll;

use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::Opened;
use mailclerk::mailbox::imap::ImapMailbox;
use mailclerk::mailbox::imap::ImapSettings;
use mailclerk::mailbox::imap::Login;
use mailclerk::mailbox::imap::TlsMode;
use mailclerk::mailbox::imap::fixed_secret;
use mailclerk::tls::Tls;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::peer::Peer;
use crate::peer::Script;
use crate::pki::authority;

/// What the server does before and in the handshake.
#[derive(Clone)]
struct Plan {
    certificate: &'static str,
    /// Said in clear first; the answer to STARTTLS included, after which the handshake begins.
    starttls: Option<String>,
    /// Octets of the server's side of the handshake, after which it hangs up.
    cut_after: Option<usize>,
    /// Said in place of any handshake.
    instead: Option<Vec<u8>>,
}

impl Plan {
    fn of(certificate: &'static str) -> Self {
        Self {
            certificate,
            starttls: None,
            cut_after: None,
            instead: None,
        }
    }
}

/// What a server saw: everything that came in clear, and everything that came through TLS.
#[derive(Default)]
struct Seen {
    clear: Vec<u8>,
    inside: Vec<u8>,
    said: usize,
}

/// A server's end that remembers what comes and hangs up after so many octets said.
struct Tap {
    tcp: TcpStream,
    seen: Arc<Mutex<Seen>>,
    cut_after: Option<usize>,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let mut seen = self.seen.lock().unwrap();
        seen.clear.extend(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let said = self.seen.lock().unwrap().said;
        let left = self.cut_after.map_or(octets.len(), |cut| cut - said);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let some = &octets[..left.min(octets.len())];
        let polled = Pin::new(&mut self.tcp).poll_write(context, some);
        if let Poll::Ready(Ok(count)) = polled {
            self.seen.lock().unwrap().said += count;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

async fn serve(tcp: TcpStream, plan: Plan, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    let mut tap = Tap {
        tcp,
        seen: Arc::clone(&seen),
        cut_after: None,
    };
    if let Some(answer) = &plan.starttls {
        tap.write_all(b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n")
            .await?;
        while tap.read_u8().await? != b'\n' {}
        tap.write_all(answer.as_bytes()).await?;
    }
    if let Some(instead) = &plan.instead {
        tap.write_all(instead).await?;
        let mut rest = Vec::new();
        tap.read_to_end(&mut rest).await?;
        return Ok(());
    }
    seen.lock().unwrap().said = 0;
    tap.cut_after = plan.cut_after;
    let stream = authority().acceptor(plan.certificate).accept(tap).await?;
    let mut stream = BufReader::new(stream);
    if plan.starttls.is_none() {
        stream.write_all(b"* OK ready\r\n").await?;
        stream.flush().await?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        seen.lock().unwrap().inside.extend(line.as_bytes());
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or_default();
        let answer = match command.split(' ').next().unwrap_or_default() {
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{tag} OK x\r\n"),
            "SELECT" => crate::peer::select("\\*", "").replace("{tag}", tag),
            _ => format!("{tag} OK x\r\n"),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

const PASSWORD: &str = "Planted-Password-1";

/// Opens a mailbox by host `host` on a server with that plan.
async fn opened(plan: Plan, host: &str) -> (Result<Opened, MailboxError>, Arc<Mutex<Seen>>) {
    // Reading the system's certificates takes long, which hundreds of handshakes would feel.
    static TLS: OnceLock<Tls> = OnceLock::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let settings = ImapSettings {
        host: host.into(),
        port: listener.local_addr().unwrap().port(),
        tls: if plan.starttls.is_some() {
            TlsMode::StartTls
        } else {
            TlsMode::Implicit
        },
        login: Login::Password {
            user: "planted-user".into(),
            secret: fixed_secret(PASSWORD),
        },
        ..Peer::start(Script::new()).await.settings()
    };
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let _ = serve(tcp, plan.clone(), Arc::clone(&shared)).await;
        }
    });
    let tls = TLS.get_or_init(|| Tls::system(Some(&authority().pem)).unwrap());
    let mut mailbox = ImapMailbox::new(settings, tls.clone()).unwrap();
    let result = mailbox.open().await;
    assert_eq!(mailbox.is_open(), result.is_ok());
    (result, seen)
}

/// Asserts that nothing secret was said in clear, and nothing at all through TLS.
fn assert_silent(seen: &Mutex<Seen>, what: &str) {
    let seen = seen.lock().unwrap();
    assert_eq!(String::from_utf8_lossy(&seen.inside), "", "{what}");
    let clear = String::from_utf8_lossy(&seen.clear);
    for secret in [
        PASSWORD,
        "planted-user",
        "LOGIN",
        "AUTHENTICATE",
        "UGxhbnRlZC",
    ] {
        assert!(!clear.contains(secret), "{what}: {secret} in {clear:?}");
    }
}

/// Both ways into TLS, each with the certificate of that name.
fn both_ways(certificate: &'static str) -> [Plan; 2] {
    let starttls = Some("s1 OK go\r\n".to_owned());
    [
        Plan::of(certificate),
        Plan {
            starttls,
            ..Plan::of(certificate)
        },
    ]
}

#[tokio::test]
async fn a_good_certificate_is_believed_and_the_password_goes_through_tls_alone() {
    for plan in both_ways("good") {
        let (result, seen) = opened(plan, "127.0.0.1").await;
        result.unwrap();
        let seen = seen.lock().unwrap();
        assert!(String::from_utf8_lossy(&seen.inside).contains(PASSWORD));
        assert!(!String::from_utf8_lossy(&seen.clear).contains(PASSWORD));
    }
}

/// Faults: F61; holds I7 I9.
#[tokio::test]
async fn an_expired_misnamed_self_signed_or_unknown_certificate_is_told_nothing() {
    for (certificate, host) in [
        ("expired", "127.0.0.1"),
        ("wrong-name", "127.0.0.1"),
        ("wrong-name", "localhost"),
        ("unknown-issuer", "127.0.0.1"),
        // It signs itself.
        ("stranger", "127.0.0.1"),
    ] {
        for plan in both_ways(certificate) {
            let (result, seen) = opened(plan, host).await;
            assert!(
                matches!(result, Err(MailboxError::Unfit(_))),
                "{certificate}: {result:?}"
            );
            assert_silent(&seen, certificate);
        }
    }
}

/// Faults: F61; holds I6 I7 I9.
#[tokio::test]
async fn a_server_that_talks_in_clear_or_in_an_old_version_of_tls_is_told_nothing() {
    // ServerHello of TLS 1.1 with a suite of that time, and the alert that a server of TLS 1.0 alone gives.
    let mut old_hello = vec![0x16, 3, 2, 0, 0x2a, 2, 0, 0, 0x26, 3, 2];
    old_hello.extend([7; 32]);
    old_hello.extend([0, 0, 0x2f, 0]);
    for (what, instead) in [
        (
            "clear",
            b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n".to_vec(),
        ),
        ("preauth", b"* PREAUTH welcome\r\n".to_vec()),
        ("TLS 1.1", old_hello),
        ("alert", vec![0x15, 3, 1, 0, 2, 2, 70]),
        ("nonsense", vec![0xff; 5000]),
    ] {
        for plan in both_ways("good") {
            let plan = Plan {
                instead: Some(instead.clone()),
                ..plan
            };
            let (result, seen) = opened(plan, "127.0.0.1").await;
            assert!(result.is_err(), "{what}");
            assert_silent(&seen, what);
        }
    }
}

/// Faults: F61; holds I6 I7 I9.
#[tokio::test]
async fn a_handshake_cut_after_any_octet_ends_without_a_login() {
    for plan in both_ways("good") {
        let (result, seen) = opened(plan.clone(), "127.0.0.1").await;
        result.unwrap();
        // The handshake and the greeting: what comes later is in the tests of cut sessions.
        let total = seen.lock().unwrap().said;
        assert!(total > 500, "{total}");
        for octets in 0..700 {
            let plan = Plan {
                cut_after: Some(octets),
                ..plan.clone()
            };
            let (result, seen) = opened(plan, "127.0.0.1").await;
            assert!(
                matches!(result, Err(MailboxError::Lost(_))),
                "{octets}: {result:?}"
            );
            assert_silent(&seen, &format!("cut after {octets}"));
        }
    }
}

/// Faults: F61; holds I7 I9.
#[tokio::test]
async fn what_somebody_puts_behind_the_answer_to_starttls_is_never_taken_for_the_servers() {
    for injected in [
        "s1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
        "s1 OK go\r\nm1 OK done\r\nm2 OK done\r\n",
        "s1 OK go\r\n* PREAUTH welcome\r\n",
        "s1 OK go\r\n ",
        "s1 NO not today\r\n",
        "s1 BAD what is that\r\n",
        "* PREAUTH welcome\r\n* BYE\r\n",
    ] {
        let plan = Plan {
            starttls: Some(injected.to_owned()),
            ..Plan::of("good")
        };
        let (result, seen) = opened(plan, "127.0.0.1").await;
        assert!(result.is_err(), "{injected}");
        assert_silent(&seen, injected);
    }
}
