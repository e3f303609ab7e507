//! The floors: the crates that the daemon is made of, with nothing between, and Python's imaplib, mail by mail.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Instant;

use async_imap::Client;
use async_imap::Session;
use futures_util::TryStreamExt as _;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Mails by one command.
const SET: u32 = 100;
/// Connections to the sink.
const SENDERS: usize = 4;
/// Octets of what stands for a reply: about what a reply of the desk has.
pub(crate) const REPLY_BYTES: usize = 3_500;

/// A session of async-imap's own, buffered and without delay: as fast as it goes.
pub(crate) type Bare = Session<BufStream<TcpStream>>;

/// Logs in and selects INBOX.
pub(crate) async fn open(port: u16, user: &str) -> (Bare, u32) {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut client = Client::new(BufStream::with_capacity(64 * 1024, 8 * 1024, tcp));
    client.read_response().await.unwrap();
    let mut session = client
        .login(user, "secret")
        .await
        .map_err(|(e, _)| e)
        .unwrap();
    let exists = session.select("INBOX").await.unwrap().exists;
    (session, exists)
}

/// A connection of lettre's own, over a socket without delay.
pub(crate) async fn smtp(port: u16) -> AsyncSmtpConnection {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    tcp.set_nodelay(true).unwrap();
    let hello = ClientId::Domain("bench.example".to_owned());
    AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &hello)
        .await
        .unwrap()
}

/// An envelope.
pub(crate) fn envelope(to: &str) -> lettre::address::Envelope {
    let from = "support@credly.example".parse().ok();
    lettre::address::Envelope::new(from, vec![to.parse().unwrap()]).unwrap()
}

/// What stands for a reply.
pub(crate) fn reply() -> Vec<u8> {
    let mut mail =
        b"From: support@credly.example\r\nTo: robin@d1.example\r\nSubject: Re: A question\r\n\r\n"
            .to_vec();
    while mail.len() < REPLY_BYTES {
        mail.extend(b"A line of a reply, about as long as lines of a reply are.\r\n");
    }
    mail
}

/// Fetches all mails of a user in sets, moves them in sets, and sends a reply to each and each second one as it is: all
/// at once, on a session for each way and a few connections to the sink, and nothing in between. Returns the seconds.
pub(crate) fn fetch_move_send(imap: u16, user: &str, sink: u16) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let (mut reading, exists) = open(imap, user).await;
        let (mut moving, _) = open(imap, user).await;
        moving.create("Done").await.unwrap();
        let (fetched, to_send) = async_channel(256);
        let (sets, mut to_move) = mpsc::channel::<String>(4);
        let mover = tokio::spawn(async move {
            while let Some(set) = to_move.recv().await {
                moving.uid_mv(set, "Done").await.unwrap();
            }
        });
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let to_send = to_send.clone();
                tokio::spawn(async move {
                    let mut smtp = smtp(sink).await;
                    let envelope = envelope("robin@d1.example");
                    while let Some(mail) = to_send.next().await {
                        smtp.send(&envelope, &mail).await.unwrap();
                    }
                })
            })
            .collect();
        drop(to_send);
        let reply = reply();
        let mut first = 1;
        while first <= exists {
            let set = format!("{first}:{}", (first + SET - 1).min(exists));
            let mut mails = reading
                .uid_fetch(&set, "(UID FLAGS BODY.PEEK[])")
                .await
                .unwrap();
            while let Some(mail) = mails.try_next().await.unwrap() {
                fetched.send(reply.clone()).await;
                if mail.uid.unwrap().is_multiple_of(2) {
                    fetched.send(mail.body().unwrap().to_vec()).await;
                }
            }
            drop(mails);
            sets.send(set).await.unwrap();
            first += SET;
        }
        drop((fetched, sets));
        mover.await.unwrap();
        for sender in senders {
            sender.await.unwrap();
        }
    });
    began.elapsed().as_secs_f64()
}

/// The sending end of [`async_channel`].
struct Giver(mpsc::Sender<Vec<u8>>);

/// The receiving end, for several takers.
#[derive(Clone)]
struct Taker(std::sync::Arc<tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>>);

fn async_channel(bound: usize) -> (Giver, Taker) {
    let (give, take) = mpsc::channel(bound);
    (
        Giver(give),
        Taker(std::sync::Arc::new(tokio::sync::Mutex::new(take))),
    )
}

impl Giver {
    async fn send(&self, mail: Vec<u8>) {
        self.0.send(mail).await.unwrap();
    }
}

impl Taker {
    async fn next(&self) -> Option<Vec<u8>> {
        self.0.lock().await.recv().await
    }
}

/// Fetches and marks mail by mail, as scripts of help desks do. Returns the seconds; none where there is no Python.
pub(crate) fn python(imap: u16, user: &str) -> Option<f64> {
    const SCRIPT: &str = "
import imaplib, sys, time
began = time.monotonic()
imap = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))
imap.login(sys.argv[2], 'secret')
imap.select('INBOX')
for uid in imap.uid('SEARCH', None, 'UNSEEN')[1][0].split():
    imap.uid('FETCH', uid, '(BODY.PEEK[])')
    imap.uid('STORE', uid, '+FLAGS', '(\\\\Seen)')
imap.logout()
print(time.monotonic() - began)
";
    let done = Command::new("python3")
        .args(["-c", SCRIPT, &imap.to_string(), user])
        .output()
        .ok()?;
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).trim().parse().ok()
}
