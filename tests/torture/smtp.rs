//! A way out that takes every mail over, and remembers which; taken over is what it has read to the dot, answered or not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::dice::Dice;
use crate::mails;
use crate::world::Accepted;
use crate::world::Shared;

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut seed = 0;
    while let Ok((tcp, _)) = listener.accept().await {
        seed += 1;
        // Who connects is alive now; what it sends may be read when it is dead.
        let life = shared.life.load(Ordering::SeqCst);
        tokio::spawn(converse(tcp, Arc::clone(&shared), life, Dice::new(seed)));
    }
}

async fn converse(tcp: TcpStream, shared: Arc<Shared>, whose: u32, mut luck: Dice) -> Option<()> {
    tcp.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(tcp);
    stream
        .get_mut()
        .write_all(b"220 world.example\r\n")
        .await
        .ok()?;
    let mut rcpt = String::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => {
                b"250-world.example\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"
            }
            "RCPT" => {
                rcpt = between(&line, '<', '>');
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go ahead\r\n").await.ok()?;
                let mail = data(&mut stream).await?;
                let message_id = message_id(&mail);
                shared.accepted.lock().unwrap().push(Accepted {
                    message_id,
                    to: rcpt.clone(),
                    about: mails::number_in(&mail),
                    life: whose,
                });
                b"250 2.0.0 taken over\r\n"
            }
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => b"250 ok\r\n",
        };
        let most = shared.dawdle_ms.load(Ordering::SeqCst);
        if most > 0 {
            tokio::time::sleep(Duration::from_millis(luck.below(most + 1))).await;
        }
        stream.get_mut().write_all(answer).await.ok()?;
    }
}

async fn data(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let begun = mail.len();
        if stream.read_until(b'\n', &mut mail).await.ok()? == 0 {
            return None;
        }
        if mail[begun..] == *b".\r\n" {
            mail.truncate(begun);
            return Some(mail);
        }
    }
}

fn message_id(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let line = text
        .lines()
        .take_while(|line| !line.is_empty())
        .find(|line| line.to_ascii_lowercase().starts_with("message-id:"));
    line.map_or_else(String::new, |line| between(line, '<', '>'))
}

fn between(line: &str, open: char, close: char) -> String {
    let rest = line.split_once(open).map_or("", |(_, rest)| rest);
    rest.split(close).next().unwrap_or_default().to_owned()
}
