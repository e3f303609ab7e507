//! The world around the desk: a mailbox and a way out, on loopback, which outlive every daemon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::imap;
use crate::imap::mailbox::Mailbox;
use crate::mails;
use crate::mails::Kind;
use crate::smtp;

/// A mail that was put into the mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    /// Its number; a copy has that of the mail it repeats.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) uid: u32,
}

/// A mail that the way out took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) message_id: String,
    pub(crate) to: String,
    /// Which mail it is about.
    pub(crate) about: Option<u64>,
    /// Which daemon sent it: they are counted from 1.
    pub(crate) life: u32,
}

impl Accepted {
    pub(crate) fn is_forward(&self) -> bool {
        self.to.ends_with(mails::AGENTS)
    }
}

/// What the servers share.
#[derive(Debug)]
pub(crate) struct Shared {
    mailbox: Mutex<Mailbox>,
    /// Told whenever the mailbox changes.
    pub(crate) news: watch::Sender<u64>,
    pub(crate) accepted: Mutex<Vec<Accepted>>,
    pub(crate) life: AtomicU32,
    /// Milliseconds that the way out takes at most for each answer.
    pub(crate) dawdle_ms: AtomicU64,
}

impl Shared {
    pub(crate) fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap()
    }

    /// Changes the mailbox, and tells those who wait.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Mailbox) -> T) -> T {
        let changed = change(&mut self.mailbox());
        self.news.send_modify(|n| *n += 1);
        changed
    }
}

/// A mailbox and a way out.
pub(crate) struct World {
    shared: Arc<Shared>,
    pub(crate) imap_port: u16,
    pub(crate) smtp_port: u16,
    delivered: Vec<Delivered>,
    next: u64,
    _runtime: Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shared = Arc::new(Shared {
            mailbox: Mutex::new(Mailbox::new()),
            news: watch::channel(0).0,
            accepted: Mutex::default(),
            life: AtomicU32::new(0),
            dawdle_ms: AtomicU64::new(0),
        });
        let listen = || {
            let listener = runtime
                .block_on(TcpListener::bind(("127.0.0.1", 0)))
                .unwrap();
            let port = listener.local_addr().unwrap().port();
            (listener, port)
        };
        let (imap, imap_port) = listen();
        let (smtp, smtp_port) = listen();
        runtime.spawn(imap::serve(imap, Arc::clone(&shared)));
        runtime.spawn(smtp::serve(smtp, Arc::clone(&shared)));
        Self {
            shared,
            imap_port,
            smtp_port,
            delivered: Vec::new(),
            next: 1,
            _runtime: runtime,
        }
    }

    /// A new daemon begins to live.
    pub(crate) fn new_life(&self) {
        self.shared.life.fetch_add(1, Ordering::SeqCst);
    }

    /// Has the way out take up to so many milliseconds for each answer, so that kills fall between.
    pub(crate) fn dawdle(&self, most_ms: u64) {
        self.shared.dawdle_ms.store(most_ms, Ordering::SeqCst);
    }

    /// Puts a mail into the mailbox.
    pub(crate) fn deliver(&mut self, kind: Kind) {
        let repeated = self.delivered.iter().rev().find(|d| d.kind == Kind::Case);
        let (kind, number) = match (kind, repeated) {
            (Kind::Copy, Some(first)) => (Kind::Copy, first.number),
            (Kind::Copy, None) => (Kind::Case, self.next),
            (kind, _) => (kind, self.next),
        };
        self.next += 1;
        let raw = mails::raw(kind, number);
        let uid = self.shared.change(|mailbox| mailbox.deliver(raw));
        self.delivered.push(Delivered { number, kind, uid });
    }

    /// Every mail ever delivered.
    pub(crate) fn delivered(&self) -> &[Delivered] {
        &self.delivered
    }

    /// Every mail that ever went out.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.shared.accepted.lock().unwrap().clone()
    }

    /// Whether every mail was filed away.
    pub(crate) fn inbox_is_empty(&self) -> bool {
        self.shared.mailbox().folder("INBOX").unwrap().is_empty()
    }

    /// How many copies of each mail lie in the mailbox, wherever.
    pub(crate) fn kept(&self) -> BTreeMap<u64, usize> {
        let mut kept = BTreeMap::new();
        for raw in self.shared.mailbox().all() {
            if let Some(number) = mails::number_in(&raw) {
                *kept.entry(number).or_default() += 1;
            }
        }
        kept
    }
}
