//! Small enums as numbers on disk: the order of their variants in `triage` may change, these numbers never.

use crate::mailbox::Filing;
use crate::triage::Disposition;
use crate::triage::delivery::Purpose;

/// The number of a purpose on disk.
pub(in crate::store) fn purpose_code(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Reply => 0,
        Purpose::Forward => 1,
        Purpose::Relay => 2,
        Purpose::Verify => 3,
        Purpose::Notice => 4,
    }
}

/// The purpose of a number.
pub(in crate::store) fn purpose_of(code: u8) -> Option<Purpose> {
    Some(match code {
        0 => Purpose::Reply,
        1 => Purpose::Forward,
        2 => Purpose::Relay,
        3 => Purpose::Verify,
        4 => Purpose::Notice,
        _ => return None,
    })
}

/// The number of a filing on disk.
pub(in crate::store) fn filing_code(filing: Filing) -> u8 {
    match filing {
        Filing::Answered => 0,
        Filing::Forwarded => 1,
        Filing::Quiet => 2,
        Filing::Keep => 3,
        Filing::Quarantine => 4,
    }
}

/// The filing of a number.
pub(in crate::store) fn filing_of(code: u8) -> Option<Filing> {
    Some(match code {
        0 => Filing::Answered,
        1 => Filing::Forwarded,
        2 => Filing::Quiet,
        3 => Filing::Keep,
        4 => Filing::Quarantine,
        _ => return None,
    })
}

/// The number of a disposition on disk.
pub(in crate::store) fn disposition_code(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::Forward => 0,
        Disposition::Advise => 1,
        Disposition::Redirect => 2,
        Disposition::Ignore => 3,
    }
}

/// The disposition of a number.
pub(in crate::store) fn disposition_of(code: u8) -> Option<Disposition> {
    Some(match code {
        0 => Disposition::Forward,
        1 => Disposition::Advise,
        2 => Disposition::Redirect,
        3 => Disposition::Ignore,
        _ => return None,
    })
}
