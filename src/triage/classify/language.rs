//! Which language the new words are in: by script, by a vote of small words, by a detector.
//!
//! # Decisions
//! - Mails are short and full of English product names, and a detector of letter groups errs on them. Small words
//!   (`rules/language.toml`) vote first; the detector decides where they do not, and only among the desk's languages.
//! - Romanised Hindi is Hindi: only words can tell.

use std::collections::BTreeMap;
use std::collections::HashMap;

use whatlang::Detector;
use whatlang::Lang;

use crate::triage::classify::Language;
use crate::triage::classify::fold::fold;
use crate::triage::classify::fold::fold_phrase;
use crate::triage::classify::reading::Reading;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;

/// Fewer words than this in the text: the subject is read too.
const SHORT_WORDS: usize = 12;
/// This many characters are enough to tell.
const CHARS_MAX: usize = 2_000;
/// At most this many languages.
const LANGUAGES_MAX: usize = 64;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: String,
    #[serde(default)]
    words: BTreeMap<String, String>,
    #[serde(default)]
    detect: BTreeMap<String, String>,
}

/// The languages of the desk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tongues {
    default: String,
    codes: Vec<String>,
    /// A small word to the languages that use it, as bits in the order of `codes`.
    words: HashMap<String, u64>,
    /// What the detector may answer, with our code.
    detect: Vec<(Lang, String)>,
}

impl Tongues {
    /// Reads `language.toml`.
    pub(crate) fn read(files: &RuleFiles, faults: &mut Vec<Complaint>) -> Self {
        let path = "language.toml";
        let mut out = Self {
            default: "en".into(),
            ..Self::default()
        };
        let Some(text) = files.get(path) else {
            return out;
        };
        let file = match toml::from_str::<File>(text) {
            Ok(file) => file,
            Err(error) => {
                faults.push(Complaint::of_toml(path, text, &error));
                return out;
            }
        };
        out.default = file.default;
        if file.words.len() > LANGUAGES_MAX {
            faults.push(Complaint::at(
                path,
                text,
                0,
                format!("more than {LANGUAGES_MAX} languages"),
            ));
        }
        for (number, (code, list)) in file.words.into_iter().take(LANGUAGES_MAX).enumerate() {
            for word in list.split_whitespace() {
                *out.words.entry(fold_phrase(word)).or_default() |= 1 << number;
            }
            out.codes.push(code);
        }
        for (code, name) in file.detect {
            if let Some(lang) = Lang::from_code(&name) {
                out.detect.push((lang, code));
            } else {
                let offset = text.find(&format!("\"{name}\"")).unwrap_or(0);
                let what = format!("the detector knows no language `{name}`");
                faults.push(Complaint::at(path, text, offset, what));
            }
        }
        out
    }

    /// Tells the language of a mail's new words; of the subject where they are few.
    pub(crate) fn tell(&self, reading: &Reading) -> Language {
        let mut text = reading.text.clone();
        if text.split_whitespace().count() < SHORT_WORDS {
            text = format!("{text}\n{}", reading.subject);
        }
        if text.trim().is_empty() {
            text.clone_from(&reading.context);
        }
        let text: String = text.chars().take(CHARS_MAX).collect();
        self.by_script(&text)
            .unwrap_or_else(|| self.by_words(&text))
    }

    /// Scripts that one language (here) owns.
    fn by_script(&self, text: &str) -> Option<Language> {
        let count = |range: fn(char) -> bool| text.chars().filter(|c| range(*c)).count();
        let latin = count(|c| c.is_ascii_alphabetic());
        let kana = count(|c| matches!(c, '\u{3040}'..='\u{30ff}'));
        let han = count(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
        let hangul = count(|c| matches!(c, '\u{ac00}'..='\u{d7af}'));
        let arabic = count(|c| matches!(c, '\u{0600}'..='\u{06ff}'));
        let devanagari = count(|c| matches!(c, '\u{0900}'..='\u{097f}'));
        let cyrillic = count(|c| matches!(c, '\u{0400}'..='\u{04ff}'));
        // A syllable sign says as much as three letters; names in another script are few.
        let east = kana + han + hangul;
        let told = |code: &str, n: usize| {
            Some(Language {
                code: code.to_owned(),
                sure: n >= 4,
            })
        };
        if east * 3 >= latin && east > 0 {
            return if hangul * 2 > east {
                told("ko", hangul)
            } else if kana * 10 >= east {
                told("ja", kana)
            } else {
                told("zh", han)
            };
        }
        if devanagari * 2 >= latin && devanagari > 0 {
            return told("hi", devanagari);
        }
        if arabic * 2 >= latin && arabic > 0 {
            let persian = count(|c| matches!(c, 'پ' | 'چ' | 'ژ' | 'گ' | 'ی' | 'ک'));
            return if persian * 12 > arabic {
                self.detected(text)
            } else {
                told("ar", arabic)
            };
        }
        if cyrillic * 2 >= latin && cyrillic > 0 {
            let other = count(|c| matches!(c, 'і' | 'ї' | 'є' | 'ґ' | 'ў' | 'ј' | 'љ' | 'њ' | 'ћ'));
            return if other > 0 {
                self.detected(text)
            } else {
                told("ru", cyrillic)
            };
        }
        let others = text
            .chars()
            .filter(|c| c.is_alphabetic() && !is_latin(*c))
            .count();
        if others > latin {
            self.detected(text)
        } else {
            None
        }
    }

    fn by_words(&self, text: &str) -> Language {
        let folded = fold(text).text;
        let mut votes = vec![0_u32; self.codes.len()];
        for word in folded.split([' ', ',', '\n', '\'', '?']) {
            let Some(bits) = self.words.get(word) else {
                continue;
            };
            // A word that several languages share tells less.
            let weight = 12 / bits.count_ones().max(1);
            for (number, vote) in votes.iter_mut().enumerate() {
                if bits & (1 << number) != 0 {
                    *vote += weight;
                }
            }
        }
        let mut ranked: Vec<(u32, &String)> = votes.into_iter().zip(&self.codes).collect();
        ranked.sort_by_key(|r| std::cmp::Reverse(r.0));
        let first = ranked.first().copied();
        let second = ranked.get(1).map_or(0, |r| r.0);
        match first {
            Some((best, code)) if best >= 24 && best * 2 >= second * 3 => Language {
                code: code.clone(),
                sure: best >= 48 && best >= second * 2,
            },
            Some((best, code)) if best > second => {
                let guess = self.detected(text);
                match guess {
                    Some(guess) if guess.sure => guess,
                    _ => Language {
                        code: code.clone(),
                        sure: false,
                    },
                }
            }
            _ => self.detected(text).filter(|g| g.sure).map_or_else(
                || Language {
                    code: self.default.clone(),
                    sure: false,
                },
                |g| Language { sure: false, ..g },
            ),
        }
    }

    fn detected(&self, text: &str) -> Option<Language> {
        let detector = Detector::with_allowlist(self.detect.iter().map(|(l, _)| *l).collect());
        let info = detector.detect(text)?;
        let code = self
            .detect
            .iter()
            .find(|(l, _)| *l == info.lang())
            .map(|(_, c)| c.clone())?;
        Some(Language {
            code,
            sure: info.is_reliable(),
        })
    }
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}
