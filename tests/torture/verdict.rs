//! What must hold when everything has come to rest: told by the world, which no daemon can deceive, and by the ledger.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::clerk::Clerk;
use crate::mails;
use crate::mails::Kind;
use crate::tally::Tally;
use crate::world::Accepted;
use crate::world::World;

/// Looks at everything; no daemon may run.
pub(crate) fn judge(world: &World, clerk: &Clerk, tally: &mut Tally) {
    let rows = |arguments: &[&str]| match clerk.ask(arguments) {
        Value::Array(rows) => rows,
        other => panic!("{arguments:?} answers {other}"),
    };
    let ledger = rows(&["ledger", "list", "--limit", "10000"]);
    let outbox = rows(&["outbox", "list", "--all", "--limit", "10000"]);
    let accepted = world.accepted();
    tally.mails += world.delivered().len() as u64;
    mailbox(world, tally);
    ledger_states(world, &ledger, tally);
    letters(world, &ledger, &outbox, &accepted, tally);
    copies(&accepted, tally);
}

/// Every mail still lies in the mailbox, once.
fn mailbox(world: &World, tally: &mut Tally) {
    let kept = world.kept();
    let mut wanted: BTreeMap<u64, usize> = BTreeMap::new();
    for mail in world.delivered() {
        *wanted.entry(mail.number).or_default() += 1;
    }
    for (number, count) in wanted {
        let has = kept.get(&number).copied().unwrap_or_default();
        if has < count {
            tally.lost += 1;
            tally.complain(format!("mail {number} is gone from the mailbox"));
        } else if has > count {
            tally.complain(format!("mail {number} lies in the mailbox {has} times"));
        }
    }
}

/// Every mail has exactly one state in the ledger, and the ledger has no others.
fn ledger_states(world: &World, ledger: &[Value], tally: &mut Tally) {
    let mut states: BTreeMap<u64, u64> = BTreeMap::new();
    for row in ledger {
        let uid = row["mail"]["uid"].as_u64().unwrap();
        *states.entry(uid).or_default() += 1;
        if row["screening"] == "skipped" {
            tally.complain(format!("UID {uid} was skipped: {}", row["why"]));
        }
    }
    for mail in world.delivered() {
        match states.remove(&u64::from(mail.uid)) {
            Some(1) => {}
            Some(many) => tally.complain(format!("UID {} has {many} states", mail.uid)),
            None => {
                tally.shortenings += 1;
                tally.complain(format!("UID {} has no state", mail.uid));
            }
        }
    }
    if !states.is_empty() {
        tally.complain(format!("states of mails that never were: {states:?}"));
    }
}

/// Each mail had the letters that it must have: a case its forward, a question its reply or a parked one, a machine none.
fn letters(
    world: &World,
    ledger: &[Value],
    outbox: &[Value],
    accepted: &[Accepted],
    tally: &mut Tally,
) {
    let parked: BTreeSet<&str> = outbox
        .iter()
        .filter(|row| row["state"] == "parked")
        .filter_map(|row| row["to"].as_str())
        .collect();
    let mut about: BTreeMap<u64, Vec<&Accepted>> = BTreeMap::new();
    let mut wordless: BTreeSet<&str> = BTreeSet::new();
    for mail in accepted {
        match mail.about {
            Some(number) => about.entry(number).or_default().push(mail),
            None if mail.is_forward() => drop(wordless.insert(&mail.message_id)),
            None => tally.complain(format!("a mail about nothing: {mail:?}")),
        }
    }
    let unread = unread(&wordless, ledger, outbox, tally);
    for mail in world.delivered() {
        let writer = mails::writer(mail.number);
        let sent = about.get(&mail.number).map_or(&[][..], Vec::as_slice);
        let replies = sent.iter().filter(|m| m.to == writer).count();
        let forwards = sent.iter().filter(|m| m.is_forward()).count();
        if replies > 1 && mail.kind != Kind::Copy {
            tally.second_replies += 1;
            tally.complain(format!("mail {} was answered {replies} times", mail.number));
        }
        if replies + forwards < sent.len() {
            tally.complain(format!("mail {} went to a stranger: {sent:?}", mail.number));
        }
        let answered = replies > 0 || parked.contains(writer.as_str());
        let well = match mail.kind {
            Kind::Case | Kind::LargeCase => forwards > 0 && answered,
            Kind::Question => forwards == 0 && answered,
            Kind::Machine => sent.is_empty(),
            // Judged by the mail that it repeats.
            Kind::Copy => true,
        };
        if sent.is_empty() && unread.contains(&u64::from(mail.uid)) {
            continue;
        }
        if !well {
            if mail.kind.is_case() && forwards == 0 || mail.kind == Kind::Question && !answered {
                tally.lost += 1;
            }
            tally.complain(format!(
                "mail {} ({:?}): {forwards} forwards, {replies} replies, parked: {}",
                mail.number,
                mail.kind,
                parked.contains(writer.as_str())
            ));
        }
    }
    for row in outbox {
        let id = row["message_id"].as_str().unwrap();
        match row["state"].as_str().unwrap() {
            "sent" if accepted.iter().any(|m| m.message_id == id) => {}
            "parked" if row["purpose"] == "reply" => {}
            state => tally.complain(format!("in the outbox, {state}: {row}")),
        }
    }
}

/// The UIDs of the mails that a person got unread: they were in hand at two of the ends, and their forwards have none of
/// their words. The outbox tells the ticket of such a forward, the ledger the mail of that ticket.
fn unread(
    wordless: &BTreeSet<&str>,
    ledger: &[Value],
    outbox: &[Value],
    tally: &mut Tally,
) -> BTreeSet<u64> {
    let mut uids = BTreeSet::new();
    for id in wordless {
        let ticket = outbox
            .iter()
            .find(|row| row["message_id"] == **id)
            .and_then(|row| row["ticket"].as_u64());
        let mail = ticket.and_then(|ticket| ledger.iter().find(|row| row["ticket"] == ticket));
        match mail.and_then(|row| row["mail"]["uid"].as_u64()) {
            Some(uid) => drop(uids.insert(uid)),
            None => tally.complain(format!(
                "{id} is a forward without words, of ticket {ticket:?}, and of no mail"
            )),
        }
    }
    uids
}

/// Under one Message-ID each daemon sends at most once; a second copy is one of a daemon that was killed.
fn copies(accepted: &[Accepted], tally: &mut Tally) {
    let mut lives: BTreeMap<&str, BTreeMap<u32, u64>> = BTreeMap::new();
    for mail in accepted {
        let by_life = lives.entry(mail.message_id.as_str()).or_default();
        *by_life.entry(mail.life).or_default() += 1;
    }
    for (id, lives) in lives {
        let copies: u64 = lives.values().sum();
        tally.extra_forwards += copies - 1;
        if let Some((life, copies)) = lives.iter().find(|(_, copies)| **copies > 1) {
            tally.complain(format!("daemon {life} sent {id} {copies} times"));
        }
    }
}
