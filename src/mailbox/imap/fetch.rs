//! The text of mails, in sets bounded by octets and count; never `\Seen` by us (RFC 9051, 6.4.5: BODY.PEEK).
//!
//! # Decisions
//! - A mail that the server keeps listing but does not give is returned empty and marked as truncated: a person looks at
//!   it. Only what the server does not list any more is taken for gone.
//! - Sizes are what the server says. When it says too little and the literal exceeds the limit, or when an answer cannot be
//!   read, the connection ends; the mails of that set are fetched one by one and cut by the server (`<0.n>`) from then on
//!   ([`Care::Cut`]). Not always so: cutting is where old servers have their bugs. What ends the connection even then is
//!   withheld ([`Care::Withhold`]), so that one mail cannot stop the desk.
//! - A connection that merely ends accuses no mail: lines do. When it happens again and again with the same mails, the
//!   daemon asks for them one by one, and counts durably.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use imap_proto::AttributeValue;
use imap_proto::MessageSection;
use imap_proto::Response;
use imap_proto::SectionPath;

use crate::mailbox::Fetched;
use crate::mailbox::Listed;
use crate::mailbox::MailboxError;
use crate::mailbox::imap::command::Allowance;
use crate::mailbox::imap::command::Wire;
use crate::mailbox::imap::names::uid_set;
use crate::mailbox::imap::settings::ImapLimits;
use crate::mailbox::imap::state::Broken;
use crate::mailbox::imap::state::Reply;
use crate::mailbox::imap::state::Verdict;

/// UIDs that are remembered beyond their connection; with more, all are forgotten and found out again.
const CAREFUL_MAX: usize = 1000;
/// Octets around the literals of a message.
const FRAME_BYTES: u64 = 4096;

/// What a mail has earned by ending the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// It is fetched by itself, and no more of it than the limit allows.
    Cut,
    /// It is not fetched any more.
    Withhold,
}

/// What is known of mails that ended connections.
#[derive(Debug, Default)]
pub(super) struct Caution {
    cares: BTreeMap<u32, Care>,
}

impl Caution {
    /// Learns from an errand that ended the connection.
    fn learn(&mut self, errand: &Errand, broken: &Broken) {
        let uids = errand.uids();
        let care = match (broken, errand) {
            (Broken::Gone(_), _) => return,
            (_, Errand::Whole(_) | Errand::Giant(_)) => Care::Cut,
            (_, Errand::Careful(_) | Errand::Withheld(_)) => Care::Withhold,
        };
        if self.cares.len() + uids.len() > CAREFUL_MAX {
            self.cares.clear();
        }
        self.cares.extend(uids.into_iter().map(|uid| (uid, care)));
    }
}

/// What may be asked for by one command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Errand {
    /// Whole mails.
    Whole(Vec<Listed>),
    /// One mail whose size cannot be believed: as much as the limit allows.
    Careful(Listed),
    /// One mail above the limit: header and the beginning of the text.
    Giant(Listed),
    /// One mail that cannot be fetched: only whether it is still there.
    Withheld(Listed),
}

/// Fetches `wanted`; those that are gone are missing in the answer.
pub(super) async fn fetch(
    wire: &mut Wire,
    limits: &ImapLimits,
    caution: &mut Caution,
    wanted: &[Listed],
) -> Result<Result<Vec<Fetched>, MailboxError>, Broken> {
    let mut fetched = Vec::with_capacity(wanted.len());
    let mut refused: Option<(Vec<u32>, Reply)> = None;
    let mut errands = VecDeque::from(errands(limits, caution, wanted));
    while let Some(errand) = errands.pop_front() {
        let reply = match run(wire, limits, &errand, &mut fetched).await {
            Ok(reply) => reply,
            Err(broken) => {
                caution.learn(&errand, &broken);
                return Err(broken);
            }
        };
        match (reply.verdict, errand) {
            (Verdict::Ok, _) => {}
            (Verdict::No, errand) if !reply.temporary() => match errand {
                // Which one it is about is found out one by one.
                Errand::Whole(set) if set.len() > 1 => {
                    errands.extend(set.into_iter().map(|listed| Errand::Whole(vec![listed])));
                }
                single => {
                    let (uids, _) = refused.get_or_insert((Vec::new(), reply));
                    uids.extend(single.uids());
                }
            },
            (Verdict::No | Verdict::Bad, _) => return Ok(Err(reply.unread("FETCH"))),
        }
    }
    if let Some((mut uids, reply)) = refused {
        uids.sort_unstable();
        match listed_still(wire, &uids).await? {
            // The server works, and has said NO to these alone: that will not change by asking again.
            Ok(still) if still.is_empty() || !fetched.is_empty() => fetched.extend(empty(still)),
            Ok(_) => return Ok(Err(reply.refusal("FETCH"))),
            Err(refused) => return Ok(Err(refused)),
        }
    }
    fetched.sort_by_key(|mail| mail.uid);
    Ok(Ok(fetched))
}

fn empty(uids: BTreeSet<u32>) -> impl Iterator<Item = Fetched> {
    uids.into_iter().map(|uid| Fetched {
        uid,
        raw: Vec::new(),
        truncated: true,
    })
}

fn errands(limits: &ImapLimits, caution: &Caution, wanted: &[Listed]) -> Vec<Errand> {
    let mut unique: BTreeMap<u32, &Listed> = BTreeMap::new();
    for listed in wanted.iter().filter(|listed| listed.uid != 0) {
        unique.insert(listed.uid, listed);
    }
    let mut errands = Vec::new();
    let mut set: Vec<Listed> = Vec::new();
    let mut bytes = 0_u64;
    for listed in unique.into_values() {
        let apart = match caution.cares.get(&listed.uid) {
            Some(Care::Withhold) => Some(Errand::Withheld(listed.clone())),
            Some(Care::Cut) => Some(Errand::Careful(listed.clone())),
            None if listed.size > limits.mail_bytes_max => Some(Errand::Giant(listed.clone())),
            None => None,
        };
        if let Some(errand) = apart {
            errands.push(errand);
            continue;
        }
        let size = u64::from(listed.size);
        let full = bytes.saturating_add(size) > limits.fetch_bytes_max
            || set.len() >= limits.fetch_count_max;
        if full && !set.is_empty() {
            errands.push(Errand::Whole(std::mem::take(&mut set)));
            bytes = 0;
        }
        bytes = bytes.saturating_add(size);
        set.push(listed.clone());
    }
    if !set.is_empty() {
        errands.push(Errand::Whole(set));
    }
    errands
}

impl Errand {
    fn uids(&self) -> Vec<u32> {
        match self {
            Self::Whole(set) => set.iter().map(|listed| listed.uid).collect(),
            Self::Careful(listed) | Self::Giant(listed) | Self::Withheld(listed) => {
                vec![listed.uid]
            }
        }
    }

    fn command(&self, limits: &ImapLimits, set: &str) -> String {
        match self {
            Self::Withheld(_) => format!("UID FETCH {set} (UID)"),
            Self::Whole(_) => format!("UID FETCH {set} (UID BODY.PEEK[])"),
            Self::Careful(_) => {
                format!(
                    "UID FETCH {set} (UID BODY.PEEK[]<0.{}>)",
                    limits.mail_bytes_max
                )
            }
            Self::Giant(_) => format!(
                "UID FETCH {set} (UID BODY.PEEK[HEADER] BODY.PEEK[TEXT]<0.{}>)",
                limits.giant_text_bytes
            ),
        }
    }

    fn allowance(&self, limits: &ImapLimits) -> Allowance {
        let frames = FRAME_BYTES.saturating_mul(self.uids().len() as u64 + 16);
        let mail = u64::from(limits.mail_bytes_max);
        let text = u64::from(limits.giant_text_bytes);
        let (bytes, literal_bytes) = match self {
            // Twice: what the server says of sizes need not be exact.
            Self::Whole(_) => (limits.fetch_bytes_max.max(mail).saturating_mul(2), mail),
            Self::Careful(_) => (mail, mail),
            Self::Giant(_) => (mail.saturating_add(text), mail.max(text)),
            Self::Withheld(_) => (0, 0),
        };
        Allowance {
            time: Duration::from_millis(limits.fetch_ms),
            bytes: bytes.saturating_add(frames),
            literal_bytes,
        }
    }
}

/// The pieces of one mail as they come.
#[derive(Debug, Default)]
struct Pieces {
    whole: Option<Vec<u8>>,
    header: Option<Vec<u8>>,
    text: Option<Vec<u8>>,
}

impl Pieces {
    fn mail(self, uid: u32, errand: &Errand, limits: &ImapLimits) -> Option<Fetched> {
        match errand {
            Errand::Whole(_) => Some(Fetched {
                uid,
                raw: self.whole?,
                truncated: false,
            }),
            Errand::Careful(listed) => {
                let raw = self.whole?;
                let full = u32::try_from(raw.len()).is_ok_and(|len| len < limits.mail_bytes_max);
                let truncated = !full && u64::from(listed.size) != raw.len() as u64;
                Some(Fetched {
                    uid,
                    raw,
                    truncated,
                })
            }
            Errand::Withheld(_) => None,
            Errand::Giant(_) => {
                let mut raw = self.header?;
                raw.extend(self.text.unwrap_or_default());
                Some(Fetched {
                    uid,
                    raw,
                    truncated: true,
                })
            }
        }
    }
}

/// Runs an errand and adds what came to `fetched`, if the server says OK to it.
async fn run(
    wire: &mut Wire,
    limits: &ImapLimits,
    errand: &Errand,
    fetched: &mut Vec<Fetched>,
) -> Result<Reply, Broken> {
    let uids = errand.uids();
    let mut pieces: BTreeMap<u32, Pieces> = BTreeMap::new();
    let command = errand.command(limits, &uid_set(&uids));
    let reply = wire
        .run(&command, errand.allowance(limits), |response| {
            note(response, &uids, &mut pieces);
        })
        .await?;
    if reply.verdict != Verdict::Ok {
        return Ok(reply);
    }
    let mails: Vec<Fetched> = pieces
        .into_iter()
        .filter_map(|(uid, pieces)| pieces.mail(uid, errand, limits))
        .collect();
    let got: BTreeSet<u32> = mails.iter().map(|mail| mail.uid).collect();
    let missing: Vec<u32> = uids.into_iter().filter(|uid| !got.contains(uid)).collect();
    fetched.extend(mails);
    if !missing.is_empty() {
        match listed_still(wire, &missing).await? {
            Ok(still) => fetched.extend(empty(still)),
            Err(_) => return Err(Broken::Gone("FETCH of UIDs alone was refused".to_owned())),
        }
    }
    Ok(reply)
}

/// Which of `missing` the server still lists: not expunged, but not given either.
async fn listed_still(
    wire: &mut Wire,
    missing: &[u32],
) -> Result<Result<BTreeSet<u32>, MailboxError>, Broken> {
    let mut still = BTreeSet::new();
    let allowance = wire.ordinary();
    let reply = wire
        .run(
            &format!("UID FETCH {} (UID)", uid_set(missing)),
            allowance,
            |response| {
                if let Response::Fetch(_, attributes) = response {
                    still.extend(uid_of(attributes).filter(|uid| missing.contains(uid)));
                }
            },
        )
        .await?;
    Ok(match reply.verdict {
        Verdict::Ok => Ok(still),
        Verdict::No | Verdict::Bad => Err(reply.unread("FETCH")),
    })
}

fn uid_of(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn note(response: &Response<'_>, asked: &[u32], pieces: &mut BTreeMap<u32, Pieces>) {
    let Response::Fetch(_, attributes) = response else {
        return;
    };
    // Any other UID is not what was asked for, whatever it is.
    let Some(uid) = uid_of(attributes).filter(|uid| asked.binary_search(uid).is_ok()) else {
        return;
    };
    for attribute in attributes {
        let AttributeValue::BodySection {
            section,
            data: Some(data),
            ..
        } = attribute
        else {
            continue;
        };
        let pieces = pieces.entry(uid).or_default();
        let place = match section {
            None => &mut pieces.whole,
            Some(SectionPath::Full(MessageSection::Header)) => &mut pieces.header,
            Some(SectionPath::Full(MessageSection::Text)) => &mut pieces.text,
            Some(_) => continue,
        };
        *place = Some(data.to_vec());
    }
}
