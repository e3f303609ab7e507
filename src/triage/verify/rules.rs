//! `verify.toml`: how often addresses are asked, which are nobody's, and the words of yes and no.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use aho_corasick::AhoCorasickKind;
use serde::Deserialize;

use crate::message::address::Address;
use crate::triage::classify::fold::is_unspaced;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// The file.
pub const VERIFY_FILE: &str = "verify.toml";
/// A plain yes has at most so many words, and characters.
const YES_WORDS_MAX: usize = 20;
const YES_CHARS_MAX: usize = 160;

/// The reply that asks an address.
pub const VERIFY_REPLY: &str = "verify";

/// How an intent wants addresses verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Wish {
    /// Not at all.
    #[default]
    No,
    /// Every address that is named, unless the person says that they cannot read it.
    UnlessDenied,
    /// Only those of which the person says that they read them.
    OnlySaid,
}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bool(bool),
            Word(String),
        }
        let wrong = "`verify` is `true` (every address but those that the writer cannot read), `\"said\"` (only those that the writer says they read), or `false`";
        match Written::deserialize(from) {
            Ok(Written::Bool(true)) => Ok(Self::UnlessDenied),
            Ok(Written::Bool(false)) => Ok(Self::No),
            Ok(Written::Word(word)) if word == "said" => Ok(Self::OnlySaid),
            _ => Err(serde::de::Error::custom(wrong)),
        }
    }
}

/// How often may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Addresses asked on one ticket, ever.
    pub ticket: u32,
    /// Questions because of one writer, in 24 hours.
    pub requester_day: u32,
    /// Questions to one registrable domain in an hour, but for shared domains.
    pub domain_hour: u32,
    /// Questions of the whole desk in an hour.
    pub total_hour: u32,
    /// A mail that names more other addresses than this is a list: nobody in it is asked.
    pub named: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ticket: 2,
            requester_day: 4,
            domain_hour: 10,
            total_hour: 20,
            named: 4,
        }
    }
}

/// The file, compiled.
#[derive(Debug, Clone, Default)]
pub struct VerifyRules {
    /// How often may be asked.
    pub limits: Limits,
    /// An answer counts only where its domain vouches for it (DMARC at our border).
    pub must_be_vouched: bool,
    platform: Vec<String>,
    machines: Vec<String>,
    roles: Vec<String>,
    /// Words that speak against an address beside them.
    pub old: Phrases,
    /// Words by which somebody says that they read an address.
    pub reads: Phrases,
    /// Words by which somebody says that it was not them, or that they want no mail.
    pub refuses: Phrases,
    /// Words that mean no when they are the whole first clause.
    pub no: Phrases,
    /// Words with which a yes begins.
    pub yes: Phrases,
    /// Words that deny: a text that holds one is no plain yes.
    pub denies: Phrases,
}

/// Phrases of all languages.
#[derive(Debug, Clone, Default)]
pub struct Phrases {
    /// Each as [`plain`] has it.
    all: Vec<String>,
    /// Finds any of them in a text; none without phrases.
    any: Option<AhoCorasick>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    must_be_vouched: bool,
    #[serde(default)]
    platform: Vec<String>,
    #[serde(default)]
    machines: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    old: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    reads: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    refuses: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    no: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    yes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    denies: BTreeMap<String, Vec<String>>,
}

impl VerifyRules {
    /// Compiles the file. Without it nobody is asked anything, as `wanted` says that no intent wants it.
    ///
    /// # Errors
    /// What is wrong with it, with its place; or that it is missing and wanted.
    pub fn compile(files: &RuleFiles, wanted: bool) -> Result<Self, Vec<Complaint>> {
        let Some(text) = files.get(VERIFY_FILE) else {
            let what = "the file is missing, and an intent says `verify`: it holds the limits and words of verification";
            return if wanted {
                Err(vec![Complaint::at(VERIFY_FILE, "", 0, what)])
            } else {
                Ok(Self::default())
            };
        };
        let file: File =
            toml::from_str(text).map_err(|e| vec![Complaint::of_toml(VERIFY_FILE, text, &e)])?;
        let wrong = |key: &str, what: String| {
            let at = text.find(key).unwrap_or(0);
            vec![Complaint::at(VERIFY_FILE, text, at, what)]
        };
        if file.limits.ticket > 8 || file.limits.named > 8 {
            let what = "`ticket` and `named` must be at most 8: strangers name whom they like";
            return Err(wrong("ticket", what.to_owned()));
        }
        let lower = |all: &[String]| {
            all.iter()
                .find(|w| w.is_empty() || **w != w.to_lowercase())
                .cloned()
        };
        for (key, all) in [
            ("platform", &file.platform),
            ("machines", &file.machines),
            ("roles", &file.roles),
        ] {
            if let Some(word) = lower(all) {
                let what = format!("`{key}`: write `{word}` in lower case");
                return Err(wrong(key, what));
            }
        }
        let phrases = |key: &str, all: BTreeMap<String, Vec<String>>| {
            let all: Vec<String> = all.into_values().flatten().map(|p| plain(&p)).collect();
            if all.iter().any(|p| p.trim().is_empty()) {
                return Err(wrong(key, format!("`{key}` has a phrase without a letter")));
            }
            Phrases::new(all).map_err(|why| wrong(key, format!("`{key}`: {why}")))
        };
        Ok(Self {
            limits: file.limits,
            must_be_vouched: file.must_be_vouched,
            platform: file.platform,
            machines: file.machines,
            roles: file.roles,
            old: phrases("old", file.old)?,
            reads: phrases("reads", file.reads)?,
            refuses: phrases("refuses", file.refuses)?,
            no: phrases("no", file.no)?,
            yes: phrases("yes", file.yes)?,
            denies: phrases("denies", file.denies)?,
        })
    }

    /// Whether an address takes no mail by its name (`no-reply`).
    pub fn is_machine(&self, address: &Address) -> bool {
        let local: String = address
            .local()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        self.machines.iter().any(|m| local.contains(m.as_str()))
    }

    /// Whether several people may stand behind an address (`info`, `support`).
    pub fn is_role(&self, address: &Address) -> bool {
        let local = address.local().to_lowercase();
        let local = local.split('+').next().unwrap_or_default();
        self.roles.iter().any(|r| r == local)
    }

    /// Whether an address is the platform's own.
    pub fn is_platform(&self, address: &Address) -> bool {
        let domain = address.domain();
        self.platform.iter().any(|p| {
            domain
                .strip_suffix(p.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// Whether an answer says no.
    pub fn says_no(&self, text: &str) -> bool {
        let clause = |c: char| {
            matches!(
                c,
                '.' | ',' | ';' | ':' | '!' | '?' | '\n' | '。' | '，' | '、' | '！' | '।' | '،'
            )
        };
        let first = text.trim().split(clause).next().unwrap_or_default();
        self.no.is(first) || self.refuses.in_text(text)
    }

    /// Whether an answer is a plain yes: short, begins with one, asks nothing and denies nothing. Whoever protests in words
    /// that nobody foresaw must not be taken to agree.
    pub fn says_yes(&self, text: &str) -> bool {
        let text = text.trim();
        let short = text.split_whitespace().count() <= YES_WORDS_MAX
            && text.chars().count() <= YES_CHARS_MAX;
        short
            && !text.contains(['?', '？', '؟'])
            && !self.says_no(text)
            && !self.denies.in_text(text)
            && self.yes.begins(text)
    }
}

impl Phrases {
    fn new(all: Vec<String>) -> Result<Self, String> {
        if all.is_empty() {
            return Ok(Self::default());
        }
        let any = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(all.iter().map(|phrase| sought(phrase)))
            .map_err(|e| e.to_string())?;
        Ok(Self {
            all,
            any: Some(any),
        })
    }

    /// Whether one of them stands in a text, as words.
    pub fn in_text(&self, text: &str) -> bool {
        self.any
            .as_ref()
            .is_some_and(|any| any.is_match(&plain(text)))
    }

    /// Whether a text begins with one of them, as words.
    pub fn begins(&self, text: &str) -> bool {
        let text = plain(text);
        self.all.iter().any(|phrase| {
            let phrase = sought(phrase);
            let text = if phrase.starts_with(' ') {
                &text
            } else {
                text.trim()
            };
            text.starts_with(phrase)
        })
    }

    /// Whether a text is one of them, and nothing more.
    pub fn is(&self, text: &str) -> bool {
        self.all.contains(&plain(text))
    }
}

/// What of a phrase is looked for: the spaces around it are its borders, where words have borders.
fn sought(phrase: &str) -> &str {
    if phrase.chars().any(is_unspaced) {
        phrase.trim()
    } else {
        phrase
    }
}

/// Lower-case words with single spaces between and around them.
fn plain(text: &str) -> String {
    let lower: String = text
        .chars()
        .take(20_000)
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            '\'' | '’' | 'ʼ' => '\'',
            c if c.is_alphanumeric() || ('\u{0900}'..='\u{0963}').contains(&c) => c,
            _ => ' ',
        })
        .collect();
    let words: Vec<&str> = lower.split_whitespace().collect();
    format!(" {} ", words.join(" "))
}
