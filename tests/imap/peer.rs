//! A scripted IMAP server on loopback: well-behaved, except where a test tells it how to answer.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use mailclerk::mailbox::imap::FilingRules;
use mailclerk::mailbox::imap::ImapLimits;
use mailclerk::mailbox::imap::ImapMailbox;
use mailclerk::mailbox::imap::ImapSettings;
use mailclerk::mailbox::imap::Login;
use mailclerk::mailbox::imap::TlsMode;
use mailclerk::mailbox::imap::fixed_secret;
use mailclerk::tls::Tls;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// In an answer: the connection is closed here.
pub(crate) const CLOSE: &str = "<close>";
/// In an answer: nothing comes any more, the connection stays.
pub(crate) const STALL: &str = "<stall>";

/// What the server does.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) greeting: String,
    pub(crate) capabilities: String,
    answers: Vec<(String, String, bool)>,
    /// Octets after which every connection is closed.
    pub(crate) cut_after: Option<usize>,
    /// Octets are sent one by one in packets of their own.
    pub(crate) dribble: bool,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            greeting: "* OK ready\r\n".into(),
            capabilities: "IDLE MOVE UIDPLUS AUTH=PLAIN".into(),
            answers: Vec::new(),
            cut_after: None,
            dribble: false,
        }
    }

    pub(crate) fn capable_of(mut self, capabilities: &str) -> Self {
        self.capabilities = capabilities.into();
        self
    }

    /// Answers commands that begin so with `answer`, in which `{tag}` stands for the tag.
    pub(crate) fn on(mut self, command: &str, answer: &str) -> Self {
        self.answers.push((command.into(), answer.into(), false));
        self
    }

    /// The same, but only the first time; asked before [`Self::on`].
    pub(crate) fn once(mut self, command: &str, answer: &str) -> Self {
        self.answers.push((command.into(), answer.into(), true));
        self
    }

    fn answer(&mut self, command: &str) -> String {
        let place = |once: bool| {
            self.answers
                .iter()
                .position(|(begin, _, o)| *o == once && command.starts_with(begin))
        };
        if let Some(place) = place(true) {
            return self.answers.remove(place).1;
        }
        if let Some(place) = place(false) {
            return self.answers[place].1.clone();
        }
        let verb = command.split(' ').next().unwrap_or_default();
        match verb {
            "CAPABILITY" => {
                format!(
                    "* CAPABILITY IMAP4rev1 {}\r\n{{tag}} OK done\r\n",
                    self.capabilities
                )
            }
            "SELECT" => select("\\Deleted \\Seen \\*", ""),
            "IDLE" => "+ idling\r\n".into(),
            "LOGOUT" => format!("* BYE bye\r\n{{tag}} OK done\r\n{CLOSE}"),
            "UID" if command.contains("BODY.PEEK[]") => {
                format!(
                    "{}{}{}{{tag}} OK done\r\n",
                    mail(1, 5),
                    mail(2, 7),
                    mail(3, 12)
                )
            }
            "UID" if command.contains("RFC822.SIZE") => {
                format!(
                    "{}{}{}{{tag}} OK done\r\n",
                    listed(1, 5),
                    listed(2, 7),
                    listed(3, 12)
                )
            }
            _ => "{tag} OK done\r\n".into(),
        }
    }
}

pub(crate) fn select(permanent: &str, more: &str) -> String {
    format!(
        "* FLAGS (\\Answered \\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* OK [PERMANENTFLAGS ({permanent})] kept\r\n\
         * OK [UIDVALIDITY 9] valid\r\n* OK [UIDNEXT 13] next\r\n{more}{{tag}} OK [READ-WRITE] done\r\n"
    )
}

pub(crate) fn listed(number: u32, uid: u32) -> String {
    format!(
        "* {number} FETCH (UID {uid} FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE {})\r\n",
        text(uid).len()
    )
}

pub(crate) fn mail(number: u32, uid: u32) -> String {
    let text = text(uid);
    format!(
        "* {number} FETCH (UID {uid} BODY[] {{{}}}\r\n{text})\r\n",
        text.len()
    )
}

pub(crate) fn text(uid: u32) -> String {
    format!(
        "Subject: mail {uid}\r\n\r\n{}",
        "text (of it {7}\r\n".repeat(3)
    )
}

/// The server, for as long as the runtime of the test lives.
pub(crate) struct Peer {
    port: u16,
    /// The commands without their tags, in order.
    commands: Arc<Mutex<Vec<String>>>,
    sent: Arc<Mutex<usize>>,
}

impl Peer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let commands = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(Mutex::new(0));
        let peer = Self {
            port,
            commands: Arc::clone(&commands),
            sent: Arc::clone(&sent),
        };
        let script = Arc::new(Mutex::new(script));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (script, commands, sent) = (
                    Arc::clone(&script),
                    Arc::clone(&commands),
                    Arc::clone(&sent),
                );
                tokio::spawn(async move { serve(tcp, &script, &commands, &sent).await });
            }
        });
        peer
    }

    pub(crate) fn settings(&self) -> ImapSettings {
        ImapSettings {
            host: "127.0.0.1".into(),
            port: self.port,
            tls: TlsMode::None,
            login: Login::Password {
                user: "support".into(),
                secret: fixed_secret("se\"cret"),
            },
            folder: "INBOX".into(),
            filing: FilingRules {
                answered: Some("Done.Answered".into()),
                forwarded: Some("Done.Forwarded".into()),
                quiet: None,
                ..FilingRules::default()
            },
            keyword: Some("$MailclerkDone".into()),
            idle: true,
            limits: ImapLimits::default(),
        }
    }

    pub(crate) fn mailbox(&self) -> ImapMailbox {
        mailbox(self.settings())
    }

    /// The commands that were given after SELECT.
    pub(crate) fn commands(&self) -> Vec<String> {
        let all = self.commands.lock().unwrap().clone();
        let selected = all.iter().position(|command| command.starts_with("SELECT"));
        all[selected.map_or(0, |place| place + 1)..].to_vec()
    }

    pub(crate) fn all_commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }

    pub(crate) fn sent(&self) -> usize {
        *self.sent.lock().unwrap()
    }
}

pub(crate) fn mailbox(settings: ImapSettings) -> ImapMailbox {
    // Reading the system's certificates takes milliseconds, which thousands of sessions would feel.
    static TLS: OnceLock<Tls> = OnceLock::new();
    let tls = TLS.get_or_init(|| Tls::system(None).unwrap());
    ImapMailbox::new(settings, tls.clone()).unwrap()
}

async fn serve(
    tcp: TcpStream,
    script: &Mutex<Script>,
    commands: &Mutex<Vec<String>>,
    sent: &Mutex<usize>,
) {
    tcp.set_nodelay(true).unwrap();
    let mut tcp = BufReader::new(tcp);
    let greeting = script.lock().unwrap().greeting.clone();
    let mut said = 0;
    let mut idle = String::new();
    let mut answer = greeting;
    let mut tag = String::new();
    loop {
        let (cut_after, dribble) = {
            let script = script.lock().unwrap();
            (script.cut_after, script.dribble)
        };
        let answer_text = answer.replace("{tag}", &tag);
        let (text, end) = match answer_text.find('<').filter(|place| {
            answer_text[*place..].starts_with(CLOSE) || answer_text[*place..].starts_with(STALL)
        }) {
            Some(place) => (&answer_text[..place], Some(answer_text[place..].to_owned())),
            None => (answer_text.as_str(), None),
        };
        let bytes = text.as_bytes();
        let left = cut_after.map_or(bytes.len(), |cut| (cut - said).min(bytes.len()));
        let pieces = if dribble { 1 } else { left.max(1) };
        for piece in bytes[..left].chunks(pieces) {
            if tcp.write_all(piece).await.is_err() {
                return;
            }
        }
        said += left;
        *sent.lock().unwrap() = said;
        if cut_after == Some(said) {
            return;
        }
        match end.as_deref() {
            Some(CLOSE) => return,
            Some(_) => std::future::pending().await,
            None => {}
        }
        let mut line = String::new();
        match tcp.read_line(&mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = line.trim_end().to_owned();
        if line == "DONE" {
            commands.lock().unwrap().push(line);
            tag = std::mem::take(&mut idle);
            answer = script.lock().unwrap().answer("DONE");
            continue;
        }
        let (its_tag, command) = line.split_once(' ').unwrap_or((&tag, &line));
        let command = command.to_owned();
        tag = its_tag.to_owned();
        if command == "IDLE" {
            idle.clone_from(&tag);
        }
        answer = script.lock().unwrap().answer(&command);
        commands.lock().unwrap().push(command);
    }
}
