//! Agents' time: who gets a case, who is reminded of it, who is told in the morning.

mod given;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::house::House;
use crate::support::imap::Stored;

const MERGE: &str = "I have two accounts, please merge them into one.";
const ANA: &str = "ana@agents.example";
const BEN: &str = "ben@agents.example";
const LEA: &str = "lea@agents.example";
const MARIA: &str = "maria@home.example";
const ACCOUNTS: &str = "agents = [\"ana@agents.example\", \"ben@agents.example\"]\n";

/// A desk whose queue of accounts has these lines besides.
fn desk(lines: &str) -> House {
    let house = House::closed("");
    house.change_config(ACCOUNTS, &format!("{ACCOUNTS}lead = \"{LEA}\"\n{lines}\n"));
    house
}

/// The kinds of a ticket's events.
fn kinds(house: &House, ticket: u64) -> Vec<String> {
    let ticket = house.ticket(ticket);
    let events = ticket["events"].as_array().unwrap();
    events
        .iter()
        .map(|e| e["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until something of that kind happened on a ticket.
fn until(house: &House, ticket: u64, kind: &str) {
    house.wait(kind, |house| {
        kinds(house, ticket)
            .contains(&kind.to_owned())
            .then_some(())
    });
}

/// The one of somebody's mails whose subject begins so.
fn with_subject(house: &House, who: &str, begins: &str) -> Stored {
    house.wait(begins, |house| {
        let mails = house.servers.mails(who, "INBOX");
        mails.into_iter().find(|m| m.subject().starts_with(begins))
    })
}

/// How many of somebody's mails have a subject that begins so.
fn count(house: &House, who: &str, begins: &str) -> usize {
    let mails = house.servers.mails(who, "INBOX");
    mails
        .iter()
        .filter(|m| m.subject().starts_with(begins))
        .count()
}

/// Waits until the daemon has died.
fn died(house: &mut House) {
    for _ in 0..1_200 {
        if house.ended().is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not die; its log:\n{}", house.log().join("\n"));
}

/// Ana does not answer. She is reminded, in the conversation that she has of the case; then Lea hears of it. The daemon
/// dies as it fires: before, and after. Each mail comes once.
///
/// Faults: F1; holds I1 I2.
#[test]
fn who_does_not_answer_is_reminded_once_and_then_the_lead_is_told_though_the_daemon_dies_at_it() {
    let mut house = desk("remind = \"3s\"\nescalate = \"40s\"");
    // The first firing only works out when the reminder is due.
    house.start_with(&[("MAILCLERK_DIE_AT", "agenda-firing:2")]);
    house.deliver(
        &crate::house::mail(MARIA, "Two accounts", "two@home.example", "", MERGE),
        MARIA,
    );
    died(&mut house);
    // The reminder is late by now: it is the first thing that this one does.
    let mut next = house.cli(&["run"]);
    next.env("MAILCLERK_DIE_AT", "agenda-fired:1");
    house.launch(next);
    died(&mut house);
    house.start();
    until(&house, 1, "reminded");
    let reminder = with_subject(&house, ANA, "Reminder: Two accounts [#1 ");
    let forward = with_subject(&house, ANA, "merge-accounts: Two accounts");
    assert_eq!(
        reminder.header("References"),
        forward.header("References"),
        "one conversation"
    );
    let to = reminder.header("Reply-To").unwrap();
    assert!(
        to.starts_with("support+1-") && !to.contains("maria"),
        "{to}"
    );
    assert!(
        reminder.text().starts_with(
            "===== Your answer goes above this line =====\nTicket #1 has been with you for "
        ),
        "{}",
        reminder.text()
    );
    assert!(
        !reminder.text().contains("please merge"),
        "{}",
        reminder.text()
    );
    until(&house, 1, "escalated");
    let told = with_subject(&house, LEA, "Still unanswered: Two accounts [#1 ");
    assert!(
        told.text().contains("with ana@agents.example for "),
        "{}",
        told.text()
    );
    assert_eq!(told.header("Reply-To"), None, "its answer comes back");
    assert_eq!(told.header("References"), None);
    house.end("TERM");
    house.start();
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(
        (count(&house, ANA, "Reminder"), count(&house, LEA, "Still")),
        (1, 1)
    );
    assert_eq!(house.ask(&["status"]).unwrap()["outbox_parked"], 0);
}

/// Ana has two cases that wait, Ben has answered his: the next is his, though it would be her turn.
#[test]
fn the_next_case_goes_to_whoever_has_the_fewest() {
    let mut house = desk("assign = \"least-loaded\"");
    house.start();
    let one = house.write("a@one.example", "Two accounts", MERGE).ticket();
    let two = house.write("b@two.example", "Two accounts", MERGE).ticket();
    let agent = |house: &House, ticket| house.ticket(ticket)["agent"].as_str().unwrap().to_owned();
    assert_eq!(
        (agent(&house, one), agent(&house, two)),
        (ANA.to_owned(), BEN.to_owned())
    );
    let three = house
        .write("c@three.example", "Two accounts", MERGE)
        .ticket();
    assert_eq!(agent(&house, three), ANA);
    // An operator gives Ana's first to Ben: now he has two.
    house
        .ask(&["tickets", "assign", &one.to_string(), BEN])
        .unwrap();
    for (n, expected) in [ANA, ANA, BEN].iter().enumerate() {
        // Ana 1, Ben 2; Ana 2, Ben 2, and Ana's turn or Ben's by the count; in the end three each.
        let from = format!("d{n}@four{n}.example");
        let ticket = house.write(&from, "Two accounts", MERGE).ticket();
        if n == 0 {
            assert_eq!(agent(&house, ticket), *expected);
        }
    }
    let said = house.ask(&["agents", "list"]).unwrap();
    let open = |who: &str| {
        let rows = said.as_array().unwrap();
        rows.iter().find(|r| r["agent"] == who).unwrap()["open"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((open(ANA), open(BEN)), (3, 3), "{said}");
}

fn row(house: &House, agent: &str) -> Value {
    let said = house.ask(&["agents", "list"]).unwrap();
    let rows = said.as_array().unwrap();
    rows.iter().find(|r| r["agent"] == agent).unwrap().clone()
}

/// Ana goes on holiday. Her ticket goes to Ben as its person writes; new ones pass her by; then she is back.
#[test]
fn an_agent_who_is_away_gets_no_case_and_the_ones_she_has_go_on_when_their_people_write() {
    let mut house = desk("");
    house.start();
    let first = house.write(MARIA, "Two accounts", MERGE).ticket();
    assert_eq!(house.ticket(first)["agent"], ANA);
    let refused = house
        .cli(&[
            "agents",
            "away",
            "zoe@agents.example",
            "until",
            "2099-01-01",
        ])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let past = house
        .cli(&["agents", "away", ANA, "until", "2020-01-01"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&past.stderr).contains("is past"),
        "{past:?}"
    );
    house
        .ask(&["agents", "away", ANA, "until", "2035-12-01"])
        .unwrap();
    // Said, and not forgotten by a kill.
    house.end("KILL");
    house.start();
    assert_eq!(row(&house, ANA)["away_until"], "2035-12-01");
    assert_eq!(row(&house, ANA)["queue"][0], "accounts");
    let second = house.write("b@two.example", "Two accounts", MERGE).ticket();
    let third = house
        .write("c@three.example", "Two accounts", MERGE)
        .ticket();
    for ticket in [second, third] {
        assert_eq!(house.ticket(ticket)["agent"], BEN);
    }
    assert_eq!(house.sent_to(ANA), 1);
    let ack = house.only_mail(MARIA);
    house.answer(
        MARIA,
        &ack,
        "The second address is maria@work.example, please merge it.",
    );
    assert_eq!(house.ticket(first)["agent"], BEN);
    house.wait("Ben to read why", |house| {
        let mails = house.servers.mails(BEN, "INBOX");
        let says = |m: &Stored| m.text().contains("the agent who has the ticket is away");
        mails.iter().any(says).then_some(())
    });
    house.ask(&["agents", "back", ANA]).unwrap();
    assert_eq!(row(&house, ANA)["away_until"], Value::Null);
    let fourth = house
        .write("d@four.example", "Two accounts", MERGE)
        .ticket();
    let fifth = house
        .write("e@five.example", "Two accounts", MERGE)
        .ticket();
    let agents = [fourth, fifth].map(|t| house.ticket(t)["agent"].clone());
    assert!(agents.contains(&ANA.into()), "{agents:?}");
}

/// Both agents are away by the config: their lead gets the case, and the log says so.
#[test]
fn where_everybody_is_away_the_lead_gets_the_case_and_the_operator_reads_of_it() {
    let mut house = desk("");
    let away = |who: &str| format!("[agent.\"{who}\"]\naway = [\"2020-01-01..2099-12-31\"]\n");
    house.change_config("[control]", &format!("{}{}[control]", away(ANA), away(BEN)));
    house.start();
    let ticket = house.write(MARIA, "Two accounts", MERGE).ticket();
    assert_eq!(house.ticket(ticket)["agent"], LEA);
    let forward = house.only_mail(LEA);
    assert!(
        forward.text().contains("all agents of the queue are away"),
        "{}",
        forward.text()
    );
    house.wait("a word in the log", |house| {
        let warned =
            |l: &String| l.contains("WARN") && l.contains("all agents of the queue are away");
        house.log().iter().any(warned).then_some(())
    });
    house.only_mail(MARIA);
    assert_eq!((house.sent_to(ANA), house.sent_to(BEN)), (0, 0));
}

/// Two cases rest. Of one the person writes, and it is awake at once; of the other the time comes, and Ana is told.
#[test]
fn a_ticket_rests_until_its_person_writes_or_its_time_comes() {
    let mut house = desk("remind = \"1h\"");
    house.start();
    let first = house.write(MARIA, "Two accounts", MERGE).ticket();
    house.write("b@two.example", "Two accounts", MERGE);
    let second = house
        .write("c@three.example", "Three accounts", MERGE)
        .ticket();
    assert_eq!(house.ticket(second)["agent"], ANA);
    house
        .ask(&["tickets", "snooze", &first.to_string(), "6s"])
        .unwrap();
    house
        .ask(&["tickets", "snooze", &second.to_string(), "6s"])
        .unwrap();
    let ack = house.only_mail(MARIA);
    house.answer(
        MARIA,
        &ack,
        "The second address is maria@work.example, please merge it.",
    );
    until(&house, second, "woken");
    let woken = with_subject(&house, ANA, "Back from snooze: Three accounts");
    assert!(
        woken.text().contains("was to rest until now"),
        "{}",
        woken.text()
    );
    house.end("KILL");
    house.start();
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(
        count(&house, ANA, "Back from snooze"),
        1,
        "the first woke by the person's mail"
    );
    assert!(!kinds(&house, first).contains(&"woken".to_owned()));
    let refused = house
        .cli(&["tickets", "snooze", "999", "3d"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("no ticket #999"),
        "{refused:?}"
    );
}

/// The time of day so many minutes from now, in UTC.
fn in_minutes(minutes: i64) -> String {
    let said = Command::new("date")
        .args(["-u", "-d", &format!("+{minutes} minutes"), "+%H:%M"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Lea reads one digest in the morning, with its picture; a daemon that is killed and starts again sends no second.
#[test]
fn the_lead_gets_one_digest_with_its_picture_and_none_again_after_a_restart() {
    let mut house = desk("");
    let at = in_minutes(1);
    house.change_config("[control]", &format!("[digest]\nat = \"{at}\"\n[control]"));
    house.start();
    house.write(MARIA, "Two accounts", MERGE);
    let mut digest = None;
    for _ in 0..1_800 {
        let found = house
            .servers
            .mails(LEA, "INBOX")
            .into_iter()
            .find(|m| m.subject().starts_with("Queue accounts:"));
        if found.is_some() {
            digest = found;
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let digest = digest.unwrap_or_else(|| panic!("no digest at {at}:\n{}", house.log().join("\n")));
    assert_eq!(
        digest.subject(),
        "Queue accounts: 1 ticket waiting, 0 new",
        "yesterday is told of, not today"
    );
    let text = digest.text();
    assert!(
        text.contains("#1 ")
            && text.contains("Two accounts")
            && text.contains("The last seven days"),
        "{text}"
    );
    let raw = String::from_utf8_lossy(&digest.raw).into_owned();
    assert!(
        raw.contains("multipart/alternative") && raw.contains("multipart/related"),
        "{raw}"
    );
    let id = raw
        .split("Content-ID: <")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    let unfolded = raw.replace("=\r\n", "");
    assert!(unfolded.contains(&format!("cid:{id}")), "{raw}");
    let png = raw.split(&format!("Content-ID: <{id}>")).nth(1).unwrap();
    assert!(png.contains("iVBORw0KGgo"), "a PNG: {png}");
    house.end("KILL");
    house.start();
    house.write("b@two.example", "Two accounts", MERGE);
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(count(&house, LEA, "Queue accounts:"), 1);
    assert_eq!(house.ask(&["status"]).unwrap()["outbox_parked"], 0);
}
