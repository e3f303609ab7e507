//! The harness itself: what its servers must do for the other tests to mean anything.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod support;

use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::panic;
use std::process::Command;

use support::servers::DEADLINE;
use support::servers::Servers;
use support::servers::within;

const MAIL: &[u8] = b"From: Eve <eve@example.org>\r\nTo: support@credly.example\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\nHello\r\n.dot\r\n";

#[test]
fn a_mail_delivered_by_lmtp_is_read_back_as_it_was() {
    let servers = Servers::shared();
    servers.deliver(MAIL, "eve@example.org", "one@credly.example");
    let mails = servers.wait_for_mails("one@credly.example", "INBOX", 1, DEADLINE);
    assert_eq!(mails[0].subject(), "Café");
    assert_eq!(mails[0].text(), "Hello\n.dot\n");
    assert_eq!(mails[0].header("Return-Path").unwrap(), "<eve@example.org>");
    assert!(mails[0].flags.is_empty() || mails[0].flags == ["\\Recent"]);
}

#[test]
fn a_mail_handed_to_postfix_arrives_in_the_recipients_own_mailbox() {
    let servers = Servers::shared();
    for rcpt in ["ana@agents.example", "ana@anything.example"] {
        servers.submit(MAIL, "", rcpt).unwrap();
        let mails = servers.wait_for_mails(rcpt, "INBOX", 1, DEADLINE);
        assert_eq!(mails.len(), 1, "{rcpt} shares a mailbox");
        assert_eq!(mails[0].header("Return-Path").unwrap(), "<>");
    }
}

#[test]
fn a_token_behind_the_plus_lands_in_the_desks_mailbox() {
    let servers = Servers::shared();
    servers
        .submit(MAIL, "eve@example.org", "Plus+TOKEN123@Credly.Example")
        .unwrap();
    servers.wait_for_mails("plus@credly.example", "INBOX", 1, DEADLINE);
    servers.deliver(MAIL, "eve@example.org", "plus+other@credly.example");
    servers.wait_for_mails("plus", "INBOX", 2, DEADLINE);
}

#[test]
fn recipients_that_must_fail_do_fail() {
    let servers = Servers::shared();
    let refused = servers
        .submit(MAIL, "eve@example.org", "x@refused.example")
        .unwrap_err();
    assert!(refused.to_string().contains("550 5.1.1"), "{refused}");
    let deferred = servers
        .submit(MAIL, "eve@example.org", "x@deferred.example")
        .unwrap_err();
    assert!(deferred.to_string().contains("450 4.2.1"), "{deferred}");
    servers
        .submit(MAIL, "eve@example.org", "x@discard.example")
        .unwrap();
    servers
        .submit(MAIL, "bounced@example.org", "x@bounces.example")
        .unwrap();
    let bounce = &servers.wait_for_mails("bounced@example.org", "INBOX", 1, DEADLINE)[0];
    assert!(
        bounce
            .header("Content-Type")
            .unwrap()
            .contains("delivery-status")
    );
}

#[test]
fn certificates_hold_under_the_test_authority_on_every_tls_port() {
    let servers = Servers::shared();
    let ports = &servers.ports;
    for (port, starttls) in [
        (ports.imaps, None),
        (ports.smtps, None),
        (ports.imap, Some("imap")),
        (ports.smtp, Some("smtp")),
        (ports.submission, Some("smtp")),
    ] {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "s_client",
            "-verify_return_error",
            "-verify_ip",
            "127.0.0.1",
            "-CAfile",
        ]);
        openssl
            .arg(servers.ca_file())
            .args(["-connect", &format!("127.0.0.1:{port}")]);
        openssl.args(
            starttls
                .map(|name| ["-starttls", name])
                .into_iter()
                .flatten(),
        );
        let output = openssl.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(
            output.status.success(),
            "{port}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn other_clients_can_append_flag_move_and_expunge() {
    let servers = Servers::shared();
    let mut imap = servers.imap("client@credly.example");
    imap.create("Archive").unwrap();
    assert!(imap.folders().unwrap().contains(&"Archive".to_owned()));
    for _ in 0..3 {
        imap.append("INBOX", "\\Seen", MAIL).unwrap();
    }
    assert!(imap.select("Nowhere").is_err());
    let mails = imap.mails("INBOX").unwrap();
    assert!(
        mails
            .iter()
            .all(|mail| mail.raw == MAIL && mail.flags.contains(&"\\Seen".to_owned()))
    );
    imap.flag(mails[0].uid, "$Filed").unwrap();
    imap.move_to(mails[1].uid, "Archive").unwrap();
    imap.expunge(mails[2].uid).unwrap();
    let left = imap.mails("INBOX").unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].flags.contains(&"$Filed".to_owned()));
    assert_eq!(imap.mails("Archive").unwrap().len(), 1);
}

#[test]
fn servers_can_be_restarted_and_lose_nothing() {
    let servers = Servers::start();
    servers.deliver(MAIL, "eve@example.org", "r@credly.example");
    servers.restart_dovecot();
    servers.stop_postfix();
    assert!(
        servers
            .submit(MAIL, "eve@example.org", "r@credly.example")
            .is_err()
    );
    servers.start_postfix().unwrap();
    servers.stop_dovecot();
    servers
        .submit(MAIL, "eve@example.org", "r@credly.example")
        .unwrap();
    servers.start_dovecot().unwrap();
    servers.wait_for_mails("r@credly.example", "INBOX", 2, DEADLINE);
}

#[test]
fn a_bumped_uidvalidity_keeps_the_mails() {
    let servers = Servers::start();
    servers.deliver(MAIL, "eve@example.org", "bump@credly.example");
    servers.bump_uidvalidity("bump@credly.example");
    assert_eq!(servers.mails("bump@credly.example", "INBOX").len(), 1);
}

#[test]
fn nothing_is_left_after_a_panic() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let servers = Servers::start();
        send.send((servers.dir.clone(), servers.ports.imap, servers.ports.smtp))
            .unwrap();
        panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(panicked.join().is_err());
    let (dir, imap, smtp) = receive.recv().unwrap();
    assert!(!dir.exists());
    for port in [imap, smtp] {
        let gone = within(DEADLINE, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        });
        assert!(gone, "port {port} still answers");
    }
}

#[test]
fn kept_servers_stay_until_the_script_ends_them() {
    let servers = Servers::start();
    let (imap, smtp) = (servers.ports.imap, servers.ports.smtp);
    let dir = servers.keep().unwrap();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, imap)).is_ok());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/stop.sh");
    let ended = Command::new(script).arg(&dir).status().unwrap();
    assert!(ended.success() && !dir.exists());
    for port in [imap, smtp] {
        let gone = within(DEADLINE, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        });
        assert!(gone, "port {port} still answers");
    }
}

#[test]
fn only_a_folder_of_servers_is_ever_removed() {
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/stop.sh");
    let refused = Command::new(script).arg(folder.path()).output().unwrap();
    assert!(!refused.status.success() && folder.path().exists());
}
