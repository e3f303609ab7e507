//! `classify`: what would become of each mail, without store and network.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::cli::RulesArgs;
use crate::cli::RulesSource;
use crate::cli::exit::Failure;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config;
use crate::message::address::Address;
use crate::message::parse::parse;
use crate::triage;
use crate::triage::Because;
use crate::triage::Disposition;
use crate::triage::Keeping;
use crate::triage::Office;
use crate::triage::Queue;
use crate::triage::classify::Audience;
use crate::triage::delivery::Purpose;
use crate::triage::desk::Rules;
use crate::triage::model::Model;
use crate::triage::plan::Case;
use crate::triage::plan::Plan;
use crate::triage::plan::Step;
use crate::triage::relay::RelayRules;
use crate::triage::screen::Surroundings;
use crate::triage::token::DeskKey;

#[derive(Debug, Args)]
pub(super) struct ClassifyArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Raw mails.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// One mail's outcome: the contract of `classify --json`.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// The file as it was named.
    pub(super) file: String,
    /// `person`, `unsure` or `automatic`.
    pub(super) screening: &'static str,
    /// Intents, primary first.
    pub(super) intents: Vec<String>,
    /// The first intent.
    pub(super) primary: String,
    /// What must happen.
    pub(super) disposition: Disposition,
    /// Told only when it is so: it is held for an operator; nothing else happens to it until it is released.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) quarantined: bool,
    /// Who asks, where a redirect depends on it.
    pub(super) audience: Option<Audience>,
    /// ISO 639-1 code.
    pub(super) language: String,
    /// The queue it goes to, when forwarded.
    pub(super) queue: Option<String>,
    /// The automatic reply.
    pub(super) reply: Option<Reply>,
    /// Every reason.
    pub(super) because: Vec<Because>,
}

/// An automatic reply's words.
#[derive(Debug, Serialize)]
pub(super) struct Reply {
    language: String,
    subject: String,
    text: String,
}

/// The desk without a mailbox: rules, and stand-ins for addresses and agents.
pub(super) struct Bench {
    /// The rules.
    pub(super) rules: Rules,
    /// The desk.
    pub(super) office: Office,
}

impl Bench {
    /// Loads the rules, from a folder or by a config.
    pub(super) fn load(args: &RulesArgs) -> Result<Self, Failure> {
        let folder = match args.source() {
            RulesSource::Folder(folder) => folder,
            RulesSource::Config(path) => return Self::of_config(&path),
        };
        let rules = config::folder::load(&folder)?;
        let address = |text: &str| Address::parse(text).context("a stand-in address");
        let mut queues = Vec::new();
        for name in rules.queues() {
            queues.push(Queue {
                name: name.to_owned(),
                agents: vec![address("agent@desk.invalid")?],
            });
        }
        let office = Office {
            mailbox: "bench".to_owned(),
            address: address("desk@desk.invalid")?,
            queues,
            surroundings: Surroundings::default(),
            key: DeskKey::new(&[0; 32]),
            keeping: Keeping::default(),
            roster: std::sync::Arc::default(),
            relay: RelayRules::default(),
        };
        Ok(Self { rules, office })
    }

    /// Takes another model.
    pub(super) fn take(&mut self, model: Model) {
        self.rules.intents.take(model);
    }

    /// The first mailbox's desk.
    fn of_config(path: &Path) -> Result<Self, Failure> {
        let config = config::load(path)?;
        let Some(mailbox) = config.mailboxes.first() else {
            return Err(anyhow::anyhow!("the config has no mailbox").into());
        };
        let office = crate::daemon::parts::office(&config, mailbox, DeskKey::new(&[0; 32]));
        Ok(Self {
            rules: (*mailbox.rules).clone(),
            office,
        })
    }

    /// Thinks about one raw mail as if it were the first the desk ever saw.
    pub(super) fn plan(&self, raw: &[u8]) -> Plan {
        let case = Case {
            fresh: 1,
            ..Case::default()
        };
        triage::triage(
            parse(raw),
            &case,
            &self.rules,
            &self.office,
            SystemClock.now(),
        )
    }
}

impl Outcome {
    /// Tells a plan in the words of the contract.
    pub(super) fn of(file: &Path, plan: Plan) -> Self {
        let reply = plan
            .letters
            .iter()
            .find(|l| l.purpose == Purpose::Reply)
            .map(|l| Reply {
                language: l.language.clone(),
                subject: l.subject.clone(),
                text: l.text.clone(),
            });
        Self {
            file: file.display().to_string(),
            screening: plan.screening,
            primary: plan.intents.first().cloned().unwrap_or_default(),
            intents: plan.intents,
            disposition: plan.disposition,
            quarantined: matches!(plan.step, Step::Hold),
            audience: plan.audience,
            language: plan.language,
            queue: plan.queue,
            reply,
            because: plan.because,
        }
    }
}

/// Reads a mail file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(file).with_context(|| format!("cannot read the mail {}", file.display()))?)
}

pub(super) fn run(args: &ClassifyArgs) -> Result<(), Failure> {
    let bench = Bench::load(&args.rules)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for file in &args.files {
        let outcome = Outcome::of(file, bench.plan(&read(file)?));
        if args.json {
            serde_json::to_writer(&mut out, &outcome)?;
            writeln!(out)?;
        } else {
            let queue = outcome
                .queue
                .as_deref()
                .map(|q| format!(" to {q}"))
                .unwrap_or_default();
            let disposition = format!("{:?}", outcome.disposition).to_lowercase();
            writeln!(
                out,
                "{}: {} {disposition}{queue}: {} [{}]",
                outcome.file,
                outcome.screening,
                outcome.intents.join(", "),
                outcome.language
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
