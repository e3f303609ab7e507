//! Sending alone: the daemon's transport against lettre's connection over a socket without delay, into the same sink.

use std::time::Instant;

use mailclerk::message::address::Address;
use mailclerk::tls::Tls;
use mailclerk::transport::Parcel;
use mailclerk::transport::Transport as _;
use mailclerk::transport::smtp::Security;
use mailclerk::transport::smtp::Settings;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;

use crate::floor;
use crate::median;
use crate::number;
use crate::sink::Sink;
use crate::table::Table;

pub(crate) fn run(table: &mut Table) {
    let count = number("SENDINGS", 4_000) as usize;
    let sink = Sink::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for connections in [1, 4] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            bare.push(runtime.block_on(by_lettre(sink.port, connections, count)));
            ours.push(runtime.block_on(by_us(sink.port, connections, count)));
        }
        let (ours, bare) = (median(&ours), median(&bare));
        let rate = |s: f64| format!("{:.0}/s", count as f64 / s);
        table.row(
            &format!("sending on {connections} connections: against lettre without delay"),
            rate(ours),
            rate(bare),
            format!("{:.2}", bare / ours),
            "-",
        );
    }
}

async fn by_lettre(port: u16, connections: usize, count: usize) -> f64 {
    let began = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(async move {
                let mut smtp = floor::smtp(port).await;
                let (envelope, mail) = (floor::envelope("robin@d1.example"), floor::reply());
                for _ in 0..count / connections {
                    smtp.send(&envelope, &mail).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed().as_secs_f64()
}

async fn by_us(port: u16, connections: usize, count: usize) -> f64 {
    let began = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(async move {
                let settings = Settings::new("127.0.0.1", port, Security::None, None);
                let mut smtp = SmtpTransport::new(settings, Tls::system(None).unwrap());
                let parcel = Parcel {
                    envelope_from: Address::parse("support@credly.example").ok(),
                    to: Address::parse("robin@d1.example").unwrap(),
                    bytes: floor::reply(),
                };
                for _ in 0..count / connections {
                    let outcome = smtp.send(&parcel).await;
                    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
                }
                smtp.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed().as_secs_f64()
}
