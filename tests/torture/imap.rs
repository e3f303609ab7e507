//! An IMAP server of the world's mailbox: IDLE, MOVE, UIDPLUS, CONDSTORE, keywords (RFC 9051, 2177, 6851, 4315, 7162).

pub(crate) mod mailbox;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::imap::mailbox::VALIDITY;
use crate::imap::words::after;
use crate::imap::words::flags_of;
use crate::imap::words::number_after;
use crate::imap::words::set_of;
use crate::imap::words::split;
use crate::imap::words::strings;
use crate::world::Shared;

const CAPABILITIES: &str = "IMAP4rev1 IDLE MOVE UIDPLUS CONDSTORE ENABLE LITERAL+ AUTH=PLAIN";

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = tcp.set_nodelay(true);
            let session = Session {
                stream: BufReader::new(tcp),
                shared,
                folder: None,
                known: Vec::new(),
                out: Vec::new(),
                modseqs: false,
            };
            // A daemon that is gone is the most common end here.
            let _ = session.run().await;
        });
    }
}

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    folder: Option<String>,
    /// The UIDs that the client knows of, by message number.
    known: Vec<u32>,
    out: Vec<u8>,
    /// CONDSTORE is enabled: every FETCH tells MODSEQ.
    modseqs: bool,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        self.say("* OK the world is ready");
        loop {
            self.flush().await?;
            let (line, literal) = self.command().await?;
            let (tag, command) = split(&line);
            let (verb, rest) = split(command);
            let verb = verb.to_ascii_uppercase();
            if verb == "LOGOUT" {
                self.say("* BYE");
                self.say(&format!("{tag} OK done"));
                return self.flush().await;
            }
            if verb == "IDLE" {
                self.idle().await?;
                self.say(&format!("{tag} OK done"));
                continue;
            }
            if verb == "AUTHENTICATE" {
                self.say("+ ");
                self.flush().await?;
                self.line().await?;
                self.say(&format!("{tag} OK welcome"));
                continue;
            }
            let verdict = self.answer(&verb, rest, literal);
            self.news();
            self.say(&format!("{tag} {verdict}"));
        }
    }

    fn say(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.stream.get_mut().write_all(&out).await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Reads a command; with its literal, if it ends in one.
    async fn command(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut line = self.line().await?;
        let mut literal = Vec::new();
        while let Some(said) = line.strip_suffix('}').and_then(|l| l.rsplit_once('{')) {
            let (head, count) = said;
            let waits = !count.ends_with('+');
            let count: usize = count.trim_end_matches('+').parse().unwrap_or(0);
            let head = head.to_owned();
            if waits {
                self.say("+ go on");
                self.flush().await?;
            }
            literal = vec![0; count];
            self.stream.read_exact(&mut literal).await?;
            line = head + &self.line().await?;
        }
        Ok((line, literal))
    }

    /// Tells what changed in the folder since it was last told.
    fn news(&mut self) {
        let Some(name) = self.folder.clone() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox();
        let now: Vec<u32> = mailbox
            .folder(&name)
            .map(|f| f.mails.keys().copied().collect())
            .unwrap_or_default();
        drop(mailbox);
        for place in (0..self.known.len()).rev() {
            if now.binary_search(&self.known[place]).is_err() {
                self.say(&format!("* {} EXPUNGE", place + 1));
                self.known.remove(place);
            }
        }
        if now.len() > self.known.len() {
            self.say(&format!("* {} EXISTS", now.len()));
        }
        self.known = now;
    }

    async fn idle(&mut self) -> io::Result<()> {
        self.say("+ idling");
        let mut news = self.shared.news.subscribe();
        loop {
            self.news();
            self.flush().await?;
            tokio::select! {
                // Nothing is lost by dropping it: `fill_buf` takes nothing out.
                filled = self.stream.fill_buf() => {
                    if filled?.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.line().await?;
                    return Ok(());
                }
                _ = news.changed() => {}
            }
        }
    }

    fn answer(&mut self, verb: &str, rest: &str, literal: Vec<u8>) -> String {
        let shared = Arc::clone(&self.shared);
        match verb {
            "CAPABILITY" => self.say(&format!("* CAPABILITY {CAPABILITIES}")),
            "SELECT" | "EXAMINE" => return self.select(rest),
            "LIST" | "LSUB" => self.list(rest),
            "STATUS" => return self.status(rest),
            "CREATE" => {
                let name = strings(rest).into_iter().next().unwrap_or_default();
                if !shared.mailbox().create(&name) {
                    return "NO [ALREADYEXISTS] it is there".to_owned();
                }
            }
            "APPEND" => {
                let name = strings(rest).into_iter().next().unwrap_or_default();
                let flags = flags_of(rest).into_iter().collect::<BTreeSet<_>>();
                let uid = shared.change(|mailbox| mailbox.append(&name, literal, flags));
                return uid.map_or("NO [TRYCREATE] no such folder".to_owned(), |uid| {
                    format!("OK [APPENDUID {VALIDITY} {uid}] done")
                });
            }
            "ENABLE" => {
                self.modseqs = true;
                self.say("* ENABLED CONDSTORE");
            }
            "UID" => {
                let (verb, rest) = split(rest);
                return self.by_uid(&verb.to_ascii_uppercase(), rest);
            }
            "CLOSE" | "UNSELECT" => self.folder = None,
            "LOGIN" | "NOOP" | "CHECK" | "SUBSCRIBE" | "ID" => {}
            _ => return format!("BAD {verb} is not known in this world"),
        }
        "OK done".to_owned()
    }

    fn select(&mut self, rest: &str) -> String {
        let name = strings(rest).into_iter().next().unwrap_or_default();
        self.modseqs |= rest.to_ascii_uppercase().contains("CONDSTORE");
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox();
        let Some(folder) = mailbox.folder(&name) else {
            self.folder = None;
            return "NO no such folder".to_owned();
        };
        self.known = folder.mails.keys().copied().collect();
        self.say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
        self.say("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] kept");
        self.say(&format!("* {} EXISTS", folder.mails.len()));
        self.say("* 0 RECENT");
        self.say(&format!("* OK [UIDVALIDITY {VALIDITY}] valid"));
        self.say(&format!("* OK [UIDNEXT {}] next", folder.last_uid + 1));
        self.say(&format!(
            "* OK [HIGHESTMODSEQ {}] highest",
            mailbox.highest_modseq()
        ));
        self.folder = Some(name);
        "OK [READ-WRITE] selected".to_owned()
    }

    fn list(&mut self, rest: &str) {
        let pattern = strings(rest).pop().unwrap_or_default();
        if pattern.is_empty() {
            return self.say("* LIST (\\Noselect) \"/\" \"\"");
        }
        let names = self.shared.mailbox().names();
        for name in names {
            if name == pattern || pattern.contains(['*', '%']) {
                self.say(&format!("* LIST () \"/\" \"{name}\""));
            }
        }
    }

    fn status(&mut self, rest: &str) -> String {
        let name = strings(rest).into_iter().next().unwrap_or_default();
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox();
        let Some(folder) = mailbox.folder(&name) else {
            return "NO no such folder".to_owned();
        };
        let (messages, next) = (folder.mails.len(), folder.last_uid + 1);
        let modseq = mailbox.highest_modseq();
        self.say(&format!(
            "* STATUS \"{name}\" (MESSAGES {messages} UIDNEXT {next} UIDVALIDITY {VALIDITY} HIGHESTMODSEQ {modseq})"
        ));
        "OK done".to_owned()
    }

    fn by_uid(&mut self, verb: &str, rest: &str) -> String {
        let Some(folder) = self.folder.clone() else {
            return "BAD nothing is selected".to_owned();
        };
        let shared = Arc::clone(&self.shared);
        let (set, rest) = split(rest);
        let uids = shared
            .mailbox()
            .folder(&folder)
            .map(|f| f.in_set(set))
            .unwrap_or_default();
        match verb {
            "FETCH" => self.fetch(&folder, &uids, rest),
            "STORE" => {
                let how = after(rest, "FLAGS").map_or('=', |at| {
                    rest[..at - "FLAGS".len()]
                        .chars()
                        .next_back()
                        .unwrap_or('=')
                });
                let since = number_after(rest, "UNCHANGEDSINCE ");
                let flags = after(rest, "FLAGS").map_or_else(Vec::new, |at| flags_of(&rest[at..]));
                let passed_over =
                    shared.change(|mailbox| mailbox.store(&folder, &uids, how, &flags, since));
                if !rest.to_ascii_uppercase().contains(".SILENT") || since.is_some() {
                    let stored: Vec<u32> = uids
                        .into_iter()
                        .filter(|uid| !passed_over.contains(uid))
                        .collect();
                    self.fetch(&folder, &stored, "(UID FLAGS MODSEQ)");
                }
                if !passed_over.is_empty() {
                    return format!("OK [MODIFIED {}] some changed", set_of(&passed_over));
                }
            }
            "COPY" | "MOVE" => {
                let target = strings(rest).into_iter().next().unwrap_or_default();
                let copied = shared.change(|mailbox| {
                    let copied = mailbox.copy(&folder, &uids, &target);
                    if verb == "MOVE" && copied.is_some() {
                        mailbox.expunge(&folder, &uids);
                    }
                    copied
                });
                if copied.is_none() {
                    return "NO [TRYCREATE] no such folder".to_owned();
                }
            }
            "EXPUNGE" => shared.change(|mailbox| mailbox.expunge(&folder, &uids)),
            "SEARCH" => return self.search(&folder, &format!("{set} {rest}")),
            _ => return format!("BAD UID {verb} is not known in this world"),
        }
        "OK done".to_owned()
    }

    fn search(&mut self, folder: &str, what: &str) -> String {
        let (key, rest) = split(what.trim());
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox();
        let Some(folder) = mailbox.folder(folder) else {
            return "NO".to_owned();
        };
        let wanted = strings(rest);
        let hit = |mail: &mailbox::Stored| match key.to_ascii_uppercase().as_str() {
            "ALL" => true,
            "KEYWORD" => mail.flags.contains(rest.trim()),
            "UNKEYWORD" => !mail.flags.contains(rest.trim()),
            "HEADER" => wanted
                .last()
                .is_some_and(|value| String::from_utf8_lossy(&mail.raw).contains(value)),
            _ => false,
        };
        let found: String = folder
            .mails
            .iter()
            .filter(|(_, mail)| hit(mail))
            .fold(String::new(), |all, (uid, _)| format!("{all} {uid}"));
        self.say(&format!("* SEARCH{found}"));
        "OK done".to_owned()
    }

    fn fetch(&mut self, folder: &str, uids: &[u32], items: &str) {
        let shared = Arc::clone(&self.shared);
        let mailbox = shared.mailbox();
        let Some(folder) = mailbox.folder(folder) else {
            return;
        };
        let items = items.to_ascii_uppercase();
        for uid in uids {
            let Some(mail) = folder.mails.get(uid) else {
                continue;
            };
            // What the client does not know of yet has no number for it; SELECT and EXISTS give them in this order.
            let Some(place) = folder.mails.keys().position(|known| known == uid) else {
                continue;
            };
            let mut text = format!("* {} FETCH (UID {uid}", place + 1);
            if items.contains("FLAGS") {
                let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
                let _ = write!(text, " FLAGS ({})", flags.join(" "));
            }
            if items.contains("INTERNALDATE") {
                let _ = write!(text, " INTERNALDATE \"{}\"", mail.received);
            }
            if items.contains("RFC822.SIZE") {
                let _ = write!(text, " RFC822.SIZE {}", mail.raw.len());
            }
            if items.contains("MODSEQ") || self.modseqs {
                let _ = write!(text, " MODSEQ ({})", mail.modseq);
            }
            self.out.extend_from_slice(text.as_bytes());
            for (name, bytes) in words::sections(&items, &mail.raw) {
                let head = format!(" {name} {{{}}}\r\n", bytes.len());
                self.out.extend_from_slice(head.as_bytes());
                self.out.extend_from_slice(&bytes);
            }
            self.say(")");
        }
    }
}
