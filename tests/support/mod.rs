//! Private mail servers for tests and the demo: real Dovecot, real Postfix, free loopback ports, a folder that goes away.
//!
//! ```ignore
//! mod support;
//! let servers = support::servers::Servers::start();
//! servers.deliver(b"Subject: hello\r\n\r\nhi\r\n", "eve@example.org", "support@credly.example");
//! let mails = servers.wait_for_mails("support@credly.example", "INBOX", 1, support::servers::DEADLINE);
//! ```
//!
//! Every address is a mailbox of its own, made by its first mail or login: the user is the full address in lower case
//! (a login without a domain gets `@credly.example`), the password is always `secret`, and `+detail` before the `@` is
//! ignored, so that `support+TOKEN@credly.example` lands in `support@credly.example`.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

pub(crate) mod dovecot;
pub(crate) mod imap;
pub(crate) mod ports;
pub(crate) mod postfix;
pub(crate) mod process;
pub(crate) mod servers;
pub(crate) mod tls;
pub(crate) mod wire;
