//! What the saved cursor and the server's SELECT say together: go on, or look at everything again (RFC 9051, 2.3.1.1).

use crate::clock::Timestamp;
use crate::mailbox::Listed;
use crate::mailbox::Opened;

/// How far a mailbox has been read, durable in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The UIDVALIDITY that the UID belongs to.
    pub uid_validity: u32,
    /// Every UID up to and including this one has its final state in the ledger.
    pub uid: u32,
}

/// What is old: mails that were there before us are not answered late. Durable beside the cursor, so that neither a
/// crash nor a reconnect in the middle of a first look forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The UIDVALIDITY that the UID belongs to.
    pub uid_validity: u32,
    /// Mails with a smaller UID were there when everything was looked at.
    pub uid_next: u32,
    /// Mails received before this moment stay unanswered.
    pub since: Timestamp,
}

impl Gate {
    /// Returns why a mail stays behind the gate; none when it is to be handled. An unknown date counts as old.
    pub fn holds(&self, uid_validity: u32, mail: &Listed) -> Option<&'static str> {
        if uid_validity != self.uid_validity || mail.uid >= self.uid_next {
            return None;
        }
        if mail.handled {
            return Some("carries the keyword of a mail handled before");
        }
        mail.received.is_none_or(|r| r < self.since).then_some(
            "was there before, and is older than first_start_age_max or than what [keep] keeps",
        )
    }
}

/// How to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// No cursor yet: first start; old mail is behind the age gate.
    First,
    /// List after this UID.
    After(u32),
    /// UIDVALIDITY changed, or the UIDs went backwards: all saved UIDs are void; look at everything, known mails are
    /// recognised by digest.
    Rescan,
}

/// Decides how to go on.
pub fn resume(saved: Option<Cursor>, opened: &Opened) -> Resume {
    let Some(cursor) = saved else {
        return Resume::First;
    };
    if cursor.uid_validity != opened.uid_validity {
        return Resume::Rescan;
    }
    match opened.uid_next {
        // UIDNEXT must be above every UID ever given. If it is not, another copy of the mailbox answers (a replica that
        // is behind, a restored backup), and it gives the same UIDs to other mails.
        Some(next) if next <= cursor.uid => Resume::Rescan,
        Some(_) | None => Resume::After(cursor.uid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(uid_validity: u32, uid_next: Option<u32>) -> Opened {
        Opened {
            uid_validity,
            uid_next,
            exists: 3,
        }
    }

    #[test]
    fn the_gate_holds_back_old_mail_and_nothing_that_came_later() {
        let gate = Gate {
            uid_validity: 7,
            uid_next: 10,
            since: Timestamp(1_000),
        };
        let mail = |uid, received: Option<i64>, handled| Listed {
            uid,
            size: 1,
            received: received.map(Timestamp),
            handled,
        };
        assert!(gate.holds(7, &mail(1, Some(999), false)).is_some());
        assert!(gate.holds(7, &mail(1, None, false)).is_some(), "no date");
        assert!(gate.holds(7, &mail(3, Some(2_000), true)).is_some());
        assert!(gate.holds(7, &mail(2, Some(1_000), false)).is_none());
        assert!(gate.holds(7, &mail(10, Some(5), false)).is_none());
        assert!(
            gate.holds(8, &mail(1, Some(5), false)).is_none(),
            "other UIDs"
        );
    }

    fn saved(uid_validity: u32, uid: u32) -> Cursor {
        Cursor { uid_validity, uid }
    }

    #[test]
    fn without_a_cursor_it_is_the_first_start() {
        assert_eq!(resume(None, &opened(1, Some(5))), Resume::First);
        assert_eq!(resume(None, &opened(1, None)), Resume::First);
    }

    #[test]
    fn the_same_mailbox_is_read_on_from_the_cursor() {
        assert_eq!(
            resume(Some(saved(1, 4)), &opened(1, Some(5))),
            Resume::After(4)
        );
        assert_eq!(
            resume(Some(saved(1, 4)), &opened(1, Some(900))),
            Resume::After(4)
        );
        assert_eq!(
            resume(Some(saved(1, 0)), &opened(1, Some(1))),
            Resume::After(0)
        );
    }

    #[test]
    fn an_emptied_mailbox_is_no_reason_to_look_at_everything_again() {
        let opened = Opened {
            exists: 0,
            ..opened(1, Some(5))
        };
        assert_eq!(resume(Some(saved(1, 4)), &opened), Resume::After(4));
    }

    #[test]
    fn a_new_uidvalidity_voids_all_uids_whether_it_rose_or_fell() {
        assert_eq!(
            resume(Some(saved(1, 4)), &opened(2, Some(5))),
            Resume::Rescan
        );
        assert_eq!(
            resume(Some(saved(2, 4)), &opened(1, Some(5))),
            Resume::Rescan
        );
        assert_eq!(resume(Some(saved(2, 0)), &opened(1, None)), Resume::Rescan);
    }

    #[test]
    fn uids_that_went_backwards_void_all_uids() {
        assert_eq!(
            resume(Some(saved(1, 5)), &opened(1, Some(5))),
            Resume::Rescan
        );
        assert_eq!(
            resume(Some(saved(1, u32::MAX)), &opened(1, Some(2))),
            Resume::Rescan
        );
    }

    #[test]
    fn without_uidnext_the_cursor_is_believed() {
        assert_eq!(
            resume(Some(saved(1, u32::MAX)), &opened(1, None)),
            Resume::After(u32::MAX)
        );
    }
}
