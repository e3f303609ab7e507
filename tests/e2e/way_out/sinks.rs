//! The way out through Postfix's own test server, which fails on demand in every way.

use std::collections::BTreeMap;
use std::fs;
use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use super::Row;
use super::bare;
use super::deliver;
use super::lead;
use super::nudge;
use crate::house::House;
use crate::support::postfix::Programs;
use crate::support::process::is_root;

/// Postfix's own test server, with its switches for faults; ends when dropped.
struct Sink {
    child: Child,
}

impl Sink {
    /// Starts one on `port` that writes each mail it gets to the end of into a file of `folder`.
    fn start(port: u16, folder: &PathBuf, faults: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        let programs =
            Programs::find().expect("Postfix is not installed; run tests/servers/install.sh");
        let installed = programs.command().with_file_name("smtp-sink");
        let mut command = Command::new(installed);
        if let Some(libraries) = programs.libraries() {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command
            .arg("-d")
            .arg(folder.join("mail."))
            .args(faults)
            .arg(format!("127.0.0.1:{port}"))
            .arg("50")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Message-IDs of the mails that sinks wrote into a folder, each as often as it came whole.
fn dumped(folder: &PathBuf) -> Vec<String> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        // A sink that was killed in the middle of one leaves its beginning.
        if text.ends_with("\n\n") {
            let id = text.lines().find_map(|l| l.strip_prefix("Message-ID: "));
            ids.push(bare(id.expect("a mail of ours has a Message-ID")));
        }
    }
    ids
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Sinks by their faults, and whether one that gets a mail to its end may have taken it over.
const FAULTS: [(&[&str], bool); 16] = [
    (&["-q", "."], true),
    (&["-r", "RCPT"], true),
    (&["-Q", "."], false),
    (&["-W", ".:1:50"], true),
    (&["-q", "CONNECT"], true),
    (&["-r", "."], false),
    (&["-q", ".", "-W", "RCPT:1:30"], true),
    (&["-Q", "CONNECT"], true),
    (&["-f", "MAIL"], true),
    (&["-q", "DATA"], true),
    (&["-Q", "MAIL"], true),
    (&["-f", "."], false),
    (&["-r", "EHLO"], true),
    (&["-A", "0"], true),
    (&["-q", "RCPT", "-w", "1"], true),
    (&["-Q", "DATA"], true),
];

/// Faults: F66 F67 F68 F69 F72 F78; holds I1 I2 I3 I10.
#[test]
fn through_sinks_that_fail_in_every_way_each_case_arrives_and_no_reply_goes_twice() {
    let mut house = House::closed("");
    // All write the same, and more than have a budget for it.
    house.change_rules(|text| {
        text.replace("text_hour = 20", "text_hour = 1000")
            .replace("text_cases_hour = 30", "text_cases_hour = 1000")
    });
    let port = free_port();
    lead(&house, port);
    house.start();
    let writers = 2 * FAULTS.len();
    let (taken, refused) = (house.path("taken"), house.path("refused"));
    fs::create_dir_all(&refused).unwrap();
    for (n, (faults, takes)) in FAULTS.iter().enumerate() {
        let sink = Sink::start(port, if *takes { &taken } else { &refused }, faults);
        deliver(&mut house, 2 * n, 2);
        // Some time for this fault, and none at all for the sink to end its sessions.
        for _ in 0..2 {
            nudge(&house);
            std::thread::sleep(Duration::from_millis(300));
        }
        drop(sink);
    }
    let _sink = Sink::start(port, &taken, &[]);
    let all = house.wait("everything to be settled", |house| {
        let all = nudge(house);
        let done = |r: &Row| r.state == "sent" || r.state == "parked";
        (all.len() == 2 * writers && all.iter().all(done)).then_some(all)
    });
    // A forward that was refused for good is an operator's decision, who sends it again.
    for row in all.iter().filter(|r| r.forward && r.state == "parked") {
        assert!(row.said.contains("refused for good"), "{row:?}");
        let word = format!("mailclerk outbox resend {}`", row.id);
        assert!(
            house
                .log()
                .iter()
                .any(|l| l.contains("ERROR") && l.contains(&word)),
            "{row:?}"
        );
        house
            .ask(&["outbox", "resend", &row.id.to_string()])
            .unwrap();
    }
    let all = house.wait("the last forwards to go", |house| {
        let all = nudge(house);
        all.iter()
            .all(|r| !r.forward || r.state == "sent")
            .then_some(all)
    });
    house.end("TERM");
    judge(&all, &dumped(&taken), &house.log());
    assert_eq!(house.filed("Forwarded", writers).len(), writers);
}

/// Every copy of every mail that may have been taken over must be one that the rules allow.
fn judge(all: &[Row], taken: &[String], log: &[String]) {
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for id in taken {
        *copies.entry(id).or_default() += 1;
    }
    for row in all {
        let copies = copies.remove(row.message_id.as_str()).unwrap_or_default();
        if row.forward {
            // The log tells of each time that nobody could know whether it was taken over.
            let id = format!(" id={} ", row.id);
            let doubts = log
                .iter()
                .filter(|l| {
                    l.contains(&id) && l.contains("tried again") && l.contains("at the final dot")
                })
                .count();
            assert!(copies >= 1, "the case is lost: {row:?}");
            assert!(
                copies <= 1 + doubts,
                "{copies} copies by {doubts} doubts: {row:?}"
            );
        } else {
            assert!(copies <= 1, "the reply went {copies} times: {row:?}");
            if row.state == "sent" {
                assert_eq!(copies, 1, "{row:?}");
            } else {
                let known = row.said.contains("in doubt") || copies == 0;
                assert!(known, "taken over, and said to be refused: {row:?}");
            }
        }
    }
    assert!(
        copies.is_empty(),
        "mails that the outbox does not know: {copies:?}"
    );
    assert!(
        log.iter().any(|l| l.contains("at the final dot")),
        "no sending was ever in doubt"
    );
}
