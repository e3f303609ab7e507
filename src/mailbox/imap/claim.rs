//! Claims: a keyword on each mail says which store handles it, so that of two daemons one does (RFC 7162, 3.1.3).
//!
//! # Decisions
//! - With CONDSTORE the server decides: STORE UNCHANGEDSINCE the greatest MODSEQ that was just read. Any later change of
//!   a mail, another's claim among them, has a greater one (RFC 7162, 3.1.2); such mails come back in MODIFIED, are looked
//!   at again, and are tried a few times, as it may only have been a person who read the mail.
//! - Without it: put the claim, then look. Whoever sees another's claim beside its own takes its own back and yields. Of
//!   two that do so at once both may yield, never both win: the one that looks last sees the other.
//! - A claim is taken away only by its owner, before it has decided anything. So a mail without a foreign claim was
//!   handled by nobody else, and one that is taken over keeps the old claim beside ours: should we die before the commit,
//!   it is a foreign one again at the next start.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use imap_proto::AttributeValue;
use imap_proto::Response;

use crate::mailbox::Claim;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::list::Marks;
use crate::mailbox::imap::names::uid_set;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::Verdict;

/// What the keywords of all claims begin with.
const PREFIX: &str = "mailclerk-";
/// Mails by one command.
const CLAIM_MAX: usize = 200;
/// Tries at mails that others changed in between.
const TRIES_MAX: usize = 4;
/// Claims of one mail that are looked at; more are as bad as these.
const FOREIGN_MAX: usize = 8;

/// Who claims.
#[derive(Debug, Clone)]
pub(super) struct Claimant {
    /// The keyword.
    pub(super) keyword: String,
    /// There is no other daemon, says the operator.
    pub(super) alone: bool,
}

impl Claimant {
    pub(super) fn new(instance: &str, alone: bool) -> Self {
        Self {
            keyword: format!("{PREFIX}{instance}"),
            alone,
        }
    }
}

/// How mails are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grip {
    /// Only what nobody else has.
    Free,
    /// Others' claims that are there already do not count.
    Over,
}

/// Returns whether a flag is another's claim.
pub(super) fn is_foreign(flag: &str, own: Option<&str>) -> bool {
    is_claim(flag) && !own.is_some_and(|own| flag.eq_ignore_ascii_case(own))
}

fn is_claim(flag: &str) -> bool {
    let head = flag.get(..PREFIX.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

/// What a mail shows.
#[derive(Debug, Clone, Default)]
struct Shown {
    /// FLAGS were told.
    told: bool,
    ours: bool,
    handled: bool,
    foreign: BTreeSet<String>,
    modseq: u64,
}

/// Claims `uids`; says whose each is.
pub(super) async fn claim(
    wire: &mut Wire,
    keyword: &str,
    marks: &Marks,
    uids: &[u32],
    grip: Grip,
) -> Result<Result<BTreeMap<u32, Claim>, MailboxError>, Broken> {
    let mut found = BTreeMap::new();
    let unique: BTreeSet<u32> = uids.iter().copied().filter(|uid| *uid != 0).collect();
    let unique: Vec<u32> = unique.into_iter().collect();
    for some in unique.chunks(CLAIM_MAX) {
        let errand = Errand {
            keyword,
            marks,
            grip,
        };
        match errand.run(wire, some).await? {
            Ok(part) => found.extend(part),
            Err(refused) => return Ok(Err(refused)),
        }
    }
    Ok(Ok(found))
}

/// One claim of a few mails.
struct Errand<'a> {
    keyword: &'a str,
    marks: &'a Marks,
    grip: Grip,
}

impl Errand<'_> {
    async fn run(
        &self,
        wire: &mut Wire,
        uids: &[u32],
    ) -> Result<Result<BTreeMap<u32, Claim>, MailboxError>, Broken> {
        let mut found: BTreeMap<u32, Claim> = BTreeMap::new();
        let mut open: Vec<u32> = uids.to_vec();
        for _ in 0..TRIES_MAX {
            if open.is_empty() {
                break;
            }
            let (before, reply) = self.look(wire, &open, wire.state.can("CONDSTORE")).await?;
            if reply.verdict != Verdict::Ok {
                return Ok(Err(reply.unread("FETCH")));
            }
            let mut free: BTreeMap<u32, Shown> = BTreeMap::new();
            for uid in &open {
                match before.get(uid).filter(|shown| shown.told) {
                    None => drop(found.insert(*uid, Claim::Gone)),
                    Some(shown) => match self.verdict(shown) {
                        Claim::Ours => drop(free.insert(*uid, shown.clone())),
                        other => drop(found.insert(*uid, other)),
                    },
                }
            }
            open = match self.put(wire, &free, &mut found).await? {
                Ok(changed) => changed,
                Err(refused) => return Ok(Err(refused)),
            };
        }
        // Changed again and again under our hands: another's, for now.
        found.extend(open.into_iter().map(|uid| (uid, Claim::Foreign)));
        Ok(Ok(found))
    }

    /// Whose a mail is that nobody is claiming at this moment.
    fn verdict(&self, shown: &Shown) -> Claim {
        match (shown.foreign.is_empty(), shown.handled) {
            (true, _) => Claim::Ours,
            (false, true) => Claim::Handled,
            (false, false) if self.grip == Grip::Over => Claim::Ours,
            (false, false) => Claim::Foreign,
        }
    }

    /// Reads the flags of `uids`.
    async fn look(
        &self,
        wire: &mut Wire,
        uids: &[u32],
        modseq: bool,
    ) -> Result<(BTreeMap<u32, Shown>, Reply), Broken> {
        let items = if modseq {
            "UID FLAGS MODSEQ"
        } else {
            "UID FLAGS"
        };
        let command = format!("UID FETCH {} ({items})", uid_set(uids));
        self.told(wire, &command, uids).await
    }

    /// Gives a command; returns what it tells of the flags of `uids`.
    async fn told(
        &self,
        wire: &mut Wire,
        command: &str,
        uids: &[u32],
    ) -> Result<(BTreeMap<u32, Shown>, Reply), Broken> {
        let mut shown: BTreeMap<u32, Shown> = BTreeMap::new();
        let allowance = wire.ordinary();
        let reply = wire
            .run(command, allowance, |response| {
                self.note(response, uids, &mut shown);
            })
            .await?;
        Ok((shown, reply))
    }

    fn note(&self, response: &Response<'_>, asked: &[u32], shown: &mut BTreeMap<u32, Shown>) {
        let Response::Fetch(_, attributes) = response else {
            return;
        };
        let uid = attributes.iter().find_map(|attribute| match attribute {
            AttributeValue::Uid(uid) => Some(*uid),
            _ => None,
        });
        let Some(uid) = uid.filter(|uid| asked.binary_search(uid).is_ok()) else {
            return;
        };
        let mail = shown.entry(uid).or_default();
        for attribute in attributes {
            match attribute {
                AttributeValue::Flags(flags) => {
                    mail.told = true;
                    mail.ours = flags.iter().any(|f| f.eq_ignore_ascii_case(self.keyword));
                    mail.handled = flags.iter().any(|f| self.marks.marked(f));
                    let foreign = flags.iter().filter(|f| is_foreign(f, Some(self.keyword)));
                    mail.foreign = foreign
                        .take(FOREIGN_MAX)
                        .map(|f| f.to_ascii_lowercase())
                        .collect();
                }
                AttributeValue::ModSeq(modseq) => mail.modseq = mail.modseq.max(*modseq),
                _ => {}
            }
        }
    }

    /// Puts the claim on what is free; returns what was changed meanwhile and must be looked at again.
    async fn put(
        &self,
        wire: &mut Wire,
        free: &BTreeMap<u32, Shown>,
        found: &mut BTreeMap<u32, Claim>,
    ) -> Result<Result<Vec<u32>, MailboxError>, Broken> {
        let (ours, fresh): (Vec<u32>, Vec<u32>) = free
            .keys()
            .partition(|uid| free.get(uid).is_some_and(|s| s.ours));
        // Without a foreign claim, ours from before a crash stands; beside one, it was a take-over.
        found.extend(ours.into_iter().map(|uid| (uid, Claim::Ours)));
        if fresh.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let known = fresh.iter().filter_map(|uid| free.get(uid));
        let since = known.map(|shown| shown.modseq).max().unwrap_or(0);
        // NOMODSEQ (RFC 7162, 3.1.2.2): the server offers it, but not for this folder.
        let decided = wire.state.can("CONDSTORE") && since > 0;
        let condition = if decided {
            format!(" (UNCHANGEDSINCE {since})")
        } else {
            String::new()
        };
        let set = uid_set(&fresh);
        let command = format!("UID STORE {set}{condition} +FLAGS ({})", self.keyword);
        let (now, reply) = self.told(wire, &command, &fresh).await?;
        let modified = modified(&reply);
        // A NO with MODIFIED has stored the others (RFC 7162, 3.1.3).
        if reply.verdict != Verdict::Ok && modified.is_empty() {
            return Ok(Err(reply.refusal("STORE")));
        }
        let (changed, stored): (Vec<u32>, Vec<u32>) = fresh.into_iter().partition(|uid| {
            modified
                .iter()
                .any(|(from, to)| (*from..=*to).contains(uid))
        });
        // The answer to a conditional STORE shows the flags as they are (RFC 7162, 3.1.3); only what it does not show is
        // asked for.
        let (seen, unseen): (Vec<u32>, Vec<u32>) = stored
            .into_iter()
            .partition(|uid| decided && now.get(uid).is_some_and(|shown| shown.told));
        let yielded = Self::judge(&seen, free, &now, found);
        if let Err(refused) = self.take_back(wire, &yielded).await? {
            return Ok(Err(refused));
        }
        Ok(self
            .confirm(wire, &unseen, free, found)
            .await?
            .map(|()| changed))
    }

    /// Looks whether what was claimed is ours alone; takes the claim back where it is not.
    async fn confirm(
        &self,
        wire: &mut Wire,
        stored: &[u32],
        before: &BTreeMap<u32, Shown>,
        found: &mut BTreeMap<u32, Claim>,
    ) -> Result<Result<(), MailboxError>, Broken> {
        if stored.is_empty() {
            return Ok(Ok(()));
        }
        // What others have done since is told now at the latest (RFC 9051, 6.1.2).
        let allowance = wire.ordinary();
        let reply = wire.run("NOOP", allowance, |_| {}).await?;
        if let Err(refused) = reply.ok("NOOP") {
            return Ok(Err(refused));
        }
        let (after, reply) = self.look(wire, stored, false).await?;
        if reply.verdict != Verdict::Ok {
            return Ok(Err(reply.unread("FETCH")));
        }
        let yielded = Self::judge(stored, before, &after, found);
        self.take_back(wire, &yielded).await
    }

    /// Says whose the mails are after the claim was put on them; returns those on which it must be taken back.
    fn judge(
        stored: &[u32],
        before: &BTreeMap<u32, Shown>,
        after: &BTreeMap<u32, Shown>,
        found: &mut BTreeMap<u32, Claim>,
    ) -> Vec<u32> {
        let mut yielded = Vec::new();
        for uid in stored {
            let Some(shown) = after.get(uid).filter(|shown| shown.told) else {
                found.insert(*uid, Claim::Gone);
                continue;
            };
            let old = before.get(uid).map(|shown| &shown.foreign);
            let is_new = |claim| !old.is_some_and(|old| old.contains(claim));
            if shown.ours && !shown.foreign.iter().any(is_new) {
                found.insert(*uid, Claim::Ours);
                continue;
            }
            found.insert(*uid, Claim::Foreign);
            if shown.ours {
                yielded.push(*uid);
            }
        }
        yielded
    }

    async fn take_back(
        &self,
        wire: &mut Wire,
        uids: &[u32],
    ) -> Result<Result<(), MailboxError>, Broken> {
        if uids.is_empty() {
            return Ok(Ok(()));
        }
        let command = format!(
            "UID STORE {} -FLAGS.SILENT ({})",
            uid_set(uids),
            self.keyword
        );
        Ok(wire.simple(&command).await?.ok("STORE"))
    }
}

/// The UIDs that a conditional STORE has left alone, as ranges.
fn modified(reply: &Reply) -> Vec<(u32, u32)> {
    let text = reply.text.trim_start();
    let Some((code, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return Vec::new();
    };
    let Some((name, set)) = code.split_once(' ') else {
        return Vec::new();
    };
    if !name.eq_ignore_ascii_case("MODIFIED") {
        return Vec::new();
    }
    let ranges = set.trim().split(',').filter_map(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
        Some((from.min(to), from.max(to)))
    });
    ranges.collect()
}
