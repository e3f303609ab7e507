//! Counts over labelled mails: how often the clerk was right, and how often it did harm.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::learn::choose::Line;
use crate::triage::Disposition;
use crate::triage::classify::Audience;

/// What a person says of a mail: one line of `labels.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) file: String,
    pub(super) intents: Vec<String>,
    pub(super) primary: String,
    pub(super) disposition: Disposition,
    #[serde(default)]
    pub(super) audience: Option<Audience>,
    pub(super) language: String,
}

/// What the clerk says of it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) intents: Vec<String>,
    pub(super) disposition: Disposition,
    pub(super) audience: Option<Audience>,
    pub(super) language: String,
    pub(super) why: Vec<String>,
}

/// A number of hits out of so many.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Share {
    pub(super) hits: usize,
    pub(super) of: usize,
}

impl Share {
    fn count(&mut self, hit: bool) {
        self.of += 1;
        self.hits += usize::from(hit);
    }

    /// Returns the share in percent; 100 of nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of mails fit a float")]
    pub(super) fn percent(self) -> f64 {
        if self.of == 0 {
            100.0
        } else {
            100.0 * self.hits as f64 / self.of as f64
        }
    }
}

/// The figures over a set of mails.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Score {
    /// Right disposition.
    pub(super) disposition: Share,
    /// Right primary intent.
    pub(super) primary: Share,
    /// Exactly the right intents.
    pub(super) intents: Share,
    /// Right audience, where one is labelled.
    pub(super) audience: Share,
    /// Right language.
    pub(super) language: Share,
    /// Needs a person and does not get one, of those that need one (the desk's rule 1).
    pub(super) harm: Share,
    /// Answered without a person, of those that need none and want an answer.
    pub(super) deflected: Share,
}

/// Everything that `evaluate` reports.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) all: Score,
    pub(super) by_language: BTreeMap<String, Score>,
    pub(super) by_intent: BTreeMap<String, Score>,
    /// Labelled primary intent, then the clerk's, to the number of mails.
    pub(super) confusion: BTreeMap<String, BTreeMap<String, usize>>,
    /// What other limits would do (only with folds).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trade_off: Vec<Line>,
    /// Mails whose disposition or primary intent is wrong.
    pub(super) wrong: Vec<Wrong>,
}

/// A mail that the clerk got wrong.
#[derive(Debug, Serialize)]
pub(super) struct Wrong {
    pub(super) file: String,
    pub(super) harm: bool,
    pub(super) wanted: String,
    pub(super) said: String,
    pub(super) why: Vec<String>,
}

impl Score {
    fn count(&mut self, label: &Label, said: &Said) {
        self.disposition.count(right(label, said));
        self.primary
            .count(said.intents.first() == Some(&label.primary));
        self.intents
            .count(sorted(&label.intents) == sorted(&said.intents));
        if label.audience.is_some() {
            self.audience.count(label.audience == said.audience);
        }
        self.language.count(label.language == said.language);
        match label.disposition {
            Disposition::Forward => self.harm.count(said.disposition != Disposition::Forward),
            Disposition::Advise | Disposition::Redirect => {
                let answered = matches!(
                    said.disposition,
                    Disposition::Advise | Disposition::Redirect
                );
                self.deflected.count(answered);
            }
            Disposition::Ignore => {}
        }
    }
}

impl Report {
    /// Counts one mail.
    pub(super) fn count(&mut self, label: &Label, said: Said) {
        self.all.count(label, &said);
        self.by_language
            .entry(label.language.clone())
            .or_default()
            .count(label, &said);
        self.by_intent
            .entry(label.primary.clone())
            .or_default()
            .count(label, &said);
        let primary = said.intents.first().cloned().unwrap_or_default();
        let row = self.confusion.entry(label.primary.clone()).or_default();
        *row.entry(primary.clone()).or_default() += 1;
        if !right(label, &said) || label.primary != primary {
            self.wrong.push(Wrong {
                file: label.file.clone(),
                harm: label.disposition == Disposition::Forward
                    && said.disposition != Disposition::Forward,
                wanted: format!("{:?} {}", label.disposition, label.intents.join("+")),
                said: format!("{:?} {}", said.disposition, said.intents.join("+")),
                why: said.why,
            });
        }
    }
}

/// The right thing was done. Advice and redirect together: either is.
fn right(label: &Label, said: &Said) -> bool {
    let answered = |d| matches!(d, Disposition::Advise | Disposition::Redirect);
    label.disposition == said.disposition
        || (label.intents.len() > 1 && answered(label.disposition) && answered(said.disposition))
}

fn sorted(names: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(disposition: Disposition) -> Label {
        Label {
            file: "a.eml".to_owned(),
            intents: vec!["a".to_owned(), "b".to_owned()],
            primary: "a".to_owned(),
            disposition,
            audience: None,
            language: "en".to_owned(),
        }
    }

    fn said(disposition: Disposition, intents: &[&str]) -> Said {
        Said {
            intents: intents.iter().map(|i| (*i).to_owned()).collect(),
            disposition,
            audience: None,
            language: "en".to_owned(),
            why: Vec::new(),
        }
    }

    #[test]
    fn a_case_that_no_person_sees_is_harm_and_one_too_many_seen_is_none() {
        let mut report = Report::default();
        report.count(
            &label(Disposition::Forward),
            said(Disposition::Redirect, &["a"]),
        );
        report.count(
            &label(Disposition::Forward),
            said(Disposition::Forward, &["b", "a"]),
        );
        report.count(
            &label(Disposition::Redirect),
            said(Disposition::Forward, &["a", "b"]),
        );
        report.count(
            &label(Disposition::Ignore),
            said(Disposition::Ignore, &["a", "b"]),
        );
        report.count(
            &label(Disposition::Advise),
            said(Disposition::Redirect, &["a", "b"]),
        );
        assert_eq!((report.all.harm.hits, report.all.harm.of), (1, 2));
        assert_eq!((report.all.deflected.hits, report.all.deflected.of), (1, 2));
        assert_eq!((report.all.intents.hits, report.all.intents.of), (4, 5));
        assert_eq!(report.all.primary.hits, 4);
        assert_eq!(report.all.disposition.hits, 3);
        assert_eq!(report.wrong.iter().filter(|w| w.harm).count(), 1);
        assert_eq!(report.wrong.len(), 3);
    }
}
