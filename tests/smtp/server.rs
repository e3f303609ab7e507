//! A server that says what its script says, and remembers what it was told.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;

use mailclerk::message::address::Address;
use mailclerk::tls::Tls;
use mailclerk::transport::Parcel;
use mailclerk::transport::smtp::Deadlines;
use mailclerk::transport::smtp::Security;
use mailclerk::transport::smtp::Settings;
use mailclerk::transport::smtp::SmtpTransport;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Says nothing and keeps the connection.
pub const SILENCE: &str = "(silence)";
/// Answers one byte after the other, for ever.
pub const DRIP: &str = "(drip)";
/// Hangs up instead of answering.
pub const HANG_UP: &str = "(hang up)";

/// What a server does on each connection.
#[derive(Clone, Default)]
pub struct Script {
    /// Answers by verb (`GREETING`, `EHLO`, `MAIL`, ..., `DOT`, `TEXT` for anything else); one after the other when
    /// there are several, the last one for ever; those that are missing are friendly.
    pub answers: HashMap<&'static str, VecDeque<Vec<u8>>>,
    /// Bytes that it says before it hangs up.
    pub says_max: Option<usize>,
    /// Bytes that it hears before it hangs up.
    pub hears_max: Option<u64>,
    /// Mails on a connection before it hangs up, with a 421 or without a word.
    pub hangs_up_after: Option<(usize, &'static str)>,
    /// Its certificate: TLS at once, or after STARTTLS when that is told.
    pub tls: Option<TlsAcceptor>,
    /// Whether TLS begins only after STARTTLS.
    pub start_tls: bool,
}

impl Script {
    /// Returns a script with one answer set.
    pub fn answer(verb: &'static str, answer: impl AsRef<[u8]>) -> Self {
        Self::default().then(verb, answer)
    }

    /// Adds an answer.
    #[must_use]
    pub fn then(mut self, verb: &'static str, answer: impl AsRef<[u8]>) -> Self {
        self.answers
            .entry(verb)
            .or_default()
            .push_back(answer.as_ref().to_vec());
        self
    }

    fn next(&mut self, verb: &str) -> Vec<u8> {
        if let Some(queue) = self.answers.get_mut(verb) {
            let only = queue.len() == 1;
            let answer = if only {
                queue.front().cloned()
            } else {
                queue.pop_front()
            };
            return answer.unwrap_or_default();
        }
        let friendly: &[u8] = match verb {
            "GREETING" => b"220 mx.example ESMTP\r\n",
            "EHLO" => {
                b"250-mx.example\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
            }
            "DATA" => b"354 go ahead\r\n",
            "QUIT" => b"221 bye\r\n",
            "AUTH" => b"235 welcome\r\n",
            "STARTTLS" => b"220 go ahead\r\n",
            "DOT" => b"250 2.0.0 queued as 4711\r\n",
            _ => b"250 ok\r\n",
        };
        friendly.to_vec()
    }
}

/// What a server was told.
#[derive(Default)]
pub struct Heard {
    /// Connections that it took.
    pub connections: usize,
    /// Each line that was a command.
    pub commands: Vec<String>,
    /// Each mail as it was on the wire, dots stuffed, without the end of data.
    pub mails: Vec<Vec<u8>>,
}

/// A running server.
pub struct Server {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Server {
    /// Starts a server; it ends with the test's runtime.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ears = Arc::clone(&heard);
        let script = Arc::new(Mutex::new(script));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                ears.lock().unwrap().connections += 1;
                tokio::spawn(serve(tcp, Arc::clone(&script), Arc::clone(&ears)));
            }
        });
        Self { port, heard }
    }

    pub fn commands(&self) -> Vec<String> {
        self.heard.lock().unwrap().commands.clone()
    }

    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().mails.clone()
    }

    pub fn connections(&self) -> usize {
        self.heard.lock().unwrap().connections
    }

    /// Settings for it: in clear, no login.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new("127.0.0.1", self.port, Security::None, None);
        settings.hello = Some("clerk.example".to_owned());
        settings
    }

    /// A transport to it: in clear, no login.
    pub fn transport(&self) -> SmtpTransport {
        SmtpTransport::new(self.settings(), any_tls())
    }
}

/// Trusts the CA of this run; made once, as it reads the system's whole trust store.
pub fn any_tls() -> Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| Tls::system(Some(&crate::pki::authority().pem)).unwrap())
        .clone()
}

/// Deadlines with one step made short.
pub fn impatient(change: impl FnOnce(&mut Deadlines, Duration)) -> Deadlines {
    let mut deadlines = Deadlines::default();
    change(&mut deadlines, Duration::from_millis(150));
    deadlines
}

pub fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

/// A mail to Ana from nobody, as automatic replies are.
pub fn parcel(bytes: impl AsRef<[u8]>) -> Parcel {
    Parcel {
        envelope_from: None,
        to: address("ana@example.org"),
        bytes: bytes.as_ref().to_vec(),
    }
}

pub fn hello_parcel() -> Parcel {
    parcel("Subject: hello\r\n\r\nGood day.\r\n")
}

type Ears = Arc<Mutex<Heard>>;

async fn serve(tcp: TcpStream, script: Arc<Mutex<Script>>, ears: Ears) {
    let tls = script.lock().unwrap().tls.clone();
    let start_tls = script.lock().unwrap().start_tls;
    match tls {
        None => drop(converse(tcp, &script, &ears, true).await),
        Some(acceptor) if !start_tls => {
            if let Ok(stream) = acceptor.accept(tcp).await {
                drop(converse(stream, &script, &ears, true).await);
            }
        }
        Some(acceptor) => {
            if let Some(tcp) = converse(tcp, &script, &ears, true).await
                && let Ok(stream) = acceptor.accept(tcp).await
            {
                drop(converse(stream, &script, &ears, false).await);
            }
        }
    }
}

/// Talks until the end; gives the stream back when STARTTLS was agreed.
async fn converse<S>(stream: S, script: &Mutex<Script>, ears: &Ears, greets: bool) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (says_max, hears_max, start_tls) = {
        let script = script.lock().unwrap();
        (script.says_max, script.hears_max, script.start_tls)
    };
    let mut stream = BufReader::new(stream);
    let mut said = 0;
    let mut heard = 0;
    let mut mails = 0;
    let mut verb = "GREETING".to_owned();
    let mut skip = !greets;
    loop {
        if !skip {
            let answer = script.lock().unwrap().next(&verb);
            misbehave(&answer, stream.get_mut()).await?;
            let left = says_max
                .map_or(usize::MAX, |most| most - said)
                .min(answer.len());
            stream.get_mut().write_all(&answer[..left]).await.ok()?;
            stream.get_mut().flush().await.ok()?;
            said += left;
            if left < answer.len() || says_max == Some(said) || verb == "QUIT" {
                return None;
            }
            if verb == "STARTTLS" && start_tls && answer.starts_with(b"2") {
                return Some(stream.into_inner());
            }
            if verb == "DATA" && answer.starts_with(b"3") {
                let mail = read_mail(&mut stream, hears_max.map(|most| most - heard)).await?;
                heard += mail.len() as u64 + 5;
                ears.lock().unwrap().mails.push(mail);
                "DOT".clone_into(&mut verb);
                continue;
            }
            if verb == "DOT" {
                mails += 1;
                let hangs_up_after = script.lock().unwrap().hangs_up_after;
                if let Some((_, words)) = hangs_up_after.filter(|(most, _)| *most == mails) {
                    stream.get_mut().write_all(words.as_bytes()).await.ok()?;
                    return None;
                }
            }
        }
        skip = false;
        let line = read_line(&mut stream, hears_max, &mut heard).await?;
        let line = String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_owned();
        let first = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let known = ["EHLO", "MAIL", "RCPT", "DATA", "QUIT", "AUTH", "STARTTLS"];
        verb = if known.contains(&first.as_str()) {
            first
        } else {
            "TEXT".to_owned()
        };
        ears.lock().unwrap().commands.push(line);
    }
}

/// Does what is told instead of an answer; none when that was the end.
async fn misbehave<S: AsyncWrite + Unpin>(answer: &[u8], stream: &mut S) -> Option<()> {
    if answer == SILENCE.as_bytes() {
        std::future::pending::<()>().await;
    }
    while answer == DRIP.as_bytes() {
        stream.write_all(b"2").await.ok()?;
        stream.flush().await.ok()?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (answer != HANG_UP.as_bytes()).then_some(())
}

/// Reads one line; nothing more once it has heard its fill.
async fn read_line<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    most: Option<u64>,
    heard: &mut u64,
) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        if most.is_some_and(|most| *heard >= most) {
            return None;
        }
        line.push(stream.read_u8().await.ok()?);
        *heard += 1;
    }
    Some(line)
}

/// Reads up to the end of data, as a strict server does: CRLF, dot, CRLF.
async fn read_mail<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    most: Option<u64>,
) -> Option<Vec<u8>> {
    let mut mail = b"\r\n".to_vec();
    while !mail.ends_with(b"\r\n.\r\n") {
        if most.is_some_and(|most| mail.len() as u64 >= most + 2) {
            return None;
        }
        let some = stream.fill_buf().await.ok()?;
        let byte = *some.first()?;
        stream.consume(1);
        mail.push(byte);
    }
    mail.truncate(mail.len() - 5);
    Some(mail.split_off(2.min(mail.len())))
}
