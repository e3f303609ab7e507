//! Access tokens for XOAUTH2: from a command or a file, or by the refresh exchange (RFC 6749, 6).
//!
//! # Decisions
//! - A server may give a new refresh token with each access token and void the old one. The new one is durable in the
//!   state folder before the access token is used, else one crash would lock the mailbox until a person consents again.
//! - It is kept with a digest of the configured token it came from: when the operator configures another, that one wins.
//! - The exchange runs to its end on its own thread even when the caller gives up, as its answer may hold the only
//!   refresh token that is still good. It holds the lock meanwhile, so that no second exchange spends the old one.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::secret::Revealed;
use super::secret::Secret;
use super::secret::SecretError;
use crate::clock::Clock;
use crate::clock::Timestamp;

mod exchange;
mod keep;

/// Seconds before its end at which a token is no longer used; a login and a slow clock must fit in.
const MARGIN_S: i64 = 120;
/// Seconds a token is kept when the server does not say (RFC 6749, 5.1, only recommends to).
const UNTOLD_LIFE_S: i64 = 300;
/// Seconds a token is kept at most, whatever the server says.
const LIFE_S_MAX: i64 = 24 * 3600;

/// Where access tokens come from, as written in the config file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenSource {
    /// `{ given = { command = [...] } }` or any other secret: somebody else keeps it fresh; read at each login.
    Given(Secret),
    /// `{ refresh = { ... } }`: we keep it fresh.
    Refresh(Box<Refresh>),
}

/// The refresh exchange, as written in the config file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The token endpoint; https, unless it is on this machine.
    pub url: String,
    /// Our name at the server.
    pub client_id: String,
    /// Our secret at the server, where it wants one.
    pub client_secret: Option<Secret>,
    /// The refresh token that a person's consent gave.
    pub refresh_token: Secret,
    /// The scope, where the server wants it repeated.
    pub scope: Option<String>,
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The consent is gone: a person must give it anew.
    #[error(
        "the refresh token is revoked or expired ({0}): consent again and configure the new refresh token"
    )]
    Revoked(String),
    /// The server does not take our request, now or later.
    #[error(
        "the token endpoint refuses the request ({0}): check url, client_id, client_secret and scope"
    )]
    Misconfigured(String),
    /// Try again later.
    #[error("no access token for now: {0}")]
    Temporary(String),
    /// A secret that is needed cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl TokenError {
    /// Returns whether waiting may help; else a person must act.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Temporary(_) => true,
            Self::Secret(error) => error.is_temporary(),
            Self::Revoked(_) | Self::Misconfigured(_) => false,
        }
    }
}

/// Hands out access tokens. Clones share one cache, so that IMAP and SMTP of a mailbox use one token.
#[derive(Clone)]
pub struct AccessTokens {
    source: Arc<TokenSource>,
    /// Where a new refresh token is kept.
    file: PathBuf,
    clock: Arc<dyn Clock>,
    cache: Arc<Mutex<Cache>>,
}

/// What is known of the last exchange.
#[derive(Default)]
struct Cache {
    access: Option<Access>,
    /// A refresh token that could not be made durable; better than the old one.
    refresh: Option<keep::Kept>,
}

struct Access {
    token: Revealed,
    good_until: Timestamp,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Returns the name of the file that keeps its renewed refresh token; none where nothing is renewed. Made of what
    /// the source is, not of who uses it: all mailboxes and sides with one source must go on from one token.
    pub fn file_name(&self) -> Option<String> {
        let Self::Refresh(refresh) = self else {
            return None;
        };
        let scope = refresh.scope.as_deref().unwrap_or_default();
        let place = refresh.refresh_token.place();
        let digest =
            keep::digest(&[refresh.url.as_str(), &refresh.client_id, scope, &place].join("\n"));
        let short: String = digest.chars().take(16).collect();
        Some(format!("oauth-{short}"))
    }

    /// Returns whether tokens are fetched by the refresh exchange, which writes to the state folder.
    pub fn renews(&self) -> bool {
        matches!(self, Self::Refresh(_))
    }

    /// Returns the same source with relative files taken from `folder`, where the config file lies.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::Given(secret) => Self::Given(secret.relative_to(folder)),
            Self::Refresh(mut refresh) => {
                refresh.refresh_token = refresh.refresh_token.relative_to(folder);
                refresh.client_secret = refresh.client_secret.map(|s| s.relative_to(folder));
                Self::Refresh(refresh)
            }
        }
    }
}

impl AccessTokens {
    /// Prepares tokens from `source`; `file` in the state folder keeps the refresh tokens that servers renew.
    pub fn new(source: TokenSource, file: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            source: Arc::new(source),
            file,
            clock,
            cache: Arc::default(),
        }
    }

    /// Returns a token that is good for the next minutes; one exchange at a time, however many ask.
    ///
    /// # Errors
    /// [`TokenError`], which tells what waiting can heal from what a person must.
    pub async fn token(&self) -> Result<Revealed, TokenError> {
        let refresh = match self.source.as_ref() {
            TokenSource::Given(secret) => return Ok(secret.reveal().await?),
            TokenSource::Refresh(refresh) => refresh.as_ref().clone(),
        };
        let cache = Arc::clone(&self.cache).lock_owned().await;
        let now = self.clock.now();
        if let Some(access) = cache
            .access
            .as_ref()
            .filter(|access| now < access.good_until)
        {
            return Ok(Revealed::new(access.token.expose().to_owned()));
        }
        let configured = refresh.refresh_token.reveal().await?;
        let client_secret = match &refresh.client_secret {
            Some(secret) => Some(secret.reveal().await?),
            None => None,
        };
        let file = self.file.clone();
        let work = move || {
            renew(
                cache,
                &refresh,
                &configured,
                client_secret.as_ref(),
                &file,
                now,
            )
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            Err(TokenError::Temporary(
                "the exchange was cut short".to_owned(),
            ))
        })
    }

    /// Forgets a token that a server refused; a newer one stays.
    pub async fn forget(&self, refused: &Revealed) {
        let mut cache = self.cache.lock().await;
        if cache
            .access
            .as_ref()
            .is_some_and(|access| access.token.expose() == refused.expose())
        {
            cache.access = None;
        }
    }
}

/// Exchanges the newest refresh token for an access token, and keeps what is new.
fn renew(
    mut cache: OwnedMutexGuard<Cache>,
    refresh: &Refresh,
    configured: &Revealed,
    client_secret: Option<&Revealed>,
    file: &std::path::Path,
    now: Timestamp,
) -> Result<Revealed, TokenError> {
    cache.access = None;
    let origin = keep::digest(configured.expose());
    let unsaved = cache.refresh.is_some();
    let kept = match cache.refresh.take() {
        Some(unsaved) => Some(unsaved),
        None => keep::load(file)
            .map_err(|why| TokenError::Temporary(format!("{}: {why}", file.display())))?,
    };
    let kept = kept.filter(|kept| kept.origin == origin);
    let current = kept
        .as_ref()
        .map_or(configured.expose(), |kept| kept.refresh_token.as_str());
    let granted = exchange::exchange(refresh, current, client_secret.map(Revealed::expose));
    let granted = match granted {
        Ok(granted) => granted,
        Err(error) => {
            cache.refresh = unsaved.then_some(kept).flatten();
            return Err(error);
        }
    };
    if let Some(renewed) = granted.refresh_token.filter(|renewed| renewed != current) {
        let renewed = keep::Kept {
            origin,
            refresh_token: renewed,
        };
        // Once saved, the file is what counts: `check --connect` beside us may renew it, too.
        cache.refresh = match keep::save(file, &renewed) {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(file = %file.display(), %error, "a new refresh token could not be saved: until it is, a restart loses the mailbox");
                Some(renewed)
            }
        };
    } else {
        cache.refresh = unsaved.then_some(kept).flatten();
    }
    let life_s = granted
        .expires_in
        .unwrap_or(UNTOLD_LIFE_S)
        .clamp(0, LIFE_S_MAX);
    // A life shorter than twice the margin is used half, else each login would cost an exchange.
    let used_s = (life_s - MARGIN_S).max(life_s / 2);
    let token = Revealed::new(granted.access_token.expose().to_owned());
    cache.access = Some(Access {
        token: granted.access_token,
        good_until: now.plus_s(used_s),
    });
    Ok(token)
}
