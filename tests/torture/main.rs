//! The torture of the store and of the real program: kills at every named moment, power cuts, damage, order on the wire.
//!
//! A plain run is the short one. `MAILCLERK_TORTURE_MINUTES=5 MAILCLERK_SEED=7` makes it long; `make torture` does, with
//! all rigs, and makes a table of what they print.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test may panic, and its figures go to the terminal"
)]

#[path = "../support/mod.rs"]
mod support;

mod clerk;
mod cuts;
mod damage;
mod dice;
mod disk;
mod fuse;
mod imap;
mod kills;
mod mails;
mod order;
mod servers;
mod smtp;
mod tally;
mod verdict;
mod work;
mod world;
