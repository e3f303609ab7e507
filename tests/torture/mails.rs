//! The mails that are delivered: each has a number, which is found again in whatever leaves because of it.

/// What kind of mail it is, and so what has to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A case: an agent gets it, and its writer is told.
    Case,
    /// The same, with an attachment.
    LargeCase,
    /// A question that a reply answers; no agent gets it.
    Question,
    /// A machine's: nobody gets anything.
    Machine,
    /// A case delivered once more, under another UID.
    Copy,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Case,
        Self::LargeCase,
        Self::Question,
        Self::Machine,
        Self::Copy,
    ];

    /// Whether an agent must get it.
    pub(crate) fn is_case(self) -> bool {
        matches!(self, Self::Case | Self::LargeCase)
    }
}

/// The desk's address.
pub(crate) const DESK: &str = "support@credly.example";
/// The agents' domain.
pub(crate) const AGENTS: &str = "agents.example";

/// The writer of the mail with that number: each has one of his own, so that no budget is shared.
pub(crate) fn writer(number: u64) -> String {
    format!("writer{number}@home{number}.example")
}

/// A word that stands in the mail's Message-ID, and so in every mail that leaves because of it.
const MARK: &str = "delivered-";

/// Which mail some octets are about.
pub(crate) fn number_in(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let at = text.find(MARK)? + MARK.len();
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// The raw mail, as a mailbox holds it.
pub(crate) fn raw(kind: Kind, number: u64) -> Vec<u8> {
    let (subject, header, text) = match kind {
        Kind::Case | Kind::LargeCase | Kind::Copy => (
            "Two accounts",
            "",
            "I have two accounts, please merge them into one.",
        ),
        Kind::Question => (
            "Coursera badge",
            "",
            "I completed a course on Coursera and the badge for it has not arrived.",
        ),
        Kind::Machine => (
            "Away",
            "Auto-Submitted: auto-replied\r\n",
            "I am out of the office until Monday.",
        ),
    };
    let writer = writer(number);
    let head = format!(
        "Return-Path: <{writer}>\r\nFrom: {writer}\r\nTo: {DESK}\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{MARK}{number}@home.example>\r\n{header}MIME-Version: 1.0\r\n"
    );
    let body = if kind == Kind::LargeCase {
        let line = "UExFQVNFIE1FUkdF".repeat(4);
        let attachment = format!("{line}\r\n").repeat(500);
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n\
             --b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--b--\r\n"
        )
    } else {
        format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n")
    };
    (head + &body).into_bytes()
}
