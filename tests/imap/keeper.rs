//! An IMAP server in memory that keeps folders and mails over all its connections, and breaks a connection where a test
//! says: after any octet it says or hears, by silence, or by one octet at a time. What a command does is done before the
//! first octet of its answer is said, so a cut leaves what a real server leaves.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;

mod house;

pub(crate) use house::Connection;
pub(crate) use house::Given;
pub(crate) use house::House;
use house::fetched;

/// In an answer of a test's own: the connection is closed here.
pub(crate) const CLOSE: &str = "<close>";
/// UIDVALIDITY of every folder.
pub(crate) const VALIDITY: u32 = 7;

/// What befalls one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is closed once so many octets were said.
    CutSaid(usize),
    /// It is closed once so many octets were heard; a command whose last octet that is is not obeyed.
    CutHeard(usize),
    /// Once so many octets were said, nothing more is; the connection stays.
    StallSaid(usize),
    /// Each octet is said by itself, after a pause.
    Drip(Duration),
    /// Every tagged line is said twice.
    Twice,
    /// Every tagged line has somebody else's tag.
    OtherTag,
}

/// The server, for as long as the runtime of the test lives.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) port: u16,
    house: Arc<Mutex<House>>,
}

impl Keeper {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let keeper = Self {
            port,
            house: Arc::new(Mutex::new(House::new())),
        };
        let house = Arc::clone(&keeper.house);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let line = Line::new(tcp, Arc::clone(&house));
                // That a connection ends is what this server is for.
                tokio::spawn(async move { drop(line.serve().await) });
            }
        });
        keeper
    }

    pub(crate) fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap()
    }
}

/// One connection.
struct Line {
    tcp: BufReader<TcpStream>,
    house: Arc<Mutex<House>>,
    /// Which of all connections it is.
    number: usize,
    fault: Fault,
    selected: String,
    /// It has waited in IDLE: then NOOP is no waiting.
    idled: bool,
}

impl Line {
    fn new(tcp: TcpStream, house: Arc<Mutex<House>>) -> Self {
        tcp.set_nodelay(true).unwrap();
        let (number, fault) = {
            let mut all = house.lock().unwrap();
            all.tick();
            all.connections.push(Connection {
                at: Instant::now(),
                said: 0,
                heard: 0,
                commands: Vec::new(),
            });
            let fault = all.faults.pop_front().unwrap_or(Fault::None);
            (all.connections.len() - 1, fault)
        };
        Self {
            tcp: BufReader::new(tcp),
            house,
            number,
            fault,
            selected: String::new(),
            idled: false,
        }
    }

    async fn serve(mut self) -> io::Result<()> {
        let greeting = self.house().planned("GREETING");
        let greeting = greeting.unwrap_or_else(|| "* OK ready\r\n".to_owned());
        self.say(greeting.as_bytes()).await?;
        loop {
            let line = self.hear().await?;
            let (tag, command) = line.split_once(' ').unwrap_or(("*", &line));
            let planned = self.note(command);
            let answer = match planned {
                Some(answer) => answer.into_bytes(),
                None if command == "IDLE" => self.idle().await?.into_bytes(),
                None if command == "AUTHENTICATE XOAUTH2" => self.take_token().await?.into_bytes(),
                None => self.obey(command),
            };
            let text = self.tagged(&answer, tag);
            self.say(&text).await?;
            if command == "LOGOUT" {
                return Ok(());
            }
        }
    }

    /// Writes a command down; returns the answer that a test has planned for it.
    fn note(&self, command: &str) -> Option<String> {
        let mut house = self.house();
        house.tick();
        let connection = &mut house.connections[self.number];
        connection.commands.push(Given {
            text: command.to_owned(),
            at: Instant::now(),
            said: connection.said,
            heard: connection.heard,
        });
        house.planned(command)
    }

    fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap()
    }

    /// Says octets, as far as the fault lets it.
    async fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        let close = octets
            .windows(CLOSE.len())
            .position(|part| part == CLOSE.as_bytes());
        let octets = &octets[..close.unwrap_or(octets.len())];
        let said = self.house().connections[self.number].said;
        let left = match self.fault {
            Fault::CutSaid(after) | Fault::StallSaid(after) => (after - said).min(octets.len()),
            _ => octets.len(),
        };
        // Counted before they are said: whoever hears the last of them may look at once.
        self.house().connections[self.number].said += left;
        if let Fault::Drip(pause) = self.fault {
            for octet in octets {
                tokio::time::sleep(pause).await;
                self.tcp.get_mut().write_all(&[*octet]).await?;
            }
        } else {
            self.tcp.get_mut().write_all(&octets[..left]).await?;
        }
        let ended = || io::Error::from(io::ErrorKind::BrokenPipe);
        match self.fault {
            Fault::CutSaid(after) if said + left == after => Err(ended()),
            Fault::StallSaid(after) if said + left == after => {
                // Silent until the other side has had enough.
                let mut heard = Vec::new();
                self.tcp.read_to_end(&mut heard).await?;
                Err(ended())
            }
            _ if close.is_some() => Err(ended()),
            _ => Ok(()),
        }
    }

    /// Hears one line, as far as the fault lets it.
    async fn hear(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            let octet = self.tcp.read_u8().await?;
            let heard = {
                let connection = &mut self.house().connections[self.number];
                connection.heard += 1;
                connection.heard
            };
            if self.fault == Fault::CutHeard(heard) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if octet == b'\n' {
                let text = String::from_utf8_lossy(&line);
                return Ok(text.trim_end().to_owned());
            }
            line.push(octet);
        }
    }

    /// Stays in IDLE until DONE; a mail that is due comes at its beginning.
    async fn idle(&mut self) -> io::Result<String> {
        self.idled = true;
        let news = self.arrive(true);
        self.say(format!("+ idling\r\n{news}").as_bytes()).await?;
        let patience = self.house().patience;
        let Ok(done) = tokio::time::timeout(patience, self.hear()).await else {
            return Ok(format!("* BYE you idle for too long\r\n{CLOSE}"));
        };
        let planned = self.note(&done?);
        Ok(planned.unwrap_or_else(|| "{tag} OK done\r\n".to_owned()))
    }

    /// Asks for a token and takes it, or has the refusal acknowledged.
    async fn take_token(&mut self) -> io::Result<String> {
        self.say(b"+ \r\n").await?;
        let bearer = data_encoding::BASE64.decode(self.hear().await?.as_bytes());
        let bearer = String::from_utf8(bearer.unwrap_or_default()).unwrap_or_default();
        let known = self
            .house()
            .tokens
            .iter()
            .any(|token| bearer.ends_with(&format!("auth=Bearer {token}\x01\x01")));
        if known {
            return Ok("{tag} OK done\r\n".to_owned());
        }
        self.say(b"+ e30=\r\n").await?;
        self.hear().await?;
        Ok("{tag} NO [AUTHENTICATIONFAILED] not this token\r\n".to_owned())
    }

    /// Takes in the next mail that is due; without one, what is planned for a time of rest happens.
    fn arrive(&mut self, waits: bool) -> String {
        let mut house = self.house();
        let Some(raw) = house.arrivals.pop_front() else {
            if let Some(deed) = house.rests.pop_front_if(|_| waits) {
                deed(&mut house);
            }
            return String::new();
        };
        house.put("INBOX", &raw);
        format!("* {} EXISTS\r\n", house.folders["INBOX"].mails.len())
    }

    /// Puts the tag in; octets, as mails need not be text.
    fn tagged(&self, answer: &[u8], tag: &str) -> Vec<u8> {
        let tag = if self.fault == Fault::OtherTag {
            "x1"
        } else {
            tag
        };
        let mut out = replaced(answer, tag);
        if self.fault == Fault::Twice {
            let last = answer
                .windows(5)
                .rposition(|part| part == b"{tag}")
                .unwrap_or(answer.len());
            out.extend(replaced(&answer[last..], tag));
        }
        out
    }

    /// Does what a command says; returns the whole answer.
    fn obey(&mut self, command: &str) -> Vec<u8> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let answer = match verb {
            "CAPABILITY" => {
                let able = self.house().capabilities.clone();
                format!("* CAPABILITY IMAP4rev1 {able}\r\n{{tag}} OK done\r\n")
            }
            "LOGIN" | "SUBSCRIBE" => "{tag} OK done\r\n".to_owned(),
            "LOGOUT" => "* BYE bye\r\n{tag} OK done\r\n".to_owned(),
            "NOOP" => {
                let news = self.arrive(!self.idled);
                format!("{news}{{tag}} OK done\r\n")
            }
            "LIST" => "* LIST (\\Noselect) \"/\" \"\"\r\n{tag} OK done\r\n".to_owned(),
            "CREATE" => {
                self.house().create(rest.trim_matches('"'));
                "{tag} OK done\r\n".to_owned()
            }
            "SELECT" => self.select(rest.trim_matches('"')),
            "STATUS" => self.status(rest.split('"').nth(1).unwrap_or_default()),
            "UID" => return self.by_uid(rest),
            _ => "{tag} BAD what\r\n".to_owned(),
        };
        answer.into_bytes()
    }

    fn status(&self, name: &str) -> String {
        match self.house().folders.get(name) {
            Some(folder) => {
                let count = folder.mails.len();
                format!("* STATUS \"{name}\" (MESSAGES {count})\r\n{{tag}} OK done\r\n")
            }
            None => "{tag} NO [NONEXISTENT] no such folder\r\n".to_owned(),
        }
    }

    fn select(&mut self, name: &str) -> String {
        let house = self.house();
        let Some(folder) = house.folders.get(name) else {
            return "{tag} NO [NONEXISTENT] no such folder\r\n".to_owned();
        };
        let (count, next) = (folder.mails.len(), folder.last_uid + 1);
        let permanent = house.permanent.clone();
        drop(house);
        name.clone_into(&mut self.selected);
        format!(
            "* FLAGS (\\Deleted \\Seen)\r\n* {count} EXISTS\r\n* OK [PERMANENTFLAGS ({permanent})] kept\r\n\
             * OK [UIDVALIDITY {VALIDITY}] valid\r\n* OK [UIDNEXT {next}] next\r\n{{tag}} OK [READ-WRITE] done\r\n"
        )
    }

    fn by_uid(&mut self, rest: &str) -> Vec<u8> {
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (set, what) = rest.split_once(' ').unwrap_or((rest, ""));
        let selected = self.selected.clone();
        let mut house = self.house();
        let Some(folder) = house.folders.get(&selected) else {
            return b"{tag} BAD nothing is selected\r\n".to_vec();
        };
        let chosen = folder.chosen(set);
        match verb {
            "FETCH" => fetched(folder, &chosen, what),
            "STORE" => house.store(&selected, &chosen, what).into_bytes(),
            "EXPUNGE" => {
                let of_these = |(_, uid): &(usize, u32)| {
                    let mail = house.folders[&selected].mails.get(uid);
                    mail.is_some_and(|mail| mail.flags.contains("\\Deleted"))
                };
                let gone: Vec<(usize, u32)> = chosen.iter().copied().filter(of_these).collect();
                house.expunge(&selected, &gone).into_bytes()
            }
            "COPY" | "MOVE" => {
                let target = what.trim_matches('"');
                if !house.folders.contains_key(target) {
                    return b"{tag} NO [TRYCREATE] no such folder\r\n".to_vec();
                }
                for (_, uid) in &chosen {
                    let mail = house.folders[&selected].mails[uid].clone();
                    house.put_kept(target, mail);
                }
                if verb == "COPY" {
                    return b"{tag} OK [COPYUID 7 1 1] done\r\n".to_vec();
                }
                let gone = house.expunge(&selected, &chosen);
                format!("* OK [COPYUID 7 1 1] moved\r\n{gone}").into_bytes()
            }
            _ => b"{tag} BAD what\r\n".to_vec(),
        }
    }
}

fn replaced(answer: &[u8], tag: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"{tag}";
    let mut out = Vec::with_capacity(answer.len());
    let mut rest = answer;
    while let Some(place) = rest.windows(PLACE.len()).position(|part| part == PLACE) {
        out.extend(&rest[..place]);
        out.extend(tag.as_bytes());
        rest = &rest[place + PLACE.len()..];
    }
    out.extend(rest);
    out
}
