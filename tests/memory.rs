//! What reading a mail may take: the hungriest mails are read in a process that may have no more.

use std::path::Path;
use std::process::Command;

/// Octets of a mail; a limit on twenty-five times that, and on what the program itself takes, is what a mail of
/// `mail_bytes_max` has in the unit (`MemoryMax=`).
const MAIL_BYTES: usize = 4 * 1024 * 1024;
/// Octets of address space.
const SPACE_BYTES: usize = 400 * 1024 * 1024;

const HEADER: &str = "From: maria@home.example\r\nTo: support@desk.example\r\nSubject: Badge\r\nMIME-Version: 1.0\r\n";

/// The header, and then so many of the same that the mail has its size.
fn mail(rest: &str, repeated: &str) -> Vec<u8> {
    let head = format!("{HEADER}{rest}");
    let times = (MAIL_BYTES - head.len()) / repeated.len();
    format!("{head}{}", repeated.repeat(times)).into_bytes()
}

/// Faults: F81 F82 F91; holds I9.
#[test]
fn the_hungriest_mails_are_read_within_the_memory_that_they_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    for (name, raw) in [
        ("fields", mail("", "X: y\r\n")),
        ("parts", mail(mixed, "--b\r\n\r\nx\r\n")),
        ("recipients", mail("Cc: ", "a@b.c, ")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, raw).expect("a mail");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let done = Command::new("prlimit")
            .arg(format!("--as={SPACE_BYTES}"))
            .arg(env!("CARGO_BIN_EXE_mailclerk"))
            .args(["explain", "--rules"])
            .arg(rules)
            .arg(&path)
            .output()
            .expect("prlimit, of util-linux");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{name}: {} {said}", done.status);
    }
}
