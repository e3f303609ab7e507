//! Text as mail can carry it: encoded words, quoted-printable, base64.

use data_encoding::BASE64;

/// Columns of a header line (RFC 5322, 2.1.1) and of encoded text (RFC 2045, 6.7 and 6.8).
const COLUMNS: usize = 76;
/// Octets of text in one encoded word: within 75 columns (RFC 2047, 2), and beside the name `Subject` still in one line.
const WORD_BYTES: usize = 39;

/// Writes a subject: as it is when ASCII, else as encoded words; in pieces between which it may be folded.
pub(super) fn unstructured(text: &str) -> Vec<String> {
    // What looks like an encoded word would be decoded by the reader.
    if text.is_ascii() && !text.contains("=?") {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        if words.iter().all(|word| word.len() <= COLUMNS - 2) {
            return words;
        }
    }
    words(text)
}

/// Writes a display name: quoted when ASCII, else as encoded words; in pieces. `used` columns of the first line are taken.
pub(super) fn phrase(text: &str, used: usize) -> Vec<String> {
    if text.is_ascii() && !text.contains("=?") && text.len() + used + 2 <= COLUMNS {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-' || b == b'\'');
        if plain {
            return vec![text.to_owned()];
        }
        let mut out = String::from("\"");
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
        // What is escaped takes two columns.
        if out.len() + used <= COLUMNS {
            return vec![out];
        }
    }
    words(text)
}

/// Encoded words of base64 UTF-8, never splitting a character (RFC 2047, 5).
fn words(text: &str) -> Vec<String> {
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
    list
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
