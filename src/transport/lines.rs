//! The line ends of a mail on the wire: CRLF and nothing else (RFC 5321, 2.3.8).
//!
//! A bare CR or LF that one server takes for a line end and the next one not lets a stranger's text end our mail and
//! begin another in our name ("SMTP smuggling").

/// A mail as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// Every line end CRLF, except that the last one is missing: the end of data brings it.
    pub(super) bytes: Vec<u8>,
    /// How many bytes these are once each leading dot is doubled (RFC 5321, 4.5.2).
    pub(super) stuffed_bytes: usize,
    /// Whether there is a byte above 127, which needs 8BITMIME (RFC 6152).
    pub(super) eight_bit: bool,
}

impl Body {
    /// Returns the number of octets that the server counts (RFC 1870, 5: with CRLF, without stuffed dots).
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64 + 2
    }
}

/// Makes each CR, LF and CRLF one CRLF.
pub(super) fn normalise(bytes: &[u8]) -> Body {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 2);
    let (mut dots, mut after_cr) = (0, false);
    for line in bytes.split_inclusive(|b| matches!(b, b'\r' | b'\n')) {
        let (text, end) = match line.split_last() {
            Some((end @ (b'\r' | b'\n'), text)) => (text, Some(*end)),
            _ => (line, None),
        };
        // The second half of a CRLF ended its line already.
        if !(after_cr && text.is_empty() && end == Some(b'\n')) {
            dots += usize::from(text.first() == Some(&b'.'));
            out.extend_from_slice(text);
            if end.is_some() {
                out.extend_from_slice(b"\r\n");
            }
        }
        after_cr = end == Some(b'\r');
    }
    if out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
    }
    let eight_bit = !out.is_ascii();
    Body {
        stuffed_bytes: out.len() + dots,
        bytes: out,
        eight_bit,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may panic")]

    use super::normalise;
    use proptest::prelude::any;
    use proptest::prelude::prop;
    use proptest::proptest;

    #[test]
    fn every_kind_of_line_end_becomes_crlf() {
        assert_eq!(
            normalise(b"a\nb\rc\r\nd\n\re").bytes,
            b"a\r\nb\r\nc\r\nd\r\n\r\ne"
        );
        assert_eq!(normalise(b"a\r\r\nb").bytes, b"a\r\n\r\nb");
        assert_eq!(
            normalise(b"a\r\n").bytes,
            b"a",
            "the end of data brings the last one"
        );
        assert_eq!(normalise(b"").bytes, b"");
    }

    #[test]
    fn leading_dots_are_counted() {
        assert_eq!(
            normalise(b".\n..\na.\n.x").stuffed_bytes,
            normalise(b".\n..\na.\n.x").bytes.len() + 3
        );
    }

    proptest! {
        #[test]
        fn no_bare_cr_or_lf_survives(bytes in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..64)) {
            let body = normalise(&bytes).bytes;
            for (at, byte) in body.iter().enumerate() {
                match byte {
                    b'\r' => assert_eq!(body.get(at + 1), Some(&b'\n')),
                    b'\n' => assert!(at > 0 && body[at - 1] == b'\r'),
                    _ => {}
                }
            }
        }

        #[test]
        fn nothing_but_line_ends_changes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let words = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect()
            };
            assert_eq!(words(&normalise(&bytes).bytes), words(&bytes));
        }
    }
}
