//! The table at the end: what was measured, its floor, their ratio, the bar, and the machine.

use std::fmt;
use std::fs;

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    /// Adds a row. `measured` and `floor` with their units; `ratio` and `bar` as they are to be read.
    pub(crate) fn row(
        &mut self,
        what: &str,
        measured: String,
        floor: String,
        ratio: String,
        bar: &str,
    ) {
        eprintln!("{what}: {measured}; floor {floor}; ratio {ratio}; bar {bar}");
        self.rows
            .push([what.to_owned(), measured, floor, ratio, bar.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", machine())?;
        writeln!(f, "| what | measured | floor | ratio | bar |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = cpus.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cores} cores of {}, {:.0} GiB, Linux {}; load {} when the table was printed",
        models.next().unwrap_or_else(|| "?".to_owned()),
        kib / 1024.0 / 1024.0,
        fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim(),
        load.split(' ').next().unwrap_or("?"),
    )
}
