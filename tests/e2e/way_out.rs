//! The way out, with the real daemon: killed around a sending, and in the files beside, through servers that fail.
//! Nothing is lost, no reply goes twice.

mod names;
mod postfix;
mod sinks;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;

use crate::house::House;
use crate::house::mail;

const MERGE: &str = "I have two accounts, please merge them into one.";

/// A mail in the outbox, as the command line tells it.
#[derive(Debug, Clone)]
struct Row {
    id: u64,
    forward: bool,
    to: String,
    message_id: String,
    state: String,
    said: String,
}

fn rows(house: &House) -> Option<Vec<Row>> {
    let all = house.ask(&["outbox", "list", "--all", "--limit", "1000"])?;
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| Row {
        id: row["id"].as_u64().unwrap(),
        forward: row["purpose"] == "forward",
        to: text(row, "to"),
        message_id: bare(&text(row, "message_id")),
        state: text(row, "state"),
        said: text(row, "said"),
    };
    Some(all.as_array()?.iter().map(row).collect())
}

fn bare(id: &str) -> String {
    id.trim().trim_matches(['<', '>']).to_owned()
}

/// Has a mail from each of `n` more writers delivered; each asks for one reply and one forward.
fn deliver(house: &mut House, from: usize, n: usize) {
    for n in from..from + n {
        let who = format!("writer{n}@home{n}.example");
        let id = format!("w{n}@home{n}.example");
        house.deliver(&mail(&who, "Two accounts", &id, "", MERGE), &who);
    }
}

/// Sends the desk's mails to another port, in clear.
fn lead(house: &House, port: u16) {
    let now = format!(
        "port = {}\ntls = \"starttls\"\nca_file = \"ca.pem\"\n[queue.accounts]",
        house.servers.ports.smtp
    );
    let then = format!("port = {port}\ntls = \"none\"\nconnections = 3\n[queue.accounts]");
    house.change_config(&now, &then);
}

/// What an operator does who does not want to wait for any interval: sends all that waits now. What is parked stays.
fn nudge(house: &House) -> Vec<Row> {
    let all = rows(house).unwrap_or_default();
    for row in all.iter().filter(|r| r.state == "waiting") {
        let _ = house
            .cli(&["outbox", "resend", &row.id.to_string()])
            .output();
    }
    all
}

/// An SMTP server in a few threads that takes everything and knows what it took.
struct Taker {
    port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Taker {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let memory = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let memory = Arc::clone(&memory);
                std::thread::spawn(move || serve(stream, &memory));
            }
        });
        Self { port, taken }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, taken: &Mutex<Vec<String>>) -> Option<()> {
    let mut writing = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    writing.write_all(b"220 taker.example\r\n").ok()?;
    while let Some(line) = lines.next() {
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "DATA" => {
                writing.write_all(b"354 go ahead\r\n").ok()?;
                let mut id = None;
                loop {
                    let line = lines.next()?;
                    if line == "." {
                        break;
                    }
                    id = id.or_else(|| line.strip_prefix("Message-ID: ").map(bare));
                }
                taken.lock().unwrap().push(id?);
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        writing.write_all(answer).ok()?;
    }
    Some(())
}

/// Kills the daemon at that moment of sending a reply and a forward, starts it again, and judges what came of both.
/// `before` is how many mails the server had taken when it died.
fn die_and_go_on(house: &mut House, server: &Taker, n: usize, moment: &str, before: usize) {
    let seen = server.taken().len();
    house.start_with(&[("MAILCLERK_DIE_AT", moment)]);
    deliver(house, n, 1);
    house.wait("the daemon to die", |house| {
        (house.ask(&["status"])?["running"] == false).then_some(())
    });
    house.end("KILL");
    house.wait("the server to have all that was sent", |_| {
        (server.taken().len() == seen + before).then_some(())
    });
    house.start();
    let (reply, forward) = house.wait("both mails to be settled", |house| {
        let writer = format!("writer{n}@home{n}.example");
        let all = rows(house)?;
        let reply = all.iter().find(|r| r.to == writer)?.clone();
        let forward = all
            .iter()
            .filter(|r| r.forward)
            .max_by_key(|r| r.id)?
            .clone();
        let done = |r: &Row| r.state == "sent" || r.state == "parked";
        (done(&reply) && done(&forward)).then_some((reply, forward))
    });
    let copies = |row: &Row| {
        let taken = server.taken();
        let of = |ids: &[String]| ids.iter().filter(|id| **id == row.message_id).count();
        (of(&taken[..seen + before]), of(&taken))
    };
    let (first, all) = copies(&forward);
    assert_eq!(forward.state, "sent", "{moment}: {forward:?}");
    // Once more at most, and not at all only where it was known to be sent.
    let known = first == 1 && all == 1;
    assert!(all == first + 1 || known, "{moment}: {first}, {all}");
    let (first, all) = copies(&reply);
    if reply.state == "parked" {
        assert!(reply.said.contains("in doubt"), "{moment}: {reply:?}");
        assert_eq!(all, first, "{moment}: never again");
    } else {
        assert_eq!(
            (reply.state.as_str(), all),
            ("sent", 1),
            "{moment}: {reply:?}"
        );
    }
    // The forward is the first of the two: a death over the second mail is one over a reply that was on its way.
    if moment.ends_with(":2") {
        assert_eq!(
            (reply.state.as_str(), first),
            ("parked", before - 1),
            "{moment}"
        );
    }
    // A person is told that something is in doubt.
    let log = house.log().join("\n");
    assert!(log.contains("when sending was cut off"), "{log}");
    house.end("TERM");
}

/// Faults: F70 F1; holds I2 I3 I10.
#[test]
fn killed_after_the_servers_answer_or_just_before_it_no_reply_goes_again() {
    let mut house = House::closed("");
    let taker = Taker::start();
    lead(&house, taker.port);
    // One connection: the second mail is begun when the first is settled.
    house.change_config("connections = 3", "connections = 1");
    for (n, (moment, before)) in [
        ("answered:1", 1),
        ("answered:2", 2),
        ("dot-sent:1", 1),
        ("dot-sent:2", 2),
    ]
    .into_iter()
    .enumerate()
    {
        die_and_go_on(&mut house, &taker, n, moment, before);
    }
}

/// Faults: F71 F1; holds I2 I3 I10.
#[test]
fn killed_when_a_mail_was_recorded_as_being_sent_and_was_not_the_forward_goes_and_the_reply_is_parked()
 {
    let mut house = House::closed("");
    let taker = Taker::start();
    lead(&house, taker.port);
    house.change_config("connections = 3", "connections = 1");
    for (n, (moment, before)) in [("leased:1", 0), ("sending:1", 0), ("sending:2", 1)]
        .into_iter()
        .enumerate()
    {
        die_and_go_on(&mut house, &taker, n, moment, before);
    }
}
