//! An intake, a store and an IMAP server in memory: each run is a mailbox of its own with three letters, whose server has
//! some fault for a while; in the end every letter has been handled once and lies where it belongs.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::mailbox::imap::FilingRules;
use crate::mailbox::imap::ImapLimits;
use crate::mailbox::imap::ImapMailbox;
use crate::mailbox::imap::ImapSettings;
use crate::mailbox::imap::Login;
use crate::mailbox::imap::TlsMode;
use crate::mailbox::imap::fixed_secret;
use crate::store::Counts;
use crate::tls::Tls;
use crate::triage::desk::Rules;

#[path = "../../../tests/imap/keeper.rs"]
pub(super) mod keeper;

use keeper::Connection;
use keeper::House;
use keeper::Keeper;

/// Nothing may take longer than this, in the time of the paused clock.
const DAY: Duration = Duration::from_hours(24);
/// Where the letters are filed.
pub(super) const TARGET: &str = "Mailclerk/Forwarded";
/// What servers can do that move mails, and that do not.
pub(super) const BY_MOVE: &str = "IDLE MOVE UIDPLUS AUTH=XOAUTH2";
pub(super) const BY_COPY: &str = "IDLE UIDPLUS AUTH=XOAUTH2";

/// A wall clock that tests wind.
pub(super) struct Wound(AtomicI64);

impl Wound {
    /// Winds it forward.
    pub(super) fn wind(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap();
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// One store for thousands of mailboxes, each of which is a run of its own.
pub(super) struct Bench {
    state: tempfile::TempDir,
    pub(super) shared: Shared,
    pub(super) clock: Arc<Wound>,
    rules: Arc<Rules>,
    tls: Tls,
    runs: usize,
    /// How the next runs log in.
    pub(super) login: Login,
    /// Their poll interval, in seconds.
    pub(super) poll_s: u64,
}

/// What a run left.
pub(super) struct Ended {
    pub(super) keeper: Keeper,
    /// How long it took, by the paused clock.
    pub(super) took: Duration,
}

impl Ended {
    /// The connections that were made.
    pub(super) fn connections(&self) -> Vec<Connection> {
        self.keeper.house().connections.clone()
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Bench {
    pub(super) fn new() -> Self {
        // Lines are broken here, not disks: thousands of runs need no real syncs.
        let memory = Path::new("/dev/shm");
        let state = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let state = state.unwrap();
        let clock = Arc::new(Wound(AtomicI64::new(SystemClock.now().0)));
        let shared = Shared {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..shared(state.path())
        };
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"));
        Self {
            state,
            shared,
            clock,
            rules: Arc::new(crate::config::folder::load(folder).unwrap()),
            tls: Tls::system(None).unwrap(),
            runs: 0,
            login: Login::Password {
                user: "support".into(),
                secret: fixed_secret("secret"),
            },
            poll_s: 60,
        }
    }

    /// A file in the state folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// What the store counts.
    pub(super) fn counts(&self) -> Counts {
        self.shared.store.counts()
    }

    /// A person's letter, unlike any other's.
    pub(super) fn letter(&self, number: u32) -> Vec<u8> {
        String::from_utf8(MAIL.to_vec())
            .unwrap()
            .replace("home.example", &format!("h{number}.r{}.example", self.runs))
            .into_bytes()
    }

    /// Runs the intake over a server with two letters, and a third that comes in IDLE, until all has been at rest once
    /// more often than `prepare` plans.
    pub(super) async fn run(&mut self, prepare: impl FnOnce(&mut House)) -> Ended {
        self.runs += 1;
        // Each run is an hour of its own for the budget of replies.
        self.clock.wind(Duration::from_hours(2));
        let keeper = Keeper::start().await;
        let stop = CancellationToken::new();
        let shared = Shared {
            stop: stop.clone(),
            ..self.shared.clone()
        };
        {
            let mut house = keeper.house();
            // ... and for the floods of cases, which are counted when they come.
            let (days, hour) = (self.runs / 12, self.runs % 12 * 2);
            let (day, month) = (days % 28 + 1, days / 28 % 12);
            let year = 2001 + days / 28 / 12;
            house.date = format!("{day:02}-{}-{year} {hour:02}:00:00 +0000", MONTHS[month]);
            house.put("INBOX", &self.letter(1));
            house.put("INBOX", &self.letter(2));
            house.arrivals.push_back(self.letter(3));
            let (store, name) = (shared.store.clone(), self.name());
            house.leaving = Some(Box::new(move |uid| {
                let mail = MailRef {
                    mailbox: name.clone(),
                    uid_validity: keeper::VALIDITY,
                    uid,
                };
                let known = store.ledger(&mail).unwrap();
                assert!(known.is_some(), "{uid} left before its state was durable");
            }));
            prepare(&mut house);
            house.rests.push_back(Box::new(move |_| stop.cancel()));
        }
        let started = tokio::time::Instant::now();
        let intake = Intake::new(self.part(&keeper), shared);
        tokio::time::timeout(DAY, intake.run())
            .await
            .unwrap_or_else(|_| panic!("no end to it: {:?}", keeper.house().connections))
            .unwrap();
        let took = started.elapsed();
        Ended { keeper, took }
    }

    fn name(&self) -> String {
        format!("support{}", self.runs)
    }

    fn part(&self, keeper: &Keeper) -> IntakePart<ImapMailbox> {
        let settings = ImapSettings {
            host: "127.0.0.1".into(),
            port: keeper.port,
            tls: TlsMode::None,
            login: self.login.clone(),
            folder: "INBOX".into(),
            filing: FilingRules {
                answered: Some("Mailclerk/Answered".into()),
                forwarded: Some(TARGET.into()),
                quiet: Some("Mailclerk/Quiet".into()),
                quarantine: Some("Mailclerk/Quarantine".into()),
            },
            keyword: Some("$MailclerkDone".into()),
            idle: true,
            limits: ImapLimits::default(),
        };
        let mailbox = ImapMailbox::new(settings, self.tls.clone()).unwrap();
        let agent = |name: &str| Address::parse(&format!("{name}@agents.example")).unwrap();
        let queues = self.rules.queues();
        let queues = queues.iter().map(|name| Queue {
            name: (*name).to_owned(),
            agents: vec![agent(name)],
        });
        let key = self.shared.store.desk_key();
        let office = Office {
            mailbox: self.name(),
            address: Address::parse("support@credly.example").unwrap(),
            queues: queues.collect(),
            surroundings: Surroundings {
                loop_token: key.loop_token(),
                ..Surroundings::default()
            },
            key,
            keeping: Keeping::default(),
            roster: std::sync::Arc::default(),
            relay: crate::triage::relay::RelayRules::default(),
        };
        IntakePart {
            mailbox,
            rules: Arc::clone(&self.rules),
            office: Arc::new(office),
            poll_s: self.poll_s,
            first_start_age_s_max: 50 * 365 * 86_400,
            upkeep: Upkeep::default(),
        }
    }

    /// A run with some fault, after which each letter must have been handled once and be filed, in at most so many
    /// copies.
    pub(super) async fn survives(
        &mut self,
        fault: &str,
        copies_max: usize,
        prepare: impl FnOnce(&mut House),
    ) -> Ended {
        let before = self.counts();
        let ended = self.run(prepare).await;
        let after = self.counts();
        let counted = (
            after.ledger - before.ledger,
            after.tickets - before.tickets,
            after.waiting - before.waiting,
        );
        assert_eq!(
            counted,
            (3, 3, 6),
            "{fault}: one state, one case, one reply and one forward for each letter"
        );
        let house = ended.keeper.house();
        assert_eq!(house.mails("INBOX").len(), 0, "{fault}: not all is filed");
        let filed = house.mails(TARGET);
        for number in 1..=3 {
            let letter = self.letter(number);
            let copies = filed.values().filter(|mail| mail.raw == letter).count();
            assert!(
                (1..=copies_max).contains(&copies),
                "{fault}: {copies} copies of letter {number}"
            );
        }
        drop(house);
        ended
    }
}
