//! The config as written: mirrors the text, may still be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::config::agents::AgentFiles;
use crate::config::agents::RelayFile;
use crate::config::duration::Every;
use crate::config::duration::Keep;
use crate::config::duration::Seconds;
use crate::config::oauth::TokenSource;
use crate::config::secret::Secret;
use crate::config::times::DigestFile;
use crate::config::times::QueueFile;
use crate::learn::correction::Private;
use crate::message::address::Address;
use crate::triage::quarantine::SpamHeader;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The rules folder, relative to this file.
    #[serde(default = "rules_folder")]
    pub rules: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// Mailboxes by name.
    pub mailbox: BTreeMap<String, Spanned<MailboxFile>>,
    /// Queues by name.
    pub queue: BTreeMap<String, Spanned<QueueFile>>,
    /// The control socket.
    #[serde(default)]
    pub control: ControlFile,
    /// What goes to the log.
    #[serde(default)]
    pub log: LogFile,
    /// How long what is kept.
    #[serde(default)]
    pub keep: KeepFile,
    /// What is learned from.
    #[serde(default)]
    pub learn: LearnFile,
    /// Who is told when the breaker trips.
    #[serde(default)]
    pub alarm: AlarmFile,
    /// The leads' digests.
    #[serde(default)]
    pub digest: DigestFile,
    /// How agents' answers are relayed.
    #[serde(default = "relay")]
    pub relay: Spanned<RelayFile>,
    /// Agents, where there is more to say of them than their address.
    #[serde(default)]
    pub agent: AgentFiles,
}

/// One mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailboxFile {
    /// The address that replies come from.
    pub address: Address,
    /// Other addresses that arrive here.
    #[serde(default)]
    pub aliases: Vec<Address>,
    /// A rules folder of its own, relative to the config file.
    pub rules: Option<PathBuf>,
    /// The authserv-id of the border whose Authentication-Results are believed.
    pub authserv_id: Option<String>,
    /// Fields by which a spam filter of the own border says that a mail is spam, such as `X-Spam-Flag: YES`.
    #[serde(default)]
    pub spam_headers: Vec<SpamHeader>,
    /// Agents' mails count only where that border says `dmarc=pass` of them.
    #[serde(default)]
    pub agents_must_pass: bool,
    /// Domains of forwarders whose ARC seal is believed where that border says `arc=pass`.
    #[serde(default)]
    pub trusted_arc: Vec<String>,
    /// At the first start, mail older than this is not handled.
    #[serde(default = "two_days")]
    pub first_start_age_max: Seconds,
    /// How often every mail of the folder is compared with the ledger.
    #[serde(default = "daily")]
    pub reconcile: Every,
    /// Where mails come from.
    pub imap: Spanned<ImapFile>,
    /// Where mails go out.
    pub smtp: Spanned<SmtpFile>,
    /// Where handled mails are filed.
    #[serde(default)]
    pub filing: FilingFile,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsFile {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS; refused when the server does not offer it.
    Starttls,
    /// None; only towards this machine.
    None,
}

/// The IMAP side.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImapFile {
    /// Host name or address.
    pub host: String,
    /// Port.
    #[serde(default = "imap_port")]
    pub port: u16,
    /// Protection.
    #[serde(default = "implicit")]
    pub tls: TlsFile,
    /// A file with certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The login name.
    pub user: String,
    /// Where the password stands.
    pub password: Option<Secret>,
    /// Or how to get an access token.
    pub oauth: Option<TokenSource>,
    /// The folder that is watched.
    #[serde(default = "inbox")]
    pub folder: String,
    /// Wait for announcements of the server, where it offers them.
    #[serde(default = "yes")]
    pub idle: bool,
    /// Look by ourselves at least so often.
    #[serde(default = "one_minute")]
    pub poll: Seconds,
    /// Mails with more octets are read only at their beginning, and a person gets them.
    #[serde(default = "mail_bytes_max")]
    pub mail_bytes_max: u32,
    /// No other daemon reads this mailbox: a server that keeps no keywords will do.
    #[serde(default)]
    pub alone: bool,
    /// A mail that another daemon has claimed is left alone for so long.
    #[serde(default = "one_hour")]
    pub claim_wait: Seconds,
}

/// The SMTP side.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpFile {
    /// Host name or address.
    pub host: String,
    /// Port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// Protection.
    #[serde(default = "implicit")]
    pub tls: TlsFile,
    /// A file with certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The login name; none: no login.
    pub user: Option<String>,
    /// Where the password stands.
    pub password: Option<Secret>,
    /// Or how to get an access token.
    pub oauth: Option<TokenSource>,
    /// How many connections at once.
    #[serde(default = "two")]
    pub connections: u8,
    /// Octets of a mail that is still attached to a forward.
    #[serde(default = "attachment_bytes_max")]
    pub attachment_bytes_max: u32,
}

/// Where handled mails are filed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilingFile {
    /// `move` to the folders below, or only `flag` with the keyword.
    pub mode: FilingMode,
    /// For mails answered automatically.
    pub answered: String,
    /// For mails forwarded to agents.
    pub forwarded: String,
    /// For automatic mails and thanks.
    pub quiet: String,
    /// For mails that are held for an operator.
    pub quarantine: String,
    /// The keyword of mails that stay.
    pub keyword: String,
}

/// What happens to a handled mail on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilingMode {
    /// It is moved.
    Move,
    /// It stays and gets the keyword.
    Flag,
}

impl Default for FilingFile {
    fn default() -> Self {
        Self {
            mode: FilingMode::Move,
            answered: "Mailclerk/Answered".to_owned(),
            forwarded: "Mailclerk/Forwarded".to_owned(),
            quiet: "Mailclerk/Quiet".to_owned(),
            quarantine: "Mailclerk/Quarantine".to_owned(),
            keyword: "$MailclerkDone".to_owned(),
        }
    }
}

/// The control socket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlFile {
    /// Its path.
    pub socket: PathBuf,
}

impl Default for ControlFile {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/mailclerk/control.sock"),
        }
    }
}

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepFile {
    /// Tickets, after their last change, with their mails; and the record of mails without a ticket.
    pub tickets: Keep,
    /// Earlier keys of the desk, after they were replaced: as long as answers to mails of that time find their tickets.
    pub keys: Keep,
}

impl Default for KeepFile {
    fn default() -> Self {
        Self {
            tickets: Keep(None),
            // A year, and a month for the slow.
            keys: Keep(Some(Seconds(400 * 86_400))),
        }
    }
}

/// What is learned from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearnFile {
    /// What is taken out of a corrected mail before it is kept as an example.
    pub private: Vec<Private>,
}

impl Default for LearnFile {
    fn default() -> Self {
        Self {
            private: Private::ALL.to_vec(),
        }
    }
}

/// Who is told when the breaker trips.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmFile {
    /// The operator's address; none: the log and `status` alone tell.
    pub mail: Option<Address>,
}

/// What goes to the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogFile {
    /// The least level: `error`, `warn`, `info`, `debug`.
    pub level: LogLevel,
    /// Where to.
    pub to: LogTarget,
}

impl Default for LogFile {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            to: LogTarget::Auto,
        }
    }
}

/// The least level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Wants a person.
    Error,
    /// Recovered by itself.
    Warn,
    /// One line a decision.
    Info,
    /// For finding faults.
    Debug,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogTarget {
    /// The journal when systemd runs us, else stderr.
    Auto,
    /// The journal.
    Journal,
    /// Text on stderr.
    Stderr,
    /// One JSON object a line on stderr.
    Json,
}

fn relay() -> Spanned<RelayFile> {
    Spanned::new(0..0, RelayFile::default())
}

fn rules_folder() -> PathBuf {
    PathBuf::from("rules")
}

fn inbox() -> String {
    "INBOX".to_owned()
}

fn yes() -> bool {
    true
}

fn implicit() -> TlsFile {
    TlsFile::Implicit
}

fn imap_port() -> u16 {
    993
}

fn smtp_port() -> u16 {
    465
}

fn two() -> u8 {
    2
}

fn one_minute() -> Seconds {
    Seconds(60)
}

fn one_hour() -> Seconds {
    Seconds(3_600)
}

fn daily() -> Every {
    Every(Some(Seconds(86_400)))
}

fn two_days() -> Seconds {
    Seconds(2 * 86_400)
}

fn attachment_bytes_max() -> u32 {
    // 7 MiB: as base64, with the summary, less than the 10,240,000 octets that Postfix takes unless told otherwise.
    7 * 1024 * 1024
}

fn mail_bytes_max() -> u32 {
    // 25 MiB: what large providers accept.
    25 * 1024 * 1024
}
