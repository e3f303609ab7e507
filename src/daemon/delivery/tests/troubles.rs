//! What ails a server or our account there, by real SMTP: the way out rests, and goes on by itself.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use data_encoding::BASE64;

use super::Post;
use super::listen;
use super::sink::Answer;
use super::sink::Sink;
use super::sink::Turn;
use super::sink::any_tls;
use super::sink::password;
use super::sink::say;
use super::text;
use super::until;
use crate::transport::smtp::Deadlines;
use crate::transport::smtp::Security;
use crate::transport::smtp::SmtpTransport;
use crate::triage::delivery::Purpose;

fn ways(sink: &Sink, n: usize) -> Vec<SmtpTransport> {
    (0..n)
        .map(|_| sink.way(None, Deadlines::default()))
        .collect()
}

/// Lets time pass until nothing waits any more.
async fn settle(post: &Post) {
    until(|| {
        let [waiting, leased, _, _] = post.stages();
        if waiting > 0 && leased == 0 {
            post.move_clock(100);
        }
        waiting + leased == 0
    })
    .await;
}

/// Faults: F76; holds I2 I3 I10.
#[tokio::test]
async fn a_limit_on_connections_delays_but_doubles_and_loses_nothing_and_is_tried_again_later() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 12);
    post.put("support", Purpose::Reply, 12);
    let limit = Arc::new(AtomicUsize::new(1));
    let most = Arc::new(AtomicUsize::new(0));
    let (allowed, seen) = (Arc::clone(&limit), Arc::clone(&most));
    let sink = Sink::start(move |turn: Turn<'_>| {
        if turn.step == "GREETING" && turn.open > allowed.load(Ordering::SeqCst) {
            return Some(Answer::SayAndGo(
                b"421 4.7.0 too many connections\r\n".to_vec(),
            ));
        }
        seen.fetch_max(turn.open, Ordering::SeqCst);
        None
    })
    .await;
    let running = post.run_support(ways(&sink, 3));
    settle(&post).await;
    assert_eq!(post.stages(), [0, 0, 0, 24]);
    let mut taken = sink.taken();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), sink.taken().len()), (24, 24), "each once");
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(
        text(&heard).contains("no more connections"),
        "{}",
        text(&heard)
    );

    // The limit is lifted: nobody has to restart anything for the other connections to be used again.
    limit.store(9, Ordering::SeqCst);
    post.move_clock(3_600);
    for n in 0..24 {
        post.put_one(
            "support",
            Purpose::Forward,
            "a@b.example",
            &format!("later{n}@mail.example"),
            "x\r\n",
        );
    }
    settle(&post).await;
    assert_eq!(sink.taken().len(), 48);
    assert!(most.load(Ordering::SeqCst) > 1, "one connection for ever");
    post.stop(running).await;
}

/// Faults: F77; holds I2 I3 I10.
#[tokio::test]
async fn a_login_that_ends_in_mid_run_pauses_tells_a_person_and_goes_on_with_the_new_password() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 6);
    post.put("support", Purpose::Reply, 2);
    let ended = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&ended);
    let line = |secret: &str| {
        format!(
            "AUTH PLAIN {}",
            BASE64.encode(format!("\0clerk\0{secret}").as_bytes())
        )
    };
    let (old, new) = (line("old one"), line("new one"));
    let sink = Sink::start(move |turn: Turn<'_>| match turn.step {
        "MAIL" if turn.time == 3 => {
            over.store(true, Ordering::SeqCst);
            Some(say("535 5.7.8 your password has ended"))
        }
        "AUTH" => {
            let good = if over.load(Ordering::SeqCst) {
                &new
            } else {
                &old
            };
            (turn.line != *good).then(|| Answer::Say(b"535 5.7.8 wrong\r\n".to_vec()))
        }
        _ => None,
    })
    .await;
    let secret = password(post.folder.path(), "old one");
    let logins = || {
        sink.lines()
            .iter()
            .filter(|l| l.starts_with("AUTH"))
            .count()
    };
    let running = post.run_support(vec![sink.way(Some(secret), Deadlines::default())]);
    until(|| ended.load(Ordering::SeqCst) && post.stages() == [6, 0, 0, 2]).await;
    // The old password is tried once in a quarter of an hour, whatever else wakes the loop.
    for _ in 0..8 {
        post.move_clock(100);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(logins(), 1);
    post.move_clock(100);
    until(|| logins() == 2).await;
    until(|| post.stages() == [6, 0, 0, 2]).await;
    let log = text(&heard);
    assert!(
        log.contains("ERROR") && log.contains("pause_s=900"),
        "{log}"
    );
    assert!(!log.contains("old one"), "{log}");

    password(post.folder.path(), "new one");
    post.move_clock(900);
    until(|| post.stages() == [0, 0, 0, 8]).await;
    post.stop(running).await;
    assert_eq!(logins(), 3);
    let mut taken = sink.taken();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), sink.taken().len()), (8, 8), "each once");
}

/// Faults: F73; holds I2 I3 I7 I10.
#[tokio::test]
async fn where_tls_cannot_be_had_nothing_is_said_in_clear_and_nothing_is_lost() {
    let (_guard, heard) = listen();
    let post = Post::open();
    post.put("support", Purpose::Forward, 2);
    post.put("support", Purpose::Reply, 2);
    let sink = Sink::start(|turn: Turn<'_>| match turn.step {
        "EHLO" if turn.time > 1 => Some(Answer::Say(
            b"250-sink.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n".to_vec(),
        )),
        "TEXT" => Some(say("220 but what follows is no TLS")),
        _ => None,
    })
    .await;
    let mut settings = sink.settings(Some(password(post.folder.path(), "open sesame")));
    settings.security = Security::StartTls;
    let way = SmtpTransport::new(settings, any_tls());
    let running = post.run_support(vec![way]);
    for n in 1..=3 {
        until(|| sink.connections() >= n && post.stages() == [4, 0, 0, 0]).await;
        post.move_clock(400);
    }
    post.stop(running).await;
    let spoken = sink.lines();
    let clear = |l: &&String| {
        ["AUTH", "MAIL", "RCPT", "DATA"]
            .iter()
            .any(|verb| l.starts_with(verb))
    };
    assert_eq!(spoken.iter().find(clear), None, "{spoken:?}");
    assert!(sink.whole().is_empty());
    assert_eq!(post.reopen().stages(), [4, 0, 0, 0]);
    let log = text(&heard);
    assert!(
        log.contains("ERROR") && log.contains("TLS refused"),
        "{log}"
    );
}
