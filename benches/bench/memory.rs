//! What the daemon holds in memory: idle, and with mails of 24 and 50 MB. Under load and with many tickets: see there.

use std::time::Duration;
use std::time::Instant;

use crate::desk::Desk;
use crate::desk::Pool;
use crate::letters::Writers;
use crate::number;
use crate::sink::Sink;
use crate::support::servers::Servers;
use crate::table::Table;

const LIMIT: Duration = Duration::from_mins(5);

pub(crate) fn run(table: &mut Table) {
    let sink = Sink::start();
    let mut row = |what: &str, mib: f64, bar: &str| {
        table.row(what, format!("{mib:.0} MiB"), "-".into(), "-".into(), bar);
    };
    for (size, what) in [
        (0, ""),
        (24_000_000, "memory at most, one mail of 24 MB, read whole"),
        (
            50_000_000,
            "memory at most, one mail of 50 MB, read at its beginning",
        ),
    ] {
        let servers = Servers::start();
        let user = "memory@credly.example";
        let mut writers = Writers::new(number("SEED", 1) + 4);
        let mails = usize::from(size > 0);
        let pool = Pool::new(&servers, (0..mails).map(|_| writers.write_of(size)));
        pool.fill(&servers, user);
        let mut desk = Desk::new(&servers, user, sink.port, "first_start_age_max = \"365d\"");
        desk.start();
        desk.wait_for(" open ");
        if size == 0 {
            std::thread::sleep(Duration::from_secs(3));
            let cost = desk.cost();
            row("memory, idle", cost.rss_mib, "≤ 20 MiB");
            row("memory at most, start and idle", cost.peak_mib, "-");
        } else {
            let began = Instant::now();
            while Pool::left(&servers, user) > 0 {
                assert!(began.elapsed() < LIMIT, "{}", desk.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            row(what, desk.cost().peak_mib, "≤ 96 MiB");
        }
        desk.stop();
    }
}
