//! Attachments with their octets, for the few mails of which some go on.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::message::header;
use crate::message::mime;

/// Something that is attached to a mail of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enclosure {
    /// The file's name; may be empty.
    pub name: String,
    /// Its MIME type.
    pub mime: String,
    /// The charset of a text, where it names one.
    pub charset: Option<String>,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// Takes attachments out of a raw mail, by their place among `Message::attachments`; those that are not there are left out.
pub fn attached(raw: &[u8], wanted: &[usize]) -> Vec<Enclosure> {
    if wanted.is_empty() {
        return Vec::new();
    }
    // As in `parse`: the library has panicked before.
    catch_unwind(AssertUnwindSafe(|| {
        let content = mime::read_keeping(header::skip_blank_lines(raw), wanted);
        let places = content.attachments.into_iter().enumerate();
        let chosen = places.filter(|(place, _)| wanted.contains(place));
        chosen
            .zip(content.kept)
            .map(|((_, file), kept)| Enclosure {
                name: file.name,
                mime: file.mime,
                charset: kept.charset,
                octets: kept.octets,
            })
            .collect()
    }))
    .unwrap_or_default()
}
