//! Servers that pour: literals without end, lines without end, answers without end. What we read of them is bounded, and so
//! is the memory it takes; the next connection works.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::imap::ImapMailbox;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::peer::Peer;
use crate::peer::Script;
use crate::peer::mailbox;
use crate::peer::select;
use crate::scripted::wanted;

/// Octets that the kernel may hold on the way, on both sides, and that read-ahead takes.
const ON_THE_WAY: u64 = 24 * 1024 * 1024;
/// What a process may grow by, other tests of it included.
const MEMORY_MAX: u64 = 96 * 1024 * 1024;
/// Octets in the answer to an ordinary command.
const ANSWER_MAX: u64 = 1024 * 1024;

/// A server that answers one kind of command by a beginning, and then by the same octets for as long as they are taken.
async fn pouring(
    at: &'static str,
    begin: &'static str,
    over: &'static [u8],
) -> (ImapMailbox, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut settings = Peer::start(Script::new()).await.settings();
    settings.port = listener.local_addr().unwrap().port();
    let poured = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&poured);
    tokio::spawn(async move {
        // The first connection pours, the later ones do as they are told.
        for turn in 0.. {
            let (tcp, _) = listener.accept().await.unwrap();
            let at = if turn == 0 { at } else { "nothing" };
            let _ = pour(tcp, at, begin, over, &count).await;
        }
    });
    (mailbox(settings), poured)
}

async fn pour(
    mut tcp: TcpStream,
    at: &str,
    begin: &str,
    over: &[u8],
    poured: &AtomicU64,
) -> std::io::Result<()> {
    tcp.write_all(b"* OK ready\r\n").await?;
    loop {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.push(tcp.read_u8().await?);
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (tag, command) = line.split_once(' ').unwrap_or_default();
        if command.starts_with(at) {
            tcp.write_all(begin.as_bytes()).await?;
            let block = over.repeat(64 * 1024 / over.len() + 1);
            loop {
                tcp.write_all(&block).await?;
                poured.fetch_add(block.len() as u64, Ordering::SeqCst);
            }
        }
        let answer = match command.split(' ').next().unwrap_or_default() {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS\r\n{tag} OK x\r\n".to_owned(),
            "SELECT" => select("\\*", ""),
            _ => "{tag} OK x\r\n".to_owned(),
        };
        tcp.write_all(answer.replace("{tag}", tag).as_bytes())
            .await?;
    }
}

/// The most memory this process has ever had, in octets.
fn memory_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Asserts that an operation ended the connection, having read little and kept less, and that the next one works.
async fn assert_bounded<T: std::fmt::Debug>(
    what: &str,
    ended: Result<T, MailboxError>,
    mailbox: &mut ImapMailbox,
    poured: &AtomicU64,
    (most, before): (u64, u64),
) {
    assert!(
        matches!(ended, Err(MailboxError::Lost(_))),
        "{what}: {ended:?}"
    );
    let poured = poured.load(Ordering::SeqCst);
    assert!(
        poured <= most + ON_THE_WAY,
        "{what}: {poured} octets were taken"
    );
    let grown = memory_peak() - before;
    assert!(grown <= MEMORY_MAX, "{what}: grew by {grown}");
    mailbox.open().await.unwrap();
    assert_eq!(
        mailbox.list(0, 10).await,
        Ok(vec![]),
        "{what}: in step again"
    );
}

/// Faults: F28 F30 F31; holds I6 I10.
#[tokio::test]
async fn a_literal_of_any_announced_size_is_not_believed_and_no_memory_is_set_aside_for_it() {
    for announced in [
        "26214401",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-1",
        "-4294967296",
        "many",
        "",
        "1e9",
        "0x10",
        "5000+",
    ] {
        let begin = format!("* 1 FETCH (UID 5 BODY[] {{{announced}}}\r\n");
        let begin: &'static str = begin.leak();
        let before = memory_peak();
        let (mut mailbox, poured) = pouring("UID FETCH 5 (UID BODY", begin, b"x").await;
        mailbox.open().await.unwrap();
        let ended = mailbox.fetch(&wanted(&[5])).await;
        assert_bounded(
            announced,
            ended,
            &mut mailbox,
            &poured,
            (ANSWER_MAX, before),
        )
        .await;
    }
}

/// Faults: F41 F42 F43; holds I6 I10.
#[tokio::test]
async fn lines_and_answers_without_end_are_read_no_further_than_the_limit() {
    for (what, over) in [
        ("a line", &b"x"[..]),
        ("a line of NULs", b"\0"),
        ("chatter", b"* OK still working\r\n"),
        ("EXISTS", b"* 1000000 EXISTS\r\n"),
        ("flags", b"* 1 FETCH (FLAGS (\\Seen))\r\n"),
        ("expunges", b"* 1 EXPUNGE\r\n"),
        ("alerts", b"* OK [ALERT] the house is on fire\r\n"),
        ("parentheses", b"("),
    ] {
        // Every answer goes through the same meter: all floods at one command, some at every one.
        let commands: &[&str] = if ["a line", "EXISTS"].contains(&what) {
            &["CAPABILITY", "LOGIN", "SELECT", "UID STORE", "IDLE", "NOOP"]
        } else {
            &["UID STORE"]
        };
        for &at in commands {
            let before = memory_peak();
            let (mut mailbox, poured) = pouring(at, "", over).await;
            let mut ended = mailbox.open().await.map(drop);
            if ended.is_ok() {
                ended = match at {
                    "UID STORE" => mailbox.file(&[(5, Filing::Keep)]).await,
                    "IDLE" => mailbox.wait(20).await.map(drop),
                    _ => mailbox.wait(0).await.map(drop),
                };
            }
            let what = format!("{what} at {at}");
            assert_bounded(&what, ended, &mut mailbox, &poured, (ANSWER_MAX, before)).await;
        }
    }
}

/// Faults: F42; holds I6 I10.
#[tokio::test]
async fn a_list_without_end_is_read_no_further_than_the_limit() {
    let before = memory_peak();
    // Long lines: it takes many megabytes to the limit of a list, and short ones take long to read.
    let line = format!("* OK {}\r\n", "x".repeat(30_000));
    let over: &'static [u8] = line.leak().as_bytes();
    let (mut mailbox, poured) = pouring("UID FETCH", "", over).await;
    mailbox.open().await.unwrap();
    let ended = mailbox.list(0, 10).await;
    let most = 64 * ANSWER_MAX;
    assert_bounded("a list", ended, &mut mailbox, &poured, (most, before)).await;
}
