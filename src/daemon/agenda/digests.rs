//! The leads' digests: gathered from counts and from the tickets that wait, once each working morning.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use ring::digest::Context;
use ring::digest::SHA256;

use crate::clock::Timestamp;
use crate::daemon::agenda::NO_TICKET;
use crate::daemon::agenda::mails::Frame;
use crate::daemon::agenda::mails::digest;
use crate::daemon::agenda::mails::frame;
use crate::daemon::quarantine::Seat;
use crate::message::compose::Picture;
use crate::message::compose::compose_with_picture;
use crate::store::Group;
use crate::store::Outgoing;
use crate::store::Store;
use crate::store::StoreError;
use crate::triage::delivery::Purpose;
use crate::triage::digest::DAYS;
use crate::triage::digest::Facts;
use crate::triage::digest::NAMED_MAX;
use crate::triage::hours::Day;
use crate::triage::hours::Hours;
use crate::triage::plan::Letter;
use crate::triage::roster::DigestRule;
use crate::triage::roster::Roster;

/// Tickets that wait which are looked at for those of one queue.
const LOOKS_MAX: usize = 20_000;

/// Returns when the next digest of each queue is due.
pub(super) fn due(roster: &Roster, now: Timestamp) -> Vec<(String, Timestamp)> {
    let Some(rule) = roster.digest else {
        return Vec::new();
    };
    let queues = roster.duties.iter().filter(|(_, duty)| duty.lead.is_some());
    queues
        .filter_map(|(queue, duty)| Some((queue.clone(), duty.hours.next_morning(now, rule.at)?)))
        .collect()
}

/// Writes a queue's digest, and says when the next is due. Returns whether one was written: none is when the config wants
/// none any more, and none a second time on one day.
pub(super) fn fire(
    group: &mut Group<'_>,
    store: &Store,
    seats: &[Seat],
    queue: &str,
    last: Option<Day>,
    (now, date): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let Some(seat) = seats.first() else {
        return Ok(false);
    };
    let roster = &seat.1.roster;
    let duty = roster.duty(queue);
    let (Some(rule), Some(duty)) = (roster.digest, duty) else {
        group.digested(queue, last, None)?;
        return Ok(false);
    };
    let next = duty.hours.next_morning(now, rule.at);
    let today = duty.hours.day(now);
    let Some((lead, today)) = duty
        .lead
        .as_ref()
        .zip(today)
        .filter(|(_, today)| last.is_none_or(|last| last < *today))
    else {
        group.digested(queue, last, next)?;
        return Ok(false);
    };
    let facts = facts(store, queue, rule, &duty.hours, today, now)?;
    let written = catch_unwind(AssertUnwindSafe(|| facts.write(now)));
    let Ok(written) = written else {
        tracing::error!(
            queue,
            "a digest could not be written; it is given up for today"
        );
        group.digested(queue, Some(today), next)?;
        return Ok(false);
    };
    let letter = Letter {
        purpose: Purpose::Notice,
        to: lead.clone(),
        reply_to: Vec::new(),
        subject: written.subject,
        language: "en".to_owned(),
        text: written.text,
        html: None,
        attach_original: false,
        templates: Vec::new(),
    };
    let mut seed = Context::new(&SHA256);
    seed.update(format!("digest {queue} {today}").as_bytes());
    let Frame { draft, outgoing } = frame(seat, &letter, NO_TICKET, &digest(seed), date);
    let picture = Picture {
        png: &written.picture,
        alt: &written.alt,
    };
    let bytes = compose_with_picture(&draft, &picture);
    group.post(Outgoing { bytes, ..outgoing }, now)?;
    group.digested(queue, Some(today), next)?;
    Ok(true)
}

fn facts(
    store: &Store,
    queue: &str,
    rule: DigestRule,
    hours: &Hours,
    today: Day,
    now: Timestamp,
) -> Result<Facts, StoreError> {
    let since = hours.working_day_before(today);
    let begin = |day: Day| hours.midnight(day).unwrap_or(now);
    let (from, to) = (since.map_or(now, begin), begin(today));
    let mut week = Vec::new();
    let mut day = today;
    for _ in 0..DAYS {
        let Ok(before) = day.0.yesterday().map(Day) else {
            break;
        };
        week.push((before, store.counted("", begin(before), begin(day))?));
        day = before;
    }
    week.reverse();
    let counts = store.counts();
    let mut tickets = store.waiting_in(queue, LOOKS_MAX, LOOKS_MAX)?;
    tickets.sort_by_key(|ticket| (ticket.state_since(), ticket.number));
    tickets.truncate(NAMED_MAX);
    Ok(Facts {
        queue: queue.to_owned(),
        since,
        desk: store.counted("", from, to)?,
        own: store.counted(queue, from, to)?,
        waiting: store.queue_loads()?.get(queue).copied().unwrap_or_default(),
        tickets,
        parked: counts.parked,
        held: store.held_counts()?.waiting,
        week,
        subjects: rule.subjects,
    })
}
