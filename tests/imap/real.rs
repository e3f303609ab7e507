//! The IMAP mailbox against a real Dovecot, over TLS, STARTTLS and plain loopback.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Listed;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::Woken;
use mailclerk::mailbox::imap::FilingRules;
use mailclerk::mailbox::imap::ImapLimits;
use mailclerk::mailbox::imap::ImapMailbox;
use mailclerk::mailbox::imap::ImapSettings;
use mailclerk::mailbox::imap::Login;
use mailclerk::mailbox::imap::TlsMode;
use mailclerk::mailbox::imap::fixed_secret;
use mailclerk::mailbox::resume::Cursor;
use mailclerk::mailbox::resume::Resume;
use mailclerk::mailbox::resume::resume;
use mailclerk::tls::Tls;

use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;

pub(crate) fn settings(servers: &Servers, user: &str) -> ImapSettings {
    ImapSettings {
        host: "127.0.0.1".into(),
        port: servers.ports.imaps,
        tls: TlsMode::Implicit,
        login: Login::Password {
            user: user.into(),
            secret: fixed_secret("secret"),
        },
        folder: "INBOX".into(),
        filing: FilingRules {
            answered: Some("Erledigt & geprüft".into()),
            forwarded: Some("Forwarded".into()),
            quiet: None,
            ..FilingRules::default()
        },
        keyword: Some("$MailclerkDone".into()),
        idle: true,
        limits: ImapLimits::default(),
    }
}

pub(crate) fn mailbox(servers: &Servers, settings: ImapSettings) -> ImapMailbox {
    let ca = fs::read(servers.ca_file()).unwrap();
    ImapMailbox::new(settings, Tls::system(Some(&ca)).unwrap()).unwrap()
}

pub(crate) fn deliver(servers: &Servers, user: &str, count: usize) {
    for number in 0..count {
        let mut raw = format!("From: eve@example.org\r\nSubject: mail {number}\r\n\r\n");
        // Text that looks like protocol, of differing size.
        for _ in 0..number % 7 {
            let _ = write!(
                raw,
                "* 1 FETCH (BODY[] {{5}}\r\n)) gr\u{fc}\u{df} \u{1f600}\r\n"
            );
        }
        servers.deliver(raw.as_bytes(), "eve@example.org", user);
    }
}

pub(crate) fn uids(listed: &[Listed]) -> Vec<u32> {
    listed.iter().map(|listed| listed.uid).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_listed_fetched_and_moved_in_batches() {
    let servers = Servers::shared();
    let user = "batches@credly.example";
    deliver(servers, user, 60);
    let mut settings = settings(servers, user);
    settings.limits.fetch_count_max = 25;
    settings.limits.file_count_max = 16;
    let mut mailbox = mailbox(servers, settings);
    let opened = mailbox.open().await.unwrap();
    assert_eq!((opened.exists, opened.uid_next), (60, Some(61)));
    let first = mailbox.list(0, 40).await.unwrap();
    assert_eq!(uids(&first), (1..=40).collect::<Vec<_>>());
    let rest = mailbox.list(40, 40).await.unwrap();
    assert_eq!(uids(&rest), (41..=60).collect::<Vec<_>>());
    let all: Vec<Listed> = first.into_iter().chain(rest).collect();
    assert!(
        all.iter()
            .all(|listed| listed.received.is_some() && !listed.handled)
    );
    let mails = mailbox.fetch(&all).await.unwrap();
    assert_eq!(mails.len(), 60);
    for (number, (mail, listed)) in mails.iter().zip(&all).enumerate() {
        assert_eq!(
            (mail.uid, mail.raw.len()),
            (listed.uid, listed.size as usize)
        );
        let text = String::from_utf8(mail.raw.clone()).unwrap();
        assert!(
            text.contains(&format!("Subject: mail {number}\r\n")),
            "{text}"
        );
        assert!(!mail.truncated);
    }
    let filings: Vec<_> = (1..=60)
        .map(|uid| {
            (
                uid,
                [Filing::Answered, Filing::Forwarded, Filing::Quiet][uid as usize % 3],
            )
        })
        .collect();
    mailbox.file(&filings).await.unwrap();
    // The same again is harmless: what is gone is gone.
    mailbox.file(&filings).await.unwrap();
    let left = mailbox.list(0, 100).await.unwrap();
    assert_eq!(left.len(), 20);
    assert!(
        left.iter()
            .all(|listed| listed.handled && listed.uid % 3 == 2)
    );
    assert_eq!(mailbox.notes(), [""; 0]);
    mailbox.close().await;

    let inbox = servers.mails(user, "INBOX");
    assert!(
        inbox
            .iter()
            .all(|mail| mail.flags.iter().all(|flag| flag != "\\Seen"))
    );
    assert!(
        inbox
            .iter()
            .all(|mail| mail.flags.contains(&"$MailclerkDone".to_owned()))
    );
    assert_eq!(servers.mails(user, "Forwarded").len(), 20);
    assert_eq!(servers.mails(user, "Erledigt &- gepr&APw-ft").len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_wakes_the_one_who_waits() {
    let servers = Servers::shared();
    let user = "wakes@credly.example";
    let mut mailbox = mailbox(servers, settings(servers, user));
    let opened = mailbox.open().await.unwrap();
    assert_eq!(opened.exists, 0);
    assert_eq!(mailbox.list(0, 10).await.unwrap(), []);
    let delivery = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(300));
        deliver(servers, user, 1);
    });
    assert_eq!(mailbox.wait(DEADLINE.as_secs()).await, Ok(Woken::News));
    delivery.await.unwrap();
    assert_eq!(uids(&mailbox.list(0, 10).await.unwrap()), [1]);
    assert_eq!(mailbox.wait(1).await, Ok(Woken::Poll));
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_and_plain_loopback_lead_to_the_same_mailbox() {
    let servers = Servers::shared();
    let user = "ways@credly.example";
    deliver(servers, user, 1);
    for tls in [TlsMode::StartTls, TlsMode::None] {
        let mut settings = settings(servers, user);
        settings.tls = tls;
        settings.port = servers.ports.imap;
        let mut mailbox = mailbox(servers, settings);
        assert_eq!(mailbox.open().await.unwrap().exists, 1, "{tls:?}");
        mailbox.close().await;
    }
}

/// Faults: F59 F61; holds I9.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_refused_login_and_an_unknown_authority_no_login() {
    let servers = Servers::shared();
    let mut wrong = settings(servers, "wrong@credly.example");
    wrong.login = Login::Password {
        user: "wrong@credly.example".into(),
        secret: fixed_secret("no"),
    };
    let error = mailbox(servers, wrong).open().await.unwrap_err();
    assert!(matches!(error, MailboxError::Login(_)), "{error:?}");

    let strangers = Tls::system(None).unwrap();
    let mut stranger = ImapMailbox::new(settings(servers, "x@credly.example"), strangers).unwrap();
    let error = stranger.open().await.unwrap_err();
    assert!(matches!(error, MailboxError::Unfit(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_unfit() {
    let servers = Servers::shared();
    let mut settings = settings(servers, "nofolder@credly.example");
    settings.folder = "Nowhere".into();
    let error = mailbox(servers, settings).open().await.unwrap_err();
    assert!(matches!(error, MailboxError::Unfit(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_expunged_between_list_and_fetch_is_missing_and_no_error() {
    let servers = Servers::shared();
    let user = "expunged@credly.example";
    deliver(servers, user, 3);
    let mut mine = mailbox(servers, settings(servers, user));
    mine.open().await.unwrap();
    let list = mine.list(0, 10).await.unwrap();
    let mut other = mailbox(servers, settings(servers, user));
    other.open().await.unwrap();
    other.file(&[(2, Filing::Forwarded)]).await.unwrap();
    let mails = mine.fetch(&list).await.unwrap();
    assert_eq!(
        mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(),
        [1, 3]
    );
    mine.file(&[
        (1, Filing::Answered),
        (2, Filing::Answered),
        (2, Filing::Quiet),
    ])
    .await
    .unwrap();
    assert_eq!(uids(&mine.list(0, 10).await.unwrap()), [3]);
}

/// Faults: F32; holds I6 I10.
#[tokio::test(flavor = "multi_thread")]
async fn a_giant_is_cut_and_a_mail_of_lying_size_too() {
    let servers = Servers::shared();
    let user = "giant@credly.example";
    let mut giant = b"From: eve@example.org\r\nSubject: giant\r\n\r\n".to_vec();
    for _ in 0..40_000 {
        giant.extend(b"a line of a very long letter with ( and { in it\r\n");
    }
    servers.deliver(&giant, "eve@example.org", user);
    deliver(servers, user, 1);
    let mut settings = settings(servers, user);
    settings.limits.mail_bytes_max = 1024 * 1024;
    let mut mailbox = mailbox(servers, settings);
    mailbox.open().await.unwrap();
    let mut list = mailbox.list(0, 10).await.unwrap();
    let mails = mailbox.fetch(&list).await.unwrap();
    assert_eq!(
        mails.iter().map(|mail| mail.truncated).collect::<Vec<_>>(),
        [true, false]
    );
    let text = String::from_utf8_lossy(&mails[0].raw).into_owned();
    assert!(text.contains("Subject: giant\r\n") && text.contains("very long letter"));
    let beginning = text.split_once("\r\n\r\n").unwrap().1.len();
    assert_eq!(beginning, 64 * 1024);

    for listed in &mut list {
        listed.size = 10;
    }
    assert!(matches!(
        mailbox.fetch(&list).await,
        Err(MailboxError::Lost(_))
    ));
    mailbox.open().await.unwrap();
    let mails = mailbox.fetch(&list).await.unwrap();
    assert_eq!(
        (mails[0].raw.len(), mails[0].truncated),
        (1024 * 1024, true)
    );
    assert!(!mails[1].truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_uidvalidity_ends_the_session_and_asks_for_a_rescan() {
    // Servers of its own: they are restarted.
    let servers = Servers::start();
    let user = "validity@credly.example";
    deliver(&servers, user, 3);
    let mut mailbox = mailbox(&servers, settings(&servers, user));
    let before = mailbox.open().await.unwrap();
    let cursor = Cursor {
        uid_validity: before.uid_validity,
        uid: 3,
    };
    assert_eq!(resume(Some(cursor), &before), Resume::After(3));
    tokio::task::block_in_place(|| servers.bump_uidvalidity(user));
    assert!(matches!(
        mailbox.list(0, 10).await,
        Err(MailboxError::Lost(_))
    ));
    let after = mailbox.open().await.unwrap();
    assert_eq!(resume(Some(cursor), &after), Resume::Rescan);
    assert_eq!(mailbox.list(0, 10).await.unwrap().len(), 3);
    tokio::task::block_in_place(|| servers.restart_dovecot());
    assert!(matches!(mailbox.wait(5).await, Err(MailboxError::Lost(_))));
    let again = mailbox.open().await.unwrap();
    assert_eq!(again.uid_validity, after.uid_validity);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mails_are_read_and_moved_within_bounded_commands() {
    let servers = Servers::shared();
    let user = "many@credly.example";
    deliver(servers, user, 1);
    let folder = servers.home(user).join("Maildir/new");
    let first = fs::read_dir(&folder).unwrap().flatten().next().unwrap();
    let owner = first.metadata().unwrap();
    for number in 0..1999 {
        let copy = folder.join(format!("1{number:09}.M{number}P1.test"));
        fs::copy(first.path(), &copy).unwrap();
        let (uid, gid) = (
            std::os::unix::fs::MetadataExt::uid(&owner),
            std::os::unix::fs::MetadataExt::gid(&owner),
        );
        std::os::unix::fs::chown(&copy, Some(uid), Some(gid)).unwrap();
    }
    let mut mailbox = mailbox(servers, settings(servers, user));
    assert_eq!(mailbox.open().await.unwrap().exists, 2000);
    let mut seen = BTreeSet::new();
    let mut after = 0;
    loop {
        let list = mailbox.list(after, 256).await.unwrap();
        let Some(highest) = list.last() else { break };
        after = highest.uid;
        let mails = mailbox.fetch(&list).await.unwrap();
        assert_eq!(mails.len(), list.len());
        seen.extend(uids(&list));
        let filings: Vec<_> = list
            .iter()
            .map(|listed| (listed.uid, Filing::Answered))
            .collect();
        mailbox.file(&filings).await.unwrap();
    }
    assert_eq!(seen.len(), 2000);
    assert_eq!(mailbox.open().await.unwrap().exists, 0);
}
