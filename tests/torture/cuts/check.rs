//! What a store must hold after a power cut: everything acknowledged before it, and of what was under way all or nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use mailclerk::store::Order;
use mailclerk::store::Store;

use crate::cuts::Recorded;
use crate::work;
use crate::work::Ack;
use crate::work::MAILBOX;

/// Compares a store with what was acknowledged when the log was so long; says what is wrong.
pub(crate) fn check(store: &Store, recorded: &Recorded, cut: usize) -> Vec<String> {
    let done: Vec<&Ack> = recorded.acks.iter().filter(|ack| ack.at <= cut).collect();
    let under_way = recorded
        .acks
        .iter()
        .find(|ack| ack.begun <= cut && cut < ack.at);
    let mut said = Vec::new();
    mails(store, &done, under_way, &mut said);
    letters(store, &done, under_way, &mut said);
    // The second acknowledgement is the first that an open store gave.
    let opened = recorded.acks.get(1).is_some_and(|ack| ack.begun <= cut);
    if opened && (store.keys() != recorded.key || store.instance() != recorded.instance) {
        said.push("it is another store".to_owned());
    }
    said
}

fn mails(store: &Store, done: &[&Ack], under_way: Option<&Ack>, said: &mut Vec<String>) {
    let found = work::uids(store);
    let wanted: BTreeSet<u32> = done.iter().flat_map(|ack| &ack.uids).copied().collect();
    let missing: Vec<&u32> = wanted.difference(&found).collect();
    if !missing.is_empty() {
        said.push(format!("mails are missing: {missing:?}"));
    }
    let more: Vec<u32> = found.difference(&wanted).copied().collect();
    let group = under_way.map_or(&[][..], |ack| &ack.uids);
    if !more.is_empty() && more != group {
        said.push(format!("half a group: {more:?} of {group:?}"));
    }
    let counts = store.counts();
    let held = found.len() as u64;
    if (counts.ledger, counts.tickets) != (held, held) {
        said.push(format!("{held} mails, but counted: {counts:?}"));
    }
    for uid in &found {
        if !matches!(store.ledger(&work::mail(*uid)), Ok(Some(_))) {
            said.push(format!("mail {uid} is listed and cannot be read"));
        }
    }
    let cursor = store.cursor(MAILBOX).unwrap().map_or(0, |c| c.uid);
    let last = found.last().copied().unwrap_or(0);
    if cursor != last {
        said.push(format!("read up to {cursor}, known up to {last}"));
    }
}

fn letters(store: &Store, done: &[&Ack], under_way: Option<&Ack>, said: &mut Vec<String>) {
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, stage) in done.iter().flat_map(|ack| &ack.letters) {
        wanted.insert(id, stage);
    }
    let moved: BTreeMap<&str, &str> = under_way
        .iter()
        .flat_map(|ack| &ack.letters)
        .map(|(id, stage)| (id.as_str(), *stage))
        .collect();
    let all = store.outbox(None, usize::MAX, Order::Oldest).unwrap();
    let found: BTreeMap<&str, &str> = all
        .iter()
        .map(|m| (m.message_id.as_str(), m.delivery.word()))
        .collect();
    let mut before_and_after = BTreeSet::new();
    let ids: BTreeSet<&str> = wanted
        .keys()
        .chain(found.keys())
        .chain(moved.keys())
        .copied()
        .collect();
    for id in ids {
        let (before, after, is) = (wanted.get(id), moved.get(id), found.get(id));
        if before != is && (after.is_none() || after != is) {
            said.push(format!("{id}: {is:?}, was {before:?}, becoming {after:?}"));
        }
        if after.is_some() && after != before {
            before_and_after.insert(is == after);
        }
    }
    if before_and_after.len() > 1 {
        said.push(format!("half of what was one piece: {moved:?}"));
    }
    for mail in &all {
        let id = mail.message_id.as_str();
        let waits = matches!(mail.delivery.word(), "waiting" | "sending" | "parked");
        if waits && store.outgoing_bytes(mail.id) != Ok(Some(Ok(work::octets(id)))) {
            said.push(format!("{id} waits and its text cannot be read"));
        }
    }
}
