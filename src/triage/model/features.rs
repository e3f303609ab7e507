//! A scanned mail as features: words and pairs of words, pieces of words, concepts, rules that held.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::triage::classify::fold::CLAUSE;
use crate::triage::classify::fold::SENTENCE;
use crate::triage::classify::fold::is_unspaced;
use crate::triage::classify::scan::Bits;
use crate::triage::classify::score::Evidence;
use crate::triage::classify::score::Verdict;
use crate::triage::model::hash::Hash;
use crate::triage::model::hash::Same;
use crate::triage::rules::IntentRules;
use crate::triage::rules::find::is_domain;

/// More words than this of a text are not read: what matters stands at the beginning.
const WORDS_MAX: usize = 300;
/// More letters than this of a word are not cut to pieces.
const LETTERS_MAX: usize = 24;
/// Pieces of words have so many letters; of unspaced scripts, from one on.
const PIECE: (usize, usize) = (3, 5);
const PIECE_UNSPACED: (usize, usize) = (1, 4);
/// A mail of fewer words than this is short.
const SHORT_WORDS: usize = 12;

/// A group of features that are weighed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// Words and pairs of words.
    Words,
    /// Pieces of words.
    Pieces,
    /// Two concepts in one sentence, or in one mail.
    Pairs,
    /// A concept.
    Concepts,
    /// A rule that held, and what the rules found.
    Rules,
}

/// How many blocks there are.
pub(crate) const BLOCKS: usize = 5;

/// What a feature is, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// A word.
    Word(&'a str),
    /// Two words.
    Words(&'a str, &'a str),
    /// A piece of a word.
    Piece,
    /// A concept.
    Concept(usize),
    /// Two concepts together.
    Pair(usize, usize),
    /// A rule (intent, number) that held.
    Rule(usize, usize),
    /// What the rules found.
    Found(usize),
    /// Something else about the mail.
    Fact(&'static str),
}

/// A feature of a mail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature<'a> {
    /// What the weights know it by.
    pub(crate) hash: u32,
    /// Its group.
    pub(crate) block: Block,
    /// What it is.
    pub(crate) name: Name<'a>,
}

impl Name<'_> {
    /// Says it to a person.
    pub(crate) fn told(&self, rules: &IntentRules) -> String {
        let concept = |number: usize| rules.words.name(number).trim_start_matches('\'').to_owned();
        let intent = |number: usize| rules.intents().get(number).map_or("", |i| i.name.as_str());
        match *self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Words(a, b) => format!("\"{a} {b}\""),
            Self::Piece => String::new(),
            Self::Concept(number) => format!("@{}", concept(number)),
            Self::Pair(a, b) => format!("@{} with @{}", concept(a), concept(b)),
            Self::Rule(of, number) => rules
                .scoring
                .get(of)
                .and_then(|s| s.rules.get(number))
                .map_or_else(String::new, |r| format!("rule {}", r.name)),
            Self::Found(number) => format!("the rules' {}", intent(number)),
            Self::Fact(fact) => fact.to_owned(),
        }
    }
}

/// Collects features, each once.
struct Bag<'a> {
    seen: HashSet<u32, BuildHasherDefault<Same>>,
    out: Vec<Feature<'a>>,
    /// Letters of the word whose pieces are taken: one list for all words.
    letters: Vec<char>,
}

impl<'a> Bag<'a> {
    /// One for so many octets of text, of which each letter begins about three pieces.
    fn of(octets: usize) -> Self {
        let features = octets.min(WORDS_MAX * LETTERS_MAX / 4) * 3 + 64;
        Self {
            seen: HashSet::with_capacity_and_hasher(features, BuildHasherDefault::default()),
            out: Vec::with_capacity(features),
            letters: Vec::new(),
        }
    }

    fn put(&mut self, block: Block, hash: Hash, name: Name<'a>) {
        let hash = hash.end();
        if self.seen.insert(hash) {
            self.out.push(Feature { hash, block, name });
        }
    }
}

/// Returns the features of a mail, each once.
pub(crate) fn of<'a>(
    evidence: &'a Evidence,
    verdict: &Verdict,
    rules: &IntentRules,
) -> Vec<Feature<'a>> {
    let mut bag = Bag::of(evidence.subject.folded.text.len() + evidence.text.folded.text.len());
    words(&evidence.subject.folded.text, &mut bag);
    words(&evidence.text.folded.text, &mut bag);
    concepts(evidence, rules, &mut bag);
    found(verdict, rules, &mut bag);
    facts(evidence, &mut bag);
    bag.out
}

/// More sentences than this are not read by themselves.
const SENTENCES_MAX: usize = 30;

/// Returns the features of each sentence by itself. Rules look at whole mails, and are not among them.
pub(crate) fn of_sentences<'a>(
    evidence: &'a Evidence,
    rules: &IntentRules,
) -> Vec<Vec<Feature<'a>>> {
    let parts = [&evidence.subject, &evidence.text];
    let sentences = parts
        .into_iter()
        .flat_map(|part| part.sentences.iter().map(move |unit| (part, unit)));
    sentences
        .take(SENTENCES_MAX)
        .map(|(part, unit)| {
            let mut bag = Bag::of(unit.end.saturating_sub(unit.start));
            words(
                part.folded
                    .text
                    .get(unit.start..unit.end)
                    .unwrap_or_default(),
                &mut bag,
            );
            for number in unit.alive.iter() {
                let hash = Hash::of("k").add(rules.words.name(number));
                bag.put(Block::Concepts, hash, Name::Concept(number));
            }
            pairs(&unit.alive, "p", rules, &mut bag);
            pairs(&unit.alive, "m", rules, &mut bag);
            bag.out
        })
        .filter(|features| !features.is_empty())
        .collect()
}

fn words<'a>(text: &'a str, bag: &mut Bag<'a>) {
    let mut left = WORDS_MAX;
    for sentence in text.split(SENTENCE) {
        let mut before: Option<&str> = None;
        for word in sentence
            .split([' ', CLAUSE, '\''])
            .filter(|w| !w.is_empty())
        {
            if left == 0 {
                return;
            }
            left -= 1;
            let known = bag.out.len();
            bag.put(Block::Words, Hash::of("w").add(word), Name::Word(word));
            if bag.out.len() > known {
                pieces(word, bag);
            }
            if let Some(before) = before {
                let hash = Hash::of("b").add(before).add(" ").add(word);
                bag.put(Block::Words, hash, Name::Words(before, word));
            }
            before = Some(word);
        }
    }
}

fn pieces(word: &str, bag: &mut Bag<'_>) {
    let unspaced = word.chars().any(is_unspaced);
    let (least, most) = if unspaced { PIECE_UNSPACED } else { PIECE };
    let marks = if unspaced { "" } else { "<>" };
    let letters = if unspaced { WORDS_MAX } else { LETTERS_MAX };
    let before = marks.chars().take(1);
    let after = marks.chars().skip(1);
    let mut marked = std::mem::take(&mut bag.letters);
    marked.clear();
    marked.extend(before.chain(word.chars()).chain(after).take(letters));
    for from in 0..marked.len() {
        // Each piece is the one before with a letter more, and so is its hash.
        let mut hash = Hash::of("c");
        for (before, letter) in marked.iter().skip(from).take(most).enumerate() {
            hash = hash.add(letter.encode_utf8(&mut [0; 4]));
            if before + 1 >= least {
                bag.put(Block::Pieces, hash, Name::Piece);
            }
        }
    }
    bag.letters = marked;
}

fn concepts(evidence: &Evidence, rules: &IntentRules, bag: &mut Bag<'_>) {
    let words = &rules.words;
    let one = |kind: &str, number: usize| Hash::of(kind).add(words.name(number));
    for number in evidence.alive.iter() {
        bag.put(Block::Concepts, one("k", number), Name::Concept(number));
    }
    for number in evidence.subject.whole.alive.iter() {
        bag.put(Block::Concepts, one("ks", number), Name::Concept(number));
    }
    for number in evidence.all.iter().filter(|n| !evidence.alive.has(*n)) {
        bag.put(
            Block::Concepts,
            one("kd", number),
            Name::Fact("something denied"),
        );
    }
    for unit in evidence
        .subject
        .sentences
        .iter()
        .chain(&evidence.text.sentences)
    {
        pairs(&unit.alive, "p", rules, bag);
    }
    pairs(&evidence.alive, "m", rules, bag);
}

fn pairs(unit: &Bits, kind: &str, rules: &IntentRules, bag: &mut Bag<'_>) {
    let words = &rules.words;
    let named: Vec<usize> = unit
        .iter()
        .filter(|n| !words.name(*n).starts_with('\''))
        .collect();
    for (place, a) in named.iter().enumerate() {
        let first = Hash::of(kind).add(words.name(*a)).add("&");
        for b in named.iter().skip(place + 1) {
            bag.put(Block::Pairs, first.add(words.name(*b)), Name::Pair(*a, *b));
        }
    }
}

fn found(verdict: &Verdict, rules: &IntentRules, bag: &mut Bag<'_>) {
    for (intent, number) in &verdict.held {
        if let Some(rule) = rules
            .scoring
            .get(*intent)
            .and_then(|s| s.rules.get(*number))
        {
            bag.put(
                Block::Rules,
                Hash::of("r").add(&rule.name),
                Name::Rule(*intent, *number),
            );
        }
    }
    let mut forward = false;
    for found in verdict.found.iter().filter(|f| f.score > 0) {
        if let Some(intent) = rules.intents().get(found.intent) {
            bag.put(
                Block::Rules,
                Hash::of("v").add(&intent.name),
                Name::Found(found.intent),
            );
            forward |= intent.disposition == crate::triage::Disposition::Forward;
        }
    }
    if forward {
        bag.put(
            Block::Rules,
            Hash::of("f:forward"),
            Name::Fact("the rules forward it"),
        );
    }
    if verdict.fell_back {
        bag.put(
            Block::Rules,
            Hash::of("f:silent"),
            Name::Fact("the rules found nothing"),
        );
    }
    if verdict.person_needed {
        bag.put(
            Block::Rules,
            Hash::of("f:person"),
            Name::Fact("the rules want a person"),
        );
    }
    if let [one] = verdict.found.as_slice() {
        let name = rules
            .intents()
            .get(one.intent)
            .map_or("", |i| i.name.as_str());
        bag.put(
            Block::Rules,
            Hash::of("only").add(name),
            Name::Found(one.intent),
        );
    }
}

fn facts(evidence: &Evidence, bag: &mut Bag<'_>) {
    let fact = |hash: &str, says: &'static str, bag: &mut Bag<'_>| {
        bag.put(Block::Rules, Hash::of("f:").add(hash), Name::Fact(says));
    };
    if is_domain(&evidence.sender_domain, "ibm.com") {
        fact("ibm", "written from an IBM address", bag);
    }
    if evidence.answer {
        fact("answer", "it is an answer", bag);
    }
    if evidence.text.words < SHORT_WORDS {
        fact("short", "it is short", bag);
    }
    if evidence.text.folded.text.contains('?') || evidence.subject.folded.text.contains('?') {
        fact("asks", "it asks", bag);
    }
}

/// Returns what each known feature counts.
pub(crate) fn values(blocks: impl Iterator<Item = Block> + Clone, scales: &[f64]) -> Vec<f64> {
    let mut counts = [0_usize; BLOCKS];
    for block in blocks.clone() {
        if let Some(count) = counts.get_mut(block as usize) {
            *count += 1;
        }
    }
    let by_block = values_of_blocks(&counts, scales);
    blocks
        .map(|block| by_block.get(block as usize).copied().unwrap_or(0.0))
        .collect()
}

/// Returns what a feature of each block counts, where so many of each are known: groups of many (words, pieces, pairs)
/// share one measure among them.
#[expect(clippy::cast_precision_loss, reason = "a mail has few features")]
pub(crate) fn values_of_blocks(counts: &[usize; BLOCKS], scales: &[f64]) -> [f64; BLOCKS] {
    let value = |block: Block| {
        let scale = scales.get(block as usize).copied().unwrap_or(0.0);
        match block {
            Block::Words | Block::Pieces | Block::Pairs => {
                scale / (counts.get(block as usize).copied().unwrap_or(0).max(1) as f64).sqrt()
            }
            Block::Concepts | Block::Rules => scale,
        }
    };
    [
        Block::Words,
        Block::Pieces,
        Block::Pairs,
        Block::Concepts,
        Block::Rules,
    ]
    .map(value)
}
