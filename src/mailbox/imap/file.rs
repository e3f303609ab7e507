//! Filing handled mails away: MOVE, or its steps where there is no MOVE (RFC 6851, 3.3), or a keyword.
//!
//! # Decisions
//! - Every step may be repeated: UIDs that are gone are ignored by the server, a flag may be set twice. The one trace of a
//!   connection that dies between COPY and EXPUNGE is a second copy in the target folder.
//! - Without UIDPLUS nothing is expunged: EXPUNGE takes everything that anyone has marked. The original stays, marked as
//!   `\Deleted`, which [`super::list`] then reads as handled.
//! - Never `\Seen`: what a person has read is the person's.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use imap_proto::MailboxDatum;
use imap_proto::Response;

use crate::mailbox::Filing;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::names::quoted_folder;
use crate::mailbox::imap::names::uid_set;
use crate::mailbox::imap::settings::FilingRules;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::Verdict;

/// Tries at a set of which another client is taking mails away.
const EXPUNGED_TRIES_MAX: usize = 3;

/// How handled mails are filed in this session.
#[derive(Debug)]
pub(super) struct Cabinet<'a> {
    pub(super) rules: &'a FilingRules,
    /// The keyword, where the server keeps it.
    pub(super) keyword: Option<&'a str>,
    /// Mails by one command.
    pub(super) count_max: usize,
    /// What stands between a folder and its child at this server, once it was asked.
    pub(super) separator: &'a mut Option<String>,
}

/// Files `uids`. A refusal for one folder does not keep the others from being filed; the first one is returned.
pub(super) async fn file(
    wire: &mut Wire,
    cabinet: &mut Cabinet<'_>,
    uids: &[(u32, Filing)],
) -> Result<Result<(), MailboxError>, Broken> {
    let mut moved: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut kept: BTreeSet<u32> = BTreeSet::new();
    for &(uid, filing) in uids.iter().filter(|(uid, _)| *uid != 0) {
        match cabinet.rules.folder(filing) {
            Some(folder) => moved.entry(folder).or_default().insert(uid),
            None => kept.insert(uid),
        };
    }
    let count_max = cabinet.count_max.clamp(1, 500);
    let mut first_refusal = Ok(());
    for (folder, uids) in moved {
        let uids: Vec<u32> = uids.into_iter().collect();
        for set in uids.chunks(count_max) {
            let done = move_set(wire, cabinet, folder, &uid_set(set)).await?;
            let refused = done.is_err();
            first_refusal = first_refusal.and(done);
            if refused {
                // The rest of this folder would be refused the same way.
                break;
            }
        }
    }
    if let Some(keyword) = cabinet.keyword {
        let kept: Vec<u32> = kept.into_iter().collect();
        for set in kept.chunks(count_max) {
            let done = add_flags(wire, &uid_set(set), keyword).await?;
            first_refusal = first_refusal.and(done);
        }
    }
    Ok(first_refusal)
}

async fn move_set(
    wire: &mut Wire,
    cabinet: &mut Cabinet<'_>,
    folder: &str,
    set: &str,
) -> Result<Result<(), MailboxError>, Broken> {
    let folder = &in_the_servers_words(wire, cabinet.separator, folder).await?;
    let name = match quoted_folder(folder) {
        Ok(name) => name,
        Err(why) => return Ok(Err(MailboxError::Unfit(why))),
    };
    let (verb, command) = if wire.state.can("MOVE") {
        ("MOVE", format!("UID MOVE {set} {name}"))
    } else {
        ("COPY", format!("UID COPY {set} {name}"))
    };
    let mut reply = wire.simple(&command).await?;
    if may_be_missing(&reply) {
        // Not every server says TRYCREATE. Creating a folder that exists is refused and changes nothing. It is tried in
        // every round: people remove folders, and what forbids one may pass, while a session lasts for weeks.
        let created = wire.simple(&format!("CREATE {name}")).await?;
        if created.verdict == Verdict::Ok {
            // So that people see the folder; that it fails does not matter.
            wire.simple(&format!("SUBSCRIBE {name}")).await?;
            reply = wire.simple(&command).await?;
        }
    }
    for _ in 0..EXPUNGED_TRIES_MAX {
        if !reply.is("EXPUNGEISSUED") {
            break;
        }
        // Another client took some of them away, and nothing was done. After a NOOP the server knows which (RFC 5530, 3).
        wire.simple("NOOP").await?;
        reply = wire.simple(&command).await?;
    }
    if let Err(refused) = reply.ok(verb) {
        return Ok(Err(refused));
    }
    if verb == "MOVE" {
        return Ok(Ok(()));
    }
    let flags = match cabinet.keyword {
        Some(keyword) => format!("\\Deleted {keyword}"),
        None => "\\Deleted".to_owned(),
    };
    if let Err(refused) = add_flags(wire, set, &flags).await? {
        return Ok(Err(refused));
    }
    if wire.state.can("UIDPLUS") {
        return Ok(wire
            .simple(&format!("UID EXPUNGE {set}"))
            .await?
            .ok("EXPUNGE"));
    }
    Ok(Ok(()))
}

/// Puts the server's own separator for `/`, which is what people write (RFC 9051, 6.3.9: LIST with an empty name tells it).
pub(super) async fn in_the_servers_words(
    wire: &mut Wire,
    separator: &mut Option<String>,
    folder: &str,
) -> Result<String, Broken> {
    if !folder.contains('/') {
        return Ok(folder.to_owned());
    }
    if separator.is_none() {
        let mut told = None;
        let allowance = wire.ordinary();
        wire.run("LIST \"\" \"\"", allowance, |response| {
            if let Response::MailboxData(MailboxDatum::List(name)) = response {
                told = name.delimiter.as_ref().map(ToString::to_string);
            }
        })
        .await?;
        *separator = Some(told.unwrap_or_else(|| "/".to_owned()));
    }
    let separator = separator.as_deref().unwrap_or("/");
    Ok(folder.replace('/', separator))
}

/// Returns whether the target may be missing; a full mailbox or a server in trouble is something else (RFC 5530, 3).
fn may_be_missing(reply: &Reply) -> bool {
    reply.verdict == Verdict::No
        && !reply.temporary()
        && !reply.is("OVERQUOTA")
        && !reply.is("NOPERM")
        && !reply.is("EXPUNGEISSUED")
}

async fn add_flags(
    wire: &mut Wire,
    set: &str,
    flags: &str,
) -> Result<Result<(), MailboxError>, Broken> {
    let command = format!("UID STORE {set} +FLAGS.SILENT ({flags})");
    Ok(wire.simple(&command).await?.ok("STORE"))
}
