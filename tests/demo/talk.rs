//! A conversation: a person, the desk, and an agent who answers from the mailbox that she has.

use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;

use crate::desk;
use crate::desk::Desk;
use crate::desk::Letter;
use crate::show;
use crate::support::imap::Stored;
use crate::support::servers::DEADLINE;
use crate::support::servers::Servers;
use crate::support::servers::within;

/// Our border's word that the agent's domain is the agent's: without it her mail would be no agent's.
const BORDER: &str =
    "Authentication-Results: mx.credly.example; dmarc=pass header.from=agents.example\r\n";

const ANSWER: &str = "Dear Sofia,\n\nboth accounts are one now, under the address that you write from.\n\nKind regards\nAna";
const MORE: &str =
    "Thank you! My oldest badge is still missing, though. Could you look again, please?";
const WRONG: &str = "#clsoe\nIt is back. Please sign out and in again.";
const RIGHT: &str = "#close\nIt is back. Please sign out and in again.";

/// Who talks about what.
pub(crate) struct Talk<'a> {
    servers: &'a Servers,
    desk: &'a Desk,
    /// The person, and the agent who has the ticket.
    person: String,
    agent: String,
    ticket: u64,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(
        servers: &'a Servers,
        desk: &'a Desk,
        person: &str,
        forward: &Letter,
        ticket: u64,
    ) -> Self {
        Self {
            servers,
            desk,
            person: person.to_owned(),
            agent: forward.to.clone(),
            ticket,
        }
    }

    /// Plays it; fails when somebody did not get what is theirs, or got what is not.
    pub(crate) fn play(&self) -> Result<()> {
        let (person, agent) = (self.person.as_str(), self.agent.as_str());
        show::title(&format!("A conversation: {person}, the desk, and {agent}"));
        let ticket = self.ticket;
        println!(
            "{agent} has the forward of ticket #{ticket} and answers it in her own mail program."
        );
        let forward = self.newest(agent, "your answer goes above")?;
        self.write(agent, &forward, ANSWER)?;
        let answer = self.newest(person, "both accounts are one now")?;
        println!("{person} gets her words from the desk:");
        self.shown(&answer)?;

        println!("\n{person} answers, and {agent} gets that, as the ticket is hers:");
        self.write(person, &answer, MORE)?;
        let second = self.newest(agent, "my oldest badge is still missing")?;
        show::brief(&second, 3);

        println!("\n{agent} mistypes an order. Nothing goes out; she gets it back:");
        self.write(agent, &second, WRONG)?;
        let back = self.newest(agent, "clsoe")?;
        show::brief(&back, 6);
        println!("\nShe mends it.");
        self.write(agent, &second, RIGHT)?;
        let last = self.newest(person, "it is back")?;
        println!("{person} gets:");
        self.shown(&last)?;
        let number = ticket.to_string();
        let state = within(DEADLINE, || {
            let shown = self.desk.ask(&["tickets", "show", &number]);
            shown.is_ok_and(|shown| shown["state"] == "closed")
        });
        ensure!(state, "ticket #{ticket} is not closed");
        println!("\nTicket #{ticket} is closed.");
        Ok(())
    }

    /// A mail as a mail program answers one: the words, and below them the other mail, quoted.
    fn write(&self, from: &str, to: &Stored, words: &str) -> Result<()> {
        let header = |name: &str| to.header(name).with_context(|| format!("no {name}"));
        let id = header("Message-ID")?;
        let address = header("Reply-To").or_else(|_| header("From"))?;
        let border = if from == self.agent { BORDER } else { "" };
        let quoted = to
            .text()
            .lines()
            .fold(String::new(), |all, line| all + "> " + line + "\r\n");
        let now = jiff::Zoned::now();
        let date = jiff::fmt::rfc2822::to_string(&now)?;
        let own = now.timestamp().as_microsecond();
        let raw = format!(
            "{border}From: {from}\r\nTo: {address}\r\nSubject: Re: {}\r\nDate: {date}\r\n\
             Message-ID: <talk.{own}@mail.example>\r\nIn-Reply-To: {id}\r\nReferences: {id}\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             {}\r\n\r\nOn {date}, Credly Support wrote:\r\n{quoted}",
            to.subject().trim_start_matches("Re: "),
            words.replace('\n', "\r\n"),
        );
        self.servers.deliver(raw.as_bytes(), from, desk::ADDRESS);
        Ok(())
    }

    /// Waits for the mail in somebody's mailbox that says this, in any case, and returns the newest.
    fn newest(&self, who: &str, says: &str) -> Result<Stored> {
        let mut found = None;
        within(DEADLINE, || {
            let mails = self.servers.mails(who, "INBOX").into_iter().rev();
            found = mails
                .filter(|mail| mail.text().to_lowercase().contains(says))
                .find(|mail| {
                    mail.text().contains(&format!("#{}", self.ticket))
                        || mail.subject().contains(&format!("#{}", self.ticket))
                });
            found.is_some()
        });
        found.with_context(|| format!("{who} did not get the mail that says \"{says}\""))
    }

    /// Shows a mail of the person's, in which there must be no trace of the agent's address.
    fn shown(&self, mail: &Stored) -> Result<()> {
        show::brief(mail, 4);
        let whole = String::from_utf8_lossy(&mail.raw).to_lowercase();
        ensure!(
            !whole.contains(&self.agent),
            "the agent's address is in the mail to {}",
            self.person
        );
        Ok(())
    }
}
