//! The line breaks after every byte of a session with a login, both ways: what the outbox makes of it.

use super::Post;
use super::sink::Cut;
use super::sink::Sink;
use super::sink::password;
use super::until;
use crate::store::OutboxView;
use crate::transport::smtp::Deadlines;
use crate::triage::delivery::Delivery as State;
use crate::triage::delivery::Purpose;

/// A reply and a forward, each of which meets a line that breaks once, at the same byte.
struct Pair {
    reply: String,
    forward: String,
}

impl Pair {
    fn put(post: &Post, n: usize) -> Self {
        // Names of one length: the byte at which a line breaks means the same in every round.
        let pair = Self {
            reply: format!("r{n:04}@mail.example"),
            forward: format!("f{n:04}@mail.example"),
        };
        let put = |purpose, id: &str| post.put_one("support", purpose, "a@b.example", id, "x\r\n");
        put(Purpose::Reply, &pair.reply);
        put(Purpose::Forward, &pair.forward);
        pair
    }

    fn states(&self, post: &Post) -> (State, State) {
        let mails = post
            .shared
            .store
            .outbox(None, 2, crate::store::Order::Newest)
            .unwrap();
        let find = |id: &str| -> State {
            let is = |m: &&OutboxView| m.message_id.to_string().contains(id);
            mails.iter().find(is).unwrap().delivery.clone()
        };
        (find(&self.reply), find(&self.forward))
    }
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

/// Breaks the line at each byte up to the last one of a session; returns how many replies were left in doubt.
async fn break_everywhere(
    cut: impl Fn(usize) -> Cut,
    whole: impl Fn((usize, usize)) -> usize,
) -> usize {
    let post = Post::open();
    let sink = Sink::start(|_| None).await;
    let secret = password(post.folder.path(), "open sesame");
    let way = || vec![sink.way(Some(secret.clone()), Deadlines::default())];
    let running = post.run_support(way());
    let alone = "a0000@mail.example";
    post.put_one("support", Purpose::Reply, "a@b.example", alone, "x\r\n");
    settle(&post).await;
    post.stop(running).await;
    until(|| sink.open() == 0).await;
    let whole = whole(sink.bytes());
    assert!(whole > 100, "{whole}");

    let post = post.reopen();
    let running = post.run_support(way());
    let mut doubts = 0;
    for n in 0..=whole {
        sink.cut([cut(n), cut(n)]);
        let pair = Pair::put(&post, n);
        settle(&post).await;
        let copies = |id: &str| {
            let of = |ids: Vec<String>| ids.iter().filter(|i| *i == id).count();
            (of(sink.whole()), of(sink.taken()))
        };
        let (reply, forward) = pair.states(&post);
        let (said, taken) = copies(&pair.reply);
        assert!(
            said <= 1 && taken <= said,
            "byte {n}: the reply went {said} times"
        );
        match reply {
            State::Sent { .. } => assert_eq!(taken, 1, "byte {n}"),
            State::Parked { ref why, .. } => {
                assert!(why.contains("in doubt"), "byte {n}: {why}");
                doubts += 1;
            }
            other => panic!("byte {n}: {other:?}"),
        }
        let (said, taken) = copies(&pair.forward);
        assert!(
            matches!(forward, State::Sent { .. }),
            "byte {n}: {forward:?}"
        );
        assert!(
            (1..=2).contains(&taken) && said <= 2,
            "byte {n}: {taken} copies of the forward"
        );
        // A second copy only where the first one's fate could not be known.
        assert!(taken == 1 || doubts > 0, "byte {n}");
    }
    post.stop(running).await;
    doubts
}

/// Faults: F69; holds I2 I3 I10.
#[tokio::test]
async fn a_line_that_breaks_after_any_byte_of_what_the_server_says_sends_no_reply_twice() {
    let cut = |n| Cut {
        says: Some(n),
        hears: None,
    };
    let doubts = break_everywhere(cut, |(said, _)| said).await;
    // The last answer without its last byte at most, and the go-ahead, after which the hang-up may come too late.
    assert!(
        (1..="250 taken\r\n".len() + 1).contains(&doubts),
        "{doubts}"
    );
}

/// Faults: F69; holds I2 I3 I10.
#[tokio::test]
async fn a_line_that_breaks_after_any_byte_of_what_we_say_sends_no_reply_twice() {
    let cut = |n| Cut {
        says: None,
        hears: Some(n),
    };
    let doubts = break_everywhere(cut, |(_, heard)| heard).await;
    assert!((1..150).contains(&doubts), "{doubts}");
}
