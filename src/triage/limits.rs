//! How much the desk may say by itself, and to whom that counts: the tables of `desk.toml`, and the writers behind
//! addresses.
//!
//! # Decisions
//! - A budget is a writer's, not an address's: plus-parts, dots, and the other names of a provider's domains do not make
//!   a second writer. What is known of providers is data.
//! - A budget of a domain is one of the registrable domain: subdomains are free.
//! - The domains of big providers have no budget: one stranger there must not silence millions of others. What they can
//!   have together is bounded by the total, and that by the breaker.
//! - Cases are gathered, not refused: agents read of one flood once, then at its 10th, 100th, 1,000th gathered mail, and
//!   find all of them on one ticket and in one folder.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::message::address::Address;

/// The longest a dead address may stay dead, in days; records of it go after that.
pub const DEAD_DAYS_MAX: u32 = 90;
/// The least quiet time of the breaker, in minutes: the total counts by the hour.
pub const QUIET_MINUTES_MIN: u32 = 60;

/// Limits on automatic replies (RFC 3834, 2; RFC 5230, 4.1). A spent budget silences the reply, never the forward.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The same paragraph to the same address again only after so many days.
    pub same_reply_days: u32,
    /// Replies to one address in 24 hours.
    pub address_day: u32,
    /// Minutes after a reply in which its address gets no other: who answers at once may be a machine.
    #[serde(default = "address_gap_minutes")]
    pub address_gap_minutes: u32,
    /// Replies on one ticket in 24 hours, whoever writes there.
    #[serde(default = "ticket_day")]
    pub ticket_day: u32,
    /// Replies to mails of the same words in an hour, whoever sends them.
    #[serde(default = "text_hour")]
    pub text_hour: u32,
    /// Replies to one registrable domain in an hour.
    pub domain_hour: u32,
    /// Replies of the whole desk in an hour; one more trips the breaker.
    pub total_hour: u32,
    /// Domains where strangers live side by side: no limit by domain holds for them.
    pub shared_domains: Vec<String>,
}

/// When cases are gathered instead of forwarded one by one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flood {
    /// Cases of one writer in 24 hours.
    pub sender_cases_day: u32,
    /// Cases of one registrable domain in an hour, but for shared domains.
    pub domain_cases_hour: u32,
    /// Cases of the same words in an hour, whoever sends them.
    pub text_cases_hour: u32,
    /// Forwards of the whole desk in an hour; more than these wait in the outbox and leave at that pace.
    pub forwards_hour: u32,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            sender_cases_day: 30,
            domain_cases_hour: 100,
            text_cases_hour: 30,
            forwards_hour: 200,
        }
    }
}

/// How the breaker closes again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerRule {
    /// Minutes without an automatic reply; doubled, up to eight times, by each trial that fails.
    pub quiet_minutes: u32,
    /// Replies that may leave in the trial after that, which lasts as long as the first quiet time.
    pub trial_replies: u32,
}

impl Default for BreakerRule {
    fn default() -> Self {
        Self {
            quiet_minutes: QUIET_MINUTES_MIN,
            trial_replies: 5,
        }
    }
}

/// What becomes of addresses that do not exist.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadRule {
    /// Days for which no reply goes to an address that a mail of ours came back from for good.
    pub days: u32,
}

impl Default for DeadRule {
    fn default() -> Self {
        Self { days: 30 }
    }
}

/// A provider whose addresses have several spellings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Domains that lead to the same mailboxes, the first for all of them.
    pub domains: Vec<String>,
    /// Dots in the local part mean nothing.
    #[serde(default)]
    pub dots_mean_nothing: bool,
    /// What divides the mailbox from a tag of its owner's, besides a plus.
    #[serde(default)]
    pub separator: Option<char>,
}

fn ticket_day() -> u32 {
    // Two machines that take each other for people exchange no more than this in a day.
    1
}

fn address_gap_minutes() -> u32 {
    60
}

fn text_hour() -> u32 {
    20
}

/// Who counts as one writer and as one domain. The default knows no provider but Gmail.
#[derive(Debug, Clone, Default)]
pub struct Spellings {
    /// Providers whose addresses have several spellings.
    pub providers: Vec<Provider>,
    /// Domains that have no budget.
    pub shared: BTreeSet<String>,
    /// Second levels under which countries register (`co`, `com`).
    pub second_levels: BTreeSet<String>,
}

impl Spellings {
    /// Returns what stays the same however the writer spells the address.
    pub fn writer(&self, address: &Address) -> String {
        let identity = address.identity();
        let Some((local, domain)) = identity.rsplit_once('@') else {
            return identity;
        };
        let is_its = |p: &&Provider| p.domains.iter().any(|d| d == domain);
        let Some(provider) = self.providers.iter().find(is_its) else {
            return identity;
        };
        let local = match provider.separator.and_then(|s| local.split_once(s)) {
            Some((before, _)) if !before.is_empty() => before,
            _ => local,
        };
        let local = if provider.dots_mean_nothing {
            local.replace('.', "")
        } else {
            local.to_owned()
        };
        let domain = provider.domains.first().map_or(domain, String::as_str);
        format!("{local}@{domain}")
    }

    /// Returns the registrable domain of an address; none for domains that have no budget.
    pub fn domain(&self, address: &Address) -> Option<String> {
        let domain = address.domain();
        let whole = registrable(domain, &self.second_levels);
        let free = self.shared.contains(domain) || self.shared.contains(whole);
        (!free).then(|| whole.to_owned())
    }
}

/// Returns the registrable domain, as far as a short list of second levels tells.
fn registrable<'a>(domain: &'a str, second_levels: &BTreeSet<String>) -> &'a str {
    let labels: Vec<&str> = domain.split('.').collect();
    let kept = match labels.as_slice() {
        [.., _, second, country] if country.len() == 2 && second_levels.contains(*second) => 3,
        _ => 2,
    };
    let cut: usize = labels
        .iter()
        .take(labels.len().saturating_sub(kept))
        .map(|label| label.len() + 1)
        .sum();
    domain.get(cut..).unwrap_or(domain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn spellings() -> Spellings {
        let provider = |domains: &[&str], dots_mean_nothing, separator| Provider {
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            dots_mean_nothing,
            separator,
        };
        Spellings {
            providers: vec![
                provider(&["proton.example", "pm.example"], true, None),
                provider(&["yard.example"], false, Some('-')),
            ],
            shared: ["big.example".to_owned()].into(),
            second_levels: ["co".to_owned()].into(),
        }
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn one_mailbox_of_a_provider_is_one_writer_in_every_spelling() {
        let known = spellings();
        for text in [
            "a.nn@proton.example",
            "Ann+x@PM.example",
            "ann@pm.example",
            "\"a.nn\"@pm.example",
        ] {
            assert_eq!(known.writer(&address(text)), "ann@proton.example", "{text}");
        }
        assert_eq!(
            known.writer(&address("ann-shop@yard.example")),
            "ann@yard.example"
        );
        assert_eq!(
            known.writer(&address("-shop@yard.example")),
            "-shop@yard.example",
            "nothing before the separator: not everybody there"
        );
        assert_eq!(
            known.writer(&address("a.nn@museum.example")),
            "a.nn@museum.example"
        );
        assert_eq!(
            known.writer(&address("jo@b\u{fc}cher.example")),
            known.writer(&address("JO+2@xn--bcher-kva.example"))
        );
    }

    #[test]
    fn subdomains_have_no_budgets_of_their_own_and_big_providers_have_none() {
        let known = spellings();
        for (text, domain) in [
            ("a@d1.storm.example", Some("storm.example")),
            ("a@x.y.storm.example", Some("storm.example")),
            ("a@storm.example", Some("storm.example")),
            ("a@shop.firm.co.uk", Some("firm.co.uk")),
            ("a@firm.co.uk", Some("firm.co.uk")),
            ("a@localhost", Some("localhost")),
            ("a@big.example", None),
            ("a@mail.big.example", None),
        ] {
            assert_eq!(
                known.domain(&address(text)),
                domain.map(str::to_owned),
                "{text}"
            );
        }
    }
}
