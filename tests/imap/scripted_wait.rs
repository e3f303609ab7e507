//! Waiting on servers that tell too early, too late, too much or nothing.

use std::time::Duration;

use futures_util::future::join_all;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::Woken;

use crate::peer::CLOSE;
use crate::peer::Peer;
use crate::peer::STALL;
use crate::peer::Script;
use crate::peer::mailbox;

#[tokio::test]
async fn news_before_the_continuation_is_not_slept_on() {
    let peer = Peer::start(Script::new().on("IDLE", "* 4 EXISTS\r\n+ idling\r\n")).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.wait(3600).await, Ok(Woken::News));
    assert_eq!(peer.commands(), ["IDLE", "DONE"]);
}

#[tokio::test]
async fn news_during_another_command_is_told_at_once() {
    let peer = Peer::start(Script::new().on("UID STORE", "* 4 EXISTS\r\n{tag} OK\r\n")).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    mailbox
        .file(&[(5, mailclerk::mailbox::Filing::Keep)])
        .await
        .unwrap();
    assert_eq!(mailbox.wait(3600).await, Ok(Woken::News));
    assert_eq!(peer.commands().len(), 1, "there was no need to ask");
}

#[tokio::test]
async fn mails_that_go_away_are_no_news_and_one_that_takes_their_place_is() {
    let script = Script::new()
        .on(
            "IDLE",
            "+ idling\r\n* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n",
        )
        .once("NOOP", "* 2 EXISTS\r\n{tag} OK\r\n")
        .once("NOOP", "* 1 EXPUNGE\r\n* 2 EXISTS\r\n{tag} OK\r\n");
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.wait(1).await, Ok(Woken::Poll));
    assert_eq!(mailbox.wait(0).await, Ok(Woken::News));
}

#[tokio::test]
async fn the_poll_comes_although_the_server_chatters() {
    let script = Script::new().on(
        "IDLE",
        &format!("+ idling\r\n{}", "* OK Still here\r\n".repeat(500)),
    );
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.wait(1).await, Ok(Woken::Poll));
    assert_eq!(peer.commands(), ["IDLE", "DONE", "NOOP"]);
}

/// Faults: F57; holds I10.
#[tokio::test]
async fn idle_is_renewed_within_a_long_wait() {
    let peer = Peer::start(Script::new()).await;
    let mut settings = peer.settings();
    settings.limits.idle_renew_s = 1;
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.wait(3).await, Ok(Woken::Poll));
    let commands = peer.commands();
    assert!(
        commands.starts_with(&["IDLE", "DONE", "IDLE", "DONE"].map(String::from)),
        "{commands:?}"
    );
    assert_eq!(commands.last().map(String::as_str), Some("NOOP"));
}

/// Faults: F33 F55; holds I6 I10.
#[tokio::test]
async fn a_connection_that_died_silently_is_noticed_at_the_poll() {
    let scripts = [
        Script::new().on("IDLE", &format!("+ idling\r\n{STALL}")),
        Script::new().on("IDLE", STALL),
        Script::new().on("NOOP", STALL),
        Script::new().on("IDLE", &format!("+ idling\r\n{CLOSE}")),
        Script::new().on("IDLE", "+ idling\r\n* BYE idle for too long\r\n"),
        Script::new().on("DONE", "* BYE bye\r\n"),
        Script::new().on("NOOP", "{tag} NO broken\r\n"),
        Script::new().capable_of("MOVE").on("NOOP", CLOSE),
    ];
    let all = scripts.map(|script| async move {
        let peer = Peer::start(script).await;
        let mut settings = peer.settings();
        settings.limits.command_ms = 300;
        let mut mailbox = mailbox(settings);
        mailbox.open().await.unwrap();
        let ended = mailbox.wait(1).await;
        assert!(
            matches!(ended, Err(MailboxError::Lost(_))),
            "{ended:?} {:?}",
            peer.commands()
        );
        assert!(!mailbox.is_open());
    });
    join_all(all).await;
}

/// Faults: F55; holds I6.
#[tokio::test]
async fn the_proof_that_a_connection_lives_is_not_waited_for_as_long_as_a_command() {
    for (script, noop_s) in [
        (Script::new().on("DONE", STALL), 20),
        (Script::new().on("NOOP", STALL), 20),
        (Script::new().capable_of("MOVE").on("NOOP", STALL), 1),
    ] {
        let peer = Peer::start(script).await;
        let mut settings = peer.settings();
        settings.limits.alive_ms = 300;
        settings.limits.noop_s = noop_s;
        let mut mailbox = mailbox(settings);
        mailbox.open().await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(30), mailbox.wait(2)).await;
        let ended = waited.expect("a dead connection was waited for");
        assert!(matches!(ended, Err(MailboxError::Lost(_))), "{ended:?}");
    }
}

/// Faults: F56; holds I10.
#[tokio::test]
async fn without_idle_or_where_it_is_refused_the_server_is_polled() {
    for (script, first) in [
        (Script::new().capable_of("MOVE"), "NOOP"),
        (Script::new().on("IDLE", "{tag} NO not here\r\n"), "IDLE"),
        (Script::new().on("IDLE", "{tag} BAD what\r\n"), "IDLE"),
        (
            Script::new().on("IDLE", "+ idling\r\n{tag} OK that will do\r\n"),
            "IDLE",
        ),
    ] {
        let script = script
            .once("NOOP", "{tag} OK\r\n")
            .on("NOOP", "* 4 EXISTS\r\n{tag} OK\r\n");
        let peer = Peer::start(script).await;
        let mut settings = peer.settings();
        settings.limits.noop_s = 1;
        let mut mailbox = mailbox(settings);
        mailbox.open().await.unwrap();
        assert_eq!(mailbox.wait(3600).await, Ok(Woken::News));
        let commands = peer.commands();
        assert_eq!(commands[0], first);
        assert_eq!(commands[commands.len() - 2..], ["NOOP", "NOOP"]);
    }
}
