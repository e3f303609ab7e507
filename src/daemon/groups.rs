//! A list of mails, cut into what is fetched, thought about and committed at once; and where each kind goes.

use std::collections::BTreeSet;

use crate::mailbox::Filing;
use crate::mailbox::Listed;
use crate::triage::Disposition;

/// Fetched, thought about and committed at once.
const GROUP_MAX: usize = 100;
/// A group of mails has at most so many octets, so that large ones do not fill the memory.
const GROUP_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Cuts a list into groups by number and octets; a suspect goes alone.
pub(super) fn groups<'a>(listed: &'a [Listed], suspects: &BTreeSet<u32>) -> Vec<&'a [Listed]> {
    let mut groups = Vec::new();
    let mut rest = listed;
    while !rest.is_empty() {
        let mut bytes = 0_u64;
        let fit = rest
            .iter()
            .take(GROUP_MAX)
            .take_while(|l| {
                bytes += u64::from(l.size);
                bytes <= GROUP_BYTES_MAX && !suspects.contains(&l.uid)
            })
            .count();
        let (group, later) = rest.split_at_checked(fit.max(1)).unwrap_or((rest, &[]));
        groups.push(group);
        rest = later;
    }
    groups
}

/// Returns where a handled mail goes.
pub(super) fn filing(disposition: Disposition) -> Filing {
    match disposition {
        Disposition::Forward => Filing::Forwarded,
        Disposition::Advise | Disposition::Redirect => Filing::Answered,
        Disposition::Ignore => Filing::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn listed(uid: u32, size: u32, received: i64, handled: bool) -> Listed {
        Listed {
            uid,
            size,
            received: Some(Timestamp(received)),
            handled,
        }
    }

    #[test]
    fn a_group_is_bounded_by_number_and_by_octets_and_a_giant_goes_alone() {
        let many: Vec<Listed> = (1..=250).map(|uid| listed(uid, 1_000, 0, false)).collect();
        assert_eq!(
            groups(&many, &BTreeSet::new())
                .iter()
                .map(|g| g.len())
                .collect::<Vec<_>>(),
            [100, 100, 50]
        );
        let giants = [
            listed(1, 60_000_000, 0, false),
            listed(2, 10, 0, false),
            listed(3, 51_000_000, 0, false),
        ];
        assert_eq!(
            groups(&giants, &BTreeSet::new())
                .iter()
                .map(|g| g.len())
                .collect::<Vec<_>>(),
            [1, 1, 1]
        );
        let few: Vec<Listed> = (1..=5).map(|uid| listed(uid, 10, 0, false)).collect();
        let suspects = BTreeSet::from([3]);
        assert_eq!(
            groups(&few, &suspects)
                .iter()
                .map(|g| g.len())
                .collect::<Vec<_>>(),
            [2, 1, 2]
        );
    }
}
