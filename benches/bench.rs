//! `make bench`: what the daemon does, beside the floors of the same machine in the same run.
//!
//! `cargo bench --bench bench -- PART ...`; without a part all of them. From the environment: `COUNT` mails end to end
//! (10,000), `REPEAT` rounds of which medians are taken (3), `TICKETS` in the large store (1,000,000), `SEED`.
//! Every figure is a ratio to a floor that was measured in between, on the same mails: the machine's load is in both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark may panic, and prints"
)]

#[path = "bench/desk.rs"]
mod desk;
#[path = "bench/end_to_end.rs"]
mod end_to_end;
#[path = "bench/floor.rs"]
mod floor;
#[path = "bench/latency.rs"]
mod latency;
#[path = "bench/letters.rs"]
mod letters;
#[path = "bench/memory.rs"]
mod memory;
#[path = "bench/sink.rs"]
mod sink;
#[path = "bench/smtp.rs"]
mod smtp;
#[path = "bench/storing.rs"]
mod storing;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "bench/table.rs"]
mod table;
#[path = "bench/thinking.rs"]
mod thinking;

use crate::table::Table;

/// A part's name, and what measures it.
type Part = (&'static str, fn(&mut Table));

const PARTS: [Part; 6] = [
    ("end-to-end", end_to_end::run),
    ("latency", latency::run),
    ("thinking", thinking::run),
    ("store", storing::run),
    ("smtp", smtp::run),
    ("memory", memory::run),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    for word in &wanted {
        assert!(
            PARTS.iter().any(|(name, _)| name == word),
            "no part is called {word}; there are {:?}",
            PARTS.map(|(name, _)| name)
        );
    }
    let mut table = Table::default();
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            eprintln!("== {name}");
            part(&mut table);
            eprintln!();
        }
    }
    println!("{table}");
}

/// A number from the environment, where `make` leaves what nobody gave as an empty word.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name).unwrap_or_default().replace('_', "") {
        none if none.is_empty() => default,
        text => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    }
}

/// The middle one; the mean of the two in the middle when there are as many below as above.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The value below which that share of them lies.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * share).ceil() as usize]
}
