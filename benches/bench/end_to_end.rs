//! From a full mailbox to durable tickets, sent replies and forwards, and moved mails; against the same without the desk.

use std::time::Duration;
use std::time::Instant;

use crate::desk::Cost;
use crate::desk::Desk;
use crate::desk::Pool;
use crate::floor;
use crate::letters::Writers;
use crate::median;
use crate::number;
use crate::sink::Sink;
use crate::support::servers::Servers;
use crate::table::Table;
use crate::thinking::Judge;

/// Nothing may take longer.
const LIMIT: Duration = Duration::from_mins(30);

/// One run of the daemon over a full mailbox.
pub(crate) struct Ours {
    pub(crate) seconds: f64,
    pub(crate) cost: Cost,
}

pub(crate) fn run(table: &mut Table) {
    let (count, repeat) = (number("COUNT", 10_000) as usize, number("REPEAT", 3));
    let servers = Servers::start();
    let sink = Sink::start();
    let mut writers = Writers::new(number("SEED", 1));
    let judge = Judge::new();
    let pool = Pool::new(&servers, (0..count).map(|_| judge.take(&mut writers)));
    let imap = servers.ports.imap;
    let (mut ours, mut floors, mut pythons) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..repeat {
        let user = |who: &str| format!("{who}{round}@credly.example");
        let fill = |who: &str| {
            pool.fill(&servers, &user(who));
            user(who)
        };
        let bare = fill("floor");
        sink.clear();
        floors.push(floor::fetch_move_send(imap, &bare, sink.port));
        assert_eq!(Pool::left(&servers, &bare), 0, "the floor left mails");
        sink.clear();
        let mine = fill("ours");
        let mut desk = Desk::new(&servers, &mine, sink.port, "first_start_age_max = \"365d\"");
        let done = over(&servers, &sink, &mut desk, &mine, pool.len());
        eprintln!(
            "round {round}: ours {:.2} s, {:?}, floor {:.2} s",
            done.seconds,
            done.cost,
            floors.last().unwrap()
        );
        ours.push(done);
        if number("PYTHON", 1) > 0
            && let Some(seconds) = floor::python(imap, &fill("python"))
        {
            eprintln!("round {round}: python {seconds:.2} s");
            pythons.push(seconds);
        }
    }
    let n = count as f64;
    let seconds = median(&ours.iter().map(|o| o.seconds).collect::<Vec<_>>());
    let rate = |s: f64| format!("{:.0}/s", n / s);
    let bare = median(&floors);
    table.row(
        &format!("end to end, {count} mails: against fetch, move and send alone"),
        rate(seconds),
        rate(bare),
        format!("{:.2}", bare / seconds),
        "≥ 0.6",
    );
    if !pythons.is_empty() {
        let python = median(&pythons);
        table.row(
            "the same, against imaplib that only fetches and marks",
            rate(seconds),
            rate(python),
            format!("{:.2}", python / seconds),
            "≥ 1.5",
        );
    }
    let cpu = median(&ours.iter().map(|o| o.cost.cpu_s).collect::<Vec<_>>());
    table.row(
        "CPU a mail, all threads of the daemon",
        format!("{:.2} ms", 1000.0 * cpu / n),
        "-".into(),
        "-".into(),
        "≤ 0.5 ms",
    );
    let peak = median(&ours.iter().map(|o| o.cost.peak_mib).collect::<Vec<_>>());
    table.row(
        "memory at most, end to end",
        format!("{peak:.0} MiB"),
        "-".into(),
        "-".into(),
        "≤ 96 MiB",
    );
}

/// Has a desk handle all mails of its user, from its being ready to the last mail sent and moved; then it ends.
pub(crate) fn over(
    servers: &Servers,
    sink: &Sink,
    desk: &mut Desk,
    user: &str,
    count: usize,
) -> Ours {
    let to_ready = desk.start();
    let ready = Instant::now();
    let before = desk.cost();
    let wanted = count + count / 2;
    let last = sink
        .wait(wanted, LIMIT)
        .unwrap_or_else(|got| panic!("{got} of {wanted} mails came:\n{}", tail(&desk.log())));
    while Pool::left(servers, user) > 0 {
        assert!(ready.elapsed() < LIMIT, "not all is moved");
        std::thread::sleep(Duration::from_millis(10));
    }
    let moved = Instant::now();
    let status = loop {
        let status = desk.ask(&["status"]);
        if status["outbox_waiting"] == 0 && status["outbox_parked"] == 0 {
            break status;
        }
        assert!(ready.elapsed() < LIMIT, "{status}");
    };
    assert!(status["mails"].as_u64() >= Some(count as u64), "{status}");
    let seconds = last.max(moved).duration_since(ready).as_secs_f64();
    let after = desk.cost();
    eprintln!(
        "ready after {to_ready:.2} s, with {:.2} s of CPU and {:.0} MiB; sent after {:.2} s, moved after {:.2} s; {:.0} octets a mail sent",
        before.cpu_s,
        before.rss_mib,
        last.duration_since(ready).as_secs_f64(),
        moved.duration_since(ready).as_secs_f64(),
        sink.count().1 as f64 / wanted as f64,
    );
    assert_eq!(sink.count().0, wanted, "more came than was to be sent");
    desk.stop();
    Ours {
        seconds,
        cost: Cost {
            cpu_s: after.cpu_s - before.cpu_s,
            ..after
        },
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
