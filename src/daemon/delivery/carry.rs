//! One mail on one connection, to its end.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::steps;
use crate::steps::Step;
use crate::store::outbox::Leased;
use crate::store::outbox::OutboxId;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Outcome;

/// A connection that is back from a mail.
pub(super) struct Carried<T> {
    pub(super) transport: T,
    pub(super) id: OutboxId,
    pub(super) outcome: Outcome,
    pub(super) trouble: Option<Trouble>,
    pub(super) brief: String,
}

/// Sends one mail. After a stop it has `patience` to come to an end; what is known of it then is its outcome.
pub(super) async fn carry<T: Transport>(
    mut transport: T,
    mail: Leased,
    stop: CancellationToken,
    patience: Duration,
) -> Carried<T> {
    let parcel = Parcel {
        envelope_from: mail.envelope_from,
        to: mail.to,
        bytes: mail.bytes,
    };
    let cut = async {
        stop.cancelled().await;
        tokio::time::sleep(patience).await;
    };
    steps::pass(Step::Sending);
    let ended = tokio::select! {
        biased;
        // A panic over one mail must not stop the others; the panic hook has logged its place.
        ended = AssertUnwindSafe(transport.send(&parcel)).catch_unwind() => ended.ok(),
        () = cut => None,
    };
    let outcome = ended.unwrap_or_else(|| transport.abandon());
    steps::pass(Step::Answered);
    let (trouble, brief) = (transport.trouble(), transport.brief().to_owned());
    Carried {
        transport,
        id: mail.id,
        outcome,
        trouble,
        brief,
    }
}
