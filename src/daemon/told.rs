//! A word to an agent that no mail gave rise to: composed outside of a mail's own commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::daemon::agenda::mails::Frame;
use crate::daemon::agenda::mails::frame;
use crate::daemon::quarantine::Seat;
use crate::message::address::Address;
use crate::message::compose::compose;
use crate::store::Outgoing;
use crate::store::Unsent;
use crate::triage::relay::notice;
use crate::triage::relay::notice::Told;
use crate::triage::ticket::TicketNumber;

/// The desks, by the names of their mailboxes.
#[derive(Clone, Default)]
pub(super) struct Voices(Arc<BTreeMap<String, Seat>>);

impl Voices {
    pub(super) fn new(seats: &[Seat]) -> Self {
        let named = |seat: &Seat| (seat.1.mailbox.clone(), seat.clone());
        Self(Arc::new(seats.iter().map(named).collect()))
    }

    /// Writes to an agent whose answer an operator stopped; none where that mailbox is gone from the config. `id` is the
    /// answer's number in the outbox.
    pub(super) fn stopped(
        &self,
        mailbox: &str,
        on: TicketNumber,
        agent: &Address,
        id: u64,
        date: Timestamp,
    ) -> Option<Outgoing> {
        let told = Told {
            what: "your answer was stopped".to_owned(),
            more: vec!["An operator stopped it while it waited to leave. The person does not get it; the ticket is yours to answer, as before.".to_owned()],
            ..Told::default()
        };
        let seat = self.0.get(mailbox)?;
        Some(write(
            seat,
            &told,
            on,
            agent,
            &format!("stopped {id}"),
            date,
        ))
    }
}

/// Writes to an agent whose answer the mail server did not take.
pub(super) fn unsent(seat: &Seat, unsent: &Unsent, date: Timestamp) -> Outgoing {
    let said = unsent.why.trim();
    let why = if said.is_empty() {
        String::new()
    } else {
        format!(" It says: {said}")
    };
    let id = unsent.id.0;
    let told = Told {
        what: "your answer did not leave".to_owned(),
        more: vec![
            format!("The mail server did not take your answer to {}.{why}", unsent.to),
            "The ticket is yours to answer, as before. Answering this mail tries the same address again; an operator sends the same answer again with:".to_owned(),
            format!("mailclerk outbox resend {id}"),
        ],
        ..Told::default()
    };
    write(
        seat,
        &told,
        unsent.ticket,
        &unsent.agent,
        &format!("unsent {id} {}", unsent.since.0),
        date,
    )
}

/// Composes what an agent is told of a ticket. `seed` makes its id.
fn write(
    seat: &Seat,
    told: &Told,
    on: TicketNumber,
    agent: &Address,
    seed: &str,
    date: Timestamp,
) -> Outgoing {
    let letter = notice::letter(&seat.1, agent, Some(on), told);
    let seed = digest(&SHA256, seed.as_bytes());
    let seed: [u8; 32] = seed.as_ref().try_into().unwrap_or_default();
    let Frame { draft, outgoing } = frame(seat, &letter, on, &seed, date);
    Outgoing {
        bytes: compose(&draft),
        ..outgoing
    }
}
