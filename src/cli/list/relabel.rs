//! `tickets relabel`: what a ticket's mail really wants.

use clap::Args;

use crate::cli::ConfigArgs;
use crate::cli::ask::have_done;
use crate::cli::exit::Failure;
use crate::cli::list::raw;
use crate::cli::list::show;
use crate::daemon::answer::Question;
use crate::learn::correction::Label;
use crate::triage::classify::Audience;

#[derive(Debug, Args)]
pub(in crate::cli) struct RelabelArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// A person is needed, though the intents could be answered without one.
    #[arg(long)]
    person: bool,
    /// Who asks for an IBM badge: `employee`, `external` or `unknown`.
    #[arg(long, value_name = "WHO", value_parser = audience)]
    audience: Option<Audience>,
    /// The ticket's number.
    number: u64,
    /// The intents, the main one first.
    #[arg(required = true, value_name = "INTENT")]
    intents: Vec<String>,
}

fn audience(said: &str) -> Result<Audience, String> {
    serde_json::from_value(said.into())
        .map_err(|_| "write `employee`, `external` or `unknown`".to_owned())
}

pub(super) fn run(args: &RelabelArgs) -> Result<(), Failure> {
    let question = Question::Relabel {
        number: args.number,
        label: Label {
            intents: args.intents.clone(),
            audience: args.audience,
            person: args.person,
        },
    };
    let said = have_done(&args.config.config, &question)?;
    if args.json { raw(&said) } else { show(&said) }
}
