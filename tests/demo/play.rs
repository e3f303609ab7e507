//! Playing with a demo that is up: send it a mail, look into a mailbox.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::Result;
use serde_json::Value;

use crate::LINK;
use crate::desk;
use crate::show;
use crate::support::imap::Imap;
use crate::support::wire;
use crate::support::wire::To;

/// A variable that make was given on its command line.
pub(crate) fn wanted(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Sends the desk a mail: FROM, SUBJECT, TEXT, and TO for the address that a reply wants to be answered to.
pub(crate) fn send() -> Result<()> {
    let from = wanted("FROM").unwrap_or_else(|| "you@example.org".to_owned());
    let to = wanted("TO").unwrap_or_else(|| desk::ADDRESS.to_owned());
    let subject = wanted("SUBJECT").unwrap_or_else(|| "A question".to_owned());
    let text = wanted("TEXT")
        .unwrap_or_else(|| "How do I add a personal address to my profile?".to_owned());
    let now = jiff::Zoned::now();
    let mail = lettre::Message::builder()
        .from(from.parse().context("FROM")?)
        .to(to.parse().context("TO")?)
        .subject(subject)
        .date(std::time::SystemTime::from(now.timestamp()))
        .message_id(Some(format!(
            "<demo.{}@example.org>",
            now.timestamp().as_millisecond()
        )))
        .body(format!("{text}\r\n"))?;
    wire::send(To::Lmtp(port("lmtp")?), &mail.formatted(), &from, &to)?;
    println!("Sent. What became of it:  {}", command("ledger list"));
    println!("What {from} got:  make demo-inbox OF={from}");
    Ok(())
}

/// Prints a mailbox: OF.
pub(crate) fn inbox() -> Result<()> {
    let of = wanted("OF").unwrap_or_else(|| "you@example.org".to_owned());
    let mails = Imap::login(port("imap")?, &of)?.mails("INBOX")?;
    println!("{of} has {} mails.", mails.len());
    for mail in mails {
        show::title(&show::plain(&mail.subject()));
        show::mail(&mail);
    }
    Ok(())
}

/// How to play, after a demo with KEEP=1.
pub(crate) fn print_how() {
    println!("The demo stays up, in {LINK}:");
    println!(
        "  send it a mail    make demo-send FROM=you@example.org SUBJECT='My badge' TEXT='Where is my AWS badge?'"
    );
    println!(
        "  read the answer   make demo-inbox OF=you@example.org      (agents: ana@ ben@ cleo@ lead@agents.example)"
    );
    println!("  watch it          tail -f {LINK}/desk/mailclerk.log");
    println!("  ask it            {}", command("tickets list"));
    println!("  end it            make demo-down");
}

fn command(words: &str) -> String {
    format!("target/release/mailclerk {words} --config {LINK}/desk/mailclerk.toml")
}

fn port(name: &str) -> Result<u16> {
    let path = Path::new(LINK).join("desk/ports.json");
    let text =
        fs::read_to_string(path).context("no demo is up; start one with: make demo KEEP=1")?;
    let ports: Value = serde_json::from_str(&text)?;
    let port = ports[name].as_u64().context("a demo without ports")?;
    Ok(u16::try_from(port)?)
}
