//! The store, empty and with a million tickets: commits against the disk's own syncs, starts, memory, mails a second.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use mailclerk::clock::Timestamp;
use mailclerk::mailbox::Filing;
use mailclerk::message::address::Address;
use mailclerk::message::id::MessageId;
use mailclerk::store::Entry;
use mailclerk::store::MailRef;
use mailclerk::store::Store;
use mailclerk::store::StoreOptions;
use mailclerk::triage::Because;
use mailclerk::triage::Disposition;
use mailclerk::triage::plan::Plan;
use mailclerk::triage::plan::Step;
use mailclerk::triage::ticket::Ticket;
use mailclerk::triage::ticket::TicketEvent;
use mailclerk::triage::ticket::TicketNumber;
use mailclerk::triage::ticket::TicketState;

use crate::desk::Desk;
use crate::desk::Pool;
use crate::end_to_end::over;
use crate::letters::Writers;
use crate::number;
use crate::sink::Sink;
use crate::support::servers::Servers;
use crate::table::Table;
use crate::thinking::Judge;

/// Tickets by one commit while the store is filled.
const FILL: u64 = 250;
/// Tickets by one commit where sets are measured.
const SET: u64 = 64;
/// The time of the run: a desk that finds its newest record weeks old doubts the clock, and answers nobody.
static NOW: LazyLock<Timestamp> = LazyLock::new(|| {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(passed.as_secs()).unwrap())
});

pub(crate) fn run(table: &mut Table) {
    let most = number("TICKETS", 1_000_000);
    let servers = Servers::start();
    let sink = Sink::start();
    let mails = (number("COUNT", 10_000) / 5).max(200) as usize;
    let mut writers = Writers::new(number("SEED", 1) + 3);
    let judge = Judge::new();
    let pool = Pool::new(&servers, (0..mails).map(|_| judge.take(&mut writers)));
    let mut empty_rate = None;
    for tickets in [0, most / 10, most] {
        let user = format!("store{tickets}@credly.example");
        let mut desk = Desk::new(&servers, &user, sink.port, "first_start_age_max = \"365d\"");
        let state = desk.state();
        fill(&state, tickets);
        commits(table, &state, tickets);
        for (what, bar) in [
            ("the first", "-"),
            ("the next", if tickets == most { "≤ 1 s" } else { "-" }),
        ] {
            let ready = desk.start();
            let cost = desk.cost();
            desk.stop();
            table.row(
                &format!("{what} start with {tickets} tickets, to ready"),
                format!("{ready:.2} s"),
                "-".into(),
                "-".into(),
                bar,
            );
            table.row(
                &format!("memory at {what} start with {tickets} tickets: now, at most"),
                format!("{:.0}, {:.0} MiB", cost.rss_mib, cost.peak_mib),
                "-".into(),
                "-".into(),
                if tickets == most { "≤ 160 MiB" } else { "-" },
            );
        }
        pool.fill(&servers, &user);
        sink.clear();
        let done = over(&servers, &sink, &mut desk, &user, mails);
        let rate = mails as f64 / done.seconds;
        let first = *empty_rate.get_or_insert(rate);
        table.row(
            &format!("{mails} mails end to end with {tickets} tickets: against an empty store"),
            format!("{rate:.0}/s"),
            format!("{first:.0}/s"),
            format!("{:.2}", rate / first),
            if tickets == most { "≥ 0.95" } else { "-" },
        );
    }
}

/// Commits in sets and one by one, against syncs of a page of a file in the same folder.
fn commits(table: &mut Table, state: &Path, tickets: u64) {
    let floor = syncs(state);
    let began = Instant::now();
    let store = Store::open(state, StoreOptions::default()).unwrap();
    eprintln!(
        "the library opened {tickets} tickets in {:.2} s",
        began.elapsed().as_secs_f64()
    );
    let first = tickets + 1;
    let began = Instant::now();
    for set in 0..100 {
        put(&store, first + set * SET..first + (set + 1) * SET);
    }
    let sets = 100.0 / began.elapsed().as_secs_f64();
    let first = first + 100 * SET;
    let began = Instant::now();
    for one in 0..100 {
        put(&store, first + one..first + one + 1);
    }
    let ones = 100.0 / began.elapsed().as_secs_f64();
    table.row(
        &format!("commits with {tickets} tickets: against syncs of the disk"),
        format!(
            "{ones:.0}/s alone, {:.0} tickets/s in sets of {SET}",
            sets * SET as f64
        ),
        format!("{floor:.0}/s"),
        format!("{:.2} and {:.2}", ones / floor, sets * SET as f64 / floor),
        "-",
    );
}

/// How often a second the disk makes a page of a file durable.
fn syncs(folder: &Path) -> f64 {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("bench-syncs");
    let mut file = File::create(&path).unwrap();
    let began = Instant::now();
    for _ in 0..300 {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    let rate = 300.0 / began.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}

fn fill(state: &Path, tickets: u64) {
    if tickets == 0 {
        return;
    }
    let began = Instant::now();
    let store = Store::open(state, StoreOptions::default()).unwrap();
    let mut next = 1;
    while next <= tickets {
        let end = (next + FILL).min(tickets + 1);
        put(&store, next..end);
        next = end;
    }
    drop(store);
    eprintln!(
        "{tickets} tickets put there in {:.0} s",
        began.elapsed().as_secs_f64()
    );
}

fn put(store: &Store, numbers: std::ops::Range<u64>) {
    let mut group = store.group();
    for number in numbers {
        group.add(entry(number), *NOW).unwrap();
    }
    group.commit().unwrap();
}

/// A case with what a case has: about a kilobyte over all records.
fn entry(number: u64) -> Entry {
    let address = |text: &str| Address::parse(text).unwrap();
    let writer = address(&format!("robin.{number}@d{number}.example"));
    let agent = address("ana@agents.example");
    let mut digest = [3; 32];
    digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let because = |rule: &str| Because {
        stage: "classify",
        rule: rule.to_owned(),
        says: "The address of the account cannot be read any more.".to_owned(),
        matched: "my old work email".to_owned(),
    };
    Entry {
        mail: MailRef {
            // Of another mailbox than the one that is watched: its mails are no business of a reconciliation.
            mailbox: "past".to_owned(),
            uid_validity: 1,
            uid: u32::try_from(number).unwrap(),
        },
        digest,
        message_id: MessageId::parse(&format!("m{number:016x}@d{number}.example")).ok(),
        sender: Some(writer.clone()),
        received: *NOW,
        filing: Filing::Forwarded,
        plan: Plan {
            screening: "person",
            disposition: Disposition::Forward,
            intents: vec!["account-access".to_owned()],
            audience: None,
            language: "en".to_owned(),
            queue: Some("accounts".to_owned()),
            step: Step::Open(Ticket {
                number: TicketNumber(number),
                version: 0,
                state: TicketState::WithAgent { agent, since: *NOW },
                mailbox: "past".to_owned(),
                subject: "Cannot get into my account any more".to_owned(),
                participants: vec![writer],
                intents: vec!["account-access".to_owned()],
                queue: Some("accounts".to_owned()),
                language: "en".to_owned(),
                linked: None,
                opened: *NOW,
                updated: *NOW,
            }),
            letters: Vec::new(),
            because: vec![because("dead-address"), because("left-and-locked-out")],
            writer: None,
            deeds: mailclerk::triage::relay::Deeds::default(),
            beside: mailclerk::triage::plan::Beside::default(),
        },
        outgoing: Vec::new(),
        events: vec![TicketEvent {
            at: *NOW,
            kind: "opened".to_owned(),
            note: "a person wrote: account-access".to_owned(),
        }],
    }
}
