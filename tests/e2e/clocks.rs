//! Clocks that are set while mail flows: the real daemon, real servers, and a wall clock that libfaketime sets.

use std::fs;
use std::process::Command;

use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

/// Where Debian puts it; tests/servers/install.sh brings it.
fn library() -> String {
    let found = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])
        .output()
        .unwrap();
    let path = String::from_utf8(found.stdout).unwrap();
    let path = path.lines().next();
    path.expect("libfaketime is not here; run tests/servers/install.sh")
        .to_owned()
}

/// A desk whose wall clock can be set. No TLS: certificates have dates, and a wrong clock believes none of them.
struct Clocks {
    house: House,
    library: String,
}

impl Clocks {
    fn new() -> Self {
        let house = House::closed("");
        let ports = &house.servers.ports;
        let (imaps, imap, smtp) = (ports.imaps, ports.imap, ports.smtp);
        house.change_config(
            &format!("port = {imaps}"),
            &format!("port = {imap}\ntls = \"none\""),
        );
        house.change_config(
            &format!("port = {smtp}\ntls = \"starttls\""),
            &format!("port = {smtp}\ntls = \"none\""),
        );
        house.change_config("ca_file = \"ca.pem\"\npoll", "poll");
        let config = fs::read_to_string(house.path("mailclerk.toml")).unwrap();
        fs::write(
            house.path("mailclerk.toml"),
            config.replace("ca_file = \"ca.pem\"\n", ""),
        )
        .unwrap();
        let clocks = Self {
            house,
            library: library(),
        };
        clocks.set("+0");
        clocks
    }

    fn set(&self, to: &str) {
        let file = self.house.path("clock.new");
        fs::write(&file, format!("{to}\n")).unwrap();
        fs::rename(file, self.house.path("clock")).unwrap();
    }

    fn start(&mut self) {
        let clock = self.house.path("clock").display().to_string();
        let library = self.library.clone();
        self.house.start_with(&[
            ("LD_PRELOAD", &library),
            ("FAKETIME_TIMESTAMP_FILE", &clock),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // Has the timers look often.
            ("WATCHDOG_USEC", "900000"),
        ]);
    }

    fn hear(&self, words: &str, times: usize) {
        self.house.wait(words, |h| {
            (h.log().iter().filter(|l| l.contains(words)).count() == times).then_some(())
        });
    }

    /// Mails from somebody that the servers have delivered.
    fn got(&self, who: &str) -> usize {
        self.house.servers.mails(who, "INBOX").len()
    }

    fn forwards(&self) -> usize {
        self.got("ana@agents.example") + self.got("ben@agents.example")
    }
}

/// Faults: F19; holds I1 I3 I5 I9 I10.
#[test]
fn while_the_wall_clock_is_wrong_forwards_go_on_and_replies_wait_until_it_is_mended() {
    let mut clocks = Clocks::new();
    clocks.start();
    clocks
        .house
        .write("maria@home.example", "Two accounts", MERGE);
    clocks.house.only_mail("maria@home.example");
    // In other words each time: the same ones so soon would be one case with the first.
    for (n, (jump, words)) in [
        ("+8d", "Can I choose which profile survives if you combine mine?"),
        ("-5d", "Please put all badges of my three profiles together."),
        (
            "1970-01-02 00:00:00",
            "Somehow one profile hangs on my work address and another on my private one. Can these become one?",
        ),
        (
            "2106-03-01 00:00:00",
            "Recruiters see half of me: unite both of my accounts, will you?",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        clocks.set(jump);
        clocks.hear("the time is in doubt", n + 1);
        // Asks again, days later if the clock were to be believed.
        let again = mail(
            "maria@home.example",
            "Two accounts",
            &format!("again{n}@home.example"),
            "",
            words,
        );
        clocks.house.deliver(&again, "maria@home.example");
        let from = format!("joe{n}@home{n}.example");
        let new = mail(
            &from,
            "Two accounts",
            &format!("joe{n}@home.example"),
            "",
            MERGE,
        );
        clocks.house.deliver(&new, &from);
        clocks.house.wait("both forwards", |_| {
            (clocks.forwards() == 1 + 2 * (n + 1)).then_some(())
        });
        // A forward is with the agent a moment before the store knows it.
        clocks
            .house
            .wait("the reply to a new writer alone waits", |house| {
                (house.ask(&["status"]).unwrap()["outbox_waiting"] == 1).then_some(())
            });
        let status = clocks.house.ask(&["status"]).unwrap();
        assert_eq!(status["outbox_parked"], 0, "{jump}: nothing expired");
        assert!(
            status["replies_held"].as_str().unwrap().contains("clock"),
            "{status}"
        );
        assert_eq!(clocks.got(&from), 0, "{jump}");
        clocks.set("+0");
        clocks.hear("out of doubt", n + 1);
        clocks.house.only_mail(&from);
    }
    assert_eq!(
        clocks.got("maria@home.example"),
        1,
        "the same words twice within seven days"
    );
    assert_eq!(clocks.house.end("TERM"), Some(0));
}

/// Faults: F19 F1; holds I3 I9 I10.
#[test]
fn a_wall_clock_that_is_set_between_two_processes_deceives_the_second_no_more_than_the_first() {
    let mut clocks = Clocks::new();
    clocks.start();
    clocks
        .house
        .write("maria@home.example", "Two accounts", MERGE);
    clocks.house.only_mail("maria@home.example");
    clocks.house.end("KILL");
    clocks.set("+8d");
    clocks.start();
    clocks.hear("the time is in doubt", 1);
    let again = mail(
        "maria@home.example",
        "Two accounts",
        "again@home.example",
        "",
        MERGE,
    );
    clocks.house.receive(&again, "maria@home.example");
    assert_eq!(clocks.house.sent_to("maria@home.example"), 1);
    clocks.house.end("TERM");
    clocks.set("+0");
    clocks.start();
    clocks
        .house
        .write("joe@home.example", "Two accounts", MERGE);
    clocks.house.only_mail("joe@home.example");
    assert_eq!(
        clocks.house.ask(&["status"]).unwrap()["replies_held"],
        serde_json::Value::Null
    );
}
