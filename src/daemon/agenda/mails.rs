//! The mails about what fell due, composed.

use ring::digest::Context;
use ring::digest::SHA256;

use crate::clock::Timestamp;
use crate::daemon::agenda::Due;
use crate::daemon::agenda::NO_TICKET;
use crate::daemon::quarantine::Seat;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::compose::AutoSubmitted;
use crate::message::compose::Draft;
use crate::message::compose::compose;
use crate::message::id::MessageId;
use crate::store::Outgoing;
use crate::triage::agenda::Call;
use crate::triage::delivery::Purpose;
use crate::triage::plan::Letter;
use crate::triage::remind;
use crate::triage::remind::Item;
use crate::triage::ticket::TicketNumber;

/// A mail of ours to an agent or a lead: everything but its text's form.
pub(in crate::daemon) struct Frame {
    pub(in crate::daemon) draft: Draft,
    pub(in crate::daemon) outgoing: Outgoing,
}

/// Makes the one mail about all that fell due for somebody; none when there is nothing.
pub(super) fn gathered(
    seat: &Seat,
    to: &Address,
    dues: &[Due],
    (now, date): (Timestamp, Timestamp),
) -> Option<Outgoing> {
    let items: Vec<Item<'_>> = dues
        .iter()
        .map(|due| Item {
            call: due.call,
            ticket: &due.ticket,
            agent: &due.was.agent,
            since: due.was.since,
        })
        .collect();
    let letter = remind::letter(to, &items, &seat.1, now)?;
    let ticket = match dues {
        // An escalation names no ticket by its id either: its answer proves nothing.
        [only] if only.call != Call::Escalate => only.ticket.number,
        _ => NO_TICKET,
    };
    let mut seed = Context::new(&SHA256);
    seed.update(b"due");
    seed.update(&now.0.to_be_bytes());
    for due in dues {
        seed.update(&due.ticket.number.0.to_be_bytes());
        seed.update(&[due.call as u8]);
    }
    let Frame { draft, outgoing } = frame(seat, &letter, ticket, &digest(seed), date);
    Some(Outgoing {
        bytes: compose(&draft),
        ..outgoing
    })
}

/// Makes a seed's digest.
pub(in crate::daemon) fn digest(seed: Context) -> [u8; 32] {
    seed.finish().as_ref().try_into().unwrap_or_default()
}

/// Frames a letter about one ticket, or about none.
pub(in crate::daemon) fn frame(
    (rules, office): &Seat,
    letter: &Letter,
    ticket: TicketNumber,
    seed: &[u8; 32],
    date: Timestamp,
) -> Frame {
    let (key, to) = (&office.key, &letter.to);
    let domain = office.address.domain();
    let message_id = key.message_id(letter.purpose, ticket, seed, to, domain);
    let mut references: Vec<MessageId> = Vec::new();
    let mut envelope_from = None;
    if ticket != NO_TICKET {
        // The root that all forwards of the ticket to this agent name.
        references.push(key.message_id(Purpose::Forward, ticket, &[0; 32], to, domain));
        envelope_from = Some(key.reply_address(&office.address, ticket, to));
    }
    let draft = Draft {
        from: NamedAddress {
            name: rules.desk.name.clone(),
            address: office.address.clone(),
        },
        to: to.clone(),
        reply_to: letter.reply_to.clone(),
        subject: letter.subject.clone(),
        message_id: message_id.clone(),
        in_reply_to: None,
        references,
        date,
        auto_submitted: Some(AutoSubmitted::Generated),
        loop_token: key.loop_token(),
        language: letter.language.clone(),
        text: letter.text.clone(),
        html: None,
        original: None,
    };
    let outgoing = Outgoing {
        purpose: letter.purpose,
        ticket,
        message_id,
        envelope_from,
        to: to.clone(),
        mailbox: office.mailbox.clone(),
        language: letter.language.clone(),
        templates: Vec::new(),
        bytes: Vec::new(),
    };
    Frame { draft, outgoing }
}
