//! Fetching from a server that gives too much, too little, or something else.

use mailclerk::mailbox::Listed;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::Woken;

use crate::peer::Peer;
use crate::peer::Script;
use crate::peer::mail;
use crate::peer::mailbox;
use crate::peer::text;
use crate::scripted::opened;
use crate::scripted::wanted;

#[tokio::test]
async fn fetch_answers_may_come_unasked_out_of_order_and_in_pieces() {
    let answer = format!(
        "* 9 FETCH (UID 99 BODY[] {{3}}\r\nno!)\r\n{}* 1 FETCH (FLAGS (\\Seen))\r\n* 4 EXISTS\r\n{}* 2 FETCH (UID 7 FLAGS ($X))\r\n\
         * 3 FETCH (UID 12 SAVEDATE \"x\" BODY[] {{0}}\r\n MODSEQ (7))\r\n{{tag}} OK done\r\n",
        mail(2, 7),
        mail(1, 5)
    );
    let (_peer, mut mailbox) = opened(Script::new().on("UID FETCH", &answer)).await;
    let mails = mailbox.fetch(&wanted(&[12, 5, 7, 5])).await.unwrap();
    let got: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.len()))
        .collect();
    assert_eq!(got, [(5, text(5).len()), (7, text(7).len()), (12, 0)]);
    assert_eq!(
        mailbox.wait(3600).await.unwrap(),
        Woken::News,
        "the EXISTS among them is not lost"
    );
}

#[tokio::test]
async fn mails_that_are_gone_are_missing_and_mails_that_are_withheld_are_empty() {
    let script = Script::new()
        .on(
            "UID FETCH 5,7,12 (UID BODY",
            &format!(
                "{}* 3 FETCH (UID 12 BODY[] NIL)\r\n{{tag}} OK\r\n",
                mail(1, 5)
            ),
        )
        .on("UID FETCH 7,12 (UID)", "* 2 FETCH (UID 12)\r\n{tag} OK\r\n");
    let (_peer, mut mailbox) = opened(script).await;
    let mails = mailbox.fetch(&wanted(&[5, 7, 12])).await.unwrap();
    let got: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.is_empty(), mail.truncated))
        .collect();
    assert_eq!(got, [(5, false, false), (12, true, true)]);
}

#[tokio::test]
async fn a_giant_is_fetched_as_its_header_and_the_beginning_of_its_text() {
    let answer = "* 1 FETCH (UID 5 BODY[HEADER] {14}\r\nSubject: x\r\n\r\n BODY[TEXT]<0> {5}\r\nbegin)\r\n{tag} OK\r\n";
    let (peer, mut mailbox) = opened(Script::new().on("UID FETCH 5 ", answer)).await;
    let giant = Listed {
        uid: 5,
        size: u32::MAX,
        received: None,
        handled: false,
    };
    let mails = mailbox.fetch(&[giant]).await.unwrap();
    assert_eq!(mails[0].raw, b"Subject: x\r\n\r\nbegin");
    assert!(mails[0].truncated);
    assert_eq!(
        peer.commands(),
        ["UID FETCH 5 (UID BODY.PEEK[HEADER] BODY.PEEK[TEXT]<0.65536>)"]
    );
}

/// Faults: F32; holds I6 I10.
#[tokio::test]
async fn a_mail_larger_than_the_server_says_is_fetched_by_itself_and_cut_the_next_time() {
    let giant = "g".repeat(3000);
    let script = Script::new()
        .once(
            "UID FETCH 5,7 ",
            &format!("* 1 FETCH (UID 5 BODY[] {{3000}}\r\n{giant})\r\n{{tag}} OK\r\n"),
        )
        .on(
            "UID FETCH 5 (UID BODY.PEEK[]<0.1000>)",
            &format!(
                "* 1 FETCH (UID 5 BODY[]<0> {{1000}}\r\n{})\r\n{{tag}} OK\r\n",
                &giant[..1000]
            ),
        )
        .on(
            "UID FETCH 7 (UID BODY.PEEK[]<0.1000>)",
            &mail(2, 7)
                .replace("BODY[]", "BODY[]<0>")
                .replace("\r\n)\r\n", "\r\n)\r\n{tag} OK\r\n"),
        );
    let peer = Peer::start(script).await;
    let mut settings = peer.settings();
    settings.limits.mail_bytes_max = 1000;
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    assert!(matches!(
        mailbox.fetch(&wanted(&[5, 7])).await,
        Err(MailboxError::Lost(_))
    ));
    mailbox.open().await.unwrap();
    let mails = mailbox.fetch(&wanted(&[5, 7])).await.unwrap();
    let got: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.len(), mail.truncated))
        .collect();
    assert_eq!(got, [(5, 1000, true), (7, text(7).len(), false)]);
}

#[tokio::test]
async fn fetching_keeps_to_sets_of_bounded_octets_and_count() {
    let (peer, mut mailbox) = opened(Script::new()).await;
    let mut many: Vec<Listed> = wanted(&(1..=250).collect::<Vec<_>>());
    many.extend(
        [20_u32, 20, 10]
            .iter()
            .zip(1000..)
            .map(|(mib, uid)| Listed {
                uid,
                size: mib * 1024 * 1024,
                received: None,
                handled: false,
            }),
    );
    mailbox.fetch(&many).await.unwrap();
    let sets: Vec<String> = peer
        .commands()
        .into_iter()
        .filter(|command| command.contains("BODY"))
        .collect();
    assert_eq!(
        sets,
        ["1:100", "101:200", "201:250", "1000", "1001", "1002"]
            .map(|set| format!("UID FETCH {set} (UID BODY.PEEK[])"))
    );
}

/// Faults: F31; holds I1 I6 I10.
#[tokio::test]
async fn a_mail_that_always_breaks_the_connection_is_withheld_and_the_others_come() {
    let garbage = "* 1 FETCH (UID 7 BODY[] garbage {9\r\n";
    let script = Script::new()
        .on("UID FETCH 5,7 ", garbage)
        .on("UID FETCH 7 (UID BODY", garbage)
        .on("UID FETCH 7 (UID)", "* 2 FETCH (UID 7)\r\n{tag} OK\r\n")
        .on(
            "UID FETCH 5 ",
            &format!(
                "{}{{tag}} OK\r\n",
                mail(1, 5).replace("BODY[]", "BODY[]<0>")
            ),
        );
    let (_peer, mut mailbox) = opened(script).await;
    for _ in 0..2 {
        assert!(matches!(
            mailbox.fetch(&wanted(&[5, 7])).await,
            Err(MailboxError::Lost(_))
        ));
        mailbox.open().await.unwrap();
    }
    let mails = mailbox.fetch(&wanted(&[5, 7])).await.unwrap();
    let got: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.len(), mail.truncated))
        .collect();
    assert_eq!(got, [(5, text(5).len(), false), (7, 0, true)]);
}

#[tokio::test]
async fn a_mail_that_the_server_refuses_alone_is_empty_and_all_refused_is_an_error() {
    let script = Script::new()
        .on(
            "UID FETCH 5,7,12 (UID BODY",
            &format!("{}{{tag}} NO some are broken\r\n", mail(1, 5)),
        )
        .on(
            "UID FETCH 5 (UID BODY",
            &format!("{}{{tag}} OK\r\n", mail(1, 5)),
        )
        .on("UID FETCH 7 (UID BODY", "{tag} NO broken\r\n")
        .on("UID FETCH 12 (UID BODY", "{tag} NO gone\r\n")
        .on("UID FETCH 7,12 (UID)", "* 2 FETCH (UID 7)\r\n{tag} OK\r\n")
        .on("UID FETCH 7 (UID)", "* 2 FETCH (UID 7)\r\n{tag} OK\r\n")
        .on("UID FETCH 12 (UID)", "{tag} OK\r\n");
    let (_peer, mut mailbox) = opened(script).await;
    let mails = mailbox.fetch(&wanted(&[5, 7, 12])).await.unwrap();
    let got: Vec<_> = mails
        .iter()
        .map(|mail| (mail.uid, mail.raw.len(), mail.truncated))
        .collect();
    assert_eq!(got, [(5, text(5).len(), false), (7, 0, true)]);
    assert!(matches!(
        mailbox.fetch(&wanted(&[7])).await,
        Err(MailboxError::Refused { .. })
    ));
    assert_eq!(mailbox.fetch(&wanted(&[12])).await, Ok(vec![]));
}

#[tokio::test]
async fn a_server_in_trouble_makes_no_empty_mails() {
    let script = Script::new().on(
        "UID FETCH",
        &format!("{}{{tag}} NO [UNAVAILABLE] later\r\n", mail(1, 5)),
    );
    let (_peer, mut mailbox) = opened(script).await;
    // Lost, not refused: no mail is to blame, none may be given up for it.
    assert!(matches!(
        mailbox.fetch(&wanted(&[5, 7])).await,
        Err(MailboxError::Lost(_))
    ));
    assert!(!mailbox.is_open());

    for code in ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"] {
        let script = Script::new()
            .on("UID FETCH 5 (UID BODY", "{tag} NO cannot\r\n")
            .on(
                "UID FETCH 5 (UID)",
                &format!("{{tag}} NO [{code}] later\r\n"),
            );
        let (_peer, mut mailbox) = opened(script).await;
        assert!(
            matches!(
                mailbox.fetch(&wanted(&[5])).await,
                Err(MailboxError::Lost(_))
            ),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_code_beside_ok_does_not_make_it_a_refusal() {
    for code in ["EXPUNGEISSUED", "SERVERBUG", "UNAVAILABLE"] {
        let script = Script::new()
            .on("UID FETCH 5,7 ", &format!("{}* 2 FETCH (UID 7 BODY[] NIL)\r\n* 2 EXPUNGE\r\n{{tag}} OK [{code}] some are gone\r\n", mail(1, 5)));
        let (_peer, mut mailbox) = opened(script).await;
        let mails = mailbox.fetch(&wanted(&[5, 7])).await.unwrap();
        assert_eq!(
            mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(),
            [5],
            "{code}"
        );
    }
}
