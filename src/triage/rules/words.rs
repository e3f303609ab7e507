//! Word lists as written in `words/*.toml`, compiled to one automaton.
//!
//! # Decisions
//! - A concept is a named list of phrases in many languages. Rules speak of concepts only, so a language is added by
//!   adding words, never by adding rules.
//! - A phrase list is one string parted by commas: a person reads and changes it like prose.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use aho_corasick::MatchKind;
use toml::Spanned;

use crate::triage::classify::fold::fold_phrase;
use crate::triage::classify::scan::CONCEPTS_MAX;
use crate::triage::rules::find::Part;
use crate::triage::rules::find::Phrase;
use crate::triage::rules::find::Role;
use crate::triage::rules::find::Words;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// One phrase may stand for at most this many (`(a|b) (c|d)` stands for four).
const EXPANSIONS_MAX: usize = 400;
/// At most this many phrases in all.
const PHRASES_MAX: usize = 100_000;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    role: Option<Role>,
    /// Concepts that are not heard in the whole mail where this one is ("not on Coursera").
    #[serde(default)]
    silences: Vec<Spanned<String>>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    words: BTreeMap<String, Spanned<String>>,
}

/// All concepts, while rules are being compiled.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    names: BTreeMap<String, usize>,
    roles: Vec<Option<Role>>,
    domains: Vec<(String, usize)>,
    silences: Vec<(usize, usize)>,
    phrases: BTreeSet<(String, Phrase)>,
    /// Number of phrases with a `~` so far.
    pairs: usize,
}

impl Dictionary {
    /// Reads `words/*.toml`.
    pub(crate) fn read(files: &RuleFiles, faults: &mut Vec<Complaint>) -> Self {
        let mut out = Self::default();
        let mut silences = Vec::new();
        for (file, text) in files.iter().filter(|(f, _)| {
            f.strip_prefix("words/")
                .is_some_and(|f| f.strip_suffix(".toml").is_some())
        }) {
            match toml::from_str::<BTreeMap<Spanned<String>, Written>>(text) {
                Ok(concepts) => {
                    for (name, written) in concepts {
                        out.add(file, text, &name, &written, faults);
                        silences.extend(
                            written
                                .silences
                                .into_iter()
                                .map(|s| (file, text, name.get_ref().clone(), s)),
                        );
                    }
                }
                Err(error) => faults.push(Complaint::of_toml(file, text, &error)),
            }
        }
        for (file, text, name, silenced) in silences {
            if let (Some(a), Some(b)) = (out.concept(&name), out.concept(silenced.get_ref())) {
                out.silences.push((a, b));
            } else {
                let what = format!("there is no concept `{}` in words/", silenced.get_ref());
                faults.push(Complaint::at(file, text, silenced.span().start, what));
            }
        }
        out
    }

    fn add(
        &mut self,
        file: &str,
        text: &str,
        name: &Spanned<String>,
        written: &Written,
        faults: &mut Vec<Complaint>,
    ) {
        let at = name.span().start;
        if self.names.contains_key(name.get_ref()) {
            faults.push(Complaint::at(
                file,
                text,
                at,
                format!("the concept `{}` is defined twice", name.get_ref()),
            ));
            return;
        }
        if self.roles.len() >= CONCEPTS_MAX {
            faults.push(Complaint::at(
                file,
                text,
                at,
                format!("more than {CONCEPTS_MAX} concepts"),
            ));
            return;
        }
        let concept = self.roles.len();
        self.names.insert(name.get_ref().clone(), concept);
        self.roles.push(written.role);
        self.domains.extend(
            written
                .domains
                .iter()
                .map(|d| (d.to_ascii_lowercase(), concept)),
        );
        if written.words.is_empty() && written.domains.is_empty() {
            faults.push(Complaint::at(
                file,
                text,
                at,
                format!("the concept `{}` has no words", name.get_ref()),
            ));
        }
        for list in written.words.values() {
            for phrase in split_list(list.get_ref()) {
                if let Err(what) = self.phrase(phrase, concept) {
                    let span = list.span();
                    let inside = text
                        .get(span.clone())
                        .and_then(|t| t.find(phrase))
                        .unwrap_or(0);
                    faults.push(Complaint::at(file, text, span.start + inside, what));
                }
            }
        }
    }

    fn phrase(&mut self, phrase: &str, concept: usize) -> Result<(), String> {
        let Some((left, right)) = phrase.split_once('~') else {
            return self.side(phrase, concept, Part::Whole);
        };
        if right.contains('~') {
            return Err(format!("`{phrase}` has more than one `~`"));
        }
        self.pairs += 1;
        self.side(left, concept, Part::Left(self.pairs))?;
        self.side(right, concept, Part::Right(self.pairs))
    }

    fn side(&mut self, phrase: &str, concept: usize, part: Part) -> Result<(), String> {
        for variant in expand(phrase)? {
            let variant = variant.trim();
            let (loose_left, rest) = variant
                .strip_prefix('*')
                .map_or((false, variant), |r| (true, r));
            let (loose_right, rest) = rest.strip_suffix('*').map_or((false, rest), |r| (true, r));
            let rule = Phrase {
                concept,
                part,
                loose_left,
                loose_right,
            };
            let mut spellings = vec![fold_phrase(rest)];
            if rest.contains(['ä', 'ö', 'ü', 'Ä', 'Ö', 'Ü']) {
                // People without umlauts on the keyboard write them as two letters.
                let two = rest
                    .replace(['ä', 'Ä'], "ae")
                    .replace(['ö', 'Ö'], "oe")
                    .replace(['ü', 'Ü'], "ue");
                spellings.push(fold_phrase(&two));
            }
            for folded in spellings {
                if folded.is_empty() || folded.contains('\n') {
                    return Err(format!(
                        "`{phrase}` is empty or more than a sentence, once folded"
                    ));
                }
                self.phrases.insert((folded, rule));
            }
        }
        if self.phrases.len() > PHRASES_MAX {
            return Err(format!("more than {PHRASES_MAX} phrases in all"));
        }
        Ok(())
    }

    /// Returns the concept of that name.
    pub(crate) fn concept(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Makes a concept of words written in a rule itself.
    pub(crate) fn literal(&mut self, phrase: &str) -> Result<usize, String> {
        let name = format!("'{phrase}");
        if let Some(known) = self.names.get(&name) {
            return Ok(*known);
        }
        if self.roles.len() >= CONCEPTS_MAX {
            return Err(format!("more than {CONCEPTS_MAX} concepts"));
        }
        let concept = self.roles.len();
        self.phrase(phrase, concept)?;
        self.names.insert(name, concept);
        self.roles.push(None);
        Ok(concept)
    }

    /// Builds the automaton.
    pub(crate) fn compile(self) -> Result<Words, String> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(self.phrases.iter().map(|(text, _)| text))
            .map_err(|e| e.to_string())?;
        let phrases = self.phrases.iter().map(|(_, p)| *p).collect();
        let mut names = vec![String::new(); self.roles.len()];
        for (name, concept) in self.names {
            if let Some(place) = names.get_mut(concept) {
                *place = name;
            }
        }
        Ok(Words {
            automaton,
            phrases,
            names,
            roles: self.roles,
            domains: self.domains,
            silences: self.silences,
        })
    }
}

/// Parts a list at its commas, outside parentheses.
fn split_list(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', '\n'])
        .map(str::trim)
        .filter(|p| !p.is_empty())
}

/// Writes out `(a|b)`: every choice, innermost first; `(a|)` for what may be missing.
fn expand(phrase: &str) -> Result<BTreeSet<String>, String> {
    let mut done = BTreeSet::new();
    let mut open = vec![phrase.to_owned()];
    while let Some(next) = open.pop() {
        let Some((before, rest)) = next.rsplit_once('(') else {
            if next.contains([')', '|']) {
                return Err(format!("`{phrase}`: a `)` or `|` without its `(`"));
            }
            done.insert(next);
            continue;
        };
        let Some((choices, after)) = rest.split_once(')') else {
            return Err(format!("`{phrase}`: the `(` is not closed"));
        };
        open.extend(
            choices
                .split('|')
                .map(|choice| format!("{before}{choice}{after}")),
        );
        if open.len() + done.len() > EXPANSIONS_MAX {
            return Err(format!(
                "`{phrase}` stands for more than {EXPANSIONS_MAX} phrases: part it with `~`"
            ));
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::triage::classify::fold::fold;
    use crate::triage::rules::find::is_domain;

    fn found(list: &str, text: &str) -> usize {
        let mut dictionary = Dictionary::default();
        for phrase in split_list(list) {
            dictionary.literal(phrase).unwrap();
        }
        dictionary.compile().unwrap().find(&fold(text)).len()
    }

    #[test]
    fn a_word_is_not_found_inside_another_word() {
        assert_eq!(found("ibm", "IBM, ibmer, Ribm; l'IBM"), 2);
        assert_eq!(found("badg*", "badges badging abadge"), 2);
        assert_eq!(found("*passwort", "Kennwort Benutzerpasswort"), 1);
    }

    #[test]
    fn scripts_without_spaces_have_no_boundaries() {
        assert_eq!(found("ibm, 徽章", "我的IBM徽章没有收到"), 2);
        assert_eq!(found("배지", "배지를 받지 못했습니다"), 1);
    }

    #[test]
    fn choices_are_written_out_and_umlauts_have_two_spellings() {
        assert_eq!(
            found(
                "can(not|'t) (log|sign) in",
                "I can't log in; I cannot sign in"
            ),
            2
        );
        assert_eq!(found("löschen", "Bitte loeschen, löschen, loschen"), 3);
        assert_eq!(found("a(b (c|d)|e)", "ab c, ab d, ae, ab"), 3);
        assert!(expand("(a|b").is_err());
        assert!(expand("a|b").is_err());
    }

    #[test]
    fn a_gap_spans_a_few_words_of_one_clause() {
        assert_eq!(
            found("(not|never) ~ arriv*", "It has never yet really arrived."),
            1
        );
        assert_eq!(found("(not|never) ~ arriv*", "Never mind, it arrived."), 0);
        assert_eq!(
            found(
                "(not|never) ~ arriv*",
                "It never was what I thought it was when it arrived."
            ),
            0
        );
    }

    #[test]
    fn a_lookalike_domain_is_not_the_domain() {
        assert!(is_domain("de.ibm.com", "ibm.com"));
        assert!(is_domain("ibm.com", "ibm.com"));
        assert!(!is_domain("notibm.com", "ibm.com"));
        assert!(!is_domain("ibm.com.evil.example", "ibm.com"));
    }
}
