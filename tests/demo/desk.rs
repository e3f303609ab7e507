//! The daemon under show: its config, its process, and what it says of a mail by its own command line.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;
use serde_json::Value;

use crate::support::dovecot::PASSWORD;
use crate::support::process::signal;
use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;
use crate::support::servers::within;

/// The desk's address.
pub(crate) const ADDRESS: &str = "support@credly.example";
/// Log lines shown when something went wrong.
const LOG_LINES: usize = 30;

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Desk {
    /// What it says it is.
    pub(crate) version: String,
    binary: PathBuf,
    folder: PathBuf,
    child: Child,
    /// Message-IDs of mails that were shown already.
    known: BTreeSet<String>,
}

/// What became of a mail.
#[derive(Debug, Clone)]
pub(crate) struct Handled {
    /// `person`, `unsure` or `automatic`.
    pub(crate) screening: String,
    /// `forward`, `advise`, `redirect` or `ignore`.
    pub(crate) disposition: String,
    /// Primary first.
    pub(crate) intents: Vec<String>,
    /// Its language.
    pub(crate) language: String,
    /// Who the desk thinks wrote it.
    pub(crate) sender: String,
    /// Its ticket.
    pub(crate) ticket: Option<u64>,
    /// The ticket as it is now.
    pub(crate) queue: String,
    /// The ticket that this one was linked to.
    pub(crate) linked: Option<u64>,
    /// Why, a sentence each.
    pub(crate) because: Vec<String>,
    /// The mails that left for it.
    pub(crate) outgoing: Vec<Letter>,
}

/// A mail that left.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// `reply`, `forward`, …
    pub(crate) purpose: String,
    /// Its recipient.
    pub(crate) to: String,
    /// Its language.
    pub(crate) language: String,
    /// How far it is.
    pub(crate) state: String,
    message_id: String,
}

impl Letter {
    /// Whether this is the mail with that Message-ID, with angle brackets or without.
    pub(crate) fn is(&self, message_id: &str) -> bool {
        bare(message_id) == bare(&self.message_id)
    }

    /// Whether its end is known.
    fn is_settled(&self) -> bool {
        [
            "sent",
            "accepted",
            "delivered",
            "done",
            "parked",
            "refused",
            "failed",
        ]
        .contains(&self.state.as_str())
    }
}

impl Handled {
    /// Whether the end of all its mails is known.
    pub(crate) fn is_settled(&self) -> bool {
        self.outgoing.iter().all(Letter::is_settled)
    }
}

impl Desk {
    /// Writes the config, starts the daemon and waits until it answers.
    pub(crate) fn open(servers: &Servers) -> Result<Self> {
        let binary = binary()?;
        let folder = servers.dir.join("desk");
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        fs::write(folder.join("password"), format!("{PASSWORD}\n"))?;
        fs::set_permissions(folder.join("password"), Permissions::from_mode(0o600))?;
        let ports = &servers.ports;
        let listed =
            serde_json::json!({ "imap": ports.imap, "lmtp": ports.lmtp, "smtp": ports.smtp });
        fs::write(folder.join("ports.json"), listed.to_string())?;
        let config = folder.join("mailclerk.toml");
        fs::write(&config, config_text(servers, &folder)?)?;
        let log = File::create(folder.join("mailclerk.log"))?;
        let child = Command::new(&binary)
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal ends the demo; what ends the demo ends the daemon.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        fs::write(folder.join("mailclerk.pid"), child.id().to_string())?;
        let mut desk = Self {
            version: String::new(),
            binary,
            folder,
            child,
            known: BTreeSet::new(),
        };
        let mut status = None;
        within(DEADLINE, || {
            status = desk
                .ask(&["status"])
                .ok()
                .filter(|status| status["running"] == true);
            status.is_some() || !desk.is_up()
        });
        let Some(status) = status else {
            desk.print_log();
            bail!("the daemon does not answer: it {}", desk.state());
        };
        desk.version = text(&status["version"]);
        Ok(desk)
    }

    /// Asks the daemon by its own command line.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.binary);
        command
            .args(words)
            .arg("--json")
            .arg("--config")
            .arg(self.folder.join("mailclerk.toml"));
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!(
                "{command:?}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What became of the mail with this UID, once it is in the ledger.
    pub(crate) fn handled(&self, uid: u32) -> Option<Handled> {
        let ledger = self.ask(&["ledger", "list", "--limit", "1000"]).ok()?;
        let row = ledger
            .as_array()?
            .iter()
            .find(|row| row["mail"]["uid"] == uid)?;
        let ticket = row["ticket"].as_u64();
        let shown =
            ticket.and_then(|number| self.ask(&["tickets", "show", &number.to_string()]).ok());
        let shown = shown.unwrap_or_default();
        let letters = shown["outgoing"]
            .as_array()
            .into_iter()
            .flatten()
            .map(letter);
        Some(Handled {
            screening: text(&row["screening"]),
            disposition: text(&row["disposition"]),
            intents: row["intents"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect(),
            language: text(&row["language"]),
            sender: text(&row["sender"]),
            ticket,
            queue: text(&shown["queue"]),
            linked: shown["linked"].as_u64(),
            because: row["because"]
                .as_array()
                .into_iter()
                .flatten()
                .map(reason)
                .collect(),
            outgoing: letters
                .filter(|letter| !self.known.contains(&letter.message_id))
                .collect(),
        })
    }

    /// Counts the mails of this one as shown, so that a later mail on the same ticket does not show them again.
    pub(crate) fn know(&mut self, handled: &Handled) {
        self.known.extend(
            handled
                .outgoing
                .iter()
                .map(|letter| letter.message_id.clone()),
        );
    }

    /// Whether the process is there.
    pub(crate) fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it goes with the process, to follow "it".
    pub(crate) fn state(&mut self) -> String {
        match self.child.try_wait() {
            Ok(Some(status)) => format!("ended ({status})"),
            _ => "still runs".to_owned(),
        }
    }

    /// Prints the end of its log.
    pub(crate) fn print_log(&self) {
        let log = fs::read_to_string(self.folder.join("mailclerk.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        println!("\nThe end of the daemon's log:");
        for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES)) {
            println!("  {line}");
        }
    }

    /// Asks it to stop, waits, and says how it ended.
    pub(crate) fn close(mut self) -> Result<String> {
        signal("TERM", &self.child.id().to_string())?;
        if !within(DEADLINE, || !self.is_up()) {
            bail!("the daemon does not stop on SIGTERM");
        }
        let status = self.child.wait()?;
        let _ = fs::remove_file(self.folder.join("mailclerk.pid"));
        if !status.success() {
            self.print_log();
            bail!("the daemon ended with {status}");
        }
        Ok(status.to_string())
    }

    /// Leaves it running after this process.
    pub(crate) fn leave(self) {
        drop(self);
    }
}

/// The release binary: beside the folder of this example, or where MAILCLERK_BIN says.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("MAILCLERK_BIN") {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe()?;
    let folder = own
        .parent()
        .and_then(Path::parent)
        .context("this program lies nowhere")?;
    let path = folder.join("mailclerk");
    if !path.exists() {
        bail!("{} is not built; run: make demo", path.display());
    }
    Ok(path)
}

fn config_text(servers: &Servers, folder: &Path) -> Result<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let quoted = |path: PathBuf| toml::Value::String(path.display().to_string()).to_string();
    let (imaps, smtps) = (servers.ports.imaps, servers.ports.smtps);
    let rules = quoted(rules.canonicalize().context("the project's rules folder")?);
    let state = quoted(folder.join("state"));
    let password = quoted(folder.join("password"));
    let socket = quoted(folder.join("control.sock"));
    let ca = quoted(servers.ca_file());
    Ok(format!(
        "# Made by the demo.
rules = {rules}
state = {state}
[mailbox.support]
address = \"{ADDRESS}\"
authserv_id = \"mx.credly.example\"
[mailbox.support.imap]
host = \"127.0.0.1\"
port = {imaps}
tls = \"implicit\"
ca_file = {ca}
user = \"{ADDRESS}\"
password = {{ file = {password} }}
folder = \"INBOX\"
[mailbox.support.smtp]
host = \"127.0.0.1\"
port = {smtps}
tls = \"implicit\"
ca_file = {ca}
[queue.accounts]
agents = [\"ana@agents.example\", \"ben@agents.example\"]
[queue.badges]
agents = [\"cleo@agents.example\"]
[queue.triage]
agents = [\"lead@agents.example\"]
[relay]
undo = \"2s\"
[agent.\"ana@agents.example\"]
name = \"Ana, Credly Support\"
[control]
socket = {socket}
"
    ))
}

fn letter(value: &Value) -> Letter {
    Letter {
        purpose: text(&value["purpose"]).to_lowercase(),
        to: text(&value["to"]),
        language: text(&value["language"]),
        state: text(&value["state"]),
        message_id: text(&value["message_id"]),
    }
}

/// `stage rule: what it says ("what it matched")`
fn reason(value: &Value) -> String {
    let matched = text(&value["matched"]);
    let matched = if matched.is_empty() {
        matched
    } else {
        format!(" (\"{matched}\")")
    };
    format!(
        "{} {}: {}{matched}",
        text(&value["stage"]),
        text(&value["rule"]),
        text(&value["says"])
    )
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn bare(message_id: &str) -> &str {
    message_id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
}
