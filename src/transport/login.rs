//! Logging in (RFC 4954): PLAIN or LOGIN with a password, XOAUTH2 with an access token.

use std::time::Duration;

use data_encoding::BASE64;

use super::reply::Reply;
use super::reply::cut;
use super::session::Failed;
use super::session::Session;
use super::session::within;
use super::smtp::Login;
use super::verdict::Step;
use super::verdict::Trouble;
use super::verdict::verdict;
use crate::config::oauth::AccessTokens;
use crate::config::secret::Revealed;
use crate::config::secret::Secret;

/// What proves who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password: PLAIN where offered, else LOGIN.
    Password(Secret),
    /// An access token: XOAUTH2.
    Token(AccessTokens),
}

/// Logs in, with the secret read anew.
pub(super) async fn log_in(
    session: &mut Session,
    login: &Login,
    allowed: Duration,
) -> Result<(), Failed> {
    match &login.credential {
        Credential::Password(secret) => {
            let password = within(allowed, "reading the password", secret.reveal())
                .await
                .map_err(|late| failed(Trouble::LoginForNow, &late))?
                .map_err(|error| failed(Trouble::Login, &error.to_string()))?;
            with_password(session, &login.user, &password).await
        }
        Credential::Token(tokens) => {
            let token = within(allowed, "fetching the access token", tokens.token())
                .await
                .map_err(|late| failed(Trouble::LoginForNow, &late))?
                .map_err(|error| {
                    let trouble = if error.is_temporary() {
                        Trouble::LoginForNow
                    } else {
                        Trouble::Login
                    };
                    failed(trouble, &error.to_string())
                })?;
            let logged_in = with_token(session, &login.user, &token).await;
            if logged_in.is_err() {
                // It may have been revoked before its time: the next login gets a fresh one.
                tokens.forget(&token).await;
            }
            logged_in
        }
    }
}

fn failed(trouble: Trouble, why: &str) -> Failed {
    let how = if trouble == Trouble::Login {
        "login not possible"
    } else {
        "login not possible for now"
    };
    Failed::before_mail(Step::Login, trouble, format!("{how}: {why}"))
}

async fn with_password(
    session: &mut Session,
    user: &str,
    password: &Revealed,
) -> Result<(), Failed> {
    let encode = |text: &str| BASE64.encode(text.as_bytes());
    if session.offers.mechanism("PLAIN") {
        let initial = encode(&format!("\0{user}\0{}", password.expose()));
        return settle(session, format!("AUTH PLAIN {initial}\r\n"), 0).await;
    }
    if !session.offers.mechanism("LOGIN") {
        return Err(not_offered(session, "PLAIN and no LOGIN"));
    }
    // User, then password: servers word the two challenges in many ways, but all ask in this order.
    for line in ["AUTH LOGIN".to_owned(), encode(user)] {
        let reply = session.ask(Step::Login, line + "\r\n").await?;
        if reply.code != 334 {
            return refused(session, &reply);
        }
    }
    settle(session, encode(password.expose()) + "\r\n", 0).await
}

async fn with_token(session: &mut Session, user: &str, token: &Revealed) -> Result<(), Failed> {
    if !session.offers.mechanism("XOAUTH2") {
        return Err(not_offered(session, "XOAUTH2"));
    }
    let initial =
        BASE64.encode(format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose()).as_bytes());
    // A refusal comes as a challenge that holds the reason, and waits for an empty line before it says 535.
    settle(session, format!("AUTH XOAUTH2 {initial}\r\n"), 1).await
}

/// Says the last line of a login and reads the answer; up to `challenges` are answered by an empty line.
async fn settle(session: &mut Session, line: String, challenges: u32) -> Result<(), Failed> {
    let mut reply = session.ask(Step::Login, line).await?;
    for _ in 0..challenges {
        if reply.code == 334 {
            reply = session.ask(Step::Login, "\r\n").await?;
        }
    }
    refused(session, &reply)
}

fn refused(session: &Session, reply: &Reply) -> Result<(), Failed> {
    match verdict(session.wire.step(), reply) {
        None => Ok(()),
        Some(end) => Err(Failed::ended(Step::Login, end)),
    }
}

fn not_offered(session: &Session, wanted: &str) -> Failed {
    let offered = session.offers.mechanisms.join(" ");
    let offered = if offered.is_empty() {
        "nothing".to_owned()
    } else {
        cut(&offered, 100)
    };
    failed(
        Trouble::Login,
        &format!("the server offers no {wanted} here, but {offered}"),
    )
}
