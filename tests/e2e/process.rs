//! What may happen to the process: out of descriptors, unheard, stuck, frozen, without its password, restarted over and
//! over.

use std::fs;
use std::io::Read;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

pub(crate) const MERGE: &str = "I have two accounts, please merge them into one.";

/// A mail of a person, with more headers.
pub(crate) fn deliver(house: &mut House, from: &str, headers: &str) {
    let id = format!("{}.{from}", headers.len());
    let raw = mail(from, "Two accounts", &id, headers, MERGE);
    house.deliver(&raw, from);
}

/// Faults: F17; holds I1 I6 I10.
#[test]
fn without_descriptors_it_backs_off_and_goes_on_when_there_are_some_again() {
    let mut house = House::open();
    house.write("maria@home.example", "One", MERGE);
    let pid = house.pid();
    let open = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit = open() + 4;
    let limited = Command::new("prlimit")
        .args([format!("--pid={pid}"), format!("--nofile={limit}:8192")])
        .status();
    assert!(limited.unwrap().success());
    // Guests who stay, and say nothing: they take what is left.
    let mut guests: Vec<UnixStream> = Vec::new();
    house.wait("the descriptors to be gone", |h| {
        guests.extend(UnixStream::connect(h.path("control.sock")));
        h.log()
            .iter()
            .any(|l| l.contains("could not accept"))
            .then_some(())
    });
    house.servers.restart_dovecot();
    deliver(&mut house, "joe@home.example", "");
    let (lines, turns) = (house.log().len(), switches(pid));
    house.wait("some tries", |h| (h.log().len() >= lines + 4).then_some(()));
    // Each of them rests after a failure: far more turns than lines would be a spin.
    let turned = switches(pid) - turns;
    assert!(turned < 20_000, "{turned} turns for four lines");
    drop(guests);
    let relieved = Command::new("prlimit")
        .args([format!("--pid={pid}"), "--nofile=8192:8192".to_owned()])
        .status();
    assert!(relieved.unwrap().success());
    house.only_mail("joe@home.example");
    assert!(house.ask(&["status"]).unwrap()["running"] == true);
    assert_eq!(house.pid(), pid);
}

/// How often the process was given a processor, all threads together.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .flat_map(|text| {
            let counts: Vec<u64> = text
                .lines()
                .filter(|l| l.contains("ctxt_switches"))
                .filter_map(|l| l.split_whitespace().last()?.parse().ok())
                .collect();
            counts
        })
        .sum()
}

/// Faults: F18; holds I1 I6 I10.
#[test]
fn a_log_that_nobody_reads_holds_up_no_mail_and_no_stop() {
    let mut house = House::closed("");
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds.
    writer.write_all(&vec![b'\n'; 65_536]).unwrap();
    let mut daemon = house
        .cli(&["run"])
        .env_remove("JOURNAL_STREAM")
        .stderr(Stdio::from(writer))
        .spawn()
        .unwrap();
    deliver(&mut house, "maria@home.example", "");
    house.only_mail("maria@home.example");
    Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    // Whoever reads in the end finds what fitted in.
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    assert_eq!(log.trim(), "");
}

/// Faults: F24; holds I1 I3 I10.
#[test]
fn a_loop_that_hangs_is_not_fed_and_what_it_held_is_handled_after_the_restart() {
    let mut house = House::closed("");
    let socket = UnixDatagram::bind(house.path("notify.sock")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let notify = house.path("notify.sock").display().to_string();
    house.start_with(&[
        ("NOTIFY_SOCKET", &notify),
        ("WATCHDOG_USEC", "600000"),
        ("MAILCLERK_FAULTS", "/dev/null"),
        ("MAILCLERK_SILENCE", "intake:4"),
    ]);
    let fed = || {
        let mut buffer = [0; 4096];
        let mut fed = 0;
        while let Ok(n) = socket.recv(&mut buffer) {
            fed += usize::from(buffer[..n].windows(10).any(|w| w == b"WATCHDOG=1"));
        }
        fed
    };
    house.wait("a feeding", |_| (fed() > 0).then_some(()));
    deliver(
        &mut house,
        "maria@home.example",
        "X-Mailclerk-Fault: read stall\n",
    );
    house.wait("the hunger", |h| {
        h.log()
            .iter()
            .any(|l| l.contains("made no progress") && l.contains("intake support"))
            .then_some(())
    });
    fed();
    let complaints = |h: &House| {
        h.log()
            .iter()
            .filter(|l| l.contains("made no progress"))
            .count()
    };
    let before = complaints(&house);
    house.wait("more rounds of the timers", |h| {
        (complaints(h) > before + 3).then_some(())
    });
    assert_eq!(fed(), 0, "a daemon with a loop that hangs was fed");
    // systemd's watchdog does this.
    house.end("ABRT");
    house.start();
    house.only_mail("maria@home.example");
    assert_eq!(house.sent(), 2);
}

/// A stop does not wait for a thread that hangs over a mail.
/// Faults: F24; holds I1 I6.
#[test]
fn told_to_stop_with_a_thread_that_hangs_it_ends_in_its_time() {
    let mut house = House::closed("");
    let hold = house.path("in-hand");
    house.start_with(&[("MAILCLERK_FAULTS", &hold.display().to_string())]);
    deliver(
        &mut house,
        "maria@home.example",
        "X-Mailclerk-Fault: read stall\n",
    );
    house.wait("the mail to be in hand", |_| {
        fs::exists(&hold).unwrap().then_some(())
    });
    house.signal("TERM");
    let started = std::time::Instant::now();
    let status = loop {
        if let Some(status) = house.ended() {
            break status;
        }
        assert!(
            started.elapsed() < Duration::from_mins(2),
            "it does not end"
        );
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(0));
    house.start();
    house.only_mail("maria@home.example");
}

/// Faults: F20; holds I1 I3 I5 I10.
#[test]
fn frozen_while_the_server_went_away_it_renews_its_connection_and_looks_once() {
    let mut house = House::open();
    house.write("maria@home.example", "One", MERGE);
    house.signal("STOP");
    house.servers.restart_dovecot();
    for n in 0..3 {
        deliver(&mut house, &format!("joe{n}@home{n}.example"), "");
    }
    house.signal("CONT");
    house.handled();
    for n in 0..3 {
        house.only_mail(&format!("joe{n}@home{n}.example"));
    }
    assert_eq!(house.sent(), 8, "a reply and a forward for each of four");
    let opened = house.log().iter().filter(|l| l.contains(" open ")).count();
    assert_eq!(opened, 2, "{}", house.log().join("\n"));
}

/// Faults: F25 F1; holds I1 I2 I3 I5 I10.
#[test]
fn killed_twenty_times_right_after_its_start_it_sends_what_is_due_and_no_more() {
    let mut house = House::closed("");
    let writers = 5;
    for n in 0..writers {
        deliver(&mut house, &format!("writer{n}@home{n}.example"), "");
    }
    for _ in 0..20 {
        let lines = house.log().len();
        let command = house.cli(&["run"]);
        house.launch(command);
        house.wait("ready", |h| {
            h.log()[lines..]
                .iter()
                .any(|l| l.contains(" ready "))
                .then_some(())
        });
        house.end("KILL");
    }
    house.start();
    house.handled();
    // A mail that was in hand at two of the ends goes to a person unread, and its writer gets no answer.
    let sent = house.sent();
    assert!(
        (writers..=2 * writers).contains(&sent),
        "mails in the outbox, ever: {sent}"
    );
    for n in 0..writers {
        let who = format!("writer{n}@home{n}.example");
        assert!(house.servers.mails(&who, "INBOX").len() <= 1, "{who}");
    }
    let forwards: usize = [
        "ana@agents.example",
        "ben@agents.example",
        // Where mails go that nobody has read.
        "lead@agents.example",
    ]
    .iter()
    .map(|agent| house.servers.mails(agent, "INBOX").len())
    .sum();
    assert!(
        (writers..=writers + 20).contains(&forwards),
        "{forwards} forwards"
    );
    assert_eq!(house.servers.mails(DESK, "INBOX").len(), 0);
}

/// Faults: F23; holds I1 I7 I9 I10.
#[test]
fn a_password_that_is_missing_empty_or_wrong_is_told_without_its_words_and_the_next_login_uses_a_new_one()
 {
    let mut house = House::closed("");
    let put = |house: &House, words: &str| fs::write(house.path("password"), words).unwrap();
    let errors = |h: &House, word: &str| {
        h.log()
            .iter()
            .filter(|l| l.contains("ERROR") && l.contains(word))
            .count()
    };
    deliver(&mut house, "maria@home.example", "");
    fs::rename(house.path("password"), house.path("kept")).unwrap();
    let command = house.cli(&["run"]);
    house.launch(command);
    house.wait("the missing file", |h| {
        (errors(h, "create it") == 1).then_some(())
    });
    fs::rename(house.path("kept"), house.path("password")).unwrap();
    put(&house, "\n");
    house.signal("HUP");
    house.wait("the empty file", |h| {
        (errors(h, "is empty") == 1).then_some(())
    });
    put(&house, "wrong-word-of-pass\n");
    house.signal("HUP");
    house.wait("the refusal", |h| {
        (errors(h, "no mail is read") == 3).then_some(())
    });
    assert_eq!(house.sent(), 0);
    put(&house, "secret\n");
    house.signal("HUP");
    house.only_mail("maria@home.example");
    // Rotated while it runs: the next login reads it anew.
    put(&house, "secret");
    house.servers.restart_dovecot();
    house.write("joe@home.example", "Two", MERGE);
    let log = house.log().join("\n");
    assert!(
        !log.contains("wrong-word-of-pass") && !log.contains("secret\\n"),
        "{log}"
    );
}
