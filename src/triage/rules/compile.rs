//! Rules as written to conditions on sets of concepts.

use toml::Spanned;

use crate::triage::Disposition;
use crate::triage::classify::language::Tongues;
use crate::triage::classify::scan::Bits;
use crate::triage::model::Model;
use crate::triage::rules::Intent;
use crate::triage::rules::IntentRules;
use crate::triage::rules::Scoring;
use crate::triage::rules::examples::Example;
use crate::triage::rules::examples::Subject;
use crate::triage::rules::rule::AudienceRule;
use crate::triage::rules::rule::Needs;
use crate::triage::rules::rule::Rule;
use crate::triage::rules::rule::When;
use crate::triage::rules::words::Dictionary;
use crate::triage::rules::written::AudienceFile;
use crate::triage::rules::written::IntentFile;
use crate::triage::rules::written::RuleWritten;
use crate::triage::source::Complaint;
use crate::triage::source::RuleFiles;
use crate::triage::verify::rules::Wish;

/// A compiled regex may take this many octets.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A file's name and text, where complaints go.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
    faults: &'a mut Vec<Complaint>,
}

impl Place<'_> {
    fn complain(&mut self, offset: usize, what: impl Into<String>) {
        self.faults
            .push(Complaint::at(self.file, self.text, offset, what));
    }
}

/// Compiles all files; complaints are added to `faults`, and without words there are no rules.
pub(super) fn compile(
    files: &RuleFiles,
    faults: &mut Vec<Complaint>,
) -> (Option<IntentRules>, Vec<Example>) {
    let mut dictionary = Dictionary::read(files, faults);
    let mut examples = Vec::new();
    let mut read = read_intents(files, faults);
    read.sort_by(|a, b| (a.1.rank, &a.0.name).cmp(&(b.1.rank, &b.0.name)));
    let names: Vec<String> = read.iter().map(|(i, ..)| i.name.clone()).collect();
    let (mut intents, mut scoring) = (Vec::new(), Vec::new());
    for (number, (intent, written, path)) in read.into_iter().enumerate() {
        let text = files.get(&path).map(String::as_str).unwrap_or_default();
        let place = &mut Place {
            file: &path,
            text,
            faults,
        };
        scoring.push(compile_intent(
            number,
            &names,
            &written,
            &mut dictionary,
            &mut examples,
            place,
        ));
        intents.push(intent);
    }
    let (audience_for, audience) =
        compile_audience(files, &names, &mut dictionary, &mut examples, faults);
    let tongues = Tongues::read(files, faults);
    let model = Model::read(files, &names, faults);
    if !scoring.iter().any(|s| s.fallback) {
        faults.push(Complaint::at(
            "intents/",
            "",
            0,
            "no intent has `fallback = true`: what is a mail that tells nothing?",
        ));
    }
    match dictionary.compile() {
        Ok(words) => (
            Some(IntentRules {
                intents,
                scoring,
                words,
                audience_for,
                audience,
                tongues,
                model,
            }),
            examples,
        ),
        Err(what) => {
            faults.push(Complaint::at("words/", "", 0, what));
            (None, examples)
        }
    }
}

fn read_intents(
    files: &RuleFiles,
    faults: &mut Vec<Complaint>,
) -> Vec<(Intent, IntentFile, String)> {
    let mut out = Vec::new();
    for (path, text) in files {
        let Some(name) = path
            .strip_prefix("intents/")
            .and_then(|p| p.strip_suffix(".toml"))
        else {
            continue;
        };
        let written = match toml::from_str::<IntentFile>(text) {
            Ok(written) => written,
            Err(error) => {
                faults.push(Complaint::of_toml(path, text, &error));
                continue;
            }
        };
        if let (Some(queue), true) = (&written.queue, written.disposition == Disposition::Ignore) {
            let what = "`queue` makes no sense with `disposition = \"ignore\"`";
            faults.push(Complaint::at(path, text, queue.span().start, what));
        }
        if written.verify != Wish::No && written.disposition != Disposition::Forward {
            let at = text.find("verify").unwrap_or_default();
            let what =
                "`verify` makes sense with `disposition = \"forward\"` only: an agent acts on it";
            faults.push(Complaint::at(path, text, at, what));
        }
        let intent = Intent {
            name: name.to_owned(),
            disposition: written.disposition,
            queue: written.queue.as_ref().map(|q| q.get_ref().clone()),
            reply: written.reply.clone(),
            rank: written.rank,
            verify: written.verify,
        };
        out.push((intent, written, path.clone()));
    }
    out
}

fn compile_intent(
    number: usize,
    names: &[String],
    written: &IntentFile,
    dictionary: &mut Dictionary,
    examples: &mut Vec<Example>,
    place: &mut Place<'_>,
) -> Scoring {
    let mut yields_to = Vec::new();
    for (other, below) in &written.yields_to {
        match names.iter().position(|n| n == other.get_ref()) {
            Some(other) => yields_to.push((other, *below)),
            None => place.complain(
                other.span().start,
                format!("there is no intent `{}`", other.get_ref()),
            ),
        }
    }
    let mut rules: Vec<Rule> = Vec::new();
    let name = names.get(number).map(String::as_str).unwrap_or_default();
    for rule in &written.rule {
        if let Some(audience) = &rule.audience {
            place.complain(audience.span().start, "`audience` is for audience.toml");
        }
        let rule_name = format!("{name}/{}", rule.id.get_ref());
        let compiled = Rule {
            because: because(rule, place),
            weight: rule.weight.as_ref().map_or(10, |w| *w.get_ref()),
            person: rule.person.as_ref().is_some_and(|p| *p.get_ref()),
            when: compile_when(rule, dictionary, place),
            name: rule_name,
        };
        if rules.iter().any(|r| r.name == compiled.name) {
            place.complain(
                rule.id.span().start,
                format!("the rule `{}` stands here twice", rule.id.get_ref()),
            );
        }
        gather(rule, Subject::Rule(number, rules.len()), examples, place);
        rules.push(compiled);
    }
    collect(
        &written.matches,
        &written.misses,
        Subject::Intent(number),
        examples,
        place,
    );
    Scoring {
        threshold: written.threshold,
        yields_to,
        fallback: written.fallback,
        rules,
    }
}

fn compile_audience(
    files: &RuleFiles,
    names: &[String],
    dictionary: &mut Dictionary,
    examples: &mut Vec<Example>,
    faults: &mut Vec<Complaint>,
) -> (Vec<usize>, Vec<AudienceRule>) {
    let path = "audience.toml";
    let Some(text) = files.get(path) else {
        return (Vec::new(), Vec::new());
    };
    let written = match toml::from_str::<AudienceFile>(text) {
        Ok(written) => written,
        Err(error) => {
            faults.push(Complaint::of_toml(path, text, &error));
            return (Vec::new(), Vec::new());
        }
    };
    let place = &mut Place {
        file: path,
        text,
        faults,
    };
    let mut intents = Vec::new();
    for name in &written.intents {
        match names.iter().position(|n| n == name.get_ref()) {
            Some(number) => intents.push(number),
            None => place.complain(
                name.span().start,
                format!("there is no intent `{}`", name.get_ref()),
            ),
        }
    }
    let mut rules = Vec::new();
    for rule in &written.rule {
        let Some(audience) = &rule.audience else {
            place.complain(
                rule.id.span().start,
                "a rule of the audience needs `audience`",
            );
            continue;
        };
        if rule.weight.is_some() || rule.person.is_some() {
            place.complain(
                rule.id.span().start,
                "`weight` and `person` are for intents: here the first rule that holds decides",
            );
        }
        gather(rule, Subject::Audience(rules.len()), examples, place);
        rules.push(AudienceRule {
            name: format!("audience/{}", rule.id.get_ref()),
            because: because(rule, place),
            audience: *audience.get_ref(),
            when: compile_when(rule, dictionary, place),
        });
    }
    (intents, rules)
}

fn because(rule: &RuleWritten, place: &mut Place<'_>) -> String {
    if rule.because.get_ref().trim().is_empty() {
        place.complain(
            rule.because.span().start,
            "a rule says why: `because` is empty",
        );
    }
    rule.because.get_ref().clone()
}

fn compile_when(rule: &RuleWritten, dictionary: &mut Dictionary, place: &mut Place<'_>) -> When {
    let nothing = rule.all.is_empty()
        && rule.also.is_empty()
        && rule.quoted.is_empty()
        && rule.sender_domain.is_empty();
    if nothing {
        place.complain(
            rule.id.span().start,
            "a rule needs `all`, `also`, `quoted` or `sender-domain`: words that must be there",
        );
    }
    let regex = rule.regex.as_ref().and_then(|r| {
        if rule.all.is_empty() {
            place.complain(
                r.span().start,
                "a `regex` needs `all`: words that let most mails pass it by",
            );
        }
        let built = regex::RegexBuilder::new(r.get_ref())
            .size_limit(REGEX_BYTES_MAX)
            .build();
        built
            .map_err(|e| place.complain(r.span().start, format!("the regex is wrong: {e}")))
            .ok()
    });
    When {
        within: rule.within,
        all: needs(&rule.all, dictionary, place),
        not: needs(&rule.not, dictionary, place).union(),
        also: needs(&rule.also, dictionary, place),
        without: needs(&rule.without, dictionary, place).union(),
        quoted: needs(&rule.quoted, dictionary, place),
        regex,
        sender_domain: rule
            .sender_domain
            .iter()
            .map(|d| d.to_ascii_lowercase())
            .collect(),
        answer: rule.answer,
        max_words: rule.max_words,
        at_least: rule.at_least,
        even_denied: rule.even_denied,
    }
}

/// Turns `"@a|@b|some words"` into a set of concepts, one set a string.
fn needs(terms: &[Spanned<String>], dictionary: &mut Dictionary, place: &mut Place<'_>) -> Needs {
    let mut out = Vec::new();
    for term in terms {
        let mut set = Bits::default();
        for choice in term.get_ref().split('|').map(str::trim) {
            let known = match choice.strip_prefix('@') {
                Some(name) => dictionary
                    .concept(name)
                    .ok_or_else(|| format!("there is no concept `{name}` in words/")),
                None => dictionary.literal(choice),
            };
            match known {
                Ok(concept) => set.insert(concept),
                Err(what) => place.complain(term.span().start, what),
            }
        }
        out.push(set);
    }
    Needs(out)
}

fn gather(
    rule: &RuleWritten,
    subject: Subject,
    examples: &mut Vec<Example>,
    place: &mut Place<'_>,
) {
    if rule.matches.is_empty() {
        place.complain(
            rule.id.span().start,
            "a rule needs an example: `matches` is empty",
        );
    }
    collect(&rule.matches, &rule.misses, subject, examples, place);
}

fn collect(
    matches: &[Spanned<String>],
    misses: &[Spanned<String>],
    subject: Subject,
    examples: &mut Vec<Example>,
    place: &mut Place<'_>,
) {
    let all = matches
        .iter()
        .map(|t| (t, true))
        .chain(misses.iter().map(|t| (t, false)));
    examples.extend(all.map(|(text, holds)| Example {
        file: place.file.to_owned(),
        offset: text.span().start,
        text: text.get_ref().clone(),
        subject,
        holds,
    }));
}
