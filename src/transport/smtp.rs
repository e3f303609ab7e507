//! SMTP submission by lettre's low-level connection on a socket of ours (RFC 5321, RFC 6409).
//!
//! One transport is one connection at most, for one worker. It opens when a parcel comes, carries a bounded number of
//! mails, and is dropped after anything but a clean end, so that no reply can be taken for the answer to another mail.
//!
//! # Decisions
//! - lettre's pool is not used: it hands out connections on which a cancelled mail is still half said.
//! - The end of an attempt is read from the reply and from how far the bytes got (`verdict`, `wire`), never from the text
//!   of an error.
//! - One parcel has one recipient: each has its own result (RFC 5321, 3.3), and a refused one stops nobody else's mail.

use std::time::Duration;

use tokio::time::Instant;

use super::Parcel;
use super::Transport;
use super::lines;
use super::lines::Body;
use super::login::Credential;
use super::session::Failed;
use super::session::Session;
use super::verdict::End;
use super::verdict::Step;
use super::verdict::Trouble;
use super::verdict::failure;
use crate::message::address::Address;
use crate::message::compose::seven_bit;
use crate::tls::Tls;
use crate::triage::delivery::Outcome;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte, port 465 (RFC 8314, 3.3).
    Implicit,
    /// TLS after STARTTLS, port 587; without it nothing is sent (RFC 3207).
    StartTls,
    /// In clear; refused unless the peer is this machine.
    None,
}

/// How long each step may take. The defaults are those of RFC 5321, 4.5.3.2, where it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Name lookup and TCP, all addresses together.
    pub connect: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// EHLO and STARTTLS.
    pub ehlo: Duration,
    /// Each round of AUTH; reading the secret or fetching the token has the same time again.
    pub login: Duration,
    /// MAIL.
    pub mail: Duration,
    /// RCPT.
    pub rcpt: Duration,
    /// DATA, until the go-ahead.
    pub data: Duration,
    /// Between two blocks of the mail's bytes that the server takes.
    pub block: Duration,
    /// From the final dot to the answer.
    pub dot: Duration,
    /// QUIT; short, as nothing depends on it.
    pub quit: Duration,
    /// A whole attempt, whatever the steps would allow. Must be less than an outbox lease.
    pub attempt: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            connect: Duration::from_secs(30),
            handshake: minutes(1),
            greeting: minutes(5),
            ehlo: minutes(5),
            login: minutes(2),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
            quit: Duration::from_secs(2),
            attempt: minutes(30),
        }
    }
}

impl Deadlines {
    /// Returns the time that `step` may take.
    pub fn of(&self, step: Step) -> Duration {
        match step {
            Step::Connect => self.connect,
            Step::Handshake => self.handshake,
            Step::Greeting => self.greeting,
            Step::Ehlo | Step::StartTls => self.ehlo,
            Step::Login => self.login,
            Step::Mail => self.mail,
            Step::Rcpt => self.rcpt,
            Step::Data => self.data,
            Step::Body => self.block,
            Step::Dot => self.dot,
            Step::Quit => self.quit,
        }
    }
}

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// What proves it; read anew at each login.
    pub credential: Credential,
}

/// Where mails are handed in, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A name or an IP address; the certificate must be for it.
    pub host: String,
    /// 465 or 587, as a rule.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The login; none where the server relays for us by our address.
    pub login: Option<Login>,
    /// The name in EHLO; without one the machine's if it is a full one, else our IP address.
    pub hello: Option<String>,
    /// How long each step may take.
    pub deadlines: Deadlines,
    /// Mails on one connection; servers limit them, and a worn connection fails in the middle of a mail.
    pub mails_per_connection_max: u32,
    /// Seconds a connection may idle before it is opened anew; servers close idle ones from about a minute on.
    pub idle_s_max: u64,
}

impl Settings {
    /// Returns settings with every limit at its default: 100 mails a connection, 30 s idle, the RFC's deadlines.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        security: Security,
        login: Option<Login>,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            security,
            login,
            hello: None,
            deadlines: Deadlines::default(),
            mails_per_connection_max: 100,
            idle_s_max: 30,
        }
    }
}

/// Hands mails to a submission server.
#[derive(Debug)]
pub struct SmtpTransport {
    settings: Settings,
    tls: Tls,
    session: Option<Session>,
    trouble: Option<Trouble>,
    brief: String,
}

impl SmtpTransport {
    /// Prepares a transport; nothing is opened before the first parcel.
    pub fn new(settings: Settings, tls: Tls) -> Self {
        Self {
            settings,
            tls,
            session: None,
            trouble: None,
            brief: String::new(),
        }
    }

    /// Opens a connection, logs in, and says goodbye: for `check --connect`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn probe(&mut self) -> Result<(), String> {
        self.close().await;
        let opened = tokio::time::timeout(
            self.settings.deadlines.attempt,
            Session::open(&self.settings, &self.tls),
        );
        match opened.await {
            Ok(Ok(session)) => {
                session.quit().await;
                Ok(())
            }
            Ok(Err(failed)) => Err(failed.sentence()),
            Err(_) => Err("no connection within the time of one attempt".to_owned()),
        }
    }

    async fn attempt(&mut self, parcel: &Parcel, body: &Body) -> End {
        if let Some(session) = self.fit_session().await {
            match deliver(session, parcel, body).await {
                Ok(end) => return end,
                // The connection idled too long for the server. Nothing of this mail was taken over: open a new one.
                Err(failed) if failed.lost && failed.step < Step::Data => self.session = None,
                Err(failed) => return failed.settle(),
            }
        }
        match Session::open(&self.settings, &self.tls).await {
            Err(failed) => failed.settle(),
            Ok(session) => {
                let session = self.session.insert(session);
                deliver(session, parcel, body)
                    .await
                    .unwrap_or_else(Failed::settle)
            }
        }
    }

    /// Whether any byte of the end of data of the mail under way may have left.
    fn dot_sent(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.wire.dot_sent())
    }

    /// Whether the connection is in the middle of a mail's bytes.
    fn in_mail(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.wire.step() == Step::Body)
    }

    /// Returns the open connection if it may carry one more mail, and closes it if not.
    async fn fit_session(&mut self) -> Option<&mut Session> {
        let session = self.session.as_ref()?;
        let idle = Duration::from_secs(self.settings.idle_s_max);
        let worn = session.mails >= self.settings.mails_per_connection_max;
        if !session.wire.is_quiet() {
            self.session = None;
        } else if worn || session.idle_since.elapsed() >= idle {
            self.close().await;
        }
        self.session.as_mut()
    }
}

impl Transport for SmtpTransport {
    async fn send(&mut self, parcel: &Parcel) -> Outcome {
        let body = lines::normalise(&parcel.bytes);
        let attempt_max = self.settings.deadlines.attempt;
        let attempt = tokio::time::timeout(attempt_max, self.attempt(parcel, &body)).await;
        let end = attempt.unwrap_or_else(|_elapsed| {
            let what = format!(
                "the attempt took longer than {} s",
                attempt_max.as_secs_f32()
            );
            failure(what, self.dot_sent(), Some(Trouble::Unreachable))
        });
        self.trouble = end.trouble;
        self.brief = end.brief;
        match (&end.outcome, end.trouble) {
            (Outcome::Accepted(_), _) => {}
            // The server spoke last and is well: part politely, unless what we say would be taken for the mail.
            (Outcome::Refused(_) | Outcome::Deferred(_), None) if !self.in_mail() => {
                self.close().await;
            }
            _ => self.session = None,
        }
        end.outcome
    }

    fn abandon(&mut self) -> Outcome {
        let end = failure("cut off by a stop".to_owned(), self.dot_sent(), None);
        self.session = None;
        self.trouble = end.trouble;
        self.brief = end.brief;
        end.outcome
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn brief(&self) -> &str {
        &self.brief
    }

    async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit().await;
        }
    }
}

/// Says one mail on an open connection.
async fn deliver(session: &mut Session, parcel: &Parcel, body: &Body) -> Result<End, Failed> {
    // A forward's original in 8 bits goes packed where the server takes no such text.
    let packed = (body.eight_bit && !session.offers.eight_bit)
        .then(|| seven_bit(&body.bytes))
        .flatten()
        .map(|mail| lines::normalise(&mail));
    let body = packed.as_ref().unwrap_or(body);
    session.wire.begin(Step::Mail);
    let (mail, rcpt) = match envelope(session, parcel, body) {
        Ok(lines) => lines,
        Err(why) => return Ok(End::ours(Outcome::Refused, None, why)),
    };
    session.exchange(Step::Mail, mail).await?;
    session.exchange(Step::Rcpt, rcpt).await?;
    session.exchange(Step::Data, "DATA\r\n").await?;
    let end = session.body(body).await?;
    session.mails += 1;
    session.idle_since = Instant::now();
    Ok(end)
}

/// Returns the MAIL and the RCPT line; an error when the server cannot take such a mail at all.
fn envelope(session: &Session, parcel: &Parcel, body: &Body) -> Result<(String, String), String> {
    let offers = &session.offers;
    let from = parcel
        .envelope_from
        .as_ref()
        .map(path)
        .transpose()?
        .unwrap_or_default();
    let to = path(&parcel.to)?;
    let mut mail = format!("MAIL FROM:<{from}>");
    if let Some(limit) = offers.size {
        if limit > 0 && body.size() > limit {
            let size = body.size();
            return Err(format!(
                "too large for the server: {size} bytes, its limit is {limit} (SIZE of EHLO)"
            ));
        }
        mail.push_str(" SIZE=");
        mail.push_str(&body.size().to_string());
    }
    if body.eight_bit {
        if !offers.eight_bit {
            return Err(
                "the mail has 8-bit text and the server does not offer 8BITMIME".to_owned(),
            );
        }
        mail.push_str(" BODY=8BITMIME");
    }
    if !from.is_ascii() || !to.is_ascii() {
        if !offers.smtp_utf8 {
            return Err(
                "an address is not ASCII and the server does not offer SMTPUTF8".to_owned(),
            );
        }
        mail.push_str(" SMTPUTF8");
    }
    let mut rcpt = format!("RCPT TO:<{to}>");
    if offers.dsn && parcel.envelope_from.is_none() {
        // An automatic reply that bounces helps nobody (RFC 3834, 3.3; RFC 3461, 4.1).
        rcpt.push_str(" NOTIFY=NEVER");
    }
    Ok((mail + "\r\n", rcpt + "\r\n"))
}

/// Returns an address as it stands between the angle brackets of a command.
fn path(address: &Address) -> Result<String, String> {
    let text = String::from(address.clone());
    // Addresses are built by parsing, yet a line end here would be a command of its own: never trust, look.
    if text.is_empty()
        || text
            .chars()
            .any(|c| c.is_control() || matches!(c, '<' | '>'))
    {
        return Err("an address cannot stand in an SMTP command".to_owned());
    }
    Ok(text)
}
