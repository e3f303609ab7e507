//! Weighs the rules on a scanned mail: which intents, in which order, who asks.

use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::classify::Audience;
use crate::triage::classify::fold::fold;
use crate::triage::classify::reading::Reading;
use crate::triage::classify::scan::Bits;
use crate::triage::classify::scan::Scanned;
use crate::triage::classify::scan::Unit;
use crate::triage::classify::scan::scan;
use crate::triage::rules::IntentRules;
use crate::triage::rules::find::is_domain;
use crate::triage::rules::rule::When;
use crate::triage::rules::rule::Within;

/// A body of at least this many words speaks for itself: the subject alone then counts less.
const BODY_SPEAKS_WORDS: usize = 8;
/// How much, in tenths.
const SUBJECT_TENTHS: i32 = 6;

/// A mail, scanned.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) subject: Scanned,
    pub(crate) text: Scanned,
    context: Bits,
    pub(crate) alive: Bits,
    pub(crate) all: Bits,
    pub(crate) sender_domain: String,
    pub(crate) answer: bool,
}

/// Where a rule held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The words that told.
    matched: String,
    /// In the subject alone.
    subject_only: bool,
    /// How far into the mail, for what is asked first.
    place: usize,
}

/// An intent found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its number.
    pub(crate) intent: usize,
    /// The sum of its rules.
    pub(crate) score: i32,
    /// The reasons.
    pub(crate) because: Vec<Because>,
    pub(crate) place: usize,
    pub(crate) person: bool,
}

/// What the mail was understood to be.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// Primary first; never empty when there is a fallback intent.
    pub(crate) found: Vec<Found>,
    /// A person is needed though the intents could be answered.
    pub(crate) person_needed: bool,
    /// The matter is not known: nothing was found, or only an intent whose topic stands elsewhere.
    pub(crate) fell_back: bool,
    /// Every rule that held, by intent and rule number, whether or not its intent was found.
    pub(crate) held: Vec<(usize, usize)>,
}

impl Evidence {
    /// Folds and scans the parts of a mail.
    pub(crate) fn gather(reading: &Reading, rules: &IntentRules) -> Self {
        let older = reading.subject_is_older();
        let subject = if older { "" } else { reading.subject.as_str() };
        let mut subject = scan(fold(subject), &rules.words);
        let text = scan(fold(&reading.text), &rules.words);
        let mut context = scan(fold(&reading.context), &rules.words).whole.all;
        if older {
            context.add(&scan(fold(&reading.subject), &rules.words).whole.all);
        }
        for unit in subject
            .clauses
            .iter_mut()
            .chain(&mut subject.sentences)
            .chain(&mut subject.pairs)
        {
            unit.alive.remove(&text.denied);
        }
        subject.whole.alive.remove(&text.denied);
        let (mut alive, mut all) = (text.whole.alive, text.whole.all);
        alive.add(&subject.whole.alive);
        all.add(&subject.whole.all);
        Self {
            subject,
            text,
            context,
            alive,
            all,
            sender_domain: reading.sender_domain.clone(),
            answer: reading.answer,
        }
    }

    /// Tells whether and where a rule's conditions hold.
    pub(crate) fn holds(&self, when: &When) -> Option<Held> {
        let mail = if when.even_denied {
            &self.all
        } else {
            &self.alive
        };
        let sender = when.sender_domain.is_empty()
            || when
                .sender_domain
                .iter()
                .any(|d| is_domain(&self.sender_domain, d));
        let words = self.subject.words + self.text.words;
        if !sender
            || !when.also.met(mail)
            || !when.all.met(mail)
            || mail.meets(&when.without)
            || !when.quoted.met(&self.context)
            || when.answer.is_some_and(|a| a != self.answer)
            || when.max_words.is_some_and(|m| words > m)
            || when.at_least.is_some_and(|n| {
                self.subject.count(&when.all.union()) + self.text.count(&when.all.union()) < n
            })
        {
            return None;
        }
        if when.all.0.is_empty() {
            let matched = if when.sender_domain.is_empty() {
                String::new()
            } else {
                self.sender_domain.clone()
            };
            return Some(Held {
                matched,
                subject_only: false,
                place: 0,
            });
        }
        if when.within == Within::Mail {
            let part = if when.all.met(&self.subject.whole.all) {
                &self.subject
            } else {
                &self.text
            };
            let clear = !self.all.meets(&when.not) && Self::regex(when, part, &part.whole);
            let subject_only = !self.text.whole.all.meets(&when.all.union());
            let matched = part.quote(&part.whole, &when.all.union());
            return clear.then_some(Held {
                matched,
                subject_only,
                place: 0,
            });
        }
        let in_text = if when.within == Within::Subject {
            None
        } else {
            Self::search(when, &self.text)
        };
        let (unit, part, subject_only) = match in_text {
            Some(unit) => (unit, &self.text, false),
            None => (Self::search(when, &self.subject)?, &self.subject, true),
        };
        let place = if subject_only { 0 } else { unit.start + 1 };
        Some(Held {
            matched: part.quote(unit, &when.all.union()),
            subject_only,
            place,
        })
    }

    fn search<'a>(when: &When, part: &'a Scanned) -> Option<&'a Unit> {
        let units = match when.within {
            Within::Clause => &part.clauses,
            Within::Sentence | Within::Subject => &part.sentences,
            Within::Near | Within::Mail => &part.pairs,
        };
        units.iter().find(|unit| {
            let bits = if when.even_denied {
                &unit.all
            } else {
                &unit.alive
            };
            when.all.met(bits) && !unit.all.meets(&when.not) && Self::regex(when, part, unit)
        })
    }

    fn regex(when: &When, part: &Scanned, unit: &Unit) -> bool {
        let text = part
            .folded
            .text
            .get(unit.start..unit.end)
            .unwrap_or_default();
        when.regex.as_ref().is_none_or(|r| r.is_match(text))
    }
}

/// Weighs all rules. What stands in the subject alone counts less, unless nothing else is found.
pub(crate) fn verdict(evidence: &Evidence, rules: &IntentRules) -> Verdict {
    let verdict = weigh(evidence, rules, evidence.text.words >= BODY_SPEAKS_WORDS);
    if verdict
        .found
        .iter()
        .all(|f| f.because.is_empty() || f.score == 0)
    {
        return weigh(evidence, rules, false);
    }
    verdict
}

fn weigh(evidence: &Evidence, rules: &IntentRules, body_speaks: bool) -> Verdict {
    let (mut found, mut always, mut all_held) = (Vec::new(), false, Vec::new());
    for (intent, scoring) in rules.scoring.iter().enumerate() {
        let mut sum = Found {
            intent,
            score: 0,
            because: Vec::new(),
            place: usize::MAX,
            person: false,
        };
        for (number, rule) in scoring.rules.iter().enumerate() {
            let Some(held) = evidence.holds(&rule.when) else {
                continue;
            };
            all_held.push((intent, number));
            let fainter = held.subject_only && body_speaks;
            sum.score += if fainter {
                rule.weight * SUBJECT_TENTHS / 10
            } else {
                rule.weight
            };
            sum.person |= rule.person;
            always |= rule.person && rule.weight == 0;
            sum.place = sum.place.min(held.place);
            let (name, says) = (rule.name.clone(), rule.because.clone());
            sum.because.push(Because {
                stage: "classify",
                rule: name,
                says,
                matched: held.matched,
            });
        }
        if sum.score >= scoring.threshold && !sum.because.is_empty() {
            found.push(sum);
        }
    }
    give_way(&mut found, rules);
    let mut verdict = Verdict {
        found,
        person_needed: always,
        fell_back: false,
        held: all_held,
    };
    verdict.settle(rules);
    verdict
}

/// Drops the intents that yield to another one found.
fn give_way(found: &mut Vec<Found>, rules: &IntentRules) {
    let present: Vec<usize> = found.iter().map(|f| f.intent).collect();
    found.retain(|f| {
        let yields = rules
            .scoring
            .get(f.intent)
            .map(|s| s.yields_to.as_slice())
            .unwrap_or_default();
        !yields
            .iter()
            .any(|(other, below)| f.score < *below && present.contains(other))
    });
}

impl Verdict {
    /// Sorts, adds the fallback, and tells whether the topic is still open.
    fn settle(&mut self, rules: &IntentRules) {
        let known = self.found.iter().any(|f| {
            rules
                .intents()
                .get(f.intent)
                .is_some_and(|i| i.queue.is_some() || i.disposition != Disposition::Forward)
        });
        self.fell_back = !known;
        if self.found.is_empty() {
            let fallback = rules.scoring.iter().position(|s| s.fallback);
            self.found.extend(fallback.map(|intent| Found {
                intent,
                score: 0,
                because: vec![Because {
                    stage: "classify",
                    rule: "fallback".into(),
                    says: "Nothing in the mail tells what it is about.".into(),
                    matched: String::new(),
                }],
                place: 0,
                person: false,
            }));
        }
        let ignored = self.only_ignored(rules);
        self.person_needed =
            !ignored && (self.person_needed || self.found.iter().any(|f| f.person));
        self.found.sort_by_key(|f| {
            let intent = rules.intents().get(f.intent);
            let tier = match intent.map(|i| i.disposition) {
                Some(Disposition::Forward) => 0,
                _ if f.person => 0,
                Some(Disposition::Ignore) => 2,
                _ => 1,
            };
            (tier, intent.map_or(u32::MAX, |i| i.rank), -f.score, f.place)
        });
    }

    /// Tells whether everything found is to be ignored.
    pub(crate) fn only_ignored(&self, rules: &IntentRules) -> bool {
        self.found.iter().all(|f| {
            rules
                .intents()
                .get(f.intent)
                .is_some_and(|i| i.disposition == Disposition::Ignore)
        })
    }

    /// Takes the topic from the older text: beside an intent without a topic of its own, or in the fallback's place.
    pub(crate) fn follow(&mut self, wider: Self, rules: &IntentRules) {
        let mut own = std::mem::take(&mut self.found);
        own.retain(|f| rules.scoring.get(f.intent).is_some_and(|s| !s.fallback));
        for found in wider.found {
            if !own.iter().any(|f| f.intent == found.intent) {
                own.push(found);
            }
        }
        self.found = own;
        self.settle(rules);
    }
}

/// Tells who asks, where an intent depends on it.
pub(crate) fn audience(
    evidence: &Evidence,
    verdict: &Verdict,
    rules: &IntentRules,
) -> (Option<Audience>, Option<Because>) {
    if !verdict
        .found
        .iter()
        .any(|f| rules.audience_for.contains(&f.intent))
    {
        return (None, None);
    }
    for rule in &rules.audience {
        if let Some(held) = evidence.holds(&rule.when) {
            let (name, says) = (rule.name.clone(), rule.because.clone());
            return (
                Some(rule.audience),
                Some(Because {
                    stage: "classify",
                    rule: name,
                    says,
                    matched: held.matched,
                }),
            );
        }
    }
    (Some(Audience::Unknown), None)
}
