//! Hours and days of a server's absence or reluctance, on a clock that tests wind forward.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::time::Instant;

use super::Hands;
use super::NOW;
use super::Post;
use super::listen;
use super::text;
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::transport::Parcel;
use crate::transport::Transport;
use crate::transport::Trouble;
use crate::triage::delivery::Delivery as State;
use crate::triage::delivery::Outcome;
use crate::triage::delivery::Purpose;
use crate::triage::delivery::RETRY_S_MAX;
use crate::triage::delivery::RETRY_S_MIN;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// Wall time as the runtime's paused clock has it.
struct Wound(Instant);

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        NOW.plus_s(i64::try_from(self.0.elapsed().as_secs()).unwrap())
    }
}

impl Post {
    /// An outbox whose time passes as fast as nothing happens.
    fn open_wound() -> Self {
        let hands = Arc::new(Hands(AtomicI64::new(0)));
        let clock = Arc::new(Wound(Instant::now()));
        Self::open_at(tempfile::tempdir().unwrap(), hands, clock)
    }
}

type Mood = dyn Fn(&str, i64) -> Result<(), Option<Trouble>> + Send + Sync;
/// Recipient and seconds since the beginning, of every attempt.
type Tries = Arc<Mutex<Vec<(String, i64)>>>;

/// A server whose mood depends on the recipient and on the time.
struct Moody {
    mood: Arc<Mood>,
    tries: Tries,
    clock: Arc<dyn Clock>,
    trouble: Option<Trouble>,
}

impl Moody {
    fn new(
        post: &Post,
        mood: impl Fn(&str, i64) -> Result<(), Option<Trouble>> + Send + Sync + 'static,
    ) -> (Self, Tries) {
        let tries = Tries::default();
        let moody = Self {
            mood: Arc::new(mood),
            tries: Arc::clone(&tries),
            clock: Arc::clone(&post.shared.clock),
            trouble: None,
        };
        (moody, tries)
    }
}

impl Transport for Moody {
    async fn send(&mut self, parcel: &Parcel) -> Outcome {
        let (to, at) = (parcel.to.to_string(), self.clock.now().since_s(NOW));
        self.tries.lock().unwrap().push((to.clone(), at));
        self.trouble = None;
        match (self.mood)(&to, at) {
            Ok(()) => Outcome::Accepted("250 taken".to_owned()),
            Err(trouble) => {
                self.trouble = trouble;
                Outcome::Deferred("not now".to_owned())
            }
        }
    }

    async fn close(&mut self) {}

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn brief(&self) -> &'static str {
        "not now"
    }
}

async fn pass(s: i64) {
    tokio::time::sleep(Duration::from_secs(s.unsigned_abs())).await;
}

/// Faults: F74; holds I2 I3 I10.
#[tokio::test(start_paused = true)]
async fn a_greylisted_mail_comes_through_soon_after_its_time_and_is_not_hammered_until_then() {
    for (grey_s, tries_max) in [(5 * 60, 5), (4 * HOUR_S, 11)] {
        let post = Post::open_wound();
        let purposes = [
            (Purpose::Reply, "ana@home.example"),
            (Purpose::Forward, "ben@agents.example"),
        ];
        for (n, (purpose, to)) in purposes.into_iter().enumerate() {
            post.put_one(
                "support",
                purpose,
                to,
                &format!("{n}@mail.example"),
                "x\r\n",
            );
        }
        let firsts: Mutex<BTreeMap<String, i64>> = Mutex::default();
        let (server, tries) = Moody::new(&post, move |to, at| {
            let first = *firsts.lock().unwrap().entry(to.to_owned()).or_insert(at);
            if at - first >= grey_s {
                Ok(())
            } else {
                Err(None)
            }
        });
        let running = post.run_support(vec![server]);
        pass(grey_s + RETRY_S_MAX).await;
        assert_eq!(post.stages(), [0, 0, 0, 2]);
        post.stop(running).await;
        for (_, to) in purposes {
            let times: Vec<i64> = tries
                .lock()
                .unwrap()
                .iter()
                .filter(|(who, _)| who == to)
                .map(|(_, at)| *at)
                .collect();
            assert!(times.len() <= tries_max, "{to}: {times:?}");
            let gaps: Vec<i64> = times.windows(2).map(|two| two[1] - two[0]).collect();
            assert!(gaps[0] >= RETRY_S_MIN * 4 / 5, "{to}: {times:?}");
            assert!(gaps.is_sorted_by(|a, b| a < b), "no tight loop: {times:?}");
            let late = times[times.len() - 1] - grey_s;
            assert!(late <= grey_s.max(RETRY_S_MIN) + 60, "{to}: {late} s late");
        }
    }
}

/// Each case that was given up is told to a person, by its number and with the command that decides; and long before
/// that, that the server is gone.
fn each_is_told(post: &Post, log: &str) {
    let mut cases = 0;
    for mail in post.mails() {
        let State::Parked { why, .. } = &mail.delivery else {
            continue;
        };
        if mail.purpose != Purpose::Forward {
            continue;
        }
        cases += 1;
        assert!(why.contains("five days"), "{why}");
        let id = mail.id.0;
        let (number, word) = (
            format!(" id={id} "),
            format!("`mailclerk outbox resend {id}`"),
        );
        let told = |l: &str| l.contains("ERROR") && l.contains(&number) && l.contains(&word);
        assert!(log.lines().any(told), "nobody was told of {id}");
    }
    assert_eq!(cases, 5);
    let gone = |l: &str| l.contains("ERROR") && l.contains("no mail of this mailbox can be sent");
    assert!(log.lines().any(gone));
}

/// Faults: F78; holds I2 I3 I10.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_for_six_days_loses_no_case_and_gets_no_stale_reply() {
    let (_guard, heard) = listen();
    let post = Post::open_wound();
    post.put("support", Purpose::Forward, 5);
    post.put("support", Purpose::Reply, 3);
    let (server, tries) = Moody::new(&post, |_, at| {
        if at >= 6 * DAY_S {
            Ok(())
        } else {
            Err(Some(Trouble::Unreachable))
        }
    });
    let running = post.run_support(vec![server]);
    pass(DAY_S + RETRY_S_MAX + HOUR_S).await;
    assert_eq!(
        post.stages(),
        [5, 0, 3, 0],
        "replies are of no use after a day"
    );
    assert_eq!(text(&heard).matches("too late to be of use").count(), 3);
    pass(2 * DAY_S).await;
    post.put_one(
        "support",
        Purpose::Forward,
        "late@agents.example",
        "late@mail.example",
        "x\r\n",
    );
    pass(3 * DAY_S).await;
    assert_eq!(
        post.stages(),
        [0, 0, 8, 1],
        "who came on the third day goes when it is back"
    );
    let attempts = tries.lock().unwrap().len();
    assert!(
        attempts < 6 * 24 * 12 + 50,
        "one try in five minutes, not {attempts}"
    );

    each_is_told(&post, &text(&heard));

    // Nothing is lost: an operator sends them all.
    let parked = post.mails();
    let forwards = parked
        .iter()
        .filter(|m| m.purpose == Purpose::Forward && m.delivery.word() == "parked");
    for mail in forwards {
        post.shared
            .store
            .resend(mail.id, post.shared.clock.now())
            .unwrap();
    }
    post.shared.resent.notify_one();
    pass(60).await;
    assert_eq!(post.stages(), [0, 0, 3, 6]);
    post.stop(running).await;
    let tries = tries.lock().unwrap();
    let after: Vec<&str> = tries
        .iter()
        .filter(|(_, at)| *at >= 6 * DAY_S)
        .map(|(to, _)| to.as_str())
        .collect();
    assert_eq!(after.len(), 6, "each went once: {after:?}");
}

/// Faults: F78; holds I10.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_back_is_found_within_the_longest_pause() {
    for gone_s in [60, HOUR_S, 20 * HOUR_S] {
        let post = Post::open_wound();
        post.put("support", Purpose::Forward, 20);
        let (server, _) = Moody::new(&post, move |_, at| {
            if at >= gone_s {
                Ok(())
            } else {
                Err(Some(Trouble::Unreachable))
            }
        });
        let running = post.run_support(vec![server]);
        // New cases come in all the time, and go first: an old one waits for its own interval.
        pass(gone_s).await;
        post.put_one(
            "support",
            Purpose::Forward,
            "new@agents.example",
            "new@mail.example",
            "x\r\n",
        );
        pass(301).await;
        let mails = post.mails();
        let new = mails
            .iter()
            .find(|m| m.to.to_string() == "new@agents.example")
            .unwrap();
        assert_eq!(new.delivery.word(), "sent", "gone for {gone_s} s");
        pass(RETRY_S_MAX).await;
        assert_eq!(post.stages(), [0, 0, 0, 21], "gone for {gone_s} s");
        post.stop(running).await;
    }
}
