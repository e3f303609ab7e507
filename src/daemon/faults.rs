//! Mails that break what handles them, for tests: a build with debug assertions, with `MAILCLERK_FAULTS` set in its
//! environment, does at PLACE what a mail's header says. A release build has nothing of it.
//!
//! What `MAILCLERK_FAULTS` names is made a file when a mail stalls, for who waits for that.
//!
//! `X-Mailclerk-Fault: PLACE WHAT`; places are `read`, `decide`, `compose`; it may `panic`, `abort` or
//! `stall`; `stumble` is a panic that comes twice and not again.

/// Passes a place with a mail in hand.
#[inline]
pub(super) fn strike(place: &str, raw: &[u8]) {
    #[cfg(debug_assertions)]
    live::strike(place, raw);
    #[cfg(not(debug_assertions))]
    let _ = (place, raw);
}

#[cfg(debug_assertions)]
mod live {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    /// How often somebody stumbled.
    static STUMBLED: AtomicU32 = AtomicU32::new(0);

    /// Octets in which the header is looked for.
    const BEGINNING: usize = 4096;

    pub(super) fn strike(place: &str, raw: &[u8]) {
        let Some(sign) = std::env::var_os("MAILCLERK_FAULTS") else {
            return;
        };
        let beginning = String::from_utf8_lossy(raw.get(..BEGINNING).unwrap_or(raw));
        let said = |what: &str| beginning.contains(&format!("X-Mailclerk-Fault: {place} {what}"));
        assert!(!said("panic"), "injected");
        if said("stumble") {
            assert!(STUMBLED.fetch_add(1, Ordering::Relaxed) >= 2, "injected");
        }
        if said("abort") {
            std::process::abort();
        }
        if said("stall") {
            let _ = std::fs::write(&sign, "");
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}
