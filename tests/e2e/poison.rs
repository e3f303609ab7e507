//! Mails that break what handles them: by a panic, by the end of the process, by their size.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use crate::house::House;
use crate::house::mail;
use crate::process::MERGE;
use crate::process::deliver;

/// Faults: F4; holds I1 I6 I10.
#[test]
fn a_mail_over_which_the_clerk_panics_goes_to_a_person_and_the_next_one_flows() {
    let mut house = House::closed("");
    house.start_with(&[("MAILCLERK_FAULTS", "/dev/null")]);
    let pid = house.pid();
    for place in ["read", "decide", "compose"] {
        let from = format!("{place}@{place}.example");
        deliver(
            &mut house,
            &from,
            &format!("X-Mailclerk-Fault: {place} panic\n"),
        );
        let handled = house.handled();
        assert_eq!(handled.disposition(), "forward", "{place}");
        assert_eq!(
            house.sent_to(&from),
            0,
            "{place}: nobody is answered unread"
        );
        let after = house.write("maria@home.example", place, MERGE);
        assert_eq!(after.disposition(), "forward");
        let agent = house.ticket(handled.ticket())["agent"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(!house.mails(&agent, 1).is_empty(), "{place}");
    }
    assert_eq!(house.pid(), pid);
    assert_eq!(house.end("TERM"), Some(0));
}

/// Faults: F4; holds I1 I10.
#[test]
fn a_mail_over_which_the_clerk_stumbles_twice_is_read_the_third_time() {
    let mut house = House::closed("");
    house.start_with(&[("MAILCLERK_FAULTS", "/dev/null")]);
    deliver(
        &mut house,
        "maria@home.example",
        "X-Mailclerk-Fault: read stumble\n",
    );
    assert_eq!(house.handled().disposition(), "forward");
    assert_eq!(
        house.sent_to("maria@home.example"),
        1,
        "it was read, so its writer is answered"
    );
    let log = house.log().join("\n");
    assert!(
        log.contains("panicked") && !log.contains("gets it unread"),
        "{log}"
    );
    assert_eq!(house.end("TERM"), Some(0));
}

/// Starts the daemon again whenever it ends, as systemd does, until all mails are handled; returns how often.
fn until_handled(house: &mut House, mails: u64, command: impl Fn(&House) -> Command) -> usize {
    let mut ends = 0;
    house.launch(command(house));
    let started = std::time::Instant::now();
    loop {
        assert!(
            started.elapsed() < Duration::from_mins(3),
            "{}",
            house.log().join("\n")
        );
        if let Some(status) = house.ended() {
            assert_ne!(status.code(), Some(0));
            ends += 1;
            assert!(ends < 12, "a crash loop:\n{}", house.log().join("\n"));
            house.launch(command(house));
        }
        let status = house.ask(&["status"]);
        if status.is_some_and(|s| {
            s["mails"].as_u64() >= Some(mails) && s["outbox_waiting"] == 0 && s["running"] == true
        }) {
            return ends;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A reply that was on its way when the process ended is parked in doubt; else it has arrived. Never twice.
fn answered_or_parked(house: &House, writer: &str) {
    assert_eq!(house.sent_to(writer), 1, "{writer}");
    let outbox = house.ask(&["outbox", "list"]).unwrap();
    let parked = outbox
        .as_array()
        .unwrap()
        .iter()
        .any(|m| m["to"] == writer && m["state"] == "parked");
    if parked {
        assert!(house.servers.mails(writer, "INBOX").len() <= 1);
    } else {
        house.only_mail(writer);
    }
}

/// Faults: F4 F16 F25; holds I1 I3 I6 I10.
#[test]
fn a_mail_that_ends_the_process_each_time_goes_to_a_person_unread_and_the_crash_loop_ends() {
    let mut house = House::closed("");
    let fault = "X-Mailclerk-Fault: read abort\n";
    deliver(&mut house, "before@one.example", "");
    deliver(&mut house, "bad@two.example", fault);
    deliver(&mut house, "after@three.example", "");
    let faulty = |house: &House| {
        let mut command = house.cli(&["run"]);
        command.env("MAILCLERK_FAULTS", "/dev/null");
        command
    };
    let ends = until_handled(&mut house, 3, faulty);
    assert_eq!(ends, 4, "two together, two alone");
    assert!(
        house
            .log()
            .iter()
            .any(|l| l.contains("ERROR") && l.contains("each time it handled this mail"))
    );
    assert_eq!(house.sent_to("bad@two.example"), 0);
    for writer in ["before@one.example", "after@three.example"] {
        answered_or_parked(&house, writer);
    }
    let tickets = house.ask(&["tickets", "list"]).unwrap();
    assert_eq!(tickets.as_array().unwrap().len(), 3);
    assert_eq!(house.filed("Forwarded", 3).len(), 3);
    // All is well again: the next start is one like any other.
    assert_eq!(house.end("TERM"), Some(0));
    let lines = house.log().len();
    house.start_with(&[("MAILCLERK_FAULTS", "/dev/null")]);
    assert!(
        !house.log()[lines..]
            .iter()
            .any(|l| l.contains("one by one"))
    );
}

/// Faults: F16; holds I1 I6 I10.
#[test]
fn giant_mails_are_handled_with_little_memory() {
    let mut house = House::closed("");
    let giant = format!(
        "{}{}",
        mail(
            "giant@one.example",
            "Two accounts",
            "g@one.example",
            "",
            MERGE
        ),
        format!("{}\n", "x".repeat(76)).repeat(50 * 1024 * 1024 / 77)
    );
    let mut bomb = "From: bomb@two.example\nTo: support@credly.example\nSubject: Two accounts\nMessage-ID: <b@two.example>\nMIME-Version: 1.0\n".to_owned();
    for depth in 0..20_000 {
        write!(
            bomb,
            "Content-Type: multipart/mixed; boundary=\"b{depth}\"\n\n--b{depth}\n"
        )
        .unwrap();
    }
    for _ in 0..200_000 {
        bomb.push_str("Content-Type: text/plain\n\nx\n--b19999\n");
    }
    house.deliver(&giant, "giant@one.example");
    house.deliver(&bomb, "bomb@two.example");
    deliver(&mut house, "after@three.example", "");
    drop((giant, bomb));
    let small = |house: &House| {
        let daemon = house.cli(&["run"]);
        let mut command = Command::new("prlimit");
        command
            .arg("--data=300000000")
            .arg(daemon.get_program())
            .args(daemon.get_args());
        command
    };
    let ends = until_handled(&mut house, 3, small);
    assert_eq!(ends, 0, "{}", house.log().join("\n"));
    house.only_mail("after@three.example");
    let tickets = house.ask(&["tickets", "list"]).unwrap();
    assert_eq!(tickets.as_array().unwrap().len(), 2);
    let held = house.ask(&["quarantine", "list"]).unwrap();
    assert_eq!(
        held[0]["why"][0], "limits",
        "what is no mail any more is held: {held}"
    );
}

/// More than a start needs beside what an idle daemon has, and less than a mail of 24 MB, which is read whole.
const ROOM_BYTES: u64 = 25_000_000;

/// What an idle daemon has in memory that is its own: what the limit is on.
fn data_octets(house: &House) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmData:"));
    let kib = line.and_then(|l| l.trim().strip_suffix(" kB")).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Faults: F16; holds I1 I3 I6 I10.
#[test]
fn a_mail_for_which_there_is_not_enough_memory_goes_to_a_person_and_the_crash_loop_ends() {
    let mut house = House::open();
    let room = data_octets(&house) + ROOM_BYTES;
    assert_eq!(house.end("TERM"), Some(0));
    let giant = format!(
        "{}{}",
        mail(
            "giant@one.example",
            "Two accounts",
            "g@one.example",
            "",
            MERGE
        ),
        format!("{}\n", "x".repeat(76)).repeat(24_000_000 / 77)
    );
    house.deliver(&giant, "giant@one.example");
    deliver(&mut house, "after@three.example", "");
    drop(giant);
    let tiny = move |house: &House| {
        let daemon = house.cli(&["run"]);
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--data={room}"))
            .arg(daemon.get_program())
            .args(daemon.get_args());
        command
    };
    let ends = until_handled(&mut house, 2, tiny);
    assert!(ends > 0, "there was enough memory: this test tests nothing");
    // What there is room for depends on the machine; nothing is lost in any case.
    if house.sent_to("after@three.example") > 0 {
        answered_or_parked(&house, "after@three.example");
    }
    assert_eq!(house.sent_to("giant@one.example"), 0);
    assert_eq!(house.filed("Forwarded", 2).len(), 2);
    let tickets = house.ask(&["tickets", "list"]).unwrap();
    assert_eq!(tickets.as_array().unwrap().len(), 2);
}
