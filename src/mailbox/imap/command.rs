//! Checked commands: every one is sent, read to its tagged line, and judged by that line, within deadlines.
//!
//! # Decisions
//! async-imap's own methods take NO, BAD and the end of the connection for success. Here it only reads and parses;
//! tags, sending, deadlines and the judgement are ours. All untagged data pass through [`State::note`], so that news
//! that arrive during another command are not lost. A panic of the parser ends the connection, not the task.

use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_imap::Client;
use futures_util::FutureExt;
use imap_proto::Response;
use imap_proto::Status;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufStream;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use crate::mailbox::imap::guard::Guard;
use crate::mailbox::imap::guard::Meter;
use crate::mailbox::imap::names::said;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::State;
use crate::mailbox::imap::state::Verdict;

/// What the octets go through: TCP, or TLS on it.
pub(super) trait Link: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug> Link for T {}

/// Octets in the answer to a command that fetches no text.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Literals in such an answer.
const ANSWER_LITERAL_BYTES_MAX: u64 = 4096;

/// How much time and how many octets an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) time: Duration,
    pub(super) bytes: u64,
    pub(super) literal_bytes: u64,
}

/// What came, as far as every command is concerned.
#[derive(Debug)]
enum Event {
    Continue,
    /// An untagged OK, as a greeting is.
    Ready,
    TakenIn,
    /// A tagged line: its tag, and what it says unless that is no verdict.
    Done(String, Option<Reply>),
    Other,
}

/// A connection on which commands are given.
#[derive(Debug)]
pub(super) struct Wire {
    client: Client<Guard<BufStream<Box<dyn Link>>>>,
    meter: Arc<Meter>,
    tag: u32,
    limits: ImapLimits,
    pub(super) state: State,
}

impl Wire {
    pub(super) fn new(link: Box<dyn Link>, limits: ImapLimits) -> Self {
        let meter = Arc::new(Meter::new());
        let buffered = BufStream::with_capacity(64 * 1024, 8 * 1024, link);
        Self {
            client: Client::new(Guard::new(buffered, Arc::clone(&meter))),
            meter,
            tag: 0,
            limits,
            state: State::default(),
        }
    }

    /// What a command may take that fetches no text.
    pub(super) fn ordinary(&self) -> Allowance {
        Allowance {
            time: Duration::from_millis(self.limits.command_ms),
            bytes: ANSWER_BYTES_MAX,
            literal_bytes: ANSWER_LITERAL_BYTES_MAX,
        }
    }

    /// Reads the greeting; returns whether the server took us in already (PREAUTH).
    pub(super) async fn greeting(&mut self) -> Result<bool, Broken> {
        let allowance = self.ordinary();
        self.meter.start(allowance.bytes, allowance.literal_bytes);
        let event = timeout(allowance.time, self.read(&mut |_| {}))
            .await
            .map_err(|_| Broken::Gone("the server did not greet in time".to_owned()))??;
        match event {
            Event::Ready => Ok(false),
            Event::TakenIn => Ok(true),
            _ => Err(Broken::Unreadable(
                "what greeted is no IMAP server".to_owned(),
            )),
        }
    }

    /// Gives a command, hands every untagged response to `each`, and returns the tagged line.
    pub(super) async fn run<F>(
        &mut self,
        command: &str,
        allowance: Allowance,
        each: F,
    ) -> Result<Reply, Broken>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        self.converse(command, &[], allowance, each).await
    }

    /// Gives a command of which only the tagged line matters.
    pub(super) async fn simple(&mut self, command: &str) -> Result<Reply, Broken> {
        let allowance = self.ordinary();
        self.run(command, allowance, |_| {}).await
    }

    /// Gives a command that the server continues with challenges; `answers` are sent one by one.
    pub(super) async fn converse<F>(
        &mut self,
        command: &str,
        answers: &[String],
        allowance: Allowance,
        each: F,
    ) -> Result<Reply, Broken>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let verb = verb(command);
        timeout(
            allowance.time,
            self.converse_without_deadline(command, answers, allowance, each),
        )
        .await
        .unwrap_or_else(|_| Err(Broken::Gone(format!("{verb} was not answered in time"))))
    }

    async fn converse_without_deadline<F>(
        &mut self,
        command: &str,
        answers: &[String],
        allowance: Allowance,
        mut each: F,
    ) -> Result<Reply, Broken>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let mut answers = answers.iter();
        self.meter.start(allowance.bytes, allowance.literal_bytes);
        let tag = self.next_tag();
        self.send(&format!("{tag} {command}\r\n")).await?;
        loop {
            match self.read_patiently(verb(command), &mut each).await? {
                Event::Continue => {
                    let answer = answers.next().ok_or_else(|| {
                        Broken::Unreadable(format!("{} was continued unasked", verb(command)))
                    })?;
                    self.send(&format!("{answer}\r\n")).await?;
                }
                Event::Done(theirs, reply) => return ours(&tag, &theirs, reply),
                Event::Ready | Event::TakenIn | Event::Other => {}
            }
        }
    }

    /// Waits in IDLE until there is news or it is `until`; `None` when IDLE ended in order.
    ///
    /// The deadline stands, whatever chatter comes: some servers send "Still here" every two minutes.
    pub(super) async fn idle(&mut self, until: Instant) -> Result<Option<Reply>, Broken> {
        let allowance = self.ordinary();
        self.meter.start(allowance.bytes, allowance.literal_bytes);
        let tag = self.next_tag();
        let started = Instant::now() + allowance.time;
        let late = |_| Broken::Gone("IDLE was not answered in time".to_owned());
        timeout_at(started, self.send(&format!("{tag} IDLE\r\n")))
            .await
            .map_err(late)??;
        loop {
            match timeout_at(started, self.read(&mut |_| {}))
                .await
                .map_err(late)??
            {
                Event::Continue => break,
                Event::Done(theirs, reply) => return ours(&tag, &theirs, reply).map(Some),
                Event::Ready | Event::TakenIn | Event::Other => {}
            }
        }
        // News may have come before the continuation, or during an earlier command.
        while !self.state.news {
            let Ok(event) = timeout_at(until, self.read(&mut |_| {})).await else {
                break;
            };
            if let Event::Done(theirs, reply) = event? {
                return ours(&tag, &theirs, reply).map(Some);
            }
        }
        timeout(self.limits.alive(), self.done(&tag))
            .await
            .unwrap_or_else(|_| Err(Broken::Gone("the end of IDLE was not answered".to_owned())))
    }

    async fn done(&mut self, tag: &str) -> Result<Option<Reply>, Broken> {
        self.send("DONE\r\n").await?;
        loop {
            if let Event::Done(theirs, reply) = self.read_patiently("DONE", &mut |_| {}).await? {
                let reply = ours(tag, &theirs, reply)?;
                return Ok((reply.verdict != Verdict::Ok).then_some(reply));
            }
        }
    }

    /// Says goodbye; whether it is heard does not matter.
    pub(super) async fn logout(mut self) {
        let tag = self.next_tag();
        let goodbye = async {
            self.send(&format!("{tag} LOGOUT\r\n")).await?;
            // BYE, or the end of the connection, whichever comes first.
            self.read(&mut |_| {}).await.map(|_| ())
        };
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }

    fn next_tag(&mut self) -> String {
        self.tag = self.tag.wrapping_add(1);
        format!("m{}", self.tag)
    }

    async fn send(&mut self, line: &str) -> Result<(), Broken> {
        let stream = self.client.get_mut();
        let sent = async {
            stream.write_all(line.as_bytes()).await?;
            stream.flush().await
        };
        sent.await
            .map_err(|error| Broken::Gone(format!("sending failed: {}", error.kind())))
    }

    /// Reads a response; silence longer than the limit is the end, but a slow literal is no silence.
    async fn read_patiently<F>(&mut self, verb: &str, each: &mut F) -> Result<Event, Broken>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let silence = Duration::from_millis(self.limits.read_ms);
        loop {
            let before = self.meter.received();
            // Reading can be dropped and taken up again: all state is in the connection.
            if let Ok(event) = timeout(silence, self.read(each)).await {
                return event;
            }
            if self.meter.received() == before {
                return Err(Broken::Gone(format!("the server fell silent in {verb}")));
            }
        }
    }

    async fn read<F>(&mut self, each: &mut F) -> Result<Event, Broken>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let response = match AssertUnwindSafe(self.client.read_response())
            .catch_unwind()
            .await
        {
            Ok(Ok(Some(response))) => response,
            Ok(Ok(None)) => {
                return Err(Broken::Gone("the server closed the connection".to_owned()));
            }
            Ok(Err(error)) => return Err(self.broken(&error)),
            Err(_) => {
                return Err(Broken::Unreadable(
                    "the parser panicked on an answer".to_owned(),
                ));
            }
        };
        let response = response.parsed();
        self.state.note(response)?;
        Ok(match response {
            Response::Continue(_) => Event::Continue,
            Response::Data {
                status: Status::Ok, ..
            } => Event::Ready,
            Response::Data {
                status: Status::PreAuth,
                ..
            } => Event::TakenIn,
            Response::Done {
                tag,
                status,
                outcome,
            } => Event::Done(
                tag.0.clone(),
                verdict(status).map(|v| Reply::new(v, outcome)),
            ),
            other => {
                each(other);
                Event::Other
            }
        })
    }

    fn broken(&self, error: &io::Error) -> Broken {
        if self.meter.oversize() {
            return Broken::Oversize(said(&error.to_string()));
        }
        match error.kind() {
            // A parse error's text holds the whole buffer, which may be mail: never repeat it.
            io::ErrorKind::Other => {
                Broken::Unreadable("the server sent what cannot be read as IMAP".to_owned())
            }
            io::ErrorKind::InvalidData => Broken::Unreadable(said(&error.to_string())),
            kind => Broken::Gone(kind.to_string()),
        }
    }
}

/// The command without its arguments, for messages: arguments may be secrets.
fn verb(command: &str) -> &str {
    command
        .split(' ')
        .find(|word| *word != "UID")
        .unwrap_or_default()
}

fn verdict(status: &Status) -> Option<Verdict> {
    match status {
        Status::Ok => Some(Verdict::Ok),
        Status::No => Some(Verdict::No),
        Status::Bad => Some(Verdict::Bad),
        Status::PreAuth | Status::Bye => None,
    }
}

fn ours(tag: &str, theirs: &str, reply: Option<Reply>) -> Result<Reply, Broken> {
    if tag != theirs {
        return Err(Broken::Unreadable(
            "the server answered a command that was not given".into(),
        ));
    }
    reply.ok_or_else(|| Broken::Unreadable("a tagged line is neither OK nor NO nor BAD".into()))
}
