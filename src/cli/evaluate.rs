//! `evaluate`: the rules held against labelled mails.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::anyhow;
use clap::Args;

use crate::cli::RulesArgs;
use crate::cli::RulesSource;
use crate::cli::classify::Bench;
use crate::cli::classify::read;
use crate::cli::evaluate_screen;
use crate::cli::exit::Failure;
use crate::cli::labels;
use crate::cli::labels::labels;
use crate::cli::learn;
use crate::cli::picture;
use crate::cli::safe;
use crate::cli::score::Label;
use crate::cli::score::Report;
use crate::cli::score::Said;
use crate::cli::score::Score;
use crate::learn::School;
use crate::learn::choose;
use crate::learn::samples::Sample;
use crate::triage::plan::Plan;

/// Each model finds its limits on so many folds of what it learns from.
const INNER_FOLDS: usize = 5;

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// All figures as one JSON object.
    #[arg(long)]
    json: bool,
    /// Learns N times, each time without one part of the mails, which is then tested; examples are always learned.
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=20), value_name = "N", conflicts_with = "config")]
    folds: Option<u8>,
    /// Draws the confusion table there.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measures the screen alone: which machines would be answered, which people refused. DIR has INDEX.tsv then.
    #[arg(long, conflicts_with_all = ["folds", "svg"])]
    screen: bool,
    /// With --screen: every marker is taken from the mails first, so that their words alone tell.
    #[arg(long, requires = "screen")]
    unmarked: bool,
    /// A folder of raw mails with labels.jsonl.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    if args.screen {
        return evaluate_screen::run(&args.rules, args.json, args.unmarked, &args.folder);
    }
    let mut bench = Bench::load(&args.rules)?;
    let mut report = Report::default();
    let labels = labels(&args.folder)?;
    if let Some(folds) = args.folds {
        in_folds(&mut bench, args, usize::from(folds), &labels, &mut report)?;
    } else {
        for label in labels {
            let plan = bench.plan(&read(&args.folder.join(&label.file))?);
            report.count(&label, said(plan));
        }
    }
    if let Some(path) = &args.svg {
        fs::write(path, picture::confusion(&report.confusion))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        tell(&mut out, &report)?;
    }
    out.flush()?;
    Ok(())
}

/// Tests each part of the mails with a model that learned from the other parts and from all examples.
fn in_folds(
    bench: &mut Bench,
    args: &EvaluateArgs,
    folds: usize,
    labels: &[Label],
    report: &mut Report,
) -> Result<(), Failure> {
    let RulesSource::Folder(folder) = &args.rules.source() else {
        return Err(anyhow!(
            "--folds learns from the examples in a rules folder: name it with --rules"
        )
        .into());
    };
    let rules = learn::rules_alone(folder)?;
    let mut samples = learn::examples(folder, &rules)?;
    samples.extend(labels::samples(&args.folder)?);
    let school = School::open(&rules, &samples);
    let mut held_out = Vec::new();
    for fold in 0..folds {
        let tested = |s: &Sample| s.mail && s.group % folds == fold;
        let done = school.learn(INNER_FOLDS, |s| !tested(s));
        let model = rules.model_of(&done.file).map_err(|what| anyhow!(what))?;
        held_out.extend(school.judge(&model, tested));
        bench.take(model);
        for (_, label) in labels
            .iter()
            .enumerate()
            .filter(|(number, _)| number % folds == fold)
        {
            let plan = bench.plan(&read(&args.folder.join(&label.file))?);
            report.count(label, said(plan));
        }
    }
    report.trade_off = choose::table(&held_out, &rules);
    Ok(())
}

fn said(plan: Plan) -> Said {
    let why = plan
        .because
        .iter()
        .map(|b| format!("{}: {} [{}]", b.rule, b.says, safe(&b.matched)))
        .collect();
    Said {
        intents: plan.intents,
        disposition: plan.disposition,
        audience: plan.audience,
        language: plan.language,
        why,
    }
}

fn tell(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<16}{:>6}{:>13}{:>9}{:>9}{:>10}{:>7}{:>11}",
        "", "mails", "disposition", "primary", "intents", "language", "harm", "deflected"
    )?;
    row(out, "all", &report.all)?;
    writeln!(out, "by language")?;
    for (language, score) in &report.by_language {
        row(out, &format!("  {language}"), score)?;
    }
    writeln!(out, "by labelled primary intent")?;
    for (intent, score) in &report.by_intent {
        row(out, &format!("  {intent}"), score)?;
    }
    let audience = report.all.audience;
    writeln!(
        out,
        "audience right in {} of {}",
        audience.hits, audience.of
    )?;
    confusion(out, report)?;
    if !report.trade_off.is_empty() {
        writeln!(
            out,
            "what each limit (a person is needed with less than that) would do, by what the rules say"
        )?;
        learn::trade_off(out, &report.trade_off)?;
    }
    writeln!(out, "wrong ({})", report.wrong.len())?;
    for wrong in &report.wrong {
        let harm = if wrong.harm { "HARM " } else { "" };
        writeln!(
            out,
            "  {harm}{}: wanted {}, said {}",
            wrong.file, wrong.wanted, wrong.said
        )?;
        for why in &wrong.why {
            writeln!(out, "      {why}")?;
        }
    }
    Ok(())
}

fn row(out: &mut impl Write, name: &str, score: &Score) -> std::io::Result<()> {
    writeln!(
        out,
        "{name:<16}{:>6}{:>12.1}%{:>8.1}%{:>8.1}%{:>9.1}%{:>7}{:>10.1}%",
        score.disposition.of,
        score.disposition.percent(),
        score.primary.percent(),
        score.intents.percent(),
        score.language.percent(),
        format!("{}/{}", score.harm.hits, score.harm.of),
        score.deflected.percent(),
    )
}

fn confusion(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(out, "confusion (labelled: what the clerk said)")?;
    for (wanted, said) in &report.confusion {
        let said: Vec<String> = said.iter().map(|(name, n)| format!("{name} {n}")).collect();
        writeln!(out, "  {wanted:<16} {}", said.join(", "))?;
    }
    Ok(())
}
