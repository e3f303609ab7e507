//! An SMTP server on loopback that a test tells what to answer when, and that knows what it took over.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use crate::config::secret::Secret;
use crate::tls::Tls;
use crate::transport::Credential;
use crate::transport::smtp::Deadlines;
use crate::transport::smtp::Login;
use crate::transport::smtp::Security;
use crate::transport::smtp::Settings;
use crate::transport::smtp::SmtpTransport;

/// What the server is about to answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    /// `GREETING`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `BODY` (some of it is read), `DOT`, `AFTER` (a mail).
    pub(super) step: &'static str,
    /// How often it was at that step, this time included.
    pub(super) time: usize,
    /// The line that it answers.
    pub(super) line: &'a str,
    /// Connections that are open, this one included.
    pub(super) open: usize,
}

/// What it does.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Says that; a mail at its dot is taken over when this begins with a 2.
    Say(Vec<u8>),
    /// Says that, and hangs up.
    SayAndGo(Vec<u8>),
    /// Says nothing and keeps the connection.
    Silence,
    /// Takes the mail over and hangs up without a word.
    TakeAndGo,
}

/// An answer of one line.
pub(super) fn say(text: &str) -> Answer {
    Answer::Say(format!("{text}\r\n").into_bytes())
}

/// A password in a file of its own, as the daemon reads it at each login.
pub(super) fn password(folder: &Path, text: &str) -> Secret {
    let path = folder.join("password");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    Secret::File(path)
}

/// Made once, as it reads the system's whole trust store.
pub(super) fn any_tls() -> Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| Tls::system(None).unwrap()).clone()
}

/// A hang-up without a word.
pub(super) fn go() -> Answer {
    Answer::SayAndGo(Vec::new())
}

/// After how many bytes a connection breaks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cut {
    /// Bytes that it says.
    pub(super) says: Option<usize>,
    /// Bytes that it hears.
    pub(super) hears: Option<usize>,
}

type Plan = dyn Fn(Turn<'_>) -> Option<Answer> + Send + Sync;

#[derive(Default)]
struct Known {
    times: BTreeMap<&'static str, usize>,
    open: usize,
    connections: usize,
    lines: Vec<String>,
    whole: Vec<String>,
    taken: Vec<String>,
    cuts: VecDeque<Cut>,
    /// Bytes that the last connection to end said and heard.
    bytes: (usize, usize),
}

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) port: u16,
    known: Arc<Mutex<Known>>,
}

impl Sink {
    /// Starts one; where `plan` says nothing it is friendly.
    pub(super) async fn start(
        plan: impl Fn(Turn<'_>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let known: Arc<Mutex<Known>> = Arc::default();
        let plan: Arc<Plan> = Arc::new(plan);
        let memory = Arc::clone(&known);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let cut = {
                    let mut known = memory.lock().unwrap();
                    known.connections += 1;
                    known.open += 1;
                    known.cuts.pop_front().unwrap_or_default()
                };
                let (known, plan) = (Arc::clone(&memory), Arc::clone(&plan));
                tokio::spawn(async move {
                    let mut talk = Talk::new(tcp, cut, &known, &*plan);
                    talk.run().await;
                    let bytes = (talk.said, talk.heard);
                    let mut known = known.lock().unwrap();
                    known.bytes = bytes;
                    known.open -= 1;
                });
            }
        });
        Self { port, known }
    }

    /// The next connections break there, one after the other; those before are forgotten.
    pub(super) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.known.lock().unwrap().cuts = cuts.into_iter().collect();
    }

    /// Bytes that the last connection to end said and heard.
    pub(super) fn bytes(&self) -> (usize, usize) {
        self.known.lock().unwrap().bytes
    }

    /// Message-IDs of the mails that it took over, one for each time.
    pub(super) fn taken(&self) -> Vec<String> {
        self.known.lock().unwrap().taken.clone()
    }

    /// Message-IDs of the mails that it got to their end, taken over or not.
    pub(super) fn whole(&self) -> Vec<String> {
        self.known.lock().unwrap().whole.clone()
    }

    /// Every line that was a command.
    pub(super) fn lines(&self) -> Vec<String> {
        self.known.lock().unwrap().lines.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.known.lock().unwrap().connections
    }

    pub(super) fn open(&self) -> usize {
        self.known.lock().unwrap().open
    }

    /// Settings for it: in clear, with a login where there is a secret.
    pub(super) fn settings(&self, secret: Option<Secret>) -> Settings {
        let login = secret.map(|secret| Login {
            user: "clerk".to_owned(),
            credential: Credential::Password(secret),
        });
        let mut settings = Settings::new("127.0.0.1", self.port, Security::None, login);
        settings.hello = Some("clerk.example".to_owned());
        settings
    }

    /// A way to it with these deadlines.
    pub(super) fn way(&self, secret: Option<Secret>, deadlines: Deadlines) -> SmtpTransport {
        let mut settings = self.settings(secret);
        settings.deadlines = deadlines;
        SmtpTransport::new(settings, any_tls())
    }
}

/// One connection.
struct Talk<'a> {
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
    cut: Cut,
    said: usize,
    heard: usize,
    known: &'a Mutex<Known>,
    plan: &'a Plan,
}

impl<'a> Talk<'a> {
    fn new(tcp: TcpStream, cut: Cut, known: &'a Mutex<Known>, plan: &'a Plan) -> Self {
        let (reading, writing) = tcp.into_split();
        Self {
            reading: BufReader::new(reading),
            writing,
            cut,
            said: 0,
            heard: 0,
            known,
            plan,
        }
    }

    async fn run(&mut self) -> Option<()> {
        self.answer("GREETING", "").await?;
        loop {
            let line = self.line().await?;
            self.known.lock().unwrap().lines.push(line.clone());
            let step = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "EHLO",
                "AUTH" => "AUTH",
                "MAIL" => "MAIL",
                "RCPT" => "RCPT",
                "DATA" => "DATA",
                "QUIT" => "QUIT",
                _ => "TEXT",
            };
            if self.answer(step, &line).await? && step == "DATA" {
                let id = self.mail().await?;
                self.known.lock().unwrap().whole.push(id.clone());
                self.answer("DOT", &id).await?;
                self.answer("AFTER", &id).await?;
            }
            if step == "QUIT" {
                return None;
            }
        }
    }

    /// Answers; returns whether by a success, none when that is the end.
    async fn answer(&mut self, step: &'static str, line: &str) -> Option<bool> {
        let turn = {
            let mut known = self.known.lock().unwrap();
            let time = known.times.entry(step).or_insert(0);
            *time += 1;
            let time = *time;
            Turn {
                step,
                time,
                line,
                open: known.open,
            }
        };
        let friendly = || Answer::Say(friendly(step).to_vec());
        match (self.plan)(turn).unwrap_or_else(friendly) {
            Answer::Say(words) => {
                let well = matches!(words.first(), Some(b'2' | b'3'));
                if step == "DOT" && words.first() == Some(&b'2') {
                    self.take(line);
                }
                self.say(&words).await?;
                Some(well)
            }
            Answer::SayAndGo(words) => {
                if step == "DOT" && words.first() == Some(&b'2') {
                    self.take(line);
                }
                self.say(&words).await?;
                None
            }
            Answer::Silence => std::future::pending().await,
            Answer::TakeAndGo => {
                self.take(line);
                None
            }
        }
    }

    fn take(&self, id: &str) {
        self.known.lock().unwrap().taken.push(id.to_owned());
    }

    async fn say(&mut self, words: &[u8]) -> Option<()> {
        let left = self.cut.says.map_or(words.len(), |most| most - self.said);
        let some = left.min(words.len());
        self.writing.write_all(&words[..some]).await.ok()?;
        self.said += some;
        (self.cut.says != Some(self.said)).then_some(())
    }

    async fn byte(&mut self) -> Option<u8> {
        if self.cut.hears == Some(self.heard) {
            return None;
        }
        self.heard += 1;
        self.reading.read_u8().await.ok()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.push(self.byte().await?);
        }
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Reads a mail to its end and returns its Message-ID.
    async fn mail(&mut self) -> Option<String> {
        let mut mail = b"\r\n".to_vec();
        let mut asked = false;
        while !mail.ends_with(b"\r\n.\r\n") {
            if self.cut.hears.is_none() && mail.len() > 4_096 {
                if !asked {
                    asked = true;
                    self.answer("BODY", "").await?;
                }
                // Large mails are read in pieces; their end is found below, byte by byte.
                let some = self.reading.fill_buf().await.ok()?.len();
                if some > 64 {
                    self.reading.consume(some - 64);
                    continue;
                }
            }
            mail.push(self.byte().await?);
        }
        let text = String::from_utf8_lossy(&mail);
        let id = text.lines().find_map(|l| l.strip_prefix("Message-ID: "));
        Some(id.unwrap_or_default().to_owned())
    }
}

fn friendly(step: &str) -> &'static [u8] {
    match step {
        "GREETING" => b"220 sink.example\r\n",
        "EHLO" => b"250-sink.example\r\n250 AUTH PLAIN\r\n",
        "AUTH" => b"235 welcome\r\n",
        "DATA" => b"354 go ahead\r\n",
        "DOT" => b"250 taken\r\n",
        "QUIT" => b"221 bye\r\n",
        "BODY" | "AFTER" => b"",
        _ => b"250 ok\r\n",
    }
}
