//! The line may break at any byte: a mail is never taken for sent, nor for unsent once its end may have left.

use mailclerk::transport::Transport;
use mailclerk::triage::delivery::Outcome;

use crate::server::HANG_UP;
use crate::server::Script;
use crate::server::Server;
use crate::server::hello_parcel;

/// What a friendly server says, in order.
const GREETING: &str = "220 mx\r\n";
const EHLO: &str = "250-mx\r\n250 DSN\r\n";
const OK: &str = "250 ok\r\n";
const GO: &str = "354 go\r\n";
const TAKEN: &str = "250 taken\r\n";

fn script() -> Script {
    Script::answer("GREETING", GREETING)
        .then("EHLO", EHLO)
        .then("DATA", GO)
        .then("DOT", TAKEN)
}

/// Faults: F69; holds I2 I3.
#[tokio::test]
async fn a_cut_in_any_answer_ends_right() {
    let before_body = GREETING.len() + EHLO.len() + 2 * OK.len() + GO.len();
    let all = before_body + TAKEN.len();
    for says in 0..=all {
        let server = Server::start(Script {
            says_max: Some(says),
            ..script()
        })
        .await;
        let outcome = server.transport().send(&hello_parcel()).await;
        let right = match says {
            _ if says == all => matches!(outcome, Outcome::Accepted(_)),
            // The hang-up comes with the go-ahead, so that it may be noticed before the dot or after it.
            _ if says == before_body => {
                matches!(outcome, Outcome::Deferred(_) | Outcome::Unknown(_))
            }
            _ if says > before_body => matches!(outcome, Outcome::Unknown(_)),
            _ => matches!(outcome, Outcome::Deferred(_)),
        };
        assert!(right, "after {says} of {all} bytes: {outcome:?}");
    }
}

/// Faults: F69; holds I2 I3.
#[tokio::test]
async fn a_cut_in_anything_we_say_is_never_a_success_nor_a_refusal() {
    let server = Server::start(script()).await;
    server.transport().send(&hello_parcel()).await;
    let until_body = server
        .commands()
        .iter()
        .take_while(|line| *line != "DATA")
        .map(|line| line.len() + 2)
        .sum::<usize>();
    let until_body = until_body + "DATA\r\n".len();
    let all = until_body + server.mails()[0].len() + "\r\n.\r\n".len();
    for hears in 0..all as u64 {
        let server = Server::start(Script {
            hears_max: Some(hears),
            ..script()
        })
        .await;
        let outcome = server.transport().send(&hello_parcel()).await;
        let right = match outcome {
            Outcome::Deferred(_) => true,
            Outcome::Unknown(_) => hears >= until_body as u64,
            Outcome::Accepted(_) | Outcome::Refused(_) => false,
        };
        assert!(right, "after {hears} of {all} bytes: {outcome:?}");
    }
}

/// Faults: F69; holds I2 I3.
#[tokio::test]
async fn a_hang_up_instead_of_the_last_answer_is_unknown() {
    let server = Server::start(Script::answer("DOT", HANG_UP)).await;
    let outcome = server.transport().send(&hello_parcel()).await;
    assert!(
        matches!(&outcome, Outcome::Unknown(text) if text.contains("final dot")),
        "{outcome:?}"
    );
    assert_eq!(server.connections(), 1, "a mail in doubt is not said again");
    assert_eq!(server.mails().len(), 1);
}
