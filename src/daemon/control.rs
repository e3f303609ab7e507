//! The control socket: one question a line, one answer a line, for whoever may open it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::answer::Asked;
use crate::daemon::answer::Question;
use crate::daemon::answer::answer;
use crate::daemon::answer::cancel as stop;
use crate::daemon::relabel::Seekers;
use crate::daemon::told::Voices;
use crate::daemon::unexpected;
use crate::triage::ticket::TicketNumber;

/// A longer question is no question of ours.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;
/// Who asks must come to the point.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens the socket; one left behind by a daemon that is gone is removed.
///
/// # Errors
/// When another daemon answers there, or the folder does not let us.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another mailclerk answers there",
        ));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers until told to stop.
pub(super) async fn serve(
    listener: UnixListener,
    shared: Shared,
    seekers: Seekers,
    voices: Voices,
) -> Result<(), DaemonError> {
    let mut guests = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return Ok(()),
            Some(_) = guests.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(guests.spawn(attend(stream, shared.clone(), seekers.clone(), voices.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not accept; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            },
        }
    }
}

async fn attend(stream: UnixStream, shared: Shared, seekers: Seekers, voices: Voices) {
    if let Err(error) = exchange(stream, shared, seekers, voices).await {
        tracing::debug!(%error, "a guest at the control socket went away");
    }
}

async fn exchange(
    stream: UnixStream,
    shared: Shared,
    seekers: Seekers,
    voices: Voices,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader.take(QUESTION_BYTES_MAX));
    let mut line = String::new();
    timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let asked = serde_json::from_str::<Question>(&line);
    let rekeys = matches!(asked, Ok(Question::Rotate | Question::Forget { .. }));
    let rekeyed = Arc::clone(&shared.rekeyed);
    let said = match asked {
        // Answers that take long, with a patience of their own.
        Ok(Question::Reconcile { mailbox }) => {
            match shared.reconciling.ask(mailbox.as_deref()).await {
                Ok(rows) => Value::Array(rows),
                Err(why) => json!({ "error": why }),
            }
        }
        Ok(Question::Relabel { number, label }) => {
            let done = seekers.relabel(&shared, TicketNumber(number), label).await;
            done.unwrap_or_else(|why| json!({ "error": why }))
        }
        Ok(Question::Time(Asked::Assign { number, to, by })) => {
            let number = TicketNumber(number);
            let done = seekers.assign(&shared, number, &to, &by).await;
            done.unwrap_or_else(|why| json!({ "error": why }))
        }
        Ok(Question::Cancel { id }) => timeout(PATIENCE, cancel(id, &shared, voices)).await??,
        Ok(question) => timeout(PATIENCE, from_the_store(question, &shared)).await??,
        Err(error) => json!({ "error": format!("not a question: {error}") }),
    };
    let mut bytes = serde_json::to_vec(&said)?;
    bytes.push(b'\n');
    let told = async {
        writer.write_all(&bytes).await?;
        writer.shutdown().await
    };
    let told = timeout(PATIENCE, told).await;
    // Not before the answer is out: the loops begin anew, and this one with them.
    if rekeys && said.get("error").is_none() {
        rekeyed.notify_one();
    }
    told?
}

/// Stops an agent's answer, and tells the agent.
async fn cancel(id: u64, shared: &Shared, voices: Voices) -> io::Result<Value> {
    let store = shared.store.clone();
    let (now, date) = (shared.clock.now(), shared.clock.date());
    let work = move || {
        stop(&store, id, now, |mailbox, on, agent| {
            voices.stopped(mailbox, on, agent, id, date)
        })
    };
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|e| io::Error::other(unexpected(&e)))?;
    shared.outbox_news.notify_one();
    Ok(done.unwrap_or_else(|e| json!({ "error": e.to_string() })))
}

async fn from_the_store(question: Question, shared: &Shared) -> io::Result<Value> {
    let store = shared.store.clone();
    let (clock, stuck) = (Arc::clone(&shared.clock), shared.pulses.stuck());
    let resend = matches!(
        question,
        Question::Resend { .. } | Question::Breaker { turn: Some(_) }
    );
    let release = matches!(question, Question::Release { .. });
    let status = matches!(question, Question::Status);
    let mut said =
        tokio::task::spawn_blocking(move || answer(&store, &question, &*clock, Some(&stuck)))
            .await
            .map_err(|e| io::Error::other(unexpected(&e)))?;
    if resend && said.get("error").is_none() {
        shared.resent.notify_one();
    }
    if release {
        shared.reconciling.release();
    }
    if let (true, Value::Object(fields)) = (status, &mut said) {
        fields.insert("reconciled".to_owned(), shared.reconciling.rows().into());
    }
    Ok(said)
}
