//! Folders of labelled mails.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::cli::classify::read;
use crate::cli::exit::Failure;
use crate::cli::score::Label;
use crate::learn::samples::Sample;
use crate::learn::samples::Truth;
use crate::message::parse::parse;

/// The labels beside the mails: one object a line.
const LABELS: &str = "labels.jsonl";
/// No person wrote it, so it is never classified.
const AUTOMATIC: &str = "automatic";

/// Reads a folder's labels.
pub(super) fn labels(folder: &Path) -> Result<Vec<Label>, Failure> {
    let path = folder.join(LABELS);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}: one label a line belongs beside the mails",
            path.display()
        )
    })?;
    let mut labels = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let label = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: not a label", path.display(), number + 1))?;
        labels.push(label);
    }
    Ok(labels)
}

/// Reads a folder's mails as samples; the n-th mail is of group n.
pub(super) fn samples(folder: &Path) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for (number, label) in labels(folder)?.into_iter().enumerate() {
        if label.primary == AUTOMATIC {
            continue;
        }
        let message = parse(&read(&folder.join(&label.file))?);
        let truth = Truth {
            intents: label.intents,
            audience: label.audience,
            disposition: label.disposition,
            language: label.language,
        };
        samples.push(Sample::of_mail(&label.file, number, &message, truth));
    }
    Ok(samples)
}
