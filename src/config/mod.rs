//! The config: as written (`file`), then validated, with the rules it names compiled.

pub mod agents;
pub mod duration;
pub mod file;
pub mod folder;
pub mod oauth;
mod own;
mod places;
pub mod secret;
pub mod times;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::file::ConfigFile;
use crate::config::file::FilingFile;
use crate::config::file::ImapFile;
use crate::config::file::LogFile;
use crate::config::file::MailboxFile;
use crate::config::file::SmtpFile;
use crate::config::file::TlsFile;
pub use crate::config::places::Places;
pub use crate::config::places::is_loopback;
pub use crate::config::places::places;
use crate::learn::correction::Private;
use crate::message::address::Address;
use crate::triage::Queue;
use crate::triage::desk::Rules;
use crate::triage::quarantine::SpamHeader;
use crate::triage::relay::RelayRules;
use crate::triage::roster::Roster;
use crate::triage::source::Complaint;

/// A config that holds together: every relation checked, every rule compiled.
#[derive(Debug, Clone)]
pub struct Config {
    /// The state folder, absolute or relative to the working folder.
    pub state: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// What goes to the log.
    pub log: LogFile,
    /// The mailboxes, in order of their names; at least one.
    pub mailboxes: Vec<MailboxConfig>,
    /// The queues with their agents.
    pub queues: Vec<Queue>,
    /// Seconds that tickets are kept after their last change; none: for ever.
    pub keep_tickets_s: Option<u64>,
    /// What is taken out of a corrected mail before it is kept as an example.
    pub private: Vec<Private>,
    /// Who is told when the breaker trips.
    pub alarm: Option<Address>,
    /// Seconds that earlier keys still verify; none: until they are dropped by hand.
    pub keep_keys_s: Option<u64>,
    /// Agents' time.
    pub roster: Arc<Roster>,
    /// How agents' answers are relayed.
    pub relay: RelayRules,
}

/// One mailbox, validated.
#[derive(Debug, Clone)]
pub struct MailboxConfig {
    /// Its name.
    pub name: String,
    /// The address that replies come from.
    pub address: Address,
    /// Other addresses that arrive here.
    pub aliases: Vec<Address>,
    /// The desk's rules for it.
    pub rules: Arc<Rules>,
    /// The authserv-id of the trusted border.
    pub authserv_id: Option<String>,
    /// Fields by which a spam filter of the own border says that a mail is spam.
    pub spam_headers: Vec<SpamHeader>,
    /// Domains whose ARC seal is believed.
    pub trusted_arc: Vec<String>,
    /// Agents' mails count only where the border vouches for them.
    pub agents_must_pass: bool,
    /// At the first start, mail older than this (seconds) is not handled.
    pub first_start_age_s_max: u64,
    /// Seconds between two reconciliations; none: only when asked.
    pub reconcile_s: Option<u64>,
    /// The IMAP side; paths resolved.
    pub imap: ImapFile,
    /// The SMTP side; paths resolved.
    pub smtp: SmtpFile,
    /// Where handled mails are filed.
    pub filing: FilingFile,
}

/// Mails smaller than this could not even hold their headers.
const MAIL_BYTES_MAX_LEAST: u32 = 64 * 1024;
/// Polling more often than this is no help and a burden to the server.
const POLL_S_LEAST: u64 = 1;
/// A claim that is not respected for at least so long claims nothing.
const CLAIM_WAIT_S_LEAST: u64 = 2;
/// A server may log an idle client out after 30 minutes (RFC 9051, 5.4).
const POLL_S_MOST: u64 = 25 * 60;
/// `sun_path` has 108 octets, its end included (unix(7)).
const SOCKET_BYTES_MAX: usize = 107;
/// More connections at once are taken for an attack by many servers.
const CONNECTIONS_MAX: u8 = 16;

/// Reads and checks a config file and the rules that it names.
///
/// # Errors
/// Every complaint, each with file, line and column.
pub fn load(path: &Path) -> Result<Config, Vec<Complaint>> {
    let name = path.display().to_string();
    let text = places::read(path, &name)?;
    let file: ConfigFile =
        toml::from_str(&text).map_err(|e| vec![Complaint::of_toml(&name, &text, &e)])?;
    let base = path.parent().unwrap_or(Path::new("."));
    Checker {
        name: &name,
        text: &text,
        base,
        complaints: Vec::new(),
    }
    .check(&file)
}

struct Checker<'a> {
    name: &'a str,
    text: &'a str,
    base: &'a Path,
    complaints: Vec<Complaint>,
}

impl Checker<'_> {
    fn check(mut self, file: &ConfigFile) -> Result<Config, Vec<Complaint>> {
        if file.mailbox.is_empty() {
            self.complain(0, "no mailbox: at least one [mailbox.NAME] is needed");
        }
        let socket = self.base.join(&file.control.socket);
        if socket.as_os_str().len() > SOCKET_BYTES_MAX {
            self.complain(0, &format!("[control] socket is longer than the {SOCKET_BYTES_MAX} octets a socket's path may have"));
        }
        let queues = self.queues(file);
        let roster = times::roster(file, &mut |at, what| self.complain(at, what));
        let relay = agents::relay_rules(file, &mut |at, what| self.complain(at, what));
        let mut compiled: BTreeMap<PathBuf, Arc<Rules>> = BTreeMap::new();
        let mut mailboxes = Vec::new();
        for (name, mailbox) in &file.mailbox {
            let at = mailbox.span().start;
            let mailbox = mailbox.get_ref();
            self.name_of(at, "mailbox", name);
            if !mailbox.trusted_arc.is_empty() && mailbox.authserv_id.is_none() {
                self.complain(at, &format!(
                    "[mailbox.{name}] `trusted_arc` needs `authserv_id`: a seal is believed only where your own border says arc=pass"
                ));
            }
            self.imap(name, mailbox);
            self.smtp(name, mailbox);
            let folder = self
                .base
                .join(mailbox.rules.as_ref().unwrap_or(&file.rules));
            let Some(rules) = self.rules(&folder, &mut compiled) else {
                continue;
            };
            for wanted in rules.queues() {
                if !queues.iter().any(|q| q.name == wanted) {
                    let what = format!(
                        "the rules in {} send mails to the queue `{wanted}`, which is not here: add [queue.{wanted}] with its agents",
                        folder.display()
                    );
                    self.complain(at, &what);
                }
            }
            mailboxes.push(self.mailbox(name, mailbox, rules));
        }
        self.watched_twice(file);
        self.own_addresses(file);
        if !self.complaints.is_empty() {
            return Err(self.complaints);
        }
        Ok(Config {
            state: self.base.join(&file.state),
            socket,
            log: file.log.clone(),
            mailboxes,
            queues,
            keep_tickets_s: file.keep.tickets.0.map(|keep| keep.0),
            private: file.learn.private.clone(),
            alarm: file.alarm.mail.clone(),
            keep_keys_s: file.keep.keys.0.map(|keep| keep.0),
            roster: Arc::new(roster),
            relay,
        })
    }

    fn mailbox(&self, name: &str, mailbox: &MailboxFile, rules: Arc<Rules>) -> MailboxConfig {
        let mut imap = mailbox.imap.get_ref().clone();
        let mut smtp = mailbox.smtp.get_ref().clone();
        imap.ca_file = imap.ca_file.map(|p| self.base.join(p));
        smtp.ca_file = smtp.ca_file.map(|p| self.base.join(p));
        imap.password = imap.password.map(|s| s.relative_to(self.base));
        smtp.password = smtp.password.map(|s| s.relative_to(self.base));
        imap.oauth = imap.oauth.map(|s| s.relative_to(self.base));
        smtp.oauth = smtp.oauth.map(|s| s.relative_to(self.base));
        MailboxConfig {
            name: name.to_owned(),
            address: mailbox.address.clone(),
            aliases: mailbox.aliases.clone(),
            rules,
            authserv_id: mailbox.authserv_id.clone(),
            spam_headers: mailbox.spam_headers.clone(),
            trusted_arc: mailbox.trusted_arc.clone(),
            agents_must_pass: mailbox.agents_must_pass,
            first_start_age_s_max: mailbox.first_start_age_max.0,
            reconcile_s: mailbox.reconcile.0.map(|every| every.0),
            imap,
            smtp,
            filing: mailbox.filing.clone(),
        }
    }

    fn complain(&mut self, at: usize, what: &str) {
        self.complaints
            .push(Complaint::at(self.name, self.text, at, what));
    }

    fn name_of(&mut self, at: usize, what: &str, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            self.complain(
                at,
                &format!("`{name}` is no {what} name: use 1 to 40 of a-z, 0-9, - and _"),
            );
        }
    }

    fn queues(&mut self, file: &ConfigFile) -> Vec<Queue> {
        let mut queues = Vec::new();
        for (name, queue) in &file.queue {
            let at = queue.span().start;
            self.name_of(at, "queue", name);
            let agents = queue.get_ref().agents.clone();
            if agents.is_empty() {
                self.complain(
                    at,
                    &format!("the queue `{name}` has no agents: who reads its mails?"),
                );
            }
            queues.push(Queue {
                name: name.clone(),
                agents,
            });
        }
        queues
    }

    fn imap(&mut self, name: &str, mailbox: &MailboxFile) {
        let at = mailbox.imap.span().start;
        let imap = mailbox.imap.get_ref();
        self.server(at, name, "imap", &imap.host, imap.tls);
        if imap.user.is_empty() {
            self.complain(at, &format!("[mailbox.{name}.imap] `user` is empty"));
        }
        match (&imap.password, &imap.oauth) {
            (Some(_), None) | (None, Some(_)) => {}
            _ => self.complain(
                at,
                &format!("[mailbox.{name}.imap] needs `password` or `oauth`, one of them"),
            ),
        }
        if imap.mail_bytes_max < MAIL_BYTES_MAX_LEAST {
            self.complain(
                at,
                &format!(
                    "[mailbox.{name}.imap] mail_bytes_max must be at least {MAIL_BYTES_MAX_LEAST}"
                ),
            );
        }
        if imap.claim_wait.0 < CLAIM_WAIT_S_LEAST {
            self.complain(
                at,
                &format!("[mailbox.{name}.imap] claim_wait must be at least \"2s\""),
            );
        }
        if !(POLL_S_LEAST..=POLL_S_MOST).contains(&imap.poll.0) {
            self.complain(
                at,
                &format!("[mailbox.{name}.imap] poll must lie between \"1s\" and \"25m\""),
            );
        }
    }

    fn smtp(&mut self, name: &str, mailbox: &MailboxFile) {
        let at = mailbox.smtp.span().start;
        let smtp = mailbox.smtp.get_ref();
        self.server(at, name, "smtp", &smtp.host, smtp.tls);
        let logins = [smtp.password.is_some(), smtp.oauth.is_some()];
        let given = logins.iter().filter(|l| **l).count();
        if given > 1 || (given == 1) != smtp.user.is_some() {
            self.complain(at, &format!(
                "[mailbox.{name}.smtp] needs `user` with `password` or `oauth`, or none of the three"
            ));
        }
        if !(1..=CONNECTIONS_MAX).contains(&smtp.connections) {
            self.complain(
                at,
                &format!(
                    "[mailbox.{name}.smtp] connections must lie between 1 and {CONNECTIONS_MAX}"
                ),
            );
        }
    }

    fn server(&mut self, at: usize, name: &str, side: &str, host: &str, tls: TlsFile) {
        if host.trim().is_empty() {
            self.complain(at, &format!("[mailbox.{name}.{side}] `host` is empty"));
        } else if tls == TlsFile::None && !is_loopback(host) {
            self.complain(at, &format!(
                "[mailbox.{name}.{side}] tls = \"none\" is for this machine alone (host 127.0.0.1, ::1 or localhost), not for {host}"
            ));
        }
    }

    /// Two loops on one folder would each handle every mail.
    fn watched_twice(&mut self, file: &ConfigFile) {
        let mut seen = BTreeMap::new();
        for (name, mailbox) in &file.mailbox {
            let imap = &mailbox.get_ref().imap;
            let watched = imap.get_ref();
            let place = (
                watched.host.to_lowercase(),
                watched.port,
                watched.user.clone(),
                watched.folder.clone(),
            );
            if let Some(other) = seen.insert(place, name) {
                self.complain(imap.span().start, &format!(
                    "[mailbox.{name}.imap] watches the same folder as [mailbox.{other}.imap]: every mail would be handled twice"
                ));
            }
        }
    }

    fn rules(
        &mut self,
        folder: &Path,
        compiled: &mut BTreeMap<PathBuf, Arc<Rules>>,
    ) -> Option<Arc<Rules>> {
        if let Some(rules) = compiled.get(folder) {
            return Some(Arc::clone(rules));
        }
        match folder::load(folder) {
            Ok(rules) => {
                let rules = Arc::new(rules);
                compiled.insert(folder.to_path_buf(), Arc::clone(&rules));
                Some(rules)
            }
            Err(complaints) => {
                self.complaints.extend(complaints);
                None
            }
        }
    }
}
