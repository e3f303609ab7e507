//! The demo: real mail servers, the release binary, sample mails, and what became of each of them.
//!
//! `demo run` shows it (with KEEP=1 it stays up), `demo send` and `demo inbox` play with one that is up. Everything lies in
//! one folder of its own and listens on free loopback ports; the machine's own mail system is not touched.

#![allow(clippy::print_stdout, reason = "showing is what it is for")]
#![allow(
    clippy::indexing_slicing,
    reason = "a field that a JSON value does not have is null"
)]

mod desk;
mod mails;
mod play;
mod show;
#[path = "../support/mod.rs"]
mod support;
mod talk;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use anyhow::Result;
use anyhow::anyhow;
use anyhow::bail;

use desk::Desk;
use desk::Handled;
use mails::Sample;
use support::servers::DEADLINE;
use support::servers::Servers;
use support::servers::within;
use talk::Talk;

/// Where a demo that is kept can be found: a link to its folder.
const LINK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-run");

/// A sample that went in, by the UID it got.
type Sent = BTreeMap<u32, Sample>;

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("run") => run(),
        Some("send") => play::send(),
        Some("inbox") => play::inbox(),
        _ => Err(anyhow!("usage: demo run | send | inbox")),
    };
    if let Err(error) = done {
        println!("demo: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run() -> Result<()> {
    if Path::new(LINK).exists() {
        bail!("a demo is still up; end it with: make demo-down");
    }
    // A link that leads nowhere is left from a machine's last start.
    let _ = std::fs::remove_file(LINK);
    let samples = mails::load()?;
    let began = Instant::now();
    let servers = Servers::try_start()?;
    let ports = &servers.ports;
    show::title("Private servers on 127.0.0.1");
    println!(
        "Dovecot   IMAP {} (TLS {}), LMTP {}",
        ports.imap, ports.imaps, ports.lmtp
    );
    println!("Postfix   SMTP {} (TLS {})", ports.smtp, ports.smtps);
    println!("all in    {}", servers.dir.display());
    let mut desk = Desk::open(&servers)?;
    println!("mailclerk {} watches {}", desk.version, desk::ADDRESS);

    let shown = visit(&servers, &mut desk, samples);
    if shown.is_err() {
        desk.print_log();
    }
    let complaints = shown?;
    let seconds = began.elapsed().as_secs();
    if play::wanted("KEEP").is_some_and(|keep| keep != "0") {
        desk.leave();
        symlink(servers.keep()?, LINK)?;
        play::print_how();
    } else {
        let how = desk.close()?;
        let folder = servers.dir.clone();
        drop(servers);
        println!(
            "The daemon ended ({how}), the servers are gone, {} is removed: {}.",
            folder.display(),
            !folder.exists()
        );
    }
    if complaints > 0 {
        bail!("{complaints} of the demo's promises were not kept, see above");
    }
    println!("Done in {seconds} s.");
    Ok(())
}

/// Sends everything, shows everything; returns how many promises were broken.
fn visit(servers: &Servers, desk: &mut Desk, samples: Vec<Sample>) -> Result<usize> {
    let (answers, first): (Vec<Sample>, Vec<Sample>) = samples
        .into_iter()
        .partition(|sample| sample.answers.is_some());
    let mut sent = Sent::new();
    let mut handled = BTreeMap::new();

    show::title(&format!("{} mails come in", first.len()));
    for sample in first {
        deliver(servers, sample, &mut sent);
    }
    follow(desk, &sent, &mut handled)?;

    show::title(&format!("{} people answer what they got", answers.len()));
    for sample in answers {
        let sample = answered(servers, sample, &sent)?;
        deliver(servers, sample, &mut sent);
    }
    follow(desk, &sent, &mut handled)?;
    let status = settled(servers, desk)?;

    full(servers, &sent, &handled)?;
    converse(servers, desk, &sent, &handled)?;
    show::title("Summary");
    Ok(show::summary(servers, &sent, &handled, &status))
}

/// Puts a sample into the desk's mailbox and notes its UID.
fn deliver(servers: &Servers, sample: Sample, sent: &mut Sent) {
    let next = servers
        .imap(desk::ADDRESS)
        .select("INBOX")
        .expect("the desk's INBOX")
        .uid_next;
    servers.deliver(&sample.raw, &sample.envelope_from, &sample.rcpt);
    sent.insert(next, sample);
}

/// Completes a sample that answers one of our replies, from the reply as its writer got it.
fn answered(servers: &Servers, sample: Sample, sent: &Sent) -> Result<Sample> {
    let to = sample.answers.clone().unwrap_or_default();
    let first = sent
        .values()
        .find(|sent| sent.name == to)
        .with_context(|| format!("no sample {to}"))?;
    let got = servers.wait_for_mails(&first.writer, "INBOX", 1, DEADLINE);
    let reply = got
        .first()
        .with_context(|| format!("{} got no reply", first.writer))?;
    sample.answering(reply)
}

/// Shows each mail as soon as the desk has handled it, in the order in which they went in.
fn follow(desk: &mut Desk, sent: &Sent, handled: &mut BTreeMap<u32, Handled>) -> Result<()> {
    for (uid, sample) in sent {
        if handled.contains_key(uid) {
            continue;
        }
        let mut found = None;
        let came = within(DEADLINE, || {
            found = desk.handled(*uid);
            found.as_ref().is_some_and(Handled::is_settled) || !desk.is_up()
        });
        let Some(found) = found else {
            bail!(
                "mail {uid} ({}) was not handled: the daemon {}",
                sample.name,
                desk.state()
            );
        };
        if !came {
            println!("(its mails are still on their way)");
        }
        desk.know(&found);
        show::one(*uid, sample, &found);
        handled.insert(*uid, found);
    }
    Ok(())
}

/// Waits until nothing waits to go or to be filed away, and returns the daemon's status.
fn settled(servers: &Servers, desk: &Desk) -> Result<serde_json::Value> {
    let mut status = Err(anyhow!("no status"));
    within(DEADLINE, || {
        status = desk.ask(&["status"]);
        status
            .as_ref()
            .is_ok_and(|status| status["outbox_waiting"] == 0)
    });
    within(DEADLINE, || {
        servers.mails(desk::ADDRESS, "INBOX").is_empty()
    });
    status
}

/// Plays a conversation with the agent who got the mail with two matters.
fn converse(
    servers: &Servers,
    desk: &Desk,
    sent: &Sent,
    handled: &BTreeMap<u32, Handled>,
) -> Result<()> {
    let (uid, sample) = two_matters(sent)?;
    let handled = handled.get(&uid).context("it was not handled")?;
    let mut letters = handled.outgoing.iter();
    let forward = letters.find(|letter| letter.purpose == "forward");
    let forward = forward.context("it has no forward")?;
    let ticket = handled.ticket.context("it has no ticket")?;
    Talk::new(servers, desk, &sample.writer, forward, ticket).play()
}

/// The mail with two matters.
fn two_matters(sent: &Sent) -> Result<(u32, &Sample)> {
    let mut all = sent.iter();
    let found = all.find(|(_, sample)| sample.intents.len() > 1);
    let (uid, sample) = found.context("no sample with two intents")?;
    Ok((*uid, sample))
}

/// Prints one reply and one forward as they arrived: those of the mail with two matters.
fn full(servers: &Servers, sent: &Sent, handled: &BTreeMap<u32, Handled>) -> Result<()> {
    let (uid, _) = two_matters(sent)?;
    let outgoing = &handled.get(&uid).context("it was not handled")?.outgoing;
    for purpose in ["reply", "forward"] {
        let Some(letter) = outgoing.iter().find(|letter| letter.purpose == purpose) else {
            println!("(mail {uid} has no {purpose})");
            continue;
        };
        let mut arrived = None;
        within(DEADLINE, || {
            let mails = servers.mails(&letter.to, "INBOX");
            let wanted = |mail: &support::imap::Stored| {
                mail.header("Message-ID").is_some_and(|id| letter.is(&id))
            };
            arrived = mails.into_iter().find(wanted);
            arrived.is_some()
        });
        let arrived = arrived
            .with_context(|| format!("the {purpose} is not in the mailbox of {}", letter.to))?;
        show::title(&format!(
            "The {purpose} to mail {uid}, as {} got it",
            letter.to
        ));
        show::mail(&arrived);
    }
    Ok(())
}
