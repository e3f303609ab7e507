//! Waiting for mail: IDLE where offered, renewed in time, with a checked NOOP at the end; else NOOP in small steps.

use std::time::Duration;

use tokio::time::Instant;

use crate::mailbox::MailboxError;
use crate::mailbox::Woken;
use crate::mailbox::imap::command::Allowance;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Verdict;

/// The longest wait; longer ones make no sense and could overflow the clock.
const POLL_S_MAX: u64 = 24 * 60 * 60;

/// Waits for news, at most `poll_s` seconds. `idle_refused` remembers that the server offers IDLE and refuses it.
pub(super) async fn wait(
    wire: &mut Wire,
    limits: &ImapLimits,
    idle_refused: &mut bool,
    poll_s: u64,
) -> Result<Woken, MailboxError> {
    let deadline = Instant::now() + Duration::from_secs(poll_s.min(POLL_S_MAX));
    loop {
        if std::mem::take(&mut wire.state.news) {
            return Ok(Woken::News);
        }
        if Instant::now() >= deadline {
            // The proof that the connection lives, and the server's occasion to tell what IDLE did not.
            noop(wire, limits).await?;
            let news = std::mem::take(&mut wire.state.news);
            return Ok(if news { Woken::News } else { Woken::Poll });
        }
        if wire.state.can("IDLE") && !*idle_refused {
            let renew = Instant::now() + Duration::from_secs(limits.idle_renew_s.max(1));
            if let Some(ended) = wire.idle(deadline.min(renew)).await? {
                // Refused, or ended by the server on its own: polling is what always works.
                *idle_refused = true;
                let _ = ended;
            }
        } else {
            let step = Instant::now() + Duration::from_secs(limits.noop_s.max(1));
            tokio::time::sleep_until(deadline.min(step)).await;
            if Instant::now() < deadline {
                noop(wire, limits).await?;
            }
        }
    }
}

async fn noop(wire: &mut Wire, limits: &ImapLimits) -> Result<(), MailboxError> {
    let allowance = Allowance {
        time: limits.alive(),
        ..wire.ordinary()
    };
    let reply = wire.run("NOOP", allowance, |_| {}).await?;
    if reply.verdict == Verdict::Ok {
        Ok(())
    } else {
        // Nothing is asked that could be refused: this connection is of no use.
        Err(MailboxError::Lost(format!(
            "NOOP was refused: {}",
            reply.text
        )))
    }
}
