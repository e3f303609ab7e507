//! Where the log goes.
//!
//! # Decisions
//! - Who logs never waits: lines are queued and written by a thread of their own. A log that nobody takes (a full pipe, a
//!   journal that hangs) costs lines, which are counted, and no mail.

mod journal;
mod queue;

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::log::journal::Journal;
use crate::cli::log::queue::Queue;
use crate::config::file::LogFile;
use crate::config::file::LogLevel;
use crate::config::file::LogTarget;

/// At the end the last lines have so long to be taken.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Keeps the process until its last lines are written, when dropped; not for ever.
#[must_use]
pub(super) struct Log(Arc<Queue>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.drain(LAST_WORDS);
    }
}

/// Starts the log. Libraries are held at `warn`: some of them would write passwords and mail text at lower levels.
pub(super) fn start(log: &LogFile) -> anyhow::Result<Log> {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let filter = EnvFilter::try_new(format!(
        "warn,mailclerk={level},async_imap=error,imap_proto=error,lettre=warn"
    ))?;
    let registry = tracing_subscriber::registry().with(filter);
    let to_journal = match log.to {
        LogTarget::Journal => true,
        // systemd says so when stderr is the journal.
        LogTarget::Auto => std::env::var_os("JOURNAL_STREAM").is_some(),
        LogTarget::Stderr | LogTarget::Json => false,
    };
    let queue = Arc::new(Queue::default());
    if to_journal && let Ok(socket) = journal::connect() {
        registry.with(Journal::new(Arc::clone(&queue))).init();
        queue.serve(journal::lost, move |line| socket.send(line).map(drop))?;
        return Ok(Log(queue));
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer({
            let queue = Arc::clone(&queue);
            move || Line(Arc::clone(&queue))
        })
        .with_target(false);
    let json = log.to == LogTarget::Json;
    if json {
        registry.with(stderr.json()).init();
    } else {
        registry.with(stderr.with_ansi(false)).init();
    }
    let lost = if json { lost_json } else { lost_text };
    queue.serve(lost, |line| io::stderr().lock().write_all(line))?;
    Ok(Log(queue))
}

fn lost_text(lines: u64) -> Vec<u8> {
    format!("WARN log lines were lost, as nobody took them lines={lines}\n").into_bytes()
}

fn lost_json(lines: u64) -> Vec<u8> {
    let message = "log lines were lost, as nobody took them";
    let said =
        serde_json::json!({ "level": "WARN", "fields": { "message": message, "lines": lines } });
    format!("{said}\n").into_bytes()
}

/// One event's line.
struct Line(Arc<Queue>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
