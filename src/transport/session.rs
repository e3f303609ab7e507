//! One SMTP connection: opened, protected, logged in, and ready for mails.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::lines::Body;
use super::login;
use super::offers::Offers;
use super::reply::Reply;
use super::smtp::Deadlines;
use super::smtp::Security;
use super::smtp::Settings;
use super::verdict::End;
use super::verdict::Step;
use super::verdict::Trouble;
use super::verdict::failure;
use super::verdict::verdict;
use super::wire::Stream;
use super::wire::Wire;
use crate::tls::Tls;
use crate::triage::delivery::Outcome;

/// An attempt that ended without the answer to a final dot.
#[derive(Debug)]
pub(super) struct Failed {
    /// Where.
    pub(super) step: Step,
    /// Whether the connection went away, so that a new one may do better at once.
    pub(super) lost: bool,
    end: End,
}

impl Failed {
    /// Returns what the failure means for the mail.
    pub(super) fn settle(self) -> End {
        self.end
    }

    /// Returns the failure in words.
    pub(super) fn sentence(self) -> String {
        match self.end.outcome {
            Outcome::Accepted(text)
            | Outcome::Deferred(text)
            | Outcome::Refused(text)
            | Outcome::Unknown(text) => text,
        }
    }

    /// Returns a failure that a reply brought about.
    pub(super) fn ended(step: Step, end: End) -> Self {
        Self {
            step,
            lost: false,
            end,
        }
    }

    /// Returns a failure that is not the mail's.
    pub(super) fn before_mail(step: Step, trouble: Trouble, what: String) -> Self {
        Self::ended(step, End::ours(Outcome::Deferred, Some(trouble), what))
    }
}

/// An open connection.
pub(super) struct Session {
    conn: AsyncSmtpConnection,
    pub(super) wire: Wire,
    pub(super) offers: Offers,
    /// Mails that it has carried.
    pub(super) mails: u32,
    pub(super) idle_since: Instant,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("mails", &self.mails)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, greets, protects and logs in.
    pub(super) async fn open(settings: &Settings, tls: &Tls) -> Result<Self, Failed> {
        let deadlines = settings.deadlines;
        let tcp = connect(settings).await?;
        let hello = hello(settings.hello.as_deref(), &tcp);
        let mut session = match settings.security {
            Security::None => Self::greet(Wire::new(Stream::Plain(tcp), deadlines), &hello).await?,
            Security::Implicit => {
                let stream = handshake(settings, tls, tcp).await?;
                Self::greet(Wire::new(stream, deadlines), &hello).await?
            }
            Security::StartTls => {
                let clear = Self::greet(Wire::new(Stream::Plain(tcp), deadlines), &hello).await?;
                let stream = handshake(settings, tls, clear.start_tls().await?).await?;
                // What was offered in clear may be forged: all is asked again (RFC 3207, 4.2).
                Self::greet(Wire::greeted(stream, deadlines), &hello).await?
            }
        };
        if let Some(login) = &settings.login {
            login::log_in(&mut session, login, deadlines.login).await?;
        }
        Ok(session)
    }

    /// Waits for the greeting and says EHLO. There is no way back to HELO: it offers no login (RFC 5321, 3.2).
    async fn greet(wire: Wire, hello: &ClientId) -> Result<Self, Failed> {
        let connected =
            AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), hello).await;
        let reply = checked(&wire)?;
        let Ok(conn) = connected else {
            let what = "the server's answer to EHLO could not be read".to_owned();
            return Err(Failed::before_mail(Step::Ehlo, Trouble::Unwilling, what));
        };
        Ok(Self {
            conn,
            wire,
            offers: Offers::of(&reply),
            mails: 0,
            idle_since: Instant::now(),
        })
    }

    /// Says STARTTLS and gives the socket back for the handshake.
    async fn start_tls(mut self) -> Result<TcpStream, Failed> {
        let refused =
            |what: &str| Failed::before_mail(Step::StartTls, Trouble::Tls, what.to_owned());
        if !self.offers.start_tls {
            return Err(refused(
                "TLS refused: the server does not offer STARTTLS, and nothing is sent in clear",
            ));
        }
        self.exchange(Step::StartTls, "STARTTLS\r\n").await?;
        let Self { conn, wire, .. } = self;
        drop(conn);
        wire.into_tcp()
            .map_err(|why| refused(&format!("TLS refused: {why}")))
    }

    /// Says one line and returns the answer that lets the dialogue go on.
    pub(super) async fn exchange(
        &mut self,
        step: Step,
        line: impl fmt::Display,
    ) -> Result<Reply, Failed> {
        self.wire.begin(step);
        // What matters of the result is in the wire: the reply as it was, or what broke.
        let _ = self.conn.command(line).await;
        checked(&self.wire)
    }

    /// Says one line and returns the answer, whatever it is.
    pub(super) async fn ask(
        &mut self,
        step: Step,
        line: impl fmt::Display,
    ) -> Result<Reply, Failed> {
        self.wire.begin(step);
        let _ = self.conn.command(line).await;
        self.wire.take_reply().ok_or_else(|| lost(&self.wire))
    }

    /// Sends the mail's bytes and the final dot, and returns what became of it.
    pub(super) async fn body(&mut self, body: &Body) -> Result<End, Failed> {
        self.wire.begin_body(body.stuffed_bytes);
        let _ = self.conn.message(&body.bytes).await;
        let reply = self.wire.take_reply().ok_or_else(|| lost(&self.wire))?;
        let step = self.wire.step();
        let nothing = || {
            let what = format!("{} after {}", reply.codes(), step.name());
            failure(what, self.wire.dot_sent(), None)
        };
        Ok(verdict(step, &reply).unwrap_or_else(nothing))
    }

    /// Says goodbye, briefly.
    pub(super) async fn quit(mut self) {
        let _ = self.ask(Step::Quit, "QUIT\r\n").await;
    }
}

/// Takes the reply to the present step; an error when it ends the attempt, or when there is none.
fn checked(wire: &Wire) -> Result<Reply, Failed> {
    let reply = wire.take_reply().ok_or_else(|| lost(wire))?;
    let step = wire.step();
    match verdict(step, &reply) {
        None => Ok(reply),
        Some(end) => Err(Failed {
            step,
            lost: reply.code == 421,
            end,
        }),
    }
}

fn lost(wire: &Wire) -> Failed {
    let end = failure(wire.broken(), wire.dot_sent(), Some(Trouble::Unreachable));
    Failed {
        step: wire.step(),
        lost: true,
        end,
    }
}

async fn connect(settings: &Settings) -> Result<TcpStream, Failed> {
    let to = format!("{}:{}", settings.host, settings.port);
    let unreachable = |why: String| {
        Failed::before_mail(
            Step::Connect,
            Trouble::Unreachable,
            format!("no connection to {to}: {why}"),
        )
    };
    let allowed = settings.deadlines.connect;
    let connecting = TcpStream::connect((settings.host.as_str(), settings.port));
    let tcp = match tokio::time::timeout(allowed, connecting).await {
        Err(_) => {
            return Err(unreachable(format!(
                "no answer in {} s",
                allowed.as_secs_f32()
            )));
        }
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Ok(Ok(tcp)) => tcp,
    };
    // Without this every mail waits 40 ms: body and final dot are two writes, and the second waits for an ACK.
    tcp.set_nodelay(true)
        .map_err(|error| unreachable(error.to_string()))?;
    let here = tcp
        .peer_addr()
        .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    if settings.security == Security::None && !here {
        let what = format!(
            "TLS refused by our settings, and {to} is not this machine: nothing is sent in clear"
        );
        return Err(Failed::before_mail(Step::Connect, Trouble::Tls, what));
    }
    Ok(tcp)
}

async fn handshake(settings: &Settings, tls: &Tls, tcp: TcpStream) -> Result<Stream, Failed> {
    let failed = |trouble, what| Failed::before_mail(Step::Handshake, trouble, what);
    let Deadlines {
        handshake: allowed, ..
    } = settings.deadlines;
    match tokio::time::timeout(allowed, tls.connect(&settings.host, tcp)).await {
        Err(_) => {
            let what = format!("no TLS handshake in {} s", allowed.as_secs_f32());
            Err(failed(Trouble::Unreachable, what))
        }
        Ok(Err(error)) => Err(failed(handshake_trouble(error.kind()), error.to_string())),
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
    }
}

/// A line that broke says nothing against the server's TLS: it may do better next time without a person.
fn handshake_trouble(kind: io::ErrorKind) -> Trouble {
    match kind {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::TimedOut => Trouble::Unreachable,
        _ => Trouble::Tls,
    }
}

/// Returns our name for EHLO: a full domain name, or else our address (RFC 5321, 4.1.4).
fn hello(configured: Option<&str>, tcp: &TcpStream) -> ClientId {
    let proper = |name: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        name.contains('.') && name.len() <= 255 && name.chars().all(fits)
    };
    if let Some(name) = configured.filter(|name| proper(name)) {
        return ClientId::Domain(name.to_owned());
    }
    match ClientId::default() {
        ClientId::Domain(name) if proper(&name) => ClientId::Domain(name),
        _ => match tcp
            .local_addr()
            .map(|local| SocketAddr::new(local.ip().to_canonical(), 0))
        {
            Ok(SocketAddr::V6(local)) => ClientId::Ipv6(*local.ip()),
            Ok(SocketAddr::V4(local)) => ClientId::Ipv4(*local.ip()),
            Err(_) => ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST),
        },
    }
}

/// Bounds something that has no step on the wire.
pub(super) async fn within<T>(
    allowed: Duration,
    what: &str,
    work: impl Future<Output = T>,
) -> Result<T, String> {
    let late = |_| format!("{what} took longer than {} s", allowed.as_secs_f32());
    tokio::time::timeout(allowed, work).await.map_err(late)
}
