//! From a host name to a greeted connection: resolving, TCP, TLS or STARTTLS (RFC 8314; RFC 9051, 6.2.1).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Link;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::names::said;
use crate::mailbox::imap::settings::ImapSettings;
use crate::mailbox::imap::settings::TlsMode;
use crate::tls;
use crate::tls::Tls;

/// Lines before TLS that are read at most, and octets in each.
const PLAIN_LINES_MAX: usize = 50;
const PLAIN_LINE_BYTES_MAX: usize = 8 * 1024;

/// Connects and reads the greeting; returns whether the server took us in already (PREAUTH).
pub(super) async fn connect(
    settings: &ImapSettings,
    tls: &Tls,
) -> Result<(Wire, bool), MailboxError> {
    timeout(
        Duration::from_millis(settings.limits.connect_ms),
        connect_unbounded(settings, tls),
    )
    .await
    .unwrap_or_else(|_| {
        Err(MailboxError::Lost(format!(
            "{}:{} could not be connected in time",
            settings.host, settings.port
        )))
    })
}

async fn connect_unbounded(
    settings: &ImapSettings,
    tls: &Tls,
) -> Result<(Wire, bool), MailboxError> {
    let mut tcp = tcp(settings).await?;
    let link: Box<dyn Link> = match settings.tls {
        TlsMode::None => Box::new(tcp),
        TlsMode::Implicit => Box::new(shake_hands(settings, tls, tcp).await?),
        TlsMode::StartTls => {
            start_tls(&mut tcp).await?;
            // There is no second greeting; and nothing that was said before TLS is kept.
            let link = shake_hands(settings, tls, tcp).await?;
            return Ok((Wire::new(Box::new(link), settings.limits), false));
        }
    };
    let mut wire = Wire::new(link, settings.limits);
    let taken_in = wire.greeting().await?;
    Ok((wire, taken_in))
}

async fn shake_hands(
    settings: &ImapSettings,
    tls: &Tls,
    tcp: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, MailboxError> {
    tls.connect(&settings.host, tcp).await.map_err(|error| {
        let why = said(&error.to_string());
        if tls::is_distrust(&error) {
            // Nothing was sent. It stays so until somebody renews the certificate or names its CA.
            MailboxError::Unfit(why)
        } else {
            MailboxError::Lost(why)
        }
    })
}

async fn tcp(settings: &ImapSettings) -> Result<TcpStream, MailboxError> {
    let host = settings.host.as_str();
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, settings.port))
        .await
        .map_err(|error| MailboxError::Lost(format!("{host} does not resolve: {error}")))?
        .collect();
    if settings.tls == TlsMode::None && !addresses.iter().all(is_loopback) {
        return Err(MailboxError::Unfit(format!(
            "{host} is another machine, and without TLS the password would be readable on the way; set tls to implicit or starttls"
        )));
    }
    let mut last: Option<io::Error> = None;
    // A share of the time for each address, so that a dead first one does not use up all of it.
    let tries = u64::try_from(addresses.len()).unwrap_or(1).max(1);
    let share = Duration::from_millis(settings.limits.connect_ms / tries);
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                // Commands are small and wait for their answers.
                let _ = tcp.set_nodelay(true);
                return Ok(tcp);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
        }
    }
    let why = last.map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
    Err(MailboxError::Lost(format!(
        "{host}:{} cannot be connected: {why}",
        settings.port
    )))
}

fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Speaks plain text up to the point where TLS begins.
///
/// Read octet by octet on purpose: nothing is read ahead, so nothing that someone put behind the answer can be taken for
/// an answer inside TLS; it would meet the handshake and end it. It is looked for all the same, to say so.
async fn start_tls(tcp: &mut TcpStream) -> Result<(), MailboxError> {
    let greeting = plain_line(tcp).await?;
    if !starts_with(&greeting, "* OK") {
        // PREAUTH too: taken in before TLS means that STARTTLS is not allowed any more (RFC 9051, 11.1).
        return Err(MailboxError::Lost(format!(
            "the server does not greet for STARTTLS: {}",
            said(&greeting)
        )));
    }
    let lost = |error: io::Error| MailboxError::Lost(format!("STARTTLS failed: {}", error.kind()));
    tcp.write_all(b"s1 STARTTLS\r\n").await.map_err(lost)?;
    for _ in 0..PLAIN_LINES_MAX {
        let line = plain_line(tcp).await?;
        if starts_with(&line, "* BYE") {
            return Err(MailboxError::Lost(format!(
                "the server said goodbye: {}",
                said(&line)
            )));
        }
        if starts_with(&line, "s1 ") {
            if !starts_with(&line, "s1 OK") {
                return Err(MailboxError::Unfit(format!(
                    "the server refuses STARTTLS, and nothing is sent without it: {}",
                    said(&line)
                )));
            }
            let mut behind = [0_u8; 1];
            return match tcp.try_read(&mut behind) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Ok(0) => Err(MailboxError::Lost(
                    "the server closed at STARTTLS".to_owned(),
                )),
                Ok(_) => Err(MailboxError::Lost(
                    "plain text stood behind the answer to STARTTLS; someone may be in the middle"
                        .to_owned(),
                )),
                Err(error) => Err(lost(error)),
            };
        }
    }
    Err(MailboxError::Lost("STARTTLS was not answered".to_owned()))
}

fn starts_with(line: &str, prefix: &str) -> bool {
    line.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

async fn plain_line(tcp: &mut TcpStream) -> Result<String, MailboxError> {
    let mut line = Vec::new();
    while line.len() < PLAIN_LINE_BYTES_MAX {
        let octet = tcp
            .read_u8()
            .await
            .map_err(|error| MailboxError::Lost(format!("before TLS: {}", error.kind())))?;
        if octet == b'\n' {
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        line.push(octet);
    }
    Err(MailboxError::Lost(
        "the server sent an endless line before TLS".to_owned(),
    ))
}
