//! Lines on their way to the log: bounded, counted when lost, written by a thread that alone may wait.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// Octets that may wait; more are lost.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
    empty: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    writing: bool,
}

impl Queue {
    /// Queues a line, or counts it as lost. Never waits for who reads the log.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut waiting = self.lock();
        if waiting.bytes.saturating_add(line.len()) > BYTES_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
        } else {
            waiting.bytes += line.len();
            waiting.lines.push_back(line);
            self.news.notify_one();
        }
    }

    /// Starts the thread that writes; `lost` makes the line that tells how many were lost.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn serve(
        self: &Arc<Self>,
        lost: fn(u64) -> Vec<u8>,
        mut write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let queue = Arc::clone(self);
        let serving = std::thread::Builder::new().name("log".to_owned());
        serving.spawn(move || {
            loop {
                let line = queue.next(lost);
                // A log that cannot be written has nobody to be told.
                let _ = write(&line);
                queue.written();
            }
        })?;
        Ok(())
    }

    /// Waits until all is written, for at most so long.
    pub(super) fn drain(&self, patience: Duration) {
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let drained = self.empty.wait_timeout_while(self.lock(), patience, busy);
        drop(drained);
    }

    /// Waits for the next line.
    fn next(&self, lost: fn(u64) -> Vec<u8>) -> Vec<u8> {
        let nothing = |waiting: &mut Waiting| waiting.lines.is_empty() && waiting.lost == 0;
        let mut waiting = self
            .news
            .wait_while(self.lock(), nothing)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        if let Some(line) = waiting.lines.pop_front() {
            waiting.bytes = waiting.bytes.saturating_sub(line.len());
            return line;
        }
        // Told when what was there before is written: in its place in the order.
        lost(std::mem::take(&mut waiting.lost))
    }

    fn written(&self) {
        let mut waiting = self.lock();
        waiting.writing = false;
        if waiting.lines.is_empty() {
            self.empty.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::mpsc;

    use super::*;

    /// Faults: F18; holds I6 I10.
    #[test]
    fn who_logs_never_waits_and_what_is_lost_is_counted() {
        let queue = Arc::new(Queue::default());
        let (open, gate) = mpsc::channel::<()>();
        let (written, seen) = mpsc::channel();
        let tell = |lines: u64| format!("lost {lines}").into_bytes();
        let mut closed = true;
        let wrote = queue.serve(tell, move |line| {
            // Nobody takes the first line until the gate opens.
            if closed {
                gate.recv().unwrap();
                closed = false;
            }
            let _ = written.send(line.to_vec());
            Ok(())
        });
        wrote.unwrap();
        let line = vec![b'x'; 1024];
        let lines = 3 * BYTES_MAX / line.len();
        for _ in 0..lines {
            queue.push(line.clone());
        }
        open.send(()).unwrap();
        queue.drain(Duration::from_mins(1));
        let mut taken = 0;
        let last = loop {
            let said: Vec<u8> = seen.recv().unwrap();
            if said.starts_with(b"lost") {
                break String::from_utf8(said).unwrap();
            }
            taken += 1;
        };
        assert!(taken >= BYTES_MAX / line.len() && taken < lines);
        assert_eq!(last, format!("lost {}", lines - taken));
        queue.push(b"after".to_vec());
        assert_eq!(seen.recv().unwrap(), b"after");
    }

    #[test]
    fn an_end_does_not_wait_for_ever_for_a_log_that_hangs() {
        let queue = Arc::new(Queue::default());
        queue
            .serve(
                |_| Vec::new(),
                |_| loop {
                    std::thread::park();
                },
            )
            .unwrap();
        queue.push(b"x".to_vec());
        queue.drain(Duration::from_millis(10));
    }
}
