//! Whose a mail is: claimed before it is handled, left alone when it is another's, taken over when that one is dead.
//!
//! # Decisions
//! - A mail with another's claim gets no final state, but a durable place among those that wait; the cursor passes it.
//! - What ends the waiting: it is gone or marked as handled (the other has done it); the claim is gone (the other has let
//!   it go, before deciding anything: it is news); or `claim_wait` is over: the other is dead, or cannot file it away. Then
//!   nobody knows whether it was answered, so a person gets it and no machine answers it.
//! - A first look at a mailbox that others have handled is refused: whoever knows nothing must not answer.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::daemon::blocking;
use crate::daemon::intake::End;
use crate::daemon::intake::Intake;
use crate::daemon::intake::LIST_MAX;
use crate::daemon::intake::Manner;
use crate::daemon::intake::unless;
use crate::daemon::work::Silence;
use crate::mailbox::Claim;
use crate::mailbox::Listed;
use crate::mailbox::Mailbox;
use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::resume::Gate;

/// Mails that wait are looked after in pieces of so many.
const WAITING_MAX: usize = 1_000;
/// An answer that comes later than this after the mail is of no use to anybody.
const REPLY_USE_S: i64 = 86_400;

const TAKEN_OVER: Silence = Silence {
    rule: "claimed",
    says: "it was claimed by another mailclerk or by an earlier store, which may have answered it; so a person gets it, unanswered",
};
const LATE: Silence = Silence {
    rule: "late",
    says: "it was found by reconciliation, too late for an automatic answer",
};
/// The final state of a mail that another claimed, when it is not there any more.
pub(in crate::daemon) const TAKEN_AWAY: &str =
    "was claimed by another mailclerk, and is not there any more";
const HANDLED_ELSEWHERE: &str = "was claimed and handled by another mailclerk";
const HANDLED_BEFORE: &str = "was handled before this store was accepted in place of a newer one";

/// A group, by whose its mails are.
pub(super) struct Share {
    /// To be fetched and handled.
    pub(super) ours: Vec<Listed>,
    /// Not there any more.
    pub(super) gone: Vec<Listed>,
    /// Left as they are, for good.
    pub(super) skipped: Vec<(Listed, &'static str)>,
    /// Another's.
    pub(super) waiting: Vec<u32>,
    /// When the claims were made, by both clocks: one does not run while the machine sleeps, the other may jump.
    at: (Instant, Timestamp),
}

impl<M: Mailbox> Intake<M> {
    /// Refuses a mailbox of which the store knows nothing and others know something, unless an operator accepted it.
    pub(super) async fn refuse_anothers_mailbox(&mut self) -> Result<(), End> {
        if (self.part.upkeep.accepted)(&self.shared.store).is_some() {
            return Ok(());
        }
        let traces = unless(&self.shared.stop, self.part.mailbox.traces()).await??;
        let Some(trace) = traces else {
            return Ok(());
        };
        Err(MailboxError::Unfit(format!(
            "this store knows nothing of the mailbox, but {trace}: another store has handled its mail; nothing is sent or moved, because answered mails would be answered again; restore that store, or, when there is none, have this one go on with `mailclerk store accept`"
        ))
        .into())
    }

    /// Claims what is to be handled of a group.
    pub(super) async fn claim(
        &mut self,
        opened: &Opened,
        listed: &[Listed],
        gate: Option<Gate>,
        manner: &Manner,
    ) -> Result<Share, End> {
        let accepted = (self.part.upkeep.accepted)(&self.shared.store);
        let mut share = Share {
            ours: Vec::new(),
            gone: Vec::new(),
            skipped: Vec::new(),
            waiting: Vec::new(),
            at: (Instant::now(), self.shared.clock.now()),
        };
        let mut wanted = Vec::new();
        for mail in listed {
            let before = accepted.is_some_and(|a| mail.received.is_some_and(|r| r < a));
            match gate.and_then(|g| g.holds(opened.uid_validity, mail)) {
                Some(why) => share.skipped.push((mail.clone(), why)),
                None if before && mail.handled => {
                    share.skipped.push((mail.clone(), HANDLED_BEFORE));
                }
                None => wanted.push(mail.clone()),
            }
        }
        if wanted.is_empty() {
            return Ok(share);
        }
        let uids: Vec<u32> = wanted.iter().map(|l| l.uid).collect();
        let mailbox = &mut self.part.mailbox;
        let claims = if matches!(manner, Manner::Over) {
            unless(&self.shared.stop, mailbox.take_over(&uids)).await??
        } else {
            unless(&self.shared.stop, mailbox.claim(&uids)).await??
        };
        for mail in wanted {
            match claims.get(&mail.uid) {
                Some(Claim::Ours) => share.ours.push(mail),
                Some(Claim::Handled) => share.skipped.push((mail, HANDLED_ELSEWHERE)),
                Some(Claim::Foreign) => share.waiting.push(mail.uid),
                Some(Claim::Gone) | None if matches!(manner, Manner::Late | Manner::Over) => {
                    share.skipped.push((mail, TAKEN_AWAY));
                }
                Some(Claim::Gone) | None => share.gone.push(mail),
            }
        }
        self.tell(&share, manner);
        Ok(share)
    }

    fn tell(&self, share: &Share, manner: &Manner) {
        let mailbox = &self.part.office.mailbox;
        if matches!(manner, Manner::News) && !share.waiting.is_empty() {
            tracing::warn!(
                mailbox,
                mails = share.waiting.len(),
                wait_s = self.part.upkeep.claim_wait_s,
                "claimed by another mailclerk: left to it"
            );
        }
        if matches!(manner, Manner::Over) && !share.ours.is_empty() {
            tracing::warn!(
                mailbox,
                mails = share.ours.len(),
                "claimed by another mailclerk and left lying: a person gets them, unanswered"
            );
        }
    }

    /// Refuses to go on with claims that others may have given up respecting.
    pub(super) fn still_claimed(&self, share: &Share) -> Result<(), End> {
        let most = self.part.upkeep.claim_wait_s / 2;
        let (instant, time) = share.at;
        let slept = self.shared.clock.now().since_s(time);
        if instant.elapsed().as_secs() <= most && u64::try_from(slept).is_ok_and(|s| s <= most) {
            return Ok(());
        }
        // A clock that jumped costs a round, no more.
        let why = "fetching took so long that the claims are made anew";
        Err(MailboxError::Lost(why.to_owned()).into())
    }

    /// Which of these mails no machine answers.
    pub(super) fn silent(&self, mails: &[Listed], manner: &Manner) -> BTreeMap<u32, Silence> {
        let late = self.shared.clock.now().plus_s(-REPLY_USE_S);
        let silence = |mail: &Listed| match manner {
            Manner::News | Manner::Late => None,
            Manner::Over => Some(TAKEN_OVER),
            Manner::Gap(_) => mail.received.is_none_or(|r| r < late).then_some(LATE),
        };
        let told = mails.iter().filter_map(|m| Some((m.uid, silence(m)?)));
        told.collect()
    }

    /// Looks after the mails that others have claimed.
    pub(super) async fn look_after_waiting(
        &mut self,
        opened: &Opened,
        gate: Option<Gate>,
    ) -> Result<(), End> {
        let (store, name, validity) = (
            self.shared.store.clone(),
            self.part.office.mailbox.clone(),
            opened.uid_validity,
        );
        let waiting = blocking(move || store.waiting(&name, validity, WAITING_MAX)).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let wait_s = i64::try_from(self.part.upkeep.claim_wait_s).unwrap_or(i64::MAX);
        // A moment in the future is a clock that was set back: that must not make a mail wait for years.
        let over = |since: Timestamp| now < since || now.since_s(since) >= wait_s;
        let since: BTreeMap<u32, Timestamp> = waiting.into_iter().collect();
        let uids: Vec<u32> = since.keys().copied().collect();
        let mut mails = self.find(&uids).await?;
        for uid in uids {
            // One that is gone needs its final state, too; it is not behind the gate.
            mails.entry(uid).or_insert_with(|| Listed {
                uid,
                size: 0,
                received: Some(now),
                handled: false,
            });
        }
        let (late, left): (Vec<Listed>, Vec<Listed>) = mails
            .into_values()
            .partition(|mail| since.get(&mail.uid).is_some_and(|s| over(*s)));
        self.take_in(opened, &left, gate, &Manner::Late).await?;
        self.take_in(opened, &late, gate, &Manner::Over).await
    }

    /// Lists these mails; those that are gone are missing.
    async fn find(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Listed>, End> {
        let mut found = BTreeMap::new();
        let mut next = uids.first().copied();
        while let Some(uid) = next {
            let after = uid.saturating_sub(1);
            let listed =
                unless(&self.shared.stop, self.part.mailbox.list(after, LIST_MAX)).await??;
            let Some(last) = listed.last().map(|l| l.uid) else {
                break;
            };
            let wanted = listed
                .into_iter()
                .filter(|l| uids.binary_search(&l.uid).is_ok());
            found.extend(wanted.map(|l| (l.uid, l)));
            next = uids.iter().copied().find(|u| *u > last);
        }
        Ok(found)
    }
}
