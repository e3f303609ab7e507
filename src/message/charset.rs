//! Bytes to text: the charset that is named, or the one that the bytes are.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Text made of bytes, and whether the charset named was one that fits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The text.
    pub(crate) text: String,
    /// The name was right, or needed none.
    pub(crate) sound: bool,
}

/// Decodes `bytes`. The name may be missing, unknown or a lie:
/// - bytes that are UTF-8 beyond ASCII are UTF-8, whatever an ASCII or Latin label says (by chance they are never);
/// - ISO-2022-JP is known by its escapes;
/// - else the named charset; a wrong one falls back to windows-1252, which knows every byte.
pub(crate) fn decode(bytes: &[u8], name: Option<&str>) -> Decoded {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let name = name
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_lowercase);
    let escapes = has_japanese_escape(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !escapes
    {
        let named = name.as_deref().unwrap_or("utf-8");
        if text.is_ascii() && !is_stateful(named) {
            return Decoded {
                text: text.to_owned(),
                sound: true,
            };
        }
        if !text.is_ascii() && is_ascii_or_latin(named) {
            return Decoded {
                text: text.to_owned(),
                sound: named.starts_with("utf") || named.starts_with("unicode"),
            };
        }
    }
    let decoder = name
        .as_deref()
        .and_then(|name| charset_decoder(name.as_bytes()));
    if let Some(decoder) = decoder {
        let text = decoder(bytes);
        let lost = text
            .chars()
            .filter(|&c| c == char::REPLACEMENT_CHARACTER)
            .count();
        // Here and there a damaged letter is better than a whole text in the wrong letters.
        if lost == 0 || lost.saturating_mul(20) < text.chars().count() {
            return Decoded {
                text,
                sound: lost == 0,
            };
        }
    }
    if escapes && let Some(decoder) = charset_decoder(b"iso-2022-jp") {
        return Decoded {
            text: decoder(bytes),
            sound: name.is_some(),
        };
    }
    let utf8 = String::from_utf8_lossy(bytes);
    let lost = utf8
        .chars()
        .filter(|&c| c == char::REPLACEMENT_CHARACTER)
        .count();
    let kept = utf8
        .chars()
        .filter(|&c| !c.is_ascii() && c != char::REPLACEMENT_CHARACTER)
        .count();
    if lost < kept {
        return Decoded {
            text: utf8.into_owned(),
            sound: false,
        };
    }
    let text = charset_decoder(b"windows-1252")
        .map_or_else(|| utf8.into_owned(), |decoder| decoder(bytes));
    Decoded { text, sound: false }
}

fn has_japanese_escape(bytes: &[u8]) -> bool {
    bytes
        .windows(3)
        .any(|w| matches!(w, b"\x1b$B" | b"\x1b$@" | b"\x1b(J"))
}

/// ASCII bytes mean something else in these.
fn is_stateful(name: &str) -> bool {
    [
        "utf-7",
        "utf7",
        "utf-16",
        "utf16",
        "unicode-1-1-utf-7",
        "iso-2022",
        "csiso2022",
        "hz-gb",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Labels under which UTF-8 is often sent by mistake, and UTF-8 itself.
fn is_ascii_or_latin(name: &str) -> bool {
    [
        "utf-8",
        "utf8",
        "unicode",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "iso8859-1",
        "latin1",
        "windows-1252",
        "cp1252",
        "iso-8859-15",
        "unknown",
        "default",
        "x-unknown",
        "8bit",
        "ansi",
        "x-user-defined",
    ]
    .iter()
    .any(|label| name.starts_with(label))
        || charset_decoder(name.as_bytes()).is_none()
}

/// Takes control characters and marks that nobody sees out of a text; line ends become LF.
///
/// Joiners stay: Hindi and Persian are written with them.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            '\u{2028}' | '\u{2029}' | '\u{85}' => out.push('\n'),
            '\u{a0}' | '\u{202f}' | '\u{2007}' => out.push(' '),
            '\u{ad}'
            | '\u{200b}'
            | '\u{2060}'
            | '\u{feff}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Cuts at a character boundary at or below `max` octets.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::clean;
    use super::cut;
    use super::decode;

    #[test]
    fn utf8_under_a_latin_label_is_read_as_utf8_and_flagged() {
        let got = decode("Grüße".as_bytes(), Some("iso-8859-1"));
        assert_eq!((got.text.as_str(), got.sound), ("Grüße", false));
        let got = decode("Grüße".as_bytes(), Some("x-nobody-knows"));
        assert_eq!((got.text.as_str(), got.sound), ("Grüße", false));
    }

    #[test]
    fn latin_bytes_under_a_utf8_label_are_read_and_flagged() {
        let got = decode(b"Gr\xfc\xdfe aus K\xf6ln", Some("utf-8"));
        assert_eq!((got.text.as_str(), got.sound), ("Grüße aus Köln", false));
    }

    #[test]
    fn every_named_charset_is_read() {
        let cases: [(&[u8], &str, &str); 7] = [
            (b"\x1b$B%F%9%H\x1b(B", "iso-2022-jp", "テスト"),
            (b"\xb5\xc7\xc2\xbc", "gb18030", "登录"),
            (b"\xb5\xc7\xc2\xbc", "GB2312", "登录"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", "koi8-r", "Привет"),
            (b"\xbe\xc8\xb3\xe7", "ks_c_5601-1987", "안녕"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251", "Привет"),
            (b"\xa3\xf3d\xbc", "iso-8859-2", "Łódź"),
        ];
        for (bytes, name, want) in cases {
            let got = decode(bytes, Some(name));
            assert_eq!((got.text.as_str(), got.sound), (want, true), "{name}");
        }
    }

    #[test]
    fn japanese_escapes_need_no_label() {
        assert_eq!(decode(b"\x1b$B%F%9%H\x1b(B", None).text, "テスト");
        assert_eq!(decode(b"\x1b$B%F%9%H\x1b(B", Some("utf-8")).text, "テスト");
    }

    #[test]
    fn one_damaged_letter_does_not_change_the_alphabet() {
        let mut bytes = "Слово за словом, и снова слово".as_bytes().to_vec();
        bytes.push(0xd0);
        let got = decode(&bytes, Some("utf-8"));
        assert!(got.text.starts_with("Слово") && !got.sound);
    }

    #[test]
    fn controls_go_and_letters_stay() {
        assert_eq!(
            clean("a\0b\u{202e}c\r\nd\re\u{a0}f\u{200b}g"),
            "abc\nd\ne fg"
        );
        assert_eq!(clean("क\u{200d}ष"), "क\u{200d}ष");
    }

    #[test]
    fn a_cut_never_splits_a_letter() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 3), "");
    }
}
