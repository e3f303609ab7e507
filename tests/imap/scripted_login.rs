//! Logging in on servers that refuse, forbid, downgrade and inject.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use mailclerk::mailbox::Mailbox;
use mailclerk::mailbox::MailboxError;
use mailclerk::mailbox::imap::ImapSettings;
use mailclerk::mailbox::imap::Login;
use mailclerk::mailbox::imap::NoSecret;
use mailclerk::mailbox::imap::TlsMode;
use mailclerk::mailbox::imap::fixed_secret;

use crate::peer::CLOSE;
use crate::peer::Peer;
use crate::peer::STALL;
use crate::peer::Script;
use crate::peer::mailbox;

fn by_token(peer: &Peer) -> ImapSettings {
    let mut settings = peer.settings();
    settings.login = Login::XOAuth2 {
        user: "me@x.example".into(),
        token: fixed_secret("tok\n"),
        refused: None,
    };
    settings
}

/// Faults: F58 F59; holds I7 I9.
#[tokio::test]
async fn a_refused_password_is_told_from_a_server_in_trouble() {
    for (answer, wants_login) in [
        ("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n", true),
        ("{tag} NO wrong\r\n", true),
        ("{tag} BAD wrong\r\n", true),
        ("{tag} NO [UNAVAILABLE] later\r\n", false),
        ("{tag} NO [INUSE] later\r\n", false),
        ("{tag} NO [LIMIT] too many connections\r\n", false),
        ("* BYE too many attempts\r\n", false),
    ] {
        let peer = Peer::start(Script::new().on("LOGIN", answer)).await;
        let mut mailbox = peer.mailbox();
        let error = mailbox.open().await.unwrap_err();
        assert_eq!(
            matches!(error, MailboxError::Login(_)),
            wants_login,
            "{answer}: {error:?}"
        );
        assert_eq!(
            matches!(error, MailboxError::Lost(_)),
            !wants_login,
            "{answer}: {error:?}"
        );
        assert!(!mailbox.is_open());
        assert!(!error.to_string().contains("cret"), "{error}");
        let tries = peer
            .all_commands()
            .iter()
            .filter(|c| c.starts_with("LOGIN"))
            .count();
        assert_eq!(tries, 1, "one open is one try");
    }
}

#[tokio::test]
async fn a_password_is_not_sent_where_login_is_disabled() {
    let peer = Peer::start(Script::new().capable_of("LOGINDISABLED")).await;
    assert!(matches!(
        peer.mailbox().open().await,
        Err(MailboxError::Unfit(_))
    ));
    assert_eq!(peer.all_commands(), ["CAPABILITY"]);

    let script = Script::new()
        .capable_of("LOGINDISABLED AUTH=PLAIN")
        .on("AUTHENTICATE PLAIN", "+ \r\n")
        .on("AHN1cHBvcnQAc2UiY3JldA==", "m2 OK in\r\n");
    let peer = Peer::start(script).await;
    peer.mailbox().open().await.unwrap();
}

#[tokio::test]
async fn a_password_beyond_ascii_goes_by_plain() {
    let script = Script::new()
        .on("AUTHENTICATE PLAIN", "+ \r\n")
        .on("AHN1cHBvcnQAcMOkc3M=", "m2 OK in\r\n");
    let peer = Peer::start(script).await;
    let mut settings = peer.settings();
    settings.login = Login::Password {
        user: "support".into(),
        secret: fixed_secret("päss"),
    };
    mailbox(settings).open().await.unwrap();
}

#[tokio::test]
async fn a_secret_with_a_line_end_is_not_sent() {
    let peer = Peer::start(Script::new()).await;
    let mut settings = peer.settings();
    settings.login = Login::Password {
        user: "support".into(),
        secret: fixed_secret("a\r\nm9 DELETE INBOX"),
    };
    assert!(matches!(
        mailbox(settings).open().await,
        Err(MailboxError::Login(_))
    ));
    assert_eq!(peer.all_commands(), ["CAPABILITY"]);
}

/// Faults: F23; holds I10.
#[tokio::test]
async fn the_secret_is_asked_for_at_every_login() {
    let asked = Arc::new(AtomicUsize::new(0));
    let peer = Peer::start(Script::new()).await;
    let mut settings = peer.settings();
    let counter = Arc::clone(&asked);
    settings.login = Login::Password {
        user: "support".into(),
        secret: Arc::new(move || {
            let turn = counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if turn == 1 {
                    Err(NoSecret::Later("the token service is down".to_owned()))
                } else {
                    Ok(format!("secret{turn}"))
                }
            })
        }),
    };
    let mut mailbox = mailbox(settings);
    mailbox.open().await.unwrap();
    mailbox.close().await;
    assert!(
        matches!(mailbox.open().await, Err(MailboxError::Lost(why)) if why.contains("token service"))
    );
    mailbox.open().await.unwrap();
    let logins: Vec<_> = peer
        .all_commands()
        .into_iter()
        .filter(|c| c.starts_with("LOGIN"))
        .collect();
    assert_eq!(
        logins,
        [
            "LOGIN \"support\" \"secret0\"",
            "LOGIN \"support\" \"secret2\""
        ]
    );
}

#[tokio::test]
async fn a_token_is_sent_and_its_refusal_understood() {
    let token = "dXNlcj1tZUB4LmV4YW1wbGUBYXV0aD1CZWFyZXIgdG9rAQE=";
    let script = Script::new()
        .capable_of("AUTH=XOAUTH2")
        .on("AUTHENTICATE XOAUTH2", "+ \r\n");
    let peer = Peer::start(script.on(token, "m2 OK in\r\n")).await;
    mailbox(by_token(&peer)).open().await.unwrap();

    let refusing = Script::new()
        .capable_of("AUTH=XOAUTH2")
        .on(
            "CAPABILITY",
            "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK\r\n",
        )
        .on("AUTHENTICATE XOAUTH2", "+ \r\n")
        .on(token, "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        .on("", "m2 NO [AUTHENTICATIONFAILED] expired\r\n");
    let peer = Peer::start(refusing).await;
    let error = mailbox(by_token(&peer)).open().await.unwrap_err();
    assert!(matches!(error, MailboxError::Login(_)), "{error:?}");
    assert_eq!(
        peer.all_commands().last().map(String::as_str),
        Some(""),
        "the empty answer was given"
    );
}

/// Faults: F60; holds I10.
#[tokio::test]
async fn a_token_that_was_revoked_early_is_forgotten_and_a_fresh_one_tried_at_once() {
    let kept = Arc::new(Mutex::new(vec!["new", "old"]));
    let sent = |token: &str| {
        let text = format!("user=me@x.example\x01auth=Bearer {token}\x01\x01");
        data_encoding::BASE64.encode(text.as_bytes())
    };
    let script = Script::new()
        .capable_of("AUTH=XOAUTH2")
        .on("AUTHENTICATE XOAUTH2", "+ \r\n")
        .on(&sent("old"), "m2 NO [AUTHENTICATIONFAILED] revoked\r\n")
        .on(&sent("new"), "m3 OK in\r\n");
    let peer = Peer::start(script).await;
    let mut settings = peer.settings();
    let (cache, forgetful) = (Arc::clone(&kept), Arc::clone(&kept));
    settings.login = Login::XOAuth2 {
        user: "me@x.example".into(),
        token: Arc::new(move || {
            let token = cache.lock().unwrap().last().copied().unwrap().to_owned();
            Box::pin(async move { Ok(token) })
        }),
        refused: Some(Arc::new(move |token| {
            let kept = Arc::clone(&forgetful);
            Box::pin(async move { kept.lock().unwrap().retain(|t| *t != token) })
        })),
    };
    mailbox(settings).open().await.unwrap();
    assert_eq!(*kept.lock().unwrap(), ["new"]);
}

#[tokio::test]
async fn the_same_refused_token_is_not_offered_twice_and_a_server_in_trouble_refuses_none() {
    for (answer, heard) in [
        ("m2 NO [AUTHENTICATIONFAILED] revoked\r\n", 1),
        ("m2 NO [UNAVAILABLE] later\r\n", 0),
    ] {
        let refused = Arc::new(AtomicUsize::new(0));
        let script = Script::new()
            .capable_of("AUTH=XOAUTH2")
            .on("AUTHENTICATE XOAUTH2", "+ \r\n")
            .on("dXNlcj1", answer);
        let peer = Peer::start(script).await;
        let mut settings = by_token(&peer);
        let counter = Arc::clone(&refused);
        settings.login = Login::XOAuth2 {
            user: "me@x.example".into(),
            token: fixed_secret("tok"),
            refused: Some(Arc::new(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                Box::pin(async {})
            })),
        };
        mailbox(settings).open().await.unwrap_err();
        assert_eq!(refused.load(Ordering::SeqCst), heard, "{answer}");
        let tries = peer.all_commands();
        let tries = tries.iter().filter(|c| c.starts_with("AUTHENTICATE"));
        assert_eq!(tries.count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_secret_that_only_a_person_can_mend_is_no_lost_connection() {
    let peer = Peer::start(Script::new()).await;
    let mut settings = peer.settings();
    settings.login = Login::Password {
        user: "support".into(),
        secret: Arc::new(|| {
            Box::pin(async { Err(NoSecret::Person("the file is not there".to_owned())) })
        }),
    };
    let error = mailbox(settings).open().await.unwrap_err();
    assert!(
        matches!(&error, MailboxError::Unfit(why) if why.contains("the file is not there")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_asks_on_and_on_is_not_answered_for_ever() {
    let script = Script::new()
        .capable_of("AUTH=XOAUTH2")
        .on(
            "CAPABILITY",
            "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK\r\n",
        )
        .on("", "+ more\r\n");
    let peer = Peer::start(script).await;
    assert!(matches!(
        mailbox(by_token(&peer)).open().await,
        Err(MailboxError::Lost(_))
    ));
    assert!(peer.all_commands().len() <= 4);
}

/// Faults: F62; holds I1.
#[tokio::test]
async fn what_a_server_can_do_is_asked_again_after_login() {
    let script = Script::new()
        .once("CAPABILITY", "* CAPABILITY IMAP4rev1 MOVE\r\n{tag} OK\r\n")
        .once(
            "CAPABILITY",
            "* CAPABILITY IMAP4rev1 UIDPLUS\r\n{tag} OK\r\n",
        );
    let peer = Peer::start(script).await;
    let mut mailbox = peer.mailbox();
    mailbox.open().await.unwrap();
    mailbox
        .file(&[(5, mailclerk::mailbox::Filing::Answered)])
        .await
        .unwrap();
    assert!(peer.commands()[0].starts_with("UID COPY"));
}

#[tokio::test]
async fn no_tls_is_for_loopback_only() {
    let peer = Peer::start(Script::new()).await;
    for host in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
        let mut settings = peer.settings();
        settings.host = host.into();
        assert!(
            matches!(mailbox(settings).open().await, Err(MailboxError::Unfit(_))),
            "{host}"
        );
    }
    let mut settings = peer.settings();
    settings.host = "localhost".into();
    // localhost may resolve to ::1 first, where nobody listens.
    mailbox(settings).open().await.unwrap();
}

/// Faults: F61; holds I7 I9.
#[tokio::test]
async fn nothing_is_sent_after_a_starttls_that_is_refused_injected_or_taken_in_before() {
    for (greeting, answer, unfit) in [
        ("* OK ready\r\n", "{tag} NO not now\r\n".to_owned(), true),
        ("* OK ready\r\n", "{tag} BAD what\r\n".to_owned(), true),
        (
            "* OK ready\r\n",
            "{tag} OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".to_owned(),
            false,
        ),
        ("* OK ready\r\n", format!("{{tag}} OK go\r\n{CLOSE}"), false),
        ("* OK ready\r\n", "* BYE no\r\n".to_owned(), false),
        ("* OK ready\r\n", "* OK chatter\r\n".repeat(60), false),
        ("* PREAUTH welcome\r\n", "{tag} OK go\r\n".to_owned(), false),
        ("* BYE busy\r\n", "{tag} OK go\r\n".to_owned(), false),
    ] {
        let mut script = Script::new().on("STARTTLS", &answer);
        script.greeting = greeting.into();
        let peer = Peer::start(script).await;
        let mut settings = peer.settings();
        settings.tls = TlsMode::StartTls;
        let error = mailbox(settings).open().await.unwrap_err();
        assert_eq!(
            matches!(error, MailboxError::Unfit(_)),
            unfit,
            "{answer}: {error:?}"
        );
        assert_eq!(
            matches!(error, MailboxError::Lost(_)),
            !unfit,
            "{answer}: {error:?}"
        );
        if answer.contains("OK go\r\n*") {
            assert!(error.to_string().contains("in the middle"), "{error}");
        }
        let sent = peer.all_commands();
        assert!(
            sent.iter().all(|c| c == "STARTTLS" || !c.is_ascii()),
            "{sent:?}"
        );
    }
}

/// Faults: F39 F61; holds I6 I9.
#[tokio::test]
async fn a_handshake_that_stalls_ends_with_the_deadline_for_connecting() {
    for (mode, script) in [
        (TlsMode::Implicit, Script::new()),
        (
            TlsMode::StartTls,
            Script::new().on("STARTTLS", &format!("{{tag}} OK go\r\n{STALL}")),
        ),
        (TlsMode::StartTls, Script::new().on("STARTTLS", STALL)),
    ] {
        let mut script = script;
        if mode == TlsMode::Implicit {
            script.greeting = STALL.into();
        }
        let peer = Peer::start(script).await;
        let mut settings = peer.settings();
        settings.tls = mode;
        settings.limits.connect_ms = 300;
        assert!(matches!(
            mailbox(settings).open().await,
            Err(MailboxError::Lost(_))
        ));
    }
}

#[tokio::test]
async fn a_server_that_takes_us_in_by_itself_is_not_given_the_password() {
    let mut script = Script::new();
    script.greeting = "* PREAUTH welcome\r\n".into();
    let peer = Peer::start(script).await;
    peer.mailbox().open().await.unwrap();
    assert_eq!(peer.all_commands(), ["CAPABILITY", "SELECT \"INBOX\""]);
}
