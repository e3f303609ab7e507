//! The stream below lettre: bounded replies, a deadline for each step, and the knowledge of how far a mail got.
//!
//! # Decisions
//! lettre says that something failed, not when. This stream sees every byte, so it knows whether the end of data may
//! have left us: that alone parks or repeats a mail. It also refuses what lettre lets pass: replies nobody asked for
//! (the next mail would be settled by them) and text sent in clear before a TLS handshake (RFC 3207, 6). And it listens
//! while a mail is on its way: a server that refuses in the middle of it is heard, and nothing more is said.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio_rustls::client::TlsStream;

use crate::steps;

use super::reply::Gather;
use super::reply::Reply;
use super::smtp::Deadlines;
use super::verdict::Step;

/// What the bytes travel on.
pub(super) enum Stream {
    /// In clear: before STARTTLS, or on this machine.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}

struct Inner {
    stream: Stream,
    deadlines: Deadlines,
    step: Step,
    alarm: Pin<Box<Sleep>>,
    /// Bytes read from the server and not yet understood.
    inbox: Vec<u8>,
    gather: Gather,
    /// The reply to the present step, once whole.
    reply: Option<Reply>,
    /// What is still to be handed to lettre.
    plain: Vec<u8>,
    /// Bytes of the body, dots stuffed, that must pass before the end of data begins.
    body_left: usize,
    dot_sent: bool,
    /// The first thing that went wrong, in words.
    broken: Option<String>,
}

/// The stream that lettre writes to; clones share it.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Inner>>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// Wraps a stream on which the server greets first. Must be called within a tokio runtime.
    pub(super) fn new(stream: Stream, deadlines: Deadlines) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stream,
            deadlines,
            step: Step::Greeting,
            alarm: Box::pin(tokio::time::sleep(deadlines.of(Step::Greeting))),
            inbox: Vec::new(),
            gather: Gather::default(),
            reply: None,
            plain: Vec::new(),
            body_left: 0,
            dot_sent: false,
            broken: None,
        })))
    }

    /// Wraps a stream after STARTTLS, where no second greeting comes (RFC 3207, 4.2) and lettre waits for one.
    pub(super) fn greeted(stream: Stream, deadlines: Deadlines) -> Self {
        let wire = Self::new(stream, deadlines);
        wire.inner().inbox.extend_from_slice(b"220 -\r\n");
        wire
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves nothing here that a later step would trust: each begins anew.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a step: its clock runs, and the reply to the last one is forgotten.
    pub(super) fn begin(&self, step: Step) {
        self.inner().begin(step);
    }

    /// Begins the sending of a body of `stuffed_bytes`; what follows it is the end of data.
    pub(super) fn begin_body(&self, stuffed_bytes: usize) {
        let mut inner = self.inner();
        inner.begin(Step::Body);
        inner.body_left = stuffed_bytes;
    }

    /// Takes the reply to the present step.
    pub(super) fn take_reply(&self) -> Option<Reply> {
        self.inner().reply.take()
    }

    /// Returns the present step.
    pub(super) fn step(&self) -> Step {
        self.inner().step
    }

    /// Returns whether any byte of the end of data may have left.
    pub(super) fn dot_sent(&self) -> bool {
        self.inner().dot_sent
    }

    /// Returns what broke the connection, in words.
    pub(super) fn broken(&self) -> String {
        let inner = self.inner();
        inner
            .broken
            .clone()
            .unwrap_or_else(|| format!("connection unusable at {}", inner.step.name()))
    }

    /// Returns whether an idle connection is still good: the server neither spoke nor hung up.
    pub(super) fn is_quiet(&self) -> bool {
        let mut inner = self.inner();
        if !inner.inbox.is_empty() || inner.broken.is_some() {
            return false;
        }
        let mut space = [0; 1];
        let mut buf = ReadBuf::new(&mut space);
        let mut cx = Context::from_waker(Waker::noop());
        inner.stream.poll_read(&mut cx, &mut buf).is_pending()
    }

    /// Gives the bare TCP stream back for a TLS handshake; an error when the server said more than it was asked.
    pub(super) fn into_tcp(self) -> Result<TcpStream, &'static str> {
        let inner = Arc::into_inner(self.0).ok_or("the connection is still in use")?;
        let inner = inner.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !inner.inbox.is_empty() {
            return Err("the server sent text in clear after agreeing to TLS");
        }
        match inner.stream {
            Stream::Plain(tcp) => Ok(tcp),
            Stream::Tls(_) => Err("the connection is under TLS already"),
        }
    }
}

impl Inner {
    fn begin(&mut self, step: Step) {
        self.step = step;
        self.reply = None;
        self.dot_sent &= step == Step::Dot;
        self.rearm(self.deadlines.of(step));
    }

    fn rearm(&mut self, allowed: Duration) {
        self.alarm.as_mut().reset(Instant::now() + allowed);
    }

    fn fail(&mut self, kind: io::ErrorKind, what: &str) -> io::Error {
        let what = format!("{what} at {}", self.step.name());
        self.broken.get_or_insert_with(|| what.clone());
        io::Error::new(kind, what)
    }

    /// Turns "not yet" into a time-out once the step's clock has run out, and notes every error.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending if self.alarm.as_mut().poll(cx).is_ready() => {
                let allowed = self.deadlines.of(self.step).as_secs_f32();
                Poll::Ready(Err(self.fail(
                    io::ErrorKind::TimedOut,
                    &format!("no progress in {allowed} s"),
                )))
            }
            Poll::Ready(Err(error)) => {
                let what = format!("connection lost ({error})");
                Poll::Ready(Err(self.fail(error.kind(), &what)))
            }
            other => other,
        }
    }

    /// Feeds what was read to the reply; leaves in the inbox what comes after its end.
    fn understand(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.inbox);
        for (at, byte) in bytes.iter().enumerate() {
            match self.gather.push(*byte) {
                Ok(None) => {}
                Ok(Some(reply)) => {
                    self.plain = reply.plain();
                    self.reply = Some(reply);
                    self.inbox = bytes.get(at + 1..).unwrap_or_default().to_vec();
                    return Ok(());
                }
                Err(why) => return Err(self.fail(io::ErrorKind::InvalidData, &why.to_string())),
            }
        }
        Ok(())
    }

    /// Checks that it is our turn to speak.
    fn may_write(&mut self) -> io::Result<()> {
        if self.step == Step::Greeting {
            if self
                .reply
                .as_ref()
                .is_none_or(|greeting| greeting.code != 220)
            {
                return Err(self.fail(io::ErrorKind::InvalidData, "no 220 from the server"));
            }
            self.begin(Step::Ehlo);
        }
        if !self.inbox.is_empty() {
            return Err(self.fail(io::ErrorKind::InvalidData, "the server spoke out of turn"));
        }
        if self.reply.is_some() {
            // lettre would say QUIT after a refusal, and wait for its answer; the session decides that.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    /// Hears a server that speaks, or hangs up, before a mail has ended: no more of the mail is sent then, and nobody can
    /// have taken it over.
    fn overhear(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut space = [0; 2048];
        loop {
            let mut read = ReadBuf::new(&mut space);
            match self.stream.poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    return Err(self.fail(io::ErrorKind::UnexpectedEof, "the server hung up"));
                }
                Poll::Ready(Ok(())) => self.inbox.extend_from_slice(read.filled()),
                // Writing finds out what is broken, if anything is.
                Poll::Ready(Err(_)) | Poll::Pending => return Ok(()),
            }
            self.understand()?;
            if self.reply.is_some() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    fn note_offer(&mut self, bytes: usize) {
        if self.step == Step::Body && bytes > self.body_left {
            self.dot_sent = true;
            self.begin(Step::Dot);
        }
    }

    fn note_written(&mut self, bytes: usize) {
        if self.step == Step::Body {
            self.body_left = self.body_left.saturating_sub(bytes);
            self.rearm(self.deadlines.of(Step::Body));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        loop {
            if !inner.plain.is_empty() {
                let some = inner.plain.len().min(buf.remaining());
                buf.put_slice(&inner.plain.drain(..some).collect::<Vec<u8>>());
                return Poll::Ready(Ok(()));
            }
            if !inner.inbox.is_empty() && inner.reply.is_none() {
                inner.understand()?;
                continue;
            }
            let mut space = [0; 2048];
            let mut read = ReadBuf::new(&mut space);
            let polled = inner.stream.poll_read(cx, &mut read);
            std::task::ready!(inner.watch(cx, polled))?;
            if read.filled().is_empty() {
                let gone = inner.fail(io::ErrorKind::UnexpectedEof, "the server hung up");
                return Poll::Ready(Err(gone));
            }
            inner.inbox.extend_from_slice(read.filled());
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.inner();
        inner.may_write()?;
        if inner.step == Step::Body {
            inner.overhear(cx)?;
        }
        inner.note_offer(buf.len());
        let polled = inner.stream.poll_write(cx, buf);
        if matches!(polled, Poll::Ready(Err(_))) && matches!(inner.step, Step::Body | Step::Dot) {
            // Its last words may lie here unread, and say more than that it is gone.
            inner.overhear(cx)?;
        }
        let written = std::task::ready!(inner.watch(cx, polled))?;
        inner.note_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        let polled = inner.stream.poll_flush(cx);
        if polled.is_ready() && inner.dot_sent {
            steps::pass(steps::Step::DotSent);
        }
        inner.watch(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        let polled = inner.stream.poll_shutdown(cx);
        inner.watch(cx, polled)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner().stream.tcp().peer_addr()
    }
}
