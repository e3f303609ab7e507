//! What must be on the disk when the world is touched, seen by looking at the disk at that very moment.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::clock::Timestamp;
use crate::daemon::Shared;
use crate::daemon::delivery::Delivery;
use crate::daemon::delivery::Route;
use crate::daemon::intake::Intake;
use crate::daemon::intake::IntakePart;
use crate::daemon::pulse::Pulses;
use crate::daemon::reconcile::Reconciling;
use crate::daemon::upkeep::Upkeep;
use crate::mailbox::Fetched;
use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::Woken;
use crate::message::address::Address;
use crate::message::id::MessageId;
use crate::message::parse::parse;
use crate::store::MailRef;
use crate::store::Stage;
use crate::store::Store;
use crate::store::StoreOptions;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::triage::Keeping;
use crate::triage::Office;
use crate::triage::Queue;
use crate::triage::delivery::Outcome;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::plan::Case;
use crate::triage::plan::Spent;
use crate::triage::plan::Step;
use crate::triage::screen::Surroundings;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketNumber;
use crate::triage::ticket::TicketState;

const MAIL: &[u8] = b"From: maria@home.example\r\nTo: support@credly.example\r\nSubject: Two accounts\r\nMessage-ID: <a@home.example>\r\n\r\nI have two accounts, please merge them into one.\r\n";

/// What a crash at this moment would leave: the state folder, copied and opened.
fn after_a_crash(state: &Path) -> (tempfile::TempDir, Store) {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(state, copy.path());
    let store = Store::open(copy.path(), StoreOptions::default()).unwrap();
    (copy, store)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A mailbox with one mail, which looks at the disk when it is told to file that mail away.
struct Watched {
    state: PathBuf,
    stop: CancellationToken,
    filed: Arc<Mutex<Vec<(u32, Filing)>>>,
}

impl Mailbox for Watched {
    async fn open(&mut self) -> Result<Opened, MailboxError> {
        Ok(Opened {
            uid_validity: 7,
            uid_next: Some(2),
            exists: 1,
        })
    }

    async fn list(&mut self, after: u32, _limit: usize) -> Result<Vec<Listed>, MailboxError> {
        // The same each time: another date would be another mail under an old UID.
        static RECEIVED: OnceLock<Timestamp> = OnceLock::new();
        let received = *RECEIVED.get_or_init(|| SystemClock.now());
        let mail = Listed {
            uid: 1,
            size: 200,
            received: Some(received),
            handled: false,
        };
        // What was filed away lies here no more.
        let here = after == 0 && self.filed.lock().unwrap().is_empty();
        Ok(if here { vec![mail] } else { Vec::new() })
    }

    async fn fetch(&mut self, wanted: &[Listed]) -> Result<Vec<Fetched>, MailboxError> {
        assert_eq!(wanted.len(), 1);
        Ok(vec![Fetched {
            uid: 1,
            raw: MAIL.to_vec(),
            truncated: false,
        }])
    }

    async fn file(&mut self, uids: &[(u32, Filing)]) -> Result<(), MailboxError> {
        let (_folder, store) = after_a_crash(&self.state);
        let mail = MailRef {
            mailbox: "support".to_owned(),
            uid_validity: 7,
            uid: 1,
        };
        assert!(
            store.ledger(&mail).unwrap().is_some(),
            "filed away before its plan was durable"
        );
        assert_eq!(store.counts().tickets, 1);
        assert_eq!(
            store.counts().waiting,
            2,
            "the letters must be durable as well"
        );
        self.filed.lock().unwrap().extend_from_slice(uids);
        Ok(())
    }

    async fn wait(&mut self, _poll_s: u64) -> Result<Woken, MailboxError> {
        self.stop.cancel();
        Ok(Woken::Poll)
    }

    async fn close(&mut self) {}
}

/// A way out that looks at the disk when it is given a mail.
struct Witness {
    state: PathBuf,
    stop: CancellationToken,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Transport for Witness {
    async fn send(&mut self, parcel: &Parcel) -> Outcome {
        let (_folder, store) = after_a_crash(&self.state);
        let leased = store
            .outbox(Some(Stage::Leased), 10, crate::store::Order::Oldest)
            .unwrap();
        assert!(
            leased.iter().any(|mail| mail.to == parcel.to),
            "a connection was opened for a mail that was not durably on its way"
        );
        let mut sent = self.sent.lock().unwrap();
        sent.push(parcel.to.to_string());
        if sent.len() == 2 {
            self.stop.cancel();
        }
        Outcome::Accepted("250 ok".to_owned())
    }

    async fn close(&mut self) {}

    fn brief(&self) -> &'static str {
        ""
    }
}

fn shared(state: &Path) -> Shared {
    Shared {
        store: Store::open(state, StoreOptions::default()).unwrap(),
        clock: Arc::new(SystemClock),
        outbox_news: Arc::new(tokio::sync::Notify::new()),
        resent: Arc::new(tokio::sync::Notify::new()),
        pulses: Pulses::default(),
        reconciling: Reconciling::default(),
        rekeyed: Arc::default(),
        stop: CancellationToken::new(),
    }
}

fn part<M>(mailbox: M, store: &Store) -> IntakePart<M> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let load = || Arc::new(crate::config::folder::load(Path::new(folder)).unwrap());
    let rules = Arc::clone(RULES.get_or_init(load));
    let agent = |name: &str| Address::parse(&format!("{name}@agents.example")).unwrap();
    let queues = rules
        .queues()
        .iter()
        .map(|name| Queue {
            name: (*name).to_owned(),
            agents: vec![agent(name)],
        })
        .collect();
    let key = store.desk_key();
    let office = Office {
        mailbox: "support".to_owned(),
        address: Address::parse("support@credly.example").unwrap(),
        queues,
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
        rules,
        office: Arc::new(office),
        poll_s: 1,
        first_start_age_s_max: 86_400,
        upkeep: Upkeep::default(),
    }
}

#[tokio::test]
async fn a_mail_is_filed_away_only_after_its_plan_is_durable() {
    let state = tempfile::tempdir().unwrap();
    let shared = shared(state.path());
    let filed = Arc::new(Mutex::new(Vec::new()));
    let mailbox = Watched {
        state: state.path().to_owned(),
        stop: shared.stop.clone(),
        filed: Arc::clone(&filed),
    };
    let part = part(mailbox, &shared.store);
    Intake::new(part, shared).run().await.unwrap();
    assert_eq!(*filed.lock().unwrap(), [(1, Filing::Forwarded)]);
}

#[tokio::test]
async fn nothing_leaves_that_is_not_durably_on_its_way_before_the_connection_is_used() {
    let state = tempfile::tempdir().unwrap();
    let shared = shared(state.path());
    let mailbox = Watched {
        state: state.path().to_owned(),
        stop: shared.stop.clone(),
        filed: Arc::default(),
    };
    let intake = part(mailbox, &shared.store);
    Intake::new(intake, shared.clone()).run().await.unwrap();
    let shared = Shared {
        stop: CancellationToken::new(),
        ..shared
    };
    let sent = Arc::new(Mutex::new(Vec::new()));
    let witness = Witness {
        state: state.path().to_owned(),
        stop: shared.stop.clone(),
        sent: Arc::clone(&sent),
    };
    let route = Route {
        mailbox: "support".to_owned(),
        transports: vec![witness],
    };
    Delivery::new(vec![route], shared.clone())
        .run()
        .await
        .unwrap();
    let mut sent = sent.lock().unwrap().clone();
    sent.sort();
    assert_eq!(sent, ["accounts@agents.example", "maria@home.example"]);
    assert_eq!(shared.store.counts().sent, 2);
}

#[tokio::test]
async fn a_generation_settles_what_an_earlier_one_left_on_its_way() {
    let state = tempfile::tempdir().unwrap();
    let shared = shared(state.path());
    let mailbox = Watched {
        state: state.path().to_owned(),
        stop: shared.stop.clone(),
        filed: Arc::default(),
    };
    let intake = part(mailbox, &shared.store);
    Intake::new(intake, shared.clone()).run().await.unwrap();
    let now = shared.clock.now();
    let taken = shared.store.lease(now, "support", 10).unwrap();
    assert_eq!((taken.mails.len(), shared.store.counts().leased), (2, 2));
    super::recover(&shared.store, now).await.unwrap();
    let counts = shared.store.counts();
    assert_eq!((counts.leased, counts.waiting, counts.parked), (0, 1, 1));
    let source = include_str!("mod.rs");
    let generation = source
        .split("async fn generation")
        .nth(1)
        .unwrap()
        .split("\nasync fn ")
        .next()
        .unwrap();
    assert!(
        generation.contains("recover(store, "),
        "every generation, not only the process, begins with it"
    );
}

/// Faults: F4; holds I7.
#[tokio::test]
async fn the_words_of_a_panic_are_in_no_error() {
    let panicked = tokio::spawn(async { panic!("Maria lost her badge") })
        .await
        .unwrap_err();
    assert!(!super::unexpected(&panicked).to_string().contains("Maria"));
    let work = || -> Result<(), crate::store::StoreError> { panic!("Maria lost her badge") };
    assert!(
        !super::blocking(work)
            .await
            .unwrap_err()
            .to_string()
            .contains("Maria")
    );
}

#[test]
fn systemd_waits_longer_than_the_loops_may_take_to_end() {
    let unit = include_str!("../../systemd/mailclerk.service");
    let stop_s: u64 = unit
        .lines()
        .find_map(|l| l.strip_prefix("TimeoutStopSec="))
        .unwrap()
        .parse()
        .unwrap();
    assert!(stop_s >= super::DRAIN_S_MAX + 10);
    assert!(super::delivery::PATIENCE.as_secs() + 5 <= super::DRAIN_S_MAX);
}

#[test]
fn a_ticket_that_had_its_replies_of_today_gets_no_more_and_its_mail_is_forwarded() {
    let state = tempfile::tempdir().unwrap();
    let shared = shared(state.path());
    let mailbox = Watched {
        state: state.path().to_owned(),
        stop: shared.stop.clone(),
        filed: Arc::default(),
    };
    let part = part(mailbox, &shared.store);
    let maria = Address::parse("maria@home.example").unwrap();
    let open = Ticket {
        number: TicketNumber(7),
        version: 1,
        state: TicketState::Answered {
            at: Timestamp(1_700_000_000),
        },
        mailbox: "support".to_owned(),
        subject: "Two accounts".to_owned(),
        participants: vec![maria],
        intents: Vec::new(),
        queue: None,
        language: "en".to_owned(),
        linked: None,
        opened: Timestamp(1_700_000_000),
        updated: Timestamp(1_700_000_000),
    };
    let ours = MessageId::try_from("ours@credly.example".to_owned()).unwrap();
    let raw = String::from_utf8(MAIL.to_vec())
        .unwrap()
        .replace("\r\n\r\n", "\r\nIn-Reply-To: <ours@credly.example>\r\n\r\n");
    let plan = |replies| {
        let case = Case {
            tickets: vec![open.clone()],
            by_id: vec![(ours.clone(), TicketNumber(7))],
            fresh: 8,
            spent: Spent {
                ticket_day: vec![(TicketNumber(7), replies)],
                ..Spent::default()
            },
            ..Case::default()
        };
        crate::triage::triage(
            parse(raw.as_bytes()),
            &case,
            &part.rules,
            &part.office,
            Timestamp(1_700_000_100),
        )
    };
    let purposes = |replies| {
        plan(replies)
            .letters
            .iter()
            .map(|l| l.purpose)
            .collect::<Vec<_>>()
    };
    let most = part.rules.desk.budget.ticket_day;
    let last = most - 1;
    assert!(matches!(plan(last).step, Step::Update(_)));
    assert!(purposes(last).contains(&Purpose::Reply) && purposes(last).contains(&Purpose::Forward));
    assert_eq!(purposes(most), [Purpose::Forward]);
    assert!(
        plan(most)
            .because
            .iter()
            .any(|b| b.rule == "R13" && b.says.contains("ticket"))
    );
}

mod bench;
mod broken_lines;
mod claims;
pub(super) mod hostile;
mod odd_mailboxes;
mod odd_servers;
mod quarantine;
mod reconcile;
mod server;
mod sim;
