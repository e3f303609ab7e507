//! A small IMAP client of the tests' own, so that no test reads its result through the code it tests.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;
use mail_parser::MessageParser;

use super::dovecot::PASSWORD;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A mail as the server keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its UID in its folder.
    pub(crate) uid: u32,
    /// Its flags, as the server writes them.
    pub(crate) flags: Vec<String>,
    /// Its bytes.
    pub(crate) raw: Vec<u8>,
}

impl Stored {
    /// Every value of a header, unfolded and otherwise as it stands, in order.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.raw);
        let mut found: Vec<String> = Vec::new();
        let mut inside = false;
        for line in text.lines().take_while(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let Some(value) = found.last_mut().filter(|_| inside) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            inside = key.eq_ignore_ascii_case(name);
            if inside {
                found.push(value.trim().to_owned());
            }
        }
        found
    }

    /// The header's value, as [`Self::headers`] gives it, where it stands exactly once.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        match &self.headers(name)[..] {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// The subject, decoded.
    pub(crate) fn subject(&self) -> String {
        let parsed = MessageParser::default().parse(&self.raw);
        parsed
            .and_then(|mail| mail.subject().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The first text part, decoded, with LF line ends.
    pub(crate) fn text(&self) -> String {
        let parsed = MessageParser::default().parse(&self.raw);
        let text = parsed.and_then(|mail| mail.body_text(0).map(std::borrow::Cow::into_owned));
        text.unwrap_or_default().replace("\r\n", "\n")
    }

    /// The first HTML part, decoded; none where only the text could be turned into one.
    pub(crate) fn html(&self) -> Option<String> {
        let parsed = MessageParser::default().parse(&self.raw)?;
        let part = parsed.html_part(0)?;
        part.is_text_html()
            .then(|| part.text_contents().map(str::to_owned))?
    }

    /// The bytes of each attached message/rfc822.
    pub(crate) fn attached_mails(&self) -> Vec<Vec<u8>> {
        let Some(parsed) = MessageParser::default().parse(&self.raw) else {
            return Vec::new();
        };
        let inner = parsed.attachments().filter_map(|part| part.message());
        inner.map(|mail| mail.raw_message.to_vec()).collect()
    }
}

/// What SELECT says of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folder {
    /// UIDVALIDITY.
    pub(crate) uid_validity: u32,
    /// UIDNEXT.
    pub(crate) uid_next: u32,
    /// How many mails.
    pub(crate) mails: u32,
}

/// One untagged response: its text, in which `{n}` stands for each literal, and the literals.
#[derive(Debug, Default)]
struct Untagged {
    text: String,
    literals: Vec<Vec<u8>>,
}

/// A logged-in session; every command's tagged status is checked, and a refusal is an `Err` with the server's words.
#[derive(Debug)]
pub(crate) struct Imap {
    stream: BufReader<TcpStream>,
    tag: u32,
}

impl Imap {
    /// Connects in plain and logs in.
    pub(crate) fn login(port: u16, user: &str) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port}"))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_nodelay(true)?;
        let mut imap = Self {
            stream: BufReader::new(stream),
            tag: 0,
        };
        let greeting = imap.response()?;
        if !greeting.text.starts_with("* OK") {
            bail!("greeting: {}", greeting.text);
        }
        imap.command(&format!("LOGIN {} {}", quoted(user), quoted(PASSWORD)))?;
        Ok(imap)
    }

    /// Selects a folder.
    pub(crate) fn select(&mut self, folder: &str) -> Result<Folder> {
        let answers = self.command(&format!("SELECT {}", quoted(folder)))?;
        let number = |before: &str, after: &str| {
            let texts = answers.iter().map(|answer| answer.text.as_str());
            let mut values = texts.filter_map(|text| {
                let rest = text.split_once(before)?.1;
                rest.split_once(after)?.0.parse().ok()
            });
            values
                .next()
                .with_context(|| format!("no {before} in the answer to SELECT"))
        };
        Ok(Folder {
            uid_validity: number("[UIDVALIDITY ", "]")?,
            uid_next: number("[UIDNEXT ", "]")?,
            mails: number("* ", " EXISTS")?,
        })
    }

    /// The names of all folders.
    pub(crate) fn folders(&mut self) -> Result<Vec<String>> {
        let answers = self.command("LIST \"\" *")?;
        let names = answers
            .iter()
            .filter(|answer| answer.text.starts_with("* LIST "));
        let names = names.filter_map(|answer| {
            answer
                .text
                .split_once(") \".\" ")
                .or(answer.text.split_once(") \"/\" "))
        });
        Ok(names
            .map(|(_, name)| name.trim_matches('"').to_owned())
            .collect())
    }

    /// All mails of a folder, by UID.
    pub(crate) fn mails(&mut self, folder: &str) -> Result<Vec<Stored>> {
        if self.select(folder)?.mails == 0 {
            return Ok(Vec::new());
        }
        let answers = self.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")?;
        let mut mails: Vec<Stored> = answers.into_iter().filter_map(stored).collect();
        mails.sort_by_key(|mail| mail.uid);
        Ok(mails)
    }

    /// Puts a mail into a folder, as it is, past every delivery.
    pub(crate) fn append(&mut self, folder: &str, flags: &str, raw: &[u8]) -> Result<()> {
        self.tag += 1;
        let line = format!(
            "t{} APPEND {} ({flags}) {{{}}}\r\n",
            self.tag,
            quoted(folder),
            raw.len()
        );
        self.stream.get_mut().write_all(line.as_bytes())?;
        let go_ahead = self.response()?;
        if !go_ahead.text.starts_with('+') {
            bail!("APPEND: {}", go_ahead.text);
        }
        self.stream.get_mut().write_all(raw)?;
        self.stream.get_mut().write_all(b"\r\n")?;
        self.finish("APPEND").map(drop)
    }

    /// Makes a folder.
    pub(crate) fn create(&mut self, folder: &str) -> Result<()> {
        self.command(&format!("CREATE {}", quoted(folder)))
            .map(drop)
    }

    /// Adds flags to a mail of the selected folder.
    pub(crate) fn flag(&mut self, uid: u32, flags: &str) -> Result<()> {
        self.command(&format!("UID STORE {uid} +FLAGS ({flags})"))
            .map(drop)
    }

    /// Takes flags off a mail of the selected folder.
    pub(crate) fn unflag(&mut self, uid: u32, flags: &str) -> Result<()> {
        self.command(&format!("UID STORE {uid} -FLAGS ({flags})"))
            .map(drop)
    }

    /// Removes a mail of the selected folder for good, as another client would.
    pub(crate) fn expunge(&mut self, uid: u32) -> Result<()> {
        self.flag(uid, "\\Deleted")?;
        self.command(&format!("UID EXPUNGE {uid}")).map(drop)
    }

    /// Moves a mail of the selected folder, as another client would.
    pub(crate) fn move_to(&mut self, uid: u32, folder: &str) -> Result<()> {
        self.command(&format!("UID MOVE {uid} {}", quoted(folder)))
            .map(drop)
    }

    fn command(&mut self, line: &str) -> Result<Vec<Untagged>> {
        self.tag += 1;
        let tag = self.tag;
        self.stream
            .get_mut()
            .write_all(format!("t{tag} {line}\r\n").as_bytes())?;
        self.finish(line)
    }

    /// Reads until the tagged status of the last command.
    fn finish(&mut self, what: &str) -> Result<Vec<Untagged>> {
        let tag = format!("t{} ", self.tag);
        let mut untagged = Vec::new();
        loop {
            let response = self.response()?;
            match response.text.strip_prefix(&tag) {
                None => untagged.push(response),
                Some(status) if status.starts_with("OK") => return Ok(untagged),
                Some(status) => bail!("{what}: {status}"),
            }
        }
    }

    /// Reads one response with its literals.
    fn response(&mut self) -> Result<Untagged> {
        let mut response = Untagged::default();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                bail!("the IMAP server hung up");
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            response.text.push_str(line);
            let literal = line
                .strip_suffix('}')
                .and_then(|rest| rest.rsplit_once('{'));
            let Some(length) = literal.and_then(|(_, length)| length.parse().ok()) else {
                return Ok(response);
            };
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes)?;
            response.literals.push(bytes);
        }
    }
}

/// Reads `* 3 FETCH (UID 7 FLAGS (\Seen) BODY[] {n})`, in whatever order the server gives it.
fn stored(mut answer: Untagged) -> Option<Stored> {
    let (_, items) = answer.text.split_once(" FETCH (")?;
    let (_, uid) = items.split_once("UID ")?;
    let uid = uid.split([' ', ')']).next()?.parse().ok()?;
    let (_, flags) = items.split_once("FLAGS (")?;
    let (flags, _) = flags.split_once(')')?;
    Some(Stored {
        uid,
        flags: flags.split_whitespace().map(str::to_owned).collect(),
        raw: answer.literals.pop()?,
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
