//! Text as mail can carry it: encoded words, quoted-printable, base64.

use data_encoding::BASE64;

/// Columns of a header line (RFC 5322, 2.1.1) and of encoded text (RFC 2045, 6.7 and 6.8).
const COLUMNS: usize = 76;
/// Octets of text in one encoded word, so that the word stays within 75 (RFC 2047, 2).
const WORD_BYTES: usize = 42;

/// Writes a subject: as it is when ASCII, else as encoded words; folded. `used` columns of the first line are taken.
pub(super) fn unstructured(text: &str, used: usize) -> String {
    // What looks like an encoded word would be decoded by the reader.
    if text.is_ascii()
        && !text.contains("=?")
        && let Some(folded) = fold(text, used)
    {
        return folded;
    }
    words(text)
}

/// Writes a display name: quoted when ASCII, else as encoded words.
pub(super) fn phrase(text: &str, used: usize) -> String {
    if text.is_ascii() && !text.contains("=?") && text.len() + used + 2 <= COLUMNS {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-' || b == b'\'');
        if plain {
            return text.to_owned();
        }
        let mut out = String::from("\"");
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
        return out;
    }
    words(text)
}

/// Folds at spaces; nothing when a word is too long to fold.
fn fold(text: &str, used: usize) -> Option<String> {
    let mut out = String::new();
    let mut column = used;
    for (at, word) in text.split(' ').enumerate() {
        if word.len() > COLUMNS - 2 {
            return None;
        }
        if at > 0 {
            if column + 1 + word.len() > COLUMNS {
                out.push_str("\r\n");
                column = 0;
            }
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    Some(out)
}

/// Encoded words of base64 UTF-8, one a line, never splitting a character (RFC 2047, 5).
fn words(text: &str) -> String {
    let mut list = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > WORD_BYTES {
            list.push(format!("=?utf-8?B?{}?=", BASE64.encode(chunk.as_bytes())));
            chunk.clear();
        }
        chunk.push(c);
    }
    list.push(format!("=?utf-8?B?{}?=", BASE64.encode(chunk.as_bytes())));
    list.join("\r\n ")
}

/// Encodes a text body with CRLF line ends; returns the transfer encoding's name and the body.
pub(super) fn body(text: &str) -> (&'static str, String) {
    let mut lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let plain = |b: u8| matches!(b, b' '..=b'~' | b'\t');
    // `From ` at the start of a line, and space at its end, are changed on the way by some.
    let fits = |line: &&str| {
        line.len() <= 200
            && line.bytes().all(plain)
            && !line.starts_with("From ")
            && !line.ends_with([' ', '\t'])
    };
    if lines.iter().all(fits) {
        let mut out = lines.join("\r\n");
        out.push_str("\r\n");
        return ("7bit", out);
    }
    let special = lines
        .iter()
        .flat_map(|line| line.bytes())
        .filter(|b| !plain(*b))
        .count();
    let total: usize = lines.iter().map(|line| line.len() + 1).sum();
    if special * 5 > total {
        let mut whole = lines.join("\r\n");
        whole.push_str("\r\n");
        return ("base64", base64(whole.as_bytes()));
    }
    ("quoted-printable", quoted_printable(&lines))
}

fn quoted_printable(lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines {
        let mut column = 0;
        let bytes = line.as_bytes();
        for (at, &b) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let literal =
                matches!(b, b'!'..=b'<' | b'>'..=b'~') || (matches!(b, b' ' | b'\t') && !last);
            // A lone dot and a `From ` are hidden from servers that meddle.
            let literal = literal && !(at == 0 && (b == b'.' || line.starts_with("From ")));
            let width = if literal { 1 } else { 3 };
            if column + width > COLUMNS - 1 {
                out.push_str("=\r\n");
                column = 0;
            }
            if literal {
                out.push(char::from(b));
            } else {
                out.push('=');
                out.push_str(&data_encoding::HEXUPPER.encode(&[b]));
            }
            column += width;
        }
        out.push_str("\r\n");
    }
    out
}

/// Base64 in lines of 76 columns.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 7 / 5 + 80);
    for chunk in bytes.chunks(COLUMNS / 4 * 3) {
        BASE64.encode_append(chunk, &mut out);
        out.push_str("\r\n");
    }
    out
}
