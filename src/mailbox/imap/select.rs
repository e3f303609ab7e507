//! Opening the watched folder: what is told by SELECT, and what makes a folder unfit (RFC 9051, 6.3.2; RFC 4315, 3).

use imap_proto::MailboxDatum;
use imap_proto::Response;
use imap_proto::StatusAttribute;

use crate::mailbox::MailboxError;
use crate::mailbox::Opened;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::names::quoted_folder;
use crate::mailbox::imap::state::Verdict;

/// Selects `folder`.
pub(super) async fn select(wire: &mut Wire, folder: &str) -> Result<Opened, MailboxError> {
    let name = quoted_folder(folder).map_err(MailboxError::Unfit)?;
    wire.state.deselect();
    let reply = wire.simple(&format!("SELECT {name}")).await?;
    match reply.verdict {
        Verdict::Ok => {}
        Verdict::No if reply.temporary() => {
            return Err(MailboxError::Lost(format!(
                "{folder:?} cannot be opened now: {}",
                reply.text
            )));
        }
        Verdict::No | Verdict::Bad => {
            return Err(MailboxError::Unfit(format!(
                "the folder {folder:?} cannot be opened: {}",
                reply.text
            )));
        }
    }
    if wire.state.read_only || reply.is("READ-ONLY") {
        return Err(MailboxError::Unfit(format!(
            "the folder {folder:?} is read-only: handled mails could not be filed; give this user the right to write"
        )));
    }
    if wire.state.uid_not_sticky || reply.is("UIDNOTSTICKY") {
        return Err(MailboxError::Unfit(format!(
            "the folder {folder:?} does not keep its UIDs (UIDNOTSTICKY): mails could not be told apart"
        )));
    }
    let Some(uid_validity) = wire.state.uid_validity.filter(|validity| *validity != 0) else {
        return Err(MailboxError::Unfit(format!(
            "the folder {folder:?} has no UIDVALIDITY"
        )));
    };
    if wire.state.uid_next.is_none() {
        ask_uid_next(wire, &name).await?;
    }
    wire.state.selected = true;
    // What was there at SELECT is listed anyway.
    wire.state.news = false;
    Ok(Opened {
        uid_validity,
        uid_next: wire.state.uid_next,
        exists: wire.state.exists,
    })
}

/// Asks for UIDNEXT, which some servers tell by STATUS alone (RFC 9051, 6.3.11). Without it nobody could tell which mails
/// were there before the first start.
async fn ask_uid_next(wire: &mut Wire, name: &str) -> Result<(), MailboxError> {
    let mut told = None;
    let allowance = wire.ordinary();
    let command = format!("STATUS {name} (UIDNEXT)");
    let reply = wire
        .run(&command, allowance, |response| {
            if let Response::MailboxData(MailboxDatum::Status { status, .. }) = response {
                told = status.iter().find_map(|attribute| match attribute {
                    StatusAttribute::UidNext(next) => Some(*next),
                    _ => None,
                });
            }
        })
        .await?;
    if reply.verdict == Verdict::Ok {
        wire.state.uid_next = told;
    }
    Ok(())
}

/// Returns whether the server keeps `keyword` for good (RFC 9051, 7.1: PERMANENTFLAGS).
pub(super) fn keeps(wire: &Wire, keyword: &str) -> bool {
    // Without the code all flags are permanent, but whether new keywords may be made is not said: then no.
    wire.state.permanent_flags.as_ref().is_some_and(|flags| {
        flags
            .iter()
            .any(|flag| flag == "\\*" || flag.eq_ignore_ascii_case(keyword))
    })
}
