//! Which messages there are, in bounded windows of UIDs (RFC 9051, 6.4.9).
//!
//! # Decisions
//! No SEARCH: its answer is one line of any length, and the parser reads it again with every packet. FETCH of windows
//! needs no more memory for a million mails than for a thousand. A window without messages doubles, so that wide gaps in
//! the UIDs do not take thousands of commands; it stays bounded, so that no answer exceeds its allowance.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use imap_proto::AttributeValue;
use imap_proto::Response;

use crate::clock::Timestamp;
use crate::mailbox::Listed;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Allowance;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Verdict;

/// The widest window; at about 130 octets a message well within [`LIST_BYTES_MAX`].
pub(super) const WINDOW_MAX: u32 = 200_000;
/// Octets in the answer to one window.
pub(super) const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What marks a message as handled.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// Our keyword, where the server keeps keywords.
    pub(super) keyword: Option<String>,
    /// `\Deleted` is ours too: where neither MOVE nor UIDPLUS exists, a copied mail stays with it.
    pub(super) deleted: bool,
}

/// How to list.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) marks: Marks,
    /// INTERNALDATE is asked for, too.
    pub(super) dates: bool,
    pub(super) limits: ImapLimits,
}

/// Lists messages with a UID greater than `after`, ascending, at most `limit`.
pub(super) async fn list(
    wire: &mut Wire,
    listing: &Listing,
    after: u32,
    limit: usize,
) -> Result<Result<Vec<Listed>, MailboxError>, Broken> {
    let mut found: BTreeMap<u32, Listed> = BTreeMap::new();
    if limit == 0 || wire.state.exists == 0 {
        return Ok(Ok(Vec::new()));
    }
    if wire.state.uid_next.is_none()
        && let Err(refused) = learn_uid_next(wire).await?
    {
        return Ok(Err(refused));
    }
    let base = listing.limits.list_window.clamp(1, WINDOW_MAX);
    let mut window = base;
    let mut next = after.checked_add(1);
    while let Some(first) = next.filter(|_| found.len() < limit) {
        let known = wire.state.uid_next.unwrap_or(0).max(1);
        let last = first.saturating_add(window - 1);
        // Beyond what is known the window is open: mails that came since SELECT.
        let open = last >= known - 1;
        let (set, end) = match (open, first < known) {
            (false, _) => (format!("{first}:{last}"), Some(last)),
            // Two windows, so that the open one cannot turn into everything.
            (true, true) => (format!("{first}:{}", known - 1), Some(known - 1)),
            (true, false) => (format!("{first}:*"), None),
        };
        let range = first..=end.unwrap_or(u32::MAX);
        let before = found.len();
        let command = if listing.dates {
            format!("UID FETCH {set} (UID FLAGS INTERNALDATE RFC822.SIZE)")
        } else {
            format!("UID FETCH {set} (UID FLAGS RFC822.SIZE)")
        };
        let allowance = Allowance {
            time: Duration::from_millis(listing.limits.fetch_ms),
            bytes: LIST_BYTES_MAX,
            literal_bytes: 1024,
        };
        let reply = wire
            .run(&command, allowance, |response| {
                note(response, &listing.marks, range.clone(), limit, &mut found);
            })
            .await?;
        if reply.verdict != Verdict::Ok {
            return Ok(Err(reply.unread("FETCH")));
        }
        let highest = found.last_key_value().map_or(0, |(uid, _)| *uid);
        wire.state.uid_next = wire
            .state
            .uid_next
            .map(|told| told.max(highest.saturating_add(1)));
        window = if found.len() == before {
            window.saturating_mul(2).min(WINDOW_MAX)
        } else {
            base
        };
        next = end.and_then(|end| end.checked_add(1));
    }
    Ok(Ok(found.into_values().collect()))
}

/// Asks for the highest UID, where SELECT did not tell UIDNEXT; without it nothing could be bounded.
async fn learn_uid_next(wire: &mut Wire) -> Result<Result<(), MailboxError>, Broken> {
    let mut highest = 0;
    let allowance = wire.ordinary();
    let reply = wire
        .run("UID FETCH * (UID)", allowance, |response| {
            if let Response::Fetch(_, attributes) = response {
                for attribute in attributes {
                    if let AttributeValue::Uid(uid) = attribute {
                        highest = highest.max(*uid);
                    }
                }
            }
        })
        .await?;
    wire.state.uid_next = Some(highest.saturating_add(1));
    Ok(reply.ok("FETCH"))
}

/// Keeps the lowest `limit` of what is told; an answer may come in pieces, out of order, and unasked.
fn note(
    response: &Response<'_>,
    marks: &Marks,
    window: RangeInclusive<u32>,
    limit: usize,
    found: &mut BTreeMap<u32, Listed>,
) {
    let Response::Fetch(_, attributes) = response else {
        return;
    };
    let uid = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    });
    // `n:*` always has the last message in it, even if its UID is less than n. And a mail that is told unasked, from far
    // above a window that ends, must not stand for those between.
    let Some(uid) = uid.filter(|uid| window.contains(uid)) else {
        return;
    };
    let full = found.len() >= limit;
    if full && found.last_key_value().is_some_and(|(last, _)| uid > *last) {
        return;
    }
    let listed = found.entry(uid).or_insert(Listed {
        uid,
        size: 0,
        received: None,
        handled: false,
    });
    for attribute in attributes {
        match attribute {
            AttributeValue::Rfc822Size(size) => listed.size = *size,
            AttributeValue::Flags(flags) => {
                listed.handled = flags.iter().any(|flag| marks.marked(flag));
            }
            AttributeValue::InternalDate(date) => listed.received = internal_date(date),
            _ => {}
        }
    }
    if found.len() > limit {
        found.pop_last();
    }
}

impl Marks {
    pub(super) fn marked(&self, flag: &str) -> bool {
        self.keyword
            .as_ref()
            .is_some_and(|keyword| flag.eq_ignore_ascii_case(keyword))
            || (self.deleted && flag.eq_ignore_ascii_case("\\Deleted"))
    }
}

/// Reads a date as IMAP writes it: `17-Jul-1996 02:44:25 -0700` (RFC 9051, 9: date-time).
fn internal_date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    Some(Timestamp(parsed.to_timestamp().ok()?.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_are_read_with_their_offset() {
        assert_eq!(
            internal_date("17-Jul-1996 02:44:25 -0700"),
            Some(Timestamp(837_596_665))
        );
        assert_eq!(
            internal_date(" 1-Jan-1970 00:00:00 +0000"),
            Some(Timestamp(0))
        );
        for bad in [
            "",
            "NIL",
            "99-Jul-1996 02:44:25 -0700",
            "17-Jul-1996",
            "\u{fffd}",
        ] {
            assert_eq!(internal_date(bad), None, "{bad}");
        }
    }
}
