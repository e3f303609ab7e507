//! A mailbox as the daemon sees it: new mails in, handled mails filed away.

pub mod imap;
pub mod resume;

use std::collections::BTreeMap;

use crate::clock::Timestamp;

/// What a mailbox looks like when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Changes when all UIDs become void (RFC 9051, 2.3.1.1).
    pub uid_validity: u32,
    /// The next UID that will be given, where the server says it.
    pub uid_next: Option<u32>,
    /// How many messages there are.
    pub exists: u32,
}

/// A message in the mailbox, before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its UID.
    pub uid: u32,
    /// Its size in octets as the server says.
    pub size: u32,
    /// When the server got it (INTERNALDATE), where it says.
    pub received: Option<Timestamp>,
    /// It carries our "handled" keyword or flag.
    pub handled: bool,
}

/// A fetched message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its UID.
    pub uid: u32,
    /// The raw octets; of a giant only the header and the first part of the text.
    pub raw: Vec<u8>,
    /// The mail was larger than the limit and `raw` is only its beginning.
    pub truncated: bool,
}

/// Where a handled mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filing {
    /// Answered automatically.
    Answered,
    /// Forwarded to an agent.
    Forwarded,
    /// Automatic mail, thanks.
    Quiet,
    /// Held for an operator.
    Quarantine,
    /// Stays where it is, marked as handled (too old, or as configured).
    Keep,
}

/// Whose a mail is, when more than one daemon may read a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Claim {
    /// Ours: nobody else has a claim on it.
    Ours,
    /// Another daemon claimed it, or an earlier store did: it is left alone.
    Foreign,
    /// Another daemon claimed it and has handled it.
    Handled,
    /// It is not there any more.
    Gone,
}

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The server announced something.
    News,
    /// The time to poll has come.
    Poll,
}

/// Why a mailbox operation failed, by what the daemon does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// The connection is gone or cannot be made; connect again later.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The server does not let us in; wait long, do not lock the account.
    #[error("login refused: {0}; check user and password (or token) of this mailbox")]
    Login(String),
    /// The server said NO or BAD to a command; the mail stays where it is.
    #[error("the server refused {command}: {said}")]
    Refused {
        /// The command, without arguments.
        command: &'static str,
        /// What the server said, cut and escaped.
        said: String,
    },
    /// A person must mend something, as waiting does not: a folder that is read-only or not there, UIDNOTSTICKY, a
    /// certificate that is not to be trusted, a secret that cannot be read.
    #[error("{0}")]
    Unfit(String),
}

fn all_ours(uids: &[u32]) -> BTreeMap<u32, Claim> {
    uids.iter().map(|uid| (*uid, Claim::Ours)).collect()
}

/// A mailbox. One connection; after `Lost` a new one is opened by `open`.
pub trait Mailbox: Send {
    /// Connects (when not connected), logs in and selects the watched folder.
    fn open(&mut self) -> impl Future<Output = Result<Opened, MailboxError>> + Send;

    /// Lists messages with a UID greater than `after`, ascending, at most `limit`.
    fn list(
        &mut self,
        after: u32,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Listed>, MailboxError>> + Send;

    /// Fetches messages; those that are gone meanwhile are missing in the answer, which is no error.
    fn fetch(
        &mut self,
        wanted: &[Listed],
    ) -> impl Future<Output = Result<Vec<Fetched>, MailboxError>> + Send;

    /// Claims messages before anything is decided on them, so that of several daemons one handles each; in a few round
    /// trips for all of them. Claiming again what is ours already is harmless. Says whose each one is now; where a server
    /// keeps no keywords (and the operator said that we are alone) all are ours.
    fn claim(
        &mut self,
        uids: &[u32],
    ) -> impl Future<Output = Result<BTreeMap<u32, Claim>, MailboxError>> + Send {
        std::future::ready(Ok(all_ours(uids)))
    }

    /// The same for messages that others claimed and left lying: their claims do not count, unless they are made at this
    /// moment.
    fn take_over(
        &mut self,
        uids: &[u32],
    ) -> impl Future<Output = Result<BTreeMap<u32, Claim>, MailboxError>> + Send {
        std::future::ready(Ok(all_ours(uids)))
    }

    /// Says by what a mailbox shows that another store has handled mail of it; none when by nothing.
    fn traces(&mut self) -> impl Future<Output = Result<Option<String>, MailboxError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Returns whether a message that was filed so is told from one that was not: it is elsewhere, or marked.
    fn shows(&self, _filing: Filing) -> bool {
        true
    }

    /// Files handled messages away in one batch; repeating it is harmless.
    fn file(
        &mut self,
        uids: &[(u32, Filing)],
    ) -> impl Future<Output = Result<(), MailboxError>> + Send;

    /// Waits until the server has news (IDLE where offered) or `poll_s` seconds are over.
    fn wait(&mut self, poll_s: u64) -> impl Future<Output = Result<Woken, MailboxError>> + Send;

    /// Takes what the operator should read: what the server cannot do, and its alerts. Each comes once.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Logs out.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}
