//! Asks the daemon through its socket; without a daemon, the store itself.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::cli::exit::Failure;
use crate::config;
use crate::config::Places;
use crate::daemon::answer::Question;
use crate::daemon::answer::answer;
use crate::store::OpenError;
use crate::store::Store;
use crate::store::StoreOptions;

/// Ten thousand tickets are a few megabytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// For what the daemon itself gives up after ten minutes.
const LONG_PATIENCE: Duration = Duration::from_mins(11);

/// Asks the daemon for what it alone can do and takes its time for; without one that is a failure.
pub(super) fn have_done(config: &Path, question: &Question) -> Result<Value, Failure> {
    told(match reach(config)? {
        (places, Some(stream)) => through_to(&places, &stream, question, LONG_PATIENCE)?,
        (places, None) => {
            return Err(Failure::Unavailable(anyhow::anyhow!(
                "no daemon answers at {}: start it (`mailclerk run`), or name its config with --config",
                places.socket.display()
            )));
        }
    })
}

/// Asks, and turns an answer that is an error into a failure.
pub(super) fn ask(config: &Path, question: &Question) -> Result<Value, Failure> {
    told(match reach(config)? {
        (places, Some(stream)) => through_to(&places, &stream, question, PATIENCE)?,
        (places, None) => directly(&places.state, question)?,
    })
}

fn told(said: Value) -> Result<Value, Failure> {
    match said.get("error").and_then(Value::as_str) {
        Some(error) => Err(anyhow::anyhow!("{error}").into()),
        None => Ok(said),
    }
}

/// Connects to the daemon, if one listens.
fn reach(config: &Path) -> Result<(Places, Option<UnixStream>), Failure> {
    let places = config::places(config)?;
    match UnixStream::connect(&places.socket) {
        Ok(stream) => Ok((places, Some(stream))),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            Err(Failure::Unavailable(anyhow::anyhow!(
                "the control socket {} is not open to this user: become the daemon's user, or a member of its group",
                places.socket.display()
            )))
        }
        Err(_) => Ok((places, None)),
    }
}

fn through_to(
    places: &Places,
    stream: &UnixStream,
    question: &Question,
    patience: Duration,
) -> Result<Value, Failure> {
    through(stream, question, patience)
        .with_context(|| format!("asking the daemon at {}", places.socket.display()))
        .map_err(Failure::Unavailable)
}

pub(super) fn through(
    mut stream: &UnixStream,
    question: &Question,
    patience: Duration,
) -> anyhow::Result<Value> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    serde_json::from_str(&answer).context("the daemon's answer was cut off")
}

fn directly(state: &Path, question: &Question) -> Result<Value, Failure> {
    // Whoever only asks must not make a store: it would be theirs, and the daemon's user could not open it.
    let made = Store::is_in(state).with_context(|| format!("looking into {}", state.display()));
    if !made.map_err(Failure::Store)? {
        return Err(Failure::Unavailable(anyhow::anyhow!(
            "no daemon answers, and {} holds no store yet: start the daemon (`mailclerk run`), or name its config with --config",
            state.display()
        )));
    }
    as_owner(state)?;
    let store = Store::open(state, StoreOptions::default()).map_err(|e| match e {
        OpenError::InUse => Failure::Unavailable(anyhow::anyhow!(
            "a daemon has the store open, but does not answer at its control socket: {e}"
        )),
        other => Failure::from(other),
    })?;
    let clock = store.clock().map_err(|e| Failure::Store(e.into()))?;
    Ok(answer(&store, question, &clock, None))
}

/// Refuses to open a state folder of somebody else: files that root makes there keep the daemon from starting again.
pub(super) fn as_owner(state: &Path) -> Result<(), Failure> {
    let Ok(found) = fs::metadata(state) else {
        return Ok(());
    };
    let Some(us) = our_uid().filter(|us| *us != found.uid()) else {
        return Ok(());
    };
    let owner = user_name(found.uid());
    let state = state.display();
    Err(Failure::Store(anyhow::anyhow!(
        "the state folder {state} belongs to {owner}, and this runs as {}: what it wrote there the daemon could not use; \
         run it as the owner: sudo -u '{owner}' mailclerk ...",
        user_name(us)
    )))
}

/// The effective user, as the kernel says it; none where there is no /proc.
fn our_uid() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().nth(1)?.parse().ok()
}

/// Returns who types: the one who called sudo, else the user this runs as.
pub(super) fn who() -> String {
    let called = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty());
    called
        .or_else(|| our_uid().map(user_name))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// A user's name, or `#UID`, which sudo takes as well.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let wanted = uid.to_string();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == wanted).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("#{uid}"))
}
