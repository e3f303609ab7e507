//! Commands and processes around the servers: run one, as root or as an ordinary user, and clean up after our end.

use std::fs;
use std::io::Read;
use std::io::Seek;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;

/// The script that ends servers and removes their folder.
const STOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/stop.sh");

/// The user that runs Dovecot: an ordinary one, whoever we are.
pub(crate) struct Owner {
    pub(crate) user: String,
    pub(crate) group: String,
}

impl Owner {
    pub(crate) fn find() -> Result<Self> {
        if is_root() {
            return Ok(Self {
                user: "nobody".to_owned(),
                group: "nogroup".to_owned(),
            });
        }
        let name = |flag| -> Result<String> {
            let output = Command::new("id").arg(flag).output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        Ok(Self {
            user: name("-un")?,
            group: name("-gn")?,
        })
    }
}

/// Runs a command to its end; its words are the error when it fails.
pub(crate) fn run(
    program: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<()> {
    let mut command = Command::new(program);
    arguments(command.stdin(Stdio::null()));
    // Files, not pipes: what a command leaves running in the background would hold a pipe open.
    let words = tempfile::tempfile()?;
    let status = command
        .stdout(words.try_clone()?)
        .stderr(words.try_clone()?)
        .status();
    if status
        .with_context(|| format!("{program} does not start"))?
        .success()
    {
        return Ok(());
    }
    let mut text = String::new();
    let mut words = words;
    words.rewind()?;
    words.read_to_string(&mut text)?;
    bail!("{command:?} failed: {}", text.trim())
}

/// Like [`run`], by sudo where we are not root: Postfix's master drops its rights itself and cannot start without them.
pub(crate) fn as_root(
    program: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<()> {
    if is_root() {
        return run(program, arguments);
    }
    run("sudo", |c| arguments(c.args(["-n", program])))
        .context("Postfix needs root: run as root, or `sudo -v` first")
}

pub(crate) fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| {
        let output = Command::new("id").arg("-u").output();
        output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
    })
}

/// Starts the process that cleans up when we are gone: it holds the reading end of a pipe, and we the only writing end.
pub(crate) fn watch(dir: &Path) -> Result<Child> {
    Command::new("setsid")
        .arg(STOP)
        .arg("--when-stdin-ends")
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the process that cleans up")
}

/// Whether a process is there and not a zombie that nobody has waited for.
pub(crate) fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.lines().any(|line| line.starts_with("State:\tZ")))
}

/// Sends a signal to a process, or to a group where `pid` begins with a minus. By the shell: its `kill` is built in, and
/// a small system has no other.
pub(crate) fn signal(name: &str, pid: &str) -> Result<()> {
    run("sh", |c| {
        c.args(["-c", "kill -s \"$0\" -- \"$1\"", name, pid])
    })
}
