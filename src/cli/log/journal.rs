//! Events in the journal's own protocol (systemd, "Native Journal Protocol"): one datagram an event, one field a line.

use std::fmt::Debug;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use tracing::Event;
use tracing::Level;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::cli::log::queue::Queue;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Octets of a field's value; far below what a datagram holds.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Connects to the journal.
///
/// # Errors
/// When there is none.
pub(super) fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(SOCKET)?;
    Ok(socket)
}

/// Tells that lines were lost.
pub(super) fn lost(lines: u64) -> Vec<u8> {
    let mut datagram = head(Level::WARN);
    put(
        &mut datagram,
        "MESSAGE",
        "log lines were lost, as nobody took them",
    );
    put(&mut datagram, "F_LINES", &lines.to_string());
    datagram
}

/// Turns events into datagrams.
pub(super) struct Journal(Arc<Queue>);

impl Journal {
    /// Makes one that queues them.
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let mut datagram = Datagram(head(*about.level()));
        put(&mut datagram.0, "TARGET", about.target());
        if let (Some(file), Some(line)) = (about.file(), about.line()) {
            put(&mut datagram.0, "CODE_FILE", file);
            put(&mut datagram.0, "CODE_LINE", &line.to_string());
        }
        event.record(&mut datagram);
        self.0.push(datagram.0);
    }
}

struct Datagram(Vec<u8>);

impl Visit for Datagram {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = name(field.name()) {
            put(&mut self.0, &name, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Returns what a field is called there; none for those that only carry a library's own bookkeeping.
fn name(field: &str) -> Option<String> {
    if field == "message" {
        return Some("MESSAGE".to_owned());
    }
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    (!field.starts_with("log."))
        .then(|| format!("F_{}", field.chars().map(plain).collect::<String>()))
}

fn head(level: Level) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(512);
    // The numbers of syslog: error, warning, notice, informational, debug.
    let priority = match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "5",
        Level::DEBUG => "6",
        Level::TRACE => "7",
    };
    put(&mut datagram, "PRIORITY", priority);
    put(&mut datagram, "SYSLOG_IDENTIFIER", "mailclerk");
    datagram
}

/// Adds a field. The form with a length is for any value, one with line feeds too: none can begin another field.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    let value = value.as_bytes();
    let value = value.get(..VALUE_BYTES_MAX).unwrap_or(value);
    datagram.extend_from_slice(name.as_bytes());
    datagram.push(b'\n');
    datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    datagram.extend_from_slice(value);
    datagram.push(b'\n');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::mpsc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Reads a datagram back.
    fn fields(mut datagram: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !datagram.is_empty() {
            let end = datagram.iter().position(|b| *b == b'\n').unwrap();
            let (name, rest) = datagram.split_at(end);
            let (length, rest) = rest.split_at(9);
            let length = u64::from_le_bytes(length.get(1..).unwrap().try_into().unwrap());
            let (value, rest) = rest.split_at(usize::try_from(length).unwrap());
            assert_eq!(rest.first(), Some(&b'\n'));
            datagram = rest.get(1..).unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.push((text(name), text(value)));
        }
        fields
    }

    #[test]
    fn an_event_is_one_datagram_and_no_value_makes_a_field() {
        let queue = Arc::new(Queue::default());
        let subscriber = tracing_subscriber::registry().with(Journal::new(Arc::clone(&queue)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(uid = 7, why = "one\nPRIORITY=0", "said {}", "so");
        });
        let (sent, seen) = mpsc::channel();
        queue
            .serve(lost, move |line| {
                sent.send(line.to_vec()).map_err(io::Error::other)
            })
            .unwrap();
        let fields = fields(&seen.recv().unwrap());
        let is = |name: &str, value: &str| fields.contains(&(name.to_owned(), value.to_owned()));
        assert!(
            is("PRIORITY", "4") && is("MESSAGE", "said so") && is("F_UID", "7"),
            "{fields:?}"
        );
        assert!(is("F_WHY", "one\nPRIORITY=0") && is("SYSLOG_IDENTIFIER", "mailclerk"));
        assert_eq!(
            fields.iter().filter(|(name, _)| name == "PRIORITY").count(),
            1
        );
    }
}
