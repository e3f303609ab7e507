//! `learn`: the second opinion, made from the labelled examples beside the rules and from labelled mails.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::anyhow;
use clap::Args;

use crate::cli::exit::Failure;
use crate::cli::labels;
use crate::config;
use crate::learn::Graduate;
use crate::learn::School;
use crate::learn::choose;
use crate::learn::choose::Effect;
use crate::learn::choose::Line;
use crate::learn::compare::compare;
use crate::learn::folds::HeldOut;
use crate::learn::samples;
use crate::learn::samples::EXAMPLES;
use crate::learn::samples::Sample;
use crate::triage::Disposition;
use crate::triage::model::MODEL_FILE;
use crate::triage::model::ModelFile;
use crate::triage::rules::IntentRules;

/// Needs a person, and was believed to with less than this.
const CLOSE: f64 = 0.1;

#[derive(Debug, Args)]
pub(super) struct LearnArgs {
    /// The rules folder; examples/*.jsonl in it are learned, and model.json is written there.
    #[arg(long, default_value = "rules", value_name = "DIR")]
    rules: PathBuf,
    /// A folder of raw mails with labels.jsonl, learned too; may be given more than once.
    #[arg(long, value_name = "DIR")]
    mails: Vec<PathBuf>,
    /// A file of corrections, as `tickets relabel` keeps them in the state folder, learned too; may be given more than once.
    #[arg(long, value_name = "FILE")]
    corrections: Vec<PathBuf>,
    /// On so many folds it is measured; each is judged by a model that did not learn from it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=20), value_name = "N")]
    folds: u8,
    /// Only measures.
    #[arg(long)]
    dry_run: bool,
    /// Lists the samples that came out wrong, those nearest to harm first.
    #[arg(long)]
    wrong: bool,
    /// Takes the new model even if it is worse than the present one.
    #[arg(long)]
    anyway: bool,
}

pub(super) fn run(args: &LearnArgs) -> Result<(), Failure> {
    let files = config::folder::read(&args.rules)?;
    let present = files
        .get(MODEL_FILE)
        .and_then(|text| serde_json::from_str::<ModelFile>(text).ok());
    let rules = rules_alone(&args.rules)?;
    let mut samples = examples(&args.rules, &rules)?;
    for folder in &args.mails {
        samples.extend(labels::samples(folder)?);
    }
    for file in &args.corrections {
        samples.extend(examples_of(file, &rules)?);
    }
    if samples.is_empty() {
        let folder = args.rules.join(EXAMPLES);
        return Err(anyhow!(
            "nothing to learn from: {} holds no examples, and no --mails are given",
            folder.display()
        )
        .into());
    }
    let done = School::open(&rules, &samples).learn(usize::from(args.folds), |_| true);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    tell(&mut out, &done, samples.len())?;
    if args.wrong {
        wrong(&mut out, &done, &rules)?;
    }
    out.flush()?;
    if let Some(present) = present {
        let found = compare(&present.seen, &done.file.seen);
        writeln!(
            out,
            "against the present model, on {} samples that both know: {} lost, {} gained, harm {} before, {} now",
            found.shared, found.lost, found.gained, found.harm_before, found.harm_now
        )?;
        if let (Err(what), false) = (found.verdict(), args.anyway) {
            return Err(anyhow!(
                "the new model is refused, the present one stays: {what} (--anyway takes it)"
            )
            .into());
        }
    }
    if !args.dry_run {
        write(&args.rules.join(MODEL_FILE), &done.file)?;
    }
    Ok(())
}

/// Compiles the rules without the model: what is learned must not depend on what was learned before, and a damaged
/// model is no reason not to make a new one.
pub(super) fn rules_alone(folder: &Path) -> Result<IntentRules, Failure> {
    let mut files = config::folder::read(folder)?;
    files.remove(MODEL_FILE);
    Ok(IntentRules::compile(&files)?)
}

/// Writes the file beside its place and moves it there: a reader sees the old one or the new one.
fn write(path: &Path, file: &ModelFile) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(file).context("the model cannot be written")?;
    text.push('\n');
    let beside = path.with_extension("json.new");
    fs::write(&beside, text).with_context(|| format!("cannot write {}", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Reads the examples beside the rules, in order of the file names.
pub(super) fn examples(folder: &Path, rules: &IntentRules) -> Result<Vec<Sample>, Failure> {
    let folder = folder.join(EXAMPLES);
    let mut paths: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.flatten().map(|e| e.path()).collect(),
        Err(_) => Vec::new(),
    };
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        all.extend(examples_of(&path, rules)?);
    }
    Ok(all)
}

fn examples_of(path: &Path, rules: &IntentRules) -> Result<Vec<Sample>, Failure> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(samples::read(&name, &text, rules).map_err(|faults| anyhow!(faults.join("\n")))?)
}

fn tell(out: &mut impl Write, done: &Graduate, samples: usize) -> std::io::Result<()> {
    writeln!(
        out,
        "{samples} samples, {} features; each judged by a model that had not learned from it:",
        done.file.features
    )?;
    for (name, effect) in [
        ("every day", done.chosen.effect),
        ("traps", done.chosen.traps),
    ] {
        let Effect {
            forward,
            harm,
            answerable,
            deflected,
            mails,
            right,
            primary,
        } = effect;
        writeln!(
            out,
            "{name}: disposition {right}/{mails}, primary {primary}/{mails}, harm {harm}/{forward}, deflected {deflected}/{answerable}"
        )?;
    }
    writeln!(out, "{:?}", done.chosen.limits)?;
    trade_off(out, &done.chosen.table)
}

/// Tells what each limit would cost and bring, by what the rules say of the mail.
pub(super) fn trade_off(out: &mut impl Write, table: &[Line]) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<10}{:>7}{:>12}{:>14}{:>14}",
        "rules", "limit", "harm", "deflected", "disposition"
    )?;
    for line in table {
        let Effect {
            forward,
            harm,
            answerable,
            deflected,
            mails,
            right,
            ..
        } = line.effect;
        let share = |hits: usize, of: usize| format!("{hits}/{of}");
        writeln!(
            out,
            "{:<10}{:>7}{:>12}{:>14}{:>14}",
            line.stance,
            line.limit,
            share(harm, forward),
            share(deflected, answerable),
            share(right, mails)
        )?;
    }
    Ok(())
}

/// Lists what came out wrong, and what needs a person though it hardly looks so: a wrong label shows here first.
fn wrong(out: &mut impl Write, done: &Graduate, rules: &IntentRules) -> std::io::Result<()> {
    let mut all: Vec<&HeldOut> = done.held_out.iter().collect();
    all.sort_by(|a, b| a.person().total_cmp(&b.person()));
    for sample in all {
        let (primary, said) = choose::outcome(sample, &done.chosen.limits, rules);
        let wanted = sample.truth.disposition;
        let close = wanted == Disposition::Forward && sample.person() < CLOSE;
        if said != wanted || close || sample.truth.intents.first() != Some(&primary) {
            let mark = match (close, said == wanted) {
                (true, false) => "HARM ",
                (true, true) => "close ",
                (false, _) => "",
            };
            let intents = sample.truth.intents.join("+");
            writeln!(
                out,
                "{mark}{}: wanted {wanted:?} {intents}, said {said:?} {primary} (a person with {:.1} %)",
                sample.name,
                sample.person() * 100.0
            )?;
        }
    }
    Ok(())
}
