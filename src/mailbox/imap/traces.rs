//! By what a mailbox shows that another store has handled mail of it: folders that are not empty, and keywords.

use std::ops::RangeInclusive;
use std::time::Duration;

use imap_proto::AttributeValue;
use imap_proto::MailboxDatum;
use imap_proto::Response;
use imap_proto::StatusAttribute;

use crate::mailbox::MailboxError;
use crate::mailbox::imap::claim::is_foreign;
use crate::mailbox::imap::command::Allowance;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::file::in_the_servers_words;
use crate::mailbox::imap::list::LIST_BYTES_MAX;
use crate::mailbox::imap::list::Marks;
use crate::mailbox::imap::list::WINDOW_MAX;
use crate::mailbox::imap::names::quoted_folder;
use crate::mailbox::imap::names::said;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Verdict;

/// Where to look, and for what.
#[derive(Debug, Clone)]
pub(super) struct Looking {
    /// What marks a mail as handled.
    pub(super) marks: Marks,
    /// The keyword of our own claims.
    pub(super) own: Option<String>,
    /// The folders of handled mails.
    pub(super) folders: Vec<String>,
    pub(super) limits: ImapLimits,
}

/// Finds the first trace; a sentence's part, such as `12 mails lie in Mailclerk/Answered`.
pub(super) async fn find(
    wire: &mut Wire,
    looking: &Looking,
    separator: &mut Option<String>,
) -> Result<Result<Option<String>, MailboxError>, Broken> {
    for folder in &looking.folders {
        let name = in_the_servers_words(wire, separator, folder).await?;
        let count = match count(wire, &name).await? {
            Ok(count) => count,
            Err(refused) => return Ok(Err(refused)),
        };
        if count > 0 {
            return Ok(Ok(Some(format!("{count} mails lie in {folder}"))));
        }
    }
    keywords(wire, looking).await
}

/// How many mails lie in a folder; none where there is no such folder.
async fn count(wire: &mut Wire, folder: &str) -> Result<Result<u32, MailboxError>, Broken> {
    let name = match quoted_folder(folder) {
        Ok(name) => name,
        Err(why) => return Ok(Err(MailboxError::Unfit(why))),
    };
    let mut found = 0;
    let allowance = wire.ordinary();
    let reply = wire
        .run(
            &format!("STATUS {name} (MESSAGES)"),
            allowance,
            |response| {
                if let Response::MailboxData(MailboxDatum::Status { status, .. }) = response {
                    for attribute in status {
                        if let StatusAttribute::Messages(messages) = attribute {
                            found = *messages;
                        }
                    }
                }
            },
        )
        .await?;
    Ok(match reply.verdict {
        Verdict::Ok => Ok(found),
        // A server in trouble does not say that there is no such folder.
        Verdict::No if !reply.temporary() => Ok(0),
        Verdict::No | Verdict::Bad => Err(reply.unread("STATUS")),
    })
}

/// Looks through the flags of the watched folder, in windows of UIDs.
async fn keywords(
    wire: &mut Wire,
    looking: &Looking,
) -> Result<Result<Option<String>, MailboxError>, Broken> {
    if wire.state.exists == 0 {
        return Ok(Ok(None));
    }
    let base = looking.limits.list_window.clamp(1, WINDOW_MAX);
    let mut found: Option<(u32, String)> = None;
    let mut window = base;
    // Without UIDNEXT all is one window; an answer that is too large ends the connection, and nothing is sent.
    let last = wire.state.uid_next.map_or(u32::MAX, |next| next.max(2) - 1);
    let mut next = Some(1_u32);
    while let Some(first) = next.filter(|first| *first <= last && found.is_none()) {
        let end = match wire.state.uid_next {
            Some(_) => first.saturating_add(window - 1).min(last),
            None => u32::MAX,
        };
        let set = if end == u32::MAX {
            format!("{first}:*")
        } else {
            format!("{first}:{end}")
        };
        let allowance = Allowance {
            time: Duration::from_millis(looking.limits.fetch_ms),
            bytes: LIST_BYTES_MAX,
            literal_bytes: 1024,
        };
        let mut any = false;
        let reply = wire
            .run(
                &format!("UID FETCH {set} (UID FLAGS)"),
                allowance,
                |response| {
                    any |= note(response, looking, first..=end, &mut found);
                },
            )
            .await?;
        if reply.verdict != Verdict::Ok {
            return Ok(Err(reply.unread("FETCH")));
        }
        window = if any {
            base
        } else {
            window.saturating_mul(2).min(WINDOW_MAX)
        };
        next = end.checked_add(1);
    }
    Ok(Ok(found.map(|(uid, flag)| {
        format!(
            "the mail with UID {uid} carries the keyword {}",
            said(&flag)
        )
    })))
}

/// Keeps the first trace; returns whether a mail was told at all.
fn note(
    response: &Response<'_>,
    looking: &Looking,
    window: RangeInclusive<u32>,
    found: &mut Option<(u32, String)>,
) -> bool {
    let Response::Fetch(_, attributes) = response else {
        return false;
    };
    let uid = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    });
    let Some(uid) = uid.filter(|uid| window.contains(uid)) else {
        return false;
    };
    let flags = attributes.iter().filter_map(|attribute| match attribute {
        AttributeValue::Flags(flags) => Some(flags),
        _ => None,
    });
    // What a person deleted, with a server without MOVE, is no trace of ours.
    let marks = Marks {
        deleted: false,
        ..looking.marks.clone()
    };
    let trace = flags
        .flatten()
        .find(|flag| marks.marked(flag) || is_foreign(flag, looking.own.as_deref()));
    if let (None, Some(flag)) = (&found, trace) {
        *found = Some((uid, flag.to_string()));
    }
    true
}
