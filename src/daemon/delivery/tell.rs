//! What the log says of one mail's way, and what a person must do about it.

use crate::store::outbox::Settled;
use crate::triage::delivery::Delivery as State;
use crate::triage::delivery::Purpose;

/// Logs where a mail stands. `why` is in our own words: what a server says may quote the mail.
pub(super) fn log(mail: &Settled, why: &str) {
    let (id, purpose, ticket, domain) = (mail.id.0, mail.purpose, mail.ticket.0, mail.to.domain());
    match &mail.state {
        State::Sent { .. } => tracing::info!(id, ?purpose, ticket, domain, "sent"),
        State::Waiting { attempts, .. } => {
            tracing::warn!(
                id,
                ?purpose,
                ticket,
                domain,
                attempts,
                why,
                "could not be sent yet; it is tried again"
            );
        }
        State::Parked { .. } if purpose == Purpose::Forward => {
            tracing::error!(
                id,
                ?purpose,
                ticket,
                domain,
                why,
                "parked: no agent has this case; send it again by `mailclerk outbox resend {id}`, or see `mailclerk outbox list`"
            );
        }
        state => {
            let state = state.word();
            tracing::error!(
                id,
                ?purpose,
                ticket,
                domain,
                why,
                state,
                "it does not leave by itself any more; `mailclerk outbox resend {id}` or `mailclerk outbox drop {id}` decides"
            );
        }
    }
}
