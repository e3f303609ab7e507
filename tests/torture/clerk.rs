//! The real program, with a config towards the world: started, killed, asked, stopped.

use std::fs;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::mails::DESK;

/// A deadline for what should come at once: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);
const PROGRAM: &str = env!("CARGO_BIN_EXE_mailclerk");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");

/// What stands in the place of the shipped intents in [`Desk::Light`].
const LIGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/desk");
const LIGHT_REPLIES: &[&str] = &["en", "frame.txt", "subject.txt"];

/// Which rules the daemon loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desk {
    /// Few intents in one language, without the learned model: starts fast. No budget keeps a reply back.
    Light,
    /// The shipped ones with larger budgets of the whole desk.
    Whole,
}

/// The program's folder: config, rules, state, log.
pub(crate) struct Clerk {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Ended {
    /// Killed, by itself at a named moment or by us.
    pub(crate) fn killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// Whether anything in it was a panic, contained or not.
    pub(crate) fn panicked(&self) -> bool {
        self.log.contains("panic")
    }

    /// Status and the last lines of the log.
    pub(crate) fn words(&self) -> String {
        let lines: Vec<&str> = self.log.lines().collect();
        let last = &lines[lines.len().saturating_sub(8)..];
        format!("{}: {}", self.status, last.join(" / "))
    }
}

/// A place for folders whose contents need not outlive the machine: memory, where there is such a place.
pub(crate) fn scratch() -> TempDir {
    let shm = Path::new("/dev/shm");
    let builder = tempfile::Builder::new().prefix("clerk-").to_owned();
    builder
        .tempdir_in(shm)
        .or_else(|_| builder.tempdir())
        .unwrap()
}

impl Clerk {
    /// Writes config and rules for these ports of loopback, without TLS.
    pub(crate) fn new(desk: Desk, imap_port: u16, smtp_port: u16) -> Self {
        let clerk = Self { folder: scratch() };
        clerk.copy_rules(desk);
        clerk.write_secret();
        let config = format!(
            r#"
rules = "rules"
state = "state"
[mailbox.support]
address = "{DESK}"
authserv_id = "mx.credly.example"
[mailbox.support.imap]
host = "127.0.0.1"
port = {imap_port}
tls = "none"
user = "{DESK}"
password = {{ file = "password" }}
poll = "1s"
[mailbox.support.smtp]
host = "127.0.0.1"
port = {smtp_port}
tls = "none"
{QUEUES}
"#
        );
        fs::write(clerk.path("mailclerk.toml"), config).unwrap();
        clerk
    }

    /// Writes a config of the caller's; queues and control socket come from here.
    pub(crate) fn with_config(desk: Desk, config: &str) -> Self {
        let clerk = Self { folder: scratch() };
        clerk.copy_rules(desk);
        clerk.write_secret();
        fs::write(
            clerk.path("mailclerk.toml"),
            format!("rules = \"rules\"\nstate = \"state\"\n{config}\n{QUEUES}\n"),
        )
        .unwrap();
        clerk
    }

    fn write_secret(&self) {
        fs::write(self.path("password"), "secret\n").unwrap();
        fs::set_permissions(self.path("password"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn copy_rules(&self, desk: Desk) {
        let to = self.path("rules");
        match desk {
            Desk::Whole => copy(Path::new(SHIPPED), &to, &|path| path != "rules/examples"),
            Desk::Light => {
                let left_out = ["examples", "model.json", "intents", "audience.toml"];
                copy(Path::new(SHIPPED), &to, &|path| {
                    let name = path.rsplit('/').next().unwrap();
                    let reply = path.starts_with("replies/") || path.starts_with("en/");
                    let spoken = !reply || LIGHT_REPLIES.contains(&name);
                    spoken && !left_out.contains(&name)
                });
                copy(Path::new(LIGHT), &to, &|_| true);
                for file in fs::read_dir(to.join("words")).unwrap() {
                    speak_english(&file.unwrap().path());
                }
            }
        }
        // The rig's mails say the same over and over: that is no flood here, neither of replies nor of what is held.
        for (file, bound) in [
            ("desk.toml", &["_hour", "_cases_day"][..]),
            ("quarantine.toml", &["flood_mails"][..]),
        ] {
            let file = to.join(file);
            let text = fs::read_to_string(&file).unwrap();
            let generous = |line: &str| match line.split_once(" = ") {
                Some((name, _)) if bound.iter().any(|end| name.ends_with(end)) => {
                    format!("{name} = 1000000\n")
                }
                _ => format!("{line}\n"),
            };
            let text: String = text.lines().map(generous).collect();
            fs::write(file, text).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the program with this config.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("mailclerk.toml"))
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// Starts the daemon.
    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Running<'_> {
        let log = File::create(self.path("log")).unwrap();
        let child = self
            .command(&["run"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Running { child, clerk: self }
    }

    /// Asks by the command line, without a daemon; panics where there is no answer in JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let done = self.command(arguments).arg("--json").output().unwrap();
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            panic!("{arguments:?}: {said}")
        })
    }

    /// Whether a daemon is there and says that nothing waits to be sent.
    pub(crate) fn has_nothing_to_send(&self) -> bool {
        let asked = || -> Option<Value> {
            let mut socket = UnixStream::connect(self.path("c.sock")).ok()?;
            socket.set_read_timeout(Some(DEADLINE)).ok()?;
            socket.write_all(b"{\"ask\":\"status\"}\n").ok()?;
            let mut line = String::new();
            BufReader::new(socket).read_line(&mut line).ok()?;
            serde_json::from_str(&line).ok()
        };
        asked().is_some_and(|status| status["outbox_waiting"] == 0)
    }

    /// How many commits the record beside the store tells of; none before the first.
    pub(crate) fn generation(&self) -> Option<u64> {
        let text = fs::read_to_string(self.path("state/generation")).ok()?;
        text.split(' ').nth(1)?.parse().ok()
    }
}

const QUEUES: &str = r#"
[queue.accounts]
agents = ["ana@agents.example", "ben@agents.example"]
[queue.badges]
agents = ["cleo@agents.example"]
[queue.triage]
agents = ["lead@agents.example"]
[control]
socket = "c.sock"
"#;

/// A daemon that was started.
pub(crate) struct Running<'a> {
    child: Child,
    clerk: &'a Clerk,
}

impl Running<'_> {
    /// Ends it by a signal that cannot be heard.
    pub(crate) fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        self.ended(status)
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(mut self) -> Ended {
        let _ = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &self.child.id().to_string()])
            .status();
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.ended(status);
            }
            assert!(Instant::now() < end, "the daemon does not stop");
            sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end, or until it has nothing left to do (`done`, asked now and then): then it is told to stop.
    pub(crate) fn lived(mut self, done: impl Fn(&Clerk) -> bool) -> Ended {
        let begun = Instant::now();
        let mut look = Duration::from_millis(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.ended(status);
            }
            if begun.elapsed() > look {
                look += Duration::from_millis(60);
                if done(self.clerk) {
                    return self.stop();
                }
                if begun.elapsed() > DEADLINE {
                    let ended = self.kill();
                    panic!("the daemon does not come to an end; {}", ended.words());
                }
            }
            sleep(Duration::from_millis(1));
        }
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        let log = fs::read(self.clerk.path("log")).unwrap_or_default();
        Ended {
            status,
            log: String::from_utf8_lossy(&log).into_owned(),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies a folder, but for what `wanted` does not want; it is asked for the last two names of each path.
pub(crate) fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let above = from.file_name().unwrap_or_default().to_string_lossy();
        if !wanted(&format!("{above}/{}", name.to_string_lossy())) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, wanted);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Leaves only the English words in a file of words.
fn speak_english(file: &Path) {
    let mut words: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
    for (_, notion) in &mut words {
        if let Some(languages) = notion.get_mut("words").and_then(toml::Value::as_table_mut) {
            languages.retain(|language, _| language.len() != 2 || language == "en");
        }
    }
    fs::write(file, words.to_string()).unwrap();
}
