//! A desk with its daemon, its agents and its writers: what the tests here are told with.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::imap::Stored;
use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;

/// The desk's address.
pub(crate) const DESK: &str = "support@credly.example";

/// A desk on servers of its own, with a running daemon.
pub(crate) struct House {
    pub(crate) servers: Servers,
    pub(crate) folder: tempfile::TempDir,
    daemon: Option<Child>,
    log: Arc<Mutex<Vec<String>>>,
    written: usize,
}

/// What the ledger says of one mail.
#[derive(Debug)]
pub(crate) struct Handled(pub(crate) Value);

impl House {
    /// Opens the desk: servers, config, daemon.
    pub(crate) fn open() -> Self {
        Self::open_with("")
    }

    /// Opens the desk with more lines of config under `[mailbox.support]`.
    pub(crate) fn open_with(more: &str) -> Self {
        let mut house = Self::closed(more);
        house.start();
        house
    }

    /// The desk with everything but a running daemon.
    pub(crate) fn closed(more: &str) -> Self {
        let servers = Servers::start();
        let folder = tempfile::tempdir().unwrap();
        let house = Self {
            servers,
            folder,
            daemon: None,
            log: Arc::default(),
            written: 0,
        };
        house.write_config(more);
        house
    }

    pub(crate) fn write_config(&self, more: &str) {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
        fs::copy(self.servers.ca_file(), self.path("ca.pem")).unwrap();
        fs::write(self.path("password"), "secret\n").unwrap();
        Command::new("chmod")
            .arg("600")
            .arg(self.path("password"))
            .status()
            .unwrap();
        let config = format!(
            r#"
rules = "{rules}"
state = "state"
[mailbox.support]
address = "{DESK}"
authserv_id = "mx.credly.example"
{more}
[mailbox.support.imap]
host = "127.0.0.1"
port = {imap}
user = "{DESK}"
password = {{ file = "{password}" }}
ca_file = "ca.pem"
poll = "2s"
[mailbox.support.smtp]
host = "127.0.0.1"
port = {smtp}
tls = "starttls"
ca_file = "ca.pem"
[queue.accounts]
agents = ["ana@agents.example", "ben@agents.example"]
[queue.badges]
agents = ["cleo@agents.example"]
[queue.triage]
agents = ["lead@agents.example"]
[control]
socket = "control.sock"
"#,
            imap = self.servers.ports.imaps,
            smtp = self.servers.ports.smtp,
            password = self.path("password").display(),
        );
        fs::write(self.path("mailclerk.toml"), config).unwrap();
    }

    /// Changes words of the config, before the daemon starts or reloads.
    pub(crate) fn change_config(&self, from: &str, to: &str) {
        let path = self.path("mailclerk.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` does not stand in the config");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Gives the desk rules of its own, with another `desk.toml`.
    pub(crate) fn change_rules(&self, desk: impl FnOnce(String) -> String) {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
        let own = self.path("rules");
        Command::new("cp")
            .arg("-r")
            .arg(shipped)
            .arg(&own)
            .status()
            .unwrap();
        let file = own.join("desk.toml");
        let text = desk(fs::read_to_string(&file).unwrap());
        fs::write(file, text).unwrap();
        self.change_config(shipped, own.to_str().unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the daemon and waits until it watches.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, with more in its environment.
    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        let mut command = self.cli(&["run"]);
        command.envs(environment.iter().copied());
        self.start_by(command);
    }

    /// The same, by a command that becomes the daemon.
    pub(crate) fn start_by(&mut self, command: Command) {
        let from = self.log.lock().unwrap().len();
        self.launch(command);
        self.wait("the daemon to open the mailbox", |house| {
            house.log()[from..]
                .iter()
                .any(|l| l.contains(" open "))
                .then_some(())
        });
    }

    /// Starts the daemon and does not wait for anything.
    pub(crate) fn launch(&mut self, mut command: Command) {
        let mut child = command
            .env_remove("JOURNAL_STREAM")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        });
        self.daemon = Some(child);
    }

    /// Whether the daemon runs; when it ended by itself, how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.daemon.as_mut().unwrap().try_wait().unwrap()?;
        self.daemon = None;
        Some(status)
    }

    /// The daemon's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// Everything the daemon logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Ends the daemon by a signal and returns its exit code.
    pub(crate) fn end(&mut self, signal: &str) -> Option<i32> {
        let mut child = self.daemon.take().unwrap();
        Self::signal_child(&child, signal);
        child.wait().unwrap().code()
    }

    /// Sends the running daemon a signal.
    pub(crate) fn signal(&self, signal: &str) {
        Self::signal_child(self.daemon.as_ref().unwrap(), signal);
    }

    fn signal_child(child: &Child, signal: &str) {
        Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(child.id().to_string())
            .status()
            .unwrap();
    }

    /// Looks again and again until there is something.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "waited in vain for {what}; the daemon's log:\n{}",
                self.log().join("\n")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Puts a raw mail into the desk's mailbox and waits until the daemon has handled it and sent what it sends.
    pub(crate) fn receive(&mut self, raw: &str, from: &str) -> Handled {
        self.deliver(raw, from);
        self.handled()
    }

    /// Puts a raw mail into the desk's mailbox and goes on.
    pub(crate) fn deliver(&mut self, raw: &str, from: &str) {
        let raw = raw.trim_start().replace('\n', "\r\n");
        self.servers.deliver(raw.as_bytes(), from, DESK);
        self.written += 1;
    }

    /// The desk's own folder of handled mails, once it has at least `n`.
    pub(crate) fn filed(&self, name: &str, n: usize) -> Vec<Stored> {
        // Dovecot's Maildir separates folders by a dot.
        let folder = format!("Mailclerk.{name}");
        self.servers.wait_for_mails(DESK, &folder, n, DEADLINE)
    }

    /// Waits until everything written so far is handled and the outbox is empty; returns the newest.
    pub(crate) fn handled(&self) -> Handled {
        self.wait(
            "the mail to be handled and the outbox to be empty",
            |house| {
                let status = house.ask(&["status"])?;
                let handled = status["mails"].as_u64()? >= house.written as u64;
                (handled && status["outbox_waiting"] == 0).then_some(())
            },
        );
        let ledger = self.ask(&["ledger", "list", "--limit", "1"]).unwrap();
        Handled(ledger[0].clone())
    }

    /// A plain mail of a person.
    pub(crate) fn write(&mut self, from: &str, subject: &str, text: &str) -> Handled {
        let id = format!("{}.{}@{}", self.written, "test", domain(from));
        self.receive(&mail(from, subject, &id, "", text), from)
    }

    /// A person's answer to a mail of ours: to its Reply-To, threaded, below the quoted text.
    pub(crate) fn answer(&mut self, from: &str, ours: &Stored, text: &str) -> Handled {
        self.answer_later(from, ours, text);
        self.handled()
    }

    /// The same, and goes on.
    pub(crate) fn answer_later(&mut self, from: &str, ours: &Stored, text: &str) {
        let id = format!("answer{}@{}", self.written, domain(from));
        let headers = format!(
            "In-Reply-To: {0}\nReferences: {0}\n",
            ours.header("Message-ID").unwrap()
        );
        let quoted = ours
            .text()
            .lines()
            .fold(String::new(), |all, l| all + "> " + l + "\n");
        let text = format!("{text}\n\nOn Mon, 23 Nov 2026, Credly Support wrote:\n{quoted}");
        let subject = format!("Re: {}", ours.subject());
        self.deliver(&mail(from, &subject, &id, &headers, &text), from);
    }

    /// Asks the daemon by the command line.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let done = self.cli(arguments).arg("--json").output().unwrap();
        serde_json::from_slice(&done.stdout).ok()
    }

    /// A command with this desk's config.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailclerk"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("mailclerk.toml"));
        command
    }

    /// A ticket with its events and mails.
    pub(crate) fn ticket(&self, number: u64) -> Value {
        self.ask(&["tickets", "show", &number.to_string()]).unwrap()
    }

    /// All mails of a person or agent, once there are at least `n`.
    pub(crate) fn mails(&self, who: &str, n: usize) -> Vec<Stored> {
        self.servers.wait_for_mails(who, "INBOX", n, DEADLINE)
    }

    /// The one mail that somebody got from the desk.
    pub(crate) fn only_mail(&self, who: &str) -> Stored {
        let mut mails = self.mails(who, 1);
        assert_eq!(mails.len(), 1, "{who} got {} mails", mails.len());
        mails.remove(0)
    }

    /// How many mails the desk has ever put into its outbox for somebody.
    pub(crate) fn sent_to(&self, who: &str) -> usize {
        let all = self
            .ask(&["outbox", "list", "--all", "--limit", "1000"])
            .unwrap();
        all.as_array()
            .unwrap()
            .iter()
            .filter(|m| m["to"] == who)
            .count()
    }

    /// How many mails the desk has ever put into its outbox.
    pub(crate) fn sent(&self) -> usize {
        let all = self
            .ask(&["outbox", "list", "--all", "--limit", "1000"])
            .unwrap();
        all.as_array().unwrap().len()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Handled {
    /// The ticket's number.
    pub(crate) fn ticket(&self) -> u64 {
        self.0["ticket"]
            .as_u64()
            .unwrap_or_else(|| panic!("no ticket: {}", self.0))
    }

    /// The primary intent.
    pub(crate) fn primary(&self) -> &str {
        self.0["intents"][0].as_str().unwrap_or_default()
    }

    /// What happened to it.
    pub(crate) fn disposition(&self) -> &str {
        self.0["disposition"].as_str().unwrap_or_default()
    }

    /// Whether it has that intent.
    pub(crate) fn has(&self, intent: &str) -> bool {
        self.0["intents"]
            .as_array()
            .unwrap()
            .iter()
            .any(|i| i == intent)
    }
}

/// A raw mail with the usual headers.
pub(crate) fn mail(from: &str, subject: &str, id: &str, headers: &str, text: &str) -> String {
    format!(
        "From: {from}\nTo: {DESK}\nSubject: {subject}\nDate: Mon, 23 Nov 2026 09:00:00 +0000\nMessage-ID: <{id}>\n{headers}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}

fn domain(address: &str) -> &str {
    address.rsplit('@').next().unwrap().trim_end_matches('>')
}
