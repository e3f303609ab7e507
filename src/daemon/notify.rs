//! What systemd is told (sd_notify); nothing when it is not there.
//!
//! A manager that does not listen must not hold up the loops: a word that cannot be left at once is not said, and the
//! few that it must not miss are waited for a little.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use sd_notify::NotifyState;

/// A word that must be heard is tried for so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ready, with a status line.
pub(super) fn ready(status: &str) {
    say(
        &[NotifyState::Ready, NotifyState::Status(status)],
        Some(PATIENCE),
    );
}

/// A status line alone.
pub(super) fn status(status: &str) {
    say(&[NotifyState::Status(status)], None);
}

/// Config and rules are being read again.
pub(super) fn reloading() {
    say(
        &[
            NotifyState::Reloading,
            NotifyState::Status("reading config and rules"),
        ],
        Some(PATIENCE),
    );
}

/// On the way out.
pub(super) fn stopping() {
    say(&[NotifyState::Stopping], Some(PATIENCE));
}

/// All loops made progress.
pub(super) fn alive() {
    say(&[NotifyState::Watchdog], None);
}

/// Returns how often systemd wants to hear from us, if it does.
pub(super) fn watchdog_interval() -> Option<std::time::Duration> {
    sd_notify::watchdog_enabled()
}

fn say(states: &[NotifyState<'_>], patience: Option<Duration>) {
    // Without systemd there is no socket, and nobody to miss the word.
    let _ = leave(states, patience);
}

fn leave(states: &[NotifyState<'_>], patience: Option<Duration>) -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    let words: Vec<String> = states.iter().map(ToString::to_string).collect();
    let socket = UnixDatagram::unbound()?;
    match patience {
        Some(_) => socket.set_write_timeout(patience)?,
        None => socket.set_nonblocking(true)?,
    }
    socket
        .send_to_addr(words.join("\n").as_bytes(), &address)
        .map(drop)
}
