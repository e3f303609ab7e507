//! Each answer at each step has its end; answers that are no answers have one too.

use mailclerk::transport::Transport;
use mailclerk::transport::Trouble;
use mailclerk::transport::smtp::Deadlines;
use mailclerk::transport::smtp::SmtpTransport;
use mailclerk::triage::delivery::Outcome;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::server::DRIP;
use crate::server::SILENCE;
use crate::server::Script;
use crate::server::Server;
use crate::server::any_tls;
use crate::server::hello_parcel;
use crate::server::impatient;
use crate::server::parcel;

async fn outcome(script: Script) -> Outcome {
    Server::start(script)
        .await
        .transport()
        .send(&hello_parcel())
        .await
}

async fn answered(verb: &'static str, answer: impl AsRef<[u8]>) -> Outcome {
    outcome(Script::answer(verb, answer)).await
}

fn letter(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Accepted(_) => 'A',
        Outcome::Deferred(_) => 'D',
        Outcome::Refused(_) => 'R',
        Outcome::Unknown(_) => 'U',
    }
}

/// Deadlines of which only that of the answer to `verb` is short, so that no other can fire on a busy machine.
fn impatient_at(verb: &str) -> Deadlines {
    impatient(|all, short| match verb {
        "GREETING" => all.greeting = short,
        "EHLO" => all.ehlo = short,
        "MAIL" => all.mail = short,
        "RCPT" => all.rcpt = short,
        "DATA" => all.data = short,
        _ => all.dot = short,
    })
}

#[tokio::test]
async fn a_mail_that_is_taken_over_is_accepted_with_the_servers_words() {
    let server = Server::start(Script::default()).await;
    let outcome = server.transport().send(&hello_parcel()).await;
    assert_eq!(
        outcome,
        Outcome::Accepted("250 2.0.0 queued as 4711".to_owned())
    );
    assert_eq!(
        server.mails(),
        [b"Subject: hello\r\n\r\nGood day.".to_vec()]
    );
}

/// Faults: F66 F67 F68; holds I2.
#[tokio::test]
async fn each_code_at_each_step_ends_as_the_rules_say() {
    let codes = [
        "421", "450", "451", "452", "550", "552", "553", "554", "354", "530", "269", "599",
    ];
    let table = [
        ("GREETING", "DDDDDDDDDDDD"),
        ("EHLO", "DDDDDDDDDDAD"),
        ("MAIL", "DDDDRRRRDDAR"),
        ("RCPT", "DDDDRDRRDDAR"),
        ("DATA", "DDDDRRRRADDR"),
        ("DOT", "DDDDRRRRURAR"),
    ];
    for (verb, ends) in table {
        for (code, end) in codes.iter().zip(ends.chars()) {
            let outcome = answered(verb, format!("{code} 5.9.9 because\r\n")).await;
            assert_eq!(letter(&outcome), end, "{code} to {verb}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_carries_the_servers_words_and_the_step_but_nothing_of_the_mail() {
    let outcome = answered("RCPT", "550-5.1.1 No such\r\n550 5.1.1 person\r\n").await;
    assert_eq!(
        outcome,
        Outcome::Refused("550 5.1.1 No such 5.1.1 person after RCPT".to_owned())
    );
    let outcome = answered("DOT", "554 spam\r\n").await;
    assert!(!format!("{outcome:?}").contains("Good day"), "{outcome:?}");
}

#[tokio::test]
async fn a_go_ahead_as_last_answer_is_no_success() {
    assert_eq!(letter(&answered("DOT", "354 go ahead\r\n").await), 'U');
}

/// Faults: F79; holds I2 I3 I6.
#[tokio::test]
async fn garbage_defers_before_the_dot_and_is_unknown_after_it() {
    let endless = b"250-more\r\n".repeat(20_000);
    let garbage: [&[u8]; 6] = [
        b"hello\r\n",
        b"\r\n",
        b"25",
        b"\xff\xfe\xfd\r\n",
        b"250-yes\r\n550 no\r\n",
        &endless,
    ];
    for answer in garbage {
        for (verb, end) in [
            ("GREETING", 'D'),
            ("EHLO", 'D'),
            ("MAIL", 'D'),
            ("RCPT", 'D'),
            ("DATA", 'D'),
            ("DOT", 'U'),
        ] {
            let server = Server::start(Script::answer(verb, answer)).await;
            let mut settings = server.settings();
            settings.deadlines = impatient_at(verb);
            let outcome = SmtpTransport::new(settings, any_tls())
                .send(&hello_parcel())
                .await;
            let shown = String::from_utf8_lossy(&answer[..answer.len().min(20)]).into_owned();
            assert_eq!(letter(&outcome), end, "{shown:?} to {verb}: {outcome:?}");
        }
    }
}

/// Faults: F79; holds I2 I3.
#[tokio::test]
async fn odd_but_honest_answers_are_a_success() {
    for answer in [
        &b"250\r\n"[..],
        b"250-a\r\n250-b\r\n250 c\r\n",
        b"250 angenommen, Gr\xfc\xdfe\r\n",
        b"250 ok\n",
        b"251 x\r\n",
    ] {
        assert_eq!(letter(&answered("DOT", answer).await), 'A', "{answer:?}");
    }
    let long = [b"250 ".as_slice(), &[b'x'; 9_000], b"\r\n"].concat();
    let outcome = answered("DOT", &long).await;
    assert!(
        matches!(&outcome, Outcome::Accepted(text) if text.len() < 400),
        "{outcome:?}"
    );
}

/// Faults: F79; holds I2.
#[tokio::test]
async fn a_server_that_answers_twice_cannot_settle_a_later_step() {
    for (verb, answer) in [
        ("MAIL", "250 ok\r\n250 ok\r\n"),
        ("DATA", "354 go\r\n250 queued\r\n"),
        ("GREETING", "220 a\r\n250 b\r\n"),
    ] {
        let outcome = answered(verb, answer).await;
        assert_eq!(letter(&outcome), 'D', "{verb}: {outcome:?}");
    }
}

/// Faults: F72; holds I6.
#[tokio::test]
async fn a_step_without_an_answer_is_given_up_and_named() {
    let steps: [(&'static str, &str, char); 6] = [
        ("GREETING", "the greeting", 'D'),
        ("EHLO", "EHLO", 'D'),
        ("MAIL", "MAIL", 'D'),
        ("RCPT", "RCPT", 'D'),
        ("DATA", "DATA", 'D'),
        ("DOT", "the final dot", 'U'),
    ];
    for (verb, name, end) in steps {
        let server = Server::start(Script::answer(verb, SILENCE)).await;
        let mut settings = server.settings();
        settings.deadlines = impatient_at(verb);
        let mut transport = SmtpTransport::new(settings, any_tls());
        let outcome = transport.send(&hello_parcel()).await;
        assert_eq!(letter(&outcome), end, "{outcome:?}");
        assert!(format!("{outcome:?}").contains(name), "{outcome:?}");
        assert_eq!(transport.trouble(), Some(Trouble::Unreachable));
    }
}

/// Faults: F72; holds I3 I6.
#[tokio::test]
async fn an_attempt_as_a_whole_ends_and_knows_how_far_it_got() {
    for (verb, end) in [("RCPT", 'D'), ("DOT", 'U')] {
        let server = Server::start(Script::answer(verb, SILENCE).then(verb, "250 ok\r\n")).await;
        let mut settings = server.settings();
        settings.deadlines = impatient(|all, short| all.attempt = short * 10);
        let mut transport = SmtpTransport::new(settings, any_tls());
        let outcome = transport.send(&hello_parcel()).await;
        assert_eq!(letter(&outcome), end, "{outcome:?}");
        assert_eq!(
            letter(&transport.send(&hello_parcel()).await),
            'A',
            "the next one has its own"
        );
        assert_eq!(server.connections(), 2);
    }
}

/// Faults: F72; holds I6.
#[tokio::test]
async fn a_server_that_stops_reading_does_not_hold_us() {
    // It answers DATA and reads nothing more: the kernel's buffers fill up, the dot never leaves.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        for answer in [
            "220 a\r\n",
            "250 b\r\n",
            "250 c\r\n",
            "250 d\r\n",
            "354 e\r\n",
        ] {
            tcp.write_all(answer.as_bytes()).await.unwrap();
            let mut seen = [0; 512];
            if !answer.starts_with("354") {
                let _ = tcp.read(&mut seen).await.unwrap();
            }
        }
        std::future::pending::<()>().await;
    });
    let mut settings = Server::start(Script::default()).await.settings();
    settings.port = port;
    settings.deadlines = impatient(|all, short| all.block = short);
    let large = parcel(vec![b'x'; 30_000_000]);
    let outcome = SmtpTransport::new(settings, any_tls()).send(&large).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("the mail's bytes")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn no_server_at_all_defers_and_says_that_it_is_not_the_mail() {
    let server = Server::start(Script::default()).await;
    let mut settings = server.settings();
    settings.port = 1;
    let mut transport = SmtpTransport::new(settings, any_tls());
    let outcome = transport.send(&hello_parcel()).await;
    assert!(
        matches!(&outcome, Outcome::Deferred(text) if text.contains("127.0.0.1:1")),
        "{outcome:?}"
    );
    assert_eq!(transport.trouble(), Some(Trouble::Unreachable));
}

/// Faults: F74; holds I10.
#[tokio::test]
async fn a_greylisted_mail_is_no_trouble_of_the_server() {
    let server = Server::start(Script::answer("RCPT", "450 4.2.0 greylisted\r\n")).await;
    let mut transport = server.transport();
    assert_eq!(letter(&transport.send(&hello_parcel()).await), 'D');
    assert_eq!(transport.trouble(), None);
}

#[tokio::test]
async fn what_a_log_may_hold_is_the_codes_and_our_words_and_not_the_servers() {
    let quoting = "451 4.7.1 your text `I lost my badge` looks odd\r\n";
    for (verb, brief) in [
        ("GREETING", "server unwilling: 451 4.7.1 after the greeting"),
        ("RCPT", "451 4.7.1 after RCPT"),
        ("DOT", "451 4.7.1 after the final dot"),
    ] {
        let server = Server::start(Script::answer(verb, quoting)).await;
        let mut transport = server.transport();
        let outcome = transport.send(&hello_parcel()).await;
        assert!(
            format!("{outcome:?}").contains("lost my badge"),
            "people are told: {outcome:?}"
        );
        assert_eq!(transport.brief(), brief);
    }
}

#[tokio::test]
async fn a_sending_that_is_dropped_is_in_doubt_only_from_the_final_dot_on() {
    for (verb, end) in [("RCPT", 'D'), ("DATA", 'D'), ("DOT", 'U')] {
        let friendly = if verb == "DATA" {
            "354 go ahead\r\n"
        } else {
            "250 ok\r\n"
        };
        let script = Script::answer(verb, friendly)
            .then(verb, SILENCE)
            .then(verb, friendly);
        let server = Server::start(script).await;
        let mut transport = server.transport();
        assert_eq!(letter(&transport.send(&hello_parcel()).await), 'A');
        let heard = async {
            let begun = |command: &String| command.starts_with(verb);
            while server.commands().iter().filter(|c| begun(c)).count()
                + server.mails().len() * usize::from(verb == "DOT")
                < 2
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let parcel = hello_parcel();
        tokio::select! {
            biased;
            outcome = transport.send(&parcel) => panic!("{outcome:?}"),
            () = heard => {}
        }
        assert_eq!(letter(&transport.abandon()), end, "{verb}");
        assert_eq!(
            letter(&transport.send(&hello_parcel()).await),
            'A',
            "on a new connection"
        );
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_sending_that_is_dropped_while_it_connects_is_not_in_doubt() {
    let server = Server::start(Script::answer("GREETING", SILENCE)).await;
    let mut transport = server.transport();
    let parcel = hello_parcel();
    let heard = async {
        while server.connections() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        biased;
        outcome = transport.send(&parcel) => panic!("{outcome:?}"),
        () = heard => {}
    }
    assert_eq!(letter(&transport.abandon()), 'D');
}

/// Faults: F72; holds I3 I6.
#[tokio::test]
async fn a_server_that_drips_its_answer_byte_by_byte_has_no_longer_than_the_step() {
    for (verb, end) in [
        ("GREETING", 'D'),
        ("EHLO", 'D'),
        ("RCPT", 'D'),
        ("DATA", 'D'),
        ("DOT", 'U'),
    ] {
        let server = Server::start(Script::answer(verb, DRIP)).await;
        let mut settings = server.settings();
        settings.deadlines = impatient_at(verb);
        let mut transport = SmtpTransport::new(settings, any_tls());
        let outcome = transport.send(&hello_parcel()).await;
        assert_eq!(letter(&outcome), end, "{verb}: {outcome:?}");
        assert_eq!(transport.trouble(), Some(Trouble::Unreachable), "{verb}");
    }
}

/// Faults: F72; holds I6.
#[test]
fn no_step_has_less_time_than_the_standard_gives_a_slow_server() {
    // RFC 5321, 4.5.3.2; a whole attempt ends all the same.
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);
    let all = Deadlines::default();
    assert!(all.greeting >= minutes(5) && all.mail >= minutes(5) && all.rcpt >= minutes(5));
    assert!(all.data >= minutes(2) && all.block >= minutes(3) && all.dot >= minutes(10));
    assert!(all.attempt >= minutes(20) && all.attempt <= minutes(30));
}
