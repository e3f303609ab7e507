//! A mail with one picture in it: plain text, or HTML that shows the picture (RFC 2046, 5.1.4; RFC 2387; RFC 2392).

use crate::message::compose::Draft;
use crate::message::compose::encode;
use crate::message::compose::header;
use crate::message::compose::multipart;
use crate::message::compose::text_part;

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'a> {
    /// As PNG.
    pub png: &'a [u8],
    /// What it shows, in words.
    pub alt: &'a str,
}

/// Composes a mail as [`crate::message::compose::compose`] does, of the draft's text alone, with a picture below it. Who
/// shows plain text sees the text; who shows HTML sees the same text, and the picture. `html` and `original` of the draft
/// are not looked at.
pub fn compose_with_picture(draft: &Draft, picture: &Picture<'_>) -> Vec<u8> {
    // One id for one mail: the picture is told from those of others by the mail's own (RFC 2392, 2).
    let id = format!("picture.{}", draft.message_id.as_str());
    let alt = escaped(picture.alt).replace('"', "&quot;");
    let html = format!(
        "<pre style=\"font-family: monospace\">{}</pre>\n<p><img src=\"cid:{}\" alt=\"{alt}\" width=\"448\" height=\"200\"></p>\n",
        escaped(&draft.text),
        escaped(&id)
    );
    let png = format!(
        "Content-Type: image/png; name=\"week.png\"\r\nContent-Disposition: inline; filename=\"week.png\"\r\nContent-ID: <{id}>\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        encode::base64(picture.png)
    );
    let parts = [text_part("html", &html).into_bytes(), png.into_bytes()];
    let related = multipart("related", &parts, " type=\"text/html\";");
    let parts = [
        text_part("plain", &draft.text).into_bytes(),
        related.into_bytes(),
    ];
    let mut out = header(draft);
    out.push_str(&multipart("alternative", &parts, ""));
    out.into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
