//! An SMTP server that takes everything, keeps nothing but when what came, and costs little.

use std::collections::HashMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

#[derive(Default)]
struct Got {
    mails: usize,
    octets: u64,
    last: Option<Instant>,
    /// When the last mail to an address came.
    times: HashMap<String, Instant>,
}

/// A running sink.
pub(crate) struct Sink {
    pub(crate) port: u16,
    got: Arc<(Mutex<Got>, Condvar)>,
}

impl Sink {
    /// Starts one on a free port; it ends with the process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new((Mutex::new(Got::default()), Condvar::new()));
        let shared = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let got = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &got));
            }
        });
        Self { port, got }
    }

    /// Forgets what came so far.
    pub(crate) fn clear(&self) {
        *self.got.0.lock().unwrap() = Got::default();
    }

    /// How many mails came, and how many octets.
    pub(crate) fn count(&self) -> (usize, u64) {
        let got = self.got.0.lock().unwrap();
        (got.mails, got.octets)
    }

    /// Waits until that many mails have come; returns when the last one did.
    pub(crate) fn wait(&self, mails: usize, limit: Duration) -> Result<Instant, usize> {
        let (got, news) = &*self.got;
        let got = got.lock().unwrap();
        let (got, _) = news
            .wait_timeout_while(got, limit, |got| got.mails < mails)
            .unwrap();
        if got.mails < mails {
            return Err(got.mails);
        }
        Ok(got.last.unwrap())
    }

    /// Waits until a mail has come for that address; returns when.
    pub(crate) fn wait_for(&self, to: &str, limit: Duration) -> Option<Instant> {
        let (got, news) = &*self.got;
        let got = got.lock().unwrap();
        let (got, _) = news
            .wait_timeout_while(got, limit, |got| !got.times.contains_key(to))
            .unwrap();
        got.times.get(to).copied()
    }
}

fn serve(stream: &TcpStream, got: &(Mutex<Got>, Condvar)) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut out = stream.try_clone().ok()?;
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut answers: Vec<u8> = b"220 sink ESMTP\r\n".to_vec();
    let mut line = Vec::with_capacity(1024);
    let mut to = String::new();
    loop {
        // What was pipelined is answered in one piece.
        if stream.buffer().is_empty() {
            out.write_all(&answers).ok()?;
            answers.clear();
        }
        line.clear();
        if stream.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_slice() {
            b"EHLO" => answers.extend(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 52428800\r\n"),
            b"DATA" => {
                answers.extend(b"354 go on\r\n");
                out.write_all(&answers).ok()?;
                answers.clear();
                let mut octets = 0_u64;
                loop {
                    line.clear();
                    if stream.read_until(b'\n', &mut line).ok()? == 0 {
                        return None;
                    }
                    if line == b".\r\n" {
                        break;
                    }
                    octets += line.len() as u64;
                }
                let mut all = got.0.lock().unwrap();
                all.mails += 1;
                all.octets += octets;
                let now = Instant::now();
                all.last = Some(now);
                all.times.insert(std::mem::take(&mut to), now);
                drop(all);
                got.1.notify_all();
                answers.extend(b"250 2.0.0 taken\r\n");
            }
            b"RCPT" => {
                let text = String::from_utf8_lossy(&line);
                let address = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
                to = address.map(|(a, _)| a.to_owned()).unwrap_or_default();
                answers.extend(b"250 2.1.5 ok\r\n");
            }
            b"QUIT" => {
                answers.extend(b"221 bye\r\n");
                let _ = out.write_all(&answers);
                return None;
            }
            _ => answers.extend(b"250 ok\r\n"),
        }
    }
}
