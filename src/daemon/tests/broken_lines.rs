//! The intake on a line to its IMAP server that breaks, falls silent, drips or talks nonsense.

use std::time::Duration;

use super::bench::BY_COPY;
use super::bench::BY_MOVE;
use super::bench::Bench;
use super::bench::Ended;
use super::bench::keeper::CLOSE;
use super::bench::keeper::Connection;
use super::bench::keeper::Fault;

/// The longest that one command and the pause after it may take, beyond the wait in IDLE.
const PATIENCE: Duration = Duration::from_secs(60 + 10 + 5);

/// A run whose first connection has a fault.
async fn survives(bench: &mut Bench, fault: Fault, capabilities: &str) -> Ended {
    // A line that is cut between COPY and the expunging leaves a second copy, never a second handling.
    let copies_max = if capabilities == BY_MOVE || fault == Fault::None {
        1
    } else {
        2
    };
    bench
        .survives(&format!("{fault:?}"), copies_max, |house| {
            house.faults.push_back(fault);
            house.capabilities = capabilities.into();
        })
        .await
}

/// A session without a fault: one connection, with everything that the intake ever says.
async fn recorded(bench: &mut Bench, capabilities: &str) -> Connection {
    let mut connections = survives(bench, Fault::None, capabilities)
        .await
        .connections();
    let one = connections.remove(0);
    assert!(
        connections.is_empty(),
        "a session without a fault is one connection"
    );
    let filing: &[&str] = if capabilities == BY_MOVE {
        &["UID MOVE"]
    } else {
        &["UID COPY", "UID STORE", "UID EXPUNGE"]
    };
    let others = [
        "CAPABILITY",
        "LOGIN",
        "SELECT",
        "UID FETCH",
        "LIST",
        "CREATE",
        "SUBSCRIBE",
        "IDLE",
        "DONE",
    ];
    for verb in others.iter().chain(filing) {
        let said = one.commands.iter().any(|c| c.text.starts_with(verb));
        assert!(said, "{verb} is missing in {:?}", one.commands);
    }
    one
}

/// Cuts the first connection after each `of`-th octet of the session, from the first command on that begins so.
async fn cut(capabilities: &str, from: &str, fault: fn(usize) -> Fault, of: usize, part: usize) {
    let mut bench = Bench::new();
    let one = recorded(&mut bench, capabilities).await;
    let begin = one.commands.iter().find(|c| c.text.starts_with(from));
    let begin = begin.unwrap();
    let (first, last) = match fault(1) {
        Fault::CutHeard(_) => (begin.heard, one.heard),
        _ => (begin.said, one.said),
    };
    let first = if from == FIRST { 1 } else { first };
    for octets in (first..last).filter(|octet| octet % of == part) {
        survives(&mut bench, fault(octets), capabilities).await;
    }
}

/// The first command of a session.
const FIRST: &str = "CAPABILITY";

/// Faults: F26 F27; holds I1 I2 I3 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_line_cut_at_any_even_octet_the_server_says_loses_no_mail_and_handles_none_twice() {
    cut(BY_MOVE, FIRST, Fault::CutSaid, 2, 0).await;
}

/// Faults: F26 F27; holds I1 I2 I3 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_line_cut_at_any_odd_octet_the_server_says_loses_no_mail_and_handles_none_twice() {
    cut(BY_MOVE, FIRST, Fault::CutSaid, 2, 1).await;
}

/// Faults: F26; holds I1 I2 I3 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_line_cut_at_any_octet_we_say_loses_no_mail_and_handles_none_twice() {
    cut(BY_MOVE, FIRST, Fault::CutHeard, 1, 0).await;
}

/// Faults: F26 F27; holds I1 I2 I3 I6 I10.
#[tokio::test(start_paused = true)]
async fn where_there_is_no_move_a_line_cut_while_mails_are_filed_does_no_harm_either() {
    cut(BY_COPY, "LIST", Fault::CutSaid, 1, 0).await;
}

/// Faults: F26; holds I1 I2 I3 I6 I10.
#[tokio::test(start_paused = true)]
async fn where_there_is_no_move_a_line_cut_in_our_words_about_filing_does_no_harm_either() {
    cut(BY_COPY, "LIST", Fault::CutHeard, 1, 0).await;
}

/// Faults: F39 F45; holds I1 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_at_any_command_is_left_within_the_limit() {
    let mut bench = Bench::new();
    for capabilities in [BY_MOVE, BY_COPY] {
        let one = recorded(&mut bench, capabilities).await;
        for command in &one.commands {
            // Before the first octet of the answer, and in the middle of its first line.
            for more in [0, 3] {
                let fault = Fault::StallSaid((command.said + more).max(1));
                let ended = survives(&mut bench, fault, capabilities).await;
                let idle = Duration::from_secs(bench.poll_s);
                assert!(
                    ended.took <= PATIENCE + idle,
                    "stuck in {} for {:?}",
                    command.text,
                    ended.took
                );
            }
        }
    }
}

/// Faults: F40; holds I1 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_an_octet_now_and_then_is_left_by_the_deadline_of_the_whole_answer() {
    let mut bench = Bench::new();
    for pause_ms in [1, 100, 300, 1_000, 3_000, 10_000, 59_000] {
        let fault = Fault::Drip(Duration::from_millis(pause_ms));
        let ended = survives(&mut bench, fault, BY_MOVE).await;
        // Nothing resets a deadline: no command outlasts its own, a fetch of ten minutes, any other of one.
        let one = &ended.connections()[0];
        for pair in one.commands.windows(2) {
            let took = pair[1].at - pair[0].at;
            let minutes = if pair[0].text.starts_with("UID FETCH") {
                10
            } else {
                1
            };
            assert!(took <= Duration::from_mins(minutes), "{pair:?}");
        }
        assert!(ended.took <= Duration::from_mins(30), "{:?}", ended.took);
    }
}

/// Faults: F33; holds I1 I6 I10.
#[tokio::test(start_paused = true)]
async fn a_goodbye_at_any_moment_is_followed_by_a_new_connection_that_goes_on() {
    let mut bench = Bench::new();
    for (at, answer) in [
        ("GREETING", "* BYE too busy\r\n"),
        ("CAPABILITY", "* BYE no\r\n"),
        ("LOGIN", "* BYE no\r\n"),
        ("SELECT", "* 2 EXISTS\r\n* BYE no\r\n"),
        ("UID FETCH 1:2 (UID FLAGS", "* BYE no\r\n"),
        (
            "UID FETCH 1:2 (UID BODY",
            "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* BYE no\r\n",
        ),
        (
            "UID FETCH 1:2 (UID BODY",
            "* 1 FETCH (UID 1 BODY[] {300}\r\n* BYE no\r\n",
        ),
        ("UID MOVE", "* BYE no\r\n"),
        ("IDLE", "* BYE no\r\n"),
        ("IDLE", "+ idling\r\n* BYE no\r\n"),
        ("DONE", "* BYE no\r\n"),
        ("DONE", "{tag} OK done\r\n* BYE no\r\n"),
    ] {
        let ended = bench
            .survives(at, 1, |house| house.once(at, &format!("{answer}{CLOSE}")))
            .await;
        assert_eq!(ended.connections().len(), 2, "{at}");
        assert!(ended.took <= PATIENCE, "{at}: {:?}", ended.took);
    }
}

/// Faults: F28 F29 F30 F31 F41 F42 F44 F45; holds I1 I6 I10.
#[tokio::test(start_paused = true)]
async fn nonsense_instead_of_any_answer_costs_one_connection_and_no_mail() {
    let mut bench = Bench::new();
    let nonsense = [
        "* 1 FETCH (UID 1 BODY[] {9999}\r\nshort)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {3}\r\nlonger than that)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {4294967296}\r\n",
        "* 1 FETCH (UID 1 BODY[] {9223372036854775808}\r\n",
        "* 1 FETCH (UID 1 BODY[] {-1}\r\nx)\r\n",
        "* 1 FETCH (UID 1 BODY[] {x}\r\nx)\r\n",
        "* OK \0\0\r\n",
        "* OK gr\u{fc}n\r{tag} OK done\r",
        "\u{ff}\u{fe}\r\n",
        "m999 OK not yours\r\n",
        "{tag} PREAUTH odd\r\n",
        &"x".repeat(70_000),
        &"* 5 EXISTS\r\n".repeat(100_000),
    ];
    for at in [
        "CAPABILITY",
        "LOGIN",
        "SELECT",
        "UID FETCH",
        "UID MOVE",
        "IDLE",
        "DONE",
    ] {
        for answer in nonsense {
            let what = format!("{at}: {answer:.40}");
            let ended = bench
                .survives(&what, 1, |house| {
                    house.once(at, &format!("{answer}{CLOSE}"));
                })
                .await;
            assert!(ended.took <= PATIENCE, "{what}: {:?}", ended.took);
        }
    }
}

/// Faults: F45; holds I1 I6 I10.
#[tokio::test(start_paused = true)]
async fn tags_that_come_twice_or_are_somebody_elses_are_believed_by_nobody() {
    let mut bench = Bench::new();
    for fault in [Fault::Twice, Fault::OtherTag] {
        let ended = survives(&mut bench, fault, BY_MOVE).await;
        let connections = ended.connections();
        assert_eq!(connections.len(), 2, "{fault:?}");
        assert!(connections[0].commands.len() <= 2, "{connections:?}");
        assert!(ended.took <= PATIENCE, "{:?}", ended.took);
    }
}
