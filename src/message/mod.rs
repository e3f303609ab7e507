//! What arrived and what we write: mails as values.

pub mod address;
pub mod attached;
mod charset;
pub mod compose;
mod extent;
mod form;
mod header;
mod html;
pub mod id;
mod links;
mod mime;
pub mod parse;
pub mod report;
mod sniff;
pub mod unquote;

use crate::message::address::Address;
use crate::message::address::NamedAddress;
use crate::message::id::MessageId;
use crate::message::report::Marks;
use crate::message::report::ReportPart;

pub use crate::message::extent::Extent;
pub use crate::message::links::Links;

/// A mail as it arrived, understood as far as its bytes allow. Any bytes parse; what is wrong stands in `flaws`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Octets of the raw mail.
    pub size: usize,
    /// SHA-256 over what the writer wrote (From, Date, Subject and body; no trace headers), so that a
    /// redelivered copy is known as such.
    pub digest: [u8; 32],
    /// The Message-ID, if there is a usable one.
    pub message_id: Option<MessageId>,
    /// Ids in In-Reply-To, in order, at most `IDS_MAX`.
    pub in_reply_to: Vec<MessageId>,
    /// Ids in References, in order (oldest first), at most the last `IDS_MAX`.
    pub references: Vec<MessageId>,
    /// Usable addresses of From.
    pub from: Vec<NamedAddress>,
    /// Usable address of Sender.
    pub sender: Option<NamedAddress>,
    /// Usable addresses of Reply-To.
    pub reply_to: Vec<NamedAddress>,
    /// Usable addresses of To.
    pub to: Vec<NamedAddress>,
    /// Usable addresses of Cc.
    pub cc: Vec<NamedAddress>,
    /// The envelope's return path as the border recorded it.
    pub return_path: ReturnPath,
    /// The subject, decoded, control characters made spaces, at most `SUBJECT_CHARS_MAX` characters.
    pub subject: String,
    /// The Date field, seconds since 1970, where it could be read.
    pub date: Option<i64>,
    /// All header fields of the top level in order: lower-case name and unfolded, trimmed raw value.
    pub headers: Vec<Header>,
    /// The text, taken apart.
    pub body: Body,
    /// A web form's fields, when the body is a form mail's.
    pub form: Option<Form>,
    /// What the MIME structure says of the mail's nature.
    pub structure: Structure,
    /// Attached things, at most `ATTACHMENTS_MAX`.
    pub attachments: Vec<Attachment>,
    /// What is wrong with it.
    pub flaws: Vec<Flaw>,
}

/// One header field of the top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The field's name, lower-case ASCII.
    pub name: String,
    /// The field's value as it stands in the mail: unfolded and trimmed, not decoded.
    pub value: String,
}

/// What Return-Path says (RFC 5321, 4.4 and 4.5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnPath {
    /// No such field.
    Missing,
    /// `<>`: a bounce, or another mail that must not be answered.
    Null,
    /// The envelope sender.
    Address(Address),
    /// Something that is no address.
    Unusable,
}

/// The text of a mail, taken apart by who says what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// What the writer says now: quotes, signature and disclaimers left out; inline answers kept.
    pub new: String,
    /// Quoted or forwarded older text.
    pub quoted: String,
    /// The signature and what stands below it.
    pub signature: String,
    /// The whole plain text, as it came (HTML made to text when there was no plain part).
    pub full: String,
    /// The mail forwards another mail below (or instead of) the writer's words.
    pub forwarded: Option<Forwarded>,
    /// The writer says nothing but a signature, which therefore stands in `new`.
    pub signature_alone: bool,
}

/// What a forwarded mail's own header block said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// Its From, where readable.
    pub from: Option<NamedAddress>,
    /// Its subject.
    pub subject: String,
}

/// A web form that mailed on a person's behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// `key: value` pairs in order; a value may run over several lines.
    pub fields: Vec<(String, String)>,
    /// The person: from Reply-To, else from an e-mail field.
    pub requester: NamedAddress,
    /// The free text (the message field), or all values that are no contact data.
    pub text: String,
    /// The topic or subject field, empty when there is none.
    pub topic: String,
}

/// What the MIME structure says of the mail's nature.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a finding of its own; any may stand beside any other"
)]
pub struct Structure {
    /// `report-type` of a multipart/report (lower-case), `""` when the report names none (RFC 6522).
    pub report: Option<String>,
    /// A part is message/delivery-status (RFC 3464).
    pub delivery_status: bool,
    /// A delivery status says of a recipient that it failed for good, not that it is late (RFC 3464, 2.3.3).
    pub delivery_failed: bool,
    /// A part is message/disposition-notification (RFC 8098).
    pub disposition: bool,
    /// The method of a text/calendar part (lower-case), such as `reply` or `request` (RFC 5546).
    pub calendar: Option<String>,
    /// Signed or encrypted (S/MIME, PGP): a person must open it.
    pub encrypted: bool,
    /// Message-IDs found in returned mails (message/rfc822 or text/rfc822-headers parts, at most `IDS_MAX`).
    pub returned_ids: Vec<MessageId>,
    /// How large the mail and how numerous its parts are, before anything was cut.
    pub extent: Extent,
    /// Where the links of its texts lead, as far as that is striking.
    pub links: Links,
    /// Attachments whose name or type says something else than their first octets, or whose name hides its ending.
    pub disguised: Vec<Disguise>,
    /// Whom returned mails were written to (their To), at most `IDS_MAX`.
    pub returned_to: Vec<Address>,
    /// The parts that a machine wrote for machines, at most `REPORTS_MAX`.
    pub reports: Vec<ReportPart>,
    /// Words in the form of what a desk signs, wherever they stand in any part.
    pub marks: Marks,
}

/// An attachment that is not what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disguise {
    /// Its name, as `Attachment::name` has it.
    pub name: String,
    /// What is wrong, as a part of a sentence.
    pub says: &'static str,
    /// It is a program in the clothes of a document.
    pub program: bool,
}

/// Something attached, noted and never unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file name as given, cut and without control characters; may be empty.
    pub name: String,
    /// The MIME type, lower-case.
    pub mime: String,
    /// Octets after decoding.
    pub size: usize,
    /// What is special about it.
    pub note: AttachmentNote,
}

/// What is special about an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentNote {
    /// Nothing.
    Plain,
    /// A mail inside the mail (message/rfc822).
    Mail,
    /// winmail.dat: Outlook's own format; opened by nobody here.
    Tnef,
    /// A type that can harm who opens it (programs, scripts, macros, archives are named by type and ending).
    Dangerous,
}

/// What is wrong with a mail; never a reason to drop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// No From, or none with a usable address.
    NoFrom,
    /// More than one From address or From field (RFC 5322, 3.6.2).
    ManyFrom,
    /// More than one Message-ID, Subject, Date, To or Reply-To field.
    DuplicateHeader,
    /// A NUL, a bare CR or another control character in a header.
    ControlInHeader,
    /// Nothing to read in any part.
    NoText,
    /// Text in a charset that is unknown, or that is not what the bytes are.
    Charset,
    /// Deeper, longer or more numerous than the limits; cut.
    TooBig,
    /// The parser could make nothing of it.
    Unparsable,
}

/// At most this many ids are kept of In-Reply-To, of References and of returned mails.
pub const IDS_MAX: usize = 50;
/// A longer subject is cut.
pub const SUBJECT_CHARS_MAX: usize = 500;
/// At most this many reports are read in one mail.
pub const REPORTS_MAX: usize = 10;
/// At most this many attachments are noted.
pub const ATTACHMENTS_MAX: usize = 100;
/// Text beyond this many octets is cut before it is thought about.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

impl Message {
    /// Returns the values of all fields of that (lower-case) name, in order.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |h| h.name == name)
            .map(|h| h.value.as_str())
    }
}
