//! `tickets verify`, `merge`, `unmerge`: what an operator does to a ticket by hand.

use clap::Args;

use crate::cli::ConfigArgs;
use crate::cli::ask::ask;
use crate::cli::ask::who;
use crate::cli::exit::Failure;
use crate::cli::list::raw;
use crate::cli::list::show;
use crate::daemon::answer::Act;
use crate::daemon::answer::Deed;
use crate::daemon::answer::Question;
use crate::message::address::Address;

/// One ticket.
#[derive(Debug, Args)]
pub(in crate::cli) struct OneTicket {
    #[command(flatten)]
    config: ConfigArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// The ticket's number.
    number: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    ticket: OneTicket,
    /// The address that was found to be the person's.
    #[arg(value_parser = address)]
    address: Address,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MergeArgs {
    #[command(flatten)]
    ticket: OneTicket,
    /// The word `into`.
    #[arg(value_parser = ["into"], value_name = "into")]
    word: String,
    /// The ticket that goes on.
    into: u64,
}

fn address(said: &str) -> Result<Address, String> {
    Address::parse(said).map_err(|e| e.to_string())
}

impl VerifyArgs {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.ticket.run(Deed::Verify(self.address.clone()))
    }
}

impl MergeArgs {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.ticket.run(Deed::Merge(self.into))
    }
}

impl OneTicket {
    pub(super) fn run(&self, deed: Deed) -> Result<(), Failure> {
        let act = Act {
            number: self.number,
            deed,
            by: who(),
        };
        let said = ask(&self.config.config, &Question::Person(act))?;
        if self.json { raw(&said) } else { show(&said) }
    }
}
