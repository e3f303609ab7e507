//! The mail that a forward is about: attached, or, where that cannot be, described so that a person finds it.

use crate::clock::Timestamp;
use crate::daemon::letters::Read;
use crate::mailbox::Filing;
use crate::triage::Keeping;
use crate::triage::Office;

/// Returns what is attached to a forward, and the words at its end that say so.
pub(super) fn enclosed(
    read: &Read,
    office: &Office,
    filing: Filing,
    received: Timestamp,
) -> (Option<Vec<u8>>, String) {
    let limit = office.keeping.attachment_bytes_max;
    let bytes = u64::try_from(read.fetched.raw.len()).unwrap_or(u64::MAX);
    let what = if read.fetched.raw.is_empty() {
        "The server did not give this mail to the desk: NOTHING OF IT WAS READ. Look for it yourself:".to_owned()
    } else if read.fetched.truncated {
        format!(
            "The mail is too big: only its first {bytes} octets were read, and it is not attached. It lies whole here:"
        )
    } else if bytes > limit {
        format!(
            "The mail is not attached: it has {bytes} octets, and the desk attaches {limit} at most. It lies whole here:"
        )
    } else {
        return (
            Some(read.fetched.raw.clone()),
            "The whole mail is attached.\n".to_owned(),
        );
    };
    (
        None,
        format!("{what}\n{}", place(read, office, filing, received)),
    )
}

/// Where a mail lies, and how it is told from the others there.
fn place(read: &Read, office: &Office, filing: Filing, received: Timestamp) -> String {
    let message = &read.reading.message;
    let mut rows = vec![("Mailbox", office.address.to_string())];
    match folder(&office.keeping, filing) {
        // A mail that the server does not give may stay where it is, too.
        Some(folder) if read.fetched.raw.is_empty() => {
            rows.push(("Folder", format!("{folder}, or where new mails come in")));
        }
        Some(folder) => rows.push(("Folder", folder.to_owned())),
        None => {}
    }
    if let Some(id) = &message.message_id {
        rows.push(("Message-ID", id.bracketed()));
    }
    if let Some(date) = message.date {
        rows.push(("Date", time(Timestamp(date))));
    }
    rows.push(("Received", time(received)));
    if !read.fetched.raw.is_empty() {
        let size = if read.fetched.truncated {
            "more than "
        } else {
            ""
        };
        rows.push(("Size", format!("{size}{} octets", read.fetched.raw.len())));
    }
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("{name:<12}{value}"))
        .collect();
    lines.join("\n") + "\n"
}

fn folder(keeping: &Keeping, filing: Filing) -> Option<&str> {
    let name = match filing {
        Filing::Answered => keeping.answered.as_str(),
        Filing::Forwarded => keeping.forwarded.as_str(),
        Filing::Quiet => keeping.quiet.as_str(),
        Filing::Quarantine => keeping.quarantine.as_str(),
        Filing::Keep => "",
    };
    (!name.is_empty()).then_some(name)
}

/// As the headers of mails say it.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(
        |_| at.0.to_string(),
        |t| t.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string(),
    )
}
