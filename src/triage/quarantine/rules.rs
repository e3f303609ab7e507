//! `quarantine.toml` as written and compiled, and the fields of a trusted spam filter.

use serde::Deserialize;

use crate::message::Message;
use crate::triage::Because;
use crate::triage::quarantine::FILTER;
use crate::triage::quarantine::because;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// The file, relative to the rules folder. A folder without it has the limits and weights that are built in, and no
/// phrases.
const FILE: &str = "quarantine.toml";
/// A longer phrase is a mistake.
const PHRASE_OCTETS_MAX: usize = 200;
/// So many phrases of each kind are enough for every language.
const PHRASES_MAX: usize = 2_000;
/// Characters of a field that are shown.
const SHOWN_CHARS: usize = 60;

/// What is held for an operator, compiled from `quarantine.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineRules {
    /// Intents that are held when nothing else is wanted; without them such mails are filed quietly.
    pub intents: Vec<String>,
    /// What no honest mail exceeds.
    pub limits: Limits,
    /// Signs of fraud.
    pub phishing: Phishing,
    /// From so many mails of one fingerprint on (as the budgets count them) each further one is held.
    #[serde(default = "flood_mails")]
    pub flood_mails: u32,
}

/// What no honest mail exceeds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Octets of the header.
    pub header_bytes: usize,
    /// Header fields.
    pub fields: usize,
    /// Addresses in To and Cc.
    pub recipients: usize,
    /// Ids in References and In-Reply-To.
    pub references: usize,
    /// MIME parts.
    pub parts: usize,
    /// Parts inside parts.
    pub depth: usize,
    /// Attached things.
    pub attachments: usize,
    /// Octets of all of them.
    pub attachment_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 256 * 1024,
            fields: 900,
            recipients: 150,
            references: 1_000,
            parts: 1_000,
            depth: 25,
            attachments: 200,
            attachment_bytes: 128 * 1024 * 1024,
        }
    }
}

/// Signs of fraud, each with its points.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Phishing {
    /// From so many points on a mail is held.
    pub hold: u32,
    /// A link shows one house and leads to another.
    pub link_elsewhere: u32,
    /// A link leads to a host that is only a number.
    pub link_number: u32,
    /// A link hides its host behind a user's name.
    pub link_disguised: u32,
    /// The mail itself asks for a password.
    pub password_field: u32,
    /// The writer's name is our address, or another address than the writer's.
    pub name_is_address: u32,
    /// Our border disproves the sender's domain.
    pub disproved: u32,
    /// An attached program is dressed as a document.
    pub program_disguised: u32,
    /// Another attachment is not what it is called.
    pub attachment_disguised: u32,
    /// Phrases that threaten; count where there is a link or an attachment.
    pub threat: Phrases,
    /// Phrases that ask to give a secret away; count where there is a link or an attachment.
    pub lure: Phrases,
    /// Hosts of services that rewrite links on their way: they lead everywhere, and deceive nobody.
    pub rewriters: Vec<String>,
}

/// Phrases of one kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Phrases {
    /// Points, however many are found.
    pub points: u32,
    /// In lower case, with single spaces and plain quotes.
    pub phrases: Vec<String>,
}

fn flood_mails() -> u32 {
    250
}

impl QuarantineRules {
    /// Compiles `quarantine.toml`.
    ///
    /// # Errors
    /// What is wrong in it.
    pub(crate) fn compile(files: &RuleFiles) -> Result<Self, Vec<Complaint>> {
        let Some(text) = files.get(FILE) else {
            return Ok(Self {
                flood_mails: flood_mails(),
                ..Self::default()
            });
        };
        let rules: Self =
            toml::from_str(text).map_err(|e| vec![Complaint::of_toml(FILE, text, &e)])?;
        let mut complaints = Vec::new();
        let mut complain = |needle: &str, what: &str| {
            let at = text.find(needle).unwrap_or_default();
            complaints.push(Complaint::at(FILE, text, at, what));
        };
        let fraud = &rules.phishing;
        for phrases in [&fraud.threat.phrases, &fraud.lure.phrases] {
            if phrases.len() > PHRASES_MAX {
                complain("phrases", "so many phrases cost time with each mail");
            }
            for phrase in phrases {
                let whole = phrase.split_whitespace().collect::<Vec<_>>().join(" ");
                if phrase.len() < 6 || phrase.len() > PHRASE_OCTETS_MAX {
                    complain(phrase, "a phrase has 6 to 200 octets");
                } else if whole != *phrase || phrase.to_lowercase() != *phrase {
                    complain(
                        phrase,
                        "a phrase is written in lower case and with single spaces",
                    );
                }
            }
        }
        let single = [
            ("link_elsewhere", fraud.link_elsewhere),
            ("link_number", fraud.link_number),
            ("name_is_address", fraud.name_is_address),
            ("disproved", fraud.disproved),
            ("attachment_disguised", fraud.attachment_disguised),
            ("threat", fraud.threat.points),
            ("lure", fraud.lure.points),
        ];
        for (name, points) in single {
            if fraud.hold > 0 && points >= fraud.hold {
                complain(
                    name,
                    "this sign alone would hold a mail, and people share it; give it fewer points than `hold`",
                );
            }
        }
        if complaints.is_empty() {
            Ok(rules)
        } else {
            Err(complaints)
        }
    }
}

/// A field by which a spam filter of the own border says that a mail is spam: `X-Spam-Flag: YES`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SpamHeader {
    name: String,
    value: String,
}

impl TryFrom<String> for SpamHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bad =
            || format!("{text:?} is no header field with a value, such as \"X-Spam-Flag: YES\"");
        let (name, value) = text.split_once(':').ok_or_else(bad)?;
        let (name, value) = (name.trim(), value.trim());
        let sound = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        if !sound || value.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            name: name.to_ascii_lowercase(),
            value: value.to_lowercase(),
        })
    }
}

impl SpamHeader {
    /// Finds it in a mail: a field of that name whose value is the one wanted, or begins with it as a whole word.
    pub(super) fn find(&self, message: &Message) -> Option<Because> {
        let says_so = |value: &&str| {
            let value = value.trim().to_lowercase();
            let rest = value.strip_prefix(self.value.as_str());
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let value = message.header(&self.name).find(says_so)?;
        let shown: String = value.chars().take(SHOWN_CHARS).collect();
        let says = "The spam filter that the config trusts says that it is spam.";
        Some(because(FILTER, says, format!("{}: {shown}", self.name)))
    }
}
