//! What an operator meets before mail flows: a wrong config, a wrong user, a restored store, a reload.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

/// Far more than any of these takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A desk whose servers are not there.
struct Desk {
    folder: TempDir,
    daemon: Option<Child>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            daemon: None,
            log: Arc::default(),
        };
        desk.configure("", "", "");
        desk
    }

    /// Writes the config; each text is added at the end of its table.
    fn configure(&self, imap: &str, filing: &str, rest: &str) {
        let config = format!(
            r#"
rules = "{rules}"
state = "state"
[control]
socket = "control.sock"
[mailbox.support]
address = "support@credly.example"
[mailbox.support.imap]
host = "127.0.0.1"
port = 1
tls = "none"
user = "support"
password = {{ env = "NOBODY_SETS_THIS" }}
{imap}
[mailbox.support.smtp]
host = "127.0.0.1"
port = 1
tls = "none"
[mailbox.support.filing]
{filing}
[queue.accounts]
agents = ["ana@agents.example"]
[queue.badges]
agents = ["ana@agents.example"]
[queue.triage]
agents = ["ana@agents.example"]
{rest}
"#,
            rules = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("rules")
                .display()
        );
        fs::write(self.config(), config).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("mailclerk.toml")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailclerk"));
        command.args(arguments).arg("--config").arg(self.config());
        command.env_remove("JOURNAL_STREAM");
        command
    }

    fn cli(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&mut self) {
        let mut child = self
            .command(&["run"])
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
        self.wait_for("ready");
    }

    fn signal(&self, name: &str) {
        let id = self.daemon.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends the daemon in order.
    fn stop(&mut self) {
        self.signal("-TERM");
        let ended = self.daemon.take().unwrap().wait().unwrap();
        assert!(ended.success(), "{:#?}", self.log.lock().unwrap());
    }

    /// Waits for a line of the log that was not waited for yet.
    fn wait_for(&self, words: &str) {
        let started = Instant::now();
        loop {
            let mut log = self.log.lock().unwrap();
            if let Some(place) = log.iter().position(|line| line.contains(words)) {
                log.drain(..=place);
                return;
            }
            assert!(started.elapsed() < DEADLINE, "no {words:?} in {log:#?}");
            drop(log);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        self.cli(&["status"]).status.success()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_question_makes_no_store_in_an_empty_folder() {
    let desk = Desk::new();
    fs::create_dir(desk.state()).unwrap();
    let asked = desk.cli(&["tickets", "list"]);
    assert_eq!(asked.status.code(), Some(69), "{}", said(&asked));
    assert_eq!(fs::read_dir(desk.state()).unwrap().count(), 0);
}

#[test]
fn a_start_outlasts_a_command_that_is_looking_at_the_store() {
    let mut desk = Desk::new();
    desk.start();
    desk.stop();
    let lock = fs::File::open(desk.state().join("lock")).unwrap();
    lock.lock().unwrap();
    let command = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(5));
        drop(lock);
    });
    desk.start();
    command.join().unwrap();
    desk.stop();
}

/// What root writes into the state folder, the daemon's account cannot open any more.
#[test]
fn a_store_of_another_account_is_not_touched_and_the_owner_is_named() {
    let mut desk = Desk::new();
    desk.start();
    desk.stop();
    if fs::metadata(desk.state()).unwrap().uid() != 0 {
        // Only root can give a folder away.
        return;
    }
    let before = fs::read(desk.state().join("generation")).unwrap();
    std::os::unix::fs::chown(desk.state(), Some(54_321), None).unwrap();
    for arguments in [
        &["tickets", "list"][..],
        &["run"],
        &["store", "accept"],
        &["store", "repair"],
        &["store", "verify"],
    ] {
        let refused = desk.cli(arguments);
        assert_eq!(refused.status.code(), Some(74), "{}", said(&refused));
        assert!(
            said(&refused).contains("sudo -u '#54321'"),
            "{}",
            said(&refused)
        );
    }
    assert_eq!(fs::read(desk.state().join("generation")).unwrap(), before);
}

#[test]
fn check_finds_what_a_start_would_stumble_over() {
    let desk = Desk::new();
    assert!(desk.cli(&["check"]).status.success());
    fs::write(desk.folder.path().join("ca.pem"), "no certificate").unwrap();
    for (imap, filing, word) in [
        ("ca_file = \"ca.pem\"", "", "CA file"),
        ("ca_file = \"not-there.pem\"", "", "not-there.pem"),
        ("", "keyword = \"two words\"", "keyword"),
        ("", "answered = \"INBOX\"", "watched folder"),
    ] {
        desk.configure(imap, filing, "");
        for command in ["check", "run"] {
            let refused = desk.cli(&[command]);
            assert_eq!(
                refused.status.code(),
                Some(78),
                "{command} {word}: {}",
                said(&refused)
            );
            assert!(said(&refused).contains(word), "{}", said(&refused));
        }
    }
    assert!(!desk.state().exists(), "nothing was begun");
}

/// Faults: F22; holds I10.
#[test]
fn a_reload_with_parts_that_cannot_be_built_leaves_the_daemon_as_it_was() {
    let mut desk = Desk::new();
    desk.start();
    for (imap, filing) in [
        ("ca_file = \"not-there.pem\"", ""),
        ("", "answered = \"INBOX\""),
        ("nonsense = 1", ""),
    ] {
        desk.configure(imap, filing, "");
        desk.signal("-HUP");
        desk.wait_for("reload refused");
        assert!(desk.answers(), "{imap}{filing}");
    }
    desk.configure("", "", "");
    desk.signal("-HUP");
    desk.wait_for("ready");
    assert!(desk.answers());
    desk.stop();
}

#[test]
fn a_reload_says_what_it_does_not_change_and_takes_a_new_socket() {
    let mut desk = Desk::new();
    desk.start();
    desk.configure("", "", "[log]\nlevel = \"debug\"");
    let config = fs::read_to_string(desk.config()).unwrap();
    let moved = config
        .replace("state = \"state\"", "state = \"elsewhere\"")
        .replace("control.sock", "other.sock");
    fs::write(desk.config(), moved).unwrap();
    desk.signal("-HUP");
    desk.wait_for("by a restart only");
    desk.wait_for("ready");
    assert!(desk.answers(), "at the new socket");
    assert!(!desk.folder.path().join("control.sock").exists());
    assert!(!desk.folder.path().join("elsewhere").exists());
    desk.stop();
}

/// Faults: F11; holds I9.
#[test]
fn a_store_that_lost_its_records_is_refused_until_the_operator_accepts_it_once() {
    let mut desk = Desk::new();
    desk.start();
    let busy = desk.cli(&["store", "verify"]);
    assert_eq!(busy.status.code(), Some(69), "{}", said(&busy));
    assert!(said(&busy).contains("systemctl stop"), "{}", said(&busy));
    desk.stop();
    let sound = desk.cli(&["store", "verify"]);
    assert!(sound.status.success(), "{}", said(&sound));
    fs::remove_dir_all(desk.state().join("store")).unwrap();
    for arguments in [&["run"][..], &["tickets", "list"], &["store", "verify"]] {
        let refused = desk.cli(arguments);
        let expected = if arguments[0] == "tickets" { 69 } else { 65 };
        assert_eq!(refused.status.code(), Some(expected), "{}", said(&refused));
    }
    let refused = desk.cli(&["run"]);
    assert!(
        said(&refused).contains("mailclerk store accept"),
        "{}",
        said(&refused)
    );
    let unit = fs::read_to_string("systemd/mailclerk.service").unwrap();
    assert!(unit.contains("\nRestartPreventExitStatus=65 78\n"));
    let accepted = desk.cli(&["store", "accept"]);
    assert!(accepted.status.success(), "{}", said(&accepted));
    desk.start();
    desk.stop();
}

#[test]
fn a_backup_is_made_while_the_daemon_runs_and_put_back_when_it_is_stopped() {
    let mut desk = Desk::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path().join("backup");
    let dir = backup.to_str().unwrap();
    desk.start();
    let made = desk.cli(&["store", "backup", dir]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(backup.join("manifest").exists());
    let busy = desk.cli(&["store", "restore", "--aside", dir]);
    assert_eq!(busy.status.code(), Some(69), "{}", said(&busy));
    let refused = desk.cli(&["store", "backup", desk.state().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("lies there"), "{}", said(&refused));
    desk.stop();
    let key = fs::read(desk.state().join("desk.key")).unwrap();
    fs::remove_dir_all(desk.state()).unwrap();
    let restored = desk.cli(&["store", "restore", "--json", dir]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(fs::read(desk.state().join("desk.key")).unwrap(), key);
    let again = desk.cli(&["store", "restore", dir]);
    assert!(said(&again).contains("--aside"), "{}", said(&again));
    desk.start();
    desk.stop();
    let without = desk.cli(&["store", "backup", dir]);
    assert!(without.status.success(), "{}", said(&without));
    let shrunk = desk.cli(&["store", "shrink"]);
    assert!(shrunk.status.success(), "{}", said(&shrunk));
}

#[test]
fn a_key_is_rotated_while_the_daemon_runs_which_goes_on_with_it_whatever_the_config_file_says_by_now()
 {
    let mut desk = Desk::new();
    desk.start();
    let config = fs::read(desk.config()).unwrap();
    let keys = |words: &[&str]| -> usize {
        let told = desk.cli(words);
        assert!(told.status.success(), "{}", said(&told));
        said(&told).lines().count() - 1
    };
    assert_eq!(keys(&["key", "list"]), 1);
    fs::write(
        desk.config(),
        [config.as_slice(), b"\n[nonsense]\n"].concat(),
    )
    .unwrap();
    assert_eq!(keys(&["key", "rotate"]), 2);
    desk.wait_for("the desk's keys have changed");
    assert_eq!(keys(&["key", "list"]), 2);
    assert_eq!(keys(&["key", "rotate"]), 3);
    assert!(desk.answers(), "it goes on");
    fs::write(desk.config(), config).unwrap();
    desk.stop();
    let sound = desk.cli(&["store", "verify"]);
    assert!(sound.status.success(), "{}", said(&sound));
}
