//! The IMAP mailbox against servers that lie, stall and break off, and against a real Dovecot.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

#[path = "imap/peer.rs"]
mod peer;
#[path = "imap/real.rs"]
mod real;
#[path = "imap/scripted.rs"]
mod scripted;
#[path = "imap/scripted_fetch.rs"]
mod scripted_fetch;
#[path = "imap/scripted_filing.rs"]
mod scripted_filing;
#[path = "imap/scripted_garbage.rs"]
mod scripted_garbage;
#[path = "imap/scripted_list.rs"]
mod scripted_list;
#[path = "imap/scripted_login.rs"]
mod scripted_login;
#[path = "imap/scripted_wait.rs"]
mod scripted_wait;
mod support;
