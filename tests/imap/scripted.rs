//! Whole sessions with a server that does what servers should not: cut, stall, refuse.

use mailclerk::clock::Timestamp;
use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Listed;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::Opened;
use mailclerk::mailbox::Woken;
use mailclerk::mailbox::imap::ImapMailbox;

use crate::peer::CLOSE;
use crate::peer::Peer;
use crate::peer::STALL;
use crate::peer::Script;
use crate::peer::mail;
use crate::peer::mailbox;
use crate::peer::select;
use crate::peer::text;

pub(crate) fn wanted(uids: &[u32]) -> Vec<Listed> {
    uids.iter()
        .map(|&uid| Listed {
            uid,
            size: 60,
            received: None,
            handled: false,
        })
        .collect()
}

pub(crate) fn uids(listed: &[Listed]) -> Vec<u32> {
    listed.iter().map(|listed| listed.uid).collect()
}

pub(crate) async fn opened(script: Script) -> (Peer, ImapMailbox) {
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    (peer, mailbox)
}

pub(crate) async fn lost_in_list(answer: &str) -> String {
    let (_peer, mut mailbox) = opened(Script::new().on("UID FETCH", answer)).await;
    let Err(MailboxError::Lost(why)) = mailbox.list(0, 10).await else {
        panic!("{answer:.60?} must end the connection");
    };
    assert!(!mailbox.is_open());
    why
}

pub(crate) async fn lost_in_fetch(answer: &str) -> String {
    let (_peer, mut mailbox) = opened(Script::new().on("UID FETCH", answer)).await;
    let Err(MailboxError::Lost(why)) = mailbox.fetch(&wanted(&[5])).await else {
        panic!("{answer:.60?} must end the connection");
    };
    assert!(!mailbox.is_open());
    why
}

/// All operations once; the first error ends it.
async fn whole_session(mailbox: &mut ImapMailbox) -> Result<(), MailboxError> {
    let opened = mailbox.open().await?;
    assert_eq!(
        opened,
        Opened {
            uid_validity: 9,
            uid_next: Some(13),
            exists: 3
        }
    );
    let list = mailbox.list(0, 10).await?;
    assert_eq!(uids(&list), [5, 7, 12]);
    assert_eq!(list[0].received, Some(Timestamp(837_596_665)));
    let mails = mailbox.fetch(&list).await?;
    let texts: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.clone(), mail.truncated))
        .collect();
    assert_eq!(
        texts,
        [5, 7, 12].map(|uid| (uid, text(uid).into_bytes(), false))
    );
    mailbox
        .file(&[
            (5, Filing::Answered),
            (7, Filing::Forwarded),
            (12, Filing::Keep),
        ])
        .await?;
    assert_eq!(mailbox.wait(3600).await?, Woken::News);
    Ok(())
}

fn session_script() -> Script {
    Script::new().on("IDLE", "+ idling\r\n* 4 EXISTS\r\n").on(
        "UID MOVE",
        "* OK [COPYUID 3 5 9] x\r\n* 1 EXPUNGE\r\n{tag} OK done\r\n",
    )
}

#[tokio::test]
async fn a_session_without_trouble() {
    let peer = Peer::start(session_script()).await;
    let mut mailbox = peer.mailbox();
    whole_session(&mut mailbox).await.unwrap();
    mailbox.close().await;
    assert!(!mailbox.is_open());
    assert_eq!(
        peer.all_commands(),
        [
            "CAPABILITY",
            "LOGIN \"support\" \"se\\\"cret\"",
            "CAPABILITY",
            "SELECT \"INBOX\"",
            "UID FETCH 1:12 (UID FLAGS INTERNALDATE RFC822.SIZE)",
            "UID FETCH 13:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
            "UID FETCH 5,7,12 (UID BODY.PEEK[])",
            "UID MOVE 5 \"Done.Answered\"",
            "UID MOVE 7 \"Done.Forwarded\"",
            "UID STORE 12 +FLAGS.SILENT ($MailclerkDone)",
            "IDLE",
            "DONE",
            "LOGOUT",
        ]
    );
}

#[tokio::test]
async fn it_does_not_matter_how_answers_are_cut_into_packets() {
    let mut script = session_script();
    script.dribble = true;
    whole_session(&mut Peer::start(script).await.mailbox())
        .await
        .unwrap();
}

/// Faults: F26 F27; holds I6.
#[tokio::test]
async fn a_connection_cut_after_any_octet_is_lost_and_nothing_else() {
    let peer = Peer::start(session_script()).await;
    whole_session(&mut peer.mailbox()).await.unwrap();
    let total = peer.sent();
    assert!(total > 1000, "{total}");
    for cut in 1..total {
        let mut script = session_script();
        script.cut_after = Some(cut);
        let peer = Peer::start(script).await;
        let mut mailbox = peer.mailbox();
        let ended = whole_session(&mut mailbox).await;
        assert!(
            matches!(ended, Err(MailboxError::Lost(_))),
            "cut after {cut}: {ended:?}"
        );
        assert!(!mailbox.is_open(), "cut after {cut}");
    }
}

/// Faults: F39; holds I6.
#[tokio::test]
async fn a_stalled_answer_is_lost_within_the_deadline_whatever_the_command() {
    for command in [
        "CAPABILITY",
        "LOGIN",
        "SELECT",
        "UID FETCH",
        "UID MOVE",
        "UID STORE",
        "IDLE",
        "DONE",
    ] {
        let peer = Peer::start(session_script().once(command, STALL)).await;
        let mut settings = peer.settings();
        settings.limits.command_ms = 300;
        settings.limits.read_ms = 300;
        let ended = whole_session(&mut mailbox(settings)).await;
        assert!(
            matches!(ended, Err(MailboxError::Lost(_))),
            "{command}: {ended:?}"
        );
    }
}

/// Faults: F40; holds I6.
#[tokio::test]
async fn an_octet_now_and_then_does_not_prolong_a_command_for_ever() {
    let script = Script::new().on("UID FETCH", &"* OK still working\r\n".repeat(2000));
    let mut script = script;
    script.dribble = true;
    let peer = Peer::start(script).await;
    let mut settings = peer.settings();
    settings.limits.fetch_ms = 400;
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    assert!(matches!(
        mailbox.list(0, 10).await,
        Err(MailboxError::Lost(_))
    ));
}

#[tokio::test]
async fn no_and_bad_are_errors_and_the_session_goes_on() {
    for verdict in ["NO", "BAD"] {
        let answer = format!("{{tag}} {verdict} [X-ODD thing] not today\x1b[2J\r\n");
        let script = Script::new()
            .once("UID FETCH", &answer)
            .once("UID FETCH 5 (UID BODY", &answer)
            .on("UID FETCH 5 (UID)", "* 1 FETCH (UID 5)\r\n{tag} OK\r\n")
            .once("UID STORE", &answer);
        let (_peer, mut mailbox) = opened(script).await;
        let refused = mailbox.list(0, 10).await.unwrap_err();
        let MailboxError::Refused {
            command: "FETCH",
            said,
        } = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!(said, "[X-ODD thing] not today\\u{1b}[2J");
        assert!(matches!(
            mailbox.fetch(&wanted(&[5])).await,
            Err(MailboxError::Refused { .. })
        ));
        assert!(matches!(
            mailbox.file(&[(5, Filing::Keep)]).await,
            Err(MailboxError::Refused {
                command: "STORE",
                ..
            })
        ));
        assert_eq!(
            uids(&mailbox.list(0, 10).await.unwrap()),
            [5, 7, 12],
            "after {verdict}"
        );
    }
}

/// Faults: F33; holds I6.
#[tokio::test]
async fn goodbye_is_heard_as_greeting_and_in_the_middle_of_a_fetch() {
    let mut script = Script::new();
    script.greeting = "* BYE too busy\r\n".into();
    let lost = Peer::start(script).await.mailbox().open().await;
    assert_eq!(
        lost,
        Err(MailboxError::Lost(
            "the server said goodbye: too busy".into()
        ))
    );

    let answer = format!("{}* BYE shutting down\r\n{CLOSE}", mail(1, 5));
    assert_eq!(
        lost_in_fetch(&answer).await,
        "the server said goodbye: shutting down"
    );
}

#[tokio::test]
async fn what_greets_without_being_an_imap_server_is_not_talked_to() {
    for greeting in [
        "220 smtp ready\r\n",
        "* NO no\r\n",
        "+ hello\r\n",
        "\r\n",
        "* OK ready\n\n",
    ] {
        let mut script = Script::new();
        script.greeting = format!("{greeting}{CLOSE}");
        let peer = Peer::start(script).await;
        let ended = peer.mailbox().open().await;
        assert!(
            matches!(ended, Err(MailboxError::Lost(_))),
            "{greeting:?}: {ended:?}"
        );
        assert_eq!(peer.all_commands(), [""; 0], "{greeting:?}");
    }
}

/// Faults: F50 F52; holds I9.
#[tokio::test]
async fn folders_that_cannot_be_worked_on_are_unfit() {
    for answer in [
        "{tag} NO [NONEXISTENT] no such folder\r\n".to_owned(),
        "{tag} BAD what\r\n".to_owned(),
        "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n{tag} OK [READ-ONLY] done\r\n".to_owned(),
        select("\\*", "* NO [UIDNOTSTICKY] not kept\r\n"),
        "* 3 EXISTS\r\n{tag} OK [READ-WRITE] no validity\r\n".to_owned(),
    ] {
        let ended = Peer::start(Script::new().on("SELECT", &answer))
            .await
            .mailbox()
            .open()
            .await;
        assert!(
            matches!(ended, Err(MailboxError::Unfit(_))),
            "{answer}: {ended:?}"
        );
    }
    let busy = Script::new().on("SELECT", "{tag} NO [INUSE] locked\r\n");
    let ended = Peer::start(busy).await.mailbox().open().await;
    assert!(matches!(ended, Err(MailboxError::Lost(_))), "{ended:?}");
}

#[tokio::test]
async fn uidvalidity_that_changes_in_a_session_ends_it() {
    let why = lost_in_list("* OK [UIDVALIDITY 10] surprise\r\n{tag} OK done\r\n").await;
    assert_eq!(why, "UIDVALIDITY changed in the session");
}

#[tokio::test]
async fn alerts_reach_the_operator_once() {
    let script = Script::new().on(
        "UID FETCH",
        "* OK [ALERT] System goes down\r\n* OK [ALERT] System goes down\r\n{tag} OK\r\n",
    );
    let (_peer, mut mailbox) = opened(script).await;
    mailbox.list(0, 10).await.unwrap();
    mailbox.list(0, 10).await.unwrap();
    assert_eq!(
        mailbox.notes(),
        ["the IMAP server alerts: System goes down"]
    );
    assert_eq!(mailbox.notes(), [""; 0]);
}

#[tokio::test]
async fn an_operation_that_is_dropped_half_way_takes_the_session_with_it() {
    let (_peer, mut mailbox) = opened(Script::new().once("UID FETCH", STALL)).await;
    let dropped =
        tokio::time::timeout(std::time::Duration::from_millis(200), mailbox.list(0, 10)).await;
    assert!(dropped.is_err());
    assert!(!mailbox.is_open());
    assert_eq!(
        mailbox.list(0, 10).await,
        Err(MailboxError::Lost("the mailbox is not open".into()))
    );
    mailbox.open().await.unwrap();
    assert_eq!(uids(&mailbox.list(0, 10).await.unwrap()), [5, 7, 12]);
}
