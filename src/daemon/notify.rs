//! What systemd is told (sd_notify); nothing when it is not there.

use sd_notify::NotifyState;

/// Ready, with a status line.
pub(super) fn ready(status: &str) {
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A status line alone.
pub(super) fn status(status: &str) {
    say(&[NotifyState::Status(status)]);
}

/// Config and rules are being read again.
pub(super) fn reloading() {
    say(&[
        NotifyState::Reloading,
        NotifyState::Status("reading config and rules"),
    ]);
}

/// On the way out.
pub(super) fn stopping() {
    say(&[NotifyState::Stopping]);
}

/// All loops made progress.
pub(super) fn alive() {
    say(&[NotifyState::Watchdog]);
}

/// Returns how often systemd wants to hear from us, if it does.
pub(super) fn watchdog_interval() -> Option<std::time::Duration> {
    sd_notify::watchdog_enabled()
}

fn say(states: &[NotifyState<'_>]) {
    // Without systemd there is no socket, and nobody to miss the word.
    let _ = sd_notify::notify(states);
}
