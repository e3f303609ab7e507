//! What people and machines write, as small templates.

use crate::daemon::tests::sim::rng::Rng;
use crate::message::parse::parse;

/// The desk's address.
pub(super) const DESK: &str = "support@credly.example";
/// Whose word on a sender's domain the desk believes.
pub(super) const BORDER: &str = "mx.credly.example";

/// What a mail is, as whoever wrote it means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person's account: an agent must get it.
    Account,
    /// Somebody else's business.
    Redirect,
    /// Thanks, and nothing else.
    Thanks,
    /// An advertisement.
    Advert,
    /// A machine's mail, marked as such.
    Machine,
    /// A machine's mail that looks like a person's.
    Disguised,
    /// What an agent writes.
    Agent,
}

/// A mail on its way to the desk.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) kind: Kind,
    /// Who writes: the address in From.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: String,
    /// Without brackets.
    pub(super) id: String,
    /// More header fields, each with its line end.
    pub(super) more: String,
    pub(super) body: String,
    /// By which an agent's copy of this very mail is known; none when nobody need get it.
    pub(super) mark: Option<String>,
    /// Seconds that it is older than its delivery.
    pub(super) age_s: i64,
    /// The return path; none is the null sender.
    pub(super) path: Option<String>,
    /// The whole mail, where it is none of these templates.
    pub(super) whole: Option<Vec<u8>>,
}

const ACCOUNT: [(&str, &str); 4] = [
    (
        "Two accounts",
        "I have two accounts, please merge them into one.",
    ),
    (
        "Cannot get in",
        "My old mail address is closed and I cannot get into my account any more. Please move the account to this one.",
    ),
    ("Password", "I forgot my password. How can I reset it?"),
    (
        "Account",
        "Please change the mail address of my account, the old one does not work any more.",
    ),
];
const REDIRECT: [(&str, &str); 2] = [
    (
        "Coursera badge",
        "I completed a course on Coursera but I did not get my badge.",
    ),
    (
        "IBM badge missing",
        "I finished the IBM course on SkillsBuild and my badge has not arrived.",
    ),
];

impl Letter {
    /// A mail of that kind by a person, with nothing special about it.
    pub(super) fn of(kind: Kind, from: &str, id: &str, rng: &mut Rng) -> Self {
        let mut letter = Self {
            kind,
            from: from.to_owned(),
            to: DESK.to_owned(),
            subject: String::new(),
            id: id.to_owned(),
            more: String::new(),
            body: String::new(),
            mark: None,
            age_s: 0,
            path: Some(from.to_owned()),
            whole: None,
        };
        let (subject, body) = match kind {
            Kind::Account => rng.pick(&ACCOUNT),
            Kind::Redirect => rng.pick(&REDIRECT),
            Kind::Thanks => ("Re: badge", "Thank you very much, that helped!"),
            Kind::Advert => (
                "Best offer",
                "Dear sir, we offer SEO services, rank your website first. Cheap price, 50% discount. Unsubscribe here.",
            ),
            Kind::Machine => {
                letter.more = "Auto-Submitted: auto-generated\r\n".to_owned();
                letter.path = None;
                (
                    "Automatic reply: out of office",
                    "I am out of the office until Monday.",
                )
            }
            Kind::Disguised => (
                "Re: your mail",
                "Hello, could you tell me more about this? What is the account number?",
            ),
            Kind::Agent => (
                "Re: case",
                "Dear customer, this is done now. Is there anything else?",
            ),
        };
        subject.clone_into(&mut letter.subject);
        letter.body = format!("Hello,\r\n\r\n{body}\r\n\r\nBest regards\r\n");
        if kind == Kind::Account {
            letter.marked();
        }
        letter
    }

    /// Puts a mark into the text, made of the id.
    pub(super) fn marked(&mut self) {
        let mark = mark(&self.id);
        self.body = self
            .body
            .replace("\r\n\r\nBest", &format!(" ({mark})\r\n\r\nBest"));
        self.mark = Some(mark);
    }

    /// Puts another mark into the text: the same id, another mail.
    pub(super) fn marked_again(&mut self) {
        let mark = mark(&format!("{} again", self.id));
        self.body = self.body.replace(
            "\r\n\r\nBest",
            &format!(" It is urgent. ({mark})\r\n\r\nBest"),
        );
        self.mark = Some(mark);
    }

    /// Has it say something that no other says: people do, and what says the same is a flood.
    pub(super) fn in_own_words(&mut self) {
        let own = mark(&format!("{} own", self.id));
        let own = own.to_lowercase();
        let own: String = own
            .bytes()
            .map(|b| match b {
                b'0'..=b'9' => char::from(b - b'0' + b'g'),
                _ => char::from(b),
            })
            .collect();
        self.body = self
            .body
            .replace("\r\n\r\nBest", &format!(" My badge is {own}.\r\n\r\nBest"));
    }

    /// Makes it an answer to a mail of the desk.
    pub(super) fn answering(mut self, sent: &[u8], to: &str) -> Self {
        self.to = to.to_owned();
        if let Some(id) = field(sent, "Message-ID") {
            self.more = format!("{}In-Reply-To: {id}\r\nReferences: {id}\r\n", self.more);
        }
        if let Some(subject) = field(sent, "Subject") {
            self.subject = format!("Re: {subject}");
        }
        self
    }

    /// The octets, as they lie in the mailbox. `date` is the writer's, in seconds.
    pub(super) fn raw(&self, date: i64) -> Vec<u8> {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let date = jiff::Timestamp::from_second(date - self.age_s)
            .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
            .unwrap_or_default();
        let path = self.path.as_deref().unwrap_or_default();
        format!(
            "Return-Path: <{path}>\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{}>\r\n{}\r\n{}",
            self.from, self.to, self.subject, self.id, self.more, self.body
        )
        .into_bytes()
    }
}

/// The mark made of an id: letters that no mail system changes.
fn mark(id: &str) -> String {
    let crc = crc32fast::hash(id.as_bytes());
    format!("KQ{crc:08x}ZQ")
}

/// All marks in a mail of the desk.
pub(super) fn marks(sent: &[u8]) -> Vec<String> {
    let text = [&parse(sent).body.full, &*String::from_utf8_lossy(sent)].concat();
    let mut found: Vec<String> = text
        .split("KQ")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("ZQ")?.0))
        .filter(|crc| crc.len() == 8)
        .map(|crc| format!("KQ{crc}ZQ"))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A header field's value, unfolded; the first one of that name.
pub(super) fn field(mail: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(mail);
    let head = text
        .split("\r\n\r\n")
        .next()?
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let line = head.split("\r\n").find(|line| {
        line.get(..name.len() + 1)
            .is_some_and(|start| start.eq_ignore_ascii_case(&format!("{name}:")))
    })?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What a reply says, without what differs from ticket to ticket: equal words are equal templates.
pub(super) fn words(sent: &[u8]) -> String {
    let text = String::from_utf8_lossy(sent);
    let plain = text
        .split_once("text/plain")
        .and_then(|(_, rest)| rest.split_once("\r\n\r\n"))
        .map_or(&*text, |(_, rest)| rest);
    let plain = plain.split("\r\n--").next().unwrap_or_default();
    let text: String = plain.chars().filter(|c| !c.is_ascii_digit()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
