//! Filing on servers with and without MOVE, UIDPLUS, keywords, folders and room.

use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::imap::ImapMailbox;
use mailclerk::tls::Tls;

use crate::peer::Peer;
use crate::peer::Script;
use crate::peer::mailbox;
use crate::peer::select;

async fn filed(
    script: Script,
    uids: &[(u32, Filing)],
) -> (Vec<String>, Result<(), MailboxError>, ImapMailbox) {
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    let result = mailbox.file(uids).await;
    (peer.commands(), result, mailbox)
}

const ANSWERED: &[(u32, Filing)] = &[
    (7, Filing::Answered),
    (5, Filing::Answered),
    (6, Filing::Answered),
];

#[tokio::test]
async fn mails_are_moved_in_one_command_for_each_folder() {
    let mut uids = ANSWERED.to_vec();
    uids.extend([
        (9, Filing::Forwarded),
        (0, Filing::Answered),
        (7, Filing::Answered),
        (11, Filing::Quiet),
        (12, Filing::Keep),
    ]);
    let (commands, result, _) = filed(Script::new(), &uids).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        commands,
        [
            "UID MOVE 5:7 \"Done.Answered\"",
            "UID MOVE 9 \"Done.Forwarded\"",
            "UID STORE 11:12 +FLAGS.SILENT ($MailclerkDone)",
        ]
    );
}

#[tokio::test]
async fn nothing_to_file_asks_nothing() {
    let (commands, result, _) = filed(Script::new(), &[]).await;
    assert_eq!((commands.len(), result), (0, Ok(())));
}

#[tokio::test]
async fn thousands_of_scattered_uids_make_commands_below_eight_kilobytes() {
    let uids: Vec<_> = (0..3000)
        .map(|n| (4_000_000_000 + n * 2, Filing::Answered))
        .collect();
    let (commands, result, _) = filed(Script::new(), &uids).await;
    assert_eq!((commands.len(), result), (12, Ok(())));
    assert!(commands.iter().all(|command| command.len() < 8000));
}

#[tokio::test]
async fn without_move_mails_are_copied_marked_and_only_they_expunged() {
    let (commands, result, _) = filed(Script::new().capable_of("UIDPLUS"), ANSWERED).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        commands,
        [
            "UID COPY 5:7 \"Done.Answered\"",
            "UID STORE 5:7 +FLAGS.SILENT (\\Deleted $MailclerkDone)",
            "UID EXPUNGE 5:7",
        ]
    );
}

#[tokio::test]
async fn without_uidplus_nothing_is_expunged_and_the_mark_reads_as_handled() {
    let script = Script::new()
        .capable_of("IDLE")
        .on("SELECT", &select("\\Deleted", ""))
        .on(
            "UID FETCH",
            "* 1 FETCH (UID 5 FLAGS (\\Deleted) RFC822.SIZE 9)\r\n{tag} OK\r\n",
        );
    let (commands, result, mut mailbox) = filed(script, ANSWERED).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        commands,
        [
            "UID COPY 5:7 \"Done.Answered\"",
            "UID STORE 5:7 +FLAGS.SILENT (\\Deleted)"
        ]
    );
    assert!(mailbox.list(0, 10).await.unwrap()[0].handled);
    let notes = mailbox.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].contains("$MailclerkDone") && notes[1].contains("UIDPLUS"),
        "{notes:?}"
    );
}

/// Faults: F53; holds I1.
#[tokio::test]
async fn a_refused_copy_leaves_the_original_unmarked() {
    for code in ["[OVERQUOTA]", "[NOPERM]", "[UNAVAILABLE]"] {
        let script = Script::new()
            .capable_of("UIDPLUS")
            .on("UID COPY", &format!("{{tag}} NO {code} no\r\n"));
        let (commands, result, mailbox) = filed(script, ANSWERED).await;
        assert!(
            matches!(
                result,
                Err(MailboxError::Refused {
                    command: "COPY",
                    ..
                })
            ),
            "{result:?}"
        );
        assert_eq!(commands, ["UID COPY 5:7 \"Done.Answered\""], "{code}");
        assert!(mailbox.is_open());
    }
}

/// Faults: F51; holds I1 I10.
#[tokio::test]
async fn a_missing_folder_is_created_once_and_the_move_repeated() {
    for refusal in [
        "[TRYCREATE] no such folder",
        "[NONEXISTENT] no such folder",
        "no such folder",
    ] {
        let script = Script::new().once("UID MOVE", &format!("{{tag}} NO {refusal}\r\n"));
        let (commands, result, _) = filed(script, ANSWERED).await;
        assert_eq!(result, Ok(()), "{refusal}");
        assert_eq!(
            commands,
            [
                "UID MOVE 5:7 \"Done.Answered\"",
                "CREATE \"Done.Answered\"",
                "SUBSCRIBE \"Done.Answered\"",
                "UID MOVE 5:7 \"Done.Answered\"",
            ]
        );
    }
}

/// Faults: F52; holds I1 I10.
#[tokio::test]
async fn a_folder_that_cannot_be_created_is_tried_once_a_round_and_others_are_filed() {
    let script = Script::new()
        .on("UID MOVE 5:7", "{tag} NO [TRYCREATE] no such folder\r\n")
        .on("CREATE", "{tag} NO [NOPERM] not yours\r\n");
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    let mut uids = ANSWERED.to_vec();
    uids.push((9, Filing::Forwarded));
    for _ in 0..2 {
        assert!(matches!(
            mailbox.file(&uids).await,
            Err(MailboxError::Refused {
                command: "MOVE",
                ..
            })
        ));
    }
    let commands = peer.commands();
    assert_eq!(
        commands
            .iter()
            .filter(|command| command.starts_with("CREATE"))
            .count(),
        2
    );
    assert_eq!(
        commands
            .iter()
            .filter(|command| command.contains("MOVE 9"))
            .count(),
        2
    );
}

/// Faults: F49; holds I1.
#[tokio::test]
async fn a_keyword_that_the_server_does_not_keep_is_not_set_and_nothing_else_instead() {
    let script = Script::new().on("SELECT", &select("\\Seen \\Flagged \\Deleted", ""));
    let (commands, result, mut mailbox) = filed(script, &[(5, Filing::Keep)]).await;
    assert_eq!((commands.len(), result), (0, Ok(())));
    assert_eq!(mailbox.notes().len(), 1);
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.notes().len(), 0, "it is said once");
}

#[tokio::test]
async fn folders_are_named_in_modified_utf7() {
    let peer = Peer::start(Script::new()).await;
    let mut settings = peer.settings();
    settings.filing.answered = Some("Geprüft \"R&D\"".into());
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    mailbox.file(&[(5, Filing::Answered)]).await.unwrap();
    assert_eq!(peer.commands(), ["UID MOVE 5 \"Gepr&APw-ft \\\"R&-D\\\"\""]);
}

#[tokio::test]
async fn settings_that_would_do_harm_are_refused_before_connecting() {
    let peer = Peer::start(Script::new()).await;
    let tls = Tls::system(None).unwrap();
    let mut circle = peer.settings();
    circle.filing.quiet = Some("inbox".into());
    let mut smuggle = peer.settings();
    smuggle.folder = "INBOX\r\nm9 DELETE x".into();
    let mut keyword = peer.settings();
    keyword.keyword = Some("\\Seen".into());
    for settings in [circle, smuggle, keyword] {
        assert!(matches!(
            ImapMailbox::new(settings, tls.clone()),
            Err(MailboxError::Unfit(_))
        ));
    }
}

#[tokio::test]
async fn a_slash_in_a_folders_name_becomes_the_servers_own_separator() {
    let list = "* LIST (\\Noselect) \".\" \"\"\r\n{tag} OK done\r\n";
    let peer = Peer::start(Script::new().on("LIST", list)).await;
    let mut settings = peer.settings();
    settings.filing.answered = Some("Done/Answered".to_owned());
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    assert_eq!(mailbox.file(ANSWERED).await, Ok(()));
    assert_eq!(mailbox.file(ANSWERED).await, Ok(()));
    let moved = "UID MOVE 5:7 \"Done.Answered\"";
    assert_eq!(
        peer.commands(),
        ["LIST \"\" \"\"", moved, moved],
        "asked once"
    );
}
