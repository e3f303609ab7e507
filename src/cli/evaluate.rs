//! `evaluate`: the rules held against labelled mails.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli::RulesArgs;
use crate::cli::classify::Bench;
use crate::cli::classify::read;
use crate::cli::exit::Failure;
use crate::cli::safe;
use crate::cli::score::Label;
use crate::cli::score::Report;
use crate::cli::score::Said;
use crate::cli::score::Score;
use crate::triage::plan::Plan;

/// The labels beside the mails: one object a line.
const LABELS: &str = "labels.jsonl";

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// All figures as one JSON object.
    #[arg(long)]
    json: bool,
    /// A folder of raw mails with labels.jsonl.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let bench = Bench::load(&args.rules)?;
    let mut report = Report::default();
    for label in labels(&args.folder)? {
        let plan = bench.plan(&read(&args.folder.join(&label.file))?);
        report.count(&label, said(plan));
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

fn labels(folder: &Path) -> Result<Vec<Label>, Failure> {
    let path = folder.join(LABELS);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}: one label a line belongs beside the mails",
            path.display()
        )
    })?;
    let mut labels = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let label = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: not a label", path.display(), number + 1))?;
        labels.push(label);
    }
    Ok(labels)
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
