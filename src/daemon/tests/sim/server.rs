//! The mailbox server: folders, UIDs, keywords, and everything that can go wrong with them; and the way to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::daemon::tests::sim::world::Fate;
use crate::daemon::tests::sim::world::World;
use crate::mailbox::Fetched;
use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::Woken;

/// A mail in the inbox.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Which of the world's mails it is.
    pub(super) mail: usize,
    /// INTERNALDATE, by the server's clock, which is right.
    pub(super) received: i64,
    pub(super) keyword: bool,
}

/// What the server keeps.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) validity: u32,
    pub(super) next: u32,
    pub(super) inbox: BTreeMap<u32, Held>,
    /// Mails in the other folders, by the world's number; copies count.
    pub(super) filed: BTreeMap<usize, Vec<Filing>>,
    /// Connections of an earlier epoch are dead.
    pub(super) epoch: u64,
    /// Nobody gets in before that true time.
    pub(super) down_until: i64,
    /// Tells of news by itself.
    pub(super) idle: bool,
    /// An older copy answers, and the desk has not been there yet: so long no mail comes. A desk that comes later, when
    /// as many UIDs have been given anew as were lost, cannot see by the next UID that another copy answers.
    pub(super) unseen: bool,
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            validity: 7,
            next: 1,
            inbox: BTreeMap::new(),
            filed: BTreeMap::new(),
            epoch: 0,
            down_until: 0,
            idle: false,
            unseen: false,
        }
    }

    /// All UIDs become new.
    pub(super) fn renumber(&mut self, first: u32) {
        self.validity += 1;
        self.epoch += 1;
        self.next = first;
        for held in std::mem::take(&mut self.inbox).into_values() {
            self.inbox.insert(self.next, held);
            self.next += 1;
        }
    }

    fn file(&mut self, uid: u32, filing: Filing) {
        if filing == Filing::Keep {
            if let Some(held) = self.inbox.get_mut(&uid) {
                held.keyword = true;
            }
        } else if let Some(held) = self.inbox.remove(&uid) {
            self.filed.entry(held.mail).or_default().push(filing);
        }
    }
}

/// The desk's connection to it.
pub(super) struct Wire {
    world: Arc<World>,
    /// Of which life of the daemon it is.
    life: u64,
    epoch: Option<u64>,
}

impl Wire {
    pub(super) fn new(world: &Arc<World>) -> Self {
        let life = world.lock().life;
        Self {
            world: Arc::clone(world),
            life,
            epoch: None,
        }
    }

    fn lost<T>(&mut self, what: &str) -> Result<T, MailboxError> {
        self.epoch = None;
        Err(MailboxError::Lost(what.to_owned()))
    }

    /// Lets a command travel; returns what becomes of it. Does not return in a life that is over.
    async fn travel(&mut self, command: &'static str) -> Result<Fate, MailboxError> {
        let wait = self.world.lock().latency();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let fate = self.world.clone().command(command, self.life, self.epoch);
        match fate {
            Fate::Over => std::future::pending().await,
            Fate::Lost => self.lost("cut"),
            Fate::Refused => Err(MailboxError::Refused {
                command,
                said: "NO not now".to_owned(),
            }),
            fate => Ok(fate),
        }
    }

    /// The answer gets lost when it is the answer's fate.
    fn answer<T>(&mut self, fate: Fate, answer: T) -> Result<T, MailboxError> {
        if fate == Fate::LostAfter {
            self.lost("cut before the answer")
        } else {
            Ok(answer)
        }
    }
}

impl Mailbox for Wire {
    async fn open(&mut self) -> Result<Opened, MailboxError> {
        let fate = self.travel("LOGIN").await?;
        let mut state = self.world.lock();
        if fate == Fate::NoLogin {
            return Err(MailboxError::Login("NO too many".to_owned()));
        }
        self.epoch = Some(state.server.epoch);
        state.server.unseen = false;
        let opened = Opened {
            uid_validity: state.server.validity,
            uid_next: Some(state.server.next),
            exists: u32::try_from(state.server.inbox.len()).unwrap(),
        };
        state.note(&format!("open {opened:?}"));
        drop(state);
        self.answer(fate, opened)
    }

    async fn list(&mut self, after: u32, limit: usize) -> Result<Vec<Listed>, MailboxError> {
        let fate = self.travel("SEARCH").await?;
        let mut state = self.world.lock();
        let late = usize::from(fate == Fate::Late);
        let all = state.server.inbox.len();
        let listed: Vec<Listed> = (state.server.inbox.iter().take(all.saturating_sub(late)))
            .filter(|(uid, _)| **uid > after)
            .take(limit)
            .map(|(uid, held)| Listed {
                uid: *uid,
                size: u32::try_from(state.mails[held.mail].raw.len()).unwrap(),
                received: Some(Timestamp(held.received)),
                handled: held.keyword,
            })
            .collect();
        if !listed.is_empty() {
            state.note(&format!("list after {after}: {}", listed.len()));
        }
        drop(state);
        self.answer(fate, listed)
    }

    async fn fetch(&mut self, wanted: &[Listed]) -> Result<Vec<Fetched>, MailboxError> {
        let fate = self.travel("FETCH").await?;
        let mut state = self.world.lock();
        let (now, wall, validity) = (state.now(), state.wall(), state.server.validity);
        let mut fetched = Vec::new();
        for Listed { uid, .. } in wanted {
            let Some(held) = state.server.inbox.get(uid).cloned() else {
                continue;
            };
            let mail = &mut state.mails[held.mail];
            mail.fetched.push((now, wall));
            mail.places.insert((validity, *uid));
            fetched.push(Fetched {
                uid: *uid,
                raw: mail.raw.to_vec(),
                truncated: false,
            });
        }
        state.note(&format!("fetch {} of {}", fetched.len(), wanted.len()));
        drop(state);
        self.answer(fate, fetched)
    }

    async fn file(&mut self, uids: &[(u32, Filing)]) -> Result<(), MailboxError> {
        let fate = self.travel("MOVE").await?;
        let mut state = self.world.lock();
        let some = match fate {
            Fate::Half(_) => usize::try_from(state.rng.below(uids.len() as u64 + 1)).unwrap(),
            _ => uids.len(),
        };
        for (uid, filing) in uids.iter().take(some) {
            state.server.file(*uid, *filing);
        }
        state.note(&format!("file {some} of {uids:?}: {fate:?}"));
        drop(state);
        match fate {
            Fate::Half(true) => self.lost("cut in the middle"),
            Fate::Half(false) => Err(MailboxError::Refused {
                command: "MOVE",
                said: "NO [OVERQUOTA]".to_owned(),
            }),
            fate => self.answer(fate, ()),
        }
    }

    async fn wait(&mut self, poll_s: u64) -> Result<Woken, MailboxError> {
        let idle = self.world.lock().server.idle;
        let poll = tokio::time::sleep(Duration::from_secs(poll_s));
        let woken = tokio::select! {
            biased;
            () = self.world.news.notified(), if idle => Woken::News,
            () = poll => Woken::Poll,
        };
        let fate = self.travel("IDLE").await?;
        self.answer(fate, woken)
    }

    async fn close(&mut self) {
        self.epoch = None;
    }
}
