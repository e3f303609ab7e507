//! The order of acknowledgements, seen from outside: in a trace of the program's system calls nothing is told to the world
//! before the records that it follows from are synced.
//!
//! The rule. A record is *durable* at a moment when an `fdatasync` of the store's `db` has returned by then that was begun
//! after the write of the record into `db` had returned. With that:
//! - before `UID MOVE` or `UID STORE` of a mail (but for the claim) is written to the IMAP server, a record that names the mail is durable;
//! - before the text of a letter is written to the SMTP server, two records that name the letter are durable, one after
//!   the other (it waits; it is leased), and the spool file with its text was synced, and then the spool's folder, before
//!   the first of them was written;
//! - before the first `connect` to the SMTP server, two records of some letter are durable;
//! - `conf`, and the folders `store`, `spool` and the state folder itself, are synced before anything is told.

mod trace;

use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use crate::clerk::Clerk;
use crate::clerk::DEADLINE;
use crate::clerk::Desk;
use crate::mails::Kind;
use crate::order::trace::Call;
use crate::order::trace::read;
use crate::world::World;

/// Faults: F1 F70 F71; holds I1 I2 I3.
#[test]
fn nothing_is_told_to_the_world_before_it_is_synced() {
    let mut world = World::new();
    let clerk = Clerk::new(Desk::Light, world.imap_port, world.smtp_port);
    for _ in 0..3 {
        for kind in [Kind::Case, Kind::LargeCase, Kind::Question, Kind::Machine] {
            world.deliver(kind);
        }
    }
    let calls = traced(&clerk, &mut world);
    let complaints = complaints(&calls, &world);
    assert!(complaints.is_empty(), "{complaints:#?}");
    let told = calls
        .iter()
        .filter(|call| call.writes_to_port(world.smtp_port));
    assert!(told.count() > 0, "no letter in the trace");
    assert_eq!(
        world.accepted().len(),
        3 * (2 + 2 + 1),
        "{:?}",
        world.accepted()
    );
}

/// Runs the program on what lies in the mailbox, and a few mails more, until all is done; returns what it called.
fn traced(clerk: &Clerk, world: &mut World) -> Vec<Call> {
    world.new_life();
    let trace = clerk.path("trace");
    let program = clerk.command(&["run"]);
    let calls =
        "pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,connect,rename,renameat,renameat2";
    let mut child = Command::new("strace")
        .args([
            "-f",
            "-yy",
            "-s",
            "4000000",
            "-e",
            &format!("trace={calls}"),
            "-o",
        ])
        .arg(&trace)
        .arg(program.get_program())
        .args(program.get_args())
        .env_remove("JOURNAL_STREAM")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("strace does not start ({e}); run tests/servers/install.sh"));
    let begun = Instant::now();
    while !(world.inbox_is_empty() && clerk.has_nothing_to_send()) {
        let alive = child.try_wait().unwrap().is_none();
        assert!(alive, "strace ended: is tracing forbidden here?");
        assert!(
            begun.elapsed() < DEADLINE,
            "the traced program comes to no end"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // strace itself hears no signals; the first line of the trace is of whom it traces.
    let pid: String = String::from_utf8_lossy(&std::fs::read(&trace).unwrap())
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let _ = Command::new("sh")
        .args(["-c", "kill -TERM \"$0\"", &pid])
        .status();
    let _ = child.wait();
    read(&std::fs::read(trace).unwrap())
}

fn complaints(calls: &[Call], world: &World) -> Vec<String> {
    let mut said = Vec::new();
    for call in calls {
        if call.writes_to_port(world.imap_port) {
            for mail in world
                .delivered()
                .iter()
                .filter(|m| files(&call.text, m.uid))
            {
                let name = format!("delivered-{}@", mail.number);
                if durable_before(calls, &name, call.begun).is_empty() {
                    said.push(format!(
                        "UID {} was filed away too early: {}",
                        mail.uid,
                        call.brief()
                    ));
                }
            }
        }
        if call.writes_to_port(world.smtp_port) && call.text.contains("Message-ID: <") {
            said.extend(letter(calls, call));
        }
    }
    said.extend(beginnings(calls, world));
    said
}

/// What is wrong with the moment at which a letter's text is written.
fn letter(calls: &[Call], told: &Call) -> Option<String> {
    let id = told.text.split("Message-ID: <").nth(1)?.split('>').next()?;
    let durable = durable_before(calls, id, told.begun);
    let [first, _, ..] = durable[..] else {
        return Some(format!(
            "<{id}> was sent after {} durable records, not two",
            durable.len()
        ));
    };
    let mut spooled = calls
        .iter()
        .filter(|c| c.is_write_in("/state/spool/") && c.text.contains(id));
    let well = spooled.any(|file| {
        let path = file.path();
        let synced = calls
            .iter()
            .find(|c| c.syncs(path) && c.begun > file.ended && c.ended < first.begun);
        synced.is_some_and(|file| {
            calls.iter().any(|c| {
                c.syncs_end("/state/spool") && c.begun > file.ended && c.ended < first.begun
            })
        })
    });
    (!well).then(|| format!("<{id}> was recorded before its text was synced"))
}

/// What is wrong with the first words to anybody.
fn beginnings(calls: &[Call], world: &World) -> Vec<String> {
    let mut said = Vec::new();
    let acts = |call: &&Call| {
        call.connects_to(world.smtp_port)
            || call.writes_to_port(world.imap_port) && call.text.contains("UID MOVE")
    };
    let Some(first) = calls.iter().find(acts) else {
        return vec!["nothing was done".to_owned()];
    };
    for place in ["/store/conf", "/store", "/spool", "/state", "/store/db"] {
        let before = |c: &&Call| c.syncs_end(place) && c.ended < first.begun;
        if !calls.iter().any(|c| before(&c)) {
            said.push(format!("{place} was not synced before the first act"));
        }
    }
    let Some(connect) = calls.iter().find(|c| c.connects_to(world.smtp_port)) else {
        return vec!["no letter left".to_owned()];
    };
    let leased = world
        .accepted()
        .iter()
        .any(|mail| durable_before(calls, &mail.message_id, connect.begun).len() >= 2);
    if !leased {
        said.push("the first connection was opened before any lease was durable".to_owned());
    }
    said
}

/// The writes of records with this name that were durable at a moment, each by a sync of its own.
fn durable_before<'a>(calls: &'a [Call], name: &str, moment: usize) -> Vec<&'a Call> {
    let mut durable: Vec<&Call> = Vec::new();
    let mut synced_until = 0;
    for call in calls {
        let names = call.is_write_in("/store/db") && call.begun >= synced_until;
        if !names || !call.text.contains(name) {
            continue;
        }
        let sync = calls
            .iter()
            .filter(|c| c.syncs_end("/store/db") && c.begun > call.ended && c.ended < moment)
            .min_by_key(|c| c.ended);
        if let Some(sync) = sync {
            durable.push(call);
            synced_until = sync.ended;
        }
    }
    durable
}

/// Whether a command files that mail away. A claim, which says whose a mail is before it is looked at, does not.
fn files(text: &str, uid: u32) -> bool {
    if text.contains("FLAGS") && text.contains("(mailclerk-") {
        return false;
    }
    let set = ["UID MOVE ", "UID STORE ", "UID COPY "]
        .iter()
        .find_map(|verb| text.split(verb).nth(1));
    let Some(set) = set.and_then(|rest| rest.split(' ').next()) else {
        return false;
    };
    set.split(',').any(|part| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let number = |text: &str| text.parse::<u32>().unwrap_or(0);
        (number(from)..=number(to)).contains(&uid)
    })
}
