//! Reports in words: whom a mail did not reach, and why, where no field says it (qmail, Exim, Exchange, and the rest).
//!
//! # Decisions
//! - Read is what the mail system wrote, up to where the returned mail begins: its own words must not be taken for the
//!   system's.
//! - An address counts by where it stands: alone on its line or before a colon, after `RCPT TO:`, beside a code or a reason;
//!   only when none stands so, one that stands anywhere. Addresses of mail systems and helpers are nobody's.
//! - Words are folded to lower case and looked for as they are: they only ever say why, never that a report is about us.

use std::sync::LazyLock;

use regex::Regex;

use crate::message::Header;
use crate::message::Message;
use crate::message::ReturnPath;
use crate::message::address::Address;
use crate::message::address::one_line;
use crate::triage::returned::report::Action;
use crate::triage::returned::report::Kind;
use crate::triage::returned::report::Report;
use crate::triage::returned::report::Status;
use crate::triage::returned::report::TOLD_MAX;
use crate::triage::returned::report::Told;
use crate::triage::returned::report::delivery;
use crate::triage::returned::report::typed_address;
use crate::triage::returned::vocabulary::DELAYED;
use crate::triage::returned::vocabulary::FAILED_SUBJECTS;
use crate::triage::returned::vocabulary::GIVEN_UP;
use crate::triage::returned::vocabulary::REASONS;

/// Lines of a report that are read.
const LINES_MAX: usize = 150;
/// Characters of a line that are read.
const LINE_CHARS_MAX: usize = 1_000;
/// Lines of a reason that follow an address.
const REASON_LINES: usize = 8;
/// Characters that are kept of what a mail system said.
const SAID_CHARS_MAX: usize = 300;

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:^|[^0-9.])([245]\.\d{1,3}\.\d{1,3})(?:$|[^0-9.]|\.(?:$|[^0-9]))")
});
static CODE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|[^0-9.#/:,-])([45][0-5]\d)(?:[ -]|$)"));
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"[^\s<>()\[\]",;:'|]+@[A-Za-z0-9.-]*[A-Za-z0-9]"#));
/// Where the returned mail begins.
static RETURNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^>?\s?(?:return-path|received|mime-version|dkim-signature|delivered-to|x-[a-z0-9-]+|arc-[a-z-]+): ",
        r"|^[-=_*]{2,}.{0,40}\b(?:copy|original|returned|included|enclosed|headers?|message (?:text|follows)|unsent",
        r"|nachricht|mensaje|mensagem|messaggio|kopie|copie|исходн|原)",
        r"|^(?:the )?original message(?: as received)?(?: is as)? follows|^the first \d+ lines of",
    ))
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that a test compiles")
}

/// Reads the status that a text names: an enhanced one, else what a code of SMTP tells.
pub(super) fn status(text: &str) -> Option<Status> {
    let text = text.get(..floor(text, LINE_CHARS_MAX)).unwrap_or(text);
    let named = STATUS.captures_iter(text).find_map(|found| {
        let status = Status::parse(found.get(1)?.as_str())?;
        (status.class != 2).then_some(status)
    });
    named.or_else(|| {
        let code = CODE.captures(text)?.get(1)?.as_str().parse().ok()?;
        Status::of_code(code)
    })
}

/// The reason that words give, as a status.
fn reason(folded: &str) -> Option<Status> {
    REASONS
        .iter()
        .find(|(words, _)| words.iter().any(|w| folded.contains(w)))
        .and_then(|(_, status)| Status::parse(status))
}

fn floor(text: &str, most: usize) -> usize {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Reads a mail whose words report that another did not arrive; none where it does not look like a report.
pub(super) fn report(message: &Message) -> Option<Report> {
    let named = message
        .header("x-failed-recipients")
        .flat_map(|value| value.split(','))
        .filter_map(typed_address)
        .take(TOLD_MAX);
    let named: Vec<Address> = named.collect();
    let lines = system_lines(message);
    let subject = message.subject.to_lowercase();
    if named.is_empty() && !looks_like_one(message, &subject, &lines) {
        return None;
    }
    let folded = format!("{subject}\n{}", lines.join("\n").to_lowercase());
    let overall = overall(&folded);
    let mut told = fields(&lines);
    if told.is_empty() {
        told = spoken(message, &lines, named);
    }
    for one in &mut told {
        if one.action == Action::Unsaid || overall == Action::Delayed {
            one.action = overall;
        }
        if one.action == Action::Unsaid && one.status.is_some_and(|s| s.class == 5) {
            one.action = Action::Failed;
        }
        // Whether it is given up tells the class, where nothing tells more.
        one.status = one.status.or(match one.action {
            Action::Failed => Status::of_code(500),
            Action::Delayed => Status::of_code(400),
            Action::Passed | Action::Unsaid => None,
        });
    }
    Some(Report {
        kind: Kind::Words,
        told,
    })
}

/// What the whole report says became of the mail.
fn overall(folded: &str) -> Action {
    let says = |words: &[&str]| words.iter().any(|w| folded.contains(w));
    if says(DELAYED) {
        Action::Delayed
    } else if says(GIVEN_UP) {
        Action::Failed
    } else {
        Action::Unsaid
    }
}

/// What the mail system wrote: the lines before the returned mail.
fn system_lines(message: &Message) -> Vec<String> {
    let full = message.body.full.as_str();
    let all = full.lines().filter(|l| !l.trim().is_empty());
    let mut lines: Vec<String> = all
        .enumerate()
        .take_while(|(at, line)| *at == 0 || !RETURNED.is_match(line.trim_start()))
        .take(LINES_MAX)
        .map(|(_, line)| line.chars().take(LINE_CHARS_MAX).collect())
        .collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// Whether a mail without fields is a report: by its sender or its return path, and by its subject or its first words.
fn looks_like_one(message: &Message, subject: &str, lines: &[String]) -> bool {
    let by_system = message.return_path == ReturnPath::Null
        || message.structure.report.is_some()
        || message.from.iter().any(|f| is_system(&f.address));
    let failed = |text: &str| FAILED_SUBJECTS.iter().any(|w| text.contains(w));
    let says = |folded: &str| GIVEN_UP.iter().chain(DELAYED).any(|w| folded.contains(w));
    let begins = lines.iter().take(30).any(|line| {
        let folded = line.to_lowercase();
        failed(&folded) || says(&folded)
    });
    let by_daemon = message.from.iter().any(|f| {
        let local = f.address.local().to_ascii_lowercase();
        ["mailer-daemon", "postmaster"].contains(&local.as_str())
    });
    let typed = message.structure.report.as_deref() == Some("delivery-status");
    failed(subject) || by_daemon || typed || (by_system && begins)
}

/// Addresses that mail systems write from, or name for help.
fn is_system(address: &Address) -> bool {
    let local = address.local().to_ascii_lowercase();
    let names = [
        "mailer-daemon",
        "mailerdaemon",
        "mail-daemon",
        "postmaster",
        "mail-master",
        "mmdf",
        "uucp",
        "microsoftexchange",
        "abuse",
        "hostmaster",
        "helpdesk",
    ];
    names.iter().any(|name| local.starts_with(name))
}

/// Fields that stand in the text, where a gateway has flattened the report.
fn fields(lines: &[String]) -> Vec<Told> {
    let mut groups: Vec<Vec<Header>> = Vec::new();
    for line in lines {
        let Some((name, value)) = line.trim().split_once(':') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "original-recipient" | "final-recipient" => {
                let begun = groups.last().is_some_and(|group| {
                    group.len() == 1
                        && group
                            .iter()
                            .all(|h| h.name != name && h.name.ends_with("-recipient"))
                });
                if !begun {
                    groups.push(Vec::new());
                }
            }
            "action" | "status" | "diagnostic-code" => {}
            _ => continue,
        }
        let value = value.trim().to_owned();
        if let Some(group) = groups.last_mut() {
            group.push(Header { name, value });
        }
    }
    groups
        .iter()
        .take(TOLD_MAX)
        .map(|group| delivery(group))
        .collect()
}

/// Recipients by where they stand in the text, each with the reason beside it.
fn spoken(message: &Message, lines: &[String], named: Vec<Address>) -> Vec<Told> {
    let is_somebody = |address: &Address| {
        !is_system(address)
            && !message.from.iter().any(|f| f.address == *address)
            && !message.to.iter().any(|t| t.address == *address)
    };
    let addresses = |line: &str| -> Vec<Address> {
        ADDRESS
            .find_iter(line)
            .filter_map(|found| Address::parse(found.as_str().trim_matches(['.', '*', '`'])).ok())
            .filter(|a| is_somebody(a))
            .collect()
    };
    let mut found: Vec<(Address, usize)> = named.into_iter().map(|a| (a, usize::MAX)).collect();
    for (wanted, stands) in [Standing::Alone, Standing::Beside, Standing::Anywhere]
        .into_iter()
        .enumerate()
    {
        if !found.is_empty() && wanted > 0 {
            break;
        }
        for (at, line) in lines.iter().enumerate() {
            if !stands.fits(line) {
                continue;
            }
            for address in addresses(line) {
                let full = found.len() >= TOLD_MAX;
                match found.iter_mut().find(|(a, _)| a.same_person(&address)) {
                    // Named by a header: the line tells where its reason stands.
                    Some((_, place)) => *place = (*place).min(at),
                    None if full => {}
                    None => found.push((address, at)),
                }
            }
        }
    }
    if found.is_empty() {
        // Who the returned mail was written to, when it is one alone.
        if let [one] = message.structure.returned_to.as_slice() {
            found.push((one.clone(), usize::MAX));
        }
    }
    let whole = told(None, lines);
    if found.is_empty() {
        return vec![whole];
    }
    let starts: Vec<usize> = found.iter().map(|(_, at)| *at).collect();
    let several = starts.iter().filter(|at| **at != usize::MAX).count() > 1;
    let one = |(address, at): (Address, usize)| {
        if at == usize::MAX || !several {
            return Told {
                recipient: Some(address),
                ..whole.clone()
            };
        }
        let next = starts
            .iter()
            .copied()
            .filter(|s| *s > at)
            .min()
            .unwrap_or(usize::MAX);
        let end = next.min(at + REASON_LINES).min(lines.len());
        told(Some(address), lines.get(at..end).unwrap_or_default())
    };
    found.into_iter().map(one).collect()
}

/// Where an address stands in its line.
#[derive(Clone, Copy)]
enum Standing {
    Alone,
    Beside,
    Anywhere,
}

impl Standing {
    fn fits(self, line: &str) -> bool {
        let trimmed = line.trim();
        match self {
            Self::Alone => {
                let bare = trimmed.trim_start_matches(['-', '*', '>', '\u{2022}', ' ', '"']);
                let first = ADDRESS.find(bare);
                let folded = bare.to_lowercase();
                let heads = |f: regex::Match<'_>| {
                    let after = bare.get(f.end()..).unwrap_or_default();
                    let open = bare.get(..f.start()).unwrap_or_default();
                    let rest = after.trim_start_matches(['>', ')', '"', ' ', ',', '.']);
                    open.trim_matches(['<', '(', '"', ' ']).is_empty()
                        && (rest.is_empty()
                            || rest.starts_with([':', ';'])
                            || after.starts_with("..."))
                };
                first.is_some_and(heads)
                    || [
                        "rcpt to:",
                        "recipient:",
                        "recipient address:",
                        "final delivery userid:",
                    ]
                    .iter()
                    .any(|w| folded.contains(w))
            }
            Self::Beside => {
                let folded = trimmed.to_lowercase();
                status(trimmed).is_some()
                    || reason(&folded).is_some()
                    || FAILED_SUBJECTS
                        .iter()
                        .chain(GIVEN_UP)
                        .any(|w| folded.contains(w))
            }
            Self::Anywhere => true,
        }
    }
}

/// What lines say of a recipient.
fn told(recipient: Option<Address>, lines: &[String]) -> Told {
    let text = lines.join(" ");
    let named = lines
        .iter()
        .find_map(|line| STATUS.is_match(line).then(|| status(line)).flatten());
    let coded = || {
        lines
            .iter()
            .find_map(|line| status(line).map(|s| (s, line)))
    };
    let folded = text.to_lowercase();
    let status = match (named, coded(), reason(&folded)) {
        (Some(named), _, _) => Some(named),
        // What words say is more than a bare code, unless they speak of another class.
        (None, Some((code, _)), Some(reason)) if reason.class == code.class => Some(reason),
        (None, Some((code, _)), _) => Some(code),
        (None, None, reason) => reason,
    };
    let telling = lines
        .iter()
        .find(|line| self::status(line).is_some() || reason(&line.to_lowercase()).is_some());
    Told {
        recipient,
        original: None,
        action: Action::Unsaid,
        status,
        said: one_line(telling.map_or("", String::as_str), SAID_CHARS_MAX),
    }
}
