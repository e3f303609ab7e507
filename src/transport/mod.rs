//! Mails out: one message in, an outcome out.

pub mod smtp;

mod lines;
mod login;
mod offers;
mod reply;
mod session;
mod verdict;
mod wire;

pub use login::Credential;
pub use verdict::Step;
pub use verdict::Trouble;

use crate::message::address::Address;
use crate::triage::delivery::Outcome;

/// One message for one recipient.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Envelope sender; none is the null sender `<>`.
    pub envelope_from: Option<Address>,
    /// The one recipient.
    pub to: Address,
    /// The message, CRLF line ends.
    pub bytes: Vec<u8>,
}

/// What carries mails out.
pub trait Transport: Send {
    /// Sends one parcel. Never fails: every end is an outcome. After anything but a clean answer the connection is dropped.
    fn send(&mut self, parcel: &Parcel) -> impl Future<Output = Outcome> + Send;

    /// To be called when a [`Transport::send`] was dropped before its end: drops the connection, and says what is known
    /// of that mail. Deferred only if no byte of its end of data can have left.
    fn abandon(&mut self) -> Outcome {
        Outcome::Unknown("cut off".to_owned())
    }

    /// Returns what ailed the server or our account at the last attempt, none when it was well: while it lasts, every
    /// other mail would be deferred alike, so that a delivery loop may pause instead of trying each one.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// Returns how the last attempt ended in our words and the server's codes: nothing that a mail says, fit for a log.
    fn brief(&self) -> &str;

    /// Says goodbye, when idle or at shutdown.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}
