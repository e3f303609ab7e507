//! What people labelled: short examples beside the rules, and folders of mails.

use serde::Deserialize;
use serde::Serialize;

use crate::message::Message;
use crate::message::parse::parse;
use crate::triage::Disposition;
use crate::triage::classify::Audience;
use crate::triage::classify::reading::Reading;
use crate::triage::rules::IntentRules;

/// Where labelled examples lie, below the rules folder.
pub const EXAMPLES: &str = "examples";

/// A line of `rules/examples/*.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The subject.
    #[serde(default)]
    pub subject: String,
    /// The writer's new words.
    pub text: String,
    /// Primary first.
    pub intents: Vec<String>,
    /// Who asks, where an intent depends on it.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// A person is needed though the intents could be answered.
    #[serde(default)]
    pub person: bool,
    /// The language, ISO 639-1.
    #[serde(default)]
    pub language: Option<String>,
    /// The writer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What is right for a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Primary first.
    pub intents: Vec<String>,
    /// Who asks.
    pub audience: Option<Audience>,
    /// What must happen.
    pub disposition: Disposition,
    /// ISO 639-1; empty where nobody said.
    pub language: String,
}

/// Something labelled, as the classifier reads it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where it comes from, such as `en.jsonl:17`.
    pub name: String,
    /// Samples of one group (neighbours in a file) are never parted into learning and testing.
    pub group: usize,
    /// What is right.
    pub truth: Truth,
    /// A whole mail, not an example.
    pub mail: bool,
    /// Written to mislead: learned from, but no measure of what comes every day.
    pub trap: bool,
    pub(crate) reading: Reading,
}

/// Files of examples that were written to mislead begin so.
const TRAPS: &str = "traps";
/// Neighbours in a file were written one after the other, and are alike.
const GROUP: usize = 8;

impl Sample {
    /// What the sample is known by, whatever its name and place.
    pub fn digest(&self) -> u32 {
        crc32fast::hash(format!("{}\n{}", self.reading.subject, self.reading.text).as_bytes())
    }

    /// Makes a sample of a mail. Mails that the screen ignores are none: they are never classified.
    pub fn of_mail(name: &str, group: usize, message: &Message, truth: Truth) -> Self {
        Self {
            name: name.to_owned(),
            group,
            truth,
            mail: true,
            trap: false,
            reading: Reading::of(message),
        }
    }
}

/// Reads a file of examples.
///
/// # Errors
/// `FILE:LINE: what is wrong`, for each line that is wrong.
pub fn read(file: &str, text: &str, rules: &IntentRules) -> Result<Vec<Sample>, Vec<String>> {
    let (mut samples, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let name = format!("{file}:{}", number + 1);
        match serde_json::from_str::<Example>(line)
            .map_err(|e| e.to_string())
            .and_then(|e| sample(e, rules))
        {
            Ok((reading, truth)) => samples.push(Sample {
                name,
                group: number / GROUP,
                truth,
                mail: false,
                trap: file.starts_with(TRAPS),
                reading,
            }),
            Err(what) => faults.push(format!("{name}: {what}")),
        }
    }
    if faults.is_empty() {
        Ok(samples)
    } else {
        Err(faults)
    }
}

/// The example as the mail that it stands for: what is quoted or signed in it is to be read as in a mail.
fn raw(example: &Example) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let from = example.from.as_deref().unwrap_or("writer@example.invalid");
    format!(
        "From: {}\r\nTo: desk@desk.invalid\r\nSubject: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
        line(from),
        line(&example.subject),
        example.text
    )
}

fn sample(example: Example, rules: &IntentRules) -> Result<(Reading, Truth), String> {
    let reading = Reading::of(&parse(raw(&example).as_bytes()));
    let mut person = example.person;
    let mut first = None;
    for name in &example.intents {
        let intent = rules
            .intent(name)
            .ok_or_else(|| format!("there is no intent `{name}`"))?;
        person |= intent.disposition == Disposition::Forward;
        first.get_or_insert(intent.disposition);
    }
    let primary = first.ok_or("it has no intent")?;
    let disposition = if person {
        Disposition::Forward
    } else {
        primary
    };
    let (intents, audience) = (example.intents, example.audience);
    Ok((
        reading,
        Truth {
            intents,
            audience,
            disposition,
            language: example.language.unwrap_or_default(),
        },
    ))
}
