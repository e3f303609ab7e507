//! The IMAP mailbox against servers that lie, stall and break off, and against a real Dovecot.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

#[path = "imap/courier.rs"]
mod courier;
#[path = "imap/floods.rs"]
mod floods;
#[path = "imap/peer.rs"]
mod peer;
#[allow(unreachable_pub, reason = "shared with the tests of SMTP")]
#[path = "smtp/pki.rs"]
mod pki;
#[path = "imap/real.rs"]
mod real;
#[path = "imap/real_trouble.rs"]
mod real_trouble;
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
#[path = "imap/tls.rs"]
mod tls;
