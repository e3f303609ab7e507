//! Every mail against the ledger; and what servers do to UIDs.

use super::server::Daemon;
use super::server::START;
use super::server::Server;
use super::server::letter;
use super::*;
use crate::store::State;

const DAY_S: i64 = 86_400;

/// What the last reconciliation said of a number.
fn told(daemon: &Daemon, name: &str) -> u64 {
    let rows = daemon.shared.reconciling.rows();
    rows[0][name].as_u64().unwrap()
}

/// Runs the loop once, with a reconciliation in it.
async fn reconcile(daemon: &mut Daemon, server: &Server) {
    daemon.upkeep.reconcile_s = Some(0);
    daemon.rounds(server, 1).await;
    daemon.upkeep.reconcile_s = None;
}

/// Makes the ledger forget a mail, as no code of ours does.
fn lose(daemon: &Daemon, uid: u32) {
    let mail = MailRef {
        mailbox: "support".to_owned(),
        uid_validity: 7,
        uid,
    };
    let mut group = daemon.shared.store.group();
    group.forget(&mail).unwrap();
    group.commit().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mail_below_the_cursor_that_the_ledger_does_not_know_is_handled_and_an_old_one_not_answered()
 {
    let server = Server::new();
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    let (young, old) = {
        let mut folder = server.folder();
        // Two that the cursor passed and no ledger knows: they came when the list was cut short, say.
        let young = folder.deliver("young", START);
        let old = folder.deliver("old", START.plus_s(-2 * DAY_S));
        (young, old)
    };
    let cursor = crate::mailbox::resume::Cursor {
        uid_validity: 7,
        uid: old,
    };
    let mut group = daemon.shared.store.group();
    group.cursor("support", cursor).unwrap();
    group.commit().unwrap();
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (0, 0), "nothing else finds them");
    reconcile(&mut daemon, &server).await;
    assert_eq!(
        daemon.letters(),
        (1, 2),
        "both to a person, the young one answered"
    );
    assert!(daemon.rules(old).contains(&"late".to_owned()));
    assert!(!daemon.rules(young).contains(&"late".to_owned()));
    assert_eq!(
        (
            told(&daemon, "seen"),
            told(&daemon, "gaps"),
            told(&daemon, "healed")
        ),
        (2, 2, 2)
    );
    assert_eq!(daemon.shared.store.cursor("support").unwrap(), Some(cursor));
    reconcile(&mut daemon, &server).await;
    assert_eq!((told(&daemon, "gaps"), daemon.letters()), (0, (1, 2)));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_has_erased_by_its_rules_is_no_gap() {
    let server = Server::new();
    server.folder().flags = true;
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    daemon.rounds(&server, 2).await;
    lose(&daemon, uid);
    daemon.upkeep.horizon = |_| Ok(Some(START.plus_s(1)));
    reconcile(&mut daemon, &server).await;
    assert_eq!(
        (told(&daemon, "gaps"), daemon.state(7, uid)),
        (0, State::Unknown)
    );
    daemon.upkeep.horizon = |_| Ok(Some(START));
    reconcile(&mut daemon, &server).await;
    assert_eq!(told(&daemon, "gaps"), 1);
}

/// Faults: F48; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_mark_that_the_server_lost_is_set_again_and_nobody_answered_again() {
    let server = Server::new();
    server.folder().flags = true;
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    daemon.rounds(&server, 2).await;
    // It said OK, and after a reconnect the keyword is gone, and the claim with it.
    let forget = |server: &Server| {
        let mut folder = server.folder();
        let mail = folder.mails.get_mut(&uid).unwrap();
        mail.handled = false;
        mail.claims.clear();
    };
    forget(&server);
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (1, 1));
    reconcile(&mut daemon, &server).await;
    assert!(server.folder().mails[&uid].handled);
    assert_eq!((told(&daemon, "unfiled"), told(&daemon, "healed")), (1, 1));
    assert_eq!(daemon.letters(), (1, 1));
}

/// Faults: F36; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_mail_that_was_not_there_for_a_moment_is_handled_when_it_is_back() {
    let server = Server::new();
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    let uid = server.folder().deliver("maria", START);
    let mut hidden = None;
    server.at_each_call(move |folder, kind| {
        match kind {
            "fetch" => hidden = folder.mails.remove(&uid),
            "wait" => folder.mails.extend(hidden.take().map(|mail| (uid, mail))),
            _ => {}
        }
        Ok(())
    });
    daemon.rounds(&server, 2).await;
    server.folder().trick = None;
    assert_eq!(daemon.letters(), (0, 0));
    assert!(matches!(daemon.state(7, uid), State::Skipped { why, .. } if why.contains("gone")));
    reconcile(&mut daemon, &server).await;
    assert_eq!((daemon.letters(), told(&daemon, "vanished")), ((1, 1), 1));
}

/// Faults: F36 F37 F38 F64; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn mails_that_another_client_takes_away_at_any_moment_end_in_order_and_raise_no_storm() {
    for moment in ["claim", "fetch", "file"] {
        let server = Server::new();
        let mut daemon = Daemon::new("desk");
        daemon.rounds(&server, 1).await;
        for n in 0..30 {
            server.folder().deliver(&format!("writer{n}"), START);
        }
        server.at_each_call(move |folder, kind| {
            if kind == moment {
                // Somebody empties the whole mailbox.
                folder.mails.clear();
            }
            Ok(())
        });
        daemon.rounds(&server, 3).await;
        let handled = if moment == "file" { 30 } else { 0 };
        // As many forwards as cases; replies only as the desk's budget lets.
        assert_eq!(daemon.letters().1, handled, "{moment}");
        assert_eq!(daemon.shared.store.counts().ledger, 30, "{moment}");
        assert!(
            daemon
                .shared
                .store
                .filings("support", 7, 100)
                .unwrap()
                .is_empty()
        );
        reconcile(&mut daemon, &server).await;
        assert_eq!(
            (told(&daemon, "seen"), told(&daemon, "gaps")),
            (0, 0),
            "{moment}"
        );
        assert_eq!(told(&daemon, "vanished"), 30 - handled as u64, "{moment}");
    }
}

/// Faults: F34 F35; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn new_uids_between_or_within_sessions_answer_nobody_again_and_file_mails_where_they_were_to_go()
 {
    for moment in ["list", "claim", "fetch", "file", "wait"] {
        let server = Server::new();
        let mut daemon = Daemon::new("desk");
        daemon.rounds(&server, 1).await;
        for n in 0..3 {
            server.folder().deliver(&format!("writer{n}"), START);
        }
        let mut once = false;
        server.at_each_call(move |folder, kind| {
            if kind == moment && !std::mem::replace(&mut once, true) {
                folder.renumber(1);
            }
            Ok(())
        });
        daemon.rounds(&server, 3).await;
        assert_eq!(daemon.letters(), (3, 3), "{moment}");
        let filed: Vec<Filing> = server.folder().filed.iter().map(|(_, f)| *f).collect();
        assert_eq!(filed, [Filing::Forwarded; 3], "{moment}");
        assert!(server.folder().mails.is_empty());
        assert!(
            daemon
                .shared
                .store
                .filings("support", 7, 10)
                .unwrap()
                .is_empty()
        );
    }
}

/// Faults: F65; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn a_replica_that_was_behind_and_gave_old_uids_to_new_mails_loses_none_of_them() {
    let server = Server::new();
    server.folder().flags = true;
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    let first = server.folder().deliver("first", START);
    let second = server.folder().deliver("second", START.plus_s(10));
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (2, 2));
    // The replica knows only the first; while nobody looked it gave the second's UID, and one more, to others.
    {
        let mut folder = server.folder();
        folder.mails.remove(&second);
        folder.uid_next = second;
        folder.deliver("other", START.plus_s(20));
        folder.deliver("third", START.plus_s(30));
    }
    daemon.rounds(&server, 2).await;
    assert_eq!(
        daemon.letters(),
        (3, 3),
        "the third is news, the other looks known"
    );
    reconcile(&mut daemon, &server).await;
    assert_eq!(
        daemon.letters(),
        (4, 4),
        "the other was no copy of the second"
    );
    assert_eq!((told(&daemon, "unknown"), told(&daemon, "healed")), (1, 1));
    reconcile(&mut daemon, &server).await;
    assert_eq!((told(&daemon, "gaps"), daemon.letters()), (0, (4, 4)));
    assert_ne!(first, second);
}

/// Faults: F46 F47; holds I1 I3.
#[tokio::test(start_paused = true)]
async fn the_same_mail_twice_is_one_ticket_and_another_mail_under_its_message_id_is_two() {
    let server = Server::new();
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    {
        let mut folder = server.folder();
        folder.deliver("maria", START);
        folder.deliver("maria", START);
        let other = String::from_utf8(letter("joe")).unwrap();
        let same_id = other.replace("<joe@home", "<maria@home");
        folder.deliver_raw(same_id.into_bytes(), START);
    }
    daemon.rounds(&server, 2).await;
    assert_eq!(daemon.letters(), (2, 2));
    assert_eq!(daemon.shared.store.counts().tickets, 2);
    assert_eq!(daemon.shared.store.counts().ledger, 3);
}

/// Faults: F53; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn over_quota_the_mails_stay_where_they_are_and_are_filed_once_there_is_room() {
    let server = Server::new();
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    for n in 0..3 {
        server.folder().deliver(&format!("writer{n}"), START);
    }
    server.at_each_call(|_, kind| {
        if kind == "file" {
            return Err(MailboxError::Refused {
                command: "MOVE",
                said: "[OVERQUOTA] Quota exceeded".to_owned(),
            });
        }
        Ok(())
    });
    daemon.rounds(&server, 3).await;
    assert_eq!((daemon.letters(), server.folder().mails.len()), ((3, 3), 3));
    let mut other = Daemon::new("other");
    other.upkeep.accepted = |_| Some(START);
    other.rounds(&server, 2).await;
    assert_eq!(other.letters(), (0, 0), "they are claimed");
    server.folder().trick = None;
    daemon.rounds(&server, 2).await;
    assert_eq!((daemon.letters(), server.folder().mails.len()), ((3, 3), 0));
    assert_eq!(server.folder().filed.len(), 3);
}

/// Faults: F54; holds I1 I3 I10.
#[tokio::test(start_paused = true)]
async fn a_move_that_is_cut_half_way_is_finished_and_its_copies_are_known_by_their_content() {
    let server = Server::new();
    let mut daemon = Daemon::new("desk");
    daemon.rounds(&server, 1).await;
    for n in 0..4 {
        server.folder().deliver(&format!("writer{n}"), START);
    }
    let mut once = false;
    server.at_each_call(move |folder, kind| {
        if kind == "file" && !std::mem::replace(&mut once, true) {
            // Two are moved; of a third the server made a copy that somebody moved back into the inbox; then it is cut.
            folder.mails.remove(&1);
            folder.mails.remove(&2);
            let third = folder.mails[&3].raw.clone();
            folder.deliver_raw(third, START);
            return Err(MailboxError::Lost("cut".to_owned()));
        }
        Ok(())
    });
    daemon.rounds(&server, 3).await;
    assert_eq!(daemon.letters(), (4, 4));
    assert!(server.folder().mails.is_empty());
    assert_eq!(daemon.shared.store.counts().tickets, 4);
}

/// Faults: F63; holds I1 I3 I6 I9.
#[tokio::test(start_paused = true)]
async fn a_mailbox_full_of_old_mail_is_recorded_in_pieces_and_answered_not_once() {
    let server = Server::new();
    {
        let mut folder = server.folder();
        for _ in 0..20_000 {
            folder.deliver_raw(Vec::new(), START.plus_s(-30 * DAY_S));
        }
    }
    let mut daemon = Daemon::new("desk");
    daemon.upkeep.reconcile_s = Some(DAY_S as u64);
    daemon.rounds(&server, 1).await;
    assert_eq!(daemon.letters(), (0, 0));
    assert_eq!(daemon.shared.store.counts().ledger, 20_000);
    assert_eq!((told(&daemon, "seen"), told(&daemon, "gaps")), (20_000, 0));
    assert!(
        server.folder().listed_most <= 1_000,
        "no list grows with the mailbox"
    );
}

#[tokio::test(start_paused = true)]
async fn it_runs_soon_after_the_start_then_by_the_clock_and_at_once_when_somebody_asks() {
    let server = Server::new();
    server.folder().flags = true;
    let mut daemon = Daemon::new("desk");
    daemon.upkeep.reconcile_s = Some(DAY_S as u64);
    let lists = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&lists);
    server.folder().deliver("maria", START);
    server.at_each_call(move |_, kind| {
        *counted.lock().unwrap() += usize::from(kind == "list");
        Ok(())
    });
    daemon.rounds(&server, 1).await;
    assert_eq!(told(&daemon, "seen"), 1, "soon after the start");
    let first = *lists.lock().unwrap();
    daemon.rounds(&server, 1).await;
    let quiet = *lists.lock().unwrap() - first;
    tokio::time::advance(std::time::Duration::from_secs(DAY_S as u64)).await;
    daemon.rounds(&server, 1).await;
    assert!(
        *lists.lock().unwrap() - first - quiet > quiet,
        "a day later again"
    );
    daemon.upkeep.reconcile_s = None;
    let reconciling = daemon.shared.reconciling.clone();
    let asked = tokio::spawn(async move { reconciling.ask(Some("support")).await });
    while !asked.is_finished() {
        daemon.rounds(&server, 1).await;
        tokio::task::yield_now().await;
    }
    let rows = asked.await.unwrap().unwrap();
    assert_eq!((rows.len(), rows[0]["seen"].as_u64()), (1, Some(1)));
    let nobody = daemon.shared.reconciling.ask(Some("other")).await;
    assert_eq!(nobody, Err("there is no mailbox `other`".to_owned()));
}
