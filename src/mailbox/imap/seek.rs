//! Looking for one mail by its Message-ID, wherever it was filed.
//!
//! # Decisions
//! - On a connection of its own, folder by folder, read-only (RFC 9051, 6.3.3: EXAMINE): the loop that reads the mailbox is
//!   not disturbed, and nothing is marked as read.
//! - SEARCH is asked here and nowhere else (`list.rs` says why not there): for one Message-ID the answer is short, and one
//!   that is not is cut off.

use std::time::Duration;

use imap_proto::MailboxDatum;
use imap_proto::Response;

use crate::mailbox::Fetched;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Allowance;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::fetch;
use crate::mailbox::imap::fetch::Caution;
use crate::mailbox::imap::file::in_the_servers_words;
use crate::mailbox::imap::list;
use crate::mailbox::imap::list::Listing;
use crate::mailbox::imap::list::Marks;
use crate::mailbox::imap::names::quoted;
use crate::mailbox::imap::names::quoted_folder;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::Verdict;
use crate::message::id::MessageId;

/// Octets in the answer to a search: some thousand UIDs, where one is expected.
const FOUND_BYTES_MAX: u64 = 64 * 1024;

/// Looks through `folders` in their order; returns the newest copy in the first folder that has one.
pub(super) async fn seek(
    wire: &mut Wire,
    folders: &[String],
    limits: &ImapLimits,
    id: &MessageId,
) -> Result<Result<Option<Fetched>, MailboxError>, Broken> {
    let mut separator = None;
    for folder in folders {
        let name = in_the_servers_words(wire, &mut separator, folder).await?;
        match in_folder(wire, &name, limits, id).await? {
            Ok(None) => {}
            found => return Ok(found),
        }
    }
    Ok(Ok(None))
}

async fn in_folder(
    wire: &mut Wire,
    folder: &str,
    limits: &ImapLimits,
    id: &MessageId,
) -> Result<Result<Option<Fetched>, MailboxError>, Broken> {
    let name = match quoted_folder(folder) {
        Ok(name) => name,
        Err(why) => return Ok(Err(MailboxError::Unfit(why))),
    };
    wire.state.deselect();
    let reply = wire.simple(&format!("EXAMINE {name}")).await?;
    match reply.verdict {
        Verdict::Ok => {}
        // A folder that nothing was filed into yet is not there.
        Verdict::No if !reply.temporary() => return Ok(Ok(None)),
        Verdict::No | Verdict::Bad => return Ok(Err(reply.unread("EXAMINE"))),
    }
    wire.state.selected = true;
    let (reply, uid) = search(wire, limits, id).await?;
    if reply.verdict != Verdict::Ok {
        return Ok(Err(reply.unread("SEARCH")));
    }
    let Some(before) = uid.and_then(|uid| uid.checked_sub(1)) else {
        return Ok(Ok(None));
    };
    let listing = Listing {
        marks: Marks::default(),
        dates: false,
        limits: *limits,
    };
    let listed = match list::list(wire, &listing, before, 1).await? {
        Ok(listed) => listed,
        Err(refused) => return Ok(Err(refused)),
    };
    let wanted: Vec<_> = listed.into_iter().filter(|l| Some(l.uid) == uid).collect();
    let fetched = fetch::fetch(wire, limits, &mut Caution::default(), &wanted).await?;
    Ok(fetched.map(|mut fetched| fetched.pop()))
}

/// Asks for the UIDs of the mails with that Message-ID; returns the highest.
async fn search(
    wire: &mut Wire,
    limits: &ImapLimits,
    id: &MessageId,
) -> Result<(Reply, Option<u32>), Broken> {
    let command = format!("UID SEARCH HEADER Message-ID {}", quoted(id.as_str()));
    let allowance = Allowance {
        time: Duration::from_millis(limits.fetch_ms),
        bytes: FOUND_BYTES_MAX,
        literal_bytes: 0,
    };
    let mut newest = None;
    let reply = wire
        .run(&command, allowance, |response| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                newest = newest.max(uids.iter().copied().max());
            }
        })
        .await?;
    Ok((reply, newest))
}
