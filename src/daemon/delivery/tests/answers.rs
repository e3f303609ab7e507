//! Every answer that a server may give at every step, by real SMTP: what the outbox holds after it, and in the end.

use std::time::Duration;

use super::Post;
use super::sink::Answer;
use super::sink::Sink;
use super::sink::Turn;
use super::sink::go;
use super::sink::password;
use super::sink::say;
use super::until;
use crate::store::OutboxView;
use crate::transport::smtp::Deadlines;
use crate::triage::delivery::Delivery as State;
use crate::triage::delivery::Purpose;

/// Each step at which a server answers.
const STEPS: [&str; 7] = ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "DOT"];

/// What became of one mail whose first attempt met a fault, when all later ones met none.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    /// In the store, after the first attempt.
    first: &'static str,
    /// In the store, an hour later.
    last: &'static str,
    /// How often the server took it over.
    taken: usize,
}

const AGAIN: Course = Course {
    first: "waiting",
    last: "sent",
    taken: 1,
};
const NEVER: Course = Course {
    first: "parked",
    last: "parked",
    taken: 0,
};

fn find(post: &Post, to: &str) -> OutboxView {
    let mut mails = post.mails();
    mails.retain(|m| m.to.to_string() == to);
    assert_eq!(mails.len(), 1, "{to}");
    mails.remove(0)
}

/// Sends one mail to a server that answers the first time at `step` by `answer`, and is friendly ever after. The state
/// after the fault is read from the disk by a store that is opened anew.
async fn course(
    purpose: Purpose,
    step: &'static str,
    answer: Option<Answer>,
    deadlines: Deadlines,
) -> Course {
    let post = Post::open();
    post.put_one(
        "support",
        purpose,
        "ana@home.example",
        "the@mail.example",
        "x\r\n",
    );
    let plan =
        move |turn: Turn<'_>| (turn.step == step && turn.time == 1).then(|| answer.clone())?;
    let sink = Sink::start(plan).await;
    let way =
        |post: &Post| vec![sink.way(Some(password(post.folder.path(), "open sesame")), deadlines)];
    let running = post.run_support(way(&post));
    until(|| match find(&post, "ana@home.example").delivery {
        State::Waiting { attempts, .. } => attempts > 0,
        State::Leased { .. } => false,
        _ => true,
    })
    .await;
    post.stop(running).await;

    let post = post.reopen();
    let first = find(&post, "ana@home.example").delivery.word();
    post.move_clock(3_600);
    // The way is open for everybody else, and what is parked had its chance to go.
    post.put_one(
        "support",
        Purpose::Forward,
        "ben@home.example",
        "other@mail.example",
        "x\r\n",
    );
    let running = post.run_support(way(&post));
    until(|| post.stages()[..2] == [0, 0]).await;
    post.stop(running).await;
    assert_eq!(find(&post, "ben@home.example").delivery.word(), "sent");
    let mut taken = sink.taken();
    taken.retain(|id| id == "the@mail.example");
    Course {
        first,
        last: find(&post, "ana@home.example").delivery.word(),
        taken: taken.len(),
    }
}

async fn each(codes: &[u16], expected: impl Fn(u16, &str) -> Course) {
    for step in STEPS {
        for code in codes {
            for purpose in [Purpose::Reply, Purpose::Forward] {
                let answer = Some(say(&format!("{code} 4.3.0 because")));
                let became = course(purpose, step, answer, Deadlines::default()).await;
                let expected = expected(*code, step);
                assert_eq!(became, expected, "{code} at {step}, {purpose:?}");
            }
        }
    }
}

/// Faults: F66; holds I2 I3 I10.
#[tokio::test]
async fn a_closing_server_costs_no_mail_at_any_step() {
    each(&[421], |_, _| AGAIN).await;
}

/// Faults: F67; holds I2 I3 I10.
#[tokio::test]
async fn what_a_server_refuses_for_now_goes_later_and_once() {
    each(&[450, 451, 452], |_, _| AGAIN).await;
}

/// Faults: F68; holds I2 I3 I10.
#[tokio::test]
async fn what_a_server_refuses_for_good_is_parked_and_never_said_to_it_again() {
    each(&[550, 552, 553, 554], |code, step| match (code, step) {
        // Not the mail is refused, but we are; or too many recipients, as old servers say it (RFC 5321, 4.5.3.1.10).
        (_, "GREETING" | "EHLO" | "AUTH") | (552, "RCPT") => AGAIN,
        _ => NEVER,
    })
    .await;
}

/// Faults: F66; holds I2 I3 I10.
#[tokio::test]
async fn a_server_that_closes_between_two_mails_delays_neither() {
    for words in ["421 4.4.2 good night\r\n", ""] {
        let post = Post::open();
        post.put("support", Purpose::Reply, 2);
        post.put("support", Purpose::Forward, 2);
        let plan = move |turn: Turn<'_>| {
            (turn.step == "AFTER").then(|| Answer::SayAndGo(words.as_bytes().to_vec()))
        };
        let sink = Sink::start(plan).await;
        let running = post.run_support(vec![sink.way(None, Deadlines::default())]);
        until(|| post.stages()[0] + post.stages()[1] == 0).await;
        post.stop(running).await;
        let post = post.reopen();
        assert_eq!(post.stages(), [0, 0, 0, 4]);
        assert_eq!(sink.connections(), 4);
        let mut taken = sink.taken();
        taken.dedup();
        assert_eq!(taken.len(), 4, "each once");
    }
}

/// Faults: F69; holds I2 I3 I10.
#[tokio::test]
async fn a_cut_after_the_dot_sends_a_reply_never_again_and_a_forward_once_more() {
    for (answer, taken_first) in [(Some(Answer::TakeAndGo), 1), (Some(go()), 0)] {
        let reply = course(Purpose::Reply, "DOT", answer.clone(), Deadlines::default()).await;
        assert_eq!(
            reply,
            Course {
                first: "parked",
                last: "parked",
                taken: taken_first
            }
        );
        let forward = course(Purpose::Forward, "DOT", answer, Deadlines::default()).await;
        let taken = taken_first + 1;
        assert_eq!(forward, Course { taken, ..AGAIN }, "by the same Message-ID");
    }
}

/// Faults: F79; holds I2 I3 I6.
#[tokio::test]
async fn answers_that_are_none_are_bounded_and_leave_a_mail_in_doubt_after_its_dot_alone() {
    let ten_megabytes = [
        b"250-".as_slice(),
        &vec![b'x'; 10_000_000],
        b"\r\n250 ok\r\n",
    ]
    .concat();
    let many_lines = b"250-more\r\n".repeat(1_000_000);
    let none: [&[u8]; 5] = [
        b"ok\r\n",
        b"\xff\xfe\xfd\r\n",
        b"\r\n",
        &ten_megabytes,
        &many_lines,
    ];
    for words in none {
        for step in STEPS {
            for purpose in [Purpose::Reply, Purpose::Forward] {
                let answer = Some(Answer::SayAndGo(words.to_vec()));
                let became = course(purpose, step, answer, Deadlines::default()).await;
                let shown = String::from_utf8_lossy(&words[..words.len().min(8)]).into_owned();
                let taken = usize::from(step == "DOT" && words.starts_with(b"2"));
                let expected = match (step, purpose) {
                    ("DOT", Purpose::Reply) => Course { taken, ..NEVER },
                    _ => Course {
                        taken: taken + 1,
                        ..AGAIN
                    },
                };
                assert_eq!(became, expected, "{shown:?} at {step}, {purpose:?}");
            }
        }
    }
}

/// Faults: F79; holds I2 I3.
#[tokio::test]
async fn odd_answers_that_are_a_success_send_the_mail_once() {
    let several = b"250-2.0.0 taken\r\n250-as 4711\r\n250 2.0.0 good bye\r\n".to_vec();
    let latin = b"250 angenommen, Gr\xfc\xdfe\r\n".to_vec();
    let bare = b"250\r\n".to_vec();
    for words in [several, latin, bare] {
        for purpose in [Purpose::Reply, Purpose::Forward] {
            let answer = Some(Answer::Say(words.clone()));
            let became = course(purpose, "DOT", answer, Deadlines::default()).await;
            let once = Course {
                first: "sent",
                ..AGAIN
            };
            assert_eq!(became, once, "{words:?}");
        }
    }
}

/// Faults: F72; holds I2 I3 I6 I10.
#[tokio::test]
async fn a_server_that_falls_silent_at_any_step_holds_a_mail_no_longer_than_that_step_may_take() {
    for step in STEPS {
        for purpose in [Purpose::Reply, Purpose::Forward] {
            let mut deadlines = Deadlines::default();
            let short = Duration::from_millis(300);
            match step {
                "GREETING" => deadlines.greeting = short,
                "EHLO" => deadlines.ehlo = short,
                // Reading the password has the same time, on a machine that may be busy.
                "AUTH" => deadlines.login = 5 * short,
                "MAIL" => deadlines.mail = short,
                "RCPT" => deadlines.rcpt = short,
                "DATA" => deadlines.data = short,
                _ => deadlines.dot = short,
            }
            let became = course(purpose, step, Some(Answer::Silence), deadlines).await;
            let expected = if (step, purpose) == ("DOT", Purpose::Reply) {
                NEVER
            } else {
                AGAIN
            };
            assert_eq!(became, expected, "{step}, {purpose:?}");
        }
    }
}

/// Faults: F66 F68; holds I2 I3 I6 I10.
#[tokio::test]
async fn a_server_that_speaks_in_the_middle_of_a_mail_is_heard_and_its_mail_is_in_no_doubt() {
    let large = "x".repeat(70) + "\r\n";
    let large = large.repeat(100_000);
    for (words, word, why) in [
        ("421 4.3.2 closing\r\n", "waiting", "421 4.3.2"),
        ("452 4.3.1 disk full\r\n", "waiting", "452 4.3.1"),
        ("552 5.3.4 too large\r\n", "parked", "552 5.3.4"),
        // Before the end of data nothing can have been taken over.
        ("250 2.0.0 taken\r\n", "waiting", "250 2.0.0"),
    ] {
        for answer in [
            Answer::Say(words.as_bytes().to_vec()),
            Answer::SayAndGo(words.as_bytes().to_vec()),
        ] {
            let post = Post::open();
            let id = "the@mail.example";
            post.put_one("support", Purpose::Reply, "ana@home.example", id, &large);
            let stays = matches!(answer, Answer::Say(_));
            let plan = move |turn: Turn<'_>| match turn.step {
                "BODY" if turn.time == 1 => Some(answer.clone()),
                _ => None,
            };
            let sink = Sink::start(plan).await;
            let running = post.run_support(vec![sink.way(None, Deadlines::default())]);
            until(|| match find(&post, "ana@home.example").delivery {
                State::Waiting { attempts, .. } => attempts > 0,
                State::Leased { .. } => false,
                _ => true,
            })
            .await;
            post.stop(running).await;
            let mail = find(&post.reopen(), "ana@home.example");
            assert_eq!(mail.delivery.word(), word, "{words} {stays}: {mail:?}");
            let said = format!("{}{}", mail.deferred, mail.delivery.said());
            assert!(said.contains(why), "{words} {stays}: {mail:?}");
            assert!(sink.whole().is_empty(), "the rest was not sent");
        }
    }
}

/// Faults: F75; holds I2.
#[tokio::test]
async fn of_two_recipients_only_the_one_that_was_put_off_is_tried_again() {
    let post = Post::open();
    post.put("support", Purpose::Forward, 2);
    let plan = |turn: Turn<'_>| match turn.step {
        "RCPT" if turn.time == 2 => Some(say("450 4.2.1 busy")),
        _ => None,
    };
    let sink = Sink::start(plan).await;
    let running = post.run_support(vec![sink.way(None, Deadlines::default())]);
    until(|| post.stages() == [1, 0, 0, 1]).await;
    post.move_clock(3_600);
    until(|| post.stages() == [0, 0, 0, 2]).await;
    post.stop(running).await;
    let recipients = sink.lines();
    let mut recipients: Vec<&str> = recipients
        .iter()
        .filter_map(|line| line.strip_prefix("RCPT TO:"))
        .collect();
    recipients.sort_unstable();
    assert_eq!(recipients.len(), 3, "{recipients:?}");
    assert_eq!(
        sink.taken().len(),
        2,
        "the first was taken over once: {recipients:?}"
    );
    let mut taken = sink.taken();
    taken.dedup();
    assert_eq!(taken.len(), 2);
}
