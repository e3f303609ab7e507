//! Two daemons on one mailbox, and a store that knows less than the mailbox.

use super::server::Daemon;
use super::server::START;
use super::server::Server;
use super::*;
use crate::store::State;

const HOUR_S: i64 = 3_600;

/// Faults: F15; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_mail_that_another_daemon_has_claimed_is_left_to_it() {
    let server = Server::new();
    let (mut first, mut second) = (Daemon::new("first"), Daemon::new("second"));
    first.rounds(&server, 1).await;
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 0));
    assert_eq!(second.state(7, uid), State::Waiting(START));
    // The first handles it; the second learns that, and has nothing left to do.
    first.rounds(&server, 2).await;
    assert_eq!(first.letters(), (1, 1));
    second.hands.wind(2 * HOUR_S);
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 0));
    assert!(
        matches!(second.state(7, uid), State::Skipped { why, .. } if why.contains("not there any more"))
    );
}

/// Faults: F15 F24; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn what_a_dead_daemon_had_claimed_goes_to_a_person_unanswered_once_the_wait_is_over() {
    let server = Server::new();
    let mut second = Daemon::new("second");
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    second.hands.wind(HOUR_S - 10);
    // The wait is durable: a restart does not begin it anew.
    let folder = second.folder.path().to_owned();
    second.shared.store =
        Store::open(tempfile::tempdir().unwrap().path(), StoreOptions::default()).unwrap();
    second.shared.store = Store::open(&folder, StoreOptions::default()).unwrap();
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 0));
    second.hands.wind(20);
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 1), "a person, and no machine");
    assert!(
        second.rules(uid).contains(&"claimed".to_owned()),
        "{:?}",
        second.rules(uid)
    );
    assert_eq!(server.folder().filed, [(uid, Filing::Forwarded)]);
    second.rounds(&server, 3).await;
    assert_eq!(second.letters(), (0, 1));
}

/// A take-over that was cut off is taken over again, and stays unanswered: the claim of the dead one still stands.
///
/// Faults: F1 F15; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_take_over_that_is_cut_off_before_the_commit_answers_nobody_afterwards() {
    let server = Server::new();
    let mut second = Daemon::new("second");
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    second.hands.wind(2 * HOUR_S);
    let mut cut = false;
    server.at_each_call(move |_, kind| {
        if kind == "fetch" && !std::mem::replace(&mut cut, true) {
            return Err(MailboxError::Lost("cut".to_owned()));
        }
        Ok(())
    });
    second.rounds(&server, 3).await;
    assert_eq!(second.letters(), (0, 1));
}

/// Faults: F15 F48; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_claim_that_its_owner_took_back_makes_the_mail_news_again() {
    let server = Server::new();
    let mut second = Daemon::new("second");
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 0));
    server.folder().mails.get_mut(&uid).unwrap().claims.clear();
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (1, 1));
    assert!(
        second
            .shared
            .store
            .waiting("support", 7, 10)
            .unwrap()
            .is_empty()
    );
}

/// Faults: F15; holds I3.
#[tokio::test(start_paused = true)]
async fn where_mails_stay_another_daemons_keyword_ends_the_waiting() {
    let server = Server::new();
    server.folder().flags = true;
    let (mut first, mut second) = (Daemon::new("first"), Daemon::new("second"));
    first.rounds(&server, 1).await;
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    first.rounds(&server, 2).await;
    // One that the second has never seen before it was handled.
    let later = server.folder().deliver("joe", START);
    first.rounds(&server, 2).await;
    second.hands.wind(2 * HOUR_S);
    second.rounds(&server, 2).await;
    assert_eq!((first.letters(), second.letters()), ((2, 2), (0, 0)));
    for uid in [uid, later] {
        assert!(
            matches!(second.state(7, uid), State::Skipped { why, .. } if why.contains("handled by another"))
        );
    }
}

/// Faults: F1 F15; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn our_own_claims_from_before_a_crash_are_ours() {
    let server = Server::new();
    let mut daemon = Daemon::new("first");
    daemon.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (1, 1));
}

/// Faults: F19; holds I1 I10.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_claimed_mail_wait_for_years() {
    let server = Server::new();
    let mut second = Daemon::new("second");
    second.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    server
        .folder()
        .mails
        .get_mut(&uid)
        .unwrap()
        .claims
        .insert("first");
    second.rounds(&server, 2).await;
    second.hands.wind(-10 * 366 * 86_400);
    second.rounds(&server, 2).await;
    assert_eq!(second.letters(), (0, 1));
}

/// Faults: F11 F12; holds I3 I9.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_younger_than_its_mailbox_reads_sends_and_moves_nothing() {
    let server = Server::new();
    server.folder().trace = Some("3 mails lie in Mailclerk/Answered".to_owned());
    server.folder().deliver("maria", START);
    let mut daemon = Daemon::new("new");
    // Nothing is asked of the server but whether it can be so.
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let stop = CancellationToken::new();
    let end = stop.clone();
    server.at_each_call(move |_, kind| {
        let mut seen = seen.lock().unwrap();
        seen.push(kind);
        if seen.len() == 6 {
            end.cancel();
        }
        Ok(())
    });
    let run = daemon.rounds(&server, 1);
    tokio::select! { () = run => panic!("it went on"), () = stop.cancelled() => {} }
    assert_eq!(
        calls.lock().unwrap()[..4],
        ["open", "traces", "open", "traces"]
    );
    assert_eq!(daemon.letters(), (0, 0));
    assert_eq!(daemon.shared.store.cursor("support").unwrap(), None);
    assert_eq!(server.folder().mails.len(), 1);
}

/// Faults: F11 F12; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn an_accepted_store_answers_nothing_that_an_earlier_one_may_have_answered() {
    let server = Server::new();
    let (marked, claimed, plain) = {
        let mut folder = server.folder();
        folder.trace = Some("3 mails lie in Mailclerk/Answered".to_owned());
        let marked = folder.deliver("marked", START.plus_s(-60));
        folder.mails.get_mut(&marked).unwrap().handled = true;
        let claimed = folder.deliver("claimed", START.plus_s(-60));
        folder
            .mails
            .get_mut(&claimed)
            .unwrap()
            .claims
            .insert("earlier");
        (marked, claimed, folder.deliver("plain", START.plus_s(-60)))
    };
    let mut daemon = Daemon::new("new");
    daemon.upkeep.accepted = |_| Some(START);
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (1, 1), "the one that nobody has touched");
    assert!(daemon.rules(marked).is_empty());
    assert_eq!(daemon.state(7, claimed), State::Waiting(START));
    assert!(!daemon.rules(plain).is_empty());
    daemon.hands.wind(HOUR_S + 1);
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (1, 2), "the claimed one went to a person");
}

/// A store from a backup: it has a cursor, and what came after it was handled by the store that was lost.
///
/// Faults: F12; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_store_of_yesterday_answers_nothing_that_was_handled_since() {
    let server = Server::new();
    server.folder().flags = true;
    let mut lost = Daemon::new("lost");
    lost.rounds(&server, 1).await;
    let mut restored = Daemon::new("restored");
    restored.rounds(&server, 1).await;
    server.folder().deliver("maria", START.plus_s(10));
    server.folder().deliver("joe", START.plus_s(20));
    lost.rounds(&server, 2).await;
    assert_eq!(lost.letters(), (2, 2));
    // One of an earlier version, which made no claims.
    server.folder().mails.get_mut(&2).unwrap().claims.clear();
    restored.upkeep.accepted = |_| Some(START.plus_s(100));
    restored.hands.wind(3 * HOUR_S);
    restored.rounds(&server, 3).await;
    assert_eq!(restored.letters(), (0, 0));
    let new = server.folder().deliver("eve", START.plus_s(3 * HOUR_S));
    restored.rounds(&server, 2).await;
    assert_eq!(restored.letters(), (1, 1), "{new} is news");
}

/// Faults: F39 F40; holds I3.
#[tokio::test(start_paused = true)]
async fn a_claim_that_others_may_have_given_up_respecting_is_made_anew_before_the_commit() {
    let server = Server::new();
    let mut daemon = Daemon::new("slow");
    daemon.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    let hands = Arc::clone(&daemon.hands);
    let mut slow = true;
    server.at_each_call(move |folder, kind| {
        if kind == "fetch" && std::mem::replace(&mut slow, false) {
            // The machine slept for two hours here, and another daemon has not.
            hands.wind(2 * HOUR_S);
            let mail = folder.mails.get_mut(&uid).unwrap();
            mail.claims.insert("awake");
            mail.handled = true;
        }
        Ok(())
    });
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (0, 0));
    assert!(
        matches!(daemon.state(7, uid), State::Skipped { why, .. } if why.contains("handled by another"))
    );
}
