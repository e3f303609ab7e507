//! A real Dovecot in trouble: no room left, sessions thrown out, a restart in the middle of everything.

use std::fs;
use std::process::Command;

use mailclerk::mailbox::Filing;
use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::imap::FilingRules;
use mailclerk::mailbox::imap::TlsMode;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;

use crate::real::deliver;
use crate::real::mailbox;
use crate::real::settings;
use crate::real::uids;
use crate::support::servers::Servers;

const FILINGS: [(u32, Filing); 3] = [
    (1, Filing::Answered),
    (2, Filing::Forwarded),
    (3, Filing::Answered),
];

/// Gives every user room for so many mails.
fn limit_room(servers: &Servers, mails: u32) {
    let path = servers.dir.join("dovecot.conf");
    let config = fs::read_to_string(&path).unwrap();
    let own = config.split("mail_plugins = quota").next().unwrap();
    let quota = format!(
        "mail_plugins = quota\nplugin {{\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:messages={mails}\n}}\n"
    );
    fs::write(&path, format!("{own}{quota}")).unwrap();
    servers.restart_dovecot();
}

/// Faults: F53; holds I1 I10.
#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_room_to_copy_all_mails_stay_unmarked_and_are_filed_when_there_is() {
    let servers = Servers::start();
    let user = "full@credly.example";
    deliver(&servers, user, 3);
    tokio::task::block_in_place(|| limit_room(&servers, 3));
    // Copying asks for room that moving does not: without MOVE, as on a server that has none.
    let mut without_move = settings(&servers, user);
    without_move.filing = FilingRules {
        answered: Some("Answered".into()),
        forwarded: Some("Forwarded".into()),
        quiet: None,
        ..FilingRules::default()
    };
    let front = without_move_in_front(servers.ports.imap).await;
    without_move.tls = TlsMode::None;
    without_move.port = front;
    let mut desk = mailbox(&servers, without_move.clone());
    desk.open().await.unwrap();
    for _ in 0..2 {
        let refused = desk.file(&FILINGS).await;
        let Err(MailboxError::Refused { command, said }) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(
            (*command, said.contains("OVERQUOTA")),
            ("COPY", true),
            "{said}"
        );
        let list = desk.list(0, 10).await.unwrap();
        assert_eq!(uids(&list), [1, 2, 3]);
        assert!(list.iter().all(|mail| !mail.handled), "none is marked");
    }
    desk.close().await;
    assert!(
        servers
            .mails(user, "INBOX")
            .iter()
            .all(|mail| mail.flags.iter().all(|f| f != "\\Deleted"))
    );
    tokio::task::block_in_place(|| limit_room(&servers, 30));
    desk.open().await.unwrap();
    desk.file(&FILINGS).await.unwrap();
    assert_eq!(servers.mails(user, "INBOX").len(), 0);
    assert_eq!(servers.mails(user, "Answered").len(), 2);
    assert_eq!(servers.mails(user, "Forwarded").len(), 1);
}

/// Passes everything on to a server, but for the word MOVE in what it can do.
async fn without_move_in_front(port: u16) -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let front = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut lines = tokio::io::BufReader::new(from_server);
                let mut line = Vec::new();
                while lines
                    .read_until(b'\n', &mut line)
                    .await
                    .is_ok_and(|n| n > 0)
                {
                    let text = String::from_utf8_lossy(&line).replace(" MOVE", "");
                    to_client.write_all(text.as_bytes()).await.unwrap();
                    line.clear();
                }
            });
        }
    });
    front
}

/// Faults: F33 F57; holds I1 I10.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_an_administrator_throws_out_is_taken_up_again_where_it_was() {
    let servers = Servers::start();
    let user = "kicked@credly.example";
    deliver(&servers, user, 3);
    let mut desk = mailbox(&servers, settings(&servers, user));
    desk.open().await.unwrap();
    let list = desk.list(0, 10).await.unwrap();
    let kick = || {
        let done = Command::new("doveadm")
            .arg("-c")
            .arg(servers.dir.join("dovecot.conf"))
            .args(["kick", user])
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    // Before a fetch, before a filing, and while it waits.
    tokio::task::block_in_place(kick);
    assert!(matches!(
        desk.fetch(&list).await,
        Err(MailboxError::Lost(_))
    ));
    desk.open().await.unwrap();
    assert_eq!(desk.fetch(&list).await.unwrap().len(), 3);
    tokio::task::block_in_place(kick);
    assert!(matches!(
        desk.file(&FILINGS).await,
        Err(MailboxError::Lost(_))
    ));
    desk.open().await.unwrap();
    desk.file(&FILINGS).await.unwrap();
    let (waited, ()) = tokio::join!(desk.wait(60), async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        tokio::task::block_in_place(kick);
    });
    assert!(matches!(waited, Err(MailboxError::Lost(_))), "{waited:?}");
    desk.open().await.unwrap();
    assert_eq!(desk.list(0, 10).await.unwrap(), []);
    assert_eq!(servers.mails(user, "Forwarded").len(), 1);
}
