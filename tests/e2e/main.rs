//! The whole way of a mail, on real servers: a mail put into Dovecot ends as the right reply in the writer's mailbox
//! and the right forward in the agent's, read back over IMAP.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod clocks;
mod conversations;
mod headers;
mod house;
mod life;
mod limits;
mod loops;
mod numbered_rules;
mod person;
mod poison;
mod process;
mod quarantine;
mod reconcile;
mod relabel;
mod relay;
mod stops;
mod surroundings;
mod taxonomy;
mod timely;
mod two_daemons;
mod way_out;
