//! The total breaker's voice: one line of log and one mail to the operator when it trips, a line when it goes on.

use std::time::Duration;

use ring::digest::SHA256;
use ring::digest::digest;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::compose::AutoSubmitted;
use crate::message::compose::Draft;
use crate::message::compose::compose;
use crate::store::Outgoing;
use crate::triage::Office;
use crate::triage::breaker::Breaker;
use crate::triage::breaker::Stand;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::ticket::TicketNumber;

/// How often a breaker that a person opened is told of again.
const REMIND_S: u64 = 3_600;

/// Who is told, and through whom.
#[derive(Clone)]
pub(crate) struct Alarm {
    to: Address,
    name: String,
    office: Office,
}

impl Alarm {
    /// An alarm to `to`, through the way out of that desk.
    pub(crate) fn new(to: Address, rules: &Rules, office: &Office) -> Self {
        Self {
            to,
            name: rules.desk.name.clone(),
            office: office.clone(),
        }
    }

    /// Writes the mail. No ticket: nobody's case is in it.
    fn mail(&self, breaker: &Breaker, date: Timestamp) -> Outgoing {
        let Self { to, name, office } = self;
        let nobody = TicketNumber(0);
        let seed = digest(&SHA256, format!("trip {}", breaker.trips).as_bytes());
        let seed: [u8; 32] = seed.as_ref().try_into().unwrap_or_default();
        let domain = office.address.domain();
        let message_id = office
            .key
            .message_id(Purpose::Notice, nobody, &seed, to, domain);
        let minutes = breaker.rule.quiet_minutes;
        let trial = breaker.rule.trial_replies;
        let text = format!(
            "The desk {address} wanted to send more automatic replies in an hour than it may\n(total_hour in rules/desk.toml). This is trip number {trips}.\n\n\
             No automatic reply leaves now. Mails are filed and forwarded as always; who would have\nbeen answered by a machine goes to a person.\n\n\
             After {minutes} minutes {trial} replies may leave; when no more are wanted in the {minutes} minutes\nafter that, the breaker closes by itself. Otherwise it stays open for twice as long.\n\n\
             mailclerk breaker             how it stands\nmailclerk ledger list         what came\nmailclerk breaker close       replies leave again at once\nmailclerk breaker open        none leaves until you close it\n\n\
             If so many replies are right for this desk, raise total_hour and reload.\n",
            address = office.address,
            trips = breaker.trips,
        );
        let bytes = compose(&Draft {
            from: NamedAddress {
                name: name.clone(),
                address: office.address.clone(),
            },
            to: to.clone(),
            reply_to: Vec::new(),
            subject: format!("mailclerk: the breaker of {} tripped", office.address),
            message_id: message_id.clone(),
            in_reply_to: None,
            references: Vec::new(),
            date,
            auto_submitted: Some(AutoSubmitted::Generated),
            loop_token: office.key.loop_token(),
            language: "en".to_owned(),
            text,
            html: None,
            original: None,
        });
        Outgoing {
            purpose: Purpose::Notice,
            ticket: nobody,
            message_id,
            envelope_from: None,
            to: to.clone(),
            mailbox: office.mailbox.clone(),
            language: "en".to_owned(),
            templates: Vec::new(),
            bytes,
        }
    }
}

/// What was said of the breaker.
#[derive(Default)]
pub(super) struct Watch {
    seen: Stand,
    told: Option<Instant>,
}

impl Watch {
    /// Lets the breaker go on, and says what there is to say. Returns how it stands.
    pub(super) async fn look(
        &mut self,
        shared: &Shared,
        alarm: Option<&Alarm>,
    ) -> Result<Stand, DaemonError> {
        let (store, now, date) = (
            shared.store.clone(),
            shared.clock.now(),
            shared.clock.date(),
        );
        let alarm = alarm.cloned();
        let (tripped, breaker) = blocking(move || {
            let make = |breaker: &Breaker| alarm.as_ref().map(|alarm| alarm.mail(breaker, date));
            let tripped = store.tell_of_trip(make, now)?;
            let (_, breaker) = store.turn_breaker(now)?;
            Ok((tripped, breaker))
        })
        .await?;
        if let Some(tripped) = tripped {
            tracing::error!(
                trips = tripped.trips,
                quiet_minutes = tripped.rule.quiet_minutes,
                "the breaker tripped: more automatic replies were wanted in an hour than total_hour allows; none leaves now, cases go to people; see `mailclerk breaker`"
            );
            shared.outbox_news.notify_one();
        }
        self.tell(&breaker, shared);
        Ok(breaker.stand)
    }

    fn tell(&mut self, breaker: &Breaker, shared: &Shared) {
        let before = std::mem::replace(&mut self.seen, breaker.stand);
        let (trips, withheld) = (breaker.trips, breaker.withheld);
        match (before, breaker.stand) {
            (Stand::Trial(_), Stand::Open) => tracing::error!(
                trips,
                withheld,
                minutes = breaker.length_s / 60,
                "the breaker's trial was used up; it is open again"
            ),
            (Stand::Open, Stand::Trial(replies)) => {
                tracing::warn!(
                    trips,
                    withheld,
                    replies,
                    "the breaker tries whether the storm is over"
                );
                shared.outbox_news.notify_one();
            }
            (Stand::Open | Stand::Trial(_) | Stand::ByHand, Stand::Closed) => {
                tracing::warn!(
                    trips,
                    withheld,
                    "the breaker is closed; replies leave again"
                );
                shared.outbox_news.notify_one();
            }
            (_, Stand::ByHand) => {
                let due = self
                    .told
                    .is_none_or(|at| at.elapsed() >= Duration::from_secs(REMIND_S));
                if due || before != Stand::ByHand {
                    tracing::error!(
                        withheld,
                        "the breaker was opened by hand: no automatic reply leaves until `mailclerk breaker close`"
                    );
                    self.told = Some(Instant::now());
                }
            }
            _ => {}
        }
    }
}
