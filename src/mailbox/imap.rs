//! IMAP by async-imap, behind checked commands of ours (RFC 3501, RFC 9051).
//!
//! # Decisions
//! - A session is taken out of the mailbox for each operation and put back only when the operation ended in order. So any
//!   time-out, any answer that cannot be read, and any future that is dropped half-way drops the connection with it.
//! - No ID command: the parser's part for its answer fails when the answer arrives in two packets.
//! - Nothing is asked that the parser is weak at: no ENVELOPE, no BODYSTRUCTURE, no SEARCH but for one mail (`seek.rs`). INTERNALDATE is given up for
//!   a mailbox whose answers with it could not be read three times in a row.

mod claim;
mod command;
mod connect;
mod fetch;
mod file;
mod guard;
mod idle;
mod list;
mod login;
mod names;
mod seek;
mod select;
mod settings;
mod state;
mod traces;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub use self::settings::FilingRules;
pub use self::settings::ImapLimits;
pub use self::settings::ImapSettings;
pub use self::settings::Login;
pub use self::settings::NoSecret;
pub use self::settings::RefusedToken;
pub use self::settings::SecretFuture;
pub use self::settings::SecretSource;
pub use self::settings::TlsMode;
pub use self::settings::fixed_secret;

use self::claim::Claimant;
use self::claim::Grip;
use self::command::Wire;
use self::fetch::Caution;
use self::file::Cabinet;
use self::list::Listing;
use self::list::Marks;
use self::state::Broken;
use crate::mailbox::Claim;
use crate::mailbox::Fetched;
use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::Woken;
use crate::message::id::MessageId;
use crate::tls::Tls;

/// Notes that are remembered, so that each is told once; a server that invents new alerts is heard no further.
const NOTES_MAX: usize = 200;

/// Lists in a row that cannot be read before dates are given up. Not the first one: without its date a mail that was
/// there before us counts as old and is left alone, and one odd answer must not do that.
const UNREADABLE_LISTS_MAX: u8 = 3;

/// A mailbox on an IMAP server.
#[derive(Debug)]
pub struct ImapMailbox {
    settings: ImapSettings,
    tls: Tls,
    /// How other daemons are told of; none: this one is alone, and does not ask.
    claimant: Option<Claimant>,
    session: Option<Session>,
    /// Asking for INTERNALDATE gave answers that could not be read, this often in a row.
    unreadable_lists: u8,
    /// UIDs that have ended a connection, of the UIDVALIDITY beside them.
    caution: (u32, Caution),
    told: BTreeSet<String>,
    notes: Vec<String>,
}

/// A connection that is logged in and has the folder selected.
#[derive(Debug)]
struct Session {
    wire: Wire,
    /// The keyword, if the server keeps it.
    keyword: Option<String>,
    /// The keyword of our claims, if the server keeps it.
    claim: Option<String>,
    idle_refused: bool,
    separator: Option<String>,
}

impl ImapMailbox {
    /// Makes a mailbox that is not connected yet.
    ///
    /// # Errors
    /// [`MailboxError::Unfit`], when the settings cannot be meant: a name with a line end, a target folder that is the
    /// watched one, a keyword that is none.
    pub fn new(settings: ImapSettings, tls: Tls) -> Result<Self, MailboxError> {
        settings.check()?;
        Ok(Self {
            settings,
            tls,
            claimant: None,
            session: None,
            unreadable_lists: 0,
            caution: (0, Caution::default()),
            told: BTreeSet::new(),
            notes: Vec::new(),
        })
    }

    /// Has mails claimed for the store `instance`, so that another daemon leaves them alone. `alone`: the operator says
    /// that there is no other; then a server that keeps no keywords will do.
    #[must_use]
    pub fn claiming(mut self, instance: &str, alone: bool) -> Self {
        self.claimant = Some(Claimant::new(instance, alone));
        self
    }

    /// Returns whether there is a connection.
    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Looks for the mail with that Message-ID in the watched folder and where handled mails go, on a connection that is
    /// made for it; none when it lies in none of them. Changes nothing.
    ///
    /// # Errors
    /// As those of [`Mailbox::open`].
    pub async fn seek(&mut self, id: &MessageId) -> Result<Option<Fetched>, MailboxError> {
        self.close().await;
        let mut session = self.connected().await?;
        let filing = &self.settings.filing;
        let filed = [&filing.answered, &filing.forwarded, &filing.quiet];
        let folders: Vec<String> = filed
            .into_iter()
            .flatten()
            .chain([&self.settings.folder])
            .cloned()
            .collect();
        let limits = self.settings.limits;
        let found = seek::seek(&mut session.wire, &folders, &limits, id).await;
        session.wire.logout().await;
        found.unwrap_or_else(|broken| Err(broken.into()))
    }

    fn alerts(&mut self, alerts: Vec<String>) {
        for alert in alerts {
            self.note(format!("the IMAP server alerts: {alert}"));
        }
    }

    fn note(&mut self, text: String) {
        if self.told.len() < NOTES_MAX && self.told.insert(text.clone()) {
            self.notes.push(text);
        }
    }

    fn take(&mut self) -> Result<Session, MailboxError> {
        self.session
            .take()
            .ok_or_else(|| MailboxError::Lost("the mailbox is not open".to_owned()))
    }

    /// Puts the session back unless it is over.
    fn settle<T>(
        &mut self,
        mut session: Session,
        result: Result<Result<T, MailboxError>, Broken>,
    ) -> Result<T, MailboxError> {
        self.alerts(std::mem::take(&mut session.wire.state.alerts));
        match result {
            Ok(Ok(value)) => {
                self.session = Some(session);
                Ok(value)
            }
            Ok(Err(error)) => {
                if !matches!(error, MailboxError::Lost(_)) {
                    self.session = Some(session);
                }
                Err(error)
            }
            Err(broken) => Err(broken.into()),
        }
    }

    async fn hold(
        &mut self,
        uids: &[u32],
        grip: Grip,
    ) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        let mut session = self.take()?;
        let Some(keyword) = session.claim.clone() else {
            self.session = Some(session);
            return Ok(crate::mailbox::all_ours(uids));
        };
        let marks = session.marks();
        let result = claim::claim(&mut session.wire, &keyword, &marks, uids, grip).await;
        self.settle(session, result)
    }

    async fn connected(&mut self) -> Result<Session, MailboxError> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let (mut wire, taken_in) = connect::connect(&self.settings, &self.tls).await?;
        let entered = login::login(&mut wire, &self.settings.login, taken_in).await;
        self.alerts(std::mem::take(&mut wire.state.alerts));
        entered?;
        Ok(Session {
            wire,
            keyword: None,
            claim: None,
            idle_refused: !self.settings.idle,
            separator: None,
        })
    }

    /// Finds how claims are kept here.
    ///
    /// # Errors
    /// [`MailboxError::Unfit`], when they are not and must be.
    fn claims(&self, wire: &Wire) -> Result<Option<String>, MailboxError> {
        let Some(claimant) = &self.claimant else {
            return Ok(None);
        };
        if select::keeps(wire, &claimant.keyword) {
            return Ok(Some(claimant.keyword.clone()));
        }
        if claimant.alone {
            return Ok(None);
        }
        Err(MailboxError::Unfit(format!(
            "the server keeps no keywords in the folder {:?}, so two daemons on it could not leave each other's mails alone; if no other mailclerk reads it, write `alone = true` into [mailbox.NAME.imap]",
            self.settings.folder
        )))
    }

    fn look_around(&mut self, session: &mut Session) {
        session.keyword = self
            .settings
            .keyword
            .clone()
            .filter(|keyword| select::keeps(&session.wire, keyword));
        if let (None, Some(keyword)) = (&session.keyword, &self.settings.keyword) {
            self.note(format!(
                "the server does not keep the keyword {keyword}; which mails are handled is known here only"
            ));
        }
        let state = &session.wire.state;
        let (idle, moving, plus) = (state.can("IDLE"), state.can("MOVE"), state.can("UIDPLUS"));
        if !idle {
            self.note("the server has no IDLE; it is polled".to_owned());
        }
        let filing = &self.settings.filing;
        let files = [&filing.answered, &filing.forwarded, &filing.quiet];
        if !moving && !plus && files.into_iter().any(Option::is_some) {
            self.note(
                "the server has neither MOVE nor UIDPLUS; filed mails are copied and their originals stay, marked as deleted"
                    .to_owned(),
            );
        }
    }
}

impl Session {
    fn marks(&self) -> Marks {
        Marks {
            keyword: self.keyword.clone(),
            deleted: !self.wire.state.can("MOVE") && !self.wire.state.can("UIDPLUS"),
        }
    }
}

impl Mailbox for ImapMailbox {
    fn notes(&mut self) -> Vec<String> {
        if let Some(session) = &mut self.session {
            let alerts = std::mem::take(&mut session.wire.state.alerts);
            self.alerts(alerts);
        }
        std::mem::take(&mut self.notes)
    }

    async fn open(&mut self) -> Result<Opened, MailboxError> {
        let mut session = self.connected().await?;
        let opened = select::select(&mut session.wire, &self.settings.folder).await;
        if opened.is_ok() {
            self.look_around(&mut session);
        }
        self.alerts(std::mem::take(&mut session.wire.state.alerts));
        let opened = opened?;
        session.claim = self.claims(&session.wire)?;
        if self.caution.0 != opened.uid_validity {
            self.caution = (opened.uid_validity, Caution::default());
        }
        self.session = Some(session);
        Ok(opened)
    }

    async fn list(&mut self, after: u32, limit: usize) -> Result<Vec<Listed>, MailboxError> {
        let mut session = self.take()?;
        let listing = Listing {
            marks: session.marks(),
            dates: self.unreadable_lists < UNREADABLE_LISTS_MAX,
            limits: self.settings.limits,
        };
        let result = list::list(&mut session.wire, &listing, after, limit).await;
        match &result {
            Err(Broken::Unreadable(_)) if listing.dates => {
                self.unreadable_lists += 1;
                if self.unreadable_lists == UNREADABLE_LISTS_MAX {
                    self.note(
                        "lists with dates could not be read; dates are not asked for any more"
                            .into(),
                    );
                }
            }
            Ok(_) if listing.dates => self.unreadable_lists = 0,
            _ => {}
        }
        self.settle(session, result)
    }

    async fn fetch(&mut self, wanted: &[Listed]) -> Result<Vec<Fetched>, MailboxError> {
        let mut session = self.take()?;
        let limits = self.settings.limits;
        let caution = &mut self.caution.1;
        let result = fetch::fetch(&mut session.wire, &limits, caution, wanted).await;
        self.settle(session, result)
    }

    async fn claim(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        self.hold(uids, Grip::Free).await
    }

    async fn take_over(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Claim>, MailboxError> {
        self.hold(uids, Grip::Over).await
    }

    async fn traces(&mut self) -> Result<Option<String>, MailboxError> {
        let mut session = self.take()?;
        let filing = &self.settings.filing;
        let looking = traces::Looking {
            marks: session.marks(),
            own: session.claim.clone(),
            folders: [&filing.answered, &filing.forwarded, &filing.quiet]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            limits: self.settings.limits,
        };
        let result = traces::find(&mut session.wire, &looking, &mut session.separator).await;
        self.settle(session, result)
    }

    fn shows(&self, filing: Filing) -> bool {
        let keeps = |session: &Session| session.keyword.is_some();
        self.settings.filing.folder(filing).is_some() || self.session.as_ref().is_some_and(keeps)
    }

    async fn file(&mut self, uids: &[(u32, Filing)]) -> Result<(), MailboxError> {
        let mut session = self.take()?;
        let mut cabinet = Cabinet {
            rules: &self.settings.filing,
            keyword: session.keyword.as_deref(),
            count_max: self.settings.limits.file_count_max,
            separator: &mut session.separator,
        };
        let result = file::file(&mut session.wire, &mut cabinet, uids).await;
        self.settle(session, result)
    }

    async fn wait(&mut self, poll_s: u64) -> Result<Woken, MailboxError> {
        let mut session = self.take()?;
        let limits = self.settings.limits;
        let woken = idle::wait(
            &mut session.wire,
            &limits,
            &mut session.idle_refused,
            poll_s,
        )
        .await;
        self.settle(session, Ok(woken))
    }

    async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.wire.logout().await;
        }
    }
}
