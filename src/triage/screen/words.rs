//! What the subject and the writer's words say: phrases of absence, acknowledgement and bounce, weighed.
//!
//! # Decisions
//! - Each group of words weighs once. Its `points` count for both decisions of the screen, its `doubt` for the reply
//!   alone: what merely makes a machine likely silences us, and hides no mail from people.
//! - Words that only people write weigh against the machine's, but never against what header fields say.
//! - That a text asks nothing, or answers a mail of ours, is no sign by itself: most people's thanks do. It adds to
//!   words that are one.

mod scan;
mod subject;
mod text;

use std::collections::BTreeMap;

use crate::message::Message;
use crate::triage::screen::Surroundings;
use crate::triage::screen::rules::ScreenRules;
use crate::triage::screen::sign::Force;
use crate::triage::screen::sign::Sign;
use crate::triage::screen::words::subject::Subject;
use crate::triage::screen::words::text::cut;
use crate::triage::screen::words::text::is_quoted;
use crate::triage::screen::words::text::questions;

pub(super) use crate::triage::screen::words::scan::Phrases;
pub(super) use crate::triage::screen::words::scan::Scan;
pub(super) use crate::triage::screen::words::text::normal;

/// A machine says what it has to say at once: no more characters of the text are looked at.
pub(super) const TEXT_CHARS_MAX: usize = 4000;
/// The small print stands at the end: so many characters of it.
const END_CHARS_MAX: usize = 2500;
/// Who has more to say than that does not merely say nothing.
const SHORT_CHARS_MAX: usize = 900;

/// Fewer links are anybody's.
const LINKS_MIN: usize = 8;
/// One octet in so many belongs to a link, where a text is mostly links.
const LINK_SHARE: usize = 4;

/// A subject that weighs less says nothing of an agent's answer: it is the case's own.
const SUBJECT_POINTS_MIN: i32 = 50;
/// Groups by which an autoresponder says what it is; that it asks for something as well excuses nothing.
const ABSENT: [&str; 2] = ["words/body-automatic", "words/body-absence"];
/// Groups by which people speak of absences and of automatic mails.
const TOLD: [&str; 2] = ["words/person-back", "words/person-cites"];

/// Where a group of words is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// At the subject's start, after decorations, never after `Re:`; a phrase is followed by the end, a colon or the
    /// like.
    SubjectStart,
    /// Anywhere in the subject, unless it is an answer or a forward.
    Subject,
    /// Anywhere in the new words.
    Body,
    /// At the whole text's end, small print included; not in a mail that quotes or forwards another one.
    End,
}

/// Words that mean the same, and what they weigh.
#[derive(Debug, Clone)]
pub(super) struct WordGroup {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) place: Place,
    /// For both decisions.
    pub(super) points: i32,
    /// For the reply alone, besides.
    pub(super) doubt: i32,
}

/// Something found in a text, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    group: usize,
    start: usize,
    end: usize,
}

/// A sign by words, before it is weighed against the others.
struct Found {
    /// Small print speaks for itself: neither questions nor length are a person's there.
    small_print: bool,
    points: i32,
    doubt: i32,
    name: String,
    says: String,
    matched: String,
}

/// Weighs subject and new words. Each group counts once; phrases that only people write take points away, but never
/// more than there are.
pub(super) fn signs(
    message: &Message,
    rules: &ScreenRules,
    desk: &Surroundings,
    signs: &mut Vec<Sign>,
) {
    let text = if message.body.new.trim().is_empty() {
        &message.body.full
    } else {
        &message.body.new
    };
    let body = normal(text, TEXT_CHARS_MAX);
    let (small_print, mut found): (Vec<Found>, Vec<Found>) = groups(message, &body, rules)
        .into_iter()
        .partition(|f| f.small_print);
    // People who ask to be unsubscribed say so in a few words, without links.
    let full = &message.body.full;
    if full.contains("http") || full.chars().nth(SHORT_CHARS_MAX).is_some() {
        signs.extend(small_print.iter().map(Found::sign));
    }
    if !found.iter().any(|f| f.points > 0 || f.doubt > 0) {
        return;
    }
    let long = text.chars().nth(rules.long_chars).is_some();
    let asked = manner(&body, long, rules, &mut found);
    if !asked && text.chars().nth(SHORT_CHARS_MAX).is_none() {
        let says = "It is short and asks nothing.";
        found.push(Found::alone(
            "words/asks-nothing",
            says,
            0,
            rules.asks_nothing_doubt,
        ));
    }
    if tells_of_leave(message, rules, &found) {
        let says = "It answers nothing: people tell of their absence before they leave.";
        let points = rules.tells_of_leave_points;
        found.push(Found::alone("words/tells-of-leave", says, points, 0));
    }
    if answers_us(message, desk) {
        let says = "It answers a mail of ours, as autoresponders do.";
        found.push(Found::alone(
            "words/answers-us",
            says,
            0,
            rules.answers_us_doubt,
        ));
    }
    weigh(found, signs);
}

/// A page of links is sent to many: people write words around the few that they send. Weighs by itself, whatever the
/// words are.
pub(super) fn links(message: &Message, rules: &ScreenRules, signs: &mut Vec<Sign>) {
    if let Some(links) = many_links(message) {
        let says = "It is mostly links, as mailings are.";
        let matched = format!("{links} links");
        let sign = Sign::new(Force::Points(0), "words/links", says, &matched);
        signs.push(sign.with_doubt(rules.links_doubt));
    }
}

/// Returns how many links there are, where a text of the mail's own is mostly links.
fn many_links(message: &Message) -> Option<usize> {
    let body = &message.body;
    if !body.quoted.is_empty() || body.forwarded.is_some() {
        return None;
    }
    let (mut links, mut link_octets, mut octets) = (0_usize, 0_usize, 0_usize);
    for word in body.full.split_whitespace() {
        octets += word.len();
        if word.contains("http://") || word.contains("https://") {
            links += 1;
            link_octets += word.len();
        }
    }
    (links >= LINKS_MIN && link_octets * LINK_SHARE >= octets).then_some(links)
}

/// Returns whether the mail is made like a mailing: mostly links, or with small print of how to get no more of them.
pub(super) fn is_mailing(message: &Message, rules: &ScreenRules) -> bool {
    many_links(message).is_some() || !small_print(message, rules).is_empty()
}

/// Returns whether the mail answers one: by its subject, or by naming what it answers.
pub(super) fn answers(message: &Message, rules: &ScreenRules) -> bool {
    Subject::of(&message.subject, rules).answers || !message.in_reply_to.is_empty()
}

/// The groups of words that stand where they should, each once.
fn groups(message: &Message, body: &str, rules: &ScreenRules) -> Vec<Found> {
    let subject = Subject::of(&message.subject, rules);
    let mut hits: BTreeMap<usize, String> = BTreeMap::new();
    for hit in subject.hits(rules) {
        hits.entry(hit.group)
            .or_insert_with(|| cut(&subject.text, hit.start, hit.end));
    }
    for hit in rules.body_scan.hits(body) {
        if !is_quoted(body, hit.start, hit.end) {
            hits.entry(hit.group)
                .or_insert_with(|| cut(body, hit.start, hit.end));
        }
    }
    for (group, matched) in small_print(message, rules) {
        hits.entry(group).or_insert(matched);
    }
    let found = hits.into_iter().filter_map(|(group, matched)| {
        let group = rules.groups.get(group)?;
        Some(Found {
            small_print: group.place == Place::End,
            points: group.points,
            doubt: group.doubt,
            name: format!("words/{}", group.name),
            says: group.says.clone(),
            matched,
        })
    });
    found.collect()
}

/// Returns the phrase by which an agent's own words read like a machine's. They are weighed alone: what else stands in the
/// mail, such as ours that it quotes, speaks neither for nor against them.
pub(super) fn automatic(message: &Message, own: &str, rules: &ScreenRules) -> Option<String> {
    let mut found = groups(message, &normal(own, TEXT_CHARS_MAX), rules);
    found.retain(|f| !f.name.starts_with("words/subject-") || f.points >= SUBJECT_POINTS_MIN);
    found.sort_by_key(|f| std::cmp::Reverse(f.points + f.doubt));
    let told = found.iter().any(|f| TOLD.contains(&f.name.as_str()));
    let absent = found.iter().any(|f| ABSENT.contains(&f.name.as_str()));
    let sum: i32 = found.iter().map(|f| f.points + f.doubt).sum();
    let heaviest = found.into_iter().next()?;
    (sum > 0 || (absent && !told)).then_some(heaviest.matched)
}

/// The groups of words of the small print at the end of a mail that quotes and forwards no other.
fn small_print(message: &Message, rules: &ScreenRules) -> Vec<(usize, String)> {
    let body = &message.body;
    if !body.quoted.is_empty() || body.forwarded.is_some() {
        return Vec::new();
    }
    let full = &body.full;
    let skipped = full.chars().count().saturating_sub(END_CHARS_MAX);
    let start = full.char_indices().nth(skipped).map_or(0, |(at, _)| at);
    let end = normal(full.get(start..).unwrap_or_default(), END_CHARS_MAX);
    let hits = rules.end_scan.hits(&end).into_iter();
    hits.map(|hit| (hit.group, cut(&end, hit.start, hit.end)))
        .collect()
}

/// Questions and length. Returns whether anything is asked, by mark or by words.
fn manner(body: &str, long: bool, rules: &ScreenRules, found: &mut Vec<Found>) -> bool {
    let asked = questions(body);
    let by_words = found.iter().any(|f| f.points < 0);
    let points = if asked.long > 0 {
        rules.question_points
    } else if asked.short > 0 {
        rules.question_points / 3
    } else {
        0
    };
    if points != 0 {
        let says = "It asks something, as people do.";
        let mut sign = Found::alone("words/question", says, points, 0);
        "?".clone_into(&mut sign.matched);
        found.push(sign);
    }
    if long {
        let says = "It is longer than a machine's answer.";
        found.push(Found::alone("words/long", says, rules.long_points, 0));
    }
    by_words || asked.long > 0 || asked.short > 0
}

/// Autoresponders answer, and say so in the subject: words of absence alone, in a mail that answers nothing, are a
/// person's who is about to leave.
fn tells_of_leave(message: &Message, rules: &ScreenRules, found: &[Found]) -> bool {
    let absence = [
        "words/body-absence",
        "words/body-return",
        "words/body-instead",
    ];
    let mut speaks = found.iter().filter(|f| f.points > 0);
    found.iter().any(|f| f.name == "words/body-absence")
        && speaks.all(|f| absence.contains(&f.name.as_str()))
        && !answers(message, rules)
}

/// Returns whether the mail names one of ours as what it answers, or quotes one.
fn answers_us(message: &Message, desk: &Surroundings) -> bool {
    let ids = || message.in_reply_to.iter().chain(&message.references);
    desk.own.iter().any(|own| {
        let domain = own.domain();
        let by_id = ids().any(|id| {
            let at = id.as_str().trim_end_matches('>').rsplit('@').next();
            at.is_some_and(|at| at.eq_ignore_ascii_case(domain))
        });
        by_id || message.body.quoted.contains(own.as_str())
    })
}

/// Words for a person outweigh words for a machine at most to nothing: headers are not argued away.
fn weigh(mut found: Vec<Found>, signs: &mut Vec<Sign>) {
    let sum: i32 = found.iter().map(|f| f.points).sum();
    let surplus = if sum < 0 { -sum } else { 0 };
    let doubt: i32 = found.iter().map(|f| f.doubt).sum();
    // What is left over of a person's words takes the doubt away.
    let settled = surplus.min(doubt);
    found.sort_by_key(|f| std::cmp::Reverse((f.points, f.doubt)));
    for (at, found) in found.into_iter().enumerate() {
        let (points, doubt) = if at == 0 {
            (found.points + surplus, found.doubt - settled)
        } else {
            (found.points, found.doubt)
        };
        let weighed = Found {
            points,
            doubt,
            ..found
        };
        signs.push(weighed.sign());
    }
}

impl Found {
    fn sign(&self) -> Sign {
        let force = Force::Points(self.points);
        Sign::new(force, &self.name, &self.says, &self.matched).with_doubt(self.doubt)
    }

    fn alone(name: &str, says: &str, points: i32, doubt: i32) -> Self {
        Self {
            small_print: false,
            points,
            doubt,
            name: name.to_owned(),
            says: says.to_owned(),
            matched: String::new(),
        }
    }
}
