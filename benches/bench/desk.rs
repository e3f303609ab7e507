//! The daemon as a process of its own, as it is shipped, on private servers: its config, its log, what it costs.

use std::fs;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::process::is_root;
use crate::support::process::run;
use crate::support::servers::Servers;

/// The desk's address.
pub(crate) const ADDRESS: &str = "support@credly.example";
/// No limit on replies or cases may end a benchmark: numbers of the rules that are set to the highest that is allowed.
const LIMITS: [&str; 12] = [
    "address_day",
    "ticket_day",
    "text_hour",
    "domain_hour",
    "total_hour",
    "sender_cases_day",
    "domain_cases_hour",
    "text_cases_hour",
    "forwards_hour",
    "trial_replies",
    "flood_mails",
    "never",
];

/// Makes a folder with the shipped rules but for their limits.
pub(crate) fn rules(folder: &Path) -> PathBuf {
    let own = folder.join("rules");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    run("cp", |c| c.arg("-r").arg(shipped).arg(&own)).unwrap();
    for file in ["desk.toml", "quarantine.toml"] {
        let text = fs::read_to_string(own.join(file)).unwrap();
        let lifted = text.lines().map(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            if LIMITS.contains(&name) {
                format!("{name} = 1_000_000\n")
            } else {
                format!("{line}\n")
            }
        });
        fs::write(own.join(file), lifted.collect::<String>()).unwrap();
    }
    own
}

/// Mails on disk, from which mailboxes are filled by hard links.
pub(crate) struct Pool {
    folder: PathBuf,
    names: Vec<String>,
}

impl Pool {
    /// Lays mails down as Dovecot's LMTP does: LF, and both sizes in the name.
    pub(crate) fn new(servers: &Servers, mails: impl Iterator<Item = String>) -> Self {
        let folder = servers.dir.join("pool");
        fs::create_dir(&folder).unwrap();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let mut names = Vec::new();
        for (at, mail) in mails.enumerate() {
            let lines = mail.bytes().filter(|b| *b == b'\n').count();
            let (size, wire) = (mail.len(), mail.len() + lines);
            let name = format!("{now}.M{at:06}P1.bench,S={size},W={wire}");
            fs::write(folder.join(&name), &mail).unwrap();
            names.push(name);
        }
        Self { folder, names }
    }

    /// How many mails.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Fills the mailbox of a user that has none yet.
    pub(crate) fn fill(&self, servers: &Servers, user: &str) {
        let home = servers.home(user);
        let maildir = home.join("Maildir");
        for name in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(name)).unwrap();
        }
        for name in &self.names {
            fs::hard_link(self.folder.join(name), maildir.join("new").join(name)).unwrap();
        }
        if is_root() {
            run("chown", |c| c.args(["-R", "nobody:nogroup"]).arg(&home)).unwrap();
        }
    }

    /// How many mails a user's INBOX has on disk.
    pub(crate) fn left(servers: &Servers, user: &str) -> usize {
        let maildir = servers.home(user).join("Maildir");
        let in_folder = |name: &str| fs::read_dir(maildir.join(name)).map_or(0, Iterator::count);
        in_folder("cur") + in_folder("new")
    }
}

/// A daemon with a state folder of its own.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Seconds of CPU, all threads.
    pub(crate) cpu_s: f64,
    /// The most memory it had, in MiB.
    pub(crate) peak_mib: f64,
    /// The memory it has, in MiB.
    pub(crate) rss_mib: f64,
}

impl Desk {
    /// Writes the config; IMAP by `user`, SMTP into the sink.
    pub(crate) fn new(servers: &Servers, user: &str, sink: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let rules = rules(folder.path());
        fs::write(path("password"), "secret\n").unwrap();
        fs::set_permissions(path("password"), fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "rules = \"{rules}\"\nstate = \"state\"\n\
             [mailbox.support]\naddress = \"{ADDRESS}\"\nauthserv_id = \"mx.credly.example\"\n{more}\n\
             [mailbox.support.imap]\nhost = \"127.0.0.1\"\nport = {imap}\ntls = \"none\"\nuser = \"{user}\"\n\
             password = {{ file = \"{password}\" }}\n\
             [mailbox.support.smtp]\nhost = \"127.0.0.1\"\nport = {sink}\ntls = \"none\"\n\
             [queue.accounts]\nagents = [\"ana@agents.example\", \"ben@agents.example\"]\n\
             [queue.badges]\nagents = [\"cleo@agents.example\"]\n\
             [queue.triage]\nagents = [\"lead@agents.example\"]\n\
             [control]\nsocket = \"control.sock\"\n",
            rules = rules.display(),
            imap = servers.ports.imap,
            password = path("password").display(),
        );
        fs::write(path("mailclerk.toml"), config).unwrap();
        Self {
            folder,
            child: None,
        }
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts it; returns the seconds until it says that it is ready.
    pub(crate) fn start(&mut self) -> f64 {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let began = Instant::now();
        let child = self
            .command(&["run"])
            .env_remove("JOURNAL_STREAM")
            // As the unit has it.
            .env("MALLOC_ARENA_MAX", "2")
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .env("MALLOC_TRIM_THRESHOLD_", "1048576")
            .env("MALLOC_TOP_PAD_", "65536")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.wait_for(" ready ");
        began.elapsed().as_secs_f64()
    }

    /// Waits until the log has a line with those words.
    pub(crate) fn wait_for(&mut self, words: &str) {
        let end = Instant::now() + Duration::from_mins(10);
        while !self
            .log()
            .lines()
            .any(|line| format!("{line} ").contains(words))
        {
            assert!(
                self.child.as_mut().unwrap().try_wait().unwrap().is_none() && Instant::now() < end,
                "the daemon does not say {words:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What it has cost.
    pub(crate) fn cost(&self) -> Cost {
        cost(self.child.as_ref().unwrap().id())
    }

    /// Asks it by its own command line.
    pub(crate) fn ask(&self, words: &[&str]) -> Value {
        let done = self.command(words).arg("--json").output().unwrap();
        serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&done.stderr)))
    }

    /// Has it end in order.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            run("sh", |c| {
                c.args(["-c", "kill -TERM \"$0\"", &child.id().to_string()])
            })
            .unwrap();
            assert!(child.wait().unwrap().success(), "{}", self.log());
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        // Another build, to be compared with this one.
        let program = std::env::var("MAILCLERK_BIN");
        let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_mailclerk").to_owned());
        let mut command = Command::new(program);
        command
            .args(words)
            .arg("--config")
            .arg(self.folder.path().join("mailclerk.toml"));
        command
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a process has cost so far.
pub(crate) fn cost(pid: u32) -> Cost {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    // utime and stime, the 14th and 15th field, in hundredths of a second.
    let ticks: f64 = after
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<f64>().ok())
        .sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        let kib = line.and_then(|l| {
            l.trim_start_matches(':')
                .trim()
                .split(' ')
                .next()?
                .parse()
                .ok()
        });
        kib.unwrap_or(0.0_f64) / 1024.0
    };
    Cost {
        cpu_s: ticks / 100.0,
        peak_mib: mib("VmHWM"),
        rss_mib: mib("VmRSS"),
    }
}
