//! What must hold when some days are over: I1 to I6 and I10, of what the world saw and of what the store says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::daemon::tests::sim::episode::MAILBOX;
use crate::daemon::tests::sim::letters;
use crate::daemon::tests::sim::letters::Kind;
use crate::daemon::tests::sim::post::Taken;
use crate::daemon::tests::sim::world::DAY;
use crate::daemon::tests::sim::world::HOUR;
use crate::daemon::tests::sim::world::State;
use crate::mailbox::Filing;
use crate::message::address::Address;
use crate::store::LedgerState;
use crate::store::MailRef;
use crate::store::Order;
use crate::store::Stage;
use crate::store::Store;
use crate::triage::delivery::Delivery;
use crate::triage::delivery::Purpose;

/// The budgets of `rules/desk.toml`.
const SAME_WORDS_S: i64 = 7 * DAY;
const ADDRESS_DAY: usize = 3;
const DOMAIN_HOUR: usize = 20;
const TOTAL_HOUR: usize = 60;

/// Checks everything.
pub(super) fn all(state: &mut State, store: &Store) {
    drained(state, store);
    let known = ledger(state, store);
    reached(state, store, &known);
    forwards(state);
    replies(state);
    budgets(state);
}

/// I10: nothing waits any more.
fn drained(state: &mut State, store: &Store) {
    let counts = store.counts();
    if counts.waiting + counts.leased > 0 {
        let rest = store
            .outbox(Some(Stage::Waiting), 3, Order::Oldest)
            .unwrap();
        let rest: Vec<_> = rest
            .iter()
            .map(|m| (m.id, m.delivery.clone(), m.created))
            .collect();
        state.wrong(&format!("I10: mails still wait: {counts:?} {rest:?}"));
    }
    let due = store.filings(MAILBOX, state.server.validity, 10).unwrap();
    if !due.is_empty() {
        state.wrong(&format!("I10: mails are still to be filed away: {due:?}"));
    }
}

/// I1: every mail has its final state, and is where it belongs. Returns those that were handled.
fn ledger(state: &mut State, store: &Store) -> BTreeSet<usize> {
    let of = |(uid_validity, uid): (u32, u32)| {
        let mail = MailRef {
            mailbox: MAILBOX.to_owned(),
            uid_validity,
            uid,
        };
        store.ledger(&mail).unwrap()
    };
    let mut handled = BTreeSet::new();
    let mut wrongs = Vec::new();
    for (number, mail) in state.mails.iter().enumerate() {
        let states: Vec<_> = mail.places.iter().filter_map(|place| of(*place)).collect();
        if states
            .iter()
            .any(|s| matches!(s.state, LedgerState::Handled(_)))
        {
            handled.insert(number);
        }
        let filed = state.server.filed.get(&number);
        if !mail.gone && filed.is_some() && states.is_empty() {
            wrongs.push(format!(
                "I1: mail {number} was filed away and has no final state"
            ));
        }
        if filed.is_some_and(|f| f.len() > 1) {
            wrongs.push(format!("I1: mail {number} was filed away twice: {filed:?}"));
        }
    }
    for (uid, held) in &state.server.inbox {
        match of((state.server.validity, *uid)) {
            None => wrongs.push(format!(
                "I1: mail {} (uid {uid}) has no final state",
                held.mail
            )),
            Some(view) => {
                if let LedgerState::Handled(told) = view.state
                    && told.filing != Filing::Keep
                    && !state.mails[held.mail].restored
                {
                    wrongs.push(format!("I1: mail {} is still in the inbox", held.mail));
                }
            }
        }
    }
    state.figures.lost += wrongs.len() as u64;
    for wrong in wrongs {
        state.wrong(&wrong);
    }
    handled
}

/// I1: every person's case reached an agent, or lies parked for a reason that the world knows.
fn reached(state: &mut State, store: &Store, handled: &BTreeSet<usize>) {
    let mut marks: BTreeSet<String> = state
        .post
        .taken
        .iter()
        .flat_map(|t| t.marks.clone())
        .collect();
    for parked in store
        .outbox(Some(Stage::Parked), 10_000, Order::Oldest)
        .unwrap()
    {
        if parked.purpose != Purpose::Forward {
            continue;
        }
        let id = parked.message_id.as_str();
        let excused = match &parked.delivery {
            Delivery::Parked { why, .. } if why.starts_with("refused for good") => {
                state.post.refused.contains(id)
            }
            Delivery::Parked { why, .. } if why.starts_with("given up after five days") => {
                state.post.away_s > 4 * DAY
            }
            _ => false,
        };
        if excused {
            let bytes = store.outgoing_bytes(parked.id).unwrap();
            let bytes = bytes.and_then(Result::ok).unwrap_or_default();
            marks.extend(letters::marks(&bytes));
        } else {
            state.wrong(&format!("I2: a forward is parked: {:?}", parked.delivery));
        }
    }
    let mut lost = Vec::new();
    for (number, mail) in state.mails.iter().enumerate() {
        let wanted = mail
            .letter
            .mark
            .as_ref()
            .filter(|_| mail.letter.kind == Kind::Account);
        let seen = handled.contains(&number) || !mail.gone;
        if let Some(mark) = wanted.filter(|mark| seen && !marks.contains(*mark)) {
            lost.push(format!("I1: mail {number}, {mark}, reached no agent"));
        }
    }
    state.figures.lost += lost.len() as u64;
    for wrong in lost {
        state.wrong(&wrong);
    }
}

/// I2: one more copy of a forward for each crash, or end that nobody knows, and none without.
fn forwards(state: &mut State) {
    let mut by_id: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for taken in state.post.taken.iter().filter(|t| !t.reply) {
        by_id
            .entry(taken.id.clone())
            .or_default()
            .push(taken.crashes);
    }
    for (id, crashes) in by_id {
        let extra = crashes.len() as u64 - 1;
        let by_crash = crashes.windows(2).filter(|pair| pair[1] > pair[0]).count() as u64;
        let unknown = state.post.unknown.get(&id).copied().unwrap_or(0);
        state.figures.extra_forwards += extra;
        if extra > by_crash + unknown {
            state.wrong(&format!(
                "I2: {id} left {} times: {unknown} unknown ends, {by_crash} crashes between",
                extra + 1
            ));
        }
    }
}

/// I3 and I4: one reply to one mail at most, none to a machine.
fn replies(state: &mut State) {
    let mut wrongs = Vec::new();
    let mut second = 0;
    let mut answered: BTreeMap<&str, u64> = BTreeMap::new();
    for taken in state.post.taken.iter().filter(|t| t.reply) {
        *answered
            .entry(taken.answers.as_deref().unwrap_or_default())
            .or_default() += 1;
    }
    for (id, times) in state.post.times() {
        if id.starts_with("r.") && times > 1 {
            second += times - 1;
            wrongs.push(format!("I3: the reply {id} left {times} times"));
        }
    }
    for (id, times) in answered {
        let written: Vec<_> = state.mails.iter().filter(|m| m.letter.id == id).collect();
        let contents: BTreeSet<_> = written.iter().map(|m| &m.raw).collect();
        if times > contents.len() as u64 {
            second += 1;
            wrongs.push(format!(
                "I3: {times} replies to {id}, which is {} mails",
                contents.len()
            ));
        }
        if written.iter().all(|m| !State::answerable(m.letter.kind)) {
            wrongs.push(format!("I4: a machine, or nobody, was answered: {id}"));
        }
    }
    state.figures.replies += state.post.taken.iter().filter(|t| t.reply).count() as u64;
    state.figures.second_replies += second;
    for wrong in wrongs {
        state.wrong(&wrong);
    }
}

/// I3 and I5: no budget was exceeded, in true time; each jump of the wall clock may open each budget once more.
fn budgets(state: &mut State) {
    let mut decided: Vec<(i64, &Taken)> = (state.post.taken.iter().filter(|t| t.reply))
        .map(|taken| (decided(state, taken), taken))
        .collect();
    decided.sort_by_key(|(at, _)| *at);
    let mut wrongs = Vec::new();
    let mut windows: BTreeMap<(String, i64, usize), Vec<i64>> = BTreeMap::new();
    for (at, taken) in decided {
        let to = Address::parse(&taken.to).unwrap();
        let who = to.identity();
        windows
            .entry((format!("{who}: {}", taken.words), SAME_WORDS_S, 1))
            .or_default()
            .push(at);
        windows.entry((who, DAY, ADDRESS_DAY)).or_default().push(at);
        windows
            .entry(("all".to_owned(), HOUR, TOTAL_HOUR))
            .or_default()
            .push(at);
        if to.domain() != "gmail.com" {
            let domain = to.domain().to_owned();
            windows
                .entry((domain, HOUR, DOMAIN_HOUR))
                .or_default()
                .push(at);
        }
    }
    for ((what, window_s, most), times) in windows {
        // The desk's clock may gain a thousandth while it is led towards the wall clock's time.
        let least_s = window_s - window_s / 1_000 - 1;
        for last in &times {
            let inside = |t: &i64| *t > last - least_s && t <= last;
            let had = times.iter().filter(|t| inside(t)).count();
            let jumps = state.jumps.iter().filter(|t| inside(t)).count();
            if had > most * (1 + jumps) {
                wrongs.push(format!(
                    "I5: {had} replies within {window_s} s, {jumps} jumps: {what}, at {times:?}"
                ));
                break;
            }
        }
    }
    for wrong in wrongs {
        state.wrong(&wrong);
    }
}

/// When a reply was decided, in true time: when its mail was fetched while the wall clock said what the reply says, or came
/// nearest to it, as a desk in doubt goes by another time.
fn decided(state: &State, taken: &Taken) -> i64 {
    let mails = state
        .mails
        .iter()
        .filter(|m| Some(&m.letter.id) == taken.answers.as_ref());
    mails
        .flat_map(|m| m.fetched.iter())
        .filter(|(at, _)| *at <= taken.at)
        .min_by_key(|(at, wall)| ((wall - taken.date).abs(), -at))
        .map_or(taken.at, |(at, _)| *at)
}
