//! What an operator releases from quarantine is handled here; and the operator is reminded of what waits.
//!
//! # Decisions
//! - A release needs no mailbox: the octets are in the store. So a mail is released though its server is away, and though
//!   somebody emptied the folder.
//! - A released mail takes the way of every mail, minus what had it held. When it comes to that more than a day after the
//!   mail came, or the store has been accepted in doubt since, a person gets it and no machine answers.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::letters;
use crate::daemon::work::Silence;
use crate::daemon::work::hush;
use crate::mailbox::Fetched;
use crate::steps;
use crate::steps::Step;
use crate::store::CommitError;
use crate::store::Entry;
use crate::store::Group;
use crate::store::HeldState;
use crate::store::HeldView;
use crate::store::StoreError;
use crate::triage::Office;
use crate::triage::desk::Rules;
use crate::triage::quarantine;
use crate::triage::ticket::TicketEvent;

/// Releases that are looked for at a time.
const DUE_MAX: usize = 100;
/// How often releases are looked for that nobody told of (another process marked them while no daemon ran).
const LOOK_S: u64 = 60;
/// How often the operator is reminded.
const REMIND_S: u64 = 86_400;
/// Mails that wait for longer want a person by now.
const PATIENCE_S: i64 = 3 * 86_400;
/// An answer that comes later than this after the mail is of no use to anybody.
const REPLY_USE_S: i64 = 86_400;
/// The loop is never silent for longer.
const SILENCE: Duration = Duration::from_mins(15);

const LATE: Silence = Silence {
    rule: "late",
    says: "it was released from quarantine too late for an automatic answer",
};
const IN_DOUBT: Silence = Silence {
    rule: "in-doubt",
    says: "it was released before this store was accepted in place of a newer one, and may have been answered; so a person gets it, unanswered",
};

/// A mailbox's desk.
pub(super) type Seat = (Arc<Rules>, Arc<Office>);

/// Handles releases and reminds, until told to stop.
pub(super) async fn run(seats: Vec<Seat>, shared: Shared) -> Result<(), DaemonError> {
    let pulse = shared.pulses.add("quarantine", SILENCE);
    let mut remind_at = Instant::now();
    loop {
        for (rules, office) in &seats {
            handle_due(rules, office, &shared).await?;
            pulse.beat();
        }
        if remind_at <= Instant::now() {
            remind(&shared).await?;
            remind_at = Instant::now() + Duration::from_secs(REMIND_S);
        }
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            () = shared.reconciling.released() => {}
            () = tokio::time::sleep(Duration::from_secs(LOOK_S)) => {}
        }
        pulse.beat();
    }
}

/// Handles what was released of one mailbox.
pub(super) async fn handle_due(
    rules: &Arc<Rules>,
    office: &Arc<Office>,
    shared: &Shared,
) -> Result<(), DaemonError> {
    let (store, mailbox) = (shared.store.clone(), office.mailbox.clone());
    let due = blocking(move || store.held_due(&mailbox, DUE_MAX)).await?;
    for number in due {
        if shared.stop.is_cancelled() {
            return Ok(());
        }
        let release = Release {
            number,
            rules: Arc::clone(rules),
            office: Arc::clone(office),
            shared: shared.clone(),
        };
        let sent = blocking(move || release.handle()).await?;
        steps::pass(Step::ReleaseSettled);
        if sent > 0 {
            shared.outbox_news.notify_one();
        }
    }
    Ok(())
}

/// Says how many mails wait, when any do.
async fn remind(shared: &Shared) -> Result<(), DaemonError> {
    let store = shared.store.clone();
    let counts = blocking(move || store.held_counts()).await?;
    let Some(oldest) = counts.oldest else {
        return Ok(());
    };
    let mails = counts.waiting;
    let hours = shared.clock.now().since_s(oldest).max(0) / 3_600;
    if hours * 3_600 >= PATIENCE_S {
        tracing::error!(
            mails,
            hours,
            "mails wait in quarantine, the oldest for so many hours, and nobody looked: `mailclerk quarantine list`"
        );
    } else {
        tracing::warn!(
            mails,
            hours,
            "mails wait in quarantine, the oldest for so many hours: `mailclerk quarantine list`"
        );
    }
    Ok(())
}

/// One released mail.
struct Release {
    number: u64,
    rules: Arc<Rules>,
    office: Arc<Office>,
    shared: Shared,
}

impl Release {
    /// Thinks about it and commits the outcome; returns how many mails leave because of it.
    fn handle(&self) -> Result<usize, StoreError> {
        let (store, clock) = (&self.shared.store, &self.shared.clock);
        let Some((held, raw)) = store.held_mail(self.number)? else {
            return Ok(0);
        };
        let HeldState::Released { by, at } = &held.state else {
            return Ok(0);
        };
        let fetched = self.fetched(&held, raw);
        let (now, date) = (clock.now(), clock.date());
        let mut group = store.group();
        let times = letters::Times {
            received: held.received,
            now,
            date,
        };
        let silence = self.silence(&held, *at, now);
        let think = |read: letters::Read, group: &Group<'_>| {
            self.entry(read, group, &held, by, times, silence)
        };
        let read = |fetched: &Arc<Fetched>| letters::read(fetched, &self.rules, &self.office);
        let attempt = catch_unwind(AssertUnwindSafe(|| think(read(&fetched), &group)));
        let entry = attempt.unwrap_or_else(|_| {
            tracing::error!(
                number = self.number,
                "deciding a released mail panicked; a person gets it unread"
            );
            let unread = letters::unread(&fetched, &self.rules, &self.office);
            catch_unwind(AssertUnwindSafe(|| think(unread, &group))).unwrap_or_else(|_| {
                let nothing = self.fetched(&held, None);
                think(read(&nothing), &group)
            })
        })?;
        let (sent, line) = (entry.outgoing.len(), letters::line(&entry));
        match group.settle_release(self.number, entry, now) {
            Ok(()) => {}
            Err(CommitError::AlreadyDone) => return Ok(0),
            Err(CommitError::Stale) => {
                let why = "a released mail was decided on an old state";
                return Err(StoreError::Broken(why.to_owned()));
            }
            Err(CommitError::Storage(error)) => return Err(error),
        }
        steps::pass(Step::ReleaseSettling);
        group.commit()?;
        line.log();
        Ok(sent)
    }

    /// The mail as it was fetched; where its octets cannot be read, the agent is told where it lies.
    fn fetched(&self, held: &HeldView, raw: Option<Result<Vec<u8>, String>>) -> Arc<Fetched> {
        let octets = match raw {
            Some(Ok(octets)) => octets,
            Some(Err(why)) => {
                tracing::error!(
                    number = self.number,
                    "a released mail cannot be read from the store: {why}; an agent is told where it lies"
                );
                Vec::new()
            }
            None => Vec::new(),
        };
        Arc::new(Fetched {
            uid: held.mail.uid,
            truncated: held.truncated || octets.is_empty(),
            raw: octets,
        })
    }

    fn silence(&self, held: &HeldView, released: Timestamp, now: Timestamp) -> Option<Silence> {
        if self
            .shared
            .store
            .accepted()
            .is_some_and(|accepted| released < accepted)
        {
            return Some(IN_DOUBT);
        }
        (held.received < now.plus_s(-REPLY_USE_S)).then_some(LATE)
    }

    fn entry(
        &self,
        mut read: letters::Read,
        group: &Group<'_>,
        held: &HeldView,
        by: &str,
        times: letters::Times,
        silence: Option<Silence>,
    ) -> Result<Entry, StoreError> {
        if let Some(silence) = silence {
            hush(&mut read, silence);
        }
        let message = &read.reading.message;
        let mut case = group.recall(
            &message.digest,
            &read.reading.clues,
            read.sender(),
            times.now,
        )?;
        case.time = group.recall_time(&self.office.surroundings.agents, read.sender())?;
        group.recall_beside(
            &mut case,
            &read.named(&self.office),
            read.sender(),
            times.now,
        )?;
        // It is no copy of itself.
        case.copy_of = None;
        case.released = Some(by.to_owned());
        let (rules, office) = (&self.rules, &self.office);
        let mut entry = letters::entry(held.mail.clone(), &read, &case, rules, office, times);
        let why = held
            .because
            .first()
            .map_or("held", |(_, says, _)| says.as_str());
        let told = format!("{by} released it from quarantine.");
        entry
            .plan
            .because
            .insert(0, quarantine::because(quarantine::RELEASED, told, why));
        let note = format!("from quarantine by {by}; it was held because: {why}");
        entry.events.insert(
            0,
            TicketEvent {
                at: times.now,
                kind: quarantine::RELEASED.to_owned(),
                note,
            },
        );
        Ok(entry)
    }
}
