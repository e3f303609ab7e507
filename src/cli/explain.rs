//! `explain`: every stage's verdict on one mail, for a person.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::RulesArgs;
use crate::cli::classify::Bench;
use crate::cli::classify::Outcome;
use crate::cli::classify::read;
use crate::cli::exit::Failure;
use crate::cli::safe;
use crate::message::Message;
use crate::message::parse::parse;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// The same as one JSON object.
    #[arg(long)]
    json: bool,
    /// A raw mail.
    #[arg(value_name = "FILE.eml")]
    file: PathBuf,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let bench = Bench::load(&args.rules)?;
    let raw = read(&args.file)?;
    let plan = bench.plan(&raw);
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &Outcome::of(&args.file, plan))?;
        writeln!(out)?;
        return Ok(());
    }
    tell_message(&mut out, &parse(&raw))?;
    tell_plan(&mut out, &plan)?;
    Ok(())
}

fn tell_message(out: &mut impl Write, message: &Message) -> std::io::Result<()> {
    let from: Vec<&str> = message.from.iter().map(|f| f.address.as_str()).collect();
    writeln!(out, "message   {} octets", message.size)?;
    writeln!(out, "  from    {}", from.join(", "))?;
    writeln!(out, "  subject {}", safe(&message.subject))?;
    if let Some(form) = &message.form {
        writeln!(
            out,
            "  form    {} fields, on behalf of {}",
            form.fields.len(),
            form.requester.address
        )?;
    }
    if let Some(forwarded) = &message.body.forwarded {
        let from = forwarded
            .from
            .as_ref()
            .map_or("somebody", |f| f.address.as_str());
        writeln!(out, "  forwards a mail of {from}")?;
    }
    for attachment in &message.attachments {
        writeln!(
            out,
            "  attached {} ({}, {:?})",
            safe(&attachment.name),
            safe(&attachment.mime),
            attachment.note
        )?;
    }
    for flaw in &message.flaws {
        writeln!(out, "  flaw    {flaw:?}")?;
    }
    writeln!(out, "new words")?;
    for line in message.body.new.lines() {
        writeln!(out, "  | {}", safe(&line.replace('\t', " ")))?;
    }
    Ok(())
}

fn tell_plan(out: &mut impl Write, plan: &Plan) -> std::io::Result<()> {
    let mut stage = "";
    for because in &plan.because {
        if because.stage != stage {
            stage = because.stage;
            writeln!(out, "{stage}")?;
        }
        let matched = match because.matched.as_str() {
            "" => String::new(),
            words => format!("   \u{ab}{}\u{bb}", safe(words)),
        };
        writeln!(out, "  {:<36} {}{matched}", because.rule, because.says)?;
    }
    writeln!(out, "plan")?;
    writeln!(out, "  screening   {}", plan.screening)?;
    writeln!(out, "  intents     {}", plan.intents.join(", "))?;
    writeln!(out, "  disposition {:?}", plan.disposition)?;
    if let Some(audience) = plan.audience {
        writeln!(out, "  audience    {audience:?}")?;
    }
    writeln!(out, "  language    {}", plan.language)?;
    if let Some(queue) = &plan.queue {
        writeln!(out, "  queue       {queue}")?;
    }
    let step = match &plan.step {
        Step::Open(_) => "opens a ticket",
        Step::Update(_) => "continues a ticket",
        Step::Record(_) => "is recorded, no ticket",
        Step::Hold => "is held in quarantine until an operator releases or drops it",
    };
    writeln!(out, "  ticket      {step}")?;
    for letter in &plan.letters {
        writeln!(
            out,
            "{:?} to {} [{}]: {}",
            letter.purpose,
            letter.to,
            letter.language,
            safe(&letter.subject)
        )?;
        for line in letter.text.lines() {
            writeln!(out, "  | {}", safe(&line.replace('\t', " ")))?;
        }
    }
    Ok(())
}
