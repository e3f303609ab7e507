//! Told to stop while a mail is under way, by a server that falls silent at each step.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;

use crate::house::House;
use crate::process::deliver;

/// An SMTP server that falls silent at one step until it is told to go on.
struct Sluggish {
    port: u16,
    state: Arc<(Mutex<Slug>, Condvar)>,
}

#[derive(Default)]
struct Slug {
    /// The step at which it waits; empty: none.
    at: &'static str,
    waiting: usize,
    /// Recipients of mails that it took over.
    took: Vec<String>,
}

impl Sluggish {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new((Mutex::new(Slug::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(Self::serve(stream, &shared)));
            }
        });
        Self { port, state }
    }

    fn serve(mut stream: TcpStream, state: &(Mutex<Slug>, Condvar)) -> std::io::Result<()> {
        let pass = |step: &str| {
            let (slug, news) = state;
            let mut slug = slug.lock().unwrap();
            slug.waiting += usize::from(slug.at == step);
            while slug.at == step {
                slug = news.wait(slug).unwrap();
            }
        };
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        pass("GREETING");
        stream.write_all(b"220 slug ESMTP\r\n")?;
        let mut to = String::new();
        while let Some(line) = lines.next().transpose()? {
            let verb = line.get(..4).unwrap_or_default().to_uppercase();
            pass(&verb);
            let answer = match verb.as_str() {
                "RCPT" => {
                    line.split(['<', '>'])
                        .nth(1)
                        .unwrap_or_default()
                        .clone_into(&mut to);
                    "250 ok"
                }
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n")?;
                    for text in lines.by_ref() {
                        if text? == "." {
                            break;
                        }
                    }
                    pass("DOT");
                    let mut slug = state.0.lock().unwrap();
                    slug.took.push(to.clone());
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }

    /// From now on it waits at that step; at none, when that is empty.
    fn wait_at(&self, step: &'static str) {
        let (slug, news) = &*self.state;
        let mut slug = slug.lock().unwrap();
        (slug.at, slug.waiting) = (step, 0);
        news.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.0.lock().unwrap().waiting
    }

    fn took(&self, to: &str) -> usize {
        let slug = self.state.0.lock().unwrap();
        slug.took.iter().filter(|t| *t == to).count()
    }

    fn took_all(&self) -> usize {
        self.state.0.lock().unwrap().took.len()
    }

    /// A desk that sends through it.
    fn house(&self) -> House {
        let house = House::closed("");
        let theirs = format!(
            "port = {}\ntls = \"starttls\"\nca_file = \"ca.pem\"",
            house.servers.ports.smtp
        );
        house.change_config(&theirs, &format!("port = {}\ntls = \"none\"", self.port));
        house
    }
}

/// Faults: F2; holds I1 I2 I3 I10.
#[test]
fn told_to_stop_at_any_step_of_a_mail_it_finishes_that_mail_and_ends_in_order() {
    let server = Sluggish::start();
    let mut house = server.house();
    let steps = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"];
    for (n, step) in steps.into_iter().enumerate() {
        server.wait_at(step);
        house.start();
        let from = format!("writer{n}@home{n}.example");
        deliver(&mut house, &from, "");
        house.wait("both mails to be under way", |_| {
            (server.waiting() == 2).then_some(())
        });
        house.signal("TERM");
        house.wait("the stop to be heard", |h| {
            (h.log()
                .iter()
                .filter(|l| l.contains("told to stop"))
                .count()
                == n + 1)
                .then_some(())
        });
        server.wait_at("");
        assert_eq!(house.end("CONT"), Some(0), "{step}");
        let status = house.ask(&["status"]).unwrap();
        assert_eq!(
            (
                server.took(&from),
                server.took_all(),
                &status["outbox_waiting"]
            ),
            (1, 2 * (n + 1), &0.into()),
            "{step}: reply, all, waiting"
        );
    }
}

/// A server that never answers again: what was not sent waits, what may have been sent is not sent again by itself.
fn stopped_with_a_server_that_hangs(step: &'static str, reply_may_have_left: bool) {
    let server = Sluggish::start();
    let mut house = server.house();
    server.wait_at(step);
    house.start();
    deliver(&mut house, "maria@home.example", "");
    house.wait("both mails to be under way", |_| {
        (server.waiting() == 2).then_some(())
    });
    assert_eq!(house.end("TERM"), Some(0));
    let status = house.ask(&["status"]).unwrap();
    let stages = |waiting: u64, parked: u64| {
        assert_eq!(
            (&status["outbox_waiting"], &status["outbox_parked"]),
            (&waiting.into(), &parked.into())
        );
    };
    let next = Sluggish::start();
    house.change_config(
        &format!("port = {}", server.port),
        &format!("port = {}", next.port),
    );
    if reply_may_have_left {
        stages(1, 1);
    } else {
        stages(2, 0);
    }
    house.start();
    let due = if reply_may_have_left { 1 } else { 2 };
    house.wait("the rest to be sent", |_| {
        (next.took_all() >= due).then_some(())
    });
    assert_eq!(next.took("maria@home.example"), due - 1);
    assert_eq!(next.took_all(), due);
}

/// Faults: F2; holds I1 I2 I3 I10.
#[test]
fn told_to_stop_before_the_data_with_a_server_that_hangs_both_mails_wait_for_the_next_start() {
    stopped_with_a_server_that_hangs("MAIL", false);
}

/// Faults: F2; holds I1 I2 I3 I10.
#[test]
fn told_to_stop_after_the_dot_with_a_server_that_hangs_the_reply_is_parked_and_the_forward_goes_again()
 {
    stopped_with_a_server_that_hangs("DOT", true);
}
