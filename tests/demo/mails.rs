//! The sample mails: raw files beside a table that says what each is and what should become of it.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::Result;
use mail_parser::MessageParser;

use crate::desk;
use crate::support::imap::Stored;

/// A mail that goes in.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Its file.
    pub(crate) name: String,
    /// The sample whose reply it answers.
    pub(crate) answers: Option<String>,
    /// What should become of it.
    pub(crate) disposition: String,
    /// What it should be found to want, primary first.
    pub(crate) intents: Vec<String>,
    /// What is hard in it.
    pub(crate) what: String,
    /// Its bytes, without the Return-Path.
    pub(crate) raw: Vec<u8>,
    /// From its Return-Path.
    pub(crate) envelope_from: String,
    /// Where it is delivered.
    pub(crate) rcpt: String,
    /// Who wrote it: Reply-To, else From.
    pub(crate) writer: String,
    /// Its subject, decoded.
    pub(crate) subject: String,
}

/// Reads all of them, in the order of the table.
pub(crate) fn load() -> Result<Vec<Sample>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/demo/mails");
    let table = fs::read_to_string(folder.join("INDEX.tsv"))?;
    let rows = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| Sample::read(&folder, row).with_context(|| format!("INDEX.tsv: {row}")))
        .collect()
}

impl Sample {
    fn read(folder: &Path, row: &str) -> Result<Self> {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, answers, disposition, intents, what] = columns.as_slice() else {
            anyhow::bail!("five columns are wanted");
        };
        let now = jiff::Zoned::now();
        let date = jiff::fmt::rfc2822::to_string(&now)?;
        let raw = fs::read(folder.join(name))?;
        let raw = replaced(&raw, "@NOW@", &date);
        let raw = replaced(
            &raw,
            "@RUN@",
            &format!("{}", now.timestamp().as_millisecond()),
        );
        let end = raw
            .iter()
            .position(|byte| *byte == b'\n')
            .context("no line ends")?;
        let (first, rest) = raw.split_at_checked(end + 1).context("no lines")?;
        let first = String::from_utf8_lossy(first);
        let path = first
            .trim()
            .strip_prefix("Return-Path: <")
            .and_then(|path| path.strip_suffix('>'));
        let parsed = MessageParser::default().parse(rest).context("not a mail")?;
        let writer = parsed
            .reply_to()
            .or(parsed.from())
            .and_then(|list| list.first()?.address());
        Ok(Self {
            name: (*name).to_owned(),
            answers: (*answers != "-").then(|| (*answers).to_owned()),
            disposition: (*disposition).to_owned(),
            intents: intents.split(',').map(str::to_owned).collect(),
            what: (*what).to_owned(),
            envelope_from: path.context("no Return-Path on line one")?.to_owned(),
            rcpt: desk::ADDRESS.to_owned(),
            writer: writer.context("no writer")?.to_owned(),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            raw: rest.to_vec(),
        })
    }

    /// Fills in what only our reply can tell.
    pub(crate) fn answering(mut self, reply: &Stored) -> Result<Self> {
        let header = |name: &str| {
            reply
                .header(name)
                .with_context(|| format!("the reply has no {name}"))
        };
        let parsed = MessageParser::default()
            .parse(&reply.raw)
            .context("the reply is not a mail")?;
        let to = parsed
            .reply_to()
            .or(parsed.from())
            .and_then(|list| list.first()?.address());
        to.context("the reply has no address to answer to")?
            .clone_into(&mut self.rcpt);
        let text = reply.text();
        let quote = text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        self.subject = format!("Re: {}", reply.subject());
        for (place, value) in [
            ("@REPLY-TO@", self.rcpt.as_str()),
            ("@REPLY-ID@", &header("Message-ID")?),
            ("@REPLY-SUBJECT@", &format!("Re: {}", header("Subject")?)),
            ("@QUOTE@", quote),
        ] {
            self.raw = replaced(&self.raw, place, value);
        }
        Ok(self)
    }
}

fn replaced(raw: &[u8], place: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(byte) = rest.first() {
        if let Some(after) = rest.strip_prefix(place.as_bytes()) {
            out.extend_from_slice(value.as_bytes());
            rest = after;
        } else {
            out.push(*byte);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out
}
