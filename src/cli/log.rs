//! Where the log goes.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::file::LogFile;
use crate::config::file::LogLevel;
use crate::config::file::LogTarget;

/// Starts the log. Libraries are held at `warn`: some of them would write passwords and mail text at lower levels.
pub(super) fn start(log: &LogFile) -> anyhow::Result<()> {
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
    if to_journal && let Ok(journal) = tracing_journald::layer() {
        registry.with(journal).init();
        return Ok(());
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    if log.to == LogTarget::Json {
        registry.with(stderr.json()).init();
    } else {
        registry.with(stderr.with_ansi(false)).init();
    }
    Ok(())
}
