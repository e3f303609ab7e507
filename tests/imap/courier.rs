//! A whole daemon on a server that can less: Courier IMAP has neither MOVE nor CONDSTORE, tells no UIDNEXT when a folder is
//! opened, and keeps every folder below INBOX. The real program, the real Courier, and a real Postfix as the way out.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;
use crate::support::servers::within;

const DESK: &str = "desk@courier.example";
/// Where `tests/servers/install.sh` unpacks it.
const UNPACKED: &str = "/var/lib/mailclerk-test/courier";

/// What Courier is told to offer.
const CAPABILITIES: &str = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE";

/// Courier's server on a port of ours, one process a connection.
struct Courier {
    port: u16,
    maildir: PathBuf,
}

impl Courier {
    fn start(folder: &Path) -> Self {
        let root =
            std::env::var_os("MAILCLERK_COURIER").map_or(PathBuf::from(UNPACKED), PathBuf::from);
        let program = root.join("usr/bin/imapd");
        assert!(
            program.exists(),
            "Courier is not here: run tests/servers/install.sh"
        );
        let maildir = folder.join("Maildir");
        for name in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(name)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = maildir.clone();
        let libraries = format!(
            "{0}/usr/lib/x86_64-linux-gnu:{0}/usr/lib/aarch64-linux-gnu:{0}/usr/lib",
            root.display()
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut command, stream) = (Command::new(&program), stream.unwrap());
                command
                    .arg(&at)
                    .env_clear()
                    .env("LD_LIBRARY_PATH", &libraries)
                    .env("AUTHENTICATED", DESK)
                    .env("IMAP_KEYWORDS", "1")
                    .env("IMAP_CAPABILITY", CAPABILITIES);
                std::thread::spawn(move || log_in(stream, command));
            }
        });
        Self { port, maildir }
    }

    /// Delivers as every mail system delivers into a Maildir.
    fn deliver(&self, name: &str, raw: &str) {
        let draft = self.maildir.join("tmp").join(name);
        fs::write(&draft, raw.replace('\n', "\r\n")).unwrap();
        fs::rename(draft, self.maildir.join("new").join(name)).unwrap();
    }

    /// The mails in a folder.
    fn mails(&self, folder: &str) -> Vec<String> {
        let folder = self.maildir.join(folder);
        let files = ["cur", "new"].map(|name| fs::read_dir(folder.join(name)));
        let files = files.into_iter().flatten().flatten().flatten();
        files
            .map(|file| fs::read_to_string(file.path()).unwrap_or_default())
            .collect()
    }
}

/// Takes the login in the place of Courier's own program for it, which wants a database of users, and then hands every
/// octet on to the server and back.
fn log_in(mut stream: TcpStream, mut server: Command) -> Option<()> {
    stream.write_all(b"* OK Courier-IMAP ready\r\n").ok()?;
    let tag = loop {
        // What is sent before an answer is not sent by this client: nothing is read ahead of the login.
        let line = line(&mut stream)?;
        let (tag, command) = line.trim_end().split_once(' ')?;
        if command.starts_with("LOGIN ") {
            break tag.to_owned();
        }
        let answer = format!("* CAPABILITY {CAPABILITIES}\r\n{tag} OK CAPABILITY completed\r\n");
        stream.write_all(answer.as_bytes()).ok()?;
    };
    let mut child = server
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let (mut to, mut from) = (child.stdin.take()?, child.stdout.take()?);
    while !line(&mut from)?.starts_with("* PREAUTH") {}
    stream
        .write_all(format!("{tag} OK LOGIN Ok.\r\n").as_bytes())
        .ok()?;
    let mut client = stream.try_clone().ok()?;
    std::thread::spawn(move || hand_on(&mut client, &mut to));
    hand_on(&mut from, &mut stream);
    let _ = stream.shutdown(Shutdown::Both);
    child.wait().ok()?;
    Some(())
}

/// Hands on octets as they come, to their end. Not `std::io::copy`, which lets the kernel do it, in its own time.
fn hand_on(from: &mut impl Read, to: &mut impl Write) -> Option<()> {
    let mut part = [0; 8192];
    loop {
        let count = from.read(&mut part).ok().filter(|count| *count > 0)?;
        to.write_all(part.get(..count)?).ok()?;
        to.flush().ok()?;
    }
}

/// Reads one line, octet by octet: what comes after it is somebody else's.
fn line(from: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut octet = [0];
        from.read_exact(&mut octet).ok()?;
        line.push(octet[0]);
    }
    String::from_utf8(line).ok()
}

/// The daemon, ended when it goes out of sight.
struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
            .arg("run")
            .arg("--config")
            .arg(folder.join("mailclerk.toml"))
            .env_remove("JOURNAL_STREAM")
            .stderr(
                fs::File::options()
                    .append(true)
                    .create(true)
                    .open(folder.join("log"))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        Self(child)
    }

    fn end(mut self, signal: &str) {
        Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.0.id().to_string())
            .status()
            .unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn configure(folder: &Path, courier: &Courier, servers: &Servers) {
    fs::copy(servers.ca_file(), folder.join("ca.pem")).unwrap();
    fs::write(folder.join("password"), "unused\n").unwrap();
    fs::set_permissions(folder.join("password"), fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        r#"
rules = "{rules}"
state = "state"
[mailbox.support]
address = "{DESK}"
[mailbox.support.filing]
answered = "INBOX/Mailclerk/Answered"
forwarded = "INBOX/Mailclerk/Forwarded"
quiet = "INBOX/Mailclerk/Quiet"
[mailbox.support.imap]
host = "127.0.0.1"
port = {imap}
tls = "none"
user = "{DESK}"
password = {{ file = "{folder}/password" }}
poll = "2s"
[mailbox.support.smtp]
host = "127.0.0.1"
port = {smtp}
tls = "starttls"
ca_file = "ca.pem"
[queue.accounts]
agents = ["ana@courier-agents.example"]
[queue.badges]
agents = ["ana@courier-agents.example"]
[queue.triage]
agents = ["ana@courier-agents.example"]
[control]
socket = "control.sock"
"#,
        rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules"),
        imap = courier.port,
        smtp = servers.ports.smtp,
        folder = folder.display(),
    );
    fs::write(folder.join("mailclerk.toml"), config).unwrap();
}

fn ask(folder: &Path, arguments: &[&str]) -> Option<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_mailclerk"))
        .args(arguments)
        .arg("--config")
        .arg(folder.join("mailclerk.toml"))
        .arg("--json")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).ok()
}

fn wait_for(folder: &Path, what: &str, ready: impl FnMut() -> bool) {
    let came = within(DEADLINE, ready);
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(came, "waited in vain for {what}; the daemon's log:\n{log}");
}

/// Faults: F1 F56; holds I1 I2 I3 I10.
#[test]
fn on_a_server_that_can_less_mails_are_handled_and_filed_and_a_crash_repeats_none() {
    let servers = Servers::shared();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let courier = Courier::start(folder);
    configure(folder, &courier, servers);
    let person = |n: usize| format!("maria{n}@home{n}.courier.example");
    let mut daemon = Daemon::start(folder);
    for n in 0..6 {
        let who = person(n);
        courier.deliver(
            &format!("{}.{n}.test", 1_700_000_000 + n),
            &format!(
                "From: {who}\nTo: {DESK}\nSubject: Two accounts {n}\nMessage-ID: <c{n}@courier.example>\nMIME-Version: 1.0\nContent-Type: text/plain\n\nI have two accounts, please merge them into one.\n"
            ),
        );
        if n % 2 == 1 {
            // As soon as the one before has its state: some of this are made, filed or sent, and some are not.
            wait_for(folder, "a mail's state", || {
                ask(folder, &["status"])
                    .and_then(|s| s["mails"].as_u64())
                    .is_some_and(|mails| mails >= n as u64)
            });
            daemon.end("KILL");
            daemon = Daemon::start(folder);
        }
    }
    let filed = ".Mailclerk.Forwarded";
    wait_for(folder, "all to be filed", || {
        courier.mails(filed).len() >= 6 && courier.mails("").is_empty()
    });
    wait_for(folder, "all to be sent", || {
        ask(folder, &["status"]).is_some_and(|s| s["outbox_waiting"] == 0 && s["mails"] == 6)
    });
    daemon.end("TERM");
    // A whole life more, over a mailbox where nothing is new.
    let daemon = Daemon::start(folder);
    wait_for(folder, "another look", || {
        let log = fs::read_to_string(folder.join("log")).unwrap();
        log.matches(" open ").count() >= 2
            && ask(folder, &["status"]).is_some_and(|s| s["running"] == true)
    });
    std::thread::sleep(Duration::from_secs(3));
    daemon.end("TERM");
    for n in 0..6 {
        let copies = courier.mails(filed);
        let copies = copies.iter().filter(|raw| raw.contains(&format!("<c{n}@")));
        assert!((1..=4).contains(&copies.count()), "mail {n} is filed");
        let replies = servers.mails(&person(n), "INBOX").len();
        assert!(replies <= 1, "{} got {replies} replies", person(n));
    }
    let status = ask(folder, &["status"]).unwrap();
    assert_eq!(
        (&status["mails"], &status["tickets"]),
        (&Value::from(6), &Value::from(6)),
        "{status}"
    );
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        log.contains("has no IDLE"),
        "what it cannot do is told: {log}"
    );
}
