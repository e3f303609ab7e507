//! The parts of a running desk, built from the config.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::config::MailboxConfig;
use crate::config::file::FilingMode;
use crate::config::file::TlsFile;
use crate::config::oauth::AccessTokens;
use crate::config::oauth::TokenSource;
use crate::config::secret::Revealed;
use crate::config::secret::Secret;
use crate::daemon::delivery::Route;
use crate::daemon::intake::IntakePart;
use crate::daemon::relabel::Seeker;
use crate::daemon::upkeep::Upkeep;
use crate::mailbox::Mailbox;
use crate::mailbox::imap::FilingRules;
use crate::mailbox::imap::ImapLimits;
use crate::mailbox::imap::ImapMailbox;
use crate::mailbox::imap::ImapSettings;
use crate::mailbox::imap::Login as ImapLogin;
use crate::mailbox::imap::NoSecret;
use crate::mailbox::imap::RefusedToken;
use crate::mailbox::imap::SecretSource;
use crate::mailbox::imap::TlsMode;
use crate::store::Store;
use crate::tls::Tls;
use crate::transport::Credential;
use crate::transport::smtp::Login as SmtpLogin;
use crate::transport::smtp::Security;
use crate::transport::smtp::Settings as SmtpSettings;
use crate::transport::smtp::SmtpTransport;
use crate::triage::Keeping;
use crate::triage::Office;
use crate::triage::relay::RelayRules;
use crate::triage::screen::Surroundings;
use crate::triage::token::DeskKey;

/// What the loops are started with.
pub(super) struct Parts {
    /// One for each mailbox.
    pub(super) intakes: Vec<IntakePart<ImapMailbox>>,
    /// One for each mailbox.
    pub(super) routes: Vec<Route<SmtpTransport>>,
    /// One for each mailbox, by its name.
    pub(super) seekers: Vec<(String, Seeker)>,
}

impl Parts {
    /// Builds everything; connects to nothing yet.
    pub(super) fn build(config: &Config, store: &Store) -> Result<Self, String> {
        let mut parts = Self {
            intakes: Vec::new(),
            routes: Vec::new(),
            seekers: Vec::new(),
        };
        let mut tokens = Tokens::new(config);
        for mailbox in &config.mailboxes {
            let office = Arc::new(office(config, mailbox, store.desk_key()));
            parts.intakes.push(IntakePart {
                mailbox: imap(mailbox, &mut tokens, store.instance())?,
                rules: Arc::clone(&mailbox.rules),
                office: Arc::clone(&office),
                poll_s: mailbox.imap.poll.0,
                first_start_age_s_max: mailbox.first_start_age_s_max,
                upkeep: Upkeep {
                    claim_wait_s: mailbox.imap.claim_wait.0,
                    reconcile_s: mailbox.reconcile_s,
                    ..Upkeep::default()
                },
            });
            let seeker = Seeker {
                mailbox: imap(mailbox, &mut tokens, store.instance())?,
                rules: Arc::clone(&mailbox.rules),
                office,
            };
            parts.seekers.push((mailbox.name.clone(), seeker));
            let transports = (0..mailbox.smtp.connections)
                .map(|_| smtp(mailbox, &mut tokens))
                .collect::<Result<Vec<_>, String>>()?;
            parts.routes.push(Route {
                mailbox: mailbox.name.clone(),
                transports,
            });
        }
        Ok(parts)
    }
}

/// Builds what can be built of a config without a store and drops it: what else could be wrong with it than its text.
///
/// # Errors
/// A sentence that says which part cannot be.
pub fn fit(config: &Config) -> Result<(), String> {
    let mut tokens = Tokens::new(config);
    for mailbox in &config.mailboxes {
        imap(mailbox, &mut tokens, NO_INSTANCE)?;
        smtp(mailbox, &mut tokens)?;
    }
    Ok(())
}

/// Access tokens by their sources. Equal sources share one cache, and so one refresh token: of two exchanges at a time
/// with servers that renew it, the second would spend a token that the first one voided.
struct Tokens<'a> {
    state: &'a Path,
    known: Vec<(TokenSource, AccessTokens)>,
}

impl<'a> Tokens<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            state: &config.state,
            known: Vec::new(),
        }
    }

    fn of(&mut self, source: &TokenSource) -> AccessTokens {
        if let Some((_, tokens)) = self.known.iter().find(|(known, _)| known == source) {
            return tokens.clone();
        }
        let file = self.state.join(source.file_name().unwrap_or_default());
        let tokens = AccessTokens::new(source.clone(), file, Arc::new(SystemClock));
        self.known.push((source.clone(), tokens.clone()));
        tokens
    }
}

/// Returns the desk of a mailbox in its place.
pub fn office(config: &Config, mailbox: &MailboxConfig, key: DeskKey) -> Office {
    let own = config
        .mailboxes
        .iter()
        .flat_map(|m| std::iter::once(&m.address).chain(&m.aliases))
        .cloned()
        .collect();
    let agents = config
        .queues
        .iter()
        .flat_map(|q| q.agents.iter())
        .chain(config.roster.leads())
        .cloned()
        .collect();
    Office {
        mailbox: mailbox.name.clone(),
        address: mailbox.address.clone(),
        queues: config.queues.clone(),
        surroundings: Surroundings {
            own,
            agents,
            loop_token: key.loop_token(),
            authserv_id: mailbox.authserv_id.clone(),
            spam_headers: mailbox.spam_headers.clone(),
            trusted_arc: mailbox.trusted_arc.clone(),
        },
        key,
        keeping: keeping(mailbox),
        roster: Arc::clone(&config.roster),
        relay: RelayRules {
            needs_pass: mailbox.agents_must_pass,
            attachment_bytes_max: u64::from(mailbox.smtp.attachment_bytes_max),
            ..config.relay.clone()
        },
    }
}

/// Where handled mails lie: in the folders of the config, or all of them where they came.
fn keeping(mailbox: &MailboxConfig) -> Keeping {
    let filing = &mailbox.filing;
    let folder = |name: &String| match filing.mode {
        FilingMode::Move => name.clone(),
        FilingMode::Flag => mailbox.imap.folder.clone(),
    };
    Keeping {
        answered: folder(&filing.answered),
        forwarded: folder(&filing.forwarded),
        quiet: folder(&filing.quiet),
        quarantine: folder(&filing.quarantine),
        attachment_bytes_max: u64::from(mailbox.smtp.attachment_bytes_max),
    }
}

/// Connects to both servers of a mailbox, logs in, and goes; for `check --connect`.
///
/// # Errors
/// A sentence that says which server, and what to do.
pub async fn try_servers(config: &Config, mailbox: &MailboxConfig) -> Result<Vec<String>, String> {
    let mut tokens = Tokens::new(config);
    let mut watched = imap(mailbox, &mut tokens, NO_INSTANCE)?;
    let opened = watched.open().await.map_err(|e| format!("IMAP: {e}"))?;
    watched.close().await;
    smtp(mailbox, &mut tokens)?
        .probe()
        .await
        .map_err(|e| format!("SMTP: {e}"))?;
    Ok(vec![
        format!(
            "IMAP: {} holds {} messages",
            mailbox.imap.folder, opened.exists
        ),
        "SMTP: ready to take mail".to_owned(),
    ])
}

/// Stands for a store where there is none: nothing is claimed by it.
const NO_INSTANCE: &str = "none";

fn imap(
    mailbox: &MailboxConfig,
    tokens: &mut Tokens,
    instance: &str,
) -> Result<ImapMailbox, String> {
    let file = &mailbox.imap;
    let login = match (&file.password, &file.oauth) {
        (Some(secret), _) => ImapLogin::Password {
            user: file.user.clone(),
            secret: by_password(secret.clone()),
        },
        (None, Some(source)) => {
            let tokens = tokens.of(source);
            ImapLogin::XOAuth2 {
                user: file.user.clone(),
                token: by_token(tokens.clone()),
                refused: Some(forgetting(tokens)),
            }
        }
        (None, None) => {
            return Err(format!(
                "mailbox {}: no password and no oauth",
                mailbox.name
            ));
        }
    };
    let filing = &mailbox.filing;
    let folders = match filing.mode {
        FilingMode::Flag => FilingRules::default(),
        FilingMode::Move => FilingRules {
            answered: Some(filing.answered.clone()),
            forwarded: Some(filing.forwarded.clone()),
            quiet: Some(filing.quiet.clone()),
            quarantine: Some(filing.quarantine.clone()),
        },
    };
    let settings = ImapSettings {
        host: file.host.clone(),
        port: file.port,
        tls: match file.tls {
            TlsFile::Implicit => TlsMode::Implicit,
            TlsFile::Starttls => TlsMode::StartTls,
            TlsFile::None => TlsMode::None,
        },
        login,
        folder: file.folder.clone(),
        filing: folders,
        keyword: Some(filing.keyword.clone()),
        idle: file.idle,
        limits: ImapLimits {
            mail_bytes_max: file.mail_bytes_max,
            ..ImapLimits::default()
        },
    };
    ImapMailbox::new(settings, tls(file.ca_file.as_deref())?)
        .map(|watched| watched.claiming(instance, file.alone))
        .map_err(|e| format!("mailbox {}: {e}", mailbox.name))
}

fn smtp(mailbox: &MailboxConfig, tokens: &mut Tokens) -> Result<SmtpTransport, String> {
    let file = &mailbox.smtp;
    let credential = match (&file.password, &file.oauth) {
        (Some(secret), _) => Some(Credential::Password(secret.clone())),
        (None, Some(source)) => Some(Credential::Token(tokens.of(source))),
        (None, None) => None,
    };
    let login = credential
        .zip(file.user.clone())
        .map(|(credential, user)| SmtpLogin { user, credential });
    let security = match file.tls {
        TlsFile::Implicit => Security::Implicit,
        TlsFile::Starttls => Security::StartTls,
        TlsFile::None => Security::None,
    };
    let settings = SmtpSettings::new(file.host.clone(), file.port, security, login);
    Ok(SmtpTransport::new(settings, tls(file.ca_file.as_deref())?))
}

fn tls(ca_file: Option<&Path>) -> Result<Tls, String> {
    let pem = ca_file
        .map(|path| fs::read(path).map_err(|e| format!("ca_file {}: {e}", path.display())))
        .transpose()?;
    Tls::system(pem.as_deref()).map_err(|e| e.to_string())
}

fn by_password(secret: Secret) -> SecretSource {
    Arc::new(move || {
        let secret = secret.clone();
        Box::pin(async move {
            let revealed = secret
                .reveal()
                .await
                .map_err(|e| no_secret(e.is_temporary(), &e))?;
            if let Some(warning) = revealed.warning() {
                tracing::warn!("{warning}");
            }
            Ok(revealed.expose().to_owned())
        })
    })
}

pub(super) fn by_token(tokens: AccessTokens) -> SecretSource {
    Arc::new(move || {
        let tokens = tokens.clone();
        Box::pin(async move {
            let token = tokens
                .token()
                .await
                .map_err(|e| no_secret(e.is_temporary(), &e))?;
            Ok(token.expose().to_owned())
        })
    })
}

pub(super) fn forgetting(tokens: AccessTokens) -> RefusedToken {
    Arc::new(move |refused| {
        let tokens = tokens.clone();
        Box::pin(async move { tokens.forget(&Revealed::new(refused)).await })
    })
}

fn no_secret(temporary: bool, why: &impl ToString) -> NoSecret {
    if temporary {
        NoSecret::Later(why.to_string())
    } else {
        NoSecret::Person(why.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn source(client: &str) -> TokenSource {
        let text = format!(
            "refresh = {{ url = \"https://login.example/token\", client_id = \"{client}\", refresh_token = {{ credential = \"refresh\" }} }}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn all_who_log_in_by_one_consent_share_one_token() {
        let mut tokens = Tokens {
            state: Path::new("/state"),
            known: Vec::new(),
        };
        for _ in 0..3 {
            tokens.of(&source("desk"));
        }
        assert_eq!(tokens.known.len(), 1);
        tokens.of(&source("other"));
        assert_eq!(tokens.known.len(), 2);
    }

    #[test]
    fn a_renewed_token_is_found_again_whatever_the_mailboxes_are_called() {
        assert_eq!(source("desk").file_name(), source("desk").file_name());
        assert_ne!(source("desk").file_name(), source("other").file_name());
        let given: TokenSource = toml::from_str("given = { env = \"TOKEN\" }").unwrap();
        assert_eq!(given.file_name(), None);
    }
}
