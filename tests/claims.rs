//! Claims on mails: by the words on the wire, and by two clients of one real Dovecot.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use mailclerk::mailbox::Claim;
use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::imap::FilingRules;
use mailclerk::mailbox::imap::ImapLimits;
use mailclerk::mailbox::imap::ImapMailbox;
use mailclerk::mailbox::imap::ImapSettings;
use mailclerk::mailbox::imap::Login;
use mailclerk::mailbox::imap::TlsMode;
use mailclerk::mailbox::imap::fixed_secret;
use mailclerk::tls::Tls;
use tokio::sync::Barrier;

use crate::peer::Peer;
use crate::peer::Script;
use crate::peer::select;
use crate::support::servers::Servers;

#[allow(dead_code, reason = "another test file uses the rest")]
#[path = "imap/peer.rs"]
mod peer;
mod support;

const OURS: &str = "mailclerk-aaaaaaaa";

fn claims(found: &BTreeMap<u32, Claim>) -> Vec<(u32, Claim)> {
    found.iter().map(|(uid, claim)| (*uid, *claim)).collect()
}

fn flags(uid: u32, flags: &str, modseq: u64) -> String {
    format!("* 1 FETCH (UID {uid} FLAGS ({flags}) MODSEQ ({modseq}))\r\n")
}

async fn open(script: Script) -> (Peer, ImapMailbox) {
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox().claiming("aaaaaaaa", false);
    mailbox.open().await.unwrap();
    (peer, mailbox)
}

fn conditional() -> Script {
    Script::new().capable_of("IDLE MOVE UIDPLUS CONDSTORE AUTH=PLAIN")
}

/// Two round trips for a whole group, and the server decides.
#[tokio::test]
async fn a_claim_is_put_on_condition_that_nobody_changed_the_mail_meanwhile() {
    let (peer, mut mailbox) = open(
        conditional()
            .on(
                "UID FETCH 5:6 (UID FLAGS MODSEQ)",
                &format!(
                    "{}{}{{tag}} OK done\r\n",
                    flags(5, "", 40),
                    flags(6, "\\Seen", 44)
                ),
            )
            .on(
                "UID STORE",
                &format!(
                    "{}{}{{tag}} OK done\r\n",
                    flags(5, OURS, 50),
                    flags(6, OURS, 50)
                ),
            ),
    )
    .await;
    let found = mailbox.claim(&[5, 6]).await.unwrap();
    assert_eq!(claims(&found), [(5, Claim::Ours), (6, Claim::Ours)]);
    assert_eq!(
        peer.commands(),
        [
            "UID FETCH 5:6 (UID FLAGS MODSEQ)".to_owned(),
            format!("UID STORE 5:6 (UNCHANGEDSINCE 44) +FLAGS ({OURS})"),
        ]
    );
}

/// Faults: F15; holds I3.
#[tokio::test]
async fn a_mail_that_was_modified_is_looked_at_again_and_left_to_who_claimed_it() {
    for verdict in ["OK", "NO"] {
        let (peer, mut mailbox) = open(
            conditional()
                .once(
                    "UID FETCH 5:6",
                    &format!(
                        "{}{}{{tag}} OK done\r\n",
                        flags(5, "", 40),
                        flags(6, "", 41)
                    ),
                )
                .once(
                    "UID STORE",
                    &format!(
                        "{}{{tag}} {verdict} [MODIFIED 5] failed\r\n",
                        flags(6, OURS, 50)
                    ),
                )
                .once(
                    "UID FETCH 5 ",
                    &format!("{}{{tag}} OK done\r\n", flags(5, "Mailclerk-bbbbbbbb", 49)),
                ),
        )
        .await;
        let found = mailbox.claim(&[5, 6]).await.unwrap();
        assert_eq!(claims(&found), [(5, Claim::Foreign), (6, Claim::Ours)]);
        let commands = peer.commands();
        let stores = commands.iter().filter(|c| c.starts_with("UID STORE"));
        assert_eq!(stores.count(), 1, "{commands:?}");
    }
}

#[tokio::test]
async fn a_mail_that_a_person_read_meanwhile_is_claimed_at_the_second_try() {
    let (_peer, mut mailbox) = open(
        conditional()
            .once(
                "UID FETCH 5 ",
                &format!("{}{{tag}} OK done\r\n", flags(5, "", 40)),
            )
            .once(
                "UID STORE",
                "{tag} OK [MODIFIED 5] conditional STORE failed\r\n",
            )
            .once(
                "UID FETCH 5 ",
                &format!("{}{{tag}} OK done\r\n", flags(5, "\\Seen", 42)),
            )
            .once(
                "UID STORE 5 (UNCHANGEDSINCE 42)",
                &format!("{}{{tag}} OK done\r\n", flags(5, OURS, 43)),
            ),
    )
    .await;
    let found = mailbox.claim(&[5]).await.unwrap();
    assert_eq!(claims(&found), [(5, Claim::Ours)]);
}

/// Faults: F15 F62; holds I3.
#[tokio::test]
async fn without_condstore_whoever_sees_another_claim_beside_its_own_takes_its_own_back() {
    let plain = |uid, flags| format!("* 1 FETCH (UID {uid} FLAGS ({flags}))\r\n");
    let (peer, mut mailbox) = open(
        Script::new()
            .once(
                "UID FETCH 5:7 (UID FLAGS)",
                &format!(
                    "{}{}{}{{tag}} OK\r\n",
                    plain(5, ""),
                    plain(6, ""),
                    plain(7, "")
                ),
            )
            .once(
                "UID FETCH 5:7 (UID FLAGS)",
                &format!(
                    "{}{}{}{{tag}} OK\r\n",
                    plain(5, OURS),
                    plain(6, &format!("{OURS} mailclerk-bbbbbbbb")),
                    plain(7, "\\Seen")
                ),
            ),
    )
    .await;
    let found = mailbox.claim(&[5, 6, 7]).await.unwrap();
    assert_eq!(
        claims(&found),
        [(5, Claim::Ours), (6, Claim::Foreign), (7, Claim::Foreign)],
        "a keyword that the server dropped is no claim"
    );
    assert_eq!(
        peer.commands(),
        [
            "UID FETCH 5:7 (UID FLAGS)".to_owned(),
            format!("UID STORE 5:7 +FLAGS ({OURS})"),
            "NOOP".to_owned(),
            "UID FETCH 5:7 (UID FLAGS)".to_owned(),
            format!("UID STORE 6 -FLAGS.SILENT ({OURS})"),
        ]
    );
}

/// Faults: F1 F38; holds I1 I3.
#[tokio::test]
async fn what_was_claimed_before_a_crash_is_told_from_what_others_claimed_handled_or_took() {
    let (peer, mut mailbox) = open(conditional().on(
        "UID FETCH",
        &format!(
            "{}{}{}{}{{tag}} OK done\r\n",
            flags(1, OURS, 4),
            flags(2, "mailclerk-bbbbbbbb", 4),
            flags(3, "mailclerk-bbbbbbbb $MailclerkDone", 4),
            flags(4, &format!("{OURS} mailclerk-bbbbbbbb"), 4),
        ),
    ))
    .await;
    let found = mailbox.claim(&[1, 2, 3, 4, 5]).await.unwrap();
    assert_eq!(
        claims(&found),
        [
            (1, Claim::Ours),
            (2, Claim::Foreign),
            (3, Claim::Handled),
            (4, Claim::Foreign),
            (5, Claim::Gone)
        ],
        "a claim beside another's was a take-over that nobody finished"
    );
    assert_eq!(peer.commands().len(), 1, "nothing had to be stored");
}

/// Faults: F49; holds I9.
#[tokio::test]
async fn a_server_that_keeps_no_keywords_is_refused_unless_the_operator_says_we_are_alone() {
    for permanent in ["\\Deleted \\Seen", "\\Deleted $MailclerkDone"] {
        let script = Script::new().on("SELECT", &select(permanent, ""));
        let peer = Peer::start(script).await;
        let mut mailbox = peer.mailbox().claiming("aaaaaaaa", false);
        let Err(MailboxError::Unfit(why)) = mailbox.open().await else {
            panic!("it was opened");
        };
        assert!(
            why.contains("no keywords") && why.contains("alone = true"),
            "{why}"
        );
        let mut mailbox = peer.mailbox().claiming("aaaaaaaa", true);
        mailbox.open().await.unwrap();
        let before = peer.all_commands().len();
        let found = mailbox.claim(&[5, 6]).await.unwrap();
        assert_eq!(claims(&found), [(5, Claim::Ours), (6, Claim::Ours)]);
        assert_eq!(peer.all_commands().len(), before, "nobody is asked");
    }
}

#[tokio::test]
async fn a_refused_claim_is_no_claim() {
    let (_peer, mut mailbox) = open(
        conditional()
            .on(
                "UID FETCH",
                &format!("{}{{tag}} OK done\r\n", flags(5, "", 4)),
            )
            .on("UID STORE", "{tag} NO [LIMIT] too many keywords\r\n"),
    )
    .await;
    assert!(matches!(
        mailbox.claim(&[5]).await,
        Err(MailboxError::Refused {
            command: "STORE",
            ..
        })
    ));
}

fn real(servers: &Servers, user: &str, instance: &str) -> ImapMailbox {
    let settings = ImapSettings {
        host: "127.0.0.1".into(),
        port: servers.ports.imaps,
        tls: TlsMode::Implicit,
        login: Login::Password {
            user: user.into(),
            secret: fixed_secret("secret"),
        },
        folder: "INBOX".into(),
        filing: FilingRules {
            answered: Some("Done/Answered".into()),
            forwarded: None,
            quiet: None,
            ..FilingRules::default()
        },
        keyword: Some("$MailclerkDone".into()),
        idle: true,
        limits: ImapLimits::default(),
    };
    let ca = fs::read(servers.ca_file()).unwrap();
    ImapMailbox::new(settings, Tls::system(Some(&ca)).unwrap())
        .unwrap()
        .claiming(instance, false)
}

fn deliver(servers: &Servers, user: &str, count: usize) {
    for n in 0..count {
        let raw = format!("From: eve@example.org\r\nSubject: mail {n}\r\n\r\nhello\r\n");
        servers.deliver(raw.as_bytes(), "eve@example.org", user);
    }
}

/// Faults: F15; holds I3 I10.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_claim_at_once_exactly_one_gets_each_mail() {
    let servers = Servers::shared();
    let user = "race@credly.example";
    deliver(servers, user, 120);
    let uids: Vec<u32> = (1..=120).collect();
    // All three set out for the same mails at the same moment, forty times.
    let line = Arc::new(Barrier::new(3));
    let mut racers = Vec::new();
    for instance in ["aaaaaaaa", "bbbbbbbb", "cccccccc"] {
        let mut mailbox = real(servers, user, instance);
        let (uids, line) = (uids.clone(), Arc::clone(&line));
        racers.push(tokio::spawn(async move {
            mailbox.open().await.unwrap();
            let mut ours = Vec::new();
            for group in uids.chunks(3) {
                line.wait().await;
                let found = mailbox.claim(group).await.unwrap();
                ours.extend(
                    found
                        .iter()
                        .filter(|(_, c)| **c == Claim::Ours)
                        .map(|(u, _)| *u),
                );
            }
            ours
        }));
    }
    let mut all = Vec::new();
    for racer in racers {
        all.extend(racer.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, uids, "each mail has one owner, and none is left over");
}

/// Faults: F15; holds I1 I3.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_lasts_until_it_is_taken_over_and_a_take_over_stays_visible() {
    let servers = Servers::shared();
    let user = "over@credly.example";
    deliver(servers, user, 2);
    let mut first = real(servers, user, "aaaaaaaa");
    first.open().await.unwrap();
    assert_eq!(
        claims(&first.claim(&[1]).await.unwrap()),
        [(1, Claim::Ours)]
    );
    let mut second = real(servers, user, "bbbbbbbb");
    second.open().await.unwrap();
    assert_eq!(
        claims(&second.claim(&[1, 2]).await.unwrap()),
        [(1, Claim::Foreign), (2, Claim::Ours)]
    );
    assert_eq!(
        claims(&second.take_over(&[1]).await.unwrap()),
        [(1, Claim::Ours)]
    );
    // Had the second died now, it would not take the mail for its own after all.
    assert_eq!(
        claims(&second.claim(&[1]).await.unwrap()),
        [(1, Claim::Foreign)]
    );
    assert_eq!(
        claims(&second.take_over(&[1]).await.unwrap()),
        [(1, Claim::Ours)]
    );
    second.file(&[(1, Filing::Forwarded)]).await.unwrap();
    assert_eq!(
        claims(&first.claim(&[1, 2]).await.unwrap()),
        [(1, Claim::Handled), (2, Claim::Foreign)]
    );
    second.file(&[(2, Filing::Answered)]).await.unwrap();
    // The server tells what is gone when it is asked for news.
    first.wait(0).await.unwrap();
    assert_eq!(
        claims(&first.claim(&[2]).await.unwrap()),
        [(2, Claim::Gone)]
    );
}

/// Faults: F11; holds I9.
#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_life_shows_by_claims_keywords_and_folders_that_are_not_empty() {
    let servers = Servers::shared();
    let user = "traces@credly.example";
    deliver(servers, user, 3);
    let mut mailbox = real(servers, user, "aaaaaaaa");
    mailbox.open().await.unwrap();
    mailbox.claim(&[2]).await.unwrap();
    assert_eq!(
        mailbox.traces().await.unwrap(),
        None,
        "our own claims are none"
    );
    let mut other = real(servers, user, "bbbbbbbb");
    other.open().await.unwrap();
    let found = other.traces().await.unwrap().unwrap();
    assert!(
        found.contains("UID 2") && found.contains("mailclerk-aaaaaaaa"),
        "{found}"
    );
    mailbox.file(&[(2, Filing::Answered)]).await.unwrap();
    let found = other.traces().await.unwrap().unwrap();
    assert!(found.contains("1 mails lie in Done/Answered"), "{found}");
    let mut imap = servers.imap(user);
    imap.select("Done.Answered").unwrap();
    imap.expunge(1).unwrap();
    other.wait(0).await.unwrap();
    assert_eq!(other.traces().await.unwrap(), None);
    mailbox.file(&[(3, Filing::Keep)]).await.unwrap();
    let found = other.traces().await.unwrap().unwrap();
    assert!(
        found.contains("UID 3") && found.contains("$MailclerkDone"),
        "{found}"
    );
}

/// Faults: F36 F54; holds I1 I10.
#[tokio::test]
async fn mails_that_are_deleted_under_a_move_do_not_keep_the_others_from_being_filed() {
    let (peer, mut mailbox) = open(Script::new().once(
        "UID MOVE",
        "{tag} NO [EXPUNGEISSUED] Some of the requested messages no longer exist\r\n",
    ))
    .await;
    mailbox
        .file(&[(5, Filing::Answered), (6, Filing::Answered)])
        .await
        .unwrap();
    let moving = "UID MOVE 5:6 \"Done.Answered\"";
    assert_eq!(peer.commands(), [moving, "NOOP", moving]);
}
