//! What falls due: reminders, the word to the lead, ends of snoozes, digests. One loop; each firing is one commit.
//!
//! # Decisions
//! - What is due is taken in bounded pieces, by time, from the store's agenda; no ticket is searched.
//! - All that falls due for one recipient at one time is one mail, and nobody gets more than
//!   [`roster::DUE_MAILS_HOUR`](crate::triage::roster::DUE_MAILS_HOUR) such mails in an hour: the rest is put off, and
//!   comes in one.
//! - Mails are composed before the commit and leave by the outbox like all others: cut off anywhere, the agenda and the
//!   outbox agree.

mod digests;
pub(super) mod mails;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::daemon::DaemonError;
use crate::daemon::Shared;
use crate::daemon::blocking;
use crate::daemon::quarantine::Seat;
use crate::daemon::told;
use crate::message::address::Address;
use crate::steps;
use crate::steps::Step;
use crate::store::Fallen;
use crate::store::Group;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::outbox::OutboxId;
use crate::triage::agenda;
use crate::triage::agenda::Call;
use crate::triage::agenda::Watch;
use crate::triage::ticket::Ticket;
use crate::triage::ticket::TicketEvent;
use crate::triage::ticket::TicketNumber;

/// Things that are fired in one commit.
const PIECE: usize = 200;
/// Tickets that are named in one line of log.
const NAMED_MAX: usize = 20;
/// How often the agenda is looked at though nothing is known to fall due.
const LOOK_S: u64 = 10;
/// The loop is never silent for longer.
const SILENCE: Duration = Duration::from_mins(15);

/// What one firing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fired {
    /// Mails that wait to go because of it.
    pub(super) mails: usize,
    /// Things that were due.
    pub(super) things: usize,
}

/// Fires what falls due, until told to stop.
pub(super) async fn run(seats: Vec<Seat>, shared: Shared) -> Result<(), DaemonError> {
    let pulse = shared.pulses.add("agenda", SILENCE);
    if let Some((_, office)) = seats.first() {
        begin(office.roster.clone(), &shared).await?;
    }
    loop {
        let fired = fire_due(&seats, &shared).await?;
        pulse.beat();
        let pause = if fired.things == PIECE {
            Duration::ZERO
        } else {
            pause(&shared).await?
        };
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pulse.beat();
    }
}

/// Has the store go by the roster: digests that are to come, tickets that wait since before their queue reminded.
async fn begin(
    roster: std::sync::Arc<crate::triage::roster::Roster>,
    shared: &Shared,
) -> Result<(), DaemonError> {
    let (store, now) = (shared.store.clone(), shared.clock.now());
    let wanted = digests::due(&roster, now);
    let watches = roster.duties.keys().any(|queue| roster.watches(queue));
    blocking(move || store.plan_digests(&wanted)).await?;
    let mut after = None;
    while watches && !shared.stop.is_cancelled() {
        let store = shared.store.clone();
        after = blocking(move || store.adopt(after, now)).await?;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// How long nothing falls due.
async fn pause(shared: &Shared) -> Result<Duration, DaemonError> {
    let store = shared.store.clone();
    let next = blocking(move || store.next_agenda()).await?;
    let left = next.map_or(LOOK_S, |next| {
        u64::try_from(next.since_s(shared.clock.now())).unwrap_or(0)
    });
    Ok(Duration::from_secs(left.clamp(1, LOOK_S)))
}

/// Fires a piece of what is due.
pub(super) async fn fire_due(seats: &[Seat], shared: &Shared) -> Result<Fired, DaemonError> {
    let (store, seats) = (shared.store.clone(), seats.to_vec());
    let (now, date) = (shared.clock.now(), shared.clock.date());
    let fired = blocking(move || fire(&store, &seats, now, date)).await?;
    if fired.mails > 0 {
        shared.outbox_news.notify_one();
    }
    Ok(fired)
}

/// What is to be told to one recipient in one mail: by mailbox and address.
type Told = BTreeMap<(String, Address), Vec<Due>>;

/// One thing to be told.
struct Due {
    call: Call,
    /// What was waited for.
    was: Watch,
    ticket: Ticket,
    next: Option<Watch>,
}

/// Fires a piece of what is due, in one commit.
fn fire(
    store: &Store,
    seats: &[Seat],
    now: Timestamp,
    date: Timestamp,
) -> Result<Fired, StoreError> {
    if store.next_agenda()?.is_none_or(|next| next > now) {
        return Ok(Fired::default());
    }
    let mut group = store.group();
    let fallen = group.due(now, PIECE)?;
    if fallen.is_empty() {
        // Only what had ended.
        group.commit()?;
        return Ok(Fired::default());
    }
    let mut fired = Fired {
        mails: 0,
        things: fallen.len(),
    };
    let (mut told, mut lines) = (Told::new(), Vec::new());
    for thing in fallen {
        match thing {
            Fallen::Ticket(watch, ticket) => {
                look(&mut group, seats, &mut told, watch, *ticket, now)?;
            }
            Fallen::Unsent(id) => {
                if let Some(ticket) = tell_unsent(&mut group, seats, id, (now, date))? {
                    fired.mails += 1;
                    lines.push(format!(
                        "the agent of ticket {} is told that the answer did not leave",
                        ticket.0
                    ));
                }
            }
            Fallen::Digest(queue, last) => {
                let wrote = digests::fire(&mut group, store, seats, &queue, last, (now, date))?;
                fired.mails += usize::from(wrote);
                if wrote {
                    lines.push(format!(
                        "a digest was written for the lead of the queue {queue}"
                    ));
                }
            }
        }
    }
    for ((mailbox, to), dues) in told {
        let Some(seat) = seat_of(seats, &mailbox) else {
            continue;
        };
        if tell(&mut group, seat, &to, &dues, (now, date))? {
            fired.mails += 1;
            let tickets = dues.iter().take(NAMED_MAX);
            let tickets: Vec<String> = tickets.map(|d| d.ticket.number.0.to_string()).collect();
            lines.push(format!(
                "a mail was written about what fell due on tickets {}",
                tickets.join(",")
            ));
        }
    }
    steps::pass(Step::AgendaFiring);
    group.commit()?;
    steps::pass(Step::AgendaFired);
    for line in lines {
        tracing::info!("{line}");
    }
    Ok(fired)
}

/// Tells an agent that the mail server did not take an answer. Returns the ticket, unless that is not so any more.
fn tell_unsent(
    group: &mut Group<'_>,
    seats: &[Seat],
    id: OutboxId,
    (now, date): (Timestamp, Timestamp),
) -> Result<Option<TicketNumber>, StoreError> {
    let unsent = group.unsent(id)?;
    let seat = unsent.as_ref().and_then(|u| seat_of(seats, &u.mailbox));
    let mail = unsent.as_ref().zip(seat).and_then(|(unsent, seat)| {
        let mail = catch_unwind(AssertUnwindSafe(|| told::unsent(seat, unsent, date)));
        mail.ok().map(|mail| (unsent, mail))
    });
    let ticket = mail.as_ref().map(|(unsent, _)| unsent.ticket);
    group.unsent_told(id, mail, now)?;
    Ok(ticket)
}

/// The desk of a mailbox; the first one where that is gone from the config.
fn seat_of<'a>(seats: &'a [Seat], mailbox: &str) -> Option<&'a Seat> {
    let seat = seats.iter().find(|(_, o)| o.mailbox == mailbox);
    seat.or(seats.first())
}

/// Tells one recipient what fell due, in one mail; or puts all of it off, when there were too many such mails of late.
/// Returns whether a mail was written.
fn tell(
    group: &mut Group<'_>,
    seat: &Seat,
    to: &Address,
    dues: &[Due],
    times: (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let (now, _) = times;
    if let Some(later) = group.due_mail_at(to, now)? {
        // Gathered: all of it comes in one mail then.
        for due in dues {
            let put_off = Watch {
                due: Some(later),
                ..due.was.clone()
            };
            group.watch(due.ticket.number, Some(&put_off))?;
        }
        return Ok(false);
    }
    let mail = catch_unwind(AssertUnwindSafe(|| mails::gathered(seat, to, dues, times)));
    for due in dues {
        group.watch(due.ticket.number, due.next.as_ref())?;
    }
    let Ok(Some(mail)) = mail else {
        tracing::error!("a mail about what fell due could not be written; it is given up");
        return Ok(false);
    };
    group.post(mail, now)?;
    group.count_due_mail(to, now)?;
    for due in dues {
        group.note(due.ticket.number, event(due, to, now))?;
    }
    Ok(true)
}

/// Works out what comes of one thing about a ticket; what needs a mail waits for those to the same recipient.
fn look(
    group: &mut Group<'_>,
    seats: &[Seat],
    told: &mut Told,
    watch: Watch,
    ticket: Ticket,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some((_, office)) = seat_of(seats, &ticket.mailbox) else {
        return Ok(());
    };
    let queue = ticket.queue.as_deref().unwrap_or_default();
    let known = group.recall_time(std::slice::from_ref(&watch.agent), None)?;
    let away = office.roster.back(&watch.agent, queue, &known.away, now);
    let duty = office.roster.duty(queue);
    let fired = agenda::fire(&watch, &ticket, duty, away.is_some(), now);
    match fired.mail {
        None => group.watch(ticket.number, fired.next.as_ref()),
        Some((call, to)) => {
            let due = Due {
                call,
                was: watch,
                next: fired.next,
                ticket,
            };
            told.entry((office.mailbox.clone(), to))
                .or_default()
                .push(due);
            Ok(())
        }
    }
}

fn event(due: &Due, to: &Address, now: Timestamp) -> TicketEvent {
    let (kind, what) = match due.call {
        Call::Remind => ("reminded", "no answer yet"),
        Call::Escalate => ("escalated", "no answer yet"),
        Call::Woken => ("woken", "the snooze is over"),
    };
    TicketEvent {
        at: now,
        kind: kind.to_owned(),
        note: format!("to {to}: {what}"),
    }
}

/// Mails that are about no one ticket.
const NO_TICKET: TicketNumber = TicketNumber(0);
