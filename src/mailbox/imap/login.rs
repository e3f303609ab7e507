//! Logging in: LOGIN, AUTHENTICATE PLAIN (RFC 4616), AUTHENTICATE XOAUTH2; capabilities are asked before and after.

use data_encoding::BASE64;

use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::names::quoted;
use crate::mailbox::imap::settings::Login;
use crate::mailbox::imap::settings::NoSecret;
use crate::mailbox::imap::settings::RefusedToken;
use crate::mailbox::imap::settings::SecretSource;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::Verdict;

/// Logs in, unless the greeting was PREAUTH, and asks what the server can do then (RFC 9051, 6.2.1).
pub(super) async fn login(
    wire: &mut Wire,
    login: &Login,
    taken_in: bool,
) -> Result<(), MailboxError> {
    if !taken_in {
        capabilities(wire).await?;
        let reply = match login {
            Login::Password { user, secret } => by_password(wire, user, secret).await?,
            Login::XOAuth2 {
                user,
                token,
                refused,
            } => by_token(wire, user, token, refused.as_ref()).await?,
        };
        judge(reply)?;
    }
    capabilities(wire).await
}

async fn capabilities(wire: &mut Wire) -> Result<(), MailboxError> {
    wire.state.capabilities.clear();
    wire.simple("CAPABILITY").await?.ok("CAPABILITY")?;
    if wire.state.can("IMAP4REV1") {
        Ok(())
    } else {
        Err(MailboxError::Unfit(
            "the server does not speak IMAP4rev1".to_owned(),
        ))
    }
}

async fn secret_of(source: &SecretSource) -> Result<String, MailboxError> {
    let secret = source().await.map_err(|none| match none {
        NoSecret::Later(why) => {
            MailboxError::Lost(format!("no secret to log in with for now: {why}"))
        }
        NoSecret::Person(why) => MailboxError::Unfit(format!("no secret to log in with: {why}")),
    })?;
    // A token source that prints a line end is common; within, it would be another command.
    let secret = secret.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() || secret.contains(['\r', '\n', '\0']) {
        return Err(MailboxError::Login(
            "the secret is empty or holds a line end".to_owned(),
        ));
    }
    Ok(secret)
}

async fn by_password(
    wire: &mut Wire,
    user: &str,
    source: &SecretSource,
) -> Result<Reply, MailboxError> {
    let allowed = !wire.state.can("LOGINDISABLED");
    let plain = wire.state.can("AUTH=PLAIN");
    let password = secret_of(source).await?;
    if user.is_empty() || user.contains(['\r', '\n', '\0']) {
        return Err(MailboxError::Login(
            "the user's name is empty or holds a line end".to_owned(),
        ));
    }
    let ascii = user.is_ascii() && password.is_ascii();
    let allowance = wire.ordinary();
    if plain && (!allowed || !ascii) {
        // Where LOGIN takes ASCII only (RFC 9051, 9: quoted), PLAIN takes UTF-8.
        let answer = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        return Ok(wire
            .converse("AUTHENTICATE PLAIN", &[answer], allowance, |_| {})
            .await?);
    }
    if allowed {
        let command = format!("LOGIN {} {}", quoted(user), quoted(&password));
        return Ok(wire.run(&command, allowance, |_| {}).await?);
    }
    Err(MailboxError::Unfit(
        "the server takes no password on this connection (LOGINDISABLED, no AUTH=PLAIN); use TLS or a token"
            .to_owned(),
    ))
}

async fn by_token(
    wire: &mut Wire,
    user: &str,
    source: &SecretSource,
    refused: Option<&RefusedToken>,
) -> Result<Reply, MailboxError> {
    if !wire.state.can("AUTH=XOAUTH2") {
        return Err(MailboxError::Unfit(
            "the server does not offer XOAUTH2".to_owned(),
        ));
    }
    let token = secret_of(source).await?;
    let reply = bear(wire, user, &token).await?;
    let Some(refused) = refused.filter(|_| judged_wrong(&reply)) else {
        return Ok(reply);
    };
    // It may have been revoked before its time. A fresh one is tried at once; the same one is not, as servers count.
    refused(token.clone()).await;
    let fresh = secret_of(source).await?;
    if fresh == token {
        return Ok(reply);
    }
    let reply = bear(wire, user, &fresh).await?;
    if judged_wrong(&reply) {
        refused(fresh).await;
    }
    Ok(reply)
}

/// Returns whether the token was refused, and not only the moment.
fn judged_wrong(reply: &Reply) -> bool {
    reply.verdict == Verdict::No && !reply.temporary()
}

async fn bear(wire: &mut Wire, user: &str, token: &str) -> Result<Reply, MailboxError> {
    if user.is_empty() || user.chars().chain(token.chars()).any(char::is_control) {
        return Err(MailboxError::Login(
            "user or token holds a control character".to_owned(),
        ));
    }
    let first = BASE64.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01").as_bytes());
    // A refusal comes as a second challenge, which wants an empty answer before the NO is said.
    let answers = [first, String::new()];
    let allowance = wire.ordinary();
    Ok(wire
        .converse("AUTHENTICATE XOAUTH2", &answers, allowance, |_| {})
        .await?)
}

fn judge(reply: Reply) -> Result<(), MailboxError> {
    match reply.verdict {
        Verdict::Ok => Ok(()),
        // The server's trouble, not the password's (RFC 5530, 3).
        Verdict::No if reply.temporary() => Err(MailboxError::Lost(format!(
            "no login at this moment: {}",
            reply.text
        ))),
        Verdict::No | Verdict::Bad => Err(MailboxError::Login(reply.text)),
    }
}
