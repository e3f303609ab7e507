//! The generation record: what the store held last, written beside it, so that an older or emptied store is noticed.

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Witness {
    /// Counts the commits.
    pub(in crate::store) generation: u64,
    /// Tickets ever opened.
    pub(in crate::store) tickets: u64,
    /// Entries of the ledger ever made. Like the tickets it never falls, though what was erased is gone: the line may
    /// be older than the store, and must not say that there was more.
    pub(in crate::store) ledger: u64,
    /// The number that the next ticket gets.
    pub(in crate::store) next_ticket: u64,
    /// The number that the next outgoing mail gets.
    pub(in crate::store) next_outbox: u64,
}

impl Witness {
    /// Writes it as one line of text.
    pub(in crate::store) fn line(self) -> String {
        let said = format!(
            "generation {} tickets {} ledger {} next-ticket {} next-outbox {}",
            self.generation, self.tickets, self.ledger, self.next_ticket, self.next_outbox
        );
        let crc = crc32fast::hash(said.as_bytes());
        format!("{said} crc {crc:08x}\n")
    }

    /// Reads the line; none if it is not whole.
    pub(in crate::store) fn read(text: &str) -> Option<Self> {
        let (said, crc) = text.strip_suffix('\n')?.rsplit_once(" crc ")?;
        if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(said.as_bytes()) {
            return None;
        }
        let mut words = said.split(' ');
        let mut number = |name: &str| -> Option<u64> {
            (words.next()? == name).then_some(())?;
            words.next()?.parse().ok()
        };
        Some(Self {
            generation: number("generation")?,
            tickets: number("tickets")?,
            ledger: number("ledger")?,
            // The first witnesses did not know them.
            next_ticket: number("next-ticket").unwrap_or_default(),
            next_outbox: number("next-outbox").unwrap_or_default(),
        })
    }
}
