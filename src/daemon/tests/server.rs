//! A mailbox in memory that does at once what a real server does once in years, and what several clients do to each other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use super::*;
use crate::mailbox::Claim;
use crate::mailbox::Fetched;
use crate::store::State;

/// A clock that tests set.
#[derive(Debug)]
pub(super) struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl Hands {
    pub(super) fn wind(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// A mail on the server.
#[derive(Debug, Clone)]
pub(super) struct Lying {
    pub(super) raw: Vec<u8>,
    pub(super) received: Option<Timestamp>,
    pub(super) handled: bool,
    /// Names of the stores that claim it.
    pub(super) claims: BTreeSet<&'static str>,
}

/// What happens at the n-th call of a kind, to the server; an error is what the caller gets.
pub(super) type Trick =
    Box<dyn FnMut(&mut Folder, &'static str) -> Result<(), MailboxError> + Send>;

/// The server's one folder.
pub(super) struct Folder {
    pub(super) uid_validity: u32,
    pub(super) uid_next: u32,
    pub(super) mails: BTreeMap<u32, Lying>,
    /// What was filed away, in order.
    pub(super) filed: Vec<(u32, Filing)>,
    /// Mails stay, and get the keyword.
    pub(super) flags: bool,
    pub(super) trace: Option<String>,
    pub(super) trick: Option<Trick>,
    /// The longest list that was asked for.
    pub(super) listed_most: usize,
}

#[derive(Clone)]
pub(super) struct Server(Arc<Mutex<Folder>>);

impl Server {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Folder {
            uid_validity: 7,
            uid_next: 1,
            mails: BTreeMap::new(),
            filed: Vec::new(),
            flags: false,
            trace: None,
            trick: None,
            listed_most: 0,
        })))
    }

    pub(super) fn folder(&self) -> MutexGuard<'_, Folder> {
        self.0.lock().unwrap()
    }

    /// Does something at every call to the server, before it.
    pub(super) fn at_each_call(
        &self,
        trick: impl FnMut(&mut Folder, &'static str) -> Result<(), MailboxError> + Send + 'static,
    ) {
        self.folder().trick = Some(Box::new(trick));
    }
}

impl Folder {
    /// Puts a person's mail in; returns its UID.
    pub(super) fn deliver(&mut self, writer: &str, received: Timestamp) -> u32 {
        self.deliver_raw(letter(writer), received)
    }

    pub(super) fn deliver_raw(&mut self, raw: Vec<u8>, received: Timestamp) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        let lying = Lying {
            raw,
            received: Some(received),
            handled: false,
            claims: BTreeSet::new(),
        };
        self.mails.insert(uid, lying);
        uid
    }

    /// Gives all mails new UIDs.
    pub(super) fn renumber(&mut self, first: u32) {
        let mails = std::mem::take(&mut self.mails);
        self.uid_validity += 1;
        self.uid_next = first;
        for (_, lying) in mails {
            self.mails.insert(self.uid_next, lying);
            self.uid_next += 1;
        }
    }
}

/// A mail that is answered and forwarded.
pub(super) fn letter(writer: &str) -> Vec<u8> {
    String::from_utf8(MAIL.to_vec())
        .unwrap()
        .replace("<a@home", &format!("<{writer}@home"))
        .replace("maria@home.example", &format!("{writer}@{writer}.example"))
        .into_bytes()
}

/// A client of it, with the name of its store.
pub(super) struct Client {
    server: Server,
    name: &'static str,
    stop: CancellationToken,
    /// After so many waits the test looks.
    rounds: usize,
    /// UIDVALIDITY of the session.
    session: u32,
    /// What happens while it waits.
    meanwhile: Arc<dyn Fn(usize) + Send + Sync>,
}

impl Client {
    fn call(&self, kind: &'static str) -> Result<MutexGuard<'_, Folder>, MailboxError> {
        let mut folder = self.server.folder();
        if let Some(mut trick) = folder.trick.take() {
            let done = trick(&mut folder, kind);
            folder.trick.get_or_insert(trick);
            done?;
        }
        if kind != "open" && folder.uid_validity != self.session {
            return Err(MailboxError::Lost(
                "UIDVALIDITY changed in the session".to_owned(),
            ));
        }
        Ok(folder)
    }

    fn hold(&self, uids: &[u32], over: bool) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        let mut folder = self.call("claim")?;
        let mut found = BTreeMap::new();
        for uid in uids {
            let claim = match folder.mails.get_mut(uid) {
                None => Claim::Gone,
                Some(mail) if mail.claims.iter().any(|c| *c != self.name) && mail.handled => {
                    Claim::Handled
                }
                Some(mail) if mail.claims.iter().any(|c| *c != self.name) && !over => {
                    Claim::Foreign
                }
                Some(mail) => {
                    mail.claims.insert(self.name);
                    Claim::Ours
                }
            };
            found.insert(*uid, claim);
        }
        Ok(found)
    }
}

impl Mailbox for Client {
    async fn open(&mut self) -> Result<Opened, MailboxError> {
        let folder = self.call("open")?;
        let opened = Opened {
            uid_validity: folder.uid_validity,
            uid_next: Some(folder.uid_next),
            exists: u32::try_from(folder.mails.len()).unwrap(),
        };
        drop(folder);
        self.session = opened.uid_validity;
        Ok(opened)
    }

    async fn list(&mut self, after: u32, limit: usize) -> Result<Vec<Listed>, MailboxError> {
        let mut folder = self.call("list")?;
        folder.listed_most = folder.listed_most.max(limit);
        let above = folder.mails.range(after.saturating_add(1)..).take(limit);
        Ok(above
            .map(|(uid, mail)| Listed {
                uid: *uid,
                size: 200,
                received: mail.received,
                handled: mail.handled,
            })
            .collect())
    }

    async fn fetch(&mut self, wanted: &[Listed]) -> Result<Vec<Fetched>, MailboxError> {
        let folder = self.call("fetch")?;
        let given = wanted.iter().filter_map(|l| {
            Some(Fetched {
                uid: l.uid,
                raw: folder.mails.get(&l.uid)?.raw.clone(),
                truncated: false,
            })
        });
        Ok(given.collect())
    }

    async fn file(&mut self, uids: &[(u32, Filing)]) -> Result<(), MailboxError> {
        let mut folder = self.call("file")?;
        for (uid, filing) in uids {
            if folder.flags || *filing == Filing::Keep {
                if let Some(mail) = folder.mails.get_mut(uid) {
                    mail.handled = true;
                    folder.filed.push((*uid, *filing));
                }
            } else if folder.mails.remove(uid).is_some() {
                folder.filed.push((*uid, *filing));
            }
        }
        Ok(())
    }

    async fn claim(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        self.hold(uids, false)
    }

    async fn take_over(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        self.hold(uids, true)
    }

    async fn traces(&mut self) -> Result<Option<String>, MailboxError> {
        Ok(self.call("traces")?.trace.clone())
    }

    async fn wait(&mut self, _poll_s: u64) -> Result<Woken, MailboxError> {
        self.rounds = self.rounds.saturating_sub(1);
        if self.rounds == 0 {
            self.stop.cancel();
        } else {
            (self.meanwhile)(self.rounds);
            drop(self.call("wait")?);
        }
        Ok(Woken::Poll)
    }

    async fn close(&mut self) {}
}

/// A daemon's state: its store, its clock; its loops are run for as many rounds as a test wants.
pub(super) struct Daemon {
    pub(super) folder: tempfile::TempDir,
    pub(super) hands: Arc<Hands>,
    pub(super) shared: Shared,
    pub(super) upkeep: Upkeep,
    name: &'static str,
}

pub(super) const START: Timestamp = Timestamp(1_800_000_000);

impl Daemon {
    pub(super) fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hands = Arc::new(Hands(AtomicI64::new(START.0)));
        let shared = Shared {
            clock: Arc::clone(&hands) as Arc<dyn Clock>,
            ..shared(folder.path())
        };
        let upkeep = Upkeep {
            reconcile_s: None,
            ..Upkeep::default()
        };
        Self {
            folder,
            hands,
            shared,
            upkeep,
            name,
        }
    }

    /// Runs the loop for so many rounds, then stops it as a signal does.
    pub(super) async fn rounds(&mut self, server: &Server, rounds: usize) {
        self.rounds_with(server, rounds, Arc::new(|_| {})).await;
    }

    /// The same, and something happens while it waits.
    pub(super) async fn rounds_with(
        &mut self,
        server: &Server,
        rounds: usize,
        meanwhile: Arc<dyn Fn(usize) + Send + Sync>,
    ) {
        self.shared.stop = CancellationToken::new();
        let client = Client {
            server: server.clone(),
            name: self.name,
            stop: self.shared.stop.clone(),
            rounds,
            session: 0,
            meanwhile,
        };
        let part = IntakePart {
            upkeep: self.upkeep,
            ..part(client, &self.shared.store)
        };
        Intake::new(part, self.shared.clone()).run().await.unwrap();
    }

    pub(super) fn state(&self, uid_validity: u32, uid: u32) -> State {
        let store = &self.shared.store;
        store
            .states("support", uid_validity, &[uid])
            .unwrap()
            .remove(0)
    }

    /// How many replies and how many forwards were decided.
    pub(super) fn letters(&self) -> (usize, usize) {
        let all = self
            .shared
            .store
            .outbox(None, 10_000, crate::store::Order::Oldest)
            .unwrap();
        let of = |purpose| all.iter().filter(|m| m.purpose == purpose).count();
        (of(Purpose::Reply), of(Purpose::Forward))
    }

    /// The rules that decided a mail.
    pub(super) fn rules(&self, uid: u32) -> Vec<String> {
        let mail = MailRef {
            mailbox: "support".to_owned(),
            uid_validity: 7,
            uid,
        };
        match self.shared.store.ledger(&mail).unwrap().unwrap().state {
            crate::store::LedgerState::Handled(handled) => handled
                .because
                .iter()
                .map(|(rule, _, _)| rule.clone())
                .collect(),
            crate::store::LedgerState::Skipped | crate::store::LedgerState::Erased => Vec::new(),
        }
    }
}
