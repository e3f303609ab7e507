//! SMTP and LMTP as a sender speaks them, in the few lines a test needs.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Which of the two protocols, and the port.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    /// Straight into Dovecot.
    Lmtp(u16),
    /// Through Postfix.
    Smtp(u16),
}

/// Hands over one mail with one recipient; `Err` holds the server's refusal.
///
/// Lone line feeds become CRLF, and nothing else of the mail is changed. An empty `from` is the null sender.
pub(crate) fn send(to: To, raw: &[u8], from: &str, rcpt: &str) -> Result<()> {
    let (port, hello) = match to {
        To::Lmtp(port) => (port, "LHLO sender.example"),
        To::Smtp(port) => (port, "EHLO sender.example"),
    };
    let mut peer = Peer::connect(port)?;
    peer.command(hello, 250)?;
    peer.command(&format!("MAIL FROM:<{from}>"), 250)?;
    peer.command(&format!("RCPT TO:<{rcpt}>"), 250)?;
    peer.command("DATA", 354)?;
    peer.stream.get_mut().write_all(&stuffed(raw))?;
    peer.expect("the mail", 250)?;
    peer.command("QUIT", 221)
}

struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port}"))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_nodelay(true)?;
        let mut peer = Self {
            stream: BufReader::new(stream),
        };
        peer.expect("connecting", 220)?;
        Ok(peer)
    }

    fn command(&mut self, line: &str, code: u16) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())?;
        self.expect(line, code)
    }

    /// Reads one answer, all its lines, and compares its code.
    fn expect(&mut self, what: &str, code: u16) -> Result<()> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the server hung up after {what}");
            }
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if line.starts_with(&code.to_string()) {
                return Ok(());
            }
            bail!("after {what}: {}", line.trim_end());
        }
    }
}

/// The mail as DATA carries it: CRLF line ends, leading dots doubled, the final dot (RFC 5321, 4.5.2).
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 64);
    let mut last = b'\n';
    for &byte in raw {
        if byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        if byte == b'.' && last == b'\n' {
            out.push(b'.');
        }
        out.push(byte);
        last = byte;
    }
    if last != b'\n' {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
