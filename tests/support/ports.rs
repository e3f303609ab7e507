//! Free loopback ports that parallel test processes do not take from each other.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixListener;

use anyhow::Result;
use anyhow::bail;

/// Where blocks begin: above what services use, and below the range from which Linux takes ports for outgoing
/// connections, so that a restarted server finds its port still free.
const FIRST: u16 = 12_000;
/// Where the last block ends.
const END: u16 = 32_000;
/// Ports a block has.
const BLOCK: u16 = 8;

/// The ports of one set of servers, all on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Ports {
    /// IMAP, plain and STARTTLS.
    pub(crate) imap: u16,
    /// IMAP, implicit TLS.
    pub(crate) imaps: u16,
    /// LMTP into Dovecot, plain.
    pub(crate) lmtp: u16,
    /// Dovecot's SASL service, for Postfix.
    pub(crate) sasl: u16,
    /// SMTP, plain and STARTTLS; SASL is offered, not asked for.
    pub(crate) smtp: u16,
    /// SMTP, implicit TLS; SASL is offered, not asked for.
    pub(crate) smtps: u16,
    /// Submission with STARTTLS that refuses a client without SASL.
    pub(crate) submission: u16,
    /// A name in the kernel that says the block is taken; gone with the process.
    _claim: UnixListener,
}

impl Ports {
    /// Finds a block that nobody has claimed and nobody listens on.
    pub(crate) fn claim() -> Result<Self> {
        let blocks = (END - FIRST) / BLOCK;
        let start =
            u16::try_from(RandomState::new().hash_one(std::process::id()) % u64::from(blocks))?;
        for step in 0..blocks {
            let first = FIRST + (start + step) % blocks * BLOCK;
            let name = SocketAddr::from_abstract_name(format!("mailclerk-test-ports-{first}"))?;
            let Ok(claim) = UnixListener::bind_addr(&name) else {
                continue;
            };
            if (first..first + BLOCK).all(is_free) {
                return Ok(Self {
                    imap: first,
                    imaps: first + 1,
                    lmtp: first + 2,
                    sasl: first + 3,
                    smtp: first + 4,
                    smtps: first + 5,
                    submission: first + 6,
                    _claim: claim,
                });
            }
        }
        bail!("no free block of {BLOCK} ports between {FIRST} and {END}")
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
