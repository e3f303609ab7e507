//! How names, sets and what a server said are written: modified UTF-7, quoted strings, UID sets, cut and escaped text.

use std::fmt::Write;

use data_encoding::BASE64_NOPAD;

/// The longest folder name in octets on the wire; a command line stays under 8 KB with it (RFC 9051, 4.1).
const FOLDER_BYTES_MAX: usize = 1000;
/// What is kept of a server's text, in characters.
const SAID_CHARS_MAX: usize = 200;

/// Writes a folder's name in modified UTF-7 (RFC 3501, 5.1.3), quoted for a command.
///
/// # Errors
/// A sentence, when the name is empty, too long or holds a line end or NUL.
pub(super) fn quoted_folder(name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("a folder name is empty".to_owned());
    }
    if name.contains(['\r', '\n', '\0']) {
        return Err(format!("the folder name {name:?} holds a line end or NUL"));
    }
    let wire = utf7(name);
    if wire.len() > FOLDER_BYTES_MAX {
        return Err(format!(
            "a folder name is longer than {FOLDER_BYTES_MAX} octets"
        ));
    }
    Ok(quoted(&wire))
}

/// Returns whether two names mean the same folder; INBOX is that in any case of letters (RFC 9051, 5.1).
pub(super) fn same_folder(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX"))
}

/// Returns whether `keyword` can be a flag without a backslash; stricter than an atom, on purpose.
pub(super) fn is_keyword(keyword: &str) -> bool {
    (1..=100).contains(&keyword.len())
        && keyword
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_' | b'-' | b'.'))
}

/// Writes a quoted string. The text must be without CR, LF and NUL.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

fn utf7(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for character in name.chars() {
        if (' '..='~').contains(&character) {
            unshift(&mut shifted, &mut out);
            out.push(character);
            if character == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend(unit.to_be_bytes());
            }
        }
    }
    unshift(&mut shifted, &mut out);
    out
}

fn unshift(shifted: &mut Vec<u8>, out: &mut String) {
    if !shifted.is_empty() {
        out.push('&');
        out.push_str(&BASE64_NOPAD.encode(shifted).replace('/', ","));
        out.push('-');
        shifted.clear();
    }
}

/// Writes UIDs as a set with ranges. They must ascend.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut out = String::new();
    let mut range: Option<(u32, u32)> = None;
    for &uid in uids {
        range = match range {
            Some((first, last)) if last.checked_add(1) == Some(uid) => Some((first, uid)),
            Some((first, last)) if last == uid => Some((first, last)),
            done => {
                write_range(&mut out, done);
                Some((uid, uid))
            }
        };
    }
    write_range(&mut out, range);
    out
}

fn write_range(out: &mut String, range: Option<(u32, u32)>) {
    let Some((first, last)) = range else { return };
    if !out.is_empty() {
        out.push(',');
    }
    // Writing to a String cannot fail.
    let _ = if first == last {
        write!(out, "{first}")
    } else {
        write!(out, "{first}:{last}")
    };
}

/// Cuts and escapes what a server said, for a log or a terminal.
pub(super) fn said(text: &str) -> String {
    let mut out = String::new();
    for (position, character) in text.trim().chars().enumerate() {
        if position == SAID_CHARS_MAX {
            out.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => out.push(character),
            other => out.extend(other.escape_debug()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_written_in_modified_utf7() {
        for (name, wire) in [
            ("INBOX", "\"INBOX\""),
            ("R&D", "\"R&-D\""),
            ("Erledigt/Geprüft", "\"Erledigt/Gepr&APw-ft\""),
            (
                "~peter/mail/台北/日本語",
                "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\"",
            ),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("😀", "\"&2D3eAA-\""),
        ] {
            assert_eq!(quoted_folder(name).as_deref(), Ok(wire), "{name}");
        }
    }

    #[test]
    fn a_folder_name_cannot_smuggle_a_command() {
        assert!(quoted_folder("x\r\na1 DELETE INBOX").is_err());
        assert!(quoted_folder("").is_err());
        assert!(quoted_folder(&"ü".repeat(1000)).is_err());
    }

    #[test]
    fn uids_are_written_as_ranges() {
        assert_eq!(uid_set(&[]), "");
        assert_eq!(uid_set(&[5]), "5");
        assert_eq!(uid_set(&[1, 2, 3, 7, 9, 10, 10]), "1:3,7,9:10");
        assert_eq!(uid_set(&[u32::MAX - 1, u32::MAX]), "4294967294:4294967295");
    }

    #[test]
    fn what_a_server_said_is_cut_and_harmless_on_a_terminal() {
        assert_eq!(said("over \"quota\"\x1b[2J"), "over \"quota\"\\u{1b}[2J");
        assert_eq!(
            said(&"x".repeat(10_000)).chars().count(),
            SAID_CHARS_MAX + 1
        );
    }

    #[test]
    fn keywords_are_plain_words() {
        assert!(is_keyword("$MailclerkDone"));
        for bad in ["", "\\Seen", "a b", "a)b", "ü"] {
            assert!(!is_keyword(bad), "{bad}");
        }
    }
}
