//! Which of several texts is the text, and what an attachment is.

use std::sync::LazyLock;

use regex::Regex;

use crate::message::AttachmentNote;
use crate::message::html::Line;

/// A text found in a part.
pub(super) struct Candidate {
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// It was HTML.
    pub(super) html: bool,
}

static STUB: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bhtml\b|view (this|it|the) (e-?mail|message|online|in)|web version|browser|navegador|navigateur|empfangen|anzeigen")
        .expect("a pattern that a test compiles")
});

fn letters(lines: &[Line]) -> usize {
    lines
        .iter()
        .flat_map(|line| line.text.chars())
        .filter(|c| c.is_alphanumeric())
        .count()
}

/// Picks among alternatives: the plain text, unless it says much less than the HTML beside it.
pub(super) fn best(found: Vec<Candidate>) -> Option<Candidate> {
    let (html, plain): (Vec<Candidate>, Vec<Candidate>) =
        found.into_iter().partition(|candidate| candidate.html);
    let plain = join(plain);
    let html = html.into_iter().next_back();
    match (plain, html) {
        (Some(plain), Some(html)) => {
            let (said, shown) = (letters(&plain.lines), letters(&html.lines));
            let words: String = plain
                .lines
                .iter()
                .take(10)
                .map(|line| line.text.as_str())
                .collect();
            let stub = said == 0
                || (said < 150 && shown > said * 2 + 30)
                || (said < 250 && shown > said && STUB.is_match(&words));
            Some(if stub && shown > 0 { html } else { plain })
        }
        (plain, html) => plain.or(html),
    }
}

/// Joins the texts of a mixed or related multipart, in order.
pub(super) fn join(found: Vec<Candidate>) -> Option<Candidate> {
    let mut joined: Option<Candidate> = None;
    for next in found {
        match &mut joined {
            None => joined = Some(next),
            Some(open) => {
                open.lines.push(Line::default());
                open.lines.extend(next.lines);
                open.html |= next.html;
            }
        }
    }
    joined
}

/// Finds the charset that HTML names in its own head.
pub(super) fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(2048)).unwrap_or_default())
        .to_ascii_lowercase();
    let (_, value) = head.split_once("charset=")?;
    let name: String = value
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Endings of programs, scripts, macros and archives.
const HARMFUL_ENDINGS: &str = "exe|com|scr|pif|bat|cmd|msi|msp|msix|appx|jar|js|jse|vbs|vbe|wsf|wsh|hta|ps1|psm1|lnk|\
    url|reg|cpl|dll|inf|scf|chm|hlp|gadget|application|msc|apk|dmg|pkg|deb|rpm|sh|command|\
    py|rb|pl|php|docm|xlsm|pptm|dotm|xltm|potm|xlam|ppam|xll|one|iso|img|vhd|vhdx|zip|rar|\
    7z|gz|tgz|tar|bz2|xz|cab|arj|ace|lzh|zst|html|htm|shtml|xhtml|svg|mht|mhtml|swf";

/// Types of the same.
const HARMFUL_TYPES: &str = "application/x-msdownload|application/x-msdos-program|application/x-dosexec|\
    application/x-executable|application/x-sh|application/javascript|text/javascript|\
    application/java-archive|application/x-msi|application/hta|application/zip|\
    application/x-zip-compressed|application/x-rar-compressed|application/vnd.rar|\
    application/x-7z-compressed|application/gzip|application/x-tar|\
    application/x-iso9660-image|application/vnd.microsoft.portable-executable|text/html|\
    image/svg+xml";

/// Tells what is special about an attachment, by name and type.
pub(super) fn note(name: &str, mime: &str) -> AttachmentNote {
    let name = name.to_lowercase();
    let ending = name
        .trim_end_matches(['.', ' '])
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending);
    if mime == "application/ms-tnef" || mime == "application/vnd.ms-tnef" || name == "winmail.dat" {
        return AttachmentNote::Tnef;
    }
    if matches!(ending, "eml") || mime.starts_with("message/rfc822") || mime == "message/global" {
        return AttachmentNote::Mail;
    }
    let harmful_ending = HARMFUL_ENDINGS.split('|').any(|harmful| harmful == ending);
    let harmful_type =
        HARMFUL_TYPES.split('|').any(|harmful| harmful == mime) || mime.contains("macroenabled");
    if harmful_ending || harmful_type {
        AttachmentNote::Dangerous
    } else {
        AttachmentNote::Plain
    }
}
