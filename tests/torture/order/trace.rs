//! A trace of strace, read: each call with the lines at which it began and ended.

use std::collections::BTreeMap;

/// A system call. Lines are in the order of time; a call that others ran beside has two.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) begun: usize,
    pub(super) ended: usize,
    name: String,
    /// Its arguments, as strace writes them: what a descriptor stands for behind it in angle brackets.
    pub(super) text: String,
    failed: bool,
}

/// Reads a trace made with `-f -yy`.
pub(super) fn read(trace: &[u8]) -> Vec<Call> {
    let trace = String::from_utf8_lossy(trace);
    let mut calls = Vec::new();
    let mut unfinished: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, said)) = text.split_once(' ') else {
            continue;
        };
        let said = said.trim_start();
        if let Some(begun) = said.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (line, begun.to_owned()));
        } else if let Some(rest) = said.strip_prefix("<... ") {
            let rest = rest.split_once(" resumed>").map_or("", |(_, rest)| rest);
            if let Some((begun, head)) = unfinished.remove(thread) {
                calls.extend(call(begun, line, &(head + rest)));
            }
        } else {
            calls.extend(call(line, line, said));
        }
    }
    // Calls are found by when they began.
    calls.sort_by_key(|call| call.begun);
    calls
}

fn call(begun: usize, ended: usize, said: &str) -> Option<Call> {
    let (name, rest) = said.split_once('(')?;
    let (text, result) = rest.rsplit_once(" = ")?;
    Some(Call {
        begun,
        ended,
        name: name.to_owned(),
        text: text.to_owned(),
        failed: result.starts_with('-'),
    })
}

impl Call {
    /// What its first descriptor stands for.
    pub(super) fn path(&self) -> &str {
        let inside = self.text.split_once('<').map_or("", |(_, rest)| rest);
        // An address of a socket has brackets of its own, and an arrow.
        let end = inside
            .find(">,")
            .or(inside.find(">)"))
            .unwrap_or(inside.len());
        &inside[..end]
    }

    fn is(&self, names: &[&str]) -> bool {
        !self.failed && names.contains(&self.name.as_str())
    }

    /// Whether it writes to a server on that port.
    pub(super) fn writes_to_port(&self, port: u16) -> bool {
        self.is(&["write", "writev", "sendto", "sendmsg"])
            && self.path().ends_with(&format!("->127.0.0.1:{port}]"))
    }

    /// Whether it opens a connection to that port; to be under way is not to fail.
    pub(super) fn connects_to(&self, port: u16) -> bool {
        self.name == "connect" && self.text.contains(&format!("sin_port=htons({port})"))
    }

    /// Whether it writes a file whose path has this in it.
    pub(super) fn is_write_in(&self, part: &str) -> bool {
        self.is(&["write", "writev", "pwrite64"]) && self.path().contains(part)
    }

    /// Whether it syncs the file or folder of that path.
    pub(super) fn syncs(&self, path: &str) -> bool {
        self.is(&["fsync", "fdatasync"]) && self.path() == path
    }

    /// Whether it syncs a file or folder whose path ends so.
    pub(super) fn syncs_end(&self, end: &str) -> bool {
        self.is(&["fsync", "fdatasync"]) && self.path().ends_with(end)
    }

    /// Its beginning, for a person.
    pub(super) fn brief(&self) -> String {
        let text: String = self.text.chars().take(120).collect();
        format!("{}({text}", self.name)
    }
}
