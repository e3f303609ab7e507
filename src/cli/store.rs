//! `store`: looking at the store, backups, and what an operator decides when it is not what it was.

use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use crate::cli::ConfigArgs;
use crate::cli::ask;
use crate::cli::exit::Failure;
use crate::cli::safe;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config;
use crate::daemon::answer::Question;
use crate::store::OpenError;
use crate::store::Renewed;
use crate::store::RestoreError;
use crate::store::Store;
use crate::store::StoreOptions;

/// How often the daemon is asked whether its backup is done.
const BACKUP_STEP: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Looks at every record and file of the store, and changes nothing. The daemon must be stopped.
    Verify(Plain),
    /// Makes a damaged store whole again, with what can be read; keeps the files as they were. The daemon must be stopped.
    Repair {
        #[command(flatten)]
        plain: Plain,
        /// When nothing at all can be read: begin with an empty store.
        #[arg(long)]
        empty: bool,
    },
    /// Says to a store that holds less than it did that it is to go on as it is. The daemon must be stopped.
    Accept(Plain),
    /// Writes a backup, also while the daemon runs. The folder is made, is empty, or holds an earlier backup.
    Backup {
        #[command(flatten)]
        plain: Plain,
        /// The folder. The daemon writes it: it must be one that the daemon may write to.
        dir: PathBuf,
    },
    /// Puts a backup back. The daemon must be stopped.
    Restore {
        #[command(flatten)]
        plain: Plain,
        /// Move the store that is there aside, into a folder `replaced-TIME` beside it.
        #[arg(long)]
        aside: bool,
        /// The folder with the backup.
        dir: PathBuf,
    },
    /// Writes the store anew, so that it takes no more room than it needs. The daemon must be stopped.
    Shrink(Plain),
}

#[derive(Debug, Args)]
pub(super) struct Plain {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::Verify(plain) => verify(plain),
        StoreCommand::Repair { plain, empty } => repair(plain, *empty),
        StoreCommand::Accept(plain) => accept(plain),
        StoreCommand::Backup { plain, dir } => backup(plain, dir),
        StoreCommand::Restore { plain, aside, dir } => restore(plain, dir, *aside),
        StoreCommand::Shrink(plain) => shrink(plain),
    }
}

/// The state folder, for a command that changes it or reads all of it.
fn state(plain: &Plain) -> Result<PathBuf, Failure> {
    let state = config::places(&plain.config.config)?.state;
    ask::as_owner(&state)?;
    Ok(state)
}

/// As [`state`], where there must be something in it.
fn lived_in(plain: &Plain) -> Result<PathBuf, Failure> {
    let state = state(plain)?;
    let parts = ["store", "generation", "desk.key"];
    if parts.iter().any(|part| state.join(part).exists()) {
        return Ok(state);
    }
    Err(Failure::Unavailable(anyhow::anyhow!(
        "{} holds no store; name its config with --config",
        state.display()
    )))
}

fn refused(e: OpenError) -> Failure {
    match e {
        OpenError::InUse => Failure::Unavailable(anyhow::anyhow!(
            "a daemon has the store; stop it first: systemctl stop mailclerk"
        )),
        other => other.into(),
    }
}

fn told(json: bool, value: &impl Serialize, text: &[String]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
        return Ok(());
    }
    for line in text {
        writeln!(out, "{}", safe(line))?;
    }
    Ok(())
}

fn verify(plain: &Plain) -> Result<(), Failure> {
    let state = lived_in(plain)?;
    let verified = Store::verify(&state, &StoreOptions::default()).map_err(refused)?;
    let width = |w: usize, f: &crate::store::Found| w.max(f.what.chars().count());
    let width = verified.found.iter().fold(0, width);
    let lines: Vec<String> = verified
        .found
        .iter()
        .map(|f| {
            let verdict = if f.sound { "  " } else { "! " };
            format!("{verdict}{:<width$}  {}", f.what, f.found)
        })
        .collect();
    told(plain.json, &verified, &lines)?;
    if verified.sound() {
        return Ok(());
    }
    Err(Failure::Decision(anyhow::anyhow!(
        "the store is not sound (lines with `!`); nothing was changed; restore the newest backup (`mailclerk store restore \
         DIR`), or, when there is none: `mailclerk store repair` if records are damaged or missing, `mailclerk store \
         accept` if it is only older than it was"
    )))
}

/// What every store that goes on in doubt has in common.
fn renewed(renewed: &Renewed) -> Vec<String> {
    let mut lines = vec![
        format!(
            "the store goes on with {} mails on record and {} tickets; the next ticket is #{}",
            renewed.mails, renewed.tickets, renewed.next_ticket
        ),
        format!(
            "parked, because they may have left already: {}; going (again): {}",
            renewed.parked, renewed.again
        ),
    ];
    if let Some(aside) = &renewed.aside {
        lines.push(format!(
            "the files as they were are in {aside}, in the state folder"
        ));
    }
    lines.push(
        "start the daemon as always; then look at `mailclerk outbox list`, and send or drop what is parked"
            .to_owned(),
    );
    lines
}

fn repair(plain: &Plain, empty: bool) -> Result<(), Failure> {
    let state = lived_in(plain)?;
    let options = &StoreOptions::default();
    let done = Store::repair(&state, empty, options, SystemClock.now()).map_err(refused)?;
    let mut lines = vec![format!("repaired: {} records saved", done.saved)];
    if done.lost.is_empty() {
        lines.push("lost: nothing that anything still tells of".to_owned());
    }
    lines.extend(done.lost.iter().map(|lost| format!("lost: {lost}")));
    lines.extend(renewed(&done.renewed));
    told(plain.json, &done, &lines)
}

fn accept(plain: &Plain) -> Result<(), Failure> {
    let state = lived_in(plain)?;
    let options = &StoreOptions::default();
    let done = Store::accept(&state, options, SystemClock.now()).map_err(refused)?;
    let mut lines = vec!["accepted".to_owned()];
    lines.extend(renewed(&done));
    told(plain.json, &done, &lines)
}

fn restore(plain: &Plain, dir: &Path, aside: bool) -> Result<(), Failure> {
    let state = state(plain)?;
    let options = &StoreOptions::default();
    let done = Store::restore(&state, dir, aside, options, SystemClock.now());
    let done = done.map_err(|e| match e {
        RestoreError::Open(e) => refused(e),
        other => Failure::Other(other.into()),
    })?;
    let taken = jiff::Timestamp::from_second(done.taken.0)
        .map_or_else(|_| done.taken.0.to_string(), |t| t.to_string());
    let mut lines = vec![format!("restored the backup of {taken}")];
    lines.extend(renewed(&done.renewed));
    told(plain.json, &done, &lines)
}

fn shrink(plain: &Plain) -> Result<(), Failure> {
    let state = lived_in(plain)?;
    let done = Store::shrink(&state, &StoreOptions::default()).map_err(refused)?;
    let line = format!(
        "shrunk from {} to {} octets; {} records",
        done.before, done.after, done.records
    );
    told(plain.json, &done, &[line])
}

fn backup(plain: &Plain, dir: &Path) -> Result<(), Failure> {
    let dir = std::path::absolute(dir).context("the backup's folder")?;
    let places = config::places(&plain.config.config)?;
    let said = match UnixStream::connect(&places.socket) {
        Ok(stream) => through_daemon(&stream, &places.socket, dir)?,
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            return Err(Failure::Unavailable(anyhow::anyhow!(
                "the control socket {} is not open to this user",
                places.socket.display()
            )));
        }
        Err(_) => {
            let state = lived_in(plain)?;
            let store = Store::open(&state, StoreOptions::default()).map_err(refused)?;
            let done = store.backup(&dir, SystemClock.now());
            serde_json::to_value(done.map_err(anyhow::Error::from)?)?
        }
    };
    let number = |name: &str| said.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut lines = vec![format!(
        "backed up commit {}: {} records in {} octets, {} files of the spool ({} new)",
        number("generation"),
        number("records"),
        number("octets"),
        number("spool_files"),
        number("spool_copied"),
    )];
    if number("spool_missing") > 0 {
        lines.push(format!(
            "{} files of the spool could not be read: `mailclerk store verify` names their mails",
            number("spool_missing")
        ));
    }
    told(plain.json, &said, &lines)
}

/// Has the daemon make a backup, and waits for its end.
fn through_daemon(stream: &UnixStream, socket: &Path, dir: PathBuf) -> Result<Value, Failure> {
    let lost = |e: anyhow::Error| {
        Failure::Unavailable(e.context(format!("asking the daemon at {}", socket.display())))
    };
    let mut said = ask::through(stream, &Question::Backup { dir }, ask::PATIENCE).map_err(lost)?;
    loop {
        if let Some(error) = said.get("error").and_then(Value::as_str) {
            return Err(anyhow::anyhow!("{error}").into());
        }
        match said.get("backup").and_then(Value::as_str) {
            Some("done") => return Ok(said),
            Some("running") => {}
            _ => {
                let why = said.get("why").and_then(Value::as_str);
                let why = why.unwrap_or("the daemon was started anew meanwhile");
                let advice = "a daemon under systemd may write to its state folder and to what `ReadWritePaths=` names";
                return Err(anyhow::anyhow!("no backup: {why} ({advice})").into());
            }
        }
        sleep(BACKUP_STEP);
        let stream = UnixStream::connect(socket).map_err(|e| lost(e.into()))?;
        said = ask::through(&stream, &Question::Backed, ask::PATIENCE).map_err(lost)?;
    }
}
