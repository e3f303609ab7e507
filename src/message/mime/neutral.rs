//! Renames the types of inner mails before the MIME library sees them.

use std::borrow::Cow;

/// Renames `message/rfc822` and `message/global` (to types that the library treats as bytes) and `multipart/digest`
/// (whose parts are mails by default) in every Content-Type field, same length for same length.
///
/// Works on every line that looks like such a field, wherever it stands: parts inside parts are not known yet. A line of
/// text that looks like one loses a letter; that is all it costs.
pub(crate) fn rename_inner_mails(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut edits: Vec<(usize, u8)> = Vec::new();
    let mut offset = 0;
    let mut field: Option<(usize, usize)> = None;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        let end = offset + line.len();
        let folded = line
            .first()
            .is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\x0c' | b'\x0b'));
        let begins = is_content_type(line);
        field = match field {
            Some((start, _)) if folded && !begins => Some((start, end)),
            open => {
                if let Some((start, end)) = open {
                    edit_field(raw, start, end, &mut edits);
                }
                begins.then_some((offset, end))
            }
        };
        offset = end;
    }
    if let Some((start, end)) = field {
        edit_field(raw, start, end, &mut edits);
    }
    if edits.is_empty() {
        return Cow::Borrowed(raw);
    }
    let mut bytes = raw.to_vec();
    for (at, b) in edits {
        bytes.get_mut(at).into_iter().for_each(|slot| *slot = b);
    }
    Cow::Owned(bytes)
}

/// The library reads names with any white space in and around them.
fn is_content_type(line: &[u8]) -> bool {
    let mut wanted = b"content-type:".iter();
    for b in line.iter().filter(|b| !b.is_ascii_whitespace()) {
        match wanted.next() {
            Some(want) if b.eq_ignore_ascii_case(want) => {}
            Some(_) => return false,
            None => return true,
        }
    }
    wanted.next().is_none()
}

fn edit_field(raw: &[u8], start: usize, end: usize, edits: &mut Vec<(usize, u8)>) {
    let field = raw.get(start..end).unwrap_or_default();
    // The type stands before the parameters; where comments blur that, the whole field counts.
    let scope = match field.iter().position(|&b| b == b';') {
        Some(at) if !field.get(..at).unwrap_or_default().contains(&b'(') => at,
        _ => field.len(),
    };
    let scope = field.get(..scope).unwrap_or_default();
    if contains(scope, b"message") {
        for (word, letter, with) in [(&b"rfc822"[..], 5, b'_'), (b"global", 5, b'_')] {
            edits.extend(positions(scope, word).map(|at| (start + at + letter, with)));
        }
    }
    if contains(scope, b"multipart") {
        edits.extend(positions(scope, b"digest").map(|at| (start + at + 5, b'_')));
    }
}

fn positions<'a>(text: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    text.windows(word.len())
        .enumerate()
        .filter(move |(_, window)| window.eq_ignore_ascii_case(word))
        .map(|(at, _)| at)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    positions(text, word).next().is_some()
}

/// Tells whether a subtype is that of a renamed inner mail.
pub(crate) fn is_inner_mail(subtype: &str) -> bool {
    matches!(subtype, "rfc82_" | "globa_" | "rfc822" | "global")
}

/// Gives a renamed type its name back.
pub(crate) fn real_name(mime: &str) -> String {
    mime.replace("rfc82_", "rfc822")
        .replace("globa_", "global")
        .replace("diges_", "digest")
}

#[cfg(test)]
mod tests {
    use super::rename_inner_mails;

    fn renamed(text: &str) -> String {
        String::from_utf8_lossy(&rename_inner_mails(text.as_bytes())).into_owned()
    }

    #[test]
    fn every_spelling_of_an_inner_mail_is_renamed() {
        for (from, to) in [
            (
                "Content-Type: message/rfc822\r\n",
                "Content-Type: message/rfc82_\r\n",
            ),
            (
                "content-TYPE :\r\n MESSAGE / RFC822; x=rfc822\r\n",
                "content-TYPE :\r\n MESSAGE / RFC82_; x=rfc822\r\n",
            ),
            (
                " Con tent-Type: message/(c;)global\n",
                " Con tent-Type: message/(c;)globa_\n",
            ),
            (
                "Content-Type: multipart/digest; boundary=digest\n",
                "Content-Type: multipart/diges_; boundary=digest\n",
            ),
            (
                "Content-Type: text/rfc822-headers\n",
                "Content-Type: text/rfc822-headers\n",
            ),
            (
                "Content-Type: image/png; name=\"message rfc822\"\n",
                "Content-Type: image/png; name=\"message rfc822\"\n",
            ),
        ] {
            assert_eq!(renamed(from), to);
        }
    }

    #[test]
    fn what_has_no_inner_mail_is_not_copied() {
        assert!(matches!(
            rename_inner_mails(b"Subject: message/rfc822\r\n\r\nx"),
            std::borrow::Cow::Borrowed(_)
        ));
    }
}
