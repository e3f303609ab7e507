//! From a delivered mail to the reply, when there is nothing else to do; against a bare client in IDLE.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use futures_util::TryStreamExt as _;

use crate::desk::Desk;
use crate::floor;
use crate::letters::Writers;
use crate::median;
use crate::number;
use crate::quantile;
use crate::sink::Sink;
use crate::support::servers::Servers;
use crate::table::Table;

const LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn run(table: &mut Table) {
    let rounds = number("DELIVERIES", 60);
    let servers = Servers::start();
    let sink = Sink::start();
    let (ours, bare) = ("idle-ours@credly.example", "idle-bare@credly.example");
    drop(servers.imap(ours));
    let (imap, smtp) = (servers.ports.imap, sink.port);
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(bare_client(imap, bare, smtp));
    });
    let mut desk = Desk::new(&servers, ours, sink.port, "");
    desk.start();
    desk.wait_for(" open ");
    // Both are in IDLE by then.
    thread::sleep(Duration::from_secs(1));
    let mut writers = Writers::new(number("SEED", 1) + 1);
    let (mut measured, mut floors) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let mail = writers.write().replace('\n', "\r\n");
        let to = format!("robin.{round}@d{round}.example");
        for (user, times) in [(bare, &mut floors), (ours, &mut measured)] {
            sink.clear();
            servers.deliver(mail.as_bytes(), "robin@d1.example", user);
            let began = Instant::now();
            let came = sink.wait_for(&to, LIMIT).unwrap_or_else(|| {
                panic!("{user} did not answer {to}:\n{}", desk.log());
            });
            times.push(came.saturating_duration_since(began).as_secs_f64() * 1000.0);
            // Who forwards, or files away, does it before the next one comes.
            thread::sleep(Duration::from_millis(150));
        }
    }
    desk.stop();
    let ms = |value: f64| format!("{value:.1} ms");
    for (what, value, floor, bar) in [
        ("median", median(&measured), median(&floors), "≤ 1.02"),
        (
            "99th of 100",
            quantile(&measured, 0.99),
            quantile(&floors, 0.99),
            "≤ 1.1",
        ),
    ] {
        table.row(
            &format!("delivery to reply, {what}: against a bare client in IDLE"),
            ms(value),
            ms(floor),
            format!("{:.3}", value / floor),
            bar,
        );
    }
}

/// Waits in IDLE, fetches what is new, and sends a reply at once.
async fn bare_client(imap: u16, user: &str, sink: u16) {
    let (mut session, mut seen) = floor::open(imap, user).await;
    let mut smtp = floor::smtp(sink).await;
    let reply = floor::reply();
    loop {
        let mut idle = session.idle();
        idle.init().await.unwrap();
        let (news, stop) = idle.wait();
        news.await.unwrap();
        drop(stop);
        session = idle.done().await.unwrap();
        let set = format!("{}:*", seen + 1);
        let mails: Vec<_> = session
            .uid_fetch(set, "(UID BODY.PEEK[])")
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        for mail in mails.iter().filter(|m| m.uid.is_some_and(|uid| uid > seen)) {
            let text = String::from_utf8_lossy(mail.body().unwrap()).into_owned();
            let (_, rest) = text.split_once("Robin Marker <").unwrap();
            let (to, _) = rest.split_once('>').unwrap();
            smtp.send(&floor::envelope(to), &reply).await.unwrap();
        }
        seen = mails.iter().filter_map(|m| m.uid).fold(seen, u32::max);
    }
}
