//! From a fetched mail to what the store commits: thought about, with every mail that leaves composed.

mod enclosure;
mod events;
mod line;
mod relayed;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use ring::digest::SHA256;
use ring::digest::digest;

use crate::clock::Timestamp;
use crate::daemon::faults;
use crate::daemon::groups::filing;
use crate::daemon::letters::enclosure::enclosed;
use crate::daemon::letters::events::events;
pub(super) use crate::daemon::letters::line::line;
use crate::mailbox::Fetched;
use crate::mailbox::Filing;
use crate::message::Flaw;
use crate::message::Message;
use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::compose::AutoSubmitted;
use crate::message::compose::Draft;
use crate::message::compose::compose_with;
use crate::message::parse::parse;
use crate::store::Entry;
use crate::store::Holding;
use crate::store::MailRef;
use crate::store::Named;
use crate::store::Outgoing;
use crate::triage;
use crate::triage::Office;
use crate::triage::Reading;
use crate::triage::decide::decide;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::plan::Case;
use crate::triage::plan::Letter;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::relay;
use crate::triage::returned::REROUTED;
use crate::triage::ticket::TicketNumber;

/// A fetched mail, read.
pub(super) struct Read {
    pub(super) uid: u32,
    pub(super) reading: Reading,
    fetched: Arc<Fetched>,
}

impl Read {
    /// Returns who writes.
    pub(super) fn sender(&self) -> Option<&Address> {
        self.reading.writer().map(|w| &w.address)
    }

    /// Returns what it names: addresses, and the tickets of an agent's orders.
    pub(super) fn named(&self, office: &Office) -> Named {
        let addresses = self.reading.named.iter();
        Named {
            addresses: addresses.map(|(found, _)| found.address.clone()).collect(),
            tickets: relay::named(&self.reading.message, office),
        }
    }

    /// Returns what is kept of it when it is held.
    pub(super) fn holding(&self) -> Holding<'_> {
        Holding {
            raw: &self.fetched.raw,
            truncated: self.fetched.truncated,
            subject: &self.reading.message.subject,
        }
    }
}

/// A mail that fails so often is taken over unread.
pub(super) const FAILS_MAX: u32 = 3;

/// Tries work on a mail until it does not panic, `FAILS_MAX` times: most panics are the mail's and come again, but one
/// that was not must not cost its reading.
pub(super) fn attempts<T>(
    doing: &str,
    mailbox: &str,
    uid: u32,
    attempt: impl Fn() -> T,
) -> Option<T> {
    for time in 1..=FAILS_MAX {
        if let Ok(done) = catch_unwind(AssertUnwindSafe(&attempt)) {
            return Some(done);
        }
        tracing::warn!(mailbox, uid, time, "{doing} the mail panicked");
    }
    tracing::error!(
        mailbox,
        uid,
        "{doing} the mail panicked {FAILS_MAX} times; a person gets it unread"
    );
    None
}

/// Reads a mail. A panic that comes again and again is the mail's flaw: it goes to a person, the next one flows.
pub(super) fn read(fetched: &Arc<Fetched>, rules: &Rules, office: &Office) -> Read {
    let reading = attempts("reading", &office.mailbox, fetched.uid, || {
        faults::strike("read", &fetched.raw);
        let mut message = parse(&fetched.raw);
        if fetched.truncated {
            message.flaws.push(Flaw::TooBig);
        }
        triage::read(message, rules, office)
    })
    .unwrap_or_else(|| triage::read(unreadable(&fetched.raw), rules, office));
    Read {
        uid: fetched.uid,
        reading,
        fetched: Arc::clone(fetched),
    }
}

/// Takes a mail over unread: for a person.
pub(super) fn unread(fetched: &Arc<Fetched>, rules: &Rules, office: &Office) -> Read {
    Read {
        uid: fetched.uid,
        reading: triage::read(unreadable(&fetched.raw), rules, office),
        fetched: Arc::clone(fetched),
    }
}

/// A message of which nothing is known but its octets.
fn unreadable(raw: &[u8]) -> Message {
    let mut message = parse(b"");
    message.size = raw.len();
    if let Ok(digest) = digest(&SHA256, raw).as_ref().try_into() {
        message.digest = digest;
    }
    message.flaws.push(Flaw::Unparsable);
    message
}

/// Decides, composes, and writes down what happened.
pub(super) fn entry(
    mail: MailRef,
    read: &Read,
    case: &Case,
    rules: &Rules,
    office: &Office,
    times: Times,
) -> Entry {
    let Times { received, now, .. } = times;
    if !read.reading.message.flaws.contains(&Flaw::Unparsable) {
        faults::strike("decide", &read.fetched.raw);
    }
    let plan = decide(&read.reading, case, rules, office, now);
    let number = number(&plan.step);
    let desk = Desk {
        read,
        rules,
        office,
        filing: match plan.step {
            Step::Hold => Filing::Quarantine,
            // Its copy on the server stays where it is.
            _ if case.released.is_some() => Filing::Quarantine,
            _ => filing(plan.disposition),
        },
        times,
    };
    // A word to an agent whose mail is on no ticket is on none, either.
    let has_place = |letter: &&Letter| number.is_some() || letter.purpose == Purpose::Notice;
    let on = number.unwrap_or(NO_TICKET);
    let letters = plan.letters.iter().filter(has_place);
    let outgoing = letters
        .map(|letter| desk.outgoing(letter, on, &plan))
        .collect();
    let events = events(&plan, &read.reading, now);
    Entry {
        mail,
        digest: read.reading.message.digest,
        message_id: read.reading.message.message_id.clone(),
        sender: read.sender().cloned(),
        filing: desk.filing,
        received,
        plan,
        outgoing,
        events,
    }
}

fn number(step: &Step) -> Option<TicketNumber> {
    match step {
        Step::Open(ticket) | Step::Update(ticket) => Some(ticket.number),
        Step::Record(on) => *on,
        Step::Hold => None,
    }
}

/// The times of one mail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// When the server got it.
    pub(super) received: Timestamp,
    /// The desk's time.
    pub(super) now: Timestamp,
    /// The date that letters carry.
    pub(super) date: Timestamp,
}

/// What the letters about one mail are made with.
struct Desk<'a> {
    read: &'a Read,
    rules: &'a Rules,
    office: &'a Office,
    filing: Filing,
    times: Times,
}

impl Desk<'_> {
    fn outgoing(&self, letter: &Letter, number: TicketNumber, plan: &Plan) -> Outgoing {
        let Desk {
            read,
            rules,
            office,
            filing,
            times,
        } = *self;
        faults::strike("compose", &read.fetched.raw);
        let key = &office.key;
        let message = &read.reading.message;
        let domain = office.address.domain();
        // A forward because of a report is one that had failed before: the store knows it by an id of its own.
        let rerouted = letter.purpose == Purpose::Forward && read.reading.returned.is_some();
        let seed = if rerouted { &REROUTED } else { &message.digest };
        let relaying = plan.deeds.relay.as_ref();
        let relaying = relaying.filter(|_| letter.purpose == Purpose::Relay);
        let via = plan.beside.via.filter(|_| letter.purpose == Purpose::Reply);
        // In the thread of the ticket that its reader wrote on, which may be merged into this one, and taken apart again.
        let threaded = relaying.map(|r| r.on).or(via).unwrap_or(number);
        let message_id = key.message_id(letter.purpose, threaded, seed, &letter.to, domain);
        let (in_reply_to, references) = self.thread(letter, threaded, relaying);
        let mut text = letter.text.clone();
        let mut original = None;
        if letter.attach_original {
            let (attached, told) = enclosed(read, office, filing, times.received);
            text.push_str(&told);
            original = attached;
        }
        let draft = Draft {
            from: NamedAddress {
                name: relaying
                    .map(|relaying| relaying.name.clone())
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| rules.desk.name.clone()),
                address: office.address.clone(),
            },
            to: letter.to.clone(),
            reply_to: letter.reply_to.clone(),
            subject: letter.subject.clone(),
            message_id: message_id.clone(),
            in_reply_to,
            references,
            date: times.date,
            auto_submitted: auto_submitted(letter.purpose),
            loop_token: key.loop_token(),
            language: letter.language.clone(),
            text,
            html: letter.html.clone(),
            original,
        };
        Outgoing {
            purpose: letter.purpose,
            ticket: number,
            message_id,
            envelope_from: envelope_from(letter, number, office),
            to: letter.to.clone(),
            mailbox: office.mailbox.clone(),
            language: letter.language.clone(),
            templates: letter.templates.clone(),
            bytes: compose_with(&draft, &self.files(relaying)),
        }
    }
}

/// Stands for the ticket of a letter that is on none.
const NO_TICKET: TicketNumber = TicketNumber(0);

fn auto_submitted(purpose: Purpose) -> Option<AutoSubmitted> {
    match purpose {
        Purpose::Reply => Some(AutoSubmitted::Replied),
        Purpose::Forward | Purpose::Verify | Purpose::Notice => Some(AutoSubmitted::Generated),
        Purpose::Relay => None,
    }
}

/// Replies leave with the null sender, so that nothing comes back to be answered (RFC 3834, 3.3); the failure of a
/// forward must come back, to an address that names its ticket and agent.
fn envelope_from(letter: &Letter, number: TicketNumber, office: &Office) -> Option<Address> {
    (letter.purpose != Purpose::Reply).then(|| {
        office
            .key
            .reply_address(&office.address, number, &letter.to)
    })
}

#[cfg(test)]
mod tests;
