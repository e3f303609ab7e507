//! Ways out whose servers refuse, hang, fall silent and come back, by scripted transports.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod answers;
mod cuts;
mod days;
mod sink;
mod troubles;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Delivery;
use super::Route;
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::pulse::Pulses;
use crate::daemon::reconcile::Reconciling;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::store::Order;
use crate::store::OutboxId;
use crate::store::OutboxView;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Delivery as State;
use crate::triage::delivery::Outcome;
use crate::triage::delivery::Purpose;
use crate::triage::ticket::TicketNumber;

const NOW: Timestamp = Timestamp(1_750_000_000);
/// What a server may quote of a mail; no log may hold it.
const QUOTED: &str = "451 4.7.1 I lost my badge, said Maria";

/// A clock that stands still until it is moved.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// What a scripted server does with the next mail.
#[derive(Clone, Copy)]
enum Act {
    Accept,
    Defer,
    Fail(Trouble),
    Hang,
    Panic,
    /// Tells the daemon to stop, and accepts.
    Stop,
    /// Accepts once the store knows that another mail is sent.
    AfterAnother,
}

/// A server, with what it is going to do (accept, when there is nothing more to do) and what it was sent, and when.
struct Server {
    script: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<(String, i64)>>,
    shared: Shared,
}

struct Scripted {
    server: Arc<Server>,
    trouble: Option<Trouble>,
}

impl Transport for Scripted {
    async fn send(&mut self, parcel: &Parcel) -> Outcome {
        self.trouble = None;
        let Server {
            script,
            seen,
            shared,
        } = &*self.server;
        seen.lock()
            .unwrap()
            .push((parcel.to.to_string(), shared.clock.now().0));
        let act = script.lock().unwrap().pop_front().unwrap_or(Act::Accept);
        match act {
            Act::Accept => {}
            Act::Defer => return Outcome::Deferred(QUOTED.to_owned()),
            Act::Fail(trouble) => {
                self.trouble = Some(trouble);
                return Outcome::Deferred(QUOTED.to_owned());
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("{QUOTED}"),
            Act::Stop => shared.stop.cancel(),
            Act::AfterAnother => until(|| shared.store.counts().sent > 0).await,
        }
        Outcome::Accepted("250 ok".to_owned())
    }

    async fn close(&mut self) {}

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn brief(&self) -> &'static str {
        "451 4.7.1 after RCPT"
    }
}

/// An outbox with its loops.
struct Post {
    folder: TempDir,
    hands: Arc<Hands>,
    shared: Shared,
}

impl Post {
    fn open() -> Self {
        let hands = Arc::new(Hands(AtomicI64::new(NOW.0)));
        let clock = Arc::clone(&hands) as Arc<dyn Clock>;
        Self::open_at(tempfile::tempdir().unwrap(), hands, clock)
    }

    /// Ends this process, so to say, and begins the next one on the same folder: what was leased is decided.
    fn reopen(self) -> Self {
        let Self {
            folder,
            hands,
            shared,
        } = self;
        drop(shared);
        let clock = Arc::clone(&hands) as Arc<dyn Clock>;
        let post = Self::open_at(folder, hands, clock);
        post.shared.store.recover(post.shared.clock.now()).unwrap();
        post
    }

    fn open_at(folder: TempDir, hands: Arc<Hands>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            store: Store::open(folder.path(), StoreOptions::default()).unwrap(),
            clock,
            outbox_news: Arc::default(),
            resent: Arc::default(),
            pulses: Pulses::default(),
            reconciling: Reconciling::default(),
            rekeyed: Arc::default(),
            stop: CancellationToken::new(),
        };
        Self {
            folder,
            hands,
            shared,
        }
    }

    /// Puts mails into the outbox, for `0@PURPOSE.example`, `1@` and so on.
    fn put(&self, mailbox: &str, purpose: Purpose, n: usize) {
        for i in 0..n {
            let id = format!("{i}.{purpose:?}@{mailbox}.example");
            let to = format!("{i}@{mailbox}.example");
            self.put_one(mailbox, purpose, &to, &id, "x\r\n");
        }
    }

    /// Puts one mail into the outbox.
    fn put_one(&self, mailbox: &str, purpose: Purpose, to: &str, id: &str, text: &str) {
        let mut group = self.shared.store.group();
        let now = self.shared.clock.now();
        let outgoing = Outgoing {
            purpose,
            ticket: TicketNumber(0),
            message_id: MessageId::try_from(id.to_owned()).unwrap(),
            envelope_from: None,
            to: Address::parse(to).unwrap(),
            mailbox: mailbox.to_owned(),
            language: "en".to_owned(),
            templates: Vec::new(),
            bytes: format!("Message-ID: {id}\r\nSubject: x\r\n\r\n{text}").into_bytes(),
        };
        group.post(outgoing, now).unwrap();
        group.commit().unwrap();
        self.shared.outbox_news.notify_one();
    }

    fn server(&self, script: &[Act]) -> Arc<Server> {
        let script = Mutex::new(script.iter().copied().collect());
        Arc::new(Server {
            script,
            seen: Mutex::default(),
            shared: self.shared.clone(),
        })
    }

    /// Starts the loops: mailbox, server, connections.
    fn start(&self, ways: &[(&str, &Arc<Server>, usize)]) -> JoinHandle<Result<(), DaemonError>> {
        let routes = ways
            .iter()
            .map(|(mailbox, server, n)| Route {
                mailbox: (*mailbox).to_owned(),
                transports: (0..*n)
                    .map(|_| Scripted {
                        server: Arc::clone(server),
                        trouble: None,
                    })
                    .collect(),
            })
            .collect();
        self.run(routes)
    }

    /// Starts the loops on ways out of any kind.
    fn run<T: Transport + Sync + 'static>(
        &self,
        routes: Vec<Route<T>>,
    ) -> JoinHandle<Result<(), DaemonError>> {
        let mut delivery = Delivery::new(routes, self.shared.clone());
        delivery.patience = Duration::ZERO;
        tokio::spawn(delivery.run())
    }

    /// Starts the loop of the mailbox `support` on these connections.
    fn run_support<T: Transport + Sync + 'static>(
        &self,
        transports: Vec<T>,
    ) -> JoinHandle<Result<(), DaemonError>> {
        let mailbox = "support".to_owned();
        self.run(vec![Route {
            mailbox,
            transports,
        }])
    }

    async fn stop(&self, running: JoinHandle<Result<(), DaemonError>>) {
        self.shared.stop.cancel();
        running.await.unwrap().unwrap();
    }

    fn mails(&self) -> Vec<OutboxView> {
        self.shared.store.outbox(None, 100, Order::Oldest).unwrap()
    }

    /// Waiting, leased, parked, sent.
    fn stages(&self) -> [u64; 4] {
        let c = self.shared.store.counts();
        [c.waiting, c.leased, c.parked, c.sent]
    }

    fn move_clock(&self, s: i64) {
        self.hands.0.fetch_add(s, Ordering::SeqCst);
        self.shared.outbox_news.notify_one();
    }
}

/// Looks again and again until it is so; a test that waits for what never comes ends by this.
async fn until(look: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if look() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("waited in vain");
}

/// Everything that is logged on this thread from here on.
fn listen() -> (tracing::subscriber::DefaultGuard, Arc<Mutex<Vec<u8>>>) {
    #[derive(Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink(Arc::clone(&heard));
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    (tracing::subscriber::set_default(subscriber), heard)
}

fn text(heard: &Mutex<Vec<u8>>) -> String {
    String::from_utf8(heard.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn a_stop_gives_back_what_was_not_begun() {
    let post = Post::open();
    post.put("support", Purpose::Reply, 20);
    let server = post.server(&[Act::Stop]);
    post.start(&[("support", &server, 1)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(server.seen.lock().unwrap().len(), 1);
    assert_eq!(post.stages(), [19, 0, 0, 1]);
    let untried = |m: &&OutboxView| matches!(m.delivery, State::Waiting { attempts: 0, .. });
    assert_eq!(post.mails().iter().filter(untried).count(), 19);
}

/// Faults: F2; holds I1 I2 I3.
#[tokio::test]
async fn a_mail_that_hangs_at_a_stop_is_cut_off_and_settled_by_its_guarantee() {
    let post = Post::open();
    post.put("support", Purpose::Reply, 1);
    post.put("support", Purpose::Forward, 1);
    let server = post.server(&[Act::Hang, Act::Hang]);
    let running = post.start(&[("support", &server, 2)]);
    until(|| server.seen.lock().unwrap().len() == 2).await;
    post.stop(running).await;
    assert_eq!(
        post.stages(),
        [1, 0, 1, 0],
        "the forward goes again, the reply is in doubt"
    );
}

#[tokio::test]
async fn an_end_is_on_record_while_another_mail_is_still_under_way() {
    let post = Post::open();
    post.put("support", Purpose::Forward, 2);
    let server = post.server(&[Act::AfterAnother, Act::Accept]);
    let running = post.start(&[("support", &server, 2)]);
    until(|| post.stages() == [0, 0, 0, 2]).await;
    post.stop(running).await;
}

/// Faults: F72; holds I6 I10.
#[tokio::test]
async fn a_server_that_hangs_holds_up_no_other_mailbox() {
    let post = Post::open();
    post.put("stuck", Purpose::Forward, 50);
    post.put("well", Purpose::Forward, 3);
    let stuck = post.server(&[Act::Hang; 50]);
    let well = post.server(&[]);
    let running = post.start(&[("stuck", &stuck, 1), ("well", &well, 1)]);
    until(|| post.stages()[3] == 3).await;
    assert_eq!(stuck.seen.lock().unwrap().len(), 1);
    post.stop(running).await;
}

/// Faults: F77; holds I2 I10.
#[tokio::test]
async fn a_refused_login_is_not_tried_with_every_mail() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 12);
    let server = post.server(&[Act::Fail(Trouble::Login), Act::Fail(Trouble::Login)]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| server.seen.lock().unwrap().len() == 1 && post.stages() == [12, 0, 0, 0]).await;
    let noted = post
        .mails()
        .iter()
        .filter(|m| m.deferred == "not tried: 451 4.7.1 after RCPT")
        .count();
    assert_eq!(
        noted, 3,
        "those that were leased with it tell why they wait"
    );
    assert!(
        text(&heard).contains("ERROR") && text(&heard).contains("pause_s=900"),
        "{}",
        text(&heard)
    );
    for _ in 0..4 {
        post.move_clock(299);
    }
    until(|| server.seen.lock().unwrap().len() == 2).await;
    post.move_clock(900);
    until(|| post.stages() == [0, 0, 0, 12]).await;
    let times: Vec<i64> = server
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(_, at)| at - NOW.0)
        .collect();
    assert!(times[1] >= 900 && times[2] >= times[1] + 900, "{times:?}");
    assert!(text(&heard).contains("open again"));
    post.stop(running).await;
}

#[tokio::test]
async fn an_operator_who_sends_a_mail_again_does_not_wait_for_the_pause() {
    let post = Post::open();
    post.put("support", Purpose::Forward, 5);
    let server = post.server(&[Act::Fail(Trouble::Login)]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| server.seen.lock().unwrap().len() == 1 && post.stages() == [5, 0, 0, 0]).await;
    post.shared.store.resend(OutboxId(0), NOW).unwrap();
    post.shared.resent.notify_one();
    until(|| post.stages() == [0, 0, 0, 5]).await;
    post.stop(running).await;
}

/// Faults: F76; holds I10.
#[tokio::test]
async fn a_server_that_wants_fewer_connections_gets_fewer_and_the_mails_go_on() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 10);
    let server = post.server(&[Act::AfterAnother, Act::Fail(Trouble::Unwilling)]);
    let running = post.start(&[("support", &server, 2)]);
    until(|| text(&heard).contains("no more connections")).await;
    post.put("other", Purpose::Forward, 1);
    let other = post.server(&[]);
    let beside = post.start(&[("other", &other, 1)]);
    until(|| post.stages() == [1, 0, 0, 10]).await;
    assert!(
        !text(&heard).contains("no mail of this mailbox"),
        "{}",
        text(&heard)
    );
    post.stop(running).await;
    beside.await.unwrap().unwrap();
}

#[tokio::test]
async fn mails_of_a_mailbox_that_is_not_in_the_config_wait_and_are_told_once() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("gone", Purpose::Reply, 3);
    post.put("support", Purpose::Reply, 1);
    let server = post.server(&[]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| post.stages() == [3, 0, 0, 1]).await;
    post.stop(running).await;
    assert_eq!(text(&heard).matches("WARN").count(), 1, "{}", text(&heard));
    assert!(text(&heard).contains("mailbox=\"gone\""));
}

#[tokio::test]
async fn the_log_says_why_a_mail_waits_and_nothing_that_the_server_quoted() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 1);
    let server = post.server(&[Act::Defer]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| text(&heard).contains("tried again")).await;
    post.stop(running).await;
    assert!(
        text(&heard).contains("why=\"451 4.7.1 after RCPT\""),
        "{}",
        text(&heard)
    );
    assert!(!text(&heard).contains("badge"), "{}", text(&heard));
}

#[tokio::test]
async fn a_reply_that_is_parked_before_it_is_sent_is_told_of() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Reply, 1);
    post.move_clock(2 * 86_400);
    let server = post.server(&[]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| post.stages() == [0, 0, 1, 0]).await;
    post.stop(running).await;
    assert!(
        text(&heard).contains("ERROR") && text(&heard).contains("too late"),
        "{}",
        text(&heard)
    );
}

/// Faults: F4; holds I3 I6.
#[tokio::test]
async fn a_panic_over_one_mail_keeps_no_other_from_going() {
    let post = Post::open();
    post.put("support", Purpose::Reply, 3);
    let server = post.server(&[Act::Panic]);
    let running = post.start(&[("support", &server, 1)]);
    until(|| post.stages() == [0, 0, 1, 2]).await;
    post.stop(running).await;
    assert!(!post.mails()[0].delivery.said().contains("badge"));
}
