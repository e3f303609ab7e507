//! What the IMAP server in memory keeps: folders, mails, what a test has planned, and what each connection said.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use super::Fault;

/// What it can do unless a test says otherwise.
const CAPABILITIES: &str = "IDLE MOVE UIDPLUS AUTH=PLAIN";

/// A mail in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) flags: BTreeSet<String>,
    pub(crate) raw: Vec<u8>,
    /// INTERNALDATE.
    pub(crate) date: String,
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) last_uid: u32,
    pub(super) mails: BTreeMap<u32, Kept>,
}

/// What became of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// When it came.
    pub(crate) at: Instant,
    /// Octets said and heard.
    pub(crate) said: usize,
    pub(crate) heard: usize,
    pub(crate) commands: Vec<Given>,
}

/// A command, without its tag.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) text: String,
    /// When it came.
    pub(crate) at: Instant,
    /// Octets said and heard on this connection up to then.
    pub(crate) said: usize,
    pub(crate) heard: usize,
}

type Deed = Box<dyn FnOnce(&mut House) + Send>;
type Witness = Box<dyn FnMut(u32) + Send>;

/// All that outlives a connection.
pub(crate) struct House {
    pub(crate) capabilities: String,
    /// PERMANENTFLAGS.
    pub(crate) permanent: String,
    /// INTERNALDATE of what comes.
    pub(crate) date: String,
    pub(super) folders: BTreeMap<String, Folder>,
    /// What befalls the next connections, in order.
    pub(crate) faults: VecDeque<Fault>,
    /// Mails that come when somebody waits for mail.
    pub(crate) arrivals: VecDeque<Vec<u8>>,
    answers: Vec<(String, String, bool)>,
    /// Told of every UID that leaves INBOX or is marked as deleted there.
    pub(crate) leaving: Option<Witness>,
    /// What happens when somebody waits and no mail is due: one of these each time.
    pub(crate) rests: VecDeque<Deed>,
    /// What happens so long after it was planned, as soon as somebody speaks then.
    pub(crate) later: Option<(Duration, Deed)>,
    /// When that is.
    due: Option<Instant>,
    /// How long it lets somebody idle before it says goodbye.
    pub(crate) patience: Duration,
    /// Tokens that it takes.
    pub(crate) tokens: Vec<String>,
    pub(crate) connections: Vec<Connection>,
}

impl House {
    pub(super) fn new() -> Self {
        Self {
            capabilities: CAPABILITIES.into(),
            permanent: "\\Deleted \\Seen \\*".into(),
            date: "17-Jul-2026 02:44:25 -0700".into(),
            folders: BTreeMap::from([("INBOX".to_owned(), Folder::default())]),
            faults: VecDeque::new(),
            arrivals: VecDeque::new(),
            answers: Vec::new(),
            leaving: None,
            rests: VecDeque::new(),
            later: None,
            due: None,
            patience: Duration::from_hours(24 * 365),
            tokens: Vec::new(),
            connections: Vec::new(),
        }
    }

    /// Answers the next commands that begin so with `answer`, in which `{tag}` stands for the tag; nothing is done.
    pub(crate) fn on(&mut self, command: &str, answer: &str) {
        self.answers.push((command.into(), answer.into(), false));
    }

    /// The same, but only the first time; asked before [`Self::on`].
    pub(crate) fn once(&mut self, command: &str, answer: &str) {
        self.answers.push((command.into(), answer.into(), true));
    }

    /// Answers such commands as it does by itself again.
    pub(crate) fn relent(&mut self, command: &str) {
        self.answers.retain(|(begin, _, _)| begin != command);
    }

    pub(crate) fn create(&mut self, folder: &str) {
        self.folders.entry(folder.to_owned()).or_default();
    }

    pub(crate) fn remove(&mut self, folder: &str) {
        self.folders.remove(folder);
    }

    pub(crate) fn folders(&self) -> Vec<String> {
        self.folders.keys().cloned().collect()
    }

    /// Puts a mail into a folder, which is made where it is missing.
    pub(crate) fn put(&mut self, folder: &str, raw: &[u8]) -> u32 {
        let folder = self.folders.entry(folder.to_owned()).or_default();
        folder.add(Kept {
            flags: BTreeSet::new(),
            raw: raw.to_vec(),
            date: self.date.clone(),
        })
    }

    /// The mails of a folder, by UID; none where it is missing.
    pub(crate) fn mails(&self, folder: &str) -> BTreeMap<u32, Kept> {
        let folder = self.folders.get(folder);
        folder.map_or_else(BTreeMap::new, |folder| folder.mails.clone())
    }

    /// All commands of all connections, in order.
    pub(crate) fn commands(&self) -> Vec<String> {
        let all = self.connections.iter().flat_map(|c| &c.commands);
        all.map(|heard| heard.text.clone()).collect()
    }

    /// Gives a folder another name, as people do.
    pub(crate) fn rename(&mut self, folder: &str, name: &str) {
        if let Some(moved) = self.folders.remove(folder) {
            self.folders.insert(name.to_owned(), moved);
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self) {
        let Some((after, deed)) = self.later.take() else {
            return;
        };
        let due = *self.due.get_or_insert(Instant::now() + after);
        if Instant::now() < due {
            self.later = Some((after, deed));
        } else {
            self.due = None;
            deed(self);
        }
    }

    pub(super) fn planned(&mut self, command: &str) -> Option<String> {
        let place = |once: bool| {
            self.answers
                .iter()
                .position(|(begin, _, o)| *o == once && command.starts_with(begin))
        };
        if let Some(place) = place(true) {
            return Some(self.answers.remove(place).1);
        }
        place(false).map(|place| self.answers[place].1.clone())
    }

    pub(super) fn leaves(&mut self, folder: &str, uid: u32) {
        if let (true, Some(witness)) = (folder == "INBOX", &mut self.leaving) {
            witness(uid);
        }
    }
}

impl Folder {
    fn add(&mut self, mail: Kept) -> u32 {
        self.last_uid += 1;
        self.mails.insert(self.last_uid, mail);
        self.last_uid
    }

    /// The UIDs of a set, with their message numbers, ascending.
    pub(super) fn chosen(&self, set: &str) -> Vec<(usize, u32)> {
        let last = self.mails.keys().last().copied().unwrap_or(0);
        let number = |text: &str| {
            if text == "*" {
                last
            } else {
                text.parse().unwrap_or(0)
            }
        };
        let ranges: Vec<(u32, u32)> = set
            .split(',')
            .map(|range| match range.split_once(':') {
                Some((one, other)) => {
                    let (one, other) = (number(one), number(other));
                    (one.min(other), one.max(other))
                }
                None => (number(range), number(range)),
            })
            .collect();
        let numbered = self.mails.keys().enumerate();
        numbered
            .filter(|(_, uid)| ranges.iter().any(|(low, high)| (low..=high).contains(uid)))
            .map(|(place, uid)| (place + 1, *uid))
            .collect()
    }
}

impl House {
    pub(super) fn put_kept(&mut self, folder: &str, mail: Kept) {
        self.folders.entry(folder.to_owned()).or_default().add(mail);
    }

    /// `+FLAGS.SILENT (a b)`, with whatever modifier before it.
    pub(super) fn store(&mut self, folder: &str, chosen: &[(usize, u32)], what: &str) -> String {
        let (_, flags) = what.rsplit_once('(').unwrap_or(("", what));
        let flags: Vec<&str> = flags.trim_end_matches(')').split_whitespace().collect();
        for (_, uid) in chosen {
            if flags.contains(&"\\Deleted") {
                self.leaves(folder, *uid);
            }
            let folder = self.folders.entry(folder.to_owned()).or_default();
            let Some(mail) = folder.mails.get_mut(uid) else {
                continue;
            };
            for flag in &flags {
                if what.contains("-FLAGS") {
                    mail.flags.remove(*flag);
                } else {
                    mail.flags.insert((*flag).to_owned());
                }
            }
        }
        "{tag} OK done\r\n".to_owned()
    }

    pub(super) fn expunge(&mut self, folder: &str, gone: &[(usize, u32)]) -> String {
        let mut answer = String::new();
        // From the end, so that no number shifts.
        for (number, uid) in gone.iter().rev() {
            self.leaves(folder, *uid);
            self.folders
                .entry(folder.to_owned())
                .or_default()
                .mails
                .remove(uid);
            let _ = write!(answer, "* {number} EXPUNGE\r\n");
        }
        answer + "{tag} OK done\r\n"
    }
}

/// Answers FETCH with the items that are asked for.
pub(super) fn fetched(folder: &Folder, chosen: &[(usize, u32)], items: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    for (number, uid) in chosen {
        let mail = &folder.mails[uid];
        let mut line = format!("* {number} FETCH (UID {uid}");
        if items.contains("FLAGS") {
            let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
            let _ = write!(line, " FLAGS ({})", flags.join(" "));
        }
        if items.contains("INTERNALDATE") {
            let _ = write!(line, " INTERNALDATE \"{}\"", mail.date);
        }
        if items.contains("RFC822.SIZE") {
            let _ = write!(line, " RFC822.SIZE {}", mail.raw.len());
        }
        answer.extend(line.as_bytes());
        if items.contains("BODY.PEEK[]") {
            let part = if items.contains("[]<0.") { "<0>" } else { "" };
            answer.extend(format!(" BODY[]{part} {{{}}}\r\n", mail.raw.len()).as_bytes());
            answer.extend(&mail.raw);
        }
        answer.extend(b")\r\n");
    }
    answer.extend(b"{tag} OK done\r\n");
    answer
}
