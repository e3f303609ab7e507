//! Reconciliation by an operator's word, and real servers that change what they said.

use std::fs;
use std::process::Command;

use crate::house::DESK;
use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

/// Faults: F48; holds I1 I3.
#[test]
fn a_keyword_that_another_client_took_off_is_found_set_again_and_told() {
    let mut house = House::open_with("[mailbox.support.filing]\nmode = \"flag\"");
    house.write("maria@home.example", "Two accounts", MERGE);
    house.wait("the mail to be marked", |h| {
        let marked = h.servers.mails(DESK, "INBOX")[0]
            .flags
            .contains(&"$MailclerkDone".to_owned());
        marked.then_some(())
    });
    let mut other = house.servers.imap(DESK);
    other.select("INBOX").unwrap();
    other.unflag(1, "$MailclerkDone").unwrap();
    let rows = house.ask(&["reconcile"]).unwrap();
    let numbers = |name: &str| rows[0][name].as_u64().unwrap();
    assert_eq!(
        (numbers("seen"), numbers("gaps"), numbers("healed")),
        (1, 1, 1),
        "{rows}"
    );
    assert!(
        house.servers.mails(DESK, "INBOX")[0]
            .flags
            .contains(&"$MailclerkDone".to_owned())
    );
    assert_eq!(
        house.sent(),
        2,
        "one reply and one forward, from the first time"
    );
    let status = house.ask(&["status"]).unwrap();
    assert_eq!(status["reconciled"][0]["gaps"], 1, "{status}");
    let again = house.ask(&["reconcile", "--mailbox", "support"]).unwrap();
    assert_eq!(again[0]["gaps"], 0, "{again}");
    let table = house.cli(&["reconcile"]).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.starts_with("mailbox") && table.contains("support"),
        "{table}"
    );
    let none = house
        .cli(&["reconcile", "--mailbox", "nosuch"])
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("no mailbox `nosuch`"));
    house.end("TERM");
    let none = house.cli(&["reconcile"]).output().unwrap();
    assert_eq!(
        none.status.code(),
        Some(69),
        "without a daemon nobody is connected"
    );
}

/// A server that renumbers a mailbox under an open session.
///
/// Faults: F35; holds I1 I3.
#[test]
fn new_uids_within_a_session_answer_nobody_again_and_lose_nobody() {
    let mut house = House::open_with("[mailbox.support.filing]\nmode = \"flag\"");
    house.write("maria@home.example", "Two accounts", MERGE);
    // At rest: a session that writes at this very moment goes on in the files that are gone.
    house.handled();
    let before = house
        .servers
        .imap(DESK)
        .select("INBOX")
        .unwrap()
        .uid_validity;
    let maildir = house.servers.home(DESK).join("Maildir");
    for name in [
        "dovecot-uidlist",
        "dovecot.index",
        "dovecot.index.log",
        "dovecot.index.cache",
    ] {
        let _ = fs::remove_file(maildir.join(name));
    }
    let raw = mail(
        "joe@home.example",
        "Two accounts",
        "joe@home.example",
        "",
        MERGE,
    );
    house.deliver(&raw, "joe@home.example");
    let after = house
        .servers
        .imap(DESK)
        .select("INBOX")
        .unwrap()
        .uid_validity;
    assert_ne!(before, after, "the server gave no new UIDs");
    house.wait("the second mail to be answered", |h| {
        (h.sent_to("joe@home.example") == 1).then_some(())
    });
    house.wait("everything to be looked at again", |h| {
        let ledger = h.ask(&["ledger", "list"])?;
        let renumbered = ledger
            .as_array()?
            .iter()
            .filter(|m| m["mail"]["uid_validity"] == after);
        (renumbered.count() == 2).then_some(())
    });
    assert_eq!(house.sent_to("maria@home.example"), 1);
    assert_eq!(house.sent(), 4, "two replies and two forwards");
}

/// Faults: F36 F37 F38 F64; holds I1 I10.
#[test]
fn mails_that_another_client_deletes_under_a_running_daemon_do_no_harm() {
    let mut house = House::open();
    let deleter = house.servers.dir.clone();
    let writers = 20;
    for n in 0..writers {
        let from = format!("writer{n}@home{n}.example");
        let raw = mail(
            &from,
            "Two accounts",
            &format!("x{n}@home.example"),
            "",
            MERGE,
        );
        house.deliver(&raw, &from);
        if n % 4 == 3 {
            // All at once, as a person does who clears a mailbox; some are being answered at this moment.
            let done = Command::new("doveadm")
                .arg("-c")
                .arg(deleter.join("dovecot.conf"))
                .args(["expunge", "-u", DESK, "mailbox", "INBOX", "all"])
                .status();
            assert!(done.unwrap().success(), "doveadm expunge");
        }
    }
    let raw = mail(
        "last@home.example",
        "Two accounts",
        "last@home.example",
        "",
        MERGE,
    );
    house.deliver(&raw, "last@home.example");
    house.only_mail("last@home.example");
    let errors: Vec<String> = house
        .log()
        .into_iter()
        .filter(|l| l.contains("ERROR"))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let rows = house.ask(&["reconcile"]).unwrap();
    assert_eq!(
        (rows[0]["seen"].as_u64(), rows[0]["gaps"].as_u64()),
        (Some(0), Some(0)),
        "{rows}"
    );
}
