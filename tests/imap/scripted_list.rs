//! Listing a folder that is large, sparse, or told of out of order and unasked.

use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;

use crate::peer::Peer;
use crate::peer::Script;
use crate::peer::listed;
use crate::peer::select;
use crate::scripted::opened;
use crate::scripted::uids;

#[tokio::test]
async fn listing_walks_a_large_mailbox_in_windows_and_takes_only_what_is_above_the_cursor() {
    let script = Script::new()
        .on(
            "SELECT",
            &select("\\*", "").replace("UIDNEXT 13", "UIDNEXT 1000001"),
        )
        // The last message is in every n:*, even if it is below n.
        .on(
            "UID FETCH 1000001:*",
            &format!("{}{{tag}} OK\r\n", listed(3, 12)),
        )
        .on("UID FETCH 21:", "{tag} OK\r\n")
        .on(
            "UID FETCH 1021:3020",
            &format!("{}{}{{tag}} OK\r\n", listed(9, 3_000), listed(8, 2_000)),
        )
        .on("UID FETCH", "{tag} OK\r\n");
    let (peer, mut mailbox) = opened(script).await;
    let list = mailbox.list(20, 2).await.unwrap();
    assert_eq!(uids(&list), [2_000, 3_000]);
    assert_eq!(peer.commands().len(), 2, "{:?}", peer.commands());
    let list = mailbox.list(500_000, 10).await.unwrap();
    assert_eq!(uids(&list), [0; 0]);
    assert!(
        peer.commands().len() < 20,
        "wide gaps are walked with growing steps"
    );
    let list = mailbox.list(u32::MAX, 10).await.unwrap();
    assert_eq!(uids(&list), [0; 0]);
}

#[tokio::test]
async fn a_limit_gives_the_lowest_uids_whatever_the_order_of_the_answer() {
    let answer = format!(
        "{}{}{}{{tag}} OK\r\n",
        listed(3, 12),
        listed(1, 5),
        listed(2, 7)
    );
    let (_peer, mut mailbox) = opened(Script::new().on("UID FETCH", &answer)).await;
    assert_eq!(uids(&mailbox.list(0, 2).await.unwrap()), [5, 7]);
    assert_eq!(uids(&mailbox.list(5, 2).await.unwrap()), [7, 12]);
}

#[tokio::test]
async fn a_server_that_does_not_tell_uidnext_is_listed_to_the_end() {
    let script = Script::new()
        .on(
            "SELECT",
            &select("\\*", "").replace("* OK [UIDNEXT 13] next\r\n", ""),
        )
        .on("UID FETCH * (UID)", "* 3 FETCH (UID 12)\r\n{tag} OK\r\n");
    let (peer, mut mailbox) = opened(script).await;
    assert_eq!(uids(&mailbox.list(5, 10).await.unwrap()), [7, 12]);
    assert_eq!(
        peer.commands(),
        [
            "STATUS \"INBOX\" (UIDNEXT)",
            "UID FETCH * (UID)",
            "UID FETCH 6:12 (UID FLAGS INTERNALDATE RFC822.SIZE)",
            "UID FETCH 13:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
        ]
    );
}

#[tokio::test]
async fn where_select_does_not_tell_uidnext_status_is_asked() {
    let script = Script::new()
        .on(
            "SELECT",
            &select("\\*", "").replace("* OK [UIDNEXT 13] next\r\n", ""),
        )
        .on(
            "STATUS \"INBOX\" (UIDNEXT)",
            "* STATUS \"INBOX\" (UIDNEXT 40)\r\n{tag} OK\r\n",
        );
    let peer = Peer::start(script).await;
    let opened = peer.mailbox().open().await.unwrap();
    assert_eq!(opened.uid_next, Some(40));
}

#[tokio::test]
async fn handled_mails_are_known_by_the_keyword_where_the_server_keeps_it() {
    let answer = "* 1 FETCH (UID 5 FLAGS ($mailclerkdone) RFC822.SIZE 9)\r\n* 2 FETCH (UID 7 FLAGS (\\Deleted) RFC822.SIZE 9)\r\n{tag} OK\r\n";
    let (_peer, mut mailbox) = opened(Script::new().on("UID FETCH", answer)).await;
    let list = mailbox.list(0, 10).await.unwrap();
    assert_eq!(
        list.iter().map(|listed| listed.handled).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(mailbox.notes(), [""; 0]);
}

#[tokio::test]
async fn a_mail_told_of_unasked_from_far_above_does_not_stand_for_those_between() {
    let script = Script::new()
        .on(
            "SELECT",
            &select("\\*", "").replace("UIDNEXT 13", "UIDNEXT 4001"),
        )
        .on(
            "UID FETCH 1:1000 ",
            &format!(
                "{}* 3 FETCH (UID 4000 FLAGS (\\Seen))\r\n{{tag}} OK\r\n",
                listed(1, 5)
            ),
        )
        .on(
            "UID FETCH 1001:2000 ",
            &format!("{}{{tag}} OK\r\n", listed(2, 1_500)),
        )
        .on(
            "UID FETCH 3001:4000 ",
            &format!("{}{{tag}} OK\r\n", listed(3, 4_000)),
        )
        .on("UID FETCH", "{tag} OK\r\n");
    let (_peer, mut mailbox) = opened(script).await;
    // Whoever goes on after 4,000 would never see 1,500.
    assert_eq!(uids(&mailbox.list(0, 2).await.unwrap()), [5, 1_500]);
    assert_eq!(uids(&mailbox.list(0, 10).await.unwrap()), [5, 1_500, 4_000]);
}

#[tokio::test]
async fn a_server_in_trouble_is_listed_again_later() {
    let script = Script::new().once("UID FETCH", "{tag} NO [UNAVAILABLE] later\r\n");
    let (_peer, mut mailbox) = opened(script).await;
    assert!(matches!(
        mailbox.list(0, 10).await,
        Err(MailboxError::Lost(_))
    ));
    mailbox.open().await.unwrap();
    assert_eq!(uids(&mailbox.list(0, 10).await.unwrap()), [5, 7, 12]);
}
