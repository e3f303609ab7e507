//! What an attachment is by its first octets, and whether its name says something else. Nothing is unpacked or run.

use crate::message::address::is_invisible;

/// Octets that are looked at.
const HEAD_BYTES: usize = 1024;

/// What the first octets are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program for Windows, Linux, macOS, Java or Android.
    Program,
    /// A script for a shell or a script host.
    Script,
    /// A link file of Windows.
    Shortcut,
    /// An archive: ZIP (and so the newer office documents), RAR, 7z, gzip, CAB ...
    Archive,
    /// An older office document, or an installer of Windows: a file system of its own.
    Compound,
    /// An image of a disk.
    Disk,
    /// A page for a browser.
    Page,
    /// A document that is only looked at: PDF, a picture, a sound.
    Document,
    /// Nothing that is known by its first octets.
    Unknown,
}

impl Kind {
    /// Whether it can harm who opens it, whatever it is called.
    pub(crate) fn is_harmful(self) -> bool {
        matches!(
            self,
            Self::Program | Self::Script | Self::Shortcut | Self::Disk
        )
    }
}

/// Beginnings by which files are known.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x7fELF", Kind::Program),
    (b"\xfe\xed\xfa\xce", Kind::Program),
    (b"\xfe\xed\xfa\xcf", Kind::Program),
    (b"\xce\xfa\xed\xfe", Kind::Program),
    (b"\xcf\xfa\xed\xfe", Kind::Program),
    (b"\xca\xfe\xba\xbe", Kind::Program),
    (b"dex\n", Kind::Program),
    (b"#!", Kind::Script),
    (b"@echo off", Kind::Script),
    (b"\x4c\0\0\0\x01\x14\x02\0", Kind::Shortcut),
    (b"PK\x03\x04", Kind::Archive),
    (b"PK\x05\x06", Kind::Archive),
    (b"Rar!\x1a\x07", Kind::Archive),
    (b"7z\xbc\xaf\x27\x1c", Kind::Archive),
    (b"\x1f\x8b", Kind::Archive),
    (b"BZh", Kind::Archive),
    (b"\xfd7zXZ\0", Kind::Archive),
    (b"\x28\xb5\x2f\xfd", Kind::Archive),
    (b"MSCF", Kind::Archive),
    (b"**ACE**", Kind::Archive),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Compound),
    (b"%PDF-", Kind::Document),
    (b"\x89PNG\r\n\x1a\n", Kind::Document),
    (b"\xff\xd8\xff", Kind::Document),
    (b"GIF8", Kind::Document),
    (b"RIFF", Kind::Document),
    (b"II*\0", Kind::Document),
    (b"MM\0*", Kind::Document),
    (b"conectix", Kind::Disk),
    (b"vhdxfile", Kind::Disk),
];

/// Tells what a file is by its first octets.
pub(crate) fn sniff(octets: &[u8]) -> Kind {
    let head = octets
        .get(..octets.len().min(HEAD_BYTES))
        .unwrap_or_default();
    if is_windows_program(octets) {
        return Kind::Program;
    }
    let known = MAGIC.iter().find(|(magic, _)| begins(head, magic));
    if let Some((_, kind)) = known {
        return *kind;
    }
    if octets.get(0x8001..0x8006) == Some(b"CD001") {
        return Kind::Disk;
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let pages: [&[u8]; 4] = [b"<!doctype html", b"<html", b"<script", b"<svg"];
    if pages.iter().any(|page| begins(text, page)) {
        return Kind::Page;
    }
    Kind::Unknown
}

fn begins(head: &[u8], with: &[u8]) -> bool {
    head.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// `MZ` alone begins many a text; the header that it points to does not.
fn is_windows_program(octets: &[u8]) -> bool {
    if !octets.starts_with(b"MZ") {
        return false;
    }
    let at = octets
        .get(0x3c..0x40)
        .and_then(|at| <[u8; 4]>::try_from(at).ok());
    let at = at
        .map(u32::from_le_bytes)
        .and_then(|at| usize::try_from(at).ok());
    let header = at.and_then(|at| octets.get(at..at.checked_add(4)?));
    matches!(header, Some(b"PE\0\0" | [b'N' | b'L', b'E', _, _]))
        || octets.get(0x4e..0x52) == Some(b"This")
}

/// Endings of what is only looked at.
const HARMLESS: &str = "pdf|doc|docx|xls|xlsx|ppt|pptx|odt|ods|rtf|txt|csv|jpg|jpeg|png|gif|bmp|tif|tiff|webp|heic|mp3|mp4|wav|mov";
/// Endings of what runs.
const RUNS: &str = "exe|com|scr|pif|bat|cmd|msi|jar|js|jse|vbs|vbe|wsf|wsh|hta|ps1|lnk|reg|cpl|html|htm|svg|iso|img|apk";

/// Tells by what an attachment hides what it is: the reason, and whether what hides is a program.
pub(crate) fn disguise(name: &str, mime: &str, is: Kind) -> Option<(&'static str, bool)> {
    let shown: String = name
        .chars()
        .filter(|c| !is_invisible(*c))
        .collect::<String>()
        .to_lowercase();
    let mut endings = shown
        .trim_end_matches(['.', ' '])
        .rsplit('.')
        .map(str::trim);
    let (last, before) = (
        endings.next().unwrap_or_default(),
        endings.next().unwrap_or_default(),
    );
    let listed =
        |list: &str, ending: &str| !ending.is_empty() && list.split('|').any(|e| e == ending);
    // Marks that embed or isolate are common where names are written from right to left; an override is a trick.
    if name.contains('\u{202e}') {
        let says = "its name turns the direction of writing, so that its ending is shown elsewhere";
        return Some((says, is.is_harmful() || listed(RUNS, last)));
    }
    let dressed = listed(HARMLESS, last) || mime.starts_with("image/") || mime == "application/pdf";
    if listed(RUNS, last) && listed(HARMLESS, before) {
        return Some(("its name has two endings, and the last one runs", true));
    }
    if is.is_harmful() && dressed {
        return Some((
            "it is called a document, and its first octets are a program's",
            true,
        ));
    }
    let spaces = shown.split('.').any(|part| part.contains("          "));
    if spaces {
        return Some((
            "its name hides its ending behind spaces",
            listed(RUNS, last),
        ));
    }
    if is == Kind::Page && dressed && last != "txt" {
        return Some((
            "it is called a document, and is a page for a browser",
            false,
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn program() -> Vec<u8> {
        let mut octets = vec![0; 0x90];
        octets.get_mut(..2).unwrap().copy_from_slice(b"MZ");
        *octets.get_mut(0x3c).unwrap() = 0x80;
        octets
            .get_mut(0x80..0x84)
            .unwrap()
            .copy_from_slice(b"PE\0\0");
        octets
    }

    #[test]
    fn files_are_known_by_their_first_octets() {
        for (octets, kind) in [
            (program(), Kind::Program),
            (b"\x7fELF\x02\x01".to_vec(), Kind::Program),
            (b"#!/bin/sh\nrm".to_vec(), Kind::Script),
            (b"@ECHO OFF\r\n".to_vec(), Kind::Script),
            (b"PK\x03\x04rest".to_vec(), Kind::Archive),
            (b"  <HTML><body>".to_vec(), Kind::Page),
            (b"%PDF-1.7".to_vec(), Kind::Document),
            (
                b"MZ is the beginning of this letter".to_vec(),
                Kind::Unknown,
            ),
            (b"".to_vec(), Kind::Unknown),
        ] {
            assert_eq!(sniff(&octets), kind, "{octets:?}");
        }
    }

    #[test]
    fn a_program_in_the_clothes_of_a_document_is_told_however_it_hides() {
        let told = |name: &str, mime: &str, octets: &[u8]| {
            disguise(name, mime, sniff(octets)).map(|(_, program)| program)
        };
        assert_eq!(
            told("invoice.pdf", "application/pdf", &program()),
            Some(true)
        );
        assert_eq!(told("photo", "image/png", b"#!/bin/sh"), Some(true));
        assert_eq!(
            told("invoice.pdf.exe", "application/octet-stream", b""),
            Some(true)
        );
        assert_eq!(told("invoice.pdf.html", "text/html", b"<html>"), Some(true));
        assert_eq!(
            told("invoice\u{202e}fdp.exe", "application/pdf", b""),
            Some(true)
        );
        assert_eq!(
            told(
                "invoice.pdf                    .exe",
                "application/pdf",
                b""
            ),
            Some(true)
        );
        assert_eq!(
            told("invoice.p\u{200b}df.e\u{200b}xe", "application/pdf", b""),
            Some(true)
        );
        assert_eq!(
            told("scan.pdf", "application/pdf", b"<html><body>"),
            Some(false)
        );
        assert_eq!(told("a\u{202e}gpj.png", "image/png", b""), Some(false));
    }

    #[test]
    fn what_people_attach_is_not_told() {
        for (name, mime, octets) in [
            (
                "Screenshot 2024.05.01.png",
                "image/png",
                &b"\x89PNG\r\n\x1a\n"[..],
            ),
            ("report.v2.pdf", "application/pdf", b"%PDF-1.4"),
            ("letter.docx", "application/msword", b"PK\x03\x04"),
            ("backup.tar.gz", "application/gzip", b"\x1f\x8b"),
            ("page.html", "text/html", b"<html>"),
            (
                "\u{202b}\u{2067}تقرير\u{2069}\u{202c}.pdf",
                "application/pdf",
                b"%PDF-1.4",
            ),
            ("noname", "application/octet-stream", b"\0\x01"),
            ("", "image/jpeg", b"\xff\xd8\xff\xe0"),
            ("notes.txt", "text/plain", b"<html> is how a page begins"),
        ] {
            assert_eq!(disguise(name, mime, sniff(octets)), None, "{name}");
        }
    }
}
