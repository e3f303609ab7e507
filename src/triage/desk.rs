//! The whole desk as `rules/` says it, compiled: what cannot be wrong any more.

use std::sync::Arc;

use serde::Deserialize;

use crate::triage::closing::ClosedRule;
use crate::triage::limits::BreakerRule;
use crate::triage::limits::DEAD_DAYS_MAX;
use crate::triage::limits::DeadRule;
use crate::triage::limits::Flood;
use crate::triage::limits::Provider;
use crate::triage::limits::QUIET_MINUTES_MIN;
use crate::triage::limits::Spellings;
use crate::triage::quarantine::QuarantineRules;
use crate::triage::reply::Replies;
use crate::triage::rules::IntentRules;
use crate::triage::screen::ScreenRules;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;
use crate::triage::twin::TwinRule;
use crate::triage::verify::rules::VERIFY_REPLY;
use crate::triage::verify::rules::VerifyRules;
use crate::triage::verify::rules::Wish;

pub use crate::triage::limits::Budget;

/// Everything in a rules folder, compiled and tried on its own examples.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `desk.toml`.
    pub desk: Desk,
    /// `screen.toml`.
    pub screen: ScreenRules,
    /// `quarantine.toml`.
    pub quarantine: QuarantineRules,
    /// `intents/` and `words/`.
    pub intents: IntentRules,
    /// `replies/`.
    pub replies: Replies,
    /// Who counts as one writer and as one domain.
    pub spellings: Arc<Spellings>,
    /// `verify.toml`.
    pub verify: VerifyRules,
}

/// `desk.toml`: who the desk is and how much it may say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// The desk's name: the display name of what it sends, and the signature.
    pub name: String,
    /// The queue for everything that has no other.
    pub default_queue: String,
    /// How many automatic replies may leave.
    pub budget: Budget,
    /// When cases are gathered instead of forwarded one by one.
    #[serde(default)]
    pub flood: Flood,
    /// How the total breaker closes again.
    #[serde(default)]
    pub breaker: BreakerRule,
    /// What becomes of addresses that do not exist.
    #[serde(default)]
    pub dead: DeadRule,
    /// Providers whose addresses have several spellings.
    #[serde(default)]
    pub provider: Vec<Provider>,
    /// What becomes of answers to closed tickets.
    #[serde(default)]
    pub closed: ClosedRule,
    /// When two mails of one writer are one case.
    #[serde(default)]
    pub twins: TwinRule,
}

/// The file that says who the desk is.
pub const DESK_FILE: &str = "desk.toml";

impl Rules {
    /// Compiles a rules folder.
    ///
    /// # Errors
    /// Every complaint about every file, in order of the files.
    pub fn compile(files: &RuleFiles) -> Result<Self, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let desk = keep(Desk::compile(files), &mut complaints);
        let screen = keep(ScreenRules::compile(files), &mut complaints);
        let quarantine = keep(QuarantineRules::compile(files), &mut complaints);
        let intents = keep(IntentRules::compile(files), &mut complaints);
        // Which replies are wanted, the intents say: without them every reply would be one too many.
        let replies = intents.as_ref().and_then(|intents| {
            let unknown = unknown_replies(intents, files);
            if !unknown.is_empty() {
                complaints.extend(unknown);
                return None;
            }
            let verify = intents.intents().iter().any(|i| i.verify != Wish::No);
            let wanted: Vec<&str> = intents
                .intents()
                .iter()
                .filter_map(|i| i.reply.as_deref())
                .chain(verify.then_some(VERIFY_REPLY))
                .collect();
            keep(Replies::compile(files, &wanted), &mut complaints)
        });
        let wanted = intents
            .as_ref()
            .is_some_and(|all| all.intents().iter().any(|i| i.verify != Wish::No));
        let verify = keep(VerifyRules::compile(files, wanted), &mut complaints).unwrap_or_default();
        match (desk, screen, quarantine, intents, replies) {
            (Some(desk), Some(screen), Some(quarantine), Some(intents), Some(replies))
                if complaints.is_empty() =>
            {
                let spellings = Arc::new(Spellings {
                    providers: desk.provider.clone(),
                    shared: desk.budget.shared_domains.iter().cloned().collect(),
                    second_levels: screen.second_levels.iter().cloned().collect(),
                });
                Ok(Self {
                    desk,
                    screen,
                    quarantine,
                    intents,
                    replies,
                    spellings,
                    verify,
                })
            }
            _ => Err(complaints),
        }
    }

    /// Returns the queues that the rules send mails to, each once.
    pub fn queues(&self) -> Vec<&str> {
        let mut queues = vec![self.desk.default_queue.as_str()];
        queues.extend(
            self.intents
                .intents()
                .iter()
                .filter_map(|i| i.queue.as_deref()),
        );
        queues.sort_unstable();
        queues.dedup();
        queues
    }
}

impl Desk {
    fn compile(files: &RuleFiles) -> Result<Self, Vec<Complaint>> {
        let Some(text) = files.get(DESK_FILE) else {
            return Err(vec![Complaint::at(
                DESK_FILE,
                "",
                0,
                "the file is missing; it names the desk",
            )]);
        };
        let desk: Self =
            toml::from_str(text).map_err(|e| vec![Complaint::of_toml(DESK_FILE, text, &e)])?;
        if desk.name.trim().is_empty() || desk.name.chars().any(char::is_control) {
            let offset = place(text, "name");
            return Err(vec![Complaint::at(
                DESK_FILE,
                text,
                offset,
                "`name` must be one line and not empty",
            )]);
        }
        if desk.budget.same_reply_days == 0 {
            let offset = place(text, "same_reply_days");
            let what = "`same_reply_days` must be at least 1 (RFC 5230, 4.1: never under a day)";
            return Err(vec![Complaint::at(DESK_FILE, text, offset, what)]);
        }
        for (key, wrong, what) in desk.wrongs() {
            if wrong {
                return Err(vec![Complaint::at(DESK_FILE, text, place(text, key), what)]);
            }
        }
        Ok(desk)
    }

    /// Values that would undo what they are to limit.
    fn wrongs(&self) -> [(&'static str, bool, String); 6] {
        let Flood {
            sender_cases_day,
            domain_cases_hour,
            text_cases_hour,
            forwards_hour,
        } = self.flood;
        let none =
            |key: &str| format!("`{key}` must be at least 1: with 0 no case reaches an agent");
        let is_none = [sender_cases_day, domain_cases_hour, text_cases_hour].contains(&0);
        let (days, quiet) = (self.dead.days, self.breaker.quiet_minutes);
        let lower = |d: &String| *d == d.to_lowercase() && d.is_ascii() && !d.is_empty();
        let domains = || {
            self.provider
                .iter()
                .all(|p| !p.domains.is_empty() && p.domains.iter().all(lower))
        };
        [
            (
                "sender_cases_day",
                is_none,
                none("sender_cases_day, domain_cases_hour, text_cases_hour"),
            ),
            ("forwards_hour", forwards_hour == 0, none("forwards_hour")),
            (
                "days",
                days > DEAD_DAYS_MAX,
                format!("`days` must be at most {DEAD_DAYS_MAX}"),
            ),
            (
                "quiet_minutes",
                !(QUIET_MINUTES_MIN..=7 * 24 * 60).contains(&quiet),
                format!(
                    "`quiet_minutes` must lie between {QUIET_MINUTES_MIN}, as the total counts by the hour, and a week"
                ),
            ),
            (
                "domains",
                !domains(),
                "`domains` of a provider must name at least one, all in lower-case ASCII"
                    .to_owned(),
            ),
            (
                "shared_domains",
                !self.budget.shared_domains.iter().all(lower),
                "`shared_domains` must be in lower-case ASCII".to_owned(),
            ),
        ]
    }
}

/// Complains, where they are named, of replies that no language has.
fn unknown_replies(intents: &IntentRules, files: &RuleFiles) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for intent in intents.intents() {
        let Some(reply) = &intent.reply else { continue };
        let end = format!("/{reply}.txt");
        if files
            .keys()
            .any(|f| f.starts_with("replies/") && f.ends_with(&end))
        {
            continue;
        }
        let file = format!("intents/{}.toml", intent.name);
        let text = files.get(&file).map(String::as_str).unwrap_or_default();
        let what = format!(
            "no language has the reply `{reply}`: write replies/en{end} and its translations"
        );
        complaints.push(Complaint::at(&file, text, place(text, "reply"), what));
    }
    complaints
}

/// Returns where the line of a key begins.
fn place(text: &str, key: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key);
        if rest.is_some_and(|r| r.trim_start().starts_with('=')) {
            return at;
        }
        at += line.len();
    }
    0
}

fn keep<T>(result: Result<T, Vec<Complaint>>, complaints: &mut Vec<Complaint>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(more) => {
            complaints.extend(more);
            None
        }
    }
}
