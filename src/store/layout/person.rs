//! The records of what a person's side has beside its tickets: addresses, refusals, merging, earlier mails.

use serde::Deserialize;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::address::Address;
use crate::store::layout::Row;
use crate::store::layout::Tree;
use crate::store::layout::rows::cut;
use crate::triage::ticket::TicketNumber;
use crate::triage::twin::Earlier;
use crate::triage::twin::WORDS_MAX;
use crate::triage::twin::Words;
use crate::triage::verify::Stand;
use crate::triage::verify::Standing;

/// What the keys of earlier mails begin with, which no other budget's does.
pub(in crate::store) const EARLIER: &[u8] = b"y";
/// Mails of one writer that are remembered: four of them fit into a record.
const EARLIER_MAX: usize = 4;
/// Octets of how an address was verified.
const HOW_BYTES_MAX: usize = 200;
/// Octets of who did something.
pub(in crate::store) const BY_BYTES_MAX: usize = 100;
/// Octets of an intent's name, and how many of them are remembered.
const INTENT_BYTES_MAX: usize = 40;
const INTENTS_MAX: usize = 3;

/// An address on a ticket. Lies under the ticket's number and the digest of the address's identity.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) struct StandingRow {
    address: Address,
    stand: u8,
    at: i64,
    how: String,
    asked: Option<i64>,
}

impl Row for StandingRow {
    const TREE: Tree = Tree::Addresses;
}

impl StandingRow {
    pub(in crate::store) fn of(standing: &Standing) -> Self {
        Self {
            address: standing.address.clone(),
            stand: match standing.stand {
                Stand::Named => 0,
                Stand::Unreadable => 1,
                Stand::Asked => 2,
                Stand::Verified => 3,
                Stand::Refused => 4,
                Stand::Bounced => 5,
            },
            at: standing.at.0,
            how: cut(&standing.how, HOW_BYTES_MAX),
            asked: standing.asked.map(|at| at.0),
        }
    }

    /// Returns it; none if it stands as nobody wrote.
    pub(in crate::store) fn standing(self) -> Option<Standing> {
        let stand = match self.stand {
            0 => Stand::Named,
            1 => Stand::Unreadable,
            2 => Stand::Asked,
            3 => Stand::Verified,
            4 => Stand::Refused,
            5 => Stand::Bounced,
            _ => return None,
        };
        Some(Standing {
            address: self.address,
            stand,
            at: Timestamp(self.at),
            how: self.how,
            asked: self.asked.map(Timestamp),
        })
    }
}

/// An address that is never asked again. Lies under the digest of who reads it: nothing of it is readable here, and it
/// outlives the ticket, or who said no would be asked once more.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) struct RefusalRow(pub(in crate::store) i64);

impl Row for RefusalRow {
    const TREE: Tree = Tree::Refusals;
}

/// A ticket that is a part of another one. Lies under its number.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::store) struct MergeRow {
    pub(in crate::store) into: u64,
    pub(in crate::store) at: i64,
    pub(in crate::store) by: String,
    /// Who takes part in the other one only because of this.
    pub(in crate::store) gained: Vec<Address>,
}

impl Row for MergeRow {
    const TREE: Tree = Tree::Merges;
}

/// The mails that a writer wrote last, newest first. Lies in `budgets`, under keys that begin with [`EARLIER`].
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::store) struct EarlierRow {
    mails: Vec<EarlierMail>,
    /// The time it stands under in `expiry`.
    pub(in crate::store) expires: i64,
}

impl Row for EarlierRow {
    const TREE: Tree = Tree::Budgets;
}

#[derive(Clone, Serialize, Deserialize)]
struct EarlierMail {
    print: [u8; 16],
    words: Vec<u32>,
    exact: u32,
    intents: Vec<String>,
    vouched: bool,
    ticket: u64,
    at: i64,
}

impl EarlierRow {
    /// Remembers a mail, and forgets those before the last few.
    pub(in crate::store) fn add(&mut self, mail: &Earlier) {
        let words = &mail.words;
        let intents = mail.intents.iter().take(INTENTS_MAX);
        self.mails.insert(
            0,
            EarlierMail {
                print: words.print,
                words: words.words.iter().take(WORDS_MAX).copied().collect(),
                exact: words.exact,
                intents: intents.map(|i| cut(i, INTENT_BYTES_MAX)).collect(),
                vouched: mail.vouched,
                ticket: mail.ticket.0,
                at: mail.at.0,
            },
        );
        self.mails.truncate(EARLIER_MAX);
    }

    /// Returns them, the newest first.
    pub(in crate::store) fn mails(self) -> Vec<Earlier> {
        let mails = self.mails.into_iter();
        mails
            .map(|m| Earlier {
                words: Words {
                    print: m.print,
                    words: m.words,
                    exact: m.exact,
                },
                intents: m.intents,
                vouched: m.vouched,
                ticket: TicketNumber(m.ticket),
                at: Timestamp(m.at),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::store::layout;

    #[test]
    fn the_longest_record_of_earlier_mails_fits() {
        let mut row = EarlierRow::default();
        let long = Earlier {
            words: Words {
                print: [255; 16],
                words: vec![u32::MAX; WORDS_MAX * 2],
                exact: u32::MAX,
            },
            intents: vec!["x".repeat(500); 10],
            vouched: true,
            ticket: TicketNumber(u64::MAX),
            at: Timestamp(i64::MAX),
        };
        for _ in 0..10 {
            row.add(&long);
        }
        row.expires = i64::MIN;
        assert!(layout::seal(&[b'y'; 300], &row).is_ok());
        assert_eq!(row.mails().len(), EARLIER_MAX);
    }
}
