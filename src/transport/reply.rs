//! What a server answers, line by line and within bounds (RFC 5321, 4.2).
//!
//! # Decisions
//! lettre's own reader wants UTF-8, a space after the code and a second digit below six, and fails without them. After
//! the final dot such a failure would turn a mail that was taken over into one in doubt. So replies are read here, where
//! the first digit decides (RFC 5321, 4.2.1), and lettre is handed a plain line.

/// Bytes of one reply, all lines together; a server that says more is not speaking SMTP to us.
pub(super) const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Lines of one reply that are kept; the rest is read and forgotten.
const LINES_KEPT_MAX: usize = 100;
/// Bytes of one line that are kept; RFC 5321, 4.5.3.1.5 allows 512.
const LINE_BYTES_KEPT_MAX: usize = 512;
/// Characters of the text that outcomes, logs and records carry.
const TEXT_CHARS_MAX: usize = 300;

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// 200 to 599.
    pub(super) code: u16,
    /// The texts after the codes; printable, each cut at [`LINE_BYTES_KEPT_MAX`].
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Returns whether the first digit is `digit`.
    pub(super) fn is(&self, digit: u16) -> bool {
        self.code / 100 == digit
    }

    /// Returns code and text in one line, cut.
    pub(super) fn text(&self) -> String {
        let mut text = self.code.to_string();
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            text.push(' ');
            text.push_str(line);
            if text.len() > 4 * TEXT_CHARS_MAX {
                break;
            }
        }
        cut(&text, TEXT_CHARS_MAX)
    }

    /// Returns the code, and the enhanced one where the server gives it (RFC 2034): nothing of its words.
    pub(super) fn codes(&self) -> String {
        let enhanced = self
            .lines
            .iter()
            .filter_map(|line| line.split(' ').next())
            .find(|word| {
                let parts: Vec<&str> = word.split('.').collect();
                parts.len() == 3
                    && parts.iter().all(|p| {
                        (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit())
                    })
            });
        enhanced.map_or_else(
            || self.code.to_string(),
            |enhanced| format!("{} {enhanced}", self.code),
        )
    }

    /// Returns the reply as lettre's parser takes it: one ASCII line, first digit kept.
    pub(super) fn plain(&self) -> Vec<u8> {
        let code = if self.code / 10 % 10 > 5 {
            self.code / 100 * 100
        } else {
            self.code
        };
        format!("{code} -\r\n").into_bytes()
    }
}

/// Cuts at `chars_max` characters, with a mark where something is missing.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut kept: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}

/// Why bytes are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoReply {
    /// A line without three digits and a space or a hyphen after them.
    #[error("the server answered something that is no SMTP reply")]
    NoCode,
    /// Lines of one reply that disagree on success and failure.
    #[error("the server answered with codes that contradict each other")]
    Contradiction,
    /// More than [`REPLY_BYTES_MAX`].
    #[error("the server's answer is endless")]
    TooLong,
}

/// Collects the bytes of a reply until it is whole.
#[derive(Debug, Default)]
pub(super) struct Gather {
    line: Vec<u8>,
    lines: Vec<String>,
    digit: Option<u16>,
    bytes: usize,
}

impl Gather {
    /// Takes one byte; returns the reply when that byte ended it.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<Reply>, NoReply> {
        self.bytes += 1;
        if self.bytes > REPLY_BYTES_MAX {
            return Err(NoReply::TooLong);
        }
        if byte != b'\n' {
            if self.line.len() < LINE_BYTES_KEPT_MAX {
                self.line.push(byte);
            }
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let (code, last, text) = parse_line(&line).ok_or(NoReply::NoCode)?;
        if *self.digit.get_or_insert(code / 100) != code / 100 {
            return Err(NoReply::Contradiction);
        }
        if self.lines.len() < LINES_KEPT_MAX {
            self.lines.push(text);
        }
        if !last {
            return Ok(None);
        }
        let whole = std::mem::take(self);
        Ok(Some(Reply {
            code,
            lines: whole.lines,
        }))
    }
}

/// Splits a line without its LF into code, whether it is the last, and text.
fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits.iter().try_fold(0_u16, |code, digit| {
        digit
            .is_ascii_digit()
            .then(|| code * 10 + u16::from(digit - b'0'))
    })?;
    if !(200..600).contains(&code) {
        return None;
    }
    let last = match rest.first() {
        // Some servers end a reply with the bare code (RFC 5321, 4.2).
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
    let printable = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    Some((code, last, printable.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::Gather;
    use super::NoReply;
    use super::Reply;

    fn read(bytes: &[u8]) -> Result<Option<Reply>, NoReply> {
        let mut gather = Gather::default();
        for byte in bytes {
            if let Some(reply) = gather.push(*byte)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    fn code(bytes: &[u8]) -> u16 {
        read(bytes).unwrap().unwrap().code
    }

    #[test]
    fn replies_that_servers_really_send_are_understood() {
        assert_eq!(code(b"250 2.0.0 Ok\r\n"), 250);
        assert_eq!(code(b"250\r\n"), 250, "no text at all");
        assert_eq!(code(b"250 ok\n"), 250, "a bare LF");
        assert_eq!(code(b"250-one\r\n250-two\r\n250 three\r\n"), 250);
        assert_eq!(code(b"250 Gr\xfc\xdfe\r\n"), 250, "a text in Latin-1");
        assert_eq!(code(b"299 what\r\n"), 299, "an unknown code");
        assert_eq!(
            code(b"450-4.2.0 wait\r\n451 4.2.0 wait\r\n"),
            451,
            "codes that differ in detail"
        );
    }

    #[test]
    fn what_is_no_reply_is_told_apart() {
        for bytes in [
            &b"hello\r\n"[..],
            b"25\r\n",
            b"\r\n",
            b"250ok\r\n",
            b"000 x\r\n",
            b"999 x\r\n",
            b"\xff\xfe\r\n",
        ] {
            assert_eq!(read(bytes), Err(NoReply::NoCode), "{bytes:?}");
        }
        assert_eq!(read(b"250-yes\r\n550 no\r\n"), Err(NoReply::Contradiction));
        assert_eq!(read(b"250-half"), Ok(None));
    }

    #[test]
    fn an_endless_reply_ends_and_a_long_one_is_cut() {
        assert_eq!(read(&b"250-more\r\n".repeat(20_000)), Err(NoReply::TooLong));
        assert_eq!(read(&vec![b'2'; 100_000]), Err(NoReply::TooLong));
        let long = [b"550 ".as_slice(), &[b'x'; 5_000], b"\r\n"].concat();
        let reply = read(&long).unwrap().unwrap();
        assert!(reply.text().chars().count() <= 301, "{}", reply.text());
    }

    #[test]
    fn control_characters_do_not_reach_a_log() {
        let text = read(b"550 a\x1b[31m\x00b\r\n").unwrap().unwrap().text();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }

    #[test]
    fn codes_are_told_without_the_servers_words() {
        let codes = |bytes: &[u8]| read(bytes).unwrap().unwrap().codes();
        assert_eq!(
            codes(b"450 4.2.1 <ann@home.example> wrote: I lost my badge\r\n"),
            "450 4.2.1"
        );
        assert_eq!(codes(b"450-wait\r\n450 4.7.0 wait\r\n"), "450 4.7.0");
        assert_eq!(codes(b"451 192.168.1.7 is greylisted\r\n"), "451");
        assert_eq!(codes(b"550 ann.b.c\r\n"), "550");
        assert_eq!(codes(b"550\r\n"), "550");
    }

    #[test]
    fn the_plain_form_keeps_the_first_digit() {
        assert_eq!(read(b"269 x\r\n").unwrap().unwrap().plain(), b"200 -\r\n");
        assert_eq!(read(b"354 x\r\n").unwrap().unwrap().plain(), b"354 -\r\n");
    }
}
