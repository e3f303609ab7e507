//! A word to an agent that no mail gave rise to: composed outside of a mail's own commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::daemon::quarantine::Seat;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::compose::AutoSubmitted;
use crate::message::compose::Draft;
use crate::message::compose::compose;
use crate::store::Outgoing;
use crate::triage::delivery::Purpose;
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
        let (rules, office) = self.0.get(mailbox)?;
        let told = Told {
            what: "your answer was stopped".to_owned(),
            more: vec!["An operator stopped it while it waited to leave. The person does not get it; the ticket is yours to answer, as before.".to_owned()],
            ..Told::default()
        };
        let letter = notice::letter(office, agent, Some(on), &told);
        let seed = digest(&SHA256, format!("stopped {id}").as_bytes());
        let seed: [u8; 32] = seed.as_ref().try_into().unwrap_or_default();
        let domain = office.address.domain();
        let key = &office.key;
        let message_id = key.message_id(Purpose::Notice, on, &seed, agent, domain);
        let root = key.message_id(Purpose::Forward, on, &[0; 32], agent, domain);
        let bytes = compose(&Draft {
            from: NamedAddress {
                name: rules.desk.name.clone(),
                address: office.address.clone(),
            },
            to: agent.clone(),
            reply_to: letter.reply_to,
            subject: letter.subject,
            message_id: message_id.clone(),
            in_reply_to: None,
            references: vec![root],
            date,
            auto_submitted: Some(AutoSubmitted::Generated),
            loop_token: key.loop_token(),
            language: letter.language.clone(),
            text: letter.text,
            html: None,
            original: None,
        });
        Some(Outgoing {
            purpose: Purpose::Notice,
            ticket: on,
            message_id,
            envelope_from: Some(key.reply_address(&office.address, on, agent)),
            to: agent.clone(),
            mailbox: mailbox.to_owned(),
            language: letter.language,
            templates: Vec::new(),
            bytes,
        })
    }
}
