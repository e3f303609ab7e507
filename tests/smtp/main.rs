//! The transport against servers that answer, lie, stall and hang up, all of them scripted on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and documents nothing"
)]

mod cuts;
mod login;
mod pki;
mod protection;
mod replies;
mod reuse;
mod server;
mod tls_cuts;
mod tokens;
mod wire;
