//! What an IMAP mailbox needs to know: where it is, who logs in, where handled mails go, and every limit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::mailbox::Filing;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::names;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first octet (RFC 8314, 3.2).
    Implicit,
    /// The STARTTLS command (RFC 9051, 6.2.1); nothing that came before it is believed.
    StartTls,
    /// No TLS; to loopback addresses only.
    None,
}

/// Why there is no secret to log in with, in words that hold none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSecret {
    /// Waiting may help: a token service that is down.
    Later(String),
    /// A person must mend it: a file that is not there, a consent that was revoked.
    Person(String),
}

/// What yields a secret: the password or token, or why there is none.
pub type SecretFuture = Pin<Box<dyn Future<Output = Result<String, NoSecret>> + Send>>;

/// Asked at every login, so that a rotated secret is picked up without a restart.
pub type SecretSource = Arc<dyn Fn() -> SecretFuture + Send + Sync>;

/// Is told of a token that the server refused, so that the next one asked for is another.
pub type RefusedToken =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Returns a source that always yields `secret`.
pub fn fixed_secret(secret: &str) -> SecretSource {
    let secret = secret.to_owned();
    Arc::new(move || {
        let secret = secret.clone();
        Box::pin(async move { Ok(secret) })
    })
}

/// Who logs in, and how.
#[derive(Clone)]
pub enum Login {
    /// By password: LOGIN, or AUTHENTICATE PLAIN where LOGIN is disabled.
    Password {
        /// The user's name at the server.
        user: String,
        /// Yields the password.
        secret: SecretSource,
    },
    /// By access token: AUTHENTICATE XOAUTH2.
    XOAuth2 {
        /// The user's name at the server, mostly the address.
        user: String,
        /// Yields an access token that is valid now.
        token: SecretSource,
        /// Hears of a refused token, if anybody keeps tokens.
        refused: Option<RefusedToken>,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, user) = match self {
            Self::Password { user, .. } => ("Password", user),
            Self::XOAuth2 { user, .. } => ("XOAuth2", user),
        };
        formatter
            .debug_struct(name)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

/// The folder for each filing; `None`: the mail stays and is marked with the keyword.
///
/// Names are written as a person reads them; `/` stands for whatever separator the server has (`Done/Answered`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilingRules {
    /// Where automatically answered mails go.
    pub answered: Option<String>,
    /// Where forwarded mails go.
    pub forwarded: Option<String>,
    /// Where automatic mails and thanks go.
    pub quiet: Option<String>,
    /// Where mails go that are held for an operator.
    pub quarantine: Option<String>,
}

impl FilingRules {
    /// Returns the folder of `filing`.
    pub(super) fn folder(&self, filing: Filing) -> Option<&str> {
        match filing {
            Filing::Answered => self.answered.as_deref(),
            Filing::Forwarded => self.forwarded.as_deref(),
            Filing::Quiet => self.quiet.as_deref(),
            Filing::Quarantine => self.quarantine.as_deref(),
            Filing::Keep => None,
        }
    }
}

/// Every limit of the IMAP side, with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImapLimits {
    /// Resolving, connecting, TLS and the greeting together, in milliseconds.
    pub connect_ms: u64,
    /// One command with its answer, in milliseconds; servers delay a refused login on purpose.
    pub command_ms: u64,
    /// The end of IDLE, or a NOOP, in milliseconds: nothing to think about for a server, so silence means that the
    /// connection is dead, and mail waits meanwhile.
    pub alive_ms: u64,
    /// One fetch of mail text, in milliseconds: `fetch_bytes_max` over a slow line.
    pub fetch_ms: u64,
    /// The longest silence within an answer, in milliseconds.
    pub read_ms: u64,
    /// One IDLE, in seconds; servers end it after 29 minutes (RFC 2177, 3), middleboxes often after 10 to 15.
    pub idle_renew_s: u64,
    /// The pause between two NOOP where there is no IDLE, in seconds.
    pub noop_s: u64,
    /// A larger mail is fetched as its header and the beginning of its text, in octets.
    pub mail_bytes_max: u32,
    /// How much of a giant's text is fetched, in octets.
    pub giant_text_bytes: u32,
    /// Mails asked for by one command, in octets as the server says.
    pub fetch_bytes_max: u64,
    /// Mails asked for by one command.
    pub fetch_count_max: usize,
    /// Mails filed by one command.
    pub file_count_max: usize,
    /// UIDs looked at by one command when the mailbox is large.
    pub list_window: u32,
}

impl ImapLimits {
    /// How long a server may take to prove that the connection lives.
    pub(super) fn alive(&self) -> Duration {
        Duration::from_millis(self.alive_ms.min(self.command_ms))
    }
}

impl Default for ImapLimits {
    fn default() -> Self {
        Self {
            connect_ms: 30_000,
            command_ms: 60_000,
            alive_ms: 10_000,
            fetch_ms: 600_000,
            read_ms: 60_000,
            idle_renew_s: 9 * 60,
            noop_s: 20,
            mail_bytes_max: 25 * 1024 * 1024,
            giant_text_bytes: 64 * 1024,
            fetch_bytes_max: 16 * 1024 * 1024,
            fetch_count_max: 100,
            file_count_max: 256,
            list_window: 1_000,
        }
    }
}

/// One IMAP mailbox.
#[derive(Debug, Clone)]
pub struct ImapSettings {
    /// Name or address of the server; the name is verified by TLS.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Who logs in.
    pub login: Login,
    /// The watched folder, as a person writes it.
    pub folder: String,
    /// Where handled mails go.
    pub filing: FilingRules,
    /// The keyword for handled mails that stay, where the server keeps keywords.
    pub keyword: Option<String>,
    /// Wait by IDLE where the server offers it; else by NOOP.
    pub idle: bool,
    /// The limits.
    pub limits: ImapLimits,
}

impl ImapSettings {
    /// Checks what can be wrong without asking the server.
    pub(super) fn check(&self) -> Result<(), MailboxError> {
        if self.host.trim().is_empty() {
            return Err(MailboxError::Unfit("the IMAP host is empty".to_owned()));
        }
        let targets = [
            &self.filing.answered,
            &self.filing.forwarded,
            &self.filing.quiet,
            &self.filing.quarantine,
        ];
        for name in targets.into_iter().flatten().chain([&self.folder]) {
            names::quoted_folder(name).map_err(MailboxError::Unfit)?;
        }
        for name in targets.into_iter().flatten() {
            if names::same_folder(name, &self.folder) {
                return Err(MailboxError::Unfit(format!(
                    "handled mails would be filed into the watched folder {name:?} and be read again for ever; name another folder, or none"
                )));
            }
        }
        match &self.keyword {
            Some(keyword) if !names::is_keyword(keyword) => Err(MailboxError::Unfit(format!(
                "{keyword:?} cannot be an IMAP keyword: 1 to 100 ASCII letters, digits, and $ _ - . only"
            ))),
            _ => Ok(()),
        }
    }
}
