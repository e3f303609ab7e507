//! The mailbox of the world: folders, UIDs, flags, mod-sequences; each change as one piece, as on a good server.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// UIDVALIDITY of every folder.
pub(crate) const VALIDITY: u32 = 7;

/// A message in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) raw: Arc<Vec<u8>>,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) modseq: u64,
    /// As IMAP writes dates.
    pub(crate) received: Arc<str>,
}

/// A folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) mails: BTreeMap<u32, Stored>,
    pub(crate) last_uid: u32,
}

impl Folder {
    pub(crate) fn is_empty(&self) -> bool {
        self.mails.is_empty()
    }

    /// The UIDs of a set as IMAP writes it, as far as they are there.
    pub(crate) fn in_set(&self, set: &str) -> Vec<u32> {
        let last = self.mails.keys().next_back().copied().unwrap_or(0);
        let number = |text: &str| {
            if text == "*" {
                last
            } else {
                text.parse().unwrap_or(0)
            }
        };
        let mut found = BTreeSet::new();
        for part in set.split(',') {
            let (from, to) = part.split_once(':').unwrap_or((part, part));
            let (from, to) = (number(from), number(to));
            found.extend(self.mails.range(from.min(to)..=from.max(to)).map(|m| *m.0));
        }
        found.into_iter().collect()
    }
}

/// All folders.
#[derive(Debug)]
pub(crate) struct Mailbox {
    folders: BTreeMap<String, Folder>,
    modseq: u64,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self {
            folders: BTreeMap::from([("INBOX".to_owned(), Folder::default())]),
            modseq: 1,
        }
    }

    pub(crate) fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders.get(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.folders.keys().cloned().collect()
    }

    pub(crate) fn highest_modseq(&self) -> u64 {
        self.modseq
    }

    /// Makes a folder; says whether it is new.
    pub(crate) fn create(&mut self, name: &str) -> bool {
        let new = !self.folders.contains_key(name);
        self.folders.entry(name.to_owned()).or_default();
        new
    }

    /// Every message, wherever it lies.
    pub(crate) fn all(&self) -> Vec<Arc<Vec<u8>>> {
        let all = self.folders.values().flat_map(|f| f.mails.values());
        all.map(|mail| Arc::clone(&mail.raw)).collect()
    }

    /// Puts a message into the inbox; returns its UID.
    pub(crate) fn deliver(&mut self, raw: Vec<u8>) -> u32 {
        self.append("INBOX", raw, BTreeSet::new()).unwrap()
    }

    /// Puts a message into a folder; none where there is no such folder.
    pub(crate) fn append(
        &mut self,
        folder: &str,
        raw: Vec<u8>,
        flags: BTreeSet<String>,
    ) -> Option<u32> {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let received = now.strftime("%d-%b-%Y %H:%M:%S +0000").to_string();
        let mail = Stored {
            raw: Arc::new(raw),
            flags,
            modseq: 0,
            received: received.into(),
        };
        self.put(folder, mail)
    }

    fn put(&mut self, folder: &str, mut mail: Stored) -> Option<u32> {
        let folder = self.folders.get_mut(folder)?;
        self.modseq += 1;
        mail.modseq = self.modseq;
        folder.last_uid += 1;
        folder.mails.insert(folder.last_uid, mail);
        Some(folder.last_uid)
    }

    /// Copies messages; says for each its UID and its new one. None where there is no such target.
    pub(crate) fn copy(&mut self, from: &str, uids: &[u32], to: &str) -> Option<Vec<(u32, u32)>> {
        self.folders.get(to)?;
        let mut copied = Vec::new();
        for uid in uids {
            let mail = self.folders.get(from)?.mails.get(uid).cloned();
            if let Some(mail) = mail {
                copied.push((*uid, self.put(to, mail)?));
            }
        }
        Some(copied)
    }

    /// Removes messages.
    pub(crate) fn expunge(&mut self, folder: &str, uids: &[u32]) {
        self.modseq += 1;
        if let Some(folder) = self.folders.get_mut(folder) {
            folder.mails.retain(|uid, _| !uids.contains(uid));
        }
    }

    /// Changes flags of messages whose mod-sequence is not beyond `unchanged_since`; returns those that were passed over.
    pub(crate) fn store(
        &mut self,
        folder: &str,
        uids: &[u32],
        how: char,
        flags: &[String],
        unchanged_since: Option<u64>,
    ) -> Vec<u32> {
        let mut passed_over = Vec::new();
        self.modseq += 1;
        let modseq = self.modseq;
        let Some(folder) = self.folders.get_mut(folder) else {
            return passed_over;
        };
        for uid in uids {
            let Some(mail) = folder.mails.get_mut(uid) else {
                continue;
            };
            if unchanged_since.is_some_and(|since| mail.modseq > since) {
                passed_over.push(*uid);
                continue;
            }
            mail.modseq = modseq;
            match how {
                '+' => mail.flags.extend(flags.iter().cloned()),
                '-' => mail.flags.retain(|flag| !flags.contains(flag)),
                _ => mail.flags = flags.iter().cloned().collect(),
            }
        }
        passed_over
    }
}
