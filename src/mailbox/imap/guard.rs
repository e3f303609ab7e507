//! What a server may send before the parser sees it: a stream wrapper that counts, and refuses.
//!
//! # Decisions
//! The parser behind this recurses on nested parentheses (some thousands of them overflow the stack, which aborts the
//! whole process) and reads an announced literal of any size. So both are bounded here. Guard and parser must agree on
//! what is literal and what is not, or a server could hide text from the guard in something that the parser does not
//! skip. Therefore a literal is accepted only where this parser surely takes one: in a numbered response (`* n FETCH`),
//! one parenthesis deep, after a space. Everything else that looks like one ends the connection, or is plain text.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// The longest line, in octets; a COPYUID of some hundred scattered UIDs takes about 6,000.
const LINE_BYTES_MAX: u32 = 64 * 1024;
/// Opening parentheses in one response outside literals; what we ask for has three.
const PARENTHESES_MAX: u32 = 32;

/// The counter and the caps that a connection and its guard share.
#[derive(Debug)]
pub(super) struct Meter {
    received: AtomicU64,
    command_bytes_max: AtomicU64,
    literal_bytes_max: AtomicU64,
    oversize: AtomicBool,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            received: AtomicU64::new(0),
            command_bytes_max: AtomicU64::new(u64::from(LINE_BYTES_MAX)),
            literal_bytes_max: AtomicU64::new(0),
            oversize: AtomicBool::new(false),
        }
    }

    /// Starts counting anew for a command that may be answered by so many octets, literals by so many.
    pub(super) fn start(&self, command_bytes_max: u64, literal_bytes_max: u64) {
        self.received.store(0, Ordering::Relaxed);
        self.command_bytes_max
            .store(command_bytes_max, Ordering::Relaxed);
        self.literal_bytes_max
            .store(literal_bytes_max, Ordering::Relaxed);
    }

    /// Octets received since the command started.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Returns whether the connection was ended because more came than allowed.
    pub(super) fn oversize(&self) -> bool {
        self.oversize.load(Ordering::Relaxed)
    }
}

/// A stream whose reads are checked.
#[derive(Debug)]
pub(super) struct Guard<S> {
    inner: S,
    meter: Arc<Meter>,
    scan: Scan,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, meter: Arc<Meter>) -> Self {
        Self {
            inner,
            meter,
            scan: Scan::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.inner).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
        let new = buffer.filled().get(before..).unwrap_or_default();
        let count = u64::try_from(new.len()).unwrap_or(u64::MAX);
        let total = this
            .meter
            .received
            .fetch_add(count, Ordering::Relaxed)
            .saturating_add(count);
        let checked = if total > this.meter.command_bytes_max.load(Ordering::Relaxed) {
            Err(Breach::Flood)
        } else {
            this.scan
                .feed(new, this.meter.literal_bytes_max.load(Ordering::Relaxed))
        };
        Poll::Ready(checked.map_err(|breach| {
            if matches!(breach, Breach::Flood | Breach::Literal) {
                this.meter.oversize.store(true, Ordering::Relaxed);
            }
            io::Error::new(io::ErrorKind::InvalidData, breach)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

/// Why the connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Breach {
    #[error("the server sent more octets than this command may be answered by")]
    Flood,
    #[error("the server announced a literal that is larger than the limit")]
    Literal,
    #[error("the server announced a literal where none belongs")]
    MisplacedLiteral,
    #[error("the server sent a line that is longer than 64 KiB")]
    Line,
    #[error("the server sent more nested parentheses than any answer needs")]
    Parentheses,
    #[error("the server sent a bare CR or LF within a response")]
    BareLineEnd,
}

/// How far the head of a response has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Head {
    #[default]
    Start,
    Star,
    Space,
    /// `* n ...`: FETCH, EXISTS, EXPUNGE. Only these have literals.
    Numbered,
    /// Anything else is lines.
    Text,
}

/// How far something that looks like a literal's announcement has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Announced {
    #[default]
    Nothing,
    Open {
        size: Option<u64>,
        proper: bool,
    },
    Closed {
        size: u64,
        proper: bool,
    },
}

/// The state between two octets.
#[derive(Debug, Default)]
struct Scan {
    head: Head,
    line_bytes: u32,
    parentheses: u32,
    closed: u32,
    previous: u8,
    announced: Announced,
    literal_left: u64,
}

impl Scan {
    fn feed(&mut self, mut bytes: &[u8], literal_bytes_max: u64) -> Result<(), Breach> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.literal_left > 0 {
                let here = usize::try_from(self.literal_left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                bytes = bytes.get(here..).unwrap_or_default();
                self.literal_left -= u64::try_from(here).unwrap_or(0);
                continue;
            }
            self.octet(byte, literal_bytes_max)?;
            bytes = rest;
        }
        Ok(())
    }

    fn octet(&mut self, byte: u8, literal_bytes_max: u64) -> Result<(), Breach> {
        self.line_bytes += 1;
        if self.line_bytes > LINE_BYTES_MAX {
            return Err(Breach::Line);
        }
        self.head = match (self.head, byte) {
            (Head::Start, b'*') => Head::Star,
            (Head::Star, b' ') => Head::Space,
            (Head::Space, b'0'..=b'9') | (Head::Numbered, _) => Head::Numbered,
            _ => Head::Text,
        };
        let numbered = self.head == Head::Numbered;
        if numbered && ((self.previous == b'\r') != (byte == b'\n')) {
            return Err(Breach::BareLineEnd);
        }
        match byte {
            b'(' => {
                self.parentheses += 1;
                if self.parentheses > PARENTHESES_MAX {
                    return Err(Breach::Parentheses);
                }
            }
            b')' => self.closed = self.closed.saturating_add(1),
            b'\n' => return self.line_end(numbered, literal_bytes_max),
            _ => {}
        }
        self.announced = self.announce(byte);
        self.previous = byte;
        Ok(())
    }

    fn announce(&self, byte: u8) -> Announced {
        match (self.announced, byte) {
            (_, b'{') => Announced::Open {
                size: None,
                proper: self.previous == b' ' && self.parentheses == self.closed.saturating_add(1),
            },
            (Announced::Open { size, proper }, b'0'..=b'9') => Announced::Open {
                size: Some(
                    size.unwrap_or(0)
                        .saturating_mul(10)
                        .saturating_add(u64::from(byte - b'0')),
                ),
                proper,
            },
            (
                Announced::Open {
                    size: Some(size),
                    proper,
                },
                b'}',
            ) => Announced::Closed { size, proper },
            (closed @ Announced::Closed { .. }, b'\r') if self.previous == b'}' => closed,
            _ => Announced::Nothing,
        }
    }

    fn line_end(&mut self, numbered: bool, literal_bytes_max: u64) -> Result<(), Breach> {
        if numbered && let Announced::Closed { size, proper } = self.announced {
            if !proper {
                return Err(Breach::MisplacedLiteral);
            }
            if size > literal_bytes_max {
                return Err(Breach::Literal);
            }
            self.literal_left = size;
            self.line_bytes = 0;
            self.previous = 0;
            self.announced = Announced::Nothing;
            return Ok(());
        }
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn fed(bytes: &[u8]) -> Result<(), Breach> {
        let whole = Scan::default().feed(bytes, 1000);
        let mut scan = Scan::default();
        let single = bytes.iter().try_for_each(|&byte| scan.feed(&[byte], 1000));
        assert_eq!(
            whole, single,
            "it must not matter how the octets are cut into reads"
        );
        whole
    }

    #[test]
    fn ordinary_answers_pass() {
        fed(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready (really) {5}\r\n* 3 EXISTS\r\n").unwrap();
        fed(b"* 1 FETCH (UID 7 FLAGS (\\Seen $X) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\na OK x\r\n").unwrap();
        let mut mail = b"* 1 FETCH (UID 7 BODY[] {100}\r\n".to_vec();
        mail.extend([b'('; 100]);
        mail.extend(b" FLAGS ())\r\n");
        fed(&mail).unwrap();
    }

    #[test]
    fn parentheses_inside_a_text_line_after_a_false_literal_are_still_counted() {
        let mut lines = b"* OK hello {500}\r\n* 1 FETCH ".to_vec();
        lines.extend([b'('; 400]);
        assert_eq!(fed(&lines), Err(Breach::Parentheses));
    }

    #[test]
    fn a_literal_where_the_parser_would_not_take_one_is_refused() {
        assert_eq!(
            fed(b"* 1 FETCH (X ({500}\r\n"),
            Err(Breach::MisplacedLiteral)
        );
        assert_eq!(
            fed(b"* 1 FETCH (X a{500}\r\n"),
            Err(Breach::MisplacedLiteral)
        );
        assert_eq!(fed(b"* 1 FETCH {500}\r\n"), Err(Breach::MisplacedLiteral));
    }

    #[test]
    fn sizes_that_are_too_large_overflowing_or_negative_are_no_way_through() {
        assert_eq!(fed(b"* 1 FETCH (BODY[] {1001}\r\n"), Err(Breach::Literal));
        assert_eq!(
            fed(b"* 1 FETCH (BODY[] {4294967296}\r\n"),
            Err(Breach::Literal)
        );
        assert_eq!(
            fed(b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n"),
            Err(Breach::Literal)
        );
        let mut negative = b"* 1 FETCH (BODY[] {-500}\r\n* 1 FETCH ".to_vec();
        negative.extend([b'('; 400]);
        assert_eq!(fed(&negative), Err(Breach::Parentheses));
    }

    #[test]
    fn an_endless_line_and_bare_line_ends_are_refused() {
        assert_eq!(fed(&vec![b'x'; 70_000]), Err(Breach::Line));
        assert_eq!(fed(b"* 1 FETCH (X {5}\n"), Err(Breach::BareLineEnd));
        assert_eq!(fed(b"* 1 FETCH (X\rY"), Err(Breach::BareLineEnd));
    }

    proptest::proptest! {
        /// Whatever passes the guard may be parsed on a test thread's stack without overflow.
        #[test]
        fn what_passes_the_guard_does_not_overflow_the_parser(
            pieces in proptest::collection::vec(0_usize..14, 0..200),
        ) {
            const WORDS: [&str; 14] = [
                "* 1 FETCH (", "BODYSTRUCTURE ", "((((((((((", "{10}\r\n", "\"", " ", "X ", ")", "\r\n", "* OK ",
                "ENVELOPE ", "{3}\r\nabc", "1 (", "NIL ",
            ];
            let text: String = pieces.iter().filter_map(|&piece| WORDS.get(piece).copied()).collect();
            if fed(text.as_bytes()).is_ok() {
                let _ = std::panic::catch_unwind(|| {
                    let _ = imap_proto::Response::parse(text.as_bytes());
                });
            }
        }
    }
}
