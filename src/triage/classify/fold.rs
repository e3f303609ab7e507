//! Text to the form that word lists are compared with: lower-case, without accents, marks for clauses and sentences.
//!
//! # Decisions
//! - Accents of Latin letters go, in the mail and in the word lists alike: people leave them out on foreign keyboards.
//! - Addresses and links become tokens. What is written inside them (`reset-badge@…`) says nothing about the mail,
//!   but their domains do, and are kept beside the text.

/// Ends a sentence in folded text.
pub(crate) const SENTENCE: char = '\n';
/// Ends a clause in folded text.
pub(crate) const CLAUSE: char = ',';
/// More text than this many octets is not read for words (what matters stands at the beginning).
pub(crate) const FOLDED_BYTES_MAX: usize = 32 * 1024;
/// A line shorter than this many characters was not broken by a mail program: its end ends a sentence.
const SHORT_LINE_CHARS: usize = 45;
/// At most this many domains are kept.
const NAMED_MAX: usize = 200;

/// Folded text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folded {
    /// The text; words parted by one space, clauses by `,`, sentences by a newline, questions by `?` and a newline.
    pub(crate) text: String,
    /// Domains of the addresses and links in it, with the place of their token.
    pub(crate) named: Vec<(usize, String)>,
    last: Option<char>,
    gap: bool,
}

/// Folds a text of several lines.
pub(crate) fn fold(text: &str) -> Folded {
    let mut out = Folded::default();
    let mut short = true;
    for line in text.lines() {
        let line = line.trim();
        if short || line.is_empty() || is_item(line) {
            out.mark(SENTENCE);
        }
        for chunk in line.split_whitespace() {
            if out.text.len() >= FOLDED_BYTES_MAX {
                out.mark(SENTENCE);
                return out;
            }
            out.gap = true;
            out.chunk(chunk);
        }
        let wide = line.chars().filter(|c| is_unspaced(*c)).count();
        short = line.chars().count() + wide < SHORT_LINE_CHARS;
    }
    out.mark(SENTENCE);
    out
}

/// Folds one phrase of a word list: as a text, without marks at its ends.
pub(crate) fn fold_phrase(phrase: &str) -> String {
    if phrase == "?" {
        return phrase.to_owned();
    }
    fold(phrase)
        .text
        .trim_matches([SENTENCE, CLAUSE, ' '])
        .to_owned()
}

/// A list item: `- x`, `* x`, `1. x`, `1) x`.
fn is_item(line: &str) -> bool {
    let after = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if after.len() < line.len() {
        return after.starts_with(['.', ')']) && line.len() - after.len() <= 2;
    }
    line.starts_with(['-', '*', '•', '·'])
}

/// Scripts written without spaces, or with particles joined to the word: no word boundaries are asked for.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{0e00}'..='\u{0e7f}'
        | '\u{0600}'..='\u{06ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// A letter or digit of a script that parts words by spaces.
pub(crate) fn is_word(c: char) -> bool {
    (c.is_alphanumeric() || matches!(c, '\u{0900}'..='\u{0963}' | '_')) && !is_unspaced(c)
}

impl Folded {
    /// Puts a clause or sentence mark; a stronger one replaces a weaker one.
    fn mark(&mut self, mark: char) {
        self.gap = false;
        match self.last {
            None | Some(SENTENCE) => return,
            Some(CLAUSE) => {
                self.text.pop();
            }
            Some(_) => {}
        }
        self.text.push(mark);
        self.last = Some(mark);
    }

    fn push(&mut self, c: char) {
        if self.gap {
            self.gap = false;
            let joined = is_unspaced_wide(c) && self.last.is_some_and(is_unspaced_wide);
            if !joined && !matches!(self.last, None | Some(SENTENCE)) {
                self.text.push(' ');
            }
        }
        self.text.push(c);
        self.last = Some(c);
    }

    /// Folds a run without white space: addresses and links to tokens, the rest letter by letter.
    fn chunk(&mut self, chunk: &str) {
        let mut rest = chunk;
        while let Some((before, domain, after)) = next_address(rest) {
            self.plain(before);
            self.token("¤mail", domain);
            rest = after;
        }
        let may_link = rest.bytes().any(|b| matches!(b, b':' | b'w'));
        let link = || rest.find("://").or_else(|| rest.find("www."));
        if let Some(start) = may_link.then(link).flatten() {
            let start = rest.get(..start).map_or(start, |b| {
                b.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len()
            });
            let (before, link) = rest.split_at_checked(start).unwrap_or((rest, ""));
            let end = link
                .find(|c: char| !c.is_ascii() || matches!(c, '>' | ')' | '"' | '<'))
                .unwrap_or(link.len());
            let (link, after) = link.split_at_checked(end).unwrap_or((link, ""));
            let host = link.split_once("://").map_or(link, |(_, h)| h);
            let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
            self.plain(before);
            self.token("¤url", host);
            if link.ends_with(['.', '!']) {
                self.mark(SENTENCE);
            }
            self.plain(after);
            return;
        }
        self.plain(rest);
    }

    fn token(&mut self, token: &str, domain: &str) {
        self.gap = true;
        let mut at = None;
        for c in token.chars() {
            self.push(c);
            at.get_or_insert(self.text.len() - c.len_utf8());
        }
        if self.named.len() < NAMED_MAX {
            self.named.push((
                at.unwrap_or(0),
                domain.trim_end_matches('.').to_ascii_lowercase(),
            ));
        }
        self.gap = true;
    }

    fn plain(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            // Most letters of most mails.
            if c.is_ascii_alphanumeric() {
                self.push(c.to_ascii_lowercase());
                continue;
            }
            let c = match c {
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
                other => other,
            };
            let next = chars.peek().copied();
            match c {
                '\u{300}'..='\u{36f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{ad}'
                | '\u{64b}'..='\u{65f}'
                | '\u{670}'
                | '\u{640}'
                | '\u{93c}' => {}
                '\'' | '’' | '‘' | 'ʼ' | '`' | '´' => {
                    // An apostrophe inside a word stays; a quotation mark goes.
                    if next.is_some_and(char::is_alphanumeric)
                        && !self.gap
                        && self.last.is_some_and(char::is_alphanumeric)
                    {
                        self.push('\'');
                    } else {
                        self.gap = true;
                    }
                }
                '-' | '‐' | '‑' => self.hyphen(),
                '.' => self.dot(next),
                '?' | '؟' => {
                    self.push('?');
                    self.mark(SENTENCE);
                }
                '!' | '。' | '।' | '॥' | '｡' => self.mark(SENTENCE),
                ',' if next.is_some_and(|n| n.is_ascii_digit())
                    && self.last.is_some_and(|l| l.is_ascii_digit()) => {}
                ',' | ';' | ':' | '(' | ')' | '[' | ']' | '–' | '—' | '…' | '|' | '、' | '،'
                | '؛' | '，' => {
                    self.mark(CLAUSE);
                    self.gap = true;
                }
                c if c.is_alphanumeric() || is_word(c) || is_unspaced(c) => self.letter(c),
                '/' | '#' | '+' | '&' | '%' | '¤' => self.push(c),
                _ => self.gap = true,
            }
        }
    }

    /// A hyphen parts words, except in `e-mail`; alone it parts clauses.
    fn hyphen(&mut self) {
        if self.gap || self.last.is_none() {
            self.mark(CLAUSE);
            self.gap = true;
        } else if !self.text.ends_with(" e") && !self.text.ends_with("\ne") && self.text != "e" {
            self.gap = true;
        }
    }

    /// A dot inside a word stays; after a word it ends the sentence, unless the word is an abbreviation.
    fn dot(&mut self, next: Option<char>) {
        if next.is_some_and(char::is_alphanumeric) && !self.gap {
            self.push('.');
            return;
        }
        let word = self
            .text
            .rsplit([' ', SENTENCE, CLAUSE])
            .next()
            .unwrap_or_default();
        let single = word.chars().count() == 1 && word.chars().all(|c| c.is_ascii_alphanumeric());
        if single
            || matches!(
                word,
                "dr" | "art"
                    | "etc"
                    | "vs"
                    | "mr"
                    | "mrs"
                    | "ms"
                    | "prof"
                    | "sr"
                    | "sra"
                    | "e.g"
                    | "i.e"
                    | "z.b"
                    | "p.ej"
            )
        {
            self.gap = true;
        } else {
            self.mark(SENTENCE);
        }
    }

    fn letter(&mut self, c: char) {
        for low in c.to_lowercase() {
            match base(low) {
                Base::Char(b) => self.push(b),
                Base::Two(a, b) => {
                    self.push(a);
                    self.push(b);
                }
                Base::Nothing => {}
            }
        }
    }
}

/// Scripts in which a line break inside a sentence is no space.
fn is_unspaced_wide(c: char) -> bool {
    is_unspaced(c) && !matches!(c, '\u{0600}'..='\u{06ff}' | '\u{ac00}'..='\u{d7af}')
}

/// Finds the next mail address: what stands before it, its domain, what follows.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find('@')?;
    let (left, right) = (text.get(..at)?, text.get(at + 1..)?);
    let local = |c: char| c.is_ascii_alphanumeric() || "._%+-'’".contains(c);
    let start = left.trim_end_matches(local).len();
    let end = right
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
        .unwrap_or(right.len());
    let domain = right.get(..end)?.trim_end_matches(['.', '-']);
    if start == left.len() || domain.is_empty() {
        return None;
    }
    Some((left.get(..start)?, domain, right.get(domain.len()..)?))
}

/// A letter without its accent.
enum Base {
    Char(char),
    Two(char, char),
    Nothing,
}

fn base(c: char) -> Base {
    Base::Char(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ạ' | 'ả' | 'ấ'..='ặ' => 'a',
        'ç' | 'ć' | 'č' | 'ĉ' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'ẹ'..='ệ' => 'e',
        'ğ' | 'ģ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'ỉ' | 'ị' => 'i',
        'ķ' => 'k',
        'ł' | 'ļ' | 'ľ' => 'l',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ơ' | 'ọ'..='ợ' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ'..='ự' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ß' => return Base::Two('s', 's'),
        'æ' => return Base::Two('a', 'e'),
        'œ' => return Base::Two('o', 'e'),
        'ё' => 'е',
        'й' => 'и',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ی' => 'ي',
        'ة' => 'ه',
        'ک' => 'ك',
        '\u{958}' => 'क',
        '\u{959}' => 'ख',
        '\u{95a}' => 'ग',
        '\u{95b}' => 'ज',
        '\u{95c}' => 'ड',
        '\u{95d}' => 'ढ',
        '\u{95e}' => 'फ',
        '\u{300}'..='\u{36f}' => return Base::Nothing,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_widths_do_not_matter() {
        assert_eq!(
            fold_phrase("Contraseña ＩＢＭ Şifre ŁÓDŹ Straße"),
            "contrasena ibm sifre lodz strasse"
        );
        assert_eq!(
            fold_phrase("don’t e-mail E-Mail log-in"),
            "don't email email log in"
        );
    }

    #[test]
    fn sentences_and_clauses_are_marked() {
        assert_eq!(
            fold("Hi, I left. Where is it? Dr. No").text,
            "hi, i left\nwhere is it?\ndr no\n"
        );
        assert_eq!(fold("你好。请问，哪里？").text, "你好\n请问, 哪里?\n");
    }

    #[test]
    fn a_wrapped_line_goes_on_and_a_short_one_ends() {
        let long = "this line was wrapped by a mail program because it is\nlong";
        assert!(!fold(long).text.trim().contains('\n'));
        assert_eq!(
            fold("my login works\nmy badge is gone").text,
            "my login works\nmy badge is gone\n"
        );
    }

    #[test]
    fn addresses_and_links_become_tokens_and_keep_their_domain() {
        let f = fold("write to reset@Mail.Ibm.com, see https://www.ibm.com/badging.");
        assert_eq!(f.text, "write to ¤mail, see ¤url\n");
        let domains: Vec<&str> = f.named.iter().map(|(_, d)| d.as_str()).collect();
        assert_eq!(domains, ["mail.ibm.com", "www.ibm.com"]);
    }

    #[test]
    fn odd_input_neither_panics_nor_grows() {
        for text in [
            "@",
            "a@",
            "@b",
            "://",
            "www.",
            "-",
            "\u{300}",
            "é@ü",
            "....",
            "''''",
            "a@@b@c..",
            "\u{feff}\n\n",
        ] {
            let f = fold(text);
            assert!(f.text.len() <= text.len() * 4 + 8, "{text:?}");
        }
    }
}
