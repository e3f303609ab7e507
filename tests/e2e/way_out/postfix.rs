//! The way out through a Postfix that restarts, has no room for its queue, or bounces what it took.

use std::fs;
use std::time::Duration;
use std::time::SystemTime;

use super::MERGE;
use super::Row;
use super::bare;
use super::deliver;
use super::nudge;
use super::rows;
use crate::house::House;
use crate::house::mail;

/// Faults: F66 F78; holds I1 I2 I3 I10.
#[test]
fn a_postfix_that_restarts_in_the_middle_loses_nothing_and_gets_no_reply_twice() {
    let mut house = House::open();
    let writers = 15;
    for n in 0..writers {
        deliver(&mut house, n, 1);
        if n % 5 == 2 {
            house.servers.stop_postfix();
        }
        if n % 5 == 4 {
            house.servers.start_postfix().unwrap();
        }
    }
    let all = house.wait("everything to be settled", |house| {
        let all = nudge(house);
        let done = |r: &Row| r.state == "sent" || r.state == "parked";
        (all.len() == 2 * writers && all.iter().all(done)).then_some(all)
    });
    let agents: Vec<_> = ["ana@agents.example", "ben@agents.example"]
        .iter()
        .flat_map(|agent| {
            let n = all.iter().filter(|r| r.to == *agent).count();
            house.mails(agent, n)
        })
        .collect();
    for row in &all {
        if row.forward {
            assert_eq!(row.state, "sent", "{row:?}");
            let copies = agents
                .iter()
                .filter(|m| {
                    m.header("Message-ID")
                        .is_some_and(|id| bare(&id) == row.message_id)
                })
                .count();
            assert!((1..=3).contains(&copies), "{copies}: {row:?}");
        } else {
            let copies = house.servers.mails(&row.to, "INBOX").len();
            assert!(copies <= 1, "{copies}: {row:?}");
            assert!(
                row.state == "sent" || row.said.contains("in doubt"),
                "{row:?}"
            );
        }
    }
}

/// Faults: F67; holds I1 I2 I3 I10.
#[test]
fn a_postfix_without_room_for_its_queue_gets_every_mail_once_it_has() {
    let mut house = House::open();
    let main = house.servers.dir.join("postfix/main.cf");
    let good = fs::read_to_string(&main).unwrap();
    let change = |house: &House, text: &str| {
        house.servers.stop_postfix();
        fs::write(&main, text).unwrap();
        // Postfix waits until its files are two seconds old, in case an editor is still writing.
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        let file = fs::File::options().write(true).open(&main).unwrap();
        file.set_modified(hour_ago).unwrap();
        house.servers.start_postfix().unwrap();
    };
    // More than any disk has: what it says to each mail is what a full disk says.
    change(
        &house,
        &format!("{good}message_size_limit = 0\nqueue_minfree = 1000000000000000\n"),
    );
    deliver(&mut house, 0, 3);
    let all = house.wait("every mail to be put off", |house| {
        let all = rows(house)?;
        let full = |r: &Row| r.state == "waiting" && r.said.contains("452 4.3.1");
        (all.len() == 6 && all.iter().all(full)).then_some(all)
    });
    change(&house, &good);
    house.wait("everything to be sent", |house| {
        let all = nudge(house);
        all.iter().all(|r| r.state == "sent").then_some(())
    });
    for row in all.iter().filter(|r| !r.forward) {
        assert_eq!(house.mails(&row.to, 1).len(), 1, "{row:?}");
    }
    let forwards = ["ana@agents.example", "ben@agents.example"]
        .iter()
        .map(|agent| {
            let n = all.iter().filter(|r| r.to == *agent).count();
            house.mails(agent, n).len()
        })
        .sum::<usize>();
    assert_eq!(forwards, 3);
}

/// Faults: F80 F97; holds I1 I2 I3 I4.
#[test]
fn a_server_that_takes_all_and_bounces_later_costs_no_case_and_draws_no_reply() {
    let mut house = House::closed("");
    house.change_config("ana@agents.example", "gone@bounces.example");
    house.change_config("ben@agents.example", "gone2@bounces.example");
    house.start();
    // Both the reply and the forward are taken over by the server, and neither arrives.
    let who = "maria@bounces.example";
    house.deliver(
        &mail(who, "Two accounts", "two@bounces.example", "", MERGE),
        who,
    );
    let last = house.only_mail("lead@agents.example");
    assert!(
        last.text()
            .contains("gone2@bounces.example could not be delivered"),
        "{}",
        last.text()
    );
    let told = house.wait("the operator to be told of both", |house| {
        let log = house.log();
        let told = |l: &&String| l.contains("ERROR") && l.contains("a forward did not arrive");
        (log.iter().filter(told).count() == 2).then_some(log)
    });
    assert!(told.iter().all(|l| !l.contains("maria")), "{told:?}");
    let all = rows(&house).unwrap();
    let replies = all.iter().filter(|r| !r.forward).count();
    assert_eq!(
        (replies, all.len()),
        (1, 4),
        "one reply, and a forward to each agent: {all:?}"
    );
    assert!(all.iter().all(|r| r.state == "sent"), "{all:?}");
}
