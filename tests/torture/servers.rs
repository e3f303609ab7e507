//! The real program killed at random moments, with real Dovecot and Postfix, which are disturbed as well.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use crate::clerk::Clerk;
use crate::clerk::Desk;
use crate::dice::Dice;
use crate::mails;
use crate::mails::DESK;
use crate::mails::Kind;
use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;
use crate::support::servers::within;
use crate::tally::Asked;
use crate::tally::Tally;

/// Kills in the short run.
const KILLS: u64 = 6;

/// Faults: F1 F70; holds I1 I2 I3 I6 I10.
#[test]
fn servers_that_are_real_see_nothing_lost_and_no_second_reply_whenever_the_daemon_is_killed() {
    let asked = Asked::read();
    let servers = Servers::start();
    let clerk = clerk(&servers);
    let mut tally = Tally::new("servers", asked.seed);
    let mut dice = Dice::new(asked.seed);
    let mut kinds: BTreeMap<u64, Kind> = BTreeMap::new();
    while tally.kills < KILLS || asked.goes_on() && tally.kills < 1_000 {
        for _ in 0..=dice.below(3) {
            let (number, kind) = (
                kinds.len() as u64 + 1,
                *dice.pick(&[Kind::Case, Kind::LargeCase, Kind::Question, Kind::Machine]),
            );
            servers.deliver(&mails::raw(kind, number), &mails::writer(number), DESK);
            kinds.insert(number, kind);
        }
        let daemon = clerk.start(&[]);
        sleep(Duration::from_millis(dice.below(3_000)));
        if dice.one_in(6) {
            servers.restart_dovecot();
        }
        let ended = daemon.kill();
        tally.kills += 1;
        if ended.panicked() {
            tally.panics += 1;
            tally.complain(ended.words());
        }
    }
    rest(&servers, &clerk, kinds.len());
    judge(&servers, &clerk, &kinds, &mut tally);
    tally.end();
}

fn clerk(servers: &Servers) -> Clerk {
    let (ca, imap, smtp) = (servers.ca_file(), servers.ports.imaps, servers.ports.smtp);
    let ca = ca.display();
    Clerk::with_config(
        Desk::Light,
        &format!(
            r#"[mailbox.support]
address = "{DESK}"
authserv_id = "mx.credly.example"
[mailbox.support.imap]
host = "127.0.0.1"
port = {imap}
user = "{DESK}"
password = {{ file = "password" }}
ca_file = "{ca}"
poll = "2s"
[mailbox.support.smtp]
host = "127.0.0.1"
port = {smtp}
tls = "starttls"
ca_file = "{ca}""#
        ),
    )
}

/// A last daemon does all that is left to do.
fn rest(servers: &Servers, clerk: &Clerk, mails: usize) {
    let daemon = clerk.start(&[]);
    let done = within(DEADLINE * 2, || {
        servers.flush_postfix();
        let inbox = servers.mails(DESK, "INBOX").len();
        inbox == 0 && clerk.has_nothing_to_send()
    });
    let ended = daemon.stop();
    assert!(done, "{mails} mails do not come to rest; {}", ended.words());
    assert_eq!(ended.status.code(), Some(0), "{}", ended.words());
}

fn judge(servers: &Servers, clerk: &Clerk, kinds: &BTreeMap<u64, Kind>, tally: &mut Tally) {
    tally.mails = kinds.len() as u64;
    let ledger = clerk.ask(&["ledger", "list", "--limit", "10000"]);
    let states = ledger.as_array().unwrap().len();
    if states != kinds.len() {
        tally.shortenings += 1;
        tally.complain(format!("{} mails, {states} states", kinds.len()));
    }
    let outbox = clerk.ask(&["outbox", "list", "--all", "--limit", "10000"]);
    let outbox = outbox.as_array().unwrap();
    let sent_to = |who: &str, state: &str| {
        let all = outbox.iter();
        all.filter(|m| m["to"] == who && m["state"] == state)
            .count()
    };
    let forwards = forwards(servers, kinds);
    tally.extra_forwards = forwards.values().map(|n| n.saturating_sub(1)).sum();
    for (number, kind) in kinds {
        let writer = mails::writer(*number);
        let told = sent_to(&writer, "sent");
        // What Postfix has taken over comes in a moment.
        let mut replies = 0;
        within(DEADLINE, || {
            servers.flush_postfix();
            replies = servers.mails(&writer, "INBOX").len();
            replies >= told
        });
        if replies > 1 {
            tally.second_replies += 1;
            tally.complain(format!("mail {number} was answered {replies} times"));
        }
        let answered = replies == 1 || sent_to(&writer, "parked") == 1;
        let forwarded = forwards.get(number).copied().unwrap_or(0);
        let well = match kind {
            Kind::Machine => replies == 0 && forwarded == 0,
            Kind::Question => answered && forwarded == 0,
            _ => answered && forwarded > 0,
        };
        if !well {
            tally.lost += 1;
            tally.complain(format!(
                "mail {number} ({kind:?}): {replies} replies, {forwarded} forwards"
            ));
        }
    }
}

/// How many forwards the agents got of each mail, once all cases are there.
fn forwards(servers: &Servers, kinds: &BTreeMap<u64, Kind>) -> BTreeMap<u64, u64> {
    let cases = kinds.values().filter(|kind| kind.is_case()).count();
    let mut found: BTreeMap<u64, u64> = BTreeMap::new();
    within(DEADLINE, || {
        servers.flush_postfix();
        found.clear();
        for agent in ["ana", "ben", "cleo", "lead"] {
            for mail in servers.mails(&format!("{agent}@{}", mails::AGENTS), "INBOX") {
                let number = mails::number_in(&mail.raw).unwrap();
                *found.entry(number).or_default() += 1;
            }
        }
        found.len() >= cases
    });
    found
}
